"""Why there is, or is not, an alert, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detectors.alerts import instant
from detectors.severity import NOTICE, WARNING
from streams.explaining.conditions import Condition, Section
from streams.explaining.judged import RANK, Found
from streams.stores.rows import Span, Told


def of_findings(found: Sequence[Found]) -> str:
    """What came of the findings: those about the subject itself decide, and others that name it are added."""
    own = [one for one in found if one.own]
    best = max(own or found, key=lambda one: one.weight)
    said = _of_one(best)
    others = [one for one in found if not one.own and RANK[_severity(one)] > RANK[_severity(best)]]
    if own and others:
        other = max(others, key=lambda one: one.weight)
        said += f"; {other.row.detector} names it too, in {_in_case(other)}"
    return f"{said}."


def _severity(one: Found) -> str | None:
    told = one.severest
    return told.severity if told else None


def _in_case(one: Found) -> str:
    told = one.severest
    assert told is not None
    return f"case {told.case_id}, told at {told.severity}"


def _of_one(found: Found) -> str:
    row, told = found.row, found.severest
    if row.body.open:
        return "No alert: the accounts declare what they are; shown apart as open coordination"
    if row.severity is None:
        why = f"score {row.score} ({row.detector}): a notice needs {NOTICE}, a warning {WARNING}"
        return (
            f"No alert by itself, {why}; but it is part of {_in_case(found)}" if told else f"No alert, {why}"
        )
    if told is None:
        return (
            f"Not told up to then, though judged {row.severity}, score {row.score} ({row.detector}): a "
            "cool-down, or a verdict of the room, holds its case back"
        )
    if row.severity != "notice":
        return f"Alerted at {row.severity}, score {row.score} ({row.detector}), in {_since(told)}"
    weak = f"A notice only, score {row.score} ({row.detector}): a warning needs {WARNING}"
    if told.severity == "notice":
        return f"{weak}, and the rules that were not met say why"
    return f"{weak}; but it is part of {_in_case(found)}"


def _since(told: Told) -> str:
    return f"case {told.case_id} ({told.severity} at {instant(told.time_ms)})"


def of_sections(sections: Iterable[Section]) -> str:
    """What each detector missed, where none found anything."""
    parts = []
    for section in sections:
        if section.idle:
            continue
        if section.missed is not None:
            parts.append(f"{section.detector} wants {_wanted(section.missed)}")
        elif section.unknown is not None:
            parts.append(f"{section.detector} not enough data on {section.unknown.what}")
        else:
            parts.append(f"{section.detector} misses nothing that the store can tell")
    return f"No finding: {'; '.join(parts)}."


def _wanted(missed: Condition) -> str:
    return f"{missed.bound} {missed.wanted:g} {missed.what} ({missed.measured:g} seen)"


def of_nothing(what: str, minutes: int, ever: Span) -> str:
    """Nothing was counted in a window; where it was earlier, when to ask of."""
    if not ever.posts:
        return f"Nothing was counted: no {what}."
    moment = instant((ever.last_ms // 60_000 + 1) * 60_000)
    return (
        f"Nothing was counted: no {what} in the {minutes} minutes before; the last of the {ever.posts:,} "
        f"earlier ones can be asked of with --at {moment}."
    )
