"""Score against label: how often a case of a score is right, and when a probability may be told of it.

A probability is told only if at least eight operations stand behind it. Then a logistic curve over the
score is fitted with one operation left out at a time, and the cases of that operation are predicted: the
reliability diagram is over these. Cases of one operation are alike, so that cases alone, however many, say
nothing of the next operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.evaluating.figures import Scored, ratio, ratio_interval

NEEDED = 8
"""Operations from which on a probability is told."""
_EDGES = (20, 25, 30, 35, 40, 50, 60, 75, 101)
_STEPS = 50
_RIDGE = 1e-3
"""Keeps the curve finite where scores separate right from false."""


class Calibration(msgspec.Struct, kw_only=True):
    """What is known of the score."""

    operations: list[str]
    cases: int
    by_score: list[dict[str, Any]]
    """Of each range of scores the cases, and the share that is right."""
    probability: str
    """Whether a probability may be told, in a sentence."""
    reliability: list[tuple[float, float, float]] | None = None
    """Predicted, found, share of all, over operations left out; None where there is no probability."""
    brier: float | None = None
    brier_constant: float | None = None
    """The same, always predicting the share of right cases."""


def calibrate(cases: Sequence[Scored], seed: int) -> Calibration:
    """Set the scores of cases against their labels.

    >>> calibrate([Scored("one", "first hour", 45, True)], seed=1).probability
    'null: 1 operation is behind these cases, and 8 are needed'
    """
    operations = sorted({one.operation for one in cases if one.right})
    found = Calibration(
        operations=operations,
        cases=len(cases),
        by_score=_by_score(cases, seed),
        probability=f"null: {len(operations)} operation{'s are' if len(operations) != 1 else ' is'} behind "
        f"these cases, and {NEEDED} are needed",
    )
    if len(operations) < NEEDED:
        return found
    predicted, right = _left_out(cases)
    found.reliability = _bins(predicted, right)
    found.brier = round(float(np.mean((predicted - right) ** 2)), 4)
    found.brier_constant = round(float(right.mean() * (1 - right.mean())), 4)
    found.probability = f"over {len(operations)} operations, one left out at a time"
    return found


def _by_score(cases: Sequence[Scored], seed: int) -> list[dict[str, Any]]:
    """By ranges of scores; whole streams are drawn for the intervals."""
    rows = []
    for low, high in pairwise(_EDGES):
        counted: dict[str, tuple[int, int]] = {}
        for one in cases:
            if low <= one.score < high:
                right, number = counted.get(one.stream, (0, 0))
                counted[one.stream] = right + one.right, number + 1
        units = list(counted.values())
        if interval := ratio_interval(units, seed):
            rows.append(
                {
                    "score": f"{low} to {min(high - 1, 100)}",
                    "cases": sum(number for _, number in units),
                    "right": ratio(units),
                    "low": interval[0],
                    "high": interval[1],
                }
            )
    return rows


def _left_out(cases: Sequence[Scored]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probability of each case by the others' operations, and whether it is right."""
    score = np.array([one.score for one in cases], dtype=np.float64) / 100
    right = np.array([one.right for one in cases], dtype=np.float64)
    names = np.array([one.operation for one in cases])
    predicted = np.zeros(len(cases))
    for name in np.unique(names):
        out = names == name
        level, slope = _logistic(score[~out], right[~out])
        predicted[out] = 1 / (1 + np.exp(-(level + slope * score[out])))
    return predicted, right


def _logistic(score: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, float]:
    """Level and slope of the logistic curve, by Newton's method."""
    columns = np.stack([np.ones(len(score)), score], axis=1)
    weights = np.zeros(2)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-columns @ weights))
        gradient = columns.T @ (right - p) - _RIDGE * weights
        curvature = columns.T @ (columns * (p * (1 - p))[:, None]) + _RIDGE * np.eye(2)
        weights = weights + np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])


def _bins(predicted: NDArray[np.float64], right: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    found = []
    for place in range(10):
        inside = np.minimum((predicted * 10).astype(int), 9) == place
        if inside.any():
            parts = predicted[inside].mean(), right[inside].mean(), inside.mean()
            found.append((round(float(parts[0]), 4), round(float(parts[1]), 4), round(float(parts[2]), 4)))
    return found
