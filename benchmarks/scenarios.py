"""The cases of real operations at the size that they had, and what only looks like them.

    python benchmarks/scenarios.py [--only NAME...] [--scale X] [--seed N] [--json]

Each scenario (docs/scenarios.md) is made and goes through the pipeline at its default settings, with the
list that belongs to it. Told of each operation: whether it was alerted, how soon after its third post in
event time, by which detectors, in how many cases, how many of the accounts in its alerts are its own, and
which of the signs that the case is known for stand in the alerts. Told of each look-alike: its alerts, what
any warning says, whether it was shown as open coordination, and the highest score that any of its findings
reached.

An alert belongs to the operation or look-alike that has half of the posts it shows; one that shows no posts,
to the operation that has half of its accounts. What is left belongs to ordinary people.

Ends with 1 if a case is missed, or if a look-alike or ordinary people get a warning.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detectors.case import Judged  # noqa: E402
from detectors.events import Item  # noqa: E402
from detectors.findings import author_of  # noqa: E402
from detectors.lists import Lists  # noqa: E402
from detectors.severity import NOTICE  # noqa: E402
from streams.embedded import Alert, Pipeline, spare_collector  # noqa: E402
from streams.payers import PayerRanking  # noqa: E402
from streams.simulate import INNOCENT, Scenario, Simulation, load_scenario, scaled  # noqa: E402
from streams.sources.posts import decode_item  # noqa: E402

BATCH = 1000
ORDINARY = "ordinary people"
SEVERITIES = ("notice", "warning", "critical")
OUTSIDE = frozenset({"cover", "source", "suspended"})
"""Roles of posts with which an operation has not begun, or shows nothing of itself."""


class Wanted(NamedTuple):
    """What is to be told of one operation."""

    signs: tuple[str, ...]
    """Of the case: names of traits; with a colon a detector, a reason, or what became of the accounts."""
    least: str = "warning"
    """Severity of the alert with which it is found."""
    begins: str | None = None
    """Role whose third post begins the operation; of any that shows something of it without one."""


WANTED: dict[str, dict[str, Wanted]] = {
    "case-a-full": {
        "case-a-before": Wanted(("detector:amplification", "creation_cohort")),
        "case-a": Wanted(
            (
                "detector:amplification",
                "creation_cohort",
                "earlier_cases",
                "bot_share",
                "fate:suspended",
                "detector:fate",
                "detector:purges",
            )
        ),
    },
    "case-b-full": {
        "case-b-promoted": Wanted(("reason:breach", "figure:totals"), begins="breach"),
        "case-b-list": Wanted(("detector:listed", "figure:reasons"), "notice", begins="pusher"),
    },
    "case-c-full": {
        "case-c": Wanted(
            (
                "bot_share",
                "dormancy",
                "foreign_audience",
                "description_terms",
                "detector:rising",
                "detector:hashtags",
            )
        )
    },
    "case-d-full": {
        "case-d": Wanted(
            (
                "figure:targets",
                "client",
                "creation_cohort",
                "language_switch",
                "one_a_minute",
                "follow_back",
                "fate:suspended",
            )
        )
    },
    "lookalikes-politics": {},
    "lookalikes-saturday": {},
}
"""The scenarios, with what CASES calls the signs of each operation in them."""


@dataclass
class Told:
    """What was told of one operation, look-alike, or of ordinary people."""

    alerts: list[Alert] = field(default_factory=list)
    open_kinds: set[str] = field(default_factory=set)
    judged: set[str] = field(default_factory=set)
    """Traits found in any finding that was judged, told in an alert or not."""
    best: tuple[int, str, tuple[str, ...]] = (0, "", ())
    """Highest score of a finding that is not open, its detector and its reasons."""

    def severity(self) -> str | None:
        """The highest of its alerts."""
        reached = {alert["data"]["severity"] for alert in self.alerts}
        return next((name for name in reversed(SEVERITIES) if name in reached), None)

    def cases(self, least: str) -> Counter[str]:
        """Cases by their highest severity, from one on."""
        highest: dict[str, str] = {}
        for alert in self.alerts:
            data = alert["data"]
            before = highest.get(data["case_id"], "notice")
            highest[data["case_id"]] = max(before, data["severity"], key=SEVERITIES.index)
        reached = (name for name in highest.values() if SEVERITIES.index(name) >= SEVERITIES.index(least))
        return Counter(reached)

    def warnings(self) -> list[str]:
        """What the first warning of each case says."""
        said: dict[str, str] = {}
        for alert in self.alerts:
            data = alert["data"]
            if data["severity"] != SEVERITIES[0]:
                said.setdefault(data["case_id"], f"{alert['time']}, {data['score']}: {data['summary']['en']}")
        return list(said.values())


class Watch:
    """The pipeline over one scenario, and what it says of whom.

    Parameters
    ----------
    scenario : Scenario
    seed : int
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.simulation = Simulation(scenario, seed)
        self.payers = PayerRanking()
        self.pipeline = Pipeline(on_judged=self._judged, on_batch=self.payers.take)
        self.pipeline.room.put(Lists(self.simulation.entries))
        self.owners: dict[str, str] = {}
        """The operation or look-alike of each labelled post, by its id."""
        self.times: dict[tuple[str, str], list[int]] = defaultdict(list)
        """The first posts of each operation and role."""
        self.told: dict[str, Told] = defaultdict(Told)
        self.posts = 0
        self._casts = {
            name: {account.id for account in cast} for name, cast in self.simulation.world.casts.items()
        }

    def run(self, said: str = "") -> None:
        """Let it all happen; `said` stands before the progress."""
        told_s = time.monotonic()
        for batch in self._batches():
            for alert in self.pipeline.feed(batch):
                self._alerted(alert)
            if time.monotonic() - told_s >= 1:
                told_s = time.monotonic()
                print(f"\r{said}{self.posts:,} posts ", end="", file=sys.stderr, flush=True)
        for alert in self.pipeline.finish():
            self._alerted(alert)
        print(f"\r{said}{self.posts:,} posts ", file=sys.stderr, flush=True)

    def _batches(self) -> Iterator[list[Item]]:
        batch: list[Item] = []
        for post in self.simulation.posts():
            batch.append(decode_item(post.line))
            self.posts += bool(post.id)
            if post.truth is not None and post.truth.role != "before":  # what was said months ago is nobody's
                operation, role = post.truth
                self.owners[post.id] = operation
                if role != INNOCENT and role not in OUTSIDE and len(self.times[operation, role]) < 3:
                    self.times[operation, role].append(post.time_ms)
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    def _alerted(self, alert: Alert) -> None:
        group = alert["data"]["group"]
        owner = self._owner([post["id"] for post in group["posts"]], group["accounts"])
        self.told[owner].alerts.append(alert)

    def _judged(self, judged: Judged) -> None:
        finding, assessment = judged.finding, judged.assessment
        if assessment.score < NOTICE:
            return
        accounts = [author_of(account) for account in finding.accounts]
        told = self.told[self._owner([post.post_id for post in finding.posts], accounts)]
        told.judged |= {trait.name for trait in judged.traits if trait.state == "found"}
        if assessment.openness is not None:
            told.open_kinds.add(assessment.openness.kind)
        else:
            reasons = tuple(check.code for check in assessment.reasons)
            told.best = max(told.best, (assessment.score, finding.detector, reasons))

    def _owner(self, posts: list[str], accounts: list[str]) -> str:
        if posts:
            counts = Counter(self.owners.get(post, ORDINARY) for post in posts)
            name, most = counts.most_common(1)[0]
            return name if 2 * most >= len(posts) else ORDINARY
        # The newest operation first: what became of accounts belongs to what they did last.
        for name in reversed(self._casts):
            own = self._casts[name] | self._followed(name)
            if 2 * len(own.intersection(accounts)) >= len(accounts):
                return name
        return ORDINARY

    def _followed(self, name: str) -> set[str]:
        return {account.id for account in self.simulation.world.followed.get(name, ())}

    # -- what is told ------------------------------------------------------------------------------

    def operation(self, name: str, wanted: Wanted) -> dict[str, Any]:
        """The row of one operation."""
        told = self.told[name]
        enough = SEVERITIES[SEVERITIES.index(wanted.least) :]
        found = [alert for alert in told.alerts if alert["data"]["severity"] in enough]
        signs = self._signs(name)
        return {
            "operation": name,
            "found": bool(found),
            "severity": told.severity(),
            "detectors": sorted({one for alert in found for one in alert["data"]["detectors"]}),
            "cases": told.cases(wanted.least).total(),
            "own_accounts": self._own_share(name, found),
            "delay_minutes": self._delay(name, wanted.begins, found),
            "notice_minutes": self._delay(name, wanted.begins, told.alerts),
            "signs": {sign: sign in signs for sign in wanted.signs},
            "judged_only": sorted(told.judged - signs),
            "other_traits": sorted(sign for sign in signs - {*wanted.signs} if ":" not in sign),
        }

    def lookalikes(self) -> list[dict[str, Any]]:
        """A row for each look-alike, and one for ordinary people."""
        names = [part.name for part in self.scenario.lookalike]
        return [self._innocent(name) for name in (*names, ORDINARY)]

    def _innocent(self, name: str) -> dict[str, Any]:
        told = self.told[name]
        score, detector, reasons = told.best
        return {
            "lookalike": name,
            "posts": Counter(self.owners.values())[name] if name != ORDINARY else None,
            "alerts": {severity: told.cases("notice")[severity] for severity in SEVERITIES},
            "warnings": told.warnings(),
            "open": sorted(told.open_kinds),
            "highest": {"score": score, "detector": detector, "reasons": list(reasons)},
        }

    def _signs(self, name: str) -> set[str]:
        signs: set[str] = set()
        for alert in self.told[name].alerts:
            data = alert["data"]
            signs |= {trait["name"] for trait in data["traits"] if trait["state"] == "found"}
            signs |= {f"detector:{detector}" for detector in data["detectors"]}
            signs |= {f"reason:{reason['code']}" for reason in data["reasons"]}
            signs |= {f"fate:{what}" for what in ("suspended", "gone") if data["fate"][what]}
            if any(len(finding["targets"]) > 1 for finding in data["findings"]):
                signs.add("figure:targets")
            if data["group"]["listed"] and all(one["reason"] for one in data["group"]["listed"]):
                signs.add("figure:reasons")
        if self._totals_hold():
            signs.add("figure:totals")
        return signs

    def _totals_hold(self) -> bool:
        """Whether the payer's posts and money are all counted."""
        rows = {row["value"]: row for row in self.payers.rows(limit=10)}
        return any(
            part.payer in rows
            and rows[part.payer]["posts"] == part.posts
            and rows[part.payer]["spend"] == round(part.spend, 2)
            for part in self.scenario.operation
            if hasattr(part, "payer")
        )

    def _own_share(self, name: str, alerts: list[Alert]) -> float | None:
        """Of the accounts that the newest alerts of its cases show, how many are the operation's."""
        newest = {alert["data"]["case_id"]: alert for alert in alerts}
        own = self._casts[name] | self._followed(name)
        shown = [one for alert in newest.values() for one in alert["data"]["group"]["accounts"]]
        return round(sum(one in own for one in shown) / len(shown), 3) if shown else None

    def _delay(self, name: str, begins: str | None, alerts: list[Alert]) -> float | None:
        """Minutes of event time from the third post of the operation to the first alert."""
        times = sorted(
            at_ms
            for (operation, role), first in self.times.items()
            if operation == name and begins in (None, role)
            for at_ms in first
        )
        if not alerts or len(times) < 3:
            return None
        alerted = min(datetime.fromisoformat(alert["time"]).timestamp() for alert in alerts)
        return round((alerted - times[2] / 1000) / 60, 1)


