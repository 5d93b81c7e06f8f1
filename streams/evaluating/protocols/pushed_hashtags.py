"""Protocol 2: hashtags that an operation pushes, hour by hour, against organic ones of the same size.

A *tag-hour* is one hashtag in one hour. Pushed are those with 20 accounts of the operation or more; organic
those with 20 others or more and under three of the operation's. A tag can be pushed in one hour and
organic in another.
"""

from __future__ import annotations

from collections import defaultdict

from detectors.events import Post
from streams.evaluating import mixing
from streams.evaluating.figures import Baseline, Figure, Measured, share
from streams.evaluating.judged import NOTICE, WARNING, Outcome, cases_of, delay_min, judge
from streams.evaluating.mixing import Mixed
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.ranking import Ranked, average_precision, precision_interval
from streams.evaluating.simple_rules import botslayer, tag_posts

PUSHED = 20
_BYSTANDERS = 3
_RULES = {
    "the finding": "severity, then points",
    "accounts": "count of accounts",
    "posts an account": "one feature: posts for each account",
    "BotSlayer": "BotSlayer's formula, without bot scores",
}


def has_pushed_tag(hour: list[Post]) -> bool:
    """Whether an hour of the operation has a pushed hashtag."""
    return any(len(_authors(posts)) >= PUSHED for posts in tag_posts(hour).values())


def _authors(posts: list[Post]) -> set[str]:
    return {post.author_id for post in posts}


class Tallies:
    """What was counted.

    The unit of pushed tag-hours is the mixed hour. The same organic posts are in every mixed hour: the unit
    of organic tag-hours is the tag.
    """

    def __init__(self) -> None:
        self.counted: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        """By name, of each unit hits and tag-hours."""
        self.ranked: dict[str, list[tuple[str, float, bool]]] = {name: [] for name in _RULES}
        self.measured = Measured(delays={"first told": [], "at warning or above": []})

    def take(self, mixed: Mixed, outcome: Outcome) -> None:
        """Count the tag-hours of one mixed hour."""
        findings: dict[str, list[str]] = defaultdict(list)
        for name, states in outcome.findings.items():
            if states[-1].finding.detector == "hashtags":
                findings[states[-1].finding.subjects[0].value].append(name)
        levels = {tag: max(map(outcome.level, names)) for tag, names in findings.items()}
        points = {tag: max(map(outcome.score, names)) for tag, names in findings.items()}
        everything, operation = tag_posts(mixed.posts), tag_posts(mixed.operation)
        formula = botslayer(everything, {})
        for tag, posts in everything.items():
            pushers = _authors(operation.get(tag, []))
            others = _authors(posts) - pushers
            pushed = len(pushers) >= PUSHED
            if not pushed and not (len(others) >= PUSHED and len(pushers) < _BYSTANDERS):
                continue
            unit = mixed.stream if pushed else tag
            self._add("pushed" if pushed else "organic", unit, levels.get(tag, 0))
            scores = (
                1000 * levels.get(tag, 0) + points.get(tag, -1),
                len(_authors(posts)),
                len(posts) / len(_authors(posts)),
                formula[tag],
            )
            for name, score in zip(_RULES, scores, strict=True):
                self.ranked[name].append((unit, score, pushed))
            if pushed:
                self._delays(outcome, findings.get(tag, []), operation[tag])
        self.measured.cases += cases_of(mixed, outcome)

    def _add(self, side: str, unit: str, level: int) -> None:
        for word, least in (("found", NOTICE), ("warned", WARNING)):
            hits, of = self.counted[f"{side} {word}"].get(unit, (0, 0))
            self.counted[f"{side} {word}"][unit] = hits + (level >= least), of + 1

    def _delays(self, outcome: Outcome, findings: list[str], posts: list[Post]) -> None:
        for name, level in zip(self.measured.delays, (NOTICE, WARNING), strict=True):
            if (delay := delay_min(outcome, findings, posts, level)) is not None:
                self.measured.delays[name].append(delay)


def measure(bench: Bench) -> Measured:
    """Hashtags in the hours of the operation that have a pushed one."""
    layers = mixing.organic_layers(bench.folder)
    tallies, rng = Tallies(), bench.rng("pushed hashtags")
    for table in bench.folder.tables("operation posts"):
        hours = mixing.chosen(mixing.read_posts(table), has_pushed_tag, bench.of(6, 40), rng)
        for number, hour in enumerate(hours, 1):
            bench.tell(f"{table.stem}, {number} of {len(hours)} hours")
            mixed = mixing.mix(mixing.operation_of(table), layers, hour, rng)
            # Thinned to a tenth of the stream, the push may be too small to count.
            if has_pushed_tag(mixed.operation):
                tallies.take(mixed, judge(mixed.posts))
    return _result(tallies, bench.seed)


def _precision(ranked: Ranked) -> float | None:
    return round(average_precision(ranked), 4) if any(pushed for _, pushed in ranked) else None


def _result(tallies: Tallies, seed: int) -> Measured:
    counted, measured = tallies.counted, tallies.measured
    for name, what in _RULES.items():
        rows = [(score, pushed) for _, score, pushed in tallies.ranked[name]]
        measured.rankings[f"hashtags: {what}"] = rows
    values = {name: _precision(measured.rankings[f"hashtags: {what}"]) for name, what in _RULES.items()}
    intervals = {name: precision_interval(tallies.ranked[name], seed) or (None, None) for name in _RULES}
    measured.figures = [
        share(
            "pushed tag-hours found, any severity",
            counted["pushed found"],
            "mixed hours",
            seed,
            wanted=">= 0.95",
        ),
        share(
            "pushed tag-hours at warning or above",
            counted["pushed warned"],
            "mixed hours",
            seed,
            wanted=">= 0.8",
        ),
        share(
            "organic tag-hours found, any severity",
            counted["organic found"],
            "hashtags",
            seed,
            wanted="<= 0.05",
        ),
        share(
            "organic tag-hours at warning or above", counted["organic warned"], "hashtags", seed, wanted="= 0"
        ),
        Figure(
            measure="average precision: pushed tag-hours above organic ones",
            value=values["the finding"],
            low=intervals["the finding"][0],
            high=intervals["the finding"][1],
            unit="mixed hours, hashtags" if intervals["the finding"][0] is not None else "",
            of=len(tallies.ranked["the finding"]),
            baselines=tuple(
                Baseline(what, values[name], *intervals[name])
                for name, what in _RULES.items()
                if name != "the finding"
            ),
            published="BotSlayer: none for its level; its bot score AUC 0.65 to 0.70",
        ),
    ]
    return measured


PROTOCOL = Protocol(
    number=2,
    name="pushed-hashtags",
    title="Pushed hashtags",
    needs=(("operation posts",), ("organic posts",)),
    measure=measure,
    tried="What is missed is mostly a tag that lives from reposts of one post, which cannot be told from a "
    "viral post without profiles, and tags of twenty accounts of which a third repeat it.",
)
