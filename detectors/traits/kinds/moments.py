"""How many accounts have one moment in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats, Peers
from detectors.traits.kinds.question import Outcome, Question, Untested, shares
from detectors.traits.kinds.time_line import TimeLine
from detectors.traits.results import Sentence


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
        return shares(line.densest(places[rows], owners, len(count)).showing, count)
