"""The body of an answer, no longer than it may be."""

from __future__ import annotations

from aiohttp import ClientPayloadError, ClientResponse

LARGEST = 16 * 1024 * 1024


async def body_of(answer: ClientResponse, most: int = LARGEST) -> bytes:
    """Read an answer to its end.

    Raises
    ------
    ClientPayloadError
        When it is longer than `most` bytes, or cut off.
    """
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise ClientPayloadError(f"the answer is longer than {most} bytes")
        parts.append(part)
    return b"".join(parts)
