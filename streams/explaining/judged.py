"""What the detectors said: findings, each with every rule, its traits, and the alerts that told it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from detectors.alerts import instant
from detectors.findings import Subject
from detectors.rules.needed import needed_fr
from detectors.severity import Severity
from streams.explaining.question import MINUTE_MS, Answer, Question
from streams.stores.rows import JudgedRow, Told

RANK: dict[str | Severity | None, int] = {None: 0, "notice": 1, "warning": 2, "critical": 3}
_DAY_MINUTES = 24 * 60
_HOUR_MINUTES = 60


class Found(NamedTuple):
    """A finding as it stood, and the alerts that told it up to the moment."""

    row: JudgedRow
    alerts: list[Told]
    own: bool
    """Whether it is about the subject itself, and not of something that merely names it too."""

    @property
    def severest(self) -> Told | None:
        """The alert of the highest severity, the first of these."""
        return max(self.alerts, key=lambda one: RANK[one.severity], default=None)

    @property
    def weight(self) -> tuple[int, int, str]:
        """By this the finding that decides is told."""
        told = self.severest
        return RANK[told.severity] if told else 0, self.row.score, self.row.finding_id


def about(question: Question, subjects: Iterable[Subject], *, ever: bool = False) -> list[Found]:
    """The findings that name a subject, those about itself first, then the strongest.

    Parameters
    ----------
    question : Question
    subjects : iterable of Subject
        The names of the one thing that is asked of.
    ever : bool
        Also those that no detector would still hold at the moment.
    """
    names = set(subjects)
    rows = question.stored.newest(question.stored.findings_about(names), question.at_ms)
    found = [
        taken(question, row, own=_is_own(row, names))
        for row in rows
        if ever or question.at_ms - row.tick_ms <= _looked_back_ms(question, row.detector)
    ]
    return sorted(found, key=lambda one: not one.own)


def taken(question: Question, row: JudgedRow, *, own: bool = True) -> Found:
    """A judgement with what was told of it."""
    return Found(row, question.stored.alerts_with(row.finding_id, question.at_ms), own)


def _is_own(row: JudgedRow, names: set[Subject]) -> bool:
    """Whether a finding is first of all about one of these, or has no other subject than its group."""
    return row.subject in names or {"account", "text"} >= {name.kind for name in names}


def _looked_back_ms(question: Question, detector: str) -> int:
    """How long before the moment a finding still says something of it."""
    minutes = {
        "listed": question.settings.listed.window_hours * 60,
        "co_sharing": _DAY_MINUTES,
        "fate": _DAY_MINUTES,
        "purges": _DAY_MINUTES,
    }
    return minutes.get(detector, _HOUR_MINUTES) * MINUTE_MS


def told(found: Found) -> Answer:
    """A finding as data."""
    row, body = found.row, found.row.body
    return {
        "finding_id": row.finding_id,
        "detector": row.detector,
        "about": str(row.subject),
        "judged_at": instant(row.tick_ms),
        "score": row.score,
        "severity": row.severity,
        "accounts": body.accounts,
        "posts": body.posts,
        "template": body.template,
        "evidence": body.evidence,
        "rules": [
            msgspec.structs.asdict(rule) | {"needed_fr": needed_fr(row.detector, rule.code, rule.needed)}
            for rule in body.checks
        ],
        "traits": [msgspec.structs.asdict(trait) for trait in row.traits],
        "alerts": [alert_told(one) for one in found.alerts],
        "post_ids": body.post_ids,
    }


def alert_told(one: Told) -> Answer:
    """An alert as data, in short."""
    return {
        "case_id": one.case_id,
        "revision": one.revision,
        "status": one.status,
        "severity": one.severity,
        "score": one.score,
        "time": instant(one.time_ms),
    }
