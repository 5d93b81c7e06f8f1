"""What was answered, and by whom: a file that is only ever added to, one JSON object a line."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Literal

import orjson

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.console.tokens import Person
from streams.sources.opening import InputError

_TAIL = 1 << 20
"""Bytes at the end of the file in which the newest entries are looked for."""
SHOWN = 500

What = Literal["sign-in", "sign-out", "confirmed", "dismissed", "retracted", "noted", "export"]


class Audit:
    """Writes down what people did, before it is done.

    Parameters
    ----------
    path : Path
        Made with its folder, for nobody else to read.

    Raises
    ------
    InputError
        When it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as problem:
            raise self._unwritable(problem) from None

    def note(self, person: Person, what: What, case_id: str | None = None, reason: str | None = None) -> None:
        """Add one entry; it is on the disk when this returns."""
        entry = {
            "at": instant(clock_ms()),
            "who": person.name,
            "role": person.role,
            "what": what,
            "case_id": case_id,
            "reason": reason,
        }
        try:
            with self._lock, self.path.open("ab", buffering=0) as file:
                file.write(orjson.dumps(entry) + b"\n")
                os.fsync(file.fileno())
        except OSError as problem:
            raise self._unwritable(problem) from None

    def newest(self) -> list[dict[str, Any]]:
        """The newest entries, the last one first."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                lines = file.read().split(b"\n")
        except OSError as problem:
            raise InputError(f"{self.path} cannot be read: {problem.strerror}.") from None
        whole = lines if size <= _TAIL else lines[1:]
        return [entry for line in whole if (entry := _decoded(line)) is not None][: -SHOWN - 1 : -1]

    def _unwritable(self, problem: OSError) -> InputError:
        return InputError(
            f"{self.path} cannot be written ({problem.strerror}), and without it nothing is answered: set "
            "console.audit_file."
        )


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
