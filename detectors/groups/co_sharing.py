"""Reposts of one post by several accounts within a short time, as ties of accounts.

What it looks for
    Pairs of accounts that repost the same posts, soon after one another. It gives ties only; repetition
    over several posts is counted in `detectors.pairs`, and speaks where another detector finds a group.

Definition
    Two accounts are tied by a post if both reposted it within ``window`` of each other. A post with more
    than ``viral_accounts`` reposting accounts in the window is viral and makes no further ties.

Defaults, and why
    ``window`` 15 min, the window of the hashtags that these ties explain. ``viral_accounts`` 50: above it, a
    shared repost says more of the post than of the accounts.

What it misses
    Links, media and tags as shared objects; networks that only ever repost viral posts.

What it does not prove
    Fans of one account repost the same posts too, soon, and again and again.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": name, "created_at": 1_500_000_000_000 + i,
...                   "kind": "repost", "ref_id": "99", "text": "Look"})
...     for i, name in enumerate(["ana", "bob"])
... ]
>>> [tie.time_ms for tie in CoReposts().take(Accounts().take(1_500_000_005_000, posts).signals())]
[1500000000001]
"""

from __future__ import annotations

import msgspec

from detectors.batches import Signals
from detectors.pairs import Tie

MINUTE_MS = 60_000


class CoRepostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the co-repost ties."""

    window_minutes: int = 15
    viral_accounts: int = 50
    max_posts: int = 200_000
    """Reposted posts held at once; the oldest go first."""


class CoReposts:
    """Ties of accounts that repost the same post; see the module's text for the definition."""

    def __init__(self, settings: CoRepostSettings | None = None) -> None:
        self.settings = settings or CoRepostSettings()
        self.evicted = 0
        self._sharers: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._sharers)

    def take(self, signals: Signals) -> list[Tie]:
        """Take in the reposts of one tick; return the new ties."""
        ties: list[Tie] = []
        window = self.settings.window_minutes * MINUTE_MS
        for repost in signals.reposts:
            # Taken out and put back, so that the oldest stand first.
            sharers = self._sharers.pop(repost.source, None) or {}
            self._sharers[repost.source] = sharers
            account, now_ms = repost.account, repost.time_ms
            if account in sharers or len(sharers) >= self.settings.viral_accounts:
                continue
            first_ms = now_ms - window
            ties += [Tie(other, account, now_ms) for other, at_ms in sharers.items() if at_ms >= first_ms]
            sharers[account] = now_ms
        self._forget(signals.tick_ms - window)
        return ties

    def _forget(self, limit_ms: int) -> None:
        while self._sharers:
            key, sharers = next(iter(self._sharers.items()))
            over = len(self._sharers) > self.settings.max_posts
            if not over and max(sharers.values(), default=0) >= limit_ms:
                break
            del self._sharers[key]
            self.evicted += over
