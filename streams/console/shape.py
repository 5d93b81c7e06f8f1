"""The shape that an alert must have to be shown; what others wrote into file or topic is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from detectors.case import Status
from detectors.severity import Severity
from streams.outputs.alert import fits

_Both = dict[Literal["en", "fr"], str]


class _Window(msgspec.Struct):
    start: datetime
    end: datetime


class _Subject(msgspec.Struct):
    kind: str
    value: str


class _Post(msgspec.Struct):
    id: str
    author_id: str
    created_at: datetime


class _Target(msgspec.Struct):
    value: str
    accounts: int


class _Edge(msgspec.Struct):
    accounts: list[str]
    shared: list[_Subject]


class _Finding(msgspec.Struct):
    finding_id: str
    detector: str
    subjects: list[_Subject]
    window: _Window
    accounts_total: int
    posts_total: int
    accounts: list[str]
    posts: list[_Post]
    template: str | None
    targets: list[_Target]
    score: int
    evidence: dict[str, int | float | None]
    edges: list[_Edge]


class _Reason(msgspec.Struct):
    points: int
    en: str
    fr: str


class _Group(msgspec.Struct):
    accounts_total: int
    posts_total: int
    accounts: list[str]
    posts: list[_Post]


class _Related(msgspec.Struct):
    merged_into: str | None
    earlier: list[str]


class _Trait(msgspec.Struct):
    name: str
    state: str
    sentence: _Both | None


class _Verdict(msgspec.Struct):
    kind: Literal["confirmed", "dismissed", "retracted", "noted"]
    reason: str
    until: str | None


class _Coverage(msgspec.Struct):
    gaps: list[_Window]


class _Data(msgspec.Struct):
    case_id: str
    revision: int
    status: Status
    severity: Severity
    score: int
    summary: _Both
    reasons: list[_Reason]
    detectors: list[str]
    subjects: list[_Subject]
    window: _Window
    first_seen: datetime
    published_at: datetime | None
    group: _Group
    findings: list[_Finding]
    traits: list[_Trait]
    related: _Related
    verdict: _Verdict | None
    coverage: _Coverage
    not_proved: list[_Both]
    disarm: list[str]
    versions: dict[str, Any]


class _Alert(msgspec.Struct):
    id: str
    type: Literal["vigie.alert.v1"]
    time: datetime
    data: _Data


def can_be_shown(alert: Any) -> bool:
    """Whether an alert has all that is shown of one, each of its kind."""
    return fits(alert, _Alert)
