"""The accounts of a case as a table: who they are, how automated they look, how much each posted in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from detectors.accounts import automation
from detectors.alerts import instant
from detectors.events import Profile, milliseconds, moment_ms
from detectors.findings import author_of, platform_of
from streams.console import addresses
from streams.console.evidence import Evidence
from streams.console.known import KnownCase
from streams.console.memory import Remembered

Row = dict[str, Any]
SORTS = {
    "posts": "posts",
    "handle": "handle",
    "created": "created",
    "bot": "bot_score",
    "dormant": "silent_days",
}
"""By what the table may be sorted, and in which field that stands."""
_UNKNOWN = Remembered(None, None, None, None, None)
_NEW_MS = 30 * 86_400_000
"""An account that is younger when the case begins is new."""


def from_evidence(case: KnownCase, evidence: Evidence, memory: dict[str, Remembered]) -> list[Row]:
    """One row for each member.

    Parameters
    ----------
    case : KnownCase
    evidence : Evidence
    memory : dict of str to Remembered
        What the pipeline remembers of them, by account key, for what no profile says.
    """
    posts = Counter(post.account for post in evidence.posts)
    scores = _scores(evidence)
    data = case.data
    kinds = {entry["account"]: entry["kind"] for entry in data["group"].get("listed", [])}
    new_ms = moment_ms(data["first_seen"]) - _NEW_MS
    rows = []
    for account in evidence.accounts:
        author_id = author_of(account)
        _, profile = evidence.profiles.get(account, (0, Profile()))
        known = memory.get(account, _UNKNOWN)
        created_ms = milliseconds(profile.created_at) if profile.created_at else known.created_ms
        score, days = scores.get(account, known.score), known.silent_days
        signs = [
            name
            for name, holds in (
                ("automated", score is not None and score >= automation.THRESHOLD),
                ("new", created_ms is not None and created_ms >= new_ms),
                ("dormant", days is not None),
                ("no_picture", profile.default_avatar is True),
            )
            if holds
        ]
        if author_id in kinds:
            signs.append(f"listed_{kinds[author_id]}")
        rows.append(
            {
                "account": f"{platform_of(account)}:{author_id}",
                "author_id": author_id,
                "handle": profile.handle,
                "name": profile.name,
                "created": None if created_ms is None else instant(created_ms),
                "followers": known.followers if profile.followers is None else profile.followers,
                "bot_score": score,
                "silent_days": days,
                "posts": posts[account],
                "signs": signs,
                "status": known.status or evidence.statuses.get(account),
                "url": addresses.of_account(account),
            }
        )
    return rows


def from_alerts(case: KnownCase) -> list[Row]:
    """One row for each account that the alerts name: its id, and how many of its posts they name."""
    data = case.data
    posts = Counter(author_id for author_id, _ in case.posts)
    named = [data["group"]["accounts"], *(finding["accounts"] for finding in data["findings"]), posts]
    kinds = {entry["account"]: entry["kind"] for entry in data["group"].get("listed", [])}
    blank = dict.fromkeys(("handle", "name", "created", "followers", "bot_score", "silent_days"))
    return [
        {"account": author_id, "author_id": author_id}
        | blank
        | {
            "posts": posts[author_id],
            "signs": [f"listed_{kinds[author_id]}"] if author_id in kinds else [],
            "status": None,
            "url": None,
        }
        for author_id in dict.fromkeys(one for names in named for one in names)
    ]


def page_of(rows: Sequence[Row], *, sort: str, down: bool, search: str) -> list[Row]:
    """The rows in the order that is wanted; what is not known comes last, whatever the order.

    >>> rows = [{"account": "x:1", "handle": "ana", "name": None, "posts": 2},
    ...         {"account": "x:2", "handle": None, "name": "Bob", "posts": 9}]
    >>> [row["account"] for row in page_of(rows, sort="handle", down=True, search="")]
    ['x:1', 'x:2']
    >>> [row["account"] for row in page_of(rows, sort="posts", down=True, search="AN")]
    ['x:1']
    """
    sought = search.casefold().removeprefix("@")
    found = [row for row in rows if _has(row, sought)] if sought else list(rows)
    name = SORTS[sort]
    # Of equals always the same first, or a page would repeat what another showed.
    found.sort(key=lambda row: str(row["account"]))
    known = [row for row in found if row[name] is not None]
    known.sort(key=lambda row: _folded(row[name]), reverse=down)
    return known + [row for row in found if row[name] is None]


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _has(row: Row, sought: str) -> bool:
    texts: Iterable[str | None] = (row["handle"], row["name"], row["account"])
    return any(sought in text.casefold() for text in texts if text)


def _scores(evidence: Evidence) -> dict[str, float]:
    """The automation score of every account whose profile says enough."""
    if not evidence.profiles:
        return {}
    matrix = np.array(
        [automation.features(profile, observed) for observed, profile in evidence.profiles.values()]
    )
    scores = automation.score(matrix)
    return {
        account: round(float(score), 3)
        for account, score in zip(evidence.profiles, scores, strict=True)
        if not np.isnan(score)
    }
