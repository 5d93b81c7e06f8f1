"""Ctrl-C and SIGTERM as a wish that a command can look at."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from threading import Event

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping(wish: Callable[[], object] | None = None) -> Iterator[Event]:
    """An event that is set by Ctrl-C or SIGTERM; the second time the command is cut short.

    Parameters
    ----------
    wish : callable, optional
        Called at the first: for what does not look at the event.
    """
    stop = Event()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        if wish is not None:
            wish()

    before = {number: signal.signal(number, handle) for number in _STOPS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
