"""Exports of Bluesky repositories: all posts, reposts and the profile of one account, in one CAR file.

The file (https://ipld.io/specs/transport/car/carv1/) is a row of blocks in DAG-CBOR, each under the hash of
its content. The first root is the newest commit, which names the account; from it a tree (MST,
https://atproto.com/specs/repository) leads to the records by their keys, `collection/rkey`. What a record
holds is read as in an event of Jetstream (`streams.sources.jetstream`); deleted records are in no export.

Nobody has witnessed when a record was made: the author's claim stands alone, and so such posts are for
looking back. Without one a post has the time in its key (TID), the profile that of the newest commit.

The blocks are held in memory, since they may stand in any order, and an export has an upper limit. A block
that does not match its hash, a tree with a part missing, in a circle or twice, and a record that is none are
refused one by one, each with its reason. Of a file that is cut off all is given that the tree still reaches.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import libipld
import msgspec

from detectors.events import Post, Rejection
from streams.sources import jetstream
from streams.sources.lines import BLOCK_LINES
from streams.sources.opening import InputError
from streams.sources.records import Batch

HEAD_BYTES = 16
"""Bytes of a file by which it is known."""
MOST_BYTES = 1 << 30
"""Bytes of an export at most."""
_LARGEST_BLOCK = 4 * 1024 * 1024
_LARGEST_HEADER = 64 * 1024
_CBOR = b"\x01\x71\x12\x20"
"""Begin of the name of a block: version 1, DAG-CBOR, SHA-256, 32 bytes."""
_NAME_BYTES = len(_CBOR) + 32
_TID = "234567abcdefghijklmnopqrstuvwxyz"
_TID_LENGTH = 13
_CLOCK_BITS = 10

_Name = Annotated[bytes, msgspec.Meta(min_length=_NAME_BYTES, max_length=_NAME_BYTES)]


class _Header(msgspec.Struct):
    version: int
    roots: list[bytes] = []


class _Commit(msgspec.Struct):
    did: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    data: _Name
    rev: str = ""


class _Entry(msgspec.Struct):
    """A record of the tree; its key shares its first `p` bytes with the one before."""

    p: Annotated[int, msgspec.Meta(ge=0)]
    k: bytes
    v: _Name
    t: _Name | None = None
    """The part of the tree with the keys behind this one."""


class _Node(msgspec.Struct):
    e: list[_Entry]
    l: _Name | None = None  # noqa: E741  as it is called there
    """The part of the tree with the keys before all of these."""


def begins(head: bytes) -> bool:
    """Whether a file that begins so is a CAR file.

    >>> begins(b"\\x3a\\xa2eroots\\x81\\xd8*X%\\x00\\x01q"), begins(b'{"did":"did:plc:')
    (True, False)
    """
    return b"\xa2eroots" in head or b"\xa1gversion" in head


def batches(chunks: Iterable[bytes], name: str) -> Iterator[Batch]:
    """The posts and the profile of an export.

    Raises
    ------
    InputError
        At the beginning when it is none; at the end when it is cut off or too large.
    """
    refused = Batch()
    file = _File(chunks, name)
    root = _root(file, name)
    blocks: dict[bytes, bytes] = {}
    end: InputError | None = None
    try:
        for number, (key, block) in enumerate(file.blocks(), 1):
            if key is None:
                why = "the block does not match its name, or is too long"
                refused.reject(number, "bad_record", why, block)
            else:
                blocks[key] = block
    except InputError as problem:
        end = problem
    if refused.rejected:
        yield refused
    commit = _read(blocks.pop(root, b""), _Commit)
    if commit is None:
        raise end or InputError(f"{name} is no repository of Bluesky: its commit is missing or broken.")
    yield from _records(blocks, commit)
    if end is not None:
        raise end


def _root(file: _File, name: str) -> bytes:
    header: _Header | None = _read(file.take(file.length(_LARGEST_HEADER)), _Header)
    if header is None or header.version != 1 or not header.roots:
        what = "is no CAR file" if header is None else f"is a CAR file of version {header.version}"
        raise InputError(f"{name} {what}: export the repository with com.atproto.sync.getRepo.")
    return header.roots[0]


class _File:
    """Reads a file piece by piece, whatever the cut of its chunks."""

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._chunks, self._name = iter(chunks), name
        self._held = bytearray()
        self._at = 0
        self._read = 0

    def blocks(self) -> Iterator[tuple[bytes | None, bytes]]:
        """The blocks of DAG-CBOR with their names; None where one is too long or has another name."""
        while self._has(1):
            length = self.length(MOST_BYTES)
            if length > _LARGEST_BLOCK:
                self._pass_over(length)
                yield None, b""
                continue
            section = self.take(length)
            key, block = section[:_NAME_BYTES], section[_NAME_BYTES:]
            named = key.startswith(_CBOR) and hashlib.sha256(block).digest() == key[len(_CBOR) :]
            yield (key, block) if named else (None, section)

    def length(self, most: int) -> int:
        """A number of seven bits a byte, the lowest first (LEB128)."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if number > most or shift > 63:
                raise InputError(f"{self._name} is damaged: a part of it would have {number:,} bytes.")
            if byte < 0x80:
                return number
            shift += 7

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if not self._has(count):
            raise InputError(f"{self._name} is cut off: the end is missing, fetch or copy it again.")
        part = bytes(self._held[self._at : self._at + count])
        self._at += count
        return part

    def _pass_over(self, count: int) -> None:
        while count:
            part = min(count, _LARGEST_BLOCK)
            self.take(part)
            count -= part

    def _has(self, count: int) -> bool:
        """Whether so many bytes are left; reads on as far as needed."""
        if len(self._held) - self._at >= count:
            return True
        del self._held[: self._at]
        self._at = 0
        while len(self._held) < count and (chunk := next(self._chunks, None)) is not None:
            self._held += chunk
            self._read += len(chunk)
            if self._read > MOST_BYTES:
                raise InputError(f"{self._name} is longer than {MOST_BYTES:,} bytes.")
        return len(self._held) >= count


