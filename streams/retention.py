"""How long the embedded store keeps what it holds: texts and counts, profiles, cases, each its own time.

The age of a record is that of its event, but never more than the time since the store was begun: a replay of
posts from years ago would else be gone at once. Deleted content is overwritten on the disk.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import orjson

from detectors.alerts import instant
from streams.privacy_settings import RetentionSettings
from streams.stores import fates

_DAY_MS = 86_400_000
_TEMPLATE, _QUOTE, _QUOTE_FR = b'"template":"', "“".encode(), "«".encode()
_QUOTED = re.compile(r"([“«]).*([”»])", re.DOTALL)
"""From the first mark to the last: a text may have such marks itself."""
_OF_NO_FINDING = "DELETE FROM {} WHERE finding NOT IN (SELECT finding FROM judged)"


def begin(db: sqlite3.Connection, now_ms: int) -> None:
    """Write down in a new store when it was begun."""
    db.execute("CREATE TABLE IF NOT EXISTS begun (at_ms INTEGER NOT NULL)")
    db.execute("INSERT INTO begun VALUES (?)", (now_ms,))


def sweep(db: sqlite3.Connection, kept: RetentionSettings, now_ms: int) -> dict[str, int]:
    """Delete what was kept long enough.

    Returns
    -------
    dict of str to int
        Records that were deleted, or of which the text was, by the kind of data.
    """
    begun_ms = _begun_ms(db)
    gone = {"posts": 0, "profiles": 0, "cases": 0}
    limits = {
        "posts": now_ms - round(kept.posts_days * _DAY_MS),
        "profiles": now_ms - round(kept.profiles_days * _DAY_MS),
        "cases": now_ms - round(kept.cases_days * _DAY_MS),
    }
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    for kind, limit_ms in limits.items():
        if begun_ms < limit_ms:
            gone[kind] = _SWEEPS[kind](db, limit_ms)
    db.execute("COMMIT")
    return gone


def _begun_ms(db: sqlite3.Connection) -> int:
    """When the store was begun. One that does not say so is as old as its posts."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'begun'").fetchone():
        return 0
    return int(db.execute("SELECT coalesce(max(at_ms), 0) FROM begun").fetchone()[0])


def _posts(db: sqlite3.Connection, limit_ms: int) -> int:
    """Posts, and the texts that judgements and alerts quote; what was found in them stays."""
    gone = db.execute("DELETE FROM posts WHERE time < ?", (limit_ms,)).rowcount
    fates.forget(db, limit_ms)
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ticks'").fetchone():  # of `vigie record`
        db.execute("DELETE FROM ticks WHERE tick < ?", (limit_ms,))
    gone += db.execute(
        "DELETE FROM text_keys WHERE finding NOT IN (SELECT finding FROM judged WHERE tick >= ?)", (limit_ms,)
    ).rowcount
    for table, key, time, limit in (
        ("judged", "rowid", "tick", limit_ms),
        ("alerts", "id", "time", instant(limit_ms)),
    ):
        rows = db.execute(
            f"SELECT {key}, body FROM {table} WHERE {time} < ? "
            "AND (instr(body, ?) OR instr(body, ?) OR instr(body, ?))",
            (limit, _TEMPLATE, _QUOTE, _QUOTE_FR),
        ).fetchall()
        bodies = [
            (packed, name)
            for name, body in rows
            if (packed := orjson.dumps(without_texts(orjson.loads(body)))) != body
        ]
        db.executemany(f"UPDATE {table} SET body = ? WHERE {key} = ?", bodies)
        gone += len(bodies)
    return gone


def _profiles(db: sqlite3.Connection, limit_ms: int) -> int:
    return db.execute("DELETE FROM profiles WHERE observed < ?", (limit_ms,)).rowcount


def _cases(db: sqlite3.Connection, limit_ms: int) -> int:
    gone = db.execute("DELETE FROM judged WHERE tick < ?", (limit_ms,)).rowcount
    gone += db.execute("DELETE FROM alerts WHERE time < ?", (instant(limit_ms),)).rowcount
    for table in ("members", "text_keys", "subjects", "told"):
        gone += db.execute(_OF_NO_FINDING.format(table)).rowcount
    return gone


_SWEEPS = {"posts": _posts, "profiles": _profiles, "cases": _cases}


def without_texts(record: Any) -> Any:
    """A record in which no template of a text is left, and no summary that quotes one.

    >>> without_texts({"summary": {"en": "The text, “you are lost” (3 accounts)"}, "template": "you are"})
    {'summary': {'en': 'The text, “…” (3 accounts)'}, 'template': None}
    """
    if isinstance(record, dict):
        return {name: _without_text(name, value) for name, value in record.items()}
    return [without_texts(one) for one in record] if isinstance(record, list) else record


def _without_text(name: str, value: Any) -> Any:
    if name == "template":
        return None
    if name == "summary":
        return {language: _QUOTED.sub(r"\1…\2", said) for language, said in value.items()}
    return without_texts(value)
