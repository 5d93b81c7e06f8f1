"""What leads, through Redis: told by the worker that holds CASES, read by the room's page.

It is for show, so it waits for nobody: a Redis that is away is not told, and what was told is gone soon after
the last word.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import redis.asyncio
from redis import Redis
from redis.exceptions import RedisError

from streams.embedded import Settings
from streams.kafka.settings import store_space
from streams.leading import Leading

EACH_S = 5.0
_KEPT_S = 120
"""So long after the last word the room still sees what led."""


def key(settings: Settings) -> str:
    """Where it stands in Redis, by consumer group."""
    return f"{store_space(settings.kafka, settings.worker)}:leading"


async def tell(settings: Settings, leading: Callable[[], Leading | None]) -> None:
    """Write what leads every few seconds, while there is somebody here who knows it.

    Parameters
    ----------
    settings : Settings
    leading : callable
        What leads; None where another worker knows it.
    """
    async with redis.asyncio.Redis.from_url(settings.redis.url, **_options(settings)) as store:
        while True:
            await asyncio.sleep(EACH_S)
            if (known := leading()) is not None:
                with contextlib.suppress(RedisError, OSError):
                    await store.set(key(settings), known.as_json(), ex=_KEPT_S)


def read(settings: Settings) -> Leading | None:
    """What was told last; None where nothing was of late, or Redis is away."""
    try:
        with Redis.from_url(settings.redis.url, **_options(settings)) as store:
            raw = store.get(key(settings))
    except (RedisError, OSError):
        return None
    with contextlib.suppress(msgspec.DecodeError):  # of another version
        return Leading.from_json(raw) if isinstance(raw, bytes) else None
    return None


def _options(settings: Settings) -> dict[str, Any]:
    timeout_s = settings.redis.timeout_s
    return settings.redis.options() | {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
