"""Accounts that were silent for months and post again.

What it looks for
    A post after 90 days of silence or more.

Definition
    *Seen*: the stream's last post of the account is 90 days older than the next one. An account that was
    first seen more than 14 days ago and did not wake since is known not to have woken in these 14 days.

    *Proved by the profile*: an account of D days that has n posts, m of them seen since it was first seen
    here d days ago, made n - m posts in D - d days, and so was silent for (D - d) / (n - m + 1) days at
    least once (the pigeonhole principle). It counts if that is 90 days or more and it was first seen within
    14 days.

    An account younger than 90 days cannot have been silent so long. All else is unknown.

Defaults, and why
    ``SILENT_DAYS`` 90: longer than a holiday or an illness. ``AWAKE_DAYS`` 14: an operation lasts days. What
    the profile proves is only counted of accounts that came into the stream of late.

What it misses
    A silence that began before the memory does, of an account with many posts: nobody knows of it. Accounts
    forgotten for want of room.

What it does not prove
    An account that erased its old posts looks as if it had been silent. People return, too.

Examples
--------
>>> DAY = 86_400_000
>>> woke(0, 0, 100 * DAY), woke(0, 0, 89 * DAY), woke(woke(0, 0, 100 * DAY), 100 * DAY, 101 * DAY) // AWAKE
(100000100, 0, 100)
>>> woke_days(woke(0, 0, 100 * DAY), 0, 110 * DAY), woke_days(woke(0, 0, 100 * DAY), 0, 120 * DAY)
(100, 0)
>>> woke_days(0, 119 * DAY, 120 * DAY), woke_days(0, 119 * DAY, 120 * DAY, created_min=0, posts=3, seen=3)
(-1, 119)
"""

from __future__ import annotations

from detectors.looks import UNKNOWN

DAY_MS = 86_400_000
SILENT_DAYS = 90
NOT_PROVED = -2
"""Said of an account whose profile does not prove a silence, which is not the same as none."""
AWAKE_DAYS = 14
AWAKE = 1_000_000
"""A memory is the day on which the account woke, and the days of its silence, times this."""


def woke(memory: int, last_ms: int, time_ms: int) -> int:
    """The memory of an account's last silence after one more post; 0 where there was none."""
    silent_days = (time_ms - last_ms) // DAY_MS
    if silent_days < SILENT_DAYS:
        return memory
    return silent_days * AWAKE + time_ms // DAY_MS


def woke_days(
    memory: int,
    first_ms: int,
    time_ms: int,
    *,
    created_min: int = UNKNOWN,
    posts: int = UNKNOWN,
    seen: int = 0,
) -> int:
    """Days of the silence out of which it woke of late; 0 for none, -1 unknown, -2 not proved by its profile.

    Parameters
    ----------
    memory : int
        See `woke`.
    first_ms, time_ms : int
        Of the first post that was seen, and of the newest.
    created_min : int
        When the account was made, in minutes since the epoch.
    posts : int
        Of the profile, the newest included.
    seen : int
        Posts that were seen.
    """
    silent_days, day = divmod(memory, AWAKE)
    if silent_days and time_ms // DAY_MS - day <= AWAKE_DAYS:
        return silent_days
    if time_ms - first_ms > AWAKE_DAYS * DAY_MS:
        return 0
    if created_min == UNKNOWN:
        return UNKNOWN
    lived = (first_ms - created_min * 60_000) // DAY_MS
    if lived < SILENT_DAYS:
        return 0
    if posts == UNKNOWN:
        return UNKNOWN
    proved = lived // (max(posts - seen, 0) + 1)
    return proved if proved >= SILENT_DAYS else NOT_PROVED
