"""Bluesky over Jetstream: several servers in turn, each going on where the last one ended.

The place in the stream is a time in microseconds, which all servers understand, and not a sequence number,
which is one server's own. A new connection begins a few seconds before it, because servers see events at
slightly different times; what comes twice is dropped. If the first event of a connection is newer than the
last one before it, the two do not overlap, and what lies between them is counted as a gap: servers begin at
their oldest event when the place is older (36 hours by default), the first form of the protocol without a
word.

Which form is spoken follows from the address: `/subscribe` is the first,
`/xrpc/network.bsky.jetstream.subscribeEvents` the second. The first is compressed by permessage-deflate
where the server offers it; its zstd needs a dictionary that servers do not hand out. The second is
compressed by zstd with the dictionary that the server gives.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import msgspec
import zstandard
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)

from detectors.events import Rejection
from streams.sources import jetstream
from streams.sources.live.answers import body_of
from streams.sources.live.feed import Inlet, Take
from streams.sources.live.retrying import Backoff, asked_wait_s
from streams.sources.live.settings import BlueskySettings
from streams.sources.opening import InputError
from streams.sources.records import Batch

SECOND_FORM = "/xrpc/network.bsky.jetstream.subscribeEvents"
_DICTIONARY = "/xrpc/network.bsky.jetstream.getZstdDictionary"
_LARGEST_MESSAGE = 8 * 1024 * 1024
_CONNECT_S = 20.0
_HEARTBEAT_S = 20.0
_QUIET_S = 1.0
_CAUGHT_UP_US = 5_000_000
_DEFLATE_BITS = 15
PLACE = "bluesky"


class Bluesky:
    """Reads posts, reposts, replies, quotes, profiles, deletions and the status of accounts."""

    name = "bluesky"
    chosen_by = None

    def __init__(self, settings: BlueskySettings | None = None) -> None:
        self._settings = settings or BlueskySettings()
        self._servers = [server.strip() for server in self._settings.servers.split(",") if server.strip()]
        if not self._servers:
            raise InputError("Bluesky wants a server: name one or more as bluesky.servers.")
        self._plain: set[str] = set()
        """Servers of the second form that do not compress."""
        self._rests: dict[str, float] = {}
        """Servers that asked to be left alone, each with the moment (`time.monotonic`) until when."""

    async def run(self, inlet: Inlet) -> None:
        """See `streams.sources.live.feed.Client`."""
        settings = self._settings
        waits = Backoff(settings.retry_s, settings.longest_retry_s)
        async with ClientSession(timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S)) as session:
            for server in itertools.cycle(self._servers):
                began = time.monotonic()
                if self._rests.get(server, 0.0) > began:
                    await asyncio.sleep(max(0.0, self._first_rested() - began))
                    continue
                if place := inlet.places.get(PLACE):
                    inlet.behind[PLACE] = int(place) // 1000
                await self._follow(session, server, inlet)
                if time.monotonic() - began >= settings.longest_retry_s:
                    waits.reset()  # it was good for a while: the next attempt need not wait
                else:
                    await asyncio.sleep(waits.next_s())

    def _first_rested(self) -> float:
        """When there is a server that may be asked again."""
        return min(self._rests.get(server, 0.0) for server in self._servers)

    async def _follow(self, session: ClientSession, server: str, inlet: Inlet) -> None:
        """Read one connection to its end."""
        second = server.endswith(SECOND_FORM)
        parameters: list[tuple[str, str]] = []
        try:
            async with asyncio.timeout(_CONNECT_S):
                dictionary = await self._dictionary(session, server) if second else None
                parameters = self._parameters(inlet, second, dictionary)
                socket = await session.ws_connect(
                    server,
                    params=parameters,
                    protocols=("xrpc.v1.json",) if second else (),
                    heartbeat=_HEARTBEAT_S,
                    compress=_DEFLATE_BITS if self._settings.compression and not second else 0,
                    max_msg_size=_LARGEST_MESSAGE,
                )
        except WSServerHandshakeError as problem:
            await self._refused(session, server, inlet, problem, parameters)
            return
        except (ClientError, OSError, TimeoutError) as problem:
            inlet.counts.errors[type(problem).__name__] += 1
            return
        inlet.counts.reconnects += inlet.counts.connections > 0
        inlet.counts.connections += 1
        async with socket:
            await self._read(socket, inlet, dictionary)

    def _parameters(
        self, inlet: Inlet, second: bool, dictionary: zstandard.ZstdCompressionDict | None
    ) -> list[tuple[str, str]]:
        parameters = [
            ("collections" if second else "wantedCollections", name) for name in jetstream.COLLECTIONS
        ]
        if place := inlet.places.get(PLACE):
            parameters.append(("cursor", str(int(place) - round(self._settings.rewind_s * 1_000_000))))
        if dictionary is not None:
            parameters.append(("zstdDictionary", str(dictionary.dict_id())))
        return parameters

    async def _dictionary(self, session: ClientSession, server: str) -> zstandard.ZstdCompressionDict | None:
        """The dictionary with which a server of the second form compresses; None where there is none."""
        if not self._settings.compression or server in self._plain:
            return None
        address = _as_http(server.removesuffix(SECOND_FORM)) + _DICTIONARY
        async with session.get(address) as answer:
            if answer.status == 200:
                dictionary = zstandard.ZstdCompressionDict(await body_of(answer))
                if dictionary.dict_id():
                    return dictionary
            if answer.status < 500:
                self._plain.add(server)
        return None

    async def _refused(
        self,
        session: ClientSession,
        server: str,
        inlet: Inlet,
        problem: WSServerHandshakeError,
        parameters: list[tuple[str, str]],
    ) -> None:
        """Count a refusal and do what it asks for."""
        if problem.status == 429:
            inlet.counts.rate_limits += 1
            wait_s = asked_wait_s(problem.headers or {}, inlet.clock()) or 0.0
            self._rests[server] = time.monotonic() + wait_s
            return
        name = await _named(session, server, parameters) if problem.status == 400 else ""
        inlet.counts.errors[name or f"http_{problem.status}"] += 1
        if name == "CursorTooOld":
            # The server tells no oldest time: it is gone on from the present, and said so.
            inlet.gap(int(inlet.places.pop(PLACE, 0)) // 1000, inlet.clock())
            inlet.behind.pop(PLACE, None)
        elif name == "UnknownZstdDictionary":
            self._plain.add(server)

    async def _read(
        self, socket: ClientWebSocketResponse, inlet: Inlet, dictionary: zstandard.ZstdCompressionDict | None
    ) -> None:
        """Hand on what a connection brings, until it ends."""
        unpack = zstandard.ZstdDecompressor(dict_data=dictionary) if dictionary is not None else None
        before_us = int(inlet.places.get(PLACE, 0))
        async for message in self._messages(socket, inlet):
            line = message
            try:
                line = message if unpack is None else _unpacked(message, unpack)
                event = jetstream.read_event(line)
            except Rejection as refused:
                await inlet.put(_rejecting(refused, line))
                continue
            if event.kind == "error":
                inlet.counts.errors[event.name] += 1
                return
            if event.kind == "info":
                continue  # what it says of an old place is seen by the first event too
            place = event.witnessed_us
            if 0 < before_us < place:
                inlet.gap(before_us // 1000, place // 1000)
            before_us = 0  # only the first event tells whether the connections overlap
            self._note_progress(place, inlet)
            # A server whose clock is ahead has not seen the future: it was here by now.
            event.witnessed_us = min(place, inlet.clock() * 1000)
            await inlet.put(_taking(event, line), max(place, int(inlet.places.get(PLACE, 0))), PLACE)

    async def _messages(self, socket: ClientWebSocketResponse, inlet: Inlet) -> AsyncIterator[bytes]:
        """The messages of a connection, until it ends or has been silent for too long."""
        quiet_s = 0.0
        step_s = min(_QUIET_S, self._settings.idle_s)
        while quiet_s < self._settings.idle_s:
            try:
                message = await socket.receive(timeout=step_s)
            except TimeoutError:
                inlet.behind.pop(PLACE, None)  # there is nothing to catch up with
                quiet_s += step_s
                continue
            quiet_s = 0.0
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                inlet.counts.errors[_ending(message.type, socket)] += 1
                return
            yield message.data if isinstance(message.data, bytes) else message.data.encode()
        inlet.counts.errors["silent"] += 1

    @staticmethod
    def _note_progress(place: int, inlet: Inlet) -> None:
        """Say how far behind the present the connection is, as long as it is."""
        if PLACE not in inlet.behind:
            return
        if inlet.clock() * 1000 - place < _CAUGHT_UP_US:
            del inlet.behind[PLACE]
        else:
            inlet.behind[PLACE] = place // 1000


def _as_http(address: str) -> str:
    return address.replace("ws", "http", 1)


def _unpacked(packed: bytes, unpack: zstandard.ZstdDecompressor) -> bytes:
    """A message as it was before the server packed it.

    Raises
    ------
    Rejection
    """
    try:
        if zstandard.frame_content_size(packed) > _LARGEST_MESSAGE:
            raise Rejection("bad_record", f"the message is longer than {_LARGEST_MESSAGE} bytes")
        return unpack.decompress(packed, max_output_size=_LARGEST_MESSAGE)
    except zstandard.ZstdError as problem:
        raise Rejection("not_json", f"the message cannot be unpacked: {problem}") from None


def _taking(event: jetstream.Event, line: bytes) -> Take:
    def take(number: int, batch: Batch) -> None:
        jetstream.take_event(event, line, number, batch)

    return take


def _rejecting(refused: Rejection, line: bytes) -> Take:
    def reject(number: int, batch: Batch) -> None:
        batch.reject(number, refused.reason, refused.detail, line)

    return reject


def _ending(kind: WSMsgType, socket: ClientWebSocketResponse) -> str:
    """How the end of a connection is counted: by its close code, where there is one."""
    if kind in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED) and socket.close_code:
        return f"closed_{socket.close_code}"
    return "cut"


async def _named(session: ClientSession, server: str, parameters: list[tuple[str, str]]) -> str:
    """The name of the error for which a server refuses: it tells it to a plain request alone."""
    try:
        async with session.get(_as_http(server), params=parameters) as answer:
            told = msgspec.json.decode(await body_of(answer))
    except (ClientError, OSError, TimeoutError, msgspec.DecodeError):
        return ""
    return str(told.get("error", ""))[:100] if isinstance(told, dict) else ""
