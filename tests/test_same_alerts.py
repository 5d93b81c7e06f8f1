"""The same posts give the same alerts through a real broker: whatever the workers, partitions and speed.

Two hundred thousand posts of three hours, with twelve operations among them (`same_alerts.toml`), arrive out
of order, some of them twice and some too late. They go through the embedded pipeline, and then through `vigie
produce` and `vigie worker`, each a process of its own: to two workers as fast as they are read, and to one
alone a minute of the night in a second. All revisions of all cases must be equal, in order.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from deploy.servers import dying_with_us, free_port
from streams import settings
from streams.kafka import clients
from streams.outputs.alert import Alert
from streams.simulate.scenario import load_scenario
from streams.simulate.writing import simulate

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = Path(__file__).with_name("same_alerts.toml")
GRACE_MS, TICK_MS = 10_000, 5000
SPEED = 60
"""Of the slow run: what comes at it waits for nothing but the clock."""
PATIENCE_S = 600


# -- the posts -------------------------------------------------------------------------------------


@dataclass
class Night:
    """The posts in order of arrival, and what was done to them."""

    path: Path
    posts: int
    late: int
    """Posts that arrive after the grace."""
    repeated: int
    """Posts that arrive once more, in time."""
    overtaken: int
    """Posts that arrive after a newer one."""
    hours: float
    end_ms: int
    """Up to where CASES judges: one moment after the last tick."""


@pytest.fixture(scope="module")
def night() -> Night:
    """Made once, and kept in .cache/ as long as the scenario and what is done to it stay as they are."""
    made_by = SCENARIO.read_bytes() + inspect.getsource(_write_arrivals).encode()
    digest = hashlib.sha256(made_by).hexdigest()[:16]
    folder = ROOT / ".cache" / "same-alerts" / digest
    path, told = folder / "posts.jsonl", folder / "night.json"
    if not told.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Under a name of its own until it is whole: several runs may make it at once.
        part = folder / f"{os.getpid()}.part"
        numbers = _write_arrivals(part)
        part.rename(path)
        part.write_text(json.dumps(numbers))
        part.rename(told)
    return Night(path, **json.loads(told.read_text()))


def _write_arrivals(path: Path) -> dict[str, Any]:
    rng = Random(1)
    arrivals: list[tuple[int, int, int, bytes]] = []  # when it arrives, a number, its date, the line
    for post in simulate(load_scenario(str(SCENARIO)), 1):
        chance = rng.random()
        delay = rng.randrange(GRACE_MS + 2000, 120_000) if chance < 0.005 else rng.randrange(9000)
        arrivals.append((post.time_ms + delay, len(arrivals), post.time_ms, post.line))
        if chance > 0.99:
            again = post.time_ms + rng.randrange(9000)
            arrivals.append((again, len(arrivals), post.time_ms, post.line))
    arrivals.sort()
    newest = late = overtaken = 0
    seen: set[tuple[int, bytes]] = set()
    repeated = 0
    with path.open("wb") as file:
        for _, _, time_ms, line in arrivals:
            file.write(line + b"\n")
            if time_ms < newest - GRACE_MS:
                late += 1
                continue
            overtaken += time_ms < newest
            newest = max(newest, time_ms)
            repeated += (time_ms, line) in seen
            seen.add((time_ms, line))
    begin = min(one[2] for one in arrivals)
    return {
        "posts": len(arrivals),
        "late": late,
        "repeated": repeated,
        "overtaken": overtaken,
        "hours": (newest - begin) / 3_600_000,
        "end_ms": newest - newest % TICK_MS + TICK_MS + 1,
    }


# -- the runs --------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What one run has said."""

    alerts: list[Alert]
    posts: dict[str, int]
    """What became of them: processed, duplicate, late."""
    share: list[int]
    """Posts processed by each worker."""


def embedded(night: Night, folder: Path) -> subprocess.Popen[bytes]:
    """Begin `vigie replay` over a pipe, which takes posts as they come."""
    command = [sys.executable, "-m", "streams.cli", "replay", "-", "--format", "posts", "--json"]
    command += ["--alerts", str(folder / "alerts.jsonl")]
    with night.path.open("rb") as posts, (folder / "said.json").open("wb") as said:
        return subprocess.Popen(
            dying_with_us(command), cwd=ROOT, stdin=posts, stdout=said, stderr=subprocess.DEVNULL
        )


def said(process: subprocess.Popen[bytes], folder: Path) -> Outcome:
    """What the embedded run said."""
    assert process.wait(PATIENCE_S) == 0
    posts = json.loads((folder / "said.json").read_text())["posts"]
    alerts = [orjson.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]
    return Outcome(list(map(_timeless, alerts)), posts, [posts["processed"]])


