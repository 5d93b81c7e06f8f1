"""What copies of a text are worth, and how that is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, bots, bots_said, check, number, repetition, repetition_said
from detectors.rules.sentences import NBSP, Both, count, count_fr, shortened

IMPROBABLE_BITS = 20
"""Bits against chance from which people writing on their own would hardly hit on a text."""
COHESION = 0.5
"""Mean similarity of a cluster from which its posts are copies of one text, not posts sharing a phrase."""
AIMED_ACCOUNTS = 5
"""Accounts that must aim a text at one person, or each at several."""
AIMED_SHARE = 0.3
"""Share of a text's accounts that must do so: of a crowd that answers everybody, some always meet at one."""
AIMED_BITS = 80
"""Bits of a text (about ten words) that "thank you" and "happy birthday" do not reach."""

NOT_PROVED: Both = (
    "Copies alone prove no agreement: people copy headlines, slogans and jokes of their own accord.",
    "Des copies ne prouvent pas d'entente\u00a0: on copie de soi-même titres, slogans, plaisanteries.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    evidence = finding.evidence
    accounts = finding.accounts_total
    bits = number(evidence, "coincidence_bits")
    counts: Evidence = {
        "accounts": accounts,
        "posts": finding.posts_total,
        "cohesion": evidence["cohesion"],
    }
    copies = number(evidence, "cohesion") >= COHESION
    needed = f"3 accounts or more, and copies that are alike all with all (cohesion {COHESION} or more)"
    yield check("copies", needed, counts, 20, met=copies)
    yield check(
        "improbable",
        f"such copies, and {IMPROBABLE_BITS} bits or more against chance",
        {"bits": None if math.isnan(bits) else int(bits)},
        0 if math.isnan(bits) else min(10, int(bits // 20)),
        met=copies and bits >= IMPROBABLE_BITS,
    )
    # A link or "via @paper" explains copies: readers of one paper share the same headlines now and then.
    explained = number(evidence, "sourced_share") >= 0.5 or number(evidence, "linked_share") >= 0.5
    # Whoever cheers at one goal cheers at the next: copies of what anybody hits on are no sign that the same
    # accounts copy each other again.
    commonplace = bits < IMPROBABLE_BITS
    yield repetition(
        linked,
        most_shared,
        finding,
        share=0.5 if explained else 0.15,
        objects=3 if explained or commonplace else 2,
    )
    yield _aimed(finding)
    yield bots(evidence, least=8, base=25)


def _aimed(finding: Finding) -> Check:
    """Long copies that many send to one person, or that the same accounts send to several."""
    evidence = finding.evidence
    at_one, at_several = evidence["top_target_accounts"] or 0, evidence["several_targets_accounts"] or 0
    unexplained = number(evidence, "sourced_share") < 0.2 and number(evidence, "linked_share") < 0.2
    numbers: Evidence = {
        "targets": evidence["targets"],
        "at_one": at_one,
        "at_several": at_several,
        "accounts": finding.accounts_total,
        "text_bits": evidence["text_bits"],
        "linked_share": evidence["linked_share"],
        "sourced_share": evidence["sourced_share"],
    }
    needed = (
        f"copies alike all with all, of {AIMED_BITS} bits or more, sent by {AIMED_ACCOUNTS} accounts or more "
        f"({AIMED_SHARE:.0%} of all) to one person, or each to several, and under a fifth of the copies with "
        "a link or a source that would explain it"
    )
    met = (
        max(at_one, at_several) >= _aimed_at_least(finding.accounts_total)
        and number(evidence, "text_bits") >= AIMED_BITS
        and number(evidence, "cohesion") >= COHESION
        and unexplained
    )
    return check("aimed", needed, numbers, 25, met=met)


def _aimed_at_least(accounts: float) -> float:
    """How many of a text's accounts must aim it at one person, or at several, to make it an attack."""
    return max(AIMED_ACCOUNTS, AIMED_SHARE * accounts)


def _copies(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['accounts'])} accounts posted it, word for word or nearly, "
        f"{count(numbers['posts'])} times",
        f"{count_fr(numbers['accounts'])} comptes l'ont publié, mot pour mot ou presque, "
        f"{count_fr(numbers['posts'])} fois",
    )


def _improbable(numbers: Evidence) -> Both:
    # No figure: the estimate takes words for half as telling as independent ones, which is rough, and a
    # "one in a billion" would be quoted.
    return (
        "people writing on their own would hardly hit on it (a rough estimate from word frequencies)",
        "des gens écrivant chacun de leur côté ne tomberaient guère dessus (estimation grossière d'après la "
        "fréquence des mots)",
    )


def _aimed_said(numbers: Evidence) -> Both:
    at_one, at_several = numbers["at_one"] or 0, numbers["at_several"] or 0
    if at_one >= _aimed_at_least(numbers["accounts"] or 0):
        return (
            f"{count(at_one)} accounts address it to the same account",
            f"{count_fr(at_one)} comptes l'adressent au même compte",
        )
    return (
        f"{count(at_several)} accounts send it to several accounts each ({numbers['targets']} in all)",
        f"{count_fr(at_several)} comptes l'envoient chacun à plusieurs comptes "
        f"({numbers['targets']} en tout)",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "copies": _copies,
    "improbable": _improbable,
    "repetition": repetition_said,
    "aimed": _aimed_said,
    "bots": bots_said,
}


def what(finding: Finding) -> Both:
    """What was copied."""
    short = shortened(finding.template or "", 100)
    return f"The same text, “{short}”", f"Un même texte, «{NBSP}{short}{NBSP}»"
