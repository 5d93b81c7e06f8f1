"""`vigie replay`: recorded posts, or a live stream on standard input, through the embedded pipeline."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from detectors.alerts import instant
from detectors.events import Item
from streams.alert_delays import AlertDelays
from streams.clock import clock_ms
from streams.console.open_coordination import listed_openly
from streams.embedded import Pipeline
from streams.lists import ListFiles
from streams.outputs.alert import Alert
from streams.pacing import LIVE_MS, pace_of, with_silence
from streams.verdict_file import VerdictFile

_LOOK_S = 1.0
"""Seconds between two looks at the files of the lists."""
_OPEN_SHOWN = 10
"""Groups that act openly that a summary names."""


@dataclass
class Run:
    """What a replay has done; the numbers of its summary."""

    started: float = field(default_factory=time.monotonic)
    alerts: Counter[str] = field(default_factory=Counter)
    """Published alerts by severity."""
    delays: AlertDelays = field(default_factory=AlertDelays)
    """How long new cases took to be told."""
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The newest data of each case."""

    def note(self, alert: Alert) -> None:
        """Count one alert."""
        data = alert["data"]
        self.alerts[data["severity"]] += 1
        self.delays.note(alert)
        self.cases[data["case_id"]] = data | {"subject": alert["subject"]}

    def cases_by_severity(self) -> dict[str, int]:
        """Cases by their newest severity; merged ones count with the case that goes on."""
        counted = Counter(data["severity"] for data in self.cases.values() if data["status"] != "merged")
        return {severity: counted[severity] for severity in ("critical", "warning", "notice")}


def play(
    batches: Iterable[list[Item]],
    pipeline: Pipeline,
    run: Run,
    *,
    speed: float | None = None,
    rate: float | None = None,
    live: bool = False,
    lists: ListFiles | None = None,
    verdicts: VerdictFile | None = None,
    now: Callable[[], int] = clock_ms,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Alert]:
    """Feed posts to the pipeline and yield its alerts, stamped with the time of publishing.

    Parameters
    ----------
    batches : iterable of list of Post
        In time order for a replay; in order of arrival if `live`.
    speed : float, optional
        Event seconds for each second of wall time; as fast as possible without it. It changes when an alert
        comes, never which.
    rate : float, optional
        In its place, posts for each second of wall time.
    live : bool
        Whether time passes while nothing comes: the watermark then follows the clock, less the grace.
    lists : ListFiles, optional
        The room's lists; when they change, the new ones are in force from the next tick on.
    verdicts : VerdictFile, optional
        What analysts say of the cases, in force by event time; what is appended meanwhile counts too.
    now : callable
        Up to when a live stream was read, in milliseconds since the epoch: the present, unless it is behind.
    on_progress : callable, optional
        Told the number of posts taken in so far.
    """
    pace = pace_of(speed, rate)
    source = with_silence(batches) if live else iter(batches)
    seen, looked = 0, time.monotonic()
    for posts in source:
        if lists is not None and time.monotonic() - looked >= _LOOK_S:
            looked = time.monotonic()
            if (changed := lists.changed()) is not None:
                pipeline.room.put(changed)
        for part in pace.parts(posts) if pace else [posts]:
            if verdicts is not None:
                pipeline.room.verdicts += verdicts.new()
            yield from _stamped(pipeline.feed(part), run)
            seen += len(part)
            if on_progress is not None:
                on_progress(seen)
        if live and not posts:
            now_ms = now()
            # A recording piped in has no present: only a stream that is near the clock is moved by it.
            if now_ms - pipeline.gate.watermark_ms < LIVE_MS:
                yield from _stamped(pipeline.advance(now_ms - pipeline.gate.grace_ms), run)
    yield from _stamped(pipeline.finish(), run)
    if verdicts is not None:
        pipeline.room.verdicts += verdicts.new()
        yield from _stamped(_answers(pipeline, run), run)


def answers_since(pipeline: Pipeline, run: Run) -> Iterator[Alert]:
    """After the end of the input: what the verdicts change that nobody has heard yet."""
    if pipeline.judge.heard < len(pipeline.room.verdicts):
        yield from _stamped(_answers(pipeline, run), run)


def _answers(pipeline: Pipeline, run: Run) -> Iterator[Alert]:
    """What the verdicts on the last alerts change: time goes on to the tick at which they are in force."""
    said = [verdict.at_ms for verdict in pipeline.room.verdicts if verdict.case_id in run.cases]
    if said:
        tick_ms = pipeline.buffer.tick_ms
        yield from pipeline.advance(max(-(-max(said) // tick_ms) * tick_ms, pipeline.judge.last_tick))


def _stamped(alerts: Iterator[Alert], run: Run) -> Iterator[Alert]:
    for alert in alerts:
        alert["data"]["published_at"] = instant(clock_ms())
        run.note(alert)
        yield alert


def summary(run: Run, pipeline: Pipeline, rejected: dict[str, int], events: int) -> dict[str, Any]:
    """The numbers of a replay, as `--json` prints them."""
    seconds = time.monotonic() - run.started
    buffer = pipeline.buffer
    processed = pipeline.tallies.processed
    return {
        "posts": {
            "processed": processed,
            "late": pipeline.gate.late + buffer.late,
            "duplicate": buffer.duplicates,
            "rejected": sum(rejected.values()),
            "events": events,
        },
        "rejected_by_reason": rejected,
        "event_time_until": _until(pipeline.gate.watermark_ms),
        "cases": run.cases_by_severity(),
        "alerts": {name: run.alerts[name] for name in ("critical", "warning", "notice")},
        "open_coordination": len(pipeline.judge.open_groups),
        "open_groups": listed_openly(pipeline.judge.open_groups, _OPEN_SHOWN),
        "seconds": round(seconds, 2),
        "posts_per_second": round(processed / seconds) if seconds > 0 else None,
        "evicted": {name: store.evicted for name, store in pipeline.stores().items()},
    }


def _until(watermark_ms: int) -> str | None:
    if not watermark_ms:
        return None
    return f"{datetime.fromtimestamp(watermark_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
