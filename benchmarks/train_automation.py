"""Train and judge the automation model of `detectors/accounts/automation.py`.

    python benchmarks/train_automation.py            prints the evaluation
    python benchmarks/train_automation.py --write    also writes detectors/accounts/automation_model.json

It reads `accounts/accounts.csv.gz` below the folder named by VIGIE_SHARED_DATA, else below `../shared/data`
beside the checkout. Only numpy is needed, nothing is random but the bootstrap, and that has a fixed seed.

The method: a weight of evidence for each bin of each feature. The bins are round numbers; directions,
ceilings and floors are set here from the literature; the data only say how much. Families weigh the same
whatever their size. Every figure printed is on families that the evidence of that figure has not seen; the
slope, the threshold and the bounds are shared by all four combinations and were set with these in view.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import itertools
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detectors.accounts.automation import (  # noqa: E402
    COUNT_FEATURES,
    FEATURES,
    UNITS,
    features,
    handle_classes,
)
from detectors.events import Profile, milliseconds  # noqa: E402

Array = npt.NDArray[np.float64]

MODEL_PATH = ROOT / "detectors" / "accounts" / "automation_model.json"
BOTS = ("cresci17_social_spambots_2", "mib13_fake_followers_int")
HUMANS = ("cresci17_genuine", "mib13_genuine_e13")

VERSION = "automation-1"
PRIOR = 0.12
THRESHOLD = 0.55  # for about 3 in 100 false positives on the quietest human family while unseen
SMOOTHING = 0.3  # share of an even distribution mixed into each family's bins
MOST_EVIDENCE = 3.0  # no bin says more than this (log-odds) before the slope and its own ceiling
STRAIGHT = 0.5  # share of a straight line over the bins in the evidence
SEED = 1


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

    def of(self, families: str | Iterable[str]) -> npt.NDArray[np.bool_]:
        """Mask of the accounts of some families."""
        return np.isin(self.family, [families] if isinstance(families, str) else list(families))


def data_file() -> Path:
    """Where the training set should be."""
    folder = os.environ.get("VIGIE_SHARED_DATA")
    return (Path(folder) if folder else ROOT.parent / "shared" / "data") / "accounts" / "accounts.csv.gz"


def read_accounts(path: Path) -> Accounts:
    """Read the training set and measure its profiles with the product's own `features`."""
    content = gzip.decompress(path.read_bytes())
    rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
    # The 2013 files do not say when they were read. Both labels were read in the same months, so the newest
    # creation date among both is taken for all: a lower bound that cannot tell the labels apart.
    newest = max(_moment(row["created_at"]) for row in rows if not row["observed_at"])
    matrix = np.array(
        [features(_profile(row), milliseconds(_moment(row["observed_at"]) or newest)) for row in rows]
    )
    # Names are not in the set, only their lengths: their digits are unknown, not zero.
    matrix[:, FEATURES.index("name_digits")] = np.nan
    family = np.array([row["family"] for row in rows])
    classes = [handle_classes(row["screen_name_shape"]) for row in rows]
    return Accounts(matrix, family, classes, hashlib.sha256(content).hexdigest())


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text) if text else None


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


