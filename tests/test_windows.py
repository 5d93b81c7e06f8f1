"""Ticks, watermark and grace: what is held, what is late, what is judged, at the very boundaries."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import START_MS, post, shuffled

from detectors.events import Change
from detectors.windows import Gate, TickBuffer, TimeSettings, canonical_order, newer


class Entrance(TickBuffer):
    """A buffer behind its gate, as posts enter a pipeline."""

    def __init__(self, settings: TimeSettings) -> None:
        super().__init__(settings)
        self.gate = Gate(settings)

    def add(self, posts) -> None:
        super().add(self.gate.admit(posts))
        self.late = self.gate.late
        super().advance(self.gate.watermark_ms)

    def advance(self, watermark_ms: int) -> None:
        self.gate.advance(watermark_ms)
        super().advance(watermark_ms)

    def finish(self):
        self.advance(self.last_tick())
        return self.ready()


def buffer(grace_s: int = 10, tick_s: int = 5) -> Entrance:
    return Entrance(TimeSettings(grace_s=grace_s, tick_s=tick_s))


def at(*moments: int):
    return [post(f"p{ms}", "a", ms) for ms in moments]


def drained(ticks) -> list[tuple[int, list[int]]]:
    return [(tick - START_MS, [one.time_ms - START_MS for one in posts]) for tick, posts, _ in ticks]


def test_a_post_at_exactly_the_watermark_is_in_time_and_one_before_it_is_late():
    held = buffer(grace_s=10)
    held.add(at(20_000, 10_000, 9_999))
    assert held.watermark_ms == START_MS + 10_000
    assert (held.late, held.held) == (1, 2)


def test_a_post_at_a_tick_boundary_belongs_to_the_tick_that_begins_there():
    held = buffer(grace_s=0)
    held.add(at(0, 4_999, 5_000, 9_999, 10_000))
    assert drained(held.ready()) == [(5_000, [0, 4_999]), (10_000, [5_000, 9_999])]
    assert drained(held.finish()) == [(15_000, [10_000])]


def test_a_tick_is_judged_when_the_watermark_reaches_it_and_not_before():
    held = buffer(grace_s=10)
    held.add(at(1_000, 14_999))
    assert drained(held.ready()) == []
    held.add(at(15_000))
    assert drained(held.ready()) == [(5_000, [1_000])]
    assert held.held == 2


def test_a_post_is_never_held_for_a_tick_that_has_been_judged():
    held = buffer(grace_s=10)
    held.add(at(1_000, 15_000))
    assert len(list(held.ready())) == 1
    held.add(at(5_000, 4_999))
    assert held.late == 1
    assert drained(held.finish()) == [(10_000, [5_000]), (20_000, [15_000])]


def test_without_grace_every_step_back_is_late_and_equal_times_are_not():
    held = buffer(grace_s=0)
    held.add([post("a", "x", 2_000), post("b", "x", 2_000), post("c", "x", 1_999), post("d", "x", 2_001)])
    assert held.late == 1
    assert [one.id for _, posts, _ in held.finish() for one in posts] == ["a", "b", "d"]


def test_lateness_does_not_depend_on_the_batches():
    moments = [0, 30_000, 19_999, 20_000, 45_000, 34_999, 35_000, 10_000]
    together, one_by_one = buffer(), buffer()
    together.add(at(*moments))
    for moment in moments:
        one_by_one.add(at(moment))
        list(one_by_one.ready())
    assert together.late == one_by_one.late == 3


def test_finish_gives_all_that_is_held_oldest_first_and_leaves_nothing():
    held = buffer()
    held.add(at(12_000, 3_000, 7_000, 11_000))
    assert drained(held.finish()) == [(5_000, [3_000]), (10_000, [7_000]), (15_000, [11_000, 12_000])]
    assert held.held == 0
    assert drained(held.finish()) == []


def change(event: str = "account", author_id: str | None = "a", ms: int = 0, **fields) -> Change:
    return Change(platform="x", time_ms=START_MS + ms, event=event, author_id=author_id, **fields)


def test_changes_wait_for_their_tick_beside_the_posts_and_alone():
    held = buffer()
    told = [
        change(ms=3_000, status="suspended"),
        change("deletion", None, 1_000, post_id="p1000"),
        change(ms=26_000, status="active"),
    ]
    held.add([*at(1_000), *told])
    assert [(tick - START_MS, len(posts), changes) for tick, posts, changes in held.finish()] == [
        (5_000, 1, [told[1], told[0]]),
        (30_000, 0, [told[2]]),
    ]
    assert held.held == 0


def test_a_change_that_is_told_twice_counts_once_and_a_late_one_not_at_all():
    held = buffer(grace_s=0)
    held.add([change(ms=7_000, status="suspended"), change(ms=7_000, status="suspended"), change(ms=6_999)])
    assert (held.duplicates, held.late, held.held) == (1, 1, 1)


def test_a_deletion_is_no_other_version_of_its_post():
    held = buffer()
    held.add([post("1", "a", 2_000), change("deletion", ms=2_000, post_id="1")])
    assert (held.duplicates, held.held) == (0, 2)


def test_finish_of_an_empty_input_gives_nothing():
    held = buffer()
    assert list(held.finish()) == []
    assert held.watermark_ms == 0


def test_advance_completes_ticks_without_a_post():
    held = buffer()
    held.add(at(1_000))
    held.advance(START_MS + 4_999)
    assert drained(held.ready()) == []
    held.advance(START_MS + 5_000)
    assert drained(held.ready()) == [(5_000, [1_000])]


def test_advance_never_goes_back():
    held = buffer()
    held.add(at(30_000))
    held.advance(START_MS + 1_000)
    assert held.watermark_ms == START_MS + 20_000
    held.add(at(19_999))
    assert held.late == 1


def test_what_comes_after_an_advance_beyond_it_is_late():
    held = buffer()
    held.add(at(1_000))
    held.advance(START_MS + 60_000)
    held.add(at(59_999, 60_000))
    assert (held.late, held.held) == (1, 2)


def test_ids_are_the_networks_own_and_one_id_of_two_networks_is_two_posts():
    held = buffer()
    held.add([post("1", "a", 0), post("1", "a", 0, platform="y"), post("1", "a", 0)])
    assert (held.duplicates, held.held) == (1, 2)


def test_posts_of_one_moment_stand_in_the_order_of_network_and_id():
    held = buffer()
    held.add([post("b", "z", 0), post("a", "z", 0, platform="y"), post("a", "z", 0)])
    ((_, posts, _),) = held.finish()
    assert [(one.platform, one.id) for one in posts] == [("x", "a"), ("x", "b"), ("y", "a")]


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ({}, {"edited_at": 1_500_000_001_000}, "other"),
        ({"edited_at": 1_500_000_002_000}, {"edited_at": 1_500_000_001_000}, "one"),
        ({"edited_at": 1_500_000_001_000}, {"edited_at": 1_500_000_002_000}, "other"),
    ],
)
def test_the_later_edited_version_wins(one, other, wanted):
    first, second = post("1", "a", 0, "one", **one), post("1", "a", 0, "other", **other)
    assert newer(first, second).text == newer(second, first).text == wanted


def test_of_versions_edited_at_one_time_the_same_wins_in_either_order():
    first, second = post("1", "a", 0, "Ceci"), post("1", "a", 0, "Cela", received_at=1_500_000_009_000)
    assert newer(first, second).text == newer(second, first).text


@given(
    st.lists(st.integers(0, 90_000), min_size=1, max_size=60),
    st.integers(0, 12),
    st.integers(1, 7),
    st.data(),
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_every_post_is_held_once_or_counted_once(moments, grace_s, tick_s, data):
    posts = [post(str(index), "a", ms) for index, ms in enumerate(moments)]
    held = buffer(grace_s, tick_s)
    given_out = []
    for one in posts:
        held.add([one])
        if data.draw(st.booleans()):
            given_out += list(held.ready())
    given_out += list(held.finish())
    assert [tick for tick, _, _ in given_out] == sorted({tick for tick, _, _ in given_out})
    for tick, inside, _ in given_out:
        assert tick % (tick_s * 1000) == 0
        assert all(tick - tick_s * 1000 <= one.time_ms < tick for one in inside)
        assert inside == sorted(inside, key=canonical_order)
    assert sum(len(inside) for _, inside, _ in given_out) + held.late == len(posts)


@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=60), st.integers(0, 12), st.integers(0, 999))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_nothing_is_late_that_arrives_within_the_grace(moments, grace_s, seed):
    posts = [post(str(index), "a", ms) for index, ms in enumerate(moments)]
    held = buffer(grace_s)
    held.add(shuffled(posts, random.Random(seed), grace_s * 1000))
    assert held.late == 0
    assert sorted(one.id for _, inside, _ in held.finish() for one in inside) == sorted(
        one.id for one in posts
    )
