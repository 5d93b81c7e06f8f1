"""What is said where something cannot be explained: why, and which commands answer it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any


def elsewhere(kind: str, value: str, said: dict[str, str], ask: Sequence[str]) -> dict[str, Any]:
    """An answer of `GET /api/explain` that explains nothing.

    Parameters
    ----------
    kind, value : str
        What was asked of.
    said : dict of str to str
        Why, by language.
    ask : sequence of str
        Commands, with places for ``kind`` and ``value``.

    Examples
    --------
    >>> elsewhere("text", "a b", {"en": "No."}, ["vigie explain {kind} {value}"])["commands"]
    ["vigie explain text 'a b'"]
    """
    commands = [command.format(kind=kind, value=shlex.quote(value)) for command in ask]
    return {"kind": kind, "value": value, "elsewhere": said, "commands": commands}
