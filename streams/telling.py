"""How commands speak: sentences and progress on standard error, tables and JSON on standard output."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn


def say(sentence: str) -> None:
    """A sentence to the person, on standard error."""
    print(f"vigie: {sentence}", file=sys.stderr)


def console() -> Console:
    """Standard output for tables."""
    # A pipe or a file has no width: lines are for another program to cut.
    width = None if sys.stdout.isatty() else 160
    return Console(highlight=False, emoji=False, markup=False, width=width)


def print_json(value: Any) -> None:
    """A value as indented JSON."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def progress(label: str, unit: str) -> Iterator[Callable[[int], None]]:
    """A counter on standard error: live in a terminal, a line every five seconds elsewhere."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), TextColumn("{task.fields[count]}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None, count="")
            yield lambda count: bar.update(task, count=f"{count:,} {unit}")
        return
    told = time.monotonic()

    def tell(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 5:
            told = time.monotonic()
            say(f"{label}: {count:,} {unit}")

    yield tell
