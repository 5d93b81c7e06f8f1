"""Cut a stream of bytes into blocks of lines.

A block holds what came at once, at most `BLOCK_LINES` lines. A line longer than `LONGEST_LINE` bytes is never
held whole: its beginning comes as a block of its own that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streams.sources.records import KEPT_BYTES

BLOCK_LINES = 1000
LONGEST_LINE = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Lines that follow each other, without their line feeds.

    Parameters
    ----------
    first : int
        Number of the first line, from 1.
    lines : list of bytes
        The lines.
    cut : bool
        The block is a single line that was too long, and holds only its beginning.
    """

    first: int
    lines: list[bytes]
    cut: bool = False


def blocks(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[Block]:
    r"""Cut chunks of bytes into blocks of lines. A byte order mark at the start is dropped.

    Parameters
    ----------
    chunks : iterable of bytes
        Any cut of the input.
    longest : int
        Bytes that a line may have at most.

    Yields
    ------
    Block
        Never empty.

    Examples
    --------
    >>> list(blocks([b"one\ntw", b"o\n"]))
    [Block(first=1, lines=[b'one'], cut=False), Block(first=2, lines=[b'two'], cut=False)]
    >>> list(blocks([b"a long line\nb"], longest=6))[0]
    Block(first=1, lines=[b'a long line'], cut=True)
    """
    number = 1
    pending = _Pending(longest)
    for piece in _pieces(chunks, longest):
        start, *others = piece.split(b"\n")
        pending.add(start)
        if not others:
            continue
        ended = others[:-1]
        # Pieces are no longer than the longest line, so only a line begun earlier can be too long.
        line, cut = pending.take()
        if cut:
            yield Block(number, [line], cut=True)
            number += 1
        else:
            ended.insert(0, line)
        for at in range(0, len(ended), BLOCK_LINES):
            part = ended[at : at + BLOCK_LINES]
            yield Block(number, part)
            number += len(part)
        pending.add(others[-1])
    line, cut = pending.take()
    if line:
        yield Block(number, [line], cut)


def _pieces(chunks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    step = min(longest, 1024 * 1024)
    at_start = True
    for chunk in chunks:
        begin = len(_BOM) if at_start and chunk.startswith(_BOM) else 0
        at_start = False
        for at in range(begin, len(chunk), step):
            yield chunk[at : at + step]


class _Pending:
    """A line whose end has not come yet; once it is too long only its beginning is kept."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        cut = self._size > self._longest
        self._size += len(part)
        if cut:
            return
        self._parts.append(part)
        if self._size > self._longest:
            self._parts = [b"".join(self._parts)[:KEPT_BYTES]]

    def take(self) -> tuple[bytes, bool]:
        line, cut = b"".join(self._parts), self._size > self._longest
        self._parts, self._size = [], 0
        return line, cut
