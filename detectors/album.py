"""The album: the newest look of each account of the stream, against which groups are set.

Each account counts once, however much it posts, and whichever partition it came from. It is held in one
structured array, 97 bytes an account, so that thousands of accounts are compared at once. What is computed
from it never depends on the order of its rows: whoever uses them sorts them by the account's hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.looks import TERMS, Look, name_hash
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

Rows = NDArray[np.void]
"""Rows of an album."""
Places = NDArray[np.int64]

ROW = np.dtype(
    [
        ("account", "<u8"),
        ("platform", "<u4"),
        ("seen_s", "<i8"),
        ("created_min", "<i4"),
        ("score", "<i2"),
        ("woke_days", "<i2"),
        ("usual", "<u2"),
        ("spoken", "<u2"),
        ("client", "<u4"),
        ("metronome", "<i1"),
        ("one_a_minute", "<i1"),
        ("shift", "<i1"),
        ("followers", "<i4"),
        ("following", "<i4"),
        ("activity", "<i4"),
        ("erased", "<i2"),
        ("listed", "<i1"),
        ("cases", "<i2"),
        ("described", "<i1"),
        ("terms", "<u4", TERMS),
    ]
)
"""One account, with the numbers of its `Look`; ``cases`` are the closed cases that it was in."""
_KEPT = (
    ("created_min", -1),
    ("score", -1),
    ("woke_days", -1),
    ("usual", 0),
    ("client", 0),
    ("metronome", -1),
    ("one_a_minute", -1),
    ("shift", -1),
    ("followers", -1),
    ("following", -1),
    ("erased", -1),
    ("listed", -1),
)
"""Columns in which what was known stays when a later look does not know it, with how they say so."""
_BLANK = np.zeros((), dtype=ROW)
_BLANK["seen_s"] = -1
_ASKED = np.dtype([("account", "<u8"), ("platform", "<u4"), ("usual", "<u2")])
_MOST_16, _MOST_32 = 2**15 - 1, 2**31 - 1
_FIRST_ROWS = 1024


class AlbumSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the album."""

    max_accounts: int = 300_000
    """Accounts held; those unseen longest go first."""
    max_names: int = 200_000
    """Names of clients and terms held; those that no account has any more go first."""


class _Row(Record, tag="album"):
    """The row of one account, as it stands in the array."""

    row: bytes


class _Name(Record, tag="album_names"):
    """A client or a term, by its hash."""

    name: str


class _Head(Record, tag="album_head"):
    """What is counted."""

    evicted: int


