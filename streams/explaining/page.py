"""An answer as a person reads it, in lines of eighty columns."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from streams.explaining.question import Answer
from streams.outputs.terminal import printable

_WIDTH = 80
_SHOWN_FINDINGS = 3
_SHOWN_FEATURES = 8
_SHOWN_ALERTS = 3
_MARKS = {"met": "met", "not_met": "missed", "not_enough_data": "no data"}
_STATES = {"judged": "judged", "not_judged": "not judged", "not_enough_data": "not enough data"}
_Line = tuple[str, str]
"""Text and style."""


def print_answer(out: Console, answer: Answer) -> None:
    """Print an answer."""
    width = min(_WIDTH, out.width)
    for text, style in _lines(answer, width):
        out.print(Text(text, style), soft_wrap=True)


def _lines(answer: Answer, width: int) -> Iterator[_Line]:
    yield from _wrapped(f"{answer['kind']} {answer['value']} at {answer['at']}", width, "bold")
    yield from _wrapped(answer["verdict"], width)
    yield from _counted(answer["counted"], width)
    for scored in answer.get("automation", []):
        yield from _scored(scored, width)
    for section in answer["detectors"]:
        yield from _section(section, width)
    for finding in answer["findings"][:_SHOWN_FINDINGS]:
        yield from _finding(finding, width)
    hidden = len(answer["findings"]) - _SHOWN_FINDINGS
    if hidden > 0:
        yield "", ""
        yield from _wrapped(f"{hidden} more findings: --json prints all.", width, "dim")


def _counted(counted: Answer, width: int) -> Iterator[_Line]:
    if counted:
        yield "", ""
        yield "counted", "bold"
    for name, value in counted.items():
        if value is None:
            continue
        label = name.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for row in _steps(value):
                yield from _wrapped(f"  {_pairs(row)}", width, "dim", indent=4)
            continue
        yield from _wrapped(f"  {label:20} {_shown(value)}", width, "dim", indent=23)


def _steps(rows: list[Answer]) -> Iterator[Answer]:
    """Those at which the score or the severity changed."""
    before = None
    for row in rows:
        if (now := (row["score"], row["severity"])) != before:
            before = now
            yield row


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return _pairs(value) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "unknown"
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def _pairs(row: Answer) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if value is not None)


def _scored(scored: Answer, width: int) -> Iterator[_Line]:
    score = "not enough data" if scored["score"] is None else scored["score"]
    yield "", ""
    yield from _wrapped(f"automation score of {scored['id']}: {score} ({scored['note']})", width)
    for part in scored["contributions"][:_SHOWN_FEATURES]:
        yield f"  {part['feature']:28} {_shown(part['value']):>12}   {part['log_odds']:+.2f}", "dim"


def _section(section: Answer, width: int) -> Iterator[_Line]:
    state = _STATES[section["state"]]
    if section["findings"] and any(one["state"] == "not_met" for one in section["conditions"]):
        state = "judged earlier, see below; at the moment"
    yield "", ""
    yield f"{section['detector']}: {state}", "bold"
    for one in section["conditions"]:
        measured = "unknown" if one["measured"] is None else _number(one["measured"])
        said = f"{measured} {one['what']} ({one['bound']} {_number(one['wanted'])})"
        yield from _wrapped(f"{_MARKS[one['state']]:>9}  {said}", width, indent=11)


def _finding(finding: Answer, width: int) -> Iterator[_Line]:
    yield "", ""
    yield from _wrapped(
        f"{finding['detector']} {finding['finding_id']}, judged {finding['judged_at']}: score "
        f"{finding['score']} ({finding['severity'] or 'no alert'}); {finding['accounts']:,} accounts, "
        f"{finding['posts']:,} posts",
        width,
        "bold",
    )
    if finding["template"]:
        yield from _wrapped(f"  {finding['template']}", width, "italic", indent=2)
    for rule in finding["rules"]:
        mark = f"+{rule['points']}" if rule["state"] == "met" else _MARKS[rule["state"]]
        numbers = ", ".join(f"{name} {_shown(value)}" for name, value in rule["numbers"].items())
        yield from _wrapped(f"{mark:>9}  {rule['code']}: {numbers}", width, indent=11)
        if rule["state"] != "met":
            yield from _wrapped(f"{'':9}  needs {rule['needed']}", width, "dim", indent=11)
    yield from _traits(finding["traits"], width)
    for alert in finding["alerts"][-_SHOWN_ALERTS:]:
        yield from _wrapped(
            f"  told {alert['time']} in case {alert['case_id']}, revision {alert['revision']}: "
            f"{alert['status']}, {alert['severity']}",
            width,
            indent=4,
        )
    yield from _wrapped(f"  posts {', '.join(finding['post_ids'][:6])} …", width, "dim", indent=4)


def _traits(traits: list[Answer], width: int) -> Iterator[_Line]:
    """One row for each trait that was tested, those that were found first; the others by name."""
    tested = [one for one in traits if one["value"] is not None]
    if tested:
        yield f"  {'trait':20} {'state':19} {'value':>6} {'others':>6} {'effect':>6} {'p':>7} {'n':>6}", "dim"
    for one in sorted(tested, key=lambda one: (one["state"] != "found", one["name"])):
        figures = f"{_figure(one['value']):>6} {_figure(one['reference']):>6} {_figure(one['effect']):>6}"
        yield f"  {one['name']:20} {_state(one):19} {figures} {_figure(one['p_value']):>7} {one['n']:>6,}", ""
    untested: dict[str, list[str]] = {}
    for one in traits:
        if one["value"] is None:
            untested.setdefault(_state(one), []).append(one["name"])
    for state, names in untested.items():
        yield from _wrapped(f"  traits, {state}: {', '.join(names)}", width, "dim", indent=4)


def _state(trait: Answer) -> str:
    return str(trait["state"]).replace("_", " ")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _wrapped(text: str, width: int, style: str = "", indent: int = 0) -> Iterator[_Line]:
    """A text in lines of a width, those after the first one set in."""
    shown = printable(text)
    first = shown[: len(shown) - len(shown.lstrip(" "))]
    lines = wrap(
        shown.lstrip(" "),
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    yield from ((line, style) for line in lines)
