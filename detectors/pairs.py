"""Pairs of accounts that share objects again and again.

One shared object is a coincidence or a taste; the same two accounts sharing several *distinct* rare objects,
each within a short time, is repetition, and repetition is what separates an operation from a crowd
(absolute counts, not quantiles: a quantile always returns something, on innocent data too).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Tie(NamedTuple):
    """Two accounts that shared one object; sent once per pair and object."""

    one: str
    other: str
    time_ms: int


class Pairs:
    """Counts distinct shared objects of each pair over a sliding window; bounded.

    Parameters
    ----------
    window_ms : int
        How long a tie counts.
    min_objects : int
        Distinct shared objects from which a pair counts as repeated.
    max_pairs : int
        Bound on pairs held. Pairs with one shared object go first, oldest first.

    Examples
    --------
    >>> pairs = Pairs(window_ms=1000, min_objects=2, max_pairs=10)
    >>> pairs.add([Tie("a", "b", 0)])
    >>> pairs.repetition(["a", "b", "c"], 0)
    (0, 0)
    >>> pairs.add([Tie("b", "a", 10)])
    >>> pairs.repetition(["a", "b", "c"], 10)
    (2, 2)
    """

    def __init__(self, *, window_ms: int, min_objects: int, max_pairs: int) -> None:
        self._window_ms = window_ms
        self._min_objects = min_objects
        self._max_pairs = max_pairs
        self._once: dict[tuple[str, str], int] = {}
        self._again: dict[str, dict[str, list[int]]] = {}
        self._again_pairs = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._once) + self._again_pairs

    def add(self, ties: Iterable[Tie]) -> None:
        """Count ties. Each must be of an object that the pair has not shared before."""
        for one, other, time_ms in ties:
            first, second = (one, other) if one < other else (other, one)
            times = self._again.get(first, {}).get(second)
            if times is not None:
                times.append(time_ms)
                del times[:-16]
                continue
            before = self._once.pop((first, second), None)
            if before is None or time_ms - before > self._window_ms:
                self._once[first, second] = time_ms
            else:
                shared = [before, time_ms]
                self._again.setdefault(first, {})[second] = shared
                self._again.setdefault(second, {})[first] = shared
                self._again_pairs += 1
        while len(self) > self._max_pairs:
            self._evict()

    def expire(self, now_ms: int) -> None:
        """Forget what lies before the window."""
        limit = now_ms - self._window_ms
        old = []
        for pair, time_ms in self._once.items():
            if time_ms >= limit:
                break
            old.append(pair)
        for pair in old:
            del self._once[pair]
        for one in list(self._again):
            partners = self._again.get(one, {})
            for other in [b for b, times in partners.items() if times[-1] < limit]:
                self._drop(one, other)

    def repetition(self, accounts: Iterable[str], now_ms: int) -> tuple[int, int]:
        """How a group's accounts are tied among themselves by repeated sharing.

        Returns
        -------
        (linked, most)
            Accounts of the group with at least one repeated partner in it, and the largest number of
            objects that a pair of the group shared.
        """
        group = set(accounts)
        limit = now_ms - self._window_ms
        linked = most = 0
        for one in group:
            best = 0
            for other, times in self._again.get(one, {}).items():
                if other in group:
                    best = max(best, sum(1 for time_ms in times if time_ms >= limit))
            if best >= self._min_objects:
                linked += 1
            most = max(most, best)
        return linked, most if most >= self._min_objects else 0

    def _evict(self) -> None:
        self.evicted += 1
        if self._once:
            del self._once[next(iter(self._once))]
        else:
            one = next(iter(self._again))
            self._drop(one, next(iter(self._again[one])))

    def _drop(self, one: str, other: str) -> None:
        for first, second in ((one, other), (other, one)):
            partners = self._again.get(first)
            if partners is not None and partners.pop(second, None) is not None and not partners:
                del self._again[first]
        self._again_pairs -= 1
