"""Posts a minute of one case, as far as its alerts allow: an estimate.

An alert says how many posts its group has and names a few of them. That number stands still while a finding
is not judged again, and then grows by all that came meanwhile. So what it grew by is spread over the minutes
in the shape of the posts that were named for the first time since it last changed, wherever they lie; where
none was, evenly over the time since then, or over the whole window if that begins earlier now. Until the
number changes, only named posts are counted.

So no minute has fewer posts than are named in it, and all minutes together have as many as the newest
revision. They have more where the number fell, since a window slid on, or where more posts are named than it
grew by: it is that of the case's largest finding, and the others name posts too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

MINUTE_MS = 60_000
SPARK_MINUTES = 60


class Hour(NamedTuple):
    """Posts in the minutes of an hour."""

    parts: tuple[int, ...] = (0,) * (1 + SPARK_MINUTES)
    """Those before the hour, then those of each minute."""
    end_ms: int = -1
    """A time in its last minute; -1 before anything is known."""

    @property
    def posts(self) -> int:
        """All of them."""
        return sum(self.parts)

    def until(self, end_ms: int) -> Hour:
        """The same posts in the hour that ends later."""
        passed = min(SPARK_MINUTES, end_ms // MINUTE_MS - self.end_ms // MINUTE_MS)
        before, stayed = self.parts[: passed + 1], self.parts[passed + 1 :]
        return Hour((sum(before), *stayed, *(0,) * passed), end_ms)

    def plus(self, came: Sequence[int]) -> Hour:
        """The hour with more posts."""
        return self._replace(parts=tuple(map(sum, zip(self.parts, came, strict=True))))


class Minutes(NamedTuple):
    """The hour up to the end of a case's window.

    Examples
    --------
    Four posts in three minutes, of which two are named; then two more in two minutes, of which none is.

    >>> first = Minutes().grown(0, 179_999, 4, [5_000, 130_000])
    >>> first.counts[-3:]
    (2, 0, 2)
    >>> first.grown(0, 299_999, 6, []).counts[-5:]
    (2, 0, 2, 1, 1)
    """

    start_ms: int = -1
    """Where the window begins; -1 before the first revision."""
    total: int = 0
    """Posts that the newest revision counts."""
    settled: Hour = Hour()
    """The hour as it was when that number last changed."""
    named: Hour = Hour()
    """Posts that were named since."""

    @property
    def hour(self) -> Hour:
        """All posts up to the end of the window."""
        return self.settled.until(self.named.end_ms).plus(self.named.parts)

    @property
    def counts(self) -> tuple[int, ...]:
        """Posts in each minute of the hour."""
        return self.hour.parts[1:]

    def grown(self, start_ms: int, end_ms: int, total: int, named_ms: Iterable[int]) -> Minutes:
        """The hour with a newer revision.

        Parameters
        ----------
        start_ms, end_ms : int
            Its window.
        total : int
            Posts that it counts.
        named_ms : iterable of int
            When the posts were that it names as the first one.
        """
        end_ms = max(self.named.end_ms, end_ms)
        named = self.named.until(end_ms).plus(_by_minute(named_ms, end_ms))
        if total == self.total:
            return self._replace(named=named)
        came = max(total - self.total, named.posts)
        settled_ms = self.settled.end_ms
        since_ms = settled_ms + 1 if 0 <= self.start_ms <= start_ms and settled_ms < end_ms else start_ms
        shape = named.parts if named.posts else _evenly(since_ms, end_ms)
        hour = self.settled.until(end_ms).plus(_spread(came, shape))
        return Minutes(start_ms, total, hour, Hour(end_ms=end_ms))


def _by_minute(times_ms: Iterable[int], end_ms: int) -> list[int]:
    """How many there are before the hour, and in each of its minutes."""
    first = end_ms // MINUTE_MS - SPARK_MINUTES + 1
    places = Counter(min(SPARK_MINUTES, max(0, at_ms // MINUTE_MS - first + 1)) for at_ms in times_ms)
    return [places[place] for place in range(1 + SPARK_MINUTES)]


def _evenly(since_ms: int, end_ms: int) -> list[int]:
    """How many milliseconds of a stretch are before the hour, and in each of its minutes."""
    first = end_ms // MINUTE_MS - SPARK_MINUTES + 1
    minutes = ((first + place) * MINUTE_MS for place in range(SPARK_MINUTES))
    edges = [since_ms, *(max(since_ms, edge) for edge in minutes), end_ms + 1]
    return [after - before for before, after in pairwise(edges)]


def _spread(posts: int, shape: Sequence[int]) -> list[int]:
    """So many posts in the proportions of a shape, in whole posts.

    >>> _spread(5, [1, 0, 1]), _spread(3, [0, 3, 0])
    ([2, 0, 3], [0, 3, 0])
    """
    whole = sum(shape)
    edges = [posts * part // whole for part in accumulate(shape, initial=0)]
    return [after - before for before, after in pairwise(edges)]
