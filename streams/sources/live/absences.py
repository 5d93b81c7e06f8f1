"""One of several servers is missing while the others go on: what it has comes too late, or never.

Where there is one server, time stands still until it is back and has given what was missed. Of several, the
posts of the others move time on, and what the missing one gives when it is back is late as soon as it is
older than theirs by more than the grace. That is told while it goes on, so that alerts of that time say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from detectors.events import GapReason, Missing

LEAST_MS = 5_000
"""Shorter absences are passed over: connections are made anew all the time, and no window notices."""
EACH_MS = 60_000
"""An absence that goes on is told again when it is so much longer."""


class Absences:
    """Which servers were missing, and when.

    Parameters
    ----------
    grace_ms : int
        What comes back is in time if it is no older than the newest post of the others by this.

    Examples
    --------
    >>> absences = Absences(grace_ms=10_000)
    >>> behind, newest = {"a.example": 1_001_000}, {"a.example": 1_000_000, "b.example": 1_030_000}
    >>> [(where, one.start_ms, one.end_ms) for where, one in absences.now(behind, {}, newest)]
    [('a.example', 1001000, 1020000)]
    >>> newest["b.example"] = 1_040_000
    >>> list(absences.now(behind, {}, newest))  # it will be told once it is over
    []
    >>> [(where, one.start_ms, one.end_ms) for where, one in absences.now({}, {}, newest)]
    [('a.example', 1001000, 1030000)]
    """

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._running: dict[str, Missing] = {}
        """As far as they have come."""
        self._told: dict[str, Missing] = {}

    def now(
        self,
        behind: Mapping[str, int],
        away: Mapping[str, tuple[int, GapReason]],
        newest: Mapping[str, int],
    ) -> Iterator[tuple[str, Missing]]:
        """What is to be told by now, each with its server.

        Parameters
        ----------
        behind : mapping
            Servers that will give what is missed, each with the time up to which it was read.
        away : mapping
            Servers that will not, with the time since when, and why.
        newest : mapping
            Of each server the time of its newest post.
        """
        running: dict[str, Missing] = {}
        for where, since_ms in behind.items():
            end_ms = _newest_of_others(where, newest) - self._grace_ms
            running[where] = Missing(start_ms=since_ms, end_ms=end_ms, reason="late")
        for where, (since_ms, reason) in away.items():
            end_ms = _newest_of_others(where, newest)
            running[where] = Missing(start_ms=since_ms, end_ms=end_ms, reason=reason)
        for where, last in self._running.items():
            if where not in running or running[where].start_ms != last.start_ms:
                told = self._told.pop(where, None)
                if told is not None and told.end_ms < last.end_ms:
                    yield where, last
        self._running = {
            where: one for where, one in running.items() if one.end_ms - one.start_ms >= LEAST_MS
        }
        for where, one in self._running.items():
            told = self._told.get(where)
            if told is None or one.end_ms - told.end_ms >= EACH_MS:
                self._told[where] = one
                yield where, one


def _newest_of_others(where: str, newest: Mapping[str, int]) -> int:
    return max((time_ms for other, time_ms in newest.items() if other != where), default=0)
