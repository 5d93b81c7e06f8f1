"""The rows of a CSV table, each made into a post or a change by one function, or refused and counted.

Rows may hold quoted line breaks. A row that is broken is refused; the next one is read. Columns are found by
the names in the header line, never by their place.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from detectors.events import Item, Rejection
from streams.sources.lines import LONGEST_LINE, Block
from streams.sources.opening import InputError
from streams.sources.records import KEPT_BYTES, Batch

DELIMITERS = (",", "\t", ";", "|")

MakeItem = Callable[[list[str]], Item]
"""Makes a post or a change of a row, or raises a Rejection. The row has one more cell, an empty one."""


class Columns:
    """Which column stands where.

    Parameters
    ----------
    header : sequence of str
        The names of the columns.

    Examples
    --------
    >>> columns = Columns(["id", "text"])
    >>> columns["text"], columns["lang"], "lang" in columns
    (1, 2, False)
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._places = {name: at for at, name in reversed(list(enumerate(header)))}
        self._empty = len(header)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> int:
        """The place of a column; of one that is not there that of the empty cell behind each row."""
        return self._places.get(name, self._empty)


class Table(NamedTuple):
    """A table that is known."""

    required: Sequence[str]
    """Columns without which no row can be read; they also tell the delimiter."""
    compiled: Callable[[Columns], MakeItem]
    """Given the columns, makes the function that is called for each row."""
    name: str = "the format"
    """What names the columns, for messages."""
    delimiter: str | None = None
    """Between two cells; None to find it out."""

    def begins_with(self, header: str) -> bool:
        """Whether a header line has the columns that are required."""
        return set(self.required) <= set(split_header(header, self.delimiter_of(header)))

    def delimiter_of(self, header: str) -> str:
        """What stands between two cells."""
        return self.delimiter or find_delimiter(header, self.required)


def batches(blocks: Iterable[Block], name: str, tables: Sequence[Table]) -> Iterator[Batch]:
    """Give what the rows of a table hold, one batch for each block of lines.

    Parameters
    ----------
    blocks : iterable of Block
        The lines, beginning with the header.
    name : str
        How the input is named in messages.
    tables : sequence of Table
        What it may be; the first that fits counts.

    Raises
    ------
    InputError
        When none fits. An empty input gives nothing.
    """
    lines = _Lines(blocks)
    texts = iter(lines)
    first = next(texts, None)
    if first is None:
        return
    table = next((table for table in tables if table.begins_with(first)), tables[0])
    reader = csv.reader(chain([first], texts), delimiter=table.delimiter_of(first))
    header = _header(reader, name)
    columns = Columns(header)
    if missing := [column for column in table.required if column not in columns]:
        raise InputError(
            f"{name} lacks columns that {table.name} names: {', '.join(missing)}; "
            f"it has: {', '.join(header)[:1000]}; name these in a mapping or choose another format"
        )
    make, width = table.compiled(columns), len(header)
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
            _take(row, width, make, lines, batch)
        if lines.at_end_of_block and (batch.posts or batch.rejected):
            yield batch
            batch = Batch()
    if batch.posts or batch.rejected:
        yield batch


def _take(row: list[str], width: int, make: MakeItem, lines: _Lines, batch: Batch) -> None:
    if lines.problem:
        batch.reject(lines.first, "bad_record", lines.problem, lines.raw())
    elif len(row) == width:
        row.append("")
        try:
            batch.accept(lines.first, make(row))
        except Rejection as problem:
            batch.reject(lines.first, problem.reason, problem.detail, lines.raw())
    elif row:  # an empty line between rows is no record
        detail = f"the row has {len(row)} cells and the header {width}"
        batch.reject(lines.first, "bad_record", detail, lines.raw())


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


class _Lines:
    """The lines as text for the csv module, which remembers the lines of the record that is being read."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._block = Block(1, [])
        self._at = 0
        """Lines of the block that were read."""
        self._begin = 0
        """Of these, the ones before the record."""
        self._carried: list[bytes] = []
        """Lines of the record in earlier blocks."""
        self._bad: dict[int, str] = {}
        """What is wrong with a line, by its number."""
        self.first = 1

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            self._carried += self._block.lines[self._begin :]
            self._block, self._begin = block, 0
            for self._at, text in enumerate(self._texts(block), 1):  # noqa: B020
                yield text

    def _texts(self, block: Block) -> list[str]:
        content = b"\n".join(block.lines)
        try:
            if not block.cut and b"\0" not in content:
                return [f"{text}\n" for text in content.decode().split("\n")]
        except UnicodeDecodeError:
            pass
        for number, line in enumerate(block.lines, block.first):
            if problem := _problem(line, cut=block.cut):
                self._bad[number] = problem
        return [line.decode(errors="replace") + "\n" for line in block.lines]

    @property
    def problem(self) -> str | None:
        """What is wrong with the bytes of the record."""
        if not self._bad:
            return None
        last = self._block.first + self._at
        return next((problem for number, problem in self._bad.items() if self.first <= number < last), None)

    @property
    def at_end_of_block(self) -> bool:
        """Whether all that came at once has been read."""
        return self._at == len(self._block.lines)

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self._begin = self._at
        self.first = self._block.first + self._at
        if self._carried:
            self._carried = []
        if self._bad:
            self._bad = {number: problem for number, problem in self._bad.items() if number >= self.first}

    def raw(self) -> bytes:
        """The record as it was read, cut after the first `KEPT_BYTES`."""
        return b"\n".join([*self._carried, *self._block.lines[self._begin : self._at]])[:KEPT_BYTES]


def _problem(line: bytes, *, cut: bool) -> str | None:
    if cut:
        return f"the line is longer than {LONGEST_LINE} bytes"
    if b"\0" in line:
        return "the row holds a NUL byte"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "the row is not UTF-8: change the file, for example with iconv"
    return None
