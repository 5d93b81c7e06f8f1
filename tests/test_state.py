"""Checkpoints: whatever the moment of a restart, what comes after it is what would have come."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import (
    MINUTE,
    START_MS,
    Stream,
    canonical,
    person,
    planted,
    post,
    robot,
    sentence,
    shuffled,
)

from detectors import sketches
from detectors.accounts import stage
from detectors.accounts.stage import Accounts, AccountSettings
from detectors.alerts import render
from detectors.background import ScoreBackground, WordFrequencies
from detectors.batches import FateSignal, Signals
from detectors.case import Judged
from detectors.cases import CaseSettings
from detectors.distinct import SlidingDistinct
from detectors.events import Change, Post
from detectors.findings import Subject
from detectors.groups import cluster_records, text_cluster
from detectors.groups import tag as tags
from detectors.groups.co_sharing import CoSharing, CoSharingSettings
from detectors.groups.comparables import Comparables
from detectors.groups.hashtags import LEAST, Hashtags, HashtagSettings
from detectors.groups.near_duplicates import NearDuplicates, NearDuplicateSettings
from detectors.groups.networks import NetworkSettings
from detectors.groups.references import References
from detectors.groups.text_index import TextIndex
from detectors.judging import Found, Judge
from detectors.pairs import Pairs, PairSettings, Repetition
from detectors.state import HEAD, Blocks, Saved, StateError, applied, merged, pack, unpack
from detectors.windows import TickBuffer, TimeSettings, canonical_order
from streams.embedded import Settings

seeds = st.integers(0, 10**6)
TICK = 5000


# -- a stream in which things begin, expire, merge and return ---------------------------------------


@cache
def long_stream(seed: int) -> list[Post]:
    """Some three hours: operations that come, go, meet and return, with little between them."""
    rng = random.Random(seed)
    posts: list[Post] = []
    for part, (begin, kind) in enumerate(((0, 1), (22, 2), (40, 1), (75, 3), (118, 1), (150, 2))):
        stream = planted(seed + kind, chatter=50, copiers=8, pushers=18, minutes=14)
        for one in stream.posts:
            moved = post(
                f"{part}{one.id}",
                one.author_id,
                one.time_ms - START_MS + begin * MINUTE + part,
                one.text,
                kind=one.kind,
                lang=rng.choice((None, "fr", "en", "de", "es", "it")),
                ref_id=one.ref_id,
                author=one.author,
            )
            posts.append(moved)
    posts += blends(rng)
    stream = Stream(posts)
    stream.sort()
    return stream.posts


def blends(rng: random.Random) -> list[Post]:
    """Two texts, each copied by some, and then texts made from halves of both, which join their clusters."""
    posts = []
    for number in range(5):
        begin = 10 + 33 * number
        one, other = sentence(rng, 90, 120), sentence(rng, 90, 120)
        texts = [one, other] * 4 + [f"{one} {other}"] * 2
        for place, text in enumerate(texts):
            at = (begin + 2 * place) * MINUTE + place
            profile = (None, robot(), person())[place % 3]
            posts.append(
                post(f"b{number}.{place}", f"blend{place}", at, f"{text} #blend{place % 2}", author=profile)
            )
    return posts


def by_tick(posts: list[Post]) -> list[tuple[int, list[Post]]]:
    """The posts of each tick, as they are taken in."""
    buffer = TickBuffer(TimeSettings(grace_s=0))
    buffer.add(posts)
    buffer.advance(buffer.last_tick())
    return [(tick_ms, ready) for tick_ms, ready, _ in buffer.ready()]


def changes_of(posts: list[Post], tick_ms: int) -> list[Change]:
    """Of some posts that they are erased, of some authors that they are suspended or come back."""
    found = []
    for number, one in enumerate(posts):
        kind = (one.time_ms // 1000 + number) % 7
        made = {"platform": "x", "time_ms": tick_ms - 1, "author_id": one.author_id}
        if kind in (0, 3):
            found.append(Change(event="deletion", post_id=one.id, **made))
        elif kind in (1, 5):
            status = "suspended" if kind == 1 else "active"
            found.append(Change(event="account", status=status, **made))
    return sorted({change.id: change for change in found}.values(), key=canonical_order)


# -- the whole chain --------------------------------------------------------------------------------

ANY_CHANCE = NetworkSettings(chance=1e9, max_edges=60)
"""Most posts of these streams are of operations: by their own measure nothing is beyond chance."""
HASHTAGS = HashtagSettings(exact_accounts=12, max_copies=40)
TEXTS = NearDuplicateSettings(index_rows=1 << 10)


class Chain:
    """All stages, one calling the next, with one state."""

    def __init__(self, hashtags: HashtagSettings = HASHTAGS, texts: NearDuplicateSettings = TEXTS) -> None:
        self.buffer = TickBuffer()
        self.accounts = Accounts()
        self.texts = NearDuplicates(texts)
        self.hashtags = Hashtags(hashtags)
        self.shared = CoSharing()
        self.pairs = Pairs()
        self.judge = Judge(Settings(cases=CaseSettings(close_minutes=20), networks=ANY_CHANCE))
        self.inputs: dict[str, list[Any]] = {}

    @property
    def parts(self):
        return self.buffer, self.accounts, self.texts, self.hashtags, self.shared, self.pairs, self.judge

    def take(self, posts: list[Post], watermark_ms: int) -> bytes:
        """Posts in, alerts out."""
        self.buffer.add(posts)
        self.buffer.advance(watermark_ms)
        return canonical(
            alert for tick_ms, ready, _ in self.buffer.ready() for alert in self.tick(tick_ms, ready)
        )

    def tick(self, tick_ms: int, posts: list[Post]) -> list[dict[str, Any]]:
        changes = changes_of(posts, tick_ms)
        batch = self.accounts.take(tick_ms, posts, changes)
        signals = batch.signals()
        findings, ties = self.texts.take(signals)
        all_ties = [*ties, *self.shared.take(signals)]
        repeated = self.pairs.take(all_ties, tick_ms)
        found = Found(findings, self.hashtags.take(signals))
        given = (tick_ms, found, repeated, batch.background)
        alerts = [render(one, "v") for one in self.judge.take(*given)]
        for name, value in (
            ("accounts", (tick_ms, posts, changes)),
            ("signals", signals),
            ("ties", (tick_ms, all_ties)),
            ("repeated", (tick_ms, repeated)),
            ("measured", (tick_ms, found.tags)),
            ("judge", given),
        ):
            self.inputs.setdefault(name, []).append(value)
        return alerts

    def track(self) -> None:
        for part in self.parts:
            part.track()

    def changes(self, everything: bool = False):
        return merged(*(part.changes(everything=everything) for part in self.parts))

    def restore(self, saved: Saved) -> None:
        for part in self.parts:
            part.restore(saved)


@cache
def inputs(seed: int) -> dict[str, list[Any]]:
    """What each stage is given, tick by tick."""
    chain = Chain()
    for tick_ms, posts in by_tick(long_stream(seed)):
        chain.tick(tick_ms, posts)
    return chain.inputs


# -- one entry for each class -----------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A class with a state: how one is made, what it is given, and what it gives."""

    make: Callable[[], Any]
    steps: Callable[[int], list[Any]]
    feed: Callable[[Any, Any], Any]


