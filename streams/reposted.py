"""What `vigie top sources` counts of one source over a whole input, besides its reposts and accounts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from detectors.events import Post, milliseconds
from detectors.groups.amplification import median_delay
from detectors.groups.amplified import coarse

_SEVERAL = ""
"""Stands for the post of an account that reposted different ones."""


class Reposted:
    """The posts of one source that were reposted: which, by whom, and how soon.

    The measures are those of `detectors.groups.amplification`, over all of an input and not an hour of it.

    Examples
    --------
    >>> from detectors.events import from_mapping
    >>> reposted = Reposted()
    >>> for number, (account, post) in enumerate([("ana", "1"), ("ana", "2"), ("bob", "1")]):
    ...     reposted.add(from_mapping({"id": str(number), "platform": "x", "author_id": account,
    ...                                "created_at": 1_500_000_005_000, "ref_created_at": 1_500_000_000_000,
    ...                                "kind": "repost", "ref_id": post, "ref_author_id": "star"}), account)
    >>> reposted.measures()
    {'posts_reposted': 2, 'loyal_share': 0.5, 'median_delay_s': 5}
    """

    __slots__ = ("_delays", "_posts", "_reposters")

    def __init__(self) -> None:
        self._posts: set[str] = set()
        self._reposters: dict[str, str] = {}
        self._delays: Counter[int] = Counter()

    def add(self, post: Post, account: str) -> None:
        """Count one repost by an account."""
        if post.ref_id:
            self._posts.add(post.ref_id)
            before = self._reposters.setdefault(account, post.ref_id)
            if before != post.ref_id:
                self._reposters[account] = _SEVERAL
        if post.ref_created_at is not None:
            self._delays[coarse(max(0, post.time_ms - milliseconds(post.ref_created_at)) // 1000)] += 1

    def measures(self) -> dict[str, Any]:
        """Posts reposted, share of accounts that reposted several, median delay; None where not known."""
        several = sum(post == _SEVERAL for post in self._reposters.values())
        known = len(self._posts) > 1
        return {
            "posts_reposted": len(self._posts) or None,
            "loyal_share": round(several / len(self._reposters), 4) if known else None,
            "median_delay_s": median_delay([self._delays]),
        }
