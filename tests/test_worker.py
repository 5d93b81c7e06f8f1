"""`vigie worker` and `vigie doctor` as they are run: real processes, a real broker, a real Redis.

Nothing here is judged by how long it took; what must come is waited for. A process takes seconds to start, so
each is looked at from several sides.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from queue import Queue
from threading import Event
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from servers import Own, need
from streams_of_posts import SMALL, canonical, planted, run

from deploy.servers import KafkaBroker, RedisServer, free_port, missing_for_kafka, missing_for_redis
from detectors.events import Post
from detectors.state import STATE_FORMAT
from detectors.windows import Gate
from streams import metrics, settings
from streams.clock import clock_ms
from streams.embedded import Pipeline, Settings
from streams.kafka import clients, doctor, frames, health, topics
from streams.kafka import worker as worker_module
from streams.kafka.checkpoints import (
    Checkpoints,
    Head,
    Incomplete,
    Overtaken,
    StoreGone,
    StoreRefuses,
    WrongFormat,
)
from streams.kafka.frames import Frame, partition_of
from streams.kafka.leaving import AGAIN, BAD_USE, DEAD, STUCK
from streams.kafka.running import Running
from streams.kafka.settings import KafkaSettings, RedisSettings
from streams.kafka.tasks import INPUTS
from streams.kafka.wire import line_of
from streams.kafka.worker import Worker
from streams.sources.languages import with_languages
from streams.sources.posts import encode_post

STREAM = planted(7, chatter=60, minutes=4).posts
PATIENCE_S = 90.0
"""How long a test waits for something that must come."""
ROWS = {
    "VIGIE_NEAR_DUPLICATES__INDEX_ROWS": str(SMALL.near_duplicates.index_rows),
    "VIGIE_NETWORKS__CHANCE": str(SMALL.networks.chance),
}


def wait_for(what: str, condition: Callable[[], Any], each_s: float = 0.2) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(each_s)
    return found


def expected(*streams: list[Post]) -> list[dict[str, Any]]:
    """What one process says of these inputs, one after the other."""
    pipeline = Pipeline(SMALL)
    return [alert for posts in streams for alert in run(pipeline, posts, [200])]


def produced(posts: list[Post]) -> list[Post]:
    """Posts as `vigie produce` sends them: with the language that it tells."""
    (told,) = with_languages([deepcopy(posts)])
    return told


def unpublished(alerts: list[dict[str, Any]]) -> bytes:
    """Alerts as bytes, without the one field that follows the clock."""
    for alert in alerts:
        alert["data"]["published_at"] = None
    return canonical(alerts)


def later(posts: list[Post], minutes: int) -> list[Post]:
    step = timedelta(minutes=minutes)
    return [
        msgspec.structs.replace(
            one,
            id=f"later-{one.id}",
            time_ms=one.time_ms + minutes * 60_000,
            created_at=one.created_at + step,
        )
        for one in posts
    ]


# -- a room, its workers, its stream ---------------------------------------------------------------


@dataclass
class Process:
    """One `vigie worker`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nobody listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as answer:
            return answer.code, answer.read().decode()
        except (URLError, OSError):
            return 0, ""

    def ready(self) -> dict[str, Any]:
        """What /readyz says, once it says yes."""

        def is_ready() -> bool:
            assert self.process.poll() is None, self.text
            return self.get("/readyz")[0] == 200

        wait_for("readiness", is_ready)
        return self.status()

    def status(self) -> dict[str, Any]:
        return orjson.loads(self.get("/readyz")[1])

    def value(self, name: str, **labels: str) -> float:
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        raise KeyError(name)

    def until(self, name: str, wanted: Callable[[float], bool], **labels: str) -> None:
        def holds() -> bool:
            assert self.process.poll() is None, self.text
            return wanted(self.value(name, **labels))

        wait_for(f"{name} {labels}", holds)

    def covered(self) -> None:
        """Wait until a checkpoint was written that began after this."""
        for _ in range(2):  # the first may have been under way
            before = self.value("vigie_worker_checkpoint_timestamp_seconds")
            self.until("vigie_worker_checkpoint_timestamp_seconds", lambda now, old=before: now > old)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)


