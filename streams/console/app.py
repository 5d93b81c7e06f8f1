"""The console's requests: which address is answered by what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from detectors import __version__
from streams.console.answering import Answering, Say
from streams.console.audit import Audit
from streams.console.board import Board
from streams.console.exporting import Exporting
from streams.console.gate import COOKIE, Gate, Refused, add_headers
from streams.console.kept import Kept
from streams.console.reading import Reading
from streams.console.requests import json_body
from streams.console.sessions import Session
from streams.console.settings import audit_path, tokens_path
from streams.console.tokens import Tokens
from streams.embedded import Settings

PAGE: Final = Path(__file__).with_name("page")
LARGEST_REQUEST: Final = 64 * 1024


@dataclass
class Console:
    """What the console is made of."""

    settings: Settings
    board: Board
    say: Say | None = None
    """Puts a verdict in force; None where nothing can be answered."""
    kept: Kept | None = None
    """What was counted and judged; None where nothing keeps that."""

    def __post_init__(self) -> None:
        self.gate = Gate(self.settings.console, Tokens(tokens_path(self.settings.console)))
        store = self.kept.path if self.kept is not None else None
        self.audit = Audit(audit_path(self.settings.console, store))


def application(console: Console) -> web.Application:
    """The console as an application of aiohttp."""
    app = web.Application(middlewares=[console.gate.middleware], client_max_size=LARGEST_REQUEST)
    app.on_response_prepare.append(add_headers)
    signing, reading = _Signing(console), Reading(console)
    exporting = Exporting(console, reading)
    answering = Answering(console.board, console.gate, console.audit, console.say)
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/page/{name}", _asset),
            web.get("/api/me", signing.me),
            web.post("/api/sign-in", signing.sign_in),
            web.post("/api/sign-out", signing.sign_out),
            web.get("/api/board", reading.board),
            web.get("/api/events", reading.events),
            web.get("/api/cases/{case}", reading.case),
            web.get("/api/cases/{case}/accounts", reading.accounts),
            web.post("/api/cases/{case}/verdict", answering.verdict),
            web.get("/api/cases/{case}/export", exporting.export),
            web.get("/api/top/{kind}", reading.top),
            web.get("/api/explain", reading.explain),
            web.get("/api/sponsors", reading.sponsors),
            web.get("/api/lists", reading.lists),
            web.get("/api/health", reading.health),
            web.get("/api/audit", answering.audit),
        ]
    )
    return app


async def _index(request: web.Request) -> web.StreamResponse:
    return _file("index.html")


async def _asset(request: web.Request) -> web.StreamResponse:
    return _file(request.match_info["name"])


def _file(name: str) -> web.FileResponse:
    # Names are compared with those that are there, so that no path leads out of the folder.
    if name not in {path.name for path in PAGE.iterdir() if path.is_file()}:
        raise Refused(404, "There is no such file.")
    # Asked for again each time, and answered with "not modified": a new version is in force at once.
    return web.FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})


class _Signing:
    """Who is there: signing in and out."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def me(self, request: web.Request) -> web.Response:
        return self._told(self._console.gate.session(request))

    async def sign_in(self, request: web.Request) -> web.Response:
        gate = self._console.gate
        body = await json_body(request)
        secret, session = gate.sign_in(request, str(body.get("token", "")))
        self._console.audit.note(session.person, "sign-in")
        response = self._told(session)
        response.set_cookie(
            COOKIE,
            secret,
            httponly=True,
            samesite="Strict",
            # TLS ends at a proxy in front of us, which says so.
            secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
            max_age=round(self._console.settings.console.session_hours * 3600),
        )
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        gate = self._console.gate
        session = gate.session(request)
        gate.sessions.end(request.cookies.get(COOKIE, ""))
        if session is not None and gate.required:
            self._console.audit.note(session.person, "sign-out")
        response = self._told(gate.session(request))
        response.del_cookie(COOKIE)
        return response

    def _told(self, session: Session | None) -> web.Response:
        return web.json_response(
            {
                "signed_in": session is not None,
                "required": self._console.gate.required,
                "name": session.person.name if session else None,
                "role": session.person.role if session else None,
                "csrf": session.csrf if session else None,
                "mode": self._console.board.mode,
                "version": __version__,
                "answers": self._console.say is not None,
            }
        )
