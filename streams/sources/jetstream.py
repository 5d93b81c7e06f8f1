"""Events of Bluesky's Jetstream, one on a line, in both of its forms.

The first form (`/subscribe`) has `kind` and `time_us`; the second (`network.bsky.jetstream.subscribeEvents`)
wraps a `payload` and tells its time in RFC 3339. Posts, reposts, replies and quotes become posts; deletions,
the status of accounts and new profiles become changes. Likes, follows and other records are no posts and
refused as such.

A post is named by its address, `at://did/collection/rkey`, because that is how reposts and replies name it.
Its event time follows the rule of `streams.sources.claimed_time`: `createdAt` is the author's claim,
`time_us` is when Jetstream saw the event, which is kept as `received_at`.

Mentions, links and tags come from the facets alone, as the network shows them: a `#word` without a facet is
plain text there. Facets count in bytes of UTF-8; one that reaches beyond the text, or covers nothing of it,
is left out. Pictures and videos are named by the hash of their content, so that the same picture has one
name whoever posts it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from detectors.events import Change, Moment, Post, Profile, Rejection, Status, milliseconds
from streams.sources.claimed_time import event_time
from streams.sources.jsonlines import decode_json
from streams.sources.records import Batch

PLATFORM = "bluesky"
POST, REPOST, PROFILE = "app.bsky.feed.post", "app.bsky.feed.repost", "app.bsky.actor.profile"
COLLECTIONS = (POST, REPOST, PROFILE)
"""The records that are read."""

_STATUSES: dict[str | None, Status] = {
    "takendown": "suspended",
    "suspended": "suspended",
    "deleted": "deleted",
    "deactivated": "deactivated",
}
_EARLIEST_US, _LATEST_US = 946_684_800_000_000, 4_102_444_800_000_000  # 2000 and 2100
_FACET = "app.bsky.richtext.facet#"

# Together with a collection they stay below the longest id that a post may have.
_Did = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class _Ref(msgspec.Struct, gc=False):
    """Another record; one that comes with media is wrapped once more."""

    uri: str | None = None
    record: _Ref | None = None


class _Reply(msgspec.Struct, gc=False):
    parent: _Ref
    root: _Ref


class _Link(msgspec.Struct, gc=False, rename={"link": "$link"}):
    link: str


class _Blob(msgspec.Struct, gc=False):
    ref: _Link | None = None
    cid: str | None = None
    """In records of 2022."""


class _Image(msgspec.Struct, gc=False):
    image: _Blob


class _External(msgspec.Struct, gc=False):
    uri: str


class _Embed(msgspec.Struct, gc=False):
    record: _Ref | None = None
    external: _External | None = None
    images: list[_Image] = []
    video: _Blob | None = None
    media: _Embed | None = None


class _Slice(msgspec.Struct, gc=False, rename="camel"):
    byte_start: int
    byte_end: int


class _Feature(msgspec.Struct, gc=False, rename={"type": "$type"}):
    type: str
    did: str | None = None
    uri: str | None = None
    tag: str | None = None


class _Facet(msgspec.Struct, gc=False):
    index: _Slice
    features: list[_Feature]


class _Record(msgspec.Struct, gc=False, rename="camel"):
    """A post, a repost or a profile. What they have stands side by side, so that one step decodes all."""

    created_at: str | None = None
    text: str = ""
    langs: list[str] | None = None
    facets: list[_Facet] | None = None
    tags: list[str] | None = None
    reply: _Reply | None = None
    embed: _Embed | None = None
    subject: _Ref | None = None
    display_name: str | None = None
    description: str | None = None
    avatar: Any = None


class _Commit(msgspec.Struct, gc=False):
    operation: str = ""
    collection: str = ""
    rkey: _Key = ""
    record: _Record | None = None


class _Identity(msgspec.Struct, gc=False):
    handle: str | None = None


class _Account(msgspec.Struct, gc=False):
    active: bool
    status: str | None = None


class _Payload(_Commit, gc=False, rename={"type": "$type", "witnessed_at": "witnessedAt"}):
    """A message of the second form; that of a commit is the commit itself."""

    type: str = ""
    did: _Did = ""
    time: Moment | None = None
    witnessed_at: Moment | None = None
    identity: _Identity | None = None
    account: _Account | None = None
    name: str = ""


class Event(msgspec.Struct, gc=False, rename={"witnessed_us": "time_us", "type": "$type", "name": "error"}):
    """One event. The first form is decoded into it; the second is turned into it."""

    kind: str = ""
    """`commit`, `identity`, `account`, `sync`; `info` and `error` are about the stream itself."""
    did: _Did = ""
    witnessed_us: int = 0
    """When Jetstream saw it, in microseconds since the epoch: the place in the stream. 0 where none."""
    commit: _Commit | None = None
    identity: _Identity | None = None
    account: _Account | None = None
    name: str = ""
    """Of an `info` or an `error`."""
    type: str = ""
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(Event).decode


def take_line(line: bytes, number: int, batch: Batch) -> None:
    """Add the post or change of an event to a batch, or its rejection.

    Examples
    --------
    >>> batch = Batch()
    >>> take_line(b'{"did":"did:plc:a","time_us":1714550400000000,"kind":"commit","commit":{"operation":'
    ...           b'"create","collection":"app.bsky.feed.post","rkey":"3k","record":{"text":"hi",'
    ...           b'"createdAt":"2024-05-01T07:59:59.5Z"}}}', 1, batch)
    >>> batch.posts[0].id, batch.posts[0].time_ms
    ('at://did:plc:a/app.bsky.feed.post/3k', 1714550399500)
    """
    try:
        take_event(read_event(line), line, number, batch)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, line)


def read_event(line: bytes) -> Event:
    """Decode a frame.

    Raises
    ------
    Rejection
        When it is no event of Jetstream.
    """
    try:
        event = _decode(line)
    except msgspec.ValidationError as problem:
        raise _why_not(line, str(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Rejection("not_json", str(problem)) from None
    if event.type:
        event = _of_second_form(event)
    elif not event.did or not event.kind:
        raise Rejection("bad_record", "an event of Jetstream has did, time_us and kind")
    if event.did and not _EARLIEST_US <= event.witnessed_us < _LATEST_US:
        raise Rejection("bad_time", f"{event.witnessed_us} is no time in microseconds of 2000 to 2100")
    return event


def _of_second_form(event: Event) -> Event:
    if event.type == "error":
        return Event("error", name=event.name)
    payload = event.payload
    if payload is None:
        raise Rejection("bad_record", "a frame of Jetstream is a message or an error")
    kind = payload.type.rpartition("#")[2]
    if kind == "info":
        return Event("info", name=payload.name)
    witnessed = payload.witnessed_at or payload.time
    if witnessed is None or not payload.did:
        raise Rejection("missing_field", "a message of Jetstream has did and time")
    witnessed_us = milliseconds(witnessed) * 1000 + witnessed.microsecond % 1000
    return Event(kind, payload.did, witnessed_us, payload, payload.identity, payload.account)


def _why_not(line: bytes, problem: str) -> Rejection:
    """Why JSON of another shape is no event. Records that are not read may look as they like."""
    try:
        record = decode_json(line)
    except Rejection as not_json:
        return not_json
    if not isinstance(record, dict):
        return Rejection("not_an_object", f"expected an event, got {type(record).__name__}")
    inner = record.get("commit", record.get("payload"))
    collection = inner.get("collection") if isinstance(inner, dict) else None
    if isinstance(collection, str) and collection not in COLLECTIONS:
        return _unread(collection)
    return Rejection("wrong_type", problem)


def _unread(collection: str) -> Rejection:
    return Rejection("no_post", f"a record of {collection[:100]}, which is no post")


def take_event(event: Event, line: bytes, number: int, batch: Batch) -> None:
    """Add what an event holds to a batch, or its rejection. `line` is what it was read from."""
    if event.kind == "commit" and event.commit is not None:
        try:
            item = _of_commit(event, event.commit, batch)
        except Rejection as problem:
            batch.reject(number, problem.reason, problem.detail, line)
            return
    elif event.kind == "account":
        item = _of_account(event)
    elif event.kind == "identity":
        handle = event.identity.handle if event.identity else None
        item = _change(event, "profile", author=_profile(event, handle=handle)) if handle else None
    else:
        item = None  # a notice of the stream, or a repository to be read again: nothing that was posted
    if item is None:
        batch.events += 1
    else:
        batch.accept(number, item)


def event_of_record(did: str, collection: str, rkey: str, record: Any, undated_us: int) -> Event:
    """A record of an export as the event of its creation, witnessed when its author says.

    Parameters
    ----------
    did, collection, rkey : str
        Whose it is, and its key.
    record : Any
        As JSON.
    undated_us : int
        Time of a record that has none, in microseconds since the epoch; 0 where it is not known.

    Raises
    ------
    Rejection
    """
    if collection not in COLLECTIONS:
        raise _unread(collection)
    try:
        made = {"operation": "create", "collection": collection, "rkey": rkey, "record": record}
        commit = msgspec.convert(made, _Commit)
    except msgspec.ValidationError as problem:
        raise Rejection("wrong_type", str(problem)) from None
    claimed = _claimed(commit.record.created_at) if commit.record else None
    at_us = undated_us if claimed is None else milliseconds(claimed) * 1000 + claimed.microsecond % 1000
    if not _EARLIEST_US <= at_us < _LATEST_US:
        raise Rejection("missing_field", "the record has no createdAt")
    return Event("commit", did, at_us, commit)


def _of_account(event: Event) -> Change | None:
    """A change of status; None where no reason is given, or the trouble is the host's alone."""
    account = event.account
    if account is None:
        return None
    status = "active" if account.active else _STATUSES.get(account.status)
    return _change(event, "account", status=status) if status else None


