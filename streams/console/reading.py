"""What the page reads: the board and its changes, one case, and the tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from detectors.alerts import instant
from streams.console import people
from streams.console.case_page import case_page
from streams.console.elsewhere import elsewhere
from streams.console.evidence import Evidence
from streams.console.gate import Refused
from streams.console.known import KnownCase
from streams.console.listeners import frame
from streams.console.people import SORTS, Row
from streams.console.recent import Recent
from streams.console.requests import known, packed, whole
from streams.explain import KINDS as EXPLAINED
from streams.leading import Leader

if TYPE_CHECKING:
    from streams.console.app import Console

_SEND_S: Final = 30.0
"""A browser that takes nothing for so long is gone."""
_MOST_ROWS: Final = 500
_LEADING: Final = {
    "hashtags": "hashtag",
    "links": "link",
    "sources": "source",
    "targets": "target",
    "texts": "text",
}

_NOT_KEPT: Final = {
    "en": "Nothing is kept here to explain it by. Start with --store PATH, or replay the posts into a store.",
    "fr": "Rien n'est gardé ici pour l'expliquer. Démarrez avec --store CHEMIN, ou rejouez les messages "
    "dans une base.",
}
_ASK: Final = ("vigie replay POSTS --store night.db", "vigie explain {kind} {value} --store night.db")
_ACCOUNTS: Final = ("source", "target")
"""Kinds of which the value is the id of an account."""


class Reading:
    """Answers what changes nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = console.board
        self._evidence: Recent[Evidence | None] = Recent()
        self._rows: Recent[list[Row]] = Recent()

    # -- the board ---------------------------------------------------------------------------------

    async def board(self, request: web.Request) -> web.Response:
        """`GET /api/board`."""
        return packed(self._board.packed())

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /api/events`."""
        listeners = self._board.listeners
        listener = listeners.join()
        if listener is None:
            raise Refused(503, "Too many people are watching: try again later.", {"Retry-After": "30"})
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        try:
            await response.prepare(request)
            listener.put("now:", frame("now", self._board.packed_now()))  # so that it knows itself live
            # Who has signed out, or was taken out, hears no more.
            while (frames := await listener.take()) and self._console.gate.session(request) is not None:
                await asyncio.wait_for(response.write(frames), _SEND_S)
        except (ConnectionResetError, TimeoutError):
            pass  # gone, or as good as
        finally:
            listeners.leave(listener)
        return response

    # -- one case ----------------------------------------------------------------------------------

    async def case(self, request: web.Request) -> web.Response:
        """`GET /api/cases/ID`."""
        case = known(self._board, request)
        evidence = await self.evidence(case)
        return packed(await asyncio.to_thread(lambda: orjson.dumps(case_page(case, self._board, evidence))))

    async def accounts(self, request: web.Request) -> web.Response:
        """`GET /api/cases/ID/accounts`."""
        case = known(self._board, request)
        sort = request.query.get("sort", "posts")
        if sort not in SORTS:
            raise Refused(400, f"sort must be one of {', '.join(SORTS)}.")
        down = request.query.get("down", "1") != "0"
        offset, limit = whole(request, "offset", 0, 10**9), whole(request, "limit", 100, _MOST_ROWS)
        rows = await self.people(case)
        search = request.query.get("search", "")
        found = await asyncio.to_thread(people.page_of, rows, sort=sort, down=down, search=search)
        answer = {
            "total": max(case.row["accounts"], len(rows)),
            "known": len(rows),
            "found": len(found),
            "rows": found[offset : offset + limit],
        }
        return packed(orjson.dumps(answer))

    async def people(self, case: KnownCase) -> list[Row]:
        """The table of accounts of a case."""

        async def work() -> list[Row]:
            return await asyncio.to_thread(self._people, case, await self.evidence(case))

        return await self._rows.get(case, work)

    def _people(self, case: KnownCase, evidence: Evidence | None) -> list[Row]:
        told = people.from_alerts(case)
        if evidence is None:
            return told
        rows = people.from_evidence(case, evidence, self._board.besides.remembered(evidence.accounts))
        known = {row["author_id"] for row in rows}
        # What is kept is written now and then: an alert may name an account before it is.
        return rows + [row for row in told if row["author_id"] not in known]

    async def evidence(self, case: KnownCase) -> Evidence | None:
        """What is kept of a case; None where nothing is, or nothing that can be read."""
        kept = self._console.kept
        if kept is None:
            return None
        try:
            return await self._evidence.get(case, lambda: kept.evidence(case))
        except Refused:
            return None  # what the alerts say stands

    # -- the tables --------------------------------------------------------------------------------

    async def top(self, request: web.Request) -> web.Response:
        """`GET /api/top/hashtags|links|sources|targets|texts`."""
        kind = _LEADING.get(request.match_info["kind"])
        if kind is None:
            raise Refused(404, f"There is a table of {', '.join(_LEADING)}.")
        leading = self._board.besides.leading
        limit = whole(request, "limit", 50, _MOST_ROWS)
        leaders = await asyncio.to_thread(leading.top, kind, limit) if leading is not None else []
        rows = [self._leader(one) for one in leaders]
        if kind in _ACCOUNTS:
            ids = [one.value for one in leaders]
            known = await asyncio.to_thread(self._board.besides.handles, ids)
            rows = [row | {"handle": known.get(row["value"])} for row in rows]
        return web.json_response({"rows": rows})

    def _leader(self, one: Leader) -> dict[str, Any]:
        share = {"value": one.bot_share, "low": one.bot_low, "high": one.bot_high}
        return {
            "value": one.value,
            "label": one.shown,
            "accounts": one.accounts,
            "posts": one.posts,
            "bot_share": share if one.bot_share is not None else None,
            "trend": one.trend or None,
            "score": one.score,
            "severity": one.severity,
            "case_id": self._board.about(one.kind, one.value),
            "why": {"en": one.why_en, "fr": one.why_fr},
            "detector": one.detector,
            "seen": instant(one.seen_ms),
        }

    async def explain(self, request: web.Request) -> web.Response:
        """`GET /api/explain?kind=…&value=…`."""
        kind, value = request.query.get("kind", ""), request.query.get("value", "")
        if kind not in EXPLAINED or not value:
            raise Refused(400, f"Give a value, and a kind: {', '.join(EXPLAINED)}.")
        kept = self._console.kept
        answer = (
            await kept.explain(kind, value) if kept is not None else elsewhere(kind, value, _NOT_KEPT, _ASK)
        )
        leading = self._board.besides.leading
        leaders = leading.top(kind, _MOST_ROWS) if leading is not None else []
        row = next((self._leader(one) for one in leaders if one.value == value), None)
        return packed(orjson.dumps(answer | {"leader": row}))

    async def sponsors(self, request: web.Request) -> web.Response:
        """`GET /api/sponsors`."""
        besides = self._board.besides
        return packed(orjson.dumps({"rows": besides.sponsors, "counted": besides.sponsors_counted}))

    async def lists(self, request: web.Request) -> web.Response:
        """`GET /api/lists`."""
        return packed(orjson.dumps({"lists": self._board.besides.lists, "pushed": self._board.pushed()}))

    async def health(self, request: web.Request) -> web.Response:
        """`GET /api/health`."""
        return packed(orjson.dumps(self._board.besides.health))
