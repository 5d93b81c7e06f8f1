"""What leads the stream, alerted or not: the newest judgements, bounded, and the same after JSON."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of_posts import SMALL, planted, run

from detectors.case import Judged
from detectors.findings import Finding, Member, Subject
from detectors.severity import assess
from streams.embedded import Pipeline
from streams.leading import Leading

MINUTE_MS = 60_000
BOTS = {"bot_share": 0.3, "bot_share_low": 0.2, "bot_share_high": 0.4, "scored_accounts": 30}


def judged(value: str, accounts: int = 20, detector: str = "rising", bot_share: float = 0.3) -> Judged:
    evidence = {"posts": 2 * accounts, "usual": 1, "minutes": 5, "deviations": 9.0, "busiest_share": 0.2}
    finding = Finding(
        finding_id=value,
        detector=detector,
        subjects=(Subject("hashtag", value),),
        start_ms=0,
        end_ms=MINUTE_MS,
        judged_ms=MINUTE_MS,
        accounts=("x/1",),
        accounts_total=accounts,
        posts=(),
        posts_total=2 * accounts,
        template=None,
        evidence=evidence | _of_a_hashtag() | BOTS | {"bot_share": bot_share, "bot_share_reference": 0.25},
        declared=0,
    )
    return Judged(finding, assess(finding, 0, 0))


def _of_a_hashtag() -> dict[str, float]:
    measured = {"repeaters": 0.2, "copied": 0.0, "co_reposted": 0.1}
    against = {f"{name}_reference": 0.1 for name in measured} | {f"{name}_p": 0.5 for name in measured}
    return measured | against | {"co_reposted_posts": 0}


def values(leading: Leading, k: int = 10) -> list[str]:
    return [leader.value for leader in leading.top("hashtag", k)]


@pytest.fixture(scope="module")
def night() -> Leading:
    leading = Leading()
    pipeline = Pipeline(SMALL, on_judged=lambda one: leading.note(one, one.finding.judged_ms))
    run(pipeline, planted(7, copiers=12, pushers=22).posts)
    return leading


def test_the_pushed_hashtag_leads_with_its_bots_and_its_reason(night):
    (leader, *_) = night.top("hashtag", 3)
    assert (leader.value, leader.accounts, leader.severity) == ("pushed", 22, "critical")
    assert leader.bot_low <= leader.bot_share <= leader.bot_high
    assert leader.trend[-1] == leader.bot_share
    assert len(leader.trend) > 1
    assert "of the accounts look automated" in leader.why_en
    assert "des comptes paraissent automatisés" in leader.why_fr


def test_a_copied_text_is_shown_by_its_words(night):
    (leader, *_) = night.top("text", 3)
    assert leader.shown != leader.value
    assert " " in leader.shown


def test_those_that_give_no_points_say_what_comes_nearest_with_figures():
    leading = Leading()
    leading.note(judged("quiet", detector="hashtags"), MINUTE_MS)
    (leader,) = leading.top("hashtag", 1)
    assert (leader.score, leader.severity) == (0, None)
    assert leader.why_en.startswith("20% of its accounts posted it twice or more, against 10%")
    assert "gives no points" in leader.why_en
    assert "il faut\u00a0: de 15 à 500 comptes" in leader.why_fr
    assert "repeaters" not in leader.why_fr


def test_the_first_are_those_of_most_accounts():
    leading = Leading()
    for value, accounts in (("few", 16), ("most", 90), ("many", 40)):
        leading.note(judged(value, accounts), MINUTE_MS)
    assert values(leading) == ["most", "many", "few"]
    assert values(leading, 1) == ["most"]
    assert leading.top("link", 10) == []


def test_the_newest_judgement_replaces_the_one_before():
    leading = Leading()
    leading.note(judged("tag", 90), MINUTE_MS)
    leading.note(judged("tag", 30, bot_share=0.35), 2 * MINUTE_MS)
    (leader,) = leading.top("hashtag", 10)
    assert (leader.accounts, leader.trend, leader.seen_ms) == (30, (0.3, 0.35), 2 * MINUTE_MS)


def test_of_two_detectors_the_widest_counts_and_the_strongest_says_why():
    leading = Leading()
    leading.note(judged("tag", 20), MINUTE_MS)  # a rise, which gives points
    leading.note(judged("tag", 90, "hashtags"), 2 * MINUTE_MS)
    (leader,) = leading.top("hashtag", 10)
    assert (leader.accounts, leader.score) == (90, 15)
    assert "in 5 minutes" in leader.why_en


def test_what_is_not_judged_again_goes_after_the_window():
    leading = Leading(window_min=10)
    leading.note(judged("old"), MINUTE_MS)
    leading.note(judged("new"), 9 * MINUTE_MS)
    assert values(leading) == ["new", "old"]
    leading.advance(11 * MINUTE_MS)
    assert values(leading) == ["new"]
    assert leading.evicted == 0


def test_of_the_bot_share_the_newest_thirty_are_kept():
    leading = Leading()
    for number in range(40):
        leading.note(judged("tag", bot_share=number / 100), number * 1000)
    (leader,) = leading.top("hashtag", 1)
    assert leader.trend == tuple(number / 100 for number in range(10, 40))


def test_a_detector_without_a_bot_share_gets_it_from_the_posts_shown():
    one = judged("tag")
    members = tuple(
        Member(n, f"p{n}", f"x/{n}", score, (), (), False, False, False)
        for n, score in enumerate((900, 100, -1))
    )
    finding = msgspec.structs.replace(one.finding, evidence={}, posts=members)
    leading = Leading()
    leading.note(one._replace(finding=finding), MINUTE_MS)
    assert leading.top("hashtag", 1)[0].bot_share == 0.5


def test_an_adversary_who_invents_hashtags_fills_no_memory_and_drives_out_nothing_in_use():
    leading = Leading(k=5)
    for number in range(500):
        leading.note(judged(f"invented{number}", 16), number)
        leading.note(judged("real", 90), number)
    assert len(leading.top("hashtag", 1000)) == 100
    assert values(leading, 1) == ["real"]
    assert leading.evicted == 401


@given(
    noted=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(8, 99), st.sampled_from(["rising", "hashtags"])),
        max_size=20,
    )
)
def test_it_comes_back_from_json_as_it_was(noted):
    leading = Leading(window_min=3)
    for number, (value, accounts, detector) in enumerate(noted):
        leading.note(judged(value, accounts, detector), number * 20_000)
    back = Leading.from_json(leading.as_json().decode())
    assert back.top("hashtag", 10) == leading.top("hashtag", 10)
    for one in (leading, back):
        one.note(judged("later"), 300_000)
    assert back.as_json() == leading.as_json()


def test_what_is_no_such_document_is_refused():
    with pytest.raises(msgspec.DecodeError):
        Leading.from_json(b'{"leaders": 1}')
