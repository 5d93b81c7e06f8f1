"""What the Kafka form promises, tried out: real servers, real workers, and faults at random moments.

    python benchmarks/reliability.py --runs 200          goes on where docs/reliability.jsonl ends
    python benchmarks/reliability.py --seed 7            one run, told in full
    python benchmarks/reliability.py --seeds 1-20 --check    exit 1 when a run fails; the log is left alone
    python benchmarks/reliability.py --summary           the table of docs/reliability.md from the log

One run is one seed. It starts a Kafka and a Redis of its own, two workers (each started again when it ends)
and a producer that plays an invented hour in half a minute, with posts that come too late and posts that come
twice; and it lets faults strike, several of them, perhaps at once. When everything is through it demands:

* the alerts in the topic, each id once, are those of the embedded pipeline, byte for byte but for
  `published_at`: none lost, none new, none different;
* of every partition: taken = processed + duplicate + late + dead + shed + events + held, where what was taken
  is counted from the topic; and as many posts were processed as the embedded pipeline did;
* every poison record is a dead letter, and nothing else is;
* every fault really struck: a process died, a port was closed, the group had a new generation.

All of it happens on the loopback address, in a temporary directory, within a time limit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `deploy` is part of the checkout, not of the installation

from deploy.servers import HOST, KafkaBroker, RedisServer, Server, free_port, listening  # noqa: E402
from deploy.stack import Child  # noqa: E402
from detectors.events import Rejection, decode_line  # noqa: E402
from streams.embedded import Pipeline, Settings  # noqa: E402
from streams.kafka import clients, frames, topics  # noqa: E402
from streams.kafka.checkpoints import Checkpoints  # noqa: E402
from streams.kafka.frames import Frame, home_of  # noqa: E402
from streams.kafka.settings import KafkaSettings, RedisSettings  # noqa: E402
from streams.kafka.tasks import AccountsTask  # noqa: E402
from streams.simulate import parse_scenario, simulate  # noqa: E402
from streams.sources.posts import decode_item  # noqa: E402

OUT = ROOT / "out" / "reliability"
LOG = ROOT / "docs" / "reliability.jsonl"
"""One line a run, kept from series to series."""
LIMIT_S = 300.0
"""No run takes longer."""
SPEED = 150
_GRACE_MS = 10_000
_LOOK_S = 0.2
_AGAIN_S = 0.5
_SOON_S = 10.0
"""A pause that begins so soon after a fault is taken to be its doing: a session of a worker, and more."""

SCENARIO = """
title = "An hour to be disturbed"
start = 2022-04-10T18:00:00Z
duration_minutes = 60

[ordinary]
posts_per_second = 0.8
accounts = 3000

[[operation]]
kind = "amplify"
name = "amplified"
at_minute = 5
duration_minutes = 50
accounts = 60
source = "LaVoixDesQuais"
source_posts = 6
hashtag = "DiguesGate"
denouncers = 0.5
denouncer_posts = 4

[[operation]]
kind = "leak"
name = "leaked"
at_minute = 10
duration_minutes = 45
accounts = 150
posts = 500
hashtag = "DelbreuilLeaks"
link = "https://files.open-mirror.example/delbreuil"

