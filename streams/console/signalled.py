"""The posts of a case over Kafka, out of the topic `signals`: what the SUBJECTS stage was told of each post.

The topic holds every post with what it shares, for as long as `kafka.retention_hours` says. The signals of
one subject stand in one partition, and every record says of which stretch of event time it is, so the window
of a case is found by halving and only that part is read. A worker that goes back says the same again: a post
counts once.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec

from detectors.batches import Signals
from detectors.events import Rejection
from streams.console.about import About
from streams.console.evidence import MOST_POSTS, StoredPost
from streams.kafka import clients
from streams.kafka.clients import TopicPartition
from streams.kafka.settings import KafkaSettings
from streams.kafka.stretches import Stretch, decode_headers
from streams.kafka.tasks.records import names

_POLL_MS = 200
_ticks = msgspec.msgpack.Decoder(list[tuple[int, Signals | None]])


class Signalled(NamedTuple):
    """What was found."""

    posts: dict[tuple[str, str], StoredPost]
    """By account and id."""
    whole: bool
    """Whether all of the window was read, and not only what there was time for."""


def posts_of(kafka: KafkaSettings, about: About, limit_s: float) -> Signalled:
    """The posts of the accounts of a case, in its window, that share what it is about.

    Parameters
    ----------
    kafka : KafkaSettings
    about : About
    limit_s : float
        After so many seconds what was found so far is the answer.

    Raises
    ------
    InputError
        When no broker answers.
    """
    until_s = time.monotonic() + limit_s
    consumer = clients.consumer(kafka)
    try:
        with clients.talking(kafka):
            reader = _Reader(consumer, kafka, about, until_s)
            is_whole = [reader.read(partition) for partition in about.shards(kafka.partitions)]
    finally:
        consumer.close()
    return Signalled(reader.posts, all(is_whole))


class _Reader:
    """Reads partitions of the topic, one after the other."""

    def __init__(self, consumer: Any, kafka: KafkaSettings, about: About, until_s: float) -> None:
        self.posts: dict[tuple[str, str], StoredPost] = {}
        self._consumer, self._about, self._until_s = consumer, about, until_s
        self._topic = clients.topic(kafka, "signals")
        self._sources = frozenset(names("accounts", kafka.partitions))

    def read(self, partition: int) -> bool:
        """Read the window of the case; whether there was time for all of it."""
        part = TopicPartition(self._topic, partition)
        self._consumer.assign([part])
        begin = self._consumer.beginning_offsets([part])[part]
        end = self._consumer.end_offsets([part])[part]
        self._consumer.seek(part, self._first(part, begin, end))
        past: set[str] = set()
        while past < self._sources and self._consumer.position(part) < end:
            if time.monotonic() > self._until_s or len(self.posts) >= MOST_POSTS:
                return False
            for record in self._consumer.poll(timeout_ms=_POLL_MS).get(part, ()):
                stretch = _stretch(record)
                if stretch is None:
                    continue
                if stretch.after_ms > self._about.end_ms:
                    past.add(stretch.source)
                elif stretch.until_ms >= self._about.start_ms and record.value:
                    self._take(record.value)
        return True

    def _take(self, value: bytes) -> None:
        try:
            ticks = _ticks.decode(value)
        except (msgspec.DecodeError, RecursionError):  # a stranger's
            return
        for _, signals in ticks:
            for post in self._about.posts(signals) if signals is not None else ():
                key = post.account, post.id
                known = self.posts.get(key)
                if known is None or (known.kind is None and post.kind is not None):
                    self.posts[key] = post

    def _first(self, part: TopicPartition, begin: int, end: int) -> int:
        """The first offset whose record reaches the window, by halving."""
        while begin < end and time.monotonic() < self._until_s:
            middle = (begin + end) // 2
            stretch = self._at(part, middle)
            if stretch is not None and stretch.until_ms < self._about.start_ms:
                begin = middle + 1
            else:
                end = middle
        return begin

    def _at(self, part: TopicPartition, offset: int) -> Stretch | None:
        """The stretch of the record at an offset, or of the next one that there is."""
        self._consumer.seek(part, offset)
        while time.monotonic() < self._until_s:
            records = self._consumer.poll(timeout_ms=_POLL_MS, max_records=1).get(part, ())
            if records:
                return _stretch(records[0])
        return None


def _stretch(record: Any) -> Stretch | None:
    try:
        return decode_headers(record.headers)
    except Rejection:
        return None
