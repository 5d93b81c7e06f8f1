"""What analysts answer: a verdict on a case, written down first and then put in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from detectors.alerts import instant
from detectors.events import moment_ms
from detectors.verdicts import Verdict, VerdictKind
from streams.clock import clock_ms
from streams.console.audit import Audit
from streams.console.board import Board
from streams.console.gate import Gate, Refused
from streams.console.known import KnownCase
from streams.console.requests import json_body, known
from streams.console.tokens import Person

Say = Callable[[Verdict], None]
"""Puts a verdict in force; may wait."""
_KINDS: Final[dict[str, VerdictKind]] = {
    "confirmed": "confirmed",
    "dismissed": "dismissed",
    "retracted": "retracted",
    "note": "noted",
    "noted": "noted",
}
_LONGEST_REASON: Final = 2000


class Answering:
    """Verdicts, and who gave which.

    Parameters
    ----------
    board : Board
    gate : Gate
    audit : Audit
    say : callable or None
        None where nothing can be answered.
    """

    def __init__(self, board: Board, gate: Gate, audit: Audit, say: Say | None) -> None:
        self._board, self._gate, self._audit, self._say = board, gate, audit, say

    async def verdict(self, request: web.Request) -> web.Response:
        """`POST /api/cases/ID/verdict`."""
        person = self._analyst(request)
        case = known(self._board, request)
        if self._say is None:
            raise Refused(409, "Nothing can be answered here: start the console with --verdicts FILE.")
        verdict = _verdict(await json_body(request), case, person)
        heir = case.data["related"]["merged_into"]
        if case.row["status"] == "merged":
            raise Refused(409, f"This case was merged and goes on as {heir}: say it of that case.")
        self._audit.note(person, verdict.kind, verdict.case_id, _told(verdict))
        await asyncio.to_thread(self._say, verdict)
        return web.json_response({"ok": True, "effective": "next tick"})

    async def audit(self, request: web.Request) -> web.Response:
        """`GET /api/audit`."""
        self._analyst(request)
        return web.json_response({"rows": self._audit.newest()})

    def _analyst(self, request: web.Request) -> Person:
        session = self._gate.session(request)
        if session is None or session.person.role != "analyst":
            raise Refused(403, "Only an analyst may do that.")
        return session.person


def _verdict(body: dict[str, Any], case: KnownCase, person: Person) -> Verdict:
    kind = _KINDS.get(str(body.get("kind")))
    if kind is None:
        raise Refused(400, "kind must be dismissed, confirmed, retracted or note.")
    reason = body.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Refused(400, "Give a reason, for whoever reads the case after you.")
    if len(reason) > _LONGEST_REASON:
        raise Refused(400, f"The reason is longer than {_LONGEST_REASON:,} characters.")
    # After the newest alert, which stays what it was: so a replay changes nothing that was told before.
    at_ms = moment_ms(case.time) + 1
    until_ms = _until_ms(body.get("until")) if kind == "dismissed" else None
    if until_ms is not None and until_ms <= at_ms:
        raise Refused(400, f"The dismissal would end before it begins, at {instant(at_ms)}.")
    return Verdict(
        case_id=case.case_id,
        kind=kind,
        reason=reason.strip(),
        at_ms=at_ms,
        until_ms=until_ms,
        by=person.name,
        said_ms=clock_ms(),
    )


def _until_ms(text: object) -> int | None:
    if text is None or text == "":
        return None
    try:
        return moment_ms(str(text))
    except ValueError:
        raise Refused(400, "until must be a time such as 2022-04-10T19:30:00Z.") from None


def _told(verdict: Verdict) -> str:
    """The reason and, of a dismissal, for how long."""
    until = f" (until {instant(verdict.until_ms)})" if verdict.until_ms is not None else ""
    return f"{verdict.reason}{until}"
