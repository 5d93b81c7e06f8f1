"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_ASKED_S = 3600.0
"""A server may ask to wait longer; we look again after an hour."""

_RESETS = ("x-rate-limit-reset", "ratelimit-reset", "x-ratelimit-reset")


class Backoff:
    """Waits that grow with each failure in a row.

    Parameters
    ----------
    first_s, most_s : float
        The first wait and the longest, in seconds.
    linear : bool
        Whether waits grow by the first one each time; else they double.

    Examples
    --------
    >>> waits = Backoff(5, 320)
    >>> [waits.next_s() for _ in range(8)]
    [5, 10, 20, 40, 80, 160, 320, 320]
    >>> waits = Backoff(0.25, 16, linear=True)
    >>> [waits.next_s() for _ in range(3)]
    [0.25, 0.5, 0.75]
    """

    def __init__(self, first_s: float, most_s: float, *, linear: bool = False) -> None:
        self._first_s, self._most_s, self._linear = first_s, most_s, linear
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one more failure."""
        factor = self._failures + 1 if self._linear else 2 ** min(self._failures, 32)
        self._failures += 1
        return min(self._first_s * factor, self._most_s)

    def reset(self) -> None:
        """The last attempt was good."""
        self._failures = 0


def asked_wait_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """How long an answer asks to wait, in seconds; None where it does not say.

    Read are `Retry-After` (seconds or a date) and the moment at which a rate limit is reset, as X and Bluesky
    (seconds since the epoch) and Mastodon (RFC 3339) write it.

    >>> asked_wait_s({"Retry-After": "7"}, 0)
    7.0
    >>> asked_wait_s({"x-rate-limit-reset": "1714550460"}, 1714550400000)
    60.0
    >>> asked_wait_s({"x-ratelimit-reset": "2024-05-01T08:05:00.000000Z"}, 1714550400000)
    300.0
    """
    folded = {name.lower(): value for name, value in headers.items()}
    wait_s = _seconds(folded.get("retry-after", ""), now_ms)
    if wait_s is None:
        at_ms = next((_moment_ms(folded[name]) for name in _RESETS if name in folded), None)
        wait_s = None if at_ms is None else (at_ms - now_ms) / 1000
    return None if wait_s is None else min(max(wait_s, 0.0), LONGEST_ASKED_S)


def _seconds(text: str, now_ms: int) -> float | None:
    if text.isdecimal():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now_ms / 1000
    except (ValueError, OverflowError):
        return None


def _moment_ms(text: str) -> int | None:
    if text.isdecimal():
        return int(text) * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
