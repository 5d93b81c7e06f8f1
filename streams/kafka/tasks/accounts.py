"""The ACCOUNTS stage as a task: posts in, signals and background out, each post counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from detectors.accounts.stage import Accounts
from detectors.batches import Background, Signals, spread
from detectors.events import Item, Post, Rejection
from detectors.state import Changes, Saved, merged, pack, unpack
from detectors.windows import TickBuffer
from streams.embedded import Settings
from streams.kafka import frames
from streams.kafka.frames import Frame, home_of
from streams.kafka.stretches import Inbox, Output, Teller
from streams.kafka.tasks.records import Record, dead_letter
from streams.room import Room
from streams.sources.posts import decode_item


class Counts(msgspec.Struct):
    """What became of one partition's records.

    taken = processed + duplicate + late + dead + shed + events + held
    """

    taken: int = 0
    processed: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    shed: int = 0
    events: int = 0
    """Changes of accounts and posts, which are no posts."""
    moved: int = 0
    """Posts of strangers in the wrong partition, sent on to theirs; not among the taken."""
    canaries: int = 0
    """Of the taken, those of the canary."""


class Heard(msgspec.Struct, array_like=True):
    """What is known of one producer."""

    watermark_ms: int = 0
    position: int = 0
    read: int = 0
    late: int = 0
    rejected: int = 0
    final: bool = False
    seen_ms: int = 0
    """When its newest frame was written, wall clock."""


class AccountsTask:
    """The ACCOUNTS stage over one partition of `posts`.

    Parameters
    ----------
    partition : int
    settings : Settings
    shed : callable, optional
        Told the wall time of a live frame; whether its reposts are to be shed.
    room : Room, optional
        What the watch room says.
    """

    stage = "accounts"

    def __init__(
        self,
        partition: int,
        settings: Settings,
        shed: Callable[[int], bool] = lambda time_ms: False,
        room: Room | None = None,
    ) -> None:
        self._partition = partition
        self._partitions = settings.kafka.partitions
        self._grace_ms = settings.time.grace_s * 1000
        self._gone_ms = settings.worker.producer_gone_s * 1000
        self._shed, self._room = shed, room or Room()
        self.buffer = TickBuffer(settings.time)
        self.accounts = Accounts(settings.accounts)
        self.producers: dict[str, Heard] = {}
        self.counts = Counts()
        self.stranger_ms = 0
        """Watermark of the records without one; 0 while there were none."""
        self._untold_shed = 0
        """Posts shed since the newest tick that was told."""
        source = f"accounts.{partition}"
        self._signals = Teller(source, "signals", self._partitions)
        self._background = Teller(source, "background", 1)

    @property
    def time_ms(self) -> int:
        """Up to here all posts were judged."""
        return self._signals.told_ms or 0

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of posts."""
        try:
            frame = frames.decode_headers(record.headers)
        except Rejection as refused:
            yield from self._bury(record, 1, refused)
            return
        if frame is None:
            yield from self._stranger(record)
        else:
            yield from self._frame(record, frame)
        yield from self._judge()

    def heartbeat(self) -> Iterator[Output]:
        """Say up to where all is told, again."""
        yield from self._tell([], anyway=True)

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks: nothing here."""
        return []

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {"accounts": self.accounts}

    def _frame(self, record: Record, frame: Frame) -> Iterator[Output]:
        heard = self.producers.get(frame.producer, Heard())
        if frame.count and frame.position < heard.position:
            # A producer that was cut off sends its last frames again.
            self.counts.taken += frame.count
            self.counts.duplicate += frame.count
        elif frame.count:
            before = self.counts.dead
            yield from self._posts(record, frame)
            if self.counts.dead - before == frame.count and frame.producer not in self.producers:
                return  # nothing shows that there is such a producer, for which time would have to wait
        self.producers[frame.producer] = heard
        goes_on = frame.position > heard.position or frame.watermark_ms > heard.watermark_ms
        # A source that goes on after its end says something new; an old frame that comes again does not.
        heard.final = frame.final or (heard.final and not goes_on)
        heard.watermark_ms = max(heard.watermark_ms, frame.watermark_ms)
        heard.position = max(heard.position, frame.position)
        heard.read, heard.late = max(heard.read, frame.read), max(heard.late, frame.late)
        heard.rejected = max(heard.rejected, frame.rejected)
        heard.seen_ms = max(heard.seen_ms, record.time_ms)

    def _posts(self, record: Record, frame: Frame) -> Iterator[Output]:
        try:
            lines = frames.lines_of(record.value, frame)
        except Rejection as refused:
            yield from self._bury(record, frame.count, refused)
            return
        items: list[Item] = []
        for line in lines:
            try:
                items.append(decode_item(line))
            except Rejection as refused:
                yield from self._bury(record._replace(value=line), 1, refused)
        self._add(items, shed=frame.live and self._shed(record.time_ms))

    def _stranger(self, record: Record) -> Iterator[Output]:
        try:
            item = decode_item(record.value)
        except Rejection as refused:
            yield from self._bury(record, 1, refused)
            return
        home = home_of(item, self._partitions)
        if home != self._partition:
            self.counts.moved += 1
            key = (item.author_id or "").encode("utf-8", "surrogatepass")
            yield Output("posts", home, record.value, [], key)
            return
        self._add([item], shed=False)
        self.stranger_ms = max(self.stranger_ms, item.time_ms - self._grace_ms)

    def _add(self, items: list[Item], *, shed: bool) -> None:
        counts, buffer = self.counts, self.buffer
        counts.taken += len(items)
        if shed:
            kept = [item for item in items if not isinstance(item, Post) or item.kind != "repost"]
            counts.shed += len(items) - len(kept)
            self._untold_shed += len(items) - len(kept)
            items = kept
        buffer.add(items)
        self.accounts.read_ahead(item for item in items if isinstance(item, Post))
        counts.late += buffer.late
        counts.duplicate += buffer.duplicates
        buffer.late = buffer.duplicates = 0

    def _bury(self, record: Record, posts: int, refused: Rejection) -> Iterator[Output]:
        self.counts.taken += posts
        self.counts.dead += posts
        yield dead_letter(record, refused.reason, refused.detail)

    def _watermark(self) -> int:
        # Whoever fell silent while others went on is gone, and holds time back no longer. By the times of the
        # records and not by a clock, so that it comes out the same when they are read again.
        newest_ms = max((heard.seen_ms for heard in self.producers.values()), default=0)
        active = [
            heard.watermark_ms
            for heard in self.producers.values()
            if not heard.final and newest_ms - heard.seen_ms <= self._gone_ms
        ]
        if active:
            return min(active)
        return max([self.stranger_ms, *(heard.watermark_ms for heard in self.producers.values())])

    def _judge(self) -> Iterator[Output]:
        """Tell the ticks that are complete by now."""
        self.buffer.advance(self._watermark())
        ticks = []
        for tick_ms, posts, changes in self.buffer.ready():
            self.accounts.lists = self._room.lists_at(tick_ms)
            batch = self.accounts.take(tick_ms, posts, changes)
            self.counts.processed += len(posts)
            self.counts.events += len(changes)
            self.counts.canaries += len(posts) - batch.background.posts
            background = msgspec.structs.replace(batch.background, shed=self._untold_shed)
            self._untold_shed = 0
            ticks.append((tick_ms, spread(batch.signals(), self._partitions), background))
        yield from self._tell(ticks)

    def _tell(
        self, ticks: list[tuple[int, list[Signals], Background]], *, anyway: bool = False
    ) -> Iterator[Output]:
        until = self.buffer.watermark_ms - self.buffer.watermark_ms % self.buffer.tick_ms
        strangers = bool(self.stranger_ms) and not any(not one.final for one in self.producers.values())
        if self.producers and all(one.final for one in self.producers.values()) and until:
            # One moment after the last tick: what waits must be told, since the input has ended.
            until += 1
        told = self._signals.told_ms
        until = max(until, told or 0)
        if until == told and not anyway:
            return
        signals: list[tuple[int, list[Any]]] = [(tick_ms, parts) for tick_ms, parts, _ in ticks]
        background: list[tuple[int, list[Any]]] = [(tick_ms, [told]) for tick_ms, _, told in ticks]
        if until % self.buffer.tick_ms == 1 and until != told:
            signals.append((until, [None] * self._partitions))
            background.append((until, [None]))
        yield from self._signals.tell(until, signals, strangers=strangers)
        yield from self._background.tell(until, background, strangers=strangers)

    # -- state -------------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self.buffer.track()
        self.accounts.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        head = _AccountsHead(
            self.producers, self.counts, self.stranger_ms, self._signals.told_ms, self._untold_shed
        )
        return merged(
            {"task": {"": pack(head)}},
            self.buffer.changes(everything=everything),
            self.accounts.changes(everything=everything),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        head = unpack(saved["task"][""], _AccountsHead)
        self.producers, self.counts, self.stranger_ms = head.producers, head.counts, head.stranger_ms
        self._signals.told_ms = self._background.told_ms = head.told_ms
        self._untold_shed = head.untold_shed
        self.buffer.restore(saved)
        self.accounts.restore(saved)


class _AccountsHead(msgspec.Struct, array_like=True):
    producers: dict[str, Heard]
    counts: Counts
    stranger_ms: int
    told_ms: int | None
    untold_shed: int = 0
