"""The album of looks, the communities, and which accounts a group is compared with."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_state import Kept, check

from detectors.album import Album, AlbumSettings
from detectors.communities import SAMPLE, Communities, Community, CommunitySettings, community
from detectors.comparing import ENOUGH_OTHERS, Strata, beside, random_groups, representatives, stratified
from detectors.looks import Look, account_hash, language_code

NOW_S = 1_500_000_000
FR, EN, EL = (language_code(one) for one in ("fr", "en", "el"))


def hashed(number: int) -> int:
    return account_hash(f"x\x1f{number}")


def filled(usual: dict[int, int], *, seen_s: int = NOW_S, platform: int = 1, start: int = 0) -> Album:
    """An album with so many accounts of each usual language, numbered from `start` on."""
    album = Album()
    spoken = [language for language, count in usual.items() for _ in range(count)]
    looks = [Look(hashed(start + n), platform, seen_s, usual=one) for n, one in enumerate(spoken)]
    album.take(looks, NOW_S * 1000)
    return album


def test_an_account_counts_once_with_its_newest_look():
    album = Album()
    album.take([Look(5, 1, 100, score=10), Look(5, 1, 200, score=20)], 0)
    album.take([Look(5, 1, 300, score=30)], 0)
    (row,) = album.table[album.places([5])]
    assert (len(album), int(row["score"]), int(row["seen_s"])) == (1, 30, 300)


def test_what_was_known_stays_when_a_later_look_does_not_know_it():
    album = Album()
    album.take([Look(5, 1, 100, created_min=7, score=10, client="Web", terms=("gardens",))], 0)
    album.take([Look(5, 1, 200)], 0)
    (row,) = album.table[album.places([5])]
    assert (int(row["created_min"]), int(row["score"])) == (7, 10)
    assert album.name(int(row["client"])) == "Web"
    assert [album.name(int(one)) for one in row["terms"] if one] == ["gardens"]


def test_an_empty_description_is_known_and_an_absent_one_is_not():
    album = Album()
    album.take([Look(1, 1, 100, terms=()), Look(2, 1, 100)], 0)
    assert album.table[album.places([1, 2])]["described"].tolist() == [1, 0]


def test_accounts_of_a_closed_case_are_remembered_through_later_looks():
    album = filled({FR: 3})
    album.add_cases([hashed(0), hashed(1), hashed(99)], 1)
    album.add_cases([hashed(0)], 1)
    album.take([Look(hashed(0), 1, NOW_S + 9)], 0)
    assert album.table[album.places([hashed(0), hashed(1), hashed(2)])]["cases"].tolist() == [2, 1, 0]


def test_numbers_too_large_for_a_column_are_cut_and_nothing_breaks():
    album = Album()
    album.take([Look(2**64 - 1, 2**32 - 1, 2**33, followers=10**12, woke_days=10**6, erased=10**6)], 0)
    (row,) = album.table[album.places([2**64 - 1])]
    assert (int(row["followers"]), int(row["woke_days"]), int(row["erased"])) == (
        2**31 - 1,
        2**15 - 1,
        2**15 - 1,
    )


def test_those_unseen_longest_go_first_and_are_counted():
    album = Album(AlbumSettings(max_accounts=640))
    for n in range(3000):
        album.take([Look(hashed(n), 1, n)], n * 1000)
        assert len(album) <= 640
    assert len(album.places(hashed(n) for n in range(3000 - 600, 3000))) == 600
    assert album.evicted == 3000 - len(album)
    assert (album.table["seen_s"] >= 0).sum() == len(album)


def test_names_are_bounded_and_those_in_use_stay():
    album = Album(AlbumSettings(max_accounts=20, max_names=200))
    for n in range(2000):
        album.take([Look(hashed(n), 1, n, client=f"client {n}", terms=(f"term{n}",))], n)
    row = album.table[album.places([hashed(1999)])][0]
    assert album.name(int(row["client"])) == "client 1999"
    assert sum(bool(album.name(int(one))) for one in np.unique(album.table["client"])) <= 21


@given(st.permutations(range(12)))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_the_order_of_looks_within_a_tick_does_not_matter(order):
    looks = [Look(hashed(n % 5), 1, 100 + n, score=n) for n in range(12)]
    one, other = Album(), Album()
    one.take(looks, 0)
    other.take([looks[place] for place in order], 0)
    keys = [hashed(n) for n in range(5)]
    assert one.table[one.places(keys)].tobytes() == other.table[other.places(keys)].tobytes()


# -- the two sides ---------------------------------------------------------------------------------


def test_comparable_are_accounts_of_the_network_that_were_seen_within_a_day():
    album = filled({FR: 300})
    stale = [Look(hashed(1000 + n), 1, NOW_S - 90_000, usual=FR) for n in range(300)]
    elsewhere = [Look(hashed(2000 + n), 2, NOW_S, usual=FR) for n in range(300)]
    album.take(stale + elsewhere, 0)
    sides = beside(album, [hashed(n) for n in range(20)], NOW_S, seed=1)
    assert (sides.size, len(sides.rows)) == (20, 300)


def test_who_came_since_the_last_comparison_is_compared_too():
    album = filled({FR: 300})
    group = [hashed(n) for n in range(20)]
    assert len(beside(album, group, NOW_S, seed=1).rows) == 300
    album.take([Look(hashed(1000 + n), 1, NOW_S, usual=FR) for n in range(50)], 0)
    assert len(beside(album, group, NOW_S, seed=1).rows) == 350


def test_a_group_is_compared_within_its_languages_where_there_are_enough():
    album = filled({FR: 400, EN: 300, EL: 20})
    group = [hashed(n) for n in (*range(10), *range(400, 405), *range(700, 706))]
    sides = beside(album, group, NOW_S, seed=1)
    strata = stratified(sides)
    assert strata is not None
    languages = [sorted(set(sides.rows["usual"][members].tolist())) for members in strata.members]
    # Greek is too rare here to stand alone, and joins the largest language.
    assert dict(zip(strata.drawn, languages, strict=True)) == {5: [EN], 16: sorted([FR, EL])}


def test_a_rare_language_is_compared_with_everybody():
    album = filled({FR: 400, EL: 30})
    strata = stratified(beside(album, [hashed(n) for n in range(400, 412)], NOW_S, seed=1))
    assert strata is not None
    assert len(strata.members[0]) == 430


def test_without_enough_to_compare_with_there_is_no_answer():
    album = filled({FR: ENOUGH_OTHERS + 9})
    assert stratified(beside(album, [hashed(n) for n in range(10)], NOW_S, seed=1)) is None


def test_random_groups_have_the_strata_of_the_group_and_nobody_twice():
    album = filled({FR: 900, EN: 250})
    sides = beside(album, [hashed(n) for n in (*range(30), *range(900, 920))], NOW_S, seed=1)
    strata = stratified(sides)
    assert strata is not None
    for group in random_groups(strata, 200, np.random.default_rng(1)):
        assert len(set(group.tolist())) == 50
        assert (sides.rows["usual"][group] == EN).sum() == 20


def test_every_account_is_in_a_random_group_as_often_as_any_other():
    strata = Strata([np.arange(100)], [10], np.ones(100), np.ones(100))
    counts = np.bincount(random_groups(strata, 20_000, np.random.default_rng(1)).ravel(), minlength=100)
    assert counts.min() > 1800
    assert counts.max() < 2200


def test_what_is_compared_does_not_depend_on_the_order_of_rows():
    looks = [Look(hashed(n), 1, NOW_S, usual=(FR, EN)[n % 3 == 0]) for n in range(6000)]
    one, other = Album(), Album()
    one.take(looks, 0)
    for start in range(6000, 0, -500):
        other.take(looks[start - 500 : start], 0)
    group = [hashed(n) for n in range(25)]
    first, second = (beside(album, group, NOW_S, seed=5) for album in (one, other))
    assert first.rows.tobytes() == second.rows.tobytes()
    assert first.fair.tolist() == second.fair.tolist()
    assert len(first.rows) < 6000
    assert beside(one, group, NOW_S, seed=6).rows.tobytes() != first.rows.tobytes()


def test_a_large_group_is_represented_by_a_sample_that_does_not_depend_on_order():
    keys = [hashed(n) for n in range(5000)]
    assert representatives(keys) == representatives(reversed(keys))
    assert len(representatives(keys)) == 400


# -- communities -----------------------------------------------------------------------------------


def test_communities_of_like_size_are_compared_and_the_group_itself_is_not():
    communities = Communities()
    sizes = {"same": 30, "near": 100, "far": 500, "tiny": 5}
    communities.take(
        [
            community(name, size, [(account_hash(f"{name} {n}"), 0) for n in range(size)])
            for name, size in sizes.items()
        ],
        0,
    )
    group = {account_hash(f"same {n}") for n in range(30)}
    assert [one.subject for one in communities.like(group, 30, 1000)] == ["near"]


def test_a_community_is_forgotten_after_hours_and_its_sample_is_bounded():
    communities = Communities()
    communities.take([community("a", 900, [(hashed(n), n) for n in range(900)])], 0)
    assert len(communities.like(set(), 900, 6 * 3_600_000)[0].accounts) == SAMPLE
    assert communities.like(set(), 900, 6 * 3_600_000 + 1) == []
    communities.take([], 7 * 3_600_000)
    assert len(communities) == 0
    assert communities.evicted == 0


def test_communities_are_bounded():
    communities = Communities(CommunitySettings(max_communities=10))
    communities.take([Community(f"s{n}", 20, (n,), (0,)) for n in range(50)], 0)
    assert (len(communities), communities.evicted) == (10, 40)


# -- checkpoints -----------------------------------------------------------------------------------


def album_steps(seed: int) -> list[tuple[list[Look], list[int]]]:
    rng = random.Random(seed)
    return [
        (
            [
                Look(
                    hashed(rng.randrange(150)),
                    1,
                    1000 + step * 5 + n,
                    usual=rng.choice((FR, EN)),
                    score=rng.choice((-1, 3, 500)),
                    client=rng.choice(("", "Web", f"app {step}")),
                    terms=rng.choice((None, (), (f"term{rng.randrange(400)}", "garden"))),
                )
                for n in range(rng.randrange(6))
            ],
            [hashed(rng.randrange(150)) for _ in range(rng.randrange(2))],
        )
        for step in range(120)
    ]


def feed_album(album: Album, step: tuple[list[Look], list[int]]) -> Any:
    looks, cases = step
    album.take(looks, 0)
    album.add_cases(cases, 1)
    held = sorted(album.table["account"][album.table["seen_s"] >= 0].tolist())
    rows = album.table[album.places(held)]
    names = [album.name(int(one)) for one in rows["client"]]
    sides = beside(album, held[:9], 2000, seed=3)
    return rows.tobytes(), names, len(album), album.evicted, sides.rows.tobytes()


@pytest.mark.parametrize("most", [40, 1000])
@pytest.mark.parametrize("seed", range(2))
def test_the_album_goes_on_from_a_checkpoint_as_if_nothing_had_happened(most, seed):
    check(Kept(lambda: Album(AlbumSettings(max_accounts=most, max_names=60)), album_steps, feed_album), seed)


def community_steps(seed: int) -> list[tuple[list[Community], int]]:
    rng = random.Random(seed)
    return [
        (
            [Community(f"s{rng.randrange(30)}", rng.randrange(5, 90), (n,), (0,)) for n in range(2)],
            step * 400_000,
        )
        for step in range(100)
    ]


def feed_communities(held: Communities, step: tuple[list[Community], int]) -> Any:
    held.take(*step)
    return held.like(set(), 20, step[1]), len(held), held.evicted


@pytest.mark.parametrize("seed", range(2))
def test_communities_go_on_from_a_checkpoint_as_if_nothing_had_happened(seed):
    few = CommunitySettings(max_communities=12)
    check(Kept(lambda: Communities(few), community_steps, feed_communities), seed)
