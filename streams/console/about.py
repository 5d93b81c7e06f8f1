"""What a case is about, by what its findings push, and which signals share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detectors.batches import ShareSignal, Signals, shard_of
from detectors.findings import Finding, Member, Subject, account_key, author_of, platform_of
from detectors.lists import folded
from streams.console.evidence import StoredPost

_Sign = tuple[Member | ShareSignal, str | None]
"""A signal of a post, and the post's kind where the signal says it."""


class About(NamedTuple):
    """The accounts of a case, its window, and what it pushes."""

    accounts: frozenset[str]
    start_ms: int
    end_ms: int
    hashtags: frozenset[str]
    sources: frozenset[str]
    """Account keys of those reposted."""
    targets: frozenset[str]
    payers: frozenset[str]
    objects: frozenset[Subject]
    """Links, posts and media."""
    texts: frozenset[int]
    """Keys of texts, see `detectors.text.text_key`."""

    @classmethod
    def of(cls, findings: Iterable[Finding], start_ms: int, end_ms: int) -> About:
        """What the findings of a case push."""
        findings = list(findings)
        subjects = {subject for finding in findings for subject in finding.subjects}
        accounts = frozenset(account for finding in findings for account in finding.accounts)
        platforms = {platform_of(account) for account in accounts}

        def values(kind: str) -> frozenset[str]:
            return frozenset(value for of, value in subjects if of == kind)

        return cls(
            accounts,
            start_ms,
            end_ms,
            hashtags=values("hashtag"),
            sources=frozenset(
                account_key(platform, author_of(name) or name)
                for platform in platforms
                for name in values("source")
            ),
            targets=values("target"),
            payers=frozenset(map(folded, values("payer"))),
            objects=frozenset(one for one in subjects if one.kind in ("link", "post", "media")),
            texts=frozenset(key for finding in findings for key in finding.text_keys),
        )

    def shards(self, shards: int) -> list[int]:
        """Where the signals of these subjects are; see `detectors.batches.spread`."""
        values = [*self.hashtags, *self.sources, *self.targets, *(one.value for one in self.objects)]
        found = {shard_of(value, shards) for value in values}
        return sorted(found | ({0} if self.texts or self.payers else set()))

    def posts(self, signals: Signals) -> Iterator[StoredPost]:
        """The posts of the case in what one tick tells; one may come several times."""
        for one, kind in self._signs(signals):
            if one.account in self.accounts and self.start_ms <= one.time_ms <= self.end_ms:
                targets = one.targets if isinstance(one, Member) else ()
                yield StoredPost(one.time_ms, one.account, one.post_id, kind, targets)

    def _signs(self, signals: Signals) -> Iterator[_Sign]:
        """What shares a subject of the case, whoever posted it."""
        for use in signals.tags if self.hashtags else ():
            if not self.hashtags.isdisjoint(use.hashtags):
                yield use.member, None if use.original else "repost"
        for amplifier in signals.amplifiers:
            if amplifier.source in self.sources:
                yield amplifier.member, "repost"
        for mention in signals.mentions:
            if mention.target in self.targets:
                yield mention.member, "reply" if mention.reply else None
        yield from ((share, None) for share in signals.shares if share.object in self.objects)
        yield from ((text.member, None) for text in signals.texts if text.key in self.texts)
        for promotion in signals.promotions:
            if folded(promotion.payer or "") in self.payers:
                yield promotion.member, None
