r"""Mapping files: which column of a table becomes which field of a post.

A mapping is a TOML file. A short one:

```toml
time = ["iso", "%m/%d/%Y %H:%M"]      # tried in this order; the default is "iso"
delimiter = ";"                       # the default is found out from the header line

[fields]
platform = { value = "twitter" }      # the same for all rows
precision_s = { value = 60 }
id = "tweet_id"                       # a column
author_id = ["user_id", "user_name"]  # the first that is not empty
created_at = "time"
kind = { column = "type", values = { retweet = "repost", tweet = "original" } }
text = { column = "text", strip_pattern = 'RT @\w+: ', unescape = true }
ref_id = { hash = ["text"], when = { column = "type", equals = "retweet" } }
hashtags = { column = "tags", split = "," }
author.followers = "followers"
```

The fields are those of a normalised post; `author.…`, `ref_author.…` and `promoted.…` are inside of it.
`platform`, `id`, `author_id` and `created_at` are required. A field has one rule, or a list of rules of which
the first that gives something counts. A rule is the name of a column, or a table with

- exactly one of `column`; `columns` (several, each an item of a list); `hash` (columns that together make a
  stable id); `value` (a constant),
- `when = { column = "c", equals = "x" }` (or a list of texts), or `when = { column = "c", present = true }`:
  else the rule gives nothing,
- `values`: what stands for what in this column; a text that is not listed stays, `""` means absent,
- `strip_prefix`, `strip_pattern` (a regular expression): taken off the beginning,
- `unescape`: `&amp;` becomes `&`,
- `split`: the separator of a list; brackets and quotes around it and its items are taken off,
- `time`: the time format of this column, if it differs.

Whole numbers, numbers, times and true or false are read as the field needs them. **An empty cell is absent**,
never zero, false or an empty list.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from detectors.events import Kind, Post, Profile, Promotion
from streams.sources.cells import time_format_problem
from streams.sources.opening import InputError

REQUIRED = ("platform", "id", "author_id", "created_at")
_INSIDE = {"author": Profile, "ref_author": Profile, "promoted": Promotion}
_SOURCES = ("column", "columns", "hash", "value")


class Condition(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When a rule counts: a cell equals one of some texts, or is present or not."""

    column: str
    equals: str | list[str] | None = None
    present: bool | None = None


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How one field is made from a row; the module describes the keys."""

    column: str | None = None
    columns: list[str] | None = None
    hash: str | list[str] | None = None
    value: Any = None
    when: Condition | None = None
    values: dict[str, str] | None = None
    strip_prefix: str | None = None
    strip_pattern: str | None = None
    unescape: bool = False
    split: str | None = None
    time: str | list[str] | None = None

    def hashed_columns(self) -> list[str]:
        """The columns of which an id is made."""
        return [self.hash] if isinstance(self.hash, str) else self.hash or []

    def named_columns(self) -> list[str]:
        """All columns that the rule needs."""
        when = [self.when.column] if self.when else []
        return [*([self.column] if self.column else []), *(self.columns or []), *self.hashed_columns(), *when]


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The rules of one field.

    Parameters
    ----------
    name : str
        Name of the field, for example `text` or `author.followers`.
    type : type
        `str`, `int`, `float`, `bool`, `datetime` or `list`.
    rules : list of Rule
        The first that gives something counts.
    """

    name: str
    type: type
    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class TableMapping:
    """A mapping that was read and checked.

    Parameters
    ----------
    name : str
        Where it comes from, for messages.
    fields : list of FieldRules
        The fields that are set.
    times : tuple of str
        Time formats, in the order in which they are tried.
    delimiter : str or None
        Between two cells; None to find it out.
    """

    name: str
    fields: list[FieldRules]
    times: tuple[str, ...]
    delimiter: str | None

    def columns(self) -> list[str]:
        """All columns that the mapping needs, each once."""
        named = (column for field in self.fields for rule in field.rules for column in rule.named_columns())
        return list(dict.fromkeys(named))


def read_mapping(path: str | Path) -> TableMapping:
    """Read a mapping file.

    Raises
    ------
    InputError
        When it cannot be read or has a mistake; the sentence names the key and what is valid there.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise InputError(f"the mapping {path} cannot be read: {why}") from None
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str = "mapping") -> TableMapping:
    """Check the text of a mapping file; as `read_mapping`."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{name} is not valid TOML: {problem}") from None
    valid = ("delimiter", "fields", "time")
    for key in top:
        if key not in valid:
            raise InputError(f"{name}: {key!r} is not a setting of a mapping; valid names: {_names(valid)}")
    delimiter = top.get("delimiter")
    if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter) == 1):
        raise InputError(f"{name}: delimiter must be a single character, for example ';'")
    if delimiter in ("\n", "\r", '"'):
        raise InputError(f"{name}: delimiter must not be a line break or a quote")
    tables = top.get("fields")
    if not isinstance(tables, dict):
        raise InputError(f"{name} has no table [fields]: say there which column is which field of a post")
    fields = [_field(name, *named) for named in _flat(name, tables)]
    known = {field.name for field in fields}
    if missing := [field for field in REQUIRED if field not in known]:
        raise InputError(f"{name}: [fields] must also set {_names(missing)}")
    return TableMapping(name, fields, time_formats(name, "time", top.get("time", "iso")), delimiter)


