"""The state of all tasks of a worker, written to the store every few seconds without stopping the flow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from detectors.state import STATE_FORMAT, overlaid
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka.checkpoints import Checkpoints, Head, Incomplete, Overtaken, StoreGone
from streams.kafka.leaving import AGAIN, leave
from streams.kafka.outbox import Outbox
from streams.kafka.running import Tasks

_log = logging.getLogger("vigie.worker")


class Saving:
    """Writes checkpoints, each once what its task said is safe with the broker.

    Parameters
    ----------
    settings : Settings
    checkpoints : Checkpoints
    outbox : Outbox
    tasks : Tasks
        Those that the worker runs at any time.
    generation : callable
        The consumer group's, now.
    """

    def __init__(
        self,
        settings: Settings,
        checkpoints: Checkpoints,
        outbox: Outbox,
        tasks: Tasks,
        generation: Callable[[], int],
    ) -> None:
        self.saved_ms = 0
        """When the newest checkpoint was written; 0 before the first."""
        self.bytes = 0
        """Bytes of all checkpoints so far."""
        self._settings = settings
        self._checkpoints = checkpoints
        self._outbox = outbox
        self._tasks = tasks
        self._generation = generation
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Write a checkpoint every few seconds, for good."""
        told_gone = False
        while True:
            await asyncio.sleep(self._settings.worker.checkpoint_s)
            try:
                await self._checkpoints.ping()
                self._return_to_checkpoints()
                await self.save()
                told_gone = False
            except StoreGone as problem:
                if not told_gone:
                    _log.error("no checkpoint can be written: Redis does not answer (%s)", problem)
                told_gone = True

    def _return_to_checkpoints(self) -> None:
        """Tasks that began without their checkpoint, which is there again, are begun anew from it."""
        unread = sorted(running.name for running in self._tasks.values() if running.unread)
        if unread:
            _log.critical("Redis answers again: starting anew from the checkpoints of %s", ", ".join(unread))
            leave(AGAIN)

    async def save(self) -> None:
        """Write what changed of every task, with the offsets that it covers.

        Raises
        ------
        StoreGone
        """
        # One at a time: what was taken first must not be written last.
        async with self._writing:
            await self._save()

    async def _save(self) -> None:
        generation = self._generation()
        alerts = self._outbox.next_offset.get("alerts", 0)
        taken = []
        for running in list(self._tasks.values()):
            if not running.published:
                running.alerts_from = max(running.alerts_from, alerts)
            if running.unread or (running.offsets == running.covered and not running.everything):
                continue
            # With all of a large state the flow stops for seconds: never a second time for one write.
            whole = running.everything and not running.unsent
            running.unsent = overlaid(running.unsent, running.task.changes(everything=whole))
            taken.append((running, dict(running.offsets)))
            await asyncio.sleep(0)
        await self._outbox.safe(self._outbox.put([]))
        for running, offsets in taken:
            changes = running.unsent
            head = Head(
                format=STATE_FORMAT,
                settings=self._settings.version(),
                sequence=running.sequence + 1,
                generation=generation,
                offsets=offsets,
                written_ms=clock_ms(),
                tables=sorted(changes),
                extra={"alerts": running.alerts_from, "cold": int(running.cold)},
            )
            try:
                await self._checkpoints.write(
                    running.name, head, changes, everything=running.everything, known=running.generation
                )
            except Overtaken:
                _log.warning("%s belongs to another worker by now", running.name)
                running.everything, running.unsent = True, {}
                continue
            except Incomplete:
                _log.warning("%s: the last checkpoint is not there; the next will be whole", running.name)
                running.everything, running.unsent = True, {}
                continue
            running.sequence, running.covered = head.sequence, offsets
            running.everything, running.unsent = False, {}
            running.generation = generation
            self.bytes += sum(len(value or b"") for table in changes.values() for value in table.values())
        self.saved_ms = clock_ms()