class Album:
    """The newest look of each account; see the module's text.

    Examples
    --------
    >>> from detectors.looks import account_hash
    >>> album, ana = Album(), account_hash("x\\x1fana")
    >>> album.take([Look(ana, name_hash("x"), 1_500_000_000, score=120, client="Web")], 1_500_000_005_000)
    >>> album.take([Look(ana, name_hash("x"), 1_500_003_700)], 1_500_003_705_000)
    >>> (row,) = album.table[album.places([ana])]
    >>> len(album), int(row["score"]), int(row["seen_s"]), album.name(int(row["client"]))
    (1, 120, 1500003700, 'Web')
    """

    def __init__(self, settings: AlbumSettings | None = None) -> None:
        self.settings = settings or AlbumSettings()
        self.evicted = 0
        self._table: Rows = np.full(_FIRST_ROWS, _BLANK)
        self._places: dict[int, int] = {}
        self._free: list[int] = []
        self._names: dict[int, str] = {}
        self._recent: tuple[int, Places, Rows] | None = None
        self._changed: Noted[int] = Noted()
        self._changed_names: Noted[int] = Noted()
        self._row_table, self._name_table, self._head = Table(_Row), Table(_Name), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def table(self) -> Rows:
        """All rows; those that belong to no account were seen at -1."""
        return self._table

    def name(self, code: int) -> str:
        """A client or a term by its hash; empty where it is not remembered."""
        return self._names.get(code, "")

    def places(self, accounts: Iterable[int]) -> Places:
        """Where the rows of these accounts are; those that are not held are left out."""
        held = self._places
        return np.array([held[one] for one in accounts if one in held], dtype=np.int64)

    def count(self, since_s: int) -> int:
        """How many accounts were seen since then."""
        return int(np.count_nonzero(self._table["seen_s"] >= max(since_s, 0)))

    def recent(self, since_s: int) -> tuple[Places, Rows]:
        """Places of the accounts seen since then, with what is asked of all: account, platform, usual.

        Many groups are compared at one tick, so the answer is kept until the album changes.
        """
        if self._recent is None or self._recent[0] != since_s:
            places = np.flatnonzero(self._table["seen_s"] >= max(since_s, 0))
            seen = np.empty(len(places), dtype=_ASKED)
            for name in _ASKED.names or ():
                seen[name] = self._table[name][places]
            self._recent = since_s, places, seen
        return self._recent[1:]

    # -- taking in ---------------------------------------------------------------------------------

    def take(self, looks: Sequence[Look], tick_ms: int) -> None:
        """Put the looks of one tick into the album, whatever their order."""
        if not looks:
            return
        self._recent = None
        newest = {look.account: look for look in sorted(looks, key=lambda one: (one.account, one.seen_s))}
        rows = np.array([self._row(look) for look in newest.values()], dtype=ROW)
        places = self._settle(newest)
        before = self._table.take(places)  # many times faster than an index, on packed rows
        for name, unknown in _KEPT:
            kept = (rows[name] == unknown) & (before["seen_s"] >= 0)
            rows[name][kept] = before[name][kept]
        kept = (rows["described"] == 0) & (before["described"] == 1)
        rows["described"][kept], rows["terms"][kept] = 1, before["terms"][kept]
        rows["cases"] = before["cases"]
        self._table[places] = rows
        self._changed.update(newest)
        self._forget()

    def add_cases(self, accounts: Iterable[int], cases: int) -> None:
        """Note that these accounts were in so many more closed cases; less than 0 when one opens again."""
        held = [one for one in accounts if one in self._places]
        places = self.places(held)
        now = self._table["cases"][places].astype(np.int64) + cases
        self._table["cases"][places] = np.clip(now, 0, _MOST_16)
        self._changed.update(held)

    def _row(self, look: Look) -> tuple[Any, ...]:
        terms = [self._named(term) for term in look.terms[:TERMS]] if look.terms else []
        return (
            look.account,
            look.platform,
            look.seen_s,
            look.created_min,
            look.score,
            min(look.woke_days, _MOST_16),
            look.usual,
            look.spoken,
            self._named(look.client),
            look.metronome,
            look.one_a_minute,
            look.shift,
            min(look.followers, _MOST_32),
            min(look.following, _MOST_32),
            min(look.activity, _MOST_32),
            min(look.erased, _MOST_16),
            look.listed,
            0,
            look.terms is not None,
            [*terms, *[0] * (TERMS - len(terms))],
        )

    def _named(self, name: str) -> int:
        code = name_hash(name)
        if name and code not in self._names:
            self._names[code] = name
            self._changed_names.add(code)
        return code

    def _settle(self, accounts: Iterable[int]) -> Places:
        """The places of these accounts, new ones included."""
        places = []
        for account in accounts:
            place = self._places.get(account)
            if place is None:
                place = self._free.pop() if self._free else len(self._places)
                self._places[account] = place
            places.append(place)
        while max(places) >= len(self._table):
            # Twice as many, but near the bound not twice what will ever be used.
            more = min(len(self._table), self.settings.max_accounts // 8 + 1)
            self._table = np.concatenate([self._table, np.full(more, _BLANK)])
        return np.array(places, dtype=np.int64)

    def _forget(self) -> None:
        if len(self) > self.settings.max_accounts:
            # Some more than needed, so that this is not done at every tick.
            goal = self.settings.max_accounts - self.settings.max_accounts // 64
            held = np.array(sorted(self._places.values()), dtype=np.int64)
            order = np.lexsort((self._table["account"][held], self._table["seen_s"][held]))
            for place in held[order[: len(self) - goal]].tolist():
                account = int(self._table["account"][place])
                del self._places[account]
                self._free.append(place)
                self._table[place] = _BLANK
                self._changed.add(account)
                self.evicted += 1
        if len(self._names) > self.settings.max_names:
            used = np.union1d(self._table["client"], self._table["terms"])
            kept = dict.fromkeys(used.tolist()[: self.settings.max_names])
            self._changed_names.update(code for code in self._names if code not in kept)
            self._names = {code: name for code, name in self._names.items() if code in kept}

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_names.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        accounts = self._changed.take(self._places, everything)
        names = self._changed_names.take(self._names, everything)
        return merged(
            self._head.told(_Head(self.evicted), everything),
            self._row_table.told({f"{account:016x}": self._packed(account) for account in accounts}),
            self._name_table.told(
                {f"{code:08x}": _Name(self._names[code]) if code in self._names else None for code in names}
            ),
        )

    def _packed(self, account: int) -> _Row | None:
        place = self._places.get(account)
        return None if place is None else _Row(self._table[place].tobytes())

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted = head.evicted
        rows = sorted(self._row_table.read(saved))
        if rows:
            table = np.frombuffer(b"".join(one.row for _, one in rows), dtype=ROW)
            if [int(key, 16) for key, _ in rows] != table["account"].tolist():
                raise StateError("an account's row stands under another account's key")
            places = self._settle(table["account"].tolist())
            self._table[places] = table
        self._names = {int(key, 16): one.name for key, one in self._name_table.read(saved)}
