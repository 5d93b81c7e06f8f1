"""What a wave of suspensions, or a group that erases itself, is worth, and how that is said.

A wave is news and accuses nobody: a notice, and a warning where it is too large to be left for tomorrow.
People erase posts; that several accounts erase most of what they post, within minutes and in the same hour,
is a notice, and a warning where ten or more do so with nearly all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, check, number
from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr

LARGE, TIMES = 50, 5
"""Accounts, and times the usual day, from which a wave is very large."""
MANY, NEARLY_ALL = 10, 0.75
"""Erasers, and share of their posts erased at once, from which they are a warning."""

NOT_PROVED: Both = (
    "That accounts go, or come back, on one day does not prove that they have anything to do with each "
    "other: it is the network's decision, or the day on which it was noticed. Some people erase all that "
    "they post.",
    "Que des comptes disparaissent ou reviennent le même jour ne prouve pas qu'ils aient un lien entre "
    "eux\u00a0: c'est la décision du réseau, ou le jour où on l'a remarqué. Certaines personnes effacent "
    "tout ce qu'elles publient.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not; what the accounts shared elsewhere counts for nothing here."""
    return _erasers(finding) if finding.subjects[0].value == "erased" else _wave(finding)


def _wave(finding: Finding) -> Iterator[Check]:
    evidence, accounts = finding.evidence, finding.accounts_total
    numbers: Evidence = {name: evidence[name] for name in ("accounts", "usual", "periods")}
    needed = "many accounts in one day, over twice the usual and beyond chance, as far as a usual is known"
    yield check("wave", needed, numbers, 20, met=True)
    times = accounts / number(evidence, "usual")
    yield check(
        "large",
        f"{LARGE} accounts or more, and {TIMES} times the usual or more",
        {"accounts": accounts, "times": None if evidence["usual"] is None else round(times, 1)},
        20,
        met=accounts >= LARGE and times >= TIMES,
    )


def _erasers(finding: Finding) -> Iterator[Check]:
    evidence, accounts = finding.evidence, finding.accounts_total
    numbers: Evidence = {name: evidence[name] for name in ("accounts", "erased", "posts", "usual")}
    needed = "3 accounts or more in an hour, each with 3 posts or more, half of all, erased within 10 minutes"
    yield check("erasers", needed, numbers, 20, met=True)
    share = number(evidence, "erased") / number(evidence, "posts")
    yield check(
        "nearly_all",
        f"{MANY} such accounts or more, and {NEARLY_ALL:.0%} of their posts or more",
        {"accounts": accounts, "share": round(share, 4)},
        20,
        met=accounts >= MANY and share >= NEARLY_ALL,
    )


def _wave_said(numbers: Evidence) -> Both:
    english, french = (
        f"{count(numbers['accounts'])} accounts of this stream in one day",
        f"{count_fr(numbers['accounts'])} comptes de ce flux en un jour",
    )
    if numbers["usual"] is None:
        return (
            f"{english}; not enough earlier days to say what is usual",
            f"{french}, sans assez de jours passés pour dire ce qui est habituel",
        )
    usual = f"{numbers['usual']:g}"
    return f"{english}, against {usual} on a usual day", f"{french}, contre {usual} un jour habituel"


def _large(numbers: Evidence) -> Both:
    return f"{numbers['times']:g} times the usual", f"{numbers['times']:g} fois l'habitude"


def _erasers_said(numbers: Evidence) -> Both:
    return (
        f"within an hour {count(numbers['accounts'])} accounts erased posts minutes after posting them, "
        f"{count(numbers['erased'])} of their {count(numbers['posts'])} posts so far",
        f"en une heure {count_fr(numbers['accounts'])} comptes ont effacé des messages quelques minutes "
        f"après les avoir publiés, {count_fr(numbers['erased'])} de leurs {count_fr(numbers['posts'])} "
        f"jusqu'ici",
    )


def _nearly_all(numbers: Evidence) -> Both:
    return f"{percent(numbers['share'])} of all they post", (
        f"{percent_fr(numbers['share'])} de ce qu'ils publient"
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "wave": _wave_said,
    "large": _large,
    "erasers": _erasers_said,
    "nearly_all": _nearly_all,
}

_WHAT: dict[str, Both] = {
    "suspended": ("Wave of suspensions on", "Vague de suspensions du"),
    "deleted": ("Wave of accounts deleted on", "Vague de comptes supprimés du"),
    "returned": ("Wave of accounts that came back on", "Vague de comptes revenus du"),
    "erased": ("Accounts that post and erase at once on", "Comptes qui publient et effacent aussitôt, le"),
}


def what(finding: Finding) -> Both:
    """Which fate, and on which day."""
    english, french = _WHAT[finding.subjects[0].value]
    day = f"{datetime.fromtimestamp(finding.start_ms // 1000, UTC):%Y-%m-%d}"
    return f"{english} {day}", f"{french} {day}"
