"""Traits against chance: what each finds, what it leaves alone, and what is asked before that."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_state import Kept, check

import detectors.traits
from detectors.album import Album
from detectors.communities import Communities, community
from detectors.comparing import beside
from detectors.looks import Look, account_hash, language_code
from detectors.traits import TRAITS
from detectors.traits.chance import (
    DRAWS,
    Urn,
    adjusted,
    against_draws,
    divergence,
    effect_size,
    tail_of_sum,
)
from detectors.traits.kinds.question import Question
from detectors.traits.kinds.time_line import TimeLine
from detectors.traits.results import TraitResult
from detectors.traits.testing import Traits, TraitSettings, everyone

ROOT = Path(detectors.traits.__file__).parent
NOW_S = 1_500_000_000
NOW_MINUTE = NOW_S // 60
FR, EN, EL = (language_code(one) for one in ("fr", "en", "el"))
NAMES = [trait.name for trait in TRAITS]
PARTS = {"__init__", "chance", "results", "testing"}

Field = Callable[[random.Random], dict[str, Any]]


class Scene(NamedTuple):
    """What the accounts of a scenario look like: an operation's, an innocent group's, and everybody's."""

    operation: Field
    innocent: Field
    others: Field


def same(**fields: Any) -> Field:
    return lambda rng: fields


def mostly(field: str, share: float) -> Field:
    return lambda rng: {field: int(rng.random() < share)}


def score(low: int, high: int) -> Field:
    return lambda rng: {"score": rng.randrange(low, high)}


def created(days: int) -> Field:
    return lambda rng: {"created_min": NOW_MINUTE - 1440 - rng.randrange(days * 1440)}


def of_words(*words: str) -> Field:
    return lambda rng: {
        "terms": tuple(dict.fromkeys([*words, *(f"word{rng.randrange(300)}" for _ in range(6))]))
    }


