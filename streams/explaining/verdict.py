"""Why there is, or is not, an alert, in one sentence, in English and French."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detectors.alerts import instant
from detectors.rules.sentences import NBSP, THIN, Both, count_fr
from detectors.severity import NOTICE, WARNING
from streams.explaining.conditions import Condition, Number, Section
from streams.explaining.judged import RANK, Found
from streams.explaining.words import BOUNDS, DETECTORS, SEVERITIES, STATUSES
from streams.stores.rows import Span, Told


def of_findings(found: Sequence[Found]) -> Both:
    """What came of the findings: those about the subject itself decide, and others that name it are added."""
    own = [one for one in found if one.own]
    best = max(own or found, key=lambda one: one.weight)
    english, french = _of_one(best)
    others = [one for one in found if not one.own and RANK[_severity(one)] > RANK[_severity(best)]]
    if own and others:
        other = max(others, key=lambda one: one.weight)
        where = _in_case(other)
        english += f"; {other.row.detector} names it too, in {where[0]}"
        french += f"{THIN}; {_named(other.row.detector)} le nomme aussi, dans {where[1]}"
    return f"{english}.", f"{french}."


def _severity(one: Found) -> str | None:
    told = one.severest
    return told.severity if told else None


def _in_case(one: Found) -> Both:
    told = one.severest
    assert told is not None
    severity = SEVERITIES[told.severity]
    return (
        f"case {told.case_id}, told at {told.severity}",
        f"l'affaire {told.case_id}, annoncée au niveau {severity}",
    )


def _of_one(found: Found) -> Both:
    row, told = found.row, found.severest
    scored = f"score {row.score} ({row.detector})"
    scored_fr = f"score {row.score} ({_named(row.detector)})"
    if row.body.open:
        return (
            "No alert: the accounts declare what they are; shown apart as open coordination",
            f"Pas d'alerte{NBSP}: les comptes disent ce qu'ils sont{THIN}; montrés à part, comme "
            "coordination ouverte",
        )
    if row.severity is None:
        return _of_none(found, scored, scored_fr)
    if told is None:
        return (
            f"Not told up to then, though judged {row.severity}, {scored}: a cool-down, or a verdict of the "
            "room, holds its case back",
            f"Pas encore annoncé, bien que jugé au niveau {SEVERITIES[row.severity]}, {scored_fr}{NBSP}: un "
            "délai, ou un verdict de la salle, retient son affaire",
        )
    if row.severity != "notice":
        return (
            f"Alerted at {row.severity}, {scored}, in case {told.case_id} ({told.severity} at "
            f"{instant(told.time_ms)})",
            f"Annoncé au niveau {SEVERITIES[row.severity]}, {scored_fr}, dans l'affaire {told.case_id} "
            f"({SEVERITIES[told.severity]} à {instant(told.time_ms)})",
        )
    return _of_notice(found, scored, scored_fr)


def _of_none(found: Found, scored: str, scored_fr: str) -> Both:
    why = f"{scored}: a notice needs {NOTICE}, a warning {WARNING}"
    why_fr = f"{scored_fr}{NBSP}: un signalement demande {NOTICE}, une alerte {WARNING}"
    if found.severest is None:
        return f"No alert, {why}", f"Pas d'alerte, {why_fr}"
    case = _in_case(found)
    return (
        f"No alert by itself, {why}; but it is part of {case[0]}",
        f"Pas d'alerte en soi, {why_fr}{THIN}; mais il fait partie de {case[1]}",
    )


def _of_notice(found: Found, scored: str, scored_fr: str) -> Both:
    weak = f"A notice only, {scored}: a warning needs {WARNING}"
    weak_fr = f"Un simple signalement, {scored_fr}{NBSP}: une alerte demande {WARNING}"
    if _severity(found) == "notice":
        return (
            f"{weak}, and the rules that were not met say why",
            f"{weak_fr}, et les règles non remplies disent pourquoi",
        )
    case = _in_case(found)
    return f"{weak}; but it is part of {case[0]}", f"{weak_fr}{THIN}; mais il fait partie de {case[1]}"


def of_case(case_id: str, alerts: Sequence[Told], findings: int) -> Both:
    """How a case stands, after all that was told of it."""
    newest, revisions = alerts[-1], len(alerts)
    return (
        f"Case {case_id} stands at {newest.severity}, score {newest.score}, {newest.status}, after "
        f"{revisions} {'revision' if revisions == 1 else 'revisions'} and {findings} "
        f"{'finding' if findings == 1 else 'findings'}.",
        f"L'affaire {case_id} est au niveau {SEVERITIES[newest.severity]}, score {newest.score}, "
        f"{STATUSES[newest.status]}, après {revisions} {'révision' if revisions < 2 else 'révisions'} et "
        f"{findings} {'constat' if findings < 2 else 'constats'}.",
    )


def of_sections(sections: Iterable[Section]) -> Both:
    """What each detector missed, where none found anything."""
    parts = [_of_section(section) for section in sections if not section.idle]
    english, french = ("; ".join(part[0] for part in parts), f"{THIN}; ".join(part[1] for part in parts))
    return f"No finding: {english}.", f"Aucun constat{NBSP}: {french}."


def _of_section(section: Section) -> Both:
    name, name_fr = section.detector, _named(section.detector)
    if section.missed is not None:
        wanted = _wanted(section.missed)
        return f"{name} wants {wanted[0]}", f"{name_fr} demande {wanted[1]}"
    if section.unknown is not None:
        what = section.unknown.what
        return (
            f"{name} not enough data on {what[0]}",
            f"{name_fr} manque de données ({what[1]})",
        )
    return (
        f"{name} misses nothing that the store can tell",
        f"il ne manque rien à {name_fr} que la base puisse dire",
    )


def _wanted(missed: Condition) -> Both:
    return (
        f"{missed.bound} {missed.wanted:g} {missed.what[0]} ({missed.measured:g} seen)",
        f"{BOUNDS[missed.bound]} {_number_fr(missed.wanted)} {missed.what[1]} (mesuré{NBSP}: "
        f"{_number_fr(missed.measured or 0)})",
    )


def _number_fr(number: Number) -> str:
    return f"{number:g}".replace(".", ",")


def of_nothing(what: Both, minutes: int, ever: Span) -> Both:
    """Nothing was counted in a window; where it was earlier, when to ask of."""
    if not ever.posts:
        return nothing(what)
    moment = instant((ever.last_ms // 60_000 + 1) * 60_000)
    return (
        f"Nothing was counted: no {what[0]} in the {minutes} minutes before; the last of the {ever.posts:,} "
        f"earlier ones can be asked of with --at {moment}.",
        f"Rien n'a été compté{NBSP}: aucun {what[1]} dans les {minutes} minutes d'avant{THIN}; le dernier "
        f"des {count_fr(ever.posts)} plus anciens se demande avec --at {moment}.",
    )


def nothing(what: Both) -> Both:
    """Nothing was ever counted."""
    return f"Nothing was counted: no {what[0]}.", f"Rien n'a été compté{NBSP}: aucun {what[1]}."


def _named(detector: str) -> str:
    """The name of a detector within a French sentence."""
    return f"«{NBSP}{DETECTORS[detector]}{NBSP}»"
