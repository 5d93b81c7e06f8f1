"""Statuses of Twitter's API v1.1 and of its streams, one on a line.

A repost (`retweeted_status`) takes its text, hashtags, mentions, links and media from the original, because
its own are cut. The ids come from the `_str` fields. The profile counts are taken for those of the moment the
status was written, because the archive tells no other: `observed_at` is the time of the status.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from html import unescape
from typing import Any

import msgspec

from detectors.events import Change, Rejection
from streams.sources.jsonlines import accept_mapping, decode_json
from streams.sources.records import Batch

PLATFORM = "twitter"
_ANCHOR_TEXT = re.compile(r">([^<]*)<")
_TIME_FORMAT = "%a %b %d %H:%M:%S %z %Y"

# What streams send besides statuses and deletions; they say nothing of a post.
_NOTICES = (
    "limit", "scrub_geo", "status_withheld", "user_withheld", "disconnect", "warning", "friends",
    "friends_str", "event", "for_user", "control", "sitestream",
)  # fmt: skip


class _Thing(msgspec.Struct):
    """A hashtag, mention, link or picture of the entities."""

    text: str | None = None
    id: int | None = None
    id_str: str | None = None
    url: str | None = None
    expanded_url: str | None = None


class _Entities(msgspec.Struct):
    hashtags: list[_Thing] = []
    user_mentions: list[_Thing] = []
    urls: list[_Thing] = []
    media: list[_Thing] = []


class _Extended(msgspec.Struct):
    full_text: str | None = None
    entities: _Entities | None = None
    extended_entities: _Entities | None = None


class _User(msgspec.Struct):
    id: int | None = None
    id_str: str | None = None
    screen_name: str | None = None
    name: str | None = None
    description: str | None = None
    created_at: str | None = None
    followers_count: int | None = None
    friends_count: int | None = None
    statuses_count: int | None = None
    favourites_count: int | None = None
    listed_count: int | None = None
    lang: str | None = None
    location: str | None = None
    verified: bool | None = None
    default_profile: bool | None = None
    default_profile_image: bool | None = None
    protected: bool | None = None


class _Status(msgspec.Struct):
    created_at: str | None = None
    id: int | None = None
    id_str: str | None = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: _Extended | None = None
    entities: _Entities | None = None
    extended_entities: _Entities | None = None
    source: str | None = None
    lang: str | None = None
    user: _User | None = None
    is_quote_status: bool | None = None
    in_reply_to_status_id: int | None = None
    in_reply_to_status_id_str: str | None = None
    in_reply_to_user_id: int | None = None
    in_reply_to_user_id_str: str | None = None
    quoted_status_id: int | None = None
    quoted_status_id_str: str | None = None
    quoted_status: _Status | None = None
    retweeted_status: _Status | None = None


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the status of a line to a batch, or its rejection. A list of statuses is taken apart."""
    try:
        record = decode_json(line)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)
        return
    if isinstance(record, dict) and isinstance(record.get("statuses"), list):
        record = record["statuses"]  # an answer of the search
    for item in record if isinstance(record, list) and record else [record]:
        _take(item, number, line, batch)


def _take(record: Any, number: int, line: bytes, batch: Batch) -> None:
    if not isinstance(record, dict):
        batch.reject(number, "not_an_object", f"expected a status, got {type(record).__name__}", line)
    elif _is_deletion(record):
        _take_deletion(record["delete"], number, batch)
    elif "user" not in record and any(name in record for name in _NOTICES):
        batch.reject(number, "no_post", "a notice of the stream, not a status", line)
    else:
        try:
            fields = _fields(msgspec.convert(record, _Status))
        except msgspec.ValidationError as problem:
            batch.reject(number, "wrong_type", str(problem), line)
        except Rejection as problem:
            batch.reject(number, problem.reason, problem.detail, line)
        else:
            accept_mapping(fields, number, line, batch)


def _is_deletion(record: dict[str, Any]) -> bool:
    gone = record.get("delete")
    return isinstance(gone, dict) and isinstance(gone.get("status"), dict)


def _take_deletion(gone: dict[str, Any], number: int, batch: Batch) -> None:
    """Add a deletion; streams of before 2014 do not say when it happened, and then it is only counted."""
    status, at = gone["status"], str(gone.get("timestamp_ms", ""))
    post_id = status.get("id_str") or status.get("id")
    author_id = status.get("user_id_str") or status.get("user_id")
    if not at.isdecimal() or not post_id:
        batch.events += 1
        return
    batch.accept(
        number,
        Change(
            platform=PLATFORM,
            time_ms=int(at),
            event="deletion",
            post_id=str(post_id),
            author_id=str(author_id) if author_id else None,
        ),
    )


