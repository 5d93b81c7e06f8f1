"""Cases: what joins, what does not, when they speak, and that no finding is lost on the way."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, SECOND, SMALL, newsroom, planted, post, run, sentence

from detectors.case import Case, Judged
from detectors.cases import Cases, CaseSettings
from detectors.findings import Finding, Member, Subject
from detectors.openness import Openness
from detectors.rules.checks import Check
from detectors.severity import Assessment, severity_of
from detectors.traits.results import State, TraitResult
from detectors.verdicts import Verdict
from streams.embedded import Pipeline

TICK = 5 * SECOND
OPEN = Openness("declared", ("all declare themselves", "tous se déclarent"), 1.0)
HOUR = 60 * MINUTE


def judged(
    name: str,
    accounts,
    at: int = 0,
    score: int = 30,
    *,
    is_open: bool = False,
    subjects=None,
    codes=("copies", "bots"),
):
    """A finding about these accounts at this moment, with a score already given."""
    members = tuple(sorted(accounts))
    reasons = tuple(Check(code, "met", 10, "", {}) for code in codes)
    return Judged(
        Finding(
            finding_id=name,
            detector="near_duplicates",
            subjects=subjects or (Subject("text", name),),
            start_ms=at - 1000,
            end_ms=at,
            judged_ms=at,
            accounts=members,
            accounts_total=len(members),
            posts=(),
            posts_total=len(members),
            template=None,
            evidence={},
            declared=0,
        ),
        Assessment(
            score, severity_of(score, len(codes), len(members)), reasons, OPEN if is_open else None, reasons
        ),
    )


def people(first: int, last: int) -> set[str]:
    return {f"a{number}" for number in range(first, last)}


def told(cases: Cases, ticks) -> list[tuple[int, str, str, int, list[str]]]:
    """What is told tick by tick: (tick, case, status, revision, findings)."""
    lines = []
    for tick_ms, findings in ticks:
        for revision in cases.take(findings, tick_ms):
            names = [one.finding.finding_id for one in revision.new]
            lines.append((tick_ms, revision.case.case_id, revision.status, revision.case.revision, names))
    return lines


def joined(one: Judged, *others: Judged) -> int:
    """How many cases these findings make, one a tick."""
    cases = Cases()
    told(cases, [(TICK * n, [each]) for n, each in enumerate((one, *others), 1)])
    return len(cases)


# -- what joins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        (people(19, 30), 2),  # one account
        (people(18, 30), 2),  # two accounts
        (people(17, 20), 1),  # three accounts, and all of the second
        (people(17, 23), 1),  # three of six
        (people(17, 24), 2),  # three of seven
        (people(10, 30), 1),  # ten of twenty
        (people(11, 30) | {"z"}, 2),  # nine of twenty
        (people(0, 2), 2),  # all of the second, which are too few
        (people(20, 40), 2),
    ],
)
def test_findings_join_by_an_overlap_that_chance_does_not_give(other, wanted):
    assert joined(judged("f1", people(0, 20), 1), judged("f2", other, 2)) == wanted


def test_a_crowd_that_contains_a_group_does_not_join_its_case():
    assert joined(judged("f1", people(0, 5), 1), judged("f2", people(0, 400), 2)) == 2


def test_a_hyperactive_account_does_not_glue_groups_together():
    groups = [judged(f"f{n}", people(10 * n, 10 * n + 8) | {"busy"}, n) for n in range(30)]
    assert joined(*groups) == 30


def test_two_hyperactive_accounts_do_not_glue_small_groups_together():
    groups = [judged(f"f{n}", people(10 * n, 10 * n + 2) | {"busy", "busier"}, n) for n in range(20)]
    assert joined(*groups) == 20


def test_accounts_that_are_in_every_other_case_join_nothing():
    busy = {"busy", "busier", "busiest"}
    groups = [judged(f"f{n}", people(10 * n, 10 * n + 6) | busy, n) for n in range(8)]
    assert joined(*groups, judged("f9", {"z"} | busy, 9)) == 9
    assert joined(*groups[:7], judged("f9", {"z"} | busy, 9)) == 7


@pytest.mark.parametrize(
    ("shared", "population", "wanted"),
    [
        (3, 10_000, 2),  # of six accounts three: in a crowd of every twentieth account that happens
        (4, 10_000, 1),
        (3, 100_000, 1),  # the same crowd in a larger stream
        (3, 0, 1),  # nothing is known of the stream
    ],
)
def test_a_small_group_does_not_join_a_crowd_that_would_contain_it_by_chance(shared, population, wanted):
    cases, group = Cases(), people(500 - shared, 506 - shared)
    for tick, one in enumerate((judged("f1", people(0, 500), 1), judged("f2", group, 2)), 1):
        list(cases.take([one], tick * TICK, lambda: population))
    assert len(cases) == wanted


def test_a_group_that_names_what_the_crowd_names_joins_it_all_the_same():
    cases, tag = Cases(), (Subject("hashtag", "debate"),)
    crowd = judged("f1", people(0, 500), 1, subjects=tag)
    for tick, one in enumerate((crowd, judged("f2", people(497, 503), 2, subjects=tag)), 1):
        list(cases.take([one], tick * TICK, lambda: 10_000))
    assert len(cases) == 1


def test_accounts_that_left_a_case_and_act_on_are_told_as_split_off_from_it():
    cases = Cases()
    (first,) = cases.take([judged("f1", people(0, 20), 1)], TICK)
    list(cases.take([judged("f1", people(0, 12), 2)], 20 * TICK))  # eight accounts are tied to it no more
    (second,) = cases.take([judged("f2", people(12, 22), 3)], 21 * TICK)
    assert (second.status, second.case.split_from) == ("open", first.case.case_id)
    (third,) = cases.take([judged("f3", people(30, 40), 4)], 22 * TICK)
    assert third.case.split_from is None


def test_a_case_that_ends_counts_for_its_accounts_until_it_goes_on_or_was_dismissed():
    cases = Cases(CaseSettings(close_minutes=1))
    (first,) = cases.take([judged("f1", people(0, 3), TICK, 60)], TICK)
    assert cases.passed() == []
    list(cases.take([], HOUR))
    assert cases.passed() == [(sorted(people(0, 3)), 1)]
    list(cases.take([judged("f1", people(0, 3), HOUR + TICK, 60)], HOUR + TICK))
    assert cases.passed() == [(sorted(people(0, 3)), -1)]
    for tick in (2 * HOUR, 3 * HOUR):  # first what the cool-down held back
        list(cases.take([], tick))
    assert cases.passed() == [(sorted(people(0, 3)), 1)]
    cases.rule(
        Verdict(case_id=first.case.case_id, kind="dismissed", reason="fans", at_ms=3 * HOUR, said_ms=1)
    )
    assert cases.passed() == [(sorted(people(0, 3)), -1)]


def test_a_notice_counts_for_nobody():
    cases = Cases(CaseSettings(close_minutes=1))
    list(cases.take([judged("f1", people(0, 3), TICK, 30)], TICK))
    list(cases.take([], HOUR))
    assert cases.passed() == []


def test_a_finding_joins_the_case_with_which_it_shares_most():
    cases = Cases()
    first, second = judged("f1", people(0, 8), 1), judged("f2", people(8, 18), 1)
    lines = told(cases, [(TICK, [first, second]), (20 * TICK, [judged("f3", people(4, 18), 2)])])
    owner = next(case for _, case, _, _, names in lines if "f2" in names)
    assert next(case for _, case, _, _, names in lines if "f3" in names) == owner


def test_a_finding_that_changes_stays_in_its_case_whoever_it_is_about():
    cases = Cases()
    lines = told(
        cases, [(TICK, [judged("f1", people(0, 5), 1)]), (20 * TICK, [judged("f1", people(50, 60), 2)])]
    )
    assert len({case for _, case, *_ in lines}) == 1


def test_open_coordination_and_what_is_not_worth_a_notice_make_no_case():
    assert joined(judged("f1", people(0, 20), 1, 90, is_open=True), judged("f2", people(0, 20), 2, 19)) == 0


def test_groups_that_push_one_hashtag_with_the_same_accounts_become_one_case():
    tag = (Subject("hashtag", "lune"),)
    cases = Cases()
    lines = told(
        cases,
        [
            (TICK, [judged("f1", people(0, 10), TICK, subjects=tag)]),
            (2 * TICK, [judged("f2", people(20, 30), 2 * TICK, subjects=tag)]),
            (40 * TICK, [judged("f2", people(4, 30), 40 * TICK, subjects=tag)]),
        ],
    )
    assert len(cases) == 1
    first = lines[0][1]
    assert {case for tick, case, status, *_ in lines if status == "merged"} == {lines[1][1]}
    assert lines[-1][1:3] == (first, "updated")
    assert lines[-1][4] == ["f2"]


def posting(one: Judged, **more: int) -> Judged:
    """The finding with a post to show, and other counts."""
    post = Member(0, "p", one.finding.accounts[0], -1, (), (), linked=False, sourced=False, declared=False)
    return one._replace(finding=msgspec.structs.replace(one.finding, posts=(post,), **more))


@pytest.mark.parametrize(
    ("largest", "other", "posts"),
    [
        (posting(judged("f1", people(0, 10))), posting(judged("f2", people(8, 12))), 12),
        (posting(judged("f1", people(0, 10))), judged("f2", people(8, 12)), 10),
        (
            posting(judged("f1", people(0, 10)), accounts_total=5000, posts_total=9000),
            posting(judged("f2", people(8, 12))),
            9000,
        ),
    ],
    ids=["others posted too", "others are known without a post", "not all of the largest are known"],
)
def test_a_case_has_a_post_of_every_account_that_its_largest_finding_does_not_hold(largest, other, posts):
    case = Case(largest)
    case.take(largest)
    case.take(other)
    assert case.posts_total == posts


# -- when they speak ------------------------------------------------------------------------------


def test_the_first_finding_is_told_at_once():
    assert told(Cases(), [(TICK, [judged("f1", people(0, 5), 1)])])[0][2:] == ("open", 1, ["f1"])


def test_a_cool_down_delays_and_loses_nothing():
    cases = Cases()
    ticks = [(TICK * n, [judged(f"f{n}", people(0, 5), n)]) for n in range(1, 10)]
    ticks += [(TICK * n, []) for n in range(10, 40)]
    lines = told(cases, ticks)
    assert [line[0] for line in lines] == [TICK, TICK + 60 * SECOND]
    assert [name for line in lines for name in line[4]] == [f"f{n}" for n in range(1, 10)]


def test_a_rise_in_severity_is_told_at_once():
    cases = Cases()
    lines = told(
        cases,
        [
            (TICK, [judged("f1", people(0, 12), 1, 30)]),
            (2 * TICK, [judged("f2", people(0, 12), 2, 39)]),
            (3 * TICK, [judged("f3", people(0, 12), 3, 40)]),
            (4 * TICK, [judged("f4", people(0, 12), 4, 74)]),
            (5 * TICK, [judged("f5", people(0, 12), 5, 75)]),
            (6 * TICK, [judged("f6", people(0, 12), 6, 100)]),
        ],
    )
    assert [(line[0] // TICK, line[4]) for line in lines] == [
        (1, ["f1"]),
        (3, ["f2", "f3"]),
        (5, ["f4", "f5"]),
    ]
    assert [revision.new[0].finding.finding_id for revision in cases.finish(7 * TICK)] == ["f6"]


def test_a_newer_state_of_a_finding_replaces_the_one_that_waits():
    cases = Cases()
    ticks = [(TICK * n, [judged("f1", people(0, 4 + n), n)]) for n in range(1, 6)]
    revisions = [revision for tick, some in ticks for revision in cases.take(some, tick)]
    (last,) = cases.finish(6 * TICK)
    assert len(revisions) == 1
    assert [len(one.finding.accounts) for one in last.new] == [9]


def test_the_score_of_a_case_does_not_fall():
    cases = Cases()
    told(
        cases,
        [(TICK, [judged("f1", people(0, 12), 1, 80)]), (2 * TICK, [judged("f1", people(0, 12), 2, 25)])],
    )
    (last,) = cases.finish(3 * TICK)
    assert (last.case.score, last.case.severity) == (80, "critical")


def test_a_case_closes_after_an_hour_of_silence_and_no_sooner():
    cases = Cases()
    told(cases, [(TICK, [judged("f1", people(0, 5), 2000)])])
    assert cases.next_deadline_ms() == 60 * MINUTE + 2000
    assert told(cases, [(60 * MINUTE, [])]) == []
    ((_, _, status, revision, names),) = told(cases, [(60 * MINUTE + TICK, [])])
    assert (status, revision, names) == ("closed", 2, [])
    assert len(cases) == 0
    assert cases.next_deadline_ms() is None


def test_news_puts_the_closing_off():
    cases = Cases()
    told(
        cases,
        [
            (TICK, [judged("f1", people(0, 5), TICK)]),
            (50 * MINUTE, [judged("f2", people(0, 5), 50 * MINUTE)]),
        ],
    )
    assert told(cases, [(100 * MINUTE, [])]) == []
    assert told(cases, [(110 * MINUTE, [])])[0][2] == "closed"


def test_a_finding_that_goes_on_after_its_case_was_closed_opens_it_again():
    cases = Cases()
    lines = told(
        cases,
        [
            (TICK, [judged("f1", people(0, 5), TICK)]),
            (70 * MINUTE, []),
            (71 * MINUTE, [judged("f1", people(0, 5), 71 * MINUTE)]),
            (140 * MINUTE, []),
        ],
    )
    assert [line[2] for line in lines] == ["open", "closed", "updated", "closed"]
    assert len({case for _, case, *_ in lines}) == 1
    assert [revision for _, _, _, revision, _ in lines] == [1, 2, 3, 4]


def test_accounts_that_a_finding_lost_are_forgotten_with_the_case():
    cases = Cases()
    lines = told(
        cases,
        [
            (TICK, [judged("f1", people(0, 10), TICK)]),
            (2 * TICK, [judged("f1", people(6, 20), 2 * TICK)]),
            (30 * TICK, []),
            (90 * MINUTE, []),
            (91 * MINUTE, [judged("f2", people(0, 10), 91 * MINUTE)]),
        ],
    )
    assert [line[2] for line in lines] == ["open", "updated", "closed", "open"]


def test_beyond_the_limit_the_case_silent_for_longest_is_closed_with_all_it_had_to_tell():
    cases = Cases(CaseSettings(max_cases=3))
    ticks = [(TICK * n, [judged(f"f{n}", people(10 * n, 10 * n + 5), TICK * n)]) for n in range(1, 6)]
    lines = told(cases, ticks)
    assert len(cases) == 3
    assert cases.evicted == 2
    assert [line[2] for line in lines].count("closed") == 2
    opened = [line[1] for line in lines if line[2] == "open"]
    assert [line[1] for line in lines if line[2] == "closed"] == opened[:2]


# -- what its accounts have in common -------------------------------------------------------------


def dormancy(state: State, p_value: float | None = None, effect: float | None = None, n: int = 20):
    return TraitResult(name="dormancy", state=state, p_value=p_value, effect=effect, n=n)


FOUND, NOT_FOUND = dormancy("found", 1e-3, 0.9), dormancy("not_found", 1e-9, 0.9)


def case_of(*results: TraitResult, scores=(60, 30, 20)) -> Case:
    """A case of one finding for each of these results, the first with the most points."""
    findings = [
        judged(f"f{n}", people(0, 20), n + 1, score=score)._replace(traits=(result,))
        for n, (result, score) in enumerate(zip(results, scores, strict=False))
    ]
    case = Case(findings[0])
    for one in findings:
        case.take(one)
    return case


@pytest.mark.parametrize(
    ("results", "strongest"),
    [
        ((NOT_FOUND, FOUND), 1),  # found, though by a larger p-value
        ((dormancy("not_enough_data"), dormancy("not_found", 0.9, -0.2)), 1),
        ((dormancy("not_on_this_network"), dormancy("not_enough_data")), 1),
        ((dormancy("found", 1e-3, 2.0), dormancy("found", 1e-4, 0.5)), 1),
        ((dormancy("found", 1e-3, 0.5), dormancy("found", 1e-3, 0.6), FOUND), 2),
        ((dormancy("found", 1e-3, 0.5, n=9), dormancy("found", 1e-3, 0.5, n=90)), 0),  # the first id
    ],
)
def test_of_each_trait_the_strongest_result_of_all_findings_is_told(results, strongest):
    case = case_of(*results)
    assert case.best.finding.finding_id == "f0"
    assert case.traits == [(results[strongest], f"f{strongest}")]


def test_traits_of_other_findings_add_no_points_and_no_reasons():
    alone, both = case_of(NOT_FOUND), case_of(NOT_FOUND, FOUND)
    assert (both.score, both.best.assessment) == (alone.score, alone.best.assessment)


def test_the_newer_state_of_a_finding_takes_its_earlier_results_with_it():
    case = case_of(NOT_FOUND, FOUND)
    case.take(judged("f1", people(0, 40), 9, score=30)._replace(traits=(dormancy("not_found", 0.5, 0.1),)))
    assert case.traits == [(NOT_FOUND, "f0")]


def test_traits_are_told_by_name_and_the_same_after_a_restart():
    first = judged("f0", people(0, 20), 1, score=60)._replace(
        traits=(TraitResult(name="timing", state="not_found"), NOT_FOUND)
    )
    second = judged("f1", people(0, 20), 2)._replace(
        traits=(TraitResult(name="client", state="found", p_value=0.001), FOUND)
    )
    case = Case(first)
    for one in (first, second):
        case.take(one)
    assert [(result.name, name) for result, name in case.traits] == [
        ("client", "f1"),
        ("dormancy", "f1"),
        ("timing", "f0"),
    ]
    parts = [part for name in ("f1", "f0") if (part := case.part(name)) is not None]
    assert Case.restored(case.case_id, case.head(), parts).traits == case.traits


# -- whatever the order of events -----------------------------------------------------------------

events = st.lists(
    st.tuples(
        st.integers(0, 8),  # ticks since the last event, times a growing step
        st.integers(0, 9),  # finding
        st.integers(0, 30),  # first account
        st.integers(3, 15),  # how many
        st.integers(15, 100),  # score
        st.sampled_from((None, "lune", "mer")),
    ),
    min_size=1,
    max_size=60,
)


@given(events, st.integers(1, 8), st.sampled_from((1, 40, 300)))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_every_finding_is_told_in_full_and_revisions_count_up(history, max_cases, step):
    cases = Cases(CaseSettings(max_cases=max_cases))
    revisions, newest, tick = [], {}, TICK
    statuses: dict[str, list[str]] = {}
    for gap, name, first, count, score, tag in history:
        tick += gap * step * TICK
        subjects = (Subject("text", str(name)), *([Subject("hashtag", tag)] if tag else []))
        one = judged(f"f{name}", people(first, first + count), tick, score, subjects=subjects)
        if score >= 20:
            newest[one.finding.finding_id] = one
        for revision in cases.take([one], tick):
            revisions.append((revision.case.case_id, revision.case.revision, revision.new))
            statuses.setdefault(revision.case.case_id, []).append(revision.status)
    for revision in cases.finish(tick):
        revisions.append((revision.case.case_id, revision.case.revision, revision.new))
        statuses.setdefault(revision.case.case_id, []).append(revision.status)
    numbers: dict[str, list[int]] = {}
    for case_id, number, _ in revisions:
        numbers.setdefault(case_id, []).append(number)
    for case_id, counted in numbers.items():
        assert counted == list(range(1, len(counted) + 1)), case_id
        assert "merged" not in statuses[case_id][:-1]
        assert "open" not in statuses[case_id][1:]
    last_told = {one.finding.finding_id: one for _, _, new in revisions for one in new}
    assert last_told == newest
    assert len(cases) <= max_cases


@given(events)
@settings(max_examples=50, derandomize=True, deadline=None)
def test_the_same_findings_give_the_same_ids(history):
    def ids():
        cases, tick, lines = Cases(), TICK, []
        for gap, name, first, count, score, tag in history:
            tick += gap * 40 * TICK
            subjects = (Subject("hashtag", tag),) if tag else None
            lines += told(
                cases,
                [(tick, [judged(f"f{name}", people(first, first + count), tick, score, subjects=subjects)])],
            )
        return lines

    assert ids() == ids()


# -- through the pipeline -------------------------------------------------------------------------


def test_every_finding_worth_a_notice_is_in_an_alert_in_its_last_state():
    last: dict[str, Judged] = {}

    def remember(one: Judged) -> None:
        if one.assessment.severity and not one.assessment.open:
            last[one.finding.finding_id] = one

    alerts = run(Pipeline(SMALL, on_judged=remember), planted(9).posts, [40])
    shown = {found["finding_id"]: found for alert in alerts for found in alert["data"]["findings"]}
    assert len(last) >= 2
    assert set(shown) == set(last)
    for name, one in last.items():
        assert shown[name]["posts_total"] == one.finding.posts_total
        assert shown[name]["accounts_total"] == one.finding.accounts_total
    ids = [alert["id"] for alert in alerts]
    assert len(ids) == len(set(ids))


def test_newsrooms_that_copy_one_another_are_shown_as_open_and_not_alerted():
    rng = random.Random(5)
    posts = [post(f"t{n}", f"t{n}", n * SECOND, sentence(rng)) for n in range(60)]
    wire = [sentence(rng, 100, 150) for _ in range(5)]
    for declared, wanted in ((20, 0), (11, 1)):
        copies = [
            post(
                f"w{n}",
                f"w{n % 20}",
                60_000 + n * SECOND,
                wire[n // 20],
                author=newsroom() if n % 20 < declared else None,
            )
            for n in range(100)
        ]
        pipeline = Pipeline(SMALL)
        alerts = run(pipeline, posts + copies)
        assert bool(alerts) == bool(wanted)
        assert bool(pipeline.judge.open_groups) != bool(wanted)


def test_an_operation_that_comes_and_goes_never_uses_an_alert_id_twice():
    rng = random.Random(6)
    text = sentence(rng, 120, 150)
    posts = [post(f"t{n}", f"t{n}", n * 30 * SECOND, sentence(rng)) for n in range(600)]
    for wave, minute in enumerate((1, 55, 108, 165, 250)):
        posts += [
            post(f"w{wave}.{n}", f"w{wave}.{n}", minute * MINUTE + n * SECOND, f"@victim {text}")
            for n in range(3 + 4 * wave)
        ]
    alerts = run(Pipeline(SMALL), sorted(posts, key=lambda one: one.time_ms))
    ids = [alert["id"] for alert in alerts]
    assert len(ids) == len(set(ids))
    assert Counter(alert["data"]["status"] for alert in alerts)["closed"] >= 1
    accounts = {name for alert in alerts for found in alert["data"]["findings"] for name in found["accounts"]}
    assert {f"w4.{n}" for n in range(19)} <= accounts


def test_accounts_that_come_back_after_their_case_was_closed_are_told_with_it():
    cases = Cases(CaseSettings(close_minutes=1, min_shared=3))
    (first,) = cases.take([judged("one", people(0, 30), 5_000, score=60)], 5_000)
    (closed,) = cases.take([], 3_600_000)
    assert (closed.status, closed.case.severity, closed.earlier) == ("closed", "warning", ())
    (again,) = cases.take([judged("two", people(10, 40), 3_605_000, score=60)], 3_605_000)
    assert again.case.case_id != first.case.case_id
    assert again.earlier == (first.case.case_id,)
    (other,) = cases.take([judged("three", people(28, 70), 3_606_000, score=60)], 3_610_000)
    assert other.earlier == ()
