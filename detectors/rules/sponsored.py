"""What a breach of a ban, and pages that look like one payer's, are worth, and how that is said.

A breach is of a written list, and one post is enough for a warning. A network of pages is a notice, since
agencies and campaigns of one cause look like it; it becomes a warning with a banned payer in it, or where
payers differ, or are hidden although the network names them elsewhere, and most links show all three signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from detectors.findings import Evidence, Finding
from detectors.groups.payers import NO_CURRENCY
from detectors.groups.sponsored import NOBODY
from detectors.rules.checks import Check, check, number
from detectors.rules.sentences import NBSP, THIN, Both, count, count_fr, percent, percent_fr, shortened

BREACH, NETWORK, BANNED, CONCEALED, LARGE = 60, 20, 40, 25, 5
NAMED_SHARE = 0.5
"""Share of the parties that name a payer from which it means something that a page does not."""
STRONG_SHARE = 0.5
"""Share of the links that must show all three signs."""
_LARGE = 10
_SPEND, _ALL_SPEND = "spend_", "all_spend_"
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}

NOT_PROVED: Both = (
    "The name of a payer does not prove who gave the money, and a ban is the room's list's, with its reason "
    "and date. Pages that pay, aim and post alike need not have one payer: agencies have several clients.",
    "Le nom d'un payeur ne prouve pas d'où vient l'argent, et l'interdiction est celle de la liste de la "
    "salle, avec son motif et sa date. Des pages qui paient, ciblent et publient de même n'ont pas forcément "
    f"un même payeur{NBSP}: une agence travaille pour plusieurs clients.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    if "banned_ms" in finding.evidence:
        yield _breach(finding.evidence)
    else:
        yield from _network(finding)


def _breach(evidence: Evidence) -> Check:
    needed = "a post promoted by a payer after the date from which a list of the room bans it"
    return check("breach", needed, dict(evidence), BREACH, met=True)


def _network(finding: Finding) -> Iterator[Check]:
    evidence = finding.evidence
    numbers: Evidence = {
        name: evidence[name] for name in ("pages", "links", "currency", "targeting", "minutes", "median_bits")
    }
    needed = "3 pages or more, each tied to another by two signs or more that chance hardly gives together"
    yield check("network", needed, numbers, NETWORK, met=True)
    yield check(
        "banned_payer",
        "a page of the network was promoted by a payer after the date of its ban",
        {"pages": evidence["banned"]},
        BANNED,
        met=number(evidence, "banned") > 0,
    )
    differ = number(evidence, "payers") > 1
    hidden = number(evidence, "unnamed") > 0 and number(evidence, "named_share") >= NAMED_SHARE
    yield check(
        "concealed",
        f"pages that name different payers, or none where {NAMED_SHARE:.0%} of all name theirs; and "
        f"{STRONG_SHARE:.0%} of the links or more by money, targeting and minutes at once",
        {name: evidence[name] for name in ("payers", "unnamed", "named_share", "all_signs", "links")},
        CONCEALED,
        met=(differ or hidden) and number(evidence, "all_signs") >= STRONG_SHARE * number(evidence, "links"),
    )
    pages = finding.accounts_total
    yield check("many", f"{_LARGE} pages or more", {"pages": pages}, LARGE, met=pages >= _LARGE)


def _breach_said(numbers: Evidence) -> Both:
    posts, pages = numbers["posts"], numbers["pages"]
    since, since_fr = _since(numbers["banned_ms"])
    paid, paid_fr = _paid(numbers, _SPEND)
    english = f"{count(posts)} promoted {_plural(posts, 'post')} of {count(pages)} {_plural(pages, 'page')}"
    french = (
        f"{count_fr(posts)} {_plural(posts, 'message')} {_plural(posts, 'sponsorisé')} de {count_fr(pages)} "
        f"{_plural(pages, 'page')}"
    )
    english, french = f"{english}{paid} {since}", f"{french}{paid_fr} {since_fr}"
    if (days := numbers["days_since_ban"]) is not None:
        english += f", the newest {days:,} days after"
        french += f", le dernier {_decimal(f'{days:,}')} jours après"
    if whole := numbers.get("all_posts"):
        paid, paid_fr = _paid(numbers, _ALL_SPEND)
        english += f"; in all it is known to have promoted {count(whole)} {_plural(whole, 'post')}{paid}"
        french += (
            f"{THIN}; on lui connaît en tout {count_fr(whole)} {_plural(whole, 'message')} "
            f"{_plural(whole, 'sponsorisé')}{paid_fr}"
        )
    return english, french


def _since(banned_ms: float | None) -> Both:
    if banned_ms is None:
        return (
            "although the room's list bans the payer (it gives no date)",
            "alors que la liste de la salle interdit le payeur (sans date)",
        )
    day = datetime.fromtimestamp(int(banned_ms) // 1000, UTC)
    english, french = (_MONTHS[language].split()[day.month - 1] for language in ("en", "fr"))
    return (
        f"since {day.day} {english} {day.year}, from when the room's list bans the payer",
        f"depuis le {'1er' if day.day == 1 else day.day} {french} {day.year}, date à laquelle la liste de la "
        "salle interdit le payeur",
    )


def _paid(numbers: Evidence, prefix: str) -> Both:
    """What was paid in each currency; currencies are never added together."""
    spent = [
        (f"{amount:,.2f}", name.removeprefix(prefix).upper())
        for name, amount in sorted(numbers.items())
        if name.startswith(prefix) and amount is not None
    ]
    if not spent:
        return " at a price that is not told", " à un prix non communiqué"
    english = ", ".join(
        f"{paid} {'of unknown currency' if code == NO_CURRENCY else code}" for paid, code in spent
    )
    french = ", ".join(
        f"{_decimal(paid)}{NBSP}{'de devise inconnue' if code == NO_CURRENCY else code}"
        for paid, code in spent
    )
    return f" for {english}", f" pour {french}"


def _decimal(figure: str) -> str:
    """A figure as French writes it.

    >>> _decimal("1,234.50") == f"1{THIN}234,50"
    True
    """
    return figure.replace(",", THIN).replace(".", ",")


def _plural(number: float | None, word: str) -> str:
    return word if number == 1 else f"{word}s"


def _network_said(numbers: Evidence) -> Both:
    pages, links = numbers["pages"], numbers["links"]
    money, targeting, minutes = (count(numbers[name]) for name in ("currency", "targeting", "minutes"))
    odds = 10 ** min(9, int((numbers["median_bits"] or 0) * math.log10(2)))
    return (
        f"{count(pages)} pages with {count(links)} {_plural(links, 'pair')} that share at least two of money "
        f"unusual for the audience ({money}), nearly the same targeting ({targeting}) and posts made in the "
        f"same minutes ({minutes}), which chance gives the median pair less than once in {count(odds)}",
        f"{count_fr(pages)} pages, dont {count_fr(links)} {_plural(links, 'paire')} ayant au moins deux "
        f"points communs entre monnaie inhabituelle pour le public visé ({money}), ciblage presque identique "
        f"({targeting}) et messages créés dans les mêmes minutes ({minutes}), ce que le hasard donne à la "
        f"paire médiane moins d'une fois sur {count_fr(odds)}",
    )


def _banned_payer_said(numbers: Evidence) -> Both:
    pages = numbers["pages"]
    return (
        f"{count(pages)} of the pages promoted posts of a payer that the room's list banned",
        f"{count_fr(pages)} de ces pages {'a' if pages == 1 else 'ont'} sponsorisé des messages d'un payeur "
        "que la liste de la salle interdisait",
    )


def _concealed_said(numbers: Evidence) -> Both:
    payers, unnamed = numbers["payers"], numbers["unnamed"]
    strong, links = numbers["all_signs"], numbers["links"]
    english = f"{count(payers)} {_plural(payers, 'payer')} named"
    french = f"{count_fr(payers)} {_plural(payers, 'payeur')} {_plural(payers, 'nommé')}"
    if unnamed and numbers["named_share"] is not None:
        english += (
            f", and {count(unnamed)} {_plural(unnamed, 'page')} without one where "
            f"{percent(numbers['named_share'])} of the advertisers seen name theirs"
        )
        french += (
            f", et {count_fr(unnamed)} {_plural(unnamed, 'page')} sans payeur quand "
            f"{percent_fr(numbers['named_share'])} des annonceurs vus indiquent le leur"
        )
    return (
        f"{english}; {count(strong)} of {count(links)} {_plural(links, 'pair')} share all three",
        f"{french}{THIN}; {count_fr(strong)} {_plural(strong, 'paire')} sur {count_fr(links)} ont les trois "
        "points communs",
    )


def _many_said(numbers: Evidence) -> Both:
    return f"{count(numbers['pages'])} pages", f"{count_fr(numbers['pages'])} pages"


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "breach": _breach_said,
    "network": _network_said,
    "banned_payer": _banned_payer_said,
    "concealed": _concealed_said,
    "many": _many_said,
}


def what(finding: Finding) -> Both:
    """Whose promoted posts these are."""
    payer = finding.subjects[0]
    shown = shortened(payer.value)
    if "banned_ms" in finding.evidence:
        return (
            f"Promoted posts of a banned payer, {shown}",
            f"Messages sponsorisés d'un payeur interdit, {shown}",
        )
    if payer == NOBODY:
        return (
            "Pages that promote alike and name no payer but themselves, if any",
            "Des pages qui sponsorisent de même et n'indiquent aucun autre payeur qu'elles-mêmes",
        )
    return (
        f"Pages that promote alike, among them those of the payer {shown}",
        f"Des pages qui sponsorisent de même, dont celles du payeur {shown}",
    )
