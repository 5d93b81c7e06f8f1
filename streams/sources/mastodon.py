"""Statuses of Mastodon, one on a line, and the events of its streams.

A line is a status, a list of them, an answer of the search (`statuses`), or a frame of the WebSocket stream
(`event` and `payload`). Boosts take text, tags, mentions, links and media from the original. An edited
status is the same post with its `edited_at`. What is not for everyone (`private`, `direct`) is refused: a
watch room reads what is public.

Ids are those of the one instance that was asked: `id`, `in_reply_to_id` and the ids of accounts count there
alone. A stream of several instances needs names that hold everywhere; whoever reads one gives other `Names`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from detectors.events import Change, Moment, Post, Profile, Rejection, milliseconds
from streams.sources.claimed_time import event_time
from streams.sources.html_text import links_of, text_of
from streams.sources.jsonlines import decode_json
from streams.sources.records import Batch

PLATFORM = "mastodon"
_PUBLIC = ("public", "unlisted")
_LONGEST_ID = 1024
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100
_QUOTED = re.compile(r'<(p|span) class="quote-inline">.*?</\1>', re.DOTALL)
"""For readers that know no quotes: the address of the quoted post, put before the text."""

_Id = str | int


class Account(msgspec.Struct, gc=False):
    """Who wrote a status."""

    id: _Id
    acct: str
    """`name` on the instance itself, `name@domain` elsewhere."""
    display_name: str | None = None
    note: str | None = None
    avatar: str | None = None
    created_at: Moment | None = None
    followers_count: int | None = None
    following_count: int | None = None
    statuses_count: int | None = None


class Mention(msgspec.Struct, gc=False):
    """An account that a status names."""

    id: _Id
    acct: str


class _Tag(msgspec.Struct, gc=False):
    name: str


class Media(msgspec.Struct, gc=False):
    """A picture, video or sound."""

    id: _Id
    url: str | None = None
    remote_url: str | None = None
    """Where it was first shown, if that was another instance."""


class _Application(msgspec.Struct, gc=False):
    name: str | None = None


class _Quote(msgspec.Struct, gc=False):
    """What is known of the quoted status: all of it, its id, or nothing."""

    quoted_status: Status | None = None
    quoted_status_id: _Id | None = None


class Status(msgspec.Struct, gc=False):
    """One status as the API gives it."""

    id: _Id
    created_at: Moment
    account: Account
    uri: str | None = None
    url: str | None = None
    content: str | None = None
    spoiler_text: str | None = None
    visibility: str = "public"
    language: str | None = None
    edited_at: Moment | None = None
    application: _Application | None = None
    mentions: list[Mention] = []
    tags: list[_Tag] = []
    media_attachments: list[Media] = []
    in_reply_to_id: _Id | None = None
    in_reply_to_account_id: _Id | None = None
    reblog: Status | None = None
    quote: _Quote | None = None


class Names(Protocol):
    """How posts, accounts and media are named."""

    def status(self, status: Status) -> str:
        """The name of a status."""

    def status_id(self, id: str) -> str:
        """The name of a status of which only the id is known."""

    def account(self, account: Account | Mention) -> str:
        """The name of an account."""

    def answered(self, id: str, status: Status) -> str | None:
        """The name of the account that a status answers, by its id; None where that is not known."""

    def media(self, media: Media) -> str:
        """The name of a picture."""


class LocalNames:
    """Names by the ids of the one instance that was asked."""

    def status(self, status: Status) -> str:
        """See `Names`."""
        return str(status.id)

    def status_id(self, id: str) -> str:
        """See `Names`."""
        return id

    def account(self, account: Account | Mention) -> str:
        """See `Names`."""
        return str(account.id)

    def answered(self, id: str, status: Status) -> str | None:
        """See `Names`."""
        return id

    def media(self, media: Media) -> str:
        """See `Names`."""
        return str(media.id)


_LOCAL = LocalNames()
_decode = msgspec.json.Decoder(Status | list[Status]).decode
_decode_one = msgspec.json.Decoder(Status).decode


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the statuses of a line to a batch, and a rejection for what is none.

    Examples
    --------
    >>> batch = Batch()
    >>> take_line(b'{"id":"109348684737626801","created_at":"2022-11-15T16:08:30.000Z","content":'
    ...           b'"<p>Hi!</p>","account":{"id":"795442","acct":"ana@example.org"}}', 1, batch)
    >>> batch.posts[0].id, batch.posts[0].author_id, batch.posts[0].text
    ('109348684737626801', '795442', 'Hi!')
    """
    try:
        found = _decode(line)
    except msgspec.ValidationError as problem:
        _take_odd(line, str(problem), number, batch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        batch.reject(number, "not_json", str(problem), line)
    else:
        for status in found if isinstance(found, list) else [found]:
            _take(status, _LOCAL, None, number, line, batch)
        if not found:
            batch.reject(number, "no_post", "an answer without a status", line)


def _take_odd(line: bytes, why: str, number: int, batch: Batch) -> None:
    """Take a line that is neither a status nor a list of good ones."""
    try:
        record = decode_json(line)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)
        return
    if isinstance(record, dict) and isinstance(record.get("event"), str):
        payload = record.get("payload")
        data = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
        take_event(record["event"], data, number, batch)
        return
    if isinstance(record, dict) and isinstance(record.get("statuses"), list):
        record = record["statuses"]
    if record == []:
        batch.reject(number, "no_post", "an answer without a status", line)
    for item in record if isinstance(record, list) else [record]:
        _convert(item, why, number, line, batch)


