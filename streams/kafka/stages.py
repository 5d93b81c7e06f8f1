"""The stages as tasks of a worker: records in, records out, one task for each partition of its input.

A task has no clock, no broker and no store; it is a function of the records it was given, in their order. So
one that starts again from a saved state says what the one before it said, and those who listen drop what
they know (`streams.kafka.stretches`). Tests run whole clusters of tasks in one process.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

import msgspec
import orjson

from detectors.accounts.stage import Accounts
from detectors.alerts import instant, render
from detectors.batches import Signals, merge, spread
from detectors.cases import Revision
from detectors.events import CANARY, Post, Rejection, decode_line
from detectors.groups.co_sharing import CoReposts
from detectors.groups.hashtags import Hashtags
from detectors.groups.near_duplicates import NearDuplicates
from detectors.judging import Found, Judge
from detectors.pairs import Pairs, Tie
from detectors.state import Changes, Saved, merged, pack, unpack
from detectors.windows import TickBuffer
from streams.embedded import Settings
from streams.kafka import frames
from streams.kafka.frames import Foreign, Frame, partition_of
from streams.kafka.stretches import Inbox, Output, Teller, decode_headers
from streams.sources.posts import decode_status

ALERT_HEADERS = [("content-type", b"application/cloudevents+json")]
_SHOWN_BYTES = 64 * 1024
_Payload = TypeVar("_Payload")


class Record(NamedTuple):
    """One record as it came from the broker."""

    topic: str
    """Without the prefix."""
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Foreign
    time_ms: int
    """When the broker or its writer stamped it, wall clock."""


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
    """Changes of an account's status."""
    moved: int = 0
    """Posts of strangers in the wrong partition, sent on to theirs; not among the taken."""
    canaries: int = 0
    """Of the taken, those of the canary."""


def dead_letter(record: Record, reason: str, detail: str) -> Output:
    """What is kept of a record that nothing can be done with."""
    letter = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "reason": reason,
        "detail": detail,
        "length": len(record.value),
        "blake2b": hashlib.blake2b(record.value, digest_size=16).hexdigest(),
        "first_bytes": base64.b64encode(record.value[:_SHOWN_BYTES]).decode(),
    }
    key = f"{record.topic}/{record.partition}/{record.offset}".encode()
    return Output("dead-letters", 0, orjson.dumps(letter), [("content-type", b"application/json")], key)


# -- accounts --------------------------------------------------------------------------------------


