"""Figures on real posts: attacks on one target, ranked above crowds who address one target.

    python benchmarks/targets.py [--seed 1] [--draws 1000] [--json]

A *target-hour* is one account that is named in one hour. Those of a labelled operation with 8 accounts or
more are to be ranked above those of ordinary people with 10 or more (complaints to airlines, a television
debate). Two ways of laying the files:

* *mixed*: each hour of the operation on one hour of organic posts (several files on each other, their time
  compressed, shifted by thirds of an hour), the operation a tenth of the posts or less, thinned by account
  where it is more. An organic target-hour comes back in many mixes, shifted: all are counted, so that here
  there are many more organic ones than different ones. Compressed crowds are more even than real ones.
* *natural*: every target-hour at its own pace, in the hour in which it was posted, each once. There are
  hardly any organic posts beside it, so that nothing but the target itself is measured.

Each hour is otherwise a stream of its own. The hour before it runs first, so that a whole window was seen,
and nothing of it is counted: of the operation what it posted in that hour, of the mixed organic posts the
same hour again under other authors' names, of the natural ones what was posted.

Times are cut to the minute; profiles and languages are dropped. A target that both sides name is counted
where four accounts of five are of one side, and left out elsewhere. Ranked are the last findings of each
target-hour, by the severity of their points and then by their attack score; a target-hour without a finding
comes last. The intervals are bootstrapped over target-hours, those of one target drawn together, since they
are alike. The labels are never shown to the detector.

The data is found by VIGIE_SHARED_DATA, or in ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import real_input  # noqa: E402
from benchmarks.real_input import HOUR_MS, ORGANIC, WINDOWS, at, bare, hours, read  # noqa: E402
from detectors.accounts.stage import Accounts  # noqa: E402
from detectors.events import Post  # noqa: E402
from detectors.findings import Finding, author_of  # noqa: E402
from detectors.groups.targets import Targets  # noqa: E402
from detectors.rules import targets as target_rules  # noqa: E402
from detectors.severity import NOTICE, WARNING  # noqa: E402
from detectors.windows import TickBuffer, TimeSettings  # noqa: E402

ATTACKERS, PEOPLE = 8, 10
PURE = 0.8
CROWDS = tuple(mapping for mapping, _ in ORGANIC if mapping != "politicians")
"""The files of which every hour is looked at on its own; all are in the mixed hours."""


class TargetHour(NamedTuple):
    """One target in one hour."""

    target: str
    attack: bool
    accounts: int
    finding: Finding | None


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
    for tick_ms, held, _ in buffer.ready():
        signals = accounts.take(tick_ms, held).signals()
        found = targets.take(signals)
        if tick_ms <= first_ms:
            continue
        for finding in found:
            findings[finding.subjects[0].value] = finding
        for mention in signals.mentions:
            author = author_of(mention.member.account)
            if author != mention.target:
                named[mention.target].add(author)
    for target, authors in sorted(named.items()):
        attackers = len(authors & operation)
        if attackers >= ATTACKERS and attackers >= PURE * len(authors):
            yield TargetHour(target, True, len(authors), findings.get(target))
        elif len(authors) - attackers >= PEOPLE and attackers <= (1 - PURE) * len(authors):
            yield TargetHour(target, False, len(authors), findings.get(target))


Hours = tuple[list[Post], list[Post]]
"""One hour, and the one before it."""


def with_hours_before(posts: list[Post]) -> Iterator[Hours]:
    """Each hour of a file."""
    by_hour = hours(posts)
    for number in sorted(by_hour):
        yield by_hour[number], by_hour.get(number - 1, [])


def attacks_of(folder: Path) -> Iterator[Hours]:
    """The hours of the operation in which it names one account with 8 accounts or more."""
    for window in WINDOWS:
        for hour, before in with_hours_before(read(folder, "ira-posts", f"ira-posts/{window}")):
            members = {post.author_id for post in hour}
            if any(one.attack for one in target_hours(hour, members, [])):
                yield hour, before


def an_hour_before(post: Post, mark: str = "") -> Post:
    """The same post an hour before, by another author where there is a mark."""
    moved = bare(post)
    moved.id, moved.author_id = f"before {post.id}", f"{mark}{post.author_id}"
    moved.time_ms = post.time_ms - HOUR_MS
    moved.created_at = datetime.fromtimestamp(moved.time_ms // 1000, UTC)
    return moved


def mixed(folder: Path, attacks: list[Hours], seed: int) -> Iterator[TargetHour]:
    """All target-hours of the mixed hours."""
    organic = [real_input.compressed(read(folder, *name)) for name in ORGANIC]
    rng = random.Random(seed)
    for number, (hour, earlier) in enumerate(attacks):
        one = real_input.mix(organic, hour, rng)
        before = [
            an_hour_before(at(post, post.time_ms % HOUR_MS))
            for post in earlier
            if post.author_id in one.operation_accounts
        ]
        before += [an_hour_before(post, "other ") for post in one.posts if post.id not in one.operation_ids]
        before.sort(key=lambda post: (post.time_ms, post.id))
        yield from target_hours(one.posts, one.operation_accounts, before)
        print(f"\r{number + 1} of {len(attacks)} hours mixed ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def natural(folder: Path, attacks: list[Hours]) -> Iterator[TargetHour]:
    """Every target-hour at its own pace."""
    for hour, before in attacks:
        yield from target_hours(hour, {post.author_id for post in hour}, before)
    for mapping, name in ORGANIC:
        if mapping in CROWDS:
            for hour, before in with_hours_before(read(folder, mapping, name)):
                yield from target_hours(hour, set(), before)


def average_precision(ranked: list[tuple[float, bool]]) -> float:
    """Average precision; equal scores are taken together, at the precision after all of them.

    >>> average_precision([(3, True), (2, False), (1, True)])
    0.8333333333333333
    """
    groups: dict[float, list[bool]] = defaultdict(list)
    for score, attack in ranked:
        groups[score].append(attack)
    hits = seen = 0
    total = 0.0
    for score in sorted(groups, reverse=True):
        found = sum(groups[score])
        hits, seen = hits + found, seen + len(groups[score])
        total += found * hits / seen
    return total / hits if hits else 0.0


Score = Callable[[TargetHour], float]


def by_evidence(name: str) -> Score:
    """One feature alone."""

    def score(one: TargetHour) -> float:
        value = None if one.finding is None else one.finding.evidence[name]
        return -1.0 if value is None else float(value)

    return score


def by_finding(one: TargetHour) -> float:
    """Severity first, then the attack score."""
    if one.finding is None:
        return -1.0
    reached = sum(points(one.finding) >= least for least in (NOTICE, WARNING))
    return reached + (one.finding.evidence["attack_score"] or 0.0)


SCORES: dict[str, Score] = {
    "the finding: severity, then attack score": by_finding,
    "the attack score alone": by_evidence("attack_score"),
    "baseline: count of accounts": lambda one: float(one.accounts),
    "one feature: few accounts": lambda one: -float(one.accounts),
    "one feature: share of accounts in the densest 5 minutes": by_evidence("burst"),
    "one feature: share of copied posts": by_evidence("copied"),
}


def interval(hours_: list[TargetHour], score: Score, draws: int, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval; the target-hours of one target on one side are drawn together."""
    groups: dict[tuple[str, bool], list[tuple[float, bool]]] = defaultdict(list)
    for one in hours_:
        groups[one.target, one.attack].append((score(one), one.attack))
    sides = [[group for (_, side), group in groups.items() if side == attack] for attack in (True, False)]
    rng = random.Random(seed)
    values = []
    for _ in range(draws):
        drawn = [group for side in sides for group in rng.choices(side, k=len(side))]
        values.append(average_precision([one for group in drawn for one in group]))
    values.sort()
    return values[int(0.025 * draws)], values[int(0.975 * draws)]


