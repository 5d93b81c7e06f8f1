"""A group beside comparable accounts: the two sides that a trait is tested on.

Comparable are accounts of the same network that were seen within a day. Where enough of them usually write
the language of a member, that member is only compared with those; members of rarer languages stand together,
against all others of their network. Each such *stratum* is mixed by itself when chance is asked, so that
random groups have the languages of the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.album import Album, Rows
from detectors.communities import Community

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST = 400
"""Accounts by which a larger group is represented: those with the smallest hashes, which is a fair sample."""
ENOUGH_OTHERS = 100
"""Comparable accounts of one stratum, without which it is joined with others."""
_DAY_S = 86_400
_OTHERS = 2000
"""Comparable accounts of one language, and of a network as a whole, that are drawn."""
_NOWHERE = -1
_ANY_LANGUAGE = 0xFFFF
_NOBODY: Integers = np.zeros(0, dtype=np.int64)


class Sides(NamedTuple):
    """Rows of a group, and behind them those of comparable accounts; both in an order by hash."""

    rows: Rows
    size: int
    """How many of the rows are the group's."""
    fair: Bools
    """Which rows are the group's or of a sample of all accounts; the rest is there for its language."""


class Strata(NamedTuple):
    """The rows of two sides by stratum."""

    members: list[Integers]
    """Places of the rows of each stratum, the group's and the others together."""
    drawn: list[int]
    """How many of them are the group's."""
    weights: Floats
    """For each row, how often random groups have it on average."""
    others: Floats
    """For each row of the others, what it counts in their mean, if they are to resemble the group; sums
    to 1."""


class Peers:
    """A group, which is number 0, and other communities, so that all are measured alike.

    Parameters
    ----------
    sides : Sides
        The group, and the comparable accounts.
    communities : sequence of Community
    album : Album
    """

    def __init__(self, sides: Sides, communities: Sequence[Community], album: Album) -> None:
        self.communities = communities
        self._group, self._album = sides, album

    @cached_property
    def _places(self) -> list[Integers]:
        """Of each community the places of its accounts in the album."""
        return [self._album.places(one.accounts) for one in self.communities]

    @cached_property
    def sides(self) -> Sides:
        """The rows of the group and of each community, and behind them those of the comparable accounts."""
        rows, size, fair = self._group
        others = self._album.table.take(np.concatenate([_NOBODY, *self._places]))
        size += len(others)
        return Sides(
            np.concatenate([rows[: self._group.size], others, rows[self._group.size :]]),
            size,
            np.concatenate([np.ones(size, dtype=bool), fair[self._group.size :]]),
        )

    def known(self, known: Bools) -> tuple[Integers, Integers, Integers]:
        """Rows of communities of which something is known, whose each is, and how many such each has."""
        sizes = [self._group.size, *map(len, self._places)]
        rows = np.flatnonzero(known[: sum(sizes)])
        owners = np.repeat(np.arange(len(sizes)), sizes)[rows]
        return rows, owners, np.bincount(owners, minlength=len(sizes))


def representatives(accounts: Iterable[int], most: int = MOST) -> list[int]:
    """The hashes by which a group is represented.

    >>> representatives([9, 3, 7, 3], most=2)
    [3, 7]
    """
    return sorted(set(accounts))[:most]


def beside(album: Album, accounts: Iterable[int], now_s: int, seed: int, *, least: int = 1) -> Sides:
    """A group's rows and those of accounts to compare it with; which ones is drawn with the seed.

    Where the album knows fewer than `least` accounts of the group, nobody is set beside them.
    """
    table = album.table
    places = album.places(representatives(accounts))
    group = table.take(places)  # several times faster than table[places]
    if len(group) < least:
        return Sides(group, len(group), np.ones(len(group), dtype=bool))
    here, seen = album.recent(now_s - _DAY_S)
    member = np.zeros(len(table), dtype=bool)
    member[places] = True
    apart = ~member[here]
    order = _shuffled(seen["account"], seed)
    fair = np.zeros(len(here), dtype=bool)
    drawn = np.zeros(len(here), dtype=bool)
    for platform in np.unique(group["platform"]):
        members = group["usual"][group["platform"] == platform]
        of_platform = np.flatnonzero(apart & (seen["platform"] == platform))
        fair[_first(of_platform, order, len(members))] = True
        usual = seen["usual"][of_platform]
        for language, count in zip(*np.unique(members, return_counts=True), strict=True):
            drawn[_first(of_platform[usual == language], order, int(count))] = True
    kept = np.flatnonzero(fair | drawn)
    kept = kept[np.argsort(seen["account"][kept])]
    return Sides(
        table.take(np.concatenate([places, here[kept]])),
        len(group),
        np.concatenate([np.ones(len(group), dtype=bool), fair[kept]]),
    )


