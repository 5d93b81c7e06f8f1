"""X: the filtered stream of the API v2.

The waits are those that X asks for (docs.x.com/x-api/fundamentals/handling-disconnections): a lost
connection is made anew at once; then after network errors 0.25 s more each time, 16 s at most; after errors
of HTTP 5 s, doubling to 320 s; after 429 a minute, doubling, or until the moment that the answer names. A
stream that is silent for 20 seconds, without even the empty line that X sends as a sign of life, is dead.

After a lost connection X sends again what it offered meanwhile (`backfill_minutes`, up to five), where the
access allows that; tweets that come twice are dropped by id. What lies beyond is counted as a gap.
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from detectors.coverage import LONGEST_FILTER
from detectors.rules.sentences import shortened
from streams.sources import twitter_v2
from streams.sources.lines import LONGEST_LINE
from streams.sources.live import x_rules
from streams.sources.live.answers import body_of
from streams.sources.live.feed import Inlet, Take
from streams.sources.live.retrying import Backoff, asked_wait_s
from streams.sources.live.settings import XSettings
from streams.sources.opening import InputError
from streams.sources.records import Batch

PLACE = "x"
_MOST_BACKFILL_MINUTES = 5
_CONNECT_S = 20.0
_BACKFILL_MS = 60_000
"""After so long on a busy stream, which sends no sign of life, what was missed has come."""
_FIELDS = {
    "tweet.fields": "id,text,author_id,created_at,lang,source,conversation_id,in_reply_to_user_id,"
    "referenced_tweets,entities,attachments,note_tweet,edit_history_tweet_ids",
    "expansions": "author_id,referenced_tweets.id,referenced_tweets.id.author_id,entities.mentions.username,"
    "attachments.media_keys",
    "user.fields": "id,username,name,description,created_at,location,protected,verified,public_metrics",
}


class _Problem(msgspec.Struct):
    title: str = ""
    disconnect_type: str = ""
    connection_issue: str = ""
    detail: str = ""


class _Frame(msgspec.Struct):
    data: msgspec.Raw | None = None
    errors: list[_Problem] = []


class _BackfillUnknown(Exception):
    """The access has no backfill."""


class X:
    """Reads the tweets that match the rules."""

    name = "x"

    def __init__(self, settings: XSettings) -> None:
        if not settings.token:
            raise InputError("X wants the bearer token of an app: give it as VIGIE_X__TOKEN.")
        if not settings.rules:
            raise InputError("The stream of X needs rules: name a file as x.rules, with one rule a line.")
        self._settings = settings
        self._wanted = self._in_force = x_rules.read_rules(settings.rules)
        self._backfill = settings.backfill
        self._network = Backoff(settings.network_retry_s, settings.network_retry_s * 64, linear=True)
        self._http = Backoff(settings.http_retry_s, settings.http_retry_s * 64)
        self._limit = Backoff(settings.limit_retry_s, settings.limit_retry_s * 64)

    @property
    def chosen_by(self) -> str:
        """The rules in force."""
        return shortened(" | ".join(self._in_force), LONGEST_FILTER)

    async def run(self, inlet: Inlet) -> None:
        """See `streams.sources.live.feed.Client`."""
        headers = {"Authorization": f"Bearer {self._settings.token}"}
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._settings.silent_s)
        async with ClientSession(headers=headers, timeout=timeout) as session:
            _left_behind(inlet)
            await self._first_rules(session, inlet)
            watch = asyncio.create_task(self._watch_rules(session, inlet))
            try:
                while True:
                    _left_behind(inlet)
                    await asyncio.sleep(await self._follow(session, inlet))
            finally:
                watch.cancel()

    async def _follow(self, session: ClientSession, inlet: Inlet) -> float:
        """Read one connection to its end; how long to wait before the next one, in seconds."""
        try:
            return await self._read(session, inlet)
        except _BackfillUnknown:
            self._backfill = False
            inlet.notice(
                "X gives no backfill with this access: what is missed while disconnected stays missed."
            )
            return 0.0
        except (ClientError, OSError, TimeoutError) as problem:
            inlet.counts.errors[type(problem).__name__] += 1
            return self._network.next_s()

    async def _read(self, session: ClientSession, inlet: Inlet) -> float:
        parameters = dict(_FIELDS)
        minutes = self._missed_minutes(inlet)
        if minutes and self._backfill:
            parameters["backfill_minutes"] = str(min(minutes, _MOST_BACKFILL_MINUTES))
        address = f"{self._settings.server}/2/tweets/search/stream"
        async with session.get(address, params=parameters) as answer:
            if answer.status != 200:
                return await self._refused(answer, inlet, asked="backfill_minutes" in parameters)
            self._opened(inlet, backfill="backfill_minutes" in parameters)
            return await self._lines(answer, inlet)

    def _missed_minutes(self, inlet: Inlet) -> int:
        place = inlet.places.get(PLACE)
        return math.ceil(max(1, inlet.clock() - int(place)) / 60_000) if place else 0

    def _opened(self, inlet: Inlet, *, backfill: bool) -> None:
        """A connection is made: count it, and what was missed before it for good."""
        for waits in (self._network, self._http, self._limit):
            waits.reset()
        inlet.counts.reconnects += inlet.counts.connections > 0
        inlet.counts.connections += 1
        if not backfill:
            inlet.behind.pop(PLACE, None)
        if place := inlet.places.get(PLACE):
            offered_ms = inlet.clock() - (_MOST_BACKFILL_MINUTES * 60_000 if backfill else 0)
            if int(place) < offered_ms:
                inlet.gap(int(place), offered_ms)

    async def _lines(self, answer: ClientResponse, inlet: Inlet) -> float:
        """Hand on the lines of the stream until it ends; how long to wait then, in seconds."""
        rest = b""
        caught_up_ms = inlet.clock() + _BACKFILL_MS
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                inlet.counts.errors["line_too_long"] += 1
                return self._http.next_s()
            lines = [line.strip() for line in lines]
            # A sign of life is sent where nothing else is waiting to be.
            if not all(lines) or inlet.clock() >= caught_up_ms:
                inlet.behind.pop(PLACE, None)
            for line in filter(None, lines):
                if problem := _disconnection(line):
                    inlet.counts.errors[problem] += 1
                    return self._http.next_s()
                await inlet.put(_taking(line))
            if PLACE not in inlet.behind:  # else a part of what was missed is still to come
                inlet.places[PLACE] = inlet.clock()
        inlet.counts.errors["closed"] += 1
        return 0.0

    async def _refused(self, answer: ClientResponse, inlet: Inlet, *, asked: bool) -> float:
        """Count a refusal; how long to wait, in seconds."""
        said = (await body_of(answer)).decode(errors="replace")
        if answer.status == 429:
            inlet.counts.rate_limits += 1
            if "TooManyConnections" in said:
                inlet.counts.errors["TooManyConnections"] += 1
            wait_s = self._limit.next_s()
            return asked_wait_s(answer.headers, inlet.clock()) or wait_s
        inlet.counts.errors[f"http_{answer.status}"] += 1
        if asked and answer.status in (400, 403) and "backfill" in said:
            raise _BackfillUnknown
        if answer.status in (401, 403):
            raise InputError(
                f"X refuses the token ({answer.status}): it must be of an app with access to the stream."
            )
        return self._http.next_s()

    # -- rules -----------------------------------------------------------------------------------------

    async def _first_rules(self, session: ClientSession, inlet: Inlet) -> None:
        """Before the stream is opened, the rules must be those of the file."""
        while not await self._step(session, inlet):
            await asyncio.sleep(self._http.next_s())
        self._http.reset()

    async def _step(self, session: ClientSession, inlet: Inlet) -> bool:
        try:
            await x_rules.keep_in_step(session, self._settings.server, self._wanted)
            self._in_force = self._wanted
        except x_rules.Rejected as problem:
            raise InputError(str(problem)) from None
        except (ClientError, OSError, TimeoutError, msgspec.DecodeError) as problem:
            status = getattr(problem, "status", None)
            if status in (401, 403):
                raise InputError(f"X refuses the token ({status}): it must be of an app.") from None
            inlet.counts.rate_limits += status == 429
            inlet.counts.errors[f"rules_{status or type(problem).__name__}"] += 1
            return False
        return True

    async def _watch_rules(self, session: ClientSession, inlet: Inlet) -> None:
        """Look at the file now and then; rules change without a new connection."""
        path = Path(self._settings.rules)
        in_step = True
        seen = _version(path)
        while True:
            await asyncio.sleep(self._settings.rules_s)
            now = _version(path)
            if now == seen and in_step:
                continue
            try:
                self._wanted = x_rules.read_rules(path)
                in_step = await self._step(session, inlet)
            except InputError as problem:
                # The rules in force go on; the file may be half written.
                inlet.counts.errors["rules_refused"] += 1
                inlet.notice(str(problem))
                in_step = True
            seen = now


def _left_behind(inlet: Inlet) -> None:
    """Say up to when the stream was read, until it is read again."""
    if place := inlet.places.get(PLACE):
        inlet.behind[PLACE] = int(place)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _disconnection(line: bytes) -> str | None:
    """Why X ends the stream, where a line says so and holds no tweet."""
    if b'"errors"' not in line and b'"connection_issue"' not in line:
        return None
    try:
        frame = msgspec.json.decode(line, type=_Frame)
        problems = frame.errors or [msgspec.json.decode(line, type=_Problem)]
    except msgspec.DecodeError:
        return None
    if frame.data is not None:
        return None
    problem = problems[0]
    return problem.disconnect_type or problem.connection_issue or problem.title or "disconnected"


def _taking(line: bytes) -> Take:
    def take(number: int, batch: Batch) -> None:
        twitter_v2.take_line(line, number, batch)

    return take
