"""Posts as lines, fast: what `streams.sources.posts.encode_post` writes, in a third of its time.

The difference is only in how fine a time is written (microseconds or nothing, never milliseconds). Reading
the line gives an equal post.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec

from detectors.events import Change, Item, Post, Profile, Promotion
from streams.sources.posts import encode_change, encode_post


def _leaving_out(of: type[msgspec.Struct], inner: dict[str, Any]) -> type[msgspec.Struct]:
    """A twin of a type that writes no field that has its default, so that absent stays absent."""
    fields: list[Any] = []
    for one in msgspec.structs.fields(of):
        if one.name == "time_ms":
            continue  # follows from created_at
        kind = inner.get(one.name, one.type)
        fields.append((one.name, kind) if one.required else (one.name, kind, one.default))
    return msgspec.defstruct(f"Wire{of.__name__}", fields, omit_defaults=True, kw_only=True, gc=False)


_PROFILE: Any = _leaving_out(Profile, {})
_PROMOTION: Any = _leaving_out(Promotion, {})
_POST: Any = _leaving_out(
    Post, {"author": _PROFILE | None, "ref_author": _PROFILE | None, "promoted": _PROMOTION | None}
)
_encode = msgspec.json.Encoder().encode


def line_of(item: Item) -> bytes:
    r"""Write a post or a change as a normalised line, without the line feed.

    Examples
    --------
    >>> from detectors.events import decode_line
    >>> line_of(decode_line(b'{"id":1,"platform":"x","author_id":"a","created_at":1714550400000}'))
    b'{"id":"1","platform":"x","author_id":"a","created_at":"2024-05-01T08:00:00Z"}'
    """
    if isinstance(item, Change):
        return encode_change(item)
    if item.created_at.tzinfo is not UTC:
        return encode_post(item)  # msgspec cuts the offset of a zone to whole minutes
    return _encode(msgspec.convert(item, _POST, from_attributes=True))