[[operation]]
kind = "insults"
name = "insulted"
at_minute = 8
duration_minutes = 45
accounts = 20
posts = 20
other_posts = 24
metronome_posts = 10
targets = ["ClaireBrenac", "HugoMarsanne", "Nina_Calvet_"]
text = "tu nous fais honte, espèce de girouette, personne ne te croit plus, rends l'argent et rentre chez toi"
"""


# -- the stream, and what is said of it when nothing disturbs ---------------------------------------


@dataclass(frozen=True)
class Undisturbed:
    """The stream, in order of arrival, and what the embedded pipeline makes of it."""

    file: Path
    read: int
    late: int
    processed: int
    duplicates: int
    end_ms: int
    """The time at which everything is through: a moment after the last tick."""
    span_s: float
    alerts: dict[str, bytes]
    """By id, without `published_at`."""
    cases: int
    """How many reached a warning or more."""


@lru_cache(maxsize=1)
def undisturbed() -> Undisturbed:
    """The stream; made once and kept on disk. What is said of it is found out anew in every process."""
    lines = _stream_file().read_bytes().splitlines()
    posts = [decode_line(line) for line in lines]
    pipeline = Pipeline(Settings())
    alerts = [*pipeline.feed(posts), *pipeline.finish()]
    cases = {one["data"]["case_id"] for one in alerts if one["data"]["severity"] != "notice"}
    last_ms = pipeline.gate.watermark_ms
    made = Undisturbed(
        file=_stream_file(),
        read=len(posts),
        late=pipeline.gate.late,
        processed=pipeline.tallies.processed,
        duplicates=pipeline.buffer.duplicates,
        end_ms=last_ms + 1,
        span_s=(posts[-1].time_ms - posts[0].time_ms) / 1000,
        alerts={one["id"]: _canonical(one) for one in alerts},
        cases=len(cases),
    )
    if made.cases < 3 or not made.late or not made.duplicates:
        raise SystemExit(f"The stream proves little: {made.cases} cases, {made.late} late, "
                         f"{made.duplicates} duplicates.")  # fmt: skip
    return made


def _stream_file() -> Path:
    digest = hashlib.blake2b(SCENARIO.encode(), digest_size=4).hexdigest()
    path = OUT / f"stream-{digest}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [one.line for one in simulate(parse_scenario(SCENARIO, "reliability"), 1)]
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(b"\n".join(_arrivals(lines, random.Random(1))) + b"\n")
        scratch.replace(path)  # whole or not at all
    return path


def _arrivals(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Out of order inside the grace; every hundredth post beyond it, every fiftieth a second time."""
    due: list[tuple[int, int, bytes]] = []
    for number, line in enumerate(lines):
        at = decode_line(line).time_ms
        beyond = rng.randint(2, 6) * _GRACE_MS if rng.random() < 0.01 else 0
        due.append((at + rng.randint(0, _GRACE_MS) + beyond, number, line))
        if rng.random() < 0.02:
            due.append((at + rng.randint(0, _GRACE_MS), number, line))
    return [line for _, _, line in sorted(due)]


def _canonical(alert: dict[str, Any]) -> bytes:
    data = alert["data"] | {"published_at": None}
    return orjson.dumps(alert | {"data": data}, option=orjson.OPT_SORT_KEYS)


# -- faults ----------------------------------------------------------------------------------------

FAULTS = (
    "worker killed",
    "producer killed",
    "broker stopped",
    "broker killed",
    "Redis stopped",
    "Redis killed",
    "third worker",
    "poison",
    "records twice",
)


@dataclass
class Fault:
    """One fault of a schedule, and what came of it."""

    kind: str
    at: float
    """When it strikes, as a part of the time that the stream takes."""
    which: int
    """Which worker, or which records."""
    down_s: float
    """How long what was stopped stays away."""
    struck: bool = False
    struck_at: float = 0.0
    back_at: float = 0.0
    """When a server that was stopped answered again."""


def schedule(seed: int, kinds: Sequence[str] | None = None) -> list[Fault]:
    """The faults of a seed: two to four kinds, in turn so that no kind is rare."""
    rng = random.Random(f"faults {seed}")
    if kinds is None:
        first = FAULTS[seed % len(FAULTS)]
        others = rng.sample([kind for kind in FAULTS if kind != first], rng.randint(1, 3))
        kinds = [first, *others]
    return sorted(
        (
            # The producer early: on a busy machine it has sent all before the workers have begun.
            Fault(
                kind,
                rng.uniform(0.12, 0.75) * (0.4 if kind == "producer killed" else 1),
                rng.randrange(2),
                rng.uniform(0.5, 5.0),
            )
            for kind in kinds
        ),
        key=lambda one: one.at,
    )  # fmt: skip


