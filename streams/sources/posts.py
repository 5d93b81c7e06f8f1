"""Normalised posts (`vigie.post.v1`), one JSON object on a line: read and written.

Besides posts the stream may hold other events: `deletion`, `account` and `profile` are recognised and
counted; `edit` is a post.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from detectors.accounts.stage import Status
from detectors.events import Moment, Post, Profile, Promotion, Rejection, decode_line, milliseconds
from streams.sources.jsonlines import decode_json
from streams.sources.records import Batch


class _Deletion(msgspec.Struct, tag_field="event", tag="deletion"):
    platform: str
    id: str | int
    at: Moment | int
    author_id: str | int | None = None  # some networks say only which post is gone


class _Account(msgspec.Struct, tag_field="event", tag="account"):
    platform: str
    author_id: str | int
    status: Status
    at: Moment | int


class _Change(msgspec.Struct, tag_field="event", tag="profile"):
    platform: str
    author_id: str | int
    at: Moment | int
    author: dict[str, object]


_OTHER_EVENTS = ("deletion", "account", "profile")


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the post or event of a normalised line to a batch, or its rejection.

    Examples
    --------
    >>> batch = Batch()
    >>> take_line(b'{"id":"1","platform":"x","author_id":"a","created_at":"2024-05-01T08:00:00Z"}', 1, batch)
    >>> take_line(b'{"event":"deletion","platform":"x","id":"1","at":1714550400000}', 2, batch)
    >>> take_line(b'oops', 3, batch)
    >>> len(batch.posts), batch.events, [refused.reason for refused in batch.rejected]
    (1, 1, ['not_json'])
    """
    try:
        post = decode_line(line)
        # Only a post without a text can be another event that has all required fields of a post by chance.
        if not post.text and _is_other_event(line):
            batch.events += 1
            return
    except Rejection as problem:
        _take_odd(line, number, problem, batch)
        return
    batch.posts.append(post)
    batch.lines.append(number)


def _take_odd(line: bytes, number: int, problem: Rejection, batch: Batch) -> None:
    """Take a line that is no post: another event, or refused."""
    try:
        if _is_other_event(line):
            batch.events += 1
            return
    except Rejection as event_problem:
        problem = event_problem
    batch.reject(number, problem.reason, problem.detail, line)


def _is_other_event(line: bytes) -> bool:
    """Whether the line is an event that is no post; a broken one raises a Rejection."""
    if b'"event"' not in line:
        return False
    record = decode_json(line)
    if not isinstance(record, dict) or record.get("event") not in _OTHER_EVENTS:
        return False
    try:
        msgspec.convert(record, _Deletion | _Account | _Change)
    except msgspec.ValidationError as problem:
        raise Rejection("bad_record", f"{record['event']} event: {problem}") from None
    return True


def decode_status(line: bytes) -> tuple[str, str, Status, int] | None:
    """Platform, author id, status and time (epoch ms) of an `account` event; None for any other line.

    >>> decode_status(b'{"event":"account","platform":"x","author_id":7,"status":"suspended",'
    ...               b'"at":1714550400000}')
    ('x', '7', 'suspended', 1714550400000)
    """
    if b'"account"' not in line:
        return None
    try:
        event = msgspec.json.decode(line, type=_Account)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    at_ms = event.at if isinstance(event.at, int) else milliseconds(event.at)
    return event.platform, str(event.author_id), event.status, at_ms


_POST_TIMES = ("created_at", "received_at", "edited_at", "ref_created_at")
_PROFILE_TIMES = ("created_at", "observed_at")
_encode = msgspec.json.Encoder().encode


def encode_post(post: Post) -> bytes:
    r"""Write a post as a normalised line, without the line feed.

    Absent fields are left out. Times are RFC 3339 in UTC with milliseconds, or with microseconds where
    the source was that fine. Reading the line again gives an equal post.

    Examples
    --------
    >>> encode_post(decode_line(b'{"id":1,"platform":"x","author_id":"a","created_at":1714550400000}'))
    b'{"id":"1","platform":"x","author_id":"a","created_at":"2024-05-01T08:00:00.000Z","kind":"original"}'
    """
    fields = _present(post, _POST_TIMES)
    del fields["time_ms"]
    if not post.text:
        del fields["text"]
    if post.author is not None:
        fields["author"] = _present(post.author, _PROFILE_TIMES)
    if post.ref_author is not None:
        fields["ref_author"] = _present(post.ref_author, _PROFILE_TIMES)
    if post.promoted is not None:
        fields["promoted"] = _present(post.promoted, ())
    return _encode(fields)


def _present(record: Post | Profile | Promotion, times: tuple[str, ...]) -> dict[str, Any]:
    values = zip(record.__struct_fields__, msgspec.structs.astuple(record), strict=True)
    fields = {name: value for name, value in values if value is not None}
    for name in times:
        if name in fields:
            fields[name] = _utc(fields[name])
    return fields


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:  # the first or last day that there is; its own zone says the same
        return moment.isoformat()
    fineness = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=fineness)[:-6] + "Z"
