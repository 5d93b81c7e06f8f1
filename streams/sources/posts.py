"""Normalised posts (`vigie.post.v1`), one JSON object on a line: read and written.

Besides posts the stream may hold changes: `deletion`, `account` and `profile`, and what a source says of
itself: `gap` and `filter`. An `edit` is a post.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from detectors.coverage import LONGEST_FILTER
from detectors.events import (
    Change,
    Chosen,
    GapReason,
    Item,
    Missing,
    Moment,
    Post,
    Profile,
    Promotion,
    Rejection,
    Status,
    decode_line,
    from_mapping,
)
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


class _Profile(msgspec.Struct, tag_field="event", tag="profile"):
    platform: str
    author_id: str | int
    at: Moment | int
    author: dict[str, object]


LONGEST_SOURCE = 200
"""Characters in the name of a source at most."""
_Source = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SOURCE)]


class _Gap(msgspec.Struct, tag_field="event", tag="gap", rename={"from_": "from"}):
    platform: str
    source: _Source
    from_: Moment | int
    to: Moment | int
    reason: GapReason = "lost"
    at: Moment | int | None = None


class _Filter(msgspec.Struct, tag_field="event", tag="filter"):
    platform: str
    source: _Source
    at: Moment | int
    filter: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_FILTER)] | None = None
    sampling: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


_CHANGES = ("deletion", "account", "profile", "gap", "filter")


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the post or change of a normalised line to a batch, or its rejection.

    Examples
    --------
    >>> batch = Batch()
    >>> take_line(b'{"id":"1","platform":"x","author_id":"a","created_at":"2024-05-01T08:00:00Z"}', 1, batch)
    >>> take_line(b'{"event":"deletion","platform":"x","id":"1","at":1714550400000}', 2, batch)
    >>> take_line(b'oops', 3, batch)
    >>> [item.id for item in batch.posts], [refused.reason for refused in batch.rejected]
    (['1', 'deletion 1714550400000 1'], ['not_json'])
    """
    try:
        batch.accept(number, decode_item(line))
    except Rejection as refused:
        batch.reject(number, refused.reason, refused.detail, line)


def decode_item(line: bytes) -> Item:
    """Turn a normalised line into a post or a change.

    Raises
    ------
    Rejection
        When the line is neither.
    """
    try:
        post = decode_line(line)
        # Only a post without a text can be a change that has all required fields of a post by chance.
        return post if post.text else _change(line) or post
    except Rejection:
        if (change := _change(line)) is None:
            raise
        return change


def _change(line: bytes) -> Change | None:
    """The change that a line is, if it is one; a broken one raises a Rejection."""
    if b'"event"' not in line:
        return None
    record = decode_json(line)
    if not isinstance(record, dict) or record.get("event") not in _CHANGES:
        return None
    try:
        event = msgspec.convert(record, _Deletion | _Account | _Profile | _Gap | _Filter)
        if isinstance(event, _Gap | _Filter):
            return _of_source(event)
        # The rules of times and ids are those of a post.
        stamp = from_mapping(
            {
                "id": getattr(event, "id", "-"),
                "platform": event.platform,
                "author_id": "-" if event.author_id is None else event.author_id,
                "created_at": event.at,
                "author": getattr(event, "author", None),
            }
        )
    except (msgspec.ValidationError, Rejection) as problem:
        raise Rejection("bad_record", f"{record['event']} event: {problem}") from None
    return Change(
        platform=stamp.platform,
        time_ms=stamp.time_ms,
        event=record["event"],
        author_id=None if event.author_id is None else stamp.author_id,
        post_id=stamp.id if isinstance(event, _Deletion) else None,
        status=event.status if isinstance(event, _Account) else None,
        author=stamp.author,
    )


def _of_source(event: _Gap | _Filter) -> Change:
    """What a source says of itself."""

    def moment_ms(at: Moment | int) -> int:
        stamp = {"id": "-", "platform": event.platform, "author_id": "-", "created_at": at}
        return from_mapping(stamp).time_ms

    if isinstance(event, _Filter):
        chosen = Chosen(filter=event.filter, sampling=event.sampling)
        return Change(
            platform=event.platform,
            time_ms=moment_ms(event.at),
            event="filter",
            source=event.source,
            chosen=chosen,
        )
    missing = Missing(start_ms=moment_ms(event.from_), end_ms=moment_ms(event.to), reason=event.reason)
    if missing.start_ms >= missing.end_ms:
        raise Rejection("bad_record", "it ends before it begins")
    return Change(
        platform=event.platform,
        time_ms=missing.end_ms if event.at is None else moment_ms(event.at),
        event="gap",
        source=event.source,
        missing=missing,
    )


def encode_item(item: Item) -> bytes:
    """Write a post or a change as a normalised line, without the line feed.

    >>> encode_item(decode_item(b'{"event":"account","platform":"x","author_id":7,"status":"suspended",'
    ...                         b'"at":1714550400000}'))
    b'{"event":"account","platform":"x","author_id":"7","at":1714550400000,"status":"suspended"}'
    """
    return encode_post(item) if isinstance(item, Post) else encode_change(item)


def encode_change(change: Change) -> bytes:
    """Write a change as a normalised line, without the line feed."""
    fields: dict[str, Any] = {
        "event": change.event,
        "platform": change.platform,
        "id": change.post_id,
        "author_id": change.author_id,
        "at": change.time_ms,
        "status": change.status,
        "author": change.author and _present(change.author, _PROFILE_TIMES),
        "source": change.source,
    }
    if (missing := change.missing) is not None:
        fields |= {"from": missing.start_ms, "to": missing.end_ms, "reason": missing.reason}
    if (chosen := change.chosen) is not None:
        fields |= {"filter": chosen.filter, "sampling": chosen.sampling}
    return _encode({name: value for name, value in fields.items() if value is not None})


_POST_TIMES = ("created_at", "received_at", "claimed_at", "edited_at", "ref_created_at")
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
