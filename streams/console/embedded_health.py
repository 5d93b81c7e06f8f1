"""How the pipeline of this process is: how fast, how far behind, what it dropped and forgot."""

from __future__ import annotations

import time
from typing import Any

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.console.board import Board, gap_of
from streams.console.figures import Figure, figure
from streams.embedded import Pipeline
from streams.pacing import LIVE_MS
from streams.sources.records import Tally

_LATE_SHARE = 0.01
_BEHIND_S = 60


class Health:
    """Looks at a pipeline from its own thread.

    Parameters
    ----------
    pipeline : Pipeline
    tally : Tally
        What was read.
    board : Board
        Whose alerts tell how long they took.
    """

    def __init__(self, pipeline: Pipeline, tally: Tally, board: Board) -> None:
        self._pipeline, self._tally, self._board = pipeline, tally, board
        self._before = time.monotonic(), 0
        self._rate = 0.0

    def look(self) -> dict[str, Any]:
        """What `GET /api/health` answers."""
        pipeline, now_ms = self._pipeline, clock_ms()
        processed = pipeline.tallies.processed
        before_s, before = self._before
        self._before = time.monotonic(), processed
        rate = (processed - before) / max(1e-3, self._before[0] - before_s)
        late = pipeline.gate.late + pipeline.buffer.late
        delay_s = (now_ms - pipeline.gate.watermark_ms) / 1000
        # A recording has no present to be behind of.
        is_live = pipeline.gate.watermark_ms > 0 and delay_s * 1000 < LIVE_MS
        forgotten = sum(store.evicted for store in pipeline.stores().values()) + self._board.forgotten()
        reasons = []
        if late > _LATE_SHARE * max(1, processed):
            reasons.append(f"{late:,} posts came after the grace and were dropped.")
        if is_live and delay_s > _BEHIND_S:
            reasons.append(f"The stream is {delay_s:.0f} s behind the clock.")
        p50, p99 = self._board.latency() if is_live else (None, None)
        figures: list[Figure] = [
            figure("rate", None if self._board.ended else round(rate)),
            figure("processed", processed),
            figure("latency_p50", p50),
            figure("latency_p99", p99),
            figure("watermark_delay", round(delay_s, 1) if is_live else None),
            figure("late", late),
            figure("dead_letters", self._tally.rejected),
            figure("forgotten", forgotten),
        ]
        last_ms = pipeline.judge.last_tick
        judge = pipeline.judge
        gaps = [*judge.gaps.within(0, last_ms), *judge.sources.within(0, last_ms)] if last_ms else []
        return {
            "state": "degraded" if reasons else "ok",
            "reasons": reasons,
            "figures": figures,
            "workers": [],
            "gaps": [
                gap_of(instant(gap.start_ms), instant(gap.end_ms), gap.source, gap.reason) for gap in gaps
            ],
        }
