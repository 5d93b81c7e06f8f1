"""What the sources say of themselves: times that they could not give, and what chooses their posts.

A silence of the whole stream shows by itself (`detectors.gaps`). That one of several sources is missing, that
a network offers no more what was missed, or that its posts were chosen by a rule, only those know who talk to
the network. They say it in the stream itself, as events among the posts, so that it is known wherever the
posts are judged, and again when they are played again.

A gap that goes on is told again and again, each time further; the furthest counts. Of what chooses the posts
of a source the newest counts.

Examples
--------
>>> sources = Sources()
>>> for end_ms in (60_000, 120_000):
...     missing = Missing(start_ms=30_000, end_ms=end_ms, reason="late")
...     sources.take([Change(platform="mastodon", time_ms=end_ms, event="gap", source="a.example",
...                          missing=missing)])
>>> sources.within(0, 300_000)
[Gap(start_ms=30000, end_ms=120000, source='a.example', reason='late')]
>>> sources.take([Change(platform="x", time_ms=1, event="filter", source="x",
...                      chosen=Chosen(filter="#debate lang:fr"))])
>>> sources.chosen()
Chosen(filter='#debate lang:fr', sampling=None)
"""

from __future__ import annotations

from collections.abc import Iterable

from detectors.events import Change, Chosen, Missing
from detectors.gaps import Gap
from detectors.state import Changes, Record, Saved, Sheet, refusing
from detectors.windows import canonical_order

KEPT_GAPS = 100
"""Gaps that are remembered. Windows end at the present, so those that ended first go first."""
KEPT_FILTERS = 100
"""Sources whose filter is remembered; those that spoke least lately go first."""

_Place = tuple[str, str, int]
"""Platform, source and beginning: what tells a gap from any other."""
_Name = tuple[str, str]


class _Sources(Record, tag="sources"):
    """All that `Sources` remembers."""

    gaps: list[tuple[_Place, Missing]]
    chosen: list[tuple[_Name, Chosen]]
    evicted: int


class Sources:
    """Remembers what sources said of themselves; see the module's text."""

    def __init__(self) -> None:
        self.evicted = 0
        self._gaps: dict[_Place, Missing] = {}
        """By their ends, as far as they are known."""
        self._chosen: dict[_Name, Chosen] = {}
        self._sheet = Sheet(_Sources)

    def take(self, told: Iterable[Change]) -> None:
        """Take in what was told in one tick, in any order; ticks come in order."""
        for change in sorted(told, key=canonical_order):
            source = change.platform, change.source or ""
            if change.missing is not None:
                self._note((*source, change.missing.start_ms), change.missing)
            elif change.chosen is not None:
                self._chosen.pop(source, None)
                self._chosen[source] = change.chosen
        while len(self._gaps) > KEPT_GAPS:
            del self._gaps[next(iter(self._gaps))]
            self.evicted += 1
        while len(self._chosen) > KEPT_FILTERS:
            del self._chosen[next(iter(self._chosen))]
            self.evicted += 1

    def _note(self, place: _Place, missing: Missing) -> None:
        before = self._gaps.get(place)
        if before is None or before.end_ms < missing.end_ms:
            self._gaps[place] = missing
            self._gaps = dict(sorted(self._gaps.items(), key=lambda one: (one[1].end_ms, one[0])))

    def within(self, start_ms: int, end_ms: int) -> list[Gap]:
        """The gaps that overlap a window, by their ends."""
        return [
            Gap(one.start_ms, one.end_ms, source, one.reason)
            for (_, source, _), one in self._gaps.items()
            if one.start_ms < end_ms and start_ms < one.end_ms
        ]

    def chosen(self) -> Chosen:
        """What chooses the posts of all sources together.

        Several filters are given one after the other. What several samples make of the whole is not known:
        the smallest share is given.
        """
        filters = {name: one.filter for name, one in sorted(self._chosen.items()) if one.filter is not None}
        shares = [one.sampling for one in self._chosen.values() if one.sampling is not None]
        return Chosen(
            filter="; ".join(dict.fromkeys(filters.values())) or None,
            sampling=min(shares) if shares else None,
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """Nothing to be noted: its one record is small."""

    def changes(self, everything: bool = False) -> Changes:
        """The record, if it changed since the last call; see `detectors.state`."""
        record = _Sources(list(self._gaps.items()), list(self._chosen.items()), self.evicted)
        return self._sheet.told(record, everything)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        one = self._sheet.read(saved)
        if one is not None:
            self._gaps, self._chosen, self.evicted = dict(one.gaps), dict(one.chosen), one.evicted
