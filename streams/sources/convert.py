"""Write posts of any format as normalised JSON lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from detectors.events import Item
from streams.sources.posts import encode_item


def convert_to_lines(batches: Iterable[list[Item]], out: BinaryIO) -> int:
    r"""Write posts and changes as normalised lines, in the order in which they come.

    Parameters
    ----------
    batches : iterable of list of Post and Change
        What to write, for example from `streams.sources.formats.items_of`.
    out : binary file
        Where the lines go; it is flushed after each batch, so that a reader behind a pipe need not wait.

    Returns
    -------
    int
        How many lines were written.

    Examples
    --------
    >>> import io
    >>> from detectors.events import from_mapping
    >>> out = io.BytesIO()
    >>> post = from_mapping({"id": 1, "platform": "x", "author_id": 2, "created_at": 1714550400000})
    >>> convert_to_lines([[post]], out)
    1
    >>> out.getvalue()
    b'{"id":"1","platform":"x","author_id":"2","created_at":"2024-05-01T08:00:00.000Z","kind":"original"}\n'
    """
    written = 0
    for items in batches:
        out.write(b"".join(encode_item(item) + b"\n" for item in items))
        out.flush()
        written += len(items)
    return written
