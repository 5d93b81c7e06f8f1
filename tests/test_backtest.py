"""Other settings on posts that are past: which cases are the same, and what is said of them."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import refused

from detectors.severity import Severity
from detectors.verdicts import Verdict
from streams import cli
from streams.backtesting.comparing import Answered, Compared, by_detector, moves, precision, standing
from streams.backtesting.differing import differences
from streams.backtesting.pairing import LEAST, Pair, pairs, similarity, wholes
from streams.backtesting.runs import Told
from streams.embedded import ListFileSettings, Settings
from streams.kafka.settings import KafkaSettings
from streams.outputs.alert import Alert
from streams.verdict_file import VerdictFile

FEWER = "near_duplicates.min_accounts=9"
"""Under it one of the two cases of the posts is lost, and the other found later, under another id."""


def backtest(capsys: pytest.CaptureFixture[str], *more: str, posts: str = "posts.jsonl") -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["backtest", posts, "--json", *more]) == 0
    result: dict[str, Any] = orjson.loads(capsys.readouterr().out)
    return result


def alerts(path: str) -> list[Alert]:
    told = [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]
    for alert in told:
        assert alert["data"].pop("published_at")
    return told


def replayed(*more: str) -> list[Alert]:
    assert cli.main(["replay", "posts.jsonl", "--alerts", "alone.jsonl", *more]) == 0
    return alerts("alone.jsonl")


def case(
    case_id: str = "c1", minute: int = 0, severity: Severity = "warning", detector: str = "hashtags"
) -> Told:
    """What a run told of a case, first at that minute."""
    data = {"case_id": case_id, "detectors": [detector]}
    return Told(data, "hashtag:x", {severity: f"2022-04-10T19:{minute:02}:00.000Z"})


def verdict(case_id: str, kind: str, said_ms: int = 1) -> Verdict:
    return Verdict(case_id=case_id, kind=kind, reason="so it was", at_ms=1_500_000_000_000, said_ms=said_ms)


# -- which cases are the same ----------------------------------------------------------------------

_cases = st.dictionaries(
    st.sampled_from([f"c{number}" for number in range(8)]),
    st.sets(st.sampled_from("abcdefghij"), min_size=1),
    max_size=6,
)


def renamed(cases: dict[str, set[str]]) -> dict[str, set[str]]:
    return {f"other {name}": members for name, members in cases.items()}


def test_cases_that_hold_the_same_are_one_whatever_they_are_called():
    before = {"c1": {"a", "b", "c"}, "c2": {"x", "y", "z"}}
    assert pairs(before, renamed(before)) == [Pair("c1", "other c1", 1.0), Pair("c2", "other c2", 1.0)]


def test_the_best_pair_is_taken_first_and_what_is_left_may_stay_alone():
    before = {"c1": {"a", "b", "c", "d"}, "c2": {"a", "b"}}
    assert pairs(before, {"c9": {"a", "b"}}) == [Pair("c2", "c9", 1.0)]


def test_two_cases_that_share_less_than_a_third_are_two():
    assert pairs({"c1": {"a", "b", "c"}}, {"c9": {"c", "d", "e"}}) == []
    assert pairs({"c1": {"a", "b"}}, {"c9": {"b", "c"}})[0].similarity == pytest.approx(LEAST)


def test_one_id_is_one_case_however_much_it_has_grown():
    many = {f"a{number}" for number in range(100)}
    assert pairs({"c1": {"a1"}, "c2": many}, {"c1": many}) == [Pair("c1", "c1", 0.01)]


@given(_cases, _cases, st.randoms())
def test_pairs_are_one_to_one_alike_and_the_same_in_any_order(before, after, rng: random.Random):
    after = renamed(after)
    found = pairs(before, after)
    assert len({pair.before for pair in found}) == len({pair.after for pair in found}) == len(found)
    assert all(pair.similarity >= LEAST for pair in found)
    left_before = before.keys() - {pair.before for pair in found}
    left_after = after.keys() - {pair.after for pair in found}
    assert all(similarity(before[one], after[other]) < LEAST for one in left_before for other in left_after)
    others = list(after.items())
    rng.shuffle(others)
    assert pairs(dict(reversed(before.items())), dict(others)) == found


@given(_cases)
def test_the_same_cases_are_all_paired(cases):
    assert {(pair.before, pair.after) for pair in pairs(cases, cases)} == {(name, name) for name in cases}


def test_a_case_may_be_half_of_another_and_not_less():
    whole = {"c9": {"a", "b", "c", "d", "e", "f", "g"}}
    assert wholes({"c1": {"a", "x"}}, whole) == {"c1": "c9"}
    assert wholes({"c1": {"a", "x", "y"}}, whole) == {}


# -- what changed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "change", "shift_s"),
    [
        (case(), case(), "same", 0),
        (case(minute=20), case(minute=10), "earlier", -600),
        (case(minute=10), case(minute=11), "later", 60),
        (case(severity="notice"), case(), "raised", None),
        (case(severity="critical"), case(minute=5), "lowered", 300),
        (case(severity="notice"), case(minute=7, severity="notice"), "same", None),
        (None, case(), "gained", None),
        (case(), None, "lost", None),
    ],
)
def test_a_change_has_one_word_and_the_shift_of_the_first_warning(before, after, change, shift_s):
    row = Compared(before, after, None)
    assert (row.change, row.shift_s) == (change, shift_s)


def test_cases_are_counted_by_severity_and_by_detector():
    rows = [
        Compared(case(detector="rising"), case(detector="hashtags", minute=3), 1.0),
        Compared(case(), case(severity="notice"), 1.0),
        Compared(None, case(severity="critical"), None),
        Compared(case(severity="notice"), None, None),
    ]
    counted = moves(rows)
    assert counted["warning"] == {"critical": 0, "warning": 1, "notice": 1, "none": 0}
    assert (counted["none"]["critical"], counted["notice"]["none"]) == (1, 1)
    rising, hashtags = sorted(by_detector(rows), key=lambda row: row["before"])
    assert (rising["detector"], rising["kept"], rising["later"]) == ("rising", 1, 1)
    assert (hashtags["before"], hashtags["after"]) == (2, 2)
    assert (hashtags["kept"], hashtags["gained"], hashtags["lost"]) == (1, 1, 1)


def test_the_verdict_said_last_stands_and_a_note_takes_it_back():
    said = [verdict("c1", "confirmed", 2), verdict("c1", "dismissed", 1), verdict("c2", "dismissed")]
    said += [verdict("c2", "noted", 2)]
    assert {name: one.kind for name, one in standing(said).items()} == {"c1": "confirmed"}


def test_precision_is_of_warnings_alone():
    found = [Answered(True, "warning", "notice"), Answered(False, "notice", "critical")]
    assert (precision(found, "before").confirmed, precision(found, "before").wrong) == (1, 0)
    assert (precision(found, "after").confirmed, precision(found, "after").wrong) == (0, 1)


def test_only_what_decides_what_is_found_is_a_difference():
    listed = Settings(lists=ListFileSettings(files=("room.csv",)))
    assert differences(Settings(), Settings(kafka=KafkaSettings(bootstrap="elsewhere:9092"))) == []
    assert [one.name for one in differences(Settings(), listed)] == ["lists.files"]


# -- the command -----------------------------------------------------------------------------------


def test_both_runs_tell_what_a_replay_tells_under_the_same_settings(folder, capsys):
    backtest(capsys, "--set", FEWER, "--out", "tried")
    assert alerts("tried/before.jsonl") == replayed()
    assert alerts("tried/after.jsonl") == replayed("--set", FEWER)


def test_a_lost_and_a_later_case_are_told_though_the_ids_differ(folder, capsys):
    result = backtest(capsys, "--set", FEWER)
    lost, later = result["changes"]
    assert (lost["change"], lost["after"], later["change"]) == ("lost", None, "later")
    assert later["before"]["case_id"] != later["after"]["case_id"]
    assert later["similarity"] >= LEAST
    assert later["shift_s"] > 0
    assert result["warnings"] | {"median_shift_s": 0} == {
        "before": 2, "after": 1, "kept": 1, "gained": 0, "lost": 1, "raised": 0, "lowered": 0, "earlier": 0,
        "later": 1, "median_shift_s": 0,
    }  # fmt: skip
    assert result["settings"] == [{"name": "near_duplicates.min_accounts", "before": 3, "after": 9}]
    assert result["conclusion"].startswith("At warning or above there would have been 1 case instead of 2")


def test_the_other_way_round_what_was_lost_is_gained(folder, capsys):
    forth = backtest(capsys, "--set", FEWER)
    Path("room.toml").write_text("[near_duplicates]\nmin_accounts = 9\n", "utf-8")
    Path("new.toml").write_text("", "utf-8")
    back = backtest(capsys, "--against", "room.toml", "--config", "new.toml")
    assert [change["change"] for change in back["changes"]] == ["gained", "earlier"]
    assert back["changes"][0]["after"] == forth["changes"][0]["before"]
    assert back["alerts"]["before"] == forth["alerts"]["after"]


def test_a_setting_is_tried_upon_those_in_force(folder, capsys):
    Path("room.toml").write_text("[near_duplicates]\nmin_accounts = 9\n", "utf-8")
    result = backtest(capsys, "--against", "room.toml", "--set", "cases.close_minutes=7")
    assert [one["name"] for one in result["settings"]] == ["cases.close_minutes"]


def test_settings_that_change_nothing_that_is_told_say_so(folder, capsys):
    result = backtest(capsys, "--set", "cases.max_cases=4999")
    assert result["conclusion"].startswith("Nothing would have changed: 2 cases")
    assert result["changes"] == []
    assert result["alerts"]["before"] == result["alerts"]["after"]


def test_verdicts_go_through_the_pairs_and_silence_nobody(folder, capsys):
    lost, later = (change["before"]["case_id"] for change in backtest(capsys, "--set", FEWER)["changes"])
    file = VerdictFile("v.jsonl", pytest.fail)
    for one in (verdict(lost, "confirmed"), verdict(later, "dismissed"), verdict("c0", "confirmed")):
        file.append(one)
    result = backtest(capsys, "--set", FEWER, "--verdicts", "v.jsonl")
    said = result["verdicts"]
    assert (said["confirmed"]["warning_before"], said["confirmed"]["gone_after"]) == (1, 1)
    assert (said["dismissed"]["warning_before"], said["dismissed"]["warning_after"]) == (1, 1)
    assert said["precision"]["before"] == {"confirmed": 1, "wrong": 1, "precision": 0.5}
    assert said["precision"]["after"] == {"confirmed": 0, "wrong": 1, "precision": 0.0}
    assert said["of_no_case"] == 1
    assert result["conclusion"].endswith(
        "1 confirmed case 0 would be kept, of 1 dismissed case 0 would be gone or but a notice."
    )


def test_a_verdict_on_a_merged_case_is_on_the_one_that_goes_on(folder, capsys):
    told = replayed()
    merged = next(alert["data"] for alert in told if alert["data"]["status"] == "merged")
    VerdictFile("v.jsonl", pytest.fail).append(verdict(merged["case_id"], "confirmed"))
    said = backtest(capsys, "--set", FEWER, "--verdicts", "v.jsonl")["verdicts"]
    assert (said["confirmed"]["cases"], said["of_no_case"]) == (1, 0)


def test_a_pipe_in_any_order_is_sorted_first(folder, capsys, monkeypatch):
    wanted = backtest(capsys, "--set", FEWER)
    lines = Path("posts.jsonl").read_bytes().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines))))
    assert backtest(capsys, "--set", FEWER, posts="-") == wanted


def test_the_page_says_the_conclusion_and_every_part(folder, capsys):
    VerdictFile("v.jsonl", pytest.fail).append(verdict("c0", "confirmed"))
    assert cli.main(["backtest", "posts.jsonl", "--set", FEWER, "--verdicts", "v.jsonl"]) == 0
    page = capsys.readouterr().out
    for part in (
        "1 case instead of 2",
        "near_duplicates.min_accounts: 3 -> 9",
        "Alerts:",
        "by the highest severity",
        "near_duplicates ",
        "min later",
        "Cases that were answered:",
        "1 verdicts name a case that neither run has told.",
    ):
        assert part in page


def test_no_post_at_all_is_no_change(tmp_path, capsys):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    result = backtest(capsys, "--set", FEWER, posts=str(tmp_path / "empty.jsonl"))
    assert (result["stream"]["posts"], result["changes"]) == (0, [])


def test_what_cannot_be_compared_is_refused_in_one_sentence(folder, capsys):
    tried = ("backtest", "posts.jsonl", "--set", FEWER)
    assert "find the same" in refused(capsys, "backtest", "posts.jsonl")
    assert "find the same" in refused(capsys, "backtest", "posts.jsonl", "--set", "kafka.prefix=x.")
    assert "[privacy]" in refused(capsys, *tried, "--set", "privacy.pseudonyms=true")
    assert "[languages]" in refused(capsys, *tried, "--set", "languages.identify=false")
    assert "no such file" in refused(capsys, *tried, "--verdicts", "none.jsonl")
    assert "cannot be read" in refused(capsys, *tried, "--config", "none.toml")
    assert "does not exist" in refused(capsys, "backtest", "none.jsonl", "--set", FEWER)
    assert "required" in refused(capsys, "backtest", "--set", FEWER)


def test_an_input_is_never_written_over(folder, capsys):
    Path("tried").mkdir()
    Path("posts.jsonl").rename("tried/after.jsonl")
    said = refused(capsys, "backtest", "tried/after.jsonl", "--set", FEWER, "--out", "tried")
    assert "also an input" in said
    assert Path("tried/after.jsonl").stat().st_size
