"""What the CASES task says of every finding that it judges, alerted or not, in the topic `judged`.

A record says up to when all is judged, and holds judgements, with as much of each as a store keeps. A worker
that goes back says the same again: who reads knows a judgement by its finding and its tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from detectors.case import Judged
from detectors.state import pack, unpack
from streams.stores.rows import SHOWN_POSTS

_FULL_BYTES = 512 * 1024
"""So long a record may become, if it is not of one judgement alone."""


class Told(NamedTuple):
    """One record."""

    until_ms: int
    """Up to here all is judged and told; 0 where the next record tells more of the same."""
    judged: list[Judged]


def encode(until_ms: int, judged: Iterable[Judged]) -> Iterator[bytes]:
    """The values of the records that tell some judgements, or that there were none.

    >>> [decode(value) for value in encode(5000, [])]
    [Told(until_ms=5000, judged=[])]
    """
    record: list[msgspec.Raw] = []
    length = 0
    for one in judged:
        packed = pack(_as_kept(one))
        if record and length + len(packed) > _FULL_BYTES:
            yield pack((0, record))
            record, length = [], 0
        record.append(msgspec.Raw(packed))
        length += len(packed)
    yield pack((until_ms, record))


def _as_kept(one: Judged) -> Judged:
    """A judgement without what no store keeps of it. Its finding came in a record, so one can hold it."""
    finding = msgspec.structs.replace(one.finding, posts=one.finding.posts[:SHOWN_POSTS], edges=())
    return one._replace(finding=finding)


def decode(value: bytes) -> Told:
    """What a record says.

    Raises
    ------
    StateError
        When it is none.
    """
    return unpack(value, Told)
