"""What every task takes in, and what becomes of a record that cannot be read."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec
import orjson

from detectors.events import Rejection
from streams.kafka.frames import Foreign
from streams.kafka.stretches import Inbox, Output, decode_headers

_SHOWN_BYTES = 64 * 1024
_Payload = TypeVar("_Payload")


class Record(NamedTuple):
    """One record as it came from the broker."""

    topic: str
    """Without the prefix."""
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Foreign
    time_ms: int
    """When the broker or its writer stamped it, wall clock."""


def dead_letter(record: Record, reason: str, detail: str) -> Output:
    """What is kept of a record that nothing can be done with."""
    letter = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "reason": reason,
        "detail": detail,
        "length": len(record.value),
        "blake2b": hashlib.blake2b(record.value, digest_size=16).hexdigest(),
        "first_bytes": base64.b64encode(record.value[:_SHOWN_BYTES]).decode(),
    }
    key = f"{record.topic}/{record.partition}/{record.offset}".encode()
    return Output("dead-letters", 0, orjson.dumps(letter), [("content-type", b"application/json")], key)


def taken(
    record: Record, inbox: Inbox[_Payload], decoder: msgspec.msgpack.Decoder[list[tuple[int, _Payload]]]
) -> Iterator[Output]:
    """Put what a record says into the inbox; what cannot be read is a dead letter."""
    inbox.whole = inbox.whole or record.offset == 0
    try:
        stretch = decode_headers(record.headers)
        inbox.take(stretch, decoder.decode(record.value) if record.value else [])
    except Rejection as refused:
        yield dead_letter(record, refused.reason, refused.detail)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        yield dead_letter(record, "bad_record", str(problem))


def names(stage: str, partitions: int) -> list[str]:
    """The tasks of a stage.

    >>> names("pairs", 2)
    ['pairs.0', 'pairs.1']
    """
    return [f"{stage}.{partition}" for partition in range(partitions)]
