"""Open a recorded archive: a path or standard input, plain, gzip or zstd, told apart by the first bytes.

What is read comes in chunks as soon as there is something, so that a live stream on standard input is never
held back. A file that turns out to be cut off or damaged gives all that could be read, and then an
`InputError`.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

CHUNK = 256 * 1024
_PIECE = 1024  # packed bytes that are unpacked at once: a hostile archive makes at most 32 MiB of them
_LONGEST_ZSTD_WINDOW = 2**31  # archives packed with `--long=31` are common

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_UNREADABLE = {
    b"PK\x03\x04": "is a zip archive: unpack it first, for example with unzip",
    b"BZh": "is packed with bzip2: unpack it first, for example with bunzip2",
    b"\xfd7zX": "is packed with xz: unpack it first, for example with unxz",
    b"\xff\xfe": "is UTF-16 text: change it to UTF-8 first, for example with iconv",
    b"\xfe\xff": "is UTF-16 text: change it to UTF-8 first, for example with iconv",
}


class InputError(Exception):
    """An input cannot be read. The message is one sentence that says which one and what to do."""


class _Unpacker(Protocol):
    """What `zlib` and `zstandard` decompression objects have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def label(path: str | Path) -> str:
    """How an input is named in messages.

    >>> label("-"), label("posts.jsonl")
    ('standard input', 'posts.jsonl')
    """
    return "standard input" if str(path) == "-" else str(path)


def open_input(path: str | Path) -> Iterator[bytes]:
    """Open an input and give its unpacked bytes, in chunks of any size.

    Parameters
    ----------
    path : str or Path
        A file, or `-` for standard input.

    Returns
    -------
    Iterator of bytes
        The file is closed when the iterator ends or is closed.

    Raises
    ------
    InputError
        At once when the input cannot be opened or is packed in a way that is not read; while iterating
        when it is cut off or damaged.
    """
    name = label(path)
    stream = _open(path, name)
    try:
        head = stream.read(4)
    except OSError as problem:
        raise _unreadable(name, problem) from None
    for magic, advice in _UNREADABLE.items():
        if head.startswith(magic):
            stream.close()
            raise InputError(f"{name} {advice}")
    if head.startswith(_GZIP):
        return _unpacked(stream, head, name, "gzip", lambda: zlib.decompressobj(wbits=31))
    if head == _ZSTD:
        opener = zstandard.ZstdDecompressor(max_window_size=_LONGEST_ZSTD_WINDOW)
        return _unpacked(stream, head, name, "zstd", opener.decompressobj)
    return _raw_chunks(stream, head, name)


def _open(path: str | Path, name: str) -> BinaryIO:
    if str(path) == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed: name a file, or send the posts through a pipe")
        try:
            # A file of our own: a thread that waits in `sys.stdin` would abort the interpreter at its end.
            return open(sys.stdin.fileno(), "rb", closefd=False)
        except (OSError, ValueError):
            return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise InputError(f"{name} does not exist: check the path") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a directory: name the files in it") from None
    except PermissionError:
        raise InputError(f"{name} may not be read by this user: change its permissions") from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{name} cannot be opened: {problem}; check the path") from None


def _unreadable(name: str, problem: OSError) -> InputError:
    return InputError(f"{name} cannot be read: {problem.strerror}; check the disk or copy it again")


def _raw_chunks(stream: BinaryIO, head: bytes, name: str) -> Iterator[bytes]:
    """Give the bytes as they come; `read1` does not wait for a full chunk."""
    with closing(stream):
        if head:
            yield head
        try:
            while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
                yield chunk
        except OSError as problem:
            raise _unreadable(name, problem) from None


def _unpacked(
    stream: BinaryIO, head: bytes, name: str, packing: str, make: Callable[[], _Unpacker]
) -> Iterator[bytes]:
    unpacker = make()
    parts: list[bytes] = []
    try:
        for piece in _small_pieces(_raw_chunks(stream, head, name)):
            if piece:
                unpacker = _unpack(unpacker, piece, parts, make)
            if parts and (not piece or sum(map(len, parts)) >= CHUNK):
                yield b"".join(parts)
                parts.clear()
    except (zlib.error, zstandard.ZstdError):
        # What was unpacked before the damage is still good.
        yield b"".join(parts)
        raise InputError(f"{name} is damaged ({packing}): fetch or pack it again") from None
    if not unpacker.eof:
        raise InputError(f"{name} is cut off ({packing}): the end is missing, fetch or copy it again")


def _small_pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut chunks into small pieces; an empty piece marks the end of what came at once."""
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            yield chunk[start : start + _PIECE]
        yield b""


def _unpack(
    unpacker: _Unpacker, piece: bytes, parts: list[bytes], make: Callable[[], _Unpacker]
) -> _Unpacker:
    """Unpack a piece that may hold the end of one packed member and the begin of the next."""
    while piece:
        if unpacker.eof:
            piece = piece.lstrip(b"\0")  # some tools pad the end of a gzip file with zeros
            if not piece:
                break
            unpacker = make()
        out = unpacker.decompress(piece)
        if out:
            parts.append(out)
        piece = unpacker.unused_data if unpacker.eof else b""
    return unpacker
