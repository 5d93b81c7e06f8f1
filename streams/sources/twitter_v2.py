"""Tweets of Twitter's API v2, in every form in which archives hold them.

A line is an answer of the API (`data`, `includes`, `meta`), a frame of the filtered stream, one tweet (also
flattened by twarc, with the author inside), or a list of tweets. Authors, referenced tweets and mentioned
users are looked up in `includes`. Metadata are no posts; they are refused as `no_post`. Deletions and what
the compliance streams say of accounts are changes; what has no time or no such meaning is counted.

Users where tweets could be, as twarc writes lists of users and of followers, are changes of profile. They
stand at the date of the account's creation, before all its posts, since an archive says it for all of them;
without that date at the time at which twarc asked (`__twarc`), and without both they are refused.

A repost takes text, hashtags, mentions, links and media from the original where the answer includes it. Where
it does not, the leading `RT @name:` is taken off the text, which the API cuts.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any, TypeVar

import msgspec

from detectors.events import Change, Moment, Rejection, Status, from_mapping, milliseconds
from streams.sources.jsonlines import accept_mapping, decode_json
from streams.sources.records import Batch
from streams.sources.twitter_v1 import PLATFORM, client_name

_REPOST_PREFIX = re.compile(r"^RT @\w+: ")
_MEDIA_HOSTS = ("pic.twitter.com/", "pic.x.com/")
_STATUSES: dict[str, Status] = {
    "user_delete": "deleted",
    "user_undelete": "active",
    "user_protect": "protected",
    "user_unprotect": "active",
    "user_suspend": "suspended",
    "user_unsuspend": "active",
}
_KINDS = {"retweeted": "repost", "replied_to": "reply", "quoted": "quote"}


class _Counts(msgspec.Struct):
    followers_count: int | None = None
    following_count: int | None = None
    tweet_count: int | None = None
    like_count: int | None = None
    listed_count: int | None = None


class _User(msgspec.Struct):
    id: str
    username: str | None = None
    name: str | None = None
    description: str | None = None
    created_at: Moment | None = None
    location: str | None = None
    verified: bool | None = None
    protected: bool | None = None
    public_metrics: _Counts | None = None


class _Tag(msgspec.Struct):
    tag: str


class _Mention(msgspec.Struct):
    start: int | None = None
    id: str | None = None
    username: str | None = None


class _Link(msgspec.Struct):
    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    media_key: str | None = None


class _Entities(msgspec.Struct):
    hashtags: list[_Tag] = []
    mentions: list[_Mention] = []
    urls: list[_Link] = []


class _Note(msgspec.Struct):
    """The full text of a tweet of more than 280 characters."""

    text: str | None = None
    entities: _Entities | None = None


class _Attachments(msgspec.Struct):
    media_keys: list[str] = []


class _Tweet(msgspec.Struct):
    id: str
    text: str | None = None
    author_id: str | None = None
    author: _User | None = None
    created_at: Moment | None = None
    lang: str | None = None
    source: str | None = None
    conversation_id: str | None = None
    in_reply_to_user_id: str | None = None
    referenced_tweets: list[_Reference] | None = None
    entities: _Entities | None = None
    note_tweet: _Note | None = None
    attachments: _Attachments | None = None


class _Reference(_Tweet, kw_only=True):
    """A referenced tweet: its id and how it is meant. Flattened archives have the whole tweet here."""

    type: str


_T = TypeVar("_T", _User, _Tweet)


class _Includes:
    """Users and tweets that an answer brings along, by id. What is broken among them is left out."""

    def __init__(self, includes: Any) -> None:
        parts = includes if isinstance(includes, dict) else {}
        self.users = _by_id(parts.get("users"), _User)
        self.tweets = _by_id(parts.get("tweets"), _Tweet)
        self.user_ids = {user.username.lower(): user.id for user in self.users.values() if user.username}


def _by_id(items: Any, kind: type[_T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for item in items if isinstance(items, list) else []:
        try:
            thing = msgspec.convert(item, kind)
        except msgspec.ValidationError:
            continue
        found[thing.id] = thing
    return found


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the tweets of a line to a batch, and a rejection for all in it that is no tweet."""
    try:
        record = decode_json(line)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)
        return
    includes, asked_at = _Includes(None), None
    if isinstance(record, dict) and "data" in record:
        includes, asked_at = _Includes(record.get("includes")), _asked_at(record)
        record = record["data"]
    for item in record if isinstance(record, list) and record else [record]:
        _take(item, includes, asked_at, number, line, batch)


