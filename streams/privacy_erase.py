"""Erase one person from what a room has on its disks: the store, files of alerts, and the memory in Redis.

A person is known by some names: the id, perhaps a handle, and the pseudonyms of both. Alerts and judgements
name accounts without their network, so that there every account of such a name is taken out.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson
import redis as redis_client

from detectors.case import CaseFinding, CaseHead
from detectors.case_fate import CaseFate
from detectors.findings import account_key, post_key
from detectors.looks import account_hash
from detectors.open_groups import OpenGroup
from detectors.state import Record, StateError, Table
from streams.case_alerts import read_alerts
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import clients
from streams.kafka.alerts import CONTENT_TYPE, Tail
from streams.kafka.checkpoints import Head
from streams.kafka.settings import KafkaSettings, store_space, without_password
from streams.outputs.alert import Alert
from streams.sources.opening import InputError
from streams.stores.erasing import erase_from_posts

ERASED = "(erased)"
_LEAST_IN_TEXT = 4
"""A shorter name is not looked for within sentences, where it may be anything."""
_BY_NAME = ("value", "account", "author_id")
"""Where a record names the account, or the subject, that it is about."""
_NO_ACCOUNTS = ("hashtag", "link", "text")
"""Kinds of subjects that may be called like an account and are none."""
_OF_CASES: dict[str, type[Record]] = {
    "cases": CaseHead,
    "case_findings": CaseFinding,
    "case_fates": CaseFate,
    "open_groups": OpenGroup,
}
"""Records in Redis that stay for as long as a case, and are written anew; others go with their windows."""
_ALIVE_MS = 60_000
_SCAN = 1000
_SEND_S = 30


@dataclass(frozen=True)
class Person:
    """Whom to erase."""

    platform: str
    names: frozenset[str]
    """As they stand in the data: real ones and pseudonyms."""

    @property
    def keys(self) -> list[str]:
        """The keys under which the account is kept."""
        return sorted(account_key(self.platform, name) for name in self.names)

    def in_text(self, text: str) -> str:
        """A sentence without the person's names."""
        for name in sorted(self.names, key=len, reverse=True):
            if len(name) >= _LEAST_IN_TEXT and name in text:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", ERASED, text)
        return text

    def without(self, record: Any, posts: frozenset[str] = frozenset()) -> Any:
        """A record in which nothing names the person, or one of these posts.

        >>> ana = Person("x", frozenset({"4711"}))
        >>> ana.without({"accounts": ["12", "4711"], "posts": [{"id": "1", "author_id": "4711"}]})
        {'accounts': ['12'], 'posts': []}
        """
        if isinstance(record, dict):
            return {name: self._part(name, value, posts) for name, value in record.items()}
        if isinstance(record, list):
            return [self.without(one, posts) for one in record if not self._is_named(one, posts)]
        return self.in_text(record) if isinstance(record, str) else record

    def _part(self, name: str, value: Any, posts: frozenset[str]) -> Any:
        if name == "edges":  # a pair is nothing without one of the two
            value = [edge for edge in value if self.names.isdisjoint(edge["accounts"])]
        return self.without(value, posts)

    def _is_named(self, one: Any, posts: frozenset[str]) -> bool:
        if isinstance(one, dict):
            named = [one[part] for part in _BY_NAME if isinstance(one.get(part), str)]
            return one.get("kind") not in _NO_ACCOUNTS and not self.names.isdisjoint(named)
        return isinstance(one, str) and (one in self.names or one in posts)


# -- files -----------------------------------------------------------------------------------------


def from_alerts(path: str, person: Person) -> int:
    """Write a file of alerts anew without the person; return how many alerts are others now.

    Raises
    ------
    InputError
        When it cannot be read or written, or is no file of alerts.
    """
    before = read_alerts(path)
    after: list[Alert] = [person.without(alert) for alert in before]
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    if changed:
        _replace(Path(path), b"".join(orjson.dumps(alert) + b"\n" for alert in after))
    return changed