def followed(alike: float) -> Field:
    def fields(rng: random.Random) -> dict[str, Any]:
        following = rng.randrange(600, 5000)
        return {"following": following, "followers": following if rng.random() < alike else following // 3}

    return fields


def client(*names: str) -> Field:
    return lambda rng: {"client": rng.choice(names)}


SCENES: dict[str, Scene] = {
    "bot_share": Scene(score(500, 900), score(20, 300), score(20, 300)),
    "client": Scene(
        client("Web Client"),
        client("Phone", "Pad", "Web Client"),
        client("Phone", "Pad", "Phone", "Web Client"),
    ),
    "creation_cohort": Scene(created(40), created(2500), created(2500)),
    "deletions": Scene(mostly("erased", 0.6), mostly("erased", 0.03), mostly("erased", 0.03)),
    "description_terms": Scene(of_words("eagle"), of_words(), of_words()),
    "dormancy": Scene(same(woke_days=170), mostly("woke_days", 0.04), mostly("woke_days", 0.04)),
    "follow_back": Scene(followed(0.9), followed(0.1), followed(0.1)),
    "foreign_audience": Scene(
        same(usual=EN), same(usual=FR), lambda rng: {"usual": rng.choice((FR, FR, FR, EN))}
    ),
    "language_switch": Scene(
        same(usual=EL, spoken=FR),
        lambda rng: {"usual": FR, "spoken": rng.choice((FR,) * 9 + (EN,))},
        lambda rng: {"usual": FR, "spoken": rng.choice((FR,) * 9 + (EN,))},
    ),
    "listed": Scene(mostly("listed", 0.4), mostly("listed", 0.01), mostly("listed", 0.01)),
    "metronome": Scene(mostly("metronome", 0.7), mostly("metronome", 0.03), mostly("metronome", 0.03)),
    "one_a_minute": Scene(
        mostly("one_a_minute", 0.5), mostly("one_a_minute", 0.02), mostly("one_a_minute", 0.02)
    ),
    "posts_per_account": Scene(
        same(activity=80),
        lambda rng: {"activity": rng.randrange(1, 20)},
        lambda rng: {"activity": rng.randrange(1, 20)},
    ),
    "shift": Scene(mostly("shift", 0.7), mostly("shift", 0.05), mostly("shift", 0.05)),
}
"""Of every trait that is read off the looks alone; the other two have tests of their own."""
ELSEWHERE = {"earlier_cases", "timing"}


def keys(kind: str, count: int) -> list[str]:
    return [f"x\x1f{kind}{n}" for n in range(count)]


def album_of(**sides: tuple[int, Field]) -> Album:
    rng, album = random.Random(5), Album()
    looks = [
        Look(account_hash(key), 1, NOW_S, **fields(rng))
        for kind, (count, fields) in sides.items()
        for key in keys(kind, count)
    ]
    album.take(looks, NOW_S * 1000)
    return album


def played(scene: Scene, group: int = 20) -> Album:
    return album_of(
        operation=(group, scene.operation), innocent=(group, scene.innocent), others=(600, scene.others)
    )


def results_of(
    album: Album, kind: str, count: int = 20, *, traits: Any = TRAITS, **more: Any
) -> dict[str, TraitResult]:
    given = {"minutes": (), "communities": Communities(), "finding": f"f {kind}"} | more
    results = Traits(traits=traits).test(
        given["finding"], keys(kind, count), given["minutes"], album, given["communities"], NOW_S * 1000
    )
    return {one.name: one for one in results}


# -- the contract of every trait -------------------------------------------------------------------


def test_every_file_is_a_trait_and_every_trait_is_registered_by_one_line():
    files = {path.stem for path in ROOT.glob("*.py")} - PARTS
    assert files == set(NAMES)
    lines = (ROOT / "__init__.py").read_text(encoding="utf-8").splitlines()
    assert all(sum(f"detectors.traits.{name} import" in line for line in lines) == 1 for name in NAMES)


def test_every_trait_has_a_scenario():
    assert set(SCENES) | ELSEWHERE == set(NAMES)


@pytest.mark.parametrize("name", SCENES)
def test_an_operation_shows_the_trait_and_an_innocent_group_does_not(name):
    album = played(SCENES[name])
    found = results_of(album, "operation")[name]
    assert found.state == "found"
    assert found.n == 20
    assert found.value is not None and found.reference is not None and found.p_value is not None
    assert found.value > found.reference
    assert found.p_value < 0.001
    assert results_of(album, "innocent")[name].state == "not_found"


@pytest.mark.parametrize("name", SCENES)
def test_of_a_small_group_or_beside_few_accounts_there_is_not_enough_data(name):
    scene = SCENES[name]
    assert results_of(played(scene), "operation", 7)[name].state == "not_enough_data"
    few = album_of(operation=(20, scene.operation), others=(60, scene.others))
    assert results_of(few, "operation")[name].state == "not_enough_data"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_nobody_is_not_on_this_network(name):
    album = album_of(operation=(20, same()), others=(600, same()))
    wanted = "not_enough_data" if name == "timing" else "not_on_this_network"
    assert results_of(album, "operation")[name].state == wanted


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"one_a_minute"}))
def test_what_is_unknown_of_some_is_left_out_of_both_sides(name):
    scene, rng = SCENES[name], random.Random(8)
    album = Album()
    looks = []
    for kind, count, fields in (("operation", 40, scene.operation), ("others", 1200, scene.others)):
        for n, key in enumerate(keys(kind, count)):
            looks.append(Look(account_hash(key), 1, NOW_S, **(fields(rng) if n % 2 else {})))
    album.take(looks, 0)
    result = results_of(album, "operation", 40)[name]
    assert (result.state, result.n) == ("found", 20)


@pytest.mark.parametrize("name", SCENES)
def test_the_order_of_accounts_and_rows_does_not_matter(name):
    scene, rng = SCENES[name], random.Random(2)
    sides = {"operation": (30, scene.operation), "others": (900, scene.others)}
    looks = [
        Look(account_hash(key), 1, NOW_S, **fields(rng))
        for kind, (count, fields) in sides.items()
        for key in keys(kind, count)
    ]
    answers = []
    for seed in range(3):
        mixed, group = looks[:], keys("operation", 30)
        random.Random(seed).shuffle(mixed)
        random.Random(seed).shuffle(group)
        album = Album()
        for start in range(0, len(mixed), 300):
            album.take(mixed[start : start + 300], 0)
        answers.append(Traits().test("f", group, (), album, Communities(), NOW_S * 1000))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("name", NAMES)
