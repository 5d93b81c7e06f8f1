"""The two sides that a trait is tested on, and the communities beside them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.album import Album
from detectors.communities import Communities, community
from detectors.comparing import Peers, Sides, beside, stratified
from detectors.looks import Look, account_hash, language_code

NOW_S = 1_500_000_000
FR, EN, EL = (language_code(one) for one in ("fr", "en", "el"))


def hashed(number: int) -> int:
    return account_hash(f"x\x1f{number}")


def filled(*languages: int) -> Album:
    """An album of one account for each of these usual languages."""
    album = Album()
    album.take([Look(hashed(n), 1, NOW_S, usual=one) for n, one in enumerate(languages)], NOW_S * 1000)
    return album


@given(
    st.integers(0, 2**32),
    st.floats(0.2, 1.0),
    st.sampled_from([(1.0, 0.0, 0.0), (0.6, 0.35, 0.05), (0.1, 0.1, 0.8)]),
    st.booleans(),
)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_strata_of_the_known_are_those_that_the_known_alone_would_have(seed, share, languages, matched):
    rng = np.random.default_rng(seed)
    album = filled(*rng.choice((FR, EN, EL), 500, p=languages).tolist())
    sides = beside(album, [hashed(n) for n in range(40)], NOW_S, seed=3)
    known = rng.random(len(sides.rows)) < share
    alone = Sides(sides.rows[known], int(known[: sides.size].sum()), sides.fair[known])
    some, all_ = stratified(sides, known, matched=matched), stratified(alone, matched=matched)
    assert (some is None) == (all_ is None)
    if some is not None and all_ is not None:
        places = np.flatnonzero(known)
        assert some.drawn == all_.drawn
        assert [one.tolist() for one in some.members] == [places[one].tolist() for one in all_.members]
        assert np.array_equal(some.weights[known], all_.weights)
        assert np.array_equal(some.others[known], all_.others)
        assert not some.weights[~known].any()


def test_a_group_of_which_too_few_are_known_stands_alone():
    album = filled(*[FR] * 300)
    group = [hashed(n) for n in (*range(7), *range(900, 950))]
    assert len(beside(album, group, NOW_S, seed=1, least=8).rows) == 7
    assert len(beside(album, [*group, hashed(7)], NOW_S, seed=1, least=8).rows) == 300


def test_communities_stand_between_the_group_and_the_comparable_accounts():
    album = filled(*[FR] * 300)
    group = [hashed(n) for n in range(20)]
    sides = beside(album, group, NOW_S, seed=1)
    members = [list(range(100, 112)), [150, 151, 999]]
    alike = [
        community(f"hashtag:{n}", len(m), [(hashed(one), 0) for one in m]) for n, m in enumerate(members)
    ]
    peers = Peers(sides, alike, album)
    assert (peers.sides.size, len(peers.sides.rows)) == (34, 314)
    accounts = peers.sides.rows["account"].tolist()
    assert accounts[:20] == sides.rows["account"][:20].tolist()
    assert sorted(accounts[20:32]) == sorted(hashed(n) for n in range(100, 112))
    assert set(accounts[32:34]) == {hashed(150), hashed(151)}
    known = np.ones(314, dtype=bool)
    known[:5] = known[33] = False
    rows, owners, count = peers.known(known)
    assert rows.tolist() == list(range(5, 33))
    assert owners.tolist() == [0] * 15 + [1] * 12 + [2]
    assert count.tolist() == [15, 12, 1]


# -- which communities -----------------------------------------------------------------------------


def communities_of(*sizes: int) -> Communities:
    """One community of each of these sizes, named by its place and its size; they share nobody."""
    held = Communities()
    held.take(
        [
            community(f"{place}:{size}", size, [(account_hash(f"{place} {n}"), 0) for n in range(size)])
            for place, size in enumerate(sizes)
        ],
        0,
    )
    return held


def sizes_beside(held: Communities, group: set[int], size: int) -> list[int]:
    return [one.size for one in held.like(group, size, 1000)]


def test_a_large_group_with_few_of_its_size_is_set_beside_the_nearest_smaller_ones_too():
    held = communities_of(300, 1200, *range(9, 49))
    assert sizes_beside(held, set(), 300) == [300, 1200, *range(48, 30, -1)]


def test_where_enough_are_of_like_size_no_smaller_one_is_asked():
    held = communities_of(*range(200, 220), *range(9, 49))
    assert min(sizes_beside(held, set(), 300)) == 200
    assert len(sizes_beside(held, set(), 300)) == 20


def test_much_larger_communities_and_tiny_ones_are_no_comparison():
    assert sizes_beside(communities_of(1201, 1000, 7, 8), set(), 300) == [1000, 8]


def shared_with(group: list[int], size: int, shared: int) -> Communities:
    """A community of so many that shares so many accounts with a group."""
    accounts = [*group[:shared], *(account_hash(f"elsewhere {n}") for n in range(size - shared))]
    held = Communities()
    held.take([community("source:a", size, [(one, 0) for one in accounts])], 0)
    return held


def test_a_community_with_a_good_part_of_the_group_is_no_independent_comparison():
    group = [account_hash(f"member {n}") for n in range(60)]
    assert sizes_beside(shared_with(group, 64, 20), set(group), 60) == []
    # Most of a small group in something larger, a fifth of which it is.
    assert sizes_beside(shared_with(group, 200, 40), set(group), 60) == []
    # All of something smaller.
    assert sizes_beside(shared_with(group, 12, 6), set(group), 60) == []


def test_a_few_who_are_everywhere_do_not_make_two_communities_one():
    group = [account_hash(f"member {n}") for n in range(60)]
    assert sizes_beside(shared_with(group, 64, 6), set(group), 60) == [64]
    assert sizes_beside(shared_with(group, 12, 3), set(group), 60) == [12]


def test_the_group_is_known_in_a_community_by_all_of_its_accounts_and_not_by_a_sample():
    group = [account_hash(f"member {n}") for n in range(4000)]
    last = sorted(group)[-50:]
    held = Communities()
    held.take([community("hashtag:own", 50, [(one, 0) for one in last])], 0)
    assert sizes_beside(held, set(group), 4000) == []
