"""The sentences of an alert, in English and French: what was seen, and what it does not prove."""

from __future__ import annotations

from collections.abc import Collection

from detectors.case import Case
from detectors.findings import Finding
from detectors.rules import RULES, traits
from detectors.rules.checks import BOTS_NOT_PROVED, Check
from detectors.rules.listed import JOINED_NOT_PROVED, joined_said
from detectors.rules.sentences import NBSP, THIN, Both, count, count_fr
from detectors.traits.results import TraitResult

_ALWAYS: Both = (
    "It does not prove who is behind the accounts, nor that any one of them is automated.",
    "Cela ne prouve ni qui est derrière ces comptes, ni que tel ou tel d'entre eux soit automatisé.",
)


def sentence(detector: str, reason: Check, tested: Collection[TraitResult] = ()) -> Both:
    """One reason of a detector as a clause, in English and French; with the traits, which may be one."""
    sentences = RULES[detector].SENTENCES
    if reason.code in sentences:
        said: Both = sentences[reason.code](reason.numbers)
        return said
    # Rules that all detectors share. The trait of the same name gives no points: "listed" is never it.
    if reason.code == "listed":
        return joined_said(reason.numbers)
    return traits.trait_said(next(one for one in tested if one.name == reason.code))


def summary(case: Case) -> Both:
    """The case in one sentence: what, by how many, and its two or three strongest reasons with figures."""
    finding, assessment, tested = case.best
    what = _what(finding)
    reasons = _strongest(assessment.reasons)
    clauses = [what, *(sentence(finding.detector, reason, tested) for reason in reasons)]
    others = len(case.findings) - 1
    if others == 1:
        clauses.append(("1 more finding belongs to the case", "1 autre constat se rattache à l'affaire"))
    elif others:
        clauses.append(
            (
                f"{count(others)} more findings belong to the case",
                f"{count_fr(others)} autres constats se rattachent à l'affaire",
            )
        )
    if case.fate.told and finding.detector != "fate":  # which says nothing else
        clauses.append(_fate(case))
    english = "; ".join(clause[0] for clause in clauses[1:])
    french = f"{THIN}; ".join(clause[1] for clause in clauses[1:])
    return f"{what[0]}: {english}.", f"{what[1]}{NBSP}: {french}."


def not_proved(case: Case) -> list[Both]:
    """What the alert does not prove, for the detectors and reasons at work in it."""
    at_work = {judged.finding.detector for judged in case.findings.values()}
    texts = [_ALWAYS, *(rules.NOT_PROVED for name, rules in RULES.items() if name in at_work)]
    codes = {reason.code for one in case.findings.values() for reason in one.assessment.reasons}
    shared = (
        ({"bots", "bot_share"}, BOTS_NOT_PROVED),
        ({"listed"}, JOINED_NOT_PROVED),
        (traits.COUNTED, traits.NOT_PROVED),
    )
    return texts + [text for any_of, text in shared if not codes.isdisjoint(any_of)]


def _strongest(reasons: tuple[Check, ...]) -> list[Check]:
    """The three strongest; that there are copies, and how many, is said already."""
    rest = [reason for reason in reasons if reason.code != "copies"]
    return (rest or list(reasons))[:3]


def _fate(case: Case) -> Both:
    """What became of the accounts and posts since."""
    counts = case.fate_counts
    gone, accounts, suspended = counts.gone, len(case.accounts), counts.suspended
    parts = []
    if gone:
        parts.append(
            (
                f"{count(gone)} of {count(accounts)} accounts are gone since ({count(suspended)} suspended)",
                f"{count_fr(gone)} des {count_fr(accounts)} comptes ont disparu depuis "
                f"(dont {count_fr(suspended)} suspendus)",
            )
        )
    if counts.erased:
        parts.append(
            (
                f"{count(counts.erased)} of {count(counts.posts)} posts shown have been erased",
                f"{count_fr(counts.erased)} des {count_fr(counts.posts)} messages montrés ont été effacés",
            )
        )
    return ", ".join(part[0] for part in parts), ", ".join(part[1] for part in parts)


def _what(finding: Finding) -> Both:
    accounts, posts = finding.accounts_total, finding.posts_total
    english, french = RULES[finding.detector].what(finding)
    size = f"{count(accounts)} account{'s' * (accounts != 1)}"
    size_fr = f"{count_fr(accounts)} compte{'s' * (accounts != 1)}"
    if posts:
        size += f", {count(posts)} post{'s' * (posts != 1)}"
        size_fr += f", {count_fr(posts)} message{'s' * (posts != 1)}"
    return f"{english} ({size})", f"{french} ({size_fr})"
