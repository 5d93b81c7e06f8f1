"""What the measurements of a hashtag are worth, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import (
    Check,
    bots,
    bots_said,
    check,
    number,
    repetition,
    repetition_said,
    surprise,
)
from detectors.rules.sentences import Both, percent, percent_fr

CROWD = 500
"""Accounts of a hashtag above which repeating and copying is what crowds do."""
P_VALUE = 0.01
"""Chance among comparable hashtags under which a share gives points."""
_LASTING_MS = 120_000
"""Younger tags are compared with too little: where a stream has just begun, so have all others."""
_MIN_ACCOUNTS = 15
"""Accounts that a share over a hashtag's accounts needs before it gives points."""

NOT_PROVED: Both = (
    "A busy hashtag does not prove a push: fans, games and debates make people repeat one.",
    "Un mot-dièse répété ne prouve pas une opération\u00a0: jeux, débats et supporters en font autant.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    evidence = finding.evidence
    accounts = finding.accounts_total
    yield _share(evidence, accounts, "repeaters", most=45, rate=12, effect=0.15, least=0.25)
    copied = _share(evidence, accounts, "copied", most=30, rate=8, effect=0.15)
    yield copied
    # Copies and shared reposts are one sign, "the same content": a slogan and its viral posts show both. One
    # viral post with its tag is innocent; several, where comparable tags show nothing like it, say more.
    reference = number(evidence, "co_reposted_reference")
    apart = number(evidence, "co_reposted") >= reference + 0.5 and reference <= 0.2
    several = (evidence["co_reposted_posts"] or 0) >= 3
    lasting = finding.end_ms - finding.start_ms >= _LASTING_MS
    most, rate = (5, 4) if copied.points else (45, 5) if apart and several and lasting else (20, 4)
    shared = _share(evidence, accounts, "co_reposted", most=most, rate=rate, effect=0.3)
    if accounts >= _MIN_ACCOUNTS:
        repeated = repetition(linked, most_shared, finding, share=0.15, objects=2)
        # Below half of the group, accounts that repeat may be those of the shared reposts, counted once more.
        if linked < 0.5 * len(finding.accounts):
            shared, repeated = _stronger(shared, repeated)
        yield repeated
    yield shared
    yield bots(evidence, least=_MIN_ACCOUNTS, base=40)


def _stronger(one: Check, other: Check) -> tuple[Check, Check]:
    """Two rules that may count the same things: the weaker gives nothing."""
    if one.points >= other.points:
        return one, other._replace(state="not_met", points=0) if other.points else other
    return one._replace(state="not_met", points=0) if one.points else one, other


def _share(
    evidence: Evidence, accounts: int, name: str, *, most: int, rate: int, effect: float, least: float = 0.0
) -> Check:
    """A share of a hashtag's accounts or posts against comparable hashtags; nothing in a crowd."""
    return check(
        name,
        f"{_MIN_ACCOUNTS} to {CROWD} accounts; a share of {least or effect} or more, {effect} above "
        f"comparable hashtags, at least twice theirs, and p < {P_VALUE}",
        {
            "share": evidence[name],
            "reference": evidence[f"{name}_reference"],
            "p": evidence[f"{name}_p"],
            "accounts": accounts,
        },
        min(most, int(rate * surprise(number(evidence, f"{name}_p")))),
        met=_MIN_ACCOUNTS <= accounts <= CROWD
        and _exceeds(evidence, name, effect)
        and number(evidence, name) >= least,
    )


def _exceeds(evidence: Evidence, name: str, effect: float) -> bool:
    """Above comparable tags by the minimum effect, at least twice as high, and not by chance."""
    value, reference = number(evidence, name), number(evidence, f"{name}_reference")
    return value >= max(reference + effect, 2 * reference) and number(evidence, f"{name}_p") < P_VALUE


def _against(numbers: Evidence, english: str, french: str) -> Both:
    """A share of a hashtag's accounts or posts, set against comparable hashtags."""
    return (
        f"{percent(numbers['share'])} of its {english}, against {percent(numbers['reference'])} for "
        "comparable hashtags",
        f"{percent_fr(numbers['share'])} de ses {french}, contre {percent_fr(numbers['reference'])} pour "
        "des mots-dièse comparables",
    )


def _repeaters(numbers: Evidence) -> Both:
    return _against(numbers, "accounts posted it twice or more", "comptes l'ont publié deux fois ou plus")


def _copied(numbers: Evidence) -> Both:
    return _against(
        numbers,
        "original posts copy a text that another account had posted",
        "messages originaux copient un texte déjà publié par un autre compte",
    )


def _co_reposted(numbers: Evidence) -> Both:
    return _against(
        numbers,
        "reposts are of posts that another account had reposted",
        "reprises portent sur des messages déjà repris par un autre compte",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "repetition": repetition_said,
    "bots": bots_said,
    "repeaters": _repeaters,
    "copied": _copied,
    "co_reposted": _co_reposted,
}


def what(finding: Finding) -> Both:
    """Which hashtag."""
    name = finding.subjects[0].value
    return f"Hashtag #{name}", f"Mot-dièse #{name}"
