"""Groups that act together openly, as the page and the summary of a replay list them."""

from __future__ import annotations

from typing import Any

from detectors.alerts import instant
from detectors.open_groups import OpenGroup, OpenGroups

MOST_OPEN = 200


def listed_openly(groups: OpenGroups, most: int = MOST_OPEN) -> list[dict[str, Any]]:
    """One row for each group, those of the most accounts first."""
    return [_row(group) for group in groups.largest()[:most]]


def _row(group: OpenGroup) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "subject": str(group.subject),
        "template": group.template,
        "accounts": group.accounts,
        "start": instant(group.start_ms),
        "end": instant(group.end_ms),
        "en": group.why[0],
        "fr": group.why[1],
    }
