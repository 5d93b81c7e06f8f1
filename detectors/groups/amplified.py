"""One amplified account in the sliding window, and the records that a checkpoint keeps of it.

A small source is one record. A large one has a record for each minute too, since its amplifiers may be
thousands: what was seen of an account stands in the minute of its newest repost, so that a minute that is
past does not change, and only the newest is written again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

import msgspec

from detectors.batches import AmplifierSignal
from detectors.distinct import DistinctMinute, SlidingDistinct
from detectors.findings import Member
from detectors.forgetting import forget_oldest
from detectors.state import Changes, Record, Saved, StateError, Table, merged
from detectors.text import text_key

MINUTE_MS = 60_000
EVIDENCE_POSTS = 50
HALF_LIFE_MS = 12 * 3_600_000
"""After which a repost counts half: that of `Member.activity`, with which it is compared."""
_LARGE = 128
"""Accounts, minutes and posts of a source from which it is a large one, as long as it is held."""


class Minute(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """The reposts of one source in one minute."""

    minute: int
    reposts: int = 0
    quick: int = 0
    """Those soon after the post."""
    delays: dict[int, int] = {}
    """How many reposts came so many seconds after the post, see `coarse`; without those of unknown delay."""


class Amplifier(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """One account that reposts the source, as it was at its newest repost."""

    minute: int = 0
    post: int = 0
    """Key of the post that it reposted last; 0 while none is known."""
    post_minute: int = 0
    other_minute: int = 0
    """When it last reposted any other post of the source; 0 where it did not."""
    own: float = 0.0
    """Its reposts of the source, decayed like `activity`."""
    own_ms: int = 0
    activity: int = 0
    declared: bool = False

    def note(self, minute: int, post: int, member: Member) -> None:
        """Count one more repost."""
        if post:
            if post != self.post:
                self.other_minute = self.post_minute
                self.post = post
            self.post_minute = minute
        self.own = 1 + self.own * 0.5 ** ((member.time_ms - self.own_ms) / HALF_LIFE_MS)
        self.minute, self.own_ms = minute, member.time_ms
        self.activity, self.declared = member.activity, member.declared

    def devotion(self) -> float:
        """The part of the account's recent posts that repost the source, at most 1."""
        return round(min(1.0, self.own / max(1, self.activity)), 4)


def coarse(seconds: int) -> int:
    """A time cut to six binary digits: exact under a minute, 3 % too short at most above.

    >>> [coarse(seconds) for seconds in (0, 59, 63, 100, 3601)]
    [0, 59, 63, 100, 3584]
    """
    digits = max(0, seconds.bit_length() - 6)
    return seconds >> digits << digits


