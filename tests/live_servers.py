"""Servers on 127.0.0.1 that speak as the networks do, and someone who follows a feed of them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import zstandard
from aiohttp import WSMsgType, web

from detectors.events import Change, Item
from streams.sources.live.feed import Feed

PATIENCE_S = 15.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served:
    """An application served from a thread of its own."""

    def __init__(self, routes: list[tuple[str, str, Handler]], port: int = 0) -> None:
        self._routes = routes
        self._wanted = port
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self.port = 0
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=[self._serve()], daemon=True
        )
        self._thread.start()
        assert self._up.wait(PATIENCE_S)

    async def _serve(self) -> None:
        application = web.Application()
        for method, path, handler in self._routes:
            application.router.add_route(method, path, handler)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._wanted, reuse_address=True)
        await site.start()
        self.port = runner.addresses[0][1]
        self._up.set()
        await self._stop.wait()
        await runner.cleanup()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)


@contextmanager
def served(*servers) -> Iterator[None]:
    """Serve while the block lasts."""
    for server in servers:
        server.start()
    try:
        yield
    finally:
        for server in servers:
            server.stop()


class Followed:
    """Follows a feed in a thread and says of everything that it is safe, unless told otherwise."""

    def __init__(self, feed: Feed, *, safe: bool = True, nap_s: float = 0.0) -> None:
        self.feed = feed
        self.items: list[Item] = []
        """Without what the source says of itself."""
        self.said: list[Change] = []
        self.batches: list[int] = []
        self.problem: Exception | None = None
        self._safe, self._nap_s = safe, nap_s
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            for batch in self.feed:
                self.items += [item for item in batch if not _of_source(item)]
                self.said += [item for item in batch if _of_source(item)]
                self.batches.append(len(batch))
                if self._safe:
                    self.feed.taken(len(self.items) + len(self.said))
                time.sleep(self._nap_s)
        except Exception as problem:
            self.problem = problem

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.problem is None, self.problem
            assert time.monotonic() < end, (len(self.items), self.feed.counts, self.feed.tally)
            time.sleep(0.005)

    def until_items(self, count: int) -> None:
        self.until(lambda: len(self.items) >= count)

    def until_failed(self) -> Exception:
        self._thread.join(PATIENCE_S)
        assert self.problem is not None
        return self.problem

    def close(self) -> None:
        self.feed.close()
        self._thread.join(PATIENCE_S)


def _of_source(item: Item) -> bool:
    return isinstance(item, Change) and item.of_source


@contextmanager
def following(feed: Feed, **how) -> Iterator[Followed]:
    followed = Followed(feed, **how)
    try:
        yield followed
    finally:
        followed.close()


def accounted(feed: Feed) -> None:
    """Every message is one of post, change, unused, refused, repeated; beside them the source has its say."""
    tally, counts = feed.tally, feed.counts
    assert counts.received + counts.said == tally.posts + tally.events + tally.rejected + counts.duplicates


def half_frame(request: web.Request) -> None:
    """Send the beginning of a WebSocket message of 1,000 bytes, and cut the connection."""
    request.transport.write(b"\x81\x7e\x03\xe8" + b'{"did":"did:plc:half","time_us":1')
    request.transport.close()


class Restartable:
    """A server that can be stopped, and started again where it was."""

    def __init__(self) -> None:
        self.port = 0
        self._served: Served | None = None

    def routes(self) -> list[tuple[str, str, Handler]]:
        raise NotImplementedError

    def start(self) -> None:
        self._served = Served(self.routes(), self.port)
        self.port = self._served.port

    def stop(self) -> None:
        self._served.close()


# -- Jetstream ---------------------------------------------------------------------------------------------

FORMS = {"first": "/subscribe", "second": "/xrpc/network.bsky.jetstream.subscribeEvents"}


class Jetstream(Restartable):
    """Keeps a log of events and sends it from a cursor on, in both forms.

    `script` says what becomes of the next connections: a number of messages after which the connection is cut
    within a message, an error that the second form ends with, or the answer of a server that refuses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[dict] = []
        self.script: list[object] = []
        self.asked: list[dict[str, str]] = []
        self.collections: list[str] = []
        self.oldest_us = 0
        """Events before are not kept any more."""
        self.dictionary: zstandard.ZstdCompressionDict | None = None
        self.compressed = 0
        self.deflated = 0

    def routes(self) -> list[tuple[str, str, Handler]]:
        dictionary = ("GET", "/xrpc/network.bsky.jetstream.getZstdDictionary", self._give_dictionary)
        return [*(("GET", path, self._subscribe) for path in FORMS.values()), dictionary]

    def address(self, form: str) -> str:
        return f"ws://127.0.0.1:{self.port}{FORMS[form]}"

    async def _give_dictionary(self, request: web.Request) -> web.Response:
        if self.dictionary is None:
            return web.json_response({"error": "DictionaryNotFound"}, status=404)
        return web.Response(body=self.dictionary.as_bytes())

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        second = request.path == FORMS["second"]
        cursor = int(request.query.get("cursor", 0)) or None
        begin = len(self.log) if cursor is None else self._first(max(cursor, self.oldest_us))
        self.asked.append(dict(request.query))
        self.collections = request.query.getall("collections" if second else "wantedCollections", [])
        step = self.script.pop(0) if self.script else None
        if isinstance(step, web.Response):
            if step.status == 400:  # it tells why to a plain request, too
                self.script.insert(0, _copied(step)) if "Upgrade" in request.headers else None
            return step
        socket = web.WebSocketResponse(protocols=("xrpc.v1.json",) if second else ())
        await socket.prepare(request)
        self.deflated += bool(socket.compress)
        if second and cursor is not None and cursor < self.oldest_us:
            await self._send(socket, request, _message("info", name="OutdatedCursor", message="clamped"))
        sent = 0
        while not socket.closed:
            for event in self.log[begin:]:
                if sent == step:
                    half_frame(request)
                    return socket
                await self._send(socket, request, _second_form(event) if second else event)
                begin, sent = begin + 1, sent + 1
            if isinstance(step, str) and sent:
                await self._send(socket, request, {"$type": "error", "error": step, "message": "m"})
                break
            # Pings are answered while nothing is sent.
            try:
                message = await socket.receive(timeout=0.005)
            except TimeoutError:
                continue
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                break
        return socket

    def _first(self, us: int) -> int:
        return next((at for at, event in enumerate(self.log) if event["time_us"] >= us), len(self.log))

    async def _send(self, socket: web.WebSocketResponse, request: web.Request, frame: dict) -> None:
        data = frame["raw"] if "raw" in frame else json.dumps(frame).encode()
        if "zstdDictionary" not in request.query:
            await socket.send_str(data.decode())
            return
        assert request.query["zstdDictionary"] == str(self.dictionary.dict_id())
        await socket.send_bytes(zstandard.ZstdCompressor(dict_data=self.dictionary).compress(data))
        self.compressed += 1


