"""The room's lists and what the accounts on them push, as the page shows them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from detectors.lists import Lists


def listed(lists: Lists) -> list[dict[str, Any]]:
    """One row for each list: how many entries of which kind.

    >>> from detectors.lists import Entry
    >>> listed(Lists([Entry(account="12", kind="declared", reason="a newsroom", source="desk", list="room")]))
    [{'name': 'room', 'version': '00aa31f0681f', 'entries': 1, 'kinds': {'declared': 1}}]
    """
    names = sorted({entry.list for entry in lists.entries})
    return [_row(name, Lists(entry for entry in lists.entries if entry.list == name)) for name in names]


def _row(name: str, lists: Lists) -> dict[str, Any]:
    kinds = Counter(entry.kind for entry in lists.entries)
    return {
        "name": name,
        "version": lists.version,
        "entries": len(lists),
        "kinds": dict(sorted(kinds.items())),
    }
