"""The table of the Internet Research Agency's posts that Clemson University and FiveThirtyEight published.

Times are to the minute. Replies are not marked. A repost has the text of the original and not its id, so the
text, hashed, stands for it: the same in every repost of it. `external_author_id` is rounded in parts of the
table; `alt_external_id` is exact. The labels (`account_type`, `account_category`) stay out: a detector must
not see the answer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

from detectors.events import Kind, Post, Profile, Rejection, milliseconds
from streams.sources import cells
from streams.sources.io_archive import MINUTE_S
from streams.sources.twitter_v1 import PLATFORM

if TYPE_CHECKING:
    from streams.sources.rows import Columns, MakeItem

POSTS = ("external_author_id", "author", "content", "publish_date", "post_type")
"""Columns that the table must have."""

_TIME_FORMATS = ("%m/%d/%Y %H:%M", "iso")
_KINDS: dict[str, Kind] = {"RETWEET": "repost", "QUOTE_TWEET": "quote"}
_ACCOUNTS = ("alt_external_id", "external_author_id", "author")
_LINKS = ("tco1_step1", "tco2_step1", "tco3_step1")

_LANGUAGES = {
    "Albanian": "sq",
    "Arabic": "ar",
    "Bulgarian": "bg",
    "Catalan": "ca",
    "Croatian": "hr",
    "Czech": "cs",
    "Danish": "da",
    "Dutch": "nl",
    "English": "en",
    "Estonian": "et",
    "Farsi (Persian)": "fa",
    "Finnish": "fi",
    "French": "fr",
    "German": "de",
    "Greek": "el",
    "Gujarati": "gu",
    "Hebrew": "he",
    "Hindi": "hi",
    "Hungarian": "hu",
    "Icelandic": "is",
    "Indonesian": "id",
    "Italian": "it",
    "Japanese": "ja",
    "Kannada": "kn",
    "Korean": "ko",
    "Kurdish": "ku",
    "Latvian": "lv",
    "Lithuanian": "lt",
    "Macedonian": "mk",
    "Malay": "ms",
    "Norwegian": "no",
    "Polish": "pl",
    "Portuguese": "pt",
    "Pushto": "ps",
    "Romanian": "ro",
    "Russian": "ru",
    "Serbian": "sr",
    "Simplified Chinese": "zh",
    "Slovak": "sk",
    "Slovenian": "sl",
    "Somali": "so",
    "Spanish": "es",
    "Swedish": "sv",
    "Tagalog (Filipino)": "tl",
    "Tamil": "ta",
    "Telugu": "te",
    "Thai": "th",
    "Traditional Chinese": "zh",
    "Turkish": "tr",
    "Ukrainian": "uk",
    "Urdu": "ur",
    "Uzbek": "uz",
    "Vietnamese": "vi",
}
"""As the collecting tool wrote them; `LANGUAGE UNDEFINED` is none."""


def compiled(columns: Columns) -> MakeItem:
    """Make the function from a row to a post."""
    id_at, url_at = columns["tweet_id"], columns["article_url"]
    accounts_at = [columns[name] for name in _ACCOUNTS]
    links_at = [columns[name] for name in _LINKS]
    text_at, time_at, kind_at, lang_at = (
        columns[name] for name in ("content", "publish_date", "post_type", "language")
    )
    handle_at, followers_at, following_at, posts_at = (
        columns[name] for name in ("author", "followers", "following", "updates")
    )

    def post_of(row: list[str]) -> Post:
        created, time_ms = _minute(row[time_at])
        account = next((row[at] for at in accounts_at if row[at]), "")
        id, content = row[id_at], row[text_at]
        if not id or not account:
            raise Rejection("missing_field", "the row has no tweet_id, or no account")
        if max(len(id), len(account)) > 1024:
            raise Rejection("wrong_type", "an id is longer than 1024 characters")
        kind: Kind = _KINDS.get(row[kind_at], "original")
        return Post(
            id=id,
            platform=PLATFORM,
            author_id=account,
            created_at=created,
            time_ms=time_ms,
            kind=kind,
            text=unescape(content) if "&" in content else content,
            precision_s=MINUTE_S,
            lang=_LANGUAGES.get(row[lang_at]),
            url=row[url_at] or None,
            ref_id=cells.hashed([content]) if kind == "repost" else None,
            links=[row[at] for at in links_at if row[at]] or None,
            author=Profile(
                handle=row[handle_at] or None,
                observed_at=created,
                followers=_count(row[followers_at]),
                following=_count(row[following_at]),
                posts=_count(row[posts_at]),
            ),
        )

    return post_of


@lru_cache(maxsize=1 << 14)
def _minute(text: str) -> tuple[datetime, int]:
    found = cells.moment(text.strip(), _TIME_FORMATS).astimezone(UTC)
    return found, milliseconds(found)


def _count(cell: str) -> int | None:
    return cells.integer(cell) if cell else None
