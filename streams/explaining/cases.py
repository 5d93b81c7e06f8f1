"""A finding through all its judgements, and a case with all its findings, each by the beginning of its id."""

from __future__ import annotations

from detectors.alerts import instant
from detectors.rules.sentences import NBSP, Both
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
        later = (
            f"Nothing was counted: the finding {found} was made later.",
            f"Rien n'a été compté{NBSP}: le constat {found} est plus récent.",
        )
        return answered({"counted": {}}, later)
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
        later = (
            f"Nothing was counted: the case {found} was told later.",
            f"Rien n'a été compté{NBSP}: l'affaire {found} est plus récente.",
        )
        return answered({"counted": {}}, later)
    rows = question.stored.newest(question.stored.findings_of_case(found, question.at_ms), question.at_ms)
    said = verdict.of_case(found, alerts, len(rows))
    counted = {"alerts": [judged.alert_told(one) for one in alerts]}
    return answered({"counted": counted}, said, found=[judged.taken(question, row) for row in rows])


def _unclear(kind: str, beginning: str, ids: list[str]) -> Answer:
    """What is said where none, or several, have an id that begins so."""
    french = {"finding": "constat", "case": "affaire"}[kind]
    said: Both = (
        f"{len(ids)} {kind}s have an id that begins with {beginning!r}: write more of it.",
        f"{len(ids)} {french}s ont un identifiant qui commence par {beginning!r}{NBSP}: donnez-en plus.",
    )
    if not ids:
        said = (
            f"Nothing was counted: no {kind} has an id that begins with {beginning!r}.",
            f"Rien n'a été compté{NBSP}: aucun identifiant ({french}) ne commence par {beginning!r}.",
        )
    return answered({"counted": {}}, said)
