"""A group beside comparable accounts: the two sides that a trait is tested on.

Comparable are accounts of the same network that were seen within a day. Where enough of them usually write
the language of a member, that member is only compared with those; members of rarer languages stand together,
against all others of their network. Each such *stratum* is mixed by itself when chance is asked, so that
random groups have the languages of the group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.album import Album, Rows

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


class Sides(NamedTuple):
    """Rows of a group, and behind them those of comparable accounts; both in an order by hash."""

    rows: Rows
    size: int
    """How many of the rows are the group's."""
    fair: Bools
    """Which rows are the group's or of a sample of all accounts; the rest is there for its language."""

    def where(self, known: Bools) -> Sides:
        """Those of which something is known."""
        return Sides(self.rows[known], int(known[: self.size].sum()), self.fair[known])

    def beside(self, group: Rows) -> Sides:
        """Another group beside the same comparable accounts."""
        fair = np.concatenate([np.ones(len(group), dtype=bool), self.fair[self.size :]])
        return Sides(np.concatenate([group, self.rows[self.size :]]), len(group), fair)


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


def representatives(accounts: Iterable[int], most: int = MOST) -> list[int]:
    """The hashes by which a group is represented.

    >>> representatives([9, 3, 7, 3], most=2)
    [3, 7]
    """
    return sorted(set(accounts))[:most]


def beside(album: Album, accounts: Iterable[int], now_s: int, seed: int) -> Sides:
    """A group's rows and those of accounts to compare it with; which ones is drawn with the seed."""
    table = album.table
    places = album.places(representatives(accounts))
    group = table[places]
    here, seen = album.recent(now_s - _DAY_S)
    apart = ~np.isin(here, places)
    here, platforms, usual = here[apart], seen["platform"][apart], seen["usual"][apart]
    order = _shuffled(seen["account"][apart], seed)
    fair = np.zeros(len(here), dtype=bool)
    drawn = np.zeros(len(here), dtype=bool)
    for platform in np.unique(group["platform"]):
        members = group["usual"][group["platform"] == platform]
        of_platform = np.flatnonzero(platforms == platform)
        fair[_first(of_platform, order, len(members))] = True
        for language, count in zip(*np.unique(members, return_counts=True), strict=True):
            alike = of_platform[usual[of_platform] == language]
            drawn[_first(alike, order, int(count))] = True
    kept = fair | drawn
    others = table[here[kept]]
    sorting = np.argsort(others["account"])
    return Sides(
        np.concatenate([group, others[sorting]]),
        len(group),
        np.concatenate([np.ones(len(group), dtype=bool), fair[kept][sorting]]),
    )


def _first(places: Integers, order: NDArray[np.uint64], members: int) -> Integers:
    """Those that stand first in a random order, as many as are asked for beside so many members."""
    wanted = max(_OTHERS, 8 * members)
    return places if len(places) <= wanted else places[np.argpartition(order[places], wanted)[:wanted]]


def _shuffled(accounts: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Numbers by which accounts stand in a random order, another one for each seed."""
    mixed = (accounts ^ np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(mixed ^ (mixed >> np.uint64(29)))


def stratified(sides: Sides, *, matched: bool = True) -> Strata | None:
    """The strata of two sides; None where there is too little to compare with.

    Parameters
    ----------
    sides : Sides
    matched : bool
        Whether usual languages are kept apart.
    """
    rows, size, fair = sides
    platforms = rows["platform"].astype(np.int64)
    languages = rows["usual"].astype(np.int64) if matched else np.zeros(len(rows), dtype=np.int64)
    stratum = platforms << 16 | languages
    large, counts = np.unique(stratum[size:], return_counts=True)
    large = np.intersect1d(large[counts >= ENOUGH_OTHERS], stratum[:size])
    # Of what is not in a large stratum, and of all where nothing is matched, only the fair sample counts.
    alone = np.isin(stratum, large) & matched
    rest = platforms << 16 | 0xFFFF
    stratum = np.where(alone, stratum, np.where(fair, rest, _NOWHERE))
    for platform in np.unique(platforms[:size]):
        shared = platform << 16 | 0xFFFF
        if (stratum[:size] == shared).any() and (stratum[size:] == shared).sum() < ENOUGH_OTHERS:
            here = np.unique(
                stratum[size:][alone[size:] & (platforms[size:] == platform)], return_counts=True
            )
            if not len(here[0]):
                return None
            stratum[stratum == shared] = here[0][np.argmax(here[1])]  # they join the largest language
    members, drawn = [], []
    weights, others = np.zeros(len(rows)), np.zeros(len(rows))
    for one in np.unique(stratum[:size]):
        places = np.flatnonzero(stratum == one)
        count = int((places < size).sum())
        members.append(places)
        drawn.append(count)
        weights[places] = count / len(places)
        others[places[places >= size]] = count / size / (len(places) - count)
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
        return np.argsort(rng.random((count, of)), axis=1)[:, :size]
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
