"""Protocol 8: attacks on one target, ranked above crowds who address one target.

A *target-hour* is one account that is named in one hour. Those of the operation with 8 accounts or more
are to be ranked above those of ordinary people with 10 or more. Two ways of laying the files:

* *mixed*: each hour of the operation on one hour of organic posts (`streams.evaluating.mixing`). An
  organic target-hour comes back in many mixes, shifted, so that there are many more of them than different
  ones.
* *natural*: every target-hour at its own pace, in the hour in which it was posted, each once. There are
  hardly any organic posts beside it: nothing but the target itself is measured.

The hour before runs first, so that a whole window was seen, and nothing of it is counted: of the operation
what it posted in that hour, of the mixed organic posts the same hour again by other authors. A target that
both sides name is counted where four accounts of five are of one side, and left out elsewhere. Ranked are
the last findings of each target-hour, by the severity of their points and then by their attack score; one
without a finding comes last. Target-hours of one target are drawn together, since they are alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from detectors.accounts.stage import Accounts
from detectors.events import Post
from detectors.findings import Finding, author_of
from detectors.groups.targets import Targets
from detectors.rules import targets as target_rules
from detectors.severity import NOTICE, WARNING
from detectors.windows import TickBuffer, TimeSettings
from streams.evaluating import mixing
from streams.evaluating.figures import Baseline, Figure, Measured, share
from streams.evaluating.mixing import HOUR_MS
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.ranking import average_precision, precision_interval
from streams.evaluating.simple_rules import botslayer

ATTACKERS, PEOPLE = 8, 10
PURE = 0.8
_COUNTING = "count of accounts"

Hours = tuple[str, list[Post], list[Post]]
"""An operation, one hour of it, and the one before."""


class TargetHour(NamedTuple):
    """One target in one hour."""

    target: str
    attack: bool
    accounts: int
    finding: Finding | None
    botslayer: float


def points(finding: Finding) -> int:
    """Points by the written rules; nothing is known here of what accounts did elsewhere."""
    known = msgspec.structs.replace(finding, evidence=finding.evidence | {"bot_share_reference": None})
    return min(100, sum(check.points for check in target_rules.rules(known, 0, 0)))


def target_hours(posts: list[Post], operation: set[str], before: list[Post]) -> Iterator[TargetHour]:
    """The target-hours of a stream of one hour, with the last finding of each; of what is before, none."""
    first_ms = posts[0].time_ms
    accounts, targets = Accounts(), Targets()
    buffer = TickBuffer(TimeSettings(grace_s=0))
    buffer.add([*before, *posts])
    buffer.advance(buffer.last_tick())
    findings: dict[str, Finding] = {}
    named: dict[str, set[str]] = defaultdict(set)
    naming: tuple[dict[str, list[Post]], dict[str, list[Post]]] = (defaultdict(list), defaultdict(list))
    by_id = {post.id: post for post in (*before, *posts)}
    for tick_ms, held, _ in buffer.ready():
        now = tick_ms > first_ms
        signals = accounts.take(tick_ms, held).signals()
        for finding in targets.take(signals):
            if now:
                findings[finding.subjects[0].value] = finding
        for mention in signals.mentions:
            author = author_of(mention.member.account)
            if author != mention.target:
                naming[now][mention.target].append(by_id[mention.member.post_id])
                if now:
                    named[mention.target].add(author)
    levels = botslayer(naming[True], naming[False])
    for target, authors in sorted(named.items()):
        attackers = len(authors & operation)
        row = len(authors), findings.get(target), levels[target]
        if attackers >= ATTACKERS and attackers >= PURE * len(authors):
            yield TargetHour(target, True, *row)
        elif len(authors) - attackers >= PEOPLE and attackers <= (1 - PURE) * len(authors):
            yield TargetHour(target, False, *row)


def with_hours_before(name: str, posts: list[Post]) -> Iterator[Hours]:
    """Each hour of a file."""
    by_hour = mixing.hours(posts)
    for number in sorted(by_hour):
        yield name, by_hour[number], by_hour.get(number - 1, [])


def attacks_of(bench: Bench) -> list[Hours]:
    """The hours of the operation in which it names one account with 8 accounts or more."""
    found = []
    for table in bench.folder.tables("operation posts"):
        bench.tell(table.stem)
        for one in with_hours_before(mixing.operation_of(table), mixing.read_posts(table)):
            members = {post.author_id for post in one[1]}
            if len(members) >= ATTACKERS and any(hour.attack for hour in target_hours(one[1], members, [])):
                found.append(one)
    return found


def mixed(bench: Bench, attacks: list[Hours], layers: list[mixing.Layer]) -> Iterator[TargetHour]:
    """All target-hours of the mixed hours."""
    rng = bench.rng("targets")
    for number, (name, hour, earlier) in enumerate(attacks, 1):
        bench.tell(f"{number} of {len(attacks)} hours mixed")
        one = mixing.mix(name, layers, hour, rng)
        before = [
            _an_hour_before(mixing.at(post, post.time_ms % HOUR_MS), "before ")
            for post in earlier
            if post.author_id in one.accounts
        ]
        before += [mixing.moved(post, post.time_ms - HOUR_MS, "other ") for post in one.organic]
        before.sort(key=lambda post: (post.time_ms, post.id))
        yield from target_hours(one.posts, one.accounts, before)


def _an_hour_before(post: Post, mark: str) -> Post:
    """The same author's post an hour before, under another id."""
    again = mixing.moved(post, post.time_ms - HOUR_MS, mark)
    again.author_id = post.author_id
    return again


