"""What rises from nothing, and what only grows because everything does."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import START_MS, post, robot
from test_state import Kept, check

from detectors.accounts.stage import Accounts
from detectors.batches import Signals, merge, spread
from detectors.events import Post
from detectors.findings import Finding
from detectors.groups.rising import Rising, RisingSettings, rise
from detectors.severity import Assessment, assess
from detectors.wording import sentence

SLOT, TICK = 300_000, 5000
FIRST = START_MS - START_MS % SLOT


class Room:
    """One detector, fed slot by slot: each slot is one tick of so many posts."""

    def __init__(self, **chosen: float) -> None:
        self.accounts = Accounts()
        self.rising = Rising(RisingSettings(**chosen))
        self.slot = 0

    def play(self, posts: list[Post]) -> list[Finding]:
        self.slot += 1
        tick = FIRST + self.slot * SLOT + TICK
        for one in posts:
            one.time_ms = tick - TICK
        return self.rising.take(self.accounts.take(tick, posts).signals())


def slot_of(number: int, chatter: int = 100, tags: dict[str, int] | None = None, **more: Any) -> list[Post]:
    """Ordinary posts, and so many uses of each tag by as many accounts."""
    posts = [post(f"{number}.{n}", f"u{n}", 0, "good morning", hashtags=[]) for n in range(chatter)]
    for tag, uses in (tags or {}).items():
        posts += [
            post(f"{number}.{tag}{n}", f"{tag}{n}", 0, "look", hashtags=[tag], **more) for n in range(uses)
        ]
    return posts


def settled(**chosen: float) -> Room:
    """A room in which #usual has had a tenth of the stream for 30 slots."""
    room = Room(**chosen)
    for number in range(30):
        room.play(slot_of(number, tags={"usual": 11 + number % 3}))
    return room


def test_a_tag_that_nobody_used_before_and_many_use_now_has_risen():
    (finding,) = settled().play(slot_of(40, tags={"push": 40}))
    assert [str(subject) for subject in finding.subjects] == ["hashtag:push"]
    assert (finding.accounts_total, finding.posts_total) == (40, 40)
    assert (finding.evidence["usual"], finding.evidence["samples"]) == (0, 30)


def test_a_link_rises_like_a_tag():
    room = settled()
    posts = slot_of(40)
    posts += [post(f"l{n}", f"l{n}", 0, "w", links=["https://x.invalid/a?utm_source=b"]) for n in range(30)]
    (finding,) = room.play(posts)
    assert str(finding.subjects[0]) == "link:https://x.invalid/a"


def test_what_grows_with_the_whole_stream_has_not_risen():
    assert settled().play(slot_of(40, chatter=1000, tags={"usual": 120})) == []


def test_what_grows_while_the_stream_does_not_has_risen():
    (finding,) = settled().play(slot_of(40, tags={"usual": 600}))
    assert 30 < finding.evidence["usual"] < 90


def test_before_two_hours_of_stream_nothing_is_judged():
    room = Room()
    for number in range(23):
        room.play(slot_of(number))
    assert room.play(slot_of(40, tags={"push": 40})) == []
    assert room.play(slot_of(41, tags={"other": 40})) != []


def test_a_silent_stream_gives_no_samples():
    room = Room()
    for number in range(40):
        room.play(slot_of(number, chatter=20))
    assert room.play(slot_of(50, tags={"push": 40})) == []


@pytest.mark.parametrize(("uses", "accounts"), [(19, 19), (40, 7)])
def test_too_few_posts_or_accounts_have_not_risen(uses, accounts):
    posts = [post(f"p{n}", f"a{n % accounts}", 0, "w", hashtags=["push"]) for n in range(uses)]
    assert settled().play(slot_of(40) + posts) == []


def test_a_rise_that_goes_on_keeps_its_id_and_a_later_one_is_another():
    room = settled()
    (first,) = room.play(slot_of(40, tags={"push": 40}))
    (second,) = room.play(slot_of(41, tags={"push": 60}))
    for number in range(30):
        room.play(slot_of(50 + number))
    (later,) = room.play(slot_of(90, tags={"push": 60}))
    assert first.finding_id == second.finding_id != later.finding_id


