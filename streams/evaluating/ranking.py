"""How well a score ranks what is looked for above the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.evaluating.figures import DRAWS, Interval, percentiles

Ranked = Sequence[tuple[float, bool]]
"""Scores, and whether each is of what is looked for."""


def average_precision(ranked: Ranked) -> float:
    """Average precision; equal scores are taken together, at the precision after all of them.

    >>> average_precision([(3, True), (2, False), (1, True)])
    0.8333333333333333
    """
    total = hits = 0.0
    for precision, recall in curve(ranked):
        total += precision * (recall - hits)
        hits = recall
    return total


def curve(ranked: Ranked) -> list[tuple[float, float]]:
    """Precision and recall at each score, from the highest down.

    >>> curve([(3, True), (2, False), (1, True)])
    [(1.0, 0.5), (0.5, 0.5), (0.6666666666666666, 1.0)]
    """
    groups: dict[float, list[bool]] = defaultdict(list)
    for score, wanted in ranked:
        groups[score].append(wanted)
    all_wanted = sum(wanted for _, wanted in ranked)
    points, hits, seen = [], 0, 0
    for score in sorted(groups, reverse=True):
        hits, seen = hits + sum(groups[score]), seen + len(groups[score])
        if all_wanted:
            points.append((hits / seen, hits / all_wanted))
    return points


def precision_interval(ranked: Iterable[tuple[Hashable, float, bool]], seed: int) -> Interval | None:
    """95 % bootstrap of the average precision.

    Parameters
    ----------
    ranked : iterable of (unit, score, wanted)
        What is of one unit and one side is alike, and drawn together; each side is drawn by itself.
    """
    groups: dict[tuple[Hashable, bool], list[tuple[float, bool]]] = defaultdict(list)
    for unit, score, wanted in ranked:
        groups[unit, wanted].append((score, wanted))
    sides = [[group for (_, side), group in groups.items() if side is wanted] for wanted in (True, False)]
    if not sides[0] or not sides[1]:
        return None
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(DRAWS):
        drawn = [
            one for side in sides for place in rng.integers(0, len(side), len(side)) for one in side[place]
        ]
        values.append(average_precision(drawn))
    return percentiles(np.array(values))


def auc(wanted: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Chance that a wanted value is above another, ties counted half; missing values in the middle.

    >>> auc(np.array([3.0, 1.0]), np.array([0.0, 2.0]))
    0.75
    """
    both = np.concatenate([wanted, others])
    middle = np.nanmedian(both) if not np.isnan(both).all() else 0.0
    _, place, count = np.unique(
        np.where(np.isnan(both), middle, both), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    n, m = len(wanted), len(others)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def auc_interval(wanted: NDArray[np.float64], others: NDArray[np.float64], seed: int) -> Interval:
    """95 % bootstrap of the AUC; each side is drawn by itself."""
    rng = np.random.default_rng(seed)
    return percentiles(
        np.array(
            [auc(rng.choice(wanted, len(wanted)), rng.choice(others, len(others))) for _ in range(DRAWS)]
        )
    )
