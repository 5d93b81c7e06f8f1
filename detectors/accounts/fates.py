"""What becomes of an account's posts: those that are erased soon after.

What it looks for
    Posts that are erased within minutes, by which an account leaves no trace, or tries what may be said.

Definition
    An account's memory holds its last `REMEMBERED` posts, each as a checksum of its id and the second in
    which it was posted. A deletion is *quick* when the post is among them and ``erased - posted <=
    QUICKLY_MS``.

Defaults, and why
    Ten minutes: people who find a wrong word find it soon, and so do those who erase on purpose; eight posts
    are enough for several of each. What was posted longer ago, or before many others, is told as erased and
    no more: that it was quick is not known, which is not the same as slow.

What it misses
    Deletions of networks that do not say whose post is gone, and edits that leave nothing of a post.

What it does not prove
    A purpose: people erase posts for a wrong word.

Examples
--------
>>> posted = remembered(b"", "41", 1_500_000_000_000)
>>> is_quick(posted, "41", 1_500_000_300_000), is_quick(posted, "41", 1_500_000_900_000)
(True, False)
>>> is_quick(posted, "42", 1_500_000_300_000)
False
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from detectors.batches import QUICKLY_MS

REMEMBERED = 8
_MARK = 8
_mark = Struct(">II").pack


def remembered(posted: bytes, post_id: str, time_ms: int) -> bytes:
    """The memory of an account's last posts after one more."""
    mark = _mark(crc32(post_id.encode("utf-8", "surrogatepass")), time_ms // 1000)
    return (posted + mark)[-REMEMBERED * _MARK :]


def is_quick(posted: bytes, post_id: str, erased_ms: int) -> bool:
    """Whether a post that is remembered was erased within `QUICKLY_MS` of its being posted."""
    mark = _mark(crc32(post_id.encode("utf-8", "surrogatepass")), 0)[:4]
    for place in range(0, len(posted), _MARK):
        if posted[place : place + 4] == mark:
            posted_ms = int.from_bytes(posted[place + 4 : place + _MARK], "big") * 1000
            return erased_ms - posted_ms <= QUICKLY_MS
    return False
