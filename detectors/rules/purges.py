"""What a sudden loss of followers is worth, and how that is said. It accuses nobody.

One account that is purged is a notice. Several within an hour are a warning: something that followed all of
them was removed, and what it was is worth finding out today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, check
from detectors.rules.sentences import NBSP, Both, count, count_fr, shortened

SEVERAL = 3

NOT_PROVED: Both = (
    "Losing followers at once says nothing against the account: others may have bought them or sent them, "
    "networks remove inactive accounts everywhere at once, and people leave in numbers after a scandal.",
    "Perdre des abonnés d'un coup ne dit rien contre le compte\u00a0: d'autres ont pu les acheter ou les "
    "envoyer, les réseaux suppriment partout à la fois des comptes inactifs, et l'on se désabonne en nombre "
    "après un scandale.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not; what the accounts shared counts for nothing here."""
    evidence = finding.evidence
    numbers: Evidence = {
        name: evidence[name] for name in ("lost", "followers", "share", "hours", "deviations")
    }
    needed = (
        "100 followers or more lost within an hour or a day, 0.5% of them or 50,000, 8 robust standard "
        "deviations or more from the usual change of the account"
    )
    yield check("purge", needed, numbers, 20, met=True)
    yield check(
        "several",
        f"{SEVERAL} accounts or more, all within an hour",
        {"accounts": finding.accounts_total},
        20,
        met=finding.accounts_total >= SEVERAL,
    )


def _purge(numbers: Evidence) -> Both:
    share = f"{numbers['share'] or 0:.2%}"
    share_fr = share.replace(".", ",").replace("%", f"{NBSP}%")
    deviations = int(numbers["deviations"] or 0)
    return (
        f"{count(numbers['lost'])} of {count(numbers['followers'])} followers ({share}) lost within "
        f"{count(numbers['hours'])} h, at least {count(deviations)} robust standard deviations from its "
        f"usual change",
        f"{count_fr(numbers['lost'])} abonnés sur {count_fr(numbers['followers'])} ({share_fr}) perdus en "
        f"{count_fr(numbers['hours'])}{NBSP}h, à {count_fr(deviations)} écarts-types robustes au moins du "
        f"changement habituel",
    )


def _several(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['accounts'])} accounts lost followers within the same hour",
        f"{count_fr(numbers['accounts'])} comptes ont perdu des abonnés dans la même heure",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {"purge": _purge, "several": _several}


def what(finding: Finding) -> Both:
    """Whose followers are gone."""
    shown = shortened(finding.subjects[0].value)
    if finding.accounts_total == 1:
        return f"Followers of the account {shown} lost at once", f"Abonnés du compte {shown} perdus d'un coup"
    return (
        f"Followers of several accounts lost at once, most by {shown}",
        f"Abonnés de plusieurs comptes perdus d'un coup, surtout par {shown}",
    )
