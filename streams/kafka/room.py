"""What the watch room has said, by the compacted topic `verdicts`: its lists, in force from the next tick on.

Every worker reads the topic whole when it starts, before any task takes a record, and goes on listening.
Each kind of saying has a key of its own, so that the newest one stands; a room that starts again says
nothing twice.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.lists import Entry, Lists
from streams.kafka import clients, security
from streams.kafka.settings import KafkaSettings

LISTS = b"lists"
"""Key of the record that holds all lists."""
_RETRY_S = 1.0
_LOOK_MS = 500
_log = logging.getLogger("vigie.room")


class SaidLists(msgspec.Struct, tag_field="kind", tag="lists", kw_only=True):
    """All lists of the room, as one record."""

    entries: list[Entry]
    at: int | None = None
    """Event time (epoch ms) from which they are in force; None for at once."""
    said_ms: int = 0
    """When they were published, wall clock."""


_decode = msgspec.json.Decoder(SaidLists).decode


class Room:
    """What is in force, by event time.

    Examples
    --------
    >>> entry = {"account": "12", "kind": "declared", "reason": "news", "source": "its page", "list": "room"}
    >>> room = Room()
    >>> room.take(LISTS, msgspec.json.encode({"kind": "lists", "entries": [entry], "at": 5000}))
    >>> [len(room.lists_at(tick_ms)) for tick_ms in (0, 5000)]
    [0, 1]
    """

    def __init__(self) -> None:
        self.unreadable = 0
        """Records that say nothing that is known here."""
        self._lists: list[tuple[int, Lists]] = []

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of the topic."""
        if key != LISTS:
            self.unreadable += 1
            return
        if value is None:
            self._lists.append((0, Lists()))
            return
        try:
            said = _decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return
        self._lists.append((said.at or 0, Lists(said.entries)))
        _log.info("lists %s: %d entries", self._lists[-1][1].version, len(said.entries))

    def lists_at(self, tick_ms: int) -> Lists:
        """The newest lists that are in force at a tick."""
        return next((lists for at_ms, lists in reversed(self._lists) if at_ms <= tick_ms), Lists())


async def listen(room: Room, kafka: KafkaSettings, heard: asyncio.Event) -> None:
    """Read the topic from its beginning, for good; `heard` is set once all that it holds now was read."""
    while True:
        try:
            await _listen(room, kafka, heard)
        except KafkaError as problem:
            _log.warning("the topic of verdicts cannot be read (%s)", type(problem).__name__)
            await asyncio.sleep(_RETRY_S)


async def _listen(room: Room, kafka: KafkaSettings, heard: asyncio.Event) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=clients.MAX_MESSAGE_BYTES,
        **security.for_aiokafka(kafka),
    )
    await consumer.start()
    try:
        part = TopicPartition(clients.topic(kafka, "verdicts"), 0)
        consumer.assign([part])
        await consumer.seek_to_beginning(part)
        end = (await consumer.end_offsets([part]))[part]
        while True:
            if not heard.is_set() and await consumer.position(part) >= end:
                heard.set()
            found = await consumer.getmany(part, timeout_ms=_LOOK_MS)
            for record in found.get(part, ()):
                room.take(record.key, record.value)
    finally:
        await consumer.stop()


def publish_lists(kafka: KafkaSettings, lists: Lists, *, at_ms: int | None, said_ms: int) -> None:
    """Put lists in force in all workers.

    Raises
    ------
    InputError
        When the broker does not take them.
    """
    value = msgspec.json.encode(SaidLists(entries=list(lists.entries), at=at_ms, said_ms=said_ms))
    client = clients.producer(kafka)
    try:
        with clients.talking(kafka):
            client.send(clients.topic(kafka, "verdicts"), key=LISTS, value=value, partition=0).get(timeout=30)
    finally:
        client.close()
