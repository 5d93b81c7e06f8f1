"""The room's lists: which accounts it follows, which payers are banned, with a reason and a source for each.

Four kinds of entries, which never stand for one another:

* ``attributed``: somebody who can be named says that the account is part of an operation (a platform's
  disclosure, a court, a study);
* ``amplifies``: the account spreads what such accounts say. It may do so in good faith, and nobody has
  attributed it to anyone;
* ``declared``: a newsroom, a party, an honest bot. What it does is open, and counts as everyone's does;
* ``banned``: no account but a payer of promoted posts, from the day on which its advertising was refused.

An entry is in force for what is posted from its date on. Lists never change: a room that edits its files gets
new ones, with another version, which stands in every alert that was judged by them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal, NamedTuple, get_args

import msgspec

from detectors.findings import account_key, author_of, is_canary

Kind = Literal["attributed", "amplifies", "declared", "banned"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Of one account on several lists the first of these is its kind."""
PUSHING: tuple[Kind, ...] = ("attributed", "amplifies")
"""Kinds of the accounts whose posts are set against everyone else's."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a list."""

    account: str
    """Id of the account, as the network gives it; of a ``banned`` entry the name of the payer."""
    kind: Kind
    reason: str
    source: str
    """Who says so: a link, a report, a person of the room."""
    list: str
    """Name of the list."""
    platform: str | None = None
    """None for every network."""
    since_ms: int | None = None
    """In force for posts from then on; None for always."""
    handle: str | None = None
    """For those who read the list. Handles change hands, so nothing is looked up by them."""


class Lists:
    """All lists in force at one time.

    Parameters
    ----------
    entries : iterable of Entry
        In any order.

    Attributes
    ----------
    entries : tuple of Entry
        Sorted, each once.
    version : str or None
        Short hash of all entries; None where there are none.

    Examples
    --------
    >>> lists = Lists([Entry(account="12", kind="amplifies", reason="reposts it daily", source="desk",
    ...                      list="room", platform="x", since_ms=1000)])
    >>> key = account_key("x", "12")
    >>> lists.kind_of(key, 999), lists.kind_of(key, 1000), lists.kind_of(account_key("y", "12"), 1000)
    ('', 'amplifies', '')
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        unique = {msgspec.json.encode(entry): entry for entry in entries}
        self.entries = tuple(unique[packed] for packed in sorted(unique))
        self.version = blake2b(b"\n".join(sorted(unique)), digest_size=6).hexdigest() if unique else None
        self._accounts: dict[str, list[Entry]] = {}
        """Of one network, by account key."""
        self._anywhere: dict[str, list[Entry]] = {}
        """Of every network, by author id."""
        self._payers: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.kind == "banned":
                self._payers.setdefault(folded(entry.account), []).append(entry)
            elif entry.platform is None:
                self._anywhere.setdefault(entry.account, []).append(entry)
            else:
                key = account_key(entry.platform, entry.account)
                self._accounts.setdefault(key, []).append(entry)

    def __len__(self) -> int:
        return len(self.entries)

    def kind_of(self, account: str, at_ms: int) -> Kind | Literal[""]:
        """The kind of an account, by its key, for a post of that time; empty where it is on no list."""
        # Asked for every post, of which hardly any is by a listed account.
        if account not in self._accounts and (not self._anywhere or author_of(account) not in self._anywhere):
            return ""
        in_force = self.entries_of(account, at_ms)
        return in_force[0].kind if in_force else ""

    def entries_of(self, account: str, at_ms: int) -> tuple[Entry, ...]:
        """What the lists say of an account, by its key, for a post of that time; the strongest kind first."""
        if is_canary(account):
            return ()
        entries = [*self._accounts.get(account, ()), *self._anywhere.get(author_of(account), ())]
        in_force = (entry for entry in entries if _in_force(entry, at_ms))
        return tuple(sorted(in_force, key=lambda entry: KINDS.index(entry.kind)))

    def banned_since(self, payer: str, at_ms: int, platform: str) -> int | None:
        """Since when a payer may not promote on a network; None if it may at that time.

        A ban without a date is as old as time: 0.

        >>> lists = Lists([Entry(account="Radio  Exemple", kind="banned", reason="refused as an advertiser",
        ...                      source="the network", list="payers", since_ms=1000)])
        >>> lists.banned_since("RADIO exemple", 1500, "x"), lists.banned_since("Radio Exemple", 999, "x")
        (1000, None)
        """
        bans = [
            entry.since_ms or 0
            for entry in self._payers.get(folded(payer), ())
            if entry.platform in (None, platform) and _in_force(entry, at_ms)
        ]
        return min(bans, default=None)


class Difference(NamedTuple):
    """What makes two versions of the lists differ."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[tuple[Entry, Entry], ...]
    """The same account on the same list in the same kind, before and after."""


def difference(before: Lists, after: Lists) -> Difference:
    """What was added, removed and changed from one version to the next.

    >>> old = Entry(account="12", kind="declared", reason="a newsroom", source="its page", list="room")
    >>> new = msgspec.structs.replace(old, reason="a newsroom's second account")
    >>> [len(part) for part in difference(Lists([old]), Lists([new]))]
    [0, 0, 1]
    """
    old = {identity(entry): entry for entry in before.entries}
    new = {identity(entry): entry for entry in after.entries}
    return Difference(
        added=tuple(entry for key, entry in new.items() if key not in old),
        removed=tuple(entry for key, entry in old.items() if key not in new),
        changed=tuple((old[key], entry) for key, entry in new.items() if key in old and old[key] != entry),
    )


def identity(entry: Entry) -> tuple[str, str, str, str]:
    """What makes two entries the same line of the same list, whatever they say."""
    account = folded(entry.account) if entry.kind == "banned" else entry.account
    return entry.list, entry.kind, entry.platform or "", account


def folded(payer: str) -> str:
    """A payer's name, which networks and reports write in various ways.

    >>> folded(" Société\\u00a0 EXEMPLE ")
    'société exemple'
    """
    return " ".join(unicodedata.normalize("NFKC", payer).casefold().split())


def _in_force(entry: Entry, at_ms: int) -> bool:
    return entry.since_ms is None or entry.since_ms <= at_ms
