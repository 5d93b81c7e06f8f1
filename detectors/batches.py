"""What travels between the stages: the posts of one tick, in columns and in canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import msgspec

from detectors.events import CANARY, Post
from detectors.findings import Member
from detectors.text import Fingerprint, text_key


class TextSignal(msgspec.Struct, array_like=True, gc=False):
    """An original post's text, to be compared with others."""

    member: Member
    text: str
    key: int
    """Key of the exact fold, see `detectors.text.text_key`."""
    folded: str
    """Empty where the text is too short for a resemblance."""


class TagSignal(msgspec.Struct, array_like=True, gc=False):
    """A post under hashtags, with what tells its copies."""

    member: Member
    hashtags: tuple[str, ...]
    """Those to be counted here: all of the post's, or one shard's part of them."""
    object_key: int
    """Of an original its text's key, of a repost the key of the post reposted; 0 where unknown."""
    original: bool


class RepostSignal(msgspec.Struct, array_like=True, gc=False):
    """One account that reposts one post."""

    time_ms: int
    post_id: str
    account: str
    source: str
    """Key of the post reposted."""


class Signals(msgspec.Struct, array_like=True):
    """What the SUBJECTS stage is told of one tick; each list in canonical order."""

    tick_ms: int
    texts: list[TextSignal]
    tags: list[TagSignal]
    reposts: list[RepostSignal]
    canaries: int = 0
    """How many of the texts are the canary's, which no count includes."""


def shard_of(value: str, shards: int) -> int:
    """The shard of a hashtag or of a reposted post. Of several shards the first is left to the texts.

    >>> [shard_of("debate", shards) for shards in (1, 2)]
    [0, 1]
    """
    return 0 if shards == 1 else 1 + crc32(value.encode("utf-8", "surrogatepass")) % (shards - 1)


def spread(signals: Signals, shards: int) -> list[Signals]:
    """The signals of one tick by shard: all texts to the first, each hashtag and reposted post to its own."""
    if shards == 1:
        return [signals]
    parts = [Signals(signals.tick_ms, [], [], []) for _ in range(shards)]
    parts[0].texts, parts[0].canaries = signals.texts, signals.canaries
    for use in signals.tags:
        names: dict[int, list[str]] = {}
        for name in use.hashtags:
            names.setdefault(shard_of(name, shards), []).append(name)
        for shard, mine in names.items():
            part = (
                use if len(mine) == len(use.hashtags) else msgspec.structs.replace(use, hashtags=tuple(mine))
            )
            parts[shard].tags.append(part)
    for repost in signals.reposts:
        parts[shard_of(repost.source, shards)].reposts.append(repost)
    return parts


def merge(parts: Sequence[Signals]) -> Signals:
    """The signals of one tick and shard from all accounts, in canonical order."""
    if len(parts) == 1:
        return parts[0]
    return Signals(
        parts[0].tick_ms,
        sorted((one for part in parts for one in part.texts), key=_place),
        sorted((one for part in parts for one in part.tags), key=_place),
        sorted((one for part in parts for one in part.reposts), key=_repost_place),
        sum(part.canaries for part in parts),
    )


def _place(signal: TextSignal | TagSignal) -> tuple[int, str, str]:
    member = signal.member
    return member.time_ms, member.account.partition("\x1f")[0], member.post_id


def _repost_place(repost: RepostSignal) -> tuple[int, str, str]:
    return repost.time_ms, repost.account.partition("\x1f")[0], repost.post_id


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
    scored: tuple[int, int] = (0, 0)
    """Accounts scored for the first time, and the sum of their scores."""

    def __len__(self) -> int:
        return len(self.posts)

    def signals(self) -> Signals:
        """The same as one signal a (post, subject)."""
        signals = Signals(self.tick_ms, [], [], [])
        texts, tags, reposts = signals.texts, signals.tags, signals.reposts
        for post, member, print_ in zip(self.posts, self.members, self.fingerprints, strict=True):
            if print_.key:
                texts.append(TextSignal(member, post.text, print_.key, print_.folded))
                signals.canaries += post.platform == CANARY
            repost = post.kind == "repost"
            if member.hashtags:
                key = print_.key if not repost else text_key(post.ref_id) if post.ref_id else 0
                tags.append(TagSignal(member, member.hashtags, key, not repost))
            if repost and post.ref_id:
                source = f"{post.platform}\x1f{post.ref_id}"
                reposts.append(RepostSignal(post.time_ms, post.id, member.account, source))
        return signals
