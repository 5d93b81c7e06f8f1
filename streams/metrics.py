"""What the pipeline tells Prometheus. The pages of `docs/metrics.md` are made from `METRICS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Literal
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detectors.events import REASONS
from streams.embedded import Pipeline
from streams.sources.opening import InputError
from streams.sources.records import Tally

SEVERITIES = ("notice", "warning", "critical")


@dataclass(frozen=True)
class Described:
    """One metric: its name, type, labels and meaning."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


METRICS: tuple[Described, ...] = (
    Described("vigie_posts_read_total", "counter", (), "Valid posts read from the input."),
    Described("vigie_posts_processed_total", "counter", (), "Posts taken in by the detectors."),
    Described("vigie_posts_late_total", "counter", (), "Posts older than the watermark on arrival; dropped."),
    Described("vigie_posts_duplicate_total", "counter", (), "Posts whose id was held already; dropped."),
    Described("vigie_records_rejected_total", "counter", ("reason",), "Records refused, by reason."),
    Described("vigie_events_total", "counter", (), "Valid records that are no posts (deletions, profiles)."),
    Described("vigie_findings_total", "counter", (), "Findings judged, alerted or not."),
    Described("vigie_alerts_total", "counter", ("severity",), "Alerts published (revisions of cases)."),
    Described("vigie_cases_open", "gauge", (), "Cases open now."),
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
)
"""Every metric that Vigie exposes."""


class PipelineCollector(Collector):
    """Reads the pipeline's own counters when Prometheus asks, so that counting costs nothing per post."""

    def __init__(self, pipeline: Pipeline, tally: Tally, alerts: dict[str, int]) -> None:
        self._pipeline = pipeline
        self._tally = tally
        self._alerts = alerts

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `METRICS`."""
        for described in METRICS:
            values = _VALUES[described.name](self._pipeline, self._tally, self._alerts)
            family: CounterMetricFamily | GaugeMetricFamily
            if described.kind == "counter":
                family = CounterMetricFamily(described.name, described.help, labels=described.labels)
            else:
                family = GaugeMetricFamily(described.name, described.help, labels=described.labels)
            for label, value in values.items():
                family.add_metric([label] if described.labels else [], value)
            yield family


def _evicted(pipeline: Pipeline) -> dict[str, float]:
    return {
        "texts": pipeline.near_duplicates.evicted,
        "hashtags": pipeline.hashtags.evicted,
        "accounts": pipeline.accounts.evicted,
        "reposts": pipeline.co_reposts.evicted,
        "pairs": pipeline.pairs.evicted,
        "cases": pipeline.judge.cases.evicted,
    }


def _entries(pipeline: Pipeline) -> dict[str, float]:
    return {
        "texts": len(pipeline.near_duplicates),
        "hashtags": len(pipeline.hashtags),
        "accounts": len(pipeline.accounts),
        "reposts": len(pipeline.co_reposts),
        "pairs": len(pipeline.pairs),
        "cases": len(pipeline.judge.cases),
    }


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
    "vigie_cases_open": lambda p, t, a: {"": len(p.judge.cases)},
    "vigie_watermark_seconds": lambda p, t, a: {"": p.buffer.watermark_ms / 1000},
    "vigie_posts_held": lambda p, t, a: {"": p.buffer.held},
    "vigie_near_duplicate_candidates_total": lambda p, t, a: {"": p.near_duplicates.candidates},
    "vigie_near_duplicate_compared_total": lambda p, t, a: {"": p.near_duplicates.compared_posts},
    "vigie_near_duplicate_verified_total": lambda p, t, a: {"": p.near_duplicates.verified},
    "vigie_store_entries": lambda p, t, a: _entries(p),
    "vigie_store_evicted_total": lambda p, t, a: _evicted(p),
}


def serve(port: int, collector: PipelineCollector) -> tuple[WSGIServer, Thread]:
    """Serve the metrics on 127.0.0.1.

    Raises
    ------
    InputError
        When the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        return start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as problem:
        raise InputError(
            f"The metrics port {port} cannot be used: {problem.strerror}. Choose another with --metrics-port."
        ) from None


def as_markdown() -> str:
    """The table of all metrics, as it stands in the documentation."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for one in METRICS:
        labels = ", ".join(f"`{label}`" for label in one.labels) or "-"
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    return "\n".join(rows) + "\n"
