"""The clock on the way in: posts held back to a speed, and the silence of a stream made visible."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator

from detectors.events import Item

LIVE_MS = 5 * 60_000
"""How near to the clock a stream must be for the clock to move it: a recording piped in has no present."""
SILENCE_S = 1.0
_WAITING_BATCHES = 100
_STEP_S = 0.05


class Pace:
    """Holds posts back so that event time passes at a multiple of wall time."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start: tuple[float, int] | None = None

    def parts(self, posts: list[Item]) -> Iterator[list[Item]]:
        """The posts in runs of one event second, each when its time has come."""
        begin = 0
        for end in range(1, len(posts) + 1):
            if end == len(posts) or posts[end].time_ms // 1000 != posts[begin].time_ms // 1000:
                self._wait(posts[begin].time_ms)
                yield posts[begin:end]
                begin = end

    def _wait(self, time_ms: int) -> None:
        if self._start is None:
            self._start = (time.monotonic(), time_ms)
        began, first_ms = self._start
        due = began + (time_ms - first_ms) / 1000 / self._speed
        time.sleep(max(0.0, due - time.monotonic()))


class Steady:
    """Lets so many posts a second through, whatever their own times.

    >>> began, rate = time.monotonic(), Steady(1000)
    >>> [len(part) for part in rate.parts([None] * 120)], time.monotonic() - began >= 0.1
    ([50, 50, 20], True)
    """

    def __init__(self, posts_per_s: float) -> None:
        self._rate = posts_per_s
        self._step = max(1, round(posts_per_s * _STEP_S))
        self._began: float | None = None
        self._given = 0

    def parts(self, posts: list[Item]) -> Iterator[list[Item]]:
        """The posts in small runs, each when its turn has come."""
        if self._began is None:
            self._began = time.monotonic()
        for begin in range(0, len(posts), self._step):
            time.sleep(max(0.0, self._began + self._given / self._rate - time.monotonic()))
            part = posts[begin : begin + self._step]
            yield part
            self._given += len(part)


def pace_of(speed: float | None, rate: float | None) -> Pace | Steady | None:
    """What holds posts back; None where nothing does."""
    return Pace(speed) if speed else Steady(rate) if rate else None


def with_silence(
    batches: Iterable[list[Item]], silence_s: float = SILENCE_S, waiting: int = _WAITING_BATCHES
) -> Iterator[list[Item]]:
    """Pass batches on as they come, with an empty one for each `silence_s` without any.

    Parameters
    ----------
    batches : iterable of list of Post
        Read in a thread of its own, which goes on at most `waiting` batches ahead.
    silence_s : float
        Seconds without a batch after which an empty one is given.
    waiting : int
        Batches that may wait.
    """
    ahead: queue.Queue[list[Item] | BaseException | None] = queue.Queue(maxsize=waiting)

    def read() -> None:
        try:
            for batch in batches:
                ahead.put(batch)
            ahead.put(None)
        except BaseException as problem:  # handed over to the thread that can tell the user
            ahead.put(problem)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            item = ahead.get(timeout=silence_s)
        except queue.Empty:
            yield []
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item
