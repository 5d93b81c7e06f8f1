"""One hashtag in the sliding windows, and the records that a checkpoint keeps of it.

A small tag is one record. A large one has a record for each minute and for each text too, since its accounts
and texts may be thousands: of the minutes only the newest is written again, of the texts those that changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator

import msgspec

from detectors.batches import TagSignal
from detectors.distinct import DistinctMinute, SlidingDistinct
from detectors.findings import Member
from detectors.state import Changes, Noted, Record, Saved, StateError, Table, merged

EVIDENCE_POSTS = 50
_LARGE = 128
"""Accounts, minutes and texts of a tag from which it is a large one; it stays one as long as it is held."""


class Minute(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What happened under one tag in one minute."""

    minute: int
    posts: int = 0
    originals: int = 0
    copied: int = 0
    co_reposted: int = 0
    shared_posts: int = 0


class _Kept:
    """What the store has of a large tag, and what has changed of it since."""

    __slots__ = ("level", "minutes", "objects")

    def __init__(self, level: int, minutes: list[int]) -> None:
        self.level = level
        self.minutes = minutes
        self.objects: Noted[int] = Noted()
        self.objects.track()


class Tag:
    """One hashtag in the sliding windows."""

    __slots__ = (
        "accounts",
        "declared",
        "episode_ms",
        "judged",
        "kept",
        "large",
        "last_finding_ms",
        "members",
        "minutes",
        "name",
        "objects",
        "turn",
    )

    def __init__(self, name: str, exact_accounts: int) -> None:
        self.name = name
        self.accounts = SlidingDistinct(exact_accounts)
        self.members: deque[Member] = deque(maxlen=EVIDENCE_POSTS)
        self.minutes: deque[Minute] = deque()
        self.objects: dict[int, str | None] = {}
        self.declared: set[str] = set()
        self.judged = (0, 0, 0)
        """Accounts, posts and posts of the short window when the tag was last judged."""
        self.episode_ms = 0
        self.last_finding_ms = 0
        self.turn = 0
        """Number of the last use, by which the tags are in order."""
        self.large = False
        """Whether it is saved in several records."""
        self.kept: _Kept | None = None

    def add(self, minute: int, use: TagSignal, max_copies: int) -> None:
        """Count one post under the tag."""
        if not self.minutes or self.minutes[-1].minute != minute:
            self.minutes.append(Minute(minute))
        counts = self.minutes[-1]
        member = use.member
        self.accounts.add(minute, member.account, member.score)
        self.members.append(member)
        if member.declared and len(self.declared) < 1000:
            self.declared.add(member.account)
        author = self.objects.get(use.object_key, "")
        shared = bool(use.object_key) and self._is_shared(use.object_key, member.account, max_copies)
        counts.posts += 1
        if use.original:
            counts.originals += 1
            counts.copied += shared
        else:
            counts.co_reposted += shared
            counts.shared_posts += shared and author is not None

    def _is_shared(self, key: int, account: str, max_copies: int) -> bool:
        """Whether another account has posted this text, or reposted this post, under the tag."""
        if key not in self.objects:
            if len(self.objects) >= max_copies:
                if self.kept is not None:
                    self.kept.objects.update(self.objects)
                self.objects.clear()
            self.objects[key] = account
            if self.kept is not None:
                self.kept.objects.add(key)
            return False
        author = self.objects[key]
        if author is not None and author != account:
            self.objects[key] = None  # shared: every further post of it counts
            if self.kept is not None:
                self.kept.objects.add(key)
        return author != account

    def expire(self, first_minute: int) -> None:
        """Forget what lies before a minute."""
        self.accounts.expire(first_minute)
        while self.minutes and self.minutes[0].minute < first_minute:
            self.minutes.popleft()

    def posts_between(self, first: int, last: int) -> int:
        """Posts of the minutes first to last, both included."""
        return sum(counts.posts for counts in self.minutes if first <= counts.minute <= last)

    def keep(self) -> _Kept:
        """From now on note what changes of what the store has of this large tag."""
        self.kept = _Kept(self.accounts.level, self.accounts.minutes())
        return self.kept


# -- checkpoints -----------------------------------------------------------------------------------


class _TagMinute(Record, tag="tag_minutes"):
    """One minute of a tag."""

    counts: Minute
    accounts: DistinctMinute


class _TagObject(Record, tag="tag_objects"):
    """One text or reposted post of a large tag: who had it first, or None where several have."""

    account: str | None


class _TagHead(Record, tag="tags"):
    """A tag; of a large one, all but its minutes and texts."""

    turn: int
    large: bool
    judged: tuple[int, int, int]
    episode_ms: int
    last_finding_ms: int
    level: int
    declared: list[str]
    members: list[Member]
    minutes: list[_TagMinute]
    objects: dict[int, str | None]


