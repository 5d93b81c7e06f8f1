"""What a worker leaves out when it is too far behind to catch up with all: see docs/overload.md."""

from __future__ import annotations

import logging

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.kafka.running import Tasks
from streams.kafka.settings import WorkerSettings
from streams.kafka.tasks import AccountsTask

_QUIET_MS = 30_000
_log = logging.getLogger("vigie.worker")


class Shedding:
    """Decides about the reposts of live frames.

    Parameters
    ----------
    settings : WorkerSettings
    tasks : Tasks
        Those that the worker runs at any time.
    """

    def __init__(self, settings: WorkerSettings, tasks: Tasks) -> None:
        self.since_ms: int | None = None
        """Since when reposts are left out to catch up; None while none are."""
        self._settings = settings
        self._tasks = tasks
        self._last_ms = 0
        self._posts_before = 0

    def sheds(self, partition: int, written_ms: int) -> bool:
        """Whether the reposts of a live frame, written at a time of the wall clock, are left out."""
        now_ms = clock_ms()
        if now_ms - written_ms <= self._settings.shed_after_s * 1000:
            return False
        running = self._tasks.get(("accounts", partition))
        if running is None or running.offsets["posts"] < running.filling_until:
            return False
        self._last_ms = now_ms
        if self.since_ms is None:
            self.since_ms, self._posts_before = now_ms, self.posts()
            _log.warning(
                "overload: accounts.%d is %.0f s behind; reposts are shed until it has caught up",
                partition,
                (now_ms - written_ms) / 1000,
            )
        return True

    def end(self, now_ms: int) -> None:
        """Say so once none has been left out for a while."""
        quiet_ms = min(_QUIET_MS, self._settings.shed_after_s * 1000)
        if self.since_ms is not None and now_ms - self._last_ms > quiet_ms:
            _log.warning(
                "overload: over; %d reposts were shed since %s",
                max(0, self.posts() - self._posts_before),
                instant(self.since_ms),
            )
            self.since_ms = None

    def posts(self) -> int:
        """Posts that this worker's tasks have left out so far, also before it had them."""
        tasks = [running.task for running in list(self._tasks.values())]
        return sum(task.counts.shed for task in tasks if isinstance(task, AccountsTask))
