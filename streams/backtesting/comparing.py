"""What differs between two runs over the same posts: case by case, and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from statistics import median
from typing import Literal, NamedTuple

from detectors.severity import Severity
from detectors.verdicts import Precision, Verdict
from streams.backtesting.pairing import pairs, wholes
from streams.backtesting.runs import LOUD, SEVERITIES, Run, Told

Change = Literal["gained", "lost", "raised", "lowered", "earlier", "later", "same"]
CHANGES: tuple[Change, ...] = ("gained", "lost", "raised", "lowered", "earlier", "later", "same")

LOUD_WORDS = ("before", "after", "kept", "gained", "lost", "raised", "lowered", "earlier", "later")
"""What can be said of an operation that was at a warning or above in one of the runs."""


class Compared(NamedTuple):
    """One operation, as the two runs told it."""

    before: Told | None
    """None where the first run did not tell it as a case of its own."""
    after: Told | None
    similarity: float | None
    """Of the accounts and posts of the two; None where one is missing."""
    part_of: Told | None = None
    """Where one is missing: the case of that run which holds half of it or more."""

    @property
    def change(self) -> Change:
        """The one word for it."""
        if self.before is None:
            return "gained"
        if self.after is None:
            return "lost"
        rise = SEVERITIES.index(self.before.severity) - SEVERITIES.index(self.after.severity)
        if rise:
            return "raised" if rise > 0 else "lowered"
        shift_s = self.shift_s
        if not shift_s:
            return "same"
        return "later" if shift_s > 0 else "earlier"

    @property
    def shift_s(self) -> float | None:
        """By how many seconds of event time its first warning came later; None where there are not two."""
        before, after = (None if told is None else told.first_loud for told in (self.before, self.after))
        if before is None or after is None:
            return None
        return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()

    @property
    def loud(self) -> tuple[bool, bool]:
        """Whether it was at a warning or above before, and after."""
        return is_loud(self.before), is_loud(self.after)

    @property
    def severest(self) -> Severity:
        """The higher one of its two severities."""
        return min((told.severity for told in (self.before, self.after) if told), key=SEVERITIES.index)


class Answered(NamedTuple):
    """An operation of which an analyst has said what it is."""

    confirmed: bool
    before: Severity | None
    after: Severity | None
    """As a case of its own, or as part of another."""

    @property
    def quieter(self) -> bool:
        """Whether it would not be told any more, or no more than as a notice where it was a warning."""
        return _loudness(self.after) < _loudness(self.before)


def _loudness(severity: Severity | None) -> int:
    return 2 if severity in LOUD else int(severity is not None)


def is_loud(told: Told | None) -> bool:
    """Whether a case was told at a warning or above."""
    return told is not None and told.loud


def compared(before: Run, after: Run) -> list[Compared]:
    """The operations of two runs, the most severe first."""
    old, new = before.cases(), after.cases()
    old_members = {name: told.members for name, told in old.items()}
    new_members = {name: told.members for name, told in new.items()}
    found = pairs(old_members, new_members)
    lost = old.keys() - {pair.before for pair in found}
    gained = new.keys() - {pair.after for pair in found}
    now_in = wholes({name: old_members[name] for name in lost}, new_members)
    once_in = wholes({name: new_members[name] for name in gained}, old_members)
    rows = [Compared(old[pair.before], new[pair.after], pair.similarity) for pair in found]
    rows += [Compared(old[name], None, None, _named(new, now_in.get(name))) for name in lost]
    rows += [Compared(None, new[name], None, _named(old, once_in.get(name))) for name in gained]
    return sorted(rows, key=_severe_first)


def _named(cases: dict[str, Told], name: str | None) -> Told | None:
    return None if name is None else cases[name]


def _severe_first(row: Compared) -> tuple[int, int, str, str]:
    names = ["" if told is None else told.data["case_id"] for told in (row.before, row.after)]
    return SEVERITIES.index(row.severest), CHANGES.index(row.change), names[0], names[1]


def moves(rows: Iterable[Compared]) -> dict[str, dict[str, int]]:
    """How many operations were told at which severity before, and at which after; "none" is not at all."""
    names: tuple[str, ...] = (*SEVERITIES, "none")
    counted: Counter[tuple[str, str]] = Counter(
        (
            "none" if row.before is None else row.before.severity,
            "none" if row.after is None else row.after.severity,
        )
        for row in rows
    )
    return {one: {other: counted[one, other] for other in names} for one in names}


def by_detector(rows: Iterable[Compared]) -> list[dict[str, str | int]]:
    """For each detector the operations at a warning or above in which it had a part."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        told = [one for one in (row.before, row.after) if one is not None and one.loud]
        for detector in sorted({name for one in told for name in one.data["detectors"]}):
            counted[detector].update(_loud_words(row))
    return [
        {"detector": name, **{word: counts[word] for word in LOUD_WORDS}}
        for name, counts in sorted(counted.items())
    ]


