"""A store that is filled over Kafka: beside its rows stands how far each topic was read.

Rows and offsets are written in one transaction, so that whoever goes on after an end of any kind writes each
row once, and misses none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from detectors.alerts import instant
from detectors.case import Judged
from streams.privacy_settings import RetentionSettings
from streams.sources.opening import InputError
from streams.stores.rows import PostRow
from streams.stores.sqlite import Store

Offsets = dict[tuple[str, int], int]
"""Offset of the next record, by topic (without its prefix) and partition."""


class Place(NamedTuple):
    """How far a recording came."""

    written_ms: int
    """Event time up to which all posts are written; 0 for none."""
    judged_ms: int
    """The same for what was judged of them, which comes later."""
    offsets: Offsets


class Recording:
    """Adds to the store of a room.

    Parameters
    ----------
    path : str or Path
        The file; made where there is none.
    room : str
        Names the cluster and the topics, as far as they are this room's alone.
    kept : RetentionSettings
        What is older goes, see `sweep`.

    Raises
    ------
    InputError
        When it is no such file, or that of another room.
    """

    def __init__(self, path: str | Path, room: str, kept: RetentionSettings) -> None:
        self._path = path
        self.store = Store(path, write=True, recording=True, kept=kept)
        db = self.store.db
        row = db.execute("SELECT room, written, judged, sequence FROM recorded").fetchone()
        if row is None:
            row = room, 0, 0, 0
            db.execute("INSERT INTO recorded VALUES (?, ?, ?, ?)", row)
        if row[0] != room:
            raise InputError(
                f"{path} is the recording of another room ({row[0]}, not {room}): choose another file, or "
                "check kafka.bootstrap, kafka.prefix and kafka.partitions."
            )
        offsets = db.execute("SELECT topic, partition, next FROM offsets").fetchall()
        following = {(topic, partition): offset for topic, partition, offset in offsets}
        self.place = Place(row[1], row[2], following)
        self._sequence: int = row[3]
        self._ticks: list[tuple[int, int, int]] = []
        self._gaps: list[tuple[int, int]] = []
        self._judged: set[tuple[str, int]] = set()
        """What was noted since the last transaction, by finding and tick."""

    def note_tick(self, tick_ms: int, posts: int, listed: int, rows: Iterable[PostRow]) -> None:
        """Keep one whole tick: how many posts there were, those by listed accounts, and the rows of them."""
        self._ticks.append((tick_ms, posts, listed))
        self.store.note_posts(rows)

    def note_judged(self, judged: Judged) -> bool:
        """Keep one judgement, if it is not there already; whether it is new."""
        finding = judged.finding
        key = finding.finding_id, finding.judged_ms
        if (
            key in self._judged
            or self.store.db.execute("SELECT 1 FROM judged WHERE finding = ? AND tick = ?", key).fetchone()
        ):
            return False
        self._judged.add(key)
        self.store.note_judged(judged)
        return True

    def note_alert(self, alert: dict[str, Any]) -> None:
        """Keep one alert; of two with the same id the newer one."""
        self.store.note_alert(alert)

    def note_gap(self, since_ms: int, until_ms: int) -> str:
        """Remember that nothing is known of a stretch of event time; the sentence that says so."""
        self._gaps.append((since_ms, until_ms))
        return (
            f"Kafka holds the posts from {instant(since_ms)} to {instant(until_ms)} no more: they are "
            "missing from the store, which remembers it."
        )

    def write(self, place: Place) -> None:
        """Write all that was noted, and how far that is.

        Raises
        ------
        InputError
            When somebody else records into the same file; nothing is written then.
        """
        self.store.write(lambda db: self._write(db, place))
        self._sequence += 1
        self.place = place
        for noted in (self._ticks, self._gaps, self._judged):
            noted.clear()

    def _write(self, db: sqlite3.Connection, place: Place) -> None:
        db.executemany("INSERT OR REPLACE INTO ticks VALUES (?, ?, ?)", self._ticks)
        db.executemany("INSERT INTO gaps VALUES (?, ?)", self._gaps)
        db.executemany(
            "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
            [(*where, following) for where, following in place.offsets.items()],
        )
        changed = db.execute(
            "UPDATE recorded SET written = ?, judged = ?, sequence = sequence + 1 WHERE sequence = ?",
            (place.written_ms, place.judged_ms, self._sequence),
        ).rowcount
        if not changed:
            db.execute("ROLLBACK")
            raise InputError(f"Another `vigie record` writes to {self._path}: one is enough.")

    def sweep(self) -> None:
        """Delete what was kept for as long as the settings say."""
        self.store.sweep()

    def close(self) -> None:
        """Close the file; what was noted since the last transaction is not written."""
        self.store.db.close()
