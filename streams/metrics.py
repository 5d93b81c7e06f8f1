"""What the pipeline tells Prometheus. `docs/metrics.md` is made from `COMPONENTS`."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Literal
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from detectors.alerts import DETECTORS
from detectors.case import Case
from detectors.events import REASONS
from streams.alert_delays import AlertDelays
from streams.embedded import Pipeline
from streams.leading import Leading
from streams.sources.opening import InputError
from streams.sources.records import Tally

if TYPE_CHECKING:  # neither Kafka nor a live network is loaded where it is not used
    from streams.kafka.producer import Producer
    from streams.sources.live.feed import Feed

SEVERITIES = ("notice", "warning", "critical")
HOST = "127.0.0.1"
_RANKS = 10


@dataclass(frozen=True)
class Described:
    """One metric: its name, type, labels and meaning."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


ROOM_METRICS: tuple[Described, ...] = (
    Described("vigie_cases_open", "gauge", ("severity",), "Cases open now, by severity."),
    Described(
        "vigie_cases_open_by_detector",
        "gauge",
        ("detector",),
        "Cases open now, each under the detector of its strongest finding.",
    ),
    Described(
        "vigie_top_hashtag_accounts",
        "gauge",
        ("rank",),
        "Accounts on the ten hashtags that have most of them; rank 1 has most.",
    ),
    Described(
        "vigie_top_hashtag_bot_share",
        "gauge",
        ("rank",),
        "Expected share of automated accounts on the same ten; absent where too little is known.",
    ),
    Described(
        "vigie_alert_delay_seconds",
        "histogram",
        (),
        "From the newest post of a new case to its first alert; of a recording, its age.",
    ),
)
"""What the room looks at, by whoever judges cases. Hashtags have ranks here: names would have no bound."""

METRICS: tuple[Described, ...] = (
    Described("vigie_posts_read_total", "counter", (), "Valid posts read from the input."),
    Described("vigie_posts_processed_total", "counter", (), "Posts taken in by the detectors."),
    Described("vigie_posts_late_total", "counter", (), "Posts older than the watermark on arrival; dropped."),
    Described("vigie_posts_duplicate_total", "counter", (), "Posts whose id was held already; dropped."),
    Described("vigie_records_rejected_total", "counter", ("reason",), "Records refused, by reason."),
    Described("vigie_events_total", "counter", (), "Valid records that are no posts (deletions, profiles)."),
    Described("vigie_findings_total", "counter", (), "Findings judged, alerted or not."),
    Described("vigie_alerts_total", "counter", ("severity",), "Alerts published (revisions of cases)."),
    Described(
        "vigie_watermark_seconds", "gauge", (), "Event time up to which all is judged, since the epoch."
    ),
    Described("vigie_posts_held", "gauge", (), "Posts that wait for the watermark to pass them."),
    Described("vigie_near_duplicate_candidates_total", "counter", (), "Texts looked at as possible copies."),
    Described("vigie_near_duplicate_compared_total", "counter", (), "Texts compared by resemblance."),
    Described("vigie_near_duplicate_verified_total", "counter", (), "Resembling copies verified."),
    Described("vigie_store_entries", "gauge", ("store",), "Entries held in memory, by store."),
    Described(
        "vigie_store_evicted_total", "counter", ("store",), "Entries forgotten for want of room, by store."
    ),
    Described("vigie_memory_bytes", "gauge", (), "Memory of the process."),
    Described("vigie_cpu_seconds_total", "counter", (), "Processor time of the process."),
    *ROOM_METRICS,
)
"""What a pipeline in one process tells: `vigie replay`."""

