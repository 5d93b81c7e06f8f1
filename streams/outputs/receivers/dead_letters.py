"""What could not be delivered: one JSON object a line, with the reason and the whole alert."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import orjson

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.outputs.alert import Alert, is_alert
from streams.outputs.receivers.settings import ReceiverSettings
from streams.sources.opening import InputError


class Letter(NamedTuple):
    """An alert that did not reach its receiver."""

    receiver: str
    alert: Alert


def place(name: str, receiver: ReceiverSettings) -> Path:
    """The file of a receiver's dead letters."""
    if receiver.dead_letters:
        return Path(receiver.dead_letters)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "vigie" / f"undelivered-{name}.jsonl"


def bury(path: Path, letter: Letter, reason: str, attempts: int) -> None:
    """Append one letter. Only we may read the file: it has accounts in it.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    said = {
        "at": instant(clock_ms()),
        "receiver": letter.receiver,
        "reason": reason,
        "attempts": attempts,
        "alert": letter.alert,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps(said) + b"\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        file.write(line)


def exhume(path: Path) -> list[Letter]:
    """The letters of a file, in the order in which they were written.

    Raises
    ------
    InputError
        When it cannot be read, or holds something else.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as problem:
        raise InputError(f"The dead letters {path} cannot be read: {problem.strerror}.") from None
    return [_letter(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _letter(path: Path, number: int, line: bytes) -> Letter:
    try:
        said = orjson.loads(line)
        letter = Letter(str(said["receiver"]), said["alert"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        letter = Letter("", {})
    if not is_alert(letter.alert):
        raise InputError(f"{path}, line {number}, is no dead letter.")
    return letter
