"""What is known of one account: when it was made, whether it slept, what it speaks, how it posts."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import START_MS, post

from detectors.accounts.cadence import active, metronome, one_a_minute, shift, ticked
from detectors.accounts.creation import created_minute
from detectors.accounts.descriptions import terms
from detectors.accounts.dormancy import DAY_MS, NOT_PROVED, woke, woke_days
from detectors.accounts.follow_back import follows_back
from detectors.accounts.habits import Habits, due, look, note
from detectors.accounts.languages import RECENT, Tongues, heard, tongues
from detectors.accounts.stage import spoken
from detectors.events import Post, Profile
from detectors.looks import TERMS, Look, language_code, language_name

HOUR, MINUTE = 3_600_000, 60_000


# -- creation --------------------------------------------------------------------------------------


def test_the_date_of_the_profile_comes_before_that_of_the_id():
    profile = Profile(created_at=datetime(2012, 5, 1, tzinfo=UTC))
    assert created_minute("x", "1085000000000000000", profile, START_MS * 2) == 1_335_830_400 // 60


def test_an_id_of_x_that_is_a_snowflake_tells_the_minute_and_an_older_one_nothing():
    made_ms = 1_546_300_800_000  # 2019-01-01
    number = (made_ms - 1_288_834_974_657) << 22
    assert created_minute("twitter", str(number), None, made_ms + 1) == made_ms // MINUTE
    assert created_minute("twitter", "2855900000", None, made_ms) == -1


def test_an_id_of_mastodon_tells_the_minute():
    made_ms = 1_650_000_000_000
    assert created_minute("mastodon", str(made_ms << 16), None, made_ms + 1) == made_ms // MINUTE


@pytest.mark.parametrize("author", ["someone", "9" * 40, "-5", "१२३", "", "did:plc:abc"])
def test_what_is_no_snowflake_tells_nothing(author):
    assert created_minute("x", author, None, START_MS) == -1


def test_a_date_after_the_post_is_none():
    assert created_minute("x", "1", Profile(created_at=datetime(2030, 1, 1, tzinfo=UTC)), START_MS) == -1


# -- dormancy --------------------------------------------------------------------------------------


def test_a_post_after_ninety_days_wakes_and_one_after_a_holiday_does_not():
    assert woke_days(woke(0, 0, 90 * DAY_MS), 0, 91 * DAY_MS) == 90
    assert woke_days(woke(0, 0, 89 * DAY_MS), 0, 91 * DAY_MS) == 0


def test_a_wake_is_over_after_two_weeks():
    memory = woke(0, 0, 200 * DAY_MS)
    assert woke_days(memory, 0, 214 * DAY_MS) == 200
    assert woke_days(memory, 0, 215 * DAY_MS) == 0


def test_of_a_new_face_without_a_profile_nothing_is_known():
    assert woke_days(0, START_MS, START_MS + DAY_MS) == -1


def test_a_profile_of_few_posts_in_many_years_proves_a_silence_and_one_of_many_does_not():
    made = START_MS // MINUTE - 1000 * 1440
    assert woke_days(0, START_MS, START_MS, created_min=made, posts=6, seen=1) == 166
    assert woke_days(0, START_MS, START_MS, created_min=made, posts=900, seen=1) == NOT_PROVED
    assert woke_days(0, START_MS, START_MS, created_min=made) == -1


def test_an_account_younger_than_ninety_days_has_not_slept():
    assert woke_days(0, START_MS, START_MS, created_min=START_MS // MINUTE - 80 * 1440) == 0


@given(st.lists(st.integers(0, 400), min_size=2, max_size=30))
@settings(max_examples=80, derandomize=True)
def test_the_profile_never_proves_a_silence_that_was_not(gaps):
    """Posts before the first that is seen, with gaps of so many days since the account was made."""
    total = sum(gaps)
    proved = woke_days(0, total * DAY_MS, total * DAY_MS, created_min=0, posts=len(gaps), seen=1)
    assert proved <= max(gaps)


# -- language --------------------------------------------------------------------------------------


def heard_all(languages: list[str], profile: str | None = None) -> Tongues:
    recent, counts = b"", ()
    for name in languages:
        recent, counts = heard(recent, name), spoken(counts, name)
    return tongues(recent, counts, profile)


def named(one: Tongues) -> tuple[str, str, bool]:
    return language_name(one.usual), language_name(one.spoken), one.changed


def test_a_sudden_french_post_of_who_writes_greek_is_a_switch_and_no_change_yet():
    assert named(heard_all(["el"] * 30 + ["fr"])) == ("el", "fr", False)


def test_who_goes_on_in_another_language_has_changed():
    assert named(heard_all(["el"] * 30 + ["fr"] * 10)) == ("el", "fr", True)
    assert named(heard_all(["el"] * 30 + ["fr"] * 9)) == ("el", "fr", False)


def test_who_always_writes_two_languages_has_not_changed():
    rng = random.Random(3)
    assert not any(heard_all([rng.choice(("fr", "en")) for _ in range(80)]).changed for _ in range(30))


def test_without_a_past_the_profile_says_what_is_usual():
    assert named(heard_all(["fr"], "ru")) == ("ru", "fr", False)
    assert named(heard_all(["fr"])) == ("fr", "", False)


def test_posts_without_a_language_say_nothing():
    assert heard_all(["und"] * 30, None) == Tongues(0, 0, False)
    assert named(heard_all(["und"] * 30 + ["fr"], "fr")) == ("fr", "fr", False)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=3))
def test_a_language_code_can_be_read_back_and_fits(tag):
    code = language_code(tag)
    assert code < 2**16
    assert code == 0 or language_name(code) == tag


# -- cadence ---------------------------------------------------------------------------------------


def times_of(gaps_s: list[int]) -> bytes:
    times, at = ticked(b"", START_MS), START_MS
    for gap in gaps_s:
        at += gap * 1000
        times = ticked(times, at)
    return times


def test_a_timer_is_a_metronome_and_people_are_not():
    rng = random.Random(1)
    assert metronome(times_of([1800 + rng.randrange(-20, 20) for _ in range(20)])) == 1
    people = [metronome(times_of([int(rng.expovariate(1 / 1800)) for _ in range(20)])) for _ in range(500)]
    assert sum(people) <= 2
    assert metronome(times_of([1800] * 10)) == -1


def test_times_by_the_minute_do_not_make_a_metronome():
    rng = random.Random(2)
    bursts = [metronome(times_of([60 * rng.choice((1, 1, 1, 2)) for _ in range(20)])) for _ in range(50)]
    assert not any(bursts)


def test_one_a_minute_a_dozen_times_counts_and_a_burst_of_reposts_does_not():
    assert one_a_minute(times_of([60, 40, 75, 30, 60, 61, 59, 45, 62, 60, 58])) == 1
    assert one_a_minute(times_of([5] * 15)) == 0
    assert one_a_minute(times_of([60] * 5 + [180] + [60] * 5)) == 0
    assert one_a_minute(times_of([60] * 10)) == -1


def test_posts_once_a_minute_are_told_at_once_and_for_a_day_whatever_comes_after_them():
    habits, last, looks = Habits(), START_MS, []
    for n, minutes in enumerate([*range(20), *range(30, 600, 30), 23 * 60, 60 * 60]):
        one = post(str(n), "a", minutes * MINUTE)
        note(habits, one, last)
        last = one.time_ms
        if due(habits, one.time_ms):
            looks.append((minutes, looked(habits, one).one_a_minute))
    assert looks[:2] == [(0, -1), (11, 1)]
    assert {told for minutes, told in looks[2:-1]} == {1}
    assert looks[-1] == (60 * 60, 0)


def hours_of(days: int, hours: list[int]) -> bytes:
    memory, last = b"", START_MS - START_MS % DAY_MS
    for day in range(days):
        for hour in hours:
            at = START_MS - START_MS % DAY_MS + day * DAY_MS + hour * HOUR
            memory, last = active(memory, last, at), at
    return memory


def test_a_shift_is_ten_hours_and_people_are_up_for_longer():
    assert shift(hours_of(10, [22, 23, 0, 3, 6])) == 1
    assert shift(hours_of(10, [8, 12, 18, 21, 23])) == 0
    assert shift(hours_of(7, [9, 10, 11, 12])) == -1


def test_posts_of_one_hour_count_once_and_the_memory_does_not_grow():
    memory = b""
    for n in range(100_000):
        memory = active(memory, START_MS + (n - 1) * 60_000, START_MS + n * 60_000)
    assert len(memory) == 25
    assert max(memory) <= 255


# -- numbers and descriptions ----------------------------------------------------------------------


def test_follow_back_is_many_of_both_and_alike():
    assert [follows_back(*one) for one in ((900, 1000), (900, 1200), (80, 80), (-1, 5))] == [1, 0, 0, -1]


def test_terms_leave_out_grammar_and_links_and_are_few():
    assert terms("The gardens of my MOTHER https://t.example/x #Gardens") == ("gardens", "mother")
    assert len(terms(" ".join(f"word{n}" for n in range(40))) or ()) == TERMS
    assert terms(None) is None


# -- looks -----------------------------------------------------------------------------------------


def looked(habits: Habits, one: Post, **more: Any) -> Look:
    given = {"first_ms": one.time_ms, "posts": 1, "score": 1, "activity": 1, "erased": 0, "languages": ()}
    return look(habits, one, account=1, **given | more)


def test_a_look_is_due_after_an_hour():
    habits, first = Habits(), post("1", "a", 0)
    note(habits, first, first.time_ms)
    assert due(habits, first.time_ms)
    looked(habits, first)
    assert not due(habits, first.time_ms + HOUR - 1)
    assert due(habits, first.time_ms + HOUR)


def test_a_look_is_due_at_once_when_the_account_wakes_or_writes_another_language():
    habits, first = Habits(), post("1", "a", 0, lang="el")
    note(habits, first, first.time_ms)
    looked(habits, first)
    other = post("2", "a", 6 * MINUTE, lang="fr")
    note(habits, other, first.time_ms)
    assert due(habits, other.time_ms)
    looked(habits, other)
    late = post("3", "a", 100 * DAY_MS, lang="fr")
    note(habits, late, other.time_ms)
    assert looked(habits, late, first_ms=first.time_ms).woke_days == 99


def test_who_writes_two_languages_in_turn_does_not_make_a_look_each_time():
    habits, last, looks = Habits(), START_MS, 0
    for n in range(60):
        one = post(str(n), "a", n * 10_000, lang=("fr", "en")[n % 2])
        note(habits, one, last)
        last = one.time_ms
        if due(habits, one.time_ms):
            looks += 1
            looked(habits, one)
    assert looks <= 3  # the third when it has posted often enough to be seen to post once a minute


def test_without_a_profile_its_numbers_are_unknown_and_not_zero():
    one = looked(Habits(), post("1", "a", 0))
    assert (one.created_min, one.followers, one.following, one.woke_days, one.terms) == (-1, -1, -1, -1, None)
    assert (one.metronome, one.one_a_minute, one.shift, one.listed) == (-1, -1, -1, -1)


def test_a_look_and_its_memory_stay_small():
    habits, last = Habits(), START_MS
    profile = Profile(
        description="Teacher in Villebrume. Bikes, books and bread; gardens, jazz and rain.",
        created_at=datetime(2014, 1, 1, tzinfo=UTC),
        followers=12_345,
        following=2345,
        posts=54_321,
        lang="fr",
    )
    for n in range(500):
        one = post(str(n), "a", n * 30 * MINUTE, lang="fr", client="Twitter for iPhone", author=profile)
        note(habits, one, last)
        last = one.time_ms
    packed = msgspec.msgpack.encode(looked(habits, one, languages=(("fr", 500),)))
    assert len(packed) <= 140
    assert len(msgspec.msgpack.encode(habits)) <= 64 + 25 + 2 * RECENT + 30


def test_habits_go_on_from_a_checkpoint_as_if_nothing_had_happened():
    rng = random.Random(4)
    whole, saved, last = Habits(), Habits(), START_MS
    for n in range(200):
        at = last - START_MS + rng.choice((1000, MINUTE, HOUR, 20 * HOUR, 95 * DAY_MS))
        one = post(str(n), "a", at, lang=rng.choice(("fr", "fr", "en")))
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=Habits)
        for habits in (whole, saved):
            note(habits, one, last)
        last = one.time_ms
        assert due(whole, last) == due(saved, last)
        if due(whole, last):
            assert looked(whole, one) == looked(saved, one)