@dataclass
class Room:
    """Topics of one's own, and the environment of the commands that work on them."""

    kafka: KafkaSettings
    redis: RedisSettings
    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """All that commands have printed."""
    workers: list[Process] = field(default_factory=list)
    cluster: str = ""

    @property
    def environment(self) -> dict[str, str]:
        named = {"kafka": self.kafka, "redis": self.redis}
        inside = {
            f"VIGIE_{section.upper()}__{one.name.upper()}": str(getattr(values, one.name))
            for section, values in named.items()
            for one in msgspec.structs.fields(values)
        }
        return os.environ | inside | ROWS | {"VIGIE_WORKER__CHECKPOINT_S": "0.3"} | self.more

    @property
    def settings(self) -> Settings:
        return settings.load(None, self.environment)

    def vigie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        self.said += [done.stdout, done.stderr]
        return done

    def refused(self, *arguments: str) -> str:
        """The one sentence with which a command is refused."""
        done = self.vigie(*arguments)
        assert (done.returncode, done.stdout) == (BAD_USE, ""), done.stderr
        (sentence,) = [line for line in done.stderr.splitlines() if "(a guess;" not in line]
        return sentence

    def worker(self, *arguments: str) -> Process:
        port = free_port()
        log = self.folder / f"worker-{port}.log"
        command = [sys.executable, "-m", "streams.cli", "worker", "--set", f"worker.port={port}", *arguments]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)
        self.workers.append(Process(process, port, log))
        return self.workers[-1]

    def end(self) -> None:
        for one in self.workers:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()

    def records(self, topic: str, partition: int = 0) -> list[Any]:
        """All that stands in a partition now."""
        consumer = clients.consumer(self.kafka)
        try:
            part = clients.TopicPartition(clients.topic(self.kafka, topic), partition)
            consumer.assign([part])
            consumer.seek_to_beginning(part)
            end = consumer.end_offsets([part])[part]
            found: list[Any] = []
            while consumer.position(part) < end:
                found += consumer.poll(timeout_ms=200).get(part, [])
            return found
        finally:
            consumer.close()

    def alerts(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in self.records("alerts")]

    def await_alerts(self, wanted: list[dict[str, Any]], worker: Process) -> None:
        """Wait until the topic has so many alerts, and compare them with those of the embedded run."""

        def are_there() -> bool:
            assert worker.process.poll() is None, worker.text
            return len(self.alerts()) >= len(wanted)

        wait_for("alerts", are_there, each_s=1)  # a client of its own each time
        assert unpublished(self.alerts()) == unpublished(wanted)
        assert len(wanted) > 2

    def committed(self) -> dict[tuple[str, int], int]:
        """What the group has committed, by topic without the prefix and partition."""
        asked = clients.admin(self.kafka)
        try:
            group = self.kafka.prefix + "vigie"
            found = asked.list_group_offsets([group])[group]
            return {
                (tp.topic.removeprefix(self.kafka.prefix), tp.partition): int(getattr(one, "offset", one))
                for tp, one in found.items()
            }
        finally:
            asked.close()

    def heads(self) -> dict[str, Head]:
        """The checkpoints in Redis, by task."""
        if not self.cluster:
            self.cluster = clients.cluster_id(self.kafka)
        space = f"vigie:{self.kafka.prefix}vigie:{self.cluster}:"
        with Redis.from_url(self.redis.url) as redis:
            names = [key.decode() for key in redis.keys(f"{space}*") if redis.type(key) == b"string"]
            packed = {name.removeprefix(space): redis.get(name) for name in names}
        return {name: msgspec.msgpack.decode(one, type=Head) for name, one in packed.items()}


