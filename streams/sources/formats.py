"""The formats of recorded archives by name, and the guess which one an input has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from detectors.alerts import instant
from detectors.events import Item, Post, Rejection
from streams.sources import (
    ads,
    bluesky_repo,
    io_archive,
    ira_538,
    jetstream,
    jsonlines,
    mastodon,
    posts,
    rows,
    tabular,
    twitter_v1,
    twitter_v2,
)
from streams.sources.lines import Block, blocks
from streams.sources.mapping import TableMapping, read_mapping
from streams.sources.opening import InputError, label, open_input
from streams.sources.records import Batch, Rejected, Tally

_JSON_FORMATS: dict[str, jsonlines.TakeLine] = {
    "posts": posts.take_line,
    "twitter-v1": twitter_v1.take_line,
    "twitter-v2": twitter_v2.take_line,
    "jetstream": jetstream.take_line,
    "mastodon": mastodon.take_line,
}
_TABLE_FORMATS = {
    "io-archive": (
        rows.Table(io_archive.POSTS, io_archive.compiled_posts),
        rows.Table(io_archive.USERS, io_archive.compiled_users),
    ),
    "ira-538": (rows.Table(ira_538.POSTS, ira_538.compiled),),
    "ads": (rows.Table(ads.POSTS, ads.compiled),),
}
_MAPPING_ADVICE = "say with a mapping file which column is which field"
_JSON_ADVICE = "each line must be one JSON text, as `jq -c` writes it; check also the format"

FUTURE_MS = 5 * 60_000
"""How far a post may lie ahead of the reading clock: clocks differ, but not by more."""

REPO = "bluesky-repo"
FORMATS = (*_JSON_FORMATS, *_TABLE_FORMATS, REPO, "csv", "auto")
"""The names that `open_source` takes; `csv` needs a mapping, `auto` guesses."""


@dataclass(slots=True)
class Reader:
    """An opened archive. Iterating gives its batches, once.

    Parameters
    ----------
    name : str
        How the input is named in messages.
    format : str
        The format it is read as, never `auto`.
    guessed : bool
        Whether the format was guessed.
    """

    name: str
    format: str
    guessed: bool
    _batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self._batches


def open_source(path: str | Path, format: str = "auto", mapping: str | Path | None = None) -> Reader:
    """Open an archive.

    Parameters
    ----------
    path : str or Path
        A file, or `-` for standard input; plain, gzip or zstd.
    format : str
        One of `FORMATS`.
    mapping : str or Path, optional
        A mapping file, for the format `csv`. With `auto` it means `csv`.

    Returns
    -------
    Reader
        An empty input gives no posts; that is no error.

    Raises
    ------
    InputError
        At once when the input or the mapping cannot be opened or the format cannot be guessed; while
        iterating when the input is cut off or damaged, lacks columns, or has no JSON record at all.
    """
    if format not in FORMATS:
        raise InputError(f"{format!r} is no format: choose one of {', '.join(FORMATS)}")
    if format not in ("csv", "auto") and mapping is not None:
        raise InputError(f"a mapping is for the format csv, not for {format}: leave one of the two out")
    if format == "csv" and mapping is None:
        raise InputError(f"the format csv needs a mapping: {_MAPPING_ADVICE}")
    name = label(path)
    table = read_mapping(mapping) if mapping is not None else None
    chunks = open_input(path)
    if format == "auto" and mapping is None:
        head, chunks = _peeked(chunks)
        if bluesky_repo.begins(head):
            return Reader(name, REPO, True, bluesky_repo.batches(chunks, name))
    if format == REPO:
        return Reader(name, REPO, False, bluesky_repo.batches(chunks, name))
    content = blocks(chunks)
    chosen = format
    if format == "auto" and table is not None:
        chosen = "csv"
    elif format == "auto":
        chosen, content = _guess(content, name)
    return Reader(name, chosen, format == "auto", _read(content, chosen, table, name))


def posts_of(
    readers: Iterable[Reader], tally: Tally, on_rejected: Callable[[str, Rejected], None] | None = None
) -> Iterator[list[Post]]:
    """`items_of` without the changes: the posts alone."""
    for items in items_of(readers, tally, on_rejected):
        if found := [item for item in items if isinstance(item, Post)]:
            yield found


def items_of(
    readers: Iterable[Reader],
    tally: Tally,
    on_rejected: Callable[[str, Rejected], None] | None = None,
    clock: Callable[[], int] | None = None,
) -> Iterator[list[Item]]:
    """Give the posts and changes of several archives, one after the other, and count what was read.

    Parameters
    ----------
    readers : iterable of Reader
        The archives.
    tally : Tally
        Counts posts, events and refused records.
    on_rejected : callable, optional
        Told of every refused record, with the name of its input.
    clock : callable, optional
        The present in milliseconds. Posts dated more than `FUTURE_MS` after it are refused: one of them
        would make every later post of a live stream late.
    """
    for reader in readers:
        for batch in reader:
            if clock is not None:
                refuse_future(batch, clock() + FUTURE_MS)
            tally.add(batch)
            if on_rejected is not None:
                for refused in batch.rejected:
                    on_rejected(reader.name, refused)
            if batch.posts:
                yield batch.posts


def refuse_future(batch: Batch, limit_ms: int) -> None:
    """Refuse what is dated after a limit, in milliseconds since the epoch."""
    if max((item.time_ms for item in batch.posts), default=0) <= limit_ms:
        return
    everything = list(zip(batch.lines, batch.posts, strict=True))
    batch.lines = [line for line, item in everything if item.time_ms <= limit_ms]
    batch.posts = [item for _, item in everything if item.time_ms <= limit_ms]
    for line, item in everything:
        if item.time_ms > limit_ms:
            detail = f"it is dated {instant(item.time_ms)}, after the clock of this computer"
            batch.reject(line, "future_time", detail, posts.encode_item(item))


def _read(content: Iterator[Block], format: str, table: TableMapping | None, name: str) -> Iterator[Batch]:
    if format in _JSON_FORMATS:
        return _with_json(jsonlines.batches(content, _JSON_FORMATS[format]), name)
    if table is not None:
        return tabular.batches(content, table, name)
    return rows.batches(content, name, _TABLE_FORMATS[format])


def _with_json(batches: Iterator[Batch], name: str) -> Iterator[Batch]:
    """Pass batches on; an input without a single JSON text ends with an InputError."""
    any_text = any_json = False
    for batch in batches:
        if not any_json:
            any_json = bool(batch.posts or batch.events) or any(
                refused.reason != "not_json" for refused in batch.rejected
            )
            any_text = any_text or any(refused.raw.strip() for refused in batch.rejected)
        yield batch
    if any_text and not any_json:
        raise InputError(f"{name} has no JSON record at all: {_JSON_ADVICE}")


def _peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of an input, and the input from its beginning."""
    first: list[bytes] = []
    for chunk in chunks:
        first.append(chunk)
        if sum(map(len, first)) >= bluesky_repo.HEAD_BYTES:
            break
    return b"".join(first)[: bluesky_repo.HEAD_BYTES], chain(first, chunks)


