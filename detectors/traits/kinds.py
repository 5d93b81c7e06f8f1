"""The kinds of traits: what each account has or lacks, what hardly any did, which it is of many, when it was.

A trait is one of these with a name, what it reads of the accounts' looks, and its sentence. What chance would
give is in `detectors.traits.chance`, what is found in `detectors.traits.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.album import Rows
from detectors.comparing import ENOUGH_OTHERS, Bools, Floats, Integers, Peers, Sides, Strata, stratified
from detectors.traits.chance import Urn, against_draws, divergence, effect_size, tail_of_sum
from detectors.traits.results import Figures, Sentence

MIN_ACCOUNTS = 8
"""Accounts of a group of which something must be known."""
MIN_SHOWING = 3
"""Accounts of a group that must have in common what is found, unless it is rare."""

Untested = Literal["not_enough_data", "not_on_this_network"]


class Everyone(NamedTuple):
    """All accounts of the last hours, for what too few do to be in a sample."""

    account: NDArray[np.uint64]
    platform: NDArray[np.uint32]
    column: NDArray[np.integer]
    """One column of the album."""


class Question:
    """All that may be asked of one group at one time.

    Parameters
    ----------
    sides : Sides
    seed : int
    name : callable
        The name of a client or a term by its hash.
    minutes : array
        Minute of the first post of each account of the group, where known.
    volume : dict
        Posts of the whole stream in each of its last minutes.
    everyone : callable
        All accounts, with one column of the album by its name.
    """

    def __init__(
        self,
        sides: Sides,
        seed: int,
        name: Callable[[int], str],
        minutes: Integers,
        volume: dict[int, int],
        everyone: Callable[[str], Everyone],
    ) -> None:
        self.sides, self.seed, self.name, self.minutes, self.volume = sides, seed, name, minutes, volume
        self.everyone = everyone
        self._urns: dict[tuple[bytes, bool], Urn | None] = {}

    def urn(self, known: Bools, *, matched: bool) -> Urn | Untested:
        """The accounts of which something is known, ready to be drawn, or why there is nothing to ask.

        Most traits are known of the same accounts, so they share one urn.
        """
        size = self.sides.size
        if np.count_nonzero(known[:size]) < MIN_ACCOUNTS:
            # A group that is too small was set beside nobody: whether the network tells it is not known.
            anywhere = size < MIN_ACCOUNTS or np.count_nonzero(known)
            return "not_enough_data" if anywhere else "not_on_this_network"
        key = np.packbits(known).tobytes(), matched
        if key not in self._urns:
            strata = stratified(self.sides, known, matched=matched)
            self._urns[key] = None if strata is None else Urn(strata, self.seed)
        return self._urns[key] or "not_enough_data"


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
    """Accounts that have it in common; of degrees, how many are to be expected."""
    figures: Figures
    fewest: int = MIN_SHOWING
    """Accounts that must show it."""

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

    def values(self, question: Question, peers: Peers) -> Floats:
        """Only the values, of a group and of other communities; NaN where too little is known."""


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
        degrees, known = self._read(question.sides)
        urn = question.urn(known, matched=self.matched)
        if isinstance(urn, str):
            return urn
        degrees = np.where(known, degrees, 0.0)
        strata, group = urn.strata, degrees[np.flatnonzero(known[: question.sides.size])]
        n = len(group)
        value, reference = float(group.mean()), float((degrees * strata.others).sum())
        # Of yes and no the count; of degrees, which are probabilities, the number to be expected.
        showing = int(round(float(group.sum()), 4))
        if ((degrees == 0) | (degrees == 1)).all():
            p_value = tail_of_sum(_urns(strata, degrees), round(group.sum()))
        else:
            expected = float((degrees * strata.weights).sum()) / n
            bound = float(np.exp(-n * divergence(value, expected)))
            p_value = against_draws(
                value,
                (degrees[groups].mean(axis=1) for groups in urn.groups()),
                bound,
                few=not matters(value, reference, showing, self.least),
            )
        return Outcome(value, reference, p_value, n, showing, {})

    def values(self, question: Question, peers: Peers) -> Floats:
        """The means."""
        degrees, known = self._read(peers.sides)
        rows, owners, count = peers.known(known)
        return _share(np.bincount(owners, degrees[rows], len(count)), count)

    def _read(self, sides: Sides) -> tuple[Floats, Bools]:
        """The degree of each row, and whether it is known; where nothing is matched, in the fair sample."""
        if self.matched:
            degrees = self.degrees(sides.rows)
        else:
            degrees = np.full(len(sides.rows), np.nan)
            degrees[sides.fair] = self.degrees(sides.rows.take(np.flatnonzero(sides.fair)))
        return degrees, ~np.isnan(degrees)


def _share(hits: Integers | Floats, count: Integers) -> Floats:
    """Shares of so many known ones; NaN where these are too few."""
    return np.where(count < MIN_ACCOUNTS, np.nan, hits / np.maximum(count, 1))


def matters(value: float, reference: float, showing: int, least: float, fewest: int = MIN_SHOWING) -> bool:
    """Whether so large a share of so many accounts may be found at all, if chance does not give it."""
    return showing >= fewest and effect_size(value, reference) >= least


def _urns(strata: Strata, degrees: Floats) -> list[tuple[int, int, int]]:
    """Accounts, marked ones and drawn ones of each stratum."""
    return [
        (len(members), round(degrees[members].sum()), drawn)
        for members, drawn in zip(strata.members, strata.drawn, strict=True)
    ]


@dataclass(frozen=True)
class Rare:
    """How many accounts did what hardly anybody does, so that one of them may be enough.

    A sample would hold none of these few: the group is set beside all accounts of its networks of the
    last day, whatever their language. `column` is 1 for an account that did it, 0 for one that could have
    been seen to, -1 for one that did too little for that. Random groups have as many of the last as the group
    has, so that the busy are compared with the busy; the shares are of all accounts.
    """

    name: str
    column: str
    sentence: Sentence
    least: float = 0.3
    fewest: int = 1

    def test(self, question: Question) -> Outcome | Untested:
        """How many did it, against random groups."""
        own = question.sides.rows[: question.sides.size]
        everyone = question.everyone(self.column)
        others = (everyone.column >= 0) & ~np.isin(everyone.account, own["account"])
        able, n = own[own[self.column] >= 0], len(own)
        if n < MIN_ACCOUNTS or not len(able):
            return "not_enough_data" if n < MIN_ACCOUNTS or others.any() else "not_on_this_network"
        urns, reference = [], 0.0
        for platform in np.unique(able["platform"]):
            drawn = able[self.column][able["platform"] == platform]
            beside = everyone.column[others & (everyone.platform == platform)]
            if len(beside) < ENOUGH_OTHERS:
                return "not_enough_data"
            urns.append((len(drawn) + len(beside), int(drawn.sum() + beside.sum()), len(drawn)))
            reference += len(drawn) / n * float(beside.mean())
        showing = int(able[self.column].sum())
        p_value = tail_of_sum(urns, showing)
        return Outcome(showing / n, reference, p_value, n, showing, {"showing": showing}, self.fewest)

    def values(self, question: Question, peers: Peers) -> Floats:
        """The shares of the accounts that did it."""
        did = peers.sides.rows[self.column] > 0
        rows, owners, count = peers.known(np.ones(len(did), dtype=bool))
        return _share(np.bincount(owners, did[rows], len(count)), count)


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
        urn = question.urn(known, matched=self.matched)
        if isinstance(urn, str):
            return urn
        names, table = _common(codes, known)
        if not len(names):
            return "not_enough_data"
        odds = _Odds(table, len(names), self.prior)
        own = np.flatnonzero(known[: question.sides.size])
        n, counts = len(own), odds.counts(own[None, :])
        z, counts = odds.z(counts)[0], counts[0]
        top = int(np.argmax(z))
        showing = int(counts[top])
        reference = float(urn.strata.others[(table == top + 1).any(axis=1)].sum())
        beyond = float(np.max(divergence(counts / n, odds.expected(urn.strata.weights) / n)))
        p_value = against_draws(
            float(z[top]),
            (odds.largest(groups) for groups in urn.groups()),
            bound=min(1.0, len(names) * float(np.exp(-n * beyond))),
            few=not matters(showing / n, reference, showing, self.least),
        )
        order = [one for one in np.argsort(-z, kind="stable").tolist() if counts[one] >= MIN_SHOWING]
        figures: Figures = {
            "showing": showing,
            "names": ", ".join(question.name(int(names[one])) for one in order[: self.shown]),
            "z": round(float(z[top]), 2),
        }
        return Outcome(showing / n, reference, p_value, n, showing, figures)

    def values(self, question: Question, peers: Peers) -> Floats:
        """Shares of the accounts that have the name that is most their community's own."""
        codes, known = self.codes(peers.sides.rows)
        rows, owners, count = peers.known(known)
        names, table = _common(codes, known)
        if not len(names):
            return np.full(len(count), np.nan)
        odds = _Odds(table, len(names), self.prior)
        counts = odds.sums(table[rows], owners, len(count))
        return _share(counts[np.arange(len(count)), odds.z(counts).argmax(axis=1)], count)


