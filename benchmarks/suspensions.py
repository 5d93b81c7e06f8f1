"""Figures on real checks of accounts: days on which many were found suspended or gone.

    python benchmarks/suspensions.py [--json]

`suspensions/` holds checks of known accounts: when a loss was noticed. Each account posts once before the
first check, so that it is known, and every check goes as a change of status through the stages of the live
pipeline (ticks, ACCOUNTS, waves). A day is to be found when its count is over twice the median of all days
that had any, those after it included, which the detector cannot know; and, beside it, over twice the median
of the days before it, from the sixth on: before that the usual is not known, and the detector says so.
Delay is the number of that day's changes until the wave was told, the one that told it included. The
baselines say "wave" of each day with so many changes or more. An account that exists and was not seen to be
gone before is no return: here there are none.

`voterfraud2020/` has the status of accounts on one later day only: nothing can be said of waves, and only the
share that is gone is shown.

The data is found by VIGIE_SHARED_DATA, or in ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.accounts.stage import Accounts  # noqa: E402
from detectors.batches import FateSignal  # noqa: E402
from detectors.events import Change, Post, Status, milliseconds  # noqa: E402
from detectors.findings import Finding  # noqa: E402
from detectors.groups.fate import DAY_MS, Fate, Kind, became  # noqa: E402
from detectors.windows import TickBuffer, TimeSettings  # noqa: E402

DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or ROOT.parent / "shared" / "data")
CHECKS = DATA / "suspensions" / "iran_2020_status.csv.gz"
RETWEETS = DATA / "voterfraud2020"
STATUS: dict[str, Status] = {
    "suspended": "suspended",
    "no exists": "deleted",
    "exists": "active",
    "restricted": "protected",
}
KINDS: tuple[Kind, ...] = ("suspended", "deleted", "returned")
FIXED = (10, 50, 100)
"""Counts of the baselines."""
HISTORY = 5
"""Earlier days from which a median of them is taken."""

Days = dict[int, int]
"""Changes of each day since the epoch."""


class Wave(NamedTuple):
    """A day that was told."""

    accounts: int
    delay: int
    """Changes of that day until then."""
    usual: float | None


def rows(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def changes() -> list[Change]:
    """The checks, as changes of status."""
    return [
        Change(
            platform="x",
            time_ms=milliseconds(datetime.fromisoformat(row["checked_at"])),
            event="account",
            author_id=row["account"],
            status=STATUS[row["status"]],
        )
        for row in rows(CHECKS)
    ]


def first_posts(known: Iterable[Change], time_ms: int) -> list[Post]:
    """One post of each account."""
    accounts = sorted({change.author_id or "" for change in known})
    at = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    return [
        Post(id=f"first {name}", platform="x", author_id=name, created_at=at, time_ms=time_ms)
        for name in accounts
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


def counted(fates: list[FateSignal], kind: Kind) -> Days:
    return Counter(fate.time_ms // DAY_MS for fate in fates if became(fate) == kind)


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
            delay = sum(time_ms < finding.judged_ms for time_ms in times[day])
            told.setdefault(day, Wave(finding.accounts_total, delay, finding.evidence["usual"]))
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


def compared(found: dict[int, int], wanted: set[int], known: set[int]) -> dict[str, Any]:
    """Found days, each with its delay, against those wanted; the usual is known on some days only."""
    right = sorted(found[day] for day in wanted & found.keys())
    false = found.keys() - wanted
    return {
        "found": len(right),
        "of": len(wanted),
        "false days": len(false),
        "of these without a usual": len(false - known),
        "median delay (changes)": median(right) if right else None,
    }


def figures() -> dict[str, Any]:
    findings, fates = replay(changes())
    table: dict[str, Any] = {}
    for kind in KINDS:
        days = counted(fates, kind)
        if not days:
            table[kind] = {"days": 0}
            continue
        told = waves(findings, fates, kind)
        known = {day for place, day in enumerate(sorted(days)) if place >= HISTORY}
        delays = {day: wave.delay for day, wave in told.items()}
        rows_ = {
            "the detector": compared(delays, over_all(days), known),
            "the detector, against the days before, from the sixth on": compared(
                {day: delay for day, delay in delays.items() if day in known}, over_earlier(days), known
            ),
        }
        for least in FIXED:
            fixed = {day: least for day, count in days.items() if count >= least}
            rows_[f"baseline: {least} or more"] = compared(fixed, over_all(days), known)
        table[kind] = {"days": len(days), "changes": sum(days.values()), "rows": rows_}
    return table


def later_status() -> dict[str, Any]:
    """What is known of accounts of which only a later status is known."""
    status: dict[str, str] = {}
    for path in sorted(RETWEETS.glob("retweets_*.csv.gz")):
        status |= {row["account"]: row["account_status"] for row in rows(path)}
    counts = Counter(status.values())
    return {"accounts": len(status)} | {
        name: round(counts[name] / len(status), 4) for name in ("suspended", "deleted")
    }


def show(tables: dict[str, Any]) -> None:
    for kind, table in tables["waves"].items():
        print(f"{kind}: {table.get('changes', 0)} changes on {table['days']} days")
        for name, row in table.get("rows", {}).items():
            print(
                f"  {name:60} {row['found']} of {row['of']} found, {row['false days']} other days "
                f"({row['of these without a usual']} without a usual), "
                f"told after {row['median delay (changes)']} changes"
            )
    gone = tables["later status"]
    print(
        f"later status only: of {gone['accounts']:,} accounts {gone['suspended']:.1%} suspended and "
        f"{gone['deleted']:.1%} deleted, at least; on which days is not known"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if not CHECKS.exists():
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    tables = {"waves": figures(), "later status": later_status()}
    if arguments.json:
        print(json.dumps(tables, indent=2))
    else:
        show(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
