"""What travels between the stages: the posts of one tick, in columns and in canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

import msgspec

from detectors.events import CANARY, Change, Post, Profile, Status, milliseconds
from detectors.findings import Member, Subject, account_key, platform_of, post_key
from detectors.lists import PUSHING
from detectors.looks import Look
from detectors.text import Fingerprint, text_key

FOLLOWED = 1_000
"""Followers from which an account's count of them is watched."""
COARSE_S = 5
"""Precision of a clock, in seconds, above which delays are not known."""
QUICKLY_MS = 10 * 60_000
"""Time after its being posted within which a post that is erased was erased quickly."""
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
    listed: str = ""
    """Kind of the room's list entry of the account, see `detectors.lists`; empty where there is none."""


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


class PromotionSignal(msgspec.Struct, array_like=True, gc=False):
    """A promoted post: somebody paid for its being shown."""

    member: Member
    payer: str | None
    """None where the network does not say who paid."""
    spend: int | None
    """In hundredths of the currency, so that sums are exact."""
    currency: str | None
    """Three upper-case letters (ISO 4217), as far as the network says so."""
    audiences: tuple[str, ...]
    """What the post was aimed at, as the network words it; sorted, each once."""
    impressions: int | None
    banned_ms: int | None = None
    """Since when the payer is banned by the room's lists; None if it is not at the time of the post."""


class FateSignal(msgspec.Struct, array_like=True, gc=False):
    """What became of an account that has posted here, or of a post."""

    time_ms: int
    account: str | None
    """Account key; None where the network says only which post is gone."""
    status: Status | Literal["erased"]
    """What the account is from now on; or that one of its posts was erased."""
    before: Status | None = None
    """Of an account: what it was last heard to be."""
    post: str | None = None
    """Of what was erased: network and id of the post, as in `ShareSignal.object`."""
    quick: bool = False
    """Whether it was erased within `QUICKLY_MS` of its being posted; False too where that is not known."""
    quickly: int = 0
    """How many posts of the account have been erased so quickly, this one included, and"""
    posts: int = 0
    """how many it has posted here."""


def fate_order(fate: FateSignal) -> tuple[int, str, str, str]:
    """The order in which fates are taken in, whatever their way."""
    return fate.time_ms, fate.account or "", fate.post or "", fate.status


class FollowerSignal(msgspec.Struct, array_like=True, gc=False):
    """How many followers an account had, as a profile in the stream showed."""

    time_ms: int
    account: str
    """Account key, see `detectors.findings.account_key`."""
    followers: int


class Background(msgspec.Struct, array_like=True, frozen=True):
    """What the ACCOUNTS stage tells of the stream at one tick, beside its signals."""

    accounts: int = 0
    """Accounts scored for the first time."""
    total: int = 0
    """Sum of their scores."""
    posts: int = 0
    """Posts judged, the canary's aside."""
    shed: int = 0
    """Posts left out since the tick before, to catch up."""
    fates: list[FateSignal] = []
    """What became of accounts and posts."""
    looks: list[Look] = []
    """How accounts look that posted, each now and then, see `detectors.looks`."""
    told: list[Change] = []
    """What sources said of themselves: gaps and filters."""


def whole(parts: Sequence[Background]) -> Background:
    """The background of one tick from all accounts.

    >>> whole([Background(posts=2), Background(posts=3, shed=1)])
    Background(accounts=0, total=0, posts=5, shed=1, fates=[], looks=[], told=[])
    """
    if len(parts) == 1:
        return parts[0]
    return Background(
        sum(part.accounts for part in parts),
        sum(part.total for part in parts),
        sum(part.posts for part in parts),
        sum(part.shed for part in parts),
        [fate for part in parts for fate in part.fates],
        [look for part in parts for look in part.looks],
        [change for part in parts for change in part.told],
    )


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
    promotions: list[PromotionSignal] = []
    followers: list[FollowerSignal] = []
    listed: int = 0
    """How many of the posts are by accounts on the room's lists, whatever the shard; declared ones aside."""


def shard_of(value: str, shards: int) -> int:
    """The shard of a subject that is no text. Of several shards the first is left to the texts.

    >>> [shard_of("debate", shards) for shards in (1, 2)]
    [0, 1]
    """
    return 0 if shards == 1 else 1 + crc32(value.encode("utf-8", "surrogatepass")) % (shards - 1)


