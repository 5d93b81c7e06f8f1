"""Who watches the page live: for each browser what has changed and was not sent yet.

A browser that is slow, or gone without a word, must hold nobody up and fill no memory. So of each thing only
its newest state waits, and of too many changed things none: the browser is told to fetch all anew.
"""

from __future__ import annotations

import asyncio
import threading

MOST_LISTENERS = 500
_MOST_WAITING = 1000


def frame(event: str, data: bytes) -> bytes:
    """One server-sent event; `data` is JSON in one line."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data)


class Listener:
    """What waits for one browser."""

    def __init__(self) -> None:
        self.open = True
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: dict[str, bytes] = {}

    def put(self, about: str, packed: bytes) -> None:
        """Let a frame wait, in place of an older one about the same thing. From any thread."""
        with self._lock:
            is_first = not self._waiting
            self._waiting.pop(about, None)
            self._waiting[about] = packed
            if len(self._waiting) > _MOST_WAITING:
                self._waiting = {"reset": frame("reset", b"{}")}
        if is_first:
            self._wake()

    def close(self) -> None:
        """Nothing more will come. From any thread."""
        self.open = False
        self._wake()

    async def take(self) -> bytes:
        """Wait until there is something, and take all of it; empty once nothing more will come."""
        await self._arrived.wait()
        with self._lock:
            frames, self._waiting = self._waiting, {}
            self._arrived.clear()
        return b"".join(frames.values()) if self.open else b""

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)


class Listeners:
    """All browsers that watch. It may be used from any thread.

    Examples
    --------
    >>> async def watch():
    ...     listeners = Listeners()
    ...     listener = listeners.join()
    ...     for revision in (b'{"revision":1}', b'{"revision":2}'):
    ...         listeners.tell("case", revision, about="c1")
    ...     return await listener.take()
    >>> asyncio.run(watch())
    b'event: case\\ndata: {"revision":2}\\n\\n'
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Listener] = []

    def __len__(self) -> int:
        return len(self._all)

    def join(self) -> Listener | None:
        """One more browser, from the event loop that will serve it; None when there are too many."""
        with self._lock:
            if len(self._all) >= MOST_LISTENERS:
                return None
            listener = Listener()
            self._all = [*self._all, listener]
            return listener

    def leave(self, listener: Listener) -> None:
        """A browser has gone."""
        with self._lock:
            self._all = [one for one in self._all if one is not listener]

    def tell(self, event: str, data: bytes, about: str = "") -> None:
        """Let an event wait for everybody, in place of an older one about the same thing."""
        packed = frame(event, data)
        for listener in self._all:
            listener.put(f"{event}:{about}", packed)

    def close(self) -> None:
        """Send everybody away."""
        for listener in self._all:
            listener.close()
