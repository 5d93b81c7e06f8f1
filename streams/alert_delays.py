"""How long a new case took from its newest post to its first alert, as a histogram of Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from itertools import accumulate
from typing import Any

BOUNDS_S = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper ends of the buckets. The grace and the tick alone are 10 to 15 s; the room is promised 20."""


class AlertDelays:
    """Delays of first alerts. Later revisions wait for a cool-down, which is no delay of ours.

    On a live stream this is how long the room waits; on a recording it is the age of the recording.

    Examples
    --------
    >>> delays = AlertDelays()
    >>> for seconds in (12, 17):
    ...     delays.note({"data": {"revision": 1, "window": {"end": "2030-05-01T20:00:00.000Z"},
    ...                           "published_at": f"2030-05-01T20:00:{seconds}.000Z"}})
    >>> shown = delays.cumulative()
    >>> shown["10.0"], shown["15.0"], shown["20.0"], shown["+Inf"], shown["sum"]
    (0, 1, 2, 2, 29.0)
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def note(self, alert: dict[str, Any]) -> None:
        """Take in an alert that is being published."""
        data = alert["data"]
        if data["revision"] != 1:
            return
        published, newest = (
            datetime.fromisoformat(at) for at in (data["published_at"], data["window"]["end"])
        )
        delay_s = max(0.0, (published - newest).total_seconds())
        self._counts[bisect_left(BOUNDS_S, delay_s)] += 1
        self._sum_s += delay_s

    def cumulative(self) -> dict[str, float]:
        """How many took at most so many seconds, by the end of each bucket; and all seconds together."""
        names = [*map(str, BOUNDS_S), "+Inf"]
        return dict(zip(names, accumulate(self._counts), strict=True)) | {"sum": self._sum_s}
