"""A frame: one record of the topic `posts` that carries many posts, and says how far its producer has come.

The value is normalised JSON posts, one a line, without a line feed at the end; it may be empty. Everything
else stands in headers, so that a reader need not open the value to know the time. A record without the
header ``vigie-frame`` is a stranger's: one post, no watermark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from detectors.events import MAX_ID_LENGTH, Item, Rejection

VERSION = b"1"
Headers = list[tuple[str, bytes]]
Foreign = Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]]
"""Headers as the clients give them: pairs, or a mapping."""

_NUMBERS = ("count", "watermark", "position", "read", "late", "rejected")
_FLAGS = ("final", "live")
_MOST = 2**63 - 1


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a frame say."""

    producer: str
    """Name of the source, the same after a restart."""
    count: int = 0
    """Posts in this frame; none when only time passes."""
    watermark_ms: int = 0
    """Event time up to which nothing more will come from this producer in this partition."""
    position: int = 0
    """Number of the last post of the source, from 1 over all that were read, that this partition has."""
    read: int = 0
    """Posts read so far."""
    late: int = 0
    """Posts dropped so far because they were late."""
    rejected: int = 0
    """Records refused so far."""
    final: bool = False
    """The source has ended: nothing more will come."""
    live: bool = False
    """Event time follows the wall clock."""


def encode(frame: Frame, lines: Sequence[bytes]) -> tuple[bytes, Headers]:
    """The value and the headers of a frame.

    Parameters
    ----------
    frame : Frame
        Its `count` must be the number of lines.
    lines : sequence of bytes
        Normalised posts (`streams.kafka.wire.line_of`).

    Examples
    --------
    >>> value, headers = encode(Frame(producer="night", count=2, watermark_ms=5000), [b"{}", b"{}"])
    >>> value, headers[:3]
    (b'{}\\n{}', [('vigie-frame', b'1'), ('producer', b'night'), ('count', b'2')])
    >>> decode_headers(headers).watermark_ms
    5000
    """
    assert frame.count == len(lines)
    return b"\n".join(lines), encode_headers(frame)


def encode_headers(frame: Frame) -> Headers:
    """The headers of a frame."""
    headers = [("vigie-frame", VERSION), ("producer", frame.producer.encode())]
    numbers = (
        frame.count,
        frame.watermark_ms,
        frame.position,
        frame.read,
        frame.late,
        frame.rejected,
    )
    headers += [(name, b"%d" % number) for name, number in zip(_NUMBERS, numbers, strict=True)]
    headers += [(name, b"1") for name in _FLAGS if getattr(frame, name)]
    return headers


def decode_headers(headers: Foreign | None) -> Frame | None:
    """What the headers of a record say; None when it is no frame.

    Parameters
    ----------
    headers : mapping or iterable of pairs, optional
        As a client gives them. Unknown ones are ignored; of a name that is there twice the last counts.

    Raises
    ------
    Rejection
        When it says that it is a frame and its headers are not those of one.
    """
    found = dict(headers or ())
    if "vigie-frame" not in found:
        return None
    if found["vigie-frame"] != VERSION:
        raise Rejection("bad_record", f"frame of an unknown version: {_shown(found['vigie-frame'])}")
    count, watermark_ms, position, read, late, rejected = (_number(found, name) for name in _NUMBERS)
    final, live = (_flag(found, name) for name in _FLAGS)
    return Frame(
        producer=_name(found.get("producer")),
        count=count,
        watermark_ms=watermark_ms,
        position=position,
        read=read,
        late=late,
        rejected=rejected,
        final=final,
        live=live,
    )


def lines_of(value: bytes | None, frame: Frame) -> list[bytes]:
    """The posts of a frame, still encoded.

    Raises
    ------
    Rejection
        When there are more or fewer than the headers say: the value was cut or changed on its way.

    Examples
    --------
    >>> lines_of(b"", Frame(producer="night")), lines_of(b"{}", Frame(producer="night", count=1))
    ([], [b'{}'])
    """
    lines = value.split(b"\n") if value else []
    if len(lines) != frame.count:
        raise Rejection("bad_record", f"the frame holds {len(lines)} lines, its header says {frame.count}")
    return lines


def _shown(value: object) -> str:
    return repr(value)[:80]


def _name(value: bytes | None) -> str:
    try:
        name = bytes(value or b"").decode()
    except (UnicodeDecodeError, TypeError, ValueError):
        name = ""
    if not 0 < len(name) <= MAX_ID_LENGTH:
        raise Rejection("bad_record", f"the header producer is no name: {_shown(value)}")
    return name


def _number(headers: Mapping[str, bytes | None], name: str) -> int:
    value = headers.get(name)
    # Only plain digits: int() would also take signs, spaces, underscores and the digits of other scripts.
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 19 and (number := int(value)) <= _MOST:
        return number
    raise Rejection("bad_record", f"the header {name} of a frame is no number: {_shown(value)}")


def _flag(headers: Mapping[str, bytes | None], name: str) -> bool:
    value = headers.get(name, b"0")
    if value not in (b"0", b"1"):
        raise Rejection("bad_record", f"the header {name} of a frame is neither 0 nor 1: {_shown(value)}")
    return value == b"1"


# -- partitions ------------------------------------------------------------------------------------


def partition_of(author_id: str, partitions: int) -> int:
    """The partition of an author: the one that Kafka's own partitioner gives the key ``author_id``.

    >>> partition_of("alice", 4), partition_of("bob", 4), partition_of("alice", 1)
    (1, 2, 0)
    """
    return _positive_hash(author_id) % partitions


def home_of(item: Item, partitions: int) -> int:
    """The partition of a post or a change: its author's; where no author is known, its own."""
    return partition_of(item.author_id or item.id, partitions)


@lru_cache(maxsize=1 << 16)  # a hash takes as long as encoding the post, and authors come again
def _positive_hash(author_id: str) -> int:
    return murmur2(author_id.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner (32-bit MurmurHash2 with a fixed seed), unsigned."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    whole = length & ~3
    value = 0x9747B28C ^ length
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * factor & mask
        part = (part ^ part >> 24) * factor & mask
        value = value * factor & mask ^ part
    if whole < length:
        value = (value ^ int.from_bytes(data[whole:], "little")) * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return value ^ value >> 15
