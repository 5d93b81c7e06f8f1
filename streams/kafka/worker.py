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
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

from detectors.state import STATE_FORMAT
from streams.embedded import Settings
from streams.kafka import security
from streams.kafka.checkpoints import (
    Checkpoints,
    Head,
    Incomplete,
    Overtaken,
    StoreGone,
    WrongFormat,
)
from streams.kafka.group import App
from streams.kafka.outbox import Outbox
from streams.kafka.stages import AccountsTask, CasesTask, PairsTask, Record, SubjectsTask, Task
from streams.kafka.stretches import Output

INPUTS = {
    "posts": "accounts",
    "signals": "subjects",
    "ties": "pairs",
    "findings": "cases",
    "background": "cases",
}
"""Which stage reads which topic."""
FAILED, DEAD, STUCK = 70, 71, 75
"""Exit codes: an error of ours, too many dead records, no progress although records wait."""
_SEND_MS = 120_000
"""How long the broker may be away before a worker gives up; the next one starts from the checkpoint."""
_REWIND_MS = 65 * 60_000
"""How far back a task is filled again when its checkpoint is lost: the longest window and a little more."""
_STORE_TRIES = 15
_RECENT = 1000
_log = logging.getLogger("vigie.worker")


def clock_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


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
        self.sought: dict[str, int] = {}
        """Offsets that were asked for again."""
        self.published: set[bytes] = set()
        """Ids of alerts that stand in the topic although the state does not know it."""


