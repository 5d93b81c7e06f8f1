"""The three kinds of traits: what each account has or lacks, when it happened, and which it is of many.

A trait is one of these with a name, what it reads of the accounts' looks, and its sentence. What chance would
give is in `detectors.traits.chance`, what is found in `detectors.traits.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.album import Rows
from detectors.comparing import Floats, Integers, Sides, Strata, stratified
from detectors.traits.chance import against_draws, divergence, draws, effect_size, tail_of_sum
from detectors.traits.results import Figures, Sentence

MIN_ACCOUNTS = 8
"""Accounts of a group of which something must be known."""
MIN_SHOWING = 3
"""Accounts of a group that must have in common what is found."""

Untested = Literal["not_enough_data", "not_on_this_network"]


class Question(NamedTuple):
    """All that may be asked of one group at one time."""

    sides: Sides
    seed: int
    name: Callable[[int], str]
    """The name of a client or a term by its hash."""
    minutes: Integers
    """Minute of the first post of each account of the group, where known."""
    volume: dict[int, int]
    """Posts of the whole stream in each of its last minutes."""


class Outcome(NamedTuple):
    """What the test of a trait gave."""

    value: float
    """Share of the group's accounts."""
    reference: float
    """The same of comparable accounts, mixed as the group is."""
    p_value: float
    n: int
    """Accounts of the group of which it is known."""
    showing: int
    """Accounts that have it in common."""
    figures: Figures

    @property
    def effect(self) -> float:
        """Cohen's h, see `detectors.traits.chance.effect_size`."""
        return effect_size(self.value, self.reference)


class Trait(Protocol):
    """What every trait can be asked."""

    @property
    def name(self) -> str:
        """As it stands in alerts."""

    @property
    def least(self) -> float:
        """The effect (Cohen's h) below which it is not found, whatever the p-value."""

    @property
    def sentence(self) -> Sentence:
        """What was found, in English and in French."""

    def test(self, question: Question) -> Outcome | Untested:
        """The group against chance."""

    def value(self, question: Question) -> float | None:
        """Only the group's value, to be set against those of other groups; None where too little is known."""


@dataclass(frozen=True)
class Share:
    """How many accounts have something, or how much of it on average.

    `degrees` gives 1 for each account that has it and 0 for one that lacks it, or what lies between, and NaN
    where it is not known.
    """

    name: str
    degrees: Callable[[Rows], Floats]
    sentence: Sentence
    least: float = 0.3
    matched: bool = True
    """Whether accounts are compared within their usual language."""

    def test(self, question: Question) -> Outcome | Untested:
        """The group's mean against random groups."""
        sides = self._fair(question.sides)
        degrees = self.degrees(sides.rows)
        known = ~np.isnan(degrees)
        asked = _askable(sides, known, matched=self.matched)
        if isinstance(asked, str):
            return asked
        sides, strata = asked
        degrees, n = degrees[known], sides.size
        value, reference = float(degrees[:n].mean()), float((degrees * strata.others).sum())
        if np.isin(degrees, (0.0, 1.0)).all():
            hits = round(degrees[:n].sum())
            p_value = tail_of_sum(_urns(strata, degrees), hits)
        else:
            expected = float((degrees * strata.weights).sum()) / n
            bound = float(np.exp(-n * divergence(value, expected)))
            drawn = draws(strata, lambda groups: degrees[groups].mean(axis=1), (question.seed, _salt(self)))
            p_value = against_draws(value, drawn, bound)
        showing = int((degrees[:n] >= 0.5).sum())
        return Outcome(value, reference, p_value, n, showing, {})

    def value(self, question: Question) -> float | None:
        """The group's mean."""
        sides = self._fair(question.sides)
        degrees = self.degrees(sides.rows)[: sides.size]
        known = degrees[~np.isnan(degrees)]
        return float(known.mean()) if len(known) >= MIN_ACCOUNTS else None

    def _fair(self, sides: Sides) -> Sides:
        return sides if self.matched else sides.where(sides.fair)


def _urns(strata: Strata, degrees: Floats) -> list[tuple[int, int, int]]:
    """Accounts, marked ones and drawn ones of each stratum."""
    return [
        (len(members), round(degrees[members].sum()), drawn)
        for members, drawn in zip(strata.members, strata.drawn, strict=True)
    ]


