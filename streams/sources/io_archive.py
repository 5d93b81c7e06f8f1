"""The archive of information operations that Twitter published: the accounts it attributed, and their posts.

Both generations are read. The first (2018) has `poll_choices`, ids of small accounts as 64 hexadecimal
digits and lists as `[a, b]`; later ones drop columns, write ids of small accounts in Base64 and lists as
`['a', 'b']`. So columns are found by name, and only those without which there is no post must be there.

Times are to the minute, dates of accounts to the day. Where an account is hashed, its hash stands also for
its name and handle, which are then absent. A repost is cut and begins with `RT @name: `; what is left is the
text of the original.

A row of the table of users is a change of profile. It tells no time but the account's creation, which is
taken: the counts in it are of the day on which the account was suspended, as those in the table of posts
are.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

from detectors.events import Change, Post, Profile, Rejection, milliseconds
from streams.sources import cells
from streams.sources.twitter_v1 import PLATFORM

if TYPE_CHECKING:
    from streams.sources.rows import Columns, MakeItem

POSTS = ("tweetid", "userid", "tweet_time", "tweet_text")
"""Columns that the table of posts must have."""
USERS = ("userid", "user_screen_name", "account_creation_date")
"""Columns that the table of users must have."""
MINUTE_S = 60.0

_REPOST_PREFIX = re.compile(r"RT @\w+: ")
_TRUE = frozenset({"true", "True", "TRUE", "1"})
_NOBODY = ("", "0")
"""What stands for the id of an account that is not known."""
_TIME_FORMATS = ("iso", "%Y-%m-%d %H:%M")
_PROFILE_COLUMNS = (
    "userid",
    "user_screen_name",
    "user_display_name",
    "user_profile_description",
    "user_reported_location",
    "account_creation_date",
    "account_language",
    "follower_count",
    "following_count",
)


def compiled_posts(columns: Columns) -> MakeItem:
    """Make the function from a row of the table of posts to a post."""
    id_at, author_at, time_at, text_at = (columns[name] for name in POSTS)
    profile_at = [columns[name] for name in _PROFILE_COLUMNS]
    lang_at, client_at = columns["tweet_language"], columns["tweet_client_name"]
    reposted_at, repost_of_at, repost_from_at = (
        columns[name] for name in ("is_retweet", "retweet_tweetid", "retweet_userid")
    )
    reply_to_at, reply_whom_at = columns["in_reply_to_tweetid"], columns["in_reply_to_userid"]
    quote_at = columns["quoted_tweet_tweetid"]
    tags_at, mentions_at, links_at = (columns[name] for name in ("hashtags", "user_mentions", "urls"))

    def post_of(row: list[str]) -> Post:
        created, time_ms = minute(row[time_at])
        post = Post(
            id=_required(row[id_at], "tweetid"),
            platform=PLATFORM,
            author_id=_required(row[author_at], "userid"),
            created_at=created,
            time_ms=time_ms,
            precision_s=MINUTE_S,
            lang=row[lang_at] or None,
            client=row[client_at] or None,
            hashtags=_list(row[tags_at], ","),
            mentions=_people(row[mentions_at]),
            links=_list(row[links_at], ", "),
            author=_profile(*[row[at] for at in profile_at]),
        )
        text = row[text_at]
        if row[reposted_at] in _TRUE:
            post.kind = "repost"
            text = text[prefix.end() :] if (prefix := _REPOST_PREFIX.match(text)) else text
            post.ref_id, post.ref_author_id = row[repost_of_at] or None, row[repost_from_at] or None
        elif row[reply_to_at] or row[reply_whom_at]:
            post.kind = "reply"
            post.ref_id, post.ref_author_id = row[reply_to_at] or None, row[reply_whom_at] or None
        elif row[quote_at]:
            post.kind = "quote"
            post.ref_id = row[quote_at]
        post.text = unescape(text) if "&" in text else text
        return post

    return post_of


def compiled_users(columns: Columns) -> MakeItem:
    """Make the function from a row of the table of users to a change of profile."""
    author_at, since_at = columns["userid"], columns["account_creation_date"]
    profile_at = [columns[name] for name in _PROFILE_COLUMNS]

    def profile_of(row: list[str]) -> Change:
        author_id = _required(row[author_at], "userid")
        time_ms = minute(row[since_at])[1]
        profile = _profile(*[row[at] for at in profile_at])
        return Change(
            platform=PLATFORM, time_ms=time_ms, event="profile", author_id=author_id, author=profile
        )

    return profile_of


@lru_cache(maxsize=1 << 14)  # minutes and days repeat a lot
def minute(text: str) -> tuple[datetime, int]:
    """A time in UTC, also in milliseconds since the epoch.

    >>> minute("2017-08-06 08:15")[1]
    1502007300000
    """
    found = cells.moment(text.strip(), _TIME_FORMATS).astimezone(UTC)
    if not 2000 <= found.year < 2100:
        raise Rejection("bad_time", f"{text[:100]!r} is outside of 2000 to 2100")
    return found, milliseconds(found)


def _required(cell: str, column: str) -> str:
    if not cell:
        raise Rejection("missing_field", f"the row has no {column}")
    if len(cell) > 1024:
        raise Rejection("wrong_type", f"{column} is longer than 1024 characters")
    return cell


def _list(cell: str, separator: str) -> list[str] | None:
    """A list; None where the cell is empty, which says nothing."""
    if cell == "[]":
        return []
    if cell.startswith("['") and cell.endswith("']") and '"' not in cell and "\\" not in cell:
        return [item for item in cell[2:-2].split("', '") if item]
    return cells.listed(cell, separator) if cell else None


def _people(cell: str) -> list[str] | None:
    found = _list(cell, ",")
    return [one for one in found if one not in _NOBODY] if found else found


@lru_cache(maxsize=1 << 12)  # the archive repeats an account's profile with each of its posts
def _profile(
    id: str,
    handle: str,
    name: str,
    description: str,
    location: str,
    since: str,
    lang: str,
    followers: str,
    following: str,
) -> Profile:
    return Profile(
        handle=handle if handle != id else None,
        name=name if name != id else None,
        description=description,
        created_at=minute(since)[0] if since else None,
        followers=cells.integer(followers) if followers else None,
        following=cells.integer(following) if following else None,
        lang=lang or None,
        location=location or None,
    )
