"""Where the console listens, as a command names it."""

from __future__ import annotations

import msgspec

from streams.embedded import Settings
from streams.sources.opening import InputError


def at(settings: Settings, place: str) -> Settings:
    """The settings with `[HOST:]PORT` in them; an empty place changes nothing.

    >>> at(Settings(), "9000").console.port, at(Settings(), "[::1]:9000").console.host
    (9000, '::1')

    Raises
    ------
    InputError
        When it is no such thing.
    """
    if not place:
        return settings
    host, _, port = place.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise InputError(f"--console {place!r} is no place to listen at: write it as [HOST:]PORT.")
    named = host.removeprefix("[").removesuffix("]") or settings.console.host
    console = msgspec.structs.replace(settings.console, host=named, port=int(port))
    return msgspec.structs.replace(settings, console=console)
