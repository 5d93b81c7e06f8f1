"""From evidence to points, by written rules: how much speaks for coordination that is automated or concealed.

Every rule is one row of `docs/severity.md`; a finding's score is the sum of its reasons, at most 100.

* 20 and more: ``notice``. Seen, weak evidence; nobody is woken.
* 40 and more: ``warning``. Act on it today.
* 75 and more, with two independent reasons and ten accounts: ``critical``. Now.

Similar text, a busy hashtag or a high score of single accounts never reach a warning alone. What does is
repetition by the same accounts, copies aimed at persons, accounts that look automated far beyond comparable
groups, or a share of repeaters that chance gives less than once in 2,000 times. The points are rules, not
probabilities.
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
"""Accounts of a hashtag above which repeating and copying is what crowds do."""
P_VALUE = 0.01
"""Chance among comparable hashtags under which a share gives points."""
COHESION = 0.5
"""Mean similarity of a cluster from which its posts are copies of one text, not posts sharing a phrase."""
AIMED_ACCOUNTS = 5
"""Accounts that must aim a text at one person, or each at several."""
AIMED_BITS = 80
"""Bits of a text (about ten words) that "thank you" and "happy birthday" do not reach."""
_MIN_ACCOUNTS = 15
"""Accounts that a share over a hashtag's accounts needs before it gives points."""


class Check(NamedTuple):
    """One rule applied to one finding: what it needs, whether that was met, and the points it gives."""

    code: str
    state: Literal["met", "not_met", "not_enough_data"]
    points: int
    """0 unless met."""
    needed: str
    """What the rule asks for, as a sentence."""
    numbers: Evidence
    """What was measured, with the names that the sentences of `detectors.wording` use."""


class Assessment(NamedTuple):
    """What the rules say of a finding."""

    score: int
    severity: Severity | None
    """None where the finding is not worth a notice."""
    reasons: tuple[Check, ...]
    """The rules that were met, strongest first."""
    open: bool
    """Whether the group declares itself: shown apart, never alerted."""
    checks: tuple[Check, ...]
    """All rules of the detector, met or not."""


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
    checks = tuple(rules(finding, linked, most_shared))
    reasons = tuple(sorted((check for check in checks if check.points), key=lambda check: -check.points))
    score = min(100, sum(check.points for check in reasons))
    return Assessment(
        score=score,
        severity=severity_of(score, len(reasons), finding.accounts_total),
        reasons=reasons,
        open=finding.declared >= OPEN_SHARE * len(finding.accounts),
        checks=checks,
    )


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


def _check(code: str, needed: str, numbers: Evidence, points: int, *, met: bool) -> Check:
    """A rule's outcome. Where nothing could be measured, that is not the same as not found."""
    if met and points > 0:
        return Check(code, "met", points, needed, numbers)
    unknown = any(value is None for value in numbers.values())
    return Check(code, "not_enough_data" if unknown else "not_met", 0, needed, numbers)


def _number(evidence: Evidence, name: str) -> float:
    value = evidence.get(name)
    return math.nan if value is None else float(value)


def _surprise(p_value: float) -> float:
    """-log10 of a p-value, at most 30; 0 where there is none."""
    return 0.0 if math.isnan(p_value) else min(30.0, -math.log10(max(p_value, 1e-30)))


