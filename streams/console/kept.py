"""What is asked of whatever keeps more of a case than its alerts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from streams.console.evidence import Evidence
from streams.console.known import KnownCase


class Kept(Protocol):
    """The store of a replay, or the state of the workers."""

    @property
    def path(self) -> Path | None:
        """The file, where it is one."""

    async def evidence(self, case: KnownCase) -> Evidence | None:
        """All accounts and posts of a case; None where nothing is kept of it.

        Raises
        ------
        Refused
            When it cannot be read.
        """

    async def explain(self, kind: str, value: str) -> dict[str, Any]:
        """Why there is, or is not, an alert; or `elsewhere` and the `commands` that answer it.

        Raises
        ------
        Refused
            When it cannot be read.
        """
