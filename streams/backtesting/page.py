"""A backtest as a person reads it: the conclusion first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from detectors.rules.sentences import shortened
from streams.backtesting.runs import LOUD, SEVERITIES
from streams.outputs.case_words import Language
from streams.outputs.terminal import printable

_SHOWN = 40
"""Changed cases in the table; --json has them all."""
_SUMMARY = 70
_HIDDEN = ("more of these", "changed notices")


def print_report(out: Console, report: dict[str, Any], language: Language) -> None:
    """Print the tables of a backtest."""
    stream = report["stream"]
    out.rule("backtest", style="dim")
    out.print(report["conclusion"])
    out.print(
        f"\n{stream['posts']:,} posts, {_minute(stream['start'])} to {_minute(stream['end'])} "
        f"({_length(stream['days'])}). Settings that differ:"
    )
    for one in report["settings"]:
        out.print(f"  {one['name']}: {_value(one['before'])} -> {_value(one['after'])}")
    _print_alerts(out, report["alerts"])
    _print_moves(out, report["moves"])
    _print_detectors(out, report["detectors"])
    _print_changes(out, report["changes"], language)
    if report["verdicts"] is not None:
        _print_verdicts(out, report["verdicts"])


def _print_alerts(out: Console, alerts: dict[str, Any]) -> None:
    rows = [
        (severity, *(f"{alerts[run][severity][what]:,}" for what in ("count", "a_day") for run in alerts))
        for severity in SEVERITIES
    ]
    _print(out, "Alerts", ("severity", "before", "after", "a day before", "a day after"), rows)


def _print_moves(out: Console, moves: dict[str, dict[str, int]]) -> None:
    rows = [(one, *(f"{count:,}" if count else "-" for count in row.values())) for one, row in moves.items()]
    names = [f"{name} after" for name in moves]
    _print(out, "Cases, by the highest severity that they reached", ("before", *names), rows)


def _print_detectors(out: Console, detectors: list[dict[str, Any]]) -> None:
    if detectors:
        rows = [tuple(str(value) for value in row.values()) for row in detectors]
        _print(
            out,
            "Cases at warning or above, by each detector that had a part in one of the runs",
            tuple(detectors[0]),
            rows,
        )


def _print_changes(out: Console, changes: list[dict[str, Any]], language: Language) -> None:
    loud = [change for change in changes if _loud(change)]
    rows = [_change_row(change, language) for change in loud[:_SHOWN]]
    if rows:
        columns = ("what", "before", "after", "first warning", "case", "what was seen")
        _print(out, "Changed cases at warning or above", columns, rows)
    hidden = len(loud) - len(rows), len(changes) - len(loud)
    if any(hidden):
        counts = [f"{count:,} {what}" for count, what in zip(hidden, _HIDDEN, strict=True) if count]
        out.print(f"\nNot shown, but with --json: {' and '.join(counts)}.")


def _change_row(change: dict[str, Any], language: Language) -> tuple[str, ...]:
    before, after = change["before"], change["after"]
    newest = after or before
    shift = _shift(change["shift_s"])
    part = f"part of {change['part_of'][:9]}" if change["part_of"] else "-"
    return (
        change["change"],
        before["severity"] if before else part,
        after["severity"] if after else part,
        shift,
        newest["case_id"][:9],
        printable(shortened(newest["summary"][language], _SUMMARY)),
    )


def _print_verdicts(out: Console, verdicts: dict[str, Any]) -> None:
    rows = [
        (said, *(f"{count:,}" for count in verdicts[word].values()))
        for word, said in (("confirmed", "confirmed"), ("dismissed", "dismissed or retracted"))
    ]
    columns = (
        "verdict",
        "cases",
        "told before",
        "warnings before",
        "warnings after",
        "notices after",
        "gone after",
    )
    _print(out, "Cases that were answered", columns, rows)
    said = [f"{run} {_share(verdicts['precision'][run])}" for run in ("before", "after")]
    out.print(f"Confirmed among the answered warnings: {', '.join(said)}.")
    if missing := verdicts["of_no_case"]:
        out.print(f"{missing:,} verdicts name a case that neither run has told.")


def _print(out: Console, title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        text = number == 0 or column in ("case", "what was seen")
        table.add_column(column, justify="left" if text else "right")
    for row in rows:
        table.add_row(*row)
    out.print(f"\n{title}:")
    out.print(table)


def _loud(change: dict[str, Any]) -> bool:
    return any(told is not None and told["severity"] in LOUD for told in (change["before"], change["after"]))


def _share(counted: dict[str, Any]) -> str:
    known = counted["confirmed"] + counted["wrong"]
    return f"{counted['precision']:.0%} of {known:,}" if known else "none was answered"


def _shift(seconds: float | None) -> str:
    """How much earlier or later.

    >>> _shift(-90.0), _shift(5400.0), _shift(0.0), _shift(None)
    ('1.5 min earlier', '90.0 min later', 'same', '-')
    """
    if seconds is None:
        return "-"
    if not seconds:
        return "same"
    return f"{abs(seconds) / 60:.1f} min {'later' if seconds > 0 else 'earlier'}"


def _length(days: float) -> str:
    """A length of time.

    >>> _length(0.125), _length(2)
    ('3.0 hours', '2.0 days')
    """
    return f"{days:.1f} days" if days >= 1 else f"{days * 24:.1f} hours"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _value(value: Any) -> str:
    return "not set" if value is None else printable(str(value))
