"""What the pipeline said of one labelled stream, at its default settings and without seeing a label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from detectors.case import Judged
from detectors.events import Post, moment_ms
from detectors.findings import author_of
from detectors.groups.near_duplicates import NearDuplicateSettings
from streams.embedded import Pipeline, Settings
from streams.evaluating.figures import Scored
from streams.evaluating.mixing import Mixed

NOTICE, WARNING = 1, 2
LEVELS = {"notice": 1, "warning": 2, "critical": 3}
RIGHT, FALSE = 0.8, 0.2
"""A group is right if so much of it is of the operation, and false if less than the other."""

# A smaller resemblance index than the default: it only bounds memory, and an hour does not fill it.
SETTINGS = Settings(near_duplicates=NearDuplicateSettings(index_rows=1 << 15))


class Told(NamedTuple):
    """One alert, as far as it matters here."""

    time_ms: int
    case_id: str
    level: int
    score: int
    accounts: tuple[str, ...]
    """Ids of accounts, as many as the alert names."""
    findings: tuple[str, ...]


class Outcome:
    """Findings and alerts of one stream.

    Parameters
    ----------
    alerts : iterable of dict
    judged : iterable of Judged
        Every state of every finding.
    """

    def __init__(self, alerts: Iterable[dict[str, Any]], judged: Iterable[Judged] = ()) -> None:
        self.findings: dict[str, list[Judged]] = defaultdict(list)
        """The states of each finding."""
        for state in judged:
            self.findings[state.finding.finding_id].append(state)
        self.told = [_told(alert) for alert in alerts]
        self._case_of = {finding: one.case_id for one in self.told for finding in one.findings}
        self._first: dict[str, int] = {}
        for one in reversed(self.told):
            self._first |= dict.fromkeys(one.findings, one.time_ms)
        self._levels: dict[str, int] = defaultdict(int)
        for one in self.told:
            self._levels[one.case_id] = max(self._levels[one.case_id], one.level)

    def level(self, finding_id: str) -> int:
        """The highest severity of the case of a finding; 0 where it was not told."""
        return self._levels[self._case_of[finding_id]] if finding_id in self._case_of else 0

    def score(self, finding_id: str) -> int:
        """The highest score of a finding; -1 where it was not told."""
        if finding_id not in self._case_of:
            return -1
        return max(one.assessment.score for one in self.findings[finding_id])

    def told_ms(self, finding_id: str, level: int) -> int | None:
        """When a finding was first told in a case of this severity."""
        case = self._case_of.get(finding_id)
        times = (
            one.time_ms
            for one in self.told
            if one.case_id == case and one.level >= level and one.time_ms >= self._first[finding_id]
        )
        return min(times, default=None)

    def holding(self, posts: list[Post], least: int = 3) -> list[str]:
        """The findings that hold so many accounts of these posts, by these very posts."""
        authors = {post.id: post.author_id for post in posts}
        found = []
        for name, states in self.findings.items():
            seen = {
                authors[member.post_id]
                for one in states
                for member in one.finding.posts
                if member.post_id in authors
            }
            if len(seen) >= least:
                found.append(name)
        return found

    def first_post(self, finding_id: str) -> str:
        """The id of the first post that a finding kept, in any of its states."""
        states = self.findings[finding_id]
        return min((one.time_ms, one.post_id) for state in states for one in state.finding.posts)[1]

    def purity(self, finding_id: str, accounts: set[str]) -> float:
        """Share of a finding's accounts that are of the operation."""
        members = self.findings[finding_id][-1].finding.accounts
        return sum(author_of(one) in accounts for one in members) / len(members)

    def cases(self, operation: str, stream: str, accounts: set[str]) -> list[Scored]:
        """Every case as it was told last, if it is right or false, and not between."""
        found = []
        for one in {one.case_id: one for one in self.told}.values():
            pure = purity_of(one, accounts)
            if one.accounts and (pure >= RIGHT or pure < FALSE):
                found.append(Scored(operation, stream, one.score, pure >= RIGHT))
        return found


def purity_of(told: Told, accounts: set[str]) -> float:
    """Share of the accounts of an alert that are of the operation."""
    return sum(one in accounts for one in told.accounts) / max(1, len(told.accounts))


def _told(alert: dict[str, Any]) -> Told:
    data = alert["data"]
    return Told(
        time_ms=moment_ms(alert["time"]),
        case_id=data["case_id"],
        level=LEVELS[data["severity"]],
        score=data["score"],
        accounts=tuple(data["group"]["accounts"]),
        findings=tuple(one["finding_id"] for one in data["findings"]),
    )


def judge(posts: list[Post]) -> Outcome:
    """Run the pipeline over one stream."""
    judged: list[Judged] = []
    pipeline = Pipeline(SETTINGS, on_judged=judged.append)
    alerts = [*pipeline.feed(posts), *pipeline.finish()]
    return Outcome(alerts, judged)


def cases_of(mixed: Mixed, outcome: Outcome) -> list[Scored]:
    """The cases of one mixed hour."""
    return outcome.cases(mixed.name, mixed.stream, mixed.accounts)


def delay_min(outcome: Outcome, findings: list[str], posts: list[Post], level: int) -> float | None:
    """Minutes of event time from the third of these posts to the alert; None where there is none."""
    times = [told for one in findings if (told := outcome.told_ms(one, level)) is not None]
    third = sorted(post.time_ms for post in posts)[2]
    return round((min(times) - third) / 60_000, 2) if times else None