def _convert(item: Any, why: str, number: int, line: bytes, batch: Batch) -> None:
    if not isinstance(item, dict):
        batch.reject(number, "not_an_object", f"expected a status, got {type(item).__name__}", line)
        return
    try:
        status = msgspec.convert(item, Status)
    except msgspec.ValidationError as problem:
        reason = "missing_field" if "missing required" in str(problem) else "wrong_type"
        batch.reject(number, reason, str(problem) or why, line)
    else:
        _take(status, _LOCAL, None, number, line, batch)


def take_event(
    event: str,
    data: bytes,
    number: int,
    batch: Batch,
    names: Names = _LOCAL,
    witnessed_ms: int | None = None,
) -> None:
    """Add what an event of a stream tells to a batch, or its rejection.

    Parameters
    ----------
    event : str
        `update`, `status.update` or `delete`; others tell nothing of public posts and are counted.
    data : bytes
        A status in JSON, or the id of the one that is gone.
    witnessed_ms : int, optional
        When it came, in milliseconds since the epoch. Without it `created_at` is taken as it is, and a
        deletion, which tells no time itself, is refused.
    """
    if event in ("update", "status.update"):
        try:
            status = _decode_one(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            reason = "wrong_type" if isinstance(problem, msgspec.ValidationError) else "not_json"
            batch.reject(number, reason, str(problem), data)
        else:
            _take(status, names, witnessed_ms, number, data, batch)
    elif event != "delete":
        batch.events += 1
    elif witnessed_ms is None:
        batch.reject(number, "missing_field", "the deletion does not say when it happened", data)
    else:
        _take_deletion(data, number, batch, names, witnessed_ms)


def _take_deletion(data: bytes, number: int, batch: Batch, names: Names, witnessed_ms: int) -> None:
    id = data.decode(errors="replace").strip().strip('"')
    if not 0 < len(id) <= _LONGEST_ID:
        batch.reject(number, "bad_record", "a deletion names the status that is gone", data)
        return
    gone = names.status_id(id)
    batch.accept(number, Change(platform=PLATFORM, time_ms=witnessed_ms, event="deletion", post_id=gone))


def _take(
    status: Status, names: Names, witnessed_ms: int | None, number: int, line: bytes, batch: Batch
) -> None:
    if status.visibility not in _PUBLIC:
        # What is not for everyone is not kept either.
        batch.reject(number, "no_post", f"the status is {status.visibility[:20]}, not public", b"")
        return
    try:
        post = _post(status, names, witnessed_ms, batch)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)
    else:
        batch.accept(number, post)


