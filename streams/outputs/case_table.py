"""Cases as a table: one line each, the most severe first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from detectors.rules.sentences import shortened
from streams.outputs.case_words import Language, number
from streams.outputs.terminal import printable

_COLUMNS = ("severity", "score", "status", "case", "from", "to", "accounts", "what was seen")
_SEVERITIES = ("critical", "warning", "notice")
_LONG, _SHORT = 180, 80
"""Characters of what was seen."""


def severe_first(data: dict[str, Any]) -> tuple[int, int, int, str]:
    """By this the data of cases are in order: of like severity what the room cares about first."""
    relevance = data.get("relevance", {}).get("points", 0)  # alerts of earlier versions have none
    return _SEVERITIES.index(data["severity"]), -relevance, -data["score"], data["case_id"]


def case_table(cases: Iterable[dict[str, Any]], language: Language, *, short: bool = False) -> Table:
    """The newest data of cases as a table; `short` where there may be many."""
    most = _SHORT if short else _LONG
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in ("score", "accounts") else "left")
    for data in sorted(cases, key=severe_first):
        table.add_row(
            data["severity"],
            str(data["score"]),
            data["status"],
            data["case_id"][:9],
            _minute(data["window"]["start"]),
            _minute(data["window"]["end"]),
            number(data["group"]["accounts_total"], language),
            printable(shortened(data["summary"][language], most)),
        )
    return table


def _minute(instant: str) -> str:
    """Month, day and minute.

    >>> _minute("2022-04-10T19:30:05.000Z")
    '04-10 19:30'
    """
    return instant[5:16].replace("T", " ")
