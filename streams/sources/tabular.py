"""CSV tables with a mapping, row by row into posts.

Rows may hold quoted line breaks. A row that is broken is refused and counted; the next one is read. The
columns are found by the names in the header line, never by their place.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import unescape
from itertools import chain
from typing import Any

from detectors.events import Rejection
from streams.sources import cells
from streams.sources.jsonlines import accept_mapping
from streams.sources.lines import LONGEST_LINE, Block
from streams.sources.mapping import FieldRules, Rule, TableMapping
from streams.sources.opening import InputError
from streams.sources.records import KEPT_BYTES, Batch

DELIMITERS = (",", "\t", ";", "|")

_Row = Sequence[str]
_Read = Callable[[_Row], Any]  # gives the value of a field in a row, or None when it is absent


def batches(blocks: Iterable[Block], mapping: TableMapping, name: str) -> Iterator[Batch]:
    """Give the posts of a table, one batch for each block of lines.

    Parameters
    ----------
    blocks : iterable of Block
        The lines, beginning with the header.
    mapping : TableMapping
        Which column is which field.
    name : str
        How the input is named in messages.

    Raises
    ------
    InputError
        When the header lacks columns that the mapping names. An empty input gives nothing.
    """
    lines = _Lines(blocks)
    first = next(lines, None)
    if first is None:
        return
    delimiter = mapping.delimiter or find_delimiter(first, mapping.columns())
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    header = _header(reader, name)
    to_fields = _compiled(mapping, _places(header, mapping, name))
    batch = Batch()
    while True:
        lines.begin_record()
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as problem:
            batch.reject(lines.first, "bad_record", f"not a CSV row: {problem}", lines.raw())
        else:
            _take(row, len(header), to_fields, lines, batch)
        if lines.at_end_of_block and (batch.posts or batch.rejected):
            yield batch
            batch = Batch()
    if batch.posts or batch.rejected:
        yield batch


def split_header(line: str, delimiter: str) -> list[str]:
    """The column names of a header line.

    >>> split_header('id;"the text";time', ";")
    ['id', 'the text', 'time']
    """
    try:
        return [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def find_delimiter(line: str, columns: Iterable[str]) -> str:
    """The delimiter that finds most of these columns in a header line; among equals the one that cuts most.

    >>> find_delimiter("id;text, or what;time", ["id", "time"])
    ';'
    """
    wanted = set(columns)

    def found(delimiter: str) -> tuple[int, int]:
        header = split_header(line, delimiter)
        return len(wanted.intersection(header)), len(header)

    return max(DELIMITERS, key=found)


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        return [column.strip() for column in next(reader, [])]
    except csv.Error as problem:
        raise InputError(f"{name} has no CSV header: {problem}; check that it is a table") from None


def _places(header: list[str], mapping: TableMapping, name: str) -> dict[str, int]:
    places = {column: at for at, column in reversed(list(enumerate(header)))}
    if missing := [column for column in mapping.columns() if column not in places]:
        raise InputError(
            f"{name} lacks columns that {mapping.name} names: {', '.join(missing)}; "
            f"it has: {', '.join(header)[:1000]}; name these in the mapping or choose another format"
        )
    return places


class _Lines:
    """The lines as text for the csv module, which remembers the lines of the record that is being read."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._lines: list[bytes] = []
        self._at = 0
        self._next_number = 1
        self._cut = False
        self._record: list[bytes] = []
        self.first = 1
        self.problem: str | None = None

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._at == len(self._lines):
            block = next(self._blocks)
            self._lines, self._at, self._cut = block.lines, 0, block.cut
        line = self._lines[self._at]
        self._at += 1
        self._next_number += 1
        self._record.append(line)
        if self._cut:
            self.problem = f"the line is longer than {LONGEST_LINE} bytes"
        elif b"\0" in line:
            self.problem = "the row holds a NUL byte"
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError:
            self.problem = self.problem or "the row is not UTF-8: change the file, for example with iconv"
            return line.decode(errors="replace") + "\n"

    @property
    def at_end_of_block(self) -> bool:
        """Whether all that came at once has been read."""
        return self._at == len(self._lines)

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self._record.clear()
        self.first = self._next_number
        self.problem = None

    def raw(self) -> bytes:
        """The record as it was read, cut after the first `KEPT_BYTES`."""
        return b"\n".join(self._record)[:KEPT_BYTES]


