"""What the amplification of one account is worth, and how that is said.

Size gives no points: a star has more amplifiers than any network. Fast, faithful and devoted, each far beyond
comparable sources, are three signs; two of them make a notice, since readers told of each post are fast, and
fans are faithful and devoted, and all three a warning. That accounts reposted the same things again and again
follows for the most part from their faithfulness to one source, so that it adds little here.
"""

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
)
from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr, shortened

ACCOUNTS = 15
"""Amplifiers from which a share of them gives points."""
MEASURED = 12
"""Reposts of known delay, or accounts of which enough was seen, from which a share of them gives points."""
P_VALUE = 0.01
"""Chance among comparable sources under which a share gives points."""
SIGN = 14
"""Points of one sign: two are a notice, three a warning."""
REPEATED = 8
"""Points of repetition at the most: with two signs it makes no warning."""

NOT_PROVED: Both = (
    "Being amplified says nothing against the account that is reposted, which need not know of it. Nothing "
    "here proves that those who repost it are inauthentic: fans and readers are quick and faithful too.",
    "Être amplifié ne dit rien contre le compte repris, qui peut n'en rien savoir. Rien ici ne prouve que "
    "ceux qui le reprennent sont inauthentiques\u00a0: des lecteurs aussi sont prompts et fidèles.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    evidence = finding.evidence
    delays: Evidence = {"delay": evidence["median_delay_s"], "seconds": evidence["quick_s"]}
    fast = _sign(finding, "quick", effect=0.2, least=0.3, measured=evidence["known_delays"])
    yield fast._replace(numbers=fast.numbers | delays)
    posts: Evidence = {"posts": evidence["posts_reposted"]}
    loyal = _sign(finding, "loyal", effect=0.2, least=0.3, measured=finding.accounts_total)
    yield loyal._replace(numbers=loyal.numbers | posts)
    yield _sign(finding, "devoted", effect=0.25, least=0.5, measured=evidence["busy_accounts"])
    if finding.accounts_total >= ACCOUNTS:
        repeated = repetition(linked, most_shared, finding, share=0.5, objects=3)
        yield repeated._replace(points=min(REPEATED, repeated.points))
    yield bots(evidence, least=ACCOUNTS, base=40)


def _sign(finding: Finding, name: str, *, effect: float, least: float, measured: float | None) -> Check:
    """A share far above comparable sources, at least twice theirs, and not by chance."""
    evidence, accounts = finding.evidence, finding.accounts_total
    value, reference = number(evidence, name), number(evidence, f"{name}_reference")
    numbers: Evidence = {
        "share": evidence[name],
        "reference": evidence[f"{name}_reference"],
        "p": evidence[f"{name}_p"],
        "accounts": accounts,
        "measured": measured,
    }
    needed = (
        f"{ACCOUNTS} accounts or more, {MEASURED} of what is measured or more; a share of {least} or more, "
        f"{effect} above comparable sources, at least twice theirs, and p < {P_VALUE}"
    )
    if (measured or 0) < MEASURED:
        return Check(name, "not_enough_data", 0, needed, numbers)
    met = (
        accounts >= ACCOUNTS
        and value >= max(least, reference + effect, 2 * reference)
        and number(evidence, f"{name}_p") < P_VALUE  # which is known where the reference is
    )
    return check(name, needed, numbers, SIGN, met=met)


def _against(numbers: Evidence) -> Both:
    return (
        f", against {percent(numbers['reference'])} for comparable sources",
        f", contre {percent_fr(numbers['reference'])} pour des sources comparables",
    )


def _quick(numbers: Evidence) -> Both:
    english, french = _against(numbers)
    return (
        f"{percent(numbers['share'])} of the reposts came within {count(numbers['seconds'])} s of the post "
        f"(median {count(numbers['delay'])} s){english}",
        f"{percent_fr(numbers['share'])} des reprises suivent le message de {count_fr(numbers['seconds'])}"
        f"\u00a0s au plus (médiane {count_fr(numbers['delay'])}\u00a0s){french}",
    )


def _loyal(numbers: Evidence) -> Both:
    english, french = _against(numbers)
    return (
        f"{percent(numbers['share'])} of the accounts reposted several of its {count(numbers['posts'])} "
        f"posts{english}",
        f"{percent_fr(numbers['share'])} des comptes ont repris plusieurs de ses "
        f"{count_fr(numbers['posts'])} messages{french}",
    )


def _devoted(numbers: Evidence) -> Both:
    english, french = _against(numbers)
    return (
        f"for {percent(numbers['share'])} of the {count(numbers['measured'])} accounts with several recent "
        f"posts, half or more of these are reposts of this one account{english}",
        f"pour {percent_fr(numbers['share'])} des {count_fr(numbers['measured'])} comptes ayant plusieurs "
        f"messages récents, ces reprises en sont la moitié ou plus{french}",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "quick": _quick,
    "loyal": _loyal,
    "devoted": _devoted,
    "repetition": repetition_said,
    "bots": bots_said,
}


def what(finding: Finding) -> Both:
    """Whose posts are reposted."""
    shown = shortened(finding.subjects[0].value)
    return f"Reposts of the account {shown}", f"Reprises du compte {shown}"
