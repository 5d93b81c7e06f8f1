"""An answer out of its parts: what was counted, what the detectors ask for, what they said, the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.rules.sentences import Both
from streams.explaining import judged, verdict
from streams.explaining.conditions import Section
from streams.explaining.judged import Found
from streams.explaining.question import Answer
from streams.stores.rows import Use


def concluded(
    answer: Answer, uses: Sequence[Use], nothing: Both, sections: Sequence[Section], found: Sequence[Found]
) -> Answer:
    """The verdict: of the findings, else of what was missed, else that nothing was counted."""
    if found:
        return answered(answer, verdict.of_findings(found), sections, found)
    return answered(answer, verdict.of_sections(sections), sections) if uses else answered(answer, nothing)


def answered(
    answer: Answer, said: Both, sections: Sequence[Section] = (), found: Sequence[Found] = ()
) -> Answer:
    """The whole of an answer."""
    ids: dict[str, list[str]] = {}
    for one in found:
        ids.setdefault(one.row.detector, []).append(one.row.finding_id)
    return answer | {
        "verdict": said[0],
        "verdict_fr": said[1],
        "detectors": [section.told(ids.get(section.detector, [])) for section in sections],
        "findings": [judged.told(one) for one in found],
    }
