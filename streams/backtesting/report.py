"""What a backtest has shown, as the tables that `--json` prints, and in one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from detectors.alerts import instant
from detectors.verdicts import Precision, Verdict
from streams.backtesting import comparing
from streams.backtesting.comparing import LOUD_WORDS, Answered, Compared
from streams.backtesting.differing import Difference
from streams.backtesting.runs import LOUD, SEVERITIES, Run, Told

DAY_MS = 86_400_000


class Played(NamedTuple):
    """The posts that both runs were given."""

    posts: int
    start_ms: int
    end_ms: int

    @property
    def days(self) -> float:
        """From the first post to the last; never nothing, since it is divided by."""
        return max(self.end_ms - self.start_ms, 1000) / DAY_MS


def report(
    differing: Sequence[Difference],
    played: Played,
    before: Run,
    after: Run,
    verdicts: Collection[Verdict] | None = None,
) -> dict[str, Any]:
    """The tables of a backtest.

    Parameters
    ----------
    differing : sequence of Difference
        In what the settings of the two runs differ.
    played : Played
    before, after : Run
        Finished.
    verdicts : collection of Verdict, optional
        What analysts have said; None where nobody was asked.
    """
    rows = comparing.compared(before, after)
    loud = comparing.loud_counts(rows)
    judged = None if verdicts is None else comparing.answered(rows, verdicts, before, after)
    return {
        "conclusion": _conclusion(rows, None if judged is None else judged[0]),
        "settings": [difference._asdict() for difference in differing],
        "versions": {"before": before.pipeline.config_version, "after": after.pipeline.config_version},
        "stream": {
            "posts": played.posts,
            "start": instant(played.start_ms),
            "end": instant(played.end_ms),
            "days": round(played.days, 4),
        },
        "alerts": {"before": _alerts(before, played.days), "after": _alerts(after, played.days)},
        "moves": comparing.moves(rows),
        "warnings": {word: loud[word] for word in comparing.LOUD_WORDS}
        | {"median_shift_s": comparing.middle_shift_s(rows)},
        "detectors": comparing.by_detector(rows),
        "changes": [_change(row) for row in rows if row.change != "same"],
        "verdicts": None if judged is None else _verdicts(*judged),
    }


def _alerts(run: Run, days: float) -> dict[str, dict[str, float]]:
    return {
        severity: {"count": run.alerts[severity], "a_day": round(run.alerts[severity] / days, 2)}
        for severity in SEVERITIES
    }


def _change(row: Compared) -> dict[str, Any]:
    return {
        "change": row.change,
        "before": _told(row.before),
        "after": _told(row.after),
        "similarity": row.similarity,
        "shift_s": row.shift_s,
        "part_of": None if row.part_of is None else row.part_of.data["case_id"],
    }


def _told(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    data = told.data
    return {
        "case_id": data["case_id"],
        "severity": told.severity,
        "score": data["score"],
        "detectors": data["detectors"],
        "subject": told.subject,
        "accounts": data["group"]["accounts_total"],
        "first_alert": min(told.first.values()),
        "first_warning": told.first_loud,
        "summary": data["summary"],
    }


def _verdicts(found: Sequence[Answered], missing: int) -> dict[str, Any]:
    return {
        "confirmed": _outcomes([one for one in found if one.confirmed]),
        "dismissed": _outcomes([one for one in found if not one.confirmed]),
        "precision": {
            "before": _precision(comparing.precision(found, "before")),
            "after": _precision(comparing.precision(found, "after")),
        },
        "of_no_case": missing,
    }


def _outcomes(found: Sequence[Answered]) -> dict[str, int]:
    return {
        "cases": len(found),
        "told_before": sum(one.before is not None for one in found),
        "warning_before": sum(one.before in LOUD for one in found),
        "warning_after": sum(one.after in LOUD for one in found),
        "notice_after": sum(one.after == "notice" for one in found),
        "gone_after": sum(one.after is None for one in found),
    }


def _precision(counted: Precision) -> dict[str, float | int | None]:
    known = counted.confirmed + counted.wrong
    share = round(counted.confirmed / known, 4) if known else None
    return {"confirmed": counted.confirmed, "wrong": counted.wrong, "precision": share}


def _conclusion(rows: Sequence[Compared], judged: Sequence[Answered] | None) -> str:
    if all(row.change == "same" for row in rows):
        said = f"Nothing would have changed: {_cases(len(rows))}, each as severe and as early as before."
    else:
        said = (
            f"At warning or above there would have been {_loud(comparing.loud_counts(rows))}{_quiet(rows)}."
        )
    return said + ("" if judged is None else _answers(judged))


def _loud(counts: Mapping[str, int]) -> str:
    """What became of the cases at a warning or above.

    >>> _loud({"before": 4, "after": 3, "kept": 2, "gained": 1, "lost": 2, "later": 1})
    '3 cases instead of 4 (2 kept, 1 gained, 2 lost; 1 later)'
    >>> _loud({"before": 4, "after": 4, "kept": 4})
    'the same 4 cases'
    """
    moved = ", ".join(f"{counts[word]} {word}" for word in LOUD_WORDS[5:] if counts.get(word))
    if not counts.get("gained", 0) + counts.get("lost", 0):
        return f"the same {_cases(counts.get('before', 0))}{f' ({moved})' if moved else ''}"
    changed = ", ".join(f"{counts.get(word, 0)} {word}" for word in ("kept", "gained", "lost"))
    return (
        f"{_cases(counts.get('after', 0))} instead of {counts.get('before', 0):,} "
        f"({changed}{'; ' if moved else ''}{moved})"
    )


def _quiet(rows: Iterable[Compared]) -> str:
    """How many cases stayed below that."""
    told = [tuple(one is not None and not one.loud for one in (row.before, row.after)) for row in rows]
    before, after = (sum(quiet) for quiet in zip(*told, strict=True))
    return f", and {after:,} notices instead of {before:,}" if before or after else ""


def _answers(judged: Sequence[Answered]) -> str:
    """What would become of the cases that were answered.

    >>> _answers([Answered(True, "warning", "critical"), Answered(False, "warning", "notice")])
    ' Of 1 confirmed case 1 would be kept, of 1 dismissed case 1 would be gone or but a notice.'
    """
    confirmed = [one for one in judged if one.confirmed and one.before]
    wrong = [one for one in judged if not one.confirmed and one.before]
    kept, gone = sum(not one.quieter for one in confirmed), sum(one.quieter for one in wrong)
    return (
        f" Of {len(confirmed)} confirmed {_noun(confirmed)} {kept} would be kept, of {len(wrong)} dismissed "
        f"{_noun(wrong)} {gone} would be gone or but a notice."
    )


def _cases(count: int) -> str:
    return f"{count:,} case{'s' * (count != 1)}"


def _noun(cases: Sequence[Answered]) -> str:
    return "case" if len(cases) == 1 else "cases"
