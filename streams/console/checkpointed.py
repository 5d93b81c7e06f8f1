"""What the checkpoints of the workers hold: cases in full, accounts, open groups, payers. It only reads them.

A worker writes them every few seconds, so what stands there is that much behind its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from detectors.accounts.stage import Account
from detectors.case import CaseFinding
from detectors.case_fate import CaseFate
from detectors.findings import Finding, author_of
from detectors.groups.payers import Payer, Payers
from detectors.open_groups import OpenGroup, OpenGroups
from detectors.state import STATE_FORMAT, Record, Saved, StateError, Table
from streams.console.memory import Remembered, remembered
from streams.embedded import Settings
from streams.kafka.checkpoints import Head, key_of
from streams.kafka.frames import partition_of
from streams.kafka.settings import store_space

_FIELDS = 2000
"""Records asked for in one command."""
_PATIENCE = 5
"""A page waits so many times longer than detection does for one request."""
_Record = TypeVar("_Record", bound=Record)


class NotRead(Exception):
    """Redis does not answer, or holds checkpoints of another version."""


class Checkpointed:
    """Reads the checkpoints of one consumer group. It may be used from several threads.

    Parameters
    ----------
    settings : Settings
    cluster : str
        Identity of the Kafka cluster, see `streams.kafka.clients.cluster_id`.
    """

    def __init__(self, settings: Settings, cluster: str) -> None:
        kafka, redis = settings.kafka, settings.redis
        self._partitions = kafka.partitions
        self._space = f"{store_space(kafka, settings.worker)}:{cluster}"
        options = redis.options() | {
            "socket_timeout": redis.timeout_s * _PATIENCE,
            "socket_connect_timeout": redis.timeout_s,
        }
        self._redis: Any = Redis.from_url(redis.url, **options)

    def close(self) -> None:
        """Let the connections go."""
        self._redis.close()

    def findings(self, case_id: str, finding_ids: Iterable[str]) -> list[Finding]:
        """Findings of a case with all of their accounts; those that are held no more are left out.

        Raises
        ------
        NotRead
        """
        keys = [f"{case_id}.{finding_id}" for finding_id in finding_ids]
        return [part.judged.finding for part in self._some("cases.0", CaseFinding, keys).values()]

    def fate(self, case_id: str) -> CaseFate:
        """What became of the accounts and posts of a case.

        Raises
        ------
        NotRead
        """
        return self._some("cases.0", CaseFate, [case_id]).get(case_id, CaseFate())

    def accounts(self, keys: Iterable[str]) -> dict[str, Remembered]:
        """What is remembered of these accounts, by account key.

        Raises
        ------
        NotRead
        """
        parts: dict[int, list[str]] = {}
        for key in keys:
            parts.setdefault(partition_of(author_of(key), self._partitions), []).append(key)
        return {
            key: remembered(account)
            for partition, names in sorted(parts.items())
            for key, account in self._some(f"accounts.{partition}", Account, names).items()
        }

    def open_groups(self) -> OpenGroups:
        """All groups that act together openly.

        Raises
        ------
        NotRead
        """
        groups = OpenGroups()
        with _reading():
            groups.restore(self._whole("cases.0", OpenGroup))
        return groups

    def payers(self) -> Payers:
        """The totals of all who pay for promoted posts; those are counted with the texts, by the first task.

        Raises
        ------
        NotRead
        """
        payers = Payers()
        with _reading():
            payers.restore(self._whole("subjects.0", Payer))
        return payers

    def _some(self, task: str, kind: type[_Record], keys: list[str]) -> dict[str, _Record]:
        table = Table(kind)
        found: dict[str, _Record] = {}
        with _reading():
            self._check(task)
            for start in range(0, len(keys), _FIELDS):
                names = keys[start : start + _FIELDS]
                packed = self._redis.hmget(key_of(self._space, task, table.name), names)
                for name, one in zip(names, packed, strict=True):
                    if one is not None:
                        found[name] = table.unpack(one)
        return found

    def _whole(self, task: str, kind: type[_Record]) -> Saved:
        table = Table(kind)
        self._check(task)
        records = self._redis.hgetall(key_of(self._space, task, table.name))
        return {table.name: {name.decode(): one for name, one in records.items()}}

    def _check(self, task: str) -> None:
        """Records of another version may look like those of this one and mean something else."""
        packed = self._redis.get(key_of(self._space, task))
        if packed is not None and msgspec.msgpack.decode(packed, type=Head).format != STATE_FORMAT:
            raise NotRead("the workers are of another version than the console")


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as problem:
        raise NotRead(f"Redis does not answer ({type(problem).__name__})") from None
    except (StateError, msgspec.DecodeError, UnicodeDecodeError):
        raise NotRead("the workers' checkpoints cannot be read by this version") from None