def poison(rng: random.Random) -> list[tuple[str, bytes, list[tuple[str, bytes]]]]:
    """Records that cannot be read: topic, value, headers. Several on `posts`, one on each other topic."""
    frame = frames.encode_headers(Frame(producer="poison", count=2, watermark_ms=5, position=9))
    stretch = [("vigie-stretch", b"1"), ("source", b"accounts.0"), ("after", b"0"), ("until", b"10000")]
    garbage = [("vigie-frame", b"\xff\x00"), ("", b"")]
    posts = [
        (b"this is not JSON", []),
        (b'{"id":["1"],"platform":7,"author_id":{},"created_at":"soon"}', []),
        (b'{"id":"only half of a frame","pla', frame),
        (rng.randbytes(500), garbage),
        (b"no" * 450_000, []),
    ]
    others = [(rng.randbytes(200), garbage), (b"\xc1", stretch), (b"\x91\xc0", stretch)]
    inner = ("signals", "ties", "findings", "background")
    return [("posts", *one) for one in posts] + [(topic, *rng.choice(others)) for topic in inner]


# -- one run ---------------------------------------------------------------------------------------


class Run:
    """A run of one seed; used once."""

    def __init__(self, seed: int, folder: Path, kinds: Sequence[str] | None = None) -> None:
        self.seed = seed
        self.folder = folder
        self.kinds = kinds
        self.problems: list[str] = []
        self.ports: dict[str, int] = {}
        self.wanted = undisturbed()
        self.rng = random.Random(f"run {self.seed}")
        self.faults = schedule(self.seed, self.kinds)
        self.kafka = KafkaBroker(free_port(), self.folder / "kafka")
        self.redis = RedisServer(free_port(), self.folder / "redis")
        self.settings = KafkaSettings(
            bootstrap=self.kafka.bootstrap, partitions=2 + self.seed % 3, session_timeout_s=6
        )
        self.workers = [self._worker(number) for number in (1, 2)]
        self.producer = self._child(
            "producer", "produce", str(self.wanted.file), "--format", "posts", "--order", "arrival",
            "--name", "hour", "--speed", str(SPEED), "--canary-minutes", "0.2", "--json",
        )  # fmt: skip
        self.ends: list[str] = []
        """How processes ended that nobody had asked to."""
        self.time_ms = 0
        """How far the last stage ever was."""
        self.advances: list[float] = []
        """When it was seen to have come further."""
        self.said: dict[str, dict[str, Any]] = {}
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.again: dict[str, float] = {}
        self.poisoned: set[tuple[str, int, int]] = set()
        self.sent_twice = 0
        self.finished = False
        self.began = time.monotonic()

    # -- processes

    def _worker(self, number: int) -> Child:
        name = f"worker-{number}"
        self.ports[name] = free_port()
        return self._child(name, "worker", "--set", f"worker.port={self.ports[name]}")

    def _child(self, name: str, *command: str) -> Child:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VIGIE_")}
        environment |= {
            "VIGIE_KAFKA__BOOTSTRAP": self.kafka.bootstrap,
            "VIGIE_KAFKA__PARTITIONS": str(self.settings.partitions),
            "VIGIE_KAFKA__SESSION_TIMEOUT_S": str(self.settings.session_timeout_s),
            "VIGIE_REDIS__URL": self.redis.url,
            "VIGIE_WORKER__CHECKPOINT_S": "2",
            "VIGIE_WORKER__APP": "chaos",
        }
        command_ = [sys.executable, "-m", "streams.cli", *command]
        return Child(name, command_, environment, self.folder / f"{name}.log")

    def _kill(self, child: Child) -> bool:
        process = child._process
        if process is None or process.poll() is not None:
            return False
        os.kill(process.pid, signal.SIGKILL)
        self.again[child.name] = time.monotonic() + self.rng.uniform(0.2, 2.0)
        return process.wait(10) == -signal.SIGKILL

    def _supervise(self) -> None:
        """Start again what has ended, as whoever runs this would."""
        now = time.monotonic()
        for child in [*self.workers, self.producer]:
            code = child.ended()
            if code is None or (child is self.producer and self.finished):
                continue
            if child is self.producer and code == 0:
                self.finished = True
            elif child.name not in self.again:
                self.ends.append(f"{child.name}: {code}")
                self.again[child.name] = now + _AGAIN_S
            elif now >= self.again[child.name]:
                del self.again[child.name]
                self.said.pop(child.name, None)
                child.start()

    def _look(self) -> None:
        """Ask every worker how far it is."""
        for child in self.workers:
            said = _readyz(self.ports[child.name])
            if said is None:
                self.said.pop(child.name, None)
            else:
                self.said[child.name] = said
        time_ms = max((one["tasks"].get("cases.0", 0) for one in self.said.values()), default=0)
        if time_ms > self.time_ms:
            self.time_ms = time_ms
            self.advances.append(time.monotonic())

    def _pause_s(self, fault: Fault) -> float | None:
        """How long the last stage stood still for a fault: the longest pause that began soon after it.

        Of a server that was away, since it answered again.
        """
        since = fault.back_at or fault.struck_at
        until = min([since + _SOON_S, *(one.struck_at for one in self.faults if one.struck_at > since)])
        pauses = [
            end - max(begin, since) for begin, end in pairwise(self.advances) if end > since and begin < until
        ]
        return round(max(pauses), 1) if pauses else None

    def _through(self) -> bool:
        """Whether every task has told the end, and nothing waits."""
        tasks: dict[str, int] = {}
        for said in self.said.values():
            if not said["ready"] or any(said["lag_records"].values()):
                return False
            tasks |= said["tasks"]
        count = 3 * self.settings.partitions + 1
        # What follows the wall clock, the cases, may be further.
        return len(tasks) == count and min(tasks.values()) >= self.wanted.end_ms and self.finished

    # -- the run

    def go(self) -> dict[str, Any]:
        """Run, check, and clean up; the result as one line of the log."""
        try:
            try:
                self._run()
            except Exception as problem:  # a run that breaks is a run that failed, and the next one goes on
                self.problems.append(f"{type(problem).__name__}: {problem}")
            else:
                self._check()
        finally:
            self._end()
        return self._result()

    def _run(self) -> None:
        self.kafka.start()
        self.redis.start()
        topics.create(self.settings)
        for child in self.workers:
            child.start()
        self._until(lambda: any(said["ready"] for said in self.said.values()), "no worker became ready")
        self.producer.start()
        self._until(lambda: self.time_ms > 0, "no time passed at all")
        start, seconds = time.monotonic(), self.wanted.span_s / SPEED
        self.due = [(start + one.at * seconds, partial(self._strike, one)) for one in self.faults]
        self._until(lambda: not self.due and self._through(), "not everything came through")

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        while not holds():
            if time.monotonic() - self.began > LIMIT_S:
                raise TimeoutError(f"{otherwise} in {LIMIT_S:.0f} s: {self._where()}")
            now = time.monotonic()
            for one in [one for one in self.due if one[0] <= now]:
                self.due.remove(one)
                one[1]()
            self._supervise()
            self._look()
            time.sleep(_LOOK_S)

    def _where(self) -> str:
        behind = {
            name: self.wanted.end_ms - time_ms
            for said in self.said.values()
            for name, time_ms in said["tasks"].items()
        }
        return f"behind by ms: {behind}, sent: {self.finished}, faults left: {len(self.due)}"

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.due.append((time.monotonic() + seconds, action))

    def _strike(self, fault: Fault) -> None:
        """Let a fault strike; if it cannot now (the broker is away), a second later."""
        fault.struck_at = time.monotonic()
        done = {
            "worker killed": self._worker_killed,
            "producer killed": self._producer_killed,
            "broker stopped": partial(self._away, self.kafka, self.kafka.stop),
            "broker killed": partial(self._away, self.kafka, self.kafka.kill),
            "Redis stopped": partial(self._away, self.redis, self.redis.stop),
            "Redis killed": partial(self._away, self.redis, self.redis.kill),
            "third worker": self._third_worker,
            "poison": self._poison,
            "records twice": self._records_twice,
        }[fault.kind](fault)
        if done is None:
            self._later(1.0, partial(self._strike, fault))
            return
        fault.struck = done

    def _worker_killed(self, fault: Fault) -> bool | None:
        return self._kill(self.workers[fault.which]) or None

    def _producer_killed(self, fault: Fault) -> bool:
        return self._kill(self.producer)

    def _away(self, server: Server, end: Callable[[], None], fault: Fault) -> bool | None:
        if not server.running:
            return None
        end()
        self._later(fault.down_s, partial(self._back, server, fault))
        return not listening(server.port)

    def _back(self, server: Server, fault: Fault) -> None:
        server.start()
        fault.back_at = time.monotonic()

    def _third_worker(self, fault: Fault) -> bool | None:
        if not self.kafka.running:
            return None
        before = max((one["generation"] for one in self.said.values()), default=-1)
        third = self._worker(3)
        self.workers.append(third)
        third.start()
        self._later(8.0 + fault.down_s, partial(self._third_leaves, third, fault, before))
        return True

    def _third_leaves(self, third: Child, fault: Fault, before: int) -> None:
        said = self.said.pop(third.name, None)
        # It may have nothing to do: tasks are given out by partition, and there are few of those.
        fault.struck = said is not None and said["ready"] and said["generation"] > before
        if not fault.struck and time.monotonic() - fault.struck_at < 60:
            self._later(1.0, partial(self._third_leaves, third, fault, before))
            return
        self.workers.remove(third)
        third.ask_to_end()
        third.await_end(20)

    def _poison(self, fault: Fault) -> bool | None:
        records = [
            (topic, self.rng.randrange(topics.partitions_of(self.settings, topic)), value, headers)
            for topic, value, headers in poison(self.rng)
        ]
        sent = self._send(records)
        self.poisoned.update(sent)
        return len(sent) == len(records) if sent else None

    def _records_twice(self, fault: Fault) -> bool | None:
        if not self.kafka.running:
            return None
        records = []
        for partition in range(self.settings.partitions):
            found = list(read_topic(self.settings, "posts", partition))
            place = self.rng.randrange(max(1, len(found) - 20))
            for one in found[place : place + 20]:
                if dict(one.headers).get("producer") == b"hour":
                    records.append(("posts", partition, one.value, list(one.headers)))
                    self.sent_twice += int(dict(one.headers)["count"])
        return bool(self._send(records)) or None

    def _send(self, records: list[Any]) -> list[tuple[str, int, int]]:
        """Write records by hand; where they are. Nothing is written while the broker is away."""
        if not self.kafka.running:
            return []
        client = clients.producer(self.settings, delivery_timeout_ms=60_000, request_timeout_ms=30_000)
        try:
            futures = [
                (topic, client.send(topic, value=value, headers=headers, partition=partition))
                for topic, partition, value, headers in records
            ]
            done = [(topic, future.get(60)) for topic, future in futures]
            return [(topic, one.partition, one.offset) for topic, one in done]
        finally:
            client.close(timeout=10)

    # -- what must hold

    def _check(self) -> None:
        for worker in self.workers:
            worker.ask_to_end()  # each writes a last checkpoint
        for worker in self.workers:
            worker.await_end(30)
        self._check_alerts()
        self._check_dead_letters()
        self._check_counts()
        self._check_faults()

    def _demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)

    def _check_alerts(self) -> None:
        found: dict[str, bytes] = {}
        self.records = 0
        for record in read_topic(self.settings, "alerts", 0):
            self.records += 1
            alert = orjson.loads(record.value)
            line = _canonical(alert)
            self._demand(found.setdefault(alert["id"], line) == line, f"{alert['id']} was told twice, unlike")
        wanted = self.wanted.alerts
        lost, new = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        other = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
        self._demand(not lost, f"{len(lost)} alerts are lost: {lost[:5]}")
        self._demand(not new, f"{len(new)} alerts are new: {new[:5]}")
        self._demand(not other, f"{len(other)} alerts differ: {other[:5]}")

    def _check_dead_letters(self) -> None:
        letters = [orjson.loads(one.value) for one in read_topic(self.settings, "dead-letters", 0)]
        found = {(one["topic"], one["partition"], one["offset"]) for one in letters}
        self._demand(found == self.poisoned, f"dead letters {len(found)}, poison {len(self.poisoned)}")
        keys = {"reason", "length", "blake2b", "first_bytes"}
        self._demand(all(keys <= one.keys() for one in letters), "a dead letter lacks a field")

    def _check_counts(self) -> None:
        settings = Settings(kafka=self.settings, redis=RedisSettings(url=self.redis.url))
        heard: dict[str, Any] = {}
        processed = canaries = twice = 0
        for partition in range(self.settings.partitions):
            task = self._accounts(settings, partition)
            if task is None:
                self.problems.append(f"accounts.{partition} has no checkpoint")
                continue
            c = task.counts
            outcomes = c.processed + c.duplicate + c.late + c.dead + c.shed + c.events + task.buffer.held
            taken = sum(
                _posts_in(one, self.settings) for one in read_topic(self.settings, "posts", partition)
            )
            self._demand(c.taken == outcomes, f"accounts.{partition}: {c} is no equation")
            self._demand(c.taken == taken, f"accounts.{partition}: {c.taken} taken, {taken} in the topic")
            processed, canaries = processed + c.processed, canaries + c.canaries
            twice += c.duplicate + c.late
            heard = heard or {name: one for name, one in task.producers.items() if name == "hour"}
        wanted = self.wanted
        self._demand(processed - canaries == wanted.processed, f"{processed} posts processed, {canaries} of "
                     f"the canary, {wanted.processed} wanted")  # fmt: skip
        self._demand(twice >= wanted.duplicates + self.sent_twice, f"{twice} duplicates, {self.sent_twice} "
                     "sent twice")  # fmt: skip
        self._demand("hour" in heard, "the producer was not heard")
        for said in heard.values():
            self._demand(said.final, "the producer did not end")
            self._demand((said.read, said.late) == (wanted.read, wanted.late), f"the producer said {said}")

    def _accounts(self, settings: Settings, partition: int) -> AccountsTask | None:
        cluster = clients.cluster_id(self.settings)
        space = f"vigie:{self.settings.prefix}chaos:{cluster}"

        async def load() -> Any:
            kept = Checkpoints(settings.redis, space)
            try:
                return await kept.load(f"accounts.{partition}")
            finally:
                await kept.close()

        saved = asyncio.run(load())
        if saved is None:
            return None
        task = AccountsTask(partition, settings)
        task.restore(saved[1])
        return task

    def _check_faults(self) -> None:
        for fault in self.faults:
            self._demand(fault.struck, f"{fault.kind} did not strike")
        if any(fault.kind == "producer killed" for fault in self.faults):
            resumed = b"resuming at post" in (self.folder / "producer.log").read_bytes()
            self._demand(resumed, "the producer did not resume")

    def _end(self) -> None:
        for child in [self.producer, *self.workers]:
            if child._process is not None and child._process.poll() is None:
                child._process.kill()
            child.await_end(10)
        self.kafka.kill()
        self.redis.kill()
        if self.problems:
            kept = OUT / f"failed-{self.seed}"
            kept.mkdir(parents=True, exist_ok=True)
            for log in self.folder.glob("*.log"):
                shutil.copy(log, kept)

    def _result(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "passed": not self.problems,
            "problems": self.problems,
            "partitions": self.settings.partitions,
            "faults": [
                {"kind": one.kind, "at": round(one.at, 3), "pause_s": self._pause_s(one)}
                for one in self.faults
            ],
            "ends": self.ends,
            "alerts": len(self.wanted.alerts),
            "alert_records": getattr(self, "records", None),
            "seconds": round(time.monotonic() - self.began, 1),
        }


