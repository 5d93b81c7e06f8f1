"""What the store has of one case: all of its accounts with their profiles, and all of its posts.

An alert names fifty posts and two hundred accounts; the store knows every member of every finding, and has a
row of each post. A post of a member is one of the case when it lies in the case's window and shares what the
case is about; where no post does (a case may be about follows, or deletions), all posts of the members in the
window are taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from detectors.events import Profile, moment_ms
from detectors.findings import author_of, platform_of, post_key
from streams.console.handles import handles
from streams.console.known import KnownCase
from streams.stores import fates
from streams.stores.rows import SEPARATOR

MOST_POSTS = 200_000
"""Posts of members in the window that are looked at, the oldest first."""
_AMONG = "IN (SELECT value FROM json_each(?))"
_POSTS = (
    "SELECT time, account, id, kind, hashtags, links, media, targets, ref, source, text FROM posts "
    f"WHERE time >= ? AND time <= ? AND account {_AMONG} ORDER BY time LIMIT {MOST_POSTS}"
)
_profile = msgspec.json.Decoder(Profile).decode


Origin = Literal["store", "workers"]


class StoredPost(NamedTuple):
    """One post of a case."""

    time_ms: int
    account: str
    """Account key."""
    id: str
    kind: str | None
    """None where that is not known."""
    targets: tuple[str, ...]
    """Whom it names."""


class Evidence(NamedTuple):
    """What is known of a case besides its alerts."""

    accounts: list[str]
    """Account keys of all members, sorted."""
    posts: list[StoredPost]
    """In order of time."""
    profiles: dict[str, tuple[int, Profile]]
    """The newest profile of an account and when it was observed."""
    origin: Origin = "store"
    whole: bool = True
    """Whether all posts were looked at, and not only those for which there was time or room."""
    statuses: Mapping[str, str] = MappingProxyType({})
    """What the network said of an account since, by account key, as far as that is known."""
    erased: frozenset[str] = frozenset()
    """Posts known to be erased, see `detectors.findings.post_key`."""
    handles: Mapping[str, str] = MappingProxyType({})
    """Handles of the accounts that it names, by id, as far as they are known."""
    has_fates: bool = True
    """Whether it would be known what became of them since."""

    def handle(self, account: str) -> str | None:
        """The handle of an account, by its key."""
        known = self.profiles.get(account)
        return known[1].handle if known is not None else None


def evidence_of(db: sqlite3.Connection, case: KnownCase) -> Evidence:
    """Look a case up.

    Parameters
    ----------
    db : sqlite3.Connection
        The store.
    case : KnownCase
    """
    data = case.data
    findings = orjson.dumps(case.finding_ids()).decode()
    members = _column(db, f"SELECT DISTINCT account FROM members WHERE finding {_AMONG}", findings)
    accounts = sorted(members)
    packed = orjson.dumps(accounts).decode()
    start_ms, end_ms = (moment_ms(data["window"][name]) for name in ("start", "end"))
    rows = db.execute(_POSTS, (start_ms, end_ms, packed)).fetchall()
    texts = _column(db, f"SELECT DISTINCT key FROM text_keys WHERE finding {_AMONG}", findings)
    about = _About(data["subjects"], texts)
    posts = [_post(row) for row in rows if about.matches(row)] or [_post(row) for row in rows]
    named = (one["value"] for finding in data["findings"] for one in finding["targets"])
    profiles = db.execute(f"SELECT account, observed, body FROM profiles WHERE account {_AMONG}", (packed,))
    return Evidence(
        accounts,
        posts,
        {name: (observed, _profile(body)) for name, observed, body in profiles},
        whole=len(rows) < MOST_POSTS,
        handles=handles(db, named),
        **_fates(db, accounts, posts),
    )


def _fates(db: sqlite3.Connection, accounts: list[str], posts: list[StoredPost]) -> dict[str, Any]:
    """What became of the accounts and posts since."""
    if not fates.are_kept(db):
        return {"has_fates": False}
    keys = [post_key(platform_of(post.account), post.id) for post in posts]
    return {"statuses": fates.statuses(db, accounts), "erased": fates.erased(db, accounts, keys)}


class _About:
    """What a case is about, as it is found in the row of a post."""

    def __init__(self, subjects: Iterable[dict[str, str]], texts: set[str]) -> None:
        by_kind: dict[str, set[str]] = {}
        for subject in subjects:
            by_kind.setdefault(subject["kind"], set()).add(subject["value"])
        self._several = [
            (place, by_kind[kind])
            for place, kind in ((4, "hashtag"), (5, "link"), (6, "media"), (7, "target"))
            if kind in by_kind
        ]
        self._posts, self._sources = by_kind.get("post", set()), by_kind.get("source", set())
        self._texts = texts

    def matches(self, row: tuple[Any, ...]) -> bool:
        """Whether a post shares one of the subjects."""
        *_, ref, source, text = row
        return (
            (text is not None and text in self._texts)
            or (ref is not None and ref in self._posts)
            or (source is not None and author_of(source) in self._sources)
            or any(
                row[place] and not values.isdisjoint(_split(row[place])) for place, values in self._several
            )
        )


def _post(row: tuple[Any, ...]) -> StoredPost:
    time_ms, account, post_id, kind, _, _, _, targets, *_ = row
    return StoredPost(time_ms, account, post_id, kind, tuple(_split(targets)) if targets else ())


def _split(joined: str) -> list[str]:
    return joined[1:-1].split(SEPARATOR)


def _column(db: sqlite3.Connection, query: str, among: str) -> set[str]:
    return {value for (value,) in db.execute(query, (among,))}
