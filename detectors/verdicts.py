"""What an analyst says of a case: that it is dismissed, confirmed, withdrawn, or only a note.

A verdict is an event like any other: it has its time, is in force from the next tick on, and gives the same
alerts when it is played again. The newest one of a case stands.

* ``confirmed``: it is what the alert says;
* ``dismissed``: it is not, or nobody in this room cares; the case falls silent, for a while or for good;
* ``retracted``: we were wrong to tell it; it falls silent for good, and its last alert says so;
* ``noted``: a remark that decides nothing; it takes back what was decided before.

>>> verdict = Verdict(case_id="c1", kind="dismissed", reason="a fan club", at_ms=0, until_ms=5000)
>>> verdict.silences(4999), verdict.silences(5000)
(True, False)
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

VerdictKind = Literal["confirmed", "dismissed", "retracted", "noted"]
KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One verdict."""

    case_id: str
    kind: VerdictKind
    reason: str
    at_ms: int
    """Event time from which it is in force."""
    until_ms: int | None = None
    """Of a dismissal: up to when; None for good."""
    by: str = ""
    """Who said it."""
    said_ms: int = 0
    """When it was said, wall clock: of two verdicts on a case the later one stands."""

    def silences(self, tick_ms: int) -> bool:
        """Whether nothing new is told of the case at a tick."""
        if self.kind == "retracted":
            return True
        return self.kind == "dismissed" and (self.until_ms is None or tick_ms < self.until_ms)


class Precision(msgspec.Struct, array_like=True):
    """How many cases of a detector were judged right and wrong so far."""

    confirmed: int = 0
    wrong: int = 0
    """Dismissed or retracted."""

    def count(self, verdict: Verdict | None, by: int = 1) -> None:
        """Count a verdict, or with -1 take it back."""
        if verdict is None or verdict.kind == "noted":
            return
        if verdict.kind == "confirmed":
            self.confirmed += by
        else:
            self.wrong += by
