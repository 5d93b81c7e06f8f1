"""The normalised post (`vigie.post.v1`) and how a line or a mapping becomes one.

A post is decoded and validated in one step by msgspec. Lines that keep to the strict form (ids as strings,
times as RFC 3339) take the fast way; those with integer ids or times in epoch milliseconds take a second,
tolerant look. Whatever is wrong with a line ends as a `Rejection` with one of `REASONS`, never as another
exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

Kind = Literal["original", "repost", "reply", "quote"]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with a zone, so that any two can be compared. The tolerant way reads one without a zone as UTC."""

REASONS: dict[str, str] = {
    "not_json": "the line is not JSON (cut off, or another format)",
    "not_an_object": "the line is JSON but not an object",
    "missing_field": "a required field is absent: id, platform, author_id or created_at",
    "wrong_type": "a field has a value of the wrong type",
    "bad_time": "a time is neither RFC 3339 nor epoch milliseconds between 2000 and 2100",
    "future_time": "created_at lies in the future of the reading clock",
    "empty_id": "id, platform or author_id is an empty string",
    "bad_record": "the record does not have the shape of its format",
    "no_post": "the record is well formed but holds no post",
}
"""Every reason for which a record can be refused, with its meaning."""

CANARY = "vigie-canary"
"""The platform of synthetic posts that test the way from end to end; they count for nothing else."""

MAX_ID_LENGTH = 1024
_EARLIEST_MS = 946_684_800_000  # 2000-01-01
_LATEST_MS = 4_102_444_800_000  # 2100-01-01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rejection(ValueError):
    """A record that is not a post, with its reason.

    Parameters
    ----------
    reason : str
        One of the keys of `REASONS`; it is counted under this name.
    detail : str
        One sentence for a person, for example which field and what was expected.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Profile(msgspec.Struct, kw_only=True, gc=False):
    """What the network said of an account when the post was observed. Absent (None) is not zero."""

    handle: str | None = None
    name: str | None = None
    description: str | None = None
    created_at: Moment | None = None
    observed_at: Moment | None = None
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    likes: int | None = None
    listed: int | None = None
    lang: str | None = None
    location: str | None = None
    verified: bool | None = None
    default_profile: bool | None = None
    default_avatar: bool | None = None
    protected: bool | None = None


class Promotion(msgspec.Struct, kw_only=True, gc=False):
    """What is known of a paid post: who paid, how much, shown to whom."""

    payer: str | None = None
    spend: float | None = None
    currency: str | None = None
    audiences: list[str] | None = None
    impressions: int | None = None


class Post(msgspec.Struct, kw_only=True, gc=False):
    """One public message, repost, reply or quote, normalised (`vigie.post.v1`).

    `time_ms` is `created_at` in milliseconds since the epoch, set on decoding; it is the event time.
    `claimed_at` is what the author's device said where it is not believed; `created_at` is then when the
    network saw the post. `hashtags`, `mentions` and `links` are None where the network gave none (then they
    are read from the text) and empty where there are none.
    """

    id: str
    platform: str
    author_id: str
    created_at: Moment
    time_ms: int = 0
    kind: Kind = "original"
    text: str = ""
    received_at: Moment | None = None
    claimed_at: Moment | None = None
    edited_at: Moment | None = None
    precision_s: float | None = None
    lang: str | None = None
    client: str | None = None
    url: str | None = None
    ref_id: str | None = None
    ref_author_id: str | None = None
    ref_created_at: Moment | None = None
    ref_author: Profile | None = None
    conversation_id: str | None = None
    hashtags: list[str] | None = None
    mentions: list[str] | None = None
    links: list[str] | None = None
    media: list[str] | None = None
    promoted: Promotion | None = None
    author: Profile | None = None
    lang_identified: bool | None = None
    """Whether `lang` was told from the text, and not declared by the network."""


Status = Literal["active", "suspended", "deleted", "protected", "deactivated"]
"""What a network says has become of an account."""


GapReason = Literal["silent", "lost", "too_much", "late", "refused", "unreachable"]
"""Why posts of a time are missing: nothing came, where chance leaves no such silence; the network offers them
no more; more was missed than is asked for; they came back when their time was judged; the source does not let
itself be read; it cannot be reached."""


class Missing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time of which a source could not give all."""

    start_ms: int
    end_ms: int
    reason: GapReason = "lost"


class Chosen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What chose the posts that a source gives, out of those that there are."""

    filter: str | None = None
    """Query or rule, in the source's own words."""
    sampling: float | None = None
    """Share of the posts that it gives."""