@dataclass(frozen=True)
class Categories:
    """Which of many names more accounts of the group have than is usual.

    `codes` gives a row of hashes for each account, 0 for none, and which accounts are known at all. The name
    is the one with the largest z of the log-odds with an informative Dirichlet prior (Monroe, Colaresi and
    Quinn 2008): with y and b the accounts of the group and the others that have it, of n and m names in all,
    and a = prior x its usual share,

        d = ln((y + a) / (n + prior - y - a)) - ln((b + a) / (m + prior - b - a)),
        z = d / sqrt(1 / (y + a) + 1 / (b + a))
    """

    name: str
    codes: Callable[[Rows], tuple[NDArray[np.uint32], NDArray[np.bool_]]]
    sentence: Sentence
    least: float = 0.3
    matched: bool = True
    prior: float = 100.0
    shown: int = 3
    """Names that the figures give."""

    def test(self, question: Question) -> Outcome | Untested:
        """The largest z of the group against that of random groups."""
        codes, known = self.codes(question.sides.rows)
        asked = _askable(question.sides, known, matched=self.matched)
        if isinstance(asked, str):
            return asked
        sides, strata = asked
        n = sides.size
        names, table = _common(codes[known])
        if not len(names):
            return "not_enough_data"
        odds = _Odds(table, len(names), self.prior)
        (counts,) = odds.counts(np.arange(n)[None, :])
        expected = np.bincount(table.ravel(), np.repeat(strata.weights, table.shape[1]), len(names) + 1)[1:]
        (z,) = odds.z(counts[None, :])
        top = int(np.argmax(z))
        value = counts[top] / n
        others = np.bincount(table.ravel(), np.repeat(strata.others, table.shape[1]), len(names) + 1)[1:]
        beyond = float(np.max(divergence(counts / n, expected / n)))
        p_value = against_draws(
            float(z[top]),
            draws(
                strata, lambda groups: odds.z(odds.counts(groups)).max(axis=1), (question.seed, _salt(self))
            ),
            bound=min(1.0, len(names) * float(np.exp(-n * beyond))),
        )
        order = [one for one in np.argsort(-z, kind="stable").tolist() if counts[one] >= MIN_SHOWING]
        figures: Figures = {
            "showing": int(counts[top]),
            "names": ", ".join(question.name(int(names[one])) for one in order[: self.shown]),
            "z": round(float(z[top]), 2),
        }
        return Outcome(float(value), float(others[top]), p_value, n, int(counts[top]), figures)

    def value(self, question: Question) -> float | None:
        """Share of the accounts that have the name that is most the group's own."""
        codes, known = self.codes(question.sides.rows)
        sides = question.sides.where(known)
        if sides.size < MIN_ACCOUNTS:
            return None
        names, table = _common(codes[known])
        if not len(names):
            return None
        odds = _Odds(table, len(names), self.prior)
        counts = odds.counts(np.arange(sides.size)[None, :])
        return float(counts[0, np.argmax(odds.z(counts)[0])] / sides.size)


def _common(codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], Integers]:
    """The codes that several accounts have, and the table with each as its number from 1 on, 0 for others."""
    values, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    common = (counts >= MIN_SHOWING) & (values != 0)
    numbers = np.where(common, np.cumsum(common), 0)
    return values[common], numbers[places].reshape(codes.shape)


class _Odds:
    """How much more accounts of a group have each name than the others have."""

    def __init__(self, table: Integers, names: int, prior: float) -> None:
        self._table, self._names, self._prior = table, names, prior
        self._all = np.bincount(table.ravel(), minlength=names + 1)[1:].astype(float)
        self._pseudo = prior * self._all / self._all.sum()

    def counts(self, groups: Integers) -> Floats:
        """Accounts with each name, one row a group."""
        codes = self._table[groups].reshape(len(groups), -1)
        width = self._names + 1
        flat = codes + np.arange(len(groups))[:, None] * width
        return (
            np.bincount(flat.ravel(), minlength=len(groups) * width).reshape(-1, width)[:, 1:].astype(float)
        )

    def z(self, counts: Floats) -> Floats:
        """The z of each name; that of names that too few of the group have is 0."""
        result = np.zeros_like(counts)
        rows, names = np.nonzero(counts >= MIN_SHOWING)
        y, a = counts[rows, names], self._pseudo[names]
        b = self._all[names] - y
        n, total = counts.sum(axis=1)[rows], self._all.sum()
        inside = np.log((y + a) / np.maximum(n + self._prior - y - a, a))
        outside = np.log((b + a) / np.maximum(total - n + self._prior - b - a, a))
        result[rows, names] = (inside - outside) / np.sqrt(1 / (y + a) + 1 / (b + a))
        return result


