"""How many accounts did what hardly anybody does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.comparing import ENOUGH_OTHERS, Floats, Peers
from detectors.traits.chance import tail_of_sum
from detectors.traits.kinds.question import MIN_ACCOUNTS, Outcome, Question, Untested, shares
from detectors.traits.results import Sentence


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
        return shares(np.bincount(owners, did[rows], len(count)), count)
