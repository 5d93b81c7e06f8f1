"""CSV tables with a mapping: which rules make a post of a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from html import unescape
from typing import Any

from detectors.events import from_mapping
from streams.sources import cells, rows
from streams.sources.lines import Block
from streams.sources.mapping import FieldRules, Rule, TableMapping
from streams.sources.records import Batch
from streams.sources.rows import Columns, MakeItem, Table

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

    def compiled(columns: Columns) -> MakeItem:
        to_fields = _compiled(mapping, columns)
        return lambda row: from_mapping(to_fields(row))

    table = Table(mapping.columns(), compiled, mapping.name, mapping.delimiter)
    return rows.batches(blocks, name, [table])


def _compiled(mapping: TableMapping, places: Columns) -> Callable[[_Row], dict[str, Any]]:
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


def _field_reader(field: FieldRules, places: Columns, times: tuple[str, ...]) -> _Read:
    readers = [_rule_reader(rule, field, places, times) for rule in field.rules]
    if len(readers) == 1:
        return readers[0]

    def first_found(row: _Row) -> Any:
        for read in readers:
            if (value := read(row)) is not None:
                return value
        return None

    return first_found


def _rule_reader(rule: Rule, field: FieldRules, places: Columns, times: tuple[str, ...]) -> _Read:
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


def _source_reader(rule: Rule, field: FieldRules, places: Columns, times: tuple[str, ...]) -> _Read:
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
