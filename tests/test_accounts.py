"""What the ACCOUNTS stage takes in of authors, besides their posts."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from streams_of_posts import START_MS, post, robot

from detectors.accounts.stage import Accounts, AccountSettings
from detectors.events import Change, Profile
from detectors.looks import UNKNOWN, language_name
from detectors.state import Saved, applied

HOUR_MS = 3_600_000
MADE = datetime(2017, 5, 1, 12, tzinfo=UTC)


def told(name: str, at_ms: int, profile: Profile) -> Change:
    return Change(platform="x", time_ms=START_MS + at_ms, event="profile", author_id=name, author=profile)


def looks(accounts: Accounts, at_ms: int, *posts, changes=()):
    """The looks of one tick, by event time of the post in it."""
    return accounts.take(START_MS + at_ms + 5_000, list(posts), list(changes)).background.looks


def bare(id: str, name: str, at_ms: int):
    return msgspec.structs.replace(post(id, name, at_ms), author=None)


def test_a_profile_that_the_network_tells_of_by_itself_is_looked_at_as_one_in_a_post():
    accounts = Accounts()
    first = accounts.take(START_MS + 5_000, [post("1", "a", 0), post("2", "b", 1)])
    assert [member.score for member in first.members] == [-1, -1]
    changes = [told("a", 6_000, robot()), told("never seen", 6_000, robot())]
    assert accounts.take(START_MS + 10_000, [], changes).background.accounts == 1
    later = accounts.take(START_MS + 15_000, [post("3", "a", 11_000), post("4", "b", 12_000)])
    assert [member.score >= 0 for member in later.members] == [True, False]
    assert len(accounts) == 2


WHOLE = Profile(
    created_at=MADE, followers=7, following=900, posts=40, lang="ru", description="Gardens, the sea"
)


def test_a_post_without_a_profile_looks_as_the_profile_before_it_said():
    accounts = Accounts()
    (first,) = looks(accounts, 0, msgspec.structs.replace(post("1", "a", 0), author=WHOLE))
    (later,) = looks(accounts, 2 * HOUR_MS, bare("2", "a", 2 * HOUR_MS))
    (other,) = looks(accounts, 2 * HOUR_MS + 5_000, bare("3", "b", 2 * HOUR_MS + 5_000))
    for look in (first, later):
        assert look.created_min == int(MADE.timestamp()) // 60
        assert (look.followers, look.following, look.terms) == (7, 900, ("gardens", "sea"))
        assert language_name(look.usual) == "ru"
    assert (other.created_min, other.followers, other.terms) == (UNKNOWN, UNKNOWN, None)


def test_what_a_post_says_itself_counts_and_what_it_leaves_out_is_not_guessed_from_a_whole_profile():
    accounts = Accounts()
    looks(accounts, 0, msgspec.structs.replace(post("1", "a", 0), author=WHOLE))
    part = Profile(followers=9)
    (later,) = looks(accounts, 2 * HOUR_MS, msgspec.structs.replace(bare("2", "a", 2 * HOUR_MS), author=part))
    assert (later.followers, later.following, later.terms) == (9, UNKNOWN, None)


def test_a_new_handle_does_not_wipe_out_what_the_profile_said():
    accounts = Accounts()
    declared = msgspec.structs.replace(WHOLE, description="Official news bot of the harbour")
    looks(accounts, 0, bare("1", "a", 0))
    looks(accounts, 10_000, changes=[told("a", 10_000, declared), told("a", 11_000, Profile(handle="ana"))])
    (later,) = looks(accounts, 2 * HOUR_MS, bare("2", "a", 2 * HOUR_MS))
    assert later.followers == 7
    assert "harbour" in later.terms
    assert accounts.take(START_MS + 3 * HOUR_MS, [bare("3", "a", 3 * HOUR_MS - 1)]).members[0].declared


def test_a_profile_told_before_the_first_post_waits_for_it():
    accounts = Accounts()
    looks(accounts, 0, changes=[told("a", 0, Profile(handle="ana")), told("a", 1_000, robot())])
    assert len(accounts) == 0
    batch = accounts.take(START_MS + 65_000, [bare("1", "a", 60_000)])
    assert batch.members[0].score >= 0
    assert batch.background.looks[0].followers == robot().followers


def test_profiles_that_wait_are_bounded_and_the_oldest_go_first():
    accounts = Accounts(AccountSettings(max_profiles=20))
    for number in range(100):
        looks(accounts, number * 5_000, changes=[told(f"a{number}", number * 5_000, WHOLE)])
    assert accounts.evicted >= 80
    newest, oldest = looks(accounts, HOUR_MS, bare("1", "a99", HOUR_MS), bare("2", "a0", HOUR_MS + 1))
    assert (newest.followers, oldest.followers) == (7, UNKNOWN)


def test_the_count_of_posts_does_not_age_into_a_silence():
    accounts = Accounts()
    many = msgspec.structs.replace(WHOLE, posts=3)
    looks(accounts, 0, msgspec.structs.replace(post("1", "a", 0), author=many))
    for number in range(2, 40):
        found = looks(accounts, number * HOUR_MS, bare(str(number), "a", number * HOUR_MS))
    alone = Accounts()
    looks(alone, 0, msgspec.structs.replace(post("1", "a", 0), author=many))
    for number in range(2, 40):
        own = msgspec.structs.replace(many, posts=2 + number)
        shown = msgspec.structs.replace(post(str(number), "a", number * HOUR_MS), author=own)
        expected = looks(alone, number * HOUR_MS, shown)
    assert found[0].woke_days == expected[0].woke_days


@pytest.mark.parametrize(
    "odd",
    [
        Profile(
            followers=10**30, following=-5, posts=-(10**20), lang="x" * 100, description="\ud800 é " * 900
        ),
        Profile(created_at=datetime(9999, 12, 31, tzinfo=UTC), followers=0),
        Profile(created_at=datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_no_profile_is_too_strange(odd):
    accounts = Accounts()
    looks(accounts, 0, bare("1", "a", 0), changes=[told("a", 0, odd), told("b", 0, odd)])
    (one, other) = looks(accounts, 2 * HOUR_MS, bare("2", "a", 2 * HOUR_MS), bare("3", "b", 2 * HOUR_MS + 1))
    assert one.created_min == other.created_min == UNKNOWN


PROFILES = st.builds(
    Profile,
    handle=st.none() | st.sampled_from(["ana", "bo"]),
    description=st.none() | st.sampled_from(["", "Gardens, the sea", "A bot, run by nobody"]),
    created_at=st.none() | st.just(MADE),
    followers=st.none() | st.integers(0, 10),
    posts=st.none() | st.integers(0, 10),
    lang=st.none() | st.sampled_from(["fr", "ru"]),
)
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.none() | PROFILES), max_size=25)


@examples(max_examples=60, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_restarts_and_shards_change_nothing_of_what_profiles_add(steps, rng: random.Random):
    whole, split = Accounts(), {name: Accounts() for name in "abc"}
    saved: dict[str, Saved] = {name: {} for name in "abc"}
    for one in split.values():
        one.track()
    for number, (is_post, name, profile) in enumerate(steps):
        at_ms = number * HOUR_MS // 2
        posts = [msgspec.structs.replace(post(str(number), name, at_ms), author=profile)] if is_post else []
        changes = [told(name, at_ms, profile)] if profile is not None and not is_post else []
        expected = whole.take(START_MS + at_ms + 5_000, posts, changes)
        found = split[name].take(START_MS + at_ms + 5_000, posts, changes)
        assert found.background.looks == expected.background.looks
        assert found.members == expected.members
        if rng.random() < 0.5:
            saved[name] = applied(saved[name], split[name].changes(everything=rng.random() < 0.2))
            split[name] = Accounts()
            split[name].restore(saved[name])
            split[name].track()


def test_posts_read_ahead_of_their_tick_give_the_same_signals():
    posts = [
        post(f"p{n}", f"a{n % 7}", n * 100, text=f"#tag{n} @name{n} https://a.example/{n}") for n in range(40)
    ]
    edited = msgspec.structs.replace(posts[3], text="another text altogether, edited")
    tick_ms = START_MS + 5000
    plain, ahead = Accounts(), Accounts()
    ahead.read_ahead(posts[:30])
    posts[3] = edited
    one, other = plain.take(tick_ms, posts), ahead.take(tick_ms, posts)
    assert (one.members, one.fingerprints, one.links) == (other.members, other.fingerprints, other.links)
