"""`vigie top`: the ranking behind the alerts, alerted or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from detectors.accounts.stage import Accounts
from detectors.background import expected_share
from detectors.batches import SignalBatch
from detectors.events import Post
from detectors.text import read_entities, template
from streams.reposted import Reposted

KINDS = ("hashtags", "texts", "sources", "links", "targets")
_MAX_VALUES = 500_000
_SMALL = 100
"""So many of a unit of time are shown in it, more in the next."""


class Ranking:
    """Counts posts and accounts of one kind of subject over a whole input.

    Memory is bounded: beyond half a million subjects, those with one account so far are forgotten.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.forgotten = 0
        self._total = 0
        self._posts: Counter[str] = Counter()
        self._accounts: dict[str, dict[str, int]] = defaultdict(dict)
        self._shown: dict[str, str] = {}
        self._reposted: dict[str, Reposted] = {}
        """Of each source what only sources have."""

    def take(self, batch: SignalBatch) -> None:
        """Count the posts of one batch."""
        for row, (post, member) in enumerate(zip(batch.posts, batch.members, strict=True)):
            for value in self._values(batch, row, post):
                self._posts[value] += 1
                self._total += 1
                self._accounts[value][member.account] = member.score
                if self.kind == "sources":
                    self._reposted.setdefault(value, Reposted()).add(post, member.account)
        if len(self._posts) > _MAX_VALUES:
            self._forget()

    def _values(self, batch: SignalBatch, row: int, post: Post) -> Iterable[str]:
        member = batch.members[row]
        if self.kind == "hashtags":
            return member.hashtags
        if self.kind == "targets":
            return dict.fromkeys(member.targets) if post.kind != "repost" else ()
        if self.kind == "links":
            return dict.fromkeys(post.links if post.links is not None else read_entities(post.text).links)
        if self.kind == "sources":
            return [post.ref_author_id] if post.kind == "repost" and post.ref_author_id else ()
        key = f"{batch.fingerprints[row].key:016x}"
        if post.kind == "repost" or key == "0" * 16:
            return ()
        self._shown.setdefault(key, template(post.text, targets_vary=True))
        return [key]

    def _forget(self) -> None:
        for value in [value for value, accounts in self._accounts.items() if len(accounts) == 1]:
            del self._posts[value], self._accounts[value]
            self._shown.pop(value, None)
            self._reposted.pop(value, None)
            self.forgotten += 1

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """The first subjects: by accounts for texts (a copy needs a second account), else by posts."""
        order: dict[str, tuple[int, int]] = {}
        for value, posts in self._posts.items():
            accounts = len(self._accounts[value])
            order[value] = (accounts, posts) if self.kind == "texts" else (posts, accounts)
        best = sorted(order, key=lambda value: (-order[value][0], -order[value][1], value))[:limit]
        return [self._row(rank, value) for rank, value in enumerate(best, 1)]

    def _row(self, rank: int, value: str) -> dict[str, Any]:
        scores = sorted(score for score in self._accounts[value].values() if score >= 0)
        posts, accounts = self._posts[value], len(self._accounts[value])
        return {
            "rank": rank,
            "value": value if self.kind != "texts" else self._shown[value],
            "posts": posts,
            "share": round(posts / self._total, 4),
            "accounts": accounts,
            "posts_per_account": round(posts / accounts, 2),
            **(self._reposted[value].measures() if self.kind == "sources" else {}),
        } | expected_share(scores)


def columns(kind: str) -> dict[str, Callable[[dict[str, Any]], str]]:
    """The columns of the table of one kind: heading, and how a row's figure is shown.

    >>> row = {"rank": 1, "value": "12", "posts": 9, "share": 0.5, "accounts": 3, "posts_per_account": 3.0,
    ...        "posts_reposted": 4, "loyal_share": None, "median_delay_s": 75, "bot_share": None}
    >>> [show(row) for show in columns("sources").values()]
    ['1', '12', '9', '50.0%', '3', '3.00', '4', '?', '75 s', 'not enough data']
    """
    sources = kind == "sources"
    return {
        "": lambda row: str(row["rank"]),
        kind: lambda row: str(row["value"]),
        "reposts" if sources else "posts": lambda row: f"{row['posts']:,}",
        "share": lambda row: f"{row['share']:.1%}",
        "accounts": lambda row: f"{row['accounts']:,}",
        "each" if sources else "posts/account": lambda row: f"{row['posts_per_account']:.2f}",
        **(_OF_SOURCES if sources else {}),
        "bot share" if sources else "expected bot share": _bots,
    }


def _bots(row: dict[str, Any]) -> str:
    if row["bot_share"] is None:
        return "not enough data"
    return f"{row['bot_share']:.0%} ({row['bot_share_low']:.0%} to {row['bot_share_high']:.0%})"


def _delay(row: dict[str, Any]) -> str:
    seconds = row["median_delay_s"]
    if seconds is None:
        return "?"
    for unit, length in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < _SMALL * length:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86_400} d"


_OF_SOURCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "of posts": lambda row: "?" if row["posts_reposted"] is None else f"{row['posts_reposted']:,}",
    "loyal": lambda row: "?" if row["loyal_share"] is None else f"{row['loyal_share']:.0%}",
    "delay": _delay,
}


def rank(batches: Iterable[list[Post]], kind: str) -> Ranking:
    """Rank the subjects of one kind over posts in any order."""
    accounts, ranking = Accounts(), Ranking(kind)
    for posts in batches:
        ranking.take(accounts.take(posts[-1].time_ms, posts))
    return ranking
