"""The PAIRS stage as a task: ties in, those of pairs that repeat out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from detectors.pairs import Pairs, Tie
from detectors.state import Changes, Saved, merged, pack, unpack
from streams.embedded import Settings
from streams.kafka.stretches import Inbox, Output, Teller
from streams.kafka.tasks.records import Record, names, taken

_ticks = msgspec.msgpack.Decoder(list[tuple[int, list[Tie] | None]])


class PairsTask:
    """The PAIRS stage over one partition of `ties`."""

    stage = "pairs"

    def __init__(self, partition: int, settings: Settings) -> None:
        self.inbox: Inbox[list[Tie] | None] = Inbox(
            names("subjects", settings.kafka.partitions), list[Tie] | None
        )
        self.pairs = Pairs(settings.pairs)
        self._repeated = Teller(f"pairs.{partition}", "findings", 1)

    @property
    def time_ms(self) -> int:
        """Up to here all was counted."""
        return self.inbox.time_ms

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of ties."""
        yield from taken(record, self.inbox, _ticks)
        yield from self._advance()

    def _advance(self) -> Iterator[Output]:
        """Count the ticks that are complete by now."""
        ticks: list[tuple[int, list[Any]]] = []
        for tick_ms, told in self.inbox.ready():
            parts = [ties for ties in told.values() if ties is not None]
            repeated = self.pairs.take([tie for ties in parts for tie in ties], tick_ms) if parts else None
            ticks.append((tick_ms, [repeated]))
        if self.inbox.time_ms != self._repeated.told_ms:
            yield from self._tell(ticks)

    def heartbeat(self) -> Iterator[Output]:
        """Say up to where all is told, again."""
        yield from self._advance()
        yield from self._tell([])

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.inbox]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {"pairs": self.pairs}

    def _tell(self, ticks: list[tuple[int, list[Any]]]) -> Iterator[Output]:
        yield from self._repeated.tell(self.inbox.time_ms, ticks, strangers=bool(self.inbox.strangers))

    def track(self) -> None:
        """From now on, note what changes."""
        self.pairs.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        return merged(
            {"task": {"": pack(self._repeated.told_ms)}},
            self.inbox.changes(everything=everything),
            self.pairs.changes(everything=everything),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        self._repeated.told_ms = unpack(saved["task"][""], int | None)
        self.inbox.restore(saved)
        self.pairs.restore(saved)