def _read(block: bytes, kind: Any) -> Any:
    """What a block holds, if it is of this kind."""
    try:
        return msgspec.convert(libipld.decode_dag_cbor(block), kind)
    except (ValueError, RecursionError, UnicodeError, msgspec.ValidationError):
        return None


# -- the tree --------------------------------------------------------------------------------------


def _records(blocks: dict[bytes, bytes], commit: _Commit) -> Iterator[Batch]:
    """The records, in batches."""
    batch = Batch()
    for number, one in enumerate(_walked(blocks, commit.data), 1):
        if isinstance(one, Rejection):
            batch.reject(number, one.reason, one.detail, b"")
        else:
            key, block = one
            _take(commit, key, block, number, batch)
        if number % BLOCK_LINES == 0:
            yield batch
            batch = Batch()
    yield batch


def _walked(blocks: dict[bytes, bytes], top: bytes) -> Iterator[tuple[bytes, bytes] | Rejection]:
    """Key and block of each record, or what is wrong with a part of the tree."""
    waiting = [top]
    seen: set[bytes] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            yield Rejection("bad_record", "a part of the tree is there twice")
            continue
        seen.add(name)
        node = _read(blocks.get(name, b""), _Node)
        if node is None:
            yield Rejection("bad_record", "a part of the tree is missing or broken")
            continue
        waiting += [entry.t for entry in reversed(node.e) if entry.t is not None]
        if node.l is not None:
            waiting.append(node.l)
        key = b""
        for entry in node.e:
            key = key[: entry.p] + entry.k
            block = blocks.get(entry.v)
            yield (key, block) if block is not None else Rejection("bad_record", f"{key[:200]!r} is missing")


# -- the records -----------------------------------------------------------------------------------


def _take(commit: _Commit, key: bytes, block: bytes, number: int, batch: Batch) -> None:
    """Add the post or the profile of a record, or its rejection."""
    try:
        jetstream.take_event(_event(commit, key, block), block, number, batch)
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, block)
        return
    if batch.posts and isinstance(post := batch.posts[-1], Post):
        post.received_at = None  # nobody received it


def _event(commit: _Commit, key: bytes, block: bytes) -> jetstream.Event:
    """The record as the event that told of it.

    Raises
    ------
    Rejection
    """
    collection, slash, rkey = key.decode("utf-8", "replace").partition("/")
    if not slash:
        raise Rejection("bad_record", f"{key[:200]!r} is no key of a record")
    try:
        record = _as_json(libipld.decode_dag_cbor(block))
    except (ValueError, RecursionError) as problem:
        raise Rejection("bad_record", str(problem)[:200]) from None
    undated_us = _tid_us(commit.rev if collection == jetstream.PROFILE else rkey)
    return jetstream.event_of_record(commit.did, collection, rkey, record, undated_us)


def _tid_us(text: str) -> int:
    """The time of a TID, in microseconds since the epoch; 0 where it is none.

    >>> _tid_us("3jzfcijpj2z2a"), _tid_us("self")
    (1688137381887007, 0)
    """
    if len(text) != _TID_LENGTH or not set(text) <= set(_TID):
        return 0
    number = 0
    for letter in text:
        number = number * 32 + _TID.index(letter)
    return number >> _CLOCK_BITS


def _as_json(value: Any) -> Any:
    """A record as Jetstream writes it, where links to blocks are texts."""
    if isinstance(value, dict):
        return {name: _as_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    if isinstance(value, bytes):
        return {"$link": "b" + base64.b32encode(value).decode().rstrip("=").lower()}
    return value