def _first(places: Integers, order: NDArray[np.uint64], members: int) -> Integers:
    """Those that stand first in a random order, as many as are asked for beside so many members."""
    wanted = max(_OTHERS, 8 * members)
    return places if len(places) <= wanted else places[np.argpartition(order[places], wanted)[:wanted]]


def _shuffled(accounts: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Numbers by which accounts stand in a random order, another one for each seed."""
    mixed = (accounts ^ np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(mixed ^ (mixed >> np.uint64(29)))


def stratified(sides: Sides, known: Bools | None = None, *, matched: bool = True) -> Strata | None:
    """The strata of two sides; None where there is too little to compare with.

    Parameters
    ----------
    sides : Sides
    known : array of bool, optional
        Which rows are compared: those of which something is known.
    matched : bool
        Whether usual languages are kept apart.
    """
    rows, size, fair = sides
    known = np.ones(len(rows), dtype=bool) if known is None else known
    network = rows["platform"].astype(np.int64) << 16
    everywhere = network | _ANY_LANGUAGE
    # Of what is not in a large stratum, and of all where nothing is matched, only the fair sample counts.
    stratum = np.where(known & fair, everywhere, _NOWHERE)
    large: dict[int, int] = {}
    if matched:
        own = np.where(known, network | rows["usual"], _NOWHERE)
        for one in _different(own[:size]):
            alike = own == one
            others = int(np.count_nonzero(alike[size:]))
            if others >= ENOUGH_OTHERS:
                large[one] = others
                stratum[alike] = one
    for rest in _different(everywhere[:size][known[:size]]):
        shared = stratum == rest
        if shared[:size].any() and np.count_nonzero(shared[size:]) < ENOUGH_OTHERS:
            languages = [one for one in large if one | _ANY_LANGUAGE == rest]
            if not languages:
                return None
            stratum[shared] = max(languages, key=lambda one: large[one])
    return _counted(stratum, size)


def _different(strata: Integers) -> list[int]:
    """The strata that occur, in order."""
    return [one for one in np.unique(strata).tolist() if one != _NOWHERE]


def _counted(stratum: Integers, size: int) -> Strata | None:
    """The strata from the one of each row."""
    members, drawn = [], []
    weights, others = np.zeros(len(stratum)), np.zeros(len(stratum))
    compared = np.count_nonzero(stratum[:size] != _NOWHERE)
    for one in _different(stratum[:size]):
        places = np.flatnonzero(stratum == one)
        count = int(np.searchsorted(places, size))
        members.append(places)
        drawn.append(count)
        weights[places] = count / len(places)
        others[places[count:]] = count / compared / (len(places) - count)
    return Strata(members, drawn, weights, others) if drawn else None


def random_groups(strata: Strata, count: int, rng: np.random.Generator) -> Integers:
    """Random groups with the strata of the group, one a row: places of the rows, each at most once."""
    parts = [
        members[_subsets(len(members), drawn, count, rng)]
        for members, drawn in zip(strata.members, strata.drawn, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def _subsets(of: int, size: int, count: int, rng: np.random.Generator) -> Integers:
    """Random subsets of so many of so many, one a row."""
    if of <= 4 * size:
        return np.argpartition(rng.random((count, of)), size - 1, axis=1)[:, :size]
    # Drawn with repetition; what came twice is drawn again, until nothing did.
    drawn = np.sort(rng.integers(0, of, (count, size)), axis=1)
    while True:
        again = np.zeros_like(drawn, dtype=bool)
        again[:, 1:] = drawn[:, 1:] == drawn[:, :-1]
        if not again.any():
            return drawn
        drawn[again] = rng.integers(0, of, int(again.sum()))
        rows = again.any(axis=1)
        drawn[rows] = np.sort(drawn[rows], axis=1)
