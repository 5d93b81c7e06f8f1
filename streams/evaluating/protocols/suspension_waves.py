"""Protocol 11: days on which many accounts were found suspended or gone.

Checks of known accounts say when a loss was noticed. Each account posts once before the first check, so
that it is known, and every check goes as a change of status through the stages of the live pipeline
(ticks, ACCOUNTS, waves). A day is to be found when its count is over twice the median of all days that had
any, those after it included, which the detector cannot know; and, beside it, over twice the median of the
days before it, from the sixth on: before that the usual is not known, and the detector says so. The simple
rules say "wave" of each day with so many changes or more. An account that exists again is a return and no
new account.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from detectors.accounts.stage import Accounts
from detectors.batches import FateSignal
from detectors.events import Change, Post, Status, moment_ms
from detectors.findings import Finding
from detectors.groups.fate import DAY_MS, Fate, Kind, became
from detectors.windows import TickBuffer, TimeSettings
from streams.evaluating.figures import Baseline, Figure, Measured, share
from streams.evaluating.folder import Folder, Row
from streams.evaluating.protocol import Bench, Protocol

STATUS: dict[str, Status] = {
    "suspended": "suspended",
    "no exists": "deleted",
    "exists": "active",
    "restricted": "protected",
}
KINDS: tuple[Kind, ...] = ("suspended", "deleted", "returned")
FIXED = (10, 50, 100)
"""Counts of the simple rules."""
HISTORY = 5
"""Earlier days from which a median of them is taken."""

Days = dict[int, int]
"""Changes of each day since the epoch."""


class Wave(NamedTuple):
    """A day that was told."""

    accounts: int
    changes: int
    """Changes of that day until then."""


def changes(folder: Folder) -> list[Change]:
    """The checks, as changes of status."""
    return [one for table in folder.tables("status checks") for one in table.read(_change)]


def _change(row: Row) -> Change:
    if row["status"] not in STATUS:
        raise ValueError(f"the status {row['status']!r} is none of {', '.join(STATUS)}")
    return Change(
        platform="x",
        time_ms=moment_ms(row["checked_at"]),
        event="account",
        author_id=row["account"],
        status=STATUS[row["status"]],
    )


def first_posts(known: Iterable[Change], time_ms: int) -> list[Post]:
    """One post of each account."""
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    return [
        Post(id=f"first {name}", platform="x", author_id=name, created_at=at, time_ms=time_ms)
        for name in sorted({change.author_id or "" for change in known})
    ]


def replay(stream: list[Change]) -> tuple[list[Finding], list[FateSignal]]:
    """All findings of a stream of changes, in order, and what it was made of."""
    accounts, fate, buffer = Accounts(), Fate(), TickBuffer(TimeSettings(grace_s=0))
    buffer.add([*first_posts(stream, min(change.time_ms for change in stream) - DAY_MS), *stream])
    buffer.advance(buffer.last_tick())
    findings: list[Finding] = []
    fates: list[FateSignal] = []
    for tick_ms, posts, changed in buffer.ready():
        told = accounts.take(tick_ms, posts, changed).background.fates
        findings += fate.take(told, tick_ms)
        fates += told
    return findings, fates


def waves(findings: list[Finding], fates: list[FateSignal], kind: Kind) -> dict[int, Wave]:
    """The days that were told, each as it was told first."""
    times: dict[int, list[int]] = defaultdict(list)
    for fate in fates:
        if became(fate) == kind:
            times[fate.time_ms // DAY_MS].append(fate.time_ms)
    told: dict[int, Wave] = {}
    for finding in findings:
        if finding.subjects[0].value == kind:
            day = finding.start_ms // DAY_MS
            before = sum(time_ms < finding.judged_ms for time_ms in times[day])
            told.setdefault(day, Wave(finding.accounts_total, before))
    return told


def over_all(days: Days) -> set[int]:
    """Days over twice the median of all."""
    return {day for day, count in days.items() if count > 2 * median(days.values())}


def over_earlier(days: Days) -> set[int]:
    """Days over twice the median of those before."""
    order = sorted(days)
    return {
        day
        for place, day in enumerate(order)
        if place >= HISTORY and days[day] > 2 * median(days[one] for one in order[:place])
    }


def measure(bench: Bench) -> Measured:
    """Each kind of change of which there is one."""
    stream = changes(bench.folder)
    if not stream:
        return Measured(unmeasurable="the table of checks is empty")
    findings, fates = replay(stream)
    measured = Measured(figures=[])
    for kind in KINDS:
        days: Days = Counter(fate.time_ms // DAY_MS for fate in fates if became(fate) == kind)
        if days:
            measured.figures += _figures(kind, days, waves(findings, fates, kind), bench.seed)
        else:
            measured.figures.append(
                Figure(measure=f"{kind}: days", value=None, of=0, note="no such change in the data")
            )
    return measured


def _figures(kind: Kind, days: Days, told: dict[int, Wave], seed: int) -> list[Figure]:
    wanted, later = over_all(days), over_earlier(days)
    known = set(sorted(days)[HISTORY:])
    fixed = {least: {day for day, count in days.items() if count >= least} for least in FIXED}
    first = [wave.changes for day, wave in told.items() if day in wanted]
    return [
        share(
            f"{kind}: days over twice the median of all, told",
            [(day in told, 1) for day in sorted(wanted)],
            "days",
            seed,
            wanted=">= 1",
            baselines=tuple(
                Baseline(f"{least} accounts a day", _part(wanted, found)) for least, found in fixed.items()
            ),
            note=f"after {median(first):g} changes of the day (median)" if first else "",
        ),
        Figure(
            measure=f"{kind}: other days told",
            value=len(told.keys() - wanted),
            of=len(days.keys() - wanted),
            baselines=tuple(
                Baseline(f"{least} accounts a day", len(found - wanted)) for least, found in fixed.items()
            ),
            note=f"{len(told.keys() - wanted - known)} of them while no usual day was known",
        ),
        share(
            f"{kind}: from the sixth day on, days over twice the median of those before, told",
            [(day in told, 1) for day in sorted(later)],
            "days",
            seed,
            wanted=">= 1",
        ),
        Figure(
            measure=f"{kind}: from the sixth day on, other days told",
            value=len((told.keys() & known) - later),
            of=len(known - later),
        ),
    ]


def _part(wanted: set[int], found: set[int]) -> float | None:
    return round(len(wanted & found) / len(wanted), 4) if wanted else None


PROTOCOL = Protocol(
    number=11,
    name="suspension-waves",
    title="Waves of suspensions and returns",
    needs=(("status checks",),),
    measure=measure,
)
