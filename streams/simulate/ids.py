"""Post ids, account ids and times as strings, all computed from event time: nothing asks a clock."""

from __future__ import annotations

from datetime import UTC, datetime

_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657  # 4 November 2010, when the network began to derive ids from time
_SERIAL_UNTIL_MS = 1_448_928_000_000  # accounts made before December 2015 have short serial ids
_FIRST_ACCOUNT_MS = 1_142_899_200_000  # 21 March 2006
_SERIALS_PER_MS = 0.0125  # so that the serials of 2015 are near 3.8 billion

_seconds: dict[int, str] = {}


def iso(time_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds.

    >>> iso(1649610000123)
    '2022-04-10T17:00:00.123Z'
    """
    second, rest = divmod(time_ms, 1000)
    head = _seconds.get(second)
    if head is None:
        if len(_seconds) > 100_000:
            _seconds.clear()
        head = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _seconds[second] = head
    return f"{head}.{rest:03d}Z"


class PostIds:
    """Ids of posts for one component, in the order of time and above 2^53.

    Parameters
    ----------
    worker : int
        0 to 1023, another for each component, so that no two components make the same id.
    """

    def __init__(self, worker: int) -> None:
        self._worker = (worker & 1023) << 12
        self._sequence = 0
        self._used: set[int] = set()

    def next(self, time_ms: int) -> int:
        """The next id at `time_ms` (milliseconds since the epoch)."""
        while True:
            self._sequence = (self._sequence + 1) & 4095
            value = ((time_ms - _SNOWFLAKE_EPOCH_MS) << 22) | self._worker | self._sequence
            # Cascades are not made in the order of time, so a number may come round within one millisecond.
            if value not in self._used:
                self._used.add(value)
                return value


class AccountIds:
    """Ids of accounts, from their creation times, never twice the same in one world."""

    def __init__(self) -> None:
        self._used: set[int] = set()

    def next(self, created_ms: int) -> str:
        """The id of an account made at `created_ms` (milliseconds since the epoch)."""
        if created_ms < _SERIAL_UNTIL_MS:
            value = int((created_ms - _FIRST_ACCOUNT_MS) * _SERIALS_PER_MS) + 12
        else:
            value = (created_ms - _SNOWFLAKE_EPOCH_MS) << 22
        while value in self._used:
            value += 1
        self._used.add(value)
        return str(value)
