"""The terms with which an account describes itself.

What it looks for
    Words of the profile's description that tell something.

Definition
    The first `TERMS` distinct words of the description, without case: letters and digits, three characters or
    more, with a leading ``#`` taken off; words of grammar (English and French) and links are left out.

Defaults, and why
    Ten terms: what a description of 160 characters holds.

What it misses
    Emoji, names and places in other fields; languages written without spaces.

What it does not prove
    What people say of themselves need not be so.

Examples
--------
>>> terms("Proud mother of two. #Gardens & the sea https://example.org")
('proud', 'mother', 'two', 'gardens', 'sea')
>>> terms(None), terms("")
(None, ())
"""

from __future__ import annotations

import re
from functools import lru_cache

from detectors.looks import TERMS

_WORD = re.compile(r"https?://\S+|\w{3,24}")
_GRAMMAR = frozenset(
    """
    the and for not are was but all any can has have had her him his its our out she their them they this that
    who with you your from what when will here just more into over only than very about also been being my
    les des une est pas sur par pour dans avec qui que ses son sont aux mes mon vos nos notre votre tout tous
    plus mais elle ils elles leur leurs cette ces chez sans sous entre comme aussi être avoir fait
    """.split()  # noqa: SIM905 - words are read more easily so
)


@lru_cache(maxsize=1 << 14)
def terms(description: str | None) -> tuple[str, ...] | None:
    """The terms of a description; None where there is none to read, empty where it says nothing."""
    if description is None:
        return None
    words = (word for word in _WORD.findall(description.casefold()) if not word.startswith("http"))
    return tuple(dict.fromkeys(word for word in words if word not in _GRAMMAR))[:TERMS]
