"""What a store can be asked: the posts of a window, what was judged, and what was told of it.

Posts are found by their time, which is how they lie in the file; the rest of a question is answered by
looking at each of them. That takes seconds for millions, and nothing while they are written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from detectors.alerts import instant
from detectors.events import Profile
from detectors.findings import Subject
from streams.stores.rows import (
    SEPARATOR,
    JudgedRow,
    Span,
    Stream,
    Told,
    Use,
    decoded,
    judged_of,
    told_of,
    use_of,
)

_COLUMNS = {
    "hashtag": "hashtags",
    "link": "links",
    "target": "targets",
    "account": "account",
    "source": "source",
    "text": "text",
    "payer": "payer",
}
"""Where a subject of each kind stands in the row of a post."""
_SEVERAL = frozenset({"hashtag", "link", "target"})
"""Kinds of which a post may have more than one."""
_AT_ONCE = 500
"""Values in one statement."""
_ID = "substr({0}, instr({0}, char(31)) + 1)"
"""The author id of an account key."""

_POSTS = "SELECT * FROM posts"
_JUDGED = "SELECT * FROM judged"
_TOLD = "SELECT time, body FROM alerts"
_CASE = "substr(id, 1, instr(id, '.') - 1)"
"""The case of an alert, from its id."""


class Reading:
    """Answers questions about a store. Times are in milliseconds; a span ends before its last one.

    Parameters
    ----------
    db : sqlite3.Connection
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.recorded = bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ticks'").fetchone())
        """Whether it was recorded over Kafka: then the whole stream is counted by tick, beside its rows."""

    # -- posts -------------------------------------------------------------------------------------

    def uses(self, about: Subject, first_ms: int, last_ms: int) -> list[Use]:
        """The posts with a subject, in order of time; targets are found whatever their case.

        The value of an account or a source is an account key, that of a text the key of its copies.
        """
        clause, value = _clause(about)
        rows = self._db.execute(
            f"{_POSTS} WHERE time >= ? AND time < ? AND {clause} ORDER BY time", (first_ms, last_ms, value)
        )
        return list(map(use_of, rows))

    def ever(self, about: Subject, last_ms: int) -> Span:
        """How often a subject was counted before a time."""
        clause, value = _clause(about)
        row = self._db.execute(
            f"SELECT count(*), coalesce(min(time), 0), coalesce(max(time), 0) FROM posts "
            f"WHERE time < ? AND {clause}",
            (last_ms, value),
        ).fetchone()
        return Span(*row)

    def by_accounts(self, accounts: Iterable[str], first_ms: int, last_ms: int) -> list[Use]:
        """The posts of some accounts, in order of time."""
        return self._among("account", accounts, first_ms, last_ms)

    def with_texts(self, keys: Iterable[str], first_ms: int, last_ms: int) -> list[Use]:
        """The posts with one of some texts, in order of time."""
        return self._among("text", keys, first_ms, last_ms)

    def _among(self, column: str, values: Iterable[str], first_ms: int, last_ms: int) -> list[Use]:
        found: list[Use] = []
        wanted = sorted(set(values))
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            rows = self._db.execute(
                f"{_POSTS} WHERE time >= ? AND time < ? AND {column} IN ({marks})", (first_ms, last_ms, *part)
            )
            found += map(use_of, rows)
        return sorted(found)

    def around(self, times_ms: Iterable[int], gap_ms: int) -> list[Use]:
        """All posts of the stream within a time of any of these, in order."""
        found: list[Use] = []
        for first, last in _joined_spans(times_ms, gap_ms):
            rows = self._db.execute(f"{_POSTS} WHERE time >= ? AND time < ? ORDER BY time", (first, last))
            found += map(use_of, rows)
        return found

    def stream(self, first_ms: int, last_ms: int) -> Stream:
        """How many posts the whole stream had; between ticks, where it was recorded."""
        if self.recorded:
            row = self._db.execute(
                "SELECT coalesce(sum(posts), 0), coalesce(sum(listed), 0) FROM ticks "
                "WHERE tick > ? AND tick <= ?",
                (first_ms, last_ms),
            ).fetchone()
            return Stream(*row)
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(listed IN ('attributed', 'amplifies')), 0) FROM posts "
            "WHERE time >= ? AND time < ?",
            (first_ms, last_ms),
        ).fetchone()
        return Stream(*row)

    def slots(self, first_ms: int, last_ms: int, length_ms: int) -> dict[int, int]:
        """Posts of the whole stream in each slot of a length, by the number of the slot."""
        if self.recorded:
            rows = self._db.execute(
                "SELECT (tick - 1) / ? AS slot, sum(posts) FROM ticks "
                "WHERE tick > ? AND tick <= ? GROUP BY slot",
                (length_ms, first_ms, last_ms),
            )
            return dict(rows.fetchall())
        rows = self._db.execute(
            "SELECT time / ? AS slot, count(*) FROM posts WHERE time >= ? AND time < ? GROUP BY slot",
            (length_ms, first_ms, last_ms),
        )
        return dict(rows.fetchall())

    def gaps(self, last_ms: int) -> list[tuple[int, int]]:
        """Stretches before a time of which nothing was recorded, in order."""
        if not self.recorded:
            return []
        rows = self._db.execute("SELECT since, until FROM gaps WHERE since < ? ORDER BY 1", (last_ms,))
        return rows.fetchall()

    def pages(self, last_ms: int) -> int:
        """Accounts with a promoted post before a time."""
        row = self._db.execute(
            "SELECT count(DISTINCT account) FROM posts WHERE payer IS NOT NULL AND time < ?", (last_ms,)
        ).fetchone()
        return int(row[0])

    # -- accounts ----------------------------------------------------------------------------------

    def accounts_named(self, name: str) -> list[str]:
        """Keys of the accounts with an id or a handle that have posted or were reposted, on any network."""
        handle, author_id = name.casefold(), _ID.format("account")
        rows = self._db.execute(
            f"SELECT account FROM profiles WHERE handle = ? OR {author_id} = ? "
            f"UNION SELECT account FROM posts WHERE {author_id} = ? "
            f"UNION SELECT source FROM posts WHERE {_ID.format('source')} = ? ORDER BY 1",
            (handle, name, name, name),
        )
        return [row[0] for row in rows]

    def profile(self, account: str) -> tuple[int, Profile] | None:
        """The newest profile of an account, and when it was observed."""
        row = self._db.execute("SELECT observed, body FROM profiles WHERE account = ?", (account,)).fetchone()
        return None if row is None else (row[0], decoded(row[1], Profile))

    # -- what was judged and told ------------------------------------------------------------------

    def findings_about(self, subjects: Iterable[Subject]) -> list[str]:
        """Findings by their subjects; those of an account it takes part in, those of a text hold a copy."""
        found: set[str] = set()
        for kind, value in subjects:
            if kind == "account":
                rows = self._db.execute("SELECT finding FROM members WHERE account = ?", (value,))
            elif kind == "text":
                rows = self._db.execute("SELECT finding FROM text_keys WHERE key = ?", (value,))
            else:
                rows = self._db.execute(
                    "SELECT finding FROM subjects WHERE kind = ? AND value = ?", (kind, value)
                )
            found.update(row[0] for row in rows)
        return sorted(found)

    def newest(self, finding_ids: Iterable[str], last_ms: int) -> list[JudgedRow]:
        """The newest judgement up to a time of each finding, strongest first."""
        rows = [
            row
            for name in finding_ids
            for row in self._db.execute(
                f"{_JUDGED} WHERE finding = ? AND tick <= ? ORDER BY tick DESC LIMIT 1", (name, last_ms)
            )
        ]
        return sorted(map(judged_of, rows), key=lambda one: (-one.score, one.finding_id))

    def judgements(self, finding_id: str, last_ms: int) -> list[JudgedRow]:
        """All judgements of one finding up to a time, newest first."""
        rows = self._db.execute(
            f"{_JUDGED} WHERE finding = ? AND tick <= ? ORDER BY tick DESC", (finding_id, last_ms)
        )
        return [judged_of(row) for row in rows]

    def alerts_with(self, finding_id: str, last_ms: int) -> list[Told]:
        """The alerts up to a time that told a finding, in order."""
        rows = self._db.execute(
            f"{_TOLD} WHERE id IN (SELECT alert FROM told WHERE finding = ?) AND time <= ?",
            (finding_id, instant(last_ms)),
        )
        return sorted(map(told_of, rows))

    def alerts_of(self, case_id: str, last_ms: int) -> list[Told]:
        """The alerts of a case up to a time, in order."""
        rows = self._db.execute(f"{_TOLD} WHERE {_CASE} = ? AND time <= ?", (case_id, instant(last_ms)))
        return sorted(map(told_of, rows))

    def findings_of_case(self, case_id: str, last_ms: int) -> list[str]:
        """The findings with which a case was told up to a time."""
        rows = self._db.execute(
            f"SELECT DISTINCT finding FROM told JOIN alerts ON alert = id WHERE {_CASE} = ? AND time <= ?",
            (case_id, instant(last_ms)),
        )
        return sorted(row[0] for row in rows)

    def ids(self, kind: str, beginning: str) -> list[str]:
        """The ids of cases or findings that begin so."""
        column, table = {"case": (_CASE, "alerts"), "finding": ("finding", "judged")}[kind]
        rows = self._db.execute(
            f"SELECT DISTINCT {column} FROM {table} WHERE substr({column}, 1, ?) = ? ORDER BY 1",
            (len(beginning), beginning),
        )
        return [row[0] for row in rows]


def _clause(about: Subject) -> tuple[str, str]:
    """The condition that a row has a subject, and the value for it."""
    column, value = _COLUMNS[about.kind], about.value
    if about.kind not in _SEVERAL:
        return f"{column} = ?", value
    value = f"{SEPARATOR}{value}{SEPARATOR}"
    # How a network writes a handle differs from post to post.
    return (f"instr(lower({column}), lower(?))" if about.kind == "target" else f"instr({column}, ?)"), value


def _joined_spans(times_ms: Iterable[int], gap_ms: int) -> Iterator[tuple[int, int]]:
    """Spans of time around some moments; those that overlap are one.

    >>> list(_joined_spans([50, 10, 12], 5))
    [(5, 18), (45, 56)]
    """
    spans: list[tuple[int, int]] = []
    for at in sorted(times_ms):
        if spans and at - gap_ms <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + gap_ms + 1)
        else:
            spans.append((at - gap_ms, at + gap_ms + 1))
    yield from spans
