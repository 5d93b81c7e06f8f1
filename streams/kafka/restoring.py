"""Tasks as their checkpoints left them; and where one begins whose checkpoint is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from faust.types import TP

from detectors.state import StateError
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka.checkpoints import Checkpoints, Head, StoreGone, WrongFormat
from streams.kafka.group import App
from streams.kafka.leaving import BAD_USE, leave
from streams.kafka.running import Running
from streams.kafka.tasks import INPUTS, Task

_REWIND_MS = 65 * 60_000
"""How far back a task is filled again when its checkpoint is lost: the longest window and a little more."""
_log = logging.getLogger("vigie.worker")


class Restoring:
    """Starts the tasks of a worker.

    Parameters
    ----------
    settings : Settings
    app : App
        Asked for offsets.
    checkpoints : Checkpoints
    make : callable
        Makes the empty task of a stage and a partition.
    """

    def __init__(
        self, settings: Settings, app: App, checkpoints: Checkpoints, make: Callable[[str, int], Task]
    ) -> None:
        self.rewound: list[str] = []
        """Tasks that began without their checkpoint although they had run before."""
        self._settings = settings
        self._app = app
        self._checkpoints = checkpoints
        self._make = make
        self._store_wait_s = 0.0

    def begin(self) -> None:
        """Tasks are about to be started: together they wait for the store so long as is set."""
        self._store_wait_s = self._settings.worker.store_wait_s

    async def start(self, stage: str, partition: int) -> Running:
        """A task as its checkpoint left it, or a new one."""
        name = f"{stage}.{partition}"
        task = self._make(stage, partition)
        saved, unread = None, False
        try:
            saved = await self._load(name)
        except StoreGone:
            _log.error("%s begins without its checkpoint, until Redis answers again", name)
            unread = True
        if saved is not None and not await self._is_of_these_topics(name, partition, saved[0]):
            saved = None
        if saved is None:
            offsets = {
                topic: await self._first_offset(name, self._app.tp(topic, partition))
                for topic, reader in INPUTS.items()
                if reader == stage
            }
            running = Running(name, task, offsets)
            running.cold, running.unread = name in self.rewound, unread
        else:
            head, tables = saved
            if head.settings != self._settings.version():
                _log.warning("%s goes on with other settings (%s before)", name, head.settings)
            try:
                task.restore(tables)
            except (StateError, KeyError) as problem:
                _log.critical(
                    "the checkpoint of %s cannot be read (%s): begin anew with `vigie worker --forget-state`",
                    name,
                    problem,
                )
                leave(BAD_USE)
            running = Running(name, task, dict(head.offsets))
            running.sequence, running.everything = head.sequence, False
            running.generation = head.generation
            running.alerts_from = head.extra.get("alerts", 0)
            running.cold = bool(head.extra.get("cold"))
        if stage == "cases" and (saved is not None or running.cold):
            running.published = await self._app.alert_ids(running.alerts_from)
            running.forget_published()
        elif stage == "accounts" and saved is None:
            running.filling_until = await self._app.committed(self._app.tp("posts", partition)) or 0
        task.track()
        return running

    async def _is_of_these_topics(self, name: str, partition: int, head: Head) -> bool:
        for topic, offset in head.offsets.items():
            end = await self._app.end(self._app.tp(topic, partition))
            if offset > end:
                _log.error(
                    "%s: the checkpoint is of offset %d of %s, which has only %d: the topic was made anew, "
                    "and the checkpoint is not used",
                    name,
                    offset,
                    topic,
                    end,
                )
                return False
        return True

    async def _load(self, name: str) -> Any:
        while True:
            try:
                saved = await self._checkpoints.load(name)
            except StoreGone as problem:
                _log.warning("%s waits for its checkpoint: Redis does not answer (%s)", name, problem)
                if self._store_wait_s <= 0:
                    raise
                # All tasks together wait so long: the partitions wait with them.
                self._store_wait_s -= 1
                await asyncio.sleep(1)
            except WrongFormat as problem:
                _log.critical("%s", problem)
                leave(BAD_USE)
            else:
                return saved

    async def _first_offset(self, name: str, tp: TP) -> int:
        """Where a task without a checkpoint begins: so far back that its windows are full again."""
        committed = await self._app.committed(tp)
        if committed is None:
            return await self._app.earliest(tp)
        if name not in self.rewound:
            self.rewound.append(name)
        offset = min(committed, await self._app.offset_at(tp, clock_ms() - _REWIND_MS, committed))
        _log.error(
            "%s: the checkpoint is lost; going back from offset %d of %s to %d",
            name,
            committed,
            tp.topic,
            offset,
        )
        return offset
