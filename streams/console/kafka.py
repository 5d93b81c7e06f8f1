"""The console over Kafka: alerts from their topic, lists and verdicts by theirs, health from all who know.

What the workers hold besides (whole cases, accounts, open coordination, payers) is read from their
checkpoints: they do nothing for it.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from detectors.lists import Lists
from detectors.verdicts import Verdict
from streams.clock import clock_ms
from streams.console import workers
from streams.console.board import Board
from streams.console.checkpointed import Checkpointed, NotRead
from streams.console.figures import figure
from streams.console.listed import listed
from streams.console.memory import Remembered
from streams.console.of_workers import OfWorkers
from streams.console.open_coordination import listed_openly
from streams.console.settings import parts
from streams.console.shape import can_be_shown
from streams.console.sponsors import counted, told
from streams.console.stored import Stored
from streams.embedded import Settings
from streams.kafka import clients, leading
from streams.kafka.alerts import Tail
from streams.kafka.clients import TopicPartition
from streams.kafka.doctor import Finding, examine
from streams.kafka.room import Ears, publish_verdict
from streams.pacing import LIVE_MS
from streams.room import Room
from streams.sources.opening import InputError

_RETRY_S = 2.0
_POLL_MS = 500
_TABLES_S, _EXAMINE_S = 5.0, 15.0
_VITAL = ("broker", "topics", "workers")
"""Without these nothing is found any more."""


class FromKafka:
    """Puts on the board what Kafka, Redis and the workers tell.

    Parameters
    ----------
    board : Board
    settings : Settings
    recorded : Stored, optional
        What `vigie record` keeps.

    Raises
    ------
    InputError
        When no broker answers, or the topic of alerts is missing.
    """

    def __init__(self, board: Board, settings: Settings, recorded: Stored | None = None) -> None:
        self._board, self._settings = board, settings
        self._examined: list[Finding] = []
        self._gone = ""
        """Why the alerts cannot be read at present."""
        self._rate = _Rate()
        self._lists = Lists()
        self._checkpoints = Checkpointed(settings, clients.cluster_id(settings.kafka))
        self.kept = OfWorkers(settings, self._checkpoints, recorded)
        board.besides.remembered = self._remembered
        self._tail: Tail | None = Tail(settings.kafka, "start")

    def say(self, verdict: Verdict) -> None:
        """Put a verdict in force in all workers."""
        publish_verdict(self._settings.kafka, verdict)

    def run(self, stop: threading.Event) -> None:
        """Follow everything until told to stop."""
        others = [
            threading.Thread(target=work, args=(stop,), name=f"console-{work.__name__}", daemon=True)
            for work in (self._hear, self._examine)
        ]
        for thread in others:
            thread.start()
        while not stop.is_set():
            try:
                self._follow(stop)
            except InputError as problem:
                self._gone = str(problem)
                self._board.besides.health = self._health([])
                stop.wait(_RETRY_S)
        for thread in others:
            thread.join(_RETRY_S)
        self._checkpoints.close()

    def _follow(self, stop: threading.Event) -> None:
        """The alerts, from the oldest that is kept; those that stand on the board already say nothing new."""
        tail = self._tail or Tail(self._settings.kafka, "start")
        self._tail, self._gone = None, ""
        try:
            for alert in tail.follow(stop):
                if can_be_shown(alert):
                    self._board.take(alert)
        finally:
            tail.close()

    def _hear(self, stop: threading.Event) -> None:
        """The room's lists, and how far event time has come."""
        while not stop.is_set():
            try:
                self._listen(stop)
            except InputError:
                stop.wait(_RETRY_S)

    def _listen(self, stop: threading.Event) -> None:
        kafka = self._settings.kafka
        ears = Ears(Room())
        said, findings = (TopicPartition(clients.topic(kafka, name), 0) for name in ("verdicts", "findings"))
        consumer = clients.consumer(kafka)
        try:
            with clients.talking(kafka):
                consumer.assign([said, findings])
                consumer.seek_to_beginning(said)
                consumer.seek_to_end(findings)
            while not stop.is_set():
                with clients.talking(kafka):
                    polled = consumer.poll(timeout_ms=_POLL_MS)
                for record in polled.get(said, ()):
                    ears.take(record.key, record.value)
                    self._lists = ears.room.lists_at(max(self._board.now_ms, clock_ms()))
                    self._board.besides.lists = listed(self._lists)
                for record in polled.get(findings, ()):
                    until = dict(record.headers).get("until", b"")
                    if until.isdigit():
                        self._board.pass_to(int(until))
        finally:
            consumer.close()

    def _examine(self, stop: threading.Event) -> None:
        """What leads, and how everything is."""
        examined_s = float("-inf")
        while True:
            known = leading.read(self._settings)
            if known is not None:
                self._board.show_leading(known)
            if time.monotonic() - examined_s >= _EXAMINE_S:
                self._look_into_checkpoints()
                self._examined = examine(self._settings)
                examined_s = time.monotonic()
            asked = [workers.ask(url) for url in parts(self._settings.console.workers)]
            self._board.besides.health = self._health(asked)
            if stop.wait(_TABLES_S):
                return

    def _look_into_checkpoints(self) -> None:
        """Open coordination, and who pays; what was seen before stands while they cannot be read."""
        besides, breaches = self._board.besides, self._board.breaches()
        try:
            self._board.show_open(listed_openly(self._checkpoints.open_groups()))
            besides.sponsors = counted(self._checkpoints.payers(), self._lists, breaches)
            besides.sponsors_counted = True
        except NotRead:
            if not besides.sponsors_counted:
                besides.sponsors = told(breaches)

    def _remembered(self, accounts: list[str]) -> dict[str, Remembered]:
        try:
            return self._checkpoints.accounts(accounts)
        except NotRead:
            return {}  # the rest of the table stands

    def _health(self, asked: list[workers.Worker]) -> dict[str, Any]:
        bad = [one for one in self._examined if one.state != "good"]
        reasons = [f"{one.what}: {one.detail}" for one in bad]
        reasons += [f"{one.row['name']} does not answer." for one in asked if one.row["state"] == "gone"]
        is_down = self._gone or any(one.state == "bad" and one.what in _VITAL for one in bad)
        return {
            "state": "down" if is_down else "degraded" if reasons else "ok",
            "reasons": [self._gone, *reasons] if self._gone else reasons,
            "figures": self._figures(asked),
            "workers": [one.row for one in asked],
            "gaps": self._board.gaps(),
        }

    def _figures(self, asked: list[workers.Worker]) -> list[dict[str, Any]]:
        sums = workers.totals(asked)
        delay_s = (clock_ms() - self._board.now_ms) / 1000
        is_live = delay_s * 1000 < LIVE_MS
        p50, p99 = self._board.latency() if is_live else (None, None)
        names = {
            "lag": "vigie_worker_lag_records",
            "late": "late",
            "dead_letters": "dead",
            "canary_delay": "vigie_worker_canary_delay_seconds",
            "forgotten": "vigie_worker_store_evicted_total",
        }
        known = {name: sums.get(metric) for name, metric in names.items()}
        known |= {
            "canary_delay": known["canary_delay"] or None,  # 0 before the first one has come through
            "rate": self._rate.of(sums.get("processed")),
            "latency_p50": p50,
            "latency_p99": p99,
            "watermark_delay": round(delay_s, 1) if is_live else None,
        }
        return [figure(name, None if value is None else round(value, 1)) for name, value in known.items()]


class _Rate:
    """Posts a second between two looks."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def of(self, processed: float | None) -> float | None:
        """The rate since the last look; None where it is not known, or a worker has begun again."""
        before = self._before
        self._before = None if processed is None else (time.monotonic(), processed)
        if before is None or self._before is None or self._before[1] < before[1]:
            return None
        return (self._before[1] - before[1]) / max(1e-3, self._before[0] - before[0])
