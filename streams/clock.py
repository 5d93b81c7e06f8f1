"""The wall clock, as the rest of the code counts time."""

from __future__ import annotations

import time


def clock_ms() -> int:
    """Milliseconds since the epoch, now."""
    return time.time_ns() // 1_000_000
