"""Which of many names more accounts of a group have than is usual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.album import Rows
from detectors.comparing import Bools, Floats, Integers, Peers
from detectors.traits.chance import against_draws, divergence
from detectors.traits.kinds.question import MIN_SHOWING, Outcome, Question, Untested, matters, shares
from detectors.traits.results import Figures, Sentence


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
        return shares(counts[np.arange(len(count)), odds.z(counts).argmax(axis=1)], count)


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
