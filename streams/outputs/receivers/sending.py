"""One attempt to deliver a message by HTTP, and what came of it.

Only the address in the settings is ever called: redirects are not followed, nothing is asked of a proxy or a
file of passwords, no cookie is kept. What is said of a failure never has the path of the address in it, which
may be the key to a chat.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientOSError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)

from detectors import __version__
from detectors.rules.sentences import shortened
from streams.clock import clock_ms
from streams.outputs.receivers.channel import Message
from streams.outputs.terminal import printable
from streams.sources.live.retrying import asked_wait_s

_LATER = (408, 425, 429)
"""Refusals that another attempt may change, beside all of 500 and above."""
_QUOTED_BYTES, _QUOTED = 600, 200
_QUOTE_S = 1.0


class Answer(NamedTuple):
    """What came of one attempt."""

    is_good: bool
    said: str
    """In a few words, for a person."""
    again: bool = False
    """Whether another attempt may end better."""
    wait_s: float | None = None
    """How long the receiver asks to wait."""


def session() -> ClientSession:
    """What attempts are made with; to be made and used in one event loop."""
    return ClientSession(cookie_jar=DummyCookieJar(), headers={"user-agent": f"vigie/{__version__}"})


async def send(session: ClientSession, url: str, message: Message, timeout_s: float) -> Answer:
    """Post a message once."""
    try:
        async with session.post(
            url,
            data=message.body,
            headers=message.headers,
            allow_redirects=False,
            timeout=ClientTimeout(total=timeout_s),
        ) as answer:
            return await _judged(answer)
    except TimeoutError:
        return Answer(False, f"no answer within {timeout_s:g} s", again=True)
    except ClientConnectorCertificateError:
        return Answer(False, "its certificate is not trusted", again=True)
    except ClientOSError as problem:
        return Answer(False, f"cannot be reached: {problem.strerror or type(problem).__name__}", again=True)
    except (ClientError, OSError, ValueError) as problem:  # the last of a host that cannot be one
        return Answer(False, f"the connection failed: {type(problem).__name__}", again=True)


async def _judged(answer: ClientResponse) -> Answer:
    said = f"{answer.status}{await _quoted(answer)}"
    if 200 <= answer.status < 300:
        return Answer(True, said)
    if 300 <= answer.status < 400:
        return Answer(False, f"{said} (redirects are not followed: set the address that it names)")
    if answer.status in _LATER or answer.status >= 500:
        return Answer(False, said, again=True, wait_s=asked_wait_s(dict(answer.headers), clock_ms()))
    return Answer(False, said)


async def _quoted(answer: ClientResponse) -> str:
    """The beginning of the answer's text. Whether it comes or not, the status is what counts."""
    text = b""
    with contextlib.suppress(ClientError, TimeoutError):
        async with asyncio.timeout(_QUOTE_S):
            text = await answer.content.read(_QUOTED_BYTES)
    words = printable(" ".join(text.decode("utf-8", "replace").split()))
    return f": {shortened(words, _QUOTED)}" if words else ""
