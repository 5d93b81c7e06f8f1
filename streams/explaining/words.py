"""French names of what the store and the rules know by a code; in English the code itself is read."""

from __future__ import annotations

from detectors.rules.sentences import Both, count, count_fr
from streams.outputs.case_words import Language

BOUNDS = {"at least": "au moins", "at most": "au plus"}
SEVERITIES = {"critical": "critique", "warning": "alerte", "notice": "signalement"}
STATUSES = {
    "open": "nouvelle",
    "updated": "en cours",
    "closed": "close",
    "merged": "fusionnée",
    "dismissed": "écartée",
    "retracted": "retirée",
}
DETECTORS = {
    "near_duplicates": "textes copiés",
    "hashtags": "mot-dièse poussé",
    "co_sharing": "réseau de partage",
    "amplification": "compte amplifié",
    "targets": "compte visé",
    "rising": "surgi de rien",
    "listed": "poussé par les listes",
    "sponsored": "messages payés",
    "fate": "comptes disparus",
    "purges": "abonnés perdus",
}
KINDS = {
    "hashtag": "mot-dièse",
    "account": "compte",
    "link": "lien",
    "text": "texte",
    "target": "cible",
    "source": "compte repris",
    "payer": "annonceur",
    "finding": "constat",
    "case": "affaire",
}
COUNTED = {
    "minutes": "minutes",
    "posts": "messages",
    "accounts": "comptes",
    "originals": "originaux",
    "replies": "réponses",
    "quotes": "citations",
    "reposts": "reprises",
    "first": "premier",
    "last": "dernier",
    "ever": "depuis toujours",
    "hashtag": "mot-dièse",
    "link": "lien",
    "folded": "réduit à",
    "payer": "annonceur",
    "first_time_accounts": "première fois",
    "known_accounts": "déjà vus",
    "strangers": "inconnus d'elle",
    "same_text_accounts": "même texte",
    "names": "noms",
    "ids": "identifiants",
    "posts_reposted": "messages repris",
    "reposts_per_account": "reprises par compte",
    "posts_per_hour": "messages par heure",
    "repost_share": "part de reprises",
    "listed": "sur les listes",
    "named_by": "nommé par",
    "reposted_by": "repris par",
    "at": "à",
    "score": "score",
    "severity": "niveau",
    "revision": "révision",
    "status": "état",
    "time": "à",
    "case_id": "affaire",
}
STATES: dict[str, Both] = {
    "judged": ("judged", "jugé"),
    "not_judged": ("not judged", "non jugé"),
    "not_enough_data": ("not enough data", "données insuffisantes"),
}
MARKS: dict[str, Both] = {
    "met": ("met", "rempli"),
    "not_met": ("missed", "manqué"),
    "not_enough_data": ("no data", "indécis"),
}
TRAITS: dict[str, Both] = {
    "found": ("found", "ressort"),
    "not_found": ("not found", "ne ressort pas"),
    "not_enough_data": ("not enough data", "trop peu de données"),
    "not_on_this_network": ("not on this network", "pas sur ce réseau"),
}


def named(names: dict[str, str], code: str, language: Language) -> str:
    """What a code is called.

    >>> named(COUNTED, "known_accounts", "en"), named(COUNTED, "known_accounts", "fr")
    ('known accounts', 'déjà vus')
    """
    return names.get(code, code.replace("_", " ")) if language == "fr" else code.replace("_", " ")


def number(value: float, language: Language) -> str:
    """A measurement as one reads it.

    >>> number(12345, "en"), number(0.25, "fr")
    ('12,345', '0,25')
    """
    if value == int(value):
        return count(int(value)) if language == "en" else count_fr(int(value))
    return f"{value:,}" if language == "en" else f"{value:_}".replace(".", ",").replace("_", "\u202f")