def _of_commit(event: Event, commit: _Commit, batch: Batch) -> Post | Change | None:
    collection, record = commit.collection, commit.record
    if collection not in COLLECTIONS:
        raise _unread(collection)
    if not commit.rkey:
        raise Rejection("missing_field", "the commit has no rkey")
    uri = f"at://{event.did}/{collection}/{commit.rkey}"
    if commit.operation == "delete":
        return _change(event, "deletion", post_id=uri) if collection != PROFILE else None
    if commit.operation not in ("create", "update") or record is None:
        raise Rejection("bad_record", f"{commit.operation[:100]!r} without what it is done to")
    if collection == PROFILE:
        return _change(event, "profile", author=_told(event, record))
    return _post(event, record, uri, edited=commit.operation == "update", batch=batch)


def _change(event: Event, kind: Any, **fields: Any) -> Change:
    return Change(
        platform=PLATFORM, time_ms=event.witnessed_us // 1000, event=kind, author_id=event.did, **fields
    )


def _profile(event: Event, **fields: Any) -> Profile:
    return Profile(observed_at=_moment(event.witnessed_us), **fields)


def _told(event: Event, record: _Record) -> Profile:
    """A profile. Its `createdAt` says when the profile was written, not the account: it is left out."""
    return _profile(
        event, name=record.display_name, description=record.description, default_avatar=record.avatar is None
    )


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)