PRODUCER_METRICS: tuple[Described, ...] = (
    Described("vigie_producer_posts_read_total", "counter", (), "Valid posts read from the source."),
    Described("vigie_producer_posts_sent_total", "counter", (), "Posts put into frames."),
    Described(
        "vigie_producer_posts_late_total",
        "counter",
        (),
        "Posts older than the watermark on arrival; dropped.",
    ),
    Described(
        "vigie_producer_posts_skipped_total", "counter", (), "Posts that an earlier run had sent already."
    ),
    Described("vigie_producer_records_rejected_total", "counter", ("reason",), "Records refused, by reason."),
    Described("vigie_producer_posts_too_long_total", "counter", (), "Posts that no Kafka record can hold."),
    Described(
        "vigie_producer_events_total", "counter", (), "Valid records that are no posts (deletions, profiles)."
    ),
    Described("vigie_producer_frames_total", "counter", (), "Frames that the broker has taken."),
    Described(
        "vigie_producer_bytes_total",
        "counter",
        (),
        "Bytes of the frames that the broker has taken, unpacked.",
    ),
    Described("vigie_producer_canaries_total", "counter", (), "Synthetic campaigns sent."),
    Described(
        "vigie_producer_waiting_bytes",
        "gauge",
        (),
        "Bytes that wait for the broker; bounded, then reading waits.",
    ),
    Described(
        "vigie_producer_watermark_seconds",
        "gauge",
        (),
        "Event time up to which nothing more is admitted, since the epoch.",
    ),
    Described("vigie_producer_memory_bytes", "gauge", (), "Memory of the process."),
    Described("vigie_producer_cpu_seconds_total", "counter", (), "Processor time of the process."),
)
"""What `vigie produce` tells."""

FEED_METRICS: tuple[Described, ...] = (
    Described(
        "vigie_feed_reached_timestamp_seconds",
        "gauge",
        (),
        "Up to when the network was read, since the epoch; stands still while it cannot be reached.",
    ),
    Described("vigie_feed_messages_total", "counter", (), "Messages received, with a post or an event."),
    Described("vigie_feed_repeated_total", "counter", (), "Posts and events that had come before."),
    Described("vigie_feed_reconnects_total", "counter", (), "Connections made after one that was lost."),
    Described("vigie_feed_rate_limits_total", "counter", (), "Answers that said to come back later."),
    Described("vigie_feed_errors_total", "counter", (), "What ended or prevented connections."),
    Described(
        "vigie_feed_gaps_total", "counter", (), "Stretches of which the network offers nothing any more."
    ),
)
"""What the connection to a live network tells, under `vigie watch` and `vigie produce`."""