class Scored(msgspec.Struct, array_like=True, frozen=True):
    """What a partition of `posts` tells of one tick beside its signals."""

    accounts: int = 0
    """Scored for the first time."""
    total: int = 0
    """Sum of their scores."""
    posts: int = 0
    """Judged at this tick."""
    shed: int = 0
    """Left out since the tick before, to catch up."""


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
    """

    stage = "accounts"

    def __init__(
        self, partition: int, settings: Settings, shed: Callable[[int], bool] = lambda time_ms: False
    ) -> None:
        self._partition = partition
        self._partitions = settings.kafka.partitions
        self._grace_ms = settings.time.grace_s * 1000
        self._gone_ms = settings.worker.producer_gone_s * 1000
        self._shed = shed
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
        posts = []
        for line in lines:
            try:
                posts.append(decode_line(line))
            except Rejection as refused:
                yield from self._other(record._replace(value=line), refused)
        self._add(posts, shed=frame.live and self._shed(record.time_ms))

    def _stranger(self, record: Record) -> Iterator[Output]:
        try:
            post = decode_line(record.value)
        except Rejection as refused:
            yield from self._other(record, refused)
            return
        home = partition_of(post.author_id, self._partitions)
        if home != self._partition:
            self.counts.moved += 1
            key = post.author_id.encode("utf-8", "surrogatepass")
            yield Output("posts", home, record.value, [], key)
            return
        self._add([post], shed=False)
        self.stranger_ms = max(self.stranger_ms, post.time_ms - self._grace_ms)

    def _add(self, posts: list[Post], *, shed: bool) -> None:
        counts, buffer = self.counts, self.buffer
        counts.taken += len(posts)
        if shed:
            kept = [post for post in posts if post.kind != "repost"]
            counts.shed += len(posts) - len(kept)
            self._untold_shed += len(posts) - len(kept)
            posts = kept
        buffer.add(posts)
        counts.late += buffer.late
        counts.duplicate += buffer.duplicates
        buffer.late = buffer.duplicates = 0

    def _other(self, record: Record, refused: Rejection) -> Iterator[Output]:
        """What is no post: the status of an account, which its memory keeps, or nothing of use."""
        status = decode_status(record.value)
        if status is None:
            yield from self._bury(record, 1, refused)
            return
        self.counts.taken += 1
        self.counts.events += 1
        self.accounts.note_status(*status)

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
        for tick_ms, posts in self.buffer.ready():
            batch = self.accounts.take(tick_ms, posts)
            self.counts.processed += len(posts)
            self.counts.canaries += sum(post.platform == CANARY for post in posts)
            scored = Scored(*batch.scored, len(posts), self._untold_shed)
            self._untold_shed = 0
            ticks.append((tick_ms, spread(batch.signals(), self._partitions), scored))
        yield from self._tell(ticks)

    def _tell(
        self, ticks: list[tuple[int, list[Signals], Scored]], *, anyway: bool = False
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
        background: list[tuple[int, list[Any]]] = [(tick_ms, [scored]) for tick_ms, _, scored in ticks]
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


# -- subjects --------------------------------------------------------------------------------------

_signal_ticks = msgspec.msgpack.Decoder(list[tuple[int, Signals | None]])
_tie_ticks = msgspec.msgpack.Decoder(list[tuple[int, list[Tie] | None]])
_found_ticks = msgspec.msgpack.Decoder(list[tuple[int, Found | None]])
_scored_ticks = msgspec.msgpack.Decoder(list[tuple[int, Scored | None]])


def _told(
    record: Record, inbox: Inbox[_Payload], decoder: msgspec.msgpack.Decoder[list[tuple[int, _Payload]]]
) -> Iterator[Output]:
    """Put what a record says into the inbox; what cannot be read is a dead letter."""
    inbox.whole = inbox.whole or record.offset == 0
    try:
        stretch = decode_headers(record.headers)
        inbox.take(stretch, decoder.decode(record.value) if record.value else [])
    except Rejection as refused:
        yield dead_letter(record, refused.reason, refused.detail)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        yield dead_letter(record, "bad_record", str(problem))


def _names(stage: str, partitions: int) -> list[str]:
    return [f"{stage}.{partition}" for partition in range(partitions)]


class SubjectsTask:
    """The SUBJECTS stage over one partition of `signals`: the first has the texts, the others the rest."""

    stage = "subjects"

    def __init__(self, partition: int, settings: Settings) -> None:
        self._partitions = settings.kafka.partitions
        self.inbox: Inbox[Signals | None] = Inbox(_names("accounts", self._partitions), Signals | None)
        self.near_duplicates = NearDuplicates(settings.near_duplicates) if partition == 0 else None
        others = self._partitions == 1 or partition > 0
        self.hashtags = Hashtags(settings.hashtags) if others else None
        self.co_reposts = CoReposts(settings.co_reposts) if others else None
        self._last_tick = 0
        source = f"subjects.{partition}"
        self._findings = Teller(source, "findings", 1)
        self._ties = Teller(source, "ties", self._partitions)

    @property
    def time_ms(self) -> int:
        """Up to here all was judged."""
        return self.inbox.time_ms

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of signals."""
        yield from _told(record, self.inbox, _signal_ticks)
        yield from self._advance()

    def _advance(self) -> Iterator[Output]:
        """Judge the ticks that are complete by now."""
        findings: list[tuple[int, list[Any]]] = []
        ties: list[tuple[int, list[Any]]] = []
        for tick_ms, told in self.inbox.ready():
            parts = [signals for signals in told.values() if signals is not None]
            if parts:
                found, tied = self._tick(merge(parts))
                ties.append((tick_ms, _spread_ties(tied, self._partitions)))
            else:  # the end of the input
                found = self._finish()
                ties.append((tick_ms, [None] * self._partitions))
            findings.append((tick_ms, [found]))
        if self.inbox.time_ms != self._findings.told_ms:
            yield from self._tell(findings, ties)

    def heartbeat(self) -> Iterator[Output]:
        """Say up to where all is told, again."""
        yield from self._advance()
        yield from self._tell([], [])

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.inbox]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        named = {"texts": self.near_duplicates, "hashtags": self.hashtags, "reposts": self.co_reposts}
        return {name: part for name, part in named.items() if part is not None}

    def _tick(self, signals: Signals) -> tuple[Found, list[Tie]]:
        self._last_tick = signals.tick_ms
        found = Found([], [])
        ties: list[Tie] = []
        if self.near_duplicates is not None:
            found.texts, ties = self.near_duplicates.take(signals)
        if self.hashtags is not None:
            found.tags = self.hashtags.take(signals)
        if self.co_reposts is not None:
            ties += self.co_reposts.take(signals)
        return found, ties

    def _finish(self) -> Found:
        near = self.near_duplicates
        texts = near.finish(self._last_tick) if near is not None else []
        return Found(texts, [])

    def _tell(
        self, findings: list[tuple[int, list[Any]]], ties: list[tuple[int, list[Any]]]
    ) -> Iterator[Output]:
        until, strangers = self.inbox.time_ms, bool(self.inbox.strangers)
        yield from self._findings.tell(until, findings, strangers=strangers)
        yield from self._ties.tell(until, ties, strangers=strangers)

    def _parts(self) -> list[NearDuplicates | Hashtags | CoReposts]:
        return [part for part in (self.near_duplicates, self.hashtags, self.co_reposts) if part is not None]

    def track(self) -> None:
        """From now on, note what changes."""
        for part in self._parts():
            part.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        return merged(
            {"task": {"": pack((self._last_tick, self._findings.told_ms))}},
            self.inbox.changes(everything=everything),
            *(part.changes(everything=everything) for part in self._parts()),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        self._last_tick, told_ms = unpack(saved["task"][""], tuple[int, int | None])
        self._findings.told_ms = self._ties.told_ms = told_ms
        self.inbox.restore(saved)
        for part in self._parts():
            part.restore(saved)


def _spread_ties(ties: Iterable[Tie], partitions: int) -> list[list[Tie]]:
    parts: list[list[Tie]] = [[] for _ in range(partitions)]
    for tie in ties:
        pair = f"{min(tie.one, tie.other)}\x1f{max(tie.one, tie.other)}"
        parts[crc32(pair.encode("utf-8", "surrogatepass")) % partitions].append(tie)
    return parts


# -- pairs -----------------------------------------------------------------------------------------


class PairsTask:
    """The PAIRS stage over one partition of `ties`."""

    stage = "pairs"

    def __init__(self, partition: int, settings: Settings) -> None:
        self.inbox: Inbox[list[Tie] | None] = Inbox(
            _names("subjects", settings.kafka.partitions), list[Tie] | None
        )
        self.pairs = Pairs(settings.pairs)
        self._repeated = Teller(f"pairs.{partition}", "findings", 1)

    @property
    def time_ms(self) -> int:
        """Up to here all was counted."""
        return self.inbox.time_ms

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of ties."""
        yield from _told(record, self.inbox, _tie_ticks)
        yield from self._advance()

    def _advance(self) -> Iterator[Output]:
        """Count the ticks that are complete by now."""
        ticks: list[tuple[int, list[Any]]] = []
        for tick_ms, told in self.inbox.ready():
            parts = [ties for ties in told.values() if ties is not None]
            repeated = self.pairs.take([tie for ties in parts for tie in ties], tick_ms) if parts else None
            ticks.append((tick_ms, [repeated]))
        if self.inbox.time_ms != self._repeated.told_ms:
            yield from self._tell(ticks)

    def heartbeat(self) -> Iterator[Output]:
        """Say up to where all is told, again."""
        yield from self._advance()
        yield from self._tell([])

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.inbox]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {"pairs": self.pairs}

    def _tell(self, ticks: list[tuple[int, list[Any]]]) -> Iterator[Output]:
        yield from self._repeated.tell(self.inbox.time_ms, ticks, strangers=bool(self.inbox.strangers))

    def track(self) -> None:
        """From now on, note what changes."""
        self.pairs.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        return merged(
            {"task": {"": pack(self._repeated.told_ms)}},
            self.inbox.changes(everything=everything),
            self.pairs.changes(everything=everything),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        self._repeated.told_ms = unpack(saved["task"][""], int | None)
        self.inbox.restore(saved)
        self.pairs.restore(saved)


# -- cases -----------------------------------------------------------------------------------------

_HOUR_MINUTES = 60


class Sampling:
    """Of what came in the last hour of event time, how much was judged, and how much was shed.

    >>> sampling = Sampling()
    >>> sampling.add(60_000, posts=90, shed=0), sampling.share(60_000)
    (None, None)
    >>> sampling.add(65_000, posts=0, shed=10), sampling.share(65_000)
    (None, 0.9)
    >>> sampling.share(65_000 + 3_600_000)
    """

    def __init__(self, minutes: dict[int, tuple[int, int]] | None = None) -> None:
        self.minutes = minutes or {}

    def add(self, tick_ms: int, *, posts: int, shed: int) -> None:
        """Count one tick; what lies an hour before it is forgotten."""
        minute = tick_ms // 60_000
        if minute not in self.minutes:
            self.minutes = dict(self._since(minute))
        before = self.minutes.get(minute, (0, 0))
        self.minutes[minute] = (before[0] + posts, before[1] + shed)

    def share(self, at_ms: int) -> float | None:
        """Share of the posts that were judged; None if nothing was shed."""
        counted = [one for _, one in self._since(at_ms // 60_000)]
        posts, shed = sum(one[0] for one in counted), sum(one[1] for one in counted)
        return round(posts / (posts + shed), 4) if shed else None

    def _since(self, minute: int) -> Iterator[tuple[int, tuple[int, int]]]:
        return ((one, counted) for one, counted in self.minutes.items() if one > minute - _HOUR_MINUTES)


class CasesTask:
    """The CASES stage: the one partition of `findings` and of `background`.

    Parameters
    ----------
    settings : Settings
    clock_ms : callable
        The wall clock, for `published_at`, which is the only thing that follows it.
    """

    stage = "cases"

    def __init__(self, settings: Settings, clock_ms: Callable[[], int]) -> None:
        partitions = settings.kafka.partitions
        self._clock_ms = clock_ms
        self._version = settings.version()
        # Three inboxes, since a payload can only be saved by its own type; they move together.
        self.found: Inbox[Found | None] = Inbox(_names("subjects", partitions), Found | None, "found")
        self.repeated: Inbox[list[Tie] | None] = Inbox(
            _names("pairs", partitions), list[Tie] | None, "repeated"
        )
        self.scored: Inbox[Scored | None] = Inbox(_names("accounts", partitions), Scored | None, "scored")
        self.sampling = Sampling()
        self.judge = Judge(settings.cases, settings.pairs, settings.time.tick_s * 1000)
        self.alerts: dict[str, int] = {"notice": 0, "warning": 0, "critical": 0}
        self.canary_ms = 0
        """Wall time at which the newest canary was seen; 0 before the first."""
        self.canary_delay_ms = 0
        self.time_ms = 0
        """Up to here all was judged."""

    def take(self, record: Record) -> Iterator[Output]:
        """Take in one record of findings, repeated pairs or background."""
        if record.topic == "findings" and record.offset == 0:
            self.found.whole = self.repeated.whole = True
        if record.topic == "background":
            yield from _told(record, self.scored, _scored_ticks)
        elif (dict(record.headers).get("source") or b"").startswith(b"pairs."):
            yield from _told(record, self.repeated, _tie_ticks)
        else:
            yield from _told(record, self.found, _found_ticks)
        yield from self._judge()

    def heartbeat(self) -> Iterator[Output]:
        """Judge what is complete by now; nothing is below that needs to be told."""
        return self._judge()

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.found, self.repeated, self.scored]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {"cases": self.judge.cases}

    def _judge(self) -> Iterator[Output]:
        limit = min(inbox.complete_ms() for inbox in self.inboxes())
        found, repeated = dict(self.found.ready(limit)), dict(self.repeated.ready(limit))
        for tick_ms, told in self.scored.ready(limit):
            findings = [one for one in found.get(tick_ms, {}).values() if one is not None]
            ties = [tie for some in repeated.get(tick_ms, {}).values() for tie in some or ()]
            scored = [one for one in told.values() if one is not None]
            texts = [finding for one in findings for finding in one.texts]
            if not scored:  # the end of the input
                yield from self._alerts(self.judge.finish(texts))
                continue
            tags = [tag for one in findings for tag in one.tags]
            total = (sum(one.accounts for one in scored), sum(one.total for one in scored))
            self.sampling.add(
                tick_ms, posts=sum(one.posts for one in scored), shed=sum(one.shed for one in scored)
            )
            yield from self._alerts(self.judge.take(tick_ms, Found(texts, tags), ties, total))
        yield from self._alerts(self.judge.silence(limit))
        self.time_ms = max(self.time_ms, limit)
        self._measure_canaries()

    def _alerts(self, revisions: Iterable[Revision]) -> Iterator[Output]:
        for revision in revisions:
            alert = render(revision, self._version)
            alert["data"]["published_at"] = instant(self._clock_ms())
            alert["data"]["coverage"]["sampling"] = self.sampling.share(revision.tick_ms)
            self.alerts[alert["data"]["severity"]] += 1
            key = alert["data"]["case_id"].encode()
            yield Output(
                "alerts", 0, orjson.dumps(alert), [*ALERT_HEADERS, ("id", alert["id"].encode())], key
            )

    def _measure_canaries(self) -> None:
        for finding in self.judge.canaries:
            sent_ms = max(_sent_ms(member.post_id) for member in finding.posts)
            if sent_ms > self.canary_ms:
                self.canary_ms = sent_ms
                self.canary_delay_ms = max(0, self._clock_ms() - sent_ms)
        self.judge.canaries.clear()

    # -- state -------------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self.judge.track()

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        head = _CasesHead(
            self.time_ms, self.alerts, self.canary_ms, self.canary_delay_ms, self.sampling.minutes
        )
        return merged(
            {"task": {"": pack(head)}},
            *(inbox.changes(everything=everything) for inbox in self.inboxes()),
            self.judge.changes(everything=everything),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        head = unpack(saved["task"][""], _CasesHead)
        self.time_ms, self.alerts = head.time_ms, head.alerts
        self.canary_ms, self.canary_delay_ms = head.canary_ms, head.canary_delay_ms
        self.sampling = Sampling(head.minutes)
        for inbox in self.inboxes():
            inbox.restore(saved)
        self.judge.restore(saved)


class _CasesHead(msgspec.Struct, array_like=True):
    time_ms: int
    alerts: dict[str, int]
    canary_ms: int
    canary_delay_ms: int
    minutes: dict[int, tuple[int, int]] = {}


def _sent_ms(post_id: str) -> int:
    """When a canary was sent: its id is ``canary-<wall ms>-<number>``."""
    part = post_id.split("-")
    return int(part[1]) if len(part) == 3 and part[1].isdigit() else 0


Task = AccountsTask | SubjectsTask | PairsTask | CasesTask
