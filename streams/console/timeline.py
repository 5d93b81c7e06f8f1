"""When it happened: the posts of a case by steps of time, its alerts, and what each detector looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from detectors.alerts import instant

_STEPS_S = (60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400)
_MOST_STEPS = 240
_MOST_WINDOWS = 60


def timeline(
    times_ms: Iterable[int],
    start_ms: int,
    end_ms: int,
    revisions: Iterable[dict[str, Any]],
    findings: Iterable[dict[str, Any]],
) -> dict[str, Any]:
    """The time line of a case, in so large steps that there are not too many.

    >>> line = timeline([0, 61_000, 62_000], 0, 120_000, [], [])
    >>> line["start"], line["step_s"], line["posts"]
    ('1970-01-01T00:00:00.000Z', 60, [1, 2, 0])
    """
    step_ms = 1000 * next(
        (step for step in _STEPS_S if (end_ms - start_ms) // (step * 1000) < _MOST_STEPS), _STEPS_S[-1]
    )
    first = start_ms // step_ms
    steps = min(end_ms // step_ms - first + 1, _MOST_STEPS)
    counts = Counter(at_ms // step_ms - first for at_ms in times_ms)
    windows = {
        (finding["detector"], finding["window"]["start"], finding["window"]["end"]) for finding in findings
    }
    return {
        "start": instant(first * step_ms),
        "step_s": step_ms // 1000,
        "posts": [counts[step] for step in range(steps)],
        "alerts": [{"revision": one["revision"], "time": one["time"]} for one in revisions],
        "windows": [
            {"detector": detector, "start": start, "end": end}
            for detector, start, end in sorted(windows, key=lambda one: one[1:])[:_MOST_WINDOWS]
        ],
    }
