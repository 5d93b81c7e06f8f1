"""An alert as it is read back, from a file or from the topic."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import orjson

from detectors.case import Status
from detectors.severity import Severity
from streams.outputs.case_words import Language

Alert = dict[str, Any]
"""An alert (`vigie.alert.v1`) as JSON has it."""


class _Data(msgspec.Struct):
    case_id: str
    revision: int
    status: Status
    severity: Severity
    score: int
    summary: dict[Language, str]
    detectors: list[str]
    detected_at: str
    window: dict[Literal["start", "end"], str]
    group: dict[str, Any]
    findings: list[dict[str, Any]]
    related: dict[str, Any]
    verdict: dict[str, Any] | None


class _Alert(msgspec.Struct):
    id: str
    type: Literal["vigie.alert.v1"]
    time: str
    subject: str
    data: _Data


def parse_alert(line: bytes) -> Alert | None:
    """The alert of a line or a record; None when a stranger has written something else."""
    try:
        alert: Alert = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return alert if is_alert(alert) else None


def is_alert(alert: Any) -> bool:
    """Whether something that was read has the shape of an alert, as far as a case is known by it."""
    return fits(alert, _Alert)


def fits(alert: Any, shape: type[msgspec.Struct]) -> bool:
    """Whether something that was read has all that a shape asks for, each of its kind."""
    try:
        msgspec.convert(alert, shape)
    except msgspec.ValidationError:
        return False
    return True
