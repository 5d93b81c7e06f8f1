"""Event time: watermark, grace, ticks, and posts held until their tick can be judged.

The rules are those of Flink and Beam. The *watermark* is the newest event time seen, less the *grace*. A
post older than the watermark is *late*: it is counted and goes no further. What a source says of itself is
heard whenever it comes. A *tick* T is a multiple of
``tick_ms``; it holds the posts of [T - tick_ms, T) and is judged once, when the watermark has passed it.
Whether a post is late is decided post by post, so nothing depends on how the posts were batched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

import msgspec

from detectors.events import Change, Item, Post, milliseconds
from detectors.packed_posts import PackedPost, packed_post, unpacked_post
from detectors.state import (
    Changes,
    Noted,
    Record,
    Saved,
    Sheet,
    Table,
    merged,
    refusing,
    segment_place,
    segments,
)

_Item = TypeVar("_Item", bound=Item)


class TimeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of event time, in seconds."""

    grace_s: int = 10
    tick_s: int = 5


class Gate:
    """Where posts enter: decides which are late, post by post, and so what the watermark is.

    Examples
    --------
    >>> from detectors.events import from_mapping
    >>> def post(name, ms):
    ...     at = 1_500_000_000_000 + ms
    ...     return from_mapping({"id": name, "platform": "x", "author_id": "a", "created_at": at})
    >>> gate = Gate(TimeSettings(grace_s=1))
    >>> [one.id for one in gate.admit([post("a", 4000), post("b", 3000), post("c", 2999)])]
    ['a', 'b']
    >>> gate.late, gate.watermark_ms - 1_500_000_000_000
    (1, 3000)
    """

    def __init__(self, settings: TimeSettings | None = None) -> None:
        settings = settings or TimeSettings()
        self.grace_ms = settings.grace_s * 1000
        self.watermark_ms = 0
        self.late = 0

    def admit(self, posts: Iterable[_Item]) -> list[_Item]:
        """The posts, and changes, that are in time, in order of arrival."""
        watermark, grace = self.watermark_ms, self.grace_ms
        admitted: list[_Item] = []
        for post in posts:
            at = post.time_ms
            if at < watermark:
                if isinstance(post, Change) and post.of_source:
                    post.time_ms = watermark  # a gap that is over is known only now
                    admitted.append(post)
                else:
                    self.late += 1
                continue
            if at - grace > watermark:  # noqa: PLR1730 - max() takes longer
                watermark = at - grace
            admitted.append(post)
        self.watermark_ms = watermark
        return admitted

    def advance(self, watermark_ms: int) -> None:
        """Move the watermark forward without a post: a silent live stream, or the end of a file."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)


class _Segment(Record, tag="held_posts"):
    """Posts of one tick that came between two checkpoints, in order of arrival."""

    posts: list[PackedPost]


class _HeldChanges(Record, tag="held_changes"):
    """All changes of one tick, in canonical order."""

    changes: list[Change]


class _BufferHead(Record, tag="held_head"):
    """What a buffer counts."""

    watermark_ms: int
    late: int
    duplicates: int


class TickBuffer:
    """Holds posts, and changes, until the watermark has passed their tick; drops repeated ids.

    Examples
    --------
    >>> from detectors.events import from_mapping
    >>> def post(name, ms):
    ...     at = 1_500_000_000_000 + ms
    ...     return from_mapping({"id": name, "platform": "x", "author_id": "a", "created_at": at})
    >>> buffer = TickBuffer(TimeSettings(tick_s=5))
    >>> buffer.add([post("b", 4000), post("a", 3500), post("b", 4000), post("c", 6000)])
    >>> buffer.advance(1_500_000_005_000)
    >>> [(tick - 1_500_000_000_000, [p.id for p in posts]) for tick, posts, _ in buffer.ready()]
    [(5000, ['a', 'b'])]
    >>> buffer.duplicates, buffer.held
    (1, 1)
    """

    def __init__(self, settings: TimeSettings | None = None) -> None:
        settings = settings or TimeSettings()
        self.tick_ms = settings.tick_s * 1000
        self.watermark_ms = 0
        self.late = 0
        """Posts refused because their tick may have been judged: none, behind a `Gate`."""
        self.duplicates = 0
        self.held = 0
        self._ticks: dict[int, dict[tuple[str, str], Post]] = {}
        self._changes: dict[int, dict[tuple[str, str], Change]] = {}
        # A tick is saved in segments, each with what came since the last one: they end at these places.
        self._ends: dict[int, list[int]] = {}
        self._replaced: Noted[int] = Noted()
        self._gone: dict[str, None] = {}
        self._changed: Noted[int] = Noted()
        """Ticks whose changes are new, or gone."""
        self._segments, self._head = Table(_Segment), Sheet(_BufferHead)
        self._held_changes = Table(_HeldChanges)

    def add(self, posts: Iterable[Item]) -> None:
        """Take posts and changes in, in order of arrival."""
        watermark, tick_ms, ticks = self.watermark_ms, self.tick_ms, self._ticks
        for post in posts:
            at = post.time_ms
            if at < watermark:
                self.late += 1
                continue
            tick = at - at % tick_ms + tick_ms
            if isinstance(post, Change):
                self._hold(tick, post)
                continue
            held = ticks.get(tick)
            if held is None:
                held = ticks[tick] = {}
            key = (post.platform, post.id)
            if key in held:
                self.duplicates += 1
                held[key] = newer(held[key], post)
                self._replaced.add(tick)
            else:
                held[key] = post
                self.held += 1

    def _hold(self, tick: int, change: Change) -> None:
        held = self._changes.setdefault(tick, {})
        key = (change.platform, change.id)
        if key in held:
            self.duplicates += 1
            held[key] = max(held[key], change, key=msgspec.msgpack.encode)
        else:
            held[key] = change
            self.held += 1
        self._changed.add(tick)

    def advance(self, watermark_ms: int) -> None:
        """Move the watermark forward."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)

    def ready(self) -> Iterator[tuple[int, list[Post], list[Change]]]:
        """Ticks that the watermark has passed, oldest first, with their posts and changes in order."""
        for tick in sorted(tick for tick in {*self._ticks, *self._changes} if tick <= self.watermark_ms):
            posts = sorted(self._ticks.pop(tick, {}).values(), key=canonical_order)
            changes = self._changes_of(tick)
            self.held -= len(posts) + len(changes)
            self._gone.update(dict.fromkeys(segments(tick, self._ends.pop(tick, ()))))
            if changes:
                del self._changes[tick]
                self._changed.add(tick)
            yield tick, posts, changes

    def _changes_of(self, tick: int) -> list[Change]:
        return sorted(self._changes.get(tick, {}).values(), key=canonical_order)

    def last_tick(self) -> int:
        """The newest tick that holds anything; the watermark if none does."""
        return max([*self._ticks, *self._changes], default=self.watermark_ms)

    def posts(self) -> list[Post]:
        """All posts held, in canonical order."""
        return sorted((post for held in self._ticks.values() for post in held.values()), key=canonical_order)

    def track(self) -> None:
        """From now on, note what changes."""
        self._replaced.track()
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        head = self._head.told(_BufferHead(self.watermark_ms, self.late, self.duplicates), everything)
        records: dict[str, _Segment | None] = {} if everything else dict.fromkeys(self._gone)
        self._gone = {}
        # By the later edited of two versions, perhaps in a segment that was told before.
        replaced = self._replaced.take((), everything)
        for tick, held in self._ticks.items():
            ends = self._ends.setdefault(tick, [])
            told = 0 if everything else len(ends)
            if len(held) > (ends[-1] if ends else 0):
                ends.append(len(held))
            if tick in replaced:
                told = 0
            if told < len(ends):
                posts = list(held.values())
                for key, (begin, end) in list(segments(tick, ends).items())[told:]:
                    records[key] = _Segment([packed_post(post) for post in posts[begin:end]])
        kept = {
            str(tick): _HeldChanges(waiting) if (waiting := self._changes_of(tick)) else None
            for tick in self._changed.take(self._changes, everything)
        }
        return merged(head, self._segments.told(records), self._held_changes.told(kept))

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh buffer, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.watermark_ms, self.late, self.duplicates = head.watermark_ms, head.late, head.duplicates
        told = {segment_place(key): one for key, one in self._segments.read(saved)}
        for (tick, _), segment in sorted(told.items()):
            held = self._ticks.setdefault(tick, {})
            held.update({(post.platform, post.id): post for post in map(unpacked_post, segment.posts)})
            self._ends.setdefault(tick, []).append(len(held))
        for key, kept in self._held_changes.read(saved):
            self._changes[int(key)] = {(change.platform, change.id): change for change in kept.changes}
        self.held = sum(map(len, self._ticks.values())) + sum(map(len, self._changes.values()))


canonical_order: Callable[[Item], tuple[int, str, str]] = attrgetter("time_ms", "platform", "id")
"""The order in which posts are taken in, whatever the order of arrival."""


def newer(one: Post, other: Post) -> Post:
    """Of two posts with one id: the later edited, else the one whose encoding sorts last (any fixed rule)."""
    first = milliseconds(one.edited_at) if one.edited_at else 0
    second = milliseconds(other.edited_at) if other.edited_at else 0
    if first != second:
        return one if first > second else other
    return max(one, other, key=_encoding)


def _encoding(post: Post) -> bytes:
    # When it was received says nothing of the post, and differs between copies of one post. In MessagePack
    # times have no zone, as in a checkpoint: so the choice is the same after a restart.
    return msgspec.msgpack.encode(msgspec.structs.replace(post, received_at=None))
