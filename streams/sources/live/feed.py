"""From the event loop in which a client talks to its network to whoever asks for batches.

The loop has a thread of its own, so that it answers pings and requests while downstream is busy. Between the
two is a short queue. When it is full, the client waits and stops reading, and the network's own flow control
or our refusal does the rest: memory is bounded and nothing is dropped.

How far a network was read is written to a file only for what downstream says it has safe (`Feed.taken`).
What was read and not yet safe when a process dies is asked for again, and what comes twice is dropped by its
id.

What the client finds to be missing, and what chooses the posts, goes downstream among the posts, as events of
the source itself (`detectors.sources`).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from detectors.events import Change, Chosen, GapReason, Item, Missing, Post
from detectors.forgetting import forget_oldest
from streams.clock import clock_ms
from streams.sources.formats import FUTURE_MS, refuse_future
from streams.sources.live.absences import Absences
from streams.sources.live.counts import Counts
from streams.sources.live.places import PlaceFile, Places
from streams.sources.posts import LONGEST_SOURCE
from streams.sources.records import Batch, Rejected, Tally

BATCH_POSTS = 500
"""Posts, changes and refusals in a batch at most."""
BATCH_S = 0.2
"""How long the first of a batch waits for others."""
WAITING = 32
"""Batches that may wait for downstream."""
REMEMBERED = 50_000
"""Posts and changes whose repetition is noticed: more than a rewind brings again."""
SAVE_S = 1.0
_NAP_S = 0.01
_CLOSE_S = 5.0

Take = Callable[[int, Batch], object]
"""Given a message's number and a batch, adds what the message holds."""


class Client(Protocol):
    """Talks to one network."""

    name: str
    """How it is named in messages."""

    @property
    def chosen_by(self) -> str | None:
        """What chooses the posts, in the network's words; None where it shows all, or only others know."""

    async def run(self, inlet: Inlet) -> None:
        """Bring what the network sends to the inlet until cancelled.

        Raises
        ------
        InputError
            When there is no point in trying on, such as without the right to read.
        """


@dataclass(slots=True)
class _Waiting:
    """A batch on its way, and how far the network was read with it."""

    batch: Batch
    places: Places


