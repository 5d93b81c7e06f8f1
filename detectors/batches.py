"""What travels between the stages: the posts of one tick, in columns and in canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import msgspec

from detectors.events import CANARY, Post, milliseconds
from detectors.findings import Member, Subject, account_key
from detectors.text import Fingerprint, text_key

COARSE_S = 5
"""Precision of a clock, in seconds, above which delays are not known."""
SEQUENCE = 3
"""Hashtags in their order from which a sequence is an object of its own."""


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


class ShareSignal(msgspec.Struct, array_like=True, gc=False):
    """One account that shares one object: reposts a post, answers one, uses a link, a picture, a tag."""

    time_ms: int
    post_id: str
    account: str
    activity: int
    """See `Member.activity`."""
    object: Subject
    declared: bool = False
    """See `Member.declared`."""


class AmplifierSignal(msgspec.Struct, array_like=True, gc=False):
    """One account that reposts another one, the source."""

    member: Member
    source: str
    """Account key of the account reposted."""
    post: str
    """Id of the post reposted."""
    delay_ms: int | None
    """From that post to the repost; None where its date is unknown."""


class MentionSignal(msgspec.Struct, array_like=True, gc=False):
    """A post that names an account, or answers it."""

    member: Member
    target: str
    """Id or handle of the account, as the network gives it."""
    first: bool
    """Whether the author had not named it before, as far as is remembered."""
    reply: bool
    key: int
    """Key of the text without names, links and numbers, see `detectors.text.text_key`; 0 where too short."""
    length: int = 0
    """Characters of that text, folded; 0 where too short."""


class Signals(msgspec.Struct, array_like=True):
    """What the SUBJECTS stage is told of one tick; each list in canonical order."""

    tick_ms: int
    texts: list[TextSignal]
    tags: list[TagSignal]
    shares: list[ShareSignal]
    amplifiers: list[AmplifierSignal]
    mentions: list[MentionSignal]
    canaries: int = 0
    """How many of the texts are the canary's, which no count includes."""
    posts: int = 0
    """How many posts of the whole stream these are made from, whatever the shard."""


def shard_of(value: str, shards: int) -> int:
    """The shard of a subject that is no text. Of several shards the first is left to the texts.

    >>> [shard_of("debate", shards) for shards in (1, 2)]
    [0, 1]
    """
    return 0 if shards == 1 else 1 + crc32(value.encode("utf-8", "surrogatepass")) % (shards - 1)


def spread(signals: Signals, shards: int) -> list[Signals]:
    """The signals of one tick by shard: all texts to the first, each hashtag and reposted post to its own."""
    if shards == 1:
        return [signals]
    parts = [Signals(signals.tick_ms, [], [], [], [], [], posts=signals.posts) for _ in range(shards)]
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
    for share in signals.shares:
        parts[shard_of(share.object.value, shards)].shares.append(share)
    for amplifier in signals.amplifiers:
        parts[shard_of(amplifier.source, shards)].amplifiers.append(amplifier)
    for mention in signals.mentions:
        parts[shard_of(mention.target, shards)].mentions.append(mention)
    return parts


def merge(parts: Sequence[Signals]) -> Signals:
    """The signals of one tick and shard from all accounts, in canonical order."""
    if len(parts) == 1:
        return parts[0]
    return Signals(
        parts[0].tick_ms,
        sorted((one for part in parts for one in part.texts), key=_place),
        sorted((one for part in parts for one in part.tags), key=_place),
        sorted((one for part in parts for one in part.shares), key=_share_place),
        sorted((one for part in parts for one in part.amplifiers), key=_place),
        sorted((one for part in parts for one in part.mentions), key=_place),
        sum(part.canaries for part in parts),
        sum(part.posts for part in parts),
    )


def _place(signal: TextSignal | TagSignal | AmplifierSignal | MentionSignal) -> tuple[int, str, str]:
    member = signal.member
    return member.time_ms, member.account.partition("\x1f")[0], member.post_id


def _share_place(share: ShareSignal) -> tuple[int, str, str]:
    return share.time_ms, share.account.partition("\x1f")[0], share.post_id


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

    links: list[tuple[str, ...]] = field(default_factory=list)
    """Of each post, normalised."""
    strangers: list[frozenset[str]] = field(default_factory=list)
    """Of each post the accounts it names that its author had not named before."""

    def signals(self) -> Signals:
        """The same as one signal a (post, subject)."""
        signals = Signals(self.tick_ms, [], [], [], [], [])
        texts, tags = signals.texts, signals.tags
        rows = zip(self.posts, self.members, self.fingerprints, self.links, self.strangers, strict=True)
        for post, member, print_, links, strangers in rows:
            canary = post.platform == CANARY
            signals.posts += not canary
            if print_.key:
                texts.append(TextSignal(member, post.text, print_.key, print_.folded))
                signals.canaries += canary
            repost = post.kind == "repost"
            if member.hashtags:
                key = print_.key if not repost else text_key(post.ref_id) if post.ref_id else 0
                tags.append(TagSignal(member, member.hashtags, key, not repost))
            for subject in _objects(post, member, links):
                signals.shares.append(
                    ShareSignal(
                        post.time_ms, post.id, member.account, member.activity, subject, member.declared
                    )
                )
            if repost:
                if post.ref_author_id:
                    signals.amplifiers.append(_amplifier(post, member, post.ref_author_id))
            elif member.targets:
                for target in dict.fromkeys(member.targets):
                    signals.mentions.append(
                        MentionSignal(
                            member,
                            target,
                            target in strangers,
                            post.kind == "reply",
                            print_.key,
                            len(print_.folded),
                        )
                    )
        return signals


def _objects(post: Post, member: Member, links: tuple[str, ...]) -> list[Subject]:
    """What a post shares with others, each once; of a repost only the post reposted."""
    ref = f"{post.platform}\x1f{post.ref_id}" if post.ref_id else ""
    if post.kind == "repost":
        return [Subject("post", ref)] if ref else []
    objects = [Subject("link", link) for link in links]
    if post.media:
        objects += [Subject("media", f"{post.platform}\x1f{name}") for name in dict.fromkeys(post.media)]
    if ref and post.kind == "reply":
        objects.append(Subject("reply", ref))
    if member.hashtags:
        objects += [Subject("hashtag", name) for name in member.hashtags]
        if len(member.hashtags) >= SEQUENCE:
            objects.append(Subject("sequence", " ".join(member.hashtags)))
    return objects


def _amplifier(post: Post, member: Member, source: str) -> AmplifierSignal:
    made = post.ref_created_at
    # Seconds cannot be told from a clock of minutes.
    coarse = (post.precision_s or 0) > COARSE_S
    delay_ms = None if made is None or coarse else max(0, post.time_ms - milliseconds(made))
    return AmplifierSignal(member, account_key(post.platform, source), post.ref_id or "", delay_ms)
