"""Train and judge the automation model of `detectors/accounts/automation.py`.

    python benchmarks/train_automation.py            prints the evaluation
    python benchmarks/train_automation.py --write    also writes detectors/accounts/automation_model.json

It reads `accounts/accounts.csv.gz` below the folder named by VIGIE_SHARED_DATA, else below `../shared/data`
beside the checkout. Only numpy is needed, nothing is random but the bootstrap, and that has a fixed seed.

The method is `streams/evaluating/training.py`. Every figure printed is on families that the evidence of that
figure has not seen; the slope, the threshold and the bounds are shared by all four combinations and were set
with these in view. `vigie evaluate DIR --only 5` measures the same in any folder of labelled accounts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detectors.accounts.automation import COUNT_FEATURES, FEATURES, UNITS  # noqa: E402
from streams.evaluating.ranking import auc, auc_interval  # noqa: E402
from streams.evaluating.training import (  # noqa: E402
    PLAN,
    PRIOR,
    Accounts,
    Array,
    Fold,
    evidence_of,
    fit,
    folds,
    probability,
    product_slope,
    read_accounts,
    with_likelihood,
)

__all__ = [
    "evidence_of",
    "fit",
    "folds",
    "probability",
    "product_slope",
    "read_accounts",
    "train",
    "with_likelihood",
]

MODEL_PATH = ROOT / "detectors" / "accounts" / "automation_model.json"
BOTS = ("cresci17_social_spambots_2", "mib13_fake_followers_int")
HUMANS = ("cresci17_genuine", "mib13_genuine_e13")

VERSION = "automation-1"
THRESHOLD = 0.55  # for about 3 in 100 false positives on the quietest human family while unseen
SEED = 1


def data_file() -> Path:
    """Where the training set should be."""
    folder = os.environ.get("VIGIE_SHARED_DATA")
    return (Path(folder) if folder else ROOT.parent / "shared" / "data") / "accounts" / "accounts.csv.gz"


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


def report(tested: Sequence[Fold], slope: float) -> None:
    """Print the quality on families unseen in training."""
    print(f"prior {PRIOR}, threshold {THRESHOLD}, slope {slope} (the smallest of the folds' own)\n")
    for fold in tested:
        low, high = auc_interval(fold.bots, fold.humans, SEED)
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