@dataclass(frozen=True)
class Moments:
    """How many accounts have one moment in common: a scan of a time line with windows of several lengths.

    `moments` gives the minute of each account, NaN where it is not known. For each account i and each length,
    with c the accounts of the group from i's minute on within that length and q the share that comparable
    accounts have there, the statistic is the largest of ``(n - 1) KL((c - 1) / (n - 1), q)``: the scan
    statistic of Kulldorff (1997) with the comparable accounts as its population, so that a wave in which all
    kinds of accounts were made is no cohort.
    """

    name: str
    moments: Callable[[Rows], Floats]
    lengths: Sequence[int]
    """Minutes."""
    sentence: Sentence
    least: float = 0.5
    matched: bool = True

    def test(self, question: Question) -> Outcome | Untested:
        """The densest window of the group against those of random groups."""
        moments = self.moments(question.sides.rows)
        known = ~np.isnan(moments)
        asked = _askable(question.sides, known, matched=self.matched)
        if isinstance(asked, str):
            return asked
        sides, strata = asked
        line, places = TimeLine.of(moments[known], strata.weights, self.lengths)
        drawn = draws(strata, lambda groups: line.scan(places[groups]), (question.seed, _salt(self)))
        others = np.bincount(places, strata.others, minlength=len(line.minutes)).astype(float)
        return line.outcome(places[: sides.size], drawn, others)

    def value(self, question: Question) -> float | None:
        """Share of the accounts in the densest window."""
        moments = self.moments(question.sides.rows)
        known = ~np.isnan(moments)
        sides = question.sides.where(known)
        if sides.size < MIN_ACCOUNTS:
            return None
        count = len(sides.rows)
        line, places = TimeLine.of(moments[known], np.full(count, sides.size / count), self.lengths)
        return line.densest(places[: sides.size])[0] / sides.size


class TimeLine:
    """Minutes in order, with what chance puts into each window that begins at one of them.

    Parameters
    ----------
    minutes : array
        In order, each once.
    mass : array
        Share of a random group's accounts at each.
    lengths : sequence of int
        Of the windows, in minutes.
    """

    def __init__(self, minutes: Floats, mass: Floats, lengths: Sequence[int]) -> None:
        self.minutes = minutes
        self.lengths = lengths
        self.ends = [np.searchsorted(minutes, minutes + length) for length in lengths]
        total = np.concatenate([[0.0], np.cumsum(mass)])
        self.expected = [np.clip(total[end] - total[:-1], 0.0, 1.0) for end in self.ends]

    @classmethod
    def of(cls, moments: Floats, weights: Floats, lengths: Sequence[int]) -> tuple[TimeLine, Integers]:
        """The time line of these accounts, and the place of each on it."""
        minutes, places = np.unique(moments, return_inverse=True)
        mass = np.bincount(places, weights, minlength=len(minutes))
        return cls(minutes, mass / mass.sum(), lengths), places.astype(np.int64)

    def _surprises(self, places: Integers) -> tuple[Floats, Integers]:
        """Of each window that begins with an account, its surprise and how many accounts it has.

        Shapes are (lengths, groups, accounts).
        """
        groups, n = places.shape
        places = np.sort(places, axis=1)
        base = np.arange(groups)[:, None] * (len(self.minutes) + 1)
        flat = (places + base).ravel()
        first = np.arange(n)
        counts = np.stack(
            [
                np.searchsorted(flat, (end[places] + base).ravel()).reshape(groups, n)
                - np.arange(groups)[:, None] * n
                - first
                for end in self.ends
            ]
        )
        expected = np.stack([share[places] for share in self.expected])
        surprise = (n - 1) * np.asarray(divergence((counts - 1) / (n - 1), expected))
        return surprise, counts

    def scan(self, places: Integers) -> Floats:
        """The largest surprise of each group."""
        return np.asarray(self._surprises(places)[0].max(axis=(0, 2)))

    def densest(self, places: Integers) -> tuple[int, float, int, int]:
        """Accounts in the most surprising window of one group, its surprise, its length, and where it
        begins."""
        surprise, counts = self._surprises(places[None, :])
        # Of equal ones the shortest window, and of these the first.
        length, _, first = np.unravel_index(int(np.argmax(surprise)), surprise.shape)
        begin = int(np.sort(places)[first])
        return int(counts[length, 0, first]), float(surprise[length, 0, first]), int(length), begin

    def outcome(self, places: Integers, drawn: Callable[[int], Floats], others: Floats) -> Outcome:
        """One group against random ones; `others` is the share of comparable accounts at each minute."""
        n = len(places)
        showing, surprise, length, begin = self.densest(places)
        bound = min(1.0, n * len(self.lengths) * float(np.exp(-surprise)))
        p_value = against_draws(surprise, drawn, bound)
        reference = float(others[begin : self.ends[length][begin]].sum())
        figures: Figures = {
            "showing": showing,
            "minutes": int(self.lengths[length]),
            "from_min": int(self.minutes[begin]),
        }
        return Outcome(showing / n, reference, p_value, n, showing, figures)


def _askable(sides: Sides, known: NDArray[np.bool_], *, matched: bool) -> tuple[Sides, Strata] | Untested:
    """The two sides of which something is known, with their strata, or why there is nothing to ask."""
    if not known.any():
        return "not_on_this_network"
    sides = sides.where(known)
    strata = stratified(sides, matched=matched) if sides.size >= MIN_ACCOUNTS else None
    return (sides, strata) if strata is not None else "not_enough_data"


def _salt(trait: Share | Categories | Moments) -> int:
    """Lets the traits of one group draw different random groups."""
    return int.from_bytes(trait.name.encode(), "little")
