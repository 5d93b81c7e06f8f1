"""Verdicts in a file, one JSON object a line, that grows while a replay plays it.

A line holds the fields of `detectors.verdicts.Verdict`, its times as RFC 3339::

    {"case_id": "c5f0…", "kind": "dismissed", "reason": "a fan club", "at": "2022-04-10T19:30:00Z",
     "until": null, "by": "mona", "said": "2022-04-11T08:00:00Z"}

`at` and `until` are event time, `said` is the wall clock: of two verdicts on a case the later stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import orjson

from detectors.alerts import instant
from detectors.events import Moment, milliseconds
from detectors.verdicts import Verdict, VerdictKind
from streams.outputs.terminal import printable
from streams.sources.opening import InputError


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verdict as it stands in the file."""

    case_id: Annotated[str, msgspec.Meta(min_length=1)]
    kind: VerdictKind
    reason: str
    at: Moment
    until: Moment | None = None
    by: str = ""
    said: Moment


_decode = msgspec.json.Decoder(_Line).decode


class VerdictFile:
    """Reads what is appended to a file of verdicts, and appends to it. The file need not be there yet.

    What was read stays said: a line that is taken out again changes nothing, a later verdict does.

    Parameters
    ----------
    path : str or Path
    on_problem : callable
        Told once of each line that is no verdict, with one sentence; the others count.

    Raises
    ------
    InputError
        When the file is there and cannot be read.
    """

    def __init__(self, path: str | Path, on_problem: Callable[[str], None]) -> None:
        self._path = Path(path)
        self._on_problem = on_problem
        self._seen: tuple[int, int, int] | None = None
        """Inode, size and time of change of what was read; an editor may put another file in its place."""
        self._given: set[Verdict] = set()
        self._told: set[bytes | str] = set()
        try:
            self._path.open("rb").close()
        except FileNotFoundError:
            pass
        except OSError as problem:
            raise InputError(f"The verdicts in {path} cannot be read: {problem.strerror}.") from None

    def new(self) -> list[Verdict]:
        """The verdicts that were appended since the last call, in the order of the file."""
        try:
            look = self._path.stat()
            seen = look.st_ino, look.st_size, look.st_mtime_ns
            if seen == self._seen:
                return []
            content = self._path.read_bytes()
        except OSError as problem:
            why = str(problem.strerror)
            self._tell(why, f"{self._path}: {why}; what it says is in force once it can be read.")
            return []
        self._seen = seen
        # By what was given, since a file may have been put in place of another.
        new = [verdict for verdict in self._read(content) if verdict not in self._given]
        self._given.update(new)
        return new

    def append(self, verdict: Verdict) -> None:
        """Add one verdict, in one write, so that who reads meanwhile sees all of it or nothing.

        Raises
        ------
        InputError
            When it cannot be written.
        """
        line = orjson.dumps(_row(verdict)) + b"\n"
        try:
            with self._path.open("a+b", buffering=0) as file:
                if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                    line = b"\n" + line  # somebody was cut short, or has edited it by hand
                written = file.write(line)
                os.fsync(file.fileno())
        except OSError as problem:
            raise self._unwritable(str(problem.strerror)) from None
        if written != len(line):
            raise self._unwritable("the disk is full")

    def _unwritable(self, why: str) -> InputError:
        return InputError(f"The verdict cannot be written to {self._path}: {why}.")

    def _read(self, content: bytes) -> Iterator[Verdict]:
        *lines, rest = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _verdict(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
                    why = printable(str(problem))
                    self._tell(line, f"{self._path}, line {number}: no verdict ({why}); passed over.")
        try:
            yield _verdict(rest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # the last line is still being written, or there is none

    def _tell(self, about: bytes | str, sentence: str) -> None:
        if about not in self._told:
            self._told.add(about)
            self._on_problem(sentence)


def _verdict(line: bytes) -> Verdict:
    said = _decode(line)
    return Verdict(
        case_id=said.case_id,
        kind=said.kind,
        reason=said.reason,
        at_ms=milliseconds(said.at),
        until_ms=None if said.until is None else milliseconds(said.until),
        by=said.by,
        said_ms=milliseconds(said.said),
    )


def _row(verdict: Verdict) -> dict[str, str | None]:
    return {
        "case_id": verdict.case_id,
        "kind": verdict.kind,
        "reason": verdict.reason,
        "at": instant(verdict.at_ms),
        "until": None if verdict.until_ms is None else instant(verdict.until_ms),
        "by": verdict.by,
        "said": instant(verdict.said_ms),
    }
