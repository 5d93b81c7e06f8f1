"""The CASES stage as a task: all that was found in; alerts out, and what was judged, alerted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import orjson

from detectors.alerts import instant, render
from detectors.batches import Background, whole
from detectors.case import Judged, Revision
from detectors.judging import Found, Judge
from detectors.pairs import Repeated
from detectors.state import Changes, Saved, merged, pack, unpack
from streams.embedded import Settings
from streams.kafka import canary, judged
from streams.kafka.stretches import Inbox, Output
from streams.kafka.tasks.records import Record, names, taken
from streams.kafka.tasks.sampling import Sampling
from streams.leading import Leading
from streams.room import Room

ALERT_HEADERS = [("content-type", b"application/cloudevents+json")]
_repeated_ticks = msgspec.msgpack.Decoder(list[tuple[int, Repeated | None]])
_found_ticks = msgspec.msgpack.Decoder(list[tuple[int, Found | None]])
_background_ticks = msgspec.msgpack.Decoder(list[tuple[int, Background | None]])


class CasesTask:
    """The CASES stage: the one partition of `findings` and of `background`.

    Parameters
    ----------
    settings : Settings
    clock_ms : callable
        The wall clock, for `published_at`, which is the only thing that follows it.
    room : Room, optional
        What the watch room says.
    """

    stage = "cases"

    def __init__(
        self,
        settings: Settings,
        clock_ms: Callable[[], int],
        room: Room | None = None,
    ) -> None:
        partitions = settings.kafka.partitions
        self._clock_ms, self._room = clock_ms, room or Room()
        self._version, self._coverage = settings.version(), settings.coverage
        # Three inboxes, since a payload can only be saved by its own type; they move together.
        self.found: Inbox[Found | None] = Inbox(names("subjects", partitions), Found | None, "found")
        self.repeated: Inbox[Repeated | None] = Inbox(names("pairs", partitions), Repeated | None, "repeated")
        self.background: Inbox[Background | None] = Inbox(
            names("accounts", partitions), Background | None, "background"
        )
        self.sampling = Sampling()
        self.leading = Leading()
        """What leads the stream. For show, so it is not saved: it is known again within minutes."""
        self.judge = Judge(settings, self._note)
        self._judged: list[Judged] = []
        """What was judged and is not told yet."""
        self._told_ms = 0
        """Up to here it is told that all was judged."""
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
            yield from taken(record, self.background, _background_ticks)
        elif (dict(record.headers).get("source") or b"").startswith(b"pairs."):
            yield from taken(record, self.repeated, _repeated_ticks)
        else:
            yield from taken(record, self.found, _found_ticks)
        yield from self._judge()

    def heartbeat(self) -> Iterator[Output]:
        """Judge what is complete by now; nothing is below that needs to be told."""
        return self._judge()

    def inboxes(self) -> list[Inbox[Any]]:
        """What waits for other tasks."""
        return [self.found, self.repeated, self.background]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {
            **self.judge.stores(),
        }

    def _note(self, one: Judged) -> None:
        self.leading.note(one, one.finding.judged_ms)
        self._judged.append(one)

    def _judge(self) -> Iterator[Output]:
        self._room.tell(self.judge)
        limit = min(inbox.complete_ms() for inbox in self.inboxes())
        found, repeated = dict(self.found.ready(limit)), dict(self.repeated.ready(limit))
        for tick_ms, told in self.background.ready(limit):
            findings = [one for one in found.get(tick_ms, {}).values() if one is not None]
            pairs = [one for one in repeated.get(tick_ms, {}).values() if one is not None]
            ties = Repeated(
                [tie for one in pairs for tie in one.ties], sum(one.coincidences for one in pairs)
            )
            parts = [one for one in told.values() if one is not None]
            self.judge.lists = self._room.lists_at(tick_ms)
            groups = [finding for one in findings for finding in one.findings]
            if not parts:  # the end of the input
                yield from self._alerts(self.judge.finish(groups))
                continue
            everything = Found(
                groups,
                [tag for one in findings for tag in one.tags],
                [source for one in findings for source in one.sources],
            )
            background = whole(parts)
            self.sampling.add(tick_ms, posts=background.posts, shed=background.shed)
            yield from self._alerts(self.judge.take(tick_ms, everything, ties, background))
        yield from self._alerts(self.judge.silence(limit))
        self.time_ms = max(self.time_ms, limit)
        yield from self._tell_judged()
        self.leading.advance(self.time_ms)
        self._measure_canaries()

    def _tell_judged(self) -> Iterator[Output]:
        """Tell what was judged: nothing of it waits when a checkpoint is made."""
        if not self._judged and self._told_ms == self.time_ms:
            return
        told, self._judged, self._told_ms = self._judged, [], self.time_ms
        for value in judged.encode(self.time_ms, told):
            yield Output("judged", 0, value, [])

    def _alerts(self, revisions: Iterable[Revision]) -> Iterator[Output]:
        for revision in revisions:
            alert = render(
                revision,
                self._version,
                self._room.lists_at(revision.tick_ms),
                self._room.watch,
                self.judge.coverage(self._coverage, revision, self.sampling.share(revision.tick_ms)),
            )
            alert["data"]["published_at"] = instant(self._clock_ms())
            self.alerts[alert["data"]["severity"]] += 1
            key = alert["data"]["case_id"].encode()
            yield Output(
                "alerts", 0, orjson.dumps(alert), [*ALERT_HEADERS, ("id", alert["id"].encode())], key
            )

    def _measure_canaries(self) -> None:
        for finding in self.judge.canaries:
            sent_ms = max(canary.sent_ms(member.post_id) for member in finding.posts)
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
