"""What travels between the stages: the posts of one tick, in columns and in canonical order."""

from __future__ import annotations

from dataclasses import dataclass, field

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
