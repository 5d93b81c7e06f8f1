"""How the workers are, as they say themselves at /metrics and /readyz."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from collections import defaultdict
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from prometheus_client.parser import text_string_to_metric_families

_PATIENCE_S = 2.0
_LARGEST = 4 << 20


class Worker(NamedTuple):
    """What one worker said."""

    row: dict[str, Any]
    """As the page shows it."""
    values: dict[tuple[str, str], float]
    """Its metrics, by name and the value of their one label."""


def ask(url: str) -> Worker:
    """Ask a worker at ``http://HOST:PORT`` how it is."""
    name = urlsplit(url).netloc
    row: dict[str, Any] = {"name": name, "state": "gone", "tasks": None, "lag": None, "since": None}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        said = orjson.loads(_fetch(f"{url.rstrip('/')}/readyz"))
        state = "ready" if said["ready"] else "restoring" if said["restoring"] else "not_ready"
        lag = sum(said["lag_records"].values())
        row |= {"state": state, "tasks": len(said["tasks"]), "lag": lag, "since": said["shedding_since"]}
        row["reasons"] = said["reasons_to_go"]
        return Worker(row, values_of(_fetch(f"{url.rstrip('/')}/metrics").decode()))
    return Worker(row, {})


def values_of(text: str) -> dict[tuple[str, str], float]:
    """Metrics in the text form of Prometheus.

    >>> values_of('# TYPE lag gauge\\nlag{topic="posts"} 3\\n')
    {('lag', 'posts'): 3}
    """
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def totals(workers: list[Worker]) -> dict[str, float]:
    """The sum of each metric over labels and workers, by name; of posts also by outcome."""
    sums: dict[str, float] = defaultdict(float)
    for worker in workers:
        for (name, label), value in worker.values.items():
            sums[name] += value
            if name == "vigie_worker_posts_total":
                sums[label] += value
    return sums


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            body: bytes = answer.read(_LARGEST)
    except urllib.error.HTTPError as problem:  # one that is not ready says why
        body = problem.read(_LARGEST)
    return body
