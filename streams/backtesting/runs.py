"""One of the two runs: a pipeline, and what it has told of each case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from detectors.case import Judged
from detectors.events import Item
from detectors.findings import platform_of, post_key
from detectors.severity import NOTICE, Severity
from streams.embedded import Pipeline, Settings
from streams.outputs.alert import Alert

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "notice")
"""The most severe first."""
LOUD: tuple[Severity, ...] = ("critical", "warning")
"""Severities that call somebody."""


@dataclass
class Told:
    """What a run told of one case."""

    data: dict[str, Any]
    """Of its newest alert."""
    subject: str
    first: dict[Severity, str]
    """When it was first told at each severity that it had, in event time."""
    members: set[str] = field(default_factory=set)
    """Its accounts and its posts."""

    @property
    def severity(self) -> Severity:
        """The highest that it reached."""
        return next(severity for severity in SEVERITIES if severity in self.first)

    @property
    def loud(self) -> bool:
        """Whether it reached a warning."""
        return self.severity in LOUD

    @property
    def first_loud(self) -> str | None:
        """When it was first told at a warning or above."""
        return min((self.first[severity] for severity in LOUD if severity in self.first), default=None)


class Run:
    """A pipeline under some settings, and what it told.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.pipeline = Pipeline(settings, on_judged=self._judged)
        self.alerts: Counter[Severity] = Counter()
        """Published alerts by severity."""
        self._cases: dict[str, Told] = {}
        self._heirs: dict[str, str] = {}
        """As which case each merged one went on."""
        self._members: dict[str, set[str]] = {}
        """Accounts and posts of every finding, over all its states: an alert names only some of them."""
        self._owners: dict[str, str] = {}
        """The case of each finding that was told."""

    def feed(self, items: Sequence[Item]) -> list[Alert]:
        """Take in posts; the alerts that are due."""
        return self._noted(self.pipeline.feed(items))

    def finish(self) -> list[Alert]:
        """The alerts that wait at the end."""
        return self._noted(self.pipeline.finish())

    def cases(self) -> dict[str, Told]:
        """The cases by id; of those that were merged the one that went on, with all that they held."""
        going_on = {name: told for name, told in self._cases.items() if name not in self._heirs}
        for told in going_on.values():
            told.members.clear()
        for finding_id, owner in self._owners.items():
            going_on[self.heir(owner)].members.update(self._members[finding_id])
        return going_on

    def heir(self, case_id: str) -> str:
        """The case as which one goes on: itself, unless it was merged, perhaps several times over."""
        while case_id in self._heirs:
            case_id = self._heirs[case_id]
        return case_id

    def _judged(self, judged: Judged) -> None:
        finding, assessment = judged.finding, judged.assessment
        if assessment.score < NOTICE or assessment.open:
            return  # it is in no case
        members = self._members.setdefault(finding.finding_id, set())
        members.update(finding.accounts)
        members.update(post_key(platform_of(post.account), f"post {post.post_id}") for post in finding.posts)

    def _noted(self, alerts: Iterable[Alert]) -> list[Alert]:
        told = list(alerts)
        for alert in told:
            self._note(alert)
        return told

    def _note(self, alert: Alert) -> None:
        data = alert["data"]
        case_id, severity = data["case_id"], data["severity"]
        self.alerts[severity] += 1
        told = self._cases.setdefault(case_id, Told(data, alert["subject"], {}))
        told.data, told.subject = data, alert["subject"]
        told.first.setdefault(severity, alert["time"])
        self._owners |= {finding["finding_id"]: case_id for finding in data["findings"]}
        if data["related"]["merged_into"] is not None:
            self._heirs[case_id] = data["related"]["merged_into"]
