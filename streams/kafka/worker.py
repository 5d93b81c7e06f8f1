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
import os
import signal
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

from detectors.alerts import instant
from detectors.state import STATE_FORMAT, Changes, StateError, overlaid
from streams.alert_delays import AlertDelays
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import clients, leading, security, topics
from streams.kafka.checkpoints import (
    Checkpoints,
    Head,
    Incomplete,
    Overtaken,
    StoreGone,
    WrongFormat,
)
from streams.kafka.dead_letters import FOREIGN, is_foreign, without_content
from streams.kafka.group import App
from streams.kafka.outbox import Outbox
from streams.kafka.room import listen
from streams.kafka.stretches import Output
from streams.kafka.tasks import AccountsTask, CasesTask, PairsTask, SubjectsTask, Task
from streams.kafka.tasks.records import Record, dead_letter
from streams.leading import Leading
from streams.room import Room
from streams.watch_file import read_watch

INPUTS = {
    "posts": "accounts",
    "signals": "subjects",
    "ties": "pairs",
    "findings": "cases",
    "background": "cases",
}
"""Which stage reads which topic."""
BAD_USE, FAILED, DEAD, STUCK, AGAIN = 2, 70, 71, 75, 76
"""Exit codes: settings or a checkpoint that do not fit, an error of ours, too many dead records, no progress
although records wait, a Redis that is back with checkpoints that were not read."""
_SEEK_AGAIN_MS = 1_000
"""After so long a record that was asked for again is asked for once more: what Faust hands out of an older
fetch meanwhile makes it pass over those before."""
_SILENT_MS = 5_000
_SEND_MS = 120_000
"""How long the broker may be away before a worker gives up; the next one starts from the checkpoint."""
_REWIND_MS = 65 * 60_000
"""How far back a task is filled again when its checkpoint is lost: the longest window and a little more."""
_KNOWN_MS = 60_000
"""An alert that is older than a warm task's time by so much is known to its state."""
_SHED_QUIET_MS = 30_000
_DAY_MS = 86_400_000
_RECENT = 1000
_log = logging.getLogger("vigie.worker")


def leave(code: int) -> None:
    """End the process at once: nothing that is not in a checkpoint may be trusted."""
    logging.shutdown()
    os._exit(code)


class Running:
    """A task that this worker runs, and how far it has come."""

    def __init__(self, name: str, task: Task, offsets: dict[str, int]) -> None:
        self.name = name
        self.task = task
        self.offsets = offsets
        """For each input topic, the offset of the next record."""
        self.covered: dict[str, int] = {}
        """The same, as of the newest checkpoint."""
        self.sequence = 0
        self.everything = True
        """Whether the next checkpoint must be a full one."""
        self.unsent: Changes = {}
        """Changes that were taken for a checkpoint that the store did not take."""
        self.unread = False
        """Whether it began without its checkpoint because the store was away: it must not write over it."""
        self.sought: dict[str, tuple[int, int]] = {}
        """Offsets that were asked for again, and when."""
        self.generation = -1
        """Of the newest checkpoint."""
        self.alerts_from = 0
        """Offset in the topic of alerts before which the state knows all."""
        self.published: dict[bytes, int | None] = {}
        """Alerts that stand in the topic although the state may not know it, with their event time."""
        self.cold = False
        """Whether it began without the state that it once had: it may come to any alert a second time."""
        self.filling_until = 0
        """Offset of `posts` up to which it only fills its memory again."""
        self.beat_ms = 0
        """Its event time at the last heartbeat."""

    def forget_published(self) -> None:
        """Leave out what the state must have come to by now."""
        if self.published and not self.cold:
            known_ms = self.task.time_ms - _KNOWN_MS
            self.published = {
                one: time_ms
                for one, time_ms in self.published.items()
                if time_ms is None or time_ms >= known_ms
            }


