"""The batch that travels between stages: the posts of one tick, in columns, in canonical order."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors.events import Post
from detectors.findings import Member
from detectors.text import Fingerprint


@dataclass(slots=True)
class SignalBatch:
    """What the ACCOUNTS stage says of the posts of one tick; row i of each column belongs to post i.

    Posts stand in (created_at, platform, id) order, so that whatever is computed row by row does not depend
    on the order of arrival.
    """

    tick_ms: int
    posts: list[Post] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    fingerprints: list[Fingerprint] = field(default_factory=list)
    """Of each post's text; those of reposts are empty, since their text is another post's."""
    bot_share: float | None = None
    """Expected share of automated accounts in the whole stream at this tick; None while unknown."""

    def __len__(self) -> int:
        return len(self.posts)
