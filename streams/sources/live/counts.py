"""What a live source has met: connections, repeats, waits and gaps."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

_KEPT_GAPS = 1000


@dataclass(slots=True)
class Counts:
    """Counts of a live source. What its messages held is counted by its `Tally`.

    Every message is one of post, change, unused, refused or repeated, so that once everything is handed on
    ``received + said = tally.posts + tally.events + tally.rejected + duplicates``.
    """

    received: int = 0
    """Messages that hold a post or an event, as the network sent them."""
    duplicates: int = 0
    """Posts and changes that had come before: after a reconnection, or from another server."""
    connections: int = 0
    """Connections made."""
    reconnects: int = 0
    """Of these, those after one that was lost."""
    rate_limits: int = 0
    """Answers that said to come back later."""
    refused_for_load: int = 0
    """Requests of others that were put off because downstream is full."""
    errors: Counter[str] = field(default_factory=Counter)
    """What ended or prevented connections, by the network's own name of it."""
    said: int = 0
    """What the source said of itself: gaps, and what chooses its posts."""
    gaps_total: int = 0
    gaps: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_KEPT_GAPS))
    """Stretches of which the network offers nothing any more: from, to, in milliseconds since the epoch."""

    def gap(self, from_ms: int, to_ms: int) -> None:
        """Note a gap.

        >>> counts = Counts()
        >>> counts.gap(1000, 4000)
        >>> counts.gaps_total, list(counts.gaps)
        (1, [(1000, 4000)])
        """
        self.gaps_total += 1
        self.gaps.append((from_ms, to_ms))