def _replace(path: Path, content: bytes) -> None:
    """Put other content in the place of a file, whole or not at all."""
    try:
        rights = path.stat().st_mode
        number, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, rights & 0o777)
            file.write(content)
            file.flush()
            os.fsync(number)
        Path(name).replace(path)
    except OSError as problem:
        raise InputError(f"{path} cannot be written anew: {problem.strerror}.") from None


# -- the embedded store ----------------------------------------------------------------------------


def from_store(path: str, person: Person) -> dict[str, int]:
    """Delete the person from a store, and what SQLite keeps of deleted records.

    Returns
    -------
    dict of str to int
        Records that were deleted or written anew, by table.

    Raises
    ------
    InputError
        When there is no store, or somebody writes to it.
    """
    if not Path(path).is_file():
        raise InputError(f"There is no store at {path}.")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN EXCLUSIVE")
            found = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "judged" not in found:
                raise InputError(f"{path} is no store of Vigie.")
            gone = _delete(db, person)
            db.execute("COMMIT")
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as problem:
            raise InputError(f"{path} cannot be written ({problem}): stop who uses it first.") from None
    return gone


def _delete(db: sqlite3.Connection, person: Person) -> dict[str, int]:
    gone: Counter[str] = Counter(posts=erase_from_posts(db, person.keys, person.names))
    for key in person.keys:
        for table, column in (("profiles", "account"), ("members", "account")):
            gone[table] += db.execute(f"DELETE FROM {table} WHERE {column} = ?", (key,)).rowcount
    for name in (*person.names, *person.keys):
        for table in ("judged", "subjects"):
            gone[table] += db.execute(
                f"DELETE FROM {table} WHERE value = ? AND kind NOT IN (?, ?, ?)", (name, *_NO_ACCOUNTS)
            ).rowcount
    posts: set[str] = set()
    for table, key in (("alerts", "id"), ("judged", "rowid")):
        bodies = []
        for name, packed in db.execute(f"SELECT {key}, body FROM {table}").fetchall():
            body = orjson.loads(packed)
            if table == "alerts":
                posts.update(_posts_by(body, person))
            if (other := person.without(body, frozenset(posts))) != body:
                bodies.append((orjson.dumps(other), name))
        db.executemany(f"UPDATE {table} SET body = ? WHERE {key} = ?", bodies)
        gone[table] += len(bodies)
    return dict(gone)


def _posts_by(alert: Alert, person: Person) -> Iterator[str]:
    """The ids of the person's posts that an alert names: judgements name them without their author."""
    for named in (alert["data"]["group"], *alert["data"]["findings"]):
        yield from (post["id"] for post in named["posts"] if post["author_id"] in person.names)


# -- Kafka -----------------------------------------------------------------------------------------


def from_topic(kafka: KafkaSettings, person: Person) -> list[str]:
    """Publish the newest revision of every case anew, without the person; return the ids of these cases.

    Under the same key and id: the compacted topic forgets the one before, and a subscriber that has it passes
    over this one.

    Raises
    ------
    InputError
        When the broker does not answer.
    """
    tail = Tail(kafka, "start")
    try:
        before = tail.snapshot()
    finally:
        tail.close()
    changed = [other for alert in before if (other := person.without(alert)) != alert]
    client = clients.producer(kafka)
    try:
        with clients.talking(kafka):
            for alert in changed:
                client.send(
                    clients.topic(kafka, "alerts"),
                    key=alert["data"]["case_id"].encode(),
                    value=orjson.dumps(alert),
                    headers=[("content-type", CONTENT_TYPE), ("id", alert["id"].encode())],
                    partition=0,
                ).get(timeout=_SEND_S)
    finally:
        client.close()
    return [alert["data"]["case_id"] for alert in changed]


# -- Redis -----------------------------------------------------------------------------------------


@dataclass
class InRedis:
    """What was found of a person in the checkpoints."""

    deleted: int = 0
    """Records of the account itself."""
    rewritten: int = 0
    """Records of cases in which something else stands for it now."""
    named: Counter[str] = field(default_factory=Counter)
    """Records of others that still name it, by table: they go with their windows."""