def _take(
    row: list[str], width: int, to_fields: Callable[[_Row], dict[str, Any]], lines: _Lines, batch: Batch
) -> None:
    if lines.problem:
        batch.reject(lines.first, "bad_record", lines.problem, lines.raw())
    elif len(row) == width:
        try:
            fields = to_fields(row)
        except Rejection as problem:
            batch.reject(lines.first, problem.reason, problem.detail, lines.raw())
        else:
            accept_mapping(fields, lines.first, lines.raw(), batch)
    elif row:  # an empty line between rows is no record
        detail = f"the row has {len(row)} cells and the header {width}"
        batch.reject(lines.first, "bad_record", detail, lines.raw())


def _compiled(mapping: TableMapping, places: Mapping[str, int]) -> Callable[[_Row], dict[str, Any]]:
    """Make the function from a row to the fields of a post."""
    readers = [
        (*field.name.rpartition(".")[::2], _field_reader(field, places, mapping.times))
        for field in mapping.fields
    ]

    def to_fields(row: _Row) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for inside, name, read in readers:
            value = read(row)
            if value is not None:
                (fields.setdefault(inside, {}) if inside else fields)[name] = value
        return fields

    return to_fields


def _field_reader(field: FieldRules, places: Mapping[str, int], times: tuple[str, ...]) -> _Read:
    readers = [_rule_reader(rule, field, places, times) for rule in field.rules]
    if len(readers) == 1:
        return readers[0]

    def first_found(row: _Row) -> Any:
        for read in readers:
            if (value := read(row)) is not None:
                return value
        return None

    return first_found


def _rule_reader(rule: Rule, field: FieldRules, places: Mapping[str, int], times: tuple[str, ...]) -> _Read:
    read = _source_reader(rule, field, places, times)
    if rule.when is None:
        return read
    at = places[rule.when.column]
    equals, present = rule.when.equals, rule.when.present
    allowed = {equals} if isinstance(equals, str) else set(equals or ())

    def read_when(row: _Row) -> Any:
        cell = row[at].strip()
        holds = cell in allowed if present is None else bool(cell) is present
        return read(row) if holds else None

    return read_when


def _source_reader(rule: Rule, field: FieldRules, places: Mapping[str, int], times: tuple[str, ...]) -> _Read:
    if rule.value is not None:
        constant = rule.value
        return lambda row: constant
    if rule.hash is not None:
        hashed_at = [places[column] for column in rule.hashed_columns()]
        return lambda row: cells.hashed([row[at] for at in hashed_at])
    clean = _cleaner(rule)
    if rule.columns is not None:
        item_at = [places[column] for column in rule.columns]
        return lambda row: [item for at in item_at if (item := clean(row[at]))] or None
    at = places[rule.column or ""]
    convert = _converter(rule, field, times)

    def read(row: _Row) -> Any:
        text = clean(row[at])
        return convert(text) if text else None

    return read


def _cleaner(rule: Rule) -> Callable[[str], str]:
    """Make the function that prepares the text of a cell; an empty text is an absent value."""
    values = rule.values or {}
    prefix = rule.strip_prefix or ""
    pattern = re.compile(rule.strip_pattern) if rule.strip_pattern else None

    def clean(cell: str) -> str:
        text = cell if cell and not cell.isspace() else ""
        if values:
            text = values.get(text.strip(), text)
        text = text.removeprefix(prefix)
        if pattern and (found := pattern.match(text)):
            text = text[found.end() :]
        return unescape(text) if rule.unescape else text

    return clean


def _converter(rule: Rule, field: FieldRules, times: tuple[str, ...]) -> Callable[[str], Any]:
    """Make the function from the text of a cell to what the field holds."""
    if field.type is datetime:
        own = [rule.time] if isinstance(rule.time, str) else rule.time
        formats = tuple(own or times)
        return lambda text: cells.moment(text.strip(), formats)
    if field.type is list:
        separator = rule.split or ","
        return lambda text: cells.listed(text, separator)
    if field.type is str:
        return str if field.name == "text" else str.strip  # in a text, blanks at its ends may tell something
    readers: dict[type, Callable[[str], Any]] = {
        int: cells.integer,
        float: cells.number,
        bool: cells.boolean,
    }
    return readers[field.type]