class Room:
    """Topics and workers of their own on the session's broker."""

    def __init__(self, kafka: str, redis: str, prefix: str, partitions: int, folder: Path) -> None:
        self.folder = folder
        self.partitions = partitions
        self.flags = [
            f"kafka.bootstrap={kafka}",
            f"kafka.prefix={prefix}",
            f"kafka.partitions={partitions}",
            f"redis.url={redis}",
        ]
        self._run("topics", "create")

    def through(self, night: Night, workers: int, *how: str) -> Outcome:
        """All posts through so many workers, produced in this manner."""
        ports = [free_port() for _ in range(workers)]
        running = [self._worker(port) for port in ports]
        try:
            self._await(running, ports, self._all_work)
            told = self._run(
                *("produce", str(night.path), "--format", "posts", "--order", "arrival", "--name", "night"),
                *("--canary-minutes", "0", "--json", *how),
            )
            self._await(running, ports, lambda states: _cases_ms(states) >= night.end_ms)
            share = [_metric(port, "vigie_worker_posts_total") for port in ports]
            counts: Counter[str] = sum(share, Counter())
            counts["late"] += json.loads(told)["posts"]["late"]
        finally:
            for one in running:
                one.terminate()
            codes = [one.wait(60) for one in running]
        assert codes == [0] * workers, self._log()
        alerts = self._alerts()
        return Outcome(alerts, dict(counts), [one["processed"] for one in share])

    def _all_work(self, states: list[dict[str, Any]]) -> bool:
        has = [len(state.get("tasks", ())) for state in states if state.get("ready")]
        return len(has) == len(states) and all(has) and sum(has) == 3 * self.partitions + 1

    def _command(self, *words: str) -> list[str]:
        sets = [word for flag in self.flags for word in ("--set", flag)]
        return dying_with_us([sys.executable, "-m", "streams.cli", *words, *sets])

    def _run(self, *words: str) -> bytes:
        done = subprocess.run(self._command(*words), cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _worker(self, port: int) -> subprocess.Popen[bytes]:
        with (self.folder / f"worker-{port}.log").open("wb") as log:
            command = self._command("worker", "--set", f"worker.port={port}")
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def _await(self, running: list[subprocess.Popen[bytes]], ports: list[int], holds: Any) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            assert all(one.poll() is None for one in running), self._log()
            states = [json.loads(_get(port, "readyz") or "{}") for port in ports]
            if holds(states):
                return
            time.sleep(0.2)
        pytest.fail(f"the workers stand still: {states}\n{self._log()}")

    def _log(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("worker-*.log"))

    def _alerts(self) -> list[Alert]:
        kafka = settings.load(None, flags=self.flags).kafka
        part = clients.TopicPartition(clients.topic(kafka, "alerts"), 0)
        consumer = clients.consumer(kafka)
        consumer.assign([part])
        consumer.seek_to_beginning(part)
        end = consumer.end_offsets([part])[part]
        alerts: list[Alert] = []
        while consumer.position(part) < end:
            for record in consumer.poll(timeout_ms=500).get(part, ()):
                alert = orjson.loads(record.value)
                assert dict(record.headers)["id"].decode() == alert["id"]
                assert alert["data"]["published_at"] is not None
                alerts.append(_timeless(alert))
        consumer.close()
        return alerts


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        return str(refused.read().decode())
    except OSError:
        return ""


def _cases_ms(states: list[dict[str, Any]]) -> int:
    return max(state.get("tasks", {}).get("cases.0", 0) for state in states)


def _metric(port: int, name: str) -> Counter[str]:
    found = re.findall(rf'^{name}{{\w+="(\w+)"}} (\S+)$', _get(port, "metrics"), re.MULTILINE)
    assert found
    return Counter({label: int(float(value)) for label, value in found})


def _timeless(alert: Alert) -> Alert:
    alert["data"]["published_at"] = None
    return alert


def assert_same(found: Outcome, wanted: Outcome) -> None:
    """All revisions are equal, each in full and in order; and so is what became of the posts."""
    assert [one["id"] for one in found.alerts] == [one["id"] for one in wanted.alerts]
    for mine, theirs in zip(found.alerts, wanted.alerts, strict=True):
        assert mine == theirs
    assert {name: found.posts[name] for name in ("processed", "duplicate", "late")} == {
        name: wanted.posts[name] for name in ("processed", "duplicate", "late")
    }
    assert found.posts.get("dead", 0) == found.posts.get("shed", 0) == 0


# -- the tests -------------------------------------------------------------------------------------


@dataclass
class Outcomes:
    """What was said of the night in each form."""

    embedded: Outcome
    together: Outcome
    """Two workers, four partitions, as fast as the posts are read."""
    alone: Outcome
    """One worker, one partition, a minute of the night in a second."""


@pytest.fixture(scope="module")
def outcomes(
    night: Night, kafka: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Outcomes:
    def room(prefix: str, partitions: int) -> Room:
        return Room(kafka, redis_server, f"same-{prefix}.", partitions, tmp_path_factory.mktemp(prefix))

    folder = tmp_path_factory.mktemp("embedded")
    process = embedded(night, folder)
    with ThreadPoolExecutor() as at_once:
        together = at_once.submit(room("together", 4).through, night, 2)
        alone = at_once.submit(room("alone", 1).through, night, 1, "--speed", str(SPEED))
        return Outcomes(said(process, folder), together.result(), alone.result())


def test_two_workers_and_four_partitions_say_what_one_process_says(outcomes: Outcomes) -> None:
    share = outcomes.together.share
    assert min(share) > 0.2 * sum(share)  # both took part
    assert_same(outcomes.together, outcomes.embedded)


def test_one_worker_and_one_partition_say_the_same_at_another_speed(outcomes: Outcomes) -> None:
    assert_same(outcomes.alone, outcomes.embedded)


def test_the_night_and_what_is_said_of_it_are_worth_comparing(night: Night, outcomes: Outcomes) -> None:
    assert night.posts >= 200_000
    assert night.hours >= 3
    assert night.late >= 500
    assert night.repeated >= 1000
    assert night.overtaken >= night.posts // 2
    assert outcomes.embedded.posts["late"] == night.late
    assert outcomes.embedded.posts["duplicate"] == night.repeated
    alerts = outcomes.embedded.alerts
    newest = {alert["data"]["case_id"]: alert["data"] for alert in alerts}
    severities = Counter(data["severity"] for data in newest.values() if data["status"] != "merged")
    assert severities["warning"] + severities["critical"] >= 10
    assert {"open", "updated", "closed"} <= {alert["data"]["status"] for alert in alerts}
    assert max(data["revision"] for data in newest.values()) >= 5
    moments = [datetime.fromisoformat(alert["time"]) for alert in alerts]
    assert moments == sorted(moments)
