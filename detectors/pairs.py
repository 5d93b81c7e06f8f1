"""Pairs of accounts that share objects again and again.

One shared object is a coincidence or a taste; the same two accounts sharing several *distinct* rare objects,
each within a short time, is repetition, and repetition is what separates an operation from a crowd
(absolute counts, not quantiles: a quantile always returns something, on innocent data too).

`Pairs` counts, one pair by itself, so it can be spread over any number of partitions; it passes on the few
pairs that repeat. `Repetition` holds these and answers for whole groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import msgspec

from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

HOUR_MS = 3_600_000
_TIMES = 16
"""Shared objects of one pair of which the time is kept; the oldest go first."""


class PairSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of repeated sharing by pairs of accounts."""

    window_hours: int = 24
    min_objects: int = 2
    max_pairs: int = 1_000_000


class Tie(NamedTuple):
    """Two accounts that shared one object; sent once per pair and object."""

    one: str
    other: str
    time_ms: int


Pair = tuple[str, str]


class _Pair(Record, tag="pairs"):
    """When two accounts last shared something, and whether it was the second thing or a later one."""

    time_ms: int
    again: bool


class _PairsHead(Record, tag="pairs_head"):
    """What the stage counts, and the minute of its last look at what is too old."""

    evicted: int
    minute: int


class _Repeated(Record, tag="repetition"):
    """When two accounts shared something."""

    times: list[int]


class _RepetitionHead(Record, tag="repetition_head"):
    """The minute of the last look at what is too old."""

    minute: int


def _pair_key(pair: Pair) -> str:
    # Ids may hold any character, so no separator tells where the first one ends; its length does.
    return f"{len(pair[0])}.{pair[0]}{pair[1]}"


def _pair_of(key: str) -> Pair:
    length, _, both = key.partition(".")
    pair = both[: int(length)], both[int(length) :]
    if _pair_key(pair) != key:
        raise StateError("a key is none of a pair of accounts")
    return pair


class Pairs:
    """The PAIRS stage: counts distinct shared objects of each pair over a sliding window; bounded.

    Examples
    --------
    >>> pairs = Pairs()
    >>> pairs.take([Tie("a", "b", 0)], 0)
    []
    >>> pairs.take([Tie("b", "a", 10)], 10)
    [Tie(one='a', other='b', time_ms=0), Tie(one='a', other='b', time_ms=10)]
    >>> pairs.take([Tie("a", "b", 20)], 20)
    [Tie(one='a', other='b', time_ms=20)]
    """

    def __init__(self, settings: PairSettings | None = None) -> None:
        self.settings = settings or PairSettings()
        self._window_ms = self.settings.window_hours * HOUR_MS
        self._once: dict[tuple[str, str], int] = {}
        self._again: dict[tuple[str, str], int] = {}
        """Newest time of each pair that shared two objects or more."""
        self._minute = 0
        self.evicted = 0
        self._changed: Noted[Pair] = Noted()
        self._table, self._head = Table(_Pair), Sheet(_PairsHead)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def take(self, ties: Iterable[Tie], tick_ms: int) -> list[Tie]:
        """Count the ties of one tick; return those of pairs that share several objects by now.

        Each tie must be of an object that the pair has not shared before.
        """
        repeated: list[Tie] = []
        # By time, so that those that wait for a second object stand in order of time, also after a restart.
        ordered = sorted((at, min(one, other), max(one, other)) for one, other, at in ties)
        for time_ms, one, other in ordered:
            pair = (one, other)
            self._changed.add(pair)
            if pair in self._again:
                self._again[pair] = max(time_ms, self._again[pair])
                repeated.append(Tie(one, other, time_ms))
                continue
            before = self._once.pop(pair, None)
            if before is None or time_ms - before > self._window_ms:
                self._once[pair] = time_ms
            else:
                self._again[pair] = max(before, time_ms)
                repeated += (Tie(one, other, before), Tie(one, other, time_ms))
        if tick_ms // 60_000 != self._minute:
            self._minute = tick_ms // 60_000
            self._expire(tick_ms - self._window_ms)
        while len(self) > self.settings.max_pairs:
            self.evicted += 1
            store = self._once or self._again
            pair = next(iter(store))
            del store[pair]
            self._changed.add(pair)
        return repeated

    def _expire(self, limit_ms: int) -> None:
        """Forget what lies before the window."""
        old = []
        for pair, time_ms in self._once.items():
            if time_ms >= limit_ms:
                break
            old.append(pair)
        for pair in old:
            del self._once[pair]
        self._changed.update(old)
        old = [pair for pair, newest in self._again.items() if newest < limit_ms]
        for pair in old:
            del self._again[pair]
        self._changed.update(old)

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        pairs = self._changed.take(chain(self._once, self._again), everything)
        return merged(
            self._head.told(_PairsHead(self.evicted, self._minute), everything),
            self._table.told({_pair_key(pair): self._packed(pair) for pair in pairs}),
        )

    def _packed(self, pair: Pair) -> _Pair | None:
        again = pair in self._again
        time_ms = (self._again if again else self._once).get(pair)
        return None if time_ms is None else _Pair(time_ms, again)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._minute = head.evicted, head.minute
        pairs = ((one.time_ms, _pair_of(key), one.again) for key, one in self._table.read(saved))
        for time_ms, pair, again in sorted(pairs):
            (self._again if again else self._once)[pair] = time_ms