def arrivals(seed: int) -> list[tuple[list[Post], int]]:
    """Posts in order of arrival, with repeated and edited ones, in small batches, with the watermark."""
    rng = random.Random(seed)
    posts = [
        msgspec.structs.replace(one, time_ms=START_MS + (one.time_ms - START_MS) // 40)
        for one in long_stream(seed)[:400]
    ]
    later = [msgspec.structs.replace(one, text=one.text + " (bis)") for one in rng.choices(posts, k=80)]
    order = shuffled(posts + later + rng.choices(posts, k=40), rng)
    steps, newest = [], 0
    while order:
        size = rng.randint(1, 12)
        batch, order = order[:size], order[size:]
        newest = max(newest, *(one.time_ms for one in batch))
        steps.append((batch, newest - rng.choice((10_000, 10_000, 25_000))))
    return steps


def feed_buffer(buffer: TickBuffer, step: tuple[list[Post], int]) -> Any:
    buffer.add(step[0])
    buffer.add(changes_of(step[0], step[1] + 20_000))
    buffer.advance(step[1])
    return list(buffer.ready()), buffer.held, buffer.late, buffer.duplicates, buffer.watermark_ms


def feed_accounts(accounts: Accounts, step: tuple[int, list[Post], list[Change]]) -> Any:
    batch = accounts.take(*step)
    return batch.signals(), batch.background, len(accounts), accounts.get("x\x1fpusher1")


def feed_words(words: WordFrequencies, step: tuple[str, int]) -> Any:
    words.add(*step)
    return words.bits(step[0]), words.bits("market jardin lantern"), words.forgotten


def word_steps(seed: int) -> list[tuple[str, int]]:
    rng = random.Random(seed)
    return [(sentence(rng).lower(), number * 40_000) for number in range(300)]


def feed_scores(background: ScoreBackground, step: Any) -> Any:
    tick_ms, *_, told = step
    background.add(30 * told.accounts, 30 * told.total, tick_ms)
    return background.share(), background.accounts


def feed_texts(texts: NearDuplicates, signals: Signals) -> Any:
    counts = texts.candidates, texts.verified, texts.compared_posts, texts.evicted, len(texts)
    return texts.take(signals), counts


def feed_hashtags(hashtags: Hashtags, signals: Signals) -> Any:
    return hashtags.take(signals), len(hashtags)


def feed_comparables(others: Comparables, step: tuple[str, int, int, float | None]) -> Any:
    subject, size, now_ms, value = step
    medians = others.medians(subject, size=size, now_ms=now_ms)
    others.put(subject, size=size, now_ms=now_ms, measures={"a": value, "b": size / 7})
    return medians, len(others)


def comparable_steps(seed: int) -> list[tuple[str, int, int, float | None]]:
    rng = random.Random(seed)
    return [
        (f"tag{rng.randrange(40)}", rng.randrange(4, 80), number * 20_000, rng.choice((None, rng.random())))
        for number in range(300)
    ]


def feed_repetition(graph: Repetition, step: tuple[int, list[Any]]) -> Any:
    tick_ms, repeated = step
    graph.take(repeated.ties, tick_ms)
    return [
        graph.among([f"x\x1f{name}{n}" for n in range(20)], tick_ms) for name in ("copier", "pusher", "blend")
    ]


def feed_shared(shared: CoSharing, signals: Signals) -> Any:
    return shared.take(signals), len(shared), shared.evicted, shared.viral


def feed_judge(judge: Judge, step: Any) -> Any:
    alerts = canonical(render(one, "v") for one in judge.take(*step))
    return alerts, judge.judged, judge.open_groups.largest(), len(judge.cases), judge.cases.next_deadline_ms()


def feed_index(index: TextIndex, step: tuple[list[tuple[str, str]], int]) -> Any:
    texts, now_ms = step
    keys = [hash_of(text[1]) for text in texts]
    found = index.meet(texts, keys, now_ms, now_ms - 60_000, alive, 0.3)
    index.release(now_ms - 90_000, now_ms, alive)
    return found, len(index), [index.row(row) for row in found[1]]


def hash_of(text: str) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate(text)) % 2**61


