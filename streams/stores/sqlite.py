"""The embedded store: what was counted and judged, in one SQLite file, for `vigie explain`."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from detectors.batches import SignalBatch
from detectors.case import Judged
from detectors.events import Profile, milliseconds
from streams.sources.opening import InputError

FORMAT = 1
MINUTE_MS = 60_000
_HELD = 100_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (format INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counts (
  kind TEXT NOT NULL, value TEXT NOT NULL, minute INTEGER NOT NULL,
  posts INTEGER NOT NULL, accounts INTEGER NOT NULL, PRIMARY KEY (kind, value, minute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged (
  tick INTEGER NOT NULL, finding TEXT NOT NULL, detector TEXT NOT NULL, kind TEXT NOT NULL,
  value TEXT NOT NULL, score INTEGER NOT NULL, severity TEXT, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS judged_by_subject ON judged (kind, value, tick);
CREATE TABLE IF NOT EXISTS members (
  account TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (account, finding)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS text_keys (
  key TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (key, finding)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profiles (
  account TEXT PRIMARY KEY, observed INTEGER NOT NULL, score INTEGER NOT NULL,
  body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (id TEXT PRIMARY KEY, time TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
"""


class JudgedRow(NamedTuple):
    """One judgement as it was stored."""

    tick_ms: int
    finding_id: str
    detector: str
    score: int
    severity: str | None
    body: dict[str, Any]


def _row(row: tuple[int, str, str, int, str | None, bytes]) -> JudgedRow:
    tick_ms, finding_id, detector, score, severity, body = row
    return JudgedRow(tick_ms, finding_id, detector, score, severity, orjson.loads(body))


