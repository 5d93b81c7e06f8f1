"""What a push by listed accounts is worth, what a listed account in another's case is, and how both are said.

A list is what somebody has judged before, so that it never alerts alone: what listed accounts use more than
others is a notice. A warning needs accounts that are *attributed*, five or more of them, and that hardly
anybody else uses the thing: a list that joins what everyone does is a notice still. Accounts that only
*amplify* make a notice at the most, and no sentence counts them among the attributed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, check, number
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr, shortened

ACCOUNTS = 5
"""Attributed accounts from which they give points of their own."""
CHANCE = 1e-6
"""Expected number of such objects by chance under which they do."""
OWN = 0.5
"""Share of an object's posts from which it is the list's own."""
JOINED = 0.05
"""Share of a group's accounts from which listed ones give points: in a crowd there are always some."""
CORE = 0.5
"""Share of a group's accounts from which attributed ones are its core."""

NOT_PROVED: Both = (
    "That listed accounts push something proves neither that it is false nor that others who use it belong "
    "to them. A list is the judgement of its authors; to amplify is not to be attributed to anyone.",
    "Que des comptes listés poussent un contenu ne prouve ni qu'il est faux, ni que d'autres qui l'emploient "
    "sont des leurs. Une liste est le jugement de ses auteurs\u202f; amplifier n'est pas être attribué à "
    "quiconque.",
)
JOINED_NOT_PROVED: Both = (
    "That a listed account takes part does not prove that the others belong to it, or know of it.",
    "Qu'un compte listé participe ne prouve pas que les autres soient des siens, ni qu'ils le sachent.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not. That listed accounts share much with each other is no news."""
    evidence = finding.evidence
    pushed: Evidence = {
        name: evidence[name]
        for name in (
            "attributed",
            "amplifies",
            "attributed_posts",
            "amplifies_posts",
            "listed_posts",
            "others",
            "other_posts",
            "minutes",
            "ratio",
            "chance",
        )
    }
    needed = "10 times as often by listed accounts, each counted once, as by everyone else, and not by chance"
    yield check("pushed", needed, pushed, 20, met=True)
    numbers: Evidence = {
        "attributed": evidence["attributed"],
        "ratio": evidence["attributed_ratio"],
        "chance": evidence["attributed_chance"],
        "window_hours": evidence["window_hours"],
    }
    met = number(evidence, "attributed") >= ACCOUNTS and number(evidence, "attributed_chance") <= CHANCE
    needed = f"{ACCOUNTS} attributed accounts or more, which chance alone gives less than {CHANCE:g} times"
    yield check("attributed", needed, numbers, 10, met=met)
    yield check(
        "own",
        f"{OWN:.0%} or more of all posts with it by listed accounts",
        {"share": evidence["listed_share"], "others": evidence["others"]},
        10,
        met=number(evidence, "listed_share") >= OWN,
    )


def joined(attributed: int, amplifies: int, accounts: int) -> Check:
    """Listed accounts in a group that another detector found.

    Parameters
    ----------
    attributed, amplifies : int
        How many of the accounts are listed as what.
    accounts : int
        All of the group.

    Examples
    --------
    >>> [joined(*counts).points for counts in ((0, 0, 9), (1, 0, 200), (1, 0, 9), (5, 0, 9), (0, 2, 9))]
    [0, 0, 9, 20, 5]
    """
    numbers: Evidence = {"attributed": attributed, "amplifies": amplifies, "accounts": accounts}
    needed = f"{JOINED:.0%} or more of the accounts on the room's lists as attributed or amplifying"
    points = 20 if attributed >= CORE * accounts else 9 if attributed >= JOINED * accounts else 5
    listed = attributed + amplifies
    return check("listed", needed, numbers, points, met=listed > 0 and listed >= JOINED * accounts)


def _who(numbers: Evidence) -> Both:
    """Accounts of the lists, each kind under its own name."""
    attributed, amplifies = numbers["attributed"] or 0, numbers["amplifies"] or 0
    english, french = [], []
    if attributed:
        plural = "s" * (attributed > 1)
        english.append(f"{count(attributed)} listed as attributed")
        french.append(f"{count_fr(attributed)} listé{plural} comme attribué{plural}")
    if amplifies:
        plural = "s" * (amplifies > 1)
        english.append(f"{count(amplifies)} listed as amplifying")
        french.append(f"{count_fr(amplifies)} listé{plural} comme amplificateur{plural}")
    return " and ".join(english), " et ".join(french)


def _long(numbers: Evidence, space: str = " ") -> str:
    minutes = round(numbers["minutes"] or 0)
    return f"{minutes}{space}min" if minutes < 120 else f"{round(minutes / 60)}{space}h"


def _pushed(numbers: Evidence) -> Both:
    english, french = _who(numbers)
    posts = (numbers["attributed_posts"] or 0) + (numbers["amplifies_posts"] or 0)
    ratio = round(numbers["ratio"] or 0)
    return (
        f"used by {english}, in {count(posts)} of the {count(numbers['listed_posts'])} posts of listed "
        f"accounts in {_long(numbers)}, against {count(numbers['others'])} of the "
        f"{count(numbers['other_posts'])} posts of everyone else: {count(ratio)} times as often, each listed "
        "account counted once",
        f"employé par {french}, dans {count_fr(posts)} des {count_fr(numbers['listed_posts'])} messages de "
        f"comptes listés en {_long(numbers, NBSP)}, contre {count_fr(numbers['others'])} des "
        f"{count_fr(numbers['other_posts'])} messages de tous les autres{NBSP}: {count_fr(ratio)} fois plus "
        "souvent, chaque compte listé ne comptant qu'une fois",
    )


def _attributed(numbers: Evidence) -> Both:
    times = 10 ** min(9, int(-math.log10(max(numbers["chance"] or 0.0, 1e-9))))
    hours = numbers["window_hours"]
    return (
        f"if its {count(numbers['attributed'])} attributed accounts posted what everyone posts, that would "
        f"happen less than once in {count(times)} windows of {hours} h",
        f"si ses {count_fr(numbers['attributed'])} comptes attribués publiaient ce que tous publient, cela "
        f"arriverait moins d'une fois sur {count_fr(times)} fenêtres de {hours}{NBSP}h",
    )


def _own(numbers: Evidence) -> Both:
    return (
        f"listed accounts made {percent(numbers['share'])} of all posts with it",
        f"{percent_fr(numbers['share'])} de tous les messages qui l'emploient viennent de comptes listés",
    )


def joined_said(numbers: Evidence) -> Both:
    """The sentence of `joined`."""
    english, french = _who(numbers)
    return (
        f"among the {count(numbers['accounts'])} accounts, {english} on the room's lists",
        f"parmi les {count_fr(numbers['accounts'])} comptes, {french} sur les listes de la salle",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "pushed": _pushed,
    "attributed": _attributed,
    "own": _own,
}


def what(finding: Finding) -> Both:
    """What the lists push."""
    kind, value = finding.subjects[0]
    shown = shortened(value.rpartition("\x1f")[2])
    english, french = {
        "hashtag": (f"Hashtag #{shown}", f"Mot-dièse #{shown}"),
        "link": (f"The link {shown}", f"Le lien {shown}"),
        "media": (f"The picture {shown}", f"L'image {shown}"),
        "post": (f"The post {shown}", f"Le message {shown}"),
    }[kind]
    return f"{english} pushed by listed accounts", f"{french} que poussent des comptes listés"
