"""The ACCOUNTS stage: turns posts into signals, so that no later stage looks an account up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from detectors.accounts import automation
from detectors.accounts.declared import is_declared
from detectors.batches import SignalBatch
from detectors.events import Post, milliseconds
from detectors.findings import Member, account_key
from detectors.text import NO_FINGERPRINT, Fingerprint, fingerprint, names_its_source, read_entities

HOUR_MS = 3_600_000
NO_SCORE = -1


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the account memory."""

    max_accounts: int = 1_000_000
    """Accounts remembered; beyond it those seen once go first, oldest first."""
    rescore_minutes: int = 60
    """How long an automation score is used before the profile is looked at again."""


class Account:
    """What the stream itself showed of one account."""

    __slots__ = ("declared", "first_ms", "key", "last_ms", "posts", "reposts", "score", "scored_ms")

    def __init__(self, key: str, now_ms: int) -> None:
        self.key = key
        self.first_ms = now_ms
        self.last_ms = now_ms
        self.posts = 0
        self.reposts = 0
        self.score = NO_SCORE
        self.scored_ms = -HOUR_MS * 10**6
        self.declared = False


class Accounts:
    """Keeps a little of each account and says of each post how its author looks.

    Examples
    --------
    >>> from detectors.events import from_mapping
    >>> post = from_mapping({"id": "1", "platform": "x", "author_id": "7", "created_at": 1_500_000_000_000,
    ...                      "text": "Bonjour #Debat"})
    >>> batch = Accounts().take(1_500_000_005_000, [post])
    >>> batch.members[0].hashtags, batch.members[0].score
    (('debat',), -1)
    """

    def __init__(self, settings: AccountSettings | None = None) -> None:
        self.settings = settings or AccountSettings()
        self.evicted = 0
        self._once: dict[str, Account] = {}
        self._again: dict[str, Account] = {}

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, key: str) -> Account | None:
        """The account of a key, if it is remembered."""
        return self._again.get(key) or self._once.get(key)

    def take(self, tick_ms: int, posts: list[Post]) -> SignalBatch:
        """Make the signals of one tick. The posts must be in canonical order."""
        accounts = [self._seen(account_key(post.platform, post.author_id), post) for post in posts]
        batch = SignalBatch(tick_ms, posts, scored=self._score(posts, accounts))
        for post, account in zip(posts, accounts, strict=True):
            print_, tags, targets, links = _read(post)
            batch.fingerprints.append(print_)
            batch.members.append(
                Member(
                    post.time_ms,
                    post.id,
                    account.key,
                    account.score,
                    tuple(filter(None, targets)),
                    normalise_tags(tags) if tags else (),
                    bool(links),
                    "@" in post.text and names_its_source(post.text),
                    account.declared,
                )
            )
        self._forget()
        return batch

    def _seen(self, key: str, post: Post) -> Account:
        account = self._again.get(key)
        if account is None:
            account = self._once.pop(key, None)
            if account is None:
                account = self._once[key] = Account(key, post.time_ms)
            else:
                self._again[key] = account
        account.posts += 1
        account.reposts += post.kind == "repost"
        account.last_ms = post.time_ms
        return account

    def _score(self, posts: list[Post], accounts: list[Account]) -> tuple[int, int]:
        """Score the accounts whose score is missing or old; how many are new, and the sum of their scores."""
        rows: list[tuple[float, ...]] = []
        scored: list[Account] = []
        rescore_ms = self.settings.rescore_minutes * 60_000
        for post, account in zip(posts, accounts, strict=True):
            profile = post.author
            if profile is None or post.time_ms - account.scored_ms < rescore_ms:
                continue
            account.scored_ms = post.time_ms
            account.declared = is_declared(profile)
            observed = milliseconds(profile.observed_at) if profile.observed_at else post.time_ms
            rows.append(automation.features(profile, observed))
            scored.append(account)
        if not rows:
            return 0, 0
        new = total = 0
        for account, value in zip(scored, automation.score(np.array(rows)).tolist(), strict=True):
            if math.isnan(value):
                continue
            rounded = round(value * 1000)
            if account.score == NO_SCORE:
                new += 1
                total += rounded
            account.score = rounded
        return new, total

    def _forget(self) -> None:
        while len(self) > self.settings.max_accounts:
            store = self._once or self._again
            del store[next(iter(store))]
            self.evicted += 1


def _read(post: Post) -> tuple[Fingerprint, Sequence[str], Sequence[str], Sequence[str]]:
    """Fingerprint, hashtags, mentions and links; what the network did not give is read from the text."""
    tags, targets, links = post.hashtags, post.mentions, post.links
    repost = post.kind == "repost"
    if repost and tags is not None and targets is not None and links is not None:
        return NO_FINGERPRINT, tags, targets, links
    entities = read_entities(post.text)
    return (
        # The text of a repost is another post's, so only the others are told apart by it.
        NO_FINGERPRINT if repost else fingerprint(entities, post.text),
        entities.hashtags if tags is None else tags,
        entities.mentions if targets is None else targets,
        entities.links if links is None else links,
    )


def normalise_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Case-folded, without ``#``, each once, in the order of the post.

    >>> normalise_tags(["#Débat", "débat", "NUIT"])
    ('débat', 'nuit')
    """
    return tuple(dict.fromkeys(name for tag in tags if (name := tag.lstrip("#＃").casefold())))
