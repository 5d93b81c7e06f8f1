"""Checkpoints of tasks in Redis: the state, and the offsets it covers, always together.

A task's state is a few tables of small records. A checkpoint writes the records that changed since the last
one, in one transaction with the offsets, so what stands there is always the state after exactly those
records. Each write names the write before it: one that was overtaken (its worker was paused, its partition
given to another) is refused, and one that finds the store emptied is told to write everything.
"""

from __future__ import annotations

import glob
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    WatchError,
)

from detectors.state import STATE_FORMAT, Changes, Saved
from streams.kafka.settings import RedisSettings

_FIELDS = 2000
"""Records in one command, so that no single one is too large for the server."""


class StoreGone(Exception):
    """Redis does not answer; detection goes on without checkpoints until it does."""


class StoreRefuses(StoreGone):
    """Redis is there and wants another password, or we do not trust it: waiting will not help."""


class Overtaken(Exception):
    """A later worker has written this task's checkpoint: it is no longer ours to write."""


class Incomplete(Exception):
    """The checkpoint before this one is not there: only a full one makes sense."""


class WrongFormat(Exception):
    """The checkpoint was written in a form that this version does not read."""


class Head(msgspec.Struct, frozen=True):
    """What stands beside the tables."""

    format: int
    """Form of the records, see `detectors.state.STATE_FORMAT`."""
    settings: str
    """Version of the detection settings that the state was made with."""
    sequence: int
    """Number of this checkpoint; each adds one."""
    generation: int
    """Of the consumer group, when it was written."""
    offsets: dict[str, int]
    """For each input topic, without the prefix, the offset of the first record that is not covered."""
    written_ms: int
    """Wall clock."""
    tables: list[str]
    extra: dict[str, int] = {}
    """Further positions, for example up to where the alerts were published."""


class _Packing:
    """Makes a connection pack commands in C: in Python it takes longer than packing the state itself."""

    _packer = HiredisRespSerializer()

    def pack_command(self, *arguments: Any) -> list[bytes]:
        """Bytes of one command."""
        packed: list[bytes] = self._packer.pack(*arguments)
        return packed


