"""Alerts as JSON lines in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from streams.sources.opening import InputError


class AlertFile:
    """Writes one alert a line. The file is made at once, also when no alert will come."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        try:
            self._file = Path(path).open("wb")  # noqa: SIM115  it lives as long as the replay
        except OSError as problem:
            raise InputError(f"The alerts cannot be written to {path}: {problem.strerror}.") from None

    def write(self, alert: dict[str, Any]) -> None:
        """Append one alert; it is on its way to the disk when this returns."""
        try:
            self._file.write(orjson.dumps(alert) + b"\n")
            self._file.flush()
        except OSError as problem:
            raise InputError(
                f"The alerts cannot be written to {self._path}: {problem.strerror}. "
                "Free some space or choose another place with --alerts."
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()