class Change(msgspec.Struct, kw_only=True, gc=False):
    """What is no post but became of one, or of an account: a deletion, a status, a new profile.

    Or what a source says of itself: a gap in what it gave, what chooses its posts.
    """

    platform: str
    time_ms: int
    event: Literal["deletion", "account", "profile", "gap", "filter"]
    author_id: str | None = None
    """None where the network says only which post is gone."""
    post_id: str | None = None
    """Of a deletion."""
    status: Status | None = None
    """Of an account."""
    author: Profile | None = None
    """Of a profile."""
    source: str | None = None
    """Which source speaks: the network, or one instance of it."""
    missing: Missing | None = None
    """Of a gap."""
    chosen: Chosen | None = None
    """Of a filter."""

    @property
    def id(self) -> str:
        """Tells it from any other change, and from every post, of its network.

        >>> Change(platform="x", time_ms=5, event="deletion", post_id="7").id
        'deletion 5 7'
        """
        if self.missing is not None:
            return f"{self.event} {self.missing.start_ms} {self.missing.end_ms} {self.source}"
        return f"{self.event} {self.time_ms} {self.post_id or self.author_id or self.source}"

    @property
    def of_source(self) -> bool:
        """Whether a source says this of itself."""
        return self.source is not None


Item = Post | Change
"""What a stream carries."""

_decoder = msgspec.json.Decoder(Post)
_generic = msgspec.json.Decoder()

_ID_FIELDS = ("id", "author_id", "ref_id", "ref_author_id", "conversation_id")
_TIME_FIELDS = ("created_at", "received_at", "claimed_at", "edited_at", "ref_created_at")
_ID_LISTS = ("mentions", "media")
_PROFILE_TIMES = ("created_at", "observed_at")


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch. A moment without a zone is taken as UTC.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1))
    1000
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def moment_ms(text: str) -> int:
    """A time in ISO 8601 in milliseconds since the epoch; without a zone it is UTC.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> moment_ms("1970-01-01T00:00:01.500Z"), moment_ms("1970-01-02")
    (1500, 86400000)
    """
    return milliseconds(datetime.fromisoformat(text))


def decode_line(line: bytes) -> Post:
    """Turn one line of normalised JSON into a post.

    Raises
    ------
    Rejection
        When the line is not a valid post.
    """
    try:
        post = _decoder.decode(line)
    except msgspec.ValidationError:
        return from_mapping(_object(line))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Rejection("not_json", str(problem)) from None
    return _finish(post)


def from_mapping(record: Mapping[str, Any]) -> Post:
    """Turn a mapping in the normalised form into a post; integer ids and epoch milliseconds are accepted.

    Raises
    ------
    Rejection
        When the mapping is not a valid post.

    Examples
    --------
    >>> post = from_mapping({"id": 2**60, "platform": "x", "author_id": 7, "created_at": 1491004800123})
    >>> post.id, post.author_id, post.time_ms
    ('1152921504606846976', '7', 1491004800123)
    """
    try:
        return _finish(msgspec.convert(_tolerant(record), Post))
    except msgspec.ValidationError as problem:
        text = str(problem)
        if "missing required field" in text:
            raise Rejection("missing_field", text) from None
        raise Rejection("bad_time" if "datetime" in text else "wrong_type", text) from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = _generic.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        # A wrong type was met before the place where the JSON breaks off.
        raise Rejection("not_json", str(problem)) from None
    if not isinstance(value, dict):
        raise Rejection("not_an_object", f"expected an object, got {type(value).__name__}")
    return value


def _finish(post: Post) -> Post:
    moment = post.created_at
    post.time_ms = at = milliseconds(moment)
    if not _EARLIEST_MS <= at < _LATEST_MS:
        raise Rejection("bad_time", f"created_at is {moment.isoformat()}, outside of 2000 to 2100")
    if not post.id or not post.author_id or not post.platform:
        raise Rejection("empty_id", "id, platform and author_id must not be empty")
    if len(post.id) > MAX_ID_LENGTH or len(post.author_id) > MAX_ID_LENGTH:
        raise Rejection("wrong_type", f"an id is longer than {MAX_ID_LENGTH} characters")
    return post


def _tolerant(record: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in record.items() if value is not None and name != "time_ms"}
    for name in _ID_FIELDS:
        if name in fields:
            fields[name] = _as_id(fields[name])
    for name in _ID_LISTS:
        if isinstance(fields.get(name), list):
            fields[name] = [_as_id(item) for item in fields[name]]
    _fix_times(fields, _TIME_FIELDS)
    for name in ("author", "ref_author"):
        if isinstance(fields.get(name), Mapping):
            profile = {key: value for key, value in fields[name].items() if value is not None}
            _fix_times(profile, _PROFILE_TIMES)
            fields[name] = profile
    return fields


def _as_id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _with_zone(value: str | datetime) -> str | datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else value


def _fix_times(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | datetime):
            fields[name] = _with_zone(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            if not _EARLIEST_MS <= value < _LATEST_MS:
                raise Rejection("bad_time", f"{name} is {value}, not epoch milliseconds of 2000 to 2100")
            fields[name] = datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)