def test_a_trait_says_what_was_found_in_two_languages_with_figures(name):
    trait = next(one for one in TRAITS if one.name == name)
    figures = {"showing": 7, "minutes": 10, "from_min": 25_000_000, "names": "eagle, sea", "z": 4.0}
    result = TraitResult(name=name, state="found", value=0.35, reference=0.02, n=20, figures=figures)
    english, french = trait.sentence(result)
    assert english != french
    for said in (english, french):
        assert "20" in said
        assert "2" in said
        assert "None" not in said and "?" not in said


def test_what_is_found_can_be_told_with_its_own_figures():
    for name, scene in SCENES.items():
        trait = next(one for one in TRAITS if one.name == name)
        result = results_of(played(scene), "operation")[name]
        assert all(trait.sentence(msgspec.json.decode(msgspec.json.encode(result), type=TraitResult)))


# -- single traits ---------------------------------------------------------------------------------


def test_accounts_of_an_earlier_case_are_found_and_before_any_case_nothing_is_known():
    album = album_of(operation=(20, same()), innocent=(20, same()), others=(600, same()))
    assert results_of(album, "operation")["earlier_cases"].state == "not_on_this_network"
    album.add_cases([account_hash(key) for key in keys("operation", 9) + keys("others", 12)], 1)
    found = results_of(album, "operation")["earlier_cases"]
    assert (found.state, found.value, found.reference) == ("found", 0.45, round(12 / 620, 4))
    assert results_of(album, "innocent")["earlier_cases"].state == "not_found"


def lists_of(commenters: int, busy: int = 12) -> TraitResult:
    """A group of twenty of whom one worked off a list, in a stream with so many who comment once a minute."""
    album = album_of(
        list=(1, same(one_a_minute=1)),
        operation=(19, same(one_a_minute=-1)),
        commenters=(commenters, same(one_a_minute=1)),
        busy=(busy * 1000, same(one_a_minute=0)),
        others=(2000, same(one_a_minute=-1)),
    )
    group = keys("list", 1) + keys("operation", 19)
    results = Traits().test("f", group, (), album, Communities(), NOW_S * 1000)
    return next(one for one in results if one.name == "one_a_minute")


def test_one_hand_with_a_list_is_found_among_twenty_where_hardly_anybody_posts_so():
    found = lists_of(commenters=2)
    assert (found.value, found.n, found.reference) == (0.05, 20, round(2 / 12_002 / 20, 4))
    assert found.p_value == pytest.approx(1.5 / 12_003, rel=0.01)


def test_it_is_no_sign_where_one_in_a_hundred_busy_accounts_comments_once_a_minute():
    result = lists_of(commenters=120)
    assert result.state == "not_found"
    assert result.p_value is not None and result.p_value > 0.003


def test_busy_accounts_are_compared_with_busy_ones():
    rare = lists_of(commenters=2)
    assert lists_of(commenters=2, busy=1).p_value == pytest.approx(12 * (rare.p_value or 0), rel=0.05)


def timed(volume: Callable[[int], int], minutes: list[int]) -> TraitResult:
    traits = Traits()
    for minute in range(NOW_MINUTE - 60, NOW_MINUTE):
        traits.count(volume(minute), (minute + 1) * 60_000)
    album = album_of(operation=(20, same()), others=(300, same()))
    results = traits.test("f", keys("operation", 20), minutes, album, Communities(), NOW_S * 1000)
    return next(one for one in results if one.name == "timing")


def test_posts_of_the_same_minutes_are_found_and_those_of_an_hour_are_not():
    found = timed(lambda minute: 50, [NOW_MINUTE - 20 + n % 2 for n in range(20)])
    assert (found.state, found.figures["minutes"], found.figures["showing"]) == ("found", 3, 20)
    assert timed(lambda minute: 50, [NOW_MINUTE - 1 - 2 * n for n in range(20)]).state == "not_found"


def test_shouting_with_everybody_at_a_goal_is_no_concentration():
    goal = NOW_MINUTE - 20
    everybody = timed(
        lambda minute: 3000 if minute in (goal, goal + 1) else 50,
        [goal + n % 2 if n < 14 else goal - 2 * n for n in range(20)],
    )
    assert everybody.state == "not_found"


