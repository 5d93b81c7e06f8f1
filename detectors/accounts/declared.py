"""Accounts that say themselves what they are: newsrooms, parties, institutions, fan clubs, honest bots.

What it looks for
    A profile whose handle, name or description declares an organisation, a fan club or an automated account,
    in English, French, German, Italian, Portuguese or Spanish.

Definition
    At least one of a list of words stands in the name or the description as a whole word, or the handle ends
    in "bot", "news", "info" or "official". The list is in this file; it is a rule, not a model.

Defaults, and why
    Words that people do not use of themselves ("newsroom", "rédaction", "compte officiel", "automated").

What it misses
    Other languages; organisations that do not say so, for which the room has its lists.

What it does not prove
    Anyone may write "official" in a profile. A group that declares itself is shown as open coordination,
    apart from the alerts, and never hidden.

Examples
--------
>>> from detectors.events import Profile
>>> is_declared(Profile(name="Radio Valmont", description="Rédaction. Toute l'info locale"))
True
>>> is_declared(None)
False
"""

from __future__ import annotations

import re

from detectors.events import Profile

_WORDS = frozenset(
    [
        "newsroom",
        "newspaper",
        "rédaction",
        "redaction",
        "média",
        "media",
        "officiel",
        "officielle",
        "official",
        "fédération",
        "federation",
        "automated",
        "automatique",
        "automatisé",
        "automatisée",
        "robot",
        "bot",
        "redacción",
        "redação",
        "redazione",
        "redaktion",
        "oficial",
        "ufficiale",
        "offiziell",
        "offizieller",
        "offizielle",
        "automatizada",
        "automatizado",
        "automatisiert",
        "automatizzato",
        "fanclub",
        "fanpage",
    ]
)
_PHRASES = (
    "news desk",
    "news agency",
    "breaking news",
    "agence de presse",
    "quotidien régional",
    "section locale",
    "local branch",
    "press office",
    "service de presse",
    "agencia de noticias",
    "agência de notícias",
    "agenzia di stampa",
    "gabinete de prensa",
    "ufficio stampa",
    "pressestelle",
    "ortsverein",
    "kreisverband",
    "agrupación local",
    "sezione locale",
    "fan club",
    "fan account",
    "fan page",
    "club de fans",
    "compte fan",
    "fã clube",
)
_STEMS = (
    "news",
    "daction",
    "reda",
    "dia",
    "fici",
    "fizi",
    "dération",
    "deration",
    "automat",
    "bot",
    "press",
    "quotidien",
    "local",
    "fan",
    "agen",
    "agên",
    "prensa",
    "ortsverein",
    "kreisverband",
    "fã clube",
)
"""One of these is in each of the words and phrases: hardly any profile has one, which is quickly seen."""
_ENDINGS = ("bot", "news", "info", "actu", "official", "officiel")
_WORD = re.compile(r"\w+")


def is_declared(profile: Profile | None) -> bool:
    """Whether the profile itself says that it is an organisation or a bot."""
    if profile is None:
        return False
    if profile.handle and profile.handle.rstrip("0123456789").lower().endswith(_ENDINGS):
        return True
    said = f"{profile.name or ''} \n {profile.description or ''}".lower()
    for stem in _STEMS:
        if stem in said:
            break
    else:
        return False
    return not _WORDS.isdisjoint(_WORD.findall(said)) or any(phrase in said for phrase in _PHRASES)
