"""What was asked, and of which moment."""

from __future__ import annotations

from typing import Any, NamedTuple

from detectors.findings import Subject
from streams.embedded import Settings
from streams.stores.reading import Reading
from streams.stores.rows import Use

MINUTE_MS = 60_000
Answer = dict[str, Any]


class Question(NamedTuple):
    """A value, asked of a store at one moment."""

    stored: Reading
    settings: Settings
    value: str
    at_ms: int

    def since(self, minutes: int) -> int:
        """Where a window of so many minutes begins, as detectors cut it: the minute that runs is its last."""
        return ((self.at_ms - 1) // MINUTE_MS - minutes + 1) * MINUTE_MS

    def uses(self, about: Subject, minutes: int) -> list[Use]:
        """The posts with a subject in such a window."""
        return self.stored.uses(about, self.since(minutes), self.at_ms)
