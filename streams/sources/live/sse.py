r"""Server-sent events, taken out of chunks of any cut.

Examples
--------
>>> stream = EventStream()
>>> stream.feed(b"event: upd")
[]
>>> stream.feed(b"ate\ndata: {}\n\n:thump\n")
[('update', b'{}')]
"""

from __future__ import annotations

from streams.sources.lines import LONGEST_LINE


class TooLong(ValueError):
    """A line that no event has: what comes is no stream of events."""


class EventStream:
    """Keeps what has come of an event until its end comes too."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """The events that end in this chunk, each with its name and data.

        Raises
        ------
        TooLong
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise TooLong(f"a line is longer than {LONGEST_LINE} bytes")
        events = []
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                self._event = value.decode(errors="replace")
            elif name == b"data":
                self._data.append(value)
            elif not name and not line.startswith(b":"):  # an empty line ends an event
                if self._data:
                    events.append((self._event or "message", b"\n".join(self._data)))
                self._event, self._data = "", []
        return events
