"""Accounts that say themselves what they are: newsrooms, parties, institutions, honest bots.

What it looks for
    A profile whose handle, name or description declares an organisation or an automated account, in French
    or English.

Definition
    At least one of a list of words stands in the name or the description as a whole word, or the handle ends
    in "bot", "news", "info" or "official". The list is in this file; it is a rule, not a model.

Defaults, and why
    Words that people do not use of themselves ("newsroom", "rédaction", "compte officiel", "automated").

What it misses
    Other languages; organisations that do not say so; lists kept by the room are another matter.

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
)
_STEMS = (
    "news",
    "daction",
    "dia",
    "offici",
    "dération",
    "deration",
    "automat",
    "bot",
    "press",
    "quotidien",
    "section locale",
    "local branch",
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
