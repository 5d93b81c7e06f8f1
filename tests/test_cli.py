"""The command line: what it reads and writes, its exit codes, and one sentence for whatever is wrong."""

from __future__ import annotations

import argparse
import gzip
import io
import random
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from streams_of_posts import planted, post

from detectors import __version__
from streams import cli
from streams.ranking import KINDS as TOP_KINDS
from streams.sources.posts import encode_post

TEXTS = [encode_post(one) for one in planted(7, chatter=60).posts]
PLAIN = b"\n".join(TEXTS) + b"\n"


@pytest.fixture
def posts(tmp_path) -> Path:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(PLAIN)
    return path


def alerts_in(path: Path) -> list[dict[str, Any]]:
    alerts = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for alert in alerts:
        assert alert["data"].pop("published_at")
    return alerts


def replay(tmp_path: Path, *arguments: object, expect: int = 0) -> list[dict[str, Any]]:
    out = tmp_path / "alerts.jsonl"
    assert cli.main(["replay", *map(str, arguments), "--alerts", str(out)]) == expect
    return alerts_in(out)


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which a command ends at exit code 2."""
    try:
        code = cli.main([str(one) for one in arguments])
    except SystemExit as ending:
        code = int(str(ending.code))
    captured = capsys.readouterr()
    assert code == 2, captured
    said = [line for line in captured.err.splitlines() if "(a guess;" not in line]
    assert len(said) == 1, said
    assert said[0].startswith("vigie")
    assert "Traceback" not in captured.err + captured.out
    assert "\x1b" not in captured.err
    return said[0]


def run_vigie(*arguments: object, stdin: bytes = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "streams.cli", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, **more)


# -- inputs ----------------------------------------------------------------------------------------


def test_plain_packed_and_piped_posts_give_the_same_alerts(tmp_path, posts, monkeypatch):
    wanted = replay(tmp_path, posts)
    assert {alert["data"]["severity"] for alert in wanted} & {"warning", "critical"}
    packed = tmp_path / "posts.gz"
    packed.write_bytes(gzip.compress(PLAIN, mtime=0))
    zst = tmp_path / "posts.zst"
    zst.write_bytes(zstandard.compress(PLAIN))
    assert replay(tmp_path, packed) == wanted
    assert replay(tmp_path, zst) == wanted
    pipe(monkeypatch, PLAIN)
    assert replay(tmp_path, "-") == wanted


def test_a_real_pipe_gives_the_same_alerts_and_a_line_end_is_not_needed(tmp_path, posts):
    wanted = replay(tmp_path, posts)
    out = tmp_path / "piped.jsonl"
    done = run_vigie("replay", "-", "--alerts", out, stdin=PLAIN[:-1])
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert alerts_in(out) == wanted


def test_several_files_in_any_order_are_merged_and_sorted(tmp_path, posts):
    wanted = replay(tmp_path, posts)
    shuffled = list(TEXTS)
    random.Random(1).shuffle(shuffled)
    parts = [tmp_path / "b.jsonl", tmp_path / "a.jsonl.gz"]
    parts[0].write_bytes(b"\n".join(shuffled[:150]))
    parts[1].write_bytes(gzip.compress(b"\n".join(shuffled[150:])))
    assert replay(tmp_path, *parts) == wanted


def test_speed_changes_when_alerts_come_and_not_which(tmp_path, posts):
    wanted = replay(tmp_path, posts)
    started = time.monotonic()
    assert replay(tmp_path, posts, "--speed", "300") == wanted
    assert 1 < time.monotonic() - started < 10  # six minutes of posts


def test_convert_and_replay_give_the_same_alerts(tmp_path, posts, capsysbinary, monkeypatch):
    assert cli.main(["convert", str(posts)]) == 0
    converted = capsysbinary.readouterr().out
    assert converted == PLAIN
    wanted = replay(tmp_path, posts)
    pipe(monkeypatch, converted)
    assert replay(tmp_path, "-", "--format", "posts") == wanted


def test_the_guess_of_the_format_is_said_and_a_given_one_is_not(posts, capsys):
    cli.main(["replay", str(posts)])
    assert f"{posts} is read as posts (a guess" in capsys.readouterr().err
    cli.main(["replay", str(posts), "--format", "posts"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_input_is_no_error_and_a_warning(tmp_path, capsys, content):
    path = tmp_path / "empty"
    path.write_bytes(content)
    assert replay(tmp_path, path) == []
    assert "warning: the input holds no post." in capsys.readouterr().err
    assert cli.main(["top", "hashtags", str(path)]) == 0
    assert cli.main(["convert", str(path)]) == 0


def test_an_empty_pipe_makes_the_file_of_alerts(tmp_path, capsys, monkeypatch):
    pipe(monkeypatch, b"")
    assert replay(tmp_path, "-") == []
    assert "warning" in capsys.readouterr().err


UNREADABLE = {
    "words": b"this is no archive\nof anything at all\n",
    "binary": bytes(random.Random(2).randbytes(5000)),
    "zeros": b"\0" * 5000,
    "cut.gz": gzip.compress(PLAIN, mtime=0)[:-40],
    "damaged.gz": gzip.compress(PLAIN, mtime=0)[:2000] + b"XXXXXXXX" * 20,
    "cut.zst": zstandard.compress(PLAIN)[:-40],
    "archive.zip": b"PK\x03\x04" + b"\0" * 100,
    "wide.jsonl": PLAIN.decode().encode("utf-16"),
    "table.csv": b"when,who,\x1b[2Jwhat\n1,2,3\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("command", [["replay"], ["convert"], ["top", "hashtags"]])
def test_what_cannot_be_read_ends_with_one_sentence(tmp_path, capsys, command, name):
    path = tmp_path / name
    path.write_bytes(UNREADABLE[name])
    assert name in refused(capsys, *command, path)


@pytest.mark.parametrize("command", [["replay"], ["convert"], ["top", "links"]])
def test_a_missing_file_or_a_directory_ends_with_one_sentence(tmp_path, capsys, command):
    assert "does not exist: check the path" in refused(capsys, *command, tmp_path / "none.jsonl")
    assert "is a directory: name the files in it" in refused(capsys, *command, tmp_path)


def test_a_pipe_that_is_not_json_ends_with_one_sentence(tmp_path, capsys, monkeypatch):
    pipe(monkeypatch, b"not json at all\n" * 3)
    assert "standard input has no JSON" in refused(capsys, "replay", "-", "--format", "posts")


def test_a_pipe_cannot_be_merged_with_files(posts, capsys):
    assert "cannot be merged" in refused(capsys, "replay", "-", posts)


# -- refused and late posts ------------------------------------------------------------------------


def test_refused_records_are_counted_and_kept_with_their_lines(tmp_path, capsys):
    lines = list(TEXTS)
    lines.insert(10, b'{"id": "cut off')
    lines.insert(20, b'{"id": "1", "platform": "x", "created_at": 1500000000000}')
    lines.insert(30, b"[1, 2]")
    path, rejects = tmp_path / "posts.jsonl", tmp_path / "rejects.jsonl"
    path.write_bytes(b"\n".join(lines))
    alerts = replay(tmp_path, path, "--rejects", rejects)
    said = capsys.readouterr().err
    assert "3 records refused" in said
    assert "--rejects" not in said
    kept = [orjson.loads(line) for line in rejects.read_bytes().splitlines()]
    assert [(one["line"], one["reason"]) for one in kept] == [
        (11, "not_json"),
        (21, "missing_field"),
        (31, "not_an_object"),
    ]
    assert {one["input"] for one in kept} == {str(path)}
    assert [one["raw"] for one in kept] == [lines[10].decode(), lines[20].decode(), lines[30].decode()]
    path.write_bytes(PLAIN)
    assert replay(tmp_path, path) == alerts
    path.write_bytes(b"\n".join(lines))
    replay(tmp_path, path)
    assert (
        "(1 not_json, 1 missing_field, 1 not_an_object); --rejects FILE keeps them."
        in capsys.readouterr().err
    )


def test_a_post_far_in_the_future_is_refused_and_makes_no_other_late(tmp_path, capsys, monkeypatch):
    future = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    wrong = b'{"id":"f","platform":"x","author_id":"f","created_at":"%s"}' % future.encode()
    lines = [*TEXTS[:50], wrong, *TEXTS[50:]]
    rejects = tmp_path / "rejects.jsonl"
    pipe(monkeypatch, b"\n".join(lines))
    piped = replay(tmp_path, "-", "--rejects", rejects, "--json")
    captured = capsys.readouterr()
    numbers = orjson.loads(captured.out)
    assert numbers["posts"] == {
        "processed": len(TEXTS),
        "late": 0,
        "duplicate": 0,
        "rejected": 1,
        "events": 0,
    }
    assert numbers["rejected_by_reason"] == {"future_time": 1}
    assert "1 record refused (1 future_time)" in captured.err
    kept = orjson.loads(rejects.read_bytes())
    assert (kept["line"], kept["reason"], orjson.loads(kept["raw"])["id"]) == (51, "future_time", "f")
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert replay(tmp_path, path) == piped
    path.write_bytes(PLAIN)
    assert replay(tmp_path, path) == piped


def test_a_post_of_a_clock_a_minute_ahead_is_taken(tmp_path, capsys):
    near = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    path = tmp_path / "one.jsonl"
    path.write_text(f'{{"id":"1","platform":"x","author_id":"f","created_at":"{near}"}}\n')
    cli.main(["replay", str(path), "--json"])
    assert orjson.loads(capsys.readouterr().out)["posts"]["processed"] == 1


def test_more_than_one_late_post_in_a_hundred_is_a_warning(tmp_path, capsys, monkeypatch):
    at = 60_000
    on_time = [encode_post(post(f"o{n}", f"a{n}", at + n, "on time")) for n in range(200)]
    late = [encode_post(post(f"l{n}", f"b{n}", n, "late")) for n in range(5)]
    pipe(monkeypatch, b"\n".join(on_time + late[:1]))
    cli.main(["replay", "-", "--json"])
    captured = capsys.readouterr()
    assert orjson.loads(captured.out)["posts"]["late"] == 1
    assert "late" not in captured.err and "grace" not in captured.err
    pipe(monkeypatch, b"\n".join(on_time + late))
    assert cli.main(["replay", "-", "--json"]) == 0
    captured = capsys.readouterr()
    assert orjson.loads(captured.out)["posts"]["late"] == 5
    assert "warning: 5 posts (2.4%) came after the grace" in captured.err
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(on_time + late))  # a file is sorted: nothing is late in it
    cli.main(["replay", str(path), "--json"])
    captured = capsys.readouterr()
    assert orjson.loads(captured.out)["posts"]["late"] == 0
    assert "warning" not in captured.err


def test_every_record_is_accounted_for(tmp_path, capsys, monkeypatch):
    lines = [*TEXTS, *TEXTS[-3:], b"{", b'{"event":"deletion","platform":"x","id":"1","at":1500000000000}']
    pipe(monkeypatch, b"\n".join([*lines, TEXTS[0]]))
    cli.main(["replay", "-", "--json"])
    counted = orjson.loads(capsys.readouterr().out)["posts"]
    # The deletion is dated before everything else, and so as late as the last post.
    assert counted == {"processed": len(TEXTS), "late": 2, "duplicate": 3, "rejected": 1, "events": 0}
    assert sum(counted.values()) == len(lines) + 1


# -- outputs ---------------------------------------------------------------------------------------


def test_json_is_the_summary_alone_on_standard_output(posts, capsys):
    cli.main(["replay", str(posts), "--json", "--show", "notice"])
    numbers = orjson.loads(capsys.readouterr().out)
    assert numbers["posts"]["processed"] == len(TEXTS)
    assert sum(numbers["alerts"].values()) >= sum(numbers["cases"].values()) > 0
    assert numbers["event_time_until"].startswith("2017-07-14T02:4")
    assert set(numbers["evicted"].values()) == {0}


def test_the_summary_names_what_was_found_and_where_it_is(tmp_path, posts, capsys):
    replay(tmp_path, posts)
    out = capsys.readouterr().out
    squeezed = " ".join(out.split())
    assert f"{len(TEXTS)} posts in" in squeezed
    assert "notice (weak evidence, nobody is woken)" in squeezed
    assert "All alerts are in" in squeezed


@pytest.mark.parametrize("flag", ["--alerts", "--rejects", "--store"])
def test_an_output_that_cannot_be_written_ends_with_one_sentence(tmp_path, posts, capsys, flag):
    said = refused(capsys, "replay", posts, flag, tmp_path / "none" / "out")
    assert str(tmp_path / "none" / "out") in said


@pytest.mark.parametrize("flag", ["--alerts", "--rejects"])
def test_a_full_disk_ends_with_one_sentence(tmp_path, capsys, flag):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(PLAIN + b"{\n")
    try:
        code = cli.main(["replay", str(path), flag, "/dev/full"])
    finally:
        err = capsys.readouterr().err
    assert code == 2
    assert len(re.findall("^vigie: The (alerts|rejects) cannot be written", err, re.MULTILINE)) == 1
    assert "No space left on device" in err
    assert "Traceback" not in err


def test_a_full_disk_behind_standard_output_ends_with_one_sentence(posts):
    with Path("/dev/full").open("wb") as full:
        for command in (["config", "show"], ["convert", posts, "--format", "posts"]):
            done = subprocess.run(
                [sys.executable, "-m", "streams.cli", *map(str, command)],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
            assert done.returncode == 2
            said = "vigie: the output cannot be written: No space left on device.\n"
            assert done.stderr.decode() == said


def test_an_input_is_never_written_over(posts, capsys):
    link = posts.with_name("link.jsonl")
    link.symlink_to(posts)
    for flag in ("--alerts", "--rejects", "--store"):
        assert "is also an input" in refused(capsys, "replay", posts, flag, link)
    assert "is also an input" in refused(capsys, "convert", posts, "--rejects", posts)
    assert posts.read_bytes() == PLAIN


def test_a_reader_that_leaves_early_is_no_error(posts):
    script = f"{sys.executable} -m streams.cli convert {posts} {posts} {posts} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr


def test_an_interrupt_ends_with_130_and_keeps_the_alerts(tmp_path):
    out = tmp_path / "alerts.jsonl"
    command = [sys.executable, "-m", "streams.cli", "replay", "-", "--format", "posts", "--alerts", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stderr
        process.stdin.write(PLAIN)
        process.stdin.flush()
        for _ in range(300):
            if out.exists() and out.stat().st_size:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        said = process.stderr.read()
    assert (code, said) == (130, b"vigie: stopped.\n")
    assert alerts_in(out)


# -- settings --------------------------------------------------------------------------------------


def test_a_settings_file_the_environment_and_the_defaults_in_their_order(tmp_path, capsys, monkeypatch):
    room = tmp_path / "room.toml"
    room.write_text("[hashtags]\nmin_accounts = 11\nwindow_minutes = 12\n")
    monkeypatch.setenv("VIGIE_HASHTAGS__MIN_ACCOUNTS", "13")
    monkeypatch.setenv("VIGIE_NEAR_DUPLICATES__SIMILARITY", "0.6")
    assert cli.main(["config", "show", "--json", "--config", str(room)]) == 0
    shown = orjson.loads(capsys.readouterr().out)
    assert shown["hashtags"]["min_accounts"] == 13
    assert shown["hashtags"]["window_minutes"] == 12
    assert shown["near_duplicates"]["similarity"] == 0.6
    assert shown["hashtags"]["long_window_minutes"] == 60


def test_settings_in_force_change_the_alerts_and_their_version(tmp_path, posts):
    room = tmp_path / "room.toml"
    room.write_text("[near_duplicates]\nmin_accounts = 50\n[hashtags]\nmin_accounts = 50\n")
    assert replay(tmp_path, posts)
    assert replay(tmp_path, posts, "--config", room) == []


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("[hashtags]\nwindow_minuts = 3\n", "window_minuts"),
        ("[hashtag]\nwindow_minutes = 3\n", "hashtag"),
        ("[time]\ngrace_s = 'soon'\n", "time.grace_s"),
        ("time = 3\n", "time"),
        ("[time]\ntick_s = 0\n", "time.tick_s"),
        ("[near_duplicates]\nindex_rows = 1000\n", "near_duplicates.index_rows"),
        ("not toml", "not TOML"),
    ],
)
def test_wrong_settings_are_named(tmp_path, posts, capsys, monkeypatch, content, names):
    room = tmp_path / "room.toml"
    room.write_text(content)
    assert names in refused(capsys, "replay", posts, "--config", room)
    assert names in refused(capsys, "config", "check", "--config", room)
    monkeypatch.setenv("VIGIE_TIME__GRACE_S", "20")
    if names != "time.grace_s":  # that one is overridden
        assert names in refused(capsys, "config", "check", "--config", room)


def test_a_wrong_variable_is_named(capsys, monkeypatch):
    monkeypatch.setenv("VIGIE_TIME__GRACE", "20")
    said = refused(capsys, "config", "show")
    assert "environment" in said and "`grace`" in said


def test_a_missing_settings_file_is_named(tmp_path, capsys):
    assert "none.toml" in refused(capsys, "config", "check", "--config", tmp_path / "none.toml")


def test_config_check_says_the_version_that_alerts_carry(tmp_path, posts, capsys):
    alerts = replay(tmp_path, posts)
    capsys.readouterr()
    assert cli.main(["config", "check"]) == 0
    said = capsys.readouterr().out
    assert f"(version {alerts[0]['data']['versions']['config']})" in said


def test_config_show_is_a_settings_file_again(tmp_path, capsys):
    assert cli.main(["config", "show"]) == 0
    room = tmp_path / "room.toml"
    room.write_text(capsys.readouterr().out)
    assert cli.main(["config", "check", "--config", str(room)]) == 0
    checked = capsys.readouterr().out
    cli.main(["config", "check"])
    assert capsys.readouterr().out == checked


# -- top -------------------------------------------------------------------------------------------

SMALL_INPUT = [
    post("1", "ana", 0, "Vote now for the old bridge over the river #Bridge https://a.invalid/1 @mayor"),
    post("2", "bob", 1, "vote NOW for the old bridge over the river #bridge https://a.invalid/1 @mayor"),
    post("3", "ana", 2, "Vote now for the old bridge over the river! #bridge @minister"),
    post("4", "cleo", 3, "", kind="repost", ref_id="1", ref_author_id="ana"),
    post("5", "dan", 4, "", kind="repost", ref_id="2", ref_author_id="bob"),
    post("6", "eve", 5, "", kind="repost", ref_id="3", ref_author_id="ana"),
    post("7", "dan", 6, "Something quite different about the weather of today #rain #Bridge"),
]
TOP: dict[str, list[tuple[str, int, int]]] = {
    "hashtags": [("bridge", 4, 3), ("rain", 1, 1)],
    "sources": [("ana", 2, 2), ("bob", 1, 1)],
    "links": [("https://a.invalid/1", 2, 2)],
    "targets": [("mayor", 2, 2), ("minister", 1, 1)],
    "texts": [
        ("Vote now for the old bridge over the river #Bridge {link} {@target}", 3, 2),
        ("Something quite different about the weather of today #rain #Bridge", 1, 1),
    ],
}


@pytest.mark.parametrize("kind", TOP)
def test_top_counts_exactly(tmp_path, capsys, kind):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in SMALL_INPUT))
    assert cli.main(["top", kind, str(path), "--json"]) == 0
    rows = orjson.loads(capsys.readouterr().out)
    assert [(row["value"], row["posts"], row["accounts"]) for row in rows] == TOP[kind]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    total = sum(posts for _, posts, _ in TOP[kind])
    assert [row["share"] for row in rows] == [round(posts / total, 4) for _, posts, _ in TOP[kind]]
    assert {row["bot_share"] for row in rows} == {None}  # no profiles: not enough data, which is not zero
    assert cli.main(["top", kind, str(path), "--limit", "1"]) == 0
    table = capsys.readouterr().out
    assert TOP[kind][0][0].split()[0] in table
    assert len(TOP[kind]) == 1 or TOP[kind][1][0].split()[0] not in table.replace("posts/account", "")
    assert "not enough data" in " ".join(table.split())


def test_every_kind_of_top_is_tested():
    assert set(TOP) == set(TOP_KINDS)


# -- help and bad use ------------------------------------------------------------------------------


def subcommands() -> dict[str, argparse.ArgumentParser]:
    actions = cli.parser()._actions
    (found,) = [one for one in actions if isinstance(one, argparse._SubParsersAction)]
    return dict(found.choices)


@pytest.mark.parametrize("name", subcommands())
def test_every_help_runs_and_has_an_example(name, capsys):
    with pytest.raises(SystemExit) as ending:
        cli.main([name, "--help"])
    assert ending.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert f"vigie {name}" in shown.partition("examples:")[2]


@pytest.mark.parametrize("name", subcommands())
def test_the_examples_of_the_help_are_good_use(name):
    for line in (subcommands()[name].epilog or "").splitlines()[1:]:
        for part in line.split("|"):
            words = re.findall(r'"[^"]*"|\S+', re.split(" > | # ", part)[0])
            if words[:1] == ["vigie"]:
                cli.parser().parse_args([word.strip('"') for word in words[1:]])


def test_version(capsys):
    with pytest.raises(SystemExit) as ending:
        cli.main(["--version"])
    assert ending.value.code == 0
    assert capsys.readouterr().out == f"vigie {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["replay"], "FILE"),
        (["replay", "x", "--speed", "0"], "--speed: '0' is not a number above 0"),
        (["replay", "x", "--speed", "fast"], "--speed: 'fast' is not a number above 0"),
        (["replay", "x", "--speed", "nan"], "--speed: 'nan' is not a number above 0"),
        (["replay", "x", "--metrics-port", "0"], "'0' is not a port, 1 to 65535"),
        (["replay", "x", "--metrics-port", "http"], "'http' is not a port, 1 to 65535"),
        (["replay", "x", "--show", "all"], "--show"),
        (["replay", "x", "--format", "parquet"], "--format"),
        (["top", "people", "x"], "people"),
        (["top", "links", "x", "--limit", "-3"], "'-3' is not a whole number, 1 or more"),
        (
            ["simulate", "election-night", "--out", "x", "--seed", "-1"],
            "'-1' is not a whole number, 0 or more",
        ),
        (["simulate", "no-such-night", "--out", "x"], "There is no scenario 'no-such-night'"),
        (["config", "erase"], "erase"),
        (["explain", "hashtag", "x"], "--store"),
    ],
)
def test_bad_use_ends_with_one_sentence(capsys, arguments, says):
    assert says in refused(capsys, *arguments)


def test_simulate_writes_labelled_traffic(tmp_path, capsys):
    scenario = tmp_path / "mine.toml"
    scenario.write_text('title = "Mine"\nstart = 2022-04-10T18:00:00Z\nduration_minutes = 1\n')
    assert cli.main(["simulate", str(scenario), "--out", str(tmp_path / "out"), "--json"]) == 0
    written = orjson.loads(capsys.readouterr().out)
    lines = (tmp_path / "out" / "posts.jsonl").read_bytes().splitlines()
    assert written == {"posts": len(lines), "labelled": 0, "operations": {}}
    assert (tmp_path / "out" / "truth.jsonl").read_bytes() == b""
    assert cli.main(["simulate", str(scenario), "--out", str(tmp_path / "again"), "--json"]) == 0
    assert (tmp_path / "again" / "posts.jsonl").read_bytes().splitlines() == lines


def test_a_taken_metrics_port_ends_with_one_sentence(posts, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(capsys, "replay", posts, "--metrics-port", taken.getsockname()[1])
    assert "Choose another with --metrics-port" in said


def test_a_flag_is_stronger_than_the_environment_and_the_file(tmp_path, monkeypatch, capsys):
    file = tmp_path / "room.toml"
    file.write_text("[hashtags]\nwindow_minutes = 5\nmin_accounts = 6\n")
    monkeypatch.setenv("VIGIE_HASHTAGS__WINDOW_MINUTES", "7")
    assert (
        cli.main(["config", "show", "--json", "--config", str(file), "--set", "hashtags.window_minutes=9"])
        == 0
    )
    shown = orjson.loads(capsys.readouterr().out)["hashtags"]
    assert (shown["window_minutes"], shown["min_accounts"]) == (9, 6)


@pytest.mark.parametrize("flag", ["window_minutes=9", "hashtags.window_minutes", "hashtags.windows=9"])
def test_a_wrong_flag_is_one_sentence(flag, capsys):
    assert cli.main(["config", "check", "--set", flag]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
