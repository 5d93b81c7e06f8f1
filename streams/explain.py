"""`vigie explain`: why there is, or is not, an alert about a subject, an account, a finding or a case."""

from __future__ import annotations

from collections.abc import Callable

from detectors.alerts import instant
from streams.embedded import Settings
from streams.explaining import cases, people, subjects
from streams.explaining.missing import missing
from streams.explaining.question import Answer, Question
from streams.stores.sqlite import Store

_ANSWERS: dict[str, Callable[[Question], Answer]] = {
    "hashtag": subjects.hashtag,
    "account": people.account,
    "link": subjects.link,
    "text": subjects.text,
    "target": people.target,
    "source": people.source,
    "payer": subjects.payer,
    "finding": cases.finding,
    "case": cases.case,
}
KINDS = tuple(_ANSWERS)
"""What can be asked of."""


def explain(store: Store, settings: Settings, kind: str, value: str, at_ms: int) -> Answer:
    """Answer for one subject at one moment.

    Returns
    -------
    dict
        ``verdict`` (one sentence; ``verdict_fr`` is the French one, and so are all others beside theirs);
        ``counted``; ``detectors``, each with all that it asks for before it judges (wanted, measured,
        state); ``findings``, each with all rules (needed, measured, state), traits and alerts; for an
        account, ``automation``; and, of a store that does not hold all, ``missing`` (sentences).
    """
    tick_ms = settings.time.tick_s * 1000
    # Posts after the last tick were not judged yet.
    at_ms -= at_ms % tick_ms
    answer = _ANSWERS[kind](Question(store.reading, settings, value, at_ms))
    told: Answer = {"kind": kind, "value": value, "at": instant(at_ms)} | answer
    if gone := missing(store.reading, at_ms):
        told |= {"missing": [one[0] for one in gone], "missing_fr": [one[1] for one in gone]}
    return told
