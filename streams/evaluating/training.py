"""How the constants of the automation score are learnt, and judged on families that were not learnt from.

A weight of evidence for each bin of each feature. The bins are round numbers; directions, ceilings and floors
are set here from the literature; the data only say how much. Families weigh the same whatever their size.
`benchmarks/train_automation.py` writes the model with it; `docs/models/automation.md` is its card.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.accounts.automation import FEATURES, features, handle_classes
from detectors.events import Profile, milliseconds
from streams.evaluating.ranking import auc
from streams.sources.opening import open_input

Array = npt.NDArray[np.float64]

PRIOR = 0.12
SMOOTHING = 0.3  # share of an even distribution mixed into each family's bins
MOST_EVIDENCE = 3.0  # no bin says more than this (log-odds) before the slope and its own ceiling
STRAIGHT = 0.5  # share of a straight line over the bins in the evidence


@dataclass(frozen=True)
class Bins:
    """What is fixed before training for one feature.

    `edges` are the lower limits of all bins but the first. `direction` is +1 where more looks automated, -1
    where less does. `floor` and `ceiling` bound the evidence before the slope: `floor` towards a human,
    `ceiling` towards automation.
    """

    edges: tuple[float, ...]
    direction: int
    floor: float
    ceiling: float


def _a_day(*values: float) -> tuple[float, ...]:
    return tuple(value / 24 for value in values)


# Why these bounds:
# - Likes, followers and their ratio to those followed carry most, as in all published models; even so the
#   strongest (likes) is cut to two log-odds, because in this set it alone separates the labels, and that is
#   the crawl's doing.
# - Posting much is no evidence for a human (a machine can): posts by hour have the floor 0.
# - Being on no list is the rule today, so it says almost nothing; being on many says more.
# - The default page: the two bot families disagree, and modern networks have no theme. Nearly nothing.
# - Newcomers follow fast and have few followers: following by hour is held down.
# - Handles and name lengths vary with language and network: a quarter at most.
PLAN: dict[str, Bins] = {
    "posts": Bins((1, 10, 30, 100, 300, 1000, 3000), -1, -0.5, 0.5),
    "followers": Bins((1, 3, 10, 30, 100, 300, 1000), -1, -1.5, 2.0),
    "following": Bins((10, 30, 100, 300, 1000, 2000), 1, -0.5, 0.5),
    "likes": Bins((1, 3, 10, 30, 100, 300, 1000, 3000), -1, -2.5, 2.0),
    "listed": Bins((1, 2, 5, 10, 30), -1, -1.0, 0.25),
    "default_profile": Bins((0.5,), 1, -0.25, 0.25),
    "verified": Bins((0.5,), -1, -1.0, 0.25),
    "posts_per_hour": Bins(_a_day(0.1, 0.3, 1, 3, 10, 30), -1, 0.0, 0.5),
    "followers_per_hour": Bins(_a_day(0.01, 0.03, 0.1, 0.3, 1, 3, 10), -1, -0.5, 0.5),
    "following_per_hour": Bins(_a_day(0.03, 0.1, 0.3, 1, 3, 10), 1, -0.5, 1.0),
    "likes_per_hour": Bins(_a_day(0.01, 0.03, 0.1, 0.3, 1, 3, 10), -1, -2.0, 1.5),
    "listed_per_hour": Bins(_a_day(0.001, 0.003, 0.01, 0.03), -1, -0.5, 0.25),
    "followers_per_following": Bins((0.03, 0.1, 0.2, 0.3, 0.5, 1, 2), -1, -1.0, 2.0),
    "handle_length": Bins((6, 8, 10, 12, 14), 1, -0.25, 0.25),
    "handle_digits": Bins((1, 2, 4, 6), 1, -0.25, 0.25),
    "name_length": Bins((5, 10, 15, 20), 1, -0.25, 0.25),
    "name_digits": Bins((1, 2, 4), 1, -0.25, 0.25),
    "description_length": Bins((1, 10, 30, 80, 120), -1, -0.5, 1.0),
    "handle_likelihood": Bins((0.05, 0.1, 0.2, 0.4), -1, -0.25, 0.25),
}


@dataclass
class Accounts:
    """The training set: `matrix` (n, f) of features, `family` (n,) of names, `classes` of the handles."""

    matrix: Array
    family: npt.NDArray[np.str_]
    classes: list[bytes]
    sha256: str
    bots: tuple[str, ...]
    """Families that are not labelled as human."""
    humans: tuple[str, ...]

    def of(self, families: str | Iterable[str]) -> npt.NDArray[np.bool_]:
        """Mask of the accounts of some families."""
        return np.isin(self.family, [families] if isinstance(families, str) else list(families))


def read_accounts(path: Path) -> Accounts:
    """Read the training set and measure its profiles with the product's own `features`."""
    content = b"".join(open_input(path))
    rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
    # The 2013 files do not say when they were read. Both labels were read in the same months, so the newest
    # creation date among both is taken for all: a lower bound that cannot tell the labels apart.
    unobserved = [_moment(row["created_at"]) for row in rows if not row["observed_at"]]
    newest = max((milliseconds(one) for one in unobserved if one is not None), default=0)
    matrix = np.array([features(_profile(row), _observed_ms(row, newest)) for row in rows])
    # Names are not in the set, only their lengths: their digits are unknown, not zero.
    matrix[:, FEATURES.index("name_digits")] = np.nan
    family = np.array([row["family"] for row in rows])
    classes = [handle_classes(row["screen_name_shape"]) for row in rows]
    human = {row["family"]: row["label"] == "human" for row in rows}
    return Accounts(
        matrix,
        family,
        classes,
        hashlib.sha256(content).hexdigest(),
        tuple(sorted(name for name, is_human in human.items() if not is_human)),
        tuple(sorted(name for name, is_human in human.items() if is_human)),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _observed_ms(row: dict[str, str], newest_ms: int) -> int:
    observed = _moment(row["observed_at"])
    return newest_ms if observed is None else milliseconds(observed)


def _profile(row: dict[str, str]) -> Profile:
    def count(name: str) -> int | None:
        return int(float(row[name])) if row[name] else None

    def flag(name: str) -> bool | None:
        return row[name] == "1" if row[name] else None

    return Profile(
        handle=row["screen_name_shape"] or None,
        name="x" * int(row["name_length"]) if row["name_length"] else None,
        description="x" * int(row["description_length"]) if row["description_length"] else None,
        created_at=_moment(row["created_at"]),
        posts=count("statuses_count"),
        followers=count("followers_count"),
        following=count("friends_count"),
        likes=count("favourites_count"),
        listed=count("listed_count"),
        default_profile=flag("default_profile"),
        verified=flag("verified"),
    )


def fit_bigrams(accounts: Accounts, humans: Sequence[str]) -> list[float]:
    """Logarithms of how common the 16 class bigrams are in human handles, each family weighing the same."""
    shares = []
    for family in humans:
        counts = np.ones(16)  # one of each, so that none is impossible
        for i in np.flatnonzero(accounts.of(family)):
            classes = accounts.classes[i]
            for first, second in itertools.pairwise(classes):
                counts[first * 4 + second] += 1
        shares.append(counts / counts.sum())
    return [round(math.log(value), 4) for value in np.mean(shares, axis=0)]


def with_likelihood(accounts: Accounts, bigrams: Sequence[float]) -> Array:
    """Copy the matrix, with the handle likelihood under other bigrams."""
    matrix = accounts.matrix.copy()
    column = FEATURES.index("handle_likelihood")
    for i, classes in enumerate(accounts.classes):
        if len(classes) > 1:
            total = sum(bigrams[a * 4 + b] for a, b in itertools.pairwise(classes))
            matrix[i, column] = math.exp(total / (len(classes) - 1))
    return matrix


def monotone(values: Array, weights: Array, direction: int) -> Array:
    """Nearest (weighted least squares) sequence that only rises, or only falls: pool adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values * direction, weights, strict=True):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, mass, length = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, length + block[2])
        blocks.append(block)
    return direction * np.concatenate([np.full(length, mean) for mean, _, length in blocks])


def fit_feature(column: Array, bins: Bins, bots: Sequence[Any], humans: Sequence[Any]) -> Array:
    """Evidence (log-odds, before the slope) of each bin of one feature; families as masks."""

    def distribution(masks: Sequence[Any]) -> Array | None:
        shares = []
        for mask in masks:
            values = column[mask]
            values = values[~np.isnan(values)]
            if len(values):
                found = np.bincount(np.searchsorted(bins.edges, values, side="right"), minlength=width)
                shares.append((found / len(values) + SMOOTHING / width) / (1 + SMOOTHING))
        return np.mean(shares, axis=0) if shares else None

    width = len(bins.edges) + 1
    automated, human = distribution(bots), distribution(humans)
    if automated is None or human is None:
        return np.zeros(width)
    evidence = monotone(np.log(automated / human), automated + human, bins.direction)
    evidence = np.clip(evidence, -MOST_EVIDENCE, MOST_EVIDENCE)
    # A direction that the data contradict leaves one flat level, which says nothing about an account.
    if np.ptp(evidence) < 1e-9:
        return np.zeros(width)
    # One like more must not turn the verdict: half of the evidence is a straight line over the bins.
    place = np.arange(width, dtype=np.float64)
    slope, level = straight_line(place, evidence, automated + human)
    if width > 2 and slope * bins.direction > 0:
        evidence = (1 - STRAIGHT) * evidence + STRAIGHT * (level + slope * place)
    return np.clip(evidence, bins.floor, bins.ceiling)


def straight_line(x: Array, y: Array, weights: Array) -> tuple[float, float]:
    """Slope and level of the weighted least-squares line."""
    mass = weights / weights.sum()
    x_mean, y_mean = float((mass * x).sum()), float((mass * y).sum())
    slope = float((mass * (x - x_mean) * (y - y_mean)).sum() / (mass * (x - x_mean) ** 2).sum())
    return slope, y_mean - slope * x_mean


def fit(
    accounts: Accounts, bots: Sequence[str], humans: Sequence[str]
) -> tuple[list[float], dict[str, Array]]:
    """Fit bigrams and evidence on some families."""
    bigrams = fit_bigrams(accounts, humans)
    matrix = with_likelihood(accounts, bigrams)
    bot_masks = [accounts.of(family) for family in bots]
    human_masks = [accounts.of(family) for family in humans]
    evidence = {
        name: fit_feature(matrix[:, j], PLAN[name], bot_masks, human_masks) for j, name in enumerate(FEATURES)
    }
    return bigrams, evidence


def evidence_of(matrix: Array, evidence: dict[str, Array]) -> Array:
    """Sum the evidence of each row, before the slope and the prior."""
    total = np.zeros(len(matrix))
    for j, name in enumerate(FEATURES):
        column = matrix[:, j]
        known = ~np.isnan(column)
        total[known] += evidence[name][np.searchsorted(PLAN[name].edges, column[known], side="right")]
    return total


def best_slope(bots: Array, humans: Array) -> float:
    """Slope that makes prior + slope * evidence best calibrated: log loss at the prior, by Newton."""
    start = math.log(PRIOR / (1 - PRIOR))
    slope = 0.3
    for _ in range(200):
        gradient = curvature = 0.0
        for values, label, mass in ((bots, 1.0, PRIOR), (humans, 0.0, 1 - PRIOR)):
            p = 1 / (1 + np.exp(-(start + slope * values)))
            gradient += mass * float(np.mean((label - p) * values))
            curvature += mass * float(np.mean(p * (1 - p) * values**2))
        slope += min(max(gradient / max(curvature, 1e-9), -0.1), 0.1)
    return slope


@dataclass
class Fold:
    """Evidence on one family of bots and one of humans, both unseen by the model that gave it."""

    bot: str
    human: str
    bots: Array
    humans: Array
    slope: float
    single: list[tuple[float, str]]
    partial: dict[str, float]


_NO_LIKES = ("likes", "likes_per_hour")
_FEDIVERSE = (*_NO_LIKES, "listed", "listed_per_hour", "default_profile", "verified")
MISSING: dict[str, tuple[str, ...]] = {
    "no age": tuple(name for name in FEATURES if name.endswith("_per_hour")),
    "no likes": _NO_LIKES,
    "no likes, lists, default page, verified": _FEDIVERSE,
    "nor posts": (*_FEDIVERSE, "posts", "posts_per_hour"),
}
"""What other networks or crawls do not give: the AUC is printed without these, too."""


def folds(accounts: Accounts) -> list[Fold]:
    """Leave out one family of bots and one of humans, train on the rest, test on the two: all pairs."""
    return [_fold(accounts, bot, human) for bot, human in itertools.product(accounts.bots, accounts.humans)]


def _fold(accounts: Accounts, bot: str, human: str) -> Fold:
    seen_bots = [family for family in accounts.bots if family != bot]
    seen_humans = [family for family in accounts.humans if family != human]
    bigrams, evidence = fit(accounts, seen_bots, seen_humans)
    matrix = with_likelihood(accounts, bigrams)
    bots, humans = matrix[accounts.of(bot)], matrix[accounts.of(human)]
    old_bots, old_humans = matrix[accounts.of(seen_bots)], matrix[accounts.of(seen_humans)]
    single = []
    for j, name in enumerate(FEATURES):
        up = auc(old_bots[:, j], old_humans[:, j]) >= 0.5  # the direction a rule would have learnt
        value = auc(bots[:, j], humans[:, j])
        single.append((value if up else 1 - value, name))
    partial = {}
    for title, names in MISSING.items():
        kept = {name: values * (name not in names) for name, values in evidence.items()}
        partial[title] = auc(evidence_of(bots, kept), evidence_of(humans, kept))
    mine, theirs = evidence_of(bots, evidence), evidence_of(humans, evidence)
    return Fold(bot, human, mine, theirs, best_slope(mine, theirs), sorted(single, reverse=True), partial)


def product_slope(tested: Sequence[Fold]) -> float:
    """Take the smallest of the slopes that calibrate an unseen pair: the most careful one."""
    return round(min(fold.slope for fold in tested), 2)


def probability(evidence: Array, slope: float) -> Array:
    """Probability from evidence, at the stated prior."""
    return 1 / (1 + np.exp(-(math.log(PRIOR / (1 - PRIOR)) + slope * evidence)))
