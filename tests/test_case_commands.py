"""Reading cases and answering them: the commands, the file of verdicts, and the replay that plays it."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import shlex
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
import short_night
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, SECOND, START_MS, post
from test_cli import refused
from test_room import heard
from test_subscribe import publish
from test_terminal import Screen

from detectors.alerts import instant
from detectors.verdicts import KINDS, Verdict
from streams import cli
from streams.case_alerts import cases_of, heir
from streams.kafka import topics
from streams.kafka.settings import KafkaSettings
from streams.outputs.alert import Alert
from streams.sources.posts import encode_post
from streams.verdict_file import VerdictFile

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "cases.md").read_text(encoding="utf-8")
PATIENCE_S = 30.0
LATEST_MS = 4_000_000_000_000
FILES = "--alerts alerts.jsonl --verdicts v.jsonl"
INSULT = "the harbour was sold last night to those who paid"


@pytest.fixture
def night(tmp_path, monkeypatch) -> list[Alert]:
    """The alerts of a night, which stand in `alerts.jsonl`."""
    alerts = short_night.told()[0]
    write(tmp_path / "alerts.jsonl", alerts)
    monkeypatch.chdir(tmp_path)
    return alerts


def write(path: Path, alerts: list[Alert]) -> None:
    path.write_bytes(b"".join(orjson.dumps(alert) + b"\n" for alert in alerts))


def read(path: str) -> list[Alert]:
    alerts = [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]
    for alert in alerts:
        alert["data"].pop("published_at")
    return alerts


def vigie(line: str) -> None:
    assert cli.main(shlex.split(line)) == 0


def replay(*more: str) -> list[Alert]:
    assert cli.main(["replay", "posts.jsonl", "--alerts", "alerts.jsonl", *more]) == 0
    return read("alerts.jsonl")


def newest(alerts: list[Alert], **wanted: str) -> Alert:
    """The newest alert of the most severe case of this kind."""
    return next(
        case.newest
        for case in cases_of(alerts)
        if all(case.data[name] == value for name, value in wanted.items())
    )


def changed(alert: Alert, **data: Any) -> Alert:
    return alert | {"data": alert["data"] | {"revision": alert["data"]["revision"] + 1} | data}


def verdict(case_id: str = "c1", said_ms: int = 1, **more: Any) -> Verdict:
    fields = {"kind": "dismissed", "reason": "a fan club", "at_ms": START_MS} | more
    return Verdict(case_id=case_id, said_ms=said_ms, **fields)


# -- the file of verdicts --------------------------------------------------------------------------


def test_a_file_gives_what_was_appended_since_it_was_last_asked(tmp_path):
    file = VerdictFile(tmp_path / "v.jsonl", pytest.fail)
    first, second = verdict("c1"), verdict("c2", until_ms=START_MS + 1, by="mona")
    file.append(first)
    assert file.new() == [first]
    assert file.new() == []
    file.append(second)
    assert file.new() == [second]


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Verdict,
            case_id=st.text(min_size=1),
            kind=st.sampled_from(KINDS),
            reason=st.text(),
            at_ms=st.integers(0, LATEST_MS),
            until_ms=st.none() | st.integers(0, LATEST_MS),
            by=st.text(),
            said_ms=st.integers(0, LATEST_MS),
        ),
        max_size=4,
        unique=True,
    )
)
def test_a_verdict_comes_back_as_it_was_said(tmp_path_factory, said):
    path = tmp_path_factory.mktemp("said") / "v.jsonl"
    file = VerdictFile(path, lambda sentence: None)
    for one in said:
        file.append(one)
    assert VerdictFile(path, lambda sentence: None).new() == said


def test_wherever_the_last_line_is_cut_it_is_waited_for_and_comes_once(tmp_path):
    path = tmp_path / "v.jsonl"
    VerdictFile(path, pytest.fail).append(verdict())
    whole = path.read_bytes()
    for cut in range(len(whole)):
        file = VerdictFile(path, pytest.fail)
        path.write_bytes(whole[:cut])
        before = file.new()
        assert before == ([verdict()] if cut == len(whole) - 1 else [])  # only the line end is missing
        path.write_bytes(whole)
        assert before + file.new() == [verdict()]


def test_what_is_no_verdict_is_named_once_and_the_others_count(tmp_path):
    told: list[str] = []
    path = tmp_path / "v.jsonl"
    file = VerdictFile(path, told.append)
    file.append(verdict("c1"))
    bad = [
        b'{"case_id":"c2","kind":"wrong","reason":"r","at":"2022-04-10T19:00:00Z","said":"2022-04-10T19:00:00Z"}',
        b'{"case_id":"c2","kind":"noted","reason":"r","at":"2022-04-10T19:00:00","said":"2022-04-10T19:00:00Z"}',
        b'{"case_id":"c2","kind":"noted","reason":"r","at":"2022-04-10T19:00:00Z"}',
        b"not json \x1b[2J",
        b"\xff",
        b"[" * 100_000,
    ]
    with path.open("ab") as plain:
        plain.write(b"\n".join([b"", *bad]) + b"\n")
    file.append(verdict("c3"))
    assert [one.case_id for one in file.new()] == ["c1", "c3"]
    file.append(verdict("c4"))
    assert [one.case_id for one in file.new()] == ["c4"]
    assert [re.search(r"line (\d+): no verdict", sentence)[1] for sentence in told] == list("345678")
    assert "\x1b" not in "".join(told)


def test_a_verdict_after_a_line_that_was_cut_short_stands_on_a_line_of_its_own(tmp_path):
    told: list[str] = []
    path = tmp_path / "v.jsonl"
    path.write_bytes(b'{"case_id":"c1","kin')
    file = VerdictFile(path, told.append)
    assert (file.new(), told) == ([], [])
    file.append(verdict("c2"))
    assert [one.case_id for one in file.new()] == ["c2"]
    assert len(told) == 1


def test_a_file_put_in_place_of_another_gives_only_what_is_new_in_it(tmp_path):
    path = tmp_path / "v.jsonl"
    file = VerdictFile(path, pytest.fail)
    file.append(verdict("c1"))
    file.append(verdict("c2"))
    file.new()
    other = VerdictFile(tmp_path / "other.jsonl", pytest.fail)
    other.append(verdict("c2"))
    other.append(verdict("c3"))
    (tmp_path / "other.jsonl").replace(path)
    assert [one.case_id for one in file.new()] == ["c3"]


def test_many_who_append_at_once_lose_nothing_and_are_never_read_half(tmp_path):
    path = tmp_path / "v.jsonl"
    wanted = {f"c{writer}.{number}" for writer in range(4) for number in range(25)}

    def append(writer: int) -> None:
        for number in range(25):
            VerdictFile(path, pytest.fail).append(verdict(f"c{writer}.{number}", reason="r" * 5000))

    told: list[str] = []
    file = VerdictFile(path, told.append)
    writers = [Thread(target=append, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    found: list[Verdict] = []
    while any(writer.is_alive() for writer in writers):
        found += file.new()
    found += file.new()
    assert {one.case_id for one in found} == wanted
    assert len(found) == len(wanted)
    assert [one for one in told if "no verdict" in one] == []


def test_a_file_that_cannot_be_read_or_written_ends_with_one_sentence(tmp_path, capsys, night):
    assert "Is a directory" in refused(capsys, "replay", "alerts.jsonl", "--verdicts", tmp_path)
    case_id = newest(night)["data"]["case_id"]
    said = ("case", "note", case_id, "--reason", "r", "--alerts", "alerts.jsonl")
    assert "cannot be written" in refused(capsys, *said, "--verdicts", "none/v.jsonl")


# -- a replay that plays it ------------------------------------------------------------------------


def test_the_same_verdicts_give_the_same_alerts_and_change_none_that_were_told_before(folder, capsys):
    before = replay()
    alert = newest(before)
    case_id, at = alert["data"]["case_id"], alert["time"]
    vigie(f"case dismiss {case_id} --reason 'a fan club' --alerts alerts.jsonl --verdicts v.jsonl")
    assert f"{case_id} is dismissed for good from {at[:-2]}1Z on" in capsys.readouterr().err
    after, again = replay("--verdicts", "v.jsonl"), replay("--verdicts", "v.jsonl")
    assert after == again
    assert [one for one in after if one in before] == before
    (told,) = [one for one in after if one not in before]
    assert (told["id"], told["data"]["status"]) == (f"{case_id}.{alert['data']['revision'] + 1}", "dismissed")
    assert told["data"]["verdict"] == {"kind": "dismissed", "reason": "a fan club", "until": None}
    assert told["time"] > at


def test_a_verdict_within_the_stream_silences_what_came_after_it(folder):
    before = replay()
    alert = newest(before)
    case_id = alert["data"]["case_id"]
    at_ms = int(datetime.fromisoformat(alert["data"]["detected_at"]).timestamp() * 1000) + 1
    VerdictFile("v.jsonl", pytest.fail).append(verdict(case_id, at_ms=at_ms))
    told = [one["data"] for one in replay("--verdicts", "v.jsonl") if one["data"]["case_id"] == case_id]
    assert [data["status"] for data in told][-1] == "dismissed"
    assert len(told) < alert["data"]["revision"]


def test_what_is_said_of_the_last_alerts_counts_however_often(folder):
    """Each answer is after the alert of the one before, and so ever further after the end of the posts."""
    replay()
    (case_id,) = {newest(read("alerts.jsonl"))["data"]["case_id"]}
    for number, (action, status) in enumerate(
        {"dismiss": "dismissed", "confirm": "updated", "note": "updated", "retract": "retracted"}.items()
    ):
        vigie(f"case {action} {case_id} --reason r{number} --alerts alerts.jsonl --verdicts v.jsonl")
        replay("--verdicts", "v.jsonl")
        data = cases_of(read("alerts.jsonl"))
        (now,) = [case.data for case in data if case.data["case_id"] == case_id]
        assert (now["status"], now["verdict"]["reason"]) == (status, f"r{number}")


def test_verdicts_on_cases_of_another_stream_change_nothing(folder):
    before = replay()
    VerdictFile("v.jsonl", pytest.fail).append(verdict("c0000000000000000", at_ms=START_MS + 999 * MINUTE))
    assert replay("--verdicts", "v.jsonl") == before


def test_a_file_that_is_not_there_yet_is_said_and_no_error(folder, capsys):
    before = replay()
    capsys.readouterr()
    assert replay("--verdicts", "v.jsonl") == before
    assert "v.jsonl: No such file or directory; what it says is in force once" in capsys.readouterr().err


def test_a_live_stream_hears_of_a_verdict_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A recording piped in has no present: the posts must be of now for the clock to move them.
    began = datetime.now(UTC) - timedelta(seconds=30) - datetime.fromtimestamp(START_MS / 1000, UTC)
    shift = int(began.total_seconds() * 1000)
    copies = [post(f"p{n}", f"troll{n}", shift + n * SECOND, f"@mayor {INSULT}") for n in range(8)]
    command = f"-m streams.cli replay - --format posts {FILES} --set time.grace_s=1".split()
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(b"".join(encode_post(one) + b"\n" for one in copies))
            process.stdin.flush()
            (alert,) = until(lambda: Path("alerts.jsonl").exists() and read("alerts.jsonl"))
            said = time.monotonic()
            vigie(f"case retract {alert['data']['case_id']} --reason r {FILES}")
            retracted = until(lambda: read("alerts.jsonl")[1:])
            assert time.monotonic() - said < 5  # a second, and what a busy machine adds
            assert [one["data"]["status"] for one in retracted] == ["retracted"]
            assert process.poll() is None
        finally:
            process.stdin.close()
            process.kill()


def until(asked: Any) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := asked()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


# -- reading cases ---------------------------------------------------------------------------------


def listed(capsys, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["case", "list", "--alerts", "alerts.jsonl", "--json", *more]) == 0
    found: dict[str, Any] = orjson.loads(capsys.readouterr().out)
    return found


def test_the_newest_of_each_case_is_listed_the_most_severe_first(night, capsys):
    found = listed(capsys)
    last = {one["data"]["case_id"]: one["data"] for one in night}
    standing = {case_id: data for case_id, data in last.items() if data["status"] != "merged"}
    assert found["not_shown"] == len(last) - len(standing) > 0
    assert {one["case_id"]: one["revision"] for one in found["cases"]} == {
        case_id: data["revision"] for case_id, data in standing.items()
    }
    order = [("critical", "warning", "notice").index(one["severity"]) for one in found["cases"]]
    assert order == sorted(order)
    assert len(set(order)) > 1


def test_a_list_is_filtered_and_says_how_many_are_not_shown(night, capsys):
    everything = listed(capsys, *(f"--status={one}" for one in ("open", "updated", "merged")))
    assert everything["not_shown"] == 0
    some = listed(capsys, "--status", "merged", "--severity", "notice")
    assert {(one["status"], one["severity"]) for one in some["cases"]} == {("merged", "notice")}
    assert len(some["cases"]) + some["not_shown"] == len(everything["cases"])
    vigie("case list --alerts alerts.jsonl --severity critical --language fr")
    out = capsys.readouterr().out
    assert re.search(
        r"^critical +\d+ +updated +c\w{8} +04-10 18:\d\d +04-10 18:\d\d +\d+ ", out, re.MULTILINE
    )
    assert "Mot-dièse #" in out
    assert "notice " not in out.split("Cases:")[0]
    assert re.search(r"Cases: \d shown, \d+ not \(by --status", out)


def test_alerts_that_come_again_and_out_of_order_are_the_same_cases(night):
    mixed = [*night[::-1], *night[:20]]
    assert [case.newest for case in cases_of(mixed)] == [case.newest for case in cases_of(night)]


def test_a_file_of_alerts_that_is_still_written_is_read_up_to_there(night, capsys):
    path = Path("alerts.jsonl")
    path.write_bytes(path.read_bytes()[:-100])
    write(Path("less.jsonl"), night[:-1])
    cut = listed(capsys)
    assert cli.main(["case", "list", "--alerts", "less.jsonl", "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out) == cut


def test_what_is_no_file_of_alerts_is_refused(tmp_path, folder, capsys):
    assert "posts.jsonl, line 1, is no alert" in refused(capsys, "case", "list", "--alerts", "posts.jsonl")
    assert "does not exist" in refused(capsys, "case", "list", "--alerts", "none.jsonl")
    Path("short.jsonl").write_text('{"type":"vigie.alert.v1","id":"c1.1","data":{"case_id":"c1"}}\n')
    assert "is no alert" in refused(capsys, "case", "list", "--alerts", "short.jsonl")
    Path("empty.jsonl").write_bytes(b"")
    vigie("case list --alerts empty.jsonl")
    assert "Cases: 0 shown, 0 not" in capsys.readouterr().out


def test_a_case_is_named_by_any_beginning_that_no_other_has(night, capsys):
    ids = sorted({one["data"]["case_id"] for one in night})
    alone = newest(night)["data"]["case_id"]
    short = next(alone[:n] for n in range(1, 18) if sum(one.startswith(alone[:n]) for one in ids) == 1)
    vigie(f"case show {short} --alerts alerts.jsonl --json")
    assert orjson.loads(capsys.readouterr().out)["data"]["case_id"] == alone
    show = ("case", "show", "--alerts", "alerts.jsonl")
    many = refused(capsys, *show, "c")
    assert f"'c' is the beginning of {len(ids)} cases" in many
    assert f"and {len(ids) - 5} more): write more of it" in many
    for nobody in ("x", "", ids[0] + "0"):
        assert "No case has an id that begins with" in refused(capsys, *show, nobody)


def test_a_case_is_shown_in_full(night, capsys):
    alert = newest(night)
    entry = {"kind": "attributed", "list": "room", "reason": "disclosed", "source": "a report", "since": None}
    made = changed(
        alert,
        status="dismissed",
        findings=[],
        verdict={"kind": "dismissed", "reason": "a fan club", "until": "2022-04-12T08:00:00.000Z"},
        fate={"gone": 18, "suspended": 17, "returned": 1, "erased": 3, "posts": 50, "accounts": 1020},
        group=alert["data"]["group"] | {"listed": [entry | {"account": f"troll{n}"} for n in range(7)]},
        related={"merged_into": None, "split_from": None, "earlier": [f"cold{n}" for n in range(6)]},
    )
    write(Path("alerts.jsonl"), [*night, made])
    case_id = alert["data"]["case_id"]
    vigie(f"case show {case_id} --alerts alerts.jsonl --json")
    assert orjson.loads(capsys.readouterr().out) == made
    vigie(f"case show {case_id} --alerts alerts.jsonl")
    shown = capsys.readouterr().out
    rows = [line.strip() for line in shown.splitlines()]
    assert case_id in shown and "2022-04-10 18:" in shown and "case dismissed" in rows[0]
    for row in (
        "verdict  dismissed until 2022-04-12 08:00:00 UTC: a fan club",
        "since then  accounts gone: 18 of 1,020 (suspended: 17); accounts that came back: 1; "
        "known posts erased: 3 of 50",
        "earlier cases  cold0, cold1, cold2, cold3, cold4 … (6)",
        "on lists  troll4 attributed on room: disclosed (a report)",
        "on lists  … (7)",
    ):
        assert row in rows
    assert "troll5" not in shown
    for sentence in alert["data"]["not_proved"]:
        assert f"does not prove  {sentence['en']}" in rows
    # The newest revision told nothing new; the texts are those of the ones before.
    assert [row for row in rows if row.startswith("text  ")]
    vigie(f"case show {case_id} --alerts alerts.jsonl --language fr")
    french = capsys.readouterr().out
    assert "avis  écartée jusqu'au 2022-04-12 08:00:00 UTC\u00a0: a fan club" in french
    assert "depuis  comptes disparus\u00a0: 18 sur 1\u202f020 (suspendus\u00a0: 17)" in french
    assert "affaire écartée" in french and "sur liste  troll0 attribué sur room\u00a0: " in french


def test_the_evidence_is_exported(night, capsys):
    alert = newest(night)
    case_id = alert["data"]["case_id"]
    vigie(f"case export {case_id} --alerts alerts.jsonl")
    captured = capsys.readouterr()
    rows = list(csv.DictReader(captured.out.splitlines()))
    assert list(rows[0]) == ["tweetid", "userid", "tweet_time"]
    told = [one["data"] for one in night if one["data"]["case_id"] == case_id]
    named = [part["posts"] for data in told for part in (data["group"], *data["findings"])]
    wanted = {(one["id"], one["author_id"]) for posts in named for one in posts}
    assert {(row["tweetid"], row["userid"]) for row in rows} == wanted
    assert len(rows) == len(wanted) > len(alert["data"]["group"]["posts"])
    times = [row["tweet_time"] for row in rows]
    assert times == sorted(times)
    assert re.fullmatch(r"2022-04-10 18:\d\d:\d\d", times[0])
    assert captured.err == f"vigie: {len(rows)} posts of {case_id}, those that its alerts name.\n"
    large = changed(alert, group=alert["data"]["group"] | {"posts_total": 12_345})
    write(Path("large.jsonl"), [large])
    vigie(f"case export {case_id} --alerts large.jsonl --out large.csv")
    assert "; it has 12,345 at least." in capsys.readouterr().err
    vigie(f"case export {case_id} --alerts alerts.jsonl --format json --out case.json")
    assert orjson.loads(Path("case.json").read_bytes()) == alert
    over = ("case", "export", case_id, "--alerts", "alerts.jsonl", "--out")
    assert "is the file of alerts" in refused(capsys, *over, "./alerts.jsonl", "--format", "json")
    assert "cannot be written" in refused(capsys, *over, "none/case.json", "--format", "json")


def test_precision_is_counted_by_detector(night, capsys):
    standing = [case.newest for case in cases_of(night) if case.data["status"] != "merged"]
    kinds = ["confirmed", "confirmed", "dismissed", "retracted", "noted"]
    judged = [
        changed(alert, detectors=["hashtags", "targets"][: 1 + (kind == "dismissed")], verdict=said)
        for alert, kind in zip(standing, kinds, strict=False)
        for said in [{"kind": kind, "reason": "r", "until": None}]
    ]
    write(Path("alerts.jsonl"), judged)
    vigie("case precision --alerts alerts.jsonl --json")
    assert orjson.loads(capsys.readouterr().out) == [
        {"detector": "hashtags", "confirmed": 2, "wrong": 2, "precision": 0.5, "not_judged": 1},
        {"detector": "targets", "confirmed": 0, "wrong": 1, "precision": 0.0, "not_judged": 0},
    ]
    vigie("case precision --alerts alerts.jsonl")
    assert re.search(r"hashtags +2 +2 +50% of 4 +1", capsys.readouterr().out)


# -- answering -------------------------------------------------------------------------------------


def said() -> list[Verdict]:
    return VerdictFile("v.jsonl", pytest.fail).new()


@pytest.mark.parametrize(
    ("command", "kind"),
    [("dismiss", "dismissed"), ("confirm", "confirmed"), ("retract", "retracted"), ("note", "noted")],
)
def test_each_command_says_what_it_is_named_for(night, capsys, command, kind):
    alert = newest(night)
    case_id = alert["data"]["case_id"]
    vigie(f"case {command} {case_id} --reason ' they say so ' {FILES}")
    (one,) = said()
    after = int(datetime.fromisoformat(alert["time"]).timestamp() * 1000) + 1
    assert (one.case_id, one.kind, one.reason, one.at_ms) == (case_id, kind, "they say so", after)
    assert one.until_ms is None and one.by
    assert abs(one.said_ms - time.time() * 1000) < 60_000
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1
    assert f"from {instant(after)} on by {one.by}: they say so" in sentence


def test_a_dismissal_lasts_as_long_as_was_said(night, capsys):
    case_id = newest(night)["data"]["case_id"]
    dismiss = f"case dismiss {case_id} --reason r --at 2022-04-10T20:00:00Z --by mona {FILES}"
    for length in ("30m", "12h", "7d"):
        vigie(f"{dismiss} --for {length}")
    vigie(f"{dismiss} --until 2022-04-11T00:00:00+02:00")
    begin = datetime(2022, 4, 10, 20, tzinfo=UTC)
    wanted = [timedelta(minutes=30), timedelta(hours=12), timedelta(days=7), timedelta(hours=2)]
    assert [datetime.fromtimestamp(one.until_ms / 1000, UTC) - begin for one in said()] == wanted
    assert {(one.by, one.at_ms) for one in said()} == {("mona", int(begin.timestamp() * 1000))}
    assert (
        "is dismissed until 2022-04-10T22:00:00.000Z from 2022-04-10T20:00:00.000Z on"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--for 7x", "--for '7x' is no length of time"),
        ("--for 0h", "no length of time"),
        ("--for 99999d", "no length of time"),
        ("--for -1h", "expected one argument"),
        ("--until soon", "--until 'soon' is no time"),
        ("--until 2022-04-10T00:00:00Z", "before it begins"),
        ("--until 2022-04-12T00:00:00Z --for 7d", "not allowed with"),
        ("--at 2022-04-10T00:00:00Z", "is too early: the case was found at 2022-04-10T18:"),
        ("--at yesterday", "--at 'yesterday' is no time"),
        ("--reason ' '", "--reason is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_said(night, capsys, flags, sentence):
    case_id = newest(night)["data"]["case_id"]
    assert sentence in refused(capsys, *shlex.split(f"case dismiss {case_id} --reason r {FILES} {flags}"))
    assert not Path("v.jsonl").exists()


def test_the_two_files_go_together(night, capsys):
    case_id = newest(night)["data"]["case_id"]
    for one in ("--alerts alerts.jsonl", "--verdicts v.jsonl"):
        assert "go together" in refused(capsys, *shlex.split(f"case note {case_id} --reason r {one}"))
    assert "required: --reason" in refused(capsys, *shlex.split(f"case note {case_id} {FILES}"))


def test_of_a_merged_case_it_is_said_as_which_it_goes_on(night, capsys):
    cases = cases_of(night)
    standing = {case.data["case_id"] for case in cases if case.data["status"] != "merged"}
    merged = [case for case in cases if case.data["status"] == "merged"]
    twice = [case for case in merged if case.data["related"]["merged_into"] not in standing]
    assert twice  # some were merged into one that was merged in its turn
    for case in (merged[0], twice[0]):
        goes_on = heir(cases, case)
        assert goes_on in standing
        line = f"case confirm {case.data['case_id']} --reason r {FILES}"
        assert f"goes on as {goes_on}: say it of that case" in refused(capsys, *shlex.split(line))


# -- in the terminal, as they come -----------------------------------------------------------------


@pytest.fixture
def alert() -> Alert:
    return newest(short_night.told()[0]) | {"subject": "hashtag:tea"}


RULED = {"kind": "dismissed", "reason": "a fan club", "until": None}


@pytest.mark.parametrize("status", ["dismissed", "retracted"])
def test_who_reads_along_hears_that_a_case_is_taken_back_and_that_it_speaks_again(alert, status):
    screen = Screen()
    assert screen.write(alert).count("\n") > 5
    taken_back = screen.write(changed(alert, status=status, verdict=RULED | {"kind": status}))
    assert f"case {status} " in taken_back and "a fan club" in taken_back
    assert 3 <= taken_back.count("\n") <= 4
    assert screen.write(changed(alert, status="updated", verdict=RULED)).count("\n") > 5
    assert Screen("critical").write(changed(alert, status=status, severity="notice", verdict=RULED)) == ""


def test_who_reads_along_hears_of_a_confirmation_once(alert):
    screen = Screen()
    screen.write(alert)
    confirmed = changed(alert, status="updated", verdict=RULED | {"kind": "confirmed"})
    told = screen.write(confirmed)
    assert "verdict  confirmed: a fan club" in told and told.count("\n") <= 4
    assert screen.write(confirmed) == ""


@pytest.mark.parametrize(
    ("status", "english", "french"),
    [
        ("dismissed", "case dismissed c", "affaire écartée c"),
        ("retracted", "case retracted c", "affaire retirée c"),
        ("merged", "case merged c", "affaire fusionnée c"),
    ],
)
def test_every_status_has_its_words(alert, status, english, french):
    related = alert["data"]["related"] | {"merged_into": "c0123456789abcdef"}
    made = changed(alert, status=status, related=related)
    for language, words, into in (
        ("en", english, "goes on as  c0123"),
        ("fr", french, "continue dans  c0123"),
    ):
        screen = Screen(language=language)
        screen.terminal.show(made)
        shown = screen._file.getvalue()
        assert words in shown and into in shown


# -- over a real broker ----------------------------------------------------------------------------


def test_cases_are_read_from_the_topic_and_answered_there(kafka, night, capsys):
    room = KafkaSettings(bootstrap=kafka, prefix=f"c-{uuid.uuid4().hex[:8]}.")
    topics.create(room)
    last = {one["data"]["case_id"]: one for one in night}
    publish(room, list(last.values()))
    flags = ["--set", f"kafka.bootstrap={kafka}", "--set", f"kafka.prefix={room.prefix}"]
    wanted = listed(capsys)
    assert cli.main(["case", "list", "--json", *flags]) == 0
    assert orjson.loads(capsys.readouterr().out) == wanted
    case_id = wanted["cases"][0]["case_id"]
    assert cli.main(["case", "dismiss", case_id[:9], "--reason", "a fan club", "--for", "12h", *flags]) == 0
    assert f"{case_id} is dismissed until" in capsys.readouterr().err
    found = asyncio.run(heard(room, 0, lambda: None, verdicts=1))
    (one,) = found.verdicts
    assert (one.case_id, one.kind, one.reason) == (case_id, "dismissed", "a fan club")
    assert one.until_ms - one.at_ms == 12 * 60 * MINUTE
    assert "is the beginning of" in refused(capsys, "case", "confirm", "c", "--reason", "r", *flags)
    elsewhere = [*flags[:2], "--set", "kafka.prefix=nowhere."]
    assert "lacks the topic nowhere.alerts" in refused(capsys, "case", "list", *elsewhere)


# -- the page --------------------------------------------------------------------------------------


def test_the_examples_of_the_page_do_what_it_says(folder, capsys, monkeypatch):
    code = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    for line in code[1].splitlines():
        program, *arguments = shlex.split(os.path.expandvars(line))
        assert program == "vigie"
        assert cli.main(arguments) == 0, line
        if "CASE" not in os.environ:
            monkeypatch.setenv("CASE", newest(read("alerts.jsonl"))["data"]["case_id"][:9])
    out = capsys.readouterr().out
    assert "verdict  confirmed" not in out  # the newest stands
    case = newest(read("alerts.jsonl"), status="dismissed")
    assert case["data"]["verdict"]["reason"] == "A fan club before the match"
    assert Path("posts.csv").read_text().startswith("tweetid,userid,tweet_time\n")
    assert orjson.loads(Path("case.json").read_bytes())["id"] == case["id"]


def test_the_line_of_the_page_is_a_line_of_the_file(tmp_path):
    (tmp_path / "v.jsonl").write_text(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    (one,) = VerdictFile(tmp_path / "v.jsonl", pytest.fail).new()
    assert one.kind == "dismissed"
    fields = re.findall(r"^\| `(\w+)` \|", PAGE.split("### The file of verdicts")[1], re.MULTILINE)
    assert set(fields) == {"case_id", "kind", "reason", "at", "until", "by", "said"}
