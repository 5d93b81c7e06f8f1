"""What every request passes: does it reach us by our own name, who sends it, and may they do that.

Three attacks are meant. A page elsewhere that the browser shows at the same time may send requests here
(cross-site request forgery): what changes something carries a secret that such a page cannot read, and no
answer may be framed. A name that is made to point to this machine (DNS rebinding) would make that page one of
our own for the browser: only names that are ours are answered. And what strangers post must stay text: the
policy that goes with every answer lets no script and no style run but those in our own files.
"""

from __future__ import annotations

import getpass
import hmac
import logging
import secrets
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streams.console.sessions import Session, Sessions, Tries
from streams.console.settings import ConsoleSettings, is_loopback, parts
from streams.console.tokens import Person, Tokens
from streams.sources.opening import InputError

COOKIE: Final = "vigie_session"
CSRF: Final = "X-CSRF-Token"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' "
    "data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_log = logging.getLogger("vigie.console")
_OPEN_TO_ALL: Final = ("/api/me", "/api/sign-in")
_PROXIED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


class Refused(Exception):
    """A request that is not done, with a status and one sentence."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers or {}


class Gate:
    """Lets requests in, and says who sends them.

    Parameters
    ----------
    settings : ConsoleSettings
    tokens : Tokens

    Raises
    ------
    InputError
        When others than this machine could come in without a token.
    """

    def __init__(self, settings: ConsoleSettings, tokens: Tokens) -> None:
        if not is_loopback(settings.host) and not tokens.entries():
            raise InputError(
                f"The console would be open to everybody at {settings.host}: first make a token with "
                "`vigie console token add NAME --role analyst`, or let it listen at 127.0.0.1."
            )
        self.tokens = tokens
        self._locked = not is_loopback(settings.host)
        self.sessions = Sessions(settings.session_hours)
        self.tries = Tries()
        self._settings = settings
        self._hosts = [host.lower() for host in parts(settings.hosts)]
        # Who is at this machine has the pipeline in hand anyhow.
        self._at_home = Session(Person(_login(), "analyst"), secrets.token_urlsafe(32), float("inf"))

    @property
    def required(self) -> bool:
        """Whether one must sign in: wherever there are tokens, and beyond this machine always."""
        # Nor does a door fall open because its last key was taken away.
        self._locked = self._locked or bool(self.tokens.entries())
        return self._locked

    def session(self, request: web.Request) -> Session | None:
        """The session of a request."""
        if not self.required:
            return self._at_home
        session = self.sessions.find(request.cookies.get(COOKIE, ""))
        return session if session is not None and self.tokens.knows(session.person) else None

    def sign_in(self, request: web.Request, token: str) -> tuple[str, Session]:
        """A session for who has a token, and the secret for the cookie.

        Raises
        ------
        Refused
        """
        address = request.remote or ""
        if wait_s := self.tries.wait_s(address):
            wait = {"Retry-After": str(int(wait_s) + 1)}
            raise Refused(429, "Too many wrong tokens: try again in a minute.", wait)
        person = self.tokens.owner(token)
        if person is None:
            self.tries.wrong(address)
            raise Refused(401, "This is no token of this console, or it was removed.")
        return self.sessions.begin(person)

    @property
    def middleware(self) -> Middleware:
        """For `aiohttp.web.Application`."""

        @web.middleware
        async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._check(request)
                return await handler(request)
            except Refused as refused:
                return _error(refused.status, str(refused), refused.headers)
            except web.HTTPException as problem:
                return _error(problem.status, f"{problem.reason}.")
            except InputError as problem:
                return _error(409, str(problem))
            except Exception:  # a fault of ours: the page hears of it, the log has where
                _log.exception("a request has failed: %s", request.match_info.route.resource)
                return _error(500, "The console has a fault here; its log says which.")

        return pass_through

    def _check(self, request: web.Request) -> None:
        host = _name(request.headers.get("Host", ""))
        if host not in self._hosts and not self._is_ours(host):
            raise Refused(403, f"This console is not called {host!r}: add the name to console.hosts.")
        if not self.required and any(name in request.headers for name in _PROXIED):
            raise Refused(
                403, "This console is reached through a proxy and has no tokens: make one for everybody."
            )
        changes = request.method not in ("GET", "HEAD")
        if changes and not self._is_same_origin(request):
            raise Refused(403, "This request comes from another site.")
        if not request.path.startswith("/api/") or request.path in _OPEN_TO_ALL:
            return
        session = self.session(request)
        if session is None:
            raise Refused(401, "Sign in first.")
        if changes and not hmac.compare_digest(
            request.headers.get(CSRF, "").encode("utf-8", "replace"), session.csrf.encode()
        ):
            raise Refused(403, f"The header {CSRF} is missing or old: load the page again.")

    def _is_same_origin(self, request: web.Request) -> bool:
        """Whether a request comes from a page of ours, as far as the browser says."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("Origin")
        if origin is None:  # no browser: its cookie was not added unasked
            return True
        place = origin.lower().partition("://")[2]
        # A proxy may have put its own name for ours in the place of that which the browser used.
        return place == request.headers.get("Host", "").lower() or _name(place) in self._hosts

    def _is_ours(self, host: str) -> bool:
        if is_loopback(self._settings.host):
            return host in _LOOPBACK_NAMES or is_loopback(host)
        # Beyond this machine one signs in, which no page elsewhere can do in somebody's name.
        return not self._hosts


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For every answer, whatever became of the request."""
    response.headers.update(_HEADERS)
    if request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"
    # What the server runs on concerns nobody.
    response.headers["Server"] = "vigie"


def _error(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)


def _name(host: str) -> str:
    """The name in a Host header, without its port.

    >>> _name("vigie.example:443"), _name("[::1]:8765"), _name("a@b c")
    ('vigie.example', '::1', '')
    """
    try:
        place = urlsplit(f"//{host}")
        return "" if place.netloc != host or "@" in host or " " in host else place.hostname or ""
    except ValueError:
        return ""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return "you"