class Repetition:
    """The pairs that share objects again and again, as a graph to ask about groups.

    Examples
    --------
    >>> graph = Repetition()
    >>> graph.take([Tie("a", "b", 0), Tie("a", "b", 10)], 10)
    >>> graph.among(["a", "b", "c"], 10)
    (2, 2)
    """

    def __init__(self, settings: PairSettings | None = None) -> None:
        self.settings = settings or PairSettings()
        self._window_ms = self.settings.window_hours * HOUR_MS
        self._partners: dict[str, dict[str, list[int]]] = {}
        self._minute = 0
        self._changed: Noted[Pair] = Noted()
        self._table, self._head = Table(_Repeated), Sheet(_RepetitionHead)

    def take(self, ties: Iterable[Tie], tick_ms: int) -> None:
        """Take in the repeated ties of one tick."""
        for one, other, time_ms in sorted(ties):
            times = self._partners.get(one, {}).get(other)
            if times is None:
                times = []
                self._partners.setdefault(one, {})[other] = times
                self._partners.setdefault(other, {})[one] = times
            times.append(time_ms)
            del times[:-_TIMES]
            self._changed.add((one, other) if one < other else (other, one))
        if tick_ms // 60_000 != self._minute:
            self._minute = tick_ms // 60_000
            self._expire(tick_ms - self._window_ms)

    def among(self, accounts: Iterable[str], now_ms: int) -> tuple[int, int]:
        """How a group's accounts are tied among themselves by repeated sharing.

        Returns
        -------
        (linked, most)
            Accounts of the group with at least one repeated partner in it, and the largest number of
            objects that a pair of the group shared.
        """
        group = set(accounts)
        limit = now_ms - self._window_ms
        least = self.settings.min_objects
        linked = most = 0
        for one in group:
            best = 0
            for other, times in self._partners.get(one, {}).items():
                if other in group:
                    best = max(best, sum(1 for time_ms in times if time_ms >= limit))
            linked += best >= least
            most = max(most, best)
        return linked, most if most >= least else 0

    def _expire(self, limit_ms: int) -> None:
        for one in list(self._partners):
            partners = self._partners[one]
            for other in [name for name, times in partners.items() if max(times) < limit_ms]:
                del partners[other]
                self._changed.add((one, other) if one < other else (other, one))
            if not partners:
                del self._partners[one]

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        held = ((one, other) for one, partners in self._partners.items() for other in partners if one < other)
        pairs = self._changed.take(held, everything)
        return merged(
            self._head.told(_RepetitionHead(self._minute), everything),
            self._table.told({_pair_key(pair): self._packed(*pair) for pair in pairs}),
        )

    def _packed(self, one: str, other: str) -> _Repeated | None:
        times = self._partners.get(one, {}).get(other)
        return None if times is None else _Repeated(times)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._minute = head.minute
        for key, pair in self._table.read(saved):
            one, other = _pair_of(key)
            self._partners.setdefault(one, {})[other] = pair.times
            self._partners.setdefault(other, {})[one] = pair.times
