"""Serves the console from a thread of its own: the page never waits for the pipeline, nor it for the page."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from aiohttp import web

from streams.console.app import Console, application
from streams.sources.opening import InputError

_TICK_S = 2.0
"""Browsers hear at least so often how late it is, and we that one of them has gone."""
_START_S, _STOP_S = 30.0, 5.0


class PlaceTaken(InputError):
    """Somebody else listens there, or nobody may."""


class Server:
    """The console, listening.

    Parameters
    ----------
    console : Console

    Raises
    ------
    InputError
        When it cannot listen there.
    """

    def __init__(self, console: Console) -> None:
        self.url = ""
        self._console = console
        self._problem: BaseException | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()
        self._ready.wait(_START_S)
        if self._problem is not None:
            raise self._problem

    def close(self) -> None:
        """Send all browsers away and end."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)

    # -- in the thread of the event loop -----------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as problem:  # handed over to the thread that can tell the user
            self._problem = problem
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        place = self._console.settings.console
        runner = web.AppRunner(application(self._console), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, place.host, place.port).start()
            except OSError as problem:
                raise PlaceTaken(
                    f"The console cannot listen at {place.host}:{place.port}: "
                    f"{problem.strerror}. Choose another place with --console PORT or console.port."
                ) from None
            host = f"[{place.host}]" if ":" in place.host else place.host
            self.url = f"http://{host}:{runner.addresses[0][1]}/"
            self._ready.set()
            await self._tick(self._stop)
        finally:
            self._console.board.listeners.close()
            await runner.cleanup()

    async def _tick(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._console.board.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TICK_S)
