"""Takes one person out of the posts of a store: their own with their fate, and their name in others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from streams.stores import fates
from streams.stores.rows import SEPARATOR


def erase_from_posts(db: sqlite3.Connection, keys: Iterable[str], names: Iterable[str]) -> int:
    """Delete the posts of a person and whatever else in the table names them; return how many rows changed.

    Parameters
    ----------
    db : sqlite3.Connection
    keys : iterable of str
        Account keys.
    names : iterable of str
        Ids and handles, in whatever case, as others may have written them.
    """
    changed = 0
    for key in keys:
        changed += fates.erase(db, key)  # by their posts, which are there until now
        for statement in (
            "UPDATE posts SET ref = NULL WHERE ref IN (SELECT id FROM posts WHERE account = ?)",
            "UPDATE posts SET ref = NULL, source = NULL WHERE source = ?",
            "DELETE FROM posts WHERE account = ?",
        ):
            changed += db.execute(statement, (key,)).rowcount
    for name in {name.casefold() for name in names}:
        for column in ("targets", "strangers"):
            rows = db.execute(
                f"SELECT time, account, id, {column} FROM posts WHERE instr(lower({column}), lower(?))",
                (f"{SEPARATOR}{name}{SEPARATOR}",),
            ).fetchall()
            for *place, named in rows:
                db.execute(
                    f"UPDATE posts SET {column} = ? WHERE time = ? AND account = ? AND id = ?",
                    (_without(named, name), *place),
                )
            changed += len(rows)
    return changed


def _without(named: str, name: str) -> str | None:
    """Several names in one column, less one; None where none is left.

    >>> _without("\\x1fana\\x1fBob\\x1f", "bob"), _without("\\x1fBob\\x1f", "bob")
    ('\\x1fana\\x1f', None)
    """
    left = [one for one in named[1:-1].split(SEPARATOR) if one.casefold() != name]
    return f"{SEPARATOR}{SEPARATOR.join(left)}{SEPARATOR}" if left else None
