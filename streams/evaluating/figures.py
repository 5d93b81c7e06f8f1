"""What a protocol gives: figures with their intervals, what is wanted of them, simple rules beside them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
"""Draws of a bootstrap."""
_BLOCK = 4_000_000
"""Numbers that are drawn at once; it bounds the memory."""
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}

Interval = tuple[float, float]


class Baseline(msgspec.Struct, frozen=True):
    """What a simple rule reaches on the same data."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure."""

    measure: str
    value: float | None
    """None where there is nothing to take a share of."""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    """What was drawn again for the interval; empty where there is none."""
    of: int | None = None
    """How many things the value is a share of, or was counted on."""
    wanted: str = ""
    """A sign and a number; empty where nothing is asked for."""
    baselines: tuple[Baseline, ...] = ()
    published: str = ""
    """What others published, where they did."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value is as wanted; None where nothing is wanted or known.

        >>> Figure(measure="recall", value=0.97, wanted=">= 0.98").met
        False
        """
        if not self.wanted or self.value is None:
            return None
        sign, _, limit = self.wanted.partition(" ")
        return _SIGNS[sign](self.value, float(limit))


class Scored(msgspec.Struct, frozen=True):
    """A case with its score, and whether its accounts are of a labelled operation."""

    operation: str
    """The operation it is of; of a false one, the one whose stream it was in."""
    stream: str
    """The stream it was in: what is of one stream is alike."""
    score: int
    right: bool


class Measured(msgspec.Struct):
    """All that one protocol found."""

    figures: list[Figure] = []
    rankings: dict[str, list[tuple[float, bool]]] = {}
    """By name what was ranked: a score, and whether it is what was looked for."""
    delays: dict[str, list[float]] = {}
    """By name minutes from the third participating post to the alert."""
    cases: list[Scored] = []
    """Every case whose truth is known."""
    bins: list[tuple[float, float, float]] = []
    """Of a probability: predicted, found, and the share of all, by bins."""
    tables: dict[str, list[dict[str, Any]]] = {}
    """More, to be shown as it is."""
    unmeasurable: str = ""
    """Why the protocol cannot be measured on this data, although there is some."""


Counted = tuple[float, float]
"""Hits and trials of one unit."""


def ratio(counted: Sequence[Counted], times: float = 1.0) -> float | None:
    """Hits of all units by trials of all units.

    >>> ratio([(1, 2), (2, 2)])
    0.75
    """
    trials = sum(of for _, of in counted)
    return round(times * sum(hits for hits, _ in counted) / trials, 4) if trials else None


def ratio_interval(counted: Sequence[Counted], seed: int, times: float = 1.0) -> Interval | None:
    """95 % percentile bootstrap of `ratio`; whole units are drawn."""
    table = np.array(counted, dtype=np.float64).reshape(-1, 2)
    if not table[:, 1].sum():
        return None
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(table))
    values = []
    for begin in range(0, DRAWS, step):
        chosen = rng.integers(0, len(table), (min(step, DRAWS - begin), len(table)))
        sums = table[chosen].sum(axis=1)
        values.append(sums[sums[:, 1] > 0])
    drawn = np.concatenate(values)
    return percentiles(times * drawn[:, 0] / drawn[:, 1])


def share(
    measure: str,
    counted: Mapping[str, Counted] | Sequence[Counted],
    unit: str,
    seed: int,
    *,
    times: float = 1.0,
    wanted: str = "",
    baselines: tuple[Baseline, ...] = (),
    published: str = "",
    note: str = "",
) -> Figure:
    """A share as a figure, bootstrapped over its units.

    Parameters
    ----------
    measure, unit : str
    counted : mapping or sequence of (hits, trials)
        One for each unit.
    times : float
        What the share is multiplied with, for "in 10,000".
    """
    rows = list(counted.values()) if isinstance(counted, Mapping) else list(counted)
    low, high = ratio_interval(rows, seed, times) or (None, None)
    return Figure(
        measure=measure,
        value=ratio(rows, times),
        low=low,
        high=high,
        unit=unit if low is not None else "",
        of=round(sum(of for _, of in rows)),
        wanted=wanted,
        baselines=baselines,
        published=published,
        note=note,
    )


def rule(name: str, counted: Sequence[Counted], seed: int, times: float = 1.0) -> Baseline:
    """A share that a simple rule reaches, bootstrapped as `share` is."""
    low, high = ratio_interval(counted, seed, times) or (None, None)
    return Baseline(name, ratio(counted, times), low, high)


def percentiles(values: NDArray[np.float64]) -> Interval:
    """The middle 95 % of drawn values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)