def test_seven_of_twenty_made_in_two_months_are_found_where_few_are_usual():
    """The proportions of case D."""
    rng = random.Random(1)

    def years(_: random.Random) -> dict[str, Any]:
        return {"created_min": NOW_MINUTE - 60 * 1440 - rng.randrange(8 * 365 * 1440)}

    album = album_of(recent=(7, created(55)), operation=(13, years), others=(2000, years))
    group = keys("recent", 7) + keys("operation", 13)
    results = Traits().test("f", group, (), album, Communities(), NOW_S * 1000)
    found = next(one for one in results if one.name == "creation_cohort")
    assert (found.state, found.value, found.figures["minutes"]) == ("found", 0.35, 86_400)


def test_a_wave_in_which_everybody_arrived_is_no_cohort():
    waves = album_of(operation=(20, created(50)), others=(1000, created(55)))
    assert results_of(waves, "operation")["creation_cohort"].state == "not_found"


def test_a_client_that_everybody_has_is_as_usual_in_the_group_as_anywhere():
    everywhere = album_of(operation=(20, client("Web Client")), others=(600, client("Web Client")))
    result = results_of(everywhere, "operation")["client"]
    assert (result.value, result.reference) == (1.0, 1.0)
    assert result.p_value is not None and 0.4 < result.p_value < 0.6


def test_a_script_that_registers_by_the_minute_is_told_by_the_minute():
    album = album_of(
        operation=(12, lambda rng: {"created_min": 20_000_000 + rng.randrange(9)}),
        others=(1000, created(2500)),
    )
    found = results_of(album, "operation", 12)["creation_cohort"]
    assert (found.state, found.figures["minutes"], found.figures["showing"]) == ("found", 10, 12)


# -- chance ----------------------------------------------------------------------------------------


def test_the_tail_is_fishers_and_counts_the_value_itself_by_half():
    exact = [math.comb(8, k) * math.comb(12, 5 - k) / math.comb(20, 5) for k in range(6)]
    assert math.isclose(tail_of_sum([(20, 8, 5)], 3), sum(exact[4:]) + exact[3] / 2)


@given(st.lists(st.tuples(st.integers(5, 60), st.floats(0, 1), st.floats(0.05, 1)), min_size=1, max_size=4))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_tails_of_strata_fall_from_one_to_zero(strata):
    urns = [(of, round(marked * of), max(1, round(drawn * of))) for of, marked, drawn in strata]
    tails = [tail_of_sum(urns, hits) for hits in range(sum(drawn for _, _, drawn in urns) + 1)]
    assert all(0 <= after <= before + 1e-9 <= 1 + 1e-6 for before, after in pairwise(tails))


def test_hoeffdings_bound_holds():
    rng = np.random.default_rng(1)
    means = (rng.random((20_000, 15)) < 0.2).mean(axis=1)
    for value in (0.4, 0.5, 0.6):
        assert (means >= value).mean() <= math.exp(-15 * float(divergence(value, 0.2)))


def staged(draw: Callable[[int], Any], asked: list[int] | None = None) -> Iterator[Any]:
    """Statistics of random groups, as many at a time as are asked for."""
    for count in DRAWS:
        if asked is not None:
            asked.append(count)
        yield draw(count)


def test_p_values_from_draws_are_uniform_where_there_is_only_chance():
    rng = np.random.default_rng(2)
    p_values = np.array([against_draws(rng.random(), staged(rng.random), 1.0) for _ in range(6000)])
    for level in (0.01, 0.05, 0.3):
        assert 0.6 * level < (p_values <= level).mean() < 1.5 * level


def test_below_what_draws_can_tell_the_bound_decides_and_nothing_is_drawn():
    asked: list[int] = []
    assert against_draws(1.0, staged(np.zeros, asked), 1e-9) == 1e-9
    assert asked == []
    assert against_draws(1.0, staged(np.zeros), 0.5) == 0.001