def _post(event: Event, record: _Record, uri: str, *, edited: bool, batch: Batch) -> Post:
    witnessed = _moment(event.witnessed_us)
    claimed = _claimed(record.created_at)
    claimed_ms = None if claimed is None else milliseconds(claimed)
    time_ms, verdict = event_time(claimed_ms, event.witnessed_us // 1000, edited=edited)
    if verdict != "believed":
        batch.claims[verdict] += 1
    post = Post(
        id=uri,
        platform=PLATFORM,
        author_id=event.did,
        created_at=claimed if claimed is not None and time_ms == claimed_ms else witnessed,
        time_ms=time_ms,
        claimed_at=claimed if time_ms != claimed_ms else None,
        received_at=witnessed,
        edited_at=witnessed if edited else None,
    )
    if record.subject is not None:
        post.kind = "repost"
        _refer(post, record.subject.uri)
    else:
        post.text = record.text
        post.lang = record.langs[0] if record.langs else None
        _take_facets(post, record)
        _take_embed(post, record.embed)
        if record.reply is not None:
            post.kind = "reply"
            post.conversation_id = record.reply.root.uri
            _refer(post, record.reply.parent.uri)
    return post


def _claimed(text: str | None) -> datetime | None:
    """The time that the author claims; None where it is no time of this century."""
    if text is None:
        return None
    try:
        claimed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 2000 <= claimed.year < 2100:
        return None
    if claimed.tzinfo is None:
        return claimed.replace(tzinfo=UTC)
    return claimed if claimed.tzinfo is UTC else claimed.astimezone(UTC)


def _refer(post: Post, uri: str | None) -> None:
    """Note which post this one is about, and whose it is: its address begins with its author's DID."""
    post.ref_id = uri
    if uri is not None and uri.startswith("at://"):
        post.ref_author_id = uri[5:].partition("/")[0] or None


def _take_facets(post: Post, record: _Record) -> None:
    tags: list[str] = []
    mentions: list[str] = []
    links: list[str] = []
    if record.facets:
        text = record.text
        end = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        for facet in sorted(record.facets, key=_start) if len(record.facets) > 1 else record.facets:
            if not 0 <= facet.index.byte_start < facet.index.byte_end <= end:
                continue
            for feature in facet.features:
                kind = feature.type.removeprefix(_FACET)
                if kind == "tag" and feature.tag:
                    tags.append(feature.tag)
                elif kind == "mention" and feature.did:
                    mentions.append(feature.did)
                elif kind == "link" and feature.uri:
                    links.append(feature.uri)
    post.hashtags = tags + record.tags if record.tags else tags
    post.mentions, post.links = mentions, links


def _start(facet: _Facet) -> int:
    return facet.index.byte_start


def _take_embed(post: Post, embed: _Embed | None) -> None:
    """A quoted post, the page of a link card, pictures and videos."""
    if embed is None:
        return
    quoted = embed.record
    if quoted is not None:
        uri = quoted.uri or (quoted.record.uri if quoted.record is not None else None)
        if uri is not None and f"/{POST}/" in uri:  # not a list, a feed or a starter pack
            post.kind = "quote"
            _refer(post, uri)
    shown = embed.media or embed
    if shown.external is not None and shown.external.uri not in (links := post.links or []):
        post.links = [*links, shown.external.uri]
    blobs = [image.image for image in shown.images] + ([shown.video] if shown.video else [])
    names = [blob.ref.link if blob.ref else blob.cid for blob in blobs]
    post.media = [name for name in names if name] or None
