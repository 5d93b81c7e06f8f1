"""What stands on the board: the cases as their alerts told them, and what else is known of the stream.

Alerts come from the thread of whoever reads them, questions from that of the page; both are answered at once.
What a source tells besides its alerts (open coordination, health, what leads) it makes anew each time and
puts here whole, so that nobody reads it half changed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from detectors.alerts import instant
from detectors.events import moment_ms
from detectors.rules.sentences import Both
from streams.clock import clock_ms
from streams.console.known import KnownCase
from streams.console.listeners import Listeners
from streams.console.memory import Remembered
from streams.leading import Leading
from streams.outputs.alert import Alert

Mode = Literal["embedded", "file", "kafka"]
MOST_CASES = 2000
"""Cases held; merged and closed ones go first, then those that changed longest ago."""
_DELAYS = 200
"""New cases from which it is told how long they took."""
_GAPS = 20
_ANSWERED = ("merged", "dismissed", "retracted")
_NO_HEALTH: dict[str, Any] = {"state": "ok", "reasons": [], "figures": [], "workers": [], "gaps": []}


@dataclass
class Besides:
    """What a source tells besides its alerts; each part is replaced whole and never changed."""

    open: list[dict[str, Any]] = field(default_factory=list)
    """Open coordination, as the page shows it."""
    health: dict[str, Any] = field(default_factory=lambda: _NO_HEALTH)
    leading: Leading | None = None
    sponsors: list[dict[str, Any]] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)
    sponsors_counted: bool = False
    """Whether these are all payers, and not only those in breach of a ban of whom alerts tell."""
    remembered: Callable[[list[str]], dict[str, Remembered]] = lambda _: {}
    """What the pipeline remembers of accounts, by account key, as far as it does."""
    handles: Callable[[list[str]], dict[str, str]] = lambda _: {}
    """Handles of accounts, by id, as far as they are kept."""


_MISSING: dict[str, Both] = {
    "silent": ("was silent", "était muet"),
    "lost": ("offers these posts no more", "ne propose plus ces messages"),
    "too_much": ("had more than is asked for afterwards", "en avait plus qu'on n'en redemande"),
    "late": ("sent its posts too late to be judged", "a envoyé ses messages trop tard"),
    "refused": ("did not let itself be read", "n'a pas accepté d'être lu"),
    "unreachable": ("could not be reached", "était injoignable"),
}


def gap_of(start: str, end: str, source: str | None = None, reason: str = "silent") -> dict[str, Any]:
    """A gap of the stream, or of one of its sources, as the page shows it.

    >>> gap_of("18:00", "18:20", "a.example", "unreachable")["why"]["en"]
    'a.example could not be reached'
    """
    english, french = _MISSING.get(reason, _MISSING["lost"])
    why = {"en": f"{source or 'the whole stream'} {english}", "fr": f"{source or 'tout le flux'} {french}"}
    return {"start": start, "end": end, "why": why}


class Board:
    """The cases, and who is to be told when one changes.

    Parameters
    ----------
    mode : str
        Where its alerts come from.
    most : int
        Cases held.
    """

    def __init__(self, mode: Mode, most: int = MOST_CASES) -> None:
        self.mode: Mode = mode
        self.evicted = 0
        self.now_ms = 0
        """Event time of the newest tick that is known of."""
        self.ended = False
        """Whether the input has come to its end."""
        self.besides = Besides()
        self.listeners = Listeners()
        self._most = most
        self._lock = threading.Lock()
        self._cases: dict[str, KnownCase] = {}
        """Those that changed longest ago first."""
        self._delays_s: deque[float] = deque(maxlen=_DELAYS)
        self._about: dict[tuple[str, str], str] = {}
        """The case of a subject that was told last."""

    def __len__(self) -> int:
        return len(self._cases)

    # -- what comes in -----------------------------------------------------------------------------

    def take(self, alert: Alert) -> None:
        """Take in one alert; the same one may come again."""
        data = alert["data"]
        case_id = data["case_id"]
        with self._lock:
            case = self._cases.get(case_id) or KnownCase(case_id)
            if not case.take(alert):
                return
            self._cases.pop(case_id, None)
            self._cases[case_id] = case
            if data["status"] != "merged":
                self._about |= {(one["kind"], one["value"]): case_id for one in data["subjects"]}
            self._forget()
            row = case.packed_row
            if data["revision"] == 1 and data["published_at"]:
                late_ms = moment_ms(data["published_at"]) - moment_ms(data["window"]["end"])
                self._delays_s.append(round(max(0, late_ms) / 1000, 1))
        self.pass_to(moment_ms(alert["time"]))
        self.listeners.tell("case", row, about=case_id)

    def pass_to(self, now_ms: int) -> None:
        """Event time has come so far."""
        self.now_ms = max(self.now_ms, now_ms)

    def show_open(self, groups: list[dict[str, Any]]) -> None:
        """Show open coordination, if it is not what is shown already."""
        if groups != self.besides.open:
            self.besides.open = groups
            self.listeners.tell("open", orjson.dumps(groups))

    def show_leading(self, leading: Leading) -> None:
        """Show what leads the stream."""
        self.besides.leading = leading
        self.listeners.tell("top", b"{}")

    def tick(self) -> None:
        """Tell everybody how late it is."""
        self.listeners.tell("now", self.packed_now())

    def _forget(self) -> None:
        if len(self._cases) <= self._most:
            return
        over = ("closed", *_ANSWERED)
        is_over = (name for name, case in self._cases.items() if case.row["status"] in over)
        gone = next(is_over, next(iter(self._cases)))
        self.evicted += 1
        del self._cases[gone]
        self._about = {subject: name for subject, name in self._about.items() if name != gone}

    # -- what is asked -----------------------------------------------------------------------------

    def times(self) -> dict[str, Any]:
        """What time it is in the stream, and on the wall."""
        now = instant(self.now_ms) if self.now_ms else None
        return {"now": now, "wall": instant(clock_ms()), "ended": self.ended}

    def packed_now(self) -> bytes:
        """What time it is, and how we are, as JSON."""
        return orjson.dumps(self.times() | {"health": self.besides.health["state"]})

    def packed(self) -> bytes:
        """All of the board as JSON: every row is packed already."""
        with self._lock:
            shown = [case for case in self._cases.values() if case.row["status"] != "merged"]
            rows = b",".join(case.packed_row for case in reversed(shown))
            standing = [case.row["severity"] for case in shown if case.row["status"] not in _ANSWERED]
        counts = {name: standing.count(name) for name in ("critical", "warning", "notice")}
        rest = self.times() | {"counts": counts, "open": self.besides.open}
        return b'{"cases":[%s],%s' % (rows, orjson.dumps(rest)[1:])

    def case(self, case_id: str) -> KnownCase | None:
        """One case as it is now."""
        with self._lock:
            case = self._cases.get(case_id)
            return None if case is None else case.snapshot()

    def about(self, kind: str, value: str) -> str | None:
        """The case that pushes a subject, if any."""
        return self._about.get((kind, value))

    def pushed(self) -> list[dict[str, Any]]:
        """What accounts on the room's lists push, the largest part of a subject's posts first."""
        with self._lock:
            cases = [(case.case_id, row) for case in self._cases.values() for row in case.pushed.values()]
        rows = [row | {"case_id": case_id} for case_id, row in cases]
        return sorted(rows, key=lambda row: (-row["share"], row["kind"], row["value"]))

    def breaches(self) -> list[dict[str, Any]]:
        """The findings in which a banned payer promoted posts."""
        with self._lock:
            cases = [case for case in self._cases.values() if case.row["status"] != "merged"]
            return [finding for case in cases for finding in case.breaches.values()]

    def gaps(self) -> list[dict[str, Any]]:
        """Times of which posts are missing, as far as the alerts tell; the newest ones."""
        with self._lock:
            gaps = [gap for case in self._cases.values() for gap in case.gaps]
        # Alerts of earlier versions tell only of silences.
        told = {
            (gap["start"], gap["end"], gap.get("source") or "", gap.get("reason", "silent")) for gap in gaps
        }
        return [gap_of(*gap) for gap in sorted(told)[-_GAPS:]]

    def latency(self) -> tuple[float | None, float | None]:
        """Seconds from the newest post of a new case to its first alert: median and 99 %."""
        delays = sorted(self._delays_s)
        if not delays:
            return None, None
        return delays[len(delays) // 2], delays[len(delays) * 99 // 100]

    def forgotten(self) -> int:
        """What was let go for want of room: cases, and parts of those that are held."""
        with self._lock:
            return self.evicted + sum(case.evicted for case in self._cases.values())