def _text_rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    evidence = finding.evidence
    accounts = finding.accounts_total
    bits = _number(evidence, "coincidence_bits")
    counts: Evidence = {
        "accounts": accounts,
        "posts": finding.posts_total,
        "cohesion": evidence["cohesion"],
    }
    copies = _number(evidence, "cohesion") >= COHESION
    needed = f"3 accounts or more, and copies that are alike all with all (cohesion {COHESION} or more)"
    yield _check("copies", needed, counts, 20, met=copies)
    yield _check(
        "improbable",
        "such copies, and 20 bits or more against chance",
        {"bits": None if math.isnan(bits) else int(bits)},
        0 if math.isnan(bits) else min(10, int(bits // 20)),
        met=copies and bits >= 20,
    )
    # A link or "via @paper" explains copies: readers of one paper share the same headlines now and then.
    explained = _number(evidence, "sourced_share") >= 0.5 or _number(evidence, "linked_share") >= 0.5
    yield _repetition(
        linked, most_shared, finding, share=0.5 if explained else 0.15, objects=3 if explained else 2
    )
    yield _aimed(finding)
    yield _bots(evidence, least=8, base=25)


def _aimed(finding: Finding) -> Check:
    """Long copies that many send to one person, or that the same accounts send to several."""
    evidence = finding.evidence
    at_one, at_several = evidence["top_target_accounts"] or 0, evidence["several_targets_accounts"] or 0
    unexplained = _number(evidence, "sourced_share") < 0.2 and _number(evidence, "linked_share") < 0.2
    numbers: Evidence = {
        "targets": evidence["targets"],
        "at_one": at_one,
        "at_several": at_several,
        "text_bits": evidence["text_bits"],
        "linked_share": evidence["linked_share"],
        "sourced_share": evidence["sourced_share"],
    }
    needed = (
        f"copies alike all with all, of {AIMED_BITS} bits or more, sent by {AIMED_ACCOUNTS} accounts or more "
        "to one person, or each to several, and under a fifth of the copies with a link or a source that "
        "would explain it"
    )
    met = (
        max(at_one, at_several) >= AIMED_ACCOUNTS
        and _number(evidence, "text_bits") >= AIMED_BITS
        and _number(evidence, "cohesion") >= COHESION
        and unexplained
    )
    return _check("aimed", needed, numbers, 25, met=met)


def _hashtag_rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    evidence = finding.evidence
    accounts = finding.accounts_total
    if accounts >= _MIN_ACCOUNTS:
        yield _repetition(linked, most_shared, finding, share=0.15, objects=2)
    yield _share(evidence, accounts, "repeaters", most=45, rate=12, effect=0.15, least=0.25)
    copied = _share(evidence, accounts, "copied", most=30, rate=8, effect=0.15)
    yield copied
    # Copies and shared reposts are one sign, "the same content": a slogan and its viral posts show both. One
    # viral post with its tag is innocent; several, where comparable tags show nothing like it, say more.
    apart = _number(evidence, "co_reposted") >= _number(evidence, "co_reposted_reference") + 0.5
    several = (evidence["co_reposted_posts"] or 0) >= 3
    most, rate = (5, 4) if copied.points else (45, 5) if apart and several else (25, 4)
    yield _share(evidence, accounts, "co_reposted", most=most, rate=rate, effect=0.3)
    yield _bots(evidence, least=_MIN_ACCOUNTS, base=40)


def _share(
    evidence: Evidence, accounts: int, name: str, *, most: int, rate: int, effect: float, least: float = 0.0
) -> Check:
    """A share of a hashtag's accounts or posts against comparable hashtags; nothing in a crowd."""
    return _check(
        name,
        f"{_MIN_ACCOUNTS} to {CROWD} accounts; a share of {least or effect} or more, {effect} above "
        f"comparable hashtags, at least twice theirs, and p < {P_VALUE}",
        {
            "share": evidence[name],
            "reference": evidence[f"{name}_reference"],
            "p": evidence[f"{name}_p"],
            "accounts": accounts,
        },
        min(most, int(rate * _surprise(_number(evidence, f"{name}_p")))),
        met=_MIN_ACCOUNTS <= accounts <= CROWD
        and _exceeds(evidence, name, effect)
        and _number(evidence, name) >= least,
    )


def _exceeds(evidence: Evidence, name: str, effect: float) -> bool:
    """Above comparable tags by the minimum effect, at least twice as high, and not by chance."""
    value, reference = _number(evidence, name), _number(evidence, f"{name}_reference")
    return value >= max(reference + effect, 2 * reference) and _number(evidence, f"{name}_p") < P_VALUE


def _repetition(linked: int, most_shared: int, finding: Finding, *, share: float, objects: int) -> Check:
    accounts = len(finding.accounts)
    numbers: Evidence = {"linked": linked, "accounts": accounts, "objects": most_shared}
    if linked >= 0.5 * accounts:
        points = 40 + min(20, 4 * (most_shared - 2))
    else:
        points = min(35, 5 + int(60 * linked / accounts))
    needed = (
        f"3 accounts or more, and {share:.0%} or more of the group, that shared several things with another "
        f"of it, {objects} or more in one pair"
    )
    met = linked >= 3 and linked >= share * accounts and most_shared >= objects
    return _check("repetition", needed, numbers, points, met=met)


def _bots(evidence: Evidence, *, least: int, base: int) -> Check:
    low, reference = _number(evidence, "bot_share_low"), _number(evidence, "bot_share_reference")
    scored = int(evidence["scored_accounts"] or 0)
    above = low - reference - 0.15
    numbers: Evidence = {
        "share": evidence["bot_share"],
        "low": evidence["bot_share_low"],
        "high": evidence["bot_share_high"],
        "reference": evidence["bot_share_reference"],
        "scored": scored,
    }
    needed = f"{least} scored accounts or more; the low end of the interval 0.15 above comparable groups"
    if scored < least:
        return Check("bots", "not_enough_data", 0, needed, numbers)
    points = 0 if math.isnan(above) else base + min(20, int(50 * above))
    return _check("bots", needed, numbers, points, met=above >= 0)