class Feed:
    """A producer of the simplest sort: one frame for each partition at a time."""

    def __init__(self, room: Room, name: str = "night", live: bool = False) -> None:
        self._room, self._name, self._live = room, name, live
        self._gate = Gate(SMALL.time)
        self._position = 0
        self._newest_ms = 0
        self._client = clients.producer(room.kafka)

    def send(self, posts: list[Post], *, end: bool = False, written_ms: int | None = None) -> None:
        kafka = self._room.kafka
        admitted = self._gate.admit(posts)
        assert len(admitted) == len(posts)
        self._position += len(posts)
        self._newest_ms = max([self._newest_ms, *(one.time_ms for one in posts)])
        if end:
            self._gate.advance(self._newest_ms - self._newest_ms % 5000 + 5000)
        for partition in range(kafka.partitions):
            mine = [one for one in posts if partition_of(one.author_id, kafka.partitions) == partition]
            frame = Frame(
                producer=self._name,
                count=len(mine),
                watermark_ms=self._gate.watermark_ms,
                position=self._position,
                read=self._position,
                final=end,
                live=self._live,
            )
            value, headers = frames.encode(frame, [line_of(one) for one in mine])
            topic = clients.topic(kafka, "posts")
            self._client.send(
                topic, value, headers=headers, partition=partition, timestamp_ms=written_ms or clock_ms()
            )
        self._client.flush()
        if end:
            self._client.close()


def write(room: Room, topic: str, *values: bytes, headers: Any = (), written_ms: int | None = None) -> None:
    """Records as a stranger writes them, into the first partition."""
    client = clients.producer(room.kafka)
    for value in values:
        client.send(
            clients.topic(room.kafka, topic),
            value,
            headers=list(headers),
            partition=0,
            timestamp_ms=written_ms or clock_ms(),
        )
    client.close()


MakeRoom = Callable[..., Room]


@pytest.fixture
def make_room(kafka, redis_server, tmp_path) -> Iterator[MakeRoom]:
    """Makes rooms on the shared servers; all their workers end with the test."""
    made: list[Room] = []

    def make(partitions: int = 2, redis: str = redis_server, **more: str) -> Room:
        room = Room(
            KafkaSettings(
                bootstrap=kafka, prefix=f"w-{uuid.uuid4().hex[:8]}.", partitions=partitions, frame_posts=40
            ),
            RedisSettings(url=redis, timeout_s=1.0),
            tmp_path,
            {f"VIGIE_WORKER__{name.upper()}": value for name, value in more.items()},
        )
        topics.create(room.kafka)
        made.append(room)
        return room

    yield make
    for room in made:
        room.end()