class Checkpoints:
    """The checkpoints of one consumer group.

    Parameters
    ----------
    settings : RedisSettings
    space : str
        Stands before every key: the consumer group and the cluster it reads from.
    kept_ms : int, optional
        How long a checkpoint stays if no other follows; for good without it.
    """

    def __init__(self, settings: RedisSettings, space: str, kept_ms: int | None = None) -> None:
        self.answers = True
        """Whether the store did, when it was last asked."""
        self._space = space
        self._kept_ms = kept_ms
        options: dict[str, Any] = {
            "socket_timeout": settings.timeout_s * 10,
            "socket_connect_timeout": settings.timeout_s,
            # Once more, at once, since the server may have closed a connection that was idle. The default is
            # to wait for many seconds in between.
            "retry": Retry(NoBackoff(), 1),
        }
        options |= settings.options()
        self._redis: Redis = Redis.from_url(settings.url, **options)
        pool = self._redis.connection_pool
        pool.connection_class = type("Connection", (_Packing, pool.connection_class), {})

    async def ping(self) -> None:
        """Whether Redis answers.

        Raises
        ------
        StoreGone
        """
        async with self._answering():
            await self._redis.ping()

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()

    async def load(self, task: str) -> tuple[Head, Saved] | None:
        """The newest checkpoint of a task; None where there is none.

        Raises
        ------
        StoreGone, WrongFormat
        """
        async with self._answering(), self._redis.pipeline(transaction=True) as pipe:
            # All at one moment: the tables of one checkpoint with the offsets of another are no state.
            while True:
                await pipe.watch(self._key(task))
                packed = await _raw(pipe, self._key(task))
                if packed is None:
                    return None
                head = _head(task, packed)
                pipe.multi()
                for name in head.tables:
                    pipe.hgetall(self._key(task, name))
                try:
                    tables = await pipe.execute()
                except WatchError:
                    continue
                return head, {
                    name: {key.decode(): value for key, value in table.items()}
                    for name, table in zip(head.tables, tables, strict=True)
                }

    async def write(
        self, task: str, head: Head, changes: Changes, *, everything: bool, known: int = -1
    ) -> None:
        """Write a checkpoint.

        Parameters
        ----------
        task : str
        head : Head
            Its sequence must be one more than that of the checkpoint before, unless `everything`.
        changes : Changes
            Records by table and key; None where one is gone.
        everything : bool
            Whether these are all records, and whatever stands there is to go.
        known : int
            Generation of the checkpoint that this one follows. The numbers of a group begin again when the
            broker has forgotten it (after a week without workers), so a higher one does not mean a later one
            where nobody has written since.

        Raises
        ------
        StoreGone, Overtaken, Incomplete
        """
        async with self._answering(), self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._key(task))
            packed = await _raw(pipe, self._key(task))
            before = None if packed is None else msgspec.msgpack.decode(packed, type=Head)
            fits = before is not None and before.sequence == head.sequence - 1
            follows = fits and before is not None and before.generation == known
            if before is not None and before.generation > head.generation and not follows:
                raise Overtaken(task)
            # The number alone would not do: once the store was lost, two may bear one number in turn.
            if not everything and not (follows if known >= 0 else fits):
                raise Incomplete(task)
            pipe.multi()
            tables = set(head.tables) | (set(before.tables) if before else set())
            if everything and tables:
                pipe.delete(*(self._key(task, name) for name in tables))
            if not everything:
                head = msgspec.structs.replace(head, tables=sorted(tables))
            for name, records in changes.items():
                _write_table(pipe, self._key(task, name), records)
            pipe.set(self._key(task), msgspec.msgpack.encode(head))
            if self._kept_ms is not None:
                # All of them each time, also those without a change: they are one state, and end together.
                for key in (self._key(task), *(self._key(task, name) for name in head.tables)):
                    pipe.pexpire(key, self._kept_ms)
            try:
                await pipe.execute()
            except WatchError:
                raise Incomplete(task) from None

    async def forget(self, task: str) -> None:
        """Delete the checkpoint of a task, and all its tables, in whatever form they are."""
        async with self._answering():
            await self._redis.delete(self._key(task))
            async for key in self._redis.scan_iter(match=f"{glob.escape(self._key(task))}:*", count=1000):
                await self._redis.unlink(key)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            yield
        except (RedisError, OSError) as problem:
            self.answers = False
            raise _gone(problem) from None
        else:
            self.answers = True

    def _key(self, task: str, table: str = "") -> str:
        return key_of(self._space, task, table)


def key_of(space: str, task: str, table: str = "") -> str:
    """Where a table of a task stands; without one, its head.

    >>> key_of("vigie:vigie:c1", "cases.0", "case"), key_of("vigie:vigie:c1", "cases.0")
    ('vigie:vigie:c1:cases.0:case', 'vigie:vigie:c1:cases.0')
    """
    return f"{space}:{task}:{table}" if table else f"{space}:{task}"


async def _raw(pipe: Any, key: str) -> bytes | None:
    value: bytes | None = await pipe.get(key)
    return value


def _head(task: str, packed: bytes) -> Head:
    try:
        form = msgspec.msgpack.decode(packed, type=_Form).format
    except msgspec.DecodeError:
        form = None
    if form != STATE_FORMAT:
        raise WrongFormat(
            f"the checkpoint of {task} has format {form}, this version reads {STATE_FORMAT}: run the version "
            "that wrote it, or start anew with another worker.app (or `vigie worker --forget-state`)"
        )
    return msgspec.msgpack.decode(packed, type=Head)


class _Form(msgspec.Struct):
    format: int


def _write_table(pipe: Any, key: str, records: Mapping[str, bytes | None]) -> None:
    kept = [(name, value) for name, value in records.items() if value is not None]
    gone = [name for name, value in records.items() if value is None]
    for start in range(0, len(kept), _FIELDS):
        pipe.execute_command("HSET", key, *chain.from_iterable(kept[start : start + _FIELDS]))
    for start in range(0, len(gone), _FIELDS):
        pipe.hdel(key, *gone[start : start + _FIELDS])


def _gone(problem: Exception) -> StoreGone:
    if isinstance(problem, (AuthenticationError, AuthorizationError, NoPermissionError)):
        return StoreRefuses(f"check redis.password: {problem}")
    if "certificate" in str(problem).lower():
        return StoreRefuses(f"check redis.ca_file: {problem}")
    return StoreGone(str(problem) or type(problem).__name__)
