"""What a trait is asked of one group, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.comparing import Bools, Floats, Integers, Peers, Sides, stratified
from detectors.traits.chance import Urn, effect_size
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


def shares(hits: Integers | Floats, count: Integers) -> Floats:
    """Shares of so many known ones; NaN where these are too few."""
    return np.where(count < MIN_ACCOUNTS, np.nan, hits / np.maximum(count, 1))


def matters(value: float, reference: float, showing: int, least: float, fewest: int = MIN_SHOWING) -> bool:
    """Whether so large a share of so many accounts may be found at all, if chance does not give it."""
    return showing >= fewest and effect_size(value, reference) >= least
