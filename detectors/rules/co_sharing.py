"""What a network of accounts that share the same things is worth, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, check, number
from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr, shortened

QUICK_SHARE = 0.5
QUICK_OBJECTS = 5
OWN_SHARE = 0.5
LARGE = 10

NOT_PROVED: Both = (
    "Sharing the same things at the same time does not prove concealment: pages of one publisher, a party's "
    "accounts and fan clubs do so openly.",
    "Partager les mêmes choses au même moment ne prouve pas une dissimulation\u00a0: pages d'un même "
    "éditeur, comptes d'un parti et clubs de supporters le font ouvertement.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    evidence = finding.evidence
    accounts = finding.accounts_total
    numbers: Evidence = {
        "accounts": accounts,
        "pairs": evidence["pairs"],
        "objects": evidence["median_objects"],
        "expected": evidence["expected"],
    }
    needed = "3 accounts or more, tied pair by pair by 3 things or more that chance does not explain"
    yield check("network", needed, numbers, 20, met=True)
    yield check(
        "quick",
        f"half of the coincidences within 10 seconds, and {QUICK_OBJECTS} things or more in one pair",
        {"share": evidence["quick_share"], "objects": evidence["most_objects"]},
        10,
        met=number(evidence, "quick_share") >= QUICK_SHARE
        and number(evidence, "most_objects") >= QUICK_OBJECTS,
    )
    yield check(
        "devoted",
        f"half of the accounts' recent posts or more ({OWN_SHARE:.0%}, the median) are among what is shared",
        {"share": evidence["own_share"]},
        10,
        met=number(evidence, "own_share") >= OWN_SHARE,
    )
    yield check("many", f"{LARGE} accounts or more", {"accounts": accounts}, 5, met=accounts >= LARGE)


def _network(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['pairs'])} pairs of the {count(numbers['accounts'])} accounts shared the same "
        f"things within a minute, {count(numbers['objects'])} times in the median pair, where chance gives "
        f"{numbers['expected']} in all",
        f"{count_fr(numbers['pairs'])} paires des {count_fr(numbers['accounts'])} comptes ont partagé les "
        f"mêmes choses à moins d'une minute, {count_fr(numbers['objects'])} fois pour la paire médiane, "
        f"quand le hasard en donne {numbers['expected']} en tout",
    )


def _quick(numbers: Evidence) -> Both:
    return (
        f"{percent(numbers['share'])} of these times within 10 seconds (up to {numbers['objects']} in one "
        "pair)",
        f"{percent_fr(numbers['share'])} de ces fois à moins de 10 secondes (jusqu'à {numbers['objects']} "
        "pour une paire)",
    )


def _devoted(numbers: Evidence) -> Both:
    return (
        f"for half of the accounts that is {percent(numbers['share'])} or more of what they posted of late",
        f"pour la moitié des comptes, c'est {percent_fr(numbers['share'])} ou plus de leurs messages récents",
    )


def _many(numbers: Evidence) -> Both:
    return f"{count(numbers['accounts'])} accounts", f"{count_fr(numbers['accounts'])} comptes"


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "network": _network,
    "quick": _quick,
    "devoted": _devoted,
    "many": _many,
}


def what(finding: Finding) -> Both:
    """What the network shares most."""
    kind, value = finding.subjects[0]
    english = {"post": "the post", "link": "the link", "media": "the picture", "hashtag": "the hashtag #"}
    french = {"post": "le message", "link": "le lien", "media": "l'image", "hashtag": "le mot-dièse #"}
    shown = shortened(value)
    space = "" if kind == "hashtag" else " "
    return (
        f"A network that shares the same things, most of all {english.get(kind, kind)}{space}{shown}",
        f"Un réseau qui partage les mêmes choses, surtout {french.get(kind, kind)}{space}{shown}",
    )
