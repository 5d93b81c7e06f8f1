"""The written rules at their boundaries: what is just under gives nothing, what is just over gives points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import severity
from detectors.findings import Finding, Subject
from detectors.openness import OPEN_SHARE
from detectors.rules.hashtags import CROWD, P_VALUE
from detectors.rules.listed import joined
from detectors.rules.near_duplicates import AIMED_ACCOUNTS, AIMED_BITS, COHESION
from detectors.rules.traits import trait_said
from detectors.severity import assess, severity_of
from detectors.traits.results import TraitResult
from detectors.wording import sentence

TEXT = {
    "coincidence_bits": 0.0,
    "cohesion": 1.0,
    "characters": 80,
    "text_bits": 200.0,
    "targets": 0,
    "top_target_accounts": 0,
    "several_targets_accounts": 0,
    "linked_share": 0.0,
    "sourced_share": 0.0,
    "bot_share": None,
    "bot_share_low": None,
    "bot_share_high": None,
    "bot_share_reference": None,
    "scored_accounts": 0,
}
HASHTAG = (
    {
        f"{name}{part}": None
        for name in ("repeaters", "copied", "co_reposted")
        for part in ("", "_reference", "_p")
    }
    | {"co_reposted_posts": 0}
    | {
        name: TEXT[name]
        for name in ("bot_share", "bot_share_low", "bot_share_high", "bot_share_reference", "scored_accounts")
    }
)


def finding(
    detector: str,
    accounts: int = 40,
    declared: int = 0,
    total: int | None = None,
    lasts_s: int = 3600,
    **evidence,
) -> Finding:
    known = TEXT if detector == "near_duplicates" else HASHTAG
    assert set(evidence) <= set(known), "a measurement that the detector does not make"
    return Finding(
        finding_id="f1",
        detector=detector,
        subjects=(Subject("text", "t1"),),
        start_ms=0,
        end_ms=lasts_s * 1000,
        judged_ms=lasts_s * 1000 + 5000,
        accounts=tuple(f"a{number:03}" for number in range(accounts)),
        accounts_total=total or accounts,
        posts=(),
        posts_total=accounts,
        template=None,
        evidence=known | evidence,
        declared=declared,
    )


def points(assessment, code: str) -> int:
    (check,) = (check for check in assessment.checks if check.code == code)
    assert (check.points > 0) == (check.state == "met")
    return check.points


def text(linked: int = 0, most: int = 0, accounts: int = 40, **evidence):
    return assess(finding("near_duplicates", accounts, **evidence), linked, most)


def hashtag(linked: int = 0, most: int = 0, accounts: int = 40, total: int | None = None, **evidence):
    return assess(finding("hashtags", accounts, total=total, **evidence), linked, most)


@pytest.mark.parametrize(
    ("score", "reasons", "accounts", "wanted"),
    [
        (0, 0, 100, None),
        (19, 3, 100, None),
        (20, 1, 3, "notice"),
        (39, 3, 100, "notice"),
        (40, 1, 3, "warning"),
        (74, 3, 100, "warning"),
        (75, 2, 10, "critical"),
        (75, 1, 10, "warning"),
        (75, 2, 9, "warning"),
        (100, 1, 1000, "warning"),
        (100, 4, 1000, "critical"),
    ],
)
def test_severity_follows_the_score_the_reasons_and_the_accounts(score, reasons, accounts, wanted):
    assert severity_of(score, reasons, accounts) == wanted


def test_copies_alone_are_a_notice_and_never_a_warning():
    alone = text(coincidence_bits=10_000.0)
    assert [check.code for check in alone.reasons] == ["copies", "improbable"]
    assert alone.severity == "notice"


@pytest.mark.parametrize(("cohesion", "met"), [(COHESION - 0.0001, False), (COHESION, True), (1.0, True)])
def test_a_chain_of_posts_that_share_a_phrase_is_not_copies(cohesion, met):
    found = text(cohesion=cohesion, coincidence_bits=100.0)
    assert bool(points(found, "copies")) == bool(points(found, "improbable")) == met


@pytest.mark.parametrize(
    ("bits", "wanted"),
    [(None, 0), (-50.0, 0), (19.9, 0), (20.0, 1), (39.9, 1), (40.0, 2), (200.0, 10), (1e6, 10)],
)
def test_improbable_texts_give_a_point_for_each_twenty_bits_and_ten_at_most(bits, wanted):
    assert points(text(coincidence_bits=bits), "improbable") == wanted


AIMED = {"targets": 3, "top_target_accounts": AIMED_ACCOUNTS, "coincidence_bits": 100.0}


@pytest.mark.parametrize(
    ("evidence", "met"),
    [
        ({}, True),
        ({"top_target_accounts": AIMED_ACCOUNTS - 1}, False),
        ({"top_target_accounts": 0, "several_targets_accounts": AIMED_ACCOUNTS}, True),
        ({"top_target_accounts": AIMED_ACCOUNTS - 1, "several_targets_accounts": AIMED_ACCOUNTS - 1}, False),
        ({"text_bits": AIMED_BITS - 0.1}, False),
        ({"text_bits": float(AIMED_BITS)}, True),
        ({"text_bits": None}, False),
        ({"cohesion": COHESION - 0.0001}, False),
        ({"linked_share": 0.1999}, True),
        ({"linked_share": 0.2}, False),
        ({"sourced_share": 0.1999}, True),
        ({"sourced_share": 0.2}, False),
    ],
)
def test_copies_are_aimed_at_persons(evidence, met):
    found = text(accounts=16, **AIMED | evidence)
    assert bool(points(found, "aimed")) == met
    if met:
        assert found.severity == "warning"


def test_of_a_crowd_that_answers_everybody_some_always_meet_at_one():
    assert points(text(accounts=55, **AIMED | {"top_target_accounts": 17}), "aimed")
    assert not points(text(accounts=55, **AIMED | {"top_target_accounts": 16}), "aimed")


@pytest.mark.parametrize(
    ("linked", "most", "accounts", "met"),
    [
        (2, 9, 3, False),
        (3, 2, 3, True),
        (3, 2, 20, True),
        (3, 2, 21, False),
        (0, 0, 40, False),
        (40, 1, 40, False),
        (40, 2, 40, True),
    ],
)
def test_repetition_wants_three_accounts_and_a_share_of_the_group(linked, most, accounts, met):
    assert bool(points(text(linked, most, accounts, coincidence_bits=20.0), "repetition")) == met


def test_copies_of_what_anybody_hits_on_are_no_repetition_until_there_are_three_of_them():
    assert not points(text(40, 2, coincidence_bits=19.0), "repetition")
    assert points(text(40, 3, coincidence_bits=19.0), "repetition")
    assert points(text(40, 2, coincidence_bits=None), "repetition")  # not known is not commonplace


def test_repetition_in_half_of_the_group_is_a_warning_by_itself():
    half, less = hashtag(20, 2, 40), hashtag(19, 2, 40)
    assert half.severity == "warning"
    assert less.severity == "notice"
    assert points(half, "repetition") > points(less, "repetition")


def test_repetition_over_more_objects_gives_more_up_to_a_limit():
    gained = [points(text(40, most), "repetition") for most in range(2, 20)]
    assert gained == sorted(gained)
    assert gained[0] < gained[3]
    assert gained[-1] == gained[-2] <= 60


@pytest.mark.parametrize("explanation", ["linked_share", "sourced_share"])
def test_repetition_of_what_a_link_or_a_source_explains_must_be_stronger(explanation):
    rare = {"coincidence_bits": 100.0}
    assert points(text(15, 2, 40, **rare), "repetition")
    assert not points(text(15, 2, 40, **rare, **{explanation: 0.5}), "repetition")
    assert not points(text(30, 2, 40, **rare, **{explanation: 0.5}), "repetition")
    assert points(text(30, 3, 40, **rare, **{explanation: 0.5}), "repetition")


@pytest.mark.parametrize("rules", [(text, 8, 25), (hashtag, 15, 40)], ids=["texts", "hashtags"])
@pytest.mark.parametrize(
    ("less_scored", "low", "reference", "met"),
    [
        (0, 0.4, 0.2, True),
        (1, 0.4, 0.2, False),
        (0, 0.3499, 0.2, False),
        (0, 0.3501, 0.2, True),
        (0, 0.4, None, False),
        (0, None, 0.2, False),
    ],
)
def test_a_bot_share_must_stand_out_by_the_low_end_of_its_interval(rules, less_scored, low, reference, met):
    judge, least, base = rules
    share = None if low is None else low + 0.1
    found = judge(
        bot_share=share,
        bot_share_low=low,
        bot_share_high=share,
        bot_share_reference=reference,
        scored_accounts=least - less_scored,
    )
    assert bool(points(found, "bots")) == met
    if met:
        assert base <= points(found, "bots") <= base + 20


SHARES = [("repeaters", 0.15, 45), ("copied", 0.15, 30), ("co_reposted", 0.3, 20)]


def share(name: str, value, reference, p):
    return {name: value, f"{name}_reference": reference, f"{name}_p": p}


@pytest.mark.parametrize(("name", "effect", "most"), SHARES)
def test_a_share_must_exceed_comparable_tags_by_the_effect_and_twice_and_not_by_chance(name, effect, most):
    def gained(value, reference, p=1e-20, **more):
        return points(hashtag(**share(name, value, reference, p), **more), name)

    assert gained(0.11 + effect, 0.11) == most
    assert gained(0.11 + effect - 0.001, 0.11) == 0
    assert gained(0.8, 0.4) == most
    assert gained(0.799, 0.4) == 0
    assert gained(0.9, 0.1, p=P_VALUE) == 0
    assert gained(0.9, 0.1, p=P_VALUE * 0.99) > 0
    assert gained(0.9, 0.1, p=None) == 0
    assert gained(0.9, None) == 0
    assert gained(None, 0.1) == 0
    assert gained(0.9, 0.1, accounts=14) == 0
    assert gained(0.9, 0.1, accounts=15) == most
    assert gained(0.9, 0.1, total=CROWD) == most
    assert gained(0.9, 0.1, total=CROWD + 1) == 0


def test_shared_reposts_say_more_where_they_are_of_several_posts_and_far_above_and_not_of_a_moment():
    def gained(value, reference, *, posts=3, lasts_s=120):
        shares = share("co_reposted", value, reference, 1e-20)
        return points(hashtag(lasts_s=lasts_s, co_reposted_posts=posts, **shares), "co_reposted")

    assert gained(0.9, 0.1) == 45
    assert gained(0.9, 0.1, posts=2) == 20
    assert gained(0.9, 0.3) == 20
    assert gained(0.6, 0.15) == 20
    assert gained(0.9, 0.1, lasts_s=119) == 20


def test_repeaters_are_a_quarter_of_the_accounts_at_least():
    assert points(hashtag(**share("repeaters", 0.25, 0.01, 1e-20)), "repeaters") == 45
    assert points(hashtag(**share("repeaters", 0.249, 0.01, 1e-20)), "repeaters") == 0


def test_shared_reposts_beside_copies_are_the_same_sign_and_add_little():
    reposts = share("co_reposted", 0.9, 0.1, 1e-20)
    alone = points(hashtag(**reposts), "co_reposted")
    beside = points(hashtag(**reposts, **share("copied", 0.9, 0.1, 1e-20)), "co_reposted")
    assert 0 < beside <= 5 < alone


def test_shares_too_improbable_to_compute_break_nothing():
    assert points(hashtag(**share("repeaters", 1.0, 0.0, 0.0)), "repeaters") == 45


def test_what_could_not_be_measured_is_not_enough_data_and_not_a_no():
    states = {check.code: check.state for check in hashtag().checks if check.code != "repetition"}
    assert set(states.values()) == {"not_enough_data"}
    states = {check.code: check.state for check in text(coincidence_bits=None, text_bits=None).checks}
    assert states["improbable"] == states["bots"] == "not_enough_data"
    assert {check.code: check.state for check in text().checks}["improbable"] == "not_met"


@pytest.mark.parametrize(("declared", "wanted"), [(0, False), (23, False), (24, True), (40, True)])
def test_a_group_that_declares_itself_is_open(declared, wanted):
    assert OPEN_SHARE == 0.6
    assert text(declared=declared).open == wanted


def test_everything_at_once_is_critical_and_a_hundred_at_most():
    found = text(
        40,
        20,
        **AIMED,
        bot_share=0.9,
        bot_share_low=0.8,
        bot_share_high=1.0,
        bot_share_reference=0.1,
        scored_accounts=40,
    )
    assert (found.score, found.severity) == (100, "critical")
    assert sum(check.points for check in found.reasons) > 100


numbers = st.one_of(st.none(), st.floats(0, 1))


@given(
    st.fixed_dictionaries({name: numbers for name in HASHTAG if name != "scored_accounts"}),
    st.integers(0, 600),
    st.integers(1, 600),
    st.integers(0, 40),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_a_score_is_the_sum_of_its_reasons_whatever_the_evidence(evidence, linked, accounts, most):
    found = hashtag(min(linked, accounts), most, accounts, **evidence, scored_accounts=accounts)
    assert found.score == min(100, sum(check.points for check in found.reasons))
    gained = [check.points for check in found.reasons]
    assert gained == sorted(gained, reverse=True)
    assert all(isinstance(number, int) and number > 0 for number in gained)
    assert all(reason in found.checks for reason in found.reasons)
    assert not any(
        isinstance(v, float) and math.isnan(v) for check in found.checks for v in check.numbers.values()
    )


def test_every_rule_says_what_it_needs():
    for check in [*text().checks, *hashtag().checks]:
        assert len(check.needed) > 10
    assert severity.NOTICE < severity.WARNING < severity.CRITICAL


def test_a_listed_trait_does_not_take_the_place_of_the_rule_of_the_lists_in_a_sentence():
    reason = joined(5, 3, 20)
    trait = TraitResult(name="listed", state="found", value=0.4, reference=0.01, n=20)
    assert sentence("hashtags", reason, [trait]) == sentence("hashtags", reason) != trait_said(trait)


@pytest.mark.parametrize(
    ("showing", "declared", "counted"), [(12, 0, True), (12, 9, True), (12, 10, False), (1, 0, False)]
)
def test_a_trait_of_fewer_than_three_beside_the_declared_accounts_gives_no_points(showing, declared, counted):
    trait = TraitResult(name="client", state="found", value=showing / 20, reference=0.01, n=20)
    group = finding("near_duplicates", accounts=20, declared=declared)
    assert ("client" in {check.code for check in assess(group, 0, 0, traits=[trait]).reasons}) == counted
