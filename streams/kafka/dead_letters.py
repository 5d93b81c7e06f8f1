"""Dead letters of a room under pseudonyms: where a record stood and why it was refused, not what it said."""

from __future__ import annotations

import orjson

from detectors.events import Rejection
from streams.kafka import frames
from streams.kafka.frames import Foreign
from streams.kafka.stretches import Output

FOREIGN = "foreign_record"
"""Reason for which a record is refused that did not come through the door."""
_QUOTING = ("detail", "first_bytes")


def without_content(letter: Output) -> Output:
    """A dead letter without anything of the record but its length and its hash.

    >>> said = b'{"reason":"not_json","length":4,"first_bytes":"b29wcw=="}'
    >>> without_content(Output("dead-letters", 0, said, [])).value
    b'{"reason":"not_json","length":4}'
    """
    said = orjson.loads(letter.value)
    return letter._replace(value=orjson.dumps({name: said[name] for name in said if name not in _QUOTING}))


def is_foreign(headers: Foreign) -> bool:
    """Whether a record of posts is no frame: somebody wrote it who does not put accounts under pseudonyms."""
    try:
        return frames.decode_headers(headers) is None
    except Rejection:
        return False  # a broken frame, which is refused as such
