"""Waves of suspensions, and groups that post and erase at once; ordinary days and people who fix a word."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import need_data
from streams_of_posts import MINUTE, SECOND, START_MS, post
from test_state import Kept, check

from detectors.accounts.stage import Accounts
from detectors.alerts import render
from detectors.batches import FateSignal, fate_order
from detectors.case import Judged
from detectors.cases import Cases
from detectors.events import Change, Item
from detectors.findings import Finding, account_key, author_of
from detectors.groups.fate import DAY_MS, HOUR_MS, Fate, FateSettings, became
from detectors.rules import RULES
from detectors.rules import fate as rules
from detectors.severity import assess
from detectors.windows import TickBuffer, TimeSettings
from detectors.wording import sentence
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench
from streams.evaluating.protocols import suspension_waves

TICK = 5000
FIRST = START_MS - START_MS % DAY_MS
USUAL = (4, 7, 5, 6, 8, 5, 7)


def fate(day: int, number: int, account: str, status: Any, before: Any = None) -> FateSignal:
    """A change of status: the n-th of a day, one a minute."""
    return FateSignal(FIRST + day * DAY_MS + number * MINUTE, account, status, before)


def taken(one: Fate, fates: Iterable[FateSignal]) -> list[Finding]:
    """All findings, tick by tick."""
    ticks: dict[int, list[FateSignal]] = {}
    for each in fates:
        ticks.setdefault(each.time_ms - each.time_ms % TICK + TICK, []).append(each)
    return [
        finding
        for tick_ms in sorted(ticks)
        for finding in one.take(sorted(ticks[tick_ms], key=fate_order), tick_ms)
    ]


def day_of(day: int, accounts: int, status: Any = "suspended", before: Any = None) -> list[FateSignal]:
    return [fate(day, number, f"{day}.{number}", status, before) for number in range(accounts)]


def settled(status: Any = "suspended", before: Any = None, **chosen: Any) -> Fate:
    """After a week of five or six accounts a day."""
    one = Fate(FateSettings(**chosen))
    for day, accounts in enumerate(USUAL):
        assert taken(one, day_of(day, accounts, status, before)) == []
    return one


# -- waves -----------------------------------------------------------------------------------------


def test_a_day_far_over_the_usual_is_told_early_and_again_as_it_grows():
    found = taken(settled(), day_of(7, 100))
    assert found[0].accounts_total == 16  # the first count that is beyond chance where six are usual
    sizes = [finding.accounts_total for finding in found]
    assert all(later >= 1.25 * earlier for earlier, later in pairwise(sizes))
    assert sizes[-1] >= 80
    assert len({finding.finding_id for finding in found}) == 1
    last = found[-1]
    assert str(last.subjects[0]) == "wave:suspended"
    assert (last.evidence["usual"], last.evidence["periods"]) == (6, 7)
    assert len(last.accounts) == last.accounts_total
    assert (last.start_ms, last.end_ms) == (
        FIRST + 7 * DAY_MS,
        FIRST + 7 * DAY_MS + (last.accounts_total - 1) * MINUTE,
    )


def test_ordinary_days_are_no_waves():
    one = settled()
    for day in range(7, 30):
        assert taken(one, day_of(day, 3 + day * 7 % 8)) == []


def test_twice_a_small_usual_comes_by_chance_and_is_no_wave():
    assert taken(settled(), day_of(7, 15)) == []


def test_twice_a_large_usual_is_a_wave_and_less_is_not():
    one = Fate()
    for day in range(6):
        taken(one, day_of(day, 200 + day))
    assert taken(one, day_of(6, 390)) == []
    assert taken(one, day_of(7, 420)) != []


def test_one_wave_does_not_hide_the_next():
    one = settled()
    first, second = taken(one, day_of(7, 500)), taken(one, day_of(8, 60))
    assert first
    assert second
    assert first[-1].finding_id != second[-1].finding_id


def test_before_five_days_ten_accounts_are_told_and_that_the_usual_is_not_known():
    one = Fate()
    assert taken(one, day_of(0, 9)) == []
    (found,) = taken(one, day_of(1, 12))
    assert (found.accounts_total, found.evidence["usual"], found.evidence["chance"]) == (10, None, None)


def test_deletions_are_counted_apart_from_suspensions():
    one = settled()
    mixed = [fate(7, n, f"m{n}", ("suspended", "deleted", "deactivated")[n % 3]) for n in range(27)]
    found = taken(one, mixed)  # nine suspensions are usual; deletions have no usual yet
    assert {str(finding.subjects[0]) for finding in found} == {"wave:deleted"}
    assert found[0].accounts_total == 10


def test_an_account_that_comes_back_on_the_same_day_leaves_the_wave_and_is_counted_as_returned():
    one = settled()
    assert taken(one, day_of(7, 15)) == []
    back = [fate(7, 100 + n, f"7.{n}", "active", "suspended") for n in range(8)]
    more = [fate(7, 200 + n, f"more{n}", "suspended") for n in range(8)]
    assert taken(one, back + more) == []  # 15 - 8 + 8
    (found,) = taken(one, [fate(7, 300, "last", "suspended")])
    assert (found.accounts_total, found.evidence["returned"]) == (16, 8)
    assert not {f"7.{n}" for n in range(8)} & set(found.accounts)


def test_an_account_that_is_suspended_again_counts_on_that_day_and_once():
    one = settled()
    taken(one, day_of(7, 15))
    assert taken(one, [fate(7, 20, "7.3", "active", "suspended")]) == []
    (found,) = taken(one, [fate(7, 21, "7.3", "suspended", "active"), fate(7, 21, "x", "suspended")])
    assert found.accounts_total == 16
    again = [fate(8, n, f"7.{n}", "suspended", "active") for n in range(15)]
    assert taken(one, again) == []
    (next_day,) = taken(one, [fate(8, 30 + n, f"new{n}", "suspended") for n in range(2)])
    assert next_day.accounts_total == 17  # 6.5 are usual by now


def test_accounts_that_come_back_in_a_wave_are_told():
    one = settled("active", "suspended")
    found = taken(one, day_of(7, 30, "active", "deleted"))
    assert str(found[-1].subjects[0]) == "wave:returned"


def test_an_account_heard_of_as_active_for_the_first_time_is_no_return():
    assert taken(Fate(), day_of(0, 60, "active")) == []
    assert taken(Fate(), day_of(0, 60, "deactivated", "deleted")) == []


STATUSES = ("active", "suspended", "deleted", "deactivated", "protected")


@st.composite
def lives(draw: Any) -> list[FateSignal]:
    """Changes of status of a few accounts over some days, each told with what the account was before."""
    known: dict[str, Any] = {}
    fates, at = [], 0
    for _ in range(draw(st.integers(5, 60))):
        at += draw(st.sampled_from((1, 4000, 3 * HOUR_MS, 9 * HOUR_MS)))
        account, status = f"a{draw(st.integers(0, 9))}", draw(st.sampled_from(STATUSES))
        if known.get(account) != status:
            fates.append(FateSignal(FIRST + at, account, status, known.get(account)))
            known[account] = status
    return fates


@given(lives())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_a_wave_is_what_a_slow_count_of_the_day_gives(fates):
    found = taken(Fate(FateSettings(min_accounts=1, min_history=99, growth=1.0001)), fates)
    grown = set()
    for finding in found:
        day = finding.start_ms // DAY_MS
        last = {
            one.account: became(one)
            for one in fates
            if became(one) and one.time_ms // DAY_MS == day and one.time_ms < finding.judged_ms
        }
        kind = finding.subjects[0].value
        assert set(finding.accounts) == {account for account, one in last.items() if one == kind}
        assert finding.accounts_total == len(finding.accounts)
        assert finding.evidence["returned"] == Counter(last.values())["returned"]
        grown.add((day, kind))
    assert grown == held_at_tick_ends(fates)


def held_at_tick_ends(fates: list[FateSignal]) -> set[tuple[int, Any]]:
    """Days and kinds that had an account at the end of some tick."""
    held = set()
    for tick in {one.time_ms // TICK for one in fates}:
        day = tick * TICK // DAY_MS
        last = {
            one.account: became(one)
            for one in fates
            if became(one) and one.time_ms // DAY_MS == day and one.time_ms // TICK <= tick
        }
        held |= {(day, kind) for kind in last.values()}
    return held


# -- accounts that post and erase at once ----------------------------------------------------------


class Room:
    """Posts and deletions, through the stages that they take."""

    def __init__(self, **chosen: Any) -> None:
        self.accounts, self.fate = Accounts(), Fate(FateSettings(**chosen))
        self.buffer = TickBuffer(TimeSettings(grace_s=0))

    def play(self, items: Iterable[Item]) -> list[Finding]:
        self.buffer.add(items)
        self.buffer.advance(self.buffer.last_tick())
        found = []
        for tick_ms, posts, changes in self.buffer.ready():
            found += self.fate.take(self.accounts.take(tick_ms, posts, changes).background.fates, tick_ms)
        return found


def posted(account: str, number: int, at_ms: int, erased_after_ms: int | None = None) -> list[Item]:
    """A post, and its deletion where there is one."""
    name = f"{account}.{number}.{at_ms}"
    made: list[Item] = [post(name, account, at_ms, "some words")]
    if erased_after_ms is not None:
        at = START_MS + at_ms + erased_after_ms
        made.append(Change(platform="x", time_ms=at, event="deletion", author_id=account, post_id=name))
    return made


def eraser(
    account: str, begin_ms: int, erased: int = 3, kept: int = 0, after_ms: int = 2 * MINUTE
) -> list[Item]:
    """An account that keeps some posts, and then erases each soon after."""
    items = [item for n in range(kept) for item in posted(account, n, begin_ms + n * MINUTE)]
    for n in range(erased):
        items += posted(account, kept + n, begin_ms + (kept + n) * MINUTE, after_ms)
    return items


def accounts_of(finding: Finding) -> list[str]:
    return [author_of(account) for account in finding.accounts]


def test_three_accounts_that_post_and_erase_at_once_within_an_hour_are_a_group():
    items = [item for n in range(3) for item in eraser(f"e{n}", n * 15 * MINUTE)]
    (found,) = Room().play(items)
    assert str(found.subjects[0]) == "wave:erased"
    assert accounts_of(found) == ["e0", "e1", "e2"]
    assert (found.evidence["erased"], found.evidence["posts"], found.posts_total) == (9, 9, 9)
    assert found.posts == ()


@pytest.mark.parametrize(
    ("why", "items"),
    [
        ("two", [eraser("e0", 0), eraser("e1", MINUTE)]),
        ("not in one hour", [eraser(f"e{n}", n * 70 * MINUTE) for n in range(5)]),
        ("one word each", [eraser(f"e{n}", n * MINUTE, erased=1, kept=1) for n in range(20)]),
        ("two words each", [eraser(f"e{n}", n * MINUTE, erased=2) for n in range(20)]),
        ("little of what they post", [eraser(f"e{n}", n * MINUTE, erased=3, kept=4) for n in range(20)]),
        ("later", [eraser(f"e{n}", n * MINUTE, erased=4, after_ms=11 * MINUTE) for n in range(20)]),
    ],
)
def test_people_who_erase_now_and_then_are_no_group(why, items):
    assert Room().play([item for each in items for item in each]) == [], why


def test_a_great_cleaning_of_old_posts_is_no_group():
    items = [item for n in range(9) for item in eraser(f"e{n}", n * MINUTE, erased=4, after_ms=3 * HOUR_MS)]
    assert Room().play(items) == []


def test_old_posts_that_such_accounts_erase_later_make_no_group():
    items = [item for n in range(4) for item in eraser(f"e{n}", n * 2 * HOUR_MS)]
    items += [item for n in range(4) for item in posted(f"e{n}", 9, 11 * HOUR_MS, 3 * HOUR_MS + n * MINUTE)]
    assert Room().play(items) == []


def test_a_group_that_grows_keeps_its_id_and_one_of_another_day_is_another():
    room = Room()
    items = [item for n in range(12) for item in eraser(f"e{n}", n * 4 * MINUTE)]
    found = room.play(items)
    assert len(found) > 2
    assert len({finding.finding_id for finding in found}) == 1
    again = [item for n in range(3) for item in eraser(f"e{n}", DAY_MS + n * MINUTE)]
    (later,) = room.play(again)
    assert later.finding_id != found[0].finding_id


def test_where_such_accounts_are_usual_as_many_are_no_group_and_many_more_are():
    room = Room()
    for hour in range(8):
        room.play(
            [item for n in range(4) for item in eraser(f"h{hour}.{n}", hour * HOUR_MS + n * 11 * MINUTE, 5)]
        )
    usual = [item for n in range(5) for item in eraser(f"i{n}", 8 * HOUR_MS + n * 11 * MINUTE)]
    assert room.play(usual) == []
    many = [item for n in range(30) for item in eraser(f"j{n}", 10 * HOUR_MS + n * MINUTE)]
    found = room.play(many)
    assert found[0].evidence["usual"] == 4


def test_a_single_one_is_remembered_until_it_keeps_its_posts():
    room = Room()
    key = account_key("x", "e0")
    assert room.play(eraser("e0", 0)) == []
    known = room.fate.eraser(key)
    assert (known.erased, known.posts) == (3, 3)
    room.play([item for n in range(9) for item in posted("e0", 10 + n, HOUR_MS + n * MINUTE)])
    room.play(posted("e0", 99, 2 * HOUR_MS, MINUTE))
    assert room.fate.eraser(key) is None


# -- what it is worth ------------------------------------------------------------------------------


@pytest.fixture
def judged(monkeypatch):
    """A finding with what the rules of this detector say of it."""
    monkeypatch.setitem(RULES, "fate", rules)
    return lambda finding: Judged(finding, assess(finding, 0, 0))


def test_a_wave_is_a_notice_and_a_very_large_one_a_warning(judged):
    found = taken(settled(), day_of(7, 100))
    assert judged(found[0]).assessment.severity == "notice"
    assert judged(found[-1]).assessment.severity == "warning"
    (first, *_, many) = taken(Fate(), day_of(0, 100))
    assert judged(first).assessment.severity == judged(many).assessment.severity == "notice"
    states = {one.code: one.state for one in judged(many).assessment.checks}
    assert states == {"wave": "met", "large": "not_enough_data"}


def test_a_few_that_erase_are_a_notice_and_ten_that_erase_all_a_warning(judged):
    items = [item for n in range(14) for item in eraser(f"e{n}", n * MINUTE)]
    found = Room().play(items)
    assert judged(found[0]).assessment.severity == "notice"
    assert judged(found[-1]).assessment.severity == "warning"
    half = [item for n in range(14) for item in eraser(f"e{n}", n * MINUTE, erased=3, kept=3)]
    assert judged(Room().play(half)[-1]).assessment.severity == "notice"


def findings_of_each_kind() -> list[Finding]:
    found = [taken(Fate(), day_of(0, 12, kind))[0] for kind in ("suspended", "deleted")]
    found += [taken(Fate(), day_of(0, 12, "active", "suspended"))[0], taken(settled(), day_of(7, 100))[-1]]
    return [*found, Room().play([item for n in range(14) for item in eraser(f"e{n}", n * MINUTE)])[-1]]


def test_each_reason_is_said_in_both_languages(judged):
    for finding in findings_of_each_kind():
        for reason in judged(finding).assessment.reasons:
            english, french = sentence("fate", reason)
            assert "None" not in english + french
            assert english != french
        day = "2017-07-21" if finding.evidence["usual"] else "2017-07-14"
        assert all(words.endswith(day) for words in rules.what(finding))
    (wave,) = (one for one in findings_of_each_kind() if one.evidence["usual"] == 6)
    english, french = sentence("fate", judged(wave).assessment.reasons[0])
    assert "against 6 on a usual day" in english
    assert "contre 6 un jour habituel" in french


def test_an_alert_is_made_of_findings_without_posts(judged):
    for finding in findings_of_each_kind():
        (revision,) = Cases().take([judged(finding)], finding.judged_ms)
        data = render(revision, "v")["data"]
        assert data["group"]["posts"] == data["findings"][0]["posts"] == []
        assert data["group"]["accounts_total"] == finding.accounts_total
        assert data["severity"] in ("notice", "warning")


# -- memory, restarts, order -----------------------------------------------------------------------


def test_memory_is_bounded_and_the_forgotten_are_counted():
    one = Fate(FateSettings(max_accounts=100, max_erasers=50))
    found = taken(one, day_of(0, 1000))
    quick = [
        FateSignal(FIRST + DAY_MS - HOUR_MS + n * SECOND, f"e{n}", "erased", None, f"x\x1f{n}", True, 3, 3)
        for n in range(500)
    ]
    taken(one, quick)
    assert 140 <= len(one) <= 150
    assert one.evicted == 1000 + 500 - len(one)
    assert found[-1].accounts_total > 800  # the forgotten stay counted


def steps(seed: int) -> list[tuple[int, list[FateSignal]]]:
    """Some days of changes and erasures by a few accounts, tick by tick."""
    rng = random.Random(seed)
    known: dict[str, Any] = {}
    made, at = [], FIRST + DAY_MS - 3 * HOUR_MS
    for _ in range(150):
        at += rng.choice((TICK, 11 * MINUTE, 50 * MINUTE, 3 * HOUR_MS))
        tick = at - at % TICK + TICK
        fates = []
        for account in rng.sample([f"a{n}" for n in range(30)], rng.randrange(8)):
            time_ms = tick - 1 - rng.randrange(TICK)
            if rng.random() < 0.5:
                status = rng.choice(STATUSES)
                fates.append(FateSignal(time_ms, account, status, known.get(account)))
                known[account] = status
            else:
                erased = rng.randrange(2, 7)
                posts = erased + rng.randrange(6)
                fates.append(FateSignal(time_ms, account, "erased", None, "x\x1f1", True, erased, posts))
        made.append((tick, sorted(fates, key=fate_order)))
    return made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bounds", [{}, {"max_accounts": 9, "max_erasers": 5}], ids=["roomy", "narrow"])
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed, bounds):
    found: list[Finding] = []
    chosen = FateSettings(min_accounts=3, min_history=3, history=6, **bounds)

    def feed(one: Fate, step: tuple[int, list[FateSignal]]) -> Any:
        found.extend(told := one.take(step[1], step[0]))
        return told, len(one), one.evicted, [one.eraser(f"a{n}") for n in range(30)]

    check(Kept(lambda: Fate(chosen), steps, feed), seed)
    assert {finding.subjects[0].value for finding in found} >= {"suspended", "erased"}


def test_ticks_in_which_nothing_became_of_anyone_change_nothing():
    plain, with_empty = Fate(), Fate()
    for tick, fates in steps(1):
        for empty in range(tick - 5 * TICK, tick, TICK):
            assert with_empty.take([], empty) == []
        assert with_empty.take(fates, tick) == plain.take(fates, tick)


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, derandomize=True, deadline=None)
def test_the_order_of_arrival_changes_nothing(rng):
    items: list[Item] = [item for n in range(6) for item in eraser(f"e{n}", n * 9 * MINUTE)]
    items += [post(f"s{n}", f"s{n}", n * SECOND, "words") for n in range(30)]
    items += [
        Change(
            platform="x",
            time_ms=START_MS + HOUR_MS + n % 3 * SECOND,
            event="account",
            author_id=f"s{n}",
            status="suspended",
        )
        for n in range(30)
    ]
    wanted = Room().play(items)
    assert {finding.subjects[0].value for finding in wanted} == {"suspended", "erased"}
    rng.shuffle(items)
    assert Room().play(items) == wanted


# -- real checks -----------------------------------------------------------------------------------


def test_on_real_checks_every_day_over_twice_the_median_is_told_and_once_the_usual_is_known_hardly_another():
    bench = Bench(Folder(need_data("suspensions")), seed=1, quick=True, tell=lambda text: None)
    figures = {one.measure: one for one in suspension_waves.measure(bench).figures}
    days = figures["suspended: days over twice the median of all, told"]
    others = figures["suspended: other days told"]
    assert days.value == 1
    assert others.value - int(others.note.split()[0]) <= 1
    assert others.value < next(one.value for one in others.baselines if one.name.startswith("10 "))
    assert figures["suspended: from the sixth day on, days over twice the median of those before, told"].met
    assert figures["suspended: from the sixth day on, other days told"].value == 0