def spread(signals: Signals, shards: int) -> list[Signals]:
    """The signals of one tick by shard: texts and promotions to the first, all else to its subject's own."""
    if shards == 1:
        return [signals]
    parts = [
        Signals(signals.tick_ms, [], [], [], [], [], posts=signals.posts, listed=signals.listed)
        for _ in range(shards)
    ]
    parts[0].texts, parts[0].canaries, parts[0].promotions = (
        signals.texts,
        signals.canaries,
        signals.promotions,
    )
    for follower in signals.followers:
        parts[shard_of(follower.account, shards)].followers.append(follower)
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
        sorted((one for part in parts for one in part.promotions), key=_place),
        sorted((one for part in parts for one in part.followers), key=lambda one: (one.time_ms, one.account)),
        sum(part.listed for part in parts),
    )


def _place(
    signal: TextSignal | TagSignal | AmplifierSignal | MentionSignal | PromotionSignal,
) -> tuple[int, str, str]:
    member = signal.member
    return member.time_ms, platform_of(member.account), member.post_id


def _share_place(share: ShareSignal) -> tuple[int, str, str]:
    return share.time_ms, platform_of(share.account), share.post_id


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
    background: Background = field(default_factory=Background)

    def __len__(self) -> int:
        return len(self.posts)

    links: list[tuple[str, ...]] = field(default_factory=list)
    """Of each post, normalised."""
    strangers: list[frozenset[str]] = field(default_factory=list)
    """Of each post the accounts it names that its author had not named before."""
    listed: list[str] = field(default_factory=list)
    """Of each post the kind of its author's entry in the room's lists; empty where there is none."""
    promotions: list[PromotionSignal] = field(default_factory=list)
    """Of the promoted posts of this tick."""
    changes: Sequence[Change] = ()
    """What came of the stream beside them, in canonical order."""

    def signals(self) -> Signals:
        """The same as one signal a (post, subject)."""
        signals = Signals(self.tick_ms, [], [], [], [], [], promotions=self.promotions)
        texts, tags, shares, mentions = signals.texts, signals.tags, signals.shares, signals.mentions
        signals.posts = self.background.posts
        signals.listed = sum(map(self.listed.count, PUSHING))
        followed: dict[str, FollowerSignal] = {}
        rows = zip(
            self.posts,
            self.members,
            self.fingerprints,
            self.links,
            self.strangers,
            self.listed,
            strict=True,
        )
        for post, member, print_, links, strangers, listed in rows:
            if print_.key:
                texts.append(TextSignal(member, post.text, print_.key, print_.folded))
                signals.canaries += post.platform == CANARY
            repost = post.kind == "repost"
            if member.hashtags:
                key = print_.key if not repost else text_key(post.ref_id) if post.ref_id else 0
                tags.append(TagSignal(member, member.hashtags, key, not repost))
            for subject in _objects(post, member, links):
                shares.append(
                    ShareSignal(
                        post.time_ms,
                        post.id,
                        member.account,
                        member.activity,
                        subject,
                        member.declared,
                        listed,
                    )
                )
            if repost:
                if post.ref_author_id:
                    amplifier = _amplifier(post, member, post.ref_author_id)
                    signals.amplifiers.append(amplifier)
                    _count_followers(followed, post, amplifier.source, post.ref_author)
            elif member.targets:
                for target in dict.fromkeys(member.targets):
                    mentions.append(
                        MentionSignal(
                            member,
                            target,
                            target in strangers,
                            post.kind == "reply",
                            print_.key,
                            len(print_.folded),
                        )
                    )
            _count_followers(followed, post, member.account, post.author)
        signals.followers = sorted(followed.values(), key=lambda one: (one.time_ms, one.account))
        return signals


def _count_followers(
    followed: dict[str, FollowerSignal], post: Post, account: str, profile: Profile | None
) -> None:
    """Note the newest count of an account's followers."""
    if profile is not None and (profile.followers or 0) >= FOLLOWED:
        followed[account] = FollowerSignal(post.time_ms, account, profile.followers or 0)


def _objects(post: Post, member: Member, links: tuple[str, ...]) -> list[Subject]:
    """What a post shares with others, each once; of a repost only the post reposted."""
    ref = post_key(post.platform, post.ref_id) if post.ref_id else ""
    if post.kind == "repost":
        return [Subject("post", ref)] if ref else []
    objects: list[Subject] = []
    if links:
        objects += [Subject("link", link) for link in links]
    if post.media:
        objects += [Subject("media", post_key(post.platform, name)) for name in dict.fromkeys(post.media)]
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