class TagRecords:
    """Gathers what is to be told of tags, and reads it back."""

    def __init__(self) -> None:
        self._head_table, self._minute_table = Table(_TagHead), Table(_TagMinute)
        self._object_table = Table(_TagObject)
        self.clear()

    def clear(self) -> None:
        """Drop what was gathered."""
        self._heads: dict[str, _TagHead | None] = {}
        self._minutes: dict[str, _TagMinute | None] = {}
        self._objects: dict[str, _TagObject | None] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def forget(self, tag: Tag) -> None:
        """Tell that a tag is held no more."""
        self._heads[tag.name] = None
        if tag.kept is not None:
            gone = {**tag.objects, **dict.fromkeys(tag.kept.objects.take((), everything=False))}
            self._minutes |= dict.fromkeys(_part(minute, tag.name) for minute in tag.kept.minutes)
            self._objects |= dict.fromkeys(_part(key, tag.name) for key in gone)

    def add(self, tag: Tag, *, everything: bool, tracked: bool) -> None:
        """Tell what changed of a tag."""
        size = len(tag.accounts.held) + len(tag.minutes) + len(tag.objects)
        tag.large = tag.large or size >= _LARGE
        self._heads[tag.name] = _head(tag)
        if tag.large:
            self._add_parts(tag, everything=everything or tag.kept is None)
            if tracked:
                kept = tag.kept or tag.keep()
                kept.level, kept.minutes = tag.accounts.level, tag.accounts.minutes()

    def _add_parts(self, tag: Tag, *, everything: bool) -> None:
        minutes, keys = tag.accounts.minutes(), list(tag.objects)
        if tag.kept is not None:
            keys = list(tag.kept.objects.take(tag.objects, everything))
        if tag.kept is not None and not everything:
            told = tag.kept.minutes
            self._minutes |= {_part(one, tag.name): None for one in told if one not in minutes}
            if told and tag.kept.level == tag.accounts.level:
                # The minute that was the newest may have changed since it was told, those before it not.
                minutes = [minute for minute in minutes if minute >= told[-1]]
        for one in _minutes(tag, minutes):
            self._minutes[_part(one.counts.minute, tag.name)] = one
        for key in keys:
            held = key in tag.objects
            self._objects[_part(key, tag.name)] = _TagObject(tag.objects[key]) if held else None

    def told(self) -> Changes:
        """All that was gathered, as changes."""
        told = merged(
            self._head_table.told(self._heads),
            self._minute_table.told(self._minutes),
            self._object_table.told(self._objects),
        )
        self.clear()
        return told

    def read(self, saved: Saved, exact_accounts: int) -> Iterator[Tag]:
        """The tags, in order of their last use."""
        minutes: dict[str, dict[int, _TagMinute]] = {}
        for key, minute in self._minute_table.read(saved):
            number, name = _parts(key)
            minutes.setdefault(name, {})[number] = minute
        objects: dict[str, dict[int, str | None]] = {}
        for key, one in self._object_table.read(saved):
            number, name = _parts(key)
            objects.setdefault(name, {})[number] = one.account
        for name, head in sorted(self._head_table.read(saved), key=lambda one: one[1].turn):
            own = minutes.pop(name, {})
            parts = [own[number] for number in sorted(own)] if head.large else head.minutes
            yield _tag(name, exact_accounts, head, parts, head.objects | objects.pop(name, {}))
        if minutes or objects:
            raise StateError("there are records of tags that are not there")


def _part(number: int, name: str) -> str:
    return f"{number}.{name}"


def _parts(key: str) -> tuple[int, str]:
    number, _, name = key.partition(".")
    return int(number), name


def _minutes(tag: Tag, minutes: Container[int]) -> list[_TagMinute]:
    """Some minutes of a tag, oldest first."""
    counts = (one for one in tag.minutes if one.minute in minutes)
    return [_TagMinute(*both) for both in zip(counts, tag.accounts.packed(minutes), strict=True)]


def _head(tag: Tag) -> _TagHead:
    return _TagHead(
        tag.turn,
        tag.large,
        tag.judged,
        tag.episode_ms,
        tag.last_finding_ms,
        tag.accounts.level,
        sorted(tag.declared),
        list(tag.members),
        [] if tag.large else _minutes(tag, tag.accounts.minutes()),
        {} if tag.large else tag.objects,
    )


def _tag(
    name: str,
    exact_accounts: int,
    head: _TagHead,
    minutes: list[_TagMinute],
    objects: dict[int, str | None],
) -> Tag:
    tag = Tag(name, exact_accounts)
    tag.turn, tag.large, tag.judged = head.turn, head.large, head.judged
    tag.episode_ms, tag.last_finding_ms = head.episode_ms, head.last_finding_ms
    tag.declared.update(head.declared)
    tag.members.extend(head.members)
    tag.objects = objects
    tag.minutes.extend(one.counts for one in minutes)
    tag.accounts.restore(head.level, [one.accounts for one in minutes])
    return tag
