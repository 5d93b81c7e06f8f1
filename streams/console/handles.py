"""Handles of accounts that findings know by their id alone, from the profiles that a store keeps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import orjson

from detectors.findings import account_key, author_of, platform_of

_AFTER = "\x20"
"""What comes after the separator of an account key: every key of a network is before it."""


def handles(db: sqlite3.Connection, ids: Iterable[str]) -> dict[str, str]:
    """The handle of each of these accounts, by id, where a network knows it.

    Parameters
    ----------
    db : sqlite3.Connection
        The store.
    ids : iterable of str
        As findings name targets and sources: without their network.
    """
    networks = list(_networks(db))
    keys = [account_key(network, one) for one in ids for network in networks]
    rows = db.execute(
        "SELECT account, json_extract(body, '$.handle') FROM profiles "
        "WHERE account IN (SELECT value FROM json_each(?))",
        (orjson.dumps(keys).decode(),),
    )
    return {author_of(account): handle for account, handle in rows if handle}


def _networks(db: sqlite3.Connection) -> Iterator[str]:
    """The networks of the profiles, each found by one step in their order."""
    after = ""
    while row := db.execute("SELECT min(account) FROM profiles WHERE account > ?", (after,)).fetchone():
        if row[0] is None:
            return
        network = platform_of(row[0])
        yield network
        after = network + _AFTER