WORKER_METRICS: tuple[Described, ...] = (
    Described(
        "vigie_worker_posts_taken_total",
        "counter",
        (),
        "Posts taken in; the sum of all outcomes, and of those held.",
    ),
    Described("vigie_worker_posts_total", "counter", ("outcome",), "Posts by what became of them."),
    Described(
        "vigie_worker_posts_moved_total",
        "counter",
        (),
        "Foreign posts sent on to the partition of their author.",
    ),
    Described("vigie_worker_records_total", "counter", ("topic",), "Records taken in."),
    Described("vigie_worker_sent_records_total", "counter", ("topic",), "Records sent."),
    Described("vigie_worker_sent_bytes_total", "counter", ("topic",), "Bytes sent, before packing."),
    Described(
        "vigie_worker_lag_records", "gauge", ("topic",), "Records that wait in this worker's partitions."
    ),
    Described(
        "vigie_worker_event_time_seconds",
        "gauge",
        ("stage",),
        "Event time up to which all is judged, since the epoch; of the slowest task.",
    ),
    Described("vigie_worker_held_ticks", "gauge", (), "Ticks that wait for another task."),
    Described(
        "vigie_worker_repeated_total",
        "counter",
        (),
        "Records between stages that said nothing new, heartbeats included.",
    ),
    Described("vigie_worker_holes_total", "counter", (), "Records between stages that came after a hole."),
    Described("vigie_worker_rebalances_total", "counter", (), "Times that partitions were given out."),
    Described(
        "vigie_worker_rewinds_total", "counter", (), "Tasks that began again without their checkpoint."
    ),
    Described(
        "vigie_worker_checkpoint_timestamp_seconds",
        "gauge",
        (),
        "When the newest checkpoint was written, since the epoch.",
    ),
    Described("vigie_worker_checkpoint_bytes_total", "counter", (), "Bytes of the checkpoints written."),
    Described("vigie_worker_store_up", "gauge", (), "1 while Redis answers."),
    Described(
        "vigie_worker_progress_timestamp_seconds",
        "gauge",
        (),
        "When a record was last taken in, or none waited.",
    ),
    Described("vigie_worker_findings_total", "counter", (), "Findings judged, alerted or not."),
    Described(
        "vigie_worker_alerts_total", "counter", ("severity",), "Alerts published (revisions of cases)."
    ),
    Described(
        "vigie_worker_alerts_repeated_total",
        "counter",
        (),
        "Alerts not sent again, since they stood in the topic already.",
    ),
    Described("vigie_worker_cases_open", "gauge", (), "Cases open now."),
    Described(
        "vigie_worker_canary_timestamp_seconds",
        "gauge",
        (),
        "When the newest canary that came through was sent, since the epoch.",
    ),
    Described(
        "vigie_worker_canary_delay_seconds",
        "gauge",
        (),
        "How long the newest canary took through all stages.",
    ),
    Described("vigie_worker_store_entries", "gauge", ("store",), "Entries held in memory, by store."),
    Described(
        "vigie_worker_store_evicted_total",
        "counter",
        ("store",),
        "Entries forgotten for want of room, by store.",
    ),
    Described("vigie_worker_memory_bytes", "gauge", (), "Memory of the process."),
    Described("vigie_worker_cpu_seconds_total", "counter", (), "Processor time of the process."),
    *ROOM_METRICS,
)
"""What `vigie worker` tells."""

DELIVERY_METRICS: tuple[Described, ...] = (
    Described(
        "vigie_deliveries_total",
        "counter",
        ("receiver", "outcome"),
        "Deliveries to receivers by what became of them: delivered, retried (failed, and tried again), "
        "superseded (a newer revision took its place), dead (given up, in a file), lost (not even that).",
    ),
    Described("vigie_deliveries_waiting", "gauge", ("receiver",), "Cases that wait for a receiver."),
)
"""What `vigie notify` tells, and `vigie replay` and `vigie watch` where receivers are set."""

RECORD_METRICS: tuple[Described, ...] = (
    Described("vigie_record_posts_total", "counter", (), "Posts of the stream that were written or counted."),
    Described("vigie_record_judgements_total", "counter", (), "Judgements of findings written."),
    Described("vigie_record_alerts_total", "counter", (), "Alerts written."),
    Described("vigie_record_unreadable_total", "counter", (), "Records that could not be read; passed over."),
    Described(
        "vigie_record_gaps_total", "counter", (), "Stretches that Kafka held no more when they were read."
    ),
    Described(
        "vigie_record_written_seconds",
        "gauge",
        (),
        "Event time up to which all posts are written, since the epoch.",
    ),
    Described(
        "vigie_record_lag_seconds", "gauge", (), "Event time between the newest that was read and that."
    ),
    Described("vigie_record_lag_records", "gauge", (), "Records that wait to be read."),
    Described("vigie_record_memory_bytes", "gauge", (), "Memory of the process."),
    Described("vigie_record_cpu_seconds_total", "counter", (), "Processor time of the process."),
)
"""What `vigie record` tells."""

COMPONENTS: dict[str, tuple[Described, ...]] = {
    "replay": METRICS + DELIVERY_METRICS,
    "watch": METRICS + FEED_METRICS + DELIVERY_METRICS,
    "produce": PRODUCER_METRICS + FEED_METRICS,
    "worker": WORKER_METRICS,
    "notify": DELIVERY_METRICS,
    "record": RECORD_METRICS,
}
"""Every metric that Vigie exposes, by the command that does."""