@pytest.mark.parametrize(
    ("greater", "few", "drawn"), [(0.5, False, 39), (0.15, False, 99), (0.0, False, 999), (0.0, True, 99)]
)
def test_no_more_random_groups_are_drawn_than_are_needed(greater, few, drawn):
    asked: list[int] = []
    against_draws(0.0, staged(lambda count: (np.arange(count) < greater * count) - 0.5, asked), 1.0, few=few)
    assert sum(asked) == drawn


def test_traits_known_of_the_same_accounts_are_set_against_the_same_random_groups():
    album = album_of(operation=(20, score(500, 900)), others=(600, score(20, 300)))
    group = [account_hash(key) for key in keys("operation", 20)]
    sides, nobody = beside(album, group, NOW_S, seed=1), np.zeros(0, np.int64)
    question = Question(sides, 1, album.name, nobody, {}, lambda column: everyone(album, NOW_S, column))
    known = np.ones(620, dtype=bool)
    one, other = (question.urn(known, matched=True) for _ in range(2))
    assert isinstance(one, Urn) and one is other
    for _ in range(2):
        first, *_ = one.groups()
        again, *_ = one.groups()
        assert first is again
    some = question.urn(np.arange(620) % 40 > 0, matched=True)
    assert isinstance(some, Urn)
    assert {0, 40} & set(next(iter(some.groups())).ravel().tolist()) == set()


def densest_by_hand(minutes: list[float], line: list[float], lengths: tuple[int, ...]) -> float:
    """The statistic as it is defined, one window after the other."""
    n = len(minutes)
    best = 0.0
    for length in lengths:
        for begin in minutes:
            inside = sum(begin <= one < begin + length for one in minutes)
            usual = sum(begin <= one < begin + length for one in line) / len(line)
            best = max(best, (n - 1) * float(divergence((inside - 1) / (n - 1), usual)))
    return best


@given(st.lists(st.integers(0, 400), min_size=30, max_size=80), st.integers(2, 12), st.integers(0, 9))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_many_groups_are_scanned_as_if_each_window_were_looked_at(moments, size, seed):
    lengths = (3, 20, 90)
    known = np.ones(len(moments), dtype=bool)
    line, places = TimeLine.of(np.array(moments, dtype=float), known, np.ones(len(moments)), lengths)
    rng = np.random.default_rng(seed)
    groups = np.array([rng.permutation(len(moments))[:size] for _ in range(40)])
    wanted = [densest_by_hand([moments[one] for one in group], moments, lengths) for group in groups.tolist()]
    assert np.allclose(line.scan(places[groups]), wanted)
    owners = np.repeat(np.arange(40), size)
    found = line.densest(places[groups].ravel(), owners, 40)
    assert np.allclose(found.surprise, wanted)


