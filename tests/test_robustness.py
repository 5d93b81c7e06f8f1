"""The arithmetic of the curves and of the false alarms, and one point of each that is really played."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks import false_alarms, robustness
from benchmarks.robustness import EDITS, Played, Point, Sought, curves, edited, figures, wilson
from detectors.alerts import instant
from detectors.events import decode_line, from_mapping
from detectors.text import fingerprint, read_entities
from streams.simulate import INNOCENT, LabelledPost, simulate

MINUTE_MS = 60_000
TEXT = "@ana tu nous fais honte, espèce de girouette, personne ne te croit plus, rends l'argent"


def sought(posts: int = 10) -> Sought:
    """An operation of that many accounts, each with one post, a minute apart from minute 0 on."""
    found = Sought()
    for number in range(posts):
        found.take(
            from_mapping(
                {"id": str(number), "platform": "x", "author_id": f"own{number}"}
                | {"created_at": 1_500_000_000_000 + number * MINUTE_MS}
            )
        )
    return found


def alert(minute: int, severity: str = "notice", own: int = 4, others: int = 1) -> dict[str, Any]:
    accounts = [f"own{number}" for number in range(own)] + [f"u{number}" for number in range(others)]
    time = instant(1_500_000_000_000 + minute * MINUTE_MS)
    return {"time": time, "data": {"severity": severity, "group": {"accounts": accounts}}}


def test_delay_counts_from_the_third_post_to_the_first_alert_of_each_level():
    told = [alert(9, "critical"), alert(7, "warning"), alert(4), alert(5)]
    assert sought().fared(told) == Played(120, 300, 0.5, 0.8)


def test_an_alert_is_of_the_operation_where_four_in_five_of_its_accounts_are():
    assert sought().fared([alert(4, own=4, others=1)]).any_s == 120
    assert sought().fared([alert(4, own=7, others=2)]).any_s is None


def test_recall_is_of_all_seeds_and_delay_of_those_that_found_it():
    played = [Played(60, 600, 0.1, 0.5), Played(180, None, 0.3), Played()]
    row = figures(Point("edits", "insults", "none", 20), played)
    assert (row["seeds"], row["any"]["recall"], row["warning"]["recall"]) == (3, 0.6667, 0.3333)
    assert (row["any"]["delay_min"], row["any"]["delay_range_min"]) == (2.0, [1.0, 3.0])
    assert (row["any"]["posts_out"], row["warning"]["posts_out"]) == (0.2, 0.5)


def test_what_nobody_found_has_no_delay():
    row = figures(Point("edits", "insults", "none", 20), [Played()])
    assert (row["any"]["delay_min"], row["any"]["recall"]) == (None, 0.0)
    assert "-" in robustness.show(row)


def test_the_interval_holds_the_share_and_narrows_with_more_seeds():
    low, high = wilson(6, 8)
    assert low < 0.75 < high
    assert wilson(60, 80)[0] > low
    assert wilson(60, 80)[1] < high


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_changes_the_text_and_leaves_most_of_its_words(name):
    changed = edited(TEXT, [name], Random(3))
    assert changed != TEXT
    if name != "look-alike":
        assert len(set(TEXT.split()) & set(changed.split())) >= 0.7 * len(set(TEXT.split()))


def test_of_the_five_edits_only_swapping_and_cutting_change_more_than_signs():
    fold = fingerprint(read_entities(TEXT), TEXT).folded
    same = set()
    for name in EDITS:
        changed = edited(TEXT, [name], Random(3))
        if fingerprint(read_entities(changed), changed).folded == fold:
            same.add(name)
    assert same == {"emoji", "link", "look-alike"}


def test_every_point_is_a_scenario_that_can_be_played_once():
    points = list(curves())
    assert len({(point.curve, point.operation, point.step) for point in points}) == len(points)
    assert {point.curve for point in points} == {"edits", "slower", "share", "spread"}
    for point in points:
        assert point.scenario().operation


@pytest.mark.parametrize("operation", ["insults", "amplify", "leak"])
def test_the_share_of_the_stream_is_what_the_point_says(operation):
    point = next(
        point
        for point in curves()
        if (point.curve, point.operation, point.step) == ("share", operation, "1 in 10")
    )
    scenario = point.scenario()
    part = scenario.operation[0]
    begin_ms = scenario.start_ms + int(part.at_minute * MINUTE_MS)
    end_ms = begin_ms + int(part.duration_minutes * MINUTE_MS)
    meanwhile = [post for post in simulate(scenario, 1) if begin_ms <= post.time_ms < end_ms]
    own = sum(post.truth is not None for post in meanwhile)
    assert 1 / 14 < own / len(meanwhile) < 1 / 7


def test_copies_that_were_all_edited_are_still_found_at_a_warning():
    played = robustness.play(Point("edits", "insults", "all five", 20, rate=0.1, edits=tuple(EDITS)), 1)
    assert played.warning_s is not None


# -- false alarms ----------------------------------------------------------------------------------


def test_an_ordinary_week_repeats_no_text_and_holds_no_operation():
    week = false_alarms.week(7, 0.5)
    assert not week.operation
    assert len({part.name for part in week.lookalike}) == len(week.lookalike) == 42
    headlines = [part for part in week.lookalike if type(part).__name__ == "Headline"]
    assert len({part.text for part in headlines}) == len({part.link for part in headlines}) == 7
    assert week.lookalike[-1].at_minute >= 6 * 1440


@pytest.fixture(scope="module")
def day() -> list[LabelledPost]:
    """An ordinary day with few ordinary posts."""
    return list(simulate(false_alarms.week(1, 0.01), 1))


def test_nobody_attacks_on_an_ordinary_day(day):
    assert {post.truth.role for post in day if post.truth} == {INNOCENT}


def test_alerts_are_counted_by_severity_and_cases_by_the_highest_that_they_reached():
    quiet = false_alarms.watched("quiet", "organic", [])
    for severity, case_id in (("notice", "c1"), ("warning", "c1"), ("warning", "c1"), ("notice", "c2")):
        data = {"severity": severity, "case_id": case_id}
        false_alarms._note(quiet, [{"data": data}])
    quiet.last_ms = 2 * false_alarms.DAY_MS
    (row,) = false_alarms.rows([quiet])
    assert (row["alerts"]["warning"], row["cases"]["warning"], row["cases"]["notice"]) == (2, 1, 1)
    assert (row["loud_a_day"], false_alarms.met([row])) == (1.0, True)
    quiet.alerts["warning"] += 1
    assert not false_alarms.met(false_alarms.rows([quiet]))


def test_a_stream_is_told_of_with_its_length(day):
    posts = [decode_line(post.line) for post in day[:100]]
    stream = false_alarms.watched("some", "simulated", [posts[:60], posts[60:]])
    assert stream.posts == 100
    assert stream.days == (posts[-1].time_ms - posts[0].time_ms) / false_alarms.DAY_MS


# -- planted groups in a live stream ---------------------------------------------------------------


def case_of(*accounts: str, findings: tuple[tuple[str, ...], ...] = ()) -> dict[str, Any]:
    return {"data": {"group": {"accounts": accounts}, "findings": [{"accounts": one} for one in findings]}}


def test_a_planted_group_is_told_where_a_case_holds_most_of_it_alone_or_with_others(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.syspath_prepend(Path(false_alarms.__file__).parent)  # whose scripts import each other
    held = import_module("kafka_stream").held
    planted = [f"planted-{group}-{place}" for group in range(4) for place in range(4)]
    merged = case_of("planted-0-0", "planted-0-1", "planted-0-2", "planted-1-0", "somebody")
    later = case_of("somebody", findings=(("planted-2-1", "planted-2-2"), ("planted-2-3",)))
    half = case_of("planted-3-0", "planted-3-1")
    assert held([merged, later, half], planted) == {"planted-0", "planted-2"}
    assert held([case_of(*planted)], planted) == {f"planted-{group}" for group in range(4)}
