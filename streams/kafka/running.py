"""A task that runs in a worker: how far it has come, and how much of that its checkpoint covers."""

from __future__ import annotations

from detectors.state import Changes
from streams.kafka.tasks import Task

_KNOWN_MS = 60_000
"""An alert that is older than a warm task's time by so much is known to its state."""


class Running:
    """A task that this worker runs, and how far it has come."""

    def __init__(self, name: str, task: Task, offsets: dict[str, int]) -> None:
        self.name = name
        self.task = task
        self.offsets = offsets
        """For each input topic, the offset of the next record."""
        self.covered: dict[str, int] = {}
        """The same, as of the newest checkpoint."""
        self.sequence = 0
        self.everything = True
        """Whether the next checkpoint must be a full one."""
        self.unsent: Changes = {}
        """Changes that were taken for a checkpoint that the store did not take."""
        self.unread = False
        """Whether it began without its checkpoint because the store was away: it must not write over it."""
        self.sought: dict[str, tuple[int, int]] = {}
        """Offsets that were asked for again, and when."""
        self.generation = -1
        """Of the newest checkpoint."""
        self.alerts_from = 0
        """Offset in the topic of alerts before which the state knows all."""
        self.published: dict[bytes, int | None] = {}
        """Alerts that stand in the topic although the state may not know it, with their event time."""
        self.cold = False
        """Whether it began without the state that it once had: it may come to any alert a second time."""
        self.filling_until = 0
        """Offset of `posts` up to which it only fills its memory again."""
        self.beat_ms = 0
        """Its event time at the last heartbeat."""

    def forget_published(self) -> None:
        """Leave out what the state must have come to by now."""
        if self.published and not self.cold:
            known_ms = self.task.time_ms - _KNOWN_MS
            self.published = {
                one: time_ms
                for one, time_ms in self.published.items()
                if time_ms is None or time_ms >= known_ms
            }


Tasks = dict[tuple[str, int], Running]
"""The tasks of a worker, by stage and partition."""
