"""`vigie worker` as it is run: real processes, a real broker, a real Redis.

Nothing here is judged by how long it took; what must come is waited for. A process takes seconds to start, so
each is looked at from several sides.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from types import SimpleNamespace

import orjson
from prometheus_client.parser import text_string_to_metric_families
from worker_room import (
    STREAM,
    Feed,
    expected,
    findings,
    later,
    produced,
    unpublished,
    wait_for,
    with_kafka,
    write,
)

from streams import metrics
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import worker as worker_module
from streams.kafka.leaving import DEAD
from streams.kafka.running import Running
from streams.kafka.tasks import INPUTS
from streams.kafka.worker import Worker
from streams.sources.posts import encode_post


def promtool(text: str) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        assert os.environ.get("CI") != "true", "promtool is missing: apt-get install prometheus"
        return
    done = subprocess.run(
        [tool, "check", "metrics"], input=text.encode(), capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_worker_says_what_one_process_says_and_its_successor_goes_on_where_it_ended(make_room, tmp_path):
    room = make_room(stuck_s="30")
    posts = tmp_path / "night.jsonl"
    posts.write_bytes(b"\n".join(encode_post(one) for one in STREAM))
    poison = [b"this is not JSON", b"", os.urandom(300)]
    for topic in INPUTS:  # a few records that nobody can read stop nothing
        write(room, topic, *poison)
    done = room.vigie("produce", str(posts), "--canary-minutes", "0", "--json")
    assert done.returncode == 0, done.stderr

    first = room.worker()
    status, body = wait_for("an answer", lambda: (answer := first.get("/readyz"))[0] and answer, each_s=0.01)
    assert (status, orjson.loads(body)["ready"]) == (503, False), "no partitions yet"
    assert first.get("/livez") == (200, "alive\n")
    assert first.get("/other")[0] == 404
    first.ready()
    room.await_alerts(expected(produced(STREAM)), first)
    assert first.value("vigie_worker_posts_total", outcome="processed") == len(STREAM)
    assert first.value("vigie_worker_posts_total", outcome="dead") == len(poison)
    assert len(room.records("dead-letters")) == len(poison) * len(INPUTS)

    first.covered()
    scraped = first.get("/metrics")[1]
    promtool(scraped)
    shown = {family.name for family in text_string_to_metric_families(scraped)}
    assert shown == {one.name.removesuffix("_total") for one in metrics.WORKER_METRICS}
    names = {one.author_id for one in STREAM} | {one.id for one in STREAM}
    assert not {name for name in names if len(name) > 4 and f'"{name}"' in scraped}
    well = room.vigie("doctor", "--json")
    told = orjson.loads(well.stdout)
    assert (well.returncode, told["well"]) == (0, True), told
    states = {one["what"]: one["state"] for one in told["findings"]}
    assert {states[what] for what in ("broker", "redis", "topics", "producer", "workers", "findings")} == {
        "good"
    }
    assert all(f"lag of {topic}" in states for topic in INPUTS)
    judged_to = first.value("vigie_worker_event_time_seconds", stage="cases")

    assert first.stop() == 0, first.text
    assert "Traceback" not in first.text
    ends = {(topic, p): len(room.records(topic, p)) for topic, p in room.committed()}
    assert room.committed() == ends, "what it ended with is covered"
    assert {name: head.offsets for name, head in room.heads().items()} == {
        f"{stage}.{p}": {topic: ends[topic, p] for topic in INPUTS if INPUTS[topic] == stage}
        for stage in INPUTS.values()
        for p in range(1 if stage == "cases" else 2)
    }

    second = room.worker()
    second.ready()
    second.covered()
    assert second.value("vigie_worker_event_time_seconds", stage="cases") == judged_to
    assert second.value("vigie_worker_posts_total", outcome="processed") == len(STREAM)
    assert second.value("vigie_worker_rewinds_total") == 0
    assert second.value("vigie_worker_holes_total") == 0
    assert 'vigie_worker_sent_records_total{topic="alerts"}' not in second.get("/metrics")[1]
    assert unpublished(room.alerts()) == unpublished(expected(produced(STREAM)))
    assert second.status()["rewound"] == []

    feed = Feed(room, "the next night")
    feed.send(later(STREAM, 300), end=True)
    room.await_alerts(expected(produced(STREAM), later(STREAM, 300)), second)
    assert second.stop() == 0, second.text
    for word in [*STREAM[0].text.split(), *names]:
        if len(word) > 6:
            assert word not in first.text + second.text, "no text and no name in logs"


def test_a_record_that_was_asked_for_and_does_not_come_is_asked_for_again(monkeypatch):
    """What Faust still hands out of an older fetch makes it pass over the records that were asked for."""
    now = {"ms": 5_000}
    sought = []

    async def seek(tp, offset):
        sought.append((tp.topic, offset))

    async def earliest(tp):
        return 0

    monkeypatch.setattr(worker_module, "clock_ms", lambda: now["ms"])
    worker = Worker(Settings(), "cluster")
    worker.app = SimpleNamespace(earliest=earliest, consumer=SimpleNamespace(seek=seek))
    running = Running("subjects.0", None, {"signals": 177})

    def comes(offset: int) -> bool:
        message = SimpleNamespace(topic="signals", partition=0, offset=offset)
        return asyncio.run(worker._is_next(running, "signals", message))

    assert not comes(180)
    assert not comes(181)
    assert sought == [("signals", 177)], "the first one is under way"
    now["ms"] += 1_000
    assert not comes(182)
    assert sought == [("signals", 177)] * 2
    assert comes(177)
    assert not comes(176), "known"


# -- dead records ---------------------------------------------------------------------------------


def test_when_most_records_are_dead_it_is_the_worker_who_leaves(make_room):
    room = make_room(partitions=1)
    write(room, "posts", *[b"a bad deploy %d" % number for number in range(400)])
    worker = room.worker()
    assert worker.ended() == DEAD
    assert "100% of the newest 100 records of posts are dead" in worker.text
    assert "Traceback" not in worker.text


# -- what does not fit ----------------------------------------------------------------------------


def test_other_partitions_a_taken_port_and_more_workers_than_partitions(make_room, tmp_path):
    room = make_room(partitions=1, stuck_s="6")
    posts = tmp_path / "night.jsonl"
    posts.write_bytes(encode_post(STREAM[0]))
    other = with_kafka(room, partitions=3)
    for command in (["worker"], ["produce", str(posts)]):
        assert f"{room.kafka.prefix}posts has 1 partitions, not 3: set kafka.partitions" in other.refused(
            *command
        )
    missing = with_kafka(room, prefix="nowhere.")
    assert "make them with `vigie topics create`" in missing.refused("worker")

    assert findings(room)["workers"] == (
        "bad",
        f"none runs in the group {room.kafka.prefix}vigie: start one with `vigie worker`",
    )
    both = [room.worker(), room.worker()]
    for one in both:
        one.ready()
    wait_for("one with nothing to do", lambda: sorted(len(one.status()["tasks"]) for one in both) == [0, 4])
    assert "cannot be used" in room.refused("worker", "--set", f"worker.port={both[0].port}")
    assert "Choose another: --set worker.port=N" in room.said[-1]
    (idle,) = [one for one in both if not one.status()["tasks"]]
    (busy,) = [one for one in both if one is not idle]
    time.sleep(8)  # longer than a stuck worker has
    for one in both:
        assert one.process.poll() is None, one.text
        assert one.ready()["reasons_to_go"] == []
    assert findings(room)["workers"][1].startswith("2 in the group")
    busy.process.kill()
    wait_for("the partitions to be taken over", lambda: len(idle.status()["tasks"]) == 4)
    assert idle.value("vigie_worker_rewinds_total") == 0
    assert idle.stop() == 0, idle.text


# -- overload -------------------------------------------------------------------------------------


def test_a_worker_that_is_too_far_behind_sheds_reposts_counts_them_and_says_so(make_room):
    room = make_room(partitions=1, shed_after_s="20")
    reposts = [one for one in STREAM if one.kind == "repost"]
    others = [one for one in STREAM if one.kind != "repost"]
    assert len(reposts) > 10
    feed = Feed(room, live=True)
    feed.send(STREAM, written_ms=clock_ms() - 300_000)
    worker = room.worker()
    worker.ready()
    shed = {"name": "vigie_worker_posts_total", "outcome": "shed"}
    worker.until(**shed, wanted=lambda now: now > 0)
    assert worker.value("vigie_worker_posts_total", outcome="shed") == len(reposts)
    assert worker.status()["shedding_since"] is not None
    assert worker.status()["shed_posts"] == len(reposts)
    assert re.search(r"overload: accounts\.0 is 3\d\d s behind; reposts are shed", worker.text)
    feed.send([], end=True)
    wait_for("the end of shedding", lambda: worker.status()["shedding_since"] is None)
    assert f"overload: over; {len(reposts)} reposts were shed since" in worker.text
    wanted = expected(others)
    wait_for("alerts", lambda: len(room.alerts()) >= len(wanted), each_s=1)
    alerts = room.alerts()
    shares = [alert["data"]["coverage"].pop("sampling") for alert in alerts]
    assert shares[-1] == round(len(others) / len(STREAM), 4)
    assert all(0 < share < 1 for share in shares)
    for alert in alerts:
        assert "of its posts were judged" in alert["data"]["not_proved"].pop()["en"]
    for alert in wanted:
        assert alert["data"]["coverage"].pop("sampling") is None
    assert unpublished(alerts) == unpublished(wanted)
    assert worker.value("vigie_worker_posts_taken_total") == len(STREAM)
    assert worker.stop() == 0, worker.text


def test_what_is_read_again_to_fill_the_memory_is_not_shed():
    worker = Worker(Settings(), "cluster")
    long_ago = clock_ms() - 3_600_000
    running = Running("accounts.1", worker._make("accounts", 1), {"posts": 5})
    running.filling_until = 10
    worker.tasks["accounts", 1] = running
    assert not worker.shedding.sheds(1, long_ago)
    running.offsets["posts"] = 10
    assert worker.shedding.sheds(1, long_ago)
    assert not worker.shedding.sheds(1, clock_ms())