def judged(finding: Finding) -> Assessment:
    evidence = finding.evidence | {"bot_share_reference": 0.1}
    return assess(msgspec.structs.replace(finding, evidence=evidence), 0, 0)


def test_a_rise_alone_is_no_alert_and_with_robots_it_is():
    (crowd,) = settled().play(slot_of(40, tags={"push": 40}))
    assert judged(crowd).severity is None
    (push,) = settled().play(slot_of(40, tags={"push": 40}, author=robot()))
    assert judged(push).severity in ("warning", "critical")
    assert {one.code for one in judged(push).reasons} >= {"risen", "bots"}
    for reason in judged(push).reasons:
        assert all(sentence("rising", reason))


def test_a_few_busy_accounts_are_told():
    busy = [post(f"b{n}", f"b{n % 2}", 0, "w", hashtags=["push"]) for n in range(40)]
    others = [post(f"o{n}", f"o{n}", 0, "w", hashtags=["push"]) for n in range(18)]
    (finding,) = settled().play(slot_of(40) + busy + others)
    assert {one.code: one.points for one in judged(finding).reasons} == {"risen": 15, "few": 10}


def test_memory_is_bounded_when_tags_are_invented_and_the_forgotten_are_counted():
    room = Room(max_single_subjects=100, max_subjects=10, max_kept=5)
    tags = [post(f"s{n}", f"s{n}", 0, "w", hashtags=[f"tag{n}"]) for n in range(500)]
    many = [post(f"m{n}", f"m{n}", 0, "w", hashtags=[f"much{n % 20}"]) for n in range(100)]
    room.play(tags + many)
    assert len(room.rising) <= 110
    assert room.rising.evicted > 400
    room.play(slot_of(1))
    assert len(room.rising) <= 5


@given(st.integers(1, 200), st.integers(200, 10_000), st.lists(st.floats(0, 0.2), min_size=24, max_size=80))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_more_posts_are_further_from_the_usual_share(posts, total, samples):
    assert rise(posts + 1, total, samples)[1] > rise(posts, total, samples)[1]
    usual, deviations = rise(posts, total, samples)
    assert (deviations > 0) == (posts > usual)


def steps(seed: int) -> list[Signals]:
    rng, accounts = random.Random(seed), Accounts()
    made = []
    for number in range(60):
        tags = {f"t{rng.randrange(9)}": rng.choice((1, 2, 5, 12, 50)) for _ in range(3)}
        posts = slot_of(number, chatter=rng.choice((0, 30, 60)), tags=tags)
        tick = FIRST + number * SLOT // 2 + TICK
        for one in posts:
            one.time_ms = tick - TICK
        made.append(accounts.take(tick, posts).signals())
    return made


SMALL = {"min_samples": 4, "history_slots": 9, "min_posts": 9, "min_accounts": 4, "max_subjects": 4}


@pytest.mark.parametrize("seed", range(3))
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed):
    found = []

    def feed(one: Rising, step: Signals) -> Any:
        found.extend(told := one.take(step))
        return told, len(one), one.evicted

    check(Kept(lambda: Rising(RisingSettings(**SMALL)), steps, feed), seed)
    assert found


@pytest.mark.parametrize("shards", [2, 4])
def test_any_number_of_shards_finds_the_same(shards):
    whole = Rising(RisingSettings(**SMALL | {"max_subjects": 99}))
    parts = [Rising(RisingSettings(**SMALL | {"max_subjects": 99})) for _ in range(shards)]
    found = 0
    for step in steps(1):
        wanted = whole.take(step)
        told = [
            finding
            for part, signals in zip(parts, spread(step, shards), strict=True)
            for finding in part.take(merge([signals]))
        ]
        assert sorted(told, key=lambda one: one.finding_id) == sorted(wanted, key=lambda one: one.finding_id)
        found += len(wanted)
    assert found
