"""What is remembered of how an account posts, and the look that is made from it.

What it looks for
    Whatever the traits of groups ask of an account: see the other files of this folder, each of which has one
    part of it.

Definition
    After every post `note` updates a few packed bytes. `look` makes a `detectors.looks.Look` from them and
    the profile; one is *due* an hour after the last, and at once when the account woke from a long silence,
    began to post once a minute or has posted often enough to be seen to, or, five minutes after the last,
    wrote another language than in its post before.

Defaults, and why
    An hour: profiles change slowly, and what changes fast makes a look due. Under 200 bytes an account.

What it misses
    What changed within the hour and is none of these.

What it does not prove
    Nothing: it only remembers.

Examples
--------
>>> from detectors.events import from_mapping
>>> from detectors.looks import language_name
>>> habits = Habits()
>>> post = from_mapping({"id": "1", "platform": "x", "author_id": "7", "created_at": 1_500_000_000_000,
...                      "lang": "fr", "client": "Web"})
>>> note(habits, post, post.time_ms)
>>> one = look(habits, post, account=1, first_ms=post.time_ms, posts=1, score=120, activity=1, erased=0,
...            languages=(("fr", 1),))
>>> one.score, language_name(one.usual), one.client, due(habits, post.time_ms)
(120, 'fr', 'Web', False)
"""

from __future__ import annotations

import msgspec

from detectors.accounts.cadence import active, metronome, ran, ran_lately, shift, ticked
from detectors.accounts.creation import created_minute
from detectors.accounts.descriptions import terms
from detectors.accounts.dormancy import woke, woke_days
from detectors.accounts.languages import heard, tongues
from detectors.accounts.profiles import NOTHING
from detectors.accounts.profiles import shown as said_by
from detectors.events import Post, Profile
from detectors.looks import UNKNOWN, Look, language_name, name_hash

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_SOON_MS = 5 * 60_000
AT_ONCE_MS = -_HOUR_MS
_NO_PROFILE = Profile()


class Habits(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """How one account posts."""

    looked_ms: int = AT_ONCE_MS
    """When its last look was made; `AT_ONCE_MS` where one is due."""
    woke: int = 0
    """See `detectors.accounts.dormancy`."""
    recent: bytes = b""
    """See `detectors.accounts.languages`."""
    times: bytes = b""
    """See `detectors.accounts.cadence`."""
    hours: bytes = b""
    """See `detectors.accounts.cadence`."""
    ran_ms: int = UNKNOWN
    """See `detectors.accounts.cadence`."""


def note(habits: Habits, post: Post, last_ms: int) -> None:
    """Remember one more post; `last_ms` is the time of the account's post before, or its own if it is the
    first."""
    time_ms = post.time_ms
    habits.times = ticked(habits.times, time_ms)
    if time_ms // _HOUR_MS != last_ms // _HOUR_MS:  # most follow the one before within its hour
        habits.hours = active(habits.hours, last_ms, time_ms)
        before, habits.woke = habits.woke, woke(habits.woke, last_ms, time_ms)
        if habits.woke != before:
            habits.looked_ms = AT_ONCE_MS
    ran_ms = ran(habits.ran_ms, habits.times, time_ms)
    if ran_ms != habits.ran_ms:
        habits.ran_ms, habits.looked_ms = ran_ms, AT_ONCE_MS
    if post.lang and post.kind != "repost":
        recent = heard(habits.recent, post.lang)
        if recent[-2:] != habits.recent[-2:] and time_ms - habits.looked_ms >= _SOON_MS:
            habits.looked_ms = AT_ONCE_MS
        habits.recent = recent


def due(habits: Habits, time_ms: int) -> bool:
    """Whether a look is to be made at a post of that time."""
    return time_ms - habits.looked_ms >= _HOUR_MS


def look(
    habits: Habits,
    post: Post,
    *,
    account: int,
    first_ms: int,
    posts: int,
    score: int,
    activity: int,
    erased: int,
    languages: tuple[tuple[str, int], ...],
    listed: int = UNKNOWN,
    shown: bytes = b"",
) -> Look:
    """The look of an account at its newest post.

    Parameters
    ----------
    habits : Habits
    post : Post
        Its newest.
    account : int
        See `detectors.looks.account_hash`.
    first_ms : int
        When it was first seen.
    posts, score, activity, erased : int
        See `detectors.accounts.stage.Account`.
    languages : tuple of (str, int)
        See `detectors.accounts.stage.spoken`.
    listed : int
        See `detectors.looks.Look.listed`.
    shown : bytes
        What earlier profiles said (`detectors.accounts.profiles`), for what this post does not.
    """
    habits.looked_ms = time_ms = post.time_ms
    profile = post.author
    created = created_minute(post.platform, post.author_id, profile, time_ms)
    # A profile with its counts is a whole one.
    before = said_by(shown) if profile is None or profile.followers is None else NOTHING
    profile = profile or _NO_PROFILE
    if profile.created_at is None and 0 < before.created_min <= time_ms // _MINUTE_MS:
        created = before.created_min
    tongue = tongues(habits.recent, languages, profile.lang or language_name(before.language))
    all_posts = profile.posts
    if all_posts is None:
        all_posts = UNKNOWN if before.unseen == UNKNOWN else before.unseen + posts
    return Look(
        account,
        name_hash(post.platform),
        time_ms // 1000,
        created,
        score,
        woke_days(
            habits.woke,
            first_ms,
            time_ms,
            created_min=created,
            posts=all_posts,
            seen=posts,
        ),
        tongue.usual,
        tongue.spoken,
        post.client or "",
        metronome(habits.times),
        ran_lately(habits.ran_ms, time_ms),
        shift(habits.hours),
        before.followers if profile.followers is None else profile.followers,
        before.following if profile.following is None else profile.following,
        activity,
        erased,
        listed,
        before.terms if profile.description is None else terms(profile.description),
    )
