"""Where a live source goes on after a restart, in a small file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from streams.sources.opening import InputError

Places = dict[str, int | str]
"""For each server, or for the network, how far it was read."""


class PlaceFile:
    """A file that holds places. It is replaced as a whole, so that a crash leaves the old one or the new one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = PlaceFile(Path(folder) / "bluesky.json")
    ...     before = file.read()
    ...     file.write({"bluesky": 1732206349000167})
    ...     before, file.read()
    ({}, {'bluesky': 1732206349000167})
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def read(self) -> Places:
        """The places; none where there is no file yet.

        Raises
        ------
        InputError
            When the file cannot be read or is broken: to begin at the present would be a silent gap.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Places)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as problem:
            raise InputError(
                f"{self._path} should tell where to go on and cannot be read ({problem}): "
                "remove it to begin at the present."
            ) from None

    def write(self, places: Mapping[str, int | str]) -> None:
        """Replace the file.

        Raises
        ------
        InputError
        """
        new = self._path.with_name(self._path.name + ".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(places))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as problem:
            raise InputError(f"{self._path} cannot be written: {problem.strerror}.") from None
