"""Faust, bent in three places: where it reads on after a rebalance, what it commits, and who makes topics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import faust
import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AiokafkaTransport
from faust.types import TP

from detectors.events import Rejection, from_mapping
from streams.kafka import clients, security
from streams.kafka.settings import KafkaSettings

Positions = Callable[[Iterable[TP], int], Awaitable[dict[TP, int]]]
Committable = Callable[[], dict[TP, int]]


class _Consumer(AiokafkaConsumer):
    """Reads on where the tasks' states end, and commits what their checkpoints cover."""

    app: App

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Called by Faust after every rebalance, and whenever it has lost its place."""
        offsets: dict[TP, int] = await self.app.positions(self.assignment(), self.app.consumer_generation_id)
        for tp, offset in offsets.items():
            await self._seek(tp, offset)
        return offsets

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Called by Faust every few seconds, before a rebalance, and at the end."""
        offsets = self.app.committable()
        changed = {tp: offset for tp, offset in offsets.items() if self._committed_offset[tp] != offset}
        if not changed or not await self._commit(changed):
            return False
        self._committed_offset.update(changed)
        return True


class _Transport(AiokafkaTransport):
    Consumer = _Consumer


class App(faust.App):
    """A Faust app without tables, web pages or topics of its own.

    Parameters
    ----------
    group : str
        Name of the consumer group.
    kafka : KafkaSettings
    positions : callable
        Asked with the assigned partitions and the generation: the offset to read each from.
    committable : callable
        Asked for the offsets that may be committed.
    """

    def __init__(
        self, group: str, kafka: KafkaSettings, positions: Positions, committable: Committable
    ) -> None:
        self.kafka = kafka
        self.positions = positions
        self.committable = committable
        super().__init__(
            group,
            broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap.split(",")],
            broker_credentials=security.for_faust(kafka),
            broker_session_timeout=kafka.session_timeout_s,
            broker_heartbeat_interval=kafka.session_timeout_s / 4,
            broker_commit_interval=2.0,
            consumer_auto_offset_reset="earliest",
            # A record may hold hundreds of posts: few of them are many.
            stream_buffer_maxsize=32,
            # All partitions in small turns: what one is ahead of the others waits in memory.
            consumer_max_fetch_size=256 << 10,
            broker_max_poll_records=None,
            stream_wait_empty=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            store="memory://",
            web_enabled=False,
        )

    def _create_directories(self) -> None:
        """Without tables nothing goes into them, and a worker may run where nothing can be written."""

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def read(self, topic: str, agent: Callable[[Any], Awaitable[None]]) -> None:
        """Let an agent read a topic, as bytes."""
        channel = self.topic(
            clients.topic(self.kafka, topic),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        self.agent(channel, name=f"vigie.{topic}")(agent)

    async def work(self) -> None:
        """Start, and run until stopped.

        Raises
        ------
        Exception
            What one of Faust's own services died of: it would only fall silent.
        """
        await self.start()
        await self.wait_until_stopped()
        if self.crash_reason is not None:
            raise self.crash_reason

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await super()._on_partitions_assigned(assigned, generation_id)
        if not assigned:  # then Faust does not ask from where to read
            await self.positions((), generation_id)

    async def pause(self) -> None:
        """Take no more records."""
        self.consumer.stop_flow()
        self.flow_control.suspend()
        await asyncio.sleep(0)

    def tp(self, topic: str, partition: int) -> TP:
        """A partition of one of our topics."""
        return TP(clients.topic(self.kafka, topic), partition)

    # -- questions to the broker -------------------------------------------------------------------

    def highwater(self, tp: TP) -> int:
        """Offset of the record that comes next to a partition, as last heard from the broker."""
        offset: int | None = self.consumer.highwater(tp)
        return offset or 0

    async def earliest(self, tp: TP) -> int:
        """Offset of the oldest record that a partition still has."""
        offsets: dict[TopicPartition, int] = await self._ask("beginning_offsets", [_plain(tp)])
        return offsets[_plain(tp)]

    async def end(self, tp: TP) -> int:
        """Offset of the record that comes next to a partition."""
        offsets: dict[TopicPartition, int] = await self._ask("end_offsets", [_plain(tp)])
        return offsets[_plain(tp)]

    async def committed(self, tp: TP) -> int | None:
        """What the group has committed."""
        offset: int | None = await self._ask("committed", _plain(tp))
        return offset

    async def offset_at(self, tp: TP, time_ms: int, default: int) -> int:
        """Offset of the first record written at or after a wall time."""
        found = (await self._ask("offsets_for_times", {_plain(tp): time_ms}))[_plain(tp)]
        return default if found is None else int(found.offset)

    async def _ask(self, question: str, *arguments: Any) -> Any:
        thread = cast(_Consumer, self.consumer)._thread
        return await thread.call_thread(getattr(thread._ensure_consumer(), question), *arguments)

    async def alert_ids(self, first_offset: int) -> dict[bytes, int | None]:
        """Ids of the alerts that stand in the topic from an offset on, each with its event time."""
        tp = TopicPartition(clients.topic(self.kafka, "alerts"), 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap,
            enable_auto_commit=False,
            **security.for_aiokafka(self.kafka),
        )
        await consumer.start()
        try:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            start = max(first_offset, (await consumer.beginning_offsets([tp]))[tp])
            consumer.seek(tp, start)
            found: dict[bytes, int | None] = {}
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, []):
                    for name, value in record.headers:
                        if name == "id":
                            found[value] = _time_of(record.value)
            return found
        finally:
            await consumer.stop()


def _time_of(alert: bytes | None) -> int | None:
    """Event time of an alert; None when it cannot be read."""
    with contextlib.suppress(orjson.JSONDecodeError, Rejection, KeyError, TypeError):
        told = orjson.loads(alert or b"")["time"]
        return from_mapping({"id": "-", "platform": "-", "author_id": "-", "created_at": told}).time_ms
    return None


def _plain(tp: TP) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)
