"""The ticks of the topic `signals`, each whole: what all ACCOUNTS tasks told of it in all partitions.

How far it came is one time and an offset a partition, and nothing else need be kept: up to that time all is
handed on, and the record at each offset is the first that says more. Who begins there again is told all of
the rest, and drops what it knows.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from detectors.batches import Signals
from detectors.events import Rejection
from streams.kafka.frames import Foreign
from streams.kafka.stretches import Inbox, decode_headers
from streams.kafka.tasks.records import names

_ticks = msgspec.msgpack.Decoder(list[tuple[int, Signals | None]])


class Whole(NamedTuple):
    """One tick, as all tasks told it."""

    tick_ms: int
    parts: list[Signals]
    """Of every partition and task that had something to tell."""
    posts: int
    """Of the whole stream, those that share nothing included."""
    listed: int
    """Of these, by accounts that the room's lists hold to push."""


class Gathering:
    """Puts the partitions together.

    Parameters
    ----------
    partitions : int
    written_ms : int
        Up to here all ticks were handed on before; 0 for none.
    goes_on : bool
        Whether the records that are given begin where those before ended. If not, ticks are handed on from
        the first that all tasks tell in all partitions.
    """

    def __init__(self, partitions: int, written_ms: int = 0, *, goes_on: bool = False) -> None:
        sources = names("accounts", partitions)
        self._inboxes: list[Inbox[Signals | None]] = [
            Inbox(sources, Signals | None) for _ in range(partitions)
        ]
        for inbox in self._inboxes:
            inbox.time_ms = written_ms
            if goes_on:
                inbox.heard = dict.fromkeys(sources, written_ms)
        self.written_ms = written_ms
        """Up to here all ticks were handed on."""
        self.begin_ms: int | None = written_ms if goes_on else None
        """Ticks up to here were not handed on, for want of some task's part; None before that is known."""
        self._begins: dict[tuple[int, str], int] = {}
        """Where each task began to tell each partition, of those that are known by now."""
        self._read: list[deque[tuple[int, int]]] = [deque() for _ in range(partitions)]
        """For each partition the offsets of records that may be needed again, and until when they tell."""
        self._next = [0] * partitions

    def take(self, partition: int, offset: int, value: bytes, headers: Foreign) -> bool:
        """Take in one record; whether it can be read."""
        self._next[partition] = offset + 1
        try:
            stretch = decode_headers(headers)
            inbox = self._inboxes[partition]
            told = inbox.take(stretch, _ticks.decode(value) if value else [])
        except (Rejection, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if told:
            self._begins.setdefault((partition, stretch.source), stretch.after_ms)
        self._read[partition].append((offset, stretch.until_ms))
        return True

    def ready(self) -> list[Whole]:
        """The ticks that are whole by now and were not handed on, oldest first."""
        limit_ms = min(inbox.complete_ms() for inbox in self._inboxes)
        if limit_ms <= self.written_ms:
            return []
        if self.begin_ms is None:
            self.begin_ms = max(self.written_ms, *self._begins.values())
        of_partition = [dict(inbox.ready(limit_ms)) for inbox in self._inboxes]
        self.written_ms = limit_ms
        ticks = sorted(set().union(*of_partition))
        found = [_whole(tick_ms, of_partition) for tick_ms in ticks if tick_ms > self.begin_ms]
        return [one for one in found if one.parts]  # else it only says that the input has ended

    def offsets(self) -> list[int]:
        """For each partition from where it is to be read again by who goes on from `written_ms`."""
        for read in self._read:
            while read and read[0][1] <= self.written_ms:
                read.popleft()
        return [
            read[0][0] if read else following for read, following in zip(self._read, self._next, strict=True)
        ]

    def seek(self, offsets: list[int]) -> None:
        """Note from where each partition is read."""
        self._next = list(offsets)

    def note_idle(self, now_ms: int, idle_ms: int) -> None:
        """Note which tasks have not moved for so long, see `Inbox`."""
        for inbox in self._inboxes:
            inbox.note_idle(now_ms, idle_ms)

    @property
    def heard_ms(self) -> int:
        """Event time of the newest that any task has told."""
        return max(heard or 0 for inbox in self._inboxes for heard in inbox.heard.values())


def _whole(tick_ms: int, of_partition: list[dict[int, dict[str, Signals | None]]]) -> Whole:
    told = [[one for one in ticks.get(tick_ms, {}).values() if one is not None] for ticks in of_partition]
    return Whole(
        tick_ms,
        [one for parts in told for one in parts],
        # The same in all partitions, hence those of the first.
        sum(one.posts for one in told[0]),
        sum(one.listed for one in told[0]),
    )