def _post(status: Status, names: Names, witnessed_ms: int | None, batch: Batch) -> Post:
    shown = status.reblog or status
    created, time_ms = _time(status, witnessed_ms, batch)
    witnessed = None if witnessed_ms is None else datetime.fromtimestamp(witnessed_ms / 1000, UTC)
    content = shown.content or ""
    if shown.quote is not None:
        content = _QUOTED.sub("", content)
    text = text_of(content)
    post = Post(
        id=names.status(status),
        platform=PLATFORM,
        author_id=names.account(status.account),
        author=_profile(status.account, witnessed or created),
        created_at=created,
        time_ms=time_ms,
        received_at=witnessed,
        claimed_at=status.created_at if created is not status.created_at else None,
        edited_at=status.edited_at,
        # A content warning stands before the text, and may be all that is seen of it.
        text=f"{shown.spoiler_text}\n\n{text}" if shown.spoiler_text else text,
        lang=shown.language,
        client=status.application.name if status.application else None,
        url=status.url,
        hashtags=[tag.name for tag in shown.tags],
        mentions=[names.account(mention) for mention in shown.mentions],
        links=links_of(content) if "<a" in content else [],
        media=[names.media(media) for media in shown.media_attachments],
    )
    _take_reference(post, status, names)
    if not post.id or not post.author_id:
        raise Rejection("empty_id", "id and the account's id must not be empty")
    if len(post.id) > _LONGEST_ID or len(post.author_id) > _LONGEST_ID:
        raise Rejection("wrong_type", f"an id is longer than {_LONGEST_ID} characters")
    return post


def _time(status: Status, witnessed_ms: int | None, batch: Batch) -> tuple[datetime, int]:
    """The event time, as a moment and in milliseconds. A server far away may claim any time."""
    claimed_ms = milliseconds(status.created_at)
    if not _EARLIEST_MS <= claimed_ms < _LATEST_MS:
        raise Rejection("bad_time", f"created_at is {status.created_at.isoformat()}, outside of 2000 to 2100")
    if witnessed_ms is None:
        return status.created_at, claimed_ms
    time_ms, verdict = event_time(claimed_ms, witnessed_ms, edited=status.edited_at is not None)
    if verdict != "believed":
        batch.claims[verdict] += 1
    if time_ms == claimed_ms:
        return status.created_at, time_ms
    return datetime.fromtimestamp(time_ms / 1000, UTC), time_ms


def _take_reference(post: Post, status: Status, names: Names) -> None:
    """What the status boosts, answers or quotes: the first of these, as a post has one reference."""
    replied, answered, quote = status.in_reply_to_id, status.in_reply_to_account_id, status.quote
    if status.reblog is not None:
        post.kind = "repost"
        _refer(post, status.reblog, names)
    elif replied is not None or answered is not None:
        post.kind = "reply"
        post.ref_id = None if replied is None else names.status_id(str(replied))
        post.ref_author_id = None if answered is None else names.answered(str(answered), status)
    elif quote is not None:
        post.kind = "quote"
        if quote.quoted_status is not None:
            _refer(post, quote.quoted_status, names)
        elif quote.quoted_status_id is not None:
            post.ref_id = names.status_id(str(quote.quoted_status_id))


def _refer(post: Post, to: Status, names: Names) -> None:
    post.ref_id = names.status(to)
    post.ref_author_id = names.account(to.account)
    post.ref_created_at = to.created_at
    # The API shows this author as it is when asked, not as it was when the original was written.
    post.ref_author = _profile(to.account, post.received_at or post.created_at)


def _profile(account: Account, observed_at: datetime) -> Profile:
    return Profile(
        handle=account.acct,
        name=account.display_name,
        description=text_of(account.note) if account.note is not None else None,
        created_at=account.created_at,
        observed_at=observed_at,
        followers=_count(account.followers_count),
        following=_count(account.following_count),
        posts=_count(account.statuses_count),
        default_avatar=account.avatar.endswith("/missing.png") if account.avatar else None,
    )


def _count(number: int | None) -> int | None:
    """A count; instances write -1 where the account keeps it to itself."""
    return number if number is not None and number >= 0 else None
