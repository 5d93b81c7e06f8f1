"""A small endpoint to which any program sends normalised posts: `POST /v1/posts`, one JSON object a line.

A request carries `Authorization: Bearer …` and up to 8 MiB of lines, plain or packed with gzip. The answer
counts what was taken and what was refused, and why:

| answer | meaning |
|---|---|
| 200 | everything is taken in and safe downstream |
| 202 | everything is taken in; downstream has not said yet that it is safe |
| 401 | no token, or a wrong one |
| 413 | the request is too long: send less at once |
| 429 | too many requests at once: wait for an answer before the next one |
| 503 | downstream is full: nothing was taken, send the same again after `Retry-After` seconds |

Posts that come twice, such as after an answer that was lost, are dropped by their id, so sending again is
safe. The endpoint has no encryption of its own: put it behind a proxy that has, or leave it on the loopback
address.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter

from aiohttp import web

from streams.sources import posts
from streams.sources.lines import BLOCK_LINES
from streams.sources.live.feed import Inlet
from streams.sources.live.settings import HttpSettings
from streams.sources.opening import InputError
from streams.sources.records import Batch

LARGEST_REQUEST = 8 * 1024 * 1024
_SHORTEST_TOKEN = 16
_LOOK_S = 0.02
_RETRY_AFTER_S = "1"


class Http:
    """Takes in the posts that others send."""

    name = "http"
    chosen_by = None

    def __init__(self, settings: HttpSettings) -> None:
        if len(settings.token) < _SHORTEST_TOKEN:
            raise InputError(
                f"The endpoint needs a token of {_SHORTEST_TOKEN} characters or more: "
                "give it as VIGIE_HTTP__TOKEN."
            )
        self._settings = settings
        self._under_way = 0
        self.port = settings.port
        """Where it listens, once it does."""

    async def run(self, inlet: Inlet) -> None:
        """See `streams.sources.live.feed.Client`."""

        async def take(request: web.Request) -> web.Response:
            return await self._take(request, inlet)

        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.router.add_post("/v1/posts", take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._settings.host, self._settings.port)
            try:
                await site.start()
            except OSError as problem:
                raise InputError(
                    f"{self._settings.host}:{self._settings.port} cannot be listened on: {problem.strerror}."
                ) from None
            self.port = int(runner.addresses[0][1])
            inlet.notice(f"Posts are taken at http://{self._settings.host}:{self.port}/v1/posts.")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request, inlet: Inlet) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._settings.token.encode()):
            inlet.counts.errors["http_401"] += 1
            return _answer(401, "Authorization: Bearer and the token are missing or wrong", challenge=True)
        if self._under_way >= self._settings.requests:
            inlet.counts.rate_limits += 1
            return _answer(429, "too many requests at once", again=True)
        if inlet.full:
            inlet.counts.refused_for_load += 1
            return _answer(503, "downstream is full: nothing was taken", again=True)
        self._under_way += 1
        try:
            return await self._taken(await request.read(), inlet)
        finally:
            self._under_way -= 1

    async def _taken(self, content: bytes, inlet: Inlet) -> web.Response:
        reasons: Counter[str] = Counter()
        lines = [line for line in content.split(b"\n") if line and not line.isspace()]
        for at, line in enumerate(lines, 1):
            await inlet.put(_Taking(line, reasons))
            if at % BLOCK_LINES == 0:
                await asyncio.sleep(0)  # other requests are answered meanwhile
        await inlet.flush()
        safe = await self._safe(inlet)
        refused = reasons.total()
        counts = {"accepted": len(lines) - refused, "rejected": refused, "reasons": dict(reasons)}
        return web.json_response(counts, status=200 if safe else 202)

    async def _safe(self, inlet: Inlet) -> bool:
        """Wait until downstream has everything that was put so far, a few seconds at most."""
        wanted = inlet.given
        try:
            async with asyncio.timeout(self._settings.answer_s):
                while inlet.taken < wanted:
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return False
        return True


class _Taking:
    """Takes a line and counts the reason for which it was refused."""

    def __init__(self, line: bytes, reasons: Counter[str]) -> None:
        self._line, self._reasons = line, reasons

    def __call__(self, number: int, batch: Batch) -> None:
        before = len(batch.rejected)
        posts.take_line(self._line, number, batch)
        self._reasons.update(refused.reason for refused in batch.rejected[before:])


def _answer(status: int, why: str, *, again: bool = False, challenge: bool = False) -> web.Response:
    headers = {"Retry-After": _RETRY_AFTER_S} if again else {}
    if challenge:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response({"accepted": 0, "error": why}, status=status, headers=headers)