def from_redis(settings: Settings, person: Person) -> InRedis:
    """Delete the long memory of the account from the checkpoints of a room whose workers are stopped.

    Raises
    ------
    InputError
        When Redis does not answer, or a worker goes on.
    """
    space = f"{store_space(settings.kafka, settings.worker)}:"
    client = redis_client.Redis.from_url(settings.redis.url, **settings.redis.options())
    try:
        keys = sorted(client.scan_iter(match=f"{_escaped(space)}*", count=_SCAN))
        kinds = {key: client.type(key) for key in keys}
        _refuse_running(client.get(key) for key in keys if kinds[key] == b"string")
        found = InRedis()
        tables = [key for key in keys if kinds[key] == b"hash"]
        standing = _standing_for(client, tables, person)
        for key in tables:
            _delete_from(client, key, person, standing, found)
        return found
    except redis_client.RedisError as problem:
        where = without_password(settings.redis.url)
        raise InputError(f"Redis at {where} cannot be asked: {problem}.") from None
    finally:
        client.close()


def _escaped(text: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def _refuse_running(heads: Iterator[Any]) -> None:
    """A worker would write again what it has in memory."""
    for packed in heads:
        with contextlib.suppress(msgspec.DecodeError, TypeError):
            head = msgspec.msgpack.decode(packed or b"", type=Head)
            if clock_ms() - head.written_ms < _ALIVE_MS:
                raise InputError(
                    "A worker has written to Redis within the last minute: stop all workers, wait a minute, "
                    "and erase again."
                )


def _table_of(key: bytes) -> str:
    return key.rpartition(b":")[2].decode("utf-8", "replace")


def _standing_for(client: Any, tables: list[bytes], person: Person) -> dict[str, str]:
    """What is to stand in the records of cases for the account and its posts, which lead to it.

    A case goes on to count them, so that each has something that stands for it.
    """
    findings = Table(CaseFinding)
    posts: set[str] = set()
    for key in tables:
        if _table_of(key) == findings.name:
            for _, packed in client.hscan_iter(key, count=_SCAN):
                with contextlib.suppress(StateError):
                    members = findings.unpack(packed).judged.finding.posts
                    posts.update(one.post_id for one in members if one.account in person.keys)
    named = {post: f"{ERASED} {number}" for number, post in enumerate(sorted(posts), 1)}
    platform = person.platform
    keys = {post_key(platform, post): post_key(platform, one) for post, one in named.items()}
    names = {name: ERASED for name in person.names if len(name) >= _LEAST_IN_TEXT}
    return names | dict.fromkeys(person.keys, account_key(platform, ERASED)) | named | keys


def _rewritten(table: str, packed: bytes, person: Person, standing: dict[str, str]) -> bytes:
    """A record in which something else stands for the person; the same bytes where it does not name it.

    Raises
    ------
    StateError
        When it would be no such record any more, because a person is called like one of its words.
    """

    def anew(value: Any) -> Any:
        if isinstance(value, str):
            return standing.get(value) or person.in_text(value)
        if isinstance(value, list):
            return [anew(one) for one in value]
        return {anew(name): anew(one) for name, one in value.items()} if isinstance(value, dict) else value

    before = msgspec.msgpack.decode(packed)
    after = anew(before)
    if after == before:
        return packed
    repacked = msgspec.msgpack.encode(after)
    Table(_OF_CASES[table]).unpack(repacked)
    return repacked


def _delete_from(client: Any, key: bytes, person: Person, standing: dict[str, str], found: InRedis) -> None:
    table = _table_of(key)
    keys = [name.encode("utf-8", "surrogatepass") for name in person.keys]
    own = {
        "accounts": keys,
        "profiles": keys,
        "past_cases": keys,
        "album": [f"{account_hash(name):016x}".encode() for name in person.keys],
    }
    names = [name.encode("utf-8", "surrogatepass") for name in person.names if len(name) >= _LEAST_IN_TEXT]
    for record, value in client.hscan_iter(key, count=_SCAN):
        if record in own.get(table, ()):
            found.deleted += client.hdel(key, record)
            continue
        left = value
        if table in _OF_CASES:
            with contextlib.suppress(StateError):
                left = _rewritten(table, value, person, standing)
            if left != value:
                client.hset(key, record, left)
                found.rewritten += 1
        if any(name in record or name in left for name in names):
            found.named[table] += 1
