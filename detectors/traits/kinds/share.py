"""How many accounts have something, or how much of it on average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detectors.album import Rows
from detectors.comparing import Bools, Floats, Peers, Sides, Strata
from detectors.traits.chance import against_draws, divergence, tail_of_sum
from detectors.traits.kinds.question import Outcome, Question, Untested, matters, shares
from detectors.traits.results import Sentence


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
        return shares(np.bincount(owners, degrees[rows], len(count)), count)

    def _read(self, sides: Sides) -> tuple[Floats, Bools]:
        """The degree of each row, and whether it is known; where nothing is matched, in the fair sample."""
        if self.matched:
            degrees = self.degrees(sides.rows)
        else:
            degrees = np.full(len(sides.rows), np.nan)
            degrees[sides.fair] = self.degrees(sides.rows.take(np.flatnonzero(sides.fair)))
        return degrees, ~np.isnan(degrees)


def _urns(strata: Strata, degrees: Floats) -> list[tuple[int, int, int]]:
    """Accounts, marked ones and drawn ones of each stratum."""
    return [
        (len(members), round(degrees[members].sum()), drawn)
        for members, drawn in zip(strata.members, strata.drawn, strict=True)
    ]
