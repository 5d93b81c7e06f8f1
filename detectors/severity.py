"""From evidence to points, by written rules: how much speaks for coordination that is automated or concealed.

Every rule is one row of `docs/severity.md`; a finding's score is the sum of its reasons, at most 100.

* 20 and more: ``notice``. Seen, weak evidence; nobody is woken.
* 40 and more: ``warning``. Act on it today.
* 75 and more, with two independent reasons and ten accounts: ``critical``. Now.

Similar text, a busy hashtag or a high score of single accounts never reach a warning alone. What does is
repetition by the same accounts, copies aimed at persons, accounts that look automated far beyond comparable
groups, or a share that chance does not give (p under 1 in 10,000). The points are rules, not probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from detectors.findings import Evidence, Finding

Severity = Literal["notice", "warning", "critical"]

NOTICE, WARNING, CRITICAL = 20, 40, 75
OPEN_SHARE = 0.6
"""Share of accounts that declare what they are from which a group is open coordination, not an alert."""
CROWD = 500
"""Accounts of a hashtag above which its repeaters are a crowd's enthusiasts, not a few accounts' push."""
_MIN_ACCOUNTS = 15
"""Accounts that a share over a hashtag's accounts needs before it gives points."""


class Reason(NamedTuple):
    """One rule that gave points, with the numbers that its sentence needs."""

    code: str
    points: int
    numbers: Evidence


class Assessment(NamedTuple):
    """What the rules say of a finding."""

    score: int
    severity: Severity | None
    """None where the finding is not worth a notice."""
    reasons: tuple[Reason, ...]
    open: bool
    """Whether the group declares itself: shown apart, never alerted."""


def assess(finding: Finding, linked: int, most_shared: int) -> Assessment:
    """Apply the rules to a finding.

    Parameters
    ----------
    finding : Finding
    linked : int
        Accounts of the finding that shared several objects with another of them, by `Pairs.repetition`.
    most_shared : int
        The largest number of objects that a pair of them shared.
    """
    rules = _text_rules if finding.detector == "near_duplicates" else _hashtag_rules
    reasons = tuple(sorted(rules(finding, linked, most_shared), key=lambda reason: -reason.points))
    score = min(100, sum(reason.points for reason in reasons))
    is_open = finding.declared >= OPEN_SHARE * len(finding.accounts)
    return Assessment(score, severity_of(score, len(reasons), finding.accounts_total), reasons, is_open)


def severity_of(score: int, reasons: int, accounts: int) -> Severity | None:
    """Severity of a score.

    >>> severity_of(80, 2, accounts=10), severity_of(80, 1, accounts=10), severity_of(10, 1, accounts=3)
    ('critical', 'warning', None)
    """
    if score >= CRITICAL and reasons >= 2 and accounts >= 10:
        return "critical"
    if score >= WARNING:
        return "warning"
    return "notice" if score >= NOTICE else None


def _number(evidence: Evidence, name: str) -> float:
    value = evidence.get(name)
    return math.nan if value is None else float(value)


def _surprise(p_value: float) -> float:
    """-log10 of a p-value, at most 30; 0 where there is none."""
    return 0.0 if math.isnan(p_value) else min(30.0, -math.log10(max(p_value, 1e-30)))


def _text_rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Reason]:
    evidence = finding.evidence
    accounts = finding.accounts_total
    bits = _number(evidence, "coincidence_bits")
    yield Reason("copies", 20, {"accounts": accounts, "posts": finding.posts_total})
    if bits >= 20:
        yield Reason("improbable", min(10, int(bits // 20)), {"bits": int(bits)})
    yield from _repetition(linked, most_shared, len(finding.accounts))
    targets = evidence["targets"] or 0
    aimed = any(subject.kind == "target" for subject in finding.subjects)
    unexplained = _number(evidence, "sourced_share") < 0.2 and _number(evidence, "linked_share") < 0.2
    if accounts >= 5 and bits >= 20 and unexplained and (aimed or targets >= 2):
        yield Reason("aimed", 25, {"targets": targets})
    scored = int(evidence["scored_accounts"] or 0)
    reference = _number(evidence, "bot_share_reference")
    if scored >= 8 and _number(evidence, "bot_share_low") >= reference + 0.15:
        yield _bots(evidence, reference, 25)


def _hashtag_rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Reason]:
    evidence = finding.evidence
    accounts = finding.accounts_total
    yield from _repetition(linked, most_shared, len(finding.accounts))
    if _MIN_ACCOUNTS <= accounts <= CROWD and _exceeds(evidence, "repeaters", 0.15):
        numbers = {"share": evidence["repeaters"], "reference": evidence["repeaters_reference"]}
        yield Reason("repeaters", min(45, int(10 * _surprise(_number(evidence, "repeaters_p")))), numbers)
    if accounts >= _MIN_ACCOUNTS and _exceeds(evidence, "copied", 0.15):
        numbers = {"share": evidence["copied"], "reference": evidence["copied_reference"]}
        yield Reason("copied", min(40, int(8 * _surprise(_number(evidence, "copied_p")))), numbers)
    if accounts >= _MIN_ACCOUNTS and _exceeds(evidence, "co_reposted", 0.3):
        numbers = {"share": evidence["co_reposted"], "reference": evidence["co_reposted_reference"]}
        yield Reason("co_reposted", min(25, int(4 * _surprise(_number(evidence, "co_reposted_p")))), numbers)
    reference = _number(evidence, "bot_share_reference")
    enough = int(evidence["scored_accounts"] or 0) >= _MIN_ACCOUNTS
    if enough and _number(evidence, "bot_share_low") >= reference + 0.15:
        yield _bots(evidence, reference, 40)


def _exceeds(evidence: Evidence, name: str, effect: float) -> bool:
    """Above comparable tags by the minimum effect, at least twice as high, and not by chance (p < 0.001)."""
    value, reference = _number(evidence, name), _number(evidence, f"{name}_reference")
    return value >= max(reference + effect, 2 * reference) and _number(evidence, f"{name}_p") < 0.001


def _repetition(linked: int, most_shared: int, accounts: int) -> Iterator[Reason]:
    if linked < 3 or linked < 0.15 * accounts:
        return
    numbers: Evidence = {"linked": linked, "accounts": accounts, "objects": most_shared}
    if linked >= 0.5 * accounts:
        yield Reason("repetition", 40 + min(20, 4 * (most_shared - 2)), numbers)
    else:
        yield Reason("repetition", min(35, 5 + int(60 * linked / accounts)), numbers)


def _bots(evidence: Evidence, reference: float, base: int) -> Reason:
    low = _number(evidence, "bot_share_low")
    numbers = {
        "share": evidence["bot_share"],
        "low": evidence["bot_share_low"],
        "high": evidence["bot_share_high"],
        "reference": evidence["bot_share_reference"],
    }
    return Reason("bots", base + min(20, int(50 * (low - reference - 0.15))), numbers)
