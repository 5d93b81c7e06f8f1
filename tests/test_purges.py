"""Followers lost at once; slow losses, restless counts and odd readings that are no purge."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, START_MS
from test_state import Kept, check

from detectors.alerts import render
from detectors.batches import FollowerSignal, Signals, merge, spread
from detectors.case import Judged
from detectors.cases import Cases
from detectors.findings import Finding, account_key
from detectors.groups.purges import HOUR_MS, Purges, PurgeSettings, PurgesTogether
from detectors.rules import RULES
from detectors.rules import purges as rules
from detectors.severity import assess
from detectors.wording import sentence

TICK = 5000
FIRST = START_MS - START_MS % HOUR_MS
Counts = dict[str, int]
Reading = tuple[int, Counts]
"""Minute since the first hour, and what profiles show in it."""


def key(name: str) -> str:
    return account_key("x", name)


def signals(minute: int, counts: Counts, tick: int = 0) -> Signals:
    """The counts of followers in one tick of a minute."""
    tick_ms = FIRST + minute * MINUTE + (tick + 1) * TICK
    followers = [FollowerSignal(tick_ms - 1, key(name), count) for name, count in counts.items()]
    return Signals(tick_ms, [], [], [], [], [], followers=followers)


def found_in(readings: Iterable[Reading], one: Purges | None = None) -> list[Finding]:
    one = Purges() if one is None else one
    return [finding for reading in readings for finding in one.take(signals(*reading))]


def steady(name: str, followers: int, hours: int = 30, every: int = 10) -> list[Reading]:
    """An account that wins a few followers each hour; read every so many minutes."""
    return [
        (minute, {name: followers + followers * (minute // 60) // 100_000})
        for minute in range(0, hours * 60, every)
    ]


def then(name: str, *counts: int, hour: int = 30, every: int = 1) -> list[Reading]:
    """Readings one after the other, from an hour on."""
    return [(hour * 60 + n * every, {name: count}) for n, count in enumerate(counts)]


def test_an_account_that_loses_an_eighth_of_its_followers_at_once_is_purged():
    (found,) = found_in(steady("star", 40_000) + then("star", 40_010, 35_010, 35_010))
    assert str(found.subjects[0]) == "source:star"
    assert found.accounts == (key("star"),)
    assert found.evidence | {"deviations": 0} == {
        "followers": 40_011,
        "after": 35_010,
        "lost": 5001,
        "share": 0.125,
        "hours": 1,
        "usual": 0,
        "deviations": 0,
        "samples": 29,
    }
    assert found.evidence["deviations"] > 100


def test_a_purge_over_a_night_without_readings_is_found_against_the_day_before():
    (found,) = found_in(steady("star", 40_000) + then("star", 35_000, 35_000, hour=40))
    assert (found.evidence["hours"], found.evidence["lost"]) == (24, 5006)


def test_of_tens_of_millions_two_hundred_thousand_are_seen_and_five_thousand_are_not():
    before = steady("star", 59_000_000)
    (found,) = found_in(before + then("star", 58_800_000, 58_800_000))
    assert found.evidence["lost"] > 200_000
    assert found_in(before + then("star", *[59_012_000] * 30)) == []


def slow_decline(name: str) -> list[Reading]:
    """An eighth lost over a day, evenly."""
    return [(minute, {name: 40_000 - 5000 * minute // 1440}) for minute in range(0, 1440, 5)]


def restless(name: str, seed: int = 1) -> list[Reading]:
    """Hours that win or lose up to two per cent."""
    rng, count, made = random.Random(seed), 40_000, []
    for minute in range(0, 60 * 72, 20):
        count = round(count * rng.uniform(0.994, 1.006))
        made.append((minute, {name: count}))
    return made


@pytest.mark.parametrize(
    ("why", "readings"),
    [
        ("one odd reading", steady("a", 40_000) + then("a", 40_000, 400, 40_000, 40_000, 40_000)),
        ("one high reading", steady("a", 40_000) + then("a", 60_000, 40_000, 40_000, 40_000)),
        ("one reading so far", steady("a", 40_000) + then("a", 35_000)),
        ("old counts in between", steady("a", 40_000) + then("a", *[40_000, 39_000] * 30)),
        ("dozens", steady("a", 2000) + then("a", 1910, 1905, 1901)),
        ("under half a per cent", steady("a", 400_000) + then("a", *[398_300] * 9)),
        ("a slow decline", slow_decline("a")),
        ("a restless count", restless("a")),
        ("no past", steady("a", 40_000, hours=6) + then("a", 35_000, 35_000, hour=6)),
        ("a wave of new followers", steady("a", 40_000) + then("a", 80_000, 80_000, 80_000)),
        ("seen after it only", steady("a", 35_000)),
    ],
)
def test_what_only_looks_like_a_purge_is_none(why, readings):
    assert found_in(readings) == [], why


def test_two_readings_of_one_minute_confirm_nothing():
    one = Purges()
    assert found_in(steady("star", 40_000), one) == []
    for tick in range(12):
        assert one.take(signals(1800, {"star": 35_000}, tick)) == []
    assert one.take(signals(1801, {"star": 35_000})) != []


def test_a_minute_that_shows_the_old_count_too_confirms_nothing():
    one = Purges()
    assert found_in(steady("star", 40_000), one) == []
    for minute in range(1800, 1810):
        for tick, count in enumerate((40_000, 35_000)):
            assert one.take(signals(minute, {"star": count}, tick)) == []


def test_what_a_cache_still_shows_of_the_past_only_delays():
    mixed = [40_000, 35_000, 40_000, 35_000, 35_000, 35_000]
    (found,) = found_in(steady("star", 40_000) + then("star", *mixed))
    assert found.judged_ms == FIRST + (1800 + 4) * MINUTE + TICK


def test_a_purge_is_told_once_more_as_it_grows_and_after_a_day_the_next_is_another():
    before = steady("star", 40_000)
    falling = then("star", 35_000, 35_000, 34_500, 34_500, 33_000, 33_000, 33_000, every=4)
    calm = [(1900 + minute, {"star": 33_000}) for minute in range(0, 60 * 40, 10)]
    again = then("star", 30_000, 30_000, hour=75)
    first, second, later = found_in(before + falling + calm + again)
    assert (first.evidence["lost"], second.evidence["lost"]) == (5011, 7011)
    assert first.finding_id == second.finding_id != later.finding_id


@given(
    place=st.integers(0, 359),
    odd=st.integers(1000, 10**8),
    followers=st.sampled_from((3000, 40_000, 59_000_000)),
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_a_single_odd_reading_never_is_a_purge(place, odd, followers):
    readings = steady("star", followers, hours=60)
    readings[place] = (readings[place][0], {"star": odd})
    assert found_in(readings) == []


@given(st.integers(0, 10**6))
@settings(max_examples=20, derandomize=True, deadline=None)
def test_steady_counts_with_readings_of_different_ages_are_no_purge(seed):
    rng = random.Random(seed)
    size = rng.choice((3000, 40_000, 10**6, 59_000_000))
    readings = [
        (minute, {"star": round(size * (1 + rng.gauss(0, 0.0001)) + rng.gauss(0, 10))})
        for minute in range(0, 60 * 72, 30)
    ]
    assert found_in(readings) == []


# -- several at once -------------------------------------------------------------------------------


def night(purged: Counts) -> list[Reading]:
    """Thirty hours of eight accounts, and then some of them lose so many followers at ten past the hour."""
    sizes = {"star": 59_000_000, "amplified": 40_000, "small": 12_000, "other": 7000}
    sizes |= {f"calm{n}": 5000 * 3**n for n in range(4)}
    before = [(minute, sizes) for minute in range(0, 1800, 10)]
    after = sizes | {name: sizes[name] - lost for name, lost in purged.items()}
    return before + [(1800 + minute, sizes if minute < 10 else after) for minute in range(40)]


def together(readings: list[Reading], shards: int = 1) -> list[Finding]:
    """What both stages find, with the accounts spread over so many shards."""
    parts, last = [Purges() for _ in range(shards)], PurgesTogether()
    found = []
    for reading in readings:
        told = [
            finding
            for part, mine in zip(parts, spread(signals(*reading), shards), strict=True)
            for finding in part.take(merge([mine]))
        ]
        found += last.take(told[::-1], FIRST + reading[0] * MINUTE + TICK)
    return found


CASE_A = {"star": 200_000, "amplified": 5000, "small": 3100, "other": 2000}


def test_accounts_that_lose_followers_in_one_hour_are_told_as_one():
    (found,) = together(night(CASE_A))
    assert [subject.value for subject in found.subjects] == ["star", "amplified", "small", "other"]
    assert (found.accounts_total, found.accounts) == (4, tuple(sorted(map(key, CASE_A))))
    assert found.evidence["lost"] == sum(CASE_A.values())


@pytest.mark.parametrize("shards", [2, 5])
def test_any_number_of_shards_finds_the_same(shards):
    assert together(night(CASE_A), shards) == together(night(CASE_A))


def test_two_accounts_are_told_by_themselves():
    found = together(night({"amplified": 5000, "small": 3100}))
    assert [finding.accounts_total for finding in found] == [1, 1]


def test_purges_hours_apart_are_told_by_themselves():
    readings = [
        (minute, {f"s{n}": 40_000 - 5000 * (minute >= 60 * (30 + 2 * n)) for n in range(5)})
        for minute in range(0, 60 * 45, 10)
    ]
    found = together(readings)
    assert [finding.accounts_total for finding in found] == [1] * 5


def test_a_purge_that_spreads_is_told_again_under_its_id_and_a_later_one_is_another():
    readings = [
        (minute, {f"s{n}": 40_000 - 5000 * (minute >= 1800 + 2 * n) for n in range(12)})
        for minute in [*range(0, 1800, 10), *range(1800, 1860)]
    ]
    found = together(readings)
    assert [finding.accounts_total for finding in found] == [1, 1, 3, 4, 5, 7, 9, 12]
    assert len({finding.finding_id for finding in found[2:]}) == 1
    later = [
        (minute, {f"s{n}": 35_000 - 5000 * (minute >= 4800) for n in range(12)})
        for minute in [*range(1860, 4800, 10), *range(4800, 4810)]
    ]
    (*_, last) = together(readings + later)
    assert last.accounts_total == 12
    assert last.finding_id != found[-1].finding_id


def test_other_findings_pass_through():
    (purge,) = found_in(steady("star", 40_000) + then("star", 35_000, 35_000))
    other = msgspec.structs.replace(purge, detector="rising")
    assert PurgesTogether().take([other], purge.judged_ms) == [other]
    three = [msgspec.structs.replace(purge, accounts=(f"a{n}",)) for n in range(3)]
    first, second = PurgesTogether().take([three[0], other, *three[1:]], purge.judged_ms)
    assert (first, second.accounts_total) == (other, 3)


# -- what it is worth ------------------------------------------------------------------------------


@pytest.fixture
def judged(monkeypatch) -> Callable[[Finding], Judged]:
    """A finding with what the rules of this detector say of it."""
    monkeypatch.setitem(RULES, "purges", rules)
    return lambda finding: Judged(finding, assess(finding, 0, 0))


def test_one_is_a_notice_and_several_are_a_warning(judged):
    single, *_ = together(night({"amplified": 5000}))
    (several,) = together(night(CASE_A))
    assert judged(single).assessment.severity == "notice"
    assert judged(several).assessment.severity == "warning"
    assert {one.code for one in judged(several).assessment.reasons} == {"purge", "several"}


def test_each_reason_is_said_in_both_languages_and_accuses_nobody(judged):
    (several,) = together(night(CASE_A))
    said = [sentence("purges", reason) for reason in judged(several).assessment.reasons]
    assert "210,100 of 59,059,000 followers (0.36%) lost within 1 h" in said[0][0]
    assert "(0,36\u00a0%) perdus en 1\u00a0h" in said[0][1]
    assert all(english != french for english, french in [*said, rules.what(several)])
    single, *_ = together(night({"amplified": 5000}))
    assert rules.what(single)[0] == "Followers of the account amplified lost at once"


def test_an_alert_is_made_of_a_finding_without_posts(judged):
    (several,) = together(night(CASE_A))
    (revision,) = Cases().take([judged(several)], several.judged_ms)
    data = render(revision, "v")["data"]
    assert data["subjects"][0] == {"kind": "source", "value": "star"}
    assert data["group"]["posts"] == []
    assert data["group"]["accounts_total"] == 4


# -- memory, restarts, order -----------------------------------------------------------------------


def test_memory_is_bounded_and_those_read_once_go_first():
    one = Purges(PurgeSettings(max_accounts=20, max_single_accounts=50))
    for minute in range(40):
        names = {f"new{minute}.{n}": 5000 for n in range(30)}
        one.take(signals(minute, names | {f"known{n}": 9000 for n in range(20)}))
    assert 65 <= len(one) <= 70
    assert one.evicted == 40 * 30 + 20 - len(one)


def test_an_account_unread_for_longer_than_its_history_is_forgotten():
    one = Purges()
    found_in(steady("star", 40_000), one)
    one.take(signals(60 * 140, {"other": 5000}))
    assert len(one) == 1
    assert one.evicted == 0


def test_purges_of_the_last_hour_are_bounded_too():
    (purge,) = found_in(steady("star", 40_000) + then("star", 35_000, 35_000))
    last = PurgesTogether(PurgeSettings(max_purges=10))
    last.take([msgspec.structs.replace(purge, accounts=(f"a{n:03}",)) for n in range(100)], purge.judged_ms)
    assert (len(last), last.evicted) == (10, 90)


def steps(seed: int) -> list[Signals]:
    """Some days of accounts that come and go, some of which are purged."""
    rng = random.Random(seed)
    counts = {f"a{n}": rng.randrange(2000, 10**5) for n in range(30)}
    made, minute = [], 0
    for _ in range(300):
        minute += rng.choice((0, 1, 7, 20, 45))
        if rng.random() < 0.05:
            for name in rng.sample(sorted(counts), 5):
                counts[name] = round(counts[name] * 0.8)
        made.append(signals(minute, {name: counts[name] for name in rng.sample(sorted(counts), 12)}))
    return made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "bounds", [{}, {"max_accounts": 9, "max_single_accounts": 4}], ids=["roomy", "narrow"]
)
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed, bounds):
    found: list[Finding] = []

    def feed(one: Purges, step: Signals) -> Any:
        found.extend(told := one.take(step))
        return told, len(one), one.evicted

    check(Kept(lambda: Purges(PurgeSettings(history_hours=30, **bounds)), steps, feed), seed)
    assert found or bounds


@pytest.mark.parametrize("seed", range(3))
def test_what_is_put_together_goes_on_from_a_checkpoint(seed):
    found: list[Finding] = []

    def of_seed(number: int) -> list[tuple[int, list[Finding]]]:
        purges = Purges()
        return [(one.tick_ms, purges.take(one)) for one in steps(number)]

    def feed(one: PurgesTogether, step: tuple[int, list[Finding]]) -> Any:
        found.extend(told := one.take(step[1], step[0]))
        return told, len(one), one.evicted

    check(Kept(lambda: PurgesTogether(PurgeSettings(max_purges=6)), of_seed, feed), seed)
    assert any(finding.accounts_total > 1 for finding in found)


@given(st.integers(0, 10**6))
@settings(max_examples=5, derandomize=True, deadline=None)
def test_the_order_inside_a_tick_changes_nothing(seed):
    rng, one, other = random.Random(seed), Purges(), Purges()
    for reading in night(CASE_A):
        step = signals(*reading)
        # Two profiles of one account in one tick, in any order.
        step.followers += [
            msgspec.structs.replace(each, followers=each.followers - 1) for each in step.followers
        ]
        mixed = msgspec.structs.replace(step, followers=rng.sample(step.followers, len(step.followers)))
        assert one.take(step) == other.take(mixed)
