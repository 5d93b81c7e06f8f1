"""How far an earlier run of a producer came: its newest frame in each partition of `posts`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from detectors.events import Rejection
from streams.kafka import clients
from streams.kafka.frames import Frame, decode_headers
from streams.kafka.settings import KafkaSettings
from streams.sources.opening import InputError

LOOK_BACK = (20, 1000)
"""Records of each partition looked at from the end: few first, more if our name is not among them."""
_PATIENCE_S = 60.0

Earlier = dict[int, Frame]
"""The newest frame of a producer, by partition."""


def generation(name: str, number: int) -> str:
    """The name under which a source is sent for the n-th time.

    >>> generation("night-1f", 1), generation("night-1f", 2)
    ('night-1f', 'night-1f~2')
    """
    return name if number == 1 else f"{name}~{number}"


def newest(kafka: KafkaSettings, name: str) -> tuple[int, Earlier]:
    """How often a source was begun to be sent, and how far the newest time came.

    Returns
    -------
    tuple
        The number of the newest time, 0 if there was none, and its frames.

    Raises
    ------
    InputError
        When no broker answers.
    """
    pattern = re.compile(re.escape(name) + r"(?:~(\d{1,6}))?")
    consumer = clients.consumer(kafka, max_partition_fetch_bytes=4 * 1024 * 1024)
    found: dict[int, Earlier] = {}
    try:
        with clients.talking(kafka):
            parts = [
                clients.TopicPartition(clients.topic(kafka, "posts"), number)
                for number in range(kafka.partitions)
            ]
            ends, begins = consumer.end_offsets(parts), consumer.beginning_offsets(parts)
            for back in LOOK_BACK:
                starts = {part: max(begins[part], ends[part] - back) for part in parts}
                for partition, headers in _headers(consumer, starts, ends):
                    _note(found, pattern, partition, headers)
                if found and all(part.partition in found[max(found)] for part in parts):
                    break
    finally:
        consumer.close()
    return (max(found), found[max(found)]) if found else (0, {})


def _headers(
    consumer: Any, starts: dict[Any, int], ends: dict[Any, int]
) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """Partition and headers of the records from `starts` up to `ends`, in order within a partition."""
    wanted = [part for part in starts if starts[part] < ends[part]]
    consumer.assign(wanted)
    for part in wanted:
        consumer.seek(part, starts[part])
    deadline = time.monotonic() + _PATIENCE_S
    while behind := [part for part in wanted if consumer.position(part) < ends[part]]:
        if time.monotonic() > deadline:
            raise InputError(
                f"The end of {behind[0].topic} cannot be read within {_PATIENCE_S:.0f} seconds: "
                "check that all partitions have a leader."
            )
        for part, records in consumer.poll(timeout_ms=500).items():
            yield from ((part.partition, one.headers) for one in records if one.offset < ends[part])


def _note(
    found: dict[int, Earlier], pattern: re.Pattern[str], partition: int, headers: list[tuple[str, bytes]]
) -> None:
    try:
        frame = decode_headers(headers)
    except Rejection:
        return  # a broken frame is the reader's to count
    match = pattern.fullmatch(frame.producer) if frame is not None else None
    if frame is not None and match is not None:
        found.setdefault(int(match.group(1) or 1), {})[partition] = frame
