"""Silences of the whole stream that chance does not bring, and those that nights, bursts and runs do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import START_MS
from test_state import Kept, check

from detectors.gaps import KEPT, MINUTE_MS, Gap, Gaps
from detectors.state import applied

TICK = 5000
PER_MINUTE = MINUTE_MS // TICK
DAY = 24 * 60
some = settings(max_examples=60, derandomize=True, deadline=None)

Ticks = list[tuple[int, int]]
"""Posts and tick."""


def stream(rate: Callable[[float], float], minutes: int, seed: int = 1) -> Ticks:
    """Posts that come independently of each other, so many a minute at each minute from the start."""
    rates = [rate(tick / PER_MINUTE) / PER_MINUTE for tick in range(minutes * PER_MINUTE)]
    counts = np.random.default_rng(seed).poisson(rates)
    return [(int(posts), START_MS + number * TICK) for number, posts in enumerate(counts, 1)]


def flow(minutes: int, seed: int = 1, rate: float = 60) -> Ticks:
    return stream(lambda minute: rate, minutes, seed)


def without(ticks: Ticks, start_ms: int, end_ms: int) -> Ticks:
    """The stream without the ticks of a time."""
    return [(posts, tick) for posts, tick in ticks if not start_ms <= tick - TICK < end_ms]


def by_the_minute(ticks: Ticks) -> Ticks:
    """The same posts with a clock of minutes."""
    counts: dict[int, int] = {}
    for posts, tick in ticks:
        whole = (tick - TICK) // MINUTE_MS * MINUTE_MS + TICK
        counts[whole] = counts.get(whole, 0) + posts
    return [(posts, tick) for tick, posts in counts.items()]


def fed(ticks: Iterable[tuple[int, int]]) -> Gaps:
    gaps = Gaps(TICK)
    for posts, tick in ticks:
        gaps.take(posts, tick)
    return gaps


def found(ticks: Ticks) -> tuple[Gap, ...]:
    return fed(ticks).within(0, ticks[-1][1])


@given(st.integers(20, 400), st.integers(31, 60), st.integers(0, 59), st.integers(4, 600), st.integers(0, 99))
@some
def test_a_hole_in_a_stream_is_told_from_the_last_post_to_the_next(rate, after, second, minutes, seed):
    start = START_MS + after * MINUTE_MS + second * 1000 // TICK * TICK
    ticks = without(flow(after + minutes + 20, seed, rate), start, start + minutes * MINUTE_MS)
    last = max(tick for posts, tick in ticks if posts and tick <= start)
    following = min(tick for posts, tick in ticks if posts and tick > start)
    assert found(ticks) == (Gap(last, following - TICK),)


@pytest.mark.parametrize("rate", [0.02, 0.3, 1, 2, 3, 5, 10, 30, 200])
def test_a_week_of_chance_has_no_gap(rate):
    assert found(flow(7 * DAY, rate=rate)) == ()


@pytest.mark.parametrize("busy", [10, 100, 1000])
def test_night_is_no_gap(busy):
    def rate(minute: float) -> float:
        return busy * (0.502 + 0.498 * math.cos(2 * math.pi * minute / DAY))

    assert found(stream(rate, 7 * DAY)) == ()


@pytest.mark.parametrize("half_life", [7, 15, 60])
def test_a_debate_that_ends_is_no_gap(half_life):
    def rate(minute: float) -> float:
        return 500 * 0.5 ** (max(0, minute - 120) / half_life)

    for seed in range(20):
        assert found(stream(rate, 2 * DAY, seed)) == ()


def test_a_burst_in_a_sparse_stream_makes_no_gap_of_the_hours_after_it():
    assert found(stream(lambda minute: 3000 if 60 <= minute < 63 else 0.2, 600)) == ()


def test_a_burst_does_not_hide_the_gap_that_follows():
    start = START_MS + 63 * MINUTE_MS
    ticks = stream(lambda minute: 3000 if 60 <= minute < 63 else 60, 120)
    assert len(found(without(ticks, start, start + 2 * MINUTE_MS))) == 1


@pytest.mark.parametrize("every", [2, 15, 60, 24 * 60])
def test_a_sparse_archive_or_one_that_comes_in_runs_has_no_gap(every):
    runs = [(posts, START_MS + n * every * MINUTE_MS + TICK) for posts in (1, 500) for n in range(200)]
    assert found(runs[:200]) == found(runs[200:]) == ()


def test_after_a_busy_hour_one_gap_is_told_and_not_every_silence_of_a_stream_that_is_sparse_by_now():
    busy = flow(60, rate=30)
    later = [(1, busy[-1][1] + hour * 60 * MINUTE_MS) for hour in range(1, 30)]
    assert len(found(busy + later)) == 1


@given(st.integers(5, 60), st.integers(0, 99))
@some
def test_a_clock_of_minutes_makes_no_gap(rate, seed):
    assert found(by_the_minute(flow(300, seed, rate))) == ()


def test_with_a_clock_of_minutes_a_hole_is_found_too():
    start = START_MS + 40 * MINUTE_MS
    ticks = by_the_minute(without(flow(60), start, start + 3 * MINUTE_MS))
    assert found(ticks) == (Gap(start - MINUTE_MS + TICK, start + 3 * MINUTE_MS),)


def test_before_five_minutes_nothing_is_known_of_the_rate():
    for minutes, known in ((4, False), (5, True)):
        gaps = fed(flow(minutes + 1))
        end = START_MS + (minutes + 1) * MINUTE_MS
        assert bool(gaps.within(0, end + 60 * MINUTE_MS)) == known


def test_a_silence_that_goes_on_is_told_as_far_as_it_has_come():
    ticks = flow(30, rate=120)
    gaps, last = fed(ticks), ticks[-1][1]
    assert gaps.within(START_MS, last + MINUTE_MS - 1) == ()
    assert gaps.within(START_MS, last + 9 * MINUTE_MS) == (Gap(last, last + 9 * MINUTE_MS),)
    gaps.take(1, last + 20 * MINUTE_MS)
    assert gaps.within(START_MS, last + 20 * MINUTE_MS) == (Gap(last, last + 20 * MINUTE_MS - TICK),)


def test_only_gaps_that_overlap_the_window_are_told():
    start = START_MS + 40 * MINUTE_MS
    gaps = fed(without(flow(60), start, start + 5 * MINUTE_MS))
    (gap,) = gaps.within(0, START_MS + 60 * MINUTE_MS)
    assert gaps.within(0, gap.start_ms) == gaps.within(gap.end_ms, gap.end_ms + MINUTE_MS) == ()
    assert gaps.within(0, gap.start_ms + 1) == gaps.within(gap.end_ms - 1, gap.end_ms) == (gap,)


def test_ticks_without_posts_make_no_difference():
    start = START_MS + 40 * MINUTE_MS
    ticks = [(0 if start <= tick < start + 6 * MINUTE_MS else posts, tick) for posts, tick in flow(60)]
    told = found(ticks)
    assert len(told) == 1
    assert told == found([one for one in ticks if one[0]])


def holes(count: int, minutes: int = 40, seed: int = 1) -> Ticks:
    """A stream that is silent for 4 of so many minutes, again and again."""
    return [
        (posts, tick)
        for posts, tick in flow(count * minutes, seed)
        if (tick - TICK - START_MS) // MINUTE_MS % minutes < minutes - 4
    ]


def test_memory_is_bounded_and_the_newest_gaps_are_kept():
    ticks = [*holes(KEPT + 30), (1, START_MS + (KEPT + 30) * 40 * MINUTE_MS + TICK)]
    gaps = fed(ticks)
    told = gaps.within(0, ticks[-1][1])
    assert (len(told), gaps.evicted) == (KEPT, 30)
    assert told[-1].end_ms == ticks[-1][1] - TICK
    still = gaps.within(0, ticks[-1][1] + DAY * MINUTE_MS)
    assert still == told  # a minute after a gap there is no rate yet
    assert sum(len(record) for record in applied({}, gaps.changes(everything=True))["gaps"].values()) < 1000


@pytest.mark.parametrize("seed", range(8))
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed):
    evicted = 0

    def feed(gaps: Gaps, step: tuple[int, int]) -> Any:
        nonlocal evicted
        gaps.take(*step)
        evicted = max(evicted, gaps.evicted)
        running = gaps.within(step[1] - 10 * MINUTE_MS, step[1] + 5 * MINUTE_MS)
        return gaps.within(0, step[1]), running, gaps.evicted

    check(Kept(lambda: Gaps(TICK), lambda number: holes(KEPT + 5, minutes=14, seed=number), feed), seed)
    assert evicted
