"""Times at which the whole stream was silent: what happened then, nobody saw.

What it looks for
    Holes in what Vigie was given: a source that hung, a connection that was lost, hours that are missing in
    an archive. An alert names those that lie in its window, for what it counts was not counted there.

Definition
    Posts are counted by minutes of the clock. Let r be the lower decile of the last 30 full counts: nine in
    ten of these minutes had as many posts or more. Posts that come independently of each other, r a minute (a
    Poisson process), leave m minutes empty with probability exp(-r m). The time between two posts is a *gap*
    when m whole minutes in it are empty and

        r m >= 20

    which chance brings once in 500 million times. A silence that goes on is told as far as it has come. After
    a gap the counts begin anew.

Defaults, and why
    20 posts expected: for a full stream that is one empty minute, for one with some ten posts a minute (whose
    decile is 6) it is four, and chance makes none in years of watching. The decile, and not the mean or the
    median: real posts come in runs, debates end and night falls, and then the lowest counts are what the
    stream falls back to; and no burst moves it. 5 counts at the least, of which it is the lowest: less is no
    rate. Whole minutes, so that an archive with times by the minute has no more gaps than one with seconds.
    Anew after a gap, for if it was none (somebody's busy hour was over) it must not be told again and again.

What it misses
    Silences under two minutes, which may have no whole minute in them; any in a stream with so few posts that
    a tenth of its minutes are empty (about two a minute), and in the first five minutes and those after a
    gap. What fails slowly looks like a night, and a source that gives a tenth of its posts like a quiet hour:
    only the source could tell. Where several networks flow together, the others fill the silence of one: that
    too is for the sources to tell (`detectors.sources`).

What it does not prove
    Why there was nothing, nor that anything was lost: a network may have been down for everybody, the stream
    of one tag may have ended within minutes, and a few accounts that post by one clock fall silent together.

Examples
--------
>>> gaps = Gaps(tick_ms=5000)
>>> for tick in range(120 * 12):  # 36 posts a minute, and from minute 10 to 17 of each hour nothing
...     if not 10 <= tick // 12 % 60 < 17:
...         gaps.take(posts=3, tick_ms=(tick + 1) * 5000)
>>> [(gap.start_ms / 60_000, gap.end_ms / 60_000) for gap in gaps.within(0, 7_200_000)]
[(10.0, 17.0), (70.0, 77.0)]
>>> gaps.within(7_200_000, 7_320_000)  # and nothing has come since
(Gap(start_ms=7200000, end_ms=7320000, source=None, reason='silent'),)
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from detectors.events import GapReason
from detectors.state import Changes, Record, Saved, Sheet, refusing

MINUTE_MS = 60_000
UNLIKELY = 20
"""Posts expected in a silence from which it is a gap."""
MINUTES = 30
"""Counts from which the rate is taken."""
LEAST_MINUTES = 5
"""Counts under which there is no rate."""
KEPT = 20
"""Gaps that are remembered. Windows end at the present, so the newest are those asked for."""


class Gap(NamedTuple):
    """A time without posts: from the end of the last tick that had one to the beginning of the next.

    Or one of which a source says itself that it could not give all (`detectors.sources`).
    """

    start_ms: int
    end_ms: int
    source: str | None = None
    """Which source; None for a silence of the whole stream."""
    reason: GapReason = "silent"


class _Gaps(Record, tag="gaps"):
    """All that `Gaps` remembers."""

    last_ms: int
    running: int
    minutes: list[int]
    gaps: list[Gap]
    evicted: int


class Gaps:
    """Finds the gaps of a stream; see the module's text for the definition.

    Parameters
    ----------
    tick_ms : int
        Length of a tick.
    """

    def __init__(self, tick_ms: int) -> None:
        self.evicted = 0
        self._tick_ms = tick_ms
        self._last_ms = 0
        """End of the newest tick that had a post; 0 before the first."""
        self._running = 0
        """Posts so far in the minute of that tick."""
        self._minutes: deque[int] = deque(maxlen=MINUTES)
        """Posts of the full minutes before it, since the last gap."""
        self._gaps: deque[Gap] = deque(maxlen=KEPT)
        self._sheet = Sheet(_Gaps)

    def take(self, posts: int, tick_ms: int) -> None:
        """Count the posts of one tick; ticks come in order, and those without posts need not come."""
        if not posts:
            return
        start_ms = tick_ms - self._tick_ms
        if self._last_ms:
            self._pass_to(start_ms)
        self._last_ms = tick_ms
        self._running += posts

    def within(self, start_ms: int, end_ms: int) -> tuple[Gap, ...]:
        """The gaps that overlap a window, in order, also one that goes on at its end; the newest 20."""
        gaps = [gap for gap in self._gaps if gap.start_ms < end_ms and start_ms < gap.end_ms]
        if start_ms < end_ms and self._is_gap(end_ms):
            gaps.append(Gap(self._last_ms, end_ms))
        return tuple(gaps[-KEPT:])

    def _pass_to(self, start_ms: int) -> None:
        """Close the minute that ran if another one runs by now, and the silence between the two."""
        minutes = start_ms // MINUTE_MS - self._minute()
        if not minutes:
            return
        if self._is_gap(start_ms):
            self.evicted += len(self._gaps) == KEPT
            self._gaps.append(Gap(self._last_ms, start_ms))
            self._minutes.clear()
        else:
            self._minutes.append(self._running)
            self._minutes.extend([0] * min(minutes - 1, MINUTES))
        self._running = 0

    def _is_gap(self, until_ms: int) -> bool:
        """Whether the silence since the newest post, up to a time, is one that chance does not bring."""
        empty = until_ms // MINUTE_MS - self._minute() - 1
        return empty > 0 and self._rate() * empty >= UNLIKELY

    def _minute(self) -> int:
        """The minute of the clock in which the newest tick with a post began."""
        return (self._last_ms - self._tick_ms) // MINUTE_MS

    def _rate(self) -> int:
        """Posts that nine in ten of the minutes before the one that runs had at least."""
        counts = sorted(self._minutes)
        return counts[len(counts) // 10] if len(counts) >= LEAST_MINUTES else 0

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """Nothing to be noted: its one record is small."""

    def changes(self, everything: bool = False) -> Changes:
        """The record, if it changed since the last call; see `detectors.state`."""
        record = _Gaps(self._last_ms, self._running, list(self._minutes), list(self._gaps), self.evicted)
        return self._sheet.told(record, everything)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        one = self._sheet.read(saved)
        if one is not None:
            self._last_ms, self._running, self.evicted = one.last_ms, one.running, one.evicted
            self._minutes.extend(one.minutes)
            self._gaps.extend(one.gaps)
