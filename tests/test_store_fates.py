"""What a store keeps of the fate of accounts and posts, and how it goes."""

from __future__ import annotations

import sqlite3

import pytest

from detectors.batches import FateSignal
from detectors.findings import account_key, post_key
from streams.stores import fates
from streams.stores.erasing import erase_from_posts

ANA, BOB = account_key("x", "1"), account_key("x", "2")


@pytest.fixture
def db():
    db = sqlite3.connect(":memory:")
    db.executescript(fates.SCHEMA)
    said = [
        FateSignal(1, ANA, "suspended"),
        FateSignal(2, ANA, "active"),
        FateSignal(3, BOB, "deleted"),
        FateSignal(4, ANA, "erased", post=post_key("x", "a1")),
        FateSignal(5, None, "erased", post=post_key("x", "b1")),
    ]
    fates.write(db, said)
    yield db
    db.close()


def test_the_newest_word_counts_and_posts_are_found_by_their_author_or_by_their_id(db):
    assert fates.statuses(db, [ANA, BOB, "x\x1f3"]) == {ANA: "active", BOB: "deleted"}
    assert fates.erased(db, [ANA, BOB], []) == {post_key("x", "a1")}
    assert fates.erased(db, [BOB], [post_key("x", "b1"), post_key("x", "b2")]) == {post_key("x", "b1")}


def test_what_is_too_old_goes(db):
    fates.forget(db, 4)
    assert fates.statuses(db, [ANA, BOB]) == {}
    assert fates.erased(db, [ANA], [post_key("x", "b1")]) == {post_key("x", "a1"), post_key("x", "b1")}


def test_who_is_erased_leaves_no_fate_behind_and_others_keep_theirs(db):
    db.execute("CREATE TABLE posts (time, account, id, ref, source, targets, strangers)")
    db.execute("INSERT INTO posts (account, id) VALUES (?, 'b1')", (BOB,))
    erase_from_posts(db, [BOB], [])
    assert db.execute("SELECT DISTINCT account FROM fates").fetchall() == [(ANA,)]


def test_a_store_that_keeps_none_is_left_as_it_is():
    db = sqlite3.connect(":memory:")
    assert not fates.are_kept(db)
    fates.forget(db, 9)
    assert fates.erase(db, ANA) == 0
    db.close()