class Worker:
    """All tasks of one process."""

    def __init__(self, settings: Settings, cluster: str) -> None:
        self.settings = settings
        self.tasks: dict[tuple[str, int], Running] = {}
        self.records: dict[str, int] = dict.fromkeys(INPUTS, 0)
        """Records taken in, by topic."""
        self.progress_ms = clock_ms()
        """When a record was last taken in, or none waited."""
        self.beat_ms = clock_ms()
        """When the event loop last came round."""
        self.restoring = False
        self.checkpoint_ms = 0
        """When the newest checkpoint was written; 0 before the first."""
        self.checkpoint_bytes = 0
        """Bytes of all checkpoints so far."""
        self.store_answers = True
        self.rebalances = 0
        self.rewound: list[str] = []
        """Tasks that began without their checkpoint although they had run before."""
        self.repeats = 0
        """Alerts that were not sent again."""
        self.generation = -1
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._lock = asyncio.Lock()
        group = settings.kafka.prefix + settings.worker.app
        self.checkpoints = Checkpoints(settings.redis, f"vigie:{group}:{cluster}")
        self.app = App(group, settings.kafka, self.positions, self.committable)
        self.outbox: Outbox
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
            compression_type=None if kafka.compression == "none" else kafka.compression,
            linger_ms=5,
            max_batch_size=1 << 20,
            max_request_size=10 << 20,
            request_timeout_ms=_SEND_MS,
            **security.for_aiokafka(kafka),
        )
        await producer.start()
        self.outbox = Outbox(producer, lambda topic: kafka.prefix + topic)
        timers = [
            asyncio.create_task(self._guarded(part))
            for part in (self.outbox.run(), self._heartbeats(), self._checkpoints(), self.app.work())
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
        for stage in dict.fromkeys(INPUTS.values()):
            for partition in range(1 if stage == "cases" else self.settings.kafka.partitions):
                await self.checkpoints.forget(f"{stage}.{partition}")

    async def _guarded(self, part: Any) -> None:
        try:
            await part
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.critical("the worker cannot go on", exc_info=True)
            leave(FAILED)

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
        # From here to the outbox nothing waits: a checkpoint never sees half of it.
        outputs = [one for one in running.task.take(record) if not self._is_repeat(running, one)]
        self.outbox.put(outputs)
        running.offsets[topic] = message.offset + 1
        self.records[topic] += 1
        self.progress_ms = clock_ms()
        self._check_dead(any(one.topic == "dead-letters" for one in outputs))
        await self.outbox.room()

    async def _is_next(self, running: Running, topic: str, message: Any) -> bool:
        expected = running.offsets[topic]
        if message.offset <= expected:
            return bool(message.offset == expected)
        if running.sought.get(topic) == expected:
            return False
        tp = TP(message.topic, message.partition)
        earliest = await self.app.earliest(tp)
        if earliest > expected:
            _log.error("%s: records %d to %d of %s are deleted", running.name, expected, earliest - 1, topic)
            running.offsets[topic] = earliest
            return bool(message.offset == earliest)
        _log.warning("%s: offset %d, not %d: reading again", running.name, message.offset, expected)
        running.sought[topic] = expected
        await self.app.consumer.seek(tp, expected)
        return False

    def _is_repeat(self, running: Running, output: Output) -> bool:
        if output.topic != "alerts" or not running.published:
            return False
        identity = dict(output.headers)["id"]
        if identity in running.published:
            running.published.discard(identity)
            self.repeats += 1
            return True
        return False

    def _check_dead(self, dead: bool) -> None:
        """A record that cannot be read stops nothing; if most cannot, it is we who are wrong."""
        self._recent.append(dead)
        if dead and len(self._recent) >= _RECENT // 10:
            ratio = sum(self._recent) / len(self._recent)
            if ratio > self.settings.worker.dead_ratio:
                _log.critical("%.0f%% of the newest %d records are dead", 100 * ratio, len(self._recent))
                leave(DEAD)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.beat_ms = clock_ms()
            if not sum(self.lag().values()):
                self.progress_ms = self.beat_ms
            for running in self.tasks.values():
                self.outbox.put(running.task.heartbeat())

    def lag(self) -> dict[str, int]:
        """Records that wait to be taken in, by topic, as far as the broker has told."""
        waiting = dict.fromkeys(INPUTS, 0)
        prefix = self.settings.kafka.prefix
        for (_, partition), running in list(self.tasks.items()):
            for topic, offset in list(running.offsets.items()):
                waiting[topic] += max(0, self.app.highwater(TP(prefix + topic, partition)) - offset)
        return waiting

    def unconfirmed_ms(self, now_ms: int) -> int:
        """How long the oldest record that the broker has not taken has waited."""
        since = self.outbox.unconfirmed_since_ms
        return 0 if since is None else now_ms - since

    # -- assignment --------------------------------------------------------------------------------

    async def positions(self, assigned: Iterable[TP], generation: int) -> dict[TP, int]:
        """From where each assigned partition is to be read: where its task's state ends."""
        async with self._lock:
            self.restoring = True
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
            self.restoring = False
            self.progress_ms = clock_ms()
            if wanted:
                _log.info("generation %d: %s", generation, ", ".join(f"{s}.{p}" for s, p in sorted(wanted)))
            return {
                tp: self.tasks[INPUTS[topic], tp.partition].offsets[topic]
                for tp, topic in mine.items()
                if topic in INPUTS
            }

    async def _start(self, stage: str, partition: int) -> Running:
        """A task as its checkpoint left it, or a new one."""
        name = f"{stage}.{partition}"
        task = self._make(stage, partition)
        saved = await self._load(name)
        if saved is not None and not await self._is_of_these_topics(name, partition, saved[0]):
            saved = None
        if saved is None:
            offsets = {
                topic: await self._first_offset(name, TP(self.settings.kafka.prefix + topic, partition))
                for topic, reader in INPUTS.items()
                if reader == stage
            }
            running = Running(name, task, offsets)
        else:
            head, tables = saved
            if head.settings != self.settings.version():
                _log.warning("%s goes on with other settings (%s before)", name, head.settings)
            task.restore(tables)
            running = Running(name, task, dict(head.offsets))
            running.sequence, running.everything = head.sequence, False
            if stage == "cases":
                running.published = await self.app.alert_ids(head.extra.get("alerts", 0))
        task.track()
        return running

    async def _is_of_these_topics(self, name: str, partition: int, head: Head) -> bool:
        for topic, offset in head.offsets.items():
            end = await self.app.end(TP(self.settings.kafka.prefix + topic, partition))
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
            return AccountsTask(partition, self.settings, self._sheds)
        if stage == "subjects":
            return SubjectsTask(partition, self.settings)
        return PairsTask(partition, self.settings) if stage == "pairs" else CasesTask(self.settings, clock_ms)

    def _sheds(self, written_ms: int) -> bool:
        return clock_ms() - written_ms > self.settings.worker.shed_after_s * 1000

    async def _load(self, name: str) -> Any:
        for left in reversed(range(_STORE_TRIES)):
            try:
                saved = await self.checkpoints.load(name)
            except StoreGone as problem:
                self.store_answers = False
                _log.warning("%s waits for its checkpoint: Redis does not answer (%s)", name, problem)
                if left:
                    await asyncio.sleep(1)
            except WrongFormat as problem:
                _log.critical("%s", problem)
                leave(2)
            else:
                self.store_answers = True
                return saved
        return None

    async def _first_offset(self, name: str, tp: TP) -> int:
        """Where a task without a checkpoint begins: so far back that its windows are full again."""
        committed = await self.app.committed(tp)
        if committed is None:
            return await self.app.earliest(tp)
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
        prefix = self.settings.kafka.prefix
        return {
            TP(prefix + topic, partition): offset
            for (_, partition), running in self.tasks.items()
            for topic, offset in running.covered.items()
        }

    async def _checkpoints(self) -> None:
        while True:
            await asyncio.sleep(self.settings.worker.checkpoint_s)
            try:
                await self.checkpoint()
                self.store_answers = True
            except StoreGone as problem:
                if self.store_answers:
                    _log.error("no checkpoint can be written: Redis does not answer (%s)", problem)
                self.store_answers = False

    async def checkpoint(self) -> None:
        """Write what changed of every task, with the offsets that it covers.

        Raises
        ------
        StoreGone
        """
        await self.checkpoints.ping()  # before anything is packed
        generation = self.generation
        alerts = self.outbox.next_offset.get("alerts", 0)
        taken = []
        for running in list(self.tasks.values()):
            if running.offsets == running.covered and not running.everything:
                continue
            changes = running.task.changes(everything=running.everything)
            taken.append((running, changes, dict(running.offsets), running.everything))
            running.everything = True  # until it is written, these changes are nowhere
            await asyncio.sleep(0)
        await self.outbox.safe(self.outbox.put([]))
        for running, changes, offsets, everything in taken:
            head = Head(
                format=STATE_FORMAT,
                settings=self.settings.version(),
                sequence=running.sequence + 1,
                generation=generation,
                offsets=offsets,
                written_ms=clock_ms(),
                tables=sorted(changes),
                extra={"alerts": alerts} if alerts else {},
            )
            try:
                await self.checkpoints.write(running.name, head, changes, everything=everything)
            except Overtaken:
                _log.warning("%s belongs to another worker by now", running.name)
                continue
            except Incomplete:
                _log.warning("%s: the last checkpoint is not there; the next will be whole", running.name)
                continue
            running.sequence, running.covered, running.everything = head.sequence, offsets, False
            self.checkpoint_bytes += sum(
                len(value or b"") for table in changes.values() for value in table.values()
            )
        self.checkpoint_ms = clock_ms()
