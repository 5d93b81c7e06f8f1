"""The SUBJECTS stage as a task: signals in, findings and ties out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import msgspec

from detectors.batches import Signals, merge
from detectors.pairs import Tie
from detectors.state import Changes, Saved, merged, pack, unpack
from detectors.subjects import Subjects
from streams.embedded import Settings
from streams.kafka.stretches import Inbox, Output, Teller
from streams.kafka.tasks.records import Record, names, taken

_ticks = msgspec.msgpack.Decoder(list[tuple[int, Signals | None]])


class SubjectsTask:
    """The SUBJECTS stage over one partition of `signals`: the first has the texts, the others the rest."""

    stage = "subjects"

    def __init__(self, partition: int, settings: Settings) -> None:
        self._partitions = settings.kafka.partitions
        self.inbox: Inbox[Signals | None] = Inbox(names("accounts", self._partitions), Signals | None)
        self.subjects = Subjects(settings, partition, self._partitions)
        source = f"subjects.{partition}"
        self._findings = Teller(source, "findings", 1)
        self._ties = Teller(source, "ties", self._partitions)

    @property
    def time_ms(self) -> int:
        """Up to here all was judged."""
        return self.inbox.time_ms

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of signals."""
        yield from taken(record, self.inbox, _ticks)
        yield from self._advance()

    def _advance(self) -> Iterator[Output]:
        """Judge the ticks that are complete by now."""
        findings: list[tuple[int, list[Any]]] = []
        ties: list[tuple[int, list[Any]]] = []
        for tick_ms, told in self.inbox.ready():
            parts = [signals for signals in told.values() if signals is not None]
            if parts:
                found, tied = self.subjects.take(merge(parts))
                ties.append((tick_ms, _spread_ties(tied, self._partitions)))
            else:  # the end of the input
                found = self.subjects.finish()
                ties.append((tick_ms, [None] * self._partitions))
            findings.append((tick_ms, [found]))
        if self.inbox.time_ms != self._findings.told_ms:
            yield from self._tell(findings, ties)

    def heartbeat(self) -> Iterator[Output]:
        """Say up to where all is told, again."""
        yield from self._advance()
        yield from self._tell([], [])

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.inbox]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return self.subjects.stores()

    def _tell(
        self, findings: list[tuple[int, list[Any]]], ties: list[tuple[int, list[Any]]]
    ) -> Iterator[Output]:
        until, strangers = self.inbox.time_ms, bool(self.inbox.strangers)
        yield from self._findings.tell(until, findings, strangers=strangers)
        yield from self._ties.tell(until, ties, strangers=strangers)

    def track(self) -> None:
        """From now on, note what changes."""
        self.subjects.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        return merged(
            {"task": {"": pack(self._findings.told_ms)}},
            self.inbox.changes(everything=everything),
            self.subjects.changes(everything=everything),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        self._findings.told_ms = self._ties.told_ms = unpack(saved["task"][""], int | None)
        self.inbox.restore(saved)
        self.subjects.restore(saved)


def _spread_ties(ties: Iterable[Tie], partitions: int) -> list[list[Tie]]:
    parts: list[list[Tie]] = [[] for _ in range(partitions)]
    for tie in ties:
        pair = f"{tie.one}\x1f{tie.other}"
        parts[crc32(pair.encode("utf-8", "surrogatepass")) % partitions].append(tie)
    return parts