def _loud_words(row: Compared) -> Iterator[str]:
    before, after = row.loud
    if before:
        yield "before"
    if after:
        yield "after"
    yield {(True, True): "kept", (False, True): "gained", (True, False): "lost"}[row.loud]
    if before and after and row.change in ("raised", "lowered"):
        yield row.change
    if row.shift_s:
        yield "later" if row.shift_s > 0 else "earlier"


def loud_counts(rows: Iterable[Compared]) -> Counter[str]:
    """The operations at a warning or above, by each of `LOUD_WORDS` that is true of them."""
    return Counter(word for row in rows if any(row.loud) for word in _loud_words(row))


def middle_shift_s(rows: Iterable[Compared]) -> float | None:
    """Median of the seconds by which first warnings that moved came later."""
    moved = [row.shift_s for row in rows if row.shift_s]
    return median(moved) if moved else None


def standing(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    """The verdict that stands for each case: the one said last, unless that only was a note."""
    last: dict[str, Verdict] = {}
    for verdict in verdicts:
        before = last.get(verdict.case_id)
        if before is None or verdict.said_ms > before.said_ms:
            last[verdict.case_id] = verdict
    return {name: verdict for name, verdict in last.items() if verdict.kind != "noted"}


def answered(
    rows: Iterable[Compared], verdicts: Collection[Verdict], before: Run, after: Run
) -> tuple[list[Answered], int]:
    """What became of the operations of which something was said, and how many neither run has told.

    A verdict names a case by the id that it had when it was said; whichever of the two runs has that id, its
    pair answers for the other run, or the case that it is a part of there.
    """
    of_id = {
        told.data["case_id"]: row
        for row in rows
        for told in (row.after, row.before)  # where they differ, an id is a case of the first run
        if told is not None
    }
    found: dict[int, tuple[Verdict, Compared]] = {}
    missing = 0
    for verdict in standing(verdicts).values():
        row = of_id.get(before.heir(verdict.case_id)) or of_id.get(after.heir(verdict.case_id))
        if row is None:
            missing += 1
        elif id(row) not in found or verdict.said_ms > found[id(row)][0].said_ms:
            found[id(row)] = verdict, row
    return [_answered(verdict, row) for verdict, row in found.values()], missing


def _answered(verdict: Verdict, row: Compared) -> Answered:
    before, after = (told or row.part_of for told in (row.before, row.after))
    return Answered(
        verdict.kind == "confirmed",
        None if before is None else before.severity,
        None if after is None else after.severity,
    )


def precision(found: Iterable[Answered], run: Literal["before", "after"]) -> Precision:
    """How many of the operations that a run told at a warning or above were confirmed, and how many not."""
    loud = [one.confirmed for one in found if getattr(one, run) in LOUD]
    return Precision(confirmed=sum(loud), wrong=len(loud) - sum(loud))
