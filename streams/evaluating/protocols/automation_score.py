"""Protocol 5: the automation score on families of accounts that it was not trained on.

One family of automated accounts and one of humans are left out, the score is trained on the others
(`streams.evaluating.training`), and judged on the two: all combinations. The simple rule is the one
feature that separates the left-out pair best, its direction learnt from the others. Where the folder has
families that the shipped model was not trained on, the shipped model is judged on them too. Within one
family it says nothing.
"""

from __future__ import annotations

import itertools
import json
from importlib import resources

import numpy as np

from detectors.accounts import automation
from detectors.events import Rejection
from streams.evaluating.figures import Baseline, Figure, Measured, share
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.ranking import auc, auc_interval
from streams.evaluating.training import (
    PRIOR,
    Accounts,
    Array,
    Fold,
    folds,
    probability,
    product_slope,
    read_accounts,
)
from streams.sources.opening import InputError

_EDGES = (0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0001)
_PUBLISHED = "the same features in a random forest (TwiBot-22's benchmark): accuracy .921 and F1 .946 on "
_PUBLISHED += "cresci-2017, F1 .366 on TwiBot-22"


def measure(bench: Bench) -> Measured:
    """Every file of labelled accounts."""
    measured = Measured(figures=[])
    for table in bench.folder.tables("accounts"):
        bench.tell(table.stem)
        try:
            accounts = read_accounts(table.path)
        except (ValueError, KeyError, TypeError, Rejection) as problem:
            raise InputError(f"{table.name} has an account that cannot be read: {problem}") from None
        if len(accounts.bots) > 1 and len(accounts.humans) > 1:
            _unseen(measured, accounts, bench.seed)
        _shipped(measured, accounts, bench.seed)
    if not measured.figures:
        measured.unmeasurable = (
            "two families of automated accounts and two of humans are needed to train on one and test on "
            "another, or families that the shipped model has not seen"
        )
    return measured


def _unseen(measured: Measured, accounts: Accounts, seed: int) -> None:
    tested = folds(accounts)
    slope = product_slope(tested)
    for fold in tested:
        low, high = auc_interval(fold.bots, fold.humans, seed)
        best, feature = fold.single[0]
        measured.figures.append(
            Figure(
                measure=f"AUC, unseen {fold.bot} against unseen {fold.human}",
                value=round(auc(fold.bots, fold.humans), 4),
                low=low,
                high=high,
                unit="accounts",
                of=len(fold.bots) + len(fold.humans),
                wanted="> 0.9",
                baselines=(Baseline(f"best single feature here: {feature}", round(best, 4)),),
                published=_PUBLISHED,
            )
        )
        measured.rankings[f"automation, {fold.bot} against {fold.human}"] = [
            *((float(value), True) for value in fold.bots),
            *((float(value), False) for value in fold.humans),
        ]
    measured.figures += [_worst(tested), *_rates(tested, slope, seed)]
    measured.bins = _bins(tested, slope)


def _worst(tested: list[Fold]) -> Figure:
    """A rule must be chosen before the family is seen: so the worst pair of each feature counts."""
    worst = {
        name: min(value for fold in tested for value, other in fold.single if other == name)
        for name in automation.FEATURES
    }
    rule = max(worst, key=lambda name: worst[name])
    return Figure(
        measure="the worst of these pairs",
        value=round(min(auc(fold.bots, fold.humans) for fold in tested), 4),
        wanted=f">= {worst[rule]:.4f}",
        baselines=(Baseline(f"the worst pair of the best single feature: {rule}", round(worst[rule], 4)),),
    )


def _rates(tested: list[Fold], slope: float, seed: int) -> list[Figure]:
    figures = []
    for human in sorted({fold.human for fold in tested}):
        fold = max(
            (one for one in tested if one.human == human), key=lambda one: _above(one.humans, slope).mean()
        )
        figures.append(
            share(
                f"false positives at the product's threshold, unseen {human}",
                [(hit, 1) for hit in _above(fold.humans, slope).tolist()],
                "accounts",
                seed,
                wanted="< 0.05",
            )
        )
    for bot in sorted({fold.bot for fold in tested}):
        fold = min((one for one in tested if one.bot == bot), key=lambda one: _above(one.bots, slope).mean())
        figures.append(
            share(
                f"automated accounts above the threshold, unseen {bot}",
                [(hit, 1) for hit in _above(fold.bots, slope).tolist()],
                "accounts",
                seed,
            )
        )
    return figures


def _above(evidence: Array, slope: float) -> np.ndarray:
    return probability(evidence, slope) > automation.THRESHOLD


def _bins(tested: list[Fold], slope: float) -> list[tuple[float, float, float]]:
    """Predicted, found and the share of all, over the unseen pairs, re-weighted to the prior."""
    values, labels, mass = [], [], []
    for fold in tested:
        for evidence, label, part in ((fold.bots, 1.0, PRIOR), (fold.humans, 0.0, 1 - PRIOR)):
            values.append(probability(evidence, slope))
            labels.append(np.full(len(evidence), label))
            mass.append(np.full(len(evidence), part / len(evidence) / len(tested)))
    every, label_of, mass_of = map(np.concatenate, (values, labels, mass))
    bins = []
    for low, high in itertools.pairwise(_EDGES):
        inside = (every >= low) & (every < high)
        if inside.any():
            weight = mass_of[inside]
            mean = [float(np.average(one[inside], weights=weight)) for one in (every, label_of)]
            bins.append((round(mean[0], 4), round(mean[1], 4), round(float(weight.sum()), 4)))
    return bins


def _shipped(measured: Measured, accounts: Accounts, seed: int) -> None:
    """The shipped model on the families that it was not trained on."""
    model = json.loads((resources.files("detectors.accounts") / "automation_model.json").read_bytes())
    trained = set(model["training"]["accounts"])
    scores = automation.score(accounts.matrix)
    bots = [one for one in accounts.bots if one not in trained]
    humans = [one for one in accounts.humans if one not in trained]
    for family in bots:
        unseen, known = scores[accounts.of(family)], scores[accounts.of(humans or accounts.humans)]
        low, high = auc_interval(unseen, known, seed)
        measured.figures.append(
            Figure(
                measure=f"AUC of the shipped model, {family} against "
                f"{'the unseen humans' if humans else 'humans that it was trained on'}",
                value=round(auc(unseen, known), 4),
                low=low,
                high=high,
                unit="accounts",
                of=len(unseen) + len(known),
                wanted="> 0.9",
                published=_PUBLISHED,
            )
        )
    measured.figures += [
        share(
            f"false positives of the shipped model, unseen {family}",
            [(hit, 1) for hit in (scores[accounts.of(family)] > automation.THRESHOLD).tolist()],
            "accounts",
            seed,
            wanted="< 0.05",
        )
        for family in humans
    ]


PROTOCOL = Protocol(
    number=5,
    name="automation-score",
    title="The automation score",
    needs=(("accounts",),),
    measure=measure,
    tried="See docs/models/automation.md. A steeper slope raises the recall and lets one human family of two "
    "have 13 to 15 % false positives.",
)
