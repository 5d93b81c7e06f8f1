r"""How often chance alone would give a group a trait: the p-values of all traits.

What it looks for
    How often a random group, of the size and the languages of the one in question, has as much of a trait.

Definition
    The group and the comparable accounts together are an urn; a random group draws from it, without
    repetition, as many of each network and language as the group has. Under the hypothesis that the group is
    any such draw these tests are exact, whatever the accounts are like:

    * what each account has or has not: the tail of the hypergeometric distribution (Fisher 1935; with
      several languages their sums, convolved), the probability of the very value counted half (*mid-p*,
      Lancaster 1961);
    * any other statistic: ``p = (1 + greater + ties / 2) / (B + 1)`` over B random groups (Barnard 1963). B
      is the first of 39, 99, 399 and 999 within which ten of these reach the value (after Besag and Clifford
      1991), and 99 at most where the effect is too small for anything to be found. Who stops early has a
      p-value above 10 / (B + 1): the small ones are not touched by that.

    A thousand draws cannot tell p-values below 1/1000. So every statistic here is such that chance is also
    bounded from above by Hoeffding (1963, theorem 1; it holds for draws without repetition as well): for the
    mean of n values in [0, 1] with expectation q,

        P(mean >= m) <= exp(-n KL(m, q)),   KL(m, q) = m ln(m / q) + (1 - m) ln((1 - m) / (1 - q))

    times the number of places at which a maximum was taken. Where that bound is at most 1/1000 it is the
    p-value, and nothing is drawn. Chance alone gives a bound of at most p no more often than p, so this stays
    a p-value; above 1/1000 it counts as much as the draws, which adds 1/1000 at most.

    The random groups of one set of accounts are the same for all traits that are known of these.

    Many traits of one group are told from each other by Benjamini and Yekutieli (2001), which holds
    whatever the traits have to do with each other: with m traits tested and c = 1 + 1/2 + ... + 1/m, the k-th
    smallest p-value is multiplied by m c / k.

Defaults, and why
    999 draws: a p-value of 0.01 is then good to a third; below, the bound takes over. Ten that reach the
    value tell a p-value to a third as well.

What it misses
    What the comparable accounts have as well, since then it is ordinary: in a stream of which an operation is
    most, nothing is beyond chance.

What it does not prove
    That something is beyond chance is no reason for it. Every real community is beyond chance in something:
    its language, its age, its hours. That is why traits are also set against other communities
    (`detectors.traits.testing`).

Examples
--------
>>> round(divergence(0.5, 0.1), 4), divergence(0.1, 0.5)
(0.5108, 0.0)
>>> round(tail_of_sum([(100, 10, 10)], 5), 6)  # five of ten, where one is usual
0.000352
>>> adjusted([0.001, 0.2, 0.03])
[0.0055, 0.3667, 0.0825]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from detectors.comparing import Floats, Integers, Strata, random_groups

DRAWS = (39, 60, 300, 600)
"""Random groups that are drawn at first, and how many more each time that the value is not ordinary."""
FEW = 99
"""Random groups that are enough where nothing can be found anyway."""
_ORDINARY = 10
"""Random groups that reach the value, with which it is ordinary enough to stop."""
_TINY = 1e-300
"""Instead of 0 under a logarithm that is multiplied by 0."""


def divergence(value: float | Floats, expected: float | Floats) -> float | Floats:
    """KL(value, expected) of two shares, in nats; 0 where the value is not above what is expected."""
    m, q = np.asarray(value, dtype=float), np.clip(np.asarray(expected, dtype=float), 1e-12, 1.0)
    above = m * np.log(np.maximum(m, _TINY) / q)
    below = (1 - m) * np.log(np.maximum(1 - m, _TINY) / np.maximum(1 - q, _TINY))
    result = np.where(m > q, above + below, 0.0)
    return float(result) if result.ndim == 0 else result


def effect_size(value: float, reference: float) -> float:
    """Cohen's h of two shares: 2 asin(sqrt(value)) - 2 asin(sqrt(reference)).

    It is 0.3 for 10 % against 3 %, for 20 % against 10 %, and for 50 % against 35 % (Cohen 1988 calls 0.2
    small and 0.5 medium).

    >>> round(effect_size(0.1, 0.03), 2), round(effect_size(0.5, 0.35), 2)
    (0.3, 0.3)
    """
    return 2 * (math.asin(math.sqrt(min(value, 1.0))) - math.asin(math.sqrt(min(reference, 1.0))))


def tail_of_sum(strata: Sequence[tuple[int, int, int]], hits: int) -> float:
    """Mid-p of so many hits or more: P(more) + P(as many) / 2.

    Parameters
    ----------
    strata : sequence of (int, int, int)
        Of each stratum its accounts, how many of them are hits, and how many are drawn.
    hits : int
        Among all that were drawn.
    """
    mass = np.ones(1)
    for accounts, marked, drawn in strata:
        mass = np.convolve(mass, _hypergeometric(accounts, marked, drawn))
    return min(1.0, float(mass[hits + 1 :].sum() + mass[hits] / 2))


def _hypergeometric(accounts: int, marked: int, drawn: int) -> Floats:
    """Probabilities of 0, 1, ... marked ones among the drawn."""
    least, most = max(0, drawn - (accounts - marked)), min(drawn, marked)
    hits = np.arange(least, most)
    # From each number of hits to the next: P(hits + 1) / P(hits).
    steps = (marked - hits) * (drawn - hits) / ((hits + 1) * (accounts - marked - drawn + hits + 1))
    logarithms = np.concatenate([[0.0], np.cumsum(np.log(steps))])
    likely = np.exp(logarithms - logarithms.max())
    mass = np.zeros(drawn + 1)
    mass[least : most + 1] = likely / likely.sum()
    return mass


class Urn:
    """A group and the comparable accounts together, and the random groups that are drawn from them.

    These are drawn when they are asked for, and whoever asks gets the same ones.
    """

    def __init__(self, strata: Strata, seed: int) -> None:
        self.strata = strata
        self._rng = np.random.default_rng(seed)
        self._drawn: list[Integers] = []

    def groups(self) -> Iterator[Integers]:
        """Random groups, so many as `DRAWS` says at a time; one a row, its accounts as places of rows."""
        for turn, count in enumerate(DRAWS):
            if turn == len(self._drawn):
                self._drawn.append(random_groups(self.strata, count, self._rng))
            yield self._drawn[turn]


def against_draws(observed: float, drawn: Iterable[Floats], bound: float, *, few: bool = False) -> float:
    """P-value of a statistic against random groups.

    Parameters
    ----------
    observed : float
    drawn : iterable of array
        The statistics of random groups, some of them at a time; no more are asked for than are needed.
    bound : float
        What the p-value is at most, whatever the draws say; it counts where it is below what they can tell.
    few : bool
        Whether `FEW` draws are enough.
    """
    if bound <= 1 / (sum(DRAWS) + 1):  # no draws could tell more
        return bound
    reached, count = 0.0, 0
    for values in drawn:
        # Sums of floats in another order differ in their last digits; such values are ties.
        close = np.abs(values - observed) <= 1e-12 + 1e-9 * abs(observed)
        reached += float((values[~close] > observed).sum()) + float(close.sum()) / 2
        count += len(values)
        if reached >= _ORDINARY or (few and count >= FEW):
            break
    return min((1 + reached) / (count + 1), 1.0)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values paid for by their number (Benjamini and Yekutieli 2001), in the order given."""
    many = len(p_values)
    harmonic = sum(1 / k for k in range(1, many + 1))
    paid = [0.0] * many
    least = 1.0
    order = sorted(range(many), key=lambda one: p_values[one])
    for rank in range(many, 0, -1):
        place = order[rank - 1]
        least = min(least, p_values[place] * many * harmonic / rank)
        paid[place] = round(least, 4) if least >= 1e-4 else float(f"{least:.4g}")
    return paid
