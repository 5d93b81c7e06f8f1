"""Robustness curves: how far an operation can hide, and what it costs to find it then.

    python benchmarks/robustness.py [--seeds 6] [--quick] [--json] [--svg FOLDER]

Three operations of `vigie simulate` are laid into ordinary simulated traffic, and made harder to see step by
step:

* ``insults``: twenty accounts send the same text to four people, 44 times in forty minutes, and write 40
  natural posts in between;
* ``amplify``: forty accounts of one cohort repost three in five of the five posts of one source, each within
  a minute or two;
* ``leak``: sixty accounts, 18 % of them automated, push a hashtag and a link with 120 posts.

The curves:

* *edits*: every copy of the insult is edited in one of five ways, in several of them, in all five, and in
  all five twice and three times over;
* *slower*: the same operation takes 10 and 100 times as long; so do the delays of its reposts, up to half an
  hour;
* *share*: its posts are one in 10, 100 and 1,000 of those in its forty minutes;
* *spread*: as many posts by more accounts, until each of them posts once, or reposts once in two times.

Each point is played with several seeds: other people, other texts, other times. A quarter of an hour of
ordinary traffic comes first. An operation is *found* where a case of which four in five accounts are its
own (as far as the alert names them) is alerted; the delay is event time from its third post to that alert,
and with it goes the share of its posts that were out by then. Recall has its Wilson interval (95 %), delay
the median and the range over the seeds that found it. Points with very many posts are played with a third
of the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.events import Post, decode_line  # noqa: E402
from streams.embedded import Pipeline, spare_collector  # noqa: E402
from streams.simulate import INNOCENT, Scenario, parse_scenario, simulate  # noqa: E402

BEFORE_MIN, LASTS_MIN, AFTER_MIN = 15, 40, 5
"""Minutes before the operation, of the operation when it is not slowed down, and after it."""
MANY_POSTS = 40_000
"""Expected posts of a point from which on it is played with a third of the seeds."""
OWN = 0.8
SLOW_RATE = 0.2
"""Ordinary posts a second of the curve that takes days."""

HEAD = """
title = "An operation in ordinary traffic"
start = 2022-04-10T16:00:00Z
duration_minutes = {minutes}

[ordinary]
posts_per_second = {rate}
accounts = {people}
french = 0.9
"""
OPERATIONS = {
    "insults": """
[[operation]]
kind = "insults"
name = "operation"
at_minute = 15
duration_minutes = {lasts}
accounts = {accounts}
posts = 20
other_posts = 24
targets = ["ClaireBrenac", "HugoMarsanne", "Nina_Calvet_", "T_Lordon"]
text = "tu nous fais honte, espèce de girouette, personne ne te croit plus, rends l'argent et rentre chez toi"
edited = 0
fresh = {fresh}
cover = {cover}
""",
    "amplify": """
[[operation]]
kind = "amplify"
name = "operation"
at_minute = 15
duration_minutes = {lasts}
accounts = {accounts}
source = "LaVoixDesQuais"
source_posts = 5
hashtag = "DiguesGate"
reposts = {reposts}
delay_seconds = {delay}
denouncers = 0
""",
    "leak": """