def _posts_in(record: Any, settings: KafkaSettings) -> int:
    """How many posts a record of `posts` brings to its task, by the record alone."""
    try:
        frame = frames.decode_headers(record.headers)
        if frame is not None:
            return frame.count
        item = decode_item(record.value)
        return int(home_of(item, settings.partitions) == record.partition)
    except Rejection:
        return 1


def read_topic(settings: KafkaSettings, topic: str, partition: int) -> Iterator[Any]:
    """All records of a partition, up to what is its end now."""
    consumer = clients.consumer(settings, max_partition_fetch_bytes=16 << 20)
    try:
        part = clients.TopicPartition(clients.topic(settings, topic), partition)
        consumer.assign([part])
        consumer.seek_to_beginning(part)
        end = consumer.end_offsets([part])[part]
        deadline = time.monotonic() + 60
        while consumer.position(part) < end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}/{partition} cannot be read")
            for record in consumer.poll(timeout_ms=300).get(part, ()):
                if record.offset < end:
                    yield record
    finally:
        consumer.close()


def _readyz(port: int) -> dict[str, Any] | None:
    line = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        line.request("GET", "/readyz")
        said: dict[str, Any] = json.loads(line.getresponse().read())
        return said
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        line.close()


def run(seed: int, kinds: Sequence[str] | None = None) -> dict[str, Any]:
    """One run; its result."""
    with tempfile.TemporaryDirectory(prefix="vigie-reliability-") as folder:
        return Run(seed, Path(folder), kinds).go()


