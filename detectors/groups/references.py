"""Measured subjects set against comparable ones: the second half of judging a hashtag or a source.

It stands behind the shards, where all subjects of a kind come together. All those of a tick are compared with
those of earlier ticks before any of them counts, so that their order does not matter.
"""

from __future__ import annotations

import msgspec

from detectors.background import ENOUGH, binomial_tail
from detectors.findings import Evidence, Finding, Measured
from detectors.groups.comparables import Comparables, Medians
from detectors.state import Changes, Saved

_HOUR_MS = 3_600_000


class References:
    """The measurements of all subjects of one kind.

    Parameters
    ----------
    of : str
        What the subjects are.
    least : dict of str to float
        For each measured share, what is taken as ordinary even where comparable subjects show less: young
        ones have had no time to repeat.
    """

    def __init__(self, of: str, least: dict[str, float]) -> None:
        self._least = least
        self.comparables = Comparables(
            of, tuple(least), window_ms=_HOUR_MS, size_factor=4, max_subjects=20_000
        )

    def take(self, measured: list[Measured], tick_ms: int) -> list[Finding]:
        """The findings among the subjects measured in one tick, with references and p-values."""
        findings = [self._compared(one, one.finding, tick_ms) for one in measured if one.finding is not None]
        for one in sorted(measured, key=lambda one: one.subject):
            values = {name: value(share) for name, share in one.shares.items()}
            self.comparables.put(one.subject, size=one.size, now_ms=tick_ms, measures=values)
        return findings

    def _compared(self, one: Measured, finding: Finding, tick_ms: int) -> Finding:
        measured = [name for name, (_, of) in one.shares.items() if of]
        medians = self.comparables.medians(one.subject, size=one.size, now_ms=tick_ms, measures=measured)
        return msgspec.structs.replace(finding, evidence=finding.evidence | self._evidence(one, medians))

    def _evidence(self, one: Measured, medians: Medians) -> Evidence:
        evidence: Evidence = {}
        for name, (hits, of) in one.shares.items():
            reference, comparable = medians.get(name, (None, 0))
            enough = comparable >= ENOUGH
            evidence[f"{name}_reference"] = reference if enough else None
            evidence[f"{name}_p"] = None
            if enough:
                expected = max(reference or 0.0, self._least[name])
                # How ordinary the ordinary is need not be known, and takes long to sum over very many posts.
                tail = binomial_tail(hits, of, expected) if hits > expected * of else 1.0
                evidence[f"{name}_p"] = float(f"{tail:.4g}")
        return evidence

    def track(self) -> None:
        """From now on, note what changes."""
        self.comparables.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        return self.comparables.changes(everything)

    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        self.comparables.restore(saved)


def value(share: tuple[int, int]) -> float | None:
    """So many of so many, as a share; None of nothing.

    >>> value((1, 3)), value((0, 0))
    (0.3333, None)
    """
    hits, of = share
    return round(hits / of, 4) if of else None
