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
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS = 60_000


class CoRepostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the co-repost ties."""

    window_minutes: int = 15
    viral_accounts: int = 50
    max_posts: int = 200_000
    """Reposted posts held at once; the oldest go first."""


class _Sharers(Record, tag="reposts"):
    """Who reposted one post, and when. It is the record that a checkpoint keeps of it."""

    turn: int
    """Number of the last repost, by which the posts are in order."""
    accounts: dict[str, int]


class _Head(Record, tag="reposts_head"):
    """What the detector counts."""

    evicted: int
    turn: int


class CoReposts:
    """Ties of accounts that repost the same post; see the module's text for the definition."""

    def __init__(self, settings: CoRepostSettings | None = None) -> None:
        self.settings = settings or CoRepostSettings()
        self.evicted = 0
        self._sharers: dict[str, _Sharers] = {}
        self._turn = 0
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(_Sharers), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._sharers)

    def take(self, signals: Signals) -> list[Tie]:
        """Take in the reposts of one tick; return the new ties."""
        ties: list[Tie] = []
        window = self.settings.window_minutes * MINUTE_MS
        for repost in signals.reposts:
            # Taken out and put back, so that the oldest stand first.
            post = self._sharers.pop(repost.source, None) or _Sharers(0, {})
            self._sharers[repost.source] = post
            self._turn += 1
            post.turn, sharers = self._turn, post.accounts
            self._changed.add(repost.source)
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
            key, post = next(iter(self._sharers.items()))
            over = len(self._sharers) > self.settings.max_posts
            if not over and max(post.accounts.values(), default=0) >= limit_ms:
                break
            del self._sharers[key]
            self._changed.add(key)
            self.evicted += over

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        keys = self._changed.take(self._sharers, everything)
        return merged(
            self._head.told(_Head(self.evicted, self._turn), everything),
            self._table.told({key: self._sharers.get(key) for key in keys}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._turn = head.evicted, head.turn
        # In order of last use: which posts are forgotten, and when, depends on it.
        self._sharers = dict(sorted(self._table.read(saved), key=lambda one: one[1].turn))
