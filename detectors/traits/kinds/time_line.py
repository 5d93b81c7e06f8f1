"""The scan of a time line: where more of a group stand close together than chance puts there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from detectors.comparing import Bools, Floats, Integers
from detectors.traits.chance import against_draws, divergence
from detectors.traits.kinds.question import Outcome, matters
from detectors.traits.results import Figures


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