# -- the log and the command line ------------------------------------------------------------------


def log_lines() -> list[dict[str, Any]]:
    """All results so far."""
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in LOG.read_text().splitlines()]
    return []


def summary(lines: list[dict[str, Any]]) -> str:
    """The results by kind of fault, as a table."""
    rows = [
        "| fault | runs | passed | pause in seconds: median | longest |",
        "|---|--:|--:|--:|--:|",
    ]
    for kind in FAULTS:
        runs = [one for one in lines if any(fault["kind"] == kind for fault in one["faults"])]
        seconds = [
            fault["pause_s"]
            for one in runs
            for fault in one["faults"]
            if fault["kind"] == kind and fault["pause_s"] is not None
        ]
        figures = f"{statistics.median(seconds):.1f} | {max(seconds):.1f}" if seconds else "- | -"
        rows.append(f"| {kind} | {len(runs)} | {sum(one['passed'] for one in runs)} | {figures} |")
    passed = sum(one["passed"] for one in lines)
    rows.append(f"| all | {len(lines)} | {passed} | | |")
    return "\n".join(rows)


def _run_to_the_point(seed: int) -> dict[str, Any]:
    """One run; once more when nothing is wrong but that a fault came too late, which proves nothing."""
    result = run(seed)
    vacuous = ("did not strike", "did not resume")
    if result["problems"] and all(problem.endswith(vacuous) for problem in result["problems"]):
        return run(seed)
    return result


