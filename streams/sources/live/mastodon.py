"""Mastodon: the public streams of several instances at once, and what was missed from their timelines.

A stream has no memory. After a lost connection the timeline is asked for what is newer than the last status
seen, page by page, once the new stream is open, so that nothing falls between the two; what comes twice is
dropped by its address. The ids of statuses are made of their times, and those that come from afar have older
ones: so the timeline is read from a minute before the last. What it cannot give (deletions, and more than
`most_pages`) is lost; the latter is a gap, and so is what an instance missed while others went on.

Since version 4.2 an instance wants the token of a user for its stream, with the right `read:statuses`.
Boosts are in no public stream, and replies to others mostly are not.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from detectors.coverage import LONGEST_FILTER
from detectors.events import GapReason
from detectors.rules.sentences import shortened
from streams.sources import mastodon
from streams.sources.live.answers import body_of
from streams.sources.live.federated import FederatedNames
from streams.sources.live.feed import Inlet, Take
from streams.sources.live.retrying import Backoff, asked_wait_s
from streams.sources.live.settings import MastodonSettings
from streams.sources.live.sse import EventStream, TooLong
from streams.sources.opening import InputError
from streams.sources.records import Batch

_TIMELINES: dict[str, tuple[str, dict[str, str]]] = {
    "public": ("public", {}),
    "public/local": ("public", {"local": "true"}),
    "public/remote": ("public", {"remote": "true"}),
}
"""For each stream the timeline that shows the same."""
_REFUSALS = (401, 403, 404, 410, 422)
"""Answers that will be the same next time."""
_PAGE = 40
_CONNECT_S = 20.0
_SEQUENCE_BITS = 16
_LEAST_TIMED_ID = 1 << 50
"""Ids from here on are made of a time in milliseconds and 16 bits; older instances counted from 1."""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


class _Refused(Exception):
    """An instance will not let us read, now or later."""


class Mastodon:
    """Reads the public statuses, edits and deletions of several instances."""

    name = "mastodon"

    def __init__(self, settings: MastodonSettings | None = None) -> None:
        self._settings = settings or MastodonSettings()
        self._addresses = _parts(self._settings.instances)
        if not self._addresses:
            raise InputError("Mastodon wants an instance: name one or more as mastodon.instances.")
        if self._settings.stream not in _TIMELINES:
            raise InputError(
                f"mastodon.stream is {self._settings.stream!r}: choose one of {', '.join(_TIMELINES)}."
            )

    @property
    def chosen_by(self) -> str:
        """The timelines that are read."""
        hosts = ", ".join(urlsplit(address).netloc for address in self._addresses)
        return shortened(f"{self._settings.stream} timeline of {hosts}, without boosts", LONGEST_FILTER)

    async def run(self, inlet: Inlet) -> None:
        """See `streams.sources.live.feed.Client`."""
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_S)
        async with ClientSession(timeout=timeout) as session:
            instances = [_Instance(address, self._settings, session) for address in self._addresses]
            refusals = await asyncio.gather(*(instance.run(inlet) for instance in instances))
        raise InputError(" ".join(refusals))


class _Instance:
    """One instance: its stream, and its timeline for what was missed."""

    def __init__(self, address: str, settings: MastodonSettings, session: ClientSession) -> None:
        self._address = address.rstrip("/")
        self._host = urlsplit(self._address).netloc
        self._settings = settings
        self._session = session
        self._names = FederatedNames(self._host)
        token = dict(part.split("=", 1) for part in _parts(settings.tokens) if "=" in part).get(self._host)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._was_open = False
        self._read_to_ms = 0
        """Up to when the stream was read, in milliseconds since the epoch."""

    async def run(self, inlet: Inlet) -> str:
        """Follow the instance until it refuses for good; the sentence that says why."""
        waits = Backoff(self._settings.retry_s, self._settings.longest_retry_s)
        while True:
            began = time.monotonic()
            if (last := inlet.places.get(self._host)) is not None:
                inlet.behind[self._host] = self._read_to_ms or _time_of(str(last), inlet)
            else:
                inlet.away.setdefault(self._host, (self._read_to_ms or inlet.clock(), "unreachable"))
            asked_s = 0.0
            try:
                asked_s = await self._follow(inlet)
            except _Refused as refusal:
                since_ms, _ = inlet.away.get(self._host, (inlet.clock(), ""))
                inlet.away[self._host] = inlet.behind.pop(self._host, since_ms), "refused"
                inlet.notice(str(refusal))
                return str(refusal)
            except (ClientError, OSError, TimeoutError, TooLong, msgspec.DecodeError) as problem:
                inlet.counts.errors[type(problem).__name__] += 1
            if time.monotonic() - began >= self._settings.longest_retry_s:
                waits.reset()
                await asyncio.sleep(asked_s)
            else:
                await asyncio.sleep(max(asked_s, waits.next_s()))

    async def _follow(self, inlet: Inlet) -> float:
        """Read one connection to its end; how long the instance asks to be left alone, in seconds."""
        address = f"{await self._streaming()}/api/v1/streaming/{self._settings.stream}"
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._settings.silent_s)
        async with self._session.get(address, headers=self._headers, timeout=timeout) as answer:
            if answer.status != 200:
                return self._refused(answer, inlet)
            inlet.counts.reconnects += self._was_open
            inlet.counts.connections += 1
            self._was_open = True
            await self._catch_up(inlet)
            inlet.behind.pop(self._host, None)
            inlet.away.pop(self._host, None)
            stream = EventStream()
            async for chunk in answer.content.iter_any():
                self._read_to_ms = inlet.clock()
                for event, data in stream.feed(chunk):
                    await self._put(inlet, event, data, self._read_to_ms)
        inlet.counts.errors["closed"] += 1
        return 0.0

    async def _streaming(self) -> str:
        """Where the instance serves its streams: some do it under another name."""
        async with asyncio.timeout(_CONNECT_S):
            async with self._session.get(f"{self._address}/api/v2/instance", headers=self._headers) as answer:
                if answer.status != 200:
                    return self._address
                told = msgspec.json.decode(await body_of(answer), type=_About)
        return told.configuration.urls.streaming.replace("ws", "http", 1).rstrip("/") or self._address

    def _refused(self, answer: ClientResponse, inlet: Inlet) -> float:
        if answer.status == 429:
            inlet.counts.rate_limits += 1
            return asked_wait_s(answer.headers, inlet.clock()) or 0.0
        inlet.counts.errors[f"http_{answer.status}"] += 1
        if answer.status in _REFUSALS:
            raise _Refused(
                f"{self._host} does not let its stream {self._settings.stream} be read ({answer.status}): "
                "give the token of one of its users, with the right read:statuses, as mastodon.tokens."
            )
        return 0.0

    # -- what was missed -------------------------------------------------------------------------------

    async def _catch_up(self, inlet: Inlet) -> None:
        """Ask the timeline for what is newer than the last status seen."""
        last = inlet.places.get(self._host)
        if last is None:
            return
        newest = self._rewound(str(last))
        reason: GapReason = "too_much"
        for _ in range(self._settings.most_pages):
            page = await self._page(newest, inlet)
            if page is None:
                reason = "lost"
                break
            if not page:
                return
            # The newest stands first.
            newest = _id_of(page[0]) or newest
            for status in reversed(page):
                await self._put(inlet, "update", status, None)
        inlet.gap(_time_of(newest, inlet), inlet.clock(), reason, self._host)

    async def _page(self, newest: str, inlet: Inlet) -> list[bytes] | None:
        """Statuses newer than this one, the newest first; None where the timeline is not shown."""
        timeline, filters = _TIMELINES[self._settings.stream]
        parameters = {**filters, "min_id": newest, "limit": str(_PAGE)}
        while True:
            async with asyncio.timeout(_CONNECT_S):
                async with self._session.get(
                    f"{self._address}/api/v1/timelines/{timeline}", params=parameters, headers=self._headers
                ) as answer:
                    if answer.status == 200:
                        return _statuses(await body_of(answer), inlet)
                    headers = dict(answer.headers)
            if answer.status != 429:
                inlet.counts.errors[f"timeline_{answer.status}"] += 1
                return None
            inlet.counts.rate_limits += 1
            await asyncio.sleep(asked_wait_s(headers, inlet.clock()) or self._settings.retry_s)

    def _rewound(self, id: str) -> str:
        if not id.isdecimal() or int(id) < _LEAST_TIMED_ID:
            return id
        return str(int(id) - (round(self._settings.rewind_s * 1000) << _SEQUENCE_BITS))

    async def _put(self, inlet: Inlet, event: str, data: bytes, witnessed_ms: int | None) -> None:
        """Hand on an event. A new status moves the place in the timeline; others name an older one."""
        place = _newer(inlet.places.get(self._host), _id_of(data)) if event == "update" else None
        await inlet.put(self._taking(event, data, witnessed_ms), place, self._host)

    def _taking(self, event: str, data: bytes, witnessed_ms: int | None) -> Take:
        def take(number: int, batch: Batch) -> None:
            mastodon.take_event(event, data, number, batch, self._names, witnessed_ms)

        return take


class _Urls(msgspec.Struct):
    streaming: str = ""


class _Configuration(msgspec.Struct):
    urls: _Urls = msgspec.field(default_factory=_Urls)


class _About(msgspec.Struct):
    configuration: _Configuration = msgspec.field(default_factory=_Configuration)


class _Named(msgspec.Struct):
    id: str | int


def _statuses(content: bytes, inlet: Inlet) -> list[bytes] | None:
    """The statuses of a page; None where it is no such page."""
    try:
        return [bytes(status) for status in msgspec.json.decode(content, type=list[msgspec.Raw])]
    except msgspec.DecodeError:
        inlet.counts.errors["timeline_unreadable"] += 1
        return None


def _id_of(status: bytes) -> str | None:
    try:
        return str(msgspec.json.decode(status, type=_Named).id)
    except msgspec.DecodeError:
        return None


def _newer(one: int | str | None, other: str | None) -> str | None:
    """The newer of two ids. Those that are no numbers are sorted by their time as texts."""
    if one is None or other is None:
        return other
    known = str(one)
    if known.isdecimal() and other.isdecimal():
        return max(known, other, key=int)
    return max(known, other)


def _time_of(id: str, inlet: Inlet) -> int:
    """When a status with this id was made, in milliseconds since the epoch; now, if the id is silent."""
    return int(id) >> _SEQUENCE_BITS if id.isdecimal() and int(id) >= _LEAST_TIMED_ID else inlet.clock()
