"""The console as people start it: beside a replay, over a file that grows, over Kafka."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import orjson
import pytest
from console_room import PATIENCE_S, Browser, Room, alerts, in_background, renamed, until
from streams_of_posts import planted
from test_cli import refused
from test_room import heard
from test_subscribe import publish

from detectors.lists import Entry, Lists
from streams.console.board import Board
from streams.console.following import AlertLines
from streams.console.kafka import FromKafka
from streams.embedded import Settings
from streams.kafka import topics
from streams.kafka.room import publish_lists
from streams.kafka.settings import KafkaSettings, RedisSettings
from streams.sources.posts import encode_post


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with posts in it."""
    lines = b"".join(encode_post(one) + b"\n" for one in planted(7, chatter=60).posts)
    (tmp_path / "posts.jsonl").write_bytes(lines)
    return tmp_path


@contextmanager
def running(folder: Path, *arguments: str, terminal: bool = False) -> Iterator[Started]:
    """`vigie` with these arguments, at a terminal or not, ended with the test."""
    started = Started(folder, arguments, terminal)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


class Started:
    """A command that runs, and what it has said so far."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], terminal: bool) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
        homes = {"XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
        self._master, out = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *arguments],
            cwd=folder,
            env=kept | homes | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        os.close(out)
        self.said = ""

    def url(self) -> str:
        return until(lambda: re.search(r"The console is at (\S+)", self.heard()), self.said)[1]

    def heard(self) -> str:
        """All that it has said up to now."""
        while select.select([self._master], [], [], 0)[0]:
            try:
                said = os.read(self._master, 1 << 16)
            except OSError:  # a terminal whose other end is closed
                break
            if not said:
                break
            self.said += said.decode(errors="replace")
        return self.said

    def ended(self) -> int:
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < end:
            self.heard()  # or it waits for us to read
            time.sleep(0.05)
        assert self.process.returncode is not None, self.said
        return self.process.returncode


def told(path: Path) -> list[dict]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


# -- beside a replay -------------------------------------------------------------------------------


def test_at_a_terminal_the_page_of_a_replay_stays_and_answers_are_in_force(folder):
    files = ("--alerts", "alerts.jsonl", "--verdicts", "verdicts.jsonl", "--store", "store.db")
    with running(folder, "replay", "posts.jsonl", "--console", "0", *files, terminal=True) as replay:
        browser = Browser(replay.url()).begin()
        until(lambda: "until Ctrl-C" in replay.heard(), "the end of the input")
        assert "summary" in replay.said  # the numbers do not wait for whoever looks at the page
        board = browser.get("/api/board").json
        assert board["ended"] is True
        case_id = board["cases"][0]["case_id"]
        assert browser.get("/api/health").json["state"] == "ok"
        with browser.events() as events:
            assert next(events)[0] == "now"
            said = {"kind": "dismissed", "reason": "a fan club", "until": None}
            assert browser.post(f"/api/cases/{case_id}/verdict", said).status == 200
            row = next(data for event, data in events if event == "case")
        assert (row["case_id"], row["status"]) == (case_id, "dismissed")
        assert row["verdict"]["reason"] == "a fan club"
        os.kill(replay.process.pid, signal.SIGINT)
        assert replay.ended() == 0
    assert told(folder / "alerts.jsonl")[-1]["data"]["status"] == "dismissed"
    assert told(folder / "verdicts.jsonl")[0]["case_id"] == case_id
    assert [entry["what"] for entry in told(folder / "store.db.audit.jsonl")] == ["dismissed"]


def test_without_a_terminal_the_replay_ends_by_itself(folder):
    with running(folder, "replay", "posts.jsonl", "--console", "0") as replay:
        assert replay.url().startswith("http://127.0.0.1:")
        assert replay.ended() == 0
        assert "summary" in replay.heard()


def test_a_place_that_is_none_or_taken_is_refused_in_one_sentence(folder, capsys, tmp_path):
    posts = str(folder / "posts.jsonl")
    assert "[HOST:]PORT" in refused(capsys, "replay", posts, "--format", "posts", "--console", "here")
    room = Room(tmp_path)
    try:
        port = room.server.url.rpartition(":")[2].rstrip("/")
        audit = f"console.audit_file={tmp_path / 'a.jsonl'}"
        arguments = ("replay", posts, "--format", "posts", "--console", port, "--set", audit)
        assert "cannot listen at 127.0.0.1" in refused(capsys, *arguments)
    finally:
        room.close()


# -- over a file -----------------------------------------------------------------------------------


def test_over_a_file_that_grows_new_alerts_appear_and_answers_are_added(folder):
    path = folder / "alerts.jsonl"
    path.write_bytes(orjson.dumps(renamed(alerts()[0], "c1")) + b"\n")
    files = ("--alerts", "alerts.jsonl", "--verdicts", "verdicts.jsonl")
    with running(folder, "console", *files, "--listen", "127.0.0.1:0") as console:
        browser = Browser(console.url()).begin()
        assert [row["case_id"] for row in browser.get("/api/board").json["cases"]] == ["c1"]
        with browser.events() as events, path.open("ab") as file:
            assert next(events)[0] == "now"
            line = orjson.dumps(renamed(alerts()[0], "c2")) + b"\n"
            for part in (line[:100], line[100:]):  # who reads meanwhile waits for the rest
                file.write(part)
                file.flush()
                time.sleep(0.3)
            row = next(data for event, data in events if event == "case")
        assert row["case_id"] == "c2"
        assert browser.post("/api/cases/c2/verdict", {"kind": "confirmed", "reason": "yes"}).status == 200
        assert [one["case_id"] for one in told(folder / "verdicts.jsonl")] == ["c2"]
        os.kill(console.process.pid, signal.SIGTERM)
        assert console.ended() == 0


def test_a_file_that_is_written_anew_is_read_anew_and_what_is_no_alert_is_counted(tmp_path):
    path = tmp_path / "alerts.jsonl"
    lines = AlertLines(path)
    assert list(lines.new()) == []
    assert "cannot be read" in lines.problem
    broken = renamed(alerts()[0], "c1", window={"start": "yesterday", "end": "today"})
    written = [b'{"no": "alert"}', b"nonsense", orjson.dumps(broken), orjson.dumps(alerts()[0])]
    path.write_bytes(b"".join(line + b"\n" for line in written))
    assert [alert["id"] for alert in lines.new()] == [alerts()[0]["id"]]
    assert (lines.problem, lines.unreadable) == ("", 3)
    path.write_bytes(orjson.dumps(alerts()[1]) + b"\n")
    assert [alert["id"] for alert in lines.new()] == [alerts()[1]["id"]]


def test_verdicts_without_a_file_of_alerts_are_refused(capsys):
    assert "--alerts" in refused(capsys, "console", "--verdicts", "x.jsonl")


# -- over Kafka ------------------------------------------------------------------------------------


def test_over_kafka_alerts_lists_and_answers_go_their_way(kafka, tmp_path):
    chosen = KafkaSettings(bootstrap=kafka, prefix=f"room-{uuid.uuid4().hex}.", partitions=1)
    topics.create(chosen)
    publish(chosen, [renamed(alerts()[0], "c1")])
    away = RedisSettings(url="redis://127.0.0.1:1/0", timeout_s=0.2)
    in_force = msgspec.structs.replace(Settings(), kafka=chosen, redis=away)
    source = FromKafka(board := Board("kafka"), in_force)
    room = Room(tmp_path, board=board, say=source.say)
    stop = threading.Event()
    thread = in_background(lambda: source.run(stop))
    try:
        until(lambda: room.board.case("c1"), "the case that was there")
        browser = room.browser().begin()
        with browser.events() as events:
            assert next(events)[0] == "now"
            began = time.monotonic()
            publish(chosen, [renamed(alerts()[0], "c1", 2)])
            row = next(data for event, data in events if event == "case")
            print(f"an alert was published and told after {(time.monotonic() - began) * 1000:.0f} ms")
            assert (row["case_id"], row["revision"]) == ("c1", 2)
        entry = Entry(account="12", kind="declared", reason="a newsroom", source="desk", list="room")
        publish_lists(chosen, Lists([entry]), at_ms=0, said_ms=0)
        until(lambda: browser.get("/api/lists").json["lists"], "the lists")
        health = until(lambda: browser.get("/api/health").json["reasons"], "what is wrong")
        assert any(reason.startswith("redis: does not answer") for reason in health)
        assert browser.get("/api/health").json["state"] == "down"  # no worker runs
        said = {"kind": "dismissed", "reason": "a fan club", "until": None}
        assert browser.post("/api/cases/c1/verdict", said).status == 200
        (verdict,) = asyncio.run(heard(chosen, wanted=1, more=lambda: None, verdicts=1)).verdicts
        assert (verdict.case_id, verdict.kind, verdict.reason) == ("c1", "dismissed", "a fan club")
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        room.close()
