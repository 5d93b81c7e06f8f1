"""Profiles that the stream tells of are kept in the store, within limits, and complete later posts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from streams_of_posts import SMALL, START_MS, post

from detectors.events import Change, Profile
from detectors.findings import account_key
from streams import retention
from streams.clock import clock_ms
from streams.embedded import Pipeline
from streams.privacy_erase import Person, from_store
from streams.privacy_settings import RetentionSettings
from streams.stores.sqlite import Store

MADE = datetime(2017, 5, 1, 12, tzinfo=UTC)
MADE_MINUTE = int(MADE.timestamp()) // 60
DAY_MS = 86_400_000


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "night.db"


def told(author: str, at_ms: int, **profile) -> Change:
    return Change(
        platform="x", time_ms=START_MS + at_ms, event="profile", author_id=author, author=Profile(**profile)
    )


def bare(id: str, name: str, at_ms: int):
    made = post(id, name, at_ms)
    made.author = None
    return made


def watch(path: Path, items, *, go_on: bool = True, **kept) -> Pipeline:
    """One run of a pipeline with a store; what it knows of accounts when it ends."""
    store = Store(path, write=True, go_on=go_on, kept=RetentionSettings(**kept) if kept else None)
    pipeline = Pipeline(SMALL, on_batch=store.note_batch)
    pipeline.accounts.recall(store.profiles(SMALL.accounts.max_profiles))
    assert not list(pipeline.feed(items)) + list(pipeline.finish())
    store.close()
    return pipeline


def kept(path: Path) -> dict[str, Profile]:
    store = Store(path, write=False)
    try:
        return {account: profile for account, _, profile in store.profiles(10**6)}
    finally:
        store.close()


def test_a_profile_told_by_itself_is_kept_with_what_earlier_ones_said(path):
    watch(path, [told("a", 0, handle="ana", followers=7), told("b", 0, name="Bo")])
    watch(path, [told("a", 9_000, description="the sea"), bare("1", "c", 10_000)])
    found = kept(path)
    assert found[account_key("x", "a")] == Profile(handle="ana", followers=7, description="the sea")
    assert found.keys() == {account_key("x", "a"), account_key("x", "b")}


def test_a_post_of_the_next_run_is_completed_by_a_profile_of_the_one_before(path):
    watch(path, [told("a", 0, created_at=MADE, followers=7)])
    pipeline = watch(path, [bare("1", "a", 60_000), bare("2", "b", 60_001)])
    shown = {name: pipeline.accounts.get(account_key("x", name)).shown for name in ("a", "b")}
    assert shown["a"] != shown["b"] == b""
    pipeline = watch(path, [bare("3", "a", 120_000)])  # and of the one after
    assert pipeline.accounts.get(account_key("x", "a")).shown


def test_a_recording_is_replayed_as_if_for_the_first_time(path):
    watch(path, [told("a", 0, created_at=MADE)])
    pipeline = watch(path, [bare("1", "a", 60_000)], go_on=False)
    assert pipeline.accounts.get(account_key("x", "a")).shown == b""
    assert kept(path) == {}


def test_of_more_profiles_than_may_be_kept_those_seen_longest_ago_go(path):
    watch(path, [told(f"u{n}", n * 10, name="N") for n in range(30)], most_profiles=10, profiles_days=36_500)
    assert sorted(kept(path)) == sorted(account_key("x", f"u{n}") for n in range(20, 30))


def test_a_restart_does_not_keep_profiles_longer_than_they_may_be_kept(path):
    watch(path, [told("a", 0, name="A")])
    store = Store(path, write=True, go_on=True)
    begun_ms = store._db.execute("SELECT at_ms FROM begun").fetchall()
    store._db.execute("UPDATE begun SET at_ms = at_ms - ?", (40 * DAY_MS,))
    store.close()
    assert len(begun_ms) == 1
    watch(path, [told("b", clock_ms() - START_MS, name="B")], profiles_days=30)
    assert kept(path).keys() == {account_key("x", "b")}
    store = Store(path, write=True, go_on=True)
    assert retention.sweep(store._db, RetentionSettings(), clock_ms() + 31 * DAY_MS)["profiles"] == 1
    store.close()


def test_who_is_erased_is_not_recalled(path):
    watch(path, [told("a", 0, created_at=MADE), told("b", 0, created_at=MADE)])
    assert from_store(str(path), Person("x", frozenset({"a"})))["profiles"] == 1
    pipeline = watch(path, [bare("1", "a", 60_000), bare("2", "b", 60_000)])
    assert [bool(pipeline.accounts.get(account_key("x", name)).shown) for name in "ab"] == [False, True]