def _copied(answer: web.Response) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _message(kind: str, **fields) -> dict:
    return {
        "$type": "message",
        "payload": {"$type": f"network.bsky.jetstream.subscribeEvents#{kind}", **fields},
    }


def _second_form(event: dict) -> dict:
    if "raw" in event:
        return event
    seconds, us = divmod(event["time_us"], 1_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{us:06}Z"
    rest = event["commit"] if event["kind"] == "commit" else {event["kind"]: event[event["kind"]]}
    return _message(event["kind"], seq=1, did=event["did"], time=moment, witnessedAt=moment, **rest)


def trained() -> zstandard.ZstdCompressionDict:
    """A dictionary as servers of the second form have one."""
    samples = [
        json.dumps({"did": f"did:plc:{n:06}", "record": {"text": f"post {n}"}}).encode() for n in range(500)
    ]
    return zstandard.train_dictionary(2048, samples, dict_id=7_000)


# -- Mastodon ----------------------------------------------------------------------------------------------


class Instance(Restartable):
    """An instance of Mastodon: its timeline, and its stream of what is new.

    `script` says what becomes of the next streams: a number of events after which one is cut within an
    event, or the answer of an instance that lets nobody read. `pages` does so for the timeline.
    """

    def __init__(self, token: str | None = None) -> None:
        super().__init__()
        self.token = token
        self.events: list[tuple[str, str]] = []
        self.timeline: list[dict] = []
        self.script: list[object] = []
        self.pages: list[web.Response] = []
        self.streams = 0
        self.asked: list[dict[str, str]] = []
        self.streaming = ""
        """Where the streams are, if it is another server."""
        self.thumps = True

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/api/v2/instance", self._about),
            ("GET", "/api/v1/streaming/public", self._stream),
            ("GET", "/api/v1/streaming/public/local", self._stream),
            ("GET", "/api/v1/timelines/public", self._timeline),
        ]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}"

    def write(self, status: dict) -> None:
        """A new status: in the timeline, and in the streams."""
        self.timeline.append(status)
        self.events.append(("update", json.dumps(status)))

    def _stranger(self, request: web.Request) -> bool:
        return self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}"

    async def _about(self, request: web.Request) -> web.Response:
        return web.json_response({"configuration": {"urls": {"streaming": self.streaming}}})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, web.Response):
            return step
        if self._stranger(request):
            return web.json_response({"error": "Missing access token"}, status=401)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        at, sent = len(self.events), 0
        self.streams += 1
        while not request.transport.is_closing():
            for name, data in self.events[at:]:
                content = f"event: {name}\ndata: {data}\n\n".encode()
                if sent == step:
                    await answer.write(content[: len(content) // 2])
                    request.transport.close()
                    return answer
                for begin in range(0, len(content), 100):
                    await answer.write(content[begin : begin + 100])
                at, sent = at + 1, sent + 1
            if self.thumps:
                await answer.write(b":thump\n")
            await asyncio.sleep(0.005)
        return answer

    async def _timeline(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if self.pages:
            return self.pages.pop(0)
        newer = [one for one in self.timeline if int(one["id"]) > int(request.query["min_id"])]
        newer.sort(key=lambda one: int(one["id"]))
        return web.json_response(newer[: int(request.query["limit"])][::-1])


# -- X -----------------------------------------------------------------------------------------------------


class XServer(Restartable):
    """X's filtered stream and its rules.

    `script` says what becomes of the next streams: a number of lines after which the connection is cut within
    one, the name of a disconnection, `silent` for no signs of life, or an answer that is no stream.
    """

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.rules: list[dict] = []
        self.log: list[tuple[float, dict]] = []
        """Tweets with the time at which they were written."""
        self.script: list[object] = []
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []
        self.changes: list[dict] = []
        self.greets = True
        """Whether a stream begins with a sign of life."""

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/2/tweets/search/stream", self._stream),
            ("GET", "/2/tweets/search/stream/rules", self._tell_rules),
            ("POST", "/2/tweets/search/stream/rules", self._change_rules),
        ]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, *tweets: dict) -> None:
        self.log += [(time.time(), tweet) for tweet in tweets]

    def _stranger(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") != f"Bearer {self.token}"

    async def _tell_rules(self, request: web.Request) -> web.Response:
        if self._stranger(request):
            return web.json_response({"title": "Unauthorized"}, status=401)
        return web.json_response({"data": self.rules} if self.rules else {"meta": {"result_count": 0}})

    async def _change_rules(self, request: web.Request) -> web.Response:
        change = await request.json()
        self.changes.append(change)
        wrong = [rule["value"] for rule in change.get("add", []) if "((" in rule["value"]]
        if wrong:
            why = {"title": "Invalid Rule", "details": ["no viable alternative"]}
            return web.json_response({"errors": [{"value": value, **why} for value in wrong]}, status=400)
        for rule in change.get("add", []):
            self.rules.append({"id": str(len(self.changes) * 100 + len(self.rules)), **rule})
        gone = change.get("delete", {}).get("ids", [])
        self.rules = [rule for rule in self.rules if rule["id"] not in gone]
        return web.json_response({"meta": {}}, status=201)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        at = len(self.log)
        if backfill := request.query.get("backfill_minutes"):
            since = time.time() - int(backfill) * 60
            at = next(
                (place for place, (written, _) in enumerate(self.log) if written >= since), len(self.log)
            )
        step = self.script.pop(0) if self.script else None
        self.asked.append(dict(request.query))
        self.asked_at.append(time.monotonic())
        if isinstance(step, web.Response):
            return step
        if self._stranger(request):
            return web.json_response({"title": "Unauthorized", "status": 401}, status=401)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        if self.greets:
            await answer.write(b"\r\n")
        sent = 0
        while not request.transport.is_closing():
            for _, tweet in self.log[at:]:
                line = json.dumps(tweet).encode() + b"\r\n"
                if sent == step:
                    await answer.write(line[: len(line) // 2])
                    request.transport.close()
                    return answer
                await answer.write(line)
                at, sent = at + 1, sent + 1
            if isinstance(step, str) and step != "silent":
                problem = {
                    "title": "operational-disconnect",
                    "disconnect_type": step,
                    "detail": "x",
                    "type": "y",
                }
                await answer.write(json.dumps({"errors": [problem]}).encode() + b"\r\n")
                return answer
            if step != "silent":
                await answer.write(b"\r\n")
            await asyncio.sleep(0.005)
        return answer
