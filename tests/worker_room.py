"""Topics of one's own and workers on them, as real processes, with a stream and what must be said of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec
import orjson
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from streams_of_posts import SMALL, canonical, planted, run

from deploy.servers import free_port
from detectors.events import Post
from detectors.windows import Gate
from streams import settings
from streams.clock import clock_ms
from streams.embedded import Pipeline, Settings
from streams.kafka import clients, doctor, frames, topics
from streams.kafka.checkpoints import Head
from streams.kafka.frames import Frame, partition_of
from streams.kafka.leaving import BAD_USE
from streams.kafka.settings import KafkaSettings, RedisSettings
from streams.kafka.wire import line_of
from streams.sources.languages import with_languages

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


@contextmanager
def rooms(kafka: str, redis_url: str, folder: Path) -> Iterator[MakeRoom]:
    """Makes rooms on these servers; all their workers end with it."""
    made: list[Room] = []

    def make(partitions: int = 2, redis: str = redis_url, **more: str) -> Room:
        room = Room(
            KafkaSettings(
                bootstrap=kafka, prefix=f"w-{uuid.uuid4().hex[:8]}.", partitions=partitions, frame_posts=40
            ),
            RedisSettings(url=redis, timeout_s=1.0),
            folder,
            {f"VIGIE_WORKER__{name.upper()}": value for name, value in more.items()},
        )
        topics.create(room.kafka)
        made.append(room)
        return room

    try:
        yield make
    finally:
        for room in made:
            room.end()


def findings(room: Room) -> dict[str, tuple[str, str]]:
    """What the doctor says of each thing: the worst of it."""
    worst: dict[str, tuple[str, str]] = {}
    for what, state, detail in doctor.examine(room.settings):
        if what not in worst or state == "bad":
            worst[what] = (state, detail)
    return worst


def with_kafka(room: Room, **changed: Any) -> Room:
    """The same room by other settings of the broker; what it starts and says is noted in one place."""
    return replace(room, kafka=msgspec.structs.replace(room.kafka, **changed))


def with_redis(room: Room, **changed: str) -> Room:
    return replace(room, redis=msgspec.structs.replace(room.redis, **changed))
