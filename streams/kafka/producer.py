"""Posts into the topic `posts`: lateness and the watermark are decided here, once, post by post.

Posts travel in frames, one partition each. Of every partition at most one frame is on its way to the broker;
the next ones wait their turn, a few at most, and then whoever brings posts waits. So nothing is ever written
behind something that was lost, memory is bounded, and a broker that is away only delays.

Every frame carries its position: all posts up to that number which belong to its partition are in it or
before it. A restart reads the newest frame of each partition, reads the source from its beginning, and leaves
out what is there.

A live network is not read from its beginning but from its place, and the place moves only over posts that the
broker has confirmed (`Producer.safe`). So what was on its way when a producer was killed is read again, and
must not be late then: time begins where the partition that was told least had come to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

import msgspec

from detectors.alerts import instant
from detectors.events import Change, Chosen, Item
from detectors.windows import Gate, TimeSettings
from streams.clock import clock_ms
from streams.kafka import clients
from streams.kafka.canary import canaries
from streams.kafka.frames import Frame, encode, home_of, partition_of
from streams.kafka.lane import Lane, Parcel
from streams.kafka.settings import KafkaSettings
from streams.kafka.wire import line_of
from streams.pacing import LIVE_MS, with_silence
from streams.sources.opening import InputError
from streams.sources.posts import LONGEST_SOURCE
from streams.sources.records import Tally

BEAT_S = 0.5
"""A partition without a frame for so long gets an empty one: silent is not dead."""
_QUEUED_FRAMES = 4
_AHEAD_BATCHES = 8
_NAP_S = 0.002
_LOOK_S = 0.02
_LONGEST_POST = clients.MAX_MESSAGE_BYTES - 64 * 1024


class Undelivered(Exception):
    """The broker did not take a frame, however often it was sent; the message is one sentence."""


@dataclass(slots=True)
class Counts:
    """What a producer has done in this run."""

    read: int = 0
    """Posts read from the source."""
    sent: int = 0
    """Posts put into frames."""
    skipped: int = 0
    """Posts left out because an earlier run had sent them."""
    too_long: int = 0
    """Posts that no record can hold; counted as refused."""
    frames: int = 0
    """Frames that the broker has taken."""
    bytes: int = 0
    """Bytes of those frames, before packing."""
    canaries: int = 0
    """Synthetic campaigns sent."""


class Producer:
    """Takes posts in order of arrival and sends them in frames.

    Parameters
    ----------
    time_settings : TimeSettings
        The grace and the tick.
    kafka : KafkaSettings
    name : str
        Name of the source, the same after a restart.
    earlier : mapping of int to Frame, optional
        The newest frame of this name in each partition (`streams.kafka.resume`).
    again_from_start : bool
        Whether the source is read again from its beginning, so that what was sent must be left out. Else
        numbers and time go on where they were.
    rejected : callable, optional
        Says how many records were refused so far.
    live : bool
        Whether the source is a live stream: its watermark follows the clock when it is silent.
    real_time : bool
        Whether event time follows the wall clock though the source is recorded (speed 1).
    canary_s : float
        Seconds between two synthetic campaigns; 0 for none.
    chosen : Chosen, optional
        What chooses the posts of the source; said before its first post, so that workers know it.
    now : callable
        Up to when a live source was read, in milliseconds since the epoch: the present, unless it is behind.
    client : KafkaProducer, optional
        Made from the settings without it, and closed with the producer.

    Raises
    ------
    InputError
        When no broker answers.
    """

    def __init__(
        self,
        time_settings: TimeSettings,
        kafka: KafkaSettings,
        name: str,
        *,
        earlier: Mapping[int, Frame] | None = None,
        again_from_start: bool = True,
        rejected: Callable[[], int] = lambda: 0,
        live: bool = False,
        real_time: bool = False,
        canary_s: float = 0.0,
        chosen: Chosen | None = None,
        now: Callable[[], int] | None = None,
        client: Any = None,
    ) -> None:
        earlier = earlier or {}
        self.name = name
        self.counts = Counts()
        self.gate = Gate(time_settings)
        self._tick_ms = time_settings.tick_s * 1000
        self._kafka = kafka
        self._topic = clients.topic(kafka, "posts")
        self._rejected = rejected
        self._live, self._real_time, self._now = live, real_time, now or clock_ms
        self._chosen = chosen
        self._newest_ms = 0
        self._told = _told(earlier)
        self._base = Frame(producer=name) if again_from_start else self._told
        self._lanes = [
            Lane(p, earlier[p].position, earlier[p].watermark_ms) if p in earlier else Lane(p)
            for p in range(kafka.partitions)
        ]
        if not again_from_start and self._told.watermark_ms:
            # Of the partition that was told least: posts behind the others' may have been on their way to it.
            self.gate.advance(min(lane.floor_ms for lane in self._lanes))
            # As far as it is known: posts up to here may wait for the watermark of this run.
            self._newest_ms = self._told.watermark_ms + self.gate.grace_ms
        self._at = self._base.position
        """Number of the last post that is in a frame or in the lines of its partition."""
        self._settled_ms, self._settled_late = 0, 0
        """Watermark and late posts before the batch that is being taken: none of its posts can be older."""
        self._settle()
        begun = time.monotonic()
        self._canary_s, self._canary_at = canary_s, begun
        self._fed_at = begun
        self._client = client or clients.producer(kafka)
        for lane in self._lanes:
            self._cut(lane)

    # -- what goes in ----------------------------------------------------------------------------------

    def take(self, posts: list[Item]) -> None:
        """Take posts and changes in, in order of arrival; returns when there is room for more.

        Raises
        ------
        Undelivered
            When the broker refuses a frame, or has been away for `clients.DELIVERY_MS`.
        """
        self._settle()
        self._fed_at = time.monotonic()
        if self._chosen is not None and posts:
            self._say_what_chooses(posts[0], self._chosen)
            self._chosen = None
        first = self._at + 1
        admitted = iter(self.gate.admit(posts))
        following = next(admitted, None)
        for number, post in enumerate(posts, first):
            if post is not following:
                continue  # late
            following = next(admitted, None)
            self._newest_ms = max(self._newest_ms, post.time_ms)
            lane = self._lanes[home_of(post, len(self._lanes))]
            if number > lane.before:
                if post.time_ms < lane.floor_ms and isinstance(post, Change) and post.of_source:
                    post.time_ms = lane.floor_ms  # what a source says of itself is heard when it comes
                if post.time_ms < lane.floor_ms:
                    self.gate.late += 1  # an earlier run said here that this time was over
                    continue
                self._at = number - 1
                self._put(lane, line_of(post))
                self._at = number
                if len(lane.lines) >= self._kafka.frame_posts:
                    self._cut(lane)
            else:
                self.counts.skipped += 1
        self._at = first + len(posts) - 1
        self.counts.read += len(posts)
        self._settle()

    def _say_what_chooses(self, before: Item, chosen: Chosen) -> None:
        """Not one of the posts of the source, and so without a number, as the canary is."""
        lane = self._lanes[partition_of(self.name, len(self._lanes))]
        at_ms = max(before.time_ms, self.gate.watermark_ms, lane.floor_ms)
        change = Change(
            platform=before.platform,
            time_ms=at_ms,
            event="filter",
            source=self.name[:LONGEST_SOURCE],
            chosen=chosen,
        )
        self._put(lane, line_of(change))
        self.counts.sent -= 1

    def _settle(self) -> None:
        self._settled_ms, self._settled_late = self.gate.watermark_ms, self.gate.late

    def _put(self, lane: Lane, line: bytes) -> None:
        if len(line) > _LONGEST_POST:
            self.counts.too_long += 1
            return
        if lane.lines and lane.size + len(line) >= self._kafka.frame_bytes:
            self._cut(lane)
        if not lane.lines:
            lane.first, lane.since = self._at + 1, time.monotonic()
        lane.lines.append(line)
        lane.size += len(line) + 1
        self.counts.sent += 1

    def tick(self) -> None:
        """What wall time asks for: frames that have waited enough, signs of life, canaries. Call it often.

        Raises
        ------
        Undelivered
            As `take` does.
        """
        now = time.monotonic()
        if self._live and now - self._fed_at >= 1.0:
            self._let_time_pass()
        if self._canary_s and now - self._canary_at >= self._canary_s:
            self._canary_at = now
            self._send_canary()
        self._beat(now)
        self._pump()

    def _let_time_pass(self) -> None:
        """A live stream is silent: its watermark follows the clock. A recording piped in has no present."""
        if self._follows_the_clock():
            self.gate.advance(self._now() - self.gate.grace_ms)
            self._settle()

    def _follows_the_clock(self) -> bool:
        return self._live and self._now() - self.gate.watermark_ms < LIVE_MS

    def _send_canary(self) -> None:
        at_ms = max(self._newest_ms, self.gate.watermark_ms)
        if not at_ms:
            return  # nothing came yet: no event time to date it with
        self._newest_ms = at_ms
        for post in canaries(clock_ms(), at_ms):
            self._put(self._lanes[partition_of(post.author_id, len(self._lanes))], line_of(post))
            self.counts.sent -= 1
        self.counts.canaries += 1

    def close(self, *, final: bool) -> None:
        """Send what is left and wait until the broker has it.

        Parameters
        ----------
        final : bool
            The source has ended. Without it a later run goes on from here.

        Raises
        ------
        Undelivered
            As `take` does.
        """
        if final and self._newest_ms:
            self.gate.advance(self._newest_ms - self._newest_ms % self._tick_ms + self._tick_ms)
        self._settle()
        for lane in self._lanes:
            self._cut(lane, final=final)
            lane.closed = True
        while any(lane.queue or lane.going is not None for lane in self._lanes):
            self._wait()
        self._client.close()

    def abandon(self) -> None:
        """Let go of the broker without sending anything more."""
        clients.let_go(self._client)

    # -- frames ----------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Number of the last post taken in."""
        return self._at

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the broker has not taken yet."""
        return sum(lane.waiting_bytes() for lane in self._lanes)

    @property
    def safe(self) -> int:
        """How many posts, counted from the first of this run, need not be read again.

        The broker has confirmed those of them that are for it. What was taken in and is late, or too long, is
        accounted for as soon as all before it is.
        """
        unsafe = [first for lane in self._lanes if (first := lane.unsafe())]
        return min(unsafe, default=self._at + 1) - 1 - self._base.position

    def _cut(self, lane: Lane, *, final: bool = False) -> None:
        """Make a frame of the lines of a partition, wait for room, and let it go."""
        while len(lane.queue) >= _QUEUED_FRAMES:
            self._wait()
        # Not before the wait: it may have cut this lane itself.
        told = self._told
        lines, lane.lines, lane.size = lane.lines, [], 0
        first = lane.first if lines else 0
        frame = Frame(
            producer=self.name,
            count=len(lines),
            watermark_ms=max(lane.floor_ms, self._settled_ms),
            position=max(lane.before, self._at),
            read=max(told.read, self._base.read + self._at - self._base.position),
            late=max(told.late, self._base.late + self._settled_late),
            rejected=max(told.rejected, self._base.rejected + self._rejected() + self.counts.too_long),
            final=final,
            live=self._real_time or self._follows_the_clock() or (self._live and not self._settled_ms),
        )
        lane.queue.append(Parcel(*encode(frame, lines), first))
        lane.cut_at = time.monotonic()
        self._send_next(lane)

    def _beat(self, now: float) -> None:
        oldest = now - self._kafka.frame_ms / 1000
        for lane in self._lanes:
            if lane.queue or lane.closed:
                continue  # the broker is slower than we are: what comes later travels together
            if (lane.lines and lane.since <= oldest) or now - lane.cut_at >= BEAT_S:
                self._cut(lane)

    def _wait(self) -> None:
        time.sleep(_NAP_S)
        self._pump()
        self._beat(time.monotonic())

    def _pump(self) -> None:
        for lane in self._lanes:
            self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        if lane.going is not None:
            if not lane.going.is_done:
                return
            if lane.going.failed():
                raise self._undelivered(lane.going.exception)
            self.counts.frames += 1
            self.counts.bytes += len(lane.sent.value) if lane.sent else 0
            lane.sent = lane.going = None
        if lane.queue:
            lane.sent = parcel = lane.queue.popleft()
            try:
                lane.going = self._client.send(
                    self._topic, value=parcel.value, headers=parcel.headers, partition=lane.partition
                )
            except (clients.KafkaError, ValueError) as problem:
                raise self._undelivered(problem) from None

    def _undelivered(self, problem: Exception) -> Undelivered:
        return Undelivered(
            f"Kafka at {self._kafka.bootstrap} did not take a frame of {self._topic} ({problem}): what was "
            "taken stays, and the same command goes on from there once the broker is well."
        )


def _told(earlier: Mapping[int, Frame]) -> Frame:
    """The most that any frame of an earlier run has said."""

    def most(name: str) -> int:
        return max((getattr(frame, name) for frame in earlier.values()), default=0)

    return Frame(
        producer="",
        watermark_ms=most("watermark_ms"),
        position=most("position"),
        read=most("read"),
        late=most("late"),
        rejected=most("rejected"),
    )


def produce(
    batches: Iterable[list[Item]],
    producer: Producer,
    *,
    stop: Event | None = None,
    on_progress: Callable[[int], None] = lambda count: None,
    on_safe: Callable[[int], None] = lambda count: None,
) -> bool:
    """Send all posts of a source.

    Parameters
    ----------
    batches : iterable of list of Post
        In order of arrival. Read in a thread of its own, so that signs of life go out while it is slow.
    producer : Producer
        Closed when this returns.
    stop : Event, optional
        Once it is set, what was read is sent, and a later run goes on from there.
    on_progress : callable, optional
        Told the number of posts read so far.
    on_safe : callable, optional
        Told, often, how many of these need not be read again (`Producer.safe`).

    Returns
    -------
    bool
        Whether the source was sent to its end.

    Raises
    ------
    Undelivered
        When the broker did not take what it was sent. Errors of the source pass through, after what was
        read before them was sent.
    """
    stop = stop or Event()
    try:
        try:
            for posts in with_silence(batches, _LOOK_S, _AHEAD_BATCHES):
                if posts:
                    producer.take(posts)
                    on_progress(producer.counts.read)
                producer.tick()
                on_safe(producer.safe)
                if stop.is_set():
                    break
        except InputError:
            producer.close(final=False)
            on_safe(producer.safe)
            raise
        finished = not stop.is_set()
        producer.close(final=finished)
        on_safe(producer.safe)
        return finished
    except (Undelivered, KeyboardInterrupt):
        producer.abandon()
        raise


def summary(producer: Producer, tally: Tally, seconds: float, *, finished: bool) -> dict[str, Any]:
    """The numbers of a run, as `vigie produce --json` prints them."""
    counts = msgspec.to_builtins(producer.counts)
    watermark_ms = producer.gate.watermark_ms
    return {
        "producer": producer.name,
        "finished": finished,
        "posts": {
            "read": counts["read"],
            "sent": counts["sent"],
            "late": producer.gate.late,
            "skipped": counts["skipped"],
            "rejected": tally.rejected + counts["too_long"],
            "events": tally.events,
        },
        "rejected_by_reason": dict(tally.reasons),
        "position": producer.position,
        "frames": counts["frames"],
        "bytes": counts["bytes"],
        "canaries": counts["canaries"],
        "event_time_until": instant(watermark_ms) if watermark_ms else None,
        "seconds": round(seconds, 2),
        "posts_per_second": round(counts["read"] / seconds) if seconds > 0 else None,
    }
