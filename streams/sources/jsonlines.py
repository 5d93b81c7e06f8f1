"""Turn blocks of lines into batches, for every format with one JSON text on a line.

A format is one function that takes a line, its number and the batch to which it adds what the line holds. It
never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from detectors.events import Rejection, from_mapping
from streams.sources.lines import LONGEST_LINE, Block
from streams.sources.records import Batch

TakeLine = Callable[[bytes, int, Batch], None]

_decoder = msgspec.json.Decoder()


def batches(blocks: Iterable[Block], take: TakeLine) -> Iterator[Batch]:
    """Give one batch for each block of lines.

    Parameters
    ----------
    blocks : iterable of Block
        The lines.
    take : callable
        Adds what a line holds to a batch.
    """
    for first, lines, cut in blocks:
        batch = Batch()
        if cut:
            batch.reject(first, "bad_record", f"the line is longer than {LONGEST_LINE} bytes", lines[0])
        else:
            for number, line in enumerate(lines, first):
                take(line, number, batch)
        yield batch


def decode_json(line: bytes) -> Any:
    """Decode any JSON text.

    Raises
    ------
    Rejection
        With the reason `not_json`.
    """
    if not line or line.isspace():
        raise Rejection("not_json", "the line is empty")
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Rejection("not_json", str(problem)) from None


def accept_mapping(fields: Mapping[str, Any], number: int, raw: bytes, batch: Batch) -> None:
    """Add a post given as a mapping in the normalised form, or its rejection."""
    try:
        batch.accept(number, from_mapping(fields))
    except Rejection as problem:
        batch.reject(number, problem.reason, problem.detail, raw)
