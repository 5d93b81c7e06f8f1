"""The ACCOUNTS stage: turns posts into signals, so that no later stage looks an account up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from zlib import crc32

import msgspec
import numpy as np

from detectors.accounts import automation
from detectors.accounts.declared import is_declared
from detectors.accounts.fates import is_quick, remembered
from detectors.accounts.habits import AT_ONCE_MS, Habits, due, look, note
from detectors.accounts.profiles import completed
from detectors.accounts.profiles import remembered as shown_by
from detectors.batches import Background, FateSignal, PromotionSignal, SignalBatch
from detectors.events import CANARY, Change, Post, Profile, Promotion, Status, milliseconds
from detectors.findings import Member, account_key, post_key
from detectors.forgetting import forget_oldest, forget_once_and_again
from detectors.links import normalise_link
from detectors.lists import PUSHING, Lists
from detectors.looks import UNKNOWN, Look, account_hash
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing
from detectors.text import NO_FINGERPRINT, Fingerprint, fingerprint, names_its_source, read_entities

HOUR_MS = 3_600_000
NO_SCORE = -1
_LANGUAGES, _LANGUAGE_LENGTH = 4, 35
_HALF_LIFE_MS = 12 * HOUR_MS
_LONG_AGO_MS = -HOUR_MS * 10**6
_ADDRESSED = 24
"""Accounts that one named, of which the last ones are remembered."""

Languages = tuple[tuple[str, int], ...]
"""Languages of an account's own posts with how many were in each, the most used first."""


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the account memory."""

    max_accounts: int = 400_000
    """Accounts remembered; beyond it those seen once go first, oldest first."""
    rescore_minutes: int = 60
    """How long an automation score is used before the profile is looked at again."""
    max_profiles: int = 50_000
    """Profiles kept of accounts that have not posted yet; beyond it the oldest go."""


class Account(Record, tag="accounts", gc=False):
    """What the stream itself showed of one account. It is the record that a checkpoint keeps of it."""

    key: str
    first_ms: int
    last_ms: int
    activity: float = 0.0
    """Posts of late: each counts half as much after twelve hours."""
    addressed: bytes = b""
    """Checksums of the accounts that it named last, four bytes each, the newest last."""
    posts: int = 0
    reposts: int = 0
    score: int = NO_SCORE
    scored_ms: int = _LONG_AGO_MS
    declared: bool = False
    languages: Languages = ()
    status: Status | None = None
    """None where nothing was heard."""
    status_ms: int = 0
    posted: bytes = b""
    """Its last posts, see `detectors.accounts.fates`."""
    erased: int = 0
    """How many posts it erased soon after."""
    habits: Habits = msgspec.field(default_factory=Habits)
    shown: bytes = b""
    """What its profile said, see `detectors.accounts.profiles`."""


_Reading = tuple[Fingerprint, Sequence[str], Sequence[str], Sequence[str]]
"""Fingerprint, hashtags, mentions and links of a post."""
_Shown = tuple[int, Profile | None, Account]
"""When a profile was shown, what it said, and whose it is."""


class _Told(Record, tag="profiles"):
    """A profile of an account that has not posted yet."""

    at_ms: int
    profile: Profile


class _Head(Record, tag="accounts_head"):
    """What the stage counts."""

    evicted: int


@lru_cache(maxsize=1 << 16)
def spoken(languages: Languages, language: str) -> Languages:
    """The languages of an account after one more post.

    Four are kept. Another one takes one off the least used, and its place once nothing is left of it, so
    that a change of language shows in time. Equal answers are one object, since very many accounts have them.

    >>> spoken((("fr", 2), ("en", 1)), "en")
    (('en', 2), ('fr', 2))
    """
    counts = dict(languages)
    if language in counts or len(counts) < _LANGUAGES:
        counts[language] = counts.get(language, 0) + 1
    else:
        least, count = languages[-1]
        del counts[least]
        counts |= {least: count - 1} if count > 1 else {language: 1}
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


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
        """Accounts with two posts or more."""
        self._told: dict[str, _Told] = {}
        """Profiles of accounts that have not posted yet."""
        self._met: list[_Shown] = []
        """Those of them that were met in this tick, by their first post."""
        self.lists = Lists()
        """The room's lists; whoever has new ones puts them here between two ticks."""
        self._ahead: dict[tuple[str, str], tuple[Post, _Reading]] = {}
        """Posts read before their tick, by network and id: of two with one id the later edit is taken."""
        self._changed: Noted[str] = Noted()
        self._changed_told: Noted[str] = Noted()
        self._table, self._told_table, self._head = Table(Account), Table(_Told), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, key: str) -> Account | None:
        """The account of a key, if it is remembered."""
        return self._again.get(key) or self._once.get(key)

    def recall(self, profiles: Iterable[tuple[str, int, Profile]]) -> None:
        """On a fresh object, take in profiles that an earlier run saw: they wait for the first post.

        Parameters
        ----------
        profiles : iterable of (key, time_ms, profile)
            The oldest first.
        """
        for key, at_ms, profile in profiles:
            self._told[key] = _Told(at_ms, completed(None, profile))
            self._changed_told.add(key)

    def read_ahead(self, posts: Iterable[Post]) -> None:
        """Read the texts of posts that wait for their tick, so that less is left to do when it comes."""
        for post in posts:
            self._ahead[post.platform, post.id] = post, _read(post)

    def _reading(self, tick_ms: int, posts: list[Post]) -> list[_Reading]:
        """What the texts of these posts hold, read by now or ahead."""
        if not self._ahead:
            return list(map(_read, posts))
        ahead = [self._ahead.pop((post.platform, post.id), None) for post in posts]
        # What is left from before this tick came too late, or was replaced by an edit.
        self._ahead = {key: one for key, one in self._ahead.items() if one[0].time_ms >= tick_ms}
        return [
            one[1] if one is not None and one[0] is post else _read(post)
            for post, one in zip(posts, ahead, strict=True)
        ]

    def take(self, tick_ms: int, posts: list[Post], changes: Sequence[Change] = ()) -> SignalBatch:
        """Make the signals of one tick. Posts and changes must be in canonical order."""
        accounts = []
        activities = []
        for post in posts:
            account = self._seen(account_key(post.platform, post.author_id), post)
            accounts.append(account)
            activities.append(math.ceil(account.activity))
        if self._changed.on:
            self._changed.update(account.key for account in accounts)
        shown = [(post.time_ms, post.author, account) for post, account in zip(posts, accounts, strict=True)]
        shown += self._met
        self._met = []
        shown += self._new_profiles(changes)
        scored = self._score(shown)
        batch = SignalBatch(tick_ms, posts, changes=changes, listed=self._kinds(posts, accounts))
        reading = self._reading(tick_ms, posts)
        rows = zip(posts, accounts, activities, reading, batch.listed, strict=True)
        for post, account, activity, (print_, tags, targets, links), listed in rows:
            named = tuple(filter(None, targets)) if targets else ()
            batch.fingerprints.append(print_)
            batch.links.append(tuple(dict.fromkeys(map(normalise_link, links))) if links else ())
            batch.strangers.append(_addresses(account, named) if named and post.kind != "repost" else _NOBODY)
            batch.members.append(
                Member(
                    post.time_ms,
                    post.id,
                    account.key,
                    account.score,
                    named,
                    normalise_tags(tags) if tags else (),
                    bool(links),
                    "@" in post.text and names_its_source(post.text),
                    listed == "declared" or (account.declared and listed not in PUSHING),
                    activity,
                )
            )
            if post.promoted is not None:
                batch.promotions.append(self._promotion(post, batch.members[-1]))
        batch.background = Background(
            *scored,
            posts=sum(post.platform != CANARY for post in posts),
            fates=[fate for change in changes for fate in self._fates(change)],
            looks=self._looks(posts, accounts, batch),
            told=[change for change in changes if change.of_source],
        )
        self._forget()
        return batch

    def _kinds(self, posts: list[Post], accounts: list[Account]) -> list[str]:
        """Of each post the kind of its author's entry in the room's lists; empty where there is none."""
        if not self.lists:
            return [""] * len(posts)
        kind_of = self.lists.kind_of
        return [kind_of(account.key, post.time_ms) for post, account in zip(posts, accounts, strict=True)]

    def _seen(self, key: str, post: Post) -> Account:
        account = self._again.get(key)
        if account is None:
            account = self._once.pop(key, None)
            if account is None:
                account = self._once[key] = Account(key, post.time_ms, post.time_ms)
                if (told := self._told.pop(key, None)) is not None:
                    self._changed_told.add(key)
                    self._met.append((post.time_ms, told.profile, account))
            else:
                self._again[key] = account
        account.posts += 1
        account.activity = 1 + account.activity * 0.5 ** ((post.time_ms - account.last_ms) / _HALF_LIFE_MS)
        if post.kind == "repost":
            account.reposts += 1
        elif post.lang:
            account.languages = spoken(account.languages, post.lang[:_LANGUAGE_LENGTH])
        note(account.habits, post, account.last_ms)
        account.last_ms = post.time_ms
        account.posted = remembered(account.posted, post.id, post.time_ms)
        return account

    def _looks(self, posts: list[Post], accounts: list[Account], batch: SignalBatch) -> list[Look]:
        """How the accounts look of which this is to be told, each at its newest post."""
        newest = {
            account.key: row
            for row, (post, account) in enumerate(zip(posts, accounts, strict=True))
            if due(account.habits, post.time_ms) and post.platform != CANARY
        }
        return [
            look(
                accounts[row].habits,
                posts[row],
                account=account_hash(key),
                first_ms=accounts[row].first_ms,
                posts=accounts[row].posts,
                score=accounts[row].score,
                activity=batch.members[row].activity,
                erased=accounts[row].erased,
                languages=accounts[row].languages,
                shown=accounts[row].shown,
                listed=int(batch.listed[row] in PUSHING) if self.lists else UNKNOWN,
            )
            for key, row in newest.items()
        ]

    def _new_profiles(self, changes: Sequence[Change]) -> Iterator[_Shown]:
        """Profiles that the network tells of by themselves, of accounts that have posted here.

        Those of others wait for the first post: who is new tells its profile before it says anything.
        """
        for change in changes:
            if change.event == "profile" and change.author_id and change.author is not None:
                key = account_key(change.platform, change.author_id)
                account = self.get(key)
                if account is not None:
                    account.scored_ms = _LONG_AGO_MS
                    self._changed.add(key)
                    yield change.time_ms, change.author, account
                else:
                    before = self._told.pop(key, None)
                    profile = completed(before.profile if before else None, change.author)
                    self._told[key] = _Told(change.time_ms, profile)
                    self._changed_told.add(key)

    def _score(self, shown: Iterable[_Shown]) -> tuple[int, int]:
        """Score the accounts whose score is missing or old; how many are new, and the sum of their scores."""
        rows: list[tuple[float, ...]] = []
        scored: list[Account] = []
        rescore_ms = self.settings.rescore_minutes * 60_000
        for time_ms, profile, account in shown:
            if profile is None or time_ms - account.scored_ms < rescore_ms:
                continue
            account.scored_ms = time_ms
            account.declared = is_declared(profile) or (account.declared and profile.description is None)
            account.shown = shown_by(account.shown, profile, account.posts)
            observed = milliseconds(profile.observed_at) if profile.observed_at else time_ms
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
        forgot = forget_once_and_again(self._once, self._again, self.settings.max_accounts)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted
        untold = forget_oldest(self._told, self.settings.max_profiles)
        self._changed_told.update(untold.gone)
        self.evicted += untold.evicted

    def _promotion(self, post: Post, member: Member) -> PromotionSignal:
        promoted = post.promoted or Promotion()
        payer, currency = promoted.payer or None, promoted.currency or None
        return PromotionSignal(
            member,
            payer,
            None if promoted.spend is None else round(promoted.spend * 100),
            currency and currency.upper(),
            tuple(sorted(set(promoted.audiences or ()))),
            promoted.impressions,
            self.lists.banned_since(payer, post.time_ms, post.platform) if payer else None,
        )

    def _fates(self, change: Change) -> Iterator[FateSignal]:
        """What a change means, unless something newer is known.

        Of accounts that never posted here nothing is said, since networks tell of far more accounts than a
        stream shows.
        """
        key = account_key(change.platform, change.author_id) if change.author_id else None
        account = self.get(key) if key else None
        if change.event == "deletion" and change.post_id and (account is not None or key is None):
            yield self._erased(account, change, change.post_id)
        elif account is None:
            return
        elif change.event == "account" and change.status and change.time_ms >= account.status_ms:
            before, account.status, account.status_ms = account.status, change.status, change.time_ms
            self._changed.add(account.key)
            if before != account.status:
                yield FateSignal(change.time_ms, account.key, change.status, before)

    def _erased(self, account: Account | None, change: Change, post_id: str) -> FateSignal:
        at_ms, post = change.time_ms, post_key(change.platform, post_id)
        if account is None:
            return FateSignal(at_ms, None, "erased", post=post)
        quick = is_quick(account.posted, post_id, at_ms)
        if quick:
            account.erased += 1
            account.habits.looked_ms = AT_ONCE_MS
            self._changed.add(account.key)
        return FateSignal(
            at_ms,
            account.key,
            "erased",
            post=post,
            quick=quick,
            quickly=account.erased,
            posts=account.posts,
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_told.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        keys = self._changed.take(chain(self._once, self._again), everything)
        told = self._changed_told.take(self._told, everything)
        return merged(
            self._head.told(_Head(self.evicted), everything),
            self._table.told({key: self.get(key) for key in keys}),
            self._told_table.told({key: self._told.get(key) for key in told}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved.

        Who is evicted first for want of room is remembered only nearly: accounts stand in order of their
        first post, while those seen again stood in order of their second.
        """
        head = self._head.read(saved)
        if head is not None:
            self.evicted = head.evicted
        shared: dict[Languages, Languages] = {}
        accounts = sorted(self._table.read(saved), key=lambda one: (one[1].first_ms, one[0]))
        for key, account in accounts:
            if account.key != key:
                raise StateError("an account's record stands under another account's key")
            account.languages = shared.setdefault(account.languages, account.languages)
            (self._once if account.posts < 2 else self._again)[key] = account
        self._told = dict(sorted(self._told_table.read(saved), key=lambda one: (one[1].at_ms, one[0])))


_NOBODY: frozenset[str] = frozenset()


def _addresses(account: Account, targets: Sequence[str]) -> frozenset[str]:
    """Note whom an account names; those that it is not known to have named before."""
    known = account.addressed
    fresh = []
    for target in dict.fromkeys(targets):
        mark = crc32(target.encode("utf-8", "surrogatepass")).to_bytes(4, "big")
        place = _find(known, mark)
        if place < 0:
            fresh.append(target)
        else:
            known = known[:place] + known[place + 4 :]
        known += mark
    account.addressed = known[-4 * _ADDRESSED :]
    return frozenset(fresh)


def _find(marks: bytes, mark: bytes) -> int:
    place = marks.find(mark)
    while place > 0 and place % 4:  # found across two marks
        place = marks.find(mark, place + 1)
    return place


def _read(post: Post) -> _Reading:
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
