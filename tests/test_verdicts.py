"""What an analyst says of a case is in force from the next tick on, is told, counted, and can be played
again."""

from __future__ import annotations

import msgspec
from streams_of_posts import MINUTE
from test_cases import TICK, judged, people

from detectors.cases import Cases, CaseSettings
from detectors.judging import Judge
from detectors.verdicts import Precision, Verdict
from streams.embedded import Settings

HOUR = 60 * MINUTE


def opened(**settings) -> tuple[Cases, str]:
    """One case that was told, and its id."""
    cases = Cases(CaseSettings(**settings))
    (told,) = cases.take([judged("f", people(0, 10), TICK, 50)], TICK)
    return cases, told.case.case_id


def verdict(case_id: str, kind: str = "dismissed", said: int = 1, **more) -> Verdict:
    return Verdict(case_id=case_id, kind=kind, reason="a fan club", at_ms=0, said_ms=said, **more)


def statuses(cases: Cases, *ticks) -> list[tuple[str, int, list[str]]]:
    """What is told: status, revision, and the findings in it."""
    return [
        (one.status, one.case.revision, sorted(part.finding.finding_id for part in one.new))
        for tick_ms, found in ticks
        for one in cases.take(found, tick_ms)
    ]


def test_a_dismissed_case_says_so_at_the_next_tick_and_then_falls_silent():
    cases, case_id = opened()
    assert cases.rule(verdict(case_id))
    again = [judged("f", people(0, 15), 9 * MINUTE, 90)]
    assert statuses(cases, (2 * TICK, []), (9 * MINUTE, again), (5 * HOUR, [])) == [("dismissed", 2, [])]
    assert len(cases) == 0


def test_a_dismissal_for_a_while_ends_and_what_waited_is_told():
    cases, case_id = opened()
    cases.rule(verdict(case_id, until_ms=20 * MINUTE))
    found = [judged("g", people(0, 12), 9 * MINUTE, 60)]
    ticks = [(2 * TICK, []), (9 * MINUTE, found), (19 * MINUTE, []), (20 * MINUTE, [])]
    assert statuses(cases, *ticks) == [("dismissed", 2, []), ("updated", 3, ["g"])]


def test_the_same_accounts_under_another_finding_stay_dismissed_for_good():
    cases, case_id = opened()
    cases.rule(verdict(case_id))
    statuses(cases, (2 * TICK, []), (3 * HOUR, []))
    assert statuses(cases, (4 * HOUR, [judged("other", people(0, 8), 4 * HOUR, 60)])) == []
    stranger = [judged("stranger", people(20, 30), 4 * HOUR, 60)]
    assert statuses(cases, (4 * HOUR, stranger)) == [("open", 1, ["stranger"])]


def test_the_same_accounts_are_told_again_after_a_dismissal_for_a_while():
    cases, case_id = opened()
    cases.rule(verdict(case_id, until_ms=2 * HOUR))
    statuses(cases, (2 * TICK, []), (3 * HOUR, []))
    assert statuses(cases, (4 * HOUR, [judged("other", people(0, 8), 4 * HOUR, 60)])) == [
        ("open", 1, ["other"])
    ]


def test_a_confirmed_case_goes_on_speaking_and_carries_the_verdict():
    cases, case_id = opened()
    cases.rule(verdict(case_id, "confirmed"))
    (told,) = cases.take([], 2 * TICK)
    assert (told.status, told.case.verdict.kind) == ("updated", "confirmed")
    assert statuses(cases, (9 * MINUTE, [judged("f", people(0, 15), 9 * MINUTE, 50)])) == [
        ("updated", 3, ["f"])
    ]


def test_a_closed_case_can_be_judged_and_a_note_takes_a_verdict_back():
    cases, case_id = opened()
    assert statuses(cases, (2 * HOUR, [])) == [("closed", 2, [])]
    cases.rule(verdict(case_id, "confirmed"))
    (told,) = cases.take([], 3 * HOUR)
    assert (told.status, told.case.verdict.kind) == ("closed", "confirmed")
    assert cases.precision == {"near_duplicates": Precision(1, 0)}
    cases.rule(verdict(case_id, "noted", said=2))
    assert cases.precision == {"near_duplicates": Precision(0, 0)}


def test_verdicts_count_once_for_each_detector_however_often_they_come():
    cases, case_id = opened()
    for _ in range(3):
        assert cases.rule(verdict(case_id, "retracted"))
    assert cases.precision == {"near_duplicates": Precision(0, 1)}
    assert statuses(cases, (2 * TICK, []), (3 * TICK, [])) == [("retracted", 2, [])]


def test_of_two_verdicts_the_one_that_was_said_later_stands_in_whatever_order_they_come():
    cases, case_id = opened()
    cases.rule(verdict(case_id, "confirmed", said=2))
    cases.rule(verdict(case_id, "dismissed", said=1))
    (told,) = cases.take([], 2 * TICK)
    assert told.case.verdict.kind == "confirmed"


def test_a_verdict_on_a_case_that_nobody_knows_changes_nothing():
    cases, _ = opened()
    assert not cases.rule(verdict("c0000000000000000"))
    assert statuses(cases, (2 * TICK, [])) == []


def test_a_verdict_outlives_a_restart():
    cases, case_id = opened()
    cases.track()
    cases.rule(verdict(case_id))
    saved = cases.changes(everything=True)
    again = Cases()
    again.restore(saved)
    assert again.precision == cases.precision
    assert statuses(again, (2 * TICK, []), (9 * MINUTE, [judged("f", people(0, 15), 9 * MINUTE, 90)])) == [
        ("dismissed", 2, [])
    ]


def test_a_verdict_is_in_force_at_its_time_though_no_post_comes():
    judge = Judge(Settings())
    (told,) = judge.cases.take([judged("f", people(0, 10), TICK, 50)], TICK)
    judge.hear(msgspec.structs.replace(verdict(told.case.case_id), at_ms=6 * TICK - 1))
    assert list(judge.silence(6 * TICK - 1)) == []
    (dismissed,) = judge.silence(9 * TICK)
    assert (dismissed.status, dismissed.tick_ms) == ("dismissed", 6 * TICK)
