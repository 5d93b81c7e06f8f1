"""A finding through all its judgements, and a case with all its findings, each by the beginning of its id."""

from __future__ import annotations

from detectors.alerts import instant
from streams.explaining import judged, verdict
from streams.explaining.answering import answered
from streams.explaining.question import Answer, Question


def finding(question: Question) -> Answer:
    """A finding, as it was judged last, and how its score came about."""
    ids = question.stored.ids("finding", question.value.strip())
    if len(ids) != 1:
        return _unclear("finding", question.value, ids)
    (found,) = ids
    rows = question.stored.judgements(found, question.at_ms)
    if not rows:
        return answered({"counted": {}}, f"Nothing was counted: the finding {found} was made later.")
    counted = {
        "judgements": [
            {
                "at": instant(row.tick_ms),
                "score": row.score,
                "severity": row.severity,
                "accounts": row.body.accounts,
                "posts": row.body.posts,
            }
            for row in reversed(rows)
        ]
    }
    newest = [judged.taken(question, rows[0])]
    return answered({"counted": counted}, verdict.of_findings(newest), found=newest)


def case(question: Question) -> Answer:
    """A case: what was told of it, and every finding it was told with."""
    ids = question.stored.ids("case", question.value.strip())
    if len(ids) != 1:
        return _unclear("case", question.value, ids)
    (found,) = ids
    alerts = question.stored.alerts_of(found, question.at_ms)
    if not alerts:
        return answered({"counted": {}}, f"Nothing was counted: the case {found} was told later.")
    rows = question.stored.newest(question.stored.findings_of_case(found, question.at_ms), question.at_ms)
    newest = alerts[-1]
    said = (
        f"Case {found} stands at {newest.severity}, score {newest.score}, {newest.status}, after "
        f"{len(alerts)} {'revision' if len(alerts) == 1 else 'revisions'} and {len(rows)} "
        f"{'finding' if len(rows) == 1 else 'findings'}."
    )
    counted = {"alerts": [judged.alert_told(one) for one in alerts]}
    return answered({"counted": counted}, said, found=[judged.taken(question, row) for row in rows])


def _unclear(kind: str, beginning: str, ids: list[str]) -> Answer:
    """What is said where none, or several, have an id that begins so."""
    if not ids:
        said = f"Nothing was counted: no {kind} has an id that begins with {beginning!r}."
    else:
        said = f"{len(ids)} {kind}s have an id that begins with {beginning!r}: write more of it."
    return answered({"counted": {}}, said)