def alive(key: int) -> bool:
    return key % 3 == 0


def index_steps(seed: int) -> list[tuple[list[tuple[str, str]], int]]:
    rng = random.Random(seed)
    known = [sentence(rng).lower() for _ in range(60)]
    steps = []
    for number in range(120):
        made = [rng.choice((sentence(rng).lower(), rng.choice(known))) for _ in range(rng.randint(1, 16))]
        steps.append(([(text.title(), text) for text in made], number * 4000 * rng.choice((1, 1, 1, 1))))
    return steps


def given_to(name: str) -> Callable[[int], list[Any]]:
    return lambda seed: inputs(seed)[name]


def chain_steps(seed: int) -> list[tuple[list[Post], int]]:
    """Batches as they arrive, out of order within the grace, with the watermark."""
    order = shuffled(long_stream(seed), random.Random(seed))
    batches = [order[start : start + 9] for start in range(0, len(order), 9)]
    steps, newest = [], 0
    for batch in batches:
        newest = max(newest, *(one.time_ms for one in batch))
        steps.append((batch, newest - 10_000))
    return [*steps, ([], newest + 3 * 60 * MINUTE)]


SHORT_PAIRS = PairSettings(window_hours=1, recent_hours=1)
KINDS = {
    "buffer": Kept(TickBuffer, arrivals, feed_buffer),
    "accounts": Kept(Accounts, given_to("accounts"), feed_accounts),
    "words": Kept(WordFrequencies, word_steps, feed_words),
    "few words": Kept(lambda: WordFrequencies(max_words=90), word_steps, feed_words),
    "scores": Kept(ScoreBackground, given_to("judge"), feed_scores),
    "texts": Kept(lambda: NearDuplicates(TEXTS), given_to("signals"), feed_texts),
    "texts in a small index": Kept(
        lambda: NearDuplicates(NearDuplicateSettings(index_rows=64)), given_to("signals"), feed_texts
    ),
    "texts of few minutes": Kept(
        lambda: NearDuplicates(
            NearDuplicateSettings(index_rows=256, window_minutes=8, single_minutes=3, settle_minutes=1)
        ),
        given_to("signals"),
        feed_texts,
    ),
    "text index": Kept(lambda: TextIndex(1 << 10), index_steps, feed_index),
    "small text index": Kept(lambda: TextIndex(64), index_steps, feed_index),
    "hashtags": Kept(lambda: Hashtags(HASHTAGS), given_to("signals"), feed_hashtags),
    "exact hashtags": Kept(Hashtags, given_to("signals"), feed_hashtags),
    "hashtags of few minutes": Kept(
        lambda: Hashtags(
            HashtagSettings(window_minutes=3, long_window_minutes=9, exact_accounts=6, max_copies=9)
        ),
        given_to("signals"),
        feed_hashtags,
    ),
    "references": Kept(
        lambda: References("tags", LEAST), given_to("measured"), lambda one, step: one.take(step[1], step[0])
    ),
    "comparables": Kept(
        lambda: Comparables("x", ("a", "b"), window_ms=10**6, size_factor=4, max_subjects=25),
        comparable_steps,
        feed_comparables,
    ),
    "shared": Kept(CoSharing, given_to("signals"), feed_shared),
    "shared of few minutes": Kept(
        lambda: CoSharing(
            CoSharingSettings(
                repost_window_minutes=2,
                viral_accounts=4,
                crowd_accounts=2,
                max_objects=3,
                max_single_objects=4,
            )
        ),
        given_to("signals"),
        feed_shared,
    ),
    "pairs": Kept(Pairs, given_to("ties"), lambda one, step: (one.take(step[1], step[0]), len(one))),
    "pairs of one hour": Kept(
        lambda: Pairs(SHORT_PAIRS), given_to("ties"), lambda one, step: (one.take(step[1], step[0]), len(one))
    ),
    "repetition": Kept(lambda: Repetition(SHORT_PAIRS), given_to("repeated"), feed_repetition),
    "judge": Kept(
        lambda: Judge(Settings(pairs=SHORT_PAIRS, networks=ANY_CHANCE)), given_to("judge"), feed_judge
    ),
    "judge of short cases": Kept(
        lambda: Judge(
            Settings(
                cases=CaseSettings(close_minutes=9, overlap=0.3),
                pairs=SHORT_PAIRS,
                networks=NetworkSettings(chance=1e9),
            )
        ),
        given_to("judge"),
        feed_judge,
    ),
    "chain": Kept(Chain, chain_steps, lambda one, step: one.take(*step)),
}