def _several(seeds: Sequence[int], *, logged: bool, jobs: int) -> bool:
    well = True
    results: Iterator[dict[str, Any]]
    pool = ProcessPoolExecutor(jobs) if jobs > 1 else None
    # A process for each: servers end with the thread that started them.
    results = pool.map(_run_to_the_point, seeds) if pool else map(_run_to_the_point, seeds)
    for result in results:
        well = well and result["passed"]
        line = json.dumps(result, ensure_ascii=False)
        print(line, flush=True)
        if logged:
            with LOG.open("a", encoding="utf-8") as log:
                log.write(line + "\n")
    return well


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="The Kafka form under faults.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--runs", type=int, help="so many runs more, after those of the log")
    what.add_argument("--seed", type=int, help="one run")
    what.add_argument("--seeds", help="runs from one seed to another, for example 1-20")
    what.add_argument("--summary", action="store_true", help="the table of the log")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--check", action="store_true", help="exit 1 when a run fails; nothing is logged")
    options = parser.parse_args()
    if options.summary:
        table = summary(log_lines())
        print(table)
        return 0
    if options.runs is not None:
        first = max((one["seed"] for one in log_lines()), default=0) + 1
        seeds: Sequence[int] = range(first, first + options.runs)
    elif options.seeds:
        begin, _, end = options.seeds.partition("-")
        seeds = range(int(begin), int(end or begin) + 1)
    else:
        seeds = [options.seed]
    well = _several(seeds, logged=not options.check and options.seed is None, jobs=options.jobs)
    return 1 if options.check and not well else 0


if __name__ == "__main__":
    sys.exit(main())
