"""From the topics `signals`, `judged` and `alerts` into a store, so that a restart loses and doubles nothing.

How far each was read stands in the store itself, see `streams.stores.recording`; nothing is committed to
Kafka. Three readers of one consumer: posts are written a whole tick at a time, judgements and alerts as they
come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from detectors.alerts import instant
from detectors.state import StateError
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import clients, judged, topics
from streams.kafka.clients import TopicPartition
from streams.kafka.gathering import Gathering
from streams.kafka.settings import KafkaSettings
from streams.metrics import RECORD_METRICS, family, memory_bytes
from streams.outputs.alert import parse_alert
from streams.sources.opening import InputError
from streams.stores.recording import Offsets, Place, Recording
from streams.stores.signalled import rows_of
from streams.telling import say

_POLL_MS = 200
_WRITE_S = 1.0
"""How often what was noted is written: who reads the store is so far behind."""
_MOST_NOTED = 20_000
"""Posts from which it is written at once."""
_SWEEP_S = 3600.0
_ONE_PARTITION = ("judged", "alerts")


class Recorder:
    """Reads the topics where the store ends.

    Parameters
    ----------
    settings : Settings
    path : str
        Of the store.

    Raises
    ------
    InputError
        When no broker answers, a topic is missing, or the store is not of this room.
    """

    def __init__(self, settings: Settings, path: str) -> None:
        kafka = settings.kafka
        topics.check(kafka)
        self.posts = self.judgements = self.alerts = self.gaps = 0
        """What was written since the start."""
        self.repeated = 0
        """Judgements that were there already."""
        self.unreadable = 0
        """Records that are nothing of the kind."""
        self._kafka, self._idle_ms = kafka, int(settings.worker.idle_s * 1000)
        self._recording = Recording(path, room_of(kafka), settings.retention)
        self._consumer = clients.consumer(kafka, max_partition_fetch_bytes=clients.MAX_MESSAGE_BYTES)
        self._next: Offsets = {}
        self._ends: Offsets = {}
        """As of the start, for partitions of which nothing was fetched yet."""
        self._judged_ms = self._recording.place.judged_ms
        self._noted = 0
        self._begin()

    @property
    def written_ms(self) -> int:
        """Event time up to which all posts are written."""
        return self._recording.place.written_ms

    def follow(self, stop: Event) -> None:
        """Write what comes, until `stop` is set."""
        written_s = swept_s = time.monotonic()
        while not stop.is_set():
            self._poll()
            now_s = time.monotonic()
            if self._noted >= _MOST_NOTED or now_s - written_s >= _WRITE_S:
                self._write()
                written_s = now_s
            if now_s - swept_s >= _SWEEP_S:
                self._recording.sweep()
                swept_s = now_s
        self._write()

    def close(self) -> None:
        """Leave the store and the broker. After a fault, what was noted is not written but read again."""
        self._recording.close()
        self._consumer.close()

    def lag(self) -> int:
        """Records that wait to be read, as far as the broker has told."""
        ends = {where: self._consumer.highwater(self._part(*where)) for where in self._next}
        return sum(max(0, (end or self._ends[where]) - self._next[where]) for where, end in ends.items())

    def behind_ms(self) -> int:
        """Event time between the newest that was heard and what is written."""
        return max(0, self._gathering.heard_ms - self.written_ms)

    # -- where to begin ----------------------------------------------------------------------------

    def _begin(self) -> None:
        """Go on where the store ends; where that is gone from a topic, with the oldest that it holds."""
        place = self._recording.place
        wanted = [("signals", number) for number in range(self._kafka.partitions)]
        wanted += [(name, 0) for name in _ONE_PARTITION]
        parts = {where: self._part(*where) for where in wanted}
        with clients.talking(self._kafka):
            self._consumer.assign(list(parts.values()))
            firsts = self._consumer.beginning_offsets(list(parts.values()))
            ends = self._consumer.end_offsets(list(parts.values()))
            for where, part in parts.items():
                if place.offsets.get(where, 0) > ends[part]:
                    raise InputError(
                        f"The topic {part.topic} was made anew since the store was written: begin another."
                    )
                self._next[where] = max(place.offsets.get(where, 0), firsts[part])
                self._ends[where] = ends[part]
                self._consumer.seek(part, self._next[where])
        lost = {
            name for name, number in wanted if self._next[name, number] != place.offsets.get((name, number))
        }
        self._gathering = Gathering(
            self._kafka.partitions, place.written_ms, goes_on=bool(place.written_ms) and "signals" not in lost
        )
        self._gathering.seek([self._next["signals", number] for number in range(self._kafka.partitions)])
        if place.offsets and "judged" in lost:
            say(f"the topic {parts['judged', 0].topic} holds some judgements no more: they are missing.")

    def _part(self, topic: str, number: int) -> TopicPartition:
        return TopicPartition(clients.topic(self._kafka, topic), number)

    # -- what comes --------------------------------------------------------------------------------

    def _poll(self) -> None:
        with clients.talking(self._kafka):
            polled = self._consumer.poll(timeout_ms=_POLL_MS)
        for part, records in polled.items():
            topic = part.topic.removeprefix(self._kafka.prefix)
            for record in records:
                if topic == "signals" and record.offset != self._next[topic, part.partition]:
                    # What comes next was deleted while it was waited for.
                    self._write()
                    self._begin()
                    return
                self._take(topic, record)
                self._next[topic, part.partition] = record.offset + 1
        self._gathering.note_idle(clock_ms(), self._idle_ms)
        self._note_ready()

    def _take(self, topic: str, record: Any) -> None:
        if topic == "signals":
            self.unreadable += not self._gathering.take(
                record.partition, record.offset, record.value or b"", record.headers
            )
        elif topic == "judged":
            self._note_judged(record.value or b"")
        elif record.value is not None:  # else a case that was taken out of the topic
            self._note_alert(record.value)

    def _note_judged(self, value: bytes) -> None:
        try:
            told = judged.decode(value)
        except StateError:
            self.unreadable += 1
            return
        self._judged_ms = max(self._judged_ms, told.until_ms)
        for one in told.judged:
            is_new = self._recording.note_judged(one)
            self.judgements += is_new
            self.repeated += not is_new

    def _note_alert(self, value: bytes) -> None:
        alert = parse_alert(value)
        if alert is None:
            self.unreadable += 1
        else:
            self._recording.note_alert(alert)
            self.alerts += 1

    def _note_ready(self) -> None:
        was_sought, before_ms = self._gathering.begin_ms is None, self._gathering.written_ms
        ready = self._gathering.ready()
        begin_ms = self._gathering.begin_ms
        if was_sought and begin_ms is not None:
            self._tell_begin(before_ms, begin_ms)
        for tick in ready:
            rows = rows_of(tick.parts)
            self._recording.note_tick(tick.tick_ms, tick.posts, tick.listed, rows)
            self.posts += tick.posts
            self._noted += tick.posts

    def _tell_begin(self, before_ms: int, begin_ms: int) -> None:
        if before_ms and begin_ms > before_ms:
            self.gaps += 1
            say(self._recording.note_gap(before_ms, begin_ms))
        elif begin_ms:
            say(f"the store begins at {instant(begin_ms)}: Kafka holds nothing older.")

    def _write(self) -> None:
        following = dict(self._next)
        for number, offset in enumerate(self._gathering.offsets()):
            where = "signals", number
            # As long as it is not known how much is missing, the next start must find out again.
            is_begun = self._gathering.begin_ms is not None
            following[where] = offset if is_begun else self._recording.place.offsets.get(where, offset)
        place = Place(self._gathering.written_ms, self._judged_ms, following)
        if place != self._recording.place:
            self._recording.write(place)
        self._noted = 0


def room_of(kafka: KafkaSettings) -> str:
    """The cluster and the topics of a room, by which its recordings are known.

    Raises
    ------
    InputError
        When no broker answers.
    """
    return f"cluster {clients.cluster_id(kafka)}, prefix {kafka.prefix!r}, {kafka.partitions} partitions"


class RecordCollector(Collector):
    """Reads the recorder's own counters when Prometheus asks."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `RECORD_METRICS`."""
        one = self._recorder
        values = {
            "vigie_record_posts_total": one.posts,
            "vigie_record_judgements_total": one.judgements,
            "vigie_record_alerts_total": one.alerts,
            "vigie_record_unreadable_total": one.unreadable,
            "vigie_record_gaps_total": one.gaps,
            "vigie_record_written_seconds": one.written_ms / 1000,
            "vigie_record_lag_seconds": one.behind_ms() / 1000,
            "vigie_record_lag_records": one.lag(),
            "vigie_record_memory_bytes": memory_bytes(),
            "vigie_record_cpu_seconds_total": time.process_time(),
        }
        for described in RECORD_METRICS:
            yield family(described, {"": values[described.name]})
