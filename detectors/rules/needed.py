"""What each rule needs, in French: the same numbers as in the English sentence that a check carries.

A check is made millions of times and most are never read, so it carries one language. The French sentence has
a place for each number of the English one, by its position: a threshold is written in one place only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from detectors.rules.sentences import NBSP, THIN

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-\d+)?%?")
_SHARE = (
    "une part de {2} ou plus, {3} au-dessus de {of} comparables, au moins le double de la leur, et p < {4}"
)
_TAGS = f"de {{0}} à {{1}} comptes\u202f; {_SHARE}".replace("{of}", "mots-dièse")
_SIGN = f"{{0}} comptes ou plus, {{1}} mesures ou plus\u202f; {_SHARE}".replace("{of}", "sources")
_OF_ALL = {
    "repetition": "{0} comptes ou plus, et {1} ou plus du groupe, qui ont partagé plusieurs contenus avec "
    "un autre du groupe, dont une paire {2} ou plus",
    "bots": "{0} comptes notés ou plus\u202f; le bas de l'intervalle à {1} au-dessus de groupes comparables",
    "listed": "{0} ou plus des comptes sur les listes de la salle, comme attribués ou amplifiant",
}
_TRAIT = (
    "un trait des comptes au-delà du hasard, et au-delà de {0} communautés sur {1} de taille voisine "
    "(docs/traits.md)"
)
NEEDED: Mapping[str, Mapping[str, str]] = {
    "near_duplicates": _OF_ALL
    | {
        "copies": "{0} comptes ou plus, et des copies toutes semblables entre elles (cohésion de {1} ou "
        "plus)",
        "improbable": "de telles copies, et {0} bits ou plus contre le hasard",
        "aimed": "des copies toutes semblables entre elles, de {0} bits ou plus, envoyées par {1} comptes "
        "ou plus ({2} de tous) à une personne, ou chacun à plusieurs, et moins d'un cinquième des copies "
        "avec un lien ou une source qui l'expliquerait",
    },
    "hashtags": _OF_ALL | dict.fromkeys(("repeaters", "copied", "co_reposted"), _TAGS),
    "co_sharing": _OF_ALL
    | {
        "network": "{0} comptes ou plus, liés deux à deux par {1} contenus ou plus que le hasard "
        "n'explique pas",
        "quick": "la moitié des coïncidences en {0} secondes, et {1} contenus ou plus dans une paire",
        "devoted": "la moitié ou plus ({0}, la médiane) des messages récents des comptes parmi ce qui est "
        "partagé",
        "many": "{0} comptes ou plus",
    },
    "amplification": _OF_ALL | dict.fromkeys(("quick", "loyal", "devoted"), _SIGN),
    "targets": _OF_ALL
    | {
        "copies": "le même texte, aux noms près, de {0} comptes ou plus, et {1} ou plus de tous\u202f; "
        "{2} comptes au plus\u202f; moins de {3} des copies avec un lien, une source ou un mot-dièse",
        "aimed": "de telles copies de {0} caractères ou plus, la moitié ou plus des messages à la cible, "
        "et {1} ou plus des comptes déjà vus qui la nomment pour la première fois",
        "again": "de telles copies, envoyées deux fois ou plus par {0} comptes ou plus, et par un tiers "
        "de ceux qui copient",
        "strangers": "la cible nommée pour la première fois par {0} ou plus des comptes déjà vus\u202f; "
        "{1} comptes de ce genre ou plus",
        "burst": "la moitié des comptes en {0} minutes, et au moins {1} au-dessus d'une répartition égale",
    },
    "rising": _OF_ALL
    | {
        "risen": "plusieurs fois sa part habituelle du flux, {0} écarts-types robustes ou plus au-dessus "
        "d'elle",
        "few": "un dixième des comptes avec {0} ou plus des messages",
    },
    "listed": _OF_ALL
    | {
        "pushed": "{0} fois plus souvent par les comptes listés, comptés chacun une fois, que par tous "
        "les autres, et non par hasard",
        "attributed": "{0} comptes attribués ou plus, ce que le hasard seul donne moins de {1} fois",
        "own": "{0} ou plus de tous les messages qui l'emploient par des comptes listés",
    },
    "sponsored": _OF_ALL
    | {
        "breach": "un message payé par un annonceur après la date à laquelle une liste de la salle l'exclut",
        "network": "{0} pages ou plus, chacune liée à une autre par deux indices ou plus que le hasard ne "
        "donne guère ensemble",
        "banned_payer": "une page du réseau payée par un annonceur après la date de son exclusion",
        "concealed": "des pages qui nomment des annonceurs différents, ou aucun quand {0} de toutes "
        "nomment le leur\u202f; et {1} ou plus des liens par l'argent, le ciblage et les minutes à la fois",
        "many": "{0} pages ou plus",
    },
    "fate": _OF_ALL
    | {
        "wave": "beaucoup de comptes en un jour, plus du double de l'habitude et au-delà du hasard, pour "
        "autant qu'une habitude soit connue",
        "large": "{0} comptes ou plus, et {1} fois l'habitude ou plus",
        "erasers": "{0} comptes ou plus en une heure, chacun avec {1} messages ou plus, la moitié de "
        "tous, effacés en moins de {2} minutes",
        "nearly_all": "{0} comptes de ce genre ou plus, et {1} ou plus de leurs messages",
    },
    "purges": _OF_ALL
    | {
        "purge": "{0} abonnés perdus ou plus en une heure ou un jour, {1} d'entre eux ou {2}, à {3} "
        "écarts-types robustes ou plus du changement habituel du compte",
        "several": "{0} comptes ou plus, tous en une heure",
    },
}
"""By detector and code of the rule; what is not here is a trait."""


def needed_fr(detector: str, code: str, english: str) -> str:
    """What a rule needs, in French.

    Parameters
    ----------
    detector, code : str
    english : str
        What its check says: `detectors.rules.checks.Check.needed`.

    Examples
    --------
    >>> needed_fr("rising", "few", "a tenth of the accounts made 50% of the posts or more")
    'un dixième des comptes avec 50\\xa0% ou plus des messages'
    """
    numbers = [_in_french(number) for number in _NUMBER.findall(english)]
    return NEEDED[detector].get(code, _TRAIT).format(*numbers)


def _in_french(number: str) -> str:
    """A number as French writes it.

    >>> _in_french("50,000"), _in_french("0.5%")
    ('50\\u202f000', '0,5\\xa0%')
    """
    return number.replace(",", THIN).replace(".", ",").replace("%", f"{NBSP}%")