class PipelineCollector(Collector):
    """Reads the pipeline's own counters when Prometheus asks, so that counting costs nothing per post."""

    def __init__(
        self,
        pipeline: Pipeline,
        tally: Tally,
        alerts: dict[str, int],
        leading: Leading | None = None,
        delays: AlertDelays | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._tally = tally
        self._alerts = alerts
        self._leading, self._delays = leading or Leading(), delays or AlertDelays()

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `METRICS`."""
        room = room_values(self._pipeline.judge.cases.open_cases(), self._leading, self._delays)
        for described in METRICS:
            if described.name in room:
                values = room[described.name]
            else:
                values = _VALUES[described.name](self._pipeline, self._tally, self._alerts)
            yield family(described, values)


class FeedCollector(Collector):
    """Reads the counters of a live network's feed when Prometheus asks."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `FEED_METRICS`."""
        for described in FEED_METRICS:
            yield family(described, {"": _FEED_VALUES[described.name](self._feed)})


def room_values(
    cases: Collection[Case], leading: Leading, delays: AlertDelays
) -> dict[str, dict[str, float]]:
    """The values of `ROOM_METRICS`, by name and label."""
    severities = Counter(str(case.severity) for case in cases)
    detectors = Counter(case.best.finding.detector for case in cases)
    top = {str(rank): one for rank, one in enumerate(leading.top("hashtag", _RANKS), 1)}
    return {
        "vigie_cases_open": {name: severities[name] for name in SEVERITIES},
        "vigie_cases_open_by_detector": {name: detectors[name] for name in DETECTORS},
        "vigie_top_hashtag_accounts": {rank: one.accounts for rank, one in top.items()},
        "vigie_top_hashtag_bot_share": {
            rank: one.bot_share for rank, one in top.items() if one.bot_share is not None
        },
        "vigie_alert_delay_seconds": delays.cumulative(),
    }


def memory_bytes() -> float:
    """Memory that the process holds; where the system does not say, the most that it ever held."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(int(pages) * resource.getpagesize())


def family(described: Described, values: dict[str, float]) -> Metric:
    """One metric with its values, by label; of a histogram by upper end, with their sum."""
    if described.kind == "histogram":
        buckets = [(end, count) for end, count in values.items() if end != "sum"]
        return HistogramMetricFamily(described.name, described.help, buckets, values["sum"])
    family: CounterMetricFamily | GaugeMetricFamily
    if described.kind == "counter":
        family = CounterMetricFamily(described.name, described.help, labels=described.labels)
    else:
        family = GaugeMetricFamily(described.name, described.help, labels=described.labels)
    for label, value in values.items():
        family.add_metric([label] if described.labels else [], value)
    return family


class ProducerCollector(Collector):
    """Reads the producer's own counters when Prometheus asks."""

    def __init__(self, producer: Producer, tally: Tally) -> None:
        self._producer = producer
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `PRODUCER_METRICS`."""
        for described in PRODUCER_METRICS:
            yield family(described, _PRODUCER_VALUES[described.name](self._producer, self._tally))


_Read = Callable[[Pipeline, Tally, dict[str, int]], dict[str, float]]
_VALUES: dict[str, _Read] = {
    "vigie_posts_read_total": lambda p, t, a: {"": t.posts},
    "vigie_posts_processed_total": lambda p, t, a: {"": p.tallies.processed},
    "vigie_posts_late_total": lambda p, t, a: {"": p.gate.late},
    "vigie_posts_duplicate_total": lambda p, t, a: {"": p.buffer.duplicates},
    "vigie_records_rejected_total": lambda p, t, a: {name: t.reasons.get(name, 0) for name in REASONS},
    "vigie_events_total": lambda p, t, a: {"": t.events},
    "vigie_findings_total": lambda p, t, a: {"": p.judge.judged},
    "vigie_alerts_total": lambda p, t, a: {name: a.get(name, 0) for name in SEVERITIES},
    "vigie_watermark_seconds": lambda p, t, a: {"": p.buffer.watermark_ms / 1000},
    "vigie_posts_held": lambda p, t, a: {"": p.buffer.held},
    "vigie_near_duplicate_candidates_total": lambda p, t, a: {"": p.stores()["texts"].candidates},
    "vigie_near_duplicate_compared_total": lambda p, t, a: {"": p.stores()["texts"].compared_posts},
    "vigie_near_duplicate_verified_total": lambda p, t, a: {"": p.stores()["texts"].verified},
    "vigie_store_entries": lambda p, t, a: {name: len(store) for name, store in p.stores().items()},
    "vigie_store_evicted_total": lambda p, t, a: {name: store.evicted for name, store in p.stores().items()},
    "vigie_memory_bytes": lambda p, t, a: {"": memory_bytes()},
    "vigie_cpu_seconds_total": lambda p, t, a: {"": time.process_time()},
}

_FEED_VALUES: dict[str, Callable[[Feed], float]] = {
    "vigie_feed_reached_timestamp_seconds": lambda f: f.reached_ms() / 1000,
    "vigie_feed_messages_total": lambda f: f.counts.received,
    "vigie_feed_repeated_total": lambda f: f.counts.duplicates,
    "vigie_feed_reconnects_total": lambda f: f.counts.reconnects,
    "vigie_feed_rate_limits_total": lambda f: f.counts.rate_limits,
    "vigie_feed_errors_total": lambda f: f.counts.errors.total(),
    "vigie_feed_gaps_total": lambda f: f.counts.gaps_total,
}

_PRODUCER_VALUES: dict[str, Callable[[Producer, Tally], dict[str, float]]] = {
    "vigie_producer_posts_read_total": lambda p, t: {"": p.counts.read},
    "vigie_producer_posts_sent_total": lambda p, t: {"": p.counts.sent},
    "vigie_producer_posts_late_total": lambda p, t: {"": p.gate.late},
    "vigie_producer_posts_skipped_total": lambda p, t: {"": p.counts.skipped},
    "vigie_producer_records_rejected_total": lambda p, t: {name: t.reasons.get(name, 0) for name in REASONS},
    "vigie_producer_posts_too_long_total": lambda p, t: {"": p.counts.too_long},
    "vigie_producer_events_total": lambda p, t: {"": t.events},
    "vigie_producer_frames_total": lambda p, t: {"": p.counts.frames},
    "vigie_producer_bytes_total": lambda p, t: {"": p.counts.bytes},
    "vigie_producer_canaries_total": lambda p, t: {"": p.counts.canaries},
    "vigie_producer_waiting_bytes": lambda p, t: {"": p.waiting_bytes},
    "vigie_producer_watermark_seconds": lambda p, t: {"": p.gate.watermark_ms / 1000},
    "vigie_producer_memory_bytes": lambda p, t: {"": memory_bytes()},
    "vigie_producer_cpu_seconds_total": lambda p, t: {"": time.process_time()},
}


def serve(port: int, *collectors: Collector, host: str = HOST) -> tuple[WSGIServer, Thread]:
    """Serve the metrics, to this computer only unless told otherwise.

    Raises
    ------
    InputError
        When the port is taken.
    """
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    try:
        return start_http_server(port, addr=host, registry=registry)
    except OSError as problem:
        raise InputError(
            f"The metrics port {port} cannot be used: {problem.strerror}. Choose another with --metrics-port."
        ) from None


def as_markdown() -> str:
    """The table of all metrics, as it stands in the documentation."""
    rows = ["| metric | of | type | labels | meaning |", "|---|---|---|---|---|"]
    told_by: dict[Described, list[str]] = {}
    for component, described in COMPONENTS.items():
        for one in described:
            told_by.setdefault(one, []).append(f"`vigie {component}`")
    for one, components in told_by.items():
        labels = ", ".join(f"`{label}`" for label in one.labels) or "-"
        rows.append(f"| `{one.name}` | {', '.join(components)} | {one.kind} | {labels} | {one.help} |")
    return "\n".join(rows) + "\n"