def _guess(content: Iterator[Block], name: str) -> tuple[str, Iterator[Block]]:
    """Guess the format from the first block that says something; give the content from its beginning."""
    seen: list[Block] = []
    for block in content:
        seen.append(block)
        if not block.cut and any(line and not line.isspace() for line in block.lines):
            break
    else:
        return "posts", iter(seen)
    lines = [line for line in seen[-1].lines if line and not line.isspace()]
    return _guess_json(lines) or _guess_table(lines[0], name), chain(seen, content)


def _guess_json(lines: list[bytes]) -> str | None:
    found = None
    for line in lines[:100]:
        try:
            record = jsonlines.decode_json(line)
        except Rejection:
            continue
        if isinstance(record, list) and record:
            record = record[0]
        if isinstance(record, dict):
            # JSON of an unknown shape is read as posts: that says line by line what is wrong with it.
            found = "posts"
            if (shape := _shape(record)) is not None:
                return shape
    return found


def _shape(record: dict[str, Any]) -> str | None:
    return next((format for format, fits in _SHAPES.items() if fits(record)), None)


def _is_event(record: dict[str, Any]) -> bool:
    """Whether this is an event of Jetstream, in either form."""
    return ("did" in record and "kind" in record) or record.get("$type") in ("message", "error")


def _is_status(record: dict[str, Any]) -> bool:
    """Whether this is a status of Mastodon, an answer of its search or a frame of its stream."""
    found = record.get("statuses")
    first = found[0] if isinstance(found, list) and found else record
    if isinstance(first, dict) and isinstance(first.get("account"), dict) and "visibility" in first:
        return True
    return "stream" in record and "payload" in record


def _is_answer_v2(record: dict[str, Any]) -> bool:
    return isinstance(record.get("data"), list | dict) or "edit_history_tweet_ids" in record


def _is_v1(record: dict[str, Any]) -> bool:
    if any(name in record for name in ("id_str", "retweeted_status", "statuses", "delete")):
        return True
    return isinstance(record.get("user"), dict) and "created_at" in record


def _is_v2(record: dict[str, Any]) -> bool:
    if any(name in record for name in ("author_id", "public_metrics", "__twarc")):
        return True
    return isinstance(record.get("action"), str)


_SHAPES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "posts": lambda record: "platform" in record,
    "jetstream": _is_event,
    "mastodon": _is_status,
    "twitter-v2": lambda record: _is_answer_v2(record) or (_is_v2(record) and not _is_v1(record)),
    "twitter-v1": _is_v1,
}
"""How the formats of JSON are told apart; the first that fits counts."""


def _guess_table(line: bytes, name: str) -> str:
    header = line.decode(errors="replace")
    for format, tables in _TABLE_FORMATS.items():
        if any(table.begins_with(header) for table in tables):
            return format
    columns = rows.split_header(header, rows.find_delimiter(header, ()))
    if len(columns) > 1 and not {"\0", "\ufffd"}.intersection(header):
        raise InputError(
            f"{name} looks like a table with the columns {', '.join(columns)[:1000]}: {_MAPPING_ADVICE}"
        )
    advice = _JSON_ADVICE if header.lstrip()[:1] in ("{", "[") else "check that it is an archive of posts"
    raise InputError(f"{name} has no JSON or CSV record: {advice}")