@pytest.fixture(params=[4, 128], ids=["in parts", "whole"])
def size_of_a_large_one(request, monkeypatch):
    """From where tags and clusters are saved in parts."""
    monkeypatch.setattr(tags, "_LARGE", request.param)
    monkeypatch.setattr(cluster_records, "_LARGE", request.param)
    if request.param < 128:
        monkeypatch.setattr(text_cluster, "MEMBERS", 2)
        monkeypatch.setattr(text_cluster, "PAIRS", 3)


def copied(saved: Saved) -> Saved:
    return {name: dict(table) for name, table in saved.items()}


def keys_of(saved: Saved) -> dict[str, list[str]]:
    return {name: sorted(table) for name, table in saved.items()}


def restored(kept: Kept, saved: Saved, rng: random.Random) -> Any:
    """A fresh object that goes on from what was saved."""
    one = kept.make()
    steps = [one.track, lambda: one.restore(copied(saved))]
    for step in rng.choice((steps, steps[::-1])):
        step()
    return one


def check(kept: Kept, seed: int) -> None:
    """Cut the run of one object at a random step, and go on with others from what it had saved."""
    rng = random.Random(seed)
    steps = kept.steps(seed % 3)
    cut = rng.randrange(len(steps) // 6, len(steps))
    plain, first = kept.make(), kept.make()
    first.track()
    store: Saved = {}
    for step in steps[:cut]:
        assert kept.feed(first, step) == kept.feed(plain, step)
        if rng.random() < 0.2:
            applied(store, first.changes())
    applied(store, first.changes())
    everything = applied({}, first.changes(everything=True))
    assert keys_of(store) == keys_of(everything)  # nothing that is gone was left behind
    others = [restored(kept, store, rng), restored(kept, everything, rng)]
    stores = [store, copied(store), copied(everything)]
    for one in others:
        assert one.changes() == {}
    for step in steps[cut:]:
        wanted = kept.feed(first, step)
        assert wanted == kept.feed(plain, step)
        for one in others:
            assert kept.feed(one, step) == wanted
        if rng.random() < 0.2:
            for one, its_store in zip((first, *others), stores, strict=True):
                applied(its_store, one.changes())
    told = [one.changes() for one in (first, *others)]
    assert told[0] == told[1] == told[2]
    whole = first.changes(everything=True)
    for one, its_store, changes in zip((first, *others), stores, told, strict=True):
        applied(its_store, changes)
        assert one.changes(everything=True) == whole
        assert keys_of(its_store) == keys_of(whole)
    assert restored(kept, stores[1], rng).changes(everything=True) == whole


IN_PARTS = [name for name in KINDS if "hashtags" in name or "texts" in name]


@pytest.mark.parametrize("name", [name for name in KINDS if name not in IN_PARTS and name != "chain"])
def test_from_a_checkpoint_everything_goes_on_as_if_nothing_had_happened(name):
    for seed in range(3):  # a stream each, cut at another moment
        check(KINDS[name], seed)


@pytest.mark.usefixtures("size_of_a_large_one")
@pytest.mark.parametrize("name", IN_PARTS)
@pytest.mark.parametrize("seed", range(4))
def test_tags_and_clusters_go_on_from_a_checkpoint_whatever_their_size(name, seed):
    check(KINDS[name], 1000 + seed)


@pytest.mark.usefixtures("size_of_a_large_one")
@pytest.mark.parametrize("seed", range(3))
def test_the_whole_chain_gives_the_same_alerts_after_a_restart(seed):
    check(KINDS["chain"], seed)


def test_the_streams_of_these_tests_have_what_may_go_wrong():
    """Clusters that merge, expire and settle; cases that merge and close; samples, halvings, evictions."""
    chain = Chain()
    events: dict[str, int] = dict.fromkeys(("merged", "closed", "updated"), 0)
    sampled = edges = 0
    for tick_ms, posts in by_tick(long_stream(0)):
        for alert in chain.tick(tick_ms, posts):
            status = alert["data"]["status"]
            events[status] = events.get(status, 0) + 1
        sampled = max(sampled, *(one.accounts.level for one in chain.hashtags._tags.values()), 0)
        edges = max(edges, len(chain.judge.networks))
    assert events["updated"] > 3
    assert events["closed"] > 5
    assert events["merged"] >= 2
    assert chain.texts.verified > 20
    assert chain.texts.words._halved_ms > START_MS + 60 * MINUTE
    assert sampled > 0
    assert edges > 10


# -- what is kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(KINDS))
def test_what_is_never_saved_is_not_noted(name):
    kept = KINDS[name]
    one, steps = kept.make(), kept.steps(0)
    for step in steps[: len(steps) // 2]:
        kept.feed(one, step)
    assert noted(one) == 0


def noted(one: Any, seen: set[int] | None = None) -> int:
    """How many changes an object and its parts have noted, and how many segments they remember."""
    seen = set() if seen is None else seen
    if id(one) in seen or not type(one).__module__.startswith(("detectors.", "test_state")):
        return 0
    seen.add(id(one))
    if type(one).__name__ in ("Noted", "TagRecords"):
        return len(one)
    names = [*getattr(one, "__dict__", ()), *getattr(type(one), "__slots__", ())]
    parts = [getattr(one, name, None) for name in names]
    own = sum(len(getattr(one, name, ())) for name in ("_ends", "_gone"))
    parts += [value for part in parts if isinstance(part, dict) for value in part.values()]
    return own + sum(noted(part, seen) for part in parts if part is not None)


def test_a_checkpoint_does_not_grow_with_what_is_past():
    """After hours of a steady stream the store has as many records as after one."""
    rng = random.Random(1)
    chain = Chain()
    chain.track()
    store: Saved = {}
    sizes = []
    for minute in range(260):
        posts = [
            post(
                f"{minute}.{number}",
                f"a{rng.randrange(40)}",
                minute * MINUTE + number * 9000,
                f"{sentence(rng)} #tag{rng.randrange(9)} #once{minute}",
                kind="repost" if number == 3 else "original",
                ref_id=f"{minute}" if number == 3 else None,
            )
            for number in range(4)
        ]
        chain.take(posts, START_MS + minute * MINUTE)
        applied(store, chain.changes())
        if minute in (100, 180, 259):
            sizes.append({name: len(table) for name, table in store.items() if name != "words"})
    assert keys_of(store) == keys_of(applied({}, chain.changes(everything=True)))
    for name, size in sizes[2].items():
        assert size <= 1.6 * max(sizes[0].get(name, 0), sizes[1].get(name, 0)) + 20, name


def test_closed_things_are_told_once():
    """Of what did not change nothing is told; of a ring and of a minute only what is new."""
    chain, told = Chain(), {}
    chain.track()
    for tick_ms, posts in by_tick(long_stream(0)):
        chain.tick(tick_ms, posts)
        for name in ("texts", "text_rows"):
            for key in chain.changes().get(name, {}):
                told.setdefault(name, []).append(key)
    assert len(told["texts"]) == len(set(told["texts"])) + sum(
        1 for key in set(told["texts"]) if told["texts"].count(key) == 2
    )  # once, and once more when it is gone
    assert chain.changes() == {}


def test_an_untracked_object_tells_everything_each_time():
    one = Accounts()
    one.take(START_MS, [post("1", "a", -1)])
    assert one.changes() == one.changes(everything=True)
    assert len(one.changes()["accounts"]) == 1


# -- what does not fit ------------------------------------------------------------------------------


@cache
def filled(name: str) -> Saved:
    """A store of an object after some hours."""
    kept = KINDS[name]
    one = kept.make()
    steps = kept.steps(0)
    for step in steps[: len(steps) // 2]:
        kept.feed(one, step)
    saved = applied({}, one.changes(everything=True))
    assert all(saved.values()), "a table is empty"
    return saved


@cache
def a_record_of_each_table() -> dict[str, bytes]:
    return {name: next(iter(table.values())) for name, table in filled("chain").items()}


WITH_TABLES = ["buffer", "accounts", "words", "scores", "texts", "hashtags", "references", "shared", "pairs"]
WITH_TABLES += ["repetition", "judge"]


@pytest.mark.parametrize("name", WITH_TABLES)
def test_a_record_of_another_table_is_refused(name):
    for table, records in filled(name).items():
        for other, record in a_record_of_each_table().items():
            if other == table:
                continue
            saved = copied(filled(name))
            saved[table][random.Random(1).choice(sorted(records))] = record
            with pytest.raises(StateError):
                KINDS[name].make().restore(saved)


@pytest.mark.parametrize("name", WITH_TABLES)
@given(data=st.data())
@settings(max_examples=30, derandomize=True, deadline=None)
def test_nonsense_is_refused_with_one_error(name, data):
    saved = copied(filled(name))
    table = data.draw(st.sampled_from(sorted(saved)))
    key = data.draw(st.sampled_from(sorted(saved[table])))
    saved[table][key] = data.draw(st.binary(max_size=40))
    with pytest.raises(StateError):
        KINDS[name].make().restore(saved)


@pytest.mark.parametrize("name", WITH_TABLES)
@given(data=st.data())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_damage_is_refused_with_one_error_or_does_no_harm(name, data):
    saved = copied(filled(name))
    table = data.draw(st.sampled_from(sorted(saved)))
    key = data.draw(st.sampled_from(sorted(saved[table])))
    packed = saved[table].pop(key)
    kind = data.draw(st.sampled_from(("lost", "cut", "changed", "elsewhere")))
    place = data.draw(st.integers(0, len(packed) - 1))
    if kind == "cut":
        saved[table][key] = packed[:place]
    elif kind == "changed":
        value = data.draw(st.integers(0, 255))
        saved[table][key] = packed[:place] + bytes([value]) + packed[place + 1 :]
    elif kind == "elsewhere":
        saved[table][data.draw(st.sampled_from(("", "x", "1.2", "7.x", "-5.0", "\x1f")))] = packed
    with suppress(StateError):
        KINDS[name].make().restore(saved)


def test_an_empty_store_is_a_fresh_object():
    for kept in KINDS.values():
        one = kept.make()
        one.restore({})
        assert one.changes(everything=True) == kept.make().changes(everything=True)


def test_two_objects_with_one_table_cannot_be_merged():
    with pytest.raises(ValueError, match="one name: words"):
        merged({"words": {}}, {"words": {}})


def test_unpacking_names_no_other_error():
    for packed in (b"", b"\xc1", b"\x91", b"\xa3\xff\xff\xff", pack({"a": 1}), b"\x91" * 5000):
        with pytest.raises(StateError):
            unpack(packed, tuple[int, int])


# -- parts ------------------------------------------------------------------------------------------


@given(seed=seeds)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_blocks_in_the_store_are_those_of_the_sequence(seed):
    rng = random.Random(seed)
    begin, items, store = 0, [], {}
    blocks = Blocks(4)
    for _ in range(40):
        items += [rng.random() for _ in range(rng.choice((0, 1, 3, 9)))]
        begin = min(len(items), begin + rng.choice((0, 0, 2, 14)))
        if rng.random() < 0.2 and begin < len(items):
            place = rng.randrange(begin, len(items))
            items.insert(place, rng.random())
            blocks.touch(place)
        gone, due = blocks.due(begin, len(items))
        for block in gone:
            store.pop(block, None)
        for block in due:
            low, high = blocks.ends(block, begin)
            store[block] = {place: items[place] for place in range(low, high)}
        held = {place: item for block in store.values() for place, item in block.items() if place >= begin}
        assert held == dict(enumerate(items[begin:], begin))
        assert set(store) == {place // 4 for place in range(begin, len(items))}
        assert set(store) <= set(blocks.told())


def test_the_band_table_made_anew_meets_what_the_old_one_met():
    rng = random.Random(5)
    live = sketches.BandTable(1 << 6)
    texts = [sentence(rng).lower() for _ in range(300)]
    texts = [rng.choice((text, rng.choice(texts[:40]))) for text in texts]
    prints = sketches.signatures(texts)
    for number in range(250):
        live.meet(prints[number : number + 1], np.array([number]), 0.3, max(0, number - 50))
    anew = sketches.BandTable(1 << 6)
    anew.put(prints[200:250], np.arange(200, 250))
    for number in range(250, 300):
        given_ = prints[number : number + 1], np.array([number]), 0.3, number - 50
        assert live.meet(*given_) == anew.meet(*given_)


def test_a_slot_does_not_lead_to_a_text_that_has_replaced_another():
    table = sketches.BandTable(1 << 12)
    one, other = (sketches.signatures([sentence(random.Random(seed)).lower()]) for seed in (1, 2))
    table.meet(one, np.array([0]), 0.3)
    table.meet(other, np.array([1 << 12]), 0.3)  # takes the row of the first
    assert table.meet(one, np.array([1 + (1 << 12)]), -1.0) == ([], [], 0)


def test_numbers_of_texts_may_go_round():
    table = sketches.BandTable(1 << 4)
    text = sketches.signatures([sentence(random.Random(1)).lower()])
    for number in range(2**32 - 20, 2**32 + 20):
        _, others, _ = table.meet(text, np.array([number]), 0.3, number - 10)
        # The first has nothing before it; the one before 2^32 has the stamp of an empty slot.
        assert others == ([] if number in (2**32 - 20, 2**32) else [(number - 1) % 16])


def test_a_restored_case_knows_what_it_ever_had():
    """Its index, its subjects and the order of its findings: they decide what joins it much later."""
    judge = Judge(Settings())
    for step in inputs(0)["judge"]:
        list(judge.take(*step))
    for case in list(judge.cases._open.values()):
        for finding, assessment, _ in list(case.findings.values()):
            less = msgspec.structs.replace(
                finding, accounts=finding.accounts[1:], subjects=(*finding.subjects[:1], Subject("text", "z"))
            )
            for one in (less, msgspec.structs.replace(less, subjects=finding.subjects)):
                list(judge.cases.take([Judged(one, assessment)], judge.last_tick))
    again = Judge(Settings())
    again.restore(applied({}, judge.changes(everything=True)))
    assert judge.cases._by_account == again.cases._by_account
    assert judge.cases._by_subject == again.cases._by_subject
    assert judge.cases._by_finding == again.cases._by_finding
    assert list(judge.cases._open) == list(again.cases._open)
    for case, other in zip(judge.cases._open.values(), again.cases._open.values(), strict=True):
        assert vars(case) == vars(other)
        assert list(case.findings) == list(other.findings)
        assert list(case.pending) == list(other.pending)
        assert case.indexed >= set(case.accounts)
        assert Subject("text", "z") in case.named
    assert max(len(case.findings) for case in judge.cases._open.values()) > 2


def test_a_sketch_goes_on_from_its_registers():
    first = SlidingDistinct(50)
    for number in range(3000):
        first.add(number // 300, f"account {number % 1900}", number % 5)
    second = SlidingDistinct(50)
    second.restore(first.level, list(first.packed(first.minutes())))
    for number in range(3000, 4000):
        for one in (first, second):
            one.add(number // 300, f"account {number}", 1)
            one.expire(number // 300 - 5)
        assert (first.count(), first.count(8)) == (second.count(), second.count(8))
        assert (first.held, first.scores) == (second.held, second.scores)


def test_the_four_most_used_languages_of_an_account_are_kept():
    languages: stage.Languages = ()
    for language in ["fr", "fr", "fr", "en", "en", "de", "de", "es", "it", "it", "it"]:
        languages = stage.spoken(languages, language)
    assert languages == (("fr", 3), ("it", 3), ("de", 2), ("en", 2))


def test_the_languages_of_reposts_are_not_the_account_s():
    accounts = Accounts()
    posts = [post("1", "a", 0, lang="fr"), post("2", "a", 1, lang="en", kind="repost", ref_id="9")]
    accounts.take(START_MS + TICK, posts)
    assert accounts.get("x\x1fa").languages == (("fr", 1),)


def test_of_two_statuses_the_newer_is_kept():
    accounts = Accounts(AccountSettings())
    told = [
        Change(platform="x", time_ms=START_MS + ms, event="account", author_id=name, status=status)
        for ms, name, status in ((9, "a", "suspended"), (5, "a", "active"), (5, "b", "deleted"))
    ]
    batch = accounts.take(START_MS + TICK, [post("1", "a", 0)], told)
    assert batch.background.fates == [FateSignal(START_MS + 9, "x\x1fa", "suspended")]
    account = accounts.get("x\x1fa")
    assert (account.status, account.status_ms, len(accounts)) == ("suspended", START_MS + 9, 1)


def test_a_head_stands_under_a_key_that_no_record_has():
    for name, table in filled("chain").items():
        assert (HEAD in table) <= (len(table) == 1), name