class Source:
    """One account whose posts others repost."""

    __slots__ = (
        "accounts",
        "amplifiers",
        "episode_ms",
        "first",
        "judged",
        "kept",
        "large",
        "last_finding_ms",
        "members",
        "minutes",
        "name",
        "posts",
        "turn",
    )

    def __init__(self, name: str, exact_accounts: int) -> None:
        self.name = name
        """Account key."""
        self.accounts = SlidingDistinct(exact_accounts)
        self.amplifiers: dict[str, Amplifier] = {}
        """Of each account held."""
        self.posts: dict[int, int] = {}
        """Posts reposted, with the minute of the newest repost; those reposted longest ago first."""
        self.minutes: deque[Minute] = deque()
        self.first: Member | None = None
        """The repost with which it began, while that is in the window."""
        self.members: deque[Member] = deque(maxlen=EVIDENCE_POSTS)
        self.judged = (0, 0)
        """Accounts and reposts when the source was last judged."""
        self.episode_ms = 0
        self.last_finding_ms = 0
        self.turn = 0
        """Number of the last repost, by which the sources are in order."""
        self.large = False
        """Whether it is saved in several records."""
        self.kept: tuple[int, list[int]] | None = None
        """Of a large one: the level of the sample and the minutes that the store has."""

    def add(self, minute: int, use: AmplifierSignal, *, quick_ms: int, max_posts: int) -> None:
        """Count one repost."""
        member = use.member
        if not self.minutes:
            self.first = member
        if not self.minutes or self.minutes[-1].minute != minute:
            self.minutes.append(Minute(minute))
        counts = self.minutes[-1]
        counts.reposts += 1
        if use.delay_ms is not None:
            seconds = coarse(use.delay_ms // 1000)
            counts.delays[seconds] = counts.delays.get(seconds, 0) + 1
            counts.quick += use.delay_ms <= quick_ms
        post = text_key(use.post) if use.post else 0
        if post:
            self.posts.pop(post, None)
            self.posts[post] = minute
            if len(self.posts) > max_posts:
                del self.posts[next(iter(self.posts))]
        self.members.append(member)
        self._amplified(minute, post, member)

    def _amplified(self, minute: int, post: int, member: Member) -> None:
        held = self.accounts.held
        self.accounts.add(minute, member.account, member.score)
        if member.account in held:
            amplifier = self.amplifiers.get(member.account)
            if amplifier is None:
                amplifier = self.amplifiers[member.account] = Amplifier()
            amplifier.note(minute, post, member)
        self._drop_strangers()

    def _drop_strangers(self) -> None:
        """Forget what is known of accounts that are no longer held."""
        held = self.accounts.held
        if len(self.amplifiers) > len(held):
            self.amplifiers = {name: one for name, one in self.amplifiers.items() if name in held}

    def expire(self, first_minute: int) -> None:
        """Forget what lies before a minute."""
        self.accounts.expire(first_minute)
        self._drop_strangers()
        while self.minutes and self.minutes[0].minute < first_minute:
            self.minutes.popleft()
        forget_oldest(self.posts, len(self.posts), lambda minute: minute < first_minute)
        if self.first is not None and self.first.time_ms < first_minute * MINUTE_MS:
            self.first = None

    def reposts(self) -> int:
        """Reposts in the window."""
        return sum(counts.reposts for counts in self.minutes)

    def shown(self) -> tuple[Member, ...]:
        """The first repost and the newest, as far as they are in the window."""
        start_ms = self.minutes[0].minute * MINUTE_MS
        newest = [member for member in self.members if member.time_ms >= start_ms]
        if self.first is not None and self.first not in newest:
            return (self.first, *newest[1:])
        return tuple(newest)


# -- checkpoints -----------------------------------------------------------------------------------


class _SourceMinute(Record, tag="source_minutes"):
    """One minute of a source, with the accounts and the posts whose newest repost was then."""

    counts: Minute
    accounts: DistinctMinute
    amplifiers: dict[str, Amplifier]
    posts: list[int]


class _SourceHead(Record, tag="sources"):
    """A source; of a large one, all but its minutes."""

    turn: int
    large: bool
    judged: tuple[int, int]
    episode_ms: int
    last_finding_ms: int
    level: int
    first: Member | None
    members: list[Member]
    minutes: list[_SourceMinute]


class SourceRecords:
    """Gathers what is to be told of sources, and reads it back."""

    def __init__(self) -> None:
        self._head_table, self._minute_table = Table(_SourceHead), Table(_SourceMinute)
        self.clear()

    def clear(self) -> None:
        """Drop what was gathered."""
        self._heads: dict[str, _SourceHead | None] = {}
        self._minutes: dict[str, _SourceMinute | None] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def forget(self, source: Source) -> None:
        """Tell that a source is held no more."""
        self._heads[source.name] = None
        if source.kept is not None:
            self._minutes |= dict.fromkeys(_part(minute, source.name) for minute in source.kept[1])

    def add(self, source: Source, *, everything: bool, tracked: bool) -> None:
        """Tell what changed of a source."""
        size = len(source.accounts.held) + len(source.minutes) + len(source.posts)
        source.large = source.large or size >= _LARGE
        self._heads[source.name] = _head(source)
        if source.large:
            self._add_minutes(source, everything=everything)
            if tracked:
                keep(source)

    def _add_minutes(self, source: Source, *, everything: bool) -> None:
        minutes = source.accounts.minutes()
        if source.kept is not None and not everything:
            level, told = source.kept
            self._minutes |= {_part(one, source.name): None for one in told if one not in minutes}
            if told and level == source.accounts.level:
                # The minute that was the newest may have changed since it was told, those before it not.
                minutes = [minute for minute in minutes if minute >= told[-1]]
        for one in _packed(source, minutes):
            self._minutes[_part(one.counts.minute, source.name)] = one

    def told(self) -> Changes:
        """All that was gathered, as changes."""
        told = merged(self._head_table.told(self._heads), self._minute_table.told(self._minutes))
        self.clear()
        return told

    def read(self, saved: Saved, exact_accounts: int) -> Iterator[Source]:
        """The sources, in order of their last repost."""
        minutes: dict[str, dict[int, _SourceMinute]] = {}
        for key, one in self._minute_table.read(saved):
            minute, _, name = key.partition(".")
            minutes.setdefault(name, {})[int(minute)] = one
        for name, head in sorted(self._head_table.read(saved), key=lambda one: one[1].turn):
            own = minutes.pop(name, {})
            parts = [own[minute] for minute in sorted(own)] if head.large else head.minutes
            yield _source(name, exact_accounts, head, parts)
        if minutes:
            raise StateError("there are minutes of sources that are not there")


def keep(source: Source) -> None:
    """Note that the store has a large source as it is now."""
    source.kept = (source.accounts.level, source.accounts.minutes())


def _part(minute: int, name: str) -> str:
    return f"{minute}.{name}"


def _packed(source: Source, minutes: Collection[int]) -> list[_SourceMinute]:
    """Some minutes of a source, oldest first."""
    posts: dict[int, list[int]] = {minute: [] for minute in minutes}
    for post, minute in source.posts.items():
        if minute in posts:
            posts[minute].append(post)
    counts = (one for one in source.minutes if one.minute in posts)
    packed = []
    for one, accounts in zip(counts, source.accounts.packed(posts), strict=True):
        newest = {
            name: amplifier
            for name in accounts.accounts
            if (amplifier := source.amplifiers[name]).minute == one.minute
        }
        packed.append(_SourceMinute(one, accounts, newest, posts[one.minute]))
    return packed


def _head(source: Source) -> _SourceHead:
    return _SourceHead(
        source.turn,
        source.large,
        source.judged,
        source.episode_ms,
        source.last_finding_ms,
        source.accounts.level,
        source.first,
        list(source.members),
        [] if source.large else _packed(source, source.accounts.minutes()),
    )


def _source(name: str, exact_accounts: int, head: _SourceHead, minutes: list[_SourceMinute]) -> Source:
    source = Source(name, exact_accounts)
    source.turn, source.large, source.judged = head.turn, head.large, head.judged
    source.episode_ms, source.last_finding_ms = head.episode_ms, head.last_finding_ms
    source.first = head.first
    source.members.extend(head.members)
    source.accounts.restore(head.level, [one.accounts for one in minutes])
    for one in minutes:
        source.minutes.append(one.counts)
        source.amplifiers |= one.amplifiers
        for post in one.posts:
            source.posts.pop(post, None)
            source.posts[post] = one.counts.minute
    return source