class Store:
    """Writes what was judged, and answers questions about it.

    Parameters
    ----------
    path : str or Path
        The file. For writing it is made, or what an earlier replay left in it replaced; for reading it
        must exist.
    """

    def __init__(self, path: str | Path, *, write: bool) -> None:
        self._path = Path(path)
        if not write and not self._path.is_file():
            raise InputError(
                f"There is no store at {path}: make one with `vigie replay FILE --store {path}`."
            )
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None)
            if write:
                self._start_anew()
            self._check_format()
        except sqlite3.Error as problem:
            raise InputError(f"{path} cannot be used as a store: {problem}.") from None
        self._counts: dict[tuple[str, str, int], list[int]] = {}
        self._profiles: dict[str, tuple[int, int, Profile]] = {}

    def _start_anew(self) -> None:
        """Make the tables. What an earlier replay stored goes: two runs mixed would explain neither."""
        rows = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {row[0] for row in rows}
        if found and "judged" not in found:
            raise InputError(f"{self._path} is a database, but not a store of Vigie: choose another file.")
        self._db.executescript("".join(f"DROP TABLE IF EXISTS {name};" for name in sorted(found)))
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        self._db.execute("INSERT INTO meta VALUES (?)", (FORMAT,))

    def _check_format(self) -> None:
        row = self._db.execute("SELECT format FROM meta").fetchone()
        if row is None or row[0] != FORMAT:
            found = None if row is None else row[0]
            raise InputError(f"The store {self._path} has format {found}; this version reads {FORMAT}.")

    # -- writing -----------------------------------------------------------------------------------

    def note_batch(self, batch: SignalBatch) -> None:
        """Count the posts of one tick by hashtag, link, text and account, and keep the newest profiles."""
        minute = (batch.tick_ms - 1) // MINUTE_MS
        accounts: dict[tuple[str, str], set[str]] = defaultdict(set)
        posts: Counter[tuple[str, str]] = Counter()
        rows = zip(batch.posts, batch.members, batch.fingerprints, batch.links, strict=True)
        for post, member, print_, links in rows:
            subjects = [("hashtag", name) for name in member.hashtags]
            subjects += [("link", link) for link in links]
            subjects.append(("account", member.account))
            if post.kind == "repost":
                subjects.append(("reposts", member.account))
            elif print_.key:
                subjects.append(("text", f"{print_.key:016x}"))
            for subject in subjects:
                posts[subject] += 1
                accounts[subject].add(member.account)
            if post.author is not None:
                observed = post.author.observed_at
                at = milliseconds(observed) if observed else post.time_ms
                self._profiles[member.account] = (at, member.score, post.author)
        if len(self._counts) > _HELD:
            self.flush()
        for subject, number in posts.items():
            held = self._counts.setdefault((*subject, minute), [0, 0])
            held[0] += number
            held[1] = max(held[1], len(accounts[subject]))

    def note_judged(self, judged: Judged) -> None:
        """Keep one judgement, alerted or not."""
        finding, assessment = judged.finding, judged.assessment
        body = orjson.dumps(
            {
                "accounts": finding.accounts_total,
                "posts": finding.posts_total,
                "start_ms": finding.start_ms,
                "end_ms": finding.end_ms,
                "template": finding.template,
                "evidence": finding.evidence,
                "open": assessment.open,
                "checks": [check._asdict() for check in assessment.checks],
                "post_ids": [member.post_id for member in finding.posts[:20]],
            }
        )
        head = (finding.judged_ms, finding.finding_id, finding.detector)
        rows = [
            (*head, *subject, assessment.score, assessment.severity, body) for subject in finding.subjects
        ]
        self._db.executemany("INSERT INTO judged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        members = [(account, finding.finding_id) for account in finding.accounts]
        self._db.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", members)
        keys = [(f"{key:016x}", finding.finding_id) for key in finding.text_keys]
        self._db.executemany("INSERT OR IGNORE INTO text_keys VALUES (?, ?)", keys)

    def note_alert(self, alert: dict[str, Any]) -> None:
        """Keep one alert."""
        row = (alert["id"], alert["time"], orjson.dumps(alert))
        self._db.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?)", row)

    def flush(self) -> None:
        """Write what is held; called now and then, and at the end."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "posts = posts + excluded.posts, accounts = max(accounts, excluded.accounts)",
            [(*key, *numbers) for key, numbers in self._counts.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, ?)",
            [
                (account, observed, score, msgspec.json.encode(profile))
                for account, (observed, score, profile) in self._profiles.items()
            ],
        )
        self._db.execute("COMMIT")
        self._counts.clear()
        self._profiles.clear()

    def close(self) -> None:
        """Write what is held and close the file."""
        self.flush()
        self._db.close()

    # -- reading -----------------------------------------------------------------------------------

    def counted(self, kind: str, value: str, first_ms: int, last_ms: int) -> tuple[int, int]:
        """Posts of a subject in the minutes between two times, and the most accounts in one tick of it."""
        row = self._db.execute(
            "SELECT coalesce(sum(posts), 0), coalesce(max(accounts), 0) FROM counts "
            "WHERE kind = ? AND value = ? AND minute BETWEEN ? AND ?",
            (kind, value, first_ms // MINUTE_MS, (last_ms - 1) // MINUTE_MS),
        ).fetchone()
        return int(row[0]), int(row[1])

    def hours_seen(self, account: str, last_ms: int) -> float:
        """Hours between the first and the last minute with a post of an account, one minute at least."""
        row = self._db.execute(
            "SELECT min(minute), max(minute) FROM counts "
            "WHERE kind = 'account' AND value = ? AND minute <= ?",
            (account, (last_ms - 1) // MINUTE_MS),
        ).fetchone()
        return 0.0 if row[0] is None else (row[1] - row[0] + 1) / 60

    def last_ms(self) -> int | None:
        """The last minute with a post, as milliseconds; None in an empty store."""
        row = self._db.execute("SELECT max(minute) FROM counts").fetchone()
        return None if row[0] is None else (int(row[0]) + 1) * MINUTE_MS

    def judged(self, kind: str, value: str, at_ms: int) -> list[JudgedRow]:
        """Judgements of a subject up to a time, newest first."""
        rows = self._db.execute(
            "SELECT tick, finding, detector, score, severity, body FROM judged "
            "WHERE kind = ? AND value = ? AND tick <= ? ORDER BY tick DESC, score DESC",
            (kind, value, at_ms),
        )
        return [_row(row) for row in rows]

    def findings(self, finding_ids: list[str], at_ms: int) -> list[JudgedRow]:
        """The newest judgement up to a time of each finding, strongest first."""
        newest: dict[str, JudgedRow] = {}
        for finding_id in finding_ids:
            row = self._db.execute(
                "SELECT tick, finding, detector, score, severity, body FROM judged "
                "WHERE finding = ? AND tick <= ? ORDER BY tick DESC LIMIT 1",
                (finding_id, at_ms),
            ).fetchone()
            if row:
                newest[finding_id] = _row(row)
        return sorted(newest.values(), key=lambda one: (-one.score, one.finding_id))

    def findings_of_text(self, key: int) -> list[str]:
        """Findings that hold a text with this key."""
        rows = self._db.execute("SELECT finding FROM text_keys WHERE key = ?", (f"{key:016x}",))
        return [row[0] for row in rows]

    def findings_of_account(self, account: str) -> list[str]:
        """Findings that an account takes part in."""
        return [
            row[0] for row in self._db.execute("SELECT finding FROM members WHERE account = ?", (account,))
        ]

    def accounts_named(self, name: str) -> Iterator[tuple[str, int, int, Profile]]:
        """Accounts by id or by handle: (key, observed_ms, score, profile)."""
        handle = name.lstrip("@").casefold()
        for account, observed, score, body in self._db.execute("SELECT * FROM profiles"):
            profile = msgspec.json.decode(body, type=Profile)
            if account.partition("\x1f")[2] == name or (profile.handle or "").casefold() == handle:
                yield account, observed, score, profile

    def accounts_with_id(self, author_id: str) -> list[str]:
        """Keys of the accounts with an id, on any network."""
        rows = self._db.execute("SELECT DISTINCT value FROM counts WHERE kind = 'account'")
        return sorted(row[0] for row in rows if row[0].partition("\x1f")[2] == author_id)
