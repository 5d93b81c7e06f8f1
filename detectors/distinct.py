"""Counting distinct accounts in a sliding window: exact while few, a sketch after."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Container, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.state import StateError
from detectors.text import text_key

if TYPE_CHECKING:
    from datasketch import HyperLogLogPlusPlus

_PRECISION = 12  # standard error 1.04 / sqrt(2^12) = 1.6 %


class DistinctMinute(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What a checkpoint keeps of one minute of a `SlidingDistinct`."""

    minute: int
    accounts: dict[str, tuple[int, int]]
    """Posts of each account held, and its automation score as it was known when this was written."""
    registers: bytes
    """Of the minute's sketch; empty where there is none."""


class SlidingDistinct:
    """Distinct accounts over the last minutes, with how often each took part.

    Up to ``exact`` accounts everything is exact. Above it the number comes from HyperLogLog++ (Heule,
    Nunkesser and Hall, EDBT 2013; one sketch a minute, merged over the window), and the accounts held are a
    uniform sample: those whose hash falls under a limit that halves each time the sample is full (Flajolet,
    "On adaptive sampling", Computing 1990). The sample serves every share over accounts.

    Parameters
    ----------
    exact : int
        Accounts counted exactly, and the size of the sample after.

    Examples
    --------
    >>> distinct = SlidingDistinct(exact=100)
    >>> for number in range(5000):
    ...     distinct.add(0, f"account {number}", 0)
    >>> 4700 < distinct.count() < 5300, len(distinct.held) <= 100
    (True, True)
    >>> distinct.expire(1)
    >>> distinct.count()
    0
    """

    __slots__ = ("_exact", "_level", "_minutes", "_sketches", "held", "scores")

    def __init__(self, exact: int) -> None:
        self.held: Counter[str] = Counter()
        """Posts in the window of each account held."""
        self.scores: dict[str, int] = {}
        """Newest automation score of each account held, -1 where there is none."""
        self._exact = exact
        self._level = 0
        self._minutes: deque[tuple[int, dict[str, int]]] = deque()
        self._sketches: dict[int, HyperLogLogPlusPlus] = {}

    def add(self, minute: int, account: str, score: int) -> None:
        """Count one post of an account in a minute; minutes must not go back."""
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, {}))
        if self._level:
            self._sketch(minute).update(account.encode("utf-8", "surrogatepass"))
            if not self._sampled(account):
                return
        counts, held = self._minutes[-1][1], self.held
        counts[account] = counts.get(account, 0) + 1
        held[account] = held.get(account, 0) + 1
        self.scores[account] = score
        while len(self.held) > self._exact:
            self._halve()

    def firsts(self, accounts: Collection[str]) -> dict[str, int]:
        """Of accounts that are held, the first minute of the window in which each took part."""
        firsts: dict[str, int] = {}
        for minute, counts in reversed(self._minutes):
            firsts.update((account, minute) for account in accounts if account in counts)
        return firsts

    def expire(self, first_minute: int) -> None:
        """Forget the minutes before the first that still counts."""
        while self._minutes and self._minutes[0][0] < first_minute:
            minute, counts = self._minutes.popleft()
            self._sketches.pop(minute, None)
            self._take_off(counts)
        if not self._minutes:
            self._level = 0

    def count(self, first_minute: int = 0) -> int:
        """Distinct accounts since a minute (default: in the whole window); an estimate once sampled."""
        held = len(self.since(first_minute)) if first_minute else len(self.held)
        if not self._level:
            return held
        merged = _new_sketch()
        for minute, sketch in self._sketches.items():
            if minute >= first_minute:
                merged.merge(sketch)
        return max(held, round(merged.count()))

    def since(self, first_minute: int) -> set[str]:
        """The accounts held that took part since a minute."""
        return set().union(*(counts for minute, counts in self._minutes if minute >= first_minute))

    @property
    def level(self) -> int:
        """How many times the sample was halved; where it changes, every minute does."""
        return self._level

    def minutes(self) -> list[int]:
        """The minutes in the window."""
        return [minute for minute, _ in self._minutes]

    def packed(self, minutes: Container[int]) -> Iterator[DistinctMinute]:
        """These minutes as a checkpoint keeps them, oldest first. Those that are past do not change."""
        for minute, counts in self._minutes:
            if minute in minutes:
                sketch = self._sketches.get(minute)
                registers = b"" if sketch is None else sketch.reg.tobytes()
                accounts = {name: (number, self.scores[name]) for name, number in counts.items()}
                yield DistinctMinute(minute, accounts, registers)

    def restore(self, level: int, minutes: Iterable[DistinctMinute]) -> None:
        """On a fresh object, go on from the minutes that were kept, oldest first."""
        self._level = level
        for one in minutes:
            self._minutes.append((one.minute, {name: number for name, (number, _) in one.accounts.items()}))
            for name, (number, score) in one.accounts.items():
                self.held[name] += number
                self.scores[name] = score  # the newest minute has the newest score
            if one.registers:
                if len(one.registers) != 1 << _PRECISION:
                    raise StateError("a sketch has another size")
                registers = np.frombuffer(one.registers, dtype=np.int8).copy()
                self._sketches[one.minute] = _new_sketch(registers)

    @property
    def sampled(self) -> bool:
        """Whether the accounts held are a sample."""
        return self._level > 0

    def _sampled(self, account: str) -> bool:
        return text_key(account) >> (64 - self._level) == 0

    def _sketch(self, minute: int) -> HyperLogLogPlusPlus:
        sketch = self._sketches.get(minute)
        if sketch is None:
            sketch = self._sketches[minute] = _new_sketch()
        return sketch

    def _halve(self) -> None:
        if not self._level:  # from here on the sketches count, so they must know what came before
            for minute, counts in self._minutes:
                for account in counts:
                    self._sketch(minute).update(account.encode("utf-8", "surrogatepass"))
        self._level += 1
        for _, counts in self._minutes:
            gone = {name: n for name, n in counts.items() if not self._sampled(name)}
            self._take_off(gone)
            for name in gone:
                del counts[name]

    def _take_off(self, counts: dict[str, int]) -> None:
        for account, number in counts.items():
            left = self.held[account] - number
            if left > 0:
                self.held[account] = left
            else:
                del self.held[account]
                self.scores.pop(account, None)


def _new_sketch(registers: NDArray[np.int8] | None = None) -> HyperLogLogPlusPlus:
    """An empty sketch, or one that goes on from its registers."""
    # It brings scipy along, half a second and 50 MB of every start, and few crowds need one.
    from datasketch import HyperLogLogPlusPlus  # noqa: PLC0415

    return HyperLogLogPlusPlus(p=_PRECISION, reg=registers)
