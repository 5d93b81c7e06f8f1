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

from collections.abc import Collection
from typing import Literal, NamedTuple

from detectors.findings import Finding
from detectors.openness import Openness, openness
from detectors.rules import RULES
from detectors.rules.checks import Check
from detectors.rules.listed import joined
from detectors.rules.traits import in_common
from detectors.traits.results import TraitResult

Severity = Literal["notice", "warning", "critical"]

NOTICE, WARNING, CRITICAL = 20, 40, 75
LISTED = "listed"


class Assessment(NamedTuple):
    """What the rules say of a finding."""

    score: int
    severity: Severity | None
    """None where the finding is not worth a notice."""
    reasons: tuple[Check, ...]
    """The rules that were met, strongest first."""
    openness: Openness | None
    """Why the group is open coordination, shown apart and never alerted; None where it is not."""
    checks: tuple[Check, ...]
    """All rules of the detector, met or not."""

    @property
    def open(self) -> bool:
        """Whether the group is open coordination."""
        return self.openness is not None


def assess(
    finding: Finding,
    linked: int,
    most_shared: int,
    listed: tuple[int, int] = (0, 0),
    traits: Collection[TraitResult] = (),
) -> Assessment:
    """Apply the rules to a finding.

    Parameters
    ----------
    finding : Finding
    linked : int
        Accounts of the finding that shared several objects with another of them, by `Pairs.repetition`.
    most_shared : int
        The largest number of objects that a pair of them shared.
    listed : (int, int)
        Accounts of the finding on the room's lists: attributed, and amplifying.
    traits : collection of TraitResult
        What its accounts have in common.
    """
    checks = tuple(RULES[finding.detector].rules(finding, linked, most_shared))
    if any(listed) and finding.detector != LISTED:  # where the lists found the group, that is said already
        checks += (joined(*listed, len(finding.accounts)),)
    declared = finding.declared / max(1, len(finding.accounts))
    checks += tuple(in_common(traits, {check.code for check in checks if check.points}, declared))
    reasons = tuple(sorted((check for check in checks if check.points), key=lambda check: -check.points))
    score = min(100, sum(check.points for check in reasons))
    return Assessment(
        score=score,
        severity=severity_of(score, len(reasons), finding.accounts_total),
        reasons=reasons,
        openness=openness(finding, listed[0]),
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
