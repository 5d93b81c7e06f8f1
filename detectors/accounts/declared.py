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

_WORDS = re.compile(
    r"\b(?:newsroom|news desk|news agency|breaking news|newspaper|r[ée]daction|agence de presse|"
    r"journal officiel|m[ée]dia|quotidien r[ée]gional|compte officiel|official account|officiel|official|"
    r"section locale|f[ée]d[ée]ration|local branch|press office|service de presse|"
    r"automated|automatique|automatis[ée]|robot|bot)\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?:bot|news|info|actu|official|officiel)\d*$", re.IGNORECASE)


def is_declared(profile: Profile | None) -> bool:
    """Whether the profile itself says that it is an organisation or a bot."""
    if profile is None:
        return False
    if profile.handle and _HANDLE.search(profile.handle):
        return True
    return any(text and _WORDS.search(text) for text in (profile.name, profile.description))
