"""`vigie worker`: the stages as Faust agents, with checkpoints in Redis.

Faust brings the consumer group and the agents. Three things are ours: the state of a task lives in Python and
goes to Redis with the offsets it covers; only covered offsets are committed; and after every rebalance a
partition is read from where its task's state ends, not from what was committed (`streams.kafka.group`).

A worker never tries to mend itself. What it did since the last checkpoint can be done again by anyone, with
the same outcome, so whenever its state may be ahead of what it said, it exits and is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.alert_delays import AlertDelays
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import clients, leading, security, topics
from streams.kafka.checkpoints import Checkpoints, StoreGone
from streams.kafka.dead_letters import FOREIGN, is_foreign, without_content
from streams.kafka.group import App
from streams.kafka.leaving import DEAD, FAILED, leave
from streams.kafka.outbox import Outbox
from streams.kafka.restoring import Restoring
from streams.kafka.room import listen
from streams.kafka.running import Running, Tasks
from streams.kafka.saving import Saving
from streams.kafka.settings import store_space
from streams.kafka.shedding import Shedding
from streams.kafka.stretches import Output
from streams.kafka.tasks import INPUTS, AccountsTask, CasesTask, PairsTask, SubjectsTask, Task
from streams.kafka.tasks.records import Record, dead_letter
from streams.leading import Leading
from streams.room import Room
from streams.watch_file import read_watch

_SEEK_AGAIN_MS = 1_000
"""After so long a record that was asked for again is asked for once more: what Faust hands out of an older
fetch meanwhile makes it pass over those before."""
_SILENT_MS = 5_000
_SEND_MS = 120_000
"""How long the broker may be away before a worker gives up; the next one starts from the checkpoint."""
_DAY_MS = 86_400_000
_RECENT = 1000
_log = logging.getLogger("vigie.worker")


class Worker:
    """All tasks of one process."""

    def __init__(self, settings: Settings, cluster: str) -> None:
        self.settings = settings
        self.room = Room()
        if settings.watch.file:
            self.room.watch = read_watch(settings.watch.file)
        self.tasks: Tasks = {}
        self.records: dict[str, int] = dict.fromkeys(INPUTS, 0)
        """Records taken in, by topic."""
        self.progress_ms = clock_ms()
        """When a record was last taken in, or none waited."""
        self.beat_ms = clock_ms()
        """When the event loop last came round."""
        self.restoring_since_ms: int | None = None
        """Since when tasks wait for their state; None while none does."""
        self.broker_answers = True
        self.rebalances = 0
        self.repeats = 0
        """Alerts that were not sent again."""
        self.delays = AlertDelays()
        self.generation = -1
        # By topic: what stages tell each other, silence included, would hide that no post can be read.
        self._recent: dict[str, deque[bool]] = {topic: deque(maxlen=_RECENT) for topic in INPUTS}
        self._lock = asyncio.Lock()
        group = settings.kafka.prefix + settings.worker.app
        self.checkpoints = Checkpoints(
            settings.redis,
            f"{store_space(settings.kafka, settings.worker)}:{cluster}",
            round(settings.retention.profiles_days * _DAY_MS),
        )
        self.app = App(group, settings.kafka, self.positions, self.committable)
        self.outbox = Outbox(lambda topic: clients.topic(settings.kafka, topic))
        self.shedding = Shedding(settings.worker, self.tasks)
        self.restoring = Restoring(settings, self.app, self.checkpoints, self._make)
        self.saving = Saving(settings, self.checkpoints, self.outbox, self.tasks, lambda: self.generation)
        for topic in INPUTS:
            self.app.read(topic, self._agent(topic))

    def _agent(self, topic: str) -> Any:
        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                try:
                    await self._take(topic, event.message)
                except Exception:
                    # Faust would pass over the record and go on, with a state that is half changed.
                    message = event.message
                    _log.critical("%s/%d at %d", topic, message.partition, message.offset, exc_info=True)
                    leave(FAILED)

        return agent

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        kafka = self.settings.kafka
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap,
            enable_idempotence=True,
            acks="all",
            compression_type=kafka.compression_type,
            linger_ms=5,
            max_batch_size=1 << 20,
            max_request_size=10 << 20,
            request_timeout_ms=_SEND_MS,
            **security.for_aiokafka(kafka),
        )
        # First of all: the watchdog listens for it, and a broker may be slow to greet us.
        timers = [asyncio.create_task(self._guarded(self._heartbeats()))]
        try:
            await producer.start()
        except KafkaError:
            _log.critical("the broker does not let the worker write", exc_info=True)
            leave(FAILED)
        heard = asyncio.Event()
        timers.append(asyncio.create_task(self._guarded(listen(self.room, kafka, heard))))
        waits = [asyncio.create_task(event.wait()) for event in (heard, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            leave(0)  # nothing has begun that would have to be brought to an end
        timers += [
            asyncio.create_task(self._guarded(part))
            for part in (
                self.outbox.run(producer),
                self.saving.run(),
                leading.tell(self.settings, self.leading),
                self.app.work(),
            )
        ]
        await stop.wait()
        _log.info("stopping")
        # Alone and first: whoever takes over begins where this ends.
        await self.app.pause()
        with contextlib.suppress(StoreGone):
            await self.saving.save()
        for timer in timers:
            timer.cancel()
        await self.app.stop()
        await producer.stop()
        await self.checkpoints.close()

    async def forget(self) -> None:
        """Delete the checkpoints of all tasks: they begin anew, where the topics begin or the group was."""
        for topic, stage in INPUTS.items():
            for partition in range(topics.partitions_of(self.settings.kafka, topic)):
                await self.checkpoints.forget(f"{stage}.{partition}")

    async def _guarded(self, part: Any) -> None:
        try:
            await part
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.critical("the worker cannot go on", exc_info=True)
        leave(FAILED)  # none of them ever comes to an end

    # -- records -----------------------------------------------------------------------------------

    async def _take(self, topic: str, message: Any) -> None:
        """Give one record to its task."""
        running = self.tasks.get((INPUTS[topic], message.partition))
        if running is None or message.generation_id != self.generation:
            return  # of an assignment that is over: whom it belongs to now reads it again
        if not await self._is_next(running, topic, message):
            return
        record = Record(
            topic,
            message.partition,
            message.offset,
            message.key,
            message.value or b"",
            message.headers or (),
            int((message.timestamp or 0) * 1000),
        )
        foreign = topic == "posts" and self.settings.privacy.pseudonyms and is_foreign(record.headers)
        said = [dead_letter(record, FOREIGN, "")] if foreign else running.task.take(record)
        # From here to the outbox nothing waits: a checkpoint never sees half of it.
        dead = self._say(running, said)
        running.offsets[topic] = message.offset + 1
        self.records[topic] += 1
        self.progress_ms = clock_ms()
        self._check_dead(topic, dead)
        await self.outbox.room()

    async def _is_next(self, running: Running, topic: str, message: Any) -> bool:
        expected = running.offsets[topic]
        if message.offset <= expected:
            return bool(message.offset == expected)
        sought, sought_ms = running.sought.get(topic, (-1, 0))
        now_ms = clock_ms()
        if sought == expected and now_ms - sought_ms < _SEEK_AGAIN_MS:
            return False
        tp = TP(message.topic, message.partition)
        earliest = await self.app.earliest(tp)
        if earliest > expected:
            _log.error("%s: records %d to %d of %s are deleted", running.name, expected, earliest - 1, topic)
            running.offsets[topic] = earliest
            return bool(message.offset == earliest)
        _log.warning("%s: offset %d, not %d: reading again", running.name, message.offset, expected)
        running.sought[topic] = expected, now_ms
        await self.app.consumer.seek(tp, expected)
        return False

    def _say(self, running: Running, outputs: Iterable[Output]) -> bool:
        """Put what a task says into the outbox; whether it has a dead letter in it."""
        said = [one for one in outputs if not self._is_repeat(running, one)]
        if self.settings.privacy.pseudonyms:
            said = [without_content(one) if one.topic == "dead-letters" else one for one in said]
        self.outbox.put(said)
        for one in said:
            if one.topic == "alerts":
                self.delays.note(orjson.loads(one.value))
        return any(one.topic == "dead-letters" for one in said)

    def _is_repeat(self, running: Running, output: Output) -> bool:
        if output.topic != "alerts" or not running.published:
            return False
        identity = dict(output.headers)["id"]
        if identity in running.published:
            del running.published[identity]
            self.repeats += 1
            return True
        return False

    def _check_dead(self, topic: str, dead: bool) -> None:
        """A record that cannot be read stops nothing; if most cannot, it is we who are wrong."""
        recent = self._recent[topic]
        recent.append(dead)
        if dead and len(recent) >= _RECENT // 10:
            ratio = sum(recent) / len(recent)
            if ratio > self.settings.worker.dead_ratio:
                _log.critical(
                    "%.0f%% of the newest %d records of %s are dead", 100 * ratio, len(recent), topic
                )
                leave(DEAD)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.beat_ms = clock_ms()
            if not sum(self.lag().values()):
                self.progress_ms = self.beat_ms
            self.shedding.end(self.beat_ms)
            self._tell_of_broker()
            for running in self.tasks.values():
                running.forget_published()
                for inbox in running.task.inboxes():
                    inbox.note_idle(self.beat_ms, int(self.settings.worker.idle_s * 1000))
                if running.beat_ms == running.task.time_ms:
                    self._say(running, running.task.heartbeat())
                # Else it has told something since the last beat, which is as good a sign of life.
                running.beat_ms = running.task.time_ms

    def _tell_of_broker(self) -> None:
        answers = self.unconfirmed_ms(self.beat_ms) < _SILENT_MS
        if answers != self.broker_answers:
            self.broker_answers = answers
            if answers:
                _log.warning("the broker answers again")
            else:
                _log.error("the broker has not answered for %d s; waiting for it", _SILENT_MS // 1000)

    def lag(self) -> dict[str, int]:
        """Records that wait to be taken in, by topic, as far as the broker has told."""
        waiting = dict.fromkeys(INPUTS, 0)
        for (_, partition), running in list(self.tasks.items()):
            for topic, offset in list(running.offsets.items()):
                waiting[topic] += max(0, self.app.highwater(self.app.tp(topic, partition)) - offset)
        return waiting

    def leading(self) -> Leading | None:
        """What leads the stream, if it is this worker that judges it."""
        running = self.tasks.get(("cases", 0))
        return running.task.leading if running and isinstance(running.task, CasesTask) else None

    def unconfirmed_ms(self, now_ms: int) -> int:
        """How long the oldest record that the broker has not taken has waited."""
        since = self.outbox.unconfirmed_since_ms
        return 0 if since is None else now_ms - since

    # -- assignment --------------------------------------------------------------------------------

    async def positions(self, assigned: Iterable[TP], generation: int) -> dict[TP, int]:
        """From where each assigned partition is to be read: where its task's state ends."""
        try:
            return await self._positions(assigned, generation)
        except Exception:
            # Faust would fall silent, and keep the partitions.
            _log.critical("the state of the tasks cannot be restored", exc_info=True)
            leave(FAILED)
            raise

    async def _positions(self, assigned: Iterable[TP], generation: int) -> dict[TP, int]:
        async with self._lock:
            self.restoring_since_ms = self.restoring_since_ms or clock_ms()
            self.restoring.begin()
            prefix = self.settings.kafka.prefix
            mine = {tp: tp.topic.removeprefix(prefix) for tp in assigned}
            wanted = {(INPUTS[topic], tp.partition) for tp, topic in mine.items() if topic in INPUTS}
            if generation != self.generation:
                self.rebalances += 1
                self.generation = generation
                # A state stays true to the records it was made from, so what is ours again is kept.
                for gone in self.tasks.keys() - wanted:
                    del self.tasks[gone]
            for stage, partition in sorted(wanted - set(self.tasks)):
                self.tasks[stage, partition] = await self.restoring.start(stage, partition)
            for running in self.tasks.values():
                running.sought.clear()
            self.restoring_since_ms = None
            self.progress_ms = clock_ms()
            names = ", ".join(f"{stage}.{number}" for stage, number in sorted(wanted))
            _log.info("generation %d: %s", generation, names or "more workers than partitions, nothing to do")
            return {
                tp: self.tasks[INPUTS[topic], tp.partition].offsets[topic]
                for tp, topic in mine.items()
                if topic in INPUTS
            }

    def _make(self, stage: str, partition: int) -> Task:
        if stage == "accounts":
            return AccountsTask(partition, self.settings, partial(self.shedding.sheds, partition), self.room)
        if stage == "subjects":
            return SubjectsTask(partition, self.settings)
        if stage == "pairs":
            return PairsTask(partition, self.settings)
        return CasesTask(self.settings, clock_ms, self.room)

    # -- checkpoints -------------------------------------------------------------------------------

    def committable(self) -> dict[TP, int]:
        """The offsets that checkpoints cover."""
        return {
            self.app.tp(topic, partition): offset
            for (_, partition), running in self.tasks.items()
            for topic, offset in running.covered.items()
        }
