"""A console that really listens, and browsers that really ask: what the tests of the console share."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec
import orjson
from streams_of_posts import SMALL, planted

from detectors.verdicts import Verdict
from streams.console.app import Console
from streams.console.board import Board
from streams.console.kept import Kept
from streams.console.server import Server
from streams.console.settings import ConsoleSettings
from streams.console.stored import Stored
from streams.console.tokens import Tokens
from streams.embedded import Pipeline, Settings
from streams.replay import Run, play

PATIENCE_S = 20.0
HOSTILE = "</script><img src=x onerror=alert(1)><svg/onload=alert(2)>\"'`${7*7}{{7*7}}\u202egnp\x00&lt;b&gt;"
"""What somebody writes who knows that it will be shown on a page."""


class Answer(NamedTuple):
    """What the console answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Browser:
    """One browser: it keeps the cookie that it is given and sends the token of its session."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname is not None and place.port is not None
        self._place = place.hostname, place.port
        self.cookie = ""
        self.csrf = ""

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request, on a connection of its own."""
        connection = http.client.HTTPConnection(*self._place, timeout=PATIENCE_S)
        try:
            sent = self._headers() | (headers or {})
            connection.request(method, path, orjson.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            if (cookie := answer.headers.get("Set-Cookie")) is not None:
                self.cookie = cookie.partition(";")[0]
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **query: Any) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any) -> Answer:
        return self.ask("POST", path, body)

    def sign_in(self, token: str) -> Answer:
        answer = self.post("/api/sign-in", {"token": token})
        if answer.status == 200:
            self.csrf = answer.json["csrf"]
        return answer

    def begin(self) -> Browser:
        """Ask who we are, as the page does first of all."""
        self.csrf = self.get("/api/me").json["csrf"] or ""
        return self

    @contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """The server-sent events, as they come."""
        connection = http.client.HTTPConnection(*self._place, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/api/events", headers=self._headers())
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            yield _events(answer)
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        headers |= {"Cookie": self.cookie} if self.cookie else {}
        return headers | ({"X-CSRF-Token": self.csrf} if self.csrf else {})


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    event = ""
    while line := answer.readline():
        name, _, value = line.rstrip(b"\n").partition(b": ")
        if name == b"event":
            event = value.decode()
        elif name == b"data":
            yield event, orjson.loads(value)


class Room:
    """A console that listens, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        tokens: dict[str, Any] | None = None,
        store: Path | None = None,
        board: Board | None = None,
        say: Callable[[Verdict], None] | None = None,
        kept: Kept | None = None,
        **settings: Any,
    ) -> None:
        chosen = ConsoleSettings(
            **{
                "port": 0,
                "tokens_file": str(folder / "tokens.json"),
                "audit_file": str(folder / "audit.jsonl"),
            }
            | settings
        )
        self.tokens = Tokens(folder / "tokens.json")
        self.secrets = {name: self.tokens.add(name, role) for name, role in (tokens or {}).items()}
        self.in_force = msgspec.structs.replace(Settings(), console=chosen)
        self.board = board if board is not None else Board("embedded")
        self.said: list[Verdict] = []
        stored = Stored(store, self.in_force) if store is not None else None
        self.console = Console(self.in_force, self.board, say or self.said.append, stored or kept)
        self.server = Server(self.console)

    def browser(self) -> Browser:
        return Browser(self.server.url)

    def close(self) -> None:
        self.server.close()


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait for something that another thread or process brings about."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {PATIENCE_S:g} s")


def in_background(work: Callable[[], None]) -> threading.Thread:
    """A thread that ends with the tests."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@lru_cache(maxsize=1)
def alerts() -> list[dict[str, Any]]:
    """The alerts of a few minutes with three operations in them."""
    told = play([list(planted(7, chatter=60).posts)], Pipeline(SMALL), Run())
    return [orjson.loads(orjson.dumps(alert)) for alert in told]


def newest(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The data of the newest revision of every case that is not merged."""
    cases = {alert["data"]["case_id"]: alert["data"] for alert in told}
    return {name: data for name, data in cases.items() if data["status"] != "merged"}


def renamed(alert: dict[str, Any], case_id: str, revision: int = 1, **changed: Any) -> dict[str, Any]:
    """The alert as one of another case."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(alert))
    copy["id"] = f"{case_id}.{revision}"
    copy["data"] |= {"case_id": case_id, "revision": revision} | changed
    return copy
