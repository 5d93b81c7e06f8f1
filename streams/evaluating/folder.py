"""The data of an evaluation: tables in a folder, known by their columns and not by their names.

A table is CSV with a header (plain, .gz or .zst). What it is follows from its columns, so that a folder with
other operations and other names of files is measured the same way. Two things have no header: recorded
answers of networks, which lie in `parser-samples/NETWORK/`, and labelled streams as `vigie simulate` writes
them, `posts.jsonl` beside `truth.jsonl`.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from streams.sources.opening import InputError, open_input

Row = dict[str, str]
Value = TypeVar("Value")

SAMPLES = "parser-samples"


class Shape(NamedTuple):
    """What tells one kind of table from the others."""

    columns: frozenset[str]
    without: frozenset[str] = frozenset()


def _shape(columns: str, without: str = "") -> Shape:
    return Shape(frozenset(columns.split()), frozenset(without.split()))


SHAPES = {
    "operation posts": _shape("post_id author_id created_at text account_category"),
    "organic posts": _shape("post_id author_id created_at text", "account_category"),
    "accounts": _shape("account_key family label created_at observed_at screen_name_shape"),
    "authors": _shape("author_id account_category account_created"),
    "shared objects": _shape("account_id post_id timestamp url_id hashtag_id phash_id"),
    "reposts": _shape("object_id account_id content_id timestamp"),
    "pairs": _shape("account_a account_b objects"),
    "author days": _shape("author_id day n_original"),
    "dormancy reference": _shape("author_id return_day posts_before posts_in_7_days_after"),
    "language reference": _shape("author_id previous_language language month"),
    "status checks": _shape("account checked_at status"),
    "retweeters": _shape("target account account_created account_status"),
    "advertisements": _shape("ad_id created_at landing_page spend_rub impressions"),
}
"""Kinds of tables. A table has the columns of one kind at least; more do no harm."""


class Table(NamedTuple):
    """One table of the folder."""

    path: Path
    name: str
    """Its path in the folder."""
    columns: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name of the file without its endings."""
        return self.path.name.partition(".")[0]

    def read(self, convert: Callable[[Row], Value | None]) -> list[Value]:
        """What a function makes of each row, without those that it answers with None.

        Raises
        ------
        InputError
            When the file is damaged, or a row is not what its columns promise.
        """
        found = []
        number = 0
        try:
            for number, row in enumerate(csv.DictReader(_lines(self.path)), 1):  # noqa: B007
                value = convert(row)
                if value is not None:
                    found.append(value)
        except csv.Error as problem:
            raise InputError(f"{self.name} is no CSV after record {number}: {problem}") from None
        except (ValueError, TypeError) as problem:
            raise InputError(f"{self.name}, record {number}: {problem}") from None
        return found


class Folder:
    """A folder of data, looked through once.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it is no folder that can be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError(f"{path} is no folder: name the folder that holds the labelled data")
        self.path = path
        self.unread: dict[str, str] = {}
        """Files that could not be read, and why."""
        self._tables: dict[str, list[Table]] = {name: [] for name in SHAPES}
        for file in sorted(path.rglob("*")):
            if file.is_file() and SAMPLES not in file.parts and ".csv" in file.suffixes:
                self._look(file)

    def _look(self, file: Path) -> None:
        name = str(file.relative_to(self.path))
        try:
            header = next(csv.reader(islice(_lines(file), 1)), [])
        except (InputError, csv.Error) as problem:
            self.unread[name] = str(problem)
            return
        columns = frozenset(header)
        for kind, shape in SHAPES.items():
            if shape.columns <= columns and not shape.without & columns:
                self._tables[kind].append(Table(file, name, tuple(header)))

    def tables(self, kind: str) -> list[Table]:
        """The tables of one kind, by name."""
        return self._tables[kind]

    def has(self, kind: str) -> bool:
        """Whether there is data of one kind: a kind of `SHAPES`, "samples" or "labelled streams"."""
        if kind == "samples":
            return bool(self.samples())
        return bool(self.streams() if kind == "labelled streams" else self._tables[kind])

    def samples(self) -> list[Path]:
        """Recorded answers of networks."""
        return [one for one in sorted(self.path.glob(f"**/{SAMPLES}/*/*")) if one.is_file()]

    def streams(self) -> list[Path]:
        """Folders that hold a labelled stream."""
        found = sorted(self.path.rglob("truth.jsonl"))
        return [one.parent for one in found if (one.parent / "posts.jsonl").is_file()]


def _lines(path: Path) -> Iterator[str]:
    """Lines with their ends, as the csv module wants them."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest = ""
    for chunk in open_input(path):
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield f"{line}\n"
    if rest := rest + decoder.decode(b"", final=True):
        yield rest