def promtool(text: str) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        assert os.environ.get("CI") != "true", "promtool is missing: apt-get install prometheus"
        return
    done = subprocess.run(
        [tool, "check", "metrics"], input=text.encode(), capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def findings(room: Room) -> dict[str, tuple[str, str]]:
    """What the doctor says of each thing: the worst of it."""
    worst: dict[str, tuple[str, str]] = {}
    for what, state, detail in doctor.examine(room.settings):
        if what not in worst or state == "bad":
            worst[what] = (state, detail)
    return worst


# -- one worker, and its successor -----------------------------------------------------------------


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


# -- secrets ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[Own]:
    need(missing_for_kafka() or missing_for_redis())
    made = Own(tmp_path_factory.mktemp("own"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def guarded(own) -> tuple[KafkaBroker, RedisServer]:
    """A broker and a Redis that want TLS and a password."""
    return own.kafka(secret=True), own.redis(secret=True)


@pytest.fixture
def guarded_room(guarded, tmp_path) -> Iterator[Room]:
    broker, redis = guarded
    assert broker.secret
    assert redis.secret
    room = Room(
        KafkaSettings(
            bootstrap=broker.bootstrap,
            prefix=f"w-{uuid.uuid4().hex[:8]}.",
            partitions=1,
            security="SASL_SSL",
            ca_file=str(broker.secret.ca),
            sasl_mechanism="PLAIN",
            sasl_username=broker.secret.user,
            sasl_password=broker.secret.password,
        ),
        RedisSettings(
            url=redis.url, password=redis.secret.password, ca_file=str(redis.secret.ca), timeout_s=1.0
        ),
        tmp_path,
    )
    yield room
    room.end()


def with_kafka(room: Room, **changed: Any) -> Room:
    """The same room by other settings of the broker; what it starts and says is noted in one place."""
    return replace(room, kafka=msgspec.structs.replace(room.kafka, **changed))


def with_redis(room: Room, **changed: str) -> Room:
    return replace(room, redis=msgspec.structs.replace(room.redis, **changed))


def test_everything_works_by_tls_and_password_and_no_secret_is_ever_shown(
    guarded_room, tmp_path, monkeypatch
):
    room = guarded_room
    assert room.vigie("topics", "create").returncode == 0
    posts = tmp_path / "night.jsonl"
    posts.write_bytes(b"\n".join(encode_post(one) for one in STREAM))
    assert room.vigie("produce", str(posts), "--canary-minutes", "0").returncode == 0
    worker = room.worker()
    worker.ready()
    room.await_alerts(expected(produced(STREAM)), worker)
    worker.covered()
    tail = room.vigie("alerts", "tail", "--snapshot", "--json")
    cases = {alert["data"]["case_id"] for alert in expected(produced(STREAM))}
    assert {orjson.loads(line)["data"]["case_id"] for line in tail.stdout.splitlines()} == cases
    well = room.vigie("doctor")
    assert well.returncode == 0, well.stdout
    shown = room.vigie("config", "show")
    assert "********" in shown.stdout
    room.said += [worker.get(path)[1] for path in ("/readyz", "/metrics", "/livez")]
    assert worker.stop() == 0, worker.text

    # What is wrong ends with one sentence, or with what the doctor says of it.
    monkeypatch.setattr(clients, "CONNECT_MS", 2000)
    wrong_user = with_kafka(room, sasl_password="a-wrong-one-for-kafka")
    untrusted = with_kafka(room, ca_file=room.redis.ca_file)
    wrong_redis = with_redis(room, password="a-wrong-one-for-redis")
    distrusting = with_redis(room, ca_file=room.kafka.ca_file)
    refusals = (
        (wrong_user, "refuses the user 'vigie': check kafka.sasl_username"),
        (untrusted, "is not trusted: check kafka.ca_file"),
        (wrong_redis, "check redis.password"),
        (distrusting, "check redis.ca_file"),
    )
    for refused, sentence in [(other.worker(), sentence) for other, sentence in refusals]:
        assert refused.ended() == BAD_USE, refused.text
        (line,) = refused.text.splitlines()
        assert line.startswith("vigie: ")
        assert sentence in line
    assert findings(wrong_user)["broker"][0] == findings(untrusted)["broker"][0] == "bad"
    assert findings(wrong_redis)["redis"] == ("bad", f"refuses us at {room.redis.url}: check redis.password")
    assert "check redis.ca_file" in findings(distrusting)["redis"][1]

    everything = "\n".join([*room.said, *(one.text for one in room.workers)])
    assert len(everything) > 5000
    for secret in (room.kafka.sasl_password, room.redis.password, "a-wrong-one"):
        assert secret not in everything


# -- the watchdog ----------------------------------------------------------------------------------


def test_a_worker_whose_broker_hangs_says_so_and_exits(guarded_room, guarded):
    broker, _ = guarded
    room = guarded_room
    topics.create(room.kafka)
    worker = room.worker("--set", "worker.stuck_s=3", "--set", "worker.checkpoint_s=0.5")
    worker.ready()
    worker.covered()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        assert worker.ended() == STUCK
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert "this worker is stuck: the broker takes nothing any more" in worker.text


def stand_in(**more: Any) -> Any:
    """As much of a worker as the watchdog looks at; it is well."""
    well: dict[str, Any] = {
        "settings": SimpleNamespace(worker=SimpleNamespace(stuck_s=60.0)),
        "beat_ms": 1_000_000,
        "progress_ms": 1_000_000,
        "restoring_since_ms": None,
        "lag": lambda: {"posts": 0},
        "unconfirmed_ms": lambda now_ms: 0,
    }
    return SimpleNamespace(**well | more)


def test_the_watchdog_has_one_sentence_for_each_way_to_be_stuck():
    def reasons(after_s: float, **more: Any) -> list[str]:
        return health.reasons_to_go(stand_in(**more), 1_000_000 + int(after_s * 1000))

    assert reasons(59, lag=lambda: {"posts": 5}) == []
    assert reasons(61) == ["the event loop does not come round"]
    assert reasons(61, beat_ms=1_060_000) == [], "idle is not stuck"
    assert reasons(61, beat_ms=1_060_000, lag=lambda: {"posts": 5, "ties": 2}) == [
        "7 records wait and none is taken in"
    ]
    assert reasons(0, unconfirmed_ms=lambda now_ms: 60_001) == ["the broker takes nothing any more"]
    assert reasons(61, beat_ms=1_060_000, restoring_since_ms=1_000_000) == [
        "the state of the tasks is not restored"
    ]


def test_a_worker_whose_event_loop_hangs_is_ended_by_its_watchdog(monkeypatch, caplog):
    left: Queue[int] = Queue()

    def leave(code: int) -> None:
        left.put(code)
        Event().wait()  # for good: the real one does not come back either

    monkeypatch.setattr(health, "leave", leave)
    health.watch(stand_in(beat_ms=clock_ms() - 61_000))
    assert left.get(timeout=PATIENCE_S) == STUCK
    assert "the event loop does not come round; it ends" in caplog.text


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


# -- Redis goes and comes --------------------------------------------------------------------------


def test_detection_goes_on_without_redis_and_no_alert_comes_twice_when_all_state_is_lost(
    make_room, own_redis
):
    redis: RedisServer = own_redis()
    room = make_room(redis=redis.url)
    third = len(STREAM) // 3
    feed = Feed(room)
    worker = room.worker()
    worker.ready()
    feed.send(STREAM[:third])
    worker.until("vigie_worker_posts_taken_total", lambda now: now == third)
    worker.covered()
    assert worker.value("vigie_worker_store_up") == 1

    redis.kill()
    worker.until("vigie_worker_store_up", lambda now: now == 0)
    time.sleep(3)  # Faust commits every two seconds: what was covered, and from now on nothing more
    committed = room.committed()
    before = len(room.alerts())
    feed.send(STREAM[third:])
    wait_for("an alert without Redis", lambda: len(room.alerts()) > before, each_s=1)
    status = worker.status()
    assert (status["ready"], status["redis"]) == (True, "gone: no checkpoints, detection goes on")
    assert worker.get("/livez")[0] == 200
    assert "no checkpoint can be written: Redis does not answer" in worker.text
    time.sleep(3)
    assert room.committed() == committed, "nothing is committed that no checkpoint covers"

    shutil.rmtree(redis.data)  # it comes back without anything
    redis.start()
    worker.until("vigie_worker_store_up", lambda now: now == 1)
    worker.covered()
    assert len(room.heads()) == 7, "a full one of every task"
    feed.send([], end=True)
    room.await_alerts(expected(STREAM), worker)
    judged_to = worker.value("vigie_worker_event_time_seconds", stage="cases")
    assert worker.stop() == 0, worker.text

    with Redis.from_url(redis.url) as emptied:
        emptied.flushall()
    second = room.worker()
    second.ready()
    second.until("vigie_worker_event_time_seconds", lambda now: now >= judged_to, stage="cases")
    assert second.value("vigie_worker_rewinds_total") == 7
    second.covered()
    assert sorted(second.status()["rewound"]) == sorted(room.heads())
    assert "the checkpoint is lost; going back from offset" in second.text
    second.until("vigie_worker_alerts_repeated_total", lambda now: now == len(expected(STREAM)))
    second.covered()
    assert second.stop() == 0, second.text

    third_one = room.worker()
    third_one.ready()
    assert third_one.value("vigie_worker_rewinds_total") == 0
    Feed(room, "the next night").send(later(STREAM, 300), end=True)
    room.await_alerts(expected(STREAM, later(STREAM, 300)), third_one)
    ids = Counter(alert["id"] for alert in room.alerts())
    assert set(ids.values()) == {1}
    assert third_one.stop() == 0, third_one.text


def test_checkpoints_that_could_not_be_read_are_not_written_over_and_are_taken_up_again(make_room, own_redis):
    redis: RedisServer = own_redis()
    room = make_room(redis=redis.url)
    half = len(STREAM) // 2
    feed = Feed(room)
    worker = room.worker()
    worker.ready()
    feed.send(STREAM[:half])
    worker.until("vigie_worker_posts_taken_total", lambda now: now == half)
    worker.covered()
    assert worker.stop() == 0, worker.text
    heads = room.heads()

    redis.stop()
    second = room.worker("--set", "worker.store_wait_s=1")
    second.ready()
    assert "begins without its checkpoint" in second.text
    feed.send(STREAM[half:], end=True)
    redis.start()
    assert second.ended() == AGAIN, second.text
    assert "starting anew from the checkpoints of" in second.text
    assert room.heads() == heads

    third = room.worker()
    third.ready()
    assert third.value("vigie_worker_rewinds_total") == 0
    room.await_alerts(expected(STREAM), third)
    assert set(Counter(alert["id"] for alert in room.alerts()).values()) == {1}
    assert third.stop() == 0, third.text


# -- checkpoints -----------------------------------------------------------------------------------


@asynccontextmanager
async def checkpoints(url: str, space: str) -> AsyncIterator[Checkpoints]:
    made = Checkpoints(RedisSettings(url=url), space)
    try:
        yield made
    finally:
        await made.close()


def head(sequence: int, generation: int = 1, tables: tuple[str, ...] = ("a",), **more: Any) -> Head:
    return Head(
        format=more.pop("format", STATE_FORMAT),
        settings="s",
        sequence=sequence,
        generation=generation,
        offsets=more.pop("offsets", {"posts": sequence}),
        written_ms=1,
        tables=list(tables),
        **more,
    )


@pytest.fixture
def space() -> str:
    return f"test:{uuid.uuid4().hex}"


def test_a_checkpoint_is_what_was_written_bit_by_bit(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            assert await store.load("t") is None
            await store.write("t", head(1), {"a": {"x": b"1", "y": b"2"}}, everything=True)
            await store.write(
                "t", head(2, tables=("a", "b")), {"a": {"x": None}, "b": {"": b"3"}}, everything=False
            )
            await store.write("t", head(3), {"a": {"z": b"4"}}, everything=False)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[0].offsets == {"posts": 3}
            assert loaded[1] == {"a": {"y": b"2", "z": b"4"}, "b": {"": b"3"}}
            await store.write("t", head(9, tables=("c",)), {"c": {"w": b"5"}}, everything=True)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1] == {"c": {"w": b"5"}}, "whatever stood there is gone"

    asyncio.run(check())


def test_a_checkpoint_is_refused_when_it_does_not_follow_the_one_that_is_there(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            with pytest.raises(Incomplete):
                await store.write("t", head(1), {"a": {}}, everything=False)
            await store.write("t", head(1, 5), {"a": {"x": b"1"}}, everything=True)
            for wrong in (1, 3):
                with pytest.raises(Incomplete):
                    await store.write("t", head(wrong, 5), {"a": {}}, everything=False)
            await store.write("t", head(2, 6), {"a": {"x": b"2"}}, everything=False)
            for whole in (False, True):  # of a worker that was paused
                with pytest.raises(Overtaken):
                    await store.write("t", head(3, 5), {"a": {"x": b"0"}}, everything=whole, known=5)
            loaded = await store.load("t")
            assert loaded is not None
            assert (loaded[0].sequence, loaded[1]) == (2, {"a": {"x": b"2"}})

    asyncio.run(check())


def test_generations_that_begin_again_do_not_lock_a_checkpoint(redis_server, space):
    """A broker forgets a group that had no worker for a week, and counts from one again."""

    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            await store.write("t", head(1, 50), {"a": {"x": b"1"}}, everything=True)
            await store.write("t", head(2, 1), {"a": {"x": b"2"}}, everything=False, known=50)
            await store.write("t", head(3, 1), {"a": {"x": b"3"}}, everything=True, known=1)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1] == {"a": {"x": b"3"}}

    asyncio.run(check())


def test_of_two_writers_at_one_moment_one_is_refused_and_nothing_is_mixed(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as one, checkpoints(redis_server, space) as other:
            await one.write("t", head(0), {"a": {"": b"0"}}, everything=True)
            refused = 0
            for sequence in range(1, 40):
                mark = b"%d" % sequence
                records: dict[str, bytes | None] = {str(n): mark for n in range(3000)}
                tries = await asyncio.gather(
                    *(
                        store.write(
                            "t",
                            head(sequence, offsets={"posts": who}),
                            {"a": {name: value + b"%d" % who for name, value in records.items() if value}},
                            everything=False,
                        )
                        for who, store in enumerate((one, other))
                    ),
                    return_exceptions=True,
                )
                wrong = [problem for problem in tries if problem is not None]
                assert all(isinstance(problem, Incomplete) for problem in wrong)
                assert len(wrong) == 1
                refused += 1
                loaded = await one.load("t")
                assert loaded is not None
                winner = b"%d" % loaded[0].offsets["posts"]
                assert {loaded[1]["a"][name] for name in records} == {mark + winner}
            assert refused == 39

    asyncio.run(check())


def test_large_checkpoints_are_written_read_and_forgotten_whole(redis_server, space):
    async def check() -> None:
        async with checkpoints(redis_server, space) as store:
            many: dict[str, bytes | None] = {f"record {n}": b"%d" % n for n in range(100_000)}
            await store.write("t", head(1, tables=("a", "b")), {"a": many, "b": {"": b"x"}}, everything=True)
            await store.write("t", head(2), {"a": dict.fromkeys(many)}, everything=False)
            await store.write("t", head(3), {"a": many}, everything=False)
            loaded = await store.load("t")
            assert loaded is not None
            assert loaded[1]["a"] == many
            await store.write("tt", head(1), {"a": {"x": b"1"}}, everything=True)
            await store.forget("t")
            assert await store.load("t") is None
            assert await store.load("tt") is not None
        with Redis.from_url(redis_server) as redis:
            assert [
                key for key in redis.keys(f"{space}:*") if not key.startswith(f"{space}:tt".encode())
            ] == []

    asyncio.run(check())


def test_a_store_that_is_away_and_one_of_another_form_are_told_apart(redis_server, space):
    async def check() -> None:
        async with checkpoints(f"redis://127.0.0.1:{free_port()}", space) as store:
            with pytest.raises(StoreGone) as problem:
                await store.load("t")
            assert not isinstance(problem.value, StoreRefuses)
        async with checkpoints(redis_server, space) as store:
            await store.write("t", head(1, format=STATE_FORMAT + 1), {"a": {"x": b"1"}}, everything=True)
            with pytest.raises(WrongFormat, match="run the version that wrote it, or start anew"):
                await store.load("t")

    asyncio.run(check())


def test_a_checkpoint_that_cannot_be_read_ends_the_worker_until_it_is_told_to_forget(make_room):
    room = make_room(partitions=1)
    space = f"vigie:{room.kafka.prefix}{{}}:{clients.cluster_id(room.kafka)}:"
    key, damaged_key = space.format("vigie") + "subjects.0", space.format("damaged") + "subjects.0"
    with Redis.from_url(room.redis.url) as redis:
        redis.set(key, msgspec.msgpack.encode(head(1, 50, format=STATE_FORMAT + 1)))
        redis.set(damaged_key, msgspec.msgpack.encode(head(1, tables=("task",), offsets={"signals": 0})))
        redis.hset(f"{damaged_key}:task", "", b"\xc1 damaged")
        other_form, damaged = room.worker(), room.worker("--set", "worker.app=damaged")
        assert other_form.ended() == BAD_USE
        assert f"format {STATE_FORMAT + 1}, this version reads {STATE_FORMAT}" in other_form.text
        assert "--forget-state" in other_form.text

        assert damaged.ended() == BAD_USE
        assert "the checkpoint of subjects.0 cannot be read" in damaged.text
        assert "--forget-state" in damaged.text

        fresh = room.worker("--forget-state")
        fresh.ready()
        fresh.covered()
        assert fresh.value("vigie_worker_rewinds_total") == 0, "it never ran before"
        assert set(room.heads()) == {"accounts.0", "subjects.0", "pairs.0", "cases.0"}
        assert fresh.stop() == 0, fresh.text

        # The broker has forgotten the group meanwhile: its generations begin with one again.
        aged = {name: msgspec.structs.replace(one, generation=50) for name, one in room.heads().items()}
        for name, one in aged.items():
            redis.set(key.replace("subjects.0", name), msgspec.msgpack.encode(one))
    again = room.worker()
    again.ready()
    wait_for("checkpoints", lambda: all(one.generation < 50 for one in room.heads().values()))
    assert "belongs to another worker" not in again.text
    assert again.stop() == 0, again.text


# -- dead records ----------------------------------------------------------------------------------


def test_when_most_records_are_dead_it_is_the_worker_who_leaves(make_room):
    room = make_room(partitions=1)
    write(room, "posts", *[b"a bad deploy %d" % number for number in range(400)])
    worker = room.worker()
    assert worker.ended() == DEAD
    assert "100% of the newest 100 records of posts are dead" in worker.text
    assert "Traceback" not in worker.text


# -- what does not fit -----------------------------------------------------------------------------


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


# -- the doctor ------------------------------------------------------------------------------------


def test_the_doctor_names_what_is_wrong(make_room):
    room = make_room(partitions=1)
    empty = findings(room)
    assert empty["producer"] == ("unsure", "no post was ever sent: start one with `vigie produce`")
    assert empty["findings"][0] == "unsure"
    assert {empty[what][0] for what in ("broker", "redis", "topics")} == {"good"}
    gone = with_redis(room, url=f"redis://127.0.0.1:{free_port()}")
    assert findings(gone)["redis"][0] == "bad"
    assert "lacks the topics" in findings(with_kafka(room, prefix="nowhere."))["topics"][1]
    other = findings(with_kafka(room, partitions=5))
    assert other["topics"][0] == "bad"
    assert "has 1 partitions, not 5" in other["topics"][1]

    Feed(room).send(STREAM[:9], written_ms=clock_ms() - 60_000)  # and no end was said
    dead = findings(room)
    assert dead["producer"][0] == "bad"
    assert re.fullmatch(r"nothing was sent for 6\d s: no producer runs", dead["producer"][1])

    nobody = with_kafka(room, bootstrap=f"127.0.0.1:{free_port()}")
    done = nobody.vigie("doctor", "--json")
    told = orjson.loads(done.stdout)
    assert (done.returncode, told["well"]) == (1, False)
    assert [one["state"] for one in told["findings"] if one["what"] == "broker"] == ["bad"]
    assert [one["state"] for one in told["findings"] if one["what"] == "redis"] == ["good"]


def test_the_doctor_warns_of_a_redis_that_may_forget(own_redis):
    server = own_redis()
    chosen = Settings(
        kafka=KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"), redis=RedisSettings(url=server.url)
    )
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "it may drop checkpoints; set noeviction" in str(list(doctor._store(chosen)))
        redis.config_set("maxmemory-policy", "noeviction")
        assert [one.state for one in doctor._store(chosen)] == ["good"]
        redis.execute_command("ACL", "SETUSER", "default", "-config")
        assert [one.state for one in doctor._store(chosen)] == ["good", "unsure"]


# -- overload --------------------------------------------------------------------------------------


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