def figures(hours_: list[TargetHour], draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Average precision of each score with its interval."""
    rows = {}
    for name, score in SCORES.items():
        value = average_precision([(score(one), one.attack) for one in hours_])
        low, high = interval(hours_, score, draws, seed)
        rows[name] = {"value": round(value, 3), "low": round(low, 3), "high": round(high, 3)}
    return rows


def severities(hours_: list[TargetHour], *, attack: bool) -> dict[str, int]:
    """How many target-hours of one side reach a severity by points alone."""
    reached: Counter[str] = Counter()
    for one in hours_:
        if one.attack == attack and one.finding is not None:
            reached["notice or above"] += points(one.finding) >= NOTICE
            reached["warning or above"] += points(one.finding) >= WARNING
    return dict(reached)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000, help="draws of the bootstrap (default 1000)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    folder = real_input.data_folder()
    if folder is None:
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    attacks = list(attacks_of(folder))
    layouts = {
        "mixed": list(mixed(folder, attacks, arguments.seed)),
        "natural": list(natural(folder, attacks)),
    }
    tables = {}
    for layout, found in layouts.items():
        sides = {
            name: [one for one in found if one.attack == side] for name, side in (("a", True), ("o", False))
        }
        tables[layout] = {
            "attacks": len(sides["a"]),
            "attacked targets": len({one.target for one in sides["a"]}),
            "organic": len(sides["o"]),
            "organic targets": len({one.target for one in sides["o"]}),
            "average precision": figures(found, arguments.draws, arguments.seed),
            "attacks by points": severities(found, attack=True),
            "organic by points": severities(found, attack=False),
        }
    if arguments.json:
        print(json.dumps(tables, indent=2))
    else:
        show(tables)
    return 0


def show(tables: dict[str, dict[str, object]]) -> None:
    for layout, table in tables.items():
        print(
            f"{layout}: {table['attacks']} attacked target-hours ({table['attacked targets']} targets), "
            f"{table['organic']} organic ones ({table['organic targets']} targets)"
        )
        rows = table["average precision"]
        assert isinstance(rows, dict)
        for name, row in rows.items():
            print(f"  {name:58} {row['value']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]")
        print(f"  by points: attacks {table['attacks by points']}, organic {table['organic by points']}")


if __name__ == "__main__":
    sys.exit(main())