def _fields(status: _Status) -> dict[str, Any]:
    at = _moment(status.created_at)
    original = status.retweeted_status
    shown = original or status
    return {
        "platform": PLATFORM,
        "id": _id(status.id_str, status.id),
        "author_id": _author_id(status.user),
        "author": _profile(status.user, at),
        "created_at": at,
        "text": unescape(_text(shown)),
        "lang": shown.lang or status.lang,
        "client": client_name(status.source),
        **_contents(shown),
        **_reference(status, at),
    }


def _reference(status: _Status, at: datetime | None) -> dict[str, Any]:
    """What the status reposts, replies to or quotes: the first of these, as a post has one reference."""
    if (original := status.retweeted_status) is not None:
        return {"kind": "repost", **_referred(original, at)}
    replied = _id(status.in_reply_to_status_id_str, status.in_reply_to_status_id)
    target = _id(status.in_reply_to_user_id_str, status.in_reply_to_user_id)
    if replied or target:
        return {"kind": "reply", "ref_id": replied, "ref_author_id": target}
    quoted = _id(status.quoted_status_id_str, status.quoted_status_id)
    if status.quoted_status is not None:
        return {"kind": "quote", **_referred(status.quoted_status, at)}
    if quoted or status.is_quote_status:
        return {"kind": "quote", "ref_id": quoted}
    return {"kind": "original"}


def _referred(status: _Status, at: datetime | None) -> dict[str, Any]:
    return {
        "ref_id": _id(status.id_str, status.id),
        "ref_author_id": _author_id(status.user),
        "ref_created_at": _moment(status.created_at),
        "ref_author": _profile(status.user, at),
    }


def _text(status: _Status) -> str:
    full = status.extended_tweet.full_text if status.extended_tweet else None
    return full or status.full_text or status.text or ""


def _contents(status: _Status) -> dict[str, Any]:
    extended = status.extended_tweet or _Extended()
    entities = extended.entities or status.entities
    if entities is None:
        return {}
    pictures = extended.extended_entities or status.extended_entities or entities
    return {
        "hashtags": [tag.text for tag in entities.hashtags if tag.text],
        "mentions": _ids(entities.user_mentions),
        "links": [link.expanded_url or link.url for link in entities.urls if link.expanded_url or link.url],
        "media": _ids(pictures.media),
    }


def _ids(things: list[_Thing]) -> list[str]:
    return [found for thing in things if (found := _id(thing.id_str, thing.id))]


def _id(text: str | None, number: int | None) -> str | None:
    """The id as a string; archives from before 2010 have it only as a number."""
    return text or (str(number) if number is not None else None)


def _author_id(user: _User | None) -> str | None:
    return _id(user.id_str, user.id) if user else None


def _profile(user: _User | None, observed_at: datetime | None) -> dict[str, Any] | None:
    if user is None or user.screen_name is None:  # a trimmed user has only its id
        return None
    return {
        "handle": user.screen_name,
        "name": user.name,
        "description": user.description,
        "created_at": _moment(user.created_at),
        "observed_at": observed_at,
        "followers": user.followers_count,
        "following": user.friends_count,
        "posts": user.statuses_count,
        "likes": user.favourites_count,
        "listed": user.listed_count,
        "lang": user.lang,
        "location": user.location,
        "verified": user.verified,
        "default_profile": user.default_profile,
        "default_avatar": user.default_profile_image,
        "protected": user.protected,
    }


def client_name(source: str | None) -> str | None:
    """The name of a client out of the anchor that Twitter gives; None where there is none.

    >>> client_name('<a href="https://example.org" rel="nofollow">Example &amp; Co</a>')
    'Example & Co'
    >>> client_name("web")
    'web'
    """
    if not source:
        return None
    found = _ANCHOR_TEXT.search(source)
    return unescape(found[1] if found else source).strip() or None


@lru_cache(maxsize=16384)  # accounts repeat, and so do their creation dates
def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, _TIME_FORMAT)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return _parse_time(text)
    except ValueError:
        raise Rejection("bad_time", f"{text[:100]!r} is not a time of Twitter's API v1.1") from None