def _common(codes: NDArray[np.uint32], known: Bools) -> tuple[NDArray[np.uint32], Integers]:
    """The codes that several accounts have, and the table with each as its number from 1 on, 0 for others."""
    cells = np.flatnonzero(known[:, None] & (codes > 0))
    # Code and cell in one number: to sort these is several times faster than to sort the cells by code.
    both = np.sort(codes.ravel()[cells].astype(np.uint64) << np.uint64(32) | cells.astype(np.uint64))
    values, cells = (both >> np.uint64(32)).astype(np.uint32), both.astype(np.uint32)
    first = np.ones(len(values), dtype=bool)
    first[1:] = values[1:] != values[:-1]
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(values))
    common = counts >= MIN_SHOWING
    table = np.zeros(codes.shape, dtype=np.int64)
    table.ravel()[cells] = np.repeat(np.where(common, np.cumsum(common), 0), counts)
    return values[starts[common]], table


class _Odds:
    """How much more accounts of a group have each name than the others have."""

    def __init__(self, table: Integers, names: int, prior: float) -> None:
        self._table, self._width, self._prior = table, names + 1, prior
        self._all = np.bincount(table.ravel(), minlength=self._width)[1:]
        self._pseudo = prior * self._all / self._all.sum()

    def expected(self, weights: Floats) -> Floats:
        """Accounts with each name in a random group that has each account so often."""
        repeated = np.repeat(weights, self._table.shape[1])
        return np.bincount(self._table.ravel(), repeated, self._width)[1:].astype(float)

    def counts(self, groups: Integers) -> Integers:
        """Accounts with each name, one row a group."""
        count, size = groups.shape
        return self.sums(self._table[groups.ravel()], np.repeat(np.arange(count), size), count)

    def sums(self, codes: Integers, owners: Integers, groups: int) -> Integers:
        """How often each name is among the codes of each owner."""
        flat = codes + owners[:, None] * self._width
        return np.bincount(flat.ravel(), minlength=groups * self._width).reshape(groups, -1)[:, 1:]

    def z(self, counts: Integers) -> Floats:
        """The z of each name; that of names that too few of the group have is 0."""
        result = np.zeros(counts.shape)
        rows, names, z = self._told(counts)
        result[rows, names] = z
        return result

    def largest(self, groups: Integers) -> Floats:
        """The largest z of each group."""
        rows, _, z = self._told(self.counts(groups))
        every = np.bincount(rows, minlength=len(groups)) == self._width - 1
        best = np.where(every, -np.inf, 0.0)  # a name that too few have stands at 0
        np.maximum.at(best, rows, z)
        return best

    def _told(self, counts: Integers) -> tuple[Integers, Integers, Floats]:
        """Row, name and z of each name that enough of a group have."""
        rows, names = np.nonzero(counts >= MIN_SHOWING)
        y, a = counts[rows, names], self._pseudo[names]
        b = self._all[names] - y
        n, total = counts.sum(axis=1)[rows], self._all.sum()
        inside = np.log((y + a) / np.maximum(n + self._prior - y - a, a))
        outside = np.log((b + a) / np.maximum(total - n + self._prior - b - a, a))
        return rows, names, (inside - outside) / np.sqrt(1 / (y + a) + 1 / (b + a))


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
        urn = question.urn(known, matched=self.matched)
        if isinstance(urn, str):
            return urn
        line, places = TimeLine.of(moments, known, urn.strata.weights, self.lengths)
        others = np.bincount(places[known], urn.strata.others[known], len(line.minutes)).astype(float)
        own = known[: question.sides.size]
        return line.outcome(
            places[: len(own)][own],
            (line.scan(places[groups]) for groups in urn.groups()),
            others,
            self.least,
        )

    def values(self, question: Question, peers: Peers) -> Floats:
        """Shares of the accounts in the densest window of their community."""
        moments = self.moments(peers.sides.rows)
        known = ~np.isnan(moments)
        rows, owners, count = peers.known(known)
        line, places = TimeLine.of(moments, known, np.ones(len(moments)), self.lengths)
        return _share(line.densest(places[rows], owners, len(count)).showing, count)


