"""The room's lists as files: CSV tables or YAML, read whole or not at all, and read again when they change.

A list accuses, so that nothing in it is guessed: an unknown column, an unknown kind, a missing reason or an
id that a spreadsheet has rounded is refused, with the line and what to do.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from detectors.events import Rejection, milliseconds
from detectors.lists import KINDS, Entry, Lists, identity
from streams.sources.cells import moment
from streams.sources.opening import InputError, open_input
from streams.sources.rows import find_delimiter

REQUIRED = ("account", "reason", "source", "kind")
COLUMNS = (*REQUIRED, "since", "platform", "handle")

_Rows = Iterator[tuple[int, dict[str, str]]]
"""Line on which an entry begins, and its cells by column."""
_Signature = tuple[tuple[int, int, int], ...]
"""Of each file what changes when it does: inode, size, time of change; zeros where it cannot be seen."""

_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
_DEEPEST = 3
"""A mapping, with entries, each of which is a mapping."""
_NULLS = ("", "~", "null", "Null", "NULL")
# The one written in C reads the same, some ten times faster. Neither resolves anything: "0123", "no" and
# "2017-10-26" stay what was written, where YAML would make a number, a falsehood and a date of them.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class ListFiles:
    """The files of the room's lists, watched for changes. All are in force together, or the old ones are.

    Parameters
    ----------
    paths : sequence of str or Path
    on_problem : callable
        Told once of each change that cannot be read, with one sentence.
    hidden : callable, optional
        Puts the entries under the pseudonyms that the posts bear (`streams.pseudonyms`).
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        on_problem: Callable[[str], None],
        hidden: Callable[[Lists], Lists] = lambda lists: lists,
    ) -> None:
        self._paths = [Path(path) for path in paths]
        self._on_problem = on_problem
        self._hidden = hidden
        self._version: str | None = None
        self._read: _Signature = ()
        self._seen: _Signature = ()

    def load(self) -> Lists:
        """Read all files.

        Raises
        ------
        InputError
            When one of them cannot be read.
        """
        self._read = self._seen = self._signature()
        lists = self._hidden(read_lists(self._paths))
        self._version = lists.version
        return lists

    def changed(self) -> Lists | None:
        """The new lists, if a file has changed since they were read; None while the old ones go on.

        A change is read at the second look at which it is the same: a file that is still being written might
        end within its entries, and look whole.
        """
        before, self._seen = self._seen, self._signature()
        if self._seen == self._read or self._seen != before:
            return None
        self._read = self._seen
        try:
            lists = self._hidden(read_lists(self._paths))
        except InputError as problem:
            self._on_problem(f"{str(problem).removesuffix('.')}. The lists of before stay in force.")
            return None
        if self._signature() != self._read or lists.version == self._version:
            return None
        self._version = lists.version
        return lists

    def _signature(self) -> _Signature:
        return tuple(_look(path) for path in self._paths)


def read_lists(paths: Sequence[str | Path]) -> Lists:
    """All entries of several files.

    Raises
    ------
    InputError
        At the first thing that is wrong in any of them.
    """
    entries: list[Entry] = []
    named: dict[str, str | Path] = {}
    for path in paths:
        name, rows = _opened(Path(path))
        if name in named:
            raise InputError(f"{named[name]} and {path} are both the list {name!r}: rename one of them.")
        named[name] = path
        entries += _entries(rows, str(path), name)
    return Lists(entries)


