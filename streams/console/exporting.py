"""The evidence of a case to take away: its posts as a table, its alert as JSON, or a report to print."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from detectors.alerts import instant
from detectors.findings import author_of
from streams.console.case_page import case_page
from streams.console.evidence import Evidence
from streams.console.gate import Refused
from streams.console.known import KnownCase
from streams.console.reading import Reading
from streams.console.report import report
from streams.console.requests import known
from streams.outputs.case_words import moment
from streams.outputs.evidence import COLUMNS, posts_as_csv

if TYPE_CHECKING:
    from streams.console.app import Console

STORED_COLUMNS: Final = (
    *COLUMNS,
    "user_screen_name",
    "follower_count",
    "following_count",
    "account_creation_date",
    "is_retweet",
)
"""Columns of the archive of information operations that the store can fill as well."""
_KINDS: Final = {"csv": "text/csv", "json": "application/json", "report": "text/html"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Exporting:
    """Answers with files; who took which is written down."""

    def __init__(self, console: Console, reading: Reading) -> None:
        self._console, self._reading = console, reading

    async def export(self, request: web.Request) -> web.Response:
        """`GET /api/cases/ID/export?as=csv|json|report`."""
        kind = request.query.get("as", "")
        if kind not in _KINDS:
            raise Refused(400, f"as must be one of {', '.join(_KINDS)}.")
        case = known(self._console.board, request)
        session = self._console.gate.session(request)
        if session is not None:
            self._console.audit.note(session.person, "export", case.case_id, kind)
        evidence = await self._reading.evidence(case)
        people = await self._reading.people(case) if kind == "report" else []
        body = await asyncio.to_thread(self._made, kind, case, evidence, people)
        ending = "html" if kind == "report" else kind
        return web.Response(
            body=body,
            content_type=_KINDS[kind],
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="vigie-{_plain(case.case_id)}.{ending}"'},
        )

    def _made(
        self, kind: str, case: KnownCase, evidence: Evidence | None, people: list[dict[str, Any]]
    ) -> bytes:
        if kind == "csv":
            return as_csv(case, evidence)
        if kind == "report":
            return report(case_page(case, self._console.board, evidence), people).encode()
        newest = orjson.loads(case.newest)
        newest["data"] = case.data
        return orjson.dumps(newest, option=orjson.OPT_INDENT_2) + b"\n"


def as_csv(case: KnownCase, evidence: Evidence | None) -> bytes:
    """The posts of a case in the columns of the archive, as far as they are known."""
    if evidence is None or not evidence.posts:
        return posts_as_csv(
            {"id": post_id, "author_id": author_id, "created_at": instant(at_ms)}
            for (author_id, post_id), at_ms in case.posts.items()
        )
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(STORED_COLUMNS)
    for post in evidence.posts:
        _, profile = evidence.profiles.get(post.account, (0, None))
        created = profile.created_at if profile is not None else None
        row = [
            post.id,
            author_of(post.account),
            moment(instant(post.time_ms)),
            profile.handle if profile is not None else None,
            profile.followers if profile is not None else None,
            profile.following if profile is not None else None,
            f"{created:%Y-%m-%d}" if created is not None else None,
            None if post.kind is None else str(post.kind == "repost").lower(),
        ]
        writer.writerow(_cell(value) for value in row)
    return table.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula.

    >>> _cell("=HYPERLINK(1)"), _cell("ana"), _cell(7)
    ("'=HYPERLINK(1)", 'ana', 7)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _plain(case_id: str) -> str:
    return "".join(letter for letter in case_id if letter.isalnum())[:40]
