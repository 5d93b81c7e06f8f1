"""Sort the posts of archives by time, in memory while they fit and on disk beyond.

The order is (`time_ms`, `platform`, `id`); posts that are equal in all three keep the order of the input.
Beyond the bound, sorted runs go to temporary files without a name, which the system removes whatever happens,
and are merged while reading.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain, islice, pairwise
from typing import IO

import msgspec

from detectors.events import Post
from streams.sources.opening import InputError

HELD_POSTS = 400_000
"""Posts held in memory by default: about 600 MB for posts with a profile."""

BATCH_POSTS = 1000
_LENGTH_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Post]).decode


def in_order(
    batches: Iterable[list[Post]],
    *,
    held: int = HELD_POSTS,
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[Post]]:
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
        posts: list[Post] = []
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


def _key(post: Post) -> tuple[int, str, str]:
    return post.time_ms, post.platform, post.id


def _batches(posts: Iterator[Post]) -> Iterator[list[Post]]:
    while batch := list(islice(posts, BATCH_POSTS)):
        yield batch


def _merged(runs: list[_Run]) -> Iterator[Post]:
    if all(before.last <= after.first for before, after in pairwise(runs)):
        return chain.from_iterable(runs)  # the input was sorted: no need to compare post by post
    return heapq.merge(*runs, key=_key)


class _Run:
    """Sorted posts in a temporary file: frames of posts, each with its length before it."""

    def __init__(self, posts: list[Post], files: ExitStack) -> None:
        self.first, self.last = _key(posts[0]), _key(posts[-1])
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="vigie-sort-")  # noqa: SIM115
            files.callback(_close, self._file)
            for at in range(0, len(posts), BATCH_POSTS):
                frame = _encode(posts[at : at + BATCH_POSTS])
                self._file.write(len(frame).to_bytes(_LENGTH_BYTES) + frame)
            self._file.flush()
        except OSError as problem:
            raise InputError(
                f"the posts cannot be sorted on disk: {problem.strerror}; "
                "free space in the temporary folder, or set TMPDIR to a folder with more"
            ) from None

    def __iter__(self) -> Iterator[Post]:
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            yield from _decode(self._file.read(int.from_bytes(length)))


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what could not be written on a full disk is tried again on closing
        file.close()