def _look(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return 0, 0, 0
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _opened(path: Path) -> tuple[str, _Rows]:
    """Name of the list in a file, and its rows."""
    readers = {".csv": _table, ".yaml": _document, ".yml": _document}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is no list: name it .csv or .yaml, after what is in it.")
    try:
        text = b"".join(open_input(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not UTF-8 text: save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        ) from None
    if not text.strip():
        raise InputError(f"{path} is empty: a list without entries still has its header, or entries: [].")
    return reader(text, path)


# -- tables ----------------------------------------------------------------------------------------


def _table(text: str, path: Path) -> tuple[str, _Rows]:
    return path.stem, _table_rows(text, path)


def _table_rows(text: str, path: Path) -> _Rows:
    records = _records(text, path)
    line, header = next(records, (1, []))
    columns = [cell.lower() for cell in header]
    _check_names(columns, f"{path}, line {line}: the column")
    if missing := [column for column in REQUIRED if column not in columns]:
        raise InputError(f"{path} lacks the column {missing[0]}: its header must name {', '.join(REQUIRED)}.")
    for line, cells in records:
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells under {len(columns)} columns; put a cell that "
                "holds the separator in double quotes."
            )
        yield line, dict(zip(columns, cells, strict=True))


def _records(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, without comments and empty ones. A quoted cell may go on over several lines."""
    lines = enumerate(io.StringIO(text, newline=""), 1)
    delimiter = ""
    for number, line in lines:
        if line.startswith("#") or not line.strip():
            continue
        delimiter = delimiter or find_delimiter(line, COLUMNS)
        following = (more for _, more in lines)
        try:
            cells = next(csv.reader(chain([line], following), delimiter=delimiter, strict=True))
        except csv.Error as problem:
            raise InputError(f"{path}, line {number}: not a CSV row ({problem}); check its quotes.") from None
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield number, cells


# -- YAML ------------------------------------------------------------------------------------------


def _document(text: str, path: Path) -> tuple[str, _Rows]:
    try:
        _check_depth(text, path)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        what = getattr(problem, "problem", None) or "it cannot be parsed"
        raise InputError(f"{path}{where}: not YAML ({what}); check its indentation and quotes.") from None
    name, entries = path.stem, root
    if isinstance(root, yaml.MappingNode):
        parts = _parts(root, f"{path}, line {_line(root)}")
        if unknown := parts.keys() - {"name", "entries"}:
            raise InputError(f"{path}: {min(unknown)!r} is no part of a list: write name and entries.")
        entries = parts.get("entries")
        if "name" in parts:
            name = _scalar(parts["name"], f"{path}: the name") or name
    if not isinstance(entries, yaml.SequenceNode):
        raise InputError(f"{path} holds no entries: write them as a list, each beginning with '- account:'.")
    return name, _document_rows(entries, path)


def _check_depth(text: str, path: Path) -> None:
    """Refuse what is nested deeper than a list ever is, before it is composed, which goes as deep itself."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise InputError(
                f"{path}, line {_line(event)}: nested too deep: an entry holds plain values, and no list or "
                "mapping."
            )


def _document_rows(entries: Any, path: Path) -> _Rows:
    for node in entries.value:
        line = _line(node)
        where = f"{path}, line {line}"
        if not isinstance(node, yaml.MappingNode):
            raise InputError(f"{where}: an entry is a mapping: begin it with '- account:'.")
        cells = {
            column: _scalar(value, f"{where}: {column}") for column, value in _parts(node, where).items()
        }
        _check_names(list(cells), f"{where}:")
        yield line, cells


def _parts(mapping: Any, where: str) -> dict[str, Any]:
    """The values of a mapping by their names; YAML itself would let the last of two stand."""
    parts: dict[str, Any] = {}
    for key, value in mapping.value:
        name = _scalar(key, f"{where}: a name").lower()
        if name in parts:
            raise InputError(f"{where}: {name} is there twice: keep one.")
        parts[name] = value
    return parts


def _scalar(node: Any, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{what} must be a plain value, and no list or mapping.")
    value = str(node.value).strip()
    return "" if not node.style and value in _NULLS else value


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


# -- entries ---------------------------------------------------------------------------------------


def _check_names(columns: list[str], where: str) -> None:
    for place, column in enumerate(columns):
        if column not in COLUMNS:
            raise InputError(f"{where} {column!r} is unknown: write one of {', '.join(COLUMNS)}.")
        if column in columns[:place]:
            raise InputError(f"{where} {column!r} is there twice: keep one.")


def _entries(rows: _Rows, path: str, name: str) -> Iterator[Entry]:
    lines: dict[tuple[str, ...], int] = {}
    for line, cells in rows:
        entry = _entry(cells, f"{path}, line {line}", name)
        first = lines.setdefault(identity(entry), line)
        if first != line:
            raise InputError(
                f"{path}, line {line}: {entry.account} stands on line {first} already as {entry.kind}: "
                "keep one of the two."
            )
        yield entry


def _entry(cells: dict[str, str], where: str, name: str) -> Entry:
    account, kind = cells.get("account", ""), cells.get("kind", "").lower()
    if not account:
        raise InputError(f"{where}: the account is missing: give its id.")
    for column in ("reason", "source"):
        if not cells.get(column):
            raise InputError(f"{where}: the {column} is missing: nobody is listed without one.")
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise InputError(f"{where}: the kind {kind!r} is unknown: write one of {', '.join(KINDS)}.")
    since_ms = _since(cells.get("since", ""), where)
    if kind == "banned":
        if since_ms is None:
            raise InputError(f"{where}: the ban has no date: say under since from when it holds.")
    elif account.startswith("@"):
        raise InputError(f"{where}: {account} is a handle, which may change hands: give the account's id.")
    elif _ROUNDED.fullmatch(account):
        raise InputError(
            f"{where}: a spreadsheet has rounded the id {account}: format the column as text, and paste the "
            "ids again."
        )
    return Entry(
        account=account,
        kind=known,
        reason=cells["reason"],
        source=cells["source"],
        list=name,
        platform=cells.get("platform") or None,
        since_ms=since_ms,
        handle=cells.get("handle") or None,
    )


def _since(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        return milliseconds(moment(text, ("iso",)))
    except (Rejection, OverflowError):
        raise InputError(
            f"{where}: {text!r} is no date: write it as 2017-10-26 or 2017-10-26T12:00:00Z (UTC)."
        ) from None
