"""When an account was made.

What it looks for
    The date of creation, from the profile or, where that is absent, from the account's id.

Definition
    The profile's date, else that of a *snowflake* id, which holds its own time in milliseconds:

    * X (Twitter): ``(id >> 22) + 1288834974657``, for ids from 2^57 on (those given since late 2015 to 2016;
      earlier ids are running numbers). The constant is the network's epoch, 4 November 2010.
    * Mastodon: ``id >> 16``, for ids from 2^52 on.

    A time after the post, or before the network's beginning, is none.

Defaults, and why
    The two networks whose ids are known to hold a time. The answer is in minutes, for scripts register
    accounts by the minute.

What it misses
    Networks whose ids are random (Bluesky). A Mastodon server gives an account of another server the id of
    the moment when it first heard of it, and profiles there give the day only.

What it does not prove
    Old accounts are bought and sold.

Examples
--------
>>> created_minute("twitter", "1085000000000000000", None, 1_549_600_000_000) * 60_000  # 15 January 2019
1547519100000
>>> created_minute("twitter", "20", None, 1_549_600_000_000), created_minute("bluesky", "did:plc:a", None, 0)
(-1, -1)
"""

from __future__ import annotations

from detectors.events import Profile, milliseconds
from detectors.looks import UNKNOWN

_MINUTE_MS = 60_000
_X_EPOCH_MS = 1_288_834_974_657
_X_FIRST, _X_SHIFT = 1 << 57, 22
_MASTODON_FIRST, _MASTODON_SHIFT = 1 << 52, 16
_MASTODON_EPOCH_MS = 1_475_000_000_000  # October 2016
_MOST_DIGITS = 19


def created_minute(platform: str, author_id: str, profile: Profile | None, time_ms: int) -> int:
    """The minute since the epoch in which an account was made; -1 where it is not known.

    Parameters
    ----------
    platform, author_id : str
    profile : Profile, optional
    time_ms : int
        Of the post.
    """
    if profile is not None and profile.created_at is not None:
        made_ms = milliseconds(profile.created_at)
    else:
        made_ms = _snowflake_ms(platform, author_id)
    return made_ms // _MINUTE_MS if 0 < made_ms <= time_ms else UNKNOWN


def _snowflake_ms(platform: str, author_id: str) -> int:
    if len(author_id) > _MOST_DIGITS or not author_id.isdecimal() or not author_id.isascii():
        return UNKNOWN
    number = int(author_id)
    if platform in ("twitter", "x") and number >= _X_FIRST:
        return (number >> _X_SHIFT) + _X_EPOCH_MS
    if platform == "mastodon" and number >= _MASTODON_FIRST:
        made_ms = number >> _MASTODON_SHIFT
        return made_ms if made_ms >= _MASTODON_EPOCH_MS else UNKNOWN
    return UNKNOWN