[[operation]]
kind = "leak"
name = "operation"
at_minute = 15
duration_minutes = {lasts}
accounts = {accounts}
posts = 120
hashtag = "DelbreuilLeaks"
link = "https://files.open-mirror.example/delbreuil"
""",
}
ACCOUNTS = {"insults": 20, "amplify": 40, "leak": 60}
POSTS = {"insults": 84, "amplify": 125, "leak": 120}
"""Posts of each operation, of which the share of the stream is set."""
SPREAD = {"insults": (5, 10, 20, 44), "amplify": (40, 80, 200, 400), "leak": (30, 60, 120)}

_HOMOGLYPHS = str.maketrans("aeopc", "аеорс")


# -- edits -----------------------------------------------------------------------------------------


def swap(words: list[str], rng: Random) -> list[str]:
    """Two neighbouring words change places."""
    place = rng.randrange(len(words) - 1)
    return [*words[:place], words[place + 1], words[place], *words[place + 2 :]]


def emoji(words: list[str], rng: Random) -> list[str]:
    """An emoji somewhere."""
    place = rng.randrange(len(words) + 1)
    return [*words[:place], rng.choice("😀🔥👏❗"), *words[place:]]


def link(words: list[str], rng: Random) -> list[str]:
    """Another link at the end, in place of any, and another person named at the beginning."""
    kept = [word for word in words if not word.startswith(("http", "@"))]
    return [f"@nom{rng.randrange(10**6)}", *kept, f"https://example.org/{rng.randrange(10**6)}"]


def lookalike(words: list[str], rng: Random) -> list[str]:
    """Letters of another script that look the same, in every other word or so."""
    return [
        word if word.startswith(("http", "@", "#")) or rng.random() < 0.5 else word.translate(_HOMOGLYPHS)
        for word in words
    ]


def cut(words: list[str], rng: Random) -> list[str]:
    """A fifth is missing, at one place."""
    length = max(1, round(len(words) / 5))
    place = rng.randrange(len(words) - length + 1)
    return words[:place] + words[place + length :]


Edit = Callable[[list[str], Random], list[str]]
EDITS: dict[str, Edit] = {"swap": swap, "emoji": emoji, "link": link, "look-alike": lookalike, "cut": cut}
ALL = tuple(EDITS)
WAYS: dict[str, tuple[str, ...]] = {
    "none": (),
    **{name: (name,) for name in EDITS},
    "swap, cut": ("swap", "cut"),
    "link, cut": ("link", "cut"),
    "look-alike, cut": ("look-alike", "cut"),
    "all five": ALL,
    "all five, twice": ALL * 2,
    "all five, three times": ALL * 3,
}
"""The steps of the curve of edits."""


def edited(text: str, names: Sequence[str], rng: Random) -> str:
    """A copy that is edited in these ways.

    >>> edited("one two three four five", ["cut"], Random(1))
    'one three four five'
    """
    words = text.split()
    for name in names:
        words = EDITS[name](words, rng)
    return " ".join(words)


# -- points ----------------------------------------------------------------------------------------


class Point(NamedTuple):
    """One point of a curve."""

    curve: str
    operation: str
    step: str
    accounts: int
    slower: int = 1
    rate: float = 0.5
    """Ordinary posts a second."""
    edits: tuple[str, ...] = ()

    @property
    def expected(self) -> float:
        """Ordinary posts."""
        return self.rate * 60 * (BEFORE_MIN + LASTS_MIN * self.slower + AFTER_MIN)

    def scenario(self) -> Scenario:
        """What is played."""
        lasts = LASTS_MIN * self.slower
        minutes = BEFORE_MIN + lasts + AFTER_MIN
        # Everyone posts as often as in the scenarios that ship, so that more posts are more people.
        people = int(min(60_000, max(2000, self.expected)))
        text = (HEAD + OPERATIONS[self.operation]).format(
            minutes=minutes,
            rate=self.rate,
            people=people,
            lasts=lasts,
            accounts=self.accounts,
            fresh=self.accounts // 3,
            cover=40 // self.accounts,
            reposts=0.6 * ACCOUNTS["amplify"] / self.accounts,
            delay=45 * self.slower,
        )
        return parse_scenario(text, f"{self.curve} {self.step}")


def curves() -> Iterator[Point]:
    """All points, curve by curve."""
    for name, edits in WAYS.items():
        yield Point("edits", "insults", name, ACCOUNTS["insults"], edits=edits)
    for slower in (1, 10, 100):
        for operation, accounts in ACCOUNTS.items():
            yield Point("slower", operation, f"{slower}x", accounts, slower=slower, rate=SLOW_RATE)
    for one_in in (10, 100, 1000):
        for operation, accounts in ACCOUNTS.items():
            rate = POSTS[operation] * (one_in - 1) / (LASTS_MIN * 60)
            yield Point("share", operation, f"1 in {one_in:,}", accounts, rate=rate)
    for operation, steps in SPREAD.items():
        for accounts in steps:
            yield Point("spread", operation, f"{accounts} accounts", accounts)


# -- playing ---------------------------------------------------------------------------------------


@dataclass
class Played:
    """How one operation fared."""

    any_s: float | None = None
    """Seconds from its third post to the first alert, None where there is none; and to a warning."""
    warning_s: float | None = None
    any_out: float = 0.0
    """Share of its posts that were out by then."""
    warning_out: float = 0.0


class Sought:
    """The operation in one stream: its accounts, and when its posts came."""

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.times_ms: list[int] = []

    def take(self, post: Post) -> None:
        """Take in one of its posts."""
        self.accounts.add(post.author_id)
        self.times_ms.append(post.time_ms)

    def holds(self, alert: dict[str, Any]) -> bool:
        """Whether an alert is of this operation."""
        accounts = alert["data"]["group"]["accounts"]
        return sum(account in self.accounts for account in accounts) >= OWN * len(accounts)

    def fared(self, alerts: Sequence[dict[str, Any]]) -> Played:
        """What the alerts of the stream say of it."""
        played = Played()
        mine = sorted(
            (_ms(alert["time"]), alert["data"]["severity"]) for alert in alerts if self.holds(alert)
        )
        third_ms = sorted(self.times_ms)[2]
        for at_ms, severity in mine:
            delay_s, out = (at_ms - third_ms) / 1000, self._out(at_ms)
            if played.any_s is None:
                played.any_s, played.any_out = delay_s, out
            if played.warning_s is None and severity != "notice":
                played.warning_s, played.warning_out = delay_s, out
        return played

    def _out(self, at_ms: int) -> float:
        return sum(time_ms <= at_ms for time_ms in self.times_ms) / len(self.times_ms)


def play(point: Point, seed: int) -> Played:
    """One point with one seed."""
    sought, pipeline, rng = Sought(), Pipeline(), Random(seed)
    alerts: list[dict[str, Any]] = []
    batch: list[Post] = []
    for made in simulate(point.scenario(), seed):
        post = decode_line(made.line)
        if made.truth is not None and made.truth.role != INNOCENT:
            sought.take(post)
            if made.truth.role == "attacker" and point.edits:
                post.text = edited(post.text, point.edits, rng)
                if "link" in point.edits:
                    post.mentions = post.links = None  # read from the text again
        batch.append(post)
        if len(batch) == 1000:
            alerts += pipeline.feed(batch)
            batch = []
    alerts += [*pipeline.feed(batch), *pipeline.finish()]
    return sought.fared(alerts)


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


# -- figures ---------------------------------------------------------------------------------------


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> wilson(12, 12), wilson(6, 12)
    ((0.7575, 1.0), (0.2538, 0.7462))
    """
    z = 1.96
    middle = (hits / of + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(hits / of * (1 - hits / of) / of + z * z / (4 * of * of))
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def figures(point: Point, played: Sequence[Played]) -> dict[str, Any]:
    """One row: recall and delay at any severity, and at warning or above."""
    any_s = [(one.any_s, one.any_out) for one in played if one.any_s is not None]
    warning_s = [(one.warning_s, one.warning_out) for one in played if one.warning_s is not None]
    return {
        "curve": point.curve,
        "operation": point.operation,
        "step": point.step,
        "seeds": len(played),
        "any": _level(any_s, len(played)),
        "warning": _level(warning_s, len(played)),
    }


def _level(found: Sequence[tuple[float, float]], of: int) -> dict[str, Any]:
    low, high = wilson(len(found), of)
    delays = [delay_s / 60 for delay_s, _ in found]
    return {
        "recall": round(len(found) / of, 4),
        "low": low,
        "high": high,
        "delay_min": round(median(delays), 1) if found else None,
        "delay_range_min": [round(min(delays), 1), round(max(delays), 1)] if found else None,
        "posts_out": round(median(out for _, out in found), 4) if found else None,
    }


def show(row: dict[str, Any]) -> str:
    """A row as text."""
    cells = "".join(_cell(row[level]) for level in ("any", "warning"))
    return f"{row['curve']:8}{row['operation']:9}{row['step']:23}{row['seeds']:>5}{cells}"


def _cell(level: dict[str, Any]) -> str:
    recall = f"{level['recall']:.2f} ({level['low']:.2f}-{level['high']:.2f})"
    if level["delay_min"] is None:
        return f"{recall:>20}{'-':>9}{'':>17}{'':>6}"
    low, high = level["delay_range_min"]
    return f"{recall:>20}{level['delay_min']:>9.1f}{f'({low:.1f}-{high:.1f})':>17}{level['posts_out']:>6.0%}"


def plot(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """One drawing for each curve: recall at any severity and at warning or above, with its interval."""
    import matplotlib  # noqa: PLC0415  only who wants drawings needs it

    matplotlib.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for curve in dict.fromkeys(row["curve"] for row in rows):
        figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
        for operation in dict.fromkeys(row["operation"] for row in rows if row["curve"] == curve):
            same = [row for row in rows if (row["curve"], row["operation"]) == (curve, operation)]
            for level, style in (("any", "--"), ("warning", "-")):
                recalls = [row[level]["recall"] for row in same]
                below = [row[level]["recall"] - row[level]["low"] for row in same]
                above = [row[level]["high"] - row[level]["recall"] for row in same]
                label = f"{operation}, {'any severity' if level == 'any' else 'warning or above'}"
                axes.errorbar(
                    [row["step"] for row in same], recalls, (below, above), fmt=style, capsize=3, label=label
                )
        axes.set(ylim=(-0.05, 1.05), ylabel="operations found", title=curve)
        axes.tick_params(axis="x", rotation=30)
        axes.legend(fontsize="small")
        figure.savefig(folder / f"robustness-{curve}.svg")
        pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=6, help="seeds of each point (default 6)")
    parser.add_argument("--curve", action="append", help="only this one; may be given several times")
    parser.add_argument("--quick", action="store_true", help="2 seeds, and no point with very many posts")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--svg", metavar="FOLDER", help="draw the curves; needs matplotlib")
    chosen = parser.parse_args()
    spare_collector()
    seeds = 2 if chosen.quick else chosen.seeds
    rows = []
    if not chosen.json:
        levels = "".join(
            f"{level:>20}{'minutes':>9}{'from - to':>17}{'out':>6}" for level in ("any", "warning")
        )
        print(f"{'curve':8}{'what':9}{'step':23}{'seeds':>5}{levels}")
    for point in curves():
        many = point.expected >= MANY_POSTS
        if (chosen.curve and point.curve not in chosen.curve) or (many and chosen.quick):
            continue
        played = [play(point, seed + 1) for seed in range(math.ceil(seeds / 3) if many else seeds)]
        rows.append(figures(point, played))
        if not chosen.json:
            print(show(rows[-1]), flush=True)
    if chosen.json:
        print(json.dumps(rows, indent=2))
    if chosen.svg:
        plot(rows, Path(chosen.svg))
    return 0


if __name__ == "__main__":
    sys.exit(main())
