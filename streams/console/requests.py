"""What handlers share: what a request names or brings, and JSON that is packed already."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from streams.console.board import Board
from streams.console.gate import Refused
from streams.console.known import KnownCase

_SMALL = 4096
"""Bytes under which compressing gains nothing."""


def known(board: Board, request: web.Request) -> KnownCase:
    """The case that a request names."""
    case = board.case(request.match_info["case"])
    if case is None:
        raise Refused(404, "There is no such case, or it was forgotten.")
    return case


def packed(body: bytes) -> web.Response:
    """JSON that is packed already."""
    response = web.Response(body=body, content_type="application/json", charset="utf-8")
    if len(body) > _SMALL:
        response.enable_compression()
    return response


async def json_body(request: web.Request) -> dict[str, Any]:
    """The object that a request brings."""
    # A form of another site may send text, but not this type.
    if request.content_type != "application/json":
        raise Refused(415, "Send application/json.")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refused(400, "This is no JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "This is no JSON object.")
    return body


def whole(request: web.Request, name: str, usual: int, most: int) -> int:
    """A number of the query, 0 to `most`."""
    text = request.query.get(name, "")
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, f"{name} must be a whole number.")
    return min(int(text), most)
