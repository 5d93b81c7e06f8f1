"""What a worker says of itself: metrics, whether it lives, whether it is ready; and when it must go.

A worker that has stopped working is worse than none, since its partitions go to nobody. So a thread of its
own watches it, and ends the process when records wait and none is taken in, when the broker takes nothing any
more, or when the event loop does not come round.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.kafka.leaving import STUCK, leave
from streams.kafka.running import Running
from streams.kafka.settings import WorkerSettings
from streams.kafka.tasks import AccountsTask, CasesTask
from streams.kafka.worker import Worker
from streams.leading import Leading
from streams.metrics import SEVERITIES, WORKER_METRICS, family, memory_bytes, room_values
from streams.sources.opening import InputError

OUTCOMES = ("processed", "duplicate", "late", "dead", "shed", "events")
_BEAT_S = 10
_RESTORE_MS = 60_000
"""How long a worker may take at least to read its state, however small `worker.stuck_s` is."""
_log = logging.getLogger("vigie.worker")


def reasons_to_go(worker: Worker, now_ms: int) -> list[str]:
    """Why the worker must end, one sentence each; none while all is well."""
    stuck_ms = worker.settings.worker.stuck_s * 1000
    reasons = []
    if now_ms - worker.beat_ms > stuck_ms:
        reasons.append("the event loop does not come round")
    lag = sum(worker.lag().values())
    if lag and now_ms - worker.progress_ms > stuck_ms:
        reasons.append(f"{lag} records wait and none is taken in")
    if worker.unconfirmed_ms(now_ms) > stuck_ms:
        reasons.append("the broker takes nothing any more")
    since_ms = worker.restoring_since_ms
    if since_ms is not None and now_ms - since_ms > max(stuck_ms, _RESTORE_MS):
        reasons.append("the state of the tasks is not restored")
    return reasons


def status(worker: Worker) -> dict[str, Any]:
    """What `/readyz` says."""
    now_ms = clock_ms()
    tasks, shedding = _running(worker), worker.shedding
    return {
        "ready": _alive(worker) and worker.generation >= 0 and worker.restoring_since_ms is None,
        "restoring": worker.restoring_since_ms is not None,
        "generation": worker.generation,
        "tasks": {one.name: one.task.time_ms for one in tasks},
        "lag_records": worker.lag(),
        "redis": "answers" if worker.checkpoints.answers else "gone: no checkpoints, detection goes on",
        "checkpoint_age_s": round((now_ms - worker.saving.saved_ms) / 1000, 1)
        if worker.saving.saved_ms
        else None,
        "progress_age_s": round((now_ms - worker.progress_ms) / 1000, 1),
        "rewound": worker.restoring.rewound,
        "shedding_since": None if shedding.since_ms is None else instant(shedding.since_ms),
        "shed_posts": shedding.posts(),
        "reasons_to_go": reasons_to_go(worker, now_ms),
    }


def watch(worker: Worker) -> threading.Thread:
    """Start the thread that ends a worker which has stopped working."""

    def look() -> None:
        while True:
            time.sleep(1)
            reasons = reasons_to_go(worker, clock_ms())
            if reasons:
                _log.critical("this worker is stuck: %s; it ends, for another to go on", "; ".join(reasons))
                leave(STUCK)

    thread = threading.Thread(target=look, name="watchdog", daemon=True)
    thread.start()
    return thread


def serve(worker: Worker, settings: WorkerSettings) -> ThreadingHTTPServer:
    """Serve `/metrics`, `/livez` and `/readyz`.

    Raises
    ------
    InputError
        When the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(WorkerCollector(worker))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif path == "/livez":
                alive = _alive(worker)
                self._answer(200 if alive else 503, b"alive\n" if alive else b"the event loop hangs\n")
            elif path == "/readyz":
                said = status(worker)
                body = orjson.dumps(said, option=orjson.OPT_INDENT_2)
                self._answer(200 if said["ready"] else 503, body, "application/json")
            else:
                self._answer(404, b"there is /metrics, /livez and /readyz\n")

        def _answer(self, code: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: every scrape would be a line."""

    try:
        server = ThreadingHTTPServer((settings.host, settings.port), Handler)
    except OSError as problem:
        raise InputError(
            f"Port {settings.port} cannot be used: {problem.strerror}. Choose another: --set worker.port=N."
        ) from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _alive(worker: Worker) -> bool:
    return clock_ms() - worker.beat_ms < _BEAT_S * 1000


def _running(worker: Worker) -> list[Running]:
    return list(worker.tasks.values())


class WorkerCollector(Collector):
    """Reads the worker's own counters when Prometheus asks."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `WORKER_METRICS`."""
        worker = self._worker
        cases = [case for task in _cases(worker) for case in task.judge.cases.open_cases()]
        room = room_values(cases, worker.leading() or Leading(), worker.delays)
        for described in WORKER_METRICS:
            name = described.name
            yield family(described, room[name] if name in room else _VALUES[name](worker))


def _accounts(worker: Worker) -> list[AccountsTask]:
    return [one.task for one in _running(worker) if isinstance(one.task, AccountsTask)]


def _cases(worker: Worker) -> list[CasesTask]:
    return [one.task for one in _running(worker) if isinstance(one.task, CasesTask)]


def _outcomes(worker: Worker) -> dict[str, float]:
    return {name: sum(getattr(task.counts, name) for task in _accounts(worker)) for name in OUTCOMES}


def _event_time(worker: Worker) -> dict[str, float]:
    times: dict[str, float] = {}
    for running in _running(worker):
        stage = running.task.stage
        times[stage] = min(times.get(stage, float("inf")), running.task.time_ms / 1000)
    return times


def _inbox_sum(worker: Worker, name: str) -> float:
    return float(sum(getattr(inbox, name) for one in _running(worker) for inbox in one.task.inboxes()))


def _stores(worker: Worker, read: Callable[[Any], float]) -> dict[str, float]:
    values: dict[str, float] = {}
    for running in _running(worker):
        for name, store in running.task.stores().items():
            values[name] = values.get(name, 0) + read(store)
    return values


def _alerts(worker: Worker) -> dict[str, float]:
    return {name: sum(task.alerts[name] for task in _cases(worker)) for name in SEVERITIES}


_VALUES: dict[str, Callable[[Worker], dict[str, float]]] = {
    "vigie_worker_posts_taken_total": lambda w: {"": sum(task.counts.taken for task in _accounts(w))},
    "vigie_worker_posts_total": _outcomes,
    "vigie_worker_posts_moved_total": lambda w: {"": sum(task.counts.moved for task in _accounts(w))},
    "vigie_worker_records_total": lambda w: dict(w.records),
    "vigie_worker_sent_records_total": lambda w: dict(w.outbox.records),
    "vigie_worker_sent_bytes_total": lambda w: dict(w.outbox.bytes),
    "vigie_worker_lag_records": lambda w: dict(w.lag()),
    "vigie_worker_event_time_seconds": _event_time,
    "vigie_worker_held_ticks": lambda w: {"": _inbox_sum(w, "held")},
    "vigie_worker_repeated_total": lambda w: {"": _inbox_sum(w, "repeated")},
    "vigie_worker_holes_total": lambda w: {"": _inbox_sum(w, "holes")},
    "vigie_worker_rebalances_total": lambda w: {"": w.rebalances},
    "vigie_worker_rewinds_total": lambda w: {"": len(w.restoring.rewound)},
    "vigie_worker_checkpoint_timestamp_seconds": lambda w: {"": w.saving.saved_ms / 1000},
    "vigie_worker_checkpoint_bytes_total": lambda w: {"": w.saving.bytes},
    "vigie_worker_store_up": lambda w: {"": float(w.checkpoints.answers)},
    "vigie_worker_progress_timestamp_seconds": lambda w: {"": w.progress_ms / 1000},
    "vigie_worker_findings_total": lambda w: {"": sum(task.judge.judged for task in _cases(w))},
    "vigie_worker_alerts_total": _alerts,
    "vigie_worker_alerts_repeated_total": lambda w: {"": w.repeats},
    "vigie_worker_cases_open": lambda w: {"": sum(len(task.judge.cases) for task in _cases(w))},
    "vigie_worker_canary_timestamp_seconds": lambda w: {
        "": max((t.canary_ms / 1000 for t in _cases(w)), default=0)
    },
    "vigie_worker_canary_delay_seconds": lambda w: {
        "": max((t.canary_delay_ms / 1000 for t in _cases(w)), default=0)
    },
    "vigie_worker_store_entries": lambda w: _stores(w, len),
    "vigie_worker_store_evicted_total": lambda w: _stores(w, lambda store: store.evicted),
    "vigie_worker_memory_bytes": lambda w: {"": memory_bytes()},
    "vigie_worker_cpu_seconds_total": lambda w: {"": time.process_time()},
}
