"""What the watch room says is in force from the next tick on, without a restart."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
import weakref
from pathlib import Path

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of_posts import MINUTE, SECOND, START_MS, post, run

from detectors.lists import Entry, Lists
from detectors.verdicts import Verdict
from streams import cli
from streams.embedded import Pipeline, Settings
from streams.kafka import topics
from streams.kafka.room import LISTS, Ears, SaidLists, listen, publish_verdict
from streams.kafka.settings import KafkaSettings
from streams.kafka.tasks import AccountsTask
from streams.kafka.tasks.records import Record
from streams.kafka.wire import line_of
from streams.lists import ListFiles
from streams.replay import Run, play
from streams.room import Room

TEXT = "the harbour was sold last night to those who paid the minister and nobody here will say so"


def entry(account: str, kind: str = "attributed", **more) -> Entry:
    return Entry(account=account, kind=kind, reason="disclosed", source="a report", list="room", **more)


def copies(first_minute: int) -> list:
    """Six accounts that send somebody the same words."""
    return [
        post(f"p{first_minute}.{n}", f"troll{n}", first_minute * MINUTE + n * 4 * SECOND, f"@mayor {TEXT}")
        for n in range(6)
    ]


def said(lists: Lists, at: int = 0) -> bytes:
    return msgspec.json.encode(SaidLists(entries=list(lists.entries), at_ms=at))


def test_a_listed_account_in_a_case_is_named_with_the_reason_and_adds_to_the_score():
    plain, listed = Pipeline(), Pipeline()
    lists = Lists([entry("troll2"), entry("troll4", "amplifies", since_ms=START_MS)])
    listed.room.put(lists)
    before, after = (run(one, copies(0))[-1]["data"] for one in (plain, listed))
    assert before["group"]["listed"] == [] and before["versions"]["lists"] is None
    assert after["versions"]["lists"] == lists.version
    assert [(one["account"], one["kind"], one["since"] is None) for one in after["group"]["listed"]] == [
        ("troll2", "attributed", True),
        ("troll4", "amplifies", False),
    ]
    assert after["score"] > before["score"]
    (reason,) = [one for one in after["reasons"] if one["code"] == "listed"]
    assert reason["en"].endswith("1 listed as attributed and 1 listed as amplifying on the room's lists")
    assert len(after["not_proved"]) == len(before["not_proved"]) + 1


def test_accounts_that_a_list_declares_are_open_coordination():
    pipeline = Pipeline()
    pipeline.room.put(Lists([entry(f"troll{n}", "declared") for n in range(6)]))
    assert run(pipeline, copies(0)) == []
    assert pipeline.judge.open_groups


def test_a_list_that_changes_is_in_force_without_a_restart(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("streams.replay._LOOK_S", 0.0)
    path = tmp_path / "room.csv"
    path.write_text("account,reason,source,kind\nnobody,disclosed,a report,attributed\n")
    problems: list[str] = []
    files = ListFiles([path], problems.append)
    pipeline = Pipeline()
    pipeline.room.put(files.load())

    def batches():
        yield copies(0)
        path.write_text("account,reason,source,kind\ntroll2,disclosed,a report,attributed\n")
        yield [post("a", "a", 30 * MINUTE)]
        yield [post("b", "a", 31 * MINUTE)]
        path.write_text("account,reason,source,kind\ntroll2,disclosed,a report,bad\n")
        yield [post("c", "a", 32 * MINUTE)]
        yield [post("d", "a", 33 * MINUTE), *copies(150)]

    alerts = list(play(batches(), pipeline, Run(), lists=files))
    named = [[one["account"] for one in alert["data"]["group"]["listed"]] for alert in alerts]
    assert named[0] == [] and named[-1] == ["troll2"]
    assert len(problems) == 1 and "stay in force" in problems[0]


def test_lists_are_in_force_from_their_time_on_and_the_newest_stands():
    ears = Ears(Room())
    first, second = Lists([entry("1")]), Lists([entry("1"), entry("2")])
    ears.take(LISTS, said(first, at=5_000))
    ears.take(LISTS, said(second, at=9_000))
    assert [len(ears.room.lists_at(tick)) for tick in (0, 5_000, 8_999, 9_000)] == [0, 1, 1, 2]
    ears.take(LISTS, None)
    assert not ears.room.lists_at(9_000)


def test_lists_that_no_tick_can_ask_for_any_more_are_let_go():
    room, old = Room(), [Lists([entry("1")]), Lists([entry("2")])]
    held = [weakref.ref(lists) for lists in old]
    room.put(old[0], at_ms=5_000)
    room.put(old[1], at_ms=9_000)
    old.clear()
    assert all(lists() is not None for lists in held)
    room.put(Lists(), at_ms=6_000)
    assert [lists() is not None for lists in held] == [True, False]
    assert [len(room.lists_at(tick)) for tick in (0, 5_999, 6_000, 9_000)] == [0, 1, 0, 0]


@given(st.lists(st.integers(0, 9), max_size=20))
def test_at_every_tick_the_newest_lists_whose_time_has_come_stand(times):
    room, said = Room(), [(at, Lists([entry(str(number))])) for number, at in enumerate(times)]
    for at, lists in said:
        room.put(lists, at_ms=at)
    for tick in range(10):
        newest = ([Lists()] + [lists for at, lists in said if at <= tick])[-1]
        assert room.lists_at(tick).version == newest.version


@pytest.mark.parametrize(
    ("key", "value"), [(b"tea", b"{}"), (None, b""), (LISTS, b"oops"), (LISTS, b"{}"), (b"case:1", b"{}")]
)
def test_a_record_that_says_nothing_known_is_counted_and_changes_nothing(key, value):
    ears = Ears(Room())
    ears.take(LISTS, said(Lists([entry("1")])))
    ears.take(key, value)
    assert (ears.unreadable, len(ears.room.lists_at(0)), ears.room.verdicts) == (1, 1, [])


def test_a_task_takes_the_lists_that_are_in_force_at_each_tick():
    room = Room()
    room.put(Lists([entry("7", "declared")]), at_ms=START_MS + 60_000)
    task = AccountsTask(0, Settings(kafka=KafkaSettings(partitions=1)), room=room)
    members = []
    take = task.accounts.take

    def noting(tick_ms, posts, changes):
        batch = take(tick_ms, posts, changes)
        members.extend(batch.members)
        return batch

    task.accounts.take = noting
    for number, at in enumerate((0, 70 * SECOND, 140 * SECOND)):
        line = line_of(post(str(number), "7", at))
        list(task.take(Record("posts", 0, number, None, line, [], 0)))
    assert [member.declared for member in members] == [False, True]


# -- over a real broker -----------------------------------------------------------------------------


async def heard(settings: KafkaSettings, wanted: int, more, verdicts: int = 0) -> Room:
    """A room that listens until it has heard so much; `more` is called once it has caught up."""
    room, caught_up = Room(), asyncio.Event()
    listening = asyncio.create_task(listen(room, settings, caught_up))
    try:
        await asyncio.wait_for(caught_up.wait(), 30)
        await asyncio.get_running_loop().run_in_executor(None, more)
        deadline = time.monotonic() + 30
        while (len(room.lists_at(0)), len(room.verdicts)) != (wanted, verdicts):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        return room
    finally:
        listening.cancel()


def test_lists_that_are_published_reach_who_listens_and_who_comes_later(kafka, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)
    settings = KafkaSettings(bootstrap=kafka, prefix=f"t-{uuid.uuid4().hex[:8]}.")
    topics.create(settings)
    flags = ["--set", f"kafka.bootstrap={kafka}", "--set", f"kafka.prefix={settings.prefix}"]

    def publish(count: int) -> None:
        path = tmp_path / "room.csv"
        rows = [f"{n},disclosed,a report,attributed" for n in range(count)]
        path.write_text("\n".join(["account,reason,source,kind", *rows]) + "\n")
        assert cli.main(["lists", "publish", str(path), *flags]) == 0

    publish(600)
    room = asyncio.run(heard(settings, 3, lambda: publish(3)))
    assert len(room.lists_at(0)) == 3
    later = asyncio.run(heard(settings, 3, lambda: None))
    assert later.lists_at(0).version == room.lists_at(0).version


def test_the_newest_verdict_on_a_case_reaches_who_listens(kafka):
    settings = KafkaSettings(bootstrap=kafka, prefix=f"t-{uuid.uuid4().hex[:8]}.")
    topics.create(settings)
    said = [
        Verdict(case_id="c1", kind=kind, reason="they say so", at_ms=5_000)
        for kind in ("dismissed", "confirmed")
    ]
    publish_verdict(settings, said[0])
    room = asyncio.run(heard(settings, 0, lambda: publish_verdict(settings, said[1]), verdicts=2))
    assert room.verdicts == said


def test_lists_are_checked_and_compared_at_the_command_line(tmp_path, capsys):
    old, new = tmp_path / "old.csv", tmp_path / "room.csv"
    old.write_text("account,reason,source,kind\n1,disclosed,a report,attributed\n")
    new.write_text(
        "account,reason,source,kind\n1,disclosed,a report,amplifies\n2,a newsroom,its page,declared\n"
    )
    assert cli.main(["lists", "check", str(new), "--json"]) == 0
    assert len(orjson.loads(capsys.readouterr().out)["entries"]) == 2
    assert cli.main(["lists", "diff", str(old), str(new), "--json"]) == 0
    found = orjson.loads(capsys.readouterr().out)
    assert [len(found[name]) for name in ("added", "removed", "changed")] == [2, 1, 0]
    new.write_text("account,reason,source,kind\n1,,a report,attributed\n")
    assert cli.main(["lists", "check", str(new)]) == 2
    assert "line 2" in capsys.readouterr().err
