"""The plots of a report: precision and recall, delays, calibration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from streams.evaluating.ranking import Ranked, curve
from streams.evaluating.running import Evaluation
from streams.sources.opening import InputError

try:
    import matplotlib
except ModuleNotFoundError:
    raise InputError(
        "--report draws its plots with matplotlib, which is not installed: pip install 'vigie[evaluate]'"
    ) from None

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

# The same input gives the same bytes, and text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "vigie", "svg.fonttype": "none", "font.size": 9})
_STYLES = ("-", "--", ":", "-.")
_POINTS = 400
"""Points of a curve that are drawn."""


def draw(evaluation: Evaluation, out: Path) -> dict[str, str]:
    """Draw what there is into a folder; give the names of the files by title."""
    rankings: dict[str, dict[str, Ranked]] = defaultdict(dict)
    delays: dict[str, list[float]] = {}
    for result in evaluation.results:
        for name, ranked in result.measured.rankings.items():
            group, _, what = name.partition(": ")
            rankings[group][what or group] = ranked
        for name, some in result.measured.delays.items():
            if some:
                delays[name if ": " in name else f"{result.title.lower()}: {name}"] = some
    pictures = {}
    for group, curves in rankings.items():
        if any(wanted for ranked in curves.values() for _, wanted in ranked):
            name = f"precision-recall-{_file(group)}.svg"
            _precision_recall(group, curves, out / name)
            pictures[f"Precision and recall: {group}"] = name
    if delays:
        _delays(delays, out / "delay.svg")
        pictures["Delay from the third participating post to the alert"] = "delay.svg"
    if evaluation.calibration.by_score:
        _by_score(evaluation, out / "score.svg")
        pictures["Share of right cases by score"] = "score.svg"
    bins = {one.title: one.measured.bins for one in evaluation.results if one.measured.bins}
    if evaluation.calibration.reliability:
        bins["probability of a case, operations left out"] = evaluation.calibration.reliability
    if bins:
        _reliability(bins, out / "calibration.svg")
        pictures["Calibration"] = "calibration.svg"
    return pictures


def _file(title: str) -> str:
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in title.lower())


def _axes(title: str, across: str, up: str) -> Axes:
    _, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _save(axes: Axes, path: Path, names: Iterable[str] = ()) -> None:
    if list(names):
        axes.legend(frameon=False, fontsize=7)
    plt.savefig(path, metadata={"Date": None})
    plt.close()


def _precision_recall(title: str, curves: dict[str, Ranked], path: Path) -> None:
    axes = _axes(title, "recall", "precision")
    for place, (name, ranked) in enumerate(curves.items()):
        points = curve(ranked)
        step = max(1, len(points) // _POINTS)
        kept = [*points[::step], *points[-1:]]
        axes.plot(
            [recall for _, recall in kept],
            [precision for precision, _ in kept],
            _STYLES[place % len(_STYLES)],
            label=name,
            marker="." if len(kept) < 30 else "",
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    _save(axes, path, curves)


def _delays(delays: dict[str, list[float]], path: Path) -> None:
    axes = _axes("Delay", "minutes from the third participating post to the alert", "share told")
    for place, (name, some) in enumerate(delays.items()):
        order = np.sort(some)
        axes.step(
            np.concatenate([order[:1], order]),
            np.arange(len(order) + 1) / len(order),
            _STYLES[place % len(_STYLES)],
            where="post",
            label=f"{name} ({len(order)})",
        )
    axes.set(ylim=(0, 1.02))
    _save(axes, path, delays)


def _by_score(evaluation: Evaluation, path: Path) -> None:
    rows = evaluation.calibration.by_score
    axes = _axes("Cases by score", "score", "share that is right")
    right = np.array([row["right"] for row in rows])
    ends = np.array([[row["low"] for row in rows], [row["high"] for row in rows]])
    labels = [f"{row['score']}\n{row['cases']}" for row in rows]
    axes.errorbar(labels, right, yerr=np.abs(ends - right), fmt="o", capsize=3)
    axes.set(ylim=(-0.02, 1.02))
    _save(axes, path)


def _reliability(bins: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    axes = _axes("Calibration", "predicted", "found")
    axes.plot([0, 1], [0, 1], ":", color="grey", label="perfect")
    for name, some in bins.items():
        predicted, found, parts = np.array(some).T
        (line,) = axes.plot(predicted, found, label=name)
        axes.scatter(predicted, found, s=20 + 400 * parts, color=line.get_color(), alpha=0.4)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    _save(axes, path, bins)
