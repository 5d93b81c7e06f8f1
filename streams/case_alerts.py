"""The cases as they stand: what was told of each, by a file of alerts or by the topic, found by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from streams.outputs.alert import Alert, parse_alert
from streams.outputs.case_table import severe_first
from streams.sources.opening import InputError, open_input

_NAMED = 5


@dataclass
class CaseAlerts:
    """What was told of one case."""

    newest: Alert
    """Its newest revision."""
    findings: dict[str, dict[str, Any]]
    """The newest state of each finding that any of the revisions told, by id."""
    posts: dict[tuple[str, str], dict[str, str]]
    """Every post that any of the revisions named, by author and id."""

    @property
    def data(self) -> dict[str, Any]:
        """The case as it stands."""
        data: dict[str, Any] = self.newest["data"]
        return data

    def whole(self) -> Alert:
        """The newest revision with all findings, the strongest first: it tells only of those new in it."""
        findings = sorted(self.findings.values(), key=lambda one: (-one["score"], one["finding_id"]))
        return self.newest | {"data": self.data | {"findings": findings}}


def cases_of(alerts: Iterable[Alert]) -> list[CaseAlerts]:
    """The cases that alerts tell of, the most severe first. An alert may come again, and out of order."""
    cases: dict[str, CaseAlerts] = {}
    for alert in sorted(alerts, key=lambda alert: int(alert["data"]["revision"])):
        data = alert["data"]
        case = cases.setdefault(data["case_id"], CaseAlerts(alert, {}, {}))
        case.newest = alert
        case.findings |= {finding["finding_id"]: finding for finding in data["findings"]}
        for named in (data["group"], *data["findings"]):
            case.posts |= {(post["author_id"], post["id"]): post for post in named["posts"]}
    return sorted(cases.values(), key=lambda case: severe_first(case.data))


def read_alerts(path: str) -> list[Alert]:
    """The alerts of a file that `vigie replay --alerts` wrote, or is writing.

    Raises
    ------
    InputError
        When it cannot be read, or holds something else.
    """
    alerts = []
    *lines, rest = b"".join(open_input(path)).split(b"\n")
    for number, line in enumerate(lines, 1):
        if (alert := parse_alert(line)) is not None:
            alerts.append(alert)
        elif line.strip():
            raise InputError(
                f"{path}, line {number}, is no alert: name a file that `vigie replay --alerts` wrote."
            )
    last = parse_alert(rest)  # None while it is still being written
    return alerts if last is None else [*alerts, last]


def find(cases: Iterable[CaseAlerts], name: str) -> CaseAlerts:
    """The one case whose id begins so.

    Raises
    ------
    InputError
        When there is none, or more than one.
    """
    found = [case for case in cases if name and case.data["case_id"].startswith(name)]
    if not found:
        raise InputError(f"No case has an id that begins with {name!r}: `vigie case list` shows them.")
    if len(found) > 1:
        ids = ", ".join(case.data["case_id"] for case in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise InputError(f"{name!r} is the beginning of {len(found)} cases ({ids}{more}): write more of it.")
    return found[0]


def heir(cases: Iterable[CaseAlerts], case: CaseAlerts) -> str:
    """Id of the case as which a case goes on: its own, unless it was merged, perhaps several times over."""
    merged = {
        one.data["case_id"]: one.data["related"]["merged_into"]
        for one in cases
        if one.data["status"] == "merged"
    }
    case_id: str = case.data["case_id"]
    while case_id in merged:
        case_id = merged.pop(case_id)
    return case_id