class Worker:
    """All tasks of one process."""

    def __init__(self, settings: Settings, cluster: str) -> None:
        self.settings = settings
        self.room = Room()
        if settings.watch.file:
            self.room.watch = read_watch(settings.watch.file)
        self.tasks: dict[tuple[str, int], Running] = {}
        self.records: dict[str, int] = dict.fromkeys(INPUTS, 0)
        """Records taken in, by topic."""
        self.progress_ms = clock_ms()
        """When a record was last taken in, or none waited."""
        self.beat_ms = clock_ms()
        """When the event loop last came round."""
        self.restoring_since_ms: int | None = None
        """Since when tasks wait for their state; None while none does."""
        self.checkpoint_ms = 0
        """When the newest checkpoint was written; 0 before the first."""
        self.checkpoint_bytes = 0
        """Bytes of all checkpoints so far."""
        self.store_answers = True
        self.broker_answers = True
        self.shedding_since_ms: int | None = None
        """Since when reposts are left out to catch up; None while none are."""
        self.rebalances = 0
        self.rewound: list[str] = []
        """Tasks that began without their checkpoint although they had run before."""
        self.repeats = 0
        """Alerts that were not sent again."""
        self.delays = AlertDelays()
        self.generation = -1
        # By topic: what stages tell each other, silence included, would hide that no post can be read.
        self._recent: dict[str, deque[bool]] = {topic: deque(maxlen=_RECENT) for topic in INPUTS}
        self._store_wait_s = settings.worker.store_wait_s
        self._shed_ms = 0
        self._shed_before = 0
        self._lock = asyncio.Lock()
        self._writing = asyncio.Lock()
        group = settings.kafka.prefix + settings.worker.app
        self.checkpoints = Checkpoints(
            settings.redis, f"vigie:{group}:{cluster}", round(settings.retention.profiles_days * _DAY_MS)
        )
        self.app = App(group, settings.kafka, self.positions, self.committable)
        self.outbox = Outbox(lambda topic: clients.topic(settings.kafka, topic))
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
                self._checkpoints(),
                leading.tell(self.settings, self.leading),
                self.app.work(),
            )
        ]
        await stop.wait()
        _log.info("stopping")
        # Alone and first: whoever takes over begins where this ends.
        await self.app.pause()
        with contextlib.suppress(StoreGone):
            await self.checkpoint()
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
            self._end_shedding()
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

    def _tp(self, topic: str, partition: int) -> TP:
        return TP(clients.topic(self.settings.kafka, topic), partition)

    def lag(self) -> dict[str, int]:
        """Records that wait to be taken in, by topic, as far as the broker has told."""
        waiting = dict.fromkeys(INPUTS, 0)
        for (_, partition), running in list(self.tasks.items()):
            for topic, offset in list(running.offsets.items()):
                waiting[topic] += max(0, self.app.highwater(self._tp(topic, partition)) - offset)
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
            self._store_wait_s = self.settings.worker.store_wait_s
            prefix = self.settings.kafka.prefix
            mine = {tp: tp.topic.removeprefix(prefix) for tp in assigned}
            wanted = {(INPUTS[topic], tp.partition) for tp, topic in mine.items() if topic in INPUTS}
            if generation != self.generation:
                self.rebalances += 1
                self.generation = generation
                # A state stays true to the records it was made from, so what is ours again is kept.
                self.tasks = {one: running for one, running in self.tasks.items() if one in wanted}
            for stage, partition in sorted(wanted - set(self.tasks)):
                self.tasks[stage, partition] = await self._start(stage, partition)
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

    async def _start(self, stage: str, partition: int) -> Running:
        """A task as its checkpoint left it, or a new one."""
        name = f"{stage}.{partition}"
        task = self._make(stage, partition)
        saved, unread = None, False
        try:
            saved = await self._load(name)
        except StoreGone:
            _log.error("%s begins without its checkpoint, until Redis answers again", name)
            unread = True
        if saved is not None and not await self._is_of_these_topics(name, partition, saved[0]):
            saved = None
        if saved is None:
            offsets = {
                topic: await self._first_offset(name, self._tp(topic, partition))
                for topic, reader in INPUTS.items()
                if reader == stage
            }
            running = Running(name, task, offsets)
            running.cold, running.unread = name in self.rewound, unread
        else:
            head, tables = saved
            if head.settings != self.settings.version():
                _log.warning("%s goes on with other settings (%s before)", name, head.settings)
            try:
                task.restore(tables)
            except (StateError, KeyError) as problem:
                _log.critical(
                    "the checkpoint of %s cannot be read (%s): begin anew with `vigie worker --forget-state`",
                    name,
                    problem,
                )
                leave(BAD_USE)
            running = Running(name, task, dict(head.offsets))
            running.sequence, running.everything = head.sequence, False
            running.generation = head.generation
            running.alerts_from = head.extra.get("alerts", 0)
            running.cold = bool(head.extra.get("cold"))
        if stage == "cases" and (saved is not None or running.cold):
            running.published = await self.app.alert_ids(running.alerts_from)
            running.forget_published()
        elif stage == "accounts" and saved is None:
            running.filling_until = await self.app.committed(self._tp("posts", partition)) or 0
        task.track()
        return running

    async def _is_of_these_topics(self, name: str, partition: int, head: Head) -> bool:
        for topic, offset in head.offsets.items():
            end = await self.app.end(self._tp(topic, partition))
            if offset > end:
                _log.error(
                    "%s: the checkpoint is of offset %d of %s, which has only %d: the topic was made anew, "
                    "and the checkpoint is not used",
                    name,
                    offset,
                    topic,
                    end,
                )
                return False
        return True

    def _make(self, stage: str, partition: int) -> Task:
        if stage == "accounts":
            return AccountsTask(partition, self.settings, partial(self._sheds, partition), self.room)
        if stage == "subjects":
            return SubjectsTask(partition, self.settings)
        if stage == "pairs":
            return PairsTask(partition, self.settings)
        return CasesTask(self.settings, clock_ms, self.room)

    # -- overload ----------------------------------------------------------------------------------

    def _sheds(self, partition: int, written_ms: int) -> bool:
        """Whether the reposts of a live frame are left out: see docs/overload.md."""
        now_ms = clock_ms()
        if now_ms - written_ms <= self.settings.worker.shed_after_s * 1000:
            return False
        running = self.tasks.get(("accounts", partition))
        if running is None or running.offsets["posts"] < running.filling_until:
            return False
        self._shed_ms = now_ms
        if self.shedding_since_ms is None:
            self.shedding_since_ms, self._shed_before = now_ms, self.shed_posts()
            _log.warning(
                "overload: accounts.%d is %.0f s behind; reposts are shed until it has caught up",
                partition,
                (now_ms - written_ms) / 1000,
            )
        return True

    def _end_shedding(self) -> None:
        quiet_ms = min(_SHED_QUIET_MS, self.settings.worker.shed_after_s * 1000)
        if self.shedding_since_ms is not None and self.beat_ms - self._shed_ms > quiet_ms:
            _log.warning(
                "overload: over; %d reposts were shed since %s",
                max(0, self.shed_posts() - self._shed_before),
                instant(self.shedding_since_ms),
            )
            self.shedding_since_ms = None

    def shed_posts(self) -> int:
        """Posts that this worker's tasks have left out so far, also before it had them."""
        tasks = [running.task for running in list(self.tasks.values())]
        return sum(task.counts.shed for task in tasks if isinstance(task, AccountsTask))

    async def _load(self, name: str) -> Any:
        while True:
            try:
                saved = await self.checkpoints.load(name)
            except StoreGone as problem:
                self.store_answers = False
                _log.warning("%s waits for its checkpoint: Redis does not answer (%s)", name, problem)
                if self._store_wait_s <= 0:
                    raise
                # All tasks together wait so long: the partitions wait with them.
                self._store_wait_s -= 1
                await asyncio.sleep(1)
            except WrongFormat as problem:
                _log.critical("%s", problem)
                leave(BAD_USE)
            else:
                self.store_answers = True
                return saved

    async def _first_offset(self, name: str, tp: TP) -> int:
        """Where a task without a checkpoint begins: so far back that its windows are full again."""
        committed = await self.app.committed(tp)
        if committed is None:
            return await self.app.earliest(tp)
        if name not in self.rewound:
            self.rewound.append(name)
        offset = min(committed, await self.app.offset_at(tp, clock_ms() - _REWIND_MS, committed))
        _log.error(
            "%s: the checkpoint is lost; going back from offset %d of %s to %d",
            name,
            committed,
            tp.topic,
            offset,
        )
        return offset

    # -- checkpoints -------------------------------------------------------------------------------

    def committable(self) -> dict[TP, int]:
        """The offsets that checkpoints cover."""
        return {
            self._tp(topic, partition): offset
            for (_, partition), running in self.tasks.items()
            for topic, offset in running.covered.items()
        }

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(self.settings.worker.checkpoint_s)
            try:
                await self.checkpoints.ping()
                self._return_to_checkpoints()
                await self.checkpoint()
                self.store_answers = True
            except StoreGone as problem:
                if self.store_answers:
                    _log.error("no checkpoint can be written: Redis does not answer (%s)", problem)
                self.store_answers = False

    def _return_to_checkpoints(self) -> None:
        """Tasks that began without their checkpoint, which is there again, are begun anew from it."""
        unread = sorted(running.name for running in self.tasks.values() if running.unread)
        if unread:
            _log.critical("Redis answers again: starting anew from the checkpoints of %s", ", ".join(unread))
            leave(AGAIN)

    async def checkpoint(self) -> None:
        """Write what changed of every task, with the offsets that it covers.

        Raises
        ------
        StoreGone
        """
        # One at a time: what was taken first must not be written last.
        async with self._writing:
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        generation = self.generation
        alerts = self.outbox.next_offset.get("alerts", 0)
        taken = []
        for running in list(self.tasks.values()):
            if not running.published:
                running.alerts_from = max(running.alerts_from, alerts)
            if running.unread or (running.offsets == running.covered and not running.everything):
                continue
            # With all of a large state the flow stops for seconds: never a second time for one write.
            whole = running.everything and not running.unsent
            running.unsent = overlaid(running.unsent, running.task.changes(everything=whole))
            taken.append((running, dict(running.offsets)))
            await asyncio.sleep(0)
        await self.outbox.safe(self.outbox.put([]))
        for running, offsets in taken:
            changes = running.unsent
            head = Head(
                format=STATE_FORMAT,
                settings=self.settings.version(),
                sequence=running.sequence + 1,
                generation=generation,
                offsets=offsets,
                written_ms=clock_ms(),
                tables=sorted(changes),
                extra={"alerts": running.alerts_from, "cold": int(running.cold)},
            )
            try:
                await self.checkpoints.write(
                    running.name, head, changes, everything=running.everything, known=running.generation
                )
            except Overtaken:
                _log.warning("%s belongs to another worker by now", running.name)
                running.everything, running.unsent = True, {}
                continue
            except Incomplete:
                _log.warning("%s: the last checkpoint is not there; the next will be whole", running.name)
                running.everything, running.unsent = True, {}
                continue
            running.sequence, running.covered = head.sequence, offsets
            running.everything, running.unsent = False, {}
            running.generation = generation
            self.checkpoint_bytes += sum(
                len(value or b"") for table in changes.values() for value in table.values()
            )
        self.checkpoint_ms = clock_ms()
