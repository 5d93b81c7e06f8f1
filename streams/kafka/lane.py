"""The way of a producer to one partition: lines wait for their frame, frames wait for the broker."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.kafka.frames import Headers


class Parcel(NamedTuple):
    """A frame that the broker is to take."""

    value: bytes
    headers: Headers
    first: int
    """Number of its first post; 0 where it holds none."""


@dataclass(slots=True)
class Lane:
    """What is on its way to one partition."""

    partition: int
    before: int = 0
    """Number of the last post that an earlier run accounted for here."""
    floor_ms: int = 0
    """Watermark that an earlier run told here."""
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    first: int = 0
    """Number of the first of the lines."""
    since: float = 0.0
    """When it came."""
    queue: deque[Parcel] = field(default_factory=deque)
    sent: Parcel | None = None
    """The one frame that was sent and that the broker has not taken yet."""
    going: Any = None
    """Its future."""
    cut_at: float = 0.0
    """When the last frame was cut."""
    closed: bool = False
    """The last frame is cut: after it even a sign of life would say that more is to come."""

    def unsafe(self) -> int:
        """Number of the first post that the broker has not confirmed; 0 where there is none."""
        for parcel in (self.sent, *self.queue):
            if parcel is not None and parcel.first:
                return parcel.first
        return self.first if self.lines else 0

    def waiting_bytes(self) -> int:
        """Bytes that the broker has not taken yet."""
        parcels = (parcel for parcel in (self.sent, *self.queue) if parcel is not None)
        return self.size + sum(len(parcel.value) for parcel in parcels)
