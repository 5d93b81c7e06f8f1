"""Sort the posts of archives by time, in memory while they fit and on disk beyond.

The order is (`time_ms`, `platform`, `id`); posts that are equal in all three keep the order of the input.
Beyond the bound, sorted runs go to temporary files without a name, which the system removes whatever happens,
and are merged while reading.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain, islice, pairwise
from typing import IO

import msgspec

from detectors.events import Change, Item, Post
from streams.sources.opening import InputError

HELD_POSTS = 400_000
"""Posts held in memory by default: about 600 MB for posts with a profile."""

BATCH_POSTS = 1000
_LENGTH_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[Post], list[Change]]).decode


def in_order(
    batches: Iterable[Sequence[Item]],
    *,
    held: int = HELD_POSTS,
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[Item]]:
    """Give all posts sorted by time, in lists of up to `BATCH_POSTS`.

    Parameters
    ----------
    batches : iterable of list of Post
        Posts in any order, from one or several archives.
    held : int
        Posts that are held in memory at once; more are sorted on disk.
    progress : callable, optional
        Told the number of posts read so far, after each batch.

    Raises
    ------
    InputError
        When the temporary folder is full or cannot be written. Errors of the input pass through.
    """
    with ExitStack() as files:
        runs: list[_Run] = []
        posts: list[Item] = []
        read = 0
        for batch in batches:
            posts.extend(batch)
            read += len(batch)
            if progress is not None:
                progress(read)
            if len(posts) >= held:
                posts.sort(key=_key)
                runs.append(_Run(posts, files))
                posts = []
        posts.sort(key=_key)
        if not runs:
            yield from _batches(iter(posts))
            return
        if posts:
            runs.append(_Run(posts, files))
            posts = []
        yield from _batches(_merged(runs))


def _key(post: Item) -> tuple[int, str, str]:
    return post.time_ms, post.platform, post.id


def _batches(posts: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(posts, BATCH_POSTS)):
        yield batch


def _merged(runs: list[_Run]) -> Iterator[Item]:
    if all(before.last <= after.first for before, after in pairwise(runs)):
        return chain.from_iterable(runs)  # the input was sorted: no need to compare post by post
    return heapq.merge(*runs, key=_key)


class _Run:
    """Sorted posts in a temporary file: frames of posts, each with its length before it."""

    def __init__(self, posts: list[Item], files: ExitStack) -> None:
        self.first, self.last = _key(posts[0]), _key(posts[-1])
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="vigie-sort-")  # noqa: SIM115
            files.callback(_close, self._file)
            for at in range(0, len(posts), BATCH_POSTS):
                frame = _encode(_apart(posts[at : at + BATCH_POSTS]))
                self._file.write(len(frame).to_bytes(_LENGTH_BYTES) + frame)
            self._file.flush()
        except OSError as problem:
            raise InputError(
                f"the posts cannot be sorted on disk: {problem.strerror}; "
                "free space in the temporary folder, or set TMPDIR to a folder with more"
            ) from None

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            kinds: tuple[Sequence[Item], ...] = _decode(self._file.read(int.from_bytes(length)))
            yield from heapq.merge(*kinds, key=_key)


def _apart(items: list[Item]) -> tuple[list[Post], list[Change]]:
    """Posts and changes in lists of their own, whose records need not say which of the two they are."""
    return (
        [item for item in items if isinstance(item, Post)],
        [item for item in items if isinstance(item, Change)],
    )


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what could not be written on a full disk is tried again on closing
        file.close()
