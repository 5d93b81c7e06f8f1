"""What became of accounts and posts since, in a store: the newest word on each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import orjson

from detectors.batches import FateSignal

SCHEMA = """
CREATE TABLE fates (
  account TEXT NOT NULL, post TEXT NOT NULL, time INTEGER NOT NULL, status TEXT NOT NULL,
  PRIMARY KEY (account, post)) WITHOUT ROWID;
"""
"""A row without a post is of the account; one without an account of a post of which nothing else was said."""
_AMONG = "IN (SELECT value FROM json_each(?))"


def write(db: sqlite3.Connection, fates: Iterable[FateSignal]) -> None:
    """Keep what was said, in the order in which it was."""
    db.executemany(
        "INSERT OR REPLACE INTO fates VALUES (?, ?, ?, ?)",
        ((fate.account or "", fate.post or "", fate.time_ms, fate.status) for fate in fates),
    )


def are_kept(db: sqlite3.Connection) -> bool:
    """Whether a store has them: those of earlier versions do not, nor do those that are made from Kafka."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'fates'").fetchone())


def statuses(db: sqlite3.Connection, accounts: Iterable[str]) -> dict[str, str]:
    """What the network said last of each of these accounts, by account key, where it said anything."""
    rows = db.execute(
        f"SELECT account, status FROM fates WHERE account {_AMONG} AND post = ''", (_packed(accounts),)
    )
    return dict(rows.fetchall())


def erased(db: sqlite3.Connection, accounts: Iterable[str], posts: Iterable[str]) -> frozenset[str]:
    """Posts that are known to be erased, see `detectors.findings.post_key`.

    Parameters
    ----------
    db : sqlite3.Connection
    accounts : iterable of str
        All of theirs.
    posts : iterable of str
        Those of these of which the network did not say whose they were.
    """
    theirs = db.execute(f"SELECT post FROM fates WHERE account {_AMONG} AND post <> ''", (_packed(accounts),))
    others = db.execute(f"SELECT post FROM fates WHERE account = '' AND post {_AMONG}", (_packed(posts),))
    return frozenset(post for rows in (theirs, others) for (post,) in rows)


def forget(db: sqlite3.Connection, before_ms: int) -> None:
    """Delete what was said before a time."""
    if are_kept(db):
        db.execute("DELETE FROM fates WHERE time < ?", (before_ms,))


def erase(db: sqlite3.Connection, account: str) -> int:
    """Delete what was said of one account and of its posts; return how many rows there were."""
    if not are_kept(db):
        return 0
    return db.execute(
        "DELETE FROM fates WHERE account = ?1 OR (account = '' AND post IN "
        "(SELECT substr(account, 1, instr(account, char(31))) || id FROM posts WHERE account = ?1))",
        (account,),
    ).rowcount


def _packed(values: Iterable[str]) -> str:
    return orjson.dumps(list(values)).decode()
