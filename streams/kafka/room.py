"""What the watch room says, by the compacted topic `verdicts`: lists and verdicts, from the next tick on.

Every worker reads the topic whole when it starts, before any task takes a record, and goes on listening. All
lists are one record, and the verdicts on a case have the case's key, so that the newest of each stands.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.lists import Entry, Lists
from detectors.verdicts import Verdict
from streams.kafka import clients, security
from streams.kafka.settings import KafkaSettings
from streams.room import Room

LISTS = b"lists"
"""Key of the record that holds all lists."""
_CASE = b"case:"
_RETRY_S = 1.0
_LOOK_MS = 500
_SEND_S = 30
_log = logging.getLogger("vigie.room")


class SaidLists(msgspec.Struct, kw_only=True):
    """All lists of the room, as one record."""

    entries: list[Entry]
    at_ms: int = 0
    """Event time from which they are in force; 0 for at once."""
    said_ms: int = 0
    """When they were published, wall clock."""


_lists = msgspec.json.Decoder(SaidLists).decode
_verdict = msgspec.json.Decoder(Verdict).decode


class Ears:
    """Turns the records of the topic into what is in force.

    Examples
    --------
    >>> ears = Ears(Room())
    >>> ears.take(b"case:c1", b'{"case_id":"c1","kind":"confirmed","reason":"they say so","at_ms":0}')
    >>> ears.take(b"tea", b"{}")
    >>> [verdict.kind for verdict in ears.room.verdicts], ears.unreadable
    (['confirmed'], 1)
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.unreadable = 0
        """Records that say nothing that is known here."""

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record."""
        key = key or b""
        try:
            if key == LISTS:
                said = _lists(value) if value else SaidLists(entries=[])
                self.room.put(Lists(said.entries), said.at_ms)
                _log.info("lists: %d entries", len(said.entries))
            elif key.startswith(_CASE):
                # A verdict whose record is gone is as if it had never been said.
                if value:
                    self.room.verdicts.append(_verdict(value))
            else:
                self.unreadable += 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1


async def listen(room: Room, kafka: KafkaSettings, heard: asyncio.Event) -> None:
    """Read the topic from its beginning, for good; `heard` is set once all that it holds now was read."""
    ears = Ears(room)
    begin = 0
    """Offset of the next record: after a fault nothing is heard twice."""
    while True:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=clients.MAX_MESSAGE_BYTES,
            **security.for_aiokafka(kafka),
        )
        try:
            await consumer.start()
            part = TopicPartition(clients.topic(kafka, "verdicts"), 0)
            consumer.assign([part])
            consumer.seek(part, begin)
            end = (await consumer.end_offsets([part]))[part]
            while True:
                if begin >= end:
                    heard.set()
                found = await consumer.getmany(part, timeout_ms=_LOOK_MS)
                for record in found.get(part, ()):
                    ears.take(record.key, record.value)
                begin = max(begin, await consumer.position(part))
        except KafkaError as problem:
            _log.warning("the topic of verdicts cannot be read (%s)", type(problem).__name__)
            await asyncio.sleep(_RETRY_S)
        finally:
            await consumer.stop()


def publish_lists(kafka: KafkaSettings, lists: Lists, *, at_ms: int, said_ms: int) -> None:
    """Put lists in force in all workers.

    Raises
    ------
    InputError
        When the broker does not take them.
    """
    _publish(kafka, LISTS, SaidLists(entries=list(lists.entries), at_ms=at_ms, said_ms=said_ms))


def publish_verdict(kafka: KafkaSettings, verdict: Verdict) -> None:
    """Put a verdict in force in all workers.

    Raises
    ------
    InputError
        When the broker does not take it.
    """
    _publish(kafka, _CASE + verdict.case_id.encode(), verdict)


def _publish(kafka: KafkaSettings, key: bytes, value: SaidLists | Verdict) -> None:
    client = clients.producer(kafka)
    try:
        with clients.talking(kafka):
            sent = client.send(
                clients.topic(kafka, "verdicts"), key=key, value=msgspec.json.encode(value), partition=0
            )
            sent.get(timeout=_SEND_S)
    finally:
        client.close()
