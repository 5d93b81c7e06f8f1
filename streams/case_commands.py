"""What `vigie case list|show|export|precision` do: the cases as they stand, from a file or from the topic."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import orjson
from rich.table import Table

from detectors.case import Status
from detectors.verdicts import Precision, Verdict
from streams import settings
from streams.case_alerts import CaseAlerts, cases_of, find, read_alerts
from streams.kafka.alerts import Tail
from streams.kafka.settings import KafkaSettings
from streams.metrics import SEVERITIES
from streams.outputs.case_table import case_table
from streams.outputs.evidence import posts_as_csv
from streams.outputs.terminal import Terminal
from streams.sources.opening import InputError
from streams.telling import console, print_json, say

_STANDING = [status for status in get_args(Status) if status != "merged"]
"""Statuses of the cases that are listed by themselves: one that is merged goes on as another."""


def told_cases(chosen: argparse.Namespace) -> list[CaseAlerts]:
    """The cases of the file or of the topic that a command was given, the most severe first.

    Raises
    ------
    InputError
    """
    if chosen.alerts is not None:
        return cases_of(read_alerts(chosen.alerts))
    return cases_of(_of_topic(settings.load(chosen.config, flags=chosen.set).kafka))


def _of_topic(kafka: KafkaSettings) -> list[dict[str, Any]]:
    tail = Tail(kafka, "start")
    try:
        return tail.snapshot()
    finally:
        tail.close()


def list_cases(chosen: argparse.Namespace) -> int:
    """`vigie case list`."""
    cases = [case.data for case in told_cases(chosen)]
    statuses = chosen.status or _STANDING
    severities = chosen.severity or SEVERITIES
    shown = [data for data in cases if data["status"] in statuses and data["severity"] in severities]
    hidden = len(cases) - len(shown)
    if chosen.json:
        print_json({"cases": [_row(data) for data in shown], "not_shown": hidden})
        return 0
    out = console()
    if shown:
        out.print(case_table(shown, chosen.language, short=True))
    merged = "" if chosen.status else "; merged ones only with --status merged"
    out.print(f"Cases: {len(shown):,} shown, {hidden:,} not (by --status and --severity{merged}).")
    return 0


def _row(data: dict[str, Any]) -> dict[str, Any]:
    same = ("case_id", "revision", "status", "severity", "score", "summary", "detectors", "window", "verdict")
    counted = ("accounts_total", "posts_total")
    return {name: data[name] for name in same} | {name: data["group"][name] for name in counted}


def show_case(chosen: argparse.Namespace) -> int:
    """`vigie case show`."""
    case = find(told_cases(chosen), chosen.case)
    if chosen.json:
        print_json(case.newest)
    else:
        Terminal(console(), language=chosen.language).show(case.whole())
    return 0


def export_case(chosen: argparse.Namespace) -> int:
    """`vigie case export`."""
    case = find(told_cases(chosen), chosen.case)
    if chosen.format == "json":
        content = orjson.dumps(case.newest, option=orjson.OPT_INDENT_2) + b"\n"
    else:
        content = posts_as_csv(case.posts.values())
        total = case.data["group"]["posts_total"]
        more = f"; it has {total:,} at least" if total > len(case.posts) else ""
        say(f"{len(case.posts):,} posts of {case.data['case_id']}, those that its alerts name{more}.")
    if chosen.out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return 0
    _write(Path(chosen.out), content, alerts=chosen.alerts)
    return 0


def _write(path: Path, content: bytes, alerts: str | None) -> None:
    try:
        if alerts is not None and path.exists() and path.samefile(alerts):
            raise InputError(f"--out {path} is the file of alerts: choose another one.")
        path.write_bytes(content)
    except OSError as problem:
        raise InputError(f"The evidence cannot be written to {path}: {problem.strerror}.") from None


def show_precision(chosen: argparse.Namespace) -> int:
    """`vigie case precision`."""
    cases = [case.data for case in told_cases(chosen)]
    rows = _precision(cases)
    if chosen.json:
        print_json(rows)
        return 0
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("detector", "confirmed", "wrong", "right of those judged", "not judged"):
        table.add_column(column, justify="left" if column == "detector" else "right")
    for row in rows:
        judged = row["confirmed"] + row["wrong"]
        share = f"{row['precision']:.0%} of {judged:,}" if judged else "-"
        counts = (f"{row[name]:,}" for name in ("confirmed", "wrong"))
        table.add_row(row["detector"], *counts, share, f"{row['not_judged']:,}")
    console().print(table)
    return 0


def _precision(cases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each detector how many of the cases in which it had a part were judged right and wrong."""
    judged: dict[str, Precision] = defaultdict(Precision)
    total: dict[str, int] = defaultdict(int)
    for data in cases:
        if data["status"] == "merged" and data["verdict"] is None:
            continue  # nobody will judge it: it goes on as another case
        for detector in data["detectors"]:
            total[detector] += 1
            judged[detector].count(_verdict(data))
    return [
        {
            "detector": name,
            "confirmed": found.confirmed,
            "wrong": found.wrong,
            "precision": round(found.confirmed / known, 4) if known else None,
            "not_judged": total[name] - known,
        }
        for name, found in sorted(judged.items())
        for known in [found.confirmed + found.wrong]
    ]


def _verdict(data: dict[str, Any]) -> Verdict | None:
    """The verdict that stands in an alert, as far as it is counted."""
    said = data["verdict"]
    if said is None:
        return None
    return Verdict(case_id=data["case_id"], kind=said["kind"], reason=said["reason"], at_ms=0)
