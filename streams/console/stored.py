"""What the store beside the alerts is asked, from threads of its own: a question may take seconds."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from streams.console.evidence import Evidence, evidence_of
from streams.console.gate import Refused
from streams.console.handles import handles
from streams.console.known import KnownCase
from streams.embedded import Settings
from streams.explain import explain
from streams.sources.opening import InputError
from streams.stores.sqlite import Store

_THREADS = 2
"""So that one long question does not hold up all others."""
_Answer = TypeVar("_Answer")


class Stored:
    """The store of a replay, also while it is being written; nothing here can write to it.

    Parameters
    ----------
    path : Path
        It need not be there yet.
    settings : Settings
        Those in force, by which `explain` answers.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="console-store")
        self._of_thread = threading.local()

    async def evidence(self, case: KnownCase) -> Evidence:
        """All accounts and posts of a case.

        Raises
        ------
        Refused
            When there is no store, or none that can be read.
        """
        return await self._run(lambda: evidence_of(self._connection(), case))

    async def explain(self, kind: str, value: str) -> dict[str, Any]:
        """What `vigie explain` says now."""
        return await self._run(lambda: self._explain(kind, value))

    def handles(self, ids: list[str]) -> dict[str, str]:
        """Handles of accounts, by id, as far as they are known; called from a thread that may wait."""
        try:
            return handles(self._connection(), ids)
        except sqlite3.Error:
            return {}  # nothing was written yet

    async def _run(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except (sqlite3.Error, InputError) as problem:
            raise Refused(409, f"The store cannot be read: {problem}") from None

    def _explain(self, kind: str, value: str) -> dict[str, Any]:
        store = Store(self.path, write=False)
        try:
            at_ms = store.last_ms()
            if at_ms is None:
                raise InputError("it is empty, nothing was counted yet.")
            return explain(store, self._settings, kind, value, at_ms)
        finally:
            store.close()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._of_thread, "db"):
            address = f"file:{quote(str(self.path))}?mode=ro"
            self._of_thread.db = sqlite3.connect(address, uri=True)
        db: sqlite3.Connection = self._of_thread.db
        return db