class Densest(NamedTuple):
    """The most surprising window of each of some groups."""

    showing: Integers
    """Accounts in it."""
    surprise: Floats
    length: Integers
    """Which of the lengths it has."""
    begin: Integers
    """The place at which it begins."""


class TimeLine:
    """Minutes in order, with what chance puts into each window that begins at one of them.

    Parameters
    ----------
    minutes : array
        In order, each once.
    mass : array
        Share of a random group's accounts at each.
    lengths : sequence of int
        Of the windows, in minutes, in order.
    """

    def __init__(self, minutes: Floats, mass: Floats, lengths: Sequence[int]) -> None:
        self.minutes = minutes
        self.lengths = lengths
        self._until = np.concatenate([[0.0], np.cumsum(mass)])
        self._width = len(minutes) + 1
        self._ends: dict[int, Integers] = {}

    @classmethod
    def of(
        cls, moments: Floats, known: Bools, weights: Floats, lengths: Sequence[int]
    ) -> tuple[TimeLine, Integers]:
        """The time line of these accounts, and the place of each on it, -1 where nothing is known."""
        minutes, inverse = np.unique(moments[known], return_inverse=True)
        mass = np.bincount(inverse, weights[known], len(minutes))
        places = np.full(len(moments), -1)
        places[known] = inverse
        return cls(minutes, mass / mass.sum(), lengths), places

    def scan(self, places: Integers) -> Floats:
        """The largest surprise of each of many groups of one size, one a row."""
        groups = len(places)
        keys = np.sort(places, axis=1) + np.arange(groups)[:, None] * self._width
        owners, windows = self._windows(keys.ravel(), least=2)
        best = np.zeros(groups)
        np.maximum.at(best, owners, windows.surprise)
        return best

    def densest(self, places: Integers, owners: Integers, groups: int) -> Densest:
        """The densest window of each group, from the place and the group's number of each account.

        That of a group of nobody is some other's.
        """
        owners, windows = self._windows(np.sort(owners * self._width + places), least=1)
        # Of equal ones the shortest window, and of these the first.
        order = np.lexsort((windows.begin, windows.length, -windows.surprise, owners))
        present, first = np.unique(owners[order], return_index=True)
        best = np.zeros(groups, dtype=np.int64)
        best[present] = order[first]
        showing, surprise, length, begin = windows
        return Densest(showing[best], surprise[best], length[best], begin[best])

    def _windows(self, keys: Integers, least: int) -> tuple[Integers, Densest]:
        """The windows of all lengths that begin with an account and have so many, and whose each is.

        Parameters
        ----------
        keys : array
            In order; of each account its place, plus its group's number times the width of the line.
        least : int
        """
        owners, places = np.divmod(keys, self._width)
        others, first = np.bincount(owners)[owners] - 1, np.arange(len(keys))
        every = []
        for length in reversed(range(len(self.lengths))):
            ends = self._end(places, length)
            showing = np.searchsorted(keys, owners * self._width + ends) - first
            # Who has too few within one length has too few within a shorter one.
            kept = np.flatnonzero(showing >= least)
            owners, places, others, first = owners[kept], places[kept], others[kept], first[kept]
            every.append((owners, others, places, ends[kept], showing[kept], np.full(len(kept), length)))
        owners, others, places, ends, showing, lengths = (
            np.concatenate(column) for column in zip(*every, strict=True)
        )
        expected = np.clip(self._until[ends] - self._until[places], 0.0, 1.0)
        surprise = others * np.asarray(divergence((showing - 1) / others, expected))
        return owners, Densest(showing, surprise, lengths, places)

    def _end(self, places: Integers, length: int) -> Integers:
        """Where the windows of one of the lengths end that begin at these places."""
        if len(places) < len(self.minutes):
            return np.searchsorted(self.minutes, self.minutes[places] + self.lengths[length])
        if length not in self._ends:
            self._ends[length] = np.searchsorted(self.minutes, self.minutes + self.lengths[length])
        return self._ends[length][places]

    def outcome(self, places: Integers, drawn: Iterable[Floats], others: Floats, least: float) -> Outcome:
        """One group against random ones.

        Parameters
        ----------
        places : array
        drawn : iterable of array
            The largest surprises of random groups, see `detectors.traits.chance.against_draws`.
        others : array
            Share of comparable accounts at each minute.
        least : float
            The effect below which nothing is found.
        """
        n = len(places)
        found = self.densest(places, np.zeros(n, dtype=np.int64), 1)
        showing, surprise, length, begin = (one[0].item() for one in found)
        bound = min(1.0, n * len(self.lengths) * float(np.exp(-surprise)))
        (end,) = self._end(np.array([begin]), length)
        reference = float(others[begin:end].sum())
        p_value = against_draws(
            surprise, drawn, bound, few=not matters(showing / n, reference, showing, least)
        )
        figures: Figures = {
            "showing": showing,
            "minutes": int(self.lengths[length]),
            "from_min": int(self.minutes[begin]),
        }
        return Outcome(showing / n, reference, p_value, n, showing, figures)
