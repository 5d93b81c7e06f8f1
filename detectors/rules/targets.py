"""What mentions of one account by many are worth, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, bots, bots_said, check, number, repetition, repetition_said
from detectors.rules.sentences import NBSP, THIN, Both, count, count_fr, percent, percent_fr

COPYING = 5
"""Accounts that must send the same text."""
CHARACTERS = 40
"""Length of a copied text, folded, that wishes and thanks in stock phrases do not reach."""
SAME = 0.3
"""Share of a target's accounts that must send the same text: in every crowd some hit on the same words."""
CROWD = 200
"""Accounts above which sending the same words is what crowds do: good wishes, votes, thanks."""
EXPLAINED = 0.2
"""Share of the copies with a link, a source or a hashtag from which that may explain them."""
STRANGERS = 0.8
AGAIN = 3
_UNEXPLAINED_REPETITION = 15
"""At most for accounts that meet elsewhere too but do not copy each other here: fans of one star do."""

NOT_PROVED: Both = (
    "Many who address one person at once prove no agreement: complaints, debates, good wishes and a post "
    "that is being read look alike. Vigie does not judge whether the words are hostile.",
    f"Être nombreux à s'adresser à une même personne ne prouve pas d'entente{NBSP}: plaintes, débats, vœux "
    "et réponses à un message très lu se ressemblent. Vigie ne juge pas si les propos sont hostiles.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not. Numbers of accounts alone give nothing."""
    evidence = finding.evidence
    copies = _copies(finding)
    yield copies
    yield _aimed(finding, bool(copies.points))
    yield _again(evidence, bool(copies.points))
    yield _strangers(evidence)
    yield _burst(evidence)
    yield _repetition(finding, linked, most_shared, bool(copies.points))
    yield bots(evidence, least=8, base=25)


def _copies(finding: Finding) -> Check:
    """The same words from several accounts, which no link, source or hashtag explains."""
    evidence = finding.evidence
    numbers: Evidence = {
        "accounts": evidence["copies_accounts"],
        "of": finding.accounts_total,
        "share": evidence["copied"],
        "explained": evidence["copies_explained"],
    }
    met = (
        number(evidence, "copies_accounts") >= max(COPYING, SAME * finding.accounts_total)
        and finding.accounts_total <= CROWD
        and number(evidence, "copies_explained") < EXPLAINED
    )
    needed = (
        f"the same text, but for names, from {COPYING} accounts or more, and {SAME:.0%} or more of all; at "
        f"most {CROWD} accounts; under {EXPLAINED:.0%} of the copies with a link, a source or a hashtag"
    )
    return check("copies", needed, numbers, 20, met=met)


def _aimed(finding: Finding, copies: bool) -> Check:
    """Copies that are most of what the target gets, from accounts that did not speak to it before."""
    evidence = finding.evidence
    numbers: Evidence = {
        "share": evidence["copied"],
        "strangers": evidence["strangers"],
        "characters": evidence["copies_characters"],
    }
    needed = (
        f"such copies of {CHARACTERS} characters or more, half of the target's posts or more, and "
        f"{STRANGERS:.0%} or more of the accounts whose "
        "earlier posts were seen name it for the first time"
    )
    met = (
        copies
        and number(evidence, "copies_characters") >= CHARACTERS
        and number(evidence, "copied") >= 0.5
        and number(evidence, "strangers") >= STRANGERS
    )
    return check("aimed", needed, numbers, 20, met=met)


def _again(evidence: Evidence, copies: bool) -> Check:
    """Accounts that send copies again and again: well-wishers do so once."""
    again, copying = evidence["copying_again"] or 0, evidence["copying_accounts"] or 0
    numbers: Evidence = {"again": again, "accounts": copying}
    needed = f"such copies, sent twice or more by {AGAIN} accounts or more, and a third of those who copy"
    return check("again", needed, numbers, 20, met=copies and again >= AGAIN and 3 * again >= copying)


def _strangers(evidence: Evidence) -> Check:
    """Accounts that did not speak to the target before."""
    numbers: Evidence = {"share": evidence["strangers"], "accounts": evidence["known_accounts"]}
    needed = (
        f"{STRANGERS:.0%} or more of the accounts whose earlier posts were seen name the target for the "
        "first time; 8 such accounts or more"
    )
    met = number(evidence, "strangers") >= STRANGERS and number(evidence, "known_accounts") >= 8
    return check("strangers", needed, numbers, 10, met=met)


def _burst(evidence: Evidence) -> Check:
    """Accounts that came within a few minutes."""
    burst, reference = number(evidence, "burst"), number(evidence, "burst_reference")
    numbers: Evidence = {"share": evidence["burst"], "reference": evidence["burst_reference"]}
    needed = "half of the accounts within 5 minutes, and at least 0.2 above what an even spread would show"
    return check("burst", needed, numbers, 5, met=burst >= max(0.5, reference + 0.2))


def _repetition(finding: Finding, linked: int, most_shared: int, copies: bool) -> Check:
    """Accounts of the group that meet elsewhere too; those that do not copy each other may be fans."""
    full = repetition(linked, most_shared, finding, share=0.5, objects=3)
    return full if copies else full._replace(points=min(full.points, _UNEXPLAINED_REPETITION))


def _copies_said(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['accounts'])} of the {count(numbers['of'])} accounts send it the same text, word "
        "for word but for names",
        f"{count_fr(numbers['accounts'])} des {count_fr(numbers['of'])} comptes lui envoient le même texte, "
        "mot pour mot aux noms près",
    )


def _aimed_said(numbers: Evidence) -> Both:
    return (
        f"copies are {percent(numbers['share'])} of the posts that name it, and "
        f"{percent(numbers['strangers'])} of the accounts whose earlier posts were seen had not named it",
        f"les copies sont {percent_fr(numbers['share'])} des messages qui le nomment, et "
        f"{percent_fr(numbers['strangers'])} des comptes dont on a vu d'autres messages ne l'avaient pas "
        "nommé",
    )


def _again_said(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['again'])} of the {count(numbers['accounts'])} accounts that send copies do so "
        "twice or more",
        f"{count_fr(numbers['again'])} des {count_fr(numbers['accounts'])} comptes qui envoient des copies "
        "le font deux fois ou plus",
    )


def _strangers_said(numbers: Evidence) -> Both:
    return (
        f"{percent(numbers['share'])} of the {count(numbers['accounts'])} accounts whose earlier posts were "
        "seen name it for the first time",
        f"{percent_fr(numbers['share'])} des {count_fr(numbers['accounts'])} comptes dont on a vu d'autres "
        "messages le nomment pour la première fois",
    )


def _burst_said(numbers: Evidence) -> Both:
    return (
        f"{percent(numbers['share'])} of the accounts came within five minutes; spread evenly over what was "
        f"seen of the hour, they would hardly exceed {percent(numbers['reference'])}",
        f"{percent_fr(numbers['share'])} des comptes sont venus en cinq minutes{THIN}; répartis sur ce qui a "
        f"été vu de l'heure, ils ne dépasseraient guère {percent_fr(numbers['reference'])}",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "copies": _copies_said,
    "aimed": _aimed_said,
    "again": _again_said,
    "strangers": _strangers_said,
    "burst": _burst_said,
    "repetition": repetition_said,
    "bots": bots_said,
}


def what(finding: Finding) -> Both:
    """Whom the posts address."""
    name = finding.subjects[0].value
    return f"Posts that address the account {name}", f"Messages adressés au compte {name}"
