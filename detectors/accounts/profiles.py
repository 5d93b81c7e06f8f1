"""What a profile said, for later posts of the account that come without one.

What it looks for
    The date, the counts, the language and the description of an account whose network does not send its
    profile with every post.

Definition
    A profile comes with a post, or the network tells of it by itself (`event: profile`). Of those with posts
    one in `rescore_minutes` is looked at, of the others each. What it says replaces what earlier ones said;
    what it does not say stays. A look at a post without a profile, or with one that tells no
    counts, is completed from that. Profiles told of accounts that have not posted yet wait for the first post
    (`detectors.accounts.stage`).

Defaults, and why
    Eighteen bytes, and the terms of the description (`detectors.accounts.descriptions`): what looks have, and
    no more of a person than that.

What it misses
    What changed after the last profile that was seen: counts are as old as it is. What was forgotten with the
    account.

What it does not prove
    Nothing: it only remembers.

Examples
--------
>>> from datetime import UTC, datetime
>>> said = remembered(b"", Profile(created_at=datetime(2024, 5, 1, tzinfo=UTC), description="The sea"), 1)
>>> said = remembered(said, Profile(followers=7, posts=40), 3)
>>> shown(said)
Shown(created_min=28575360, language=0, followers=7, following=-1, unseen=37, terms=('sea',))
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import msgspec

from detectors.accounts.descriptions import terms
from detectors.events import Profile, milliseconds
from detectors.looks import NO_LANGUAGE, UNKNOWN, language_code

_FIXED = struct.Struct(">iHiii")
_MOST = 2**31 - 1
_MINUTE_MS = 60_000
LONGEST_TEXT = 500
"""Characters that are kept of a text of a profile that waits."""


class Shown(NamedTuple):
    """What is known of a profile; `UNKNOWN` where it was not said."""

    created_min: int = UNKNOWN
    """When the account was made, in minutes since the epoch."""
    language: int = NO_LANGUAGE
    """See `detectors.looks.language_code`."""
    followers: int = UNKNOWN
    following: int = UNKNOWN
    unseen: int = UNKNOWN
    """Posts that it had made before the first one that was seen; unlike that of all, this count stays."""
    terms: tuple[str, ...] | None = None


NOTHING = Shown()


def remembered(before: bytes, profile: Profile, seen: int) -> bytes:
    """What is remembered of an account after one more profile, when so many of its posts were seen."""
    known = shown(before)
    created, posts = profile.created_at, profile.posts
    followers, following = profile.followers, profile.following
    words = known.terms if profile.description is None else terms(profile.description)
    fixed = _FIXED.pack(
        known.created_min if created is None else _bounded(milliseconds(created) // _MINUTE_MS),
        language_code(profile.lang) or known.language,
        known.followers if followers is None else _bounded(followers),
        known.following if following is None else _bounded(following),
        known.unseen if posts is None else _bounded(max(posts - seen, 0)),
    )
    return fixed if words is None else fixed + b" " + " ".join(words).encode("utf-8", "surrogatepass")


def shown(said: bytes) -> Shown:
    """What `remembered` keeps, unpacked."""
    if not said:
        return NOTHING
    created, language, followers, following, unseen = _FIXED.unpack_from(said)
    words = said[_FIXED.size :]
    return Shown(
        created,
        language,
        followers,
        following,
        unseen,
        tuple(words.decode("utf-8", "surrogatepass").split()) if words else None,
    )


def _bounded(count: int) -> int:
    return count if 0 <= count <= _MOST else _MOST if count > 0 else UNKNOWN


def completed(before: Profile | None, profile: Profile) -> Profile:
    """A profile with what an earlier one said besides, and texts of bounded length.

    >>> completed(Profile(handle="ana", followers=3), Profile(description="x" * 1000)).handle
    'ana'
    """
    names = Profile.__struct_fields__
    fields = {name: value for name in names if (value := getattr(profile, name)) is not None}
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = value[:LONGEST_TEXT]
    return msgspec.structs.replace(before or Profile(), **fields)
