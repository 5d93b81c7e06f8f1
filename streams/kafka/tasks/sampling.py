"""How much of the stream was judged, for the coverage that every alert states."""

from __future__ import annotations

from collections.abc import Iterator

_HOUR_MINUTES = 60


class Sampling:
    """Of what came in the last hour of event time, how much was judged, and how much was shed.

    >>> sampling = Sampling()
    >>> sampling.add(60_000, posts=90, shed=0), sampling.share(60_000)
    (None, None)
    >>> sampling.add(65_000, posts=0, shed=10), sampling.share(65_000)
    (None, 0.9)
    >>> sampling.share(65_000 + 3_600_000)
    """

    def __init__(self, minutes: dict[int, tuple[int, int]] | None = None) -> None:
        self.minutes = minutes or {}

    def add(self, tick_ms: int, *, posts: int, shed: int) -> None:
        """Count one tick; what lies an hour before it is forgotten."""
        minute = tick_ms // 60_000
        if minute not in self.minutes:
            self.minutes = dict(self._since(minute))
        before = self.minutes.get(minute, (0, 0))
        self.minutes[minute] = (before[0] + posts, before[1] + shed)

    def share(self, at_ms: int) -> float | None:
        """Share of the posts that were judged; None if nothing was shed."""
        counted = [one for _, one in self._since(at_ms // 60_000)]
        posts, shed = sum(one[0] for one in counted), sum(one[1] for one in counted)
        return round(posts / (posts + shed), 4) if shed else None

    def _since(self, minute: int) -> Iterator[tuple[int, tuple[int, int]]]:
        return ((one, counted) for one, counted in self.minutes.items() if one > minute - _HOUR_MINUTES)