def natural(attacks: list[Hours], layers: list[mixing.Layer]) -> Iterator[TargetHour]:
    """Every target-hour at its own pace; of the organic files those in which crowds address somebody."""
    for _, hour, before in attacks:
        yield from target_hours(hour, {post.author_id for post in hour}, before)
    for layer in layers:
        for _, hour, before in with_hours_before("", layer):
            yield from target_hours(hour, set(), before)


Score = Callable[[TargetHour], float]


def _by_evidence(name: str) -> Score:
    def score(one: TargetHour) -> float:
        value = None if one.finding is None else one.finding.evidence[name]
        return -1.0 if value is None else float(value)

    return score


def by_finding(one: TargetHour) -> float:
    """Severity first, then the attack score."""
    if one.finding is None:
        return -1.0
    reached = sum(points(one.finding) >= least for least in (NOTICE, WARNING))
    return reached + float(one.finding.evidence["attack_score"] or 0.0)


SCORES: dict[str, Score] = {
    "the finding: severity, then attack score": by_finding,
    _COUNTING: lambda one: float(one.accounts),
    "one feature: few accounts": lambda one: -float(one.accounts),
    "one feature: share of accounts in the densest 5 minutes": _by_evidence("burst"),
    "one feature: share of copied posts": _by_evidence("copied"),
    "BotSlayer's formula, without bot scores": lambda one: one.botslayer,
}


def measure(bench: Bench) -> Measured:
    """Both ways of laying the files."""
    attacks, layers = attacks_of(bench), mixing.organic_layers(bench.folder)
    if bench.quick:
        attacks = bench.rng("attacks").sample(attacks, min(12, len(attacks)))
    measured = Measured(figures=[])
    for way, found in (
        ("mixed", list(mixed(bench, attacks, layers))),
        ("natural pace", list(natural(attacks, layers))),
    ):
        if any(one.attack for one in found) and not all(one.attack for one in found):
            _count(measured, way, found, bench.seed)
    if not measured.figures:
        measured.unmeasurable = "there are no attacks by 8 accounts, or no crowds of 10"
    return measured


def _count(measured: Measured, way: str, found: list[TargetHour], seed: int) -> None:
    rows: dict[str, Baseline] = {}
    for name, score in SCORES.items():
        ranked = [(one.target, score(one), one.attack) for one in found]
        pairs = [(value, attack) for _, value, attack in ranked]
        low, high = precision_interval(ranked, seed) or (None, None)
        rows[name] = Baseline(name, round(average_precision(pairs), 4), low, high)
        measured.rankings[f"targets, {way}: {name}"] = pairs
    best, *others = rows.values()
    attacks = [one for one in found if one.attack]
    counted = rows[_COUNTING].value or 0.0
    measured.figures += [
        Figure(
            measure=f"{way}: average precision, attacks above crowds",
            value=best.value,
            low=best.low,
            high=best.high,
            unit="targets",
            of=len(found),
            wanted=f">= {max(0.8, 2 * counted):.4g}" if counted <= 0.5 else ">= 0.8",
            baselines=tuple(others),
            published="reply attacks (ICWSM 2025), other data: AUC .884 for posts, .974 for accounts",
            note=f"{len(attacks)} attacked and {len(found) - len(attacks)} organic target-hours",
        ),
        *(
            share(
                f"{way}: {side} target-hours at warning or above, by points alone",
                [
                    (one.finding is not None and points(one.finding) >= WARNING, 1)
                    for one in found
                    if one.attack is attack
                ],
                "target-hours",
                seed,
            )
            for side, attack in (("attacked", True), ("organic", False))
        ),
    ]


PROTOCOL = Protocol(
    number=8,
    name="attacked-targets",
    title="Attacks on one target",
    needs=(("operation posts",), ("organic posts",)),
    measure=measure,
    tried="Many short, different replies are what a star's fans write too: the score ranks, and never makes "
    "an alert alone. Without the hour before it is worse: 0.73 mixed and 0.86 at natural pace, on one run.",
)