def time_formats(name: str, key: str, given: Any) -> tuple[str, ...]:
    """Check one time format or a list of them."""
    formats = [given] if isinstance(given, str) else given
    if not isinstance(formats, list) or not formats or not all(isinstance(form, str) for form in formats):
        raise InputError(f"{name}: {key} must be a time format or a list of them")
    for form in formats:
        if problem := time_format_problem(form):
            raise InputError(f"{name}: {key}: {problem}")
    return tuple(formats)


def _types() -> dict[str, type]:
    """Every field that a mapping may set, with the type of what goes into it."""
    found: dict[str, type] = {}
    for prefix, struct in (("", Post), *((f"{name}.", struct) for name, struct in _INSIDE.items())):
        for name, hint in get_type_hints(struct).items():
            if not prefix and (name in _INSIDE or name == "time_ms"):
                continue
            found[prefix + name] = _plain_type(hint)
    return found


def _plain_type(hint: Any) -> type:
    if get_origin(hint) in (Union, UnionType, Literal):
        hint = next(option for option in get_args(hint) if option is not NoneType)
    if isinstance(hint, str):  # one of the literal texts of `kind`
        return str
    plain: type = get_origin(hint) or hint
    return plain


FIELD_TYPES = _types()
"""Every field that a mapping may set: `str`, `int`, `float`, `bool`, `datetime` or `list`."""


def _flat(name: str, tables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, given in tables.items():
        if key not in _INSIDE:
            yield key, given
        elif isinstance(given, dict):
            yield from ((f"{key}.{inner}", rule) for inner, rule in given.items())
        else:
            raise InputError(f'{name}: fields.{key} must be a table such as {key}.handle = "column"')


def _field(name: str, field: str, given: Any) -> FieldRules:
    if field not in FIELD_TYPES:
        valid = _names(FIELD_TYPES)
        raise InputError(f"{name}: fields.{field} is not a field of a post; valid names: {valid}")
    rules = given if isinstance(given, list) else [given]
    if not rules:
        raise InputError(f"{name}: fields.{field} has no rule: name a column")
    return FieldRules(field, FIELD_TYPES[field], [_rule(name, field, rule) for rule in rules])


def _rule(name: str, field: str, given: Any) -> Rule:
    where = f"{name}: fields.{field}"
    try:
        rule = msgspec.convert({"column": given} if isinstance(given, str) else given, Rule)
    except msgspec.ValidationError as problem:
        struct = Condition if "$.when" in str(problem) else Rule
        valid = _names(struct.__struct_fields__)
        raise InputError(f"{where}: {problem}; a rule is a column name or a table of: {valid}") from None
    given_sources = [source for source in _SOURCES if getattr(rule, source) is not None]
    if len(given_sources) != 1:
        raise InputError(f"{where}: give exactly one of {_names(_SOURCES)}")
    _check(where, FIELD_TYPES[field], rule)
    if field == "kind":
        kinds = {rule.value or "", *(rule.values or {}).values()} - {""}
        if wrong := sorted(kinds.difference(get_args(Kind))):
            raise InputError(f"{where}: {_names(wrong)} is no kind; valid names: {_names(get_args(Kind))}")
    return rule


def _check(where: str, kind: type, rule: Rule) -> None:
    if kind is not list and (rule.columns is not None or rule.split is not None):
        raise InputError(f"{where}: columns and split are for the lists hashtags, mentions, links and media")
    if kind is list and rule.column is not None and rule.split is None:
        raise InputError(f'{where}: say with split what stands between two items, for example split = ","')
    if rule.split == "":
        raise InputError(f"{where}: split must not be empty")
    if rule.when and (rule.when.equals is None) == (rule.when.present is None):
        raise InputError(f"{where}: when needs exactly one of equals, present")
    if rule.time is not None:
        time_formats(where, "time", rule.time)
    try:
        re.compile(rule.strip_pattern or "")
    except re.error as problem:
        raise InputError(f"{where}: strip_pattern is not a regular expression: {problem}") from None
    if rule.value is not None:
        try:
            msgspec.convert(rule.value, list[str] if kind is list else kind)
        except msgspec.ValidationError as problem:
            raise InputError(f"{where}: value: {problem}") from None


def _names(names: Any) -> str:
    return ", ".join(names)
