"""The store: what was counted and judged, in one SQLite file, for `vigie explain`.

Of each post one row is added at the end of one table: when, by whom, and what it shares; never its text. That
is as little as answers how many accounts there were in any window. What is asked is in `reading`.

The newest profile of each account stands beside them, whether it came with a post or by itself. Where a live
network is gone on with, they are what is left of the run before: they complete the posts of this one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from detectors.accounts.profiles import completed
from detectors.batches import FateSignal, SignalBatch
from detectors.case import Judged
from detectors.events import CANARY, Post, Profile, milliseconds, moment_ms
from detectors.findings import Subject, account_key
from detectors.lists import folded
from streams import retention
from streams.clock import clock_ms
from streams.privacy_settings import RetentionSettings
from streams.sources.opening import InputError
from streams.stores import fates
from streams.stores.reading import Reading
from streams.stores.rows import SHOWN_POSTS, Judgement, PostRow, Rule, decoded, joined, paid_columns

FORMAT = 2
MINUTE_MS = 60_000
_HELD = 50_000
"""Rows that are held back, to be written at once, and"""
_HELD_MS = 5 * MINUTE_MS
"""for how long at most, in event time: who reads while a stream runs is so far behind."""
_SCHEMA = """
CREATE TABLE meta (format INTEGER NOT NULL);
CREATE TABLE posts (
  time INTEGER NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
  activity INTEGER NOT NULL, hashtags TEXT, links TEXT, media TEXT, targets TEXT, strangers TEXT,
  ref TEXT, source TEXT, text TEXT, listed TEXT, payer TEXT, banned INTEGER,
  PRIMARY KEY (time, account, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profiles (
  account TEXT PRIMARY KEY, handle TEXT, observed INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE judged (
  tick INTEGER NOT NULL, finding TEXT NOT NULL, detector TEXT NOT NULL, kind TEXT NOT NULL,
  value TEXT NOT NULL, score INTEGER NOT NULL, severity TEXT, body BLOB NOT NULL, traits BLOB);
CREATE INDEX judged_by_finding ON judged (finding, tick);
CREATE TABLE subjects (
  kind TEXT NOT NULL, value TEXT NOT NULL, finding TEXT NOT NULL,
  PRIMARY KEY (kind, value, finding)) WITHOUT ROWID;
CREATE TABLE members (
  account TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (account, finding)) WITHOUT ROWID;
CREATE TABLE text_keys (
  key TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (key, finding)) WITHOUT ROWID;
CREATE TABLE alerts (id TEXT PRIMARY KEY, time TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE told (
  finding TEXT NOT NULL, alert TEXT NOT NULL, PRIMARY KEY (finding, alert)) WITHOUT ROWID;
"""
_OF_A_RECORDING = """
CREATE TABLE recorded (
  room TEXT NOT NULL, written INTEGER NOT NULL, judged INTEGER NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE offsets (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE ticks (tick INTEGER PRIMARY KEY, posts INTEGER NOT NULL, listed INTEGER NOT NULL);
CREATE TABLE gaps (since INTEGER NOT NULL, until INTEGER NOT NULL);
"""
"""What `streams.stores.recording` keeps besides: how far it came, and how many posts each tick had."""
_POST = f"INSERT OR REPLACE INTO posts VALUES ({', '.join('?' * 16)})"
_FORGOTTEN = (
    "DELETE FROM profiles WHERE account IN (SELECT account FROM profiles "
    "ORDER BY observed, account LIMIT max(0, (SELECT count(*) FROM profiles) - ?))"
)
"""Of more profiles than may be kept, those seen longest ago."""
_STAYING = ("profiles", "begun")
"""Tables that stay where the profiles do: their age is told by when the store was begun."""
_PROFILE = (
    "INSERT INTO profiles VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "handle = excluded.handle, observed = excluded.observed, body = excluded.body"
)
_REPOSTED = "INSERT OR IGNORE INTO profiles VALUES (?, ?, ?, ?)"
"""Of an account that is reposted: what its own posts show of it stands."""
_JUDGED = "INSERT INTO judged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SUBJECT = "INSERT OR IGNORE INTO subjects VALUES (?, ?, ?)"
_MEMBER = "INSERT OR IGNORE INTO members VALUES (?, ?)"
_TEXT_KEY = "INSERT OR IGNORE INTO text_keys VALUES (?, ?)"
_ALERT = "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?)"
_TOLD = "INSERT OR IGNORE INTO told VALUES (?, ?)"
_PATIENT_MS = 60_000
"""So long a recording waits for somebody who writes to its store: who erases a person from it."""


class Store:
    """Writes what was counted and judged; `reading` answers questions about it.

    Parameters
    ----------
    path : str or Path
        The file. For writing it is made, or what an earlier replay left in it replaced; for reading it
        must exist.
    write : bool
    go_on : bool
        Whether the profiles of an earlier run stay.
    recording : bool
        Whether it is one of `vigie record`, in which all stays.
    kept : RetentionSettings, optional
        What is older goes when the file is opened, and whenever it is written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        write: bool,
        go_on: bool = False,
        recording: bool = False,
        kept: RetentionSettings | None = None,
    ) -> None:
        self._path = Path(path)
        self._kept = kept
        if not write and not self._path.is_file():
            raise InputError(
                f"There is no store at {path}: make one with `vigie replay FILE --store {path}`."
            )
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None)
            if recording:
                self._open_recording()
            elif write:
                self._start_anew(_STAYING if go_on else ())
            self._check_format()
            with contextlib.suppress(sqlite3.OperationalError):  # who may only read cannot delete
                self.sweep()
        except (sqlite3.Error, UnicodeDecodeError) as problem:
            raise InputError(f"{path} cannot be used as a store: {problem}.") from None
        self.reading = Reading(self._db)
        self._rows: dict[str, list[tuple[Any, ...]]] = {
            statement: [] for statement in (_POST, _JUDGED, _SUBJECT, _MEMBER, _TEXT_KEY, _ALERT, _TOLD)
        }
        self._profiles: dict[str, tuple[int, Profile]] = {}
        self._reposted: dict[str, tuple[int, Profile]] = {}
        self._fates: list[FateSignal] = []
        self._written_ms = 0

    def _start_anew(self, staying: Iterable[str]) -> None:
        """Make the tables. What an earlier replay stored goes: two runs mixed would explain neither."""
        found = self._tables()
        if found and "judged" not in found:
            raise InputError(f"{self._path} is a database, but not a store of Vigie: choose another file.")
        if "recorded" in found:
            raise InputError(f"{self._path} is kept by `vigie record`: choose another file.")
        if "meta" not in found or self._format() != FORMAT:
            staying = ()
        gone = sorted(found.difference(staying))
        self._db.executescript("".join(f"DROP TABLE IF EXISTS {name};" for name in gone))
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}{fates.SCHEMA}")
        self._db.execute("INSERT INTO meta VALUES (?)", (FORMAT,))
        if "begun" not in found.intersection(staying):
            retention.begin(self._db, clock_ms())

    def _open_recording(self) -> None:
        """Go on with a recording, or begin one, whole or not at all."""
        found = self._tables()
        if found and "recorded" not in found:
            raise InputError(f"{self._path} is not a store of `vigie record`: choose another file.")
        self._db.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout={_PATIENT_MS};"
        )
        if not found:
            self._db.executescript(f"BEGIN; {_SCHEMA} {_OF_A_RECORDING}")
            self._db.execute("INSERT INTO meta VALUES (?)", (FORMAT,))
            retention.begin(self._db, clock_ms())
            self._db.execute("COMMIT")

    def _tables(self) -> set[str]:
        rows = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {row[0] for row in rows}

    def _format(self) -> int | None:
        row = self._db.execute("SELECT format FROM meta").fetchone()
        return None if row is None else row[0]

    def _check_format(self) -> None:
        found = self._format()
        if found != FORMAT:
            raise InputError(
                f"The store {self._path} has format {found}; this version reads {FORMAT}: make it anew with "
                "`vigie replay --store`."
            )

    def note_batch(self, batch: SignalBatch) -> None:
        """Keep a row of each post of one tick, and the newest profiles."""
        promoted = {(one.member.account, one.member.post_id): one for one in batch.promotions}
        columns = zip(
            batch.posts,
            batch.members,
            batch.fingerprints,
            batch.links,
            batch.strangers,
            batch.listed,
            strict=True,
        )
        posts = self._rows[_POST]
        for post, member, print_, links, strangers, listed in columns:
            if post.platform == CANARY:
                continue
            source = None
            if post.kind == "repost" and post.ref_author_id:
                source = account_key(post.platform, post.ref_author_id)
                if post.ref_author is not None:
                    self._reposted[source] = (post.time_ms, post.ref_author)
            if post.author is not None:
                observed = post.author.observed_at
                at = milliseconds(observed) if observed else post.time_ms
                self._profiles[member.account] = (at, post.author)
            paid = promoted.get((member.account, post.id)) if promoted else None
            shared = joined(member.hashtags), joined(links), joined(post.media or ())
            named = joined(member.targets), joined(sorted(strangers))
            if post.kind == "repost":  # whom it names, another post named
                named = None, None
            text = f"{print_.key:016x}" if print_.key else None
            head = post.time_ms, member.account, post.id, post.kind, member.activity
            posts.append(
                (*head, *shared, *named, _ref(post), source, text, listed or None, *paid_columns(paid))
            )
        for change in batch.changes:
            if change.event == "profile" and change.author_id and change.author is not None:
                account = account_key(change.platform, change.author_id)
                self._note_profile(account, change.time_ms, change.author)
        self._fates += batch.background.fates
        held = max(len(posts), len(self._profiles), len(self._fates))
        if held >= _HELD or batch.tick_ms >= self._written_ms + _HELD_MS:
            self.flush()
            self._written_ms = batch.tick_ms

    def note_posts(self, rows: Iterable[PostRow]) -> None:
        """Keep posts that are rows already."""
        self._rows[_POST] += rows

    def _note_profile(self, account: str, time_ms: int, profile: Profile) -> None:
        """Keep a profile that came by itself. Such a one may tell a part alone: the rest stays."""
        known = self._profiles.get(account) or self._stored(account)
        self._profiles[account] = time_ms, completed(known[1] if known else None, profile)

    def _stored(self, account: str) -> tuple[int, Profile] | None:
        row = self._db.execute("SELECT observed, body FROM profiles WHERE account = ?", (account,)).fetchone()
        return row and (row[0], decoded(row[1], Profile))

    def profiles(self, most: int) -> list[tuple[str, int, Profile]]:
        """Account, time and profile of those seen last, the oldest first.

        Parameters
        ----------
        most : int
            How many at most.
        """
        rows = self._db.execute(
            "SELECT account, observed, body FROM profiles ORDER BY observed DESC, account LIMIT ?", (most,)
        ).fetchall()
        return [(account, at_ms, decoded(body, Profile)) for account, at_ms, body in reversed(rows)]

    def note_judged(self, judged: Judged) -> None:
        """Keep one judgement, alerted or not."""
        finding, assessment = judged.finding, judged.assessment
        body = Judgement(
            accounts=finding.accounts_total,
            posts=finding.posts_total,
            template=finding.template,
            evidence=finding.evidence,
            open=assessment.open,
            checks=[Rule(*check) for check in assessment.checks],
            post_ids=[member.post_id for member in finding.posts[:SHOWN_POSTS]],
        )
        traits = msgspec.json.encode(judged.traits) if judged.traits else None
        name, subjects = finding.finding_id, [_looked_up(subject) for subject in finding.subjects]
        said = assessment.score, assessment.severity, msgspec.json.encode(body), traits
        self._rows[_JUDGED].append((finding.judged_ms, name, finding.detector, *subjects[0], *said))
        self._rows[_SUBJECT] += [(*subject, name) for subject in subjects]
        self._rows[_MEMBER] += [(account, name) for account in finding.accounts]
        self._rows[_TEXT_KEY] += [(f"{key:016x}", name) for key in finding.text_keys]

    def note_alert(self, alert: dict[str, Any]) -> None:
        """Keep one alert."""
        self._rows[_ALERT].append((alert["id"], alert["time"], orjson.dumps(alert)))
        self._rows[_TOLD] += [(finding["finding_id"], alert["id"]) for finding in alert["data"]["findings"]]

    def flush(self) -> None:
        """Write what is held; called now and then, and at the end."""
        self.write()
        self.sweep()

    def write(self, also: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Write what is held, and in the same transaction what else there is to write."""
        self._db.execute("BEGIN")
        for statement, rows in self._rows.items():
            self._db.executemany(statement, rows)
            rows.clear()
        for statement, profiles in ((_PROFILE, self._profiles), (_REPOSTED, self._reposted)):
            self._db.executemany(statement, _profile_rows(profiles))
            profiles.clear()
        if self._fates:
            fates.write(self._db, self._fates)
            self._fates.clear()
        if self._kept is not None:
            self._db.execute(_FORGOTTEN, (self._kept.most_profiles,))
        if also is not None:
            also(self._db)
        self._db.execute("COMMIT")

    def sweep(self) -> None:
        """Delete what was kept for long enough."""
        if self._kept is not None:
            retention.sweep(self._db, self._kept, clock_ms())

    def last_ms(self) -> int | None:
        """The end of the last minute with a post or an alert; None in an empty store.

        Where posts are recorded before they are judged, no later than all is judged.
        """
        (post,), (alert,) = (
            self._db.execute(f"SELECT max(time) FROM {table}").fetchone() for table in ("posts", "alerts")
        )
        ends = [post + 1] if post is not None else []
        if alert is not None:
            ends.append(moment_ms(alert))
        last_ms = -(-max(ends) // MINUTE_MS) * MINUTE_MS if ends else None
        if last_ms is not None and self.reading.recorded:
            (judged_ms,) = self._db.execute("SELECT max(judged) FROM recorded").fetchone()
            return min(last_ms, judged_ms) or None
        return last_ms

    @property
    def db(self) -> sqlite3.Connection:
        """For what is kept beside the rows, see `write`."""
        return self._db

    def close(self) -> None:
        """Write what is held and close the file."""
        self.flush()
        self._db.close()


def _ref(post: Post) -> str | None:
    """The post reposted or answered: what such posts share."""
    return post.ref_id if post.kind in ("repost", "reply") else None


def _looked_up(subject: Subject) -> Subject:
    """A subject under the name by which it is looked up."""
    return Subject("payer", folded(subject.value)) if subject.kind == "payer" else subject


def _profile_rows(
    profiles: dict[str, tuple[int, Profile]],
) -> Iterable[tuple[str, str | None, int, bytes]]:
    for account, (observed, profile) in profiles.items():
        handle = profile.handle.casefold() if profile.handle else None
        yield account, handle, observed, msgspec.json.encode(profile)