class Inlet:
    """Where a client puts what its network sends. To be used in the event loop alone.

    Parameters
    ----------
    places : dict of str to int or str
        How far the network was read by an earlier run; the client reads them and moves them on with `put`.
    clock : callable
        The present in milliseconds since the epoch.
    notice : callable
        Told of what a person should know, in one sentence without secrets.
    name, source : str
        Of the network, and what this stream of it is called.
    grace_ms : int
        How much older than the newest a post may be that is in time downstream.
    chosen : callable
        What chooses the posts by now; None where there is nothing to say.
    """

    def __init__(
        self,
        places: Places,
        clock: Callable[[], int] = clock_ms,
        notice: Callable[[str], None] = lambda _: None,
        *,
        name: str = "",
        source: str = "",
        grace_ms: int = 10_000,
        chosen: Callable[[], Chosen | None] = lambda: None,
    ) -> None:
        self.name, self.source = name, source
        self.places = places
        self.clock = clock
        self.notice = notice
        self.counts = Counts()
        self.behind: dict[str, int] = {}
        """Servers that are not read up to the present, each with the time it was read to, in milliseconds."""
        self.away: dict[str, tuple[int, GapReason]] = {}
        """Servers that give nothing and will not give later what is missed: since when, and why."""
        self.taken = 0
        """How many posts and changes downstream has safe."""
        self.given = 0
        """How many were handed over."""
        self.ahead: queue.SimpleQueue[_Waiting | BaseException | None] = queue.SimpleQueue()
        self._batch = Batch()
        self._told = dict(places)
        """The places that were handed over last: a network that is silent moves them too."""
        self._newest: dict[str, int] = {}
        """Of each server the time of its newest post, in milliseconds."""
        self._absences = Absences(grace_ms)
        self._chosen = chosen
        self._said: Chosen | None = None
        self._seen: dict[object, None] = {}
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether downstream has fallen so far behind that a client should wait."""
        return self.ahead.qsize() >= WAITING

    async def put(self, take: Take, place: int | str | None = None, where: str = "") -> None:
        """Take one message in; waits while downstream is full.

        Parameters
        ----------
        take : callable
            See `Take`.
        place : int or str, optional
            How far the network is read with this message.
        where : str
            The server, where there are several.
        """
        self.counts.received += 1
        batch = self._batch
        before = len(batch.posts)
        take(self.counts.received, batch)
        if len(batch.posts) > before:
            newest_ms = max(item.time_ms for item in batch.posts[before:])
            self._newest[where] = max(self._newest.get(where, 0), min(newest_ms, self.clock()))
            self._drop_repeats(batch, before)
        if place is not None:
            self.places[where] = place
        if len(batch.posts) + len(batch.rejected) >= BATCH_POSTS:
            await self.flush()

    def gap(self, from_ms: int, to_ms: int, reason: GapReason = "lost", where: str = "") -> None:
        """Count a time of which not all can be had any more, and say so downstream.

        Parameters
        ----------
        from_ms, to_ms : int
            Milliseconds since the epoch.
        reason : str
        where : str
            The server, where there are several.
        """
        self.counts.gap(from_ms, to_ms)
        if 0 < from_ms < to_ms:
            self._say_gap(where, Missing(start_ms=from_ms, end_ms=to_ms, reason=reason))

    def _say_gap(self, where: str, missing: Missing) -> None:
        # Dated at its beginning: it is heard when it comes, and time does not move by it.
        change = Change(
            platform=self.name,
            time_ms=missing.start_ms,
            event="gap",
            source=where or self.source,
            missing=missing,
        )
        self.counts.said += 1
        self._batch.accept(self.counts.received, change)

    def _say_what_chooses(self, batch: Batch) -> None:
        """Before the first posts, and before those that come after it has changed."""
        chosen = self._chosen()
        if chosen is None or chosen == self._said or not batch.posts:
            return
        self._said = chosen
        at_ms = batch.posts[0].time_ms
        change = Change(platform=self.name, time_ms=at_ms, event="filter", source=self.source, chosen=chosen)
        self.counts.said += 1
        batch.posts.insert(0, change)
        batch.lines.insert(0, self.counts.received)

    def _drop_repeats(self, batch: Batch, start: int) -> None:
        seen = self._seen
        for at in range(len(batch.posts) - 1, start - 1, -1):
            key = _identity(batch.posts[at])
            if key in seen:
                del batch.posts[at], batch.lines[at]
                self.counts.duplicates += 1
            else:
                seen[key] = None
        forget_oldest(seen, REMEMBERED)

    async def flush(self) -> None:
        """Hand over what has gathered."""
        async with self._turn:  # in order of arrival, whoever waits
            for where, missing in self._absences.now(self.behind, self.away, self._newest):
                self._say_gap(where, missing)
            batch, self._batch = self._batch, Batch()
            if not (batch.posts or batch.rejected or batch.events) and self.places == self._told:
                return
            self._told = dict(self.places)
            waiting = _Waiting(batch, self._told)
            refuse_future(batch, self.clock() + FUTURE_MS)
            self._say_what_chooses(batch)
            self.given += len(batch.posts)
            while self.full:
                await asyncio.sleep(_NAP_S)
            self.ahead.put(waiting)


def _identity(item: Item) -> object:
    """Tells a post, a version of it, or a change from any other."""
    if isinstance(item, Post):
        return item.id if item.edited_at is None else (item.id, item.edited_at)
    return item.id


class Feed:
    """A live network as batches of posts and changes, in order of arrival. To be iterated once.

    Parameters
    ----------
    client : Client
        Talks to the network, in a thread of the feed.
    file : PlaceFile, optional
        Where the network was left off, and is gone on.
    on_rejected : callable, optional
        Told of every refused record, with the client's name.
    clock, notice, grace_ms, chosen, source
        See `Inlet`.

    Raises
    ------
    InputError
        On making it when the file is broken; while iterating when the client gives up.
    """

    def __init__(
        self,
        client: Client,
        file: PlaceFile | None = None,
        *,
        on_rejected: Callable[[str, Rejected], None] | None = None,
        clock: Callable[[], int] = clock_ms,
        notice: Callable[[str], None] = lambda _: None,
        grace_ms: int = 10_000,
        chosen: Callable[[], Chosen | None] = lambda: None,
        source: str | None = None,
    ) -> None:
        self.name = client.name
        self.tally = Tally()
        self._client, self._file, self._on_rejected, self._clock = client, file, on_rejected, clock
        self._inlet = Inlet(
            file.read() if file is not None else {},
            clock,
            notice,
            name=client.name,
            source=(source or client.name)[:LONGEST_SOURCE],
            grace_ms=grace_ms,
            chosen=chosen,
        )
        self.counts = self._inlet.counts
        self._given: deque[tuple[int, Places]] = deque()
        self._handed = 0
        self._unsaved: Places | None = None
        self._saved_at = 0.0
        self._saving = threading.Lock()
        self._began = False
        self._closed = False
        self._wake: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name=f"feed-{client.name}", daemon=True)

    def __iter__(self) -> Iterator[list[Item]]:
        self._thread.start()
        ahead = self._inlet.ahead
        try:
            while not isinstance(waiting := ahead.get(), BaseException | None):
                batch = waiting.batch
                self.tally.add(batch)
                if self._on_rejected is not None:
                    for refused in batch.rejected:
                        self._on_rejected(self.name, refused)
                self._handed += len(batch.posts)
                self._given.append((self._handed, waiting.places))
                if batch.posts:
                    yield batch.posts
            if waiting is not None:
                raise waiting
        finally:
            self.close()

    def taken(self, count: int) -> None:
        """Say how many posts and changes of this feed are safe, counted from its beginning.

        The place in the file moves up to the last batch that is wholly safe, once a second at most.
        """
        self._inlet.taken = count
        with self._saving:
            while self._given and self._given[0][0] <= count:
                self._unsaved = self._given.popleft()[1]
            if time.monotonic() - self._saved_at >= SAVE_S:
                self._save()

    def reached_ms(self) -> int:
        """Up to when the network has been read, in milliseconds since the epoch.

        This is the present while it is followed live, also when it is silent. While it is not reached, or is
        being caught up with, it is where it was left: time must not pass downstream, or what is missing
        would be late. Until the client has begun, nothing is known: 0.
        """
        if not self._began:
            return 0
        behind = list(self._inlet.behind.values())
        return min(behind) if behind else self._clock()

    def close(self) -> None:
        """Stop the client and write down how far it was read."""
        self._closed = True
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S)
        self._inlet.ahead.put(None)
        with self._saving:
            self._save()

    def _save(self) -> None:
        if self._file is not None and self._unsaved is not None:
            self._file.write(self._unsaved)
            self._unsaved = None
            self._saved_at = time.monotonic()

    # -- in the thread of the event loop ---------------------------------------------------------------

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            asyncio.run(self._follow())
        except BaseException as problem:  # handed over to the thread that can tell the user
            end = problem
        self._inlet.ahead.put(end)

    async def _follow(self) -> None:
        loop, closed = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(closed.set)
        if self._closed:
            return
        closing = asyncio.create_task(closed.wait())
        client = asyncio.create_task(self._client.run(self._inlet))
        flushing = asyncio.create_task(self._flush_now_and_then())
        await asyncio.sleep(_NAP_S)  # by now the client has said what it has to catch up with
        self._began = True
        await asyncio.wait([client, flushing, closing], return_when=asyncio.FIRST_COMPLETED)
        # What came before a failure is handed on before it, unless nobody wants it any more.
        last = asyncio.create_task(self._inlet.flush())
        await asyncio.wait([last, closing], return_when=asyncio.FIRST_COMPLETED)
        for task in (last, flushing, client):
            task.cancel()
        for task in (client, flushing):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            await self._inlet.flush()