def run(name: str, scale: float, seed: int) -> dict[str, Any]:
    """One scenario, made, watched and told."""
    begun = time.monotonic()
    watch = Watch(scaled(load_scenario(name), scale), seed)
    watch.run(f"{name}: ")
    return {
        "scenario": name,
        "posts": watch.posts,
        "seconds": round(time.monotonic() - begun, 1),
        "operations": [watch.operation(one, wanted) for one, wanted in WANTED[name].items()],
        "lookalikes": watch.lookalikes(),
    }


def failures(outcome: dict[str, Any]) -> list[str]:
    """One sentence for each case that was missed, and each warning that was wrong."""
    said = [f"{row['operation']} was not found" for row in outcome["operations"] if not row["found"]]
    said += [
        f"{row['lookalike']} of {outcome['scenario']} got a warning"
        for row in outcome["lookalikes"]
        if row["alerts"]["warning"] or row["alerts"]["critical"]
    ]
    return said


def show(outcome: dict[str, Any]) -> None:
    """The tables of one scenario."""
    print(f"\n{outcome['scenario']}: {outcome['posts']:,} posts in {outcome['seconds']:.0f} s")
    for row in outcome["operations"]:
        seen = sum(row["signs"].values())
        own = "-" if row["own_accounts"] is None else f"{row['own_accounts']:.0%}"
        print(
            f"  {row['operation']:16} {'found' if row['found'] else 'MISSED':7} {row['severity'] or '-':9}"
            f"{row['cases']:>3} cases  own accounts {own:>5}  signs {seen}/{len(row['signs'])}"
            f"  from the third post {_minutes(row['delay_minutes'])}"
            f" (notice {_minutes(row['notice_minutes'])})"
        )
        print(f"{'':19}by {', '.join(row['detectors']) or 'nobody'}")
        missing = [sign for sign, found in row["signs"].items() if not found]
        for said, names in (
            ("signs", [sign for sign, found in row["signs"].items() if found]),
            ("MISSING", missing),
            ("in no alert, but in a finding", row["judged_only"]),
            ("also", row["other_traits"]),
        ):
            if names:
                print(f"{'':19}{said}: {', '.join(names)}")
    for row in outcome["lookalikes"]:
        alerts = ", ".join(f"{count} {name}" for name, count in row["alerts"].items() if count) or "none"
        highest = row["highest"]
        nearest = f"{highest['score']} by {highest['detector']}" if highest["score"] else "-"
        posts = "" if row["posts"] is None else f"{row['posts']:,}"
        print(
            f"  {row['lookalike']:18} {posts:>7}  alerts: {alerts:22} highest: {nearest:28}"
            f"{'open: ' + ', '.join(row['open']) if row['open'] else ''}"
        )
        for said in row["warnings"]:
            print(f"{'':19}WARNED at {said}")


def _minutes(minutes: float | None) -> str:
    return "-" if minutes is None else f"{minutes:.1f} min"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(WANTED), metavar="NAME", help="some of them")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full size (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    spare_collector()
    outcomes = []
    for name in arguments.only or WANTED:
        outcomes.append(run(name, arguments.scale, arguments.seed))
        if not arguments.json:
            show(outcomes[-1])
    said = [sentence for outcome in outcomes for sentence in failures(outcome)]
    if arguments.json:
        print(json.dumps({"scenarios": outcomes, "failures": said}, indent=2))
    else:
        print("\n" + ("\n".join(said) if said else "All cases were found; no look-alike got a warning."))
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
