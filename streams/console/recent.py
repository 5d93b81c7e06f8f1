"""What was worked out for a case of late: who pages through 20,000 accounts asks again and again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from streams.console.known import KnownCase

_KEPT, _KEPT_S = 8, 30.0
"""So many cases, and for how long: the store goes on while a case stays at its revision."""
_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """Keeps what was worked out for the cases asked for last, each at its revision."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], tuple[float, _Value]] = {}

    async def get(self, case: KnownCase, work: Callable[[], Awaitable[_Value]]) -> _Value:
        """What is known of a case, or what is now worked out."""
        key = case.case_id, case.revision
        held = self._held.get(key)
        if held is not None and time.monotonic() - held[0] < _KEPT_S:
            return held[1]
        value = await work()
        self._held.pop(key, None)
        self._held[key] = time.monotonic(), value
        while len(self._held) > _KEPT:
            del self._held[next(iter(self._held))]
        return value
