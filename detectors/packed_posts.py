"""Posts and profiles as plain arrays, half as long as with the names of their fields: for checkpoints.

The moments in them keep their instant and lose their zone, which nothing after the gate reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import astuple

from detectors.events import Post, Profile


def _row(kind: type[msgspec.Struct], **other: Any) -> type[Any]:
    """A structure with the same fields, packed as an array."""
    fields = [(field.name, other.get(field.name, field.type)) for field in msgspec.structs.fields(kind)]
    return msgspec.defstruct(f"Packed{kind.__name__}", fields, array_like=True, forbid_unknown_fields=True)


if TYPE_CHECKING:
    PackedPost = Any
else:
    _PackedProfile = _row(Profile)
    PackedPost = _row(Post, author=_PackedProfile | None, ref_author=_PackedProfile | None)
"""Form of a packed post. `packed_post` gives a tuple, which is packed alike, and sooner."""

_POST_FIELDS = Post.__struct_fields__
_PROFILE_FIELDS = Profile.__struct_fields__
_AUTHOR, _REF_AUTHOR = _POST_FIELDS.index("author"), _POST_FIELDS.index("ref_author")


def packed_post(post: Post) -> PackedPost:
    """A post as it is packed."""
    values = astuple(post)
    for place in (_REF_AUTHOR, _AUTHOR):
        if (profile := values[place]) is not None:
            values = (*values[:place], astuple(profile), *values[place + 1 :])
    return values


def unpacked_post(packed: PackedPost) -> Post:
    """A post from what `packed_post` gave, read back as a `PackedPost`.

    >>> from detectors.events import from_mapping
    >>> from detectors.state import pack, unpack
    >>> post = from_mapping({"id": "1", "platform": "x", "author_id": "7", "created_at": 1491004800123,
    ...                      "author": {"handle": "ana"}})
    >>> unpacked_post(unpack(pack(packed_post(post)), PackedPost)) == post
    True
    """
    values: dict[str, Any] = dict(zip(_POST_FIELDS, astuple(packed), strict=True))
    for name in ("author", "ref_author"):
        if values[name] is not None:
            values[name] = Profile(**dict(zip(_PROFILE_FIELDS, astuple(values[name]), strict=True)))
    return Post(**values)
