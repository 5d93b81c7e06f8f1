"""What reading an archive gives: batches of posts, refused records and counts of other events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from detectors.events import Change, Item

KEPT_BYTES = 64 * 1024
"""How much of a refused record is kept: its first 64 KiB."""


@dataclass(slots=True)
class Rejected:
    """A record that gave no post.

    Parameters
    ----------
    line : int
        Line of the input, from 1; in a CSV file the line on which the record begins.
    reason : str
        One of the keys of `detectors.events.REASONS`.
    detail : str
        One sentence for a person.
    raw : bytes
        The record as it was read, cut after `KEPT_BYTES`.
    """

    line: int
    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class Batch:
    """The records of up to a thousand lines.

    One line may hold several posts (an answer of an API), so the counts are of records and not of lines.

    Parameters
    ----------
    posts : list of Post or Change
        What was accepted, in the order of the input.
    lines : list of int
        For each of them the line it was read from, from 1.
    rejected : list of Rejected
        The refused records.
    events : int
        Well-formed records that hold nothing of use, such as notices of a network's limits.
    claims : Counter of str
        Posts whose authors' own time is not their event time, or is old, by verdict
        (`streams.sources.claimed_time`).
    """

    posts: list[Item] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    events: int = 0
    claims: Counter[str] = field(default_factory=Counter)

    def accept(self, line: int, item: Item) -> None:
        """Add a post or a change that was read from this line."""
        self.posts.append(item)
        self.lines.append(line)

    def reject(self, line: int, reason: str, detail: str, raw: bytes) -> None:
        """Add a refused record; only its first `KEPT_BYTES` are kept."""
        self.rejected.append(Rejected(line, reason, detail, raw[:KEPT_BYTES]))


@dataclass(slots=True)
class Tally:
    """Counts over many batches.

    Examples
    --------
    >>> tally = Tally()
    >>> batch = Batch(events=2)
    >>> batch.reject(1, "not_json", "the line is empty", b"")
    >>> tally.add(batch)
    >>> tally.posts, tally.events, tally.rejected, dict(tally.reasons)
    (0, 2, 1, {'not_json': 1})
    """

    posts: int = 0
    events: int = 0
    """Changes, and records that are well formed and hold nothing of use."""
    changes: int = 0
    """Of the events: what became of accounts and posts, and what sources say of themselves."""
    reasons: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)
    """See `Batch.claims`."""

    @property
    def rejected(self) -> int:
        """All refused records, whatever the reason."""
        return self.reasons.total()

    def add(self, batch: Batch) -> None:
        """Count what a batch holds."""
        changes = sum(isinstance(item, Change) for item in batch.posts)
        self.posts += len(batch.posts) - changes
        self.changes += changes
        self.events += changes + batch.events
        if batch.rejected:
            self.reasons.update(refused.reason for refused in batch.rejected)
        if batch.claims:
            self.claims.update(batch.claims)