def _take(
    record: Any, includes: _Includes, asked_at: datetime | None, number: int, line: bytes, batch: Batch
) -> None:
    if not isinstance(record, dict):
        detail = f"expected a tweet, got {type(record).__name__}"
        batch.reject(number, "no_post" if record == [] else "not_an_object", detail, line)
    elif _is_compliance(record):
        change = _change(record)
        if change is None:
            batch.events += 1
        else:
            batch.accept(number, change)
    elif _is_user(record):
        _take_user(record, _asked_at(record) or asked_at, number, line, batch)
    elif why := _no_tweet(record):
        batch.reject(number, "no_post", why, line)
    else:
        try:
            fields = _fields(msgspec.convert(record, _Tweet), includes)
        except msgspec.ValidationError as problem:
            reason = "missing_field" if "missing required" in str(problem) else "wrong_type"
            batch.reject(number, reason, str(problem), line)
        else:
            accept_mapping(fields, number, line, batch)


def _is_compliance(record: dict[str, Any]) -> bool:
    """Whether this is an event of a compliance job (`action`) or stream (one key, with its `event_at`)."""
    if isinstance(record.get("action"), str):
        return isinstance(record.get("id"), str) and "text" not in record
    if len(record) != 1:
        return False
    (inner,) = record.values()
    return isinstance(inner, dict) and "event_at" in inner


class _Owner(msgspec.Struct):
    id: str
    author_id: str | None = None


class _Compliance(msgspec.Struct):
    """What happened to a tweet or a user, and when."""

    event_at: Moment
    tweet: _Owner | None = None
    user: _Owner | None = None


def _change(record: dict[str, Any]) -> Change | None:
    """The change that a compliance record tells; None where it tells no time, or no such thing."""
    try:
        if "action" in record:  # of a job: when the tweet was found to be gone
            gone_at = msgspec.convert(record.get("redacted_at"), Moment)
            return _deletion(record["id"], None, milliseconds(gone_at))
        ((name, inner),) = record.items()
        told = msgspec.convert(inner, _Compliance)
    except msgspec.ValidationError:
        return None
    at_ms = milliseconds(told.event_at)
    if name in ("delete", "tweet_delete") and told.tweet is not None:
        return _deletion(told.tweet.id, told.tweet.author_id, at_ms)
    if name in _STATUSES and told.user is not None:
        return Change(
            platform=PLATFORM, time_ms=at_ms, event="account", author_id=told.user.id, status=_STATUSES[name]
        )
    return None


def _deletion(post_id: str, author_id: str | None, at_ms: int) -> Change:
    return Change(platform=PLATFORM, time_ms=at_ms, event="deletion", post_id=post_id, author_id=author_id)


def _no_tweet(record: dict[str, Any]) -> str | None:
    if "text" in record or "author_id" in record:
        return None
    if "id" not in record and any(name in record for name in ("meta", "errors", "includes", "title")):
        return "an answer without posts"
    return None


def _is_user(record: dict[str, Any]) -> bool:
    return "username" in record and "text" not in record and "author_id" not in record


class _Twarc(msgspec.Struct):
    """What twarc adds to what it writes."""

    retrieved_at: Moment | None = None


class _Asked(msgspec.Struct):
    twarc: _Twarc = msgspec.field(default_factory=_Twarc, name="__twarc")


def _asked_at(record: dict[str, Any]) -> datetime | None:
    """When twarc asked the API, where it says so."""
    try:
        return msgspec.convert(record, _Asked).twarc.retrieved_at
    except msgspec.ValidationError:
        return None


def _take_user(
    record: dict[str, Any], asked_at: datetime | None, number: int, line: bytes, batch: Batch
) -> None:
    """Add the profile of a user, as a normalised line would tell it."""
    try:
        user = msgspec.convert(record, _User)
    except msgspec.ValidationError as problem:
        batch.reject(number, "bad_record", f"a user: {problem}", line)
        return
    at = user.created_at or asked_at
    if at is None:
        batch.reject(number, "no_post", "a user, without a date of it or of the request", line)
        return
    try:
        stamp = from_mapping(
            {
                "id": "-",
                "platform": PLATFORM,
                "author_id": user.id,
                "created_at": at,
                "author": _profile(user, asked_at),
            }
        )
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)
        return
    change = Change(
        platform=PLATFORM,
        time_ms=stamp.time_ms,
        event="profile",
        author_id=stamp.author_id,
        author=stamp.author,
    )
    batch.accept(number, change)