def auc(bots: Array, humans: Array) -> float:
    """Chance that a bot's value is above a human's, ties counted half; missing values in the middle."""
    both = np.concatenate([bots, humans])
    middle = np.nanmedian(both) if not np.isnan(both).all() else 0.0
    _, place, count = np.unique(
        np.where(np.isnan(both), middle, both), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    n, m = len(bots), len(humans)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def auc_interval(bots: Array, humans: Array, rounds: int = 400) -> tuple[float, float]:
    """95 % bootstrap interval of the AUC (percentiles, fixed seed)."""
    random = np.random.default_rng(SEED)
    values = [auc(random.choice(bots, len(bots)), random.choice(humans, len(humans))) for _ in range(rounds)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


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
    """Train on one pair of families, test on the other pair, for all four combinations."""
    return [_fold(accounts, bot, human) for bot, human in itertools.product(BOTS, HUMANS)]


def _fold(accounts: Accounts, bot: str, human: str) -> Fold:
    seen_bots = [family for family in BOTS if family != bot]
    seen_humans = [family for family in HUMANS if family != human]
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


def train(accounts: Accounts, slope: float) -> dict[str, Any]:
    """Fit on all families and give the constants of the model."""
    bigrams, evidence = fit(accounts, BOTS, HUMANS)
    return {
        "version": VERSION,
        "prior": PRIOR,
        "prior_units": round(math.log(PRIOR / (1 - PRIOR)) * UNITS),
        "threshold": THRESHOLD,
        "slope": slope,
        "unit": f"1/{UNITS} of natural log-odds",
        "training": {
            "accounts": {family: int(accounts.of(family).sum()) for family in BOTS + HUMANS},
            "automated": list(BOTS),
            "human": list(HUMANS),
            "sources": [
                "Cresci, Di Pietro, Petrocchi, Spognardi, Tesconi 2017, arXiv:1701.03017",
                "Cresci, Di Pietro, Petrocchi, Spognardi, Tesconi 2015, doi:10.1016/j.dss.2015.09.003",
            ],
            "sha256": accounts.sha256,
            "script": "benchmarks/train_automation.py",
        },
        "bigrams": bigrams,
        "features": {
            name: {
                "edges": [round(edge, 8) for edge in PLAN[name].edges],
                "units": [round(float(value) * slope * UNITS) for value in evidence[name]],
            }
            for name in FEATURES
        },
    }


def probability(evidence: Array, slope: float) -> Array:
    """Probability from evidence, at the stated prior."""
    return 1 / (1 + np.exp(-(math.log(PRIOR / (1 - PRIOR)) + slope * evidence)))


def report(tested: Sequence[Fold], slope: float) -> None:
    """Print the quality on families unseen in training."""
    print(f"prior {PRIOR}, threshold {THRESHOLD}, slope {slope} (the smallest of the folds' own)\n")
    for fold in tested:
        low, high = auc_interval(fold.bots, fold.humans)
        print(f"unseen: {fold.bot} against {fold.human}")
        print(f"  AUC {auc(fold.bots, fold.humans):.4f}, 95 % bootstrap {low:.4f} to {high:.4f}")
        print("  best single features, direction from training:")
        print("    " + ", ".join(f"{name} {value:.4f}" for value, name in fold.single[:5]))
        print("  AUC with fields missing: " + "; ".join(f"{k} {v:.4f}" for k, v in fold.partial.items()))
        p, q = probability(fold.bots, slope), probability(fold.humans, slope)
        print(f"  at the threshold: {_rates(p, q)}")
        # The same with a slope that never saw this family of humans: what an unlucky choice would cost.
        blind = min(other.slope for other in tested if other.human != fold.human)
        p2, q2 = probability(fold.bots, blind), probability(fold.humans, blind)
        print(f"  with the slope {blind:.2f} of the other human family: {_rates(p2, q2)}")
        brier = PRIOR * np.mean((1 - p) ** 2) + (1 - PRIOR) * np.mean(q**2)
        plain = PRIOR * (1 - PRIOR)
        print(f"  own best slope {fold.slope:.2f}; Brier at the prior {brier:.4f} (no model {plain:.4f})")
        print()
    means = {
        name: float(np.mean([value for fold in tested for value, other in fold.single if other == name]))
        for name in FEATURES
    }
    best = sorted(means.items(), key=lambda item: -item[1])[:4]
    mean = np.mean([auc(fold.bots, fold.humans) for fold in tested])
    listing = ", ".join(f"{name} {value:.4f}" for name, value in best)
    print(f"mean AUC of the four: {mean:.4f}; best single features: {listing}")
    calibration_table(tested, slope)


def _rates(bots: Array, humans: Array) -> str:
    recall, false = np.mean(bots > THRESHOLD), np.mean(humans > THRESHOLD)
    return f"recall {recall:.4f}, false positives {false:.4f}"


def calibration_table(tested: Sequence[Fold], slope: float) -> None:
    """Print predicted against found, over the four unseen pairs, re-weighted to the prior."""
    print("\ncalibration on unseen families, re-weighted to the prior (share of all, predicted, found)")
    values = np.concatenate([probability(v, slope) for fold in tested for v in (fold.bots, fold.humans)])
    labels = np.concatenate([np.repeat((1.0, 0.0), (len(f.bots), len(f.humans))) for f in tested])
    mass = np.concatenate(
        [
            np.repeat((PRIOR / len(f.bots), (1 - PRIOR) / len(f.humans)), (len(f.bots), len(f.humans)))
            for f in tested
        ]
    )
    mass /= mass.sum()
    for low, high in itertools.pairwise((0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1)):
        inside = (values >= low) & (values < high)
        if inside.any():
            weight = mass[inside]
            predicted = np.average(values[inside], weights=weight)
            found = np.average(labels[inside], weights=weight)
            print(f"  {low:4.2f} to {high:4.2f}: {weight.sum():6.3f} {predicted:6.3f} {found:6.3f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation, and write the model when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {MODEL_PATH.relative_to(ROOT)}")
    chosen = parser.parse_args(arguments)
    path = data_file()
    if not path.exists():
        hint = "set VIGIE_SHARED_DATA to the folder that holds accounts/accounts.csv.gz"
        print(f"no training set at {path}: {hint}", file=sys.stderr)
        return 2
    accounts = read_accounts(path)
    tested = folds(accounts)
    slope = product_slope(tested)
    report(tested, slope)
    model = train(accounts, slope)
    print("\nlog-odds of the bins:")
    for name, item in model["features"].items():
        mark = "" if name not in COUNT_FEATURES else " (count)"
        print(f"  {name}{mark}: " + " ".join(f"{unit / UNITS:+.2f}" for unit in item["units"]))
    if chosen.write:
        MODEL_PATH.write_text(render(model), encoding="utf-8")
        print(f"\nwritten: {MODEL_PATH.relative_to(ROOT)}")
    return 0


def render(model: dict[str, Any]) -> str:
    """Write the model as JSON with one feature a line, so that a change can be read in a diff."""
    head = {key: value for key, value in model.items() if key != "features"}
    lines = [f"    {json.dumps(name)}: {json.dumps(item)}" for name, item in model["features"].items()]
    return json.dumps(head, indent=2)[:-2] + ',\n  "features": {\n' + ",\n".join(lines) + "\n  }\n}\n"


if __name__ == "__main__":
    sys.exit(main())
