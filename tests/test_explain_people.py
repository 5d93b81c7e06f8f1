"""`vigie explain` of who is named, who is reposted, who pays, and of findings and cases by their ids."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from stored_streams import Stored, asked, state_of
from streams_of_posts import MINUTE, SECOND, SMALL, START_MS, newsroom, person, planted, post, robot

from detectors.cases import CaseSettings
from detectors.events import Post, Promotion
from detectors.lists import Entry, Lists

INSULT = "@Mayor nobody wants to hear your tired old songs any more, pack your bags and go home at last"


def promoted(number: int, page: str, payer: str | None) -> Post:
    made = post(f"ad{number}", page, 200_000 + number, f"Buy offer number {number} today, it is a good one")
    made.promoted = Promotion(payer=payer, spend=5.0, currency="EUR", audiences=["France"])
    return made


def stream() -> list[Post]:
    made = planted(7).posts
    mayor, star = (msgspec.structs.replace(person(), handle=name) for name in ("Mayor", "TheStar"))
    made += [post("m0", "4711", 0, "I am the mayor, and I wish all of you a very good evening", author=mayor)]
    made += [post(f"rude{n}", f"rude{n}", 60_000 + n * 3000, INSULT, author=robot()) for n in range(6)]
    made += [post("self", "4711", 61_000, "@mayor that is me, and I am still here", author=mayor)]
    made += [
        post(f"reply{n}", f"kind{n}", 90_000 + n * SECOND, "@mayor good evening", kind="reply", ref_id="m0")
        for n in range(2)
    ]
    made += [post("b1", "few0", 91_000, "@baker your bread is the best one in this old town")]
    made += [
        post(
            f"re{n}",
            f"fan{n}",
            100_000 + n * SECOND,
            "I am the mayor",
            kind="repost",
            ref_id=f"m{n % 2}",
            ref_author_id="4711",
        )
        for n in range(9)
    ]
    made += [
        post("re", "fan1", 130_000, "So", kind="repost", ref_id="z", ref_author_id="99", ref_author=star)
    ]
    made += [promoted(1, "page1", "Some  PAPER"), promoted(2, "page2", None)]
    return sorted(made, key=lambda one: (one.time_ms, one.id))


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Stored:
    banned = Entry(account="some paper", kind="banned", reason="r", source="s", list="room", platform="x")
    path = tmp_path_factory.mktemp("people") / "night.db"
    return Stored(path, stream(), lists=Lists([msgspec.structs.replace(banned, since_ms=1)]))


# -- who is named ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["mayor", "@Mayor", " @MAYOR", "4711", "＠mayor"])
def test_a_target_is_found_by_handle_and_by_id_whatever_the_case(night, value):
    counted = night.ask("target", value)["counted"]
    assert counted["names"] == {"Mayor": 6, "mayor": 3}, "each name is judged by itself"
    assert (counted["posts"], counted["accounts"], counted["replies"]) == (6, 6, 0)
    assert counted["same_text_accounts"] == 6
    assert counted["first_time_accounts"] == 6


def test_a_target_of_enough_accounts_is_told_with_every_rule(night):
    answer = night.ask("target", "mayor")
    assert state_of(answer, "targets") == "judged"
    assert asked(answer, "targets") == [(6, "at least", 5, "met")]
    finding = next(one for one in answer["findings"] if one["detector"] == "targets")
    codes = {rule["code"]: rule["state"] for rule in finding["rules"]}
    assert codes["copies"] == "met"
    assert codes["strangers"] == "not_enough_data", "nobody is a stranger before a whole window was seen"
    assert finding["about"] == "target:Mayor"


def test_a_target_of_one_post_was_not_judged_and_what_was_missed_is_said(night):
    answer = night.ask("target", "baker")
    assert answer["verdict"] == (
        "No finding: targets wants at least 5 accounts that named it in the 60 minutes before (1 seen)."
    )
    assert state_of(answer, "targets") == "not_judged"


def test_what_is_known_of_those_who_name_a_target_is_what_the_detector_knew(night):
    finding = next(one.finding for one in night.judged if one.finding.detector == "targets")
    name = finding.subjects[0].value
    counted = night.ask("target", name, finding.judged_ms)["counted"]
    accounts = finding.accounts_total
    assert counted["names"][name] == finding.posts_total
    assert counted["first_time_accounts"] == round(finding.evidence["first_share"] * accounts)
    assert counted["known_accounts"] == finding.evidence["known_accounts"]
    assert counted["same_text_accounts"] == finding.evidence["copies_accounts"]


def test_nobody_named_it(night):
    answer = night.ask("target", "nobody_at_all")
    assert answer["verdict"] == "Nothing was counted: no post that names nobody_at_all."
    assert answer["findings"] == answer["detectors"] == []


# -- who is reposted -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["4711", "@mayor"])
def test_a_source_is_told_with_its_reposts(night, value):
    answer = night.ask("source", value)
    counted = answer["counted"]
    assert (counted["posts"], counted["accounts"], counted["posts_reposted"]) == (9, 9, 2)
    assert counted["ids"] == ["4711"]
    assert asked(answer, "amplification") == [(9, "at least", 8, "met")]
    assert state_of(answer, "amplification") == "judged"
    (finding,) = (one for one in answer["findings"] if one["detector"] == "amplification")
    assert finding["about"] == "source:4711"


def test_a_source_that_never_posted_is_known_by_the_handle_that_its_reposts_show(night):
    answer = night.ask("source", "@thestar")
    assert (answer["counted"]["ids"], answer["counted"]["posts"]) == (["99"], 1)
    assert "amplification wants at least 8 accounts" in answer["verdict"]


def test_an_account_is_told_who_names_and_reposts_it(night):
    counted = night.ask("account", "@mayor")["counted"]
    assert (counted["posts"], counted["named_by"], counted["reposted_by"]) == (2, 8, 9)


# -- who pays --------------------------------------------------------------------------------------


def test_a_payer_is_found_however_its_name_is_written(night):
    answer = night.ask("payer", " some paper ")
    assert (answer["counted"]["posts"], answer["counted"]["accounts"]) == (1, 1)
    assert asked(answer, "sponsored") == [(1, "at least", 1, "met")]
    assert answer["verdict"].startswith("Alerted at warning, score 60 (sponsored), in case c")
    assert night.ask("payer", "another")["verdict"] == "Nothing was counted: no promoted post of this payer."


def test_a_page_that_promotes_openly_misses_what_a_network_needs(night):
    answer = night.ask("account", "page2")
    assert asked(answer, "sponsored") == [
        (1, "at least", 1, "met"),
        (2, "at least", 20, "not_met"),
        (None, "at least", 3, "not_enough_data"),
        (0, "at least", 1, "not_met"),
    ]


# -- findings and cases ----------------------------------------------------------------------------


def test_a_finding_is_told_through_all_its_judgements(night):
    judged = [one for one in night.judged if one.finding.detector == "near_duplicates"]
    name = max({one.finding.finding_id for one in judged}, key=[j.finding.finding_id for j in judged].count)
    mine = [one for one in judged if one.finding.finding_id == name]
    assert len(mine) > 1
    answer = night.ask("finding", name[:10])
    steps = answer["counted"]["judgements"]
    assert [one["score"] for one in steps] == [one.assessment.score for one in mine]
    assert [one["accounts"] for one in steps] == [one.finding.accounts_total for one in mine]
    assert answer["findings"][0]["finding_id"] == name
    earlier = night.ask("finding", name, mine[0].finding.judged_ms)
    assert len(earlier["counted"]["judgements"]) == 1
    assert "was made later" in night.ask("finding", name, START_MS)["verdict"]


def test_a_case_is_told_with_its_alerts_and_findings(night):
    newest = {alert["data"]["case_id"]: alert["data"] for alert in night.alerts}
    data = next(one for one in newest.values() if one["severity"] == "critical")
    answer = night.ask("case", data["case_id"][:12])
    said = f"Case {data['case_id']} stands at critical, score {data['score']}, {data['status']}, after "
    assert answer["verdict"].startswith(said)
    told = [alert["data"] for alert in night.alerts if alert["data"]["case_id"] == data["case_id"]]
    assert [one["revision"] for one in answer["counted"]["alerts"]] == [one["revision"] for one in told]
    names = {finding["finding_id"] for one in told for finding in one["findings"]}
    assert {finding["finding_id"] for finding in answer["findings"]} == names


@pytest.mark.parametrize(("kind", "value"), [("case", "zzz"), ("finding", "zzz"), ("case", "%")])
def test_an_id_that_nothing_has(night, kind, value):
    assert night.ask(kind, value)["verdict"].startswith(
        f"Nothing was counted: no {kind} has an id that begins"
    )


def test_an_id_that_several_have_must_be_longer(night):
    assert (
        "findings have an id that begins with 'f': write more of it" in night.ask("finding", "f")["verdict"]
    )


# -- why not ---------------------------------------------------------------------------------------


def test_what_was_judged_and_not_told_is_said_to_wait(tmp_path):
    settings = msgspec.structs.replace(SMALL, cases=CaseSettings(cooldown_s=3600))
    night = Stored(tmp_path / "cool.db", stream(), settings)
    first = {alert["data"]["case_id"]: alert for alert in reversed(night.alerts)}
    assert len(first) < len(night.alerts), "a cool-down holds back, and the end of the input tells"
    told = {
        (finding["finding_id"], alert["time"])
        for alert in night.alerts
        for finding in alert["data"]["findings"]
    }
    for one in night.judged:
        at_ms = one.finding.judged_ms
        answer = night.ask("finding", one.finding.finding_id, at_ms)
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
        known = any(
            name == one.finding.finding_id and datetime.fromisoformat(at) <= moment for name, at in told
        )
        waits = answer["verdict"].startswith("Not told up to then, though judged")
        assert waits == (one.assessment.severity is not None and not one.assessment.open and not known)


def test_a_group_that_declares_itself_is_said_to_be_open(tmp_path):
    text = "Radio Valmont: the bridge over the river is closed tonight, take the road by the mill"
    posts = [post(f"n{n}", f"desk{n}", n * 20 * SECOND, text, author=newsroom()) for n in range(5)]
    night = Stored(tmp_path / "open.db", posts)
    answer = night.ask("text", text, START_MS + 5 * MINUTE)
    assert answer["verdict"] == (
        "No alert: the accounts declare what they are; shown apart as open coordination."
    )