def _fields(tweet: _Tweet, includes: _Includes) -> dict[str, Any]:
    kind, reference = _reference(tweet)
    author = tweet.author or includes.users.get(tweet.author_id or "")
    original = _whole(reference, includes)
    shown, text = tweet, _text(tweet)
    if kind == "repost":
        if original is not None and original.text:
            shown, text = original, _text(original)
        else:
            text = _REPOST_PREFIX.sub("", text)
    return {
        "platform": PLATFORM,
        "id": tweet.id,
        "author_id": tweet.author_id or (author.id if author else None),
        "author": _profile(author, tweet.created_at),
        "created_at": tweet.created_at,
        "kind": kind,
        "text": unescape(text),
        "lang": shown.lang or tweet.lang,
        "client": client_name(tweet.source),
        "conversation_id": tweet.conversation_id,
        **_contents(shown, includes),
        **_referred(tweet, kind, reference, original, includes),
    }


def _reference(tweet: _Tweet) -> tuple[str, _Reference | None]:
    """Kind of the tweet and the tweet it refers to; a reply that also quotes is a reply."""
    by_type = {reference.type: reference for reference in tweet.referenced_tweets or []}
    for name, kind in _KINDS.items():
        if name in by_type:
            return kind, by_type[name]
    return ("reply" if tweet.in_reply_to_user_id else "original"), None


def _whole(reference: _Reference | None, includes: _Includes) -> _Tweet | None:
    if reference is None:
        return None
    return includes.tweets.get(reference.id) or (reference if reference.text is not None else None)


def _referred(
    tweet: _Tweet, kind: str, reference: _Reference | None, original: _Tweet | None, includes: _Includes
) -> dict[str, Any]:
    fields: dict[str, Any] = {"ref_id": reference.id if reference else None}
    if kind == "reply":
        fields["ref_author_id"] = tweet.in_reply_to_user_id
    if original is None:
        if kind == "repost":
            fields["ref_author_id"] = _reposted_author(tweet, includes)
        return fields
    author = original.author or includes.users.get(original.author_id or "")
    fields["ref_author_id"] = original.author_id or (author.id if author else fields.get("ref_author_id"))
    fields["ref_created_at"] = original.created_at
    # The answer shows this author as it was when the tweet was fetched, not when the original was written.
    fields["ref_author"] = _profile(author, tweet.created_at)
    return fields


def _reposted_author(tweet: _Tweet, includes: _Includes) -> str | None:
    """Who was reposted, when the original is not included: the mention right behind `RT @`."""
    if tweet.entities and tweet.text and tweet.text.startswith("RT @"):
        for mention in tweet.entities.mentions:
            if mention.start == 3:
                return mention.id or includes.user_ids.get((mention.username or "").lower())
    return None


def _text(tweet: _Tweet) -> str:
    return (tweet.note_tweet.text if tweet.note_tweet else None) or tweet.text or ""


def _contents(tweet: _Tweet, includes: _Includes) -> dict[str, Any]:
    media = tweet.attachments.media_keys if tweet.attachments else None
    entities = (tweet.note_tweet.entities if tweet.note_tweet else None) or tweet.entities
    if entities is None:
        return {"media": media}
    return {
        "hashtags": [hashtag.tag for hashtag in entities.hashtags],
        "mentions": [found for mention in entities.mentions if (found := _mentioned(mention, includes))],
        "links": [found for link in entities.urls if (found := _target(link))],
        "media": media,
    }


def _mentioned(mention: _Mention, includes: _Includes) -> str | None:
    """The id of who is mentioned; the lower-case handle where the archive does not tell the id."""
    handle = (mention.username or "").lower()
    return mention.id or includes.user_ids.get(handle) or handle or None


def _target(link: _Link) -> str | None:
    """Where a link leads; None for the link to the tweet's own picture, which is no shared page."""
    if link.media_key or (link.display_url or "").startswith(_MEDIA_HOSTS):
        return None
    return link.expanded_url or link.url


def _profile(user: _User | None, observed_at: datetime | None) -> dict[str, Any] | None:
    if user is None or user.username is None:
        return None
    counts = user.public_metrics or _Counts()
    return {
        "handle": user.username,
        "name": user.name,
        "description": user.description,
        "created_at": user.created_at,
        "observed_at": observed_at,
        "followers": counts.followers_count,
        "following": counts.following_count,
        "posts": counts.tweet_count,
        "likes": counts.like_count,
        "listed": counts.listed_count,
        "location": user.location,
        "verified": user.verified,
        "protected": user.protected,
    }
