"""A worker that is stuck leaves, and says why."""

from __future__ import annotations

from queue import Queue
from threading import Event
from types import SimpleNamespace
from typing import Any

from worker_room import PATIENCE_S

from streams.clock import clock_ms
from streams.kafka import health
from streams.kafka.leaving import STUCK


def stand_in(**more: Any) -> Any:
    """As much of a worker as the watchdog looks at; it is well."""
    well: dict[str, Any] = {
        "settings": SimpleNamespace(worker=SimpleNamespace(stuck_s=60.0)),
        "beat_ms": 1_000_000,
        "progress_ms": 1_000_000,
        "restoring_since_ms": None,
        "lag": lambda: {"posts": 0},
        "unconfirmed_ms": lambda now_ms: 0,
    }
    return SimpleNamespace(**well | more)


def test_the_watchdog_has_one_sentence_for_each_way_to_be_stuck():
    def reasons(after_s: float, **more: Any) -> list[str]:
        return health.reasons_to_go(stand_in(**more), 1_000_000 + int(after_s * 1000))

    assert reasons(59, lag=lambda: {"posts": 5}) == []
    assert reasons(61) == ["the event loop does not come round"]
    assert reasons(61, beat_ms=1_060_000) == [], "idle is not stuck"
    assert reasons(61, beat_ms=1_060_000, lag=lambda: {"posts": 5, "ties": 2}) == [
        "7 records wait and none is taken in"
    ]
    assert reasons(0, unconfirmed_ms=lambda now_ms: 60_001) == ["the broker takes nothing any more"]
    assert reasons(61, beat_ms=1_060_000, restoring_since_ms=1_000_000) == [
        "the state of the tasks is not restored"
    ]


def test_a_worker_whose_event_loop_hangs_is_ended_by_its_watchdog(monkeypatch, caplog):
    left: Queue[int] = Queue()

    def leave(code: int) -> None:
        left.put(code)
        Event().wait()  # for good: the real one does not come back either

    monkeypatch.setattr(health, "leave", leave)
    health.watch(stand_in(beat_ms=clock_ms() - 61_000))
    assert left.get(timeout=PATIENCE_S) == STUCK
    assert "the event loop does not come round; it ends" in caplog.text