def test_many_traits_are_paid_for():
    assert adjusted([0.01]) == [0.01]
    assert adjusted([0.01] + [1.0] * 9)[0] == round(0.01 * 10 * sum(1 / k for k in range(1, 11)), 4)
    assert adjusted([0.2, 0.0001])[1] < adjusted([0.2, 0.0001])[0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_an_effect_has_the_sign_of_the_difference(value, reference):
    assert (effect_size(value, reference) > 0) == (value > reference) or math.isclose(
        value, reference, abs_tol=1e-9
    )


def test_random_groups_are_found_as_rarely_as_is_promised():
    """Of groups that are nothing but chance, at most five in a hundred show anything."""
    rng = random.Random(3)

    def anyone(_: random.Random) -> dict[str, Any]:
        fields: dict[str, Any] = {"usual": rng.choice((FR, FR, EN))}
        for name in (
            "bot_share",
            "client",
            "creation_cohort",
            "dormancy",
            "follow_back",
            "description_terms",
        ):
            fields |= SCENES[name].others(rng)
        return fields

    album = album_of(others=(3000, anyone))
    shown, p_values = 0, []
    for number in range(150):
        group = rng.sample(keys("others", 3000), rng.randrange(10, 120))
        results = Traits().test(f"f{number}", group, (), album, Communities(), NOW_S * 1000)
        shown += any(one.state == "found" for one in results)
        p_values += [one.p_value for one in results if one.p_value is not None]
    assert shown <= 0.05 * 150
    assert 0.025 < sum(one <= 0.05 for one in p_values) / len(p_values) < 0.1


# -- decisions -------------------------------------------------------------------------------------


def test_a_large_group_with_a_small_effect_is_not_found():
    album = album_of(operation=(400, mostly("metronome", 0.12)), others=(4000, mostly("metronome", 0.06)))
    result = results_of(album, "operation", 400)["metronome"]
    assert result.p_value is not None and result.p_value < 0.001
    assert result.state == "not_found"


def test_a_group_is_tested_again_only_when_it_has_grown_by_half():
    album = album_of(operation=(60, mostly("metronome", 0.5)), others=(600, mostly("metronome", 0.02)))
    traits = Traits()

    def test(count: int) -> list[TraitResult]:
        return traits.test("f", keys("operation", count), (), album, Communities(), NOW_S * 1000)

    first = test(20)
    assert test(29) is first
    assert test(30) is not first
    assert (traits.tests, len(traits)) == (2, 1)


def test_a_group_is_tested_again_when_half_as_many_joined_it_though_as_many_left_its_window():
    album = album_of(bots=(200, same(woke_days=0)), sleepers=(150, same(woke_days=170)), others=(600, same()))
    traits, bots, sleepers = Traits(), keys("bots", 200), keys("sleepers", 150)

    def test(group: list[str]) -> list[TraitResult]:
        return traits.test("f", group, (), album, Communities(), NOW_S * 1000)

    first = test(bots)
    assert test(bots[:120] + sleepers[:20]) is first
    assert test(bots[:40]) is first
    turned = {one.name: one.value for one in test(bots[:50] + sleepers)}
    assert turned["dormancy"] == 0.75


def test_each_further_test_asks_for_more():
    album = album_of(operation=(18, mostly("metronome", 0.5)), others=(900, mostly("metronome", 0.05)))
    fresh = Traits().test("f0", keys("operation", 18), (), album, Communities(), NOW_S * 1000)
    (p_value,) = (one.p_value for one in fresh if one.name == "metronome")
    assert p_value is not None
    # Tested for the first time it would be found at a level just above, and for the second time it is not.
    level = 2.1 * p_value
    once = Traits(TraitSettings(alpha=level))
    again = Traits(TraitSettings(alpha=level))
    again.test("f0", keys("others", 10), (), album, Communities(), NOW_S * 1000)
    states = [
        next(
            one.state
            for one in traits.test("f0", keys("operation", 18), (), album, Communities(), NOW_S * 1000)
            if one.name == "metronome"
        )
        for traits in (once, again)
    ]
    assert states == ["found", "not_found"]


def test_what_was_found_stays_found_while_its_effect_lasts():
    album = album_of(
        operation=(20, same(metronome=1)),
        filler=(400, mostly("metronome", 0.03)),
        others=(600, mostly("metronome", 0.03)),
    )
    traits = Traits()

    def state(group: list[str]) -> str:
        results = traits.test("f", group, (), album, Communities(), NOW_S * 1000)
        return next(one.state for one in results if one.name == "metronome")

    assert state(keys("operation", 20)) == "found"
    assert state(keys("operation", 20) + keys("filler", 20)) == "found"
    assert state(keys("operation", 20) + keys("filler", 380)) == "not_found"


def communities_like(share: float, album: Album, rng: random.Random) -> Communities:
    return communities_of(mostly("metronome", share), album, rng)


def communities_of(fields: Field, album: Album, rng: random.Random) -> Communities:
    communities, looks = Communities(), []
    for number in range(30):
        names = [f"x\x1fc{number}.{n}" for n in range(20)]
        looks += [Look(account_hash(name), 2, NOW_S, **fields(rng)) for name in names]
        communities.take(
            [community(f"hashtag:{number}", 20, [(account_hash(name), 0) for name in names])], NOW_S * 1000
        )
    album.take(looks, 0)
    return communities


def test_what_other_communities_have_too_is_not_found():
    rng = random.Random(1)
    album = played(SCENES["metronome"])
    usual = communities_like(0.05, album, rng)
    assert results_of(album, "operation", communities=usual)["metronome"].state == "found"
    busy = communities_like(0.95, album, rng)
    assert results_of(album, "operation", communities=busy)["metronome"].state == "not_found"


def test_without_communities_to_compare_with_a_large_effect_is_asked():
    album = album_of(operation=(200, mostly("metronome", 0.2)), others=(900, mostly("metronome", 0.05)))
    rng = random.Random(1)
    assert results_of(album, "operation", 30)["metronome"].state == "not_found"
    alike = results_of(album, "operation", 80, communities=communities_like(0.02, album, rng))
    assert alike["metronome"].state == "found"


def test_a_large_group_without_its_like_is_set_beside_smaller_communities():
    album = album_of(operation=(200, mostly("metronome", 0.25)), others=(900, mostly("metronome", 0.05)))
    assert results_of(album, "operation", 200)["metronome"].state == "not_found"
    rng = random.Random(1)
    usual = communities_like(0.02, album, rng)
    assert results_of(album, "operation", 200, communities=usual)["metronome"].state == "found"
    busy = communities_like(0.25, album, rng)
    assert results_of(album, "operation", 200, communities=busy)["metronome"].state == "not_found"


def test_what_all_show_a_little_of_is_found_and_what_only_two_show_is_not():
    album = album_of(
        operation=(40, same(score=200)),
        innocent=(36, score(0, 10)),
        robots=(4, same(score=950)),
        others=(900, score(0, 10)),
    )
    bots = tuple(trait for trait in TRAITS if trait.name == "bot_share")

    def state(group: list[str]) -> tuple[str, float | None]:
        communities = communities_of(score(0, 10), album, random.Random(1))
        (result,) = Traits(traits=bots).test("f", group, (), album, communities, NOW_S * 1000)
        return result.state, result.value and round(result.value, 2)

    assert state(keys("operation", 40)) == ("found", 0.2)
    # The same share of twice as many is more than two accounts.
    assert state(keys("innocent", 18) + keys("robots", 2)) == ("not_found", 0.1)
    assert state(keys("innocent", 36) + keys("robots", 4)) == ("found", 0.1)


def test_a_look_at_which_nothing_could_be_tested_is_not_paid_for():
    album = album_of(
        nobody=(8, same()),
        operation=(18, mostly("metronome", 0.5)),
        others=(900, mostly("metronome", 0.05)),
    )
    metronome = tuple(trait for trait in TRAITS if trait.name == "metronome")
    p_value = results_of(album, "operation", 18, traits=metronome)["metronome"].p_value
    assert p_value is not None
    # As much as the first test may cost, and more than the second.
    traits = Traits(TraitSettings(alpha=2.1 * p_value), metronome)
    (unknown,) = traits.test("f0", keys("nobody", 8), (), album, Communities(), NOW_S * 1000)
    assert unknown.p_value is None
    (known,) = traits.test("f0", keys("operation", 18), (), album, Communities(), NOW_S * 1000)
    assert (known.state, known.p_value) == ("found", p_value)


# -- checkpoints -----------------------------------------------------------------------------------


def steps(seed: int) -> list[tuple[str, int]]:
    rng = random.Random(seed)
    return [(f"f{rng.randrange(8)}", rng.randrange(8, 60)) for _ in range(40)]


@pytest.mark.parametrize("seed", range(2))
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed):
    album = album_of(operation=(60, score(300, 700)), others=(400, score(20, 300)))
    bots = tuple(trait for trait in TRAITS if trait.name in ("bot_share", "timing"))

    def feed(traits: Traits, step: tuple[str, int]) -> Any:
        finding, size = step
        traits.count(size, size * 60_000 + NOW_S)
        told = traits.test(finding, keys("operation", size), (), album, Communities(), NOW_S * 1000)
        return told, len(traits), traits.evicted, traits.tests

    check(Kept(lambda: Traits(TraitSettings(max_findings=5), bots), steps, feed), seed)


def test_memory_is_bounded_and_the_forgotten_are_counted():
    album = album_of(operation=(10, same(score=1)), others=(200, same(score=1)))
    traits = Traits(TraitSettings(max_findings=10), TRAITS[:1])
    for n in range(40):
        traits.test(f"f{n}", keys("operation", 10), (), album, Communities(), NOW_S * 1000)
    assert (len(traits), traits.evicted) == (10, 30)
