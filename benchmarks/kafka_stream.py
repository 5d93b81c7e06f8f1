"""How fast posts pass through Kafka, and how soon alerts come: everything in one run, told as ratios.

    python benchmarks/kafka_stream.py [--json]     all of it, below a quarter of an hour
    python benchmarks/kafka_stream.py --quick      fewer posts, one rate, shorter live streams: some minutes
    python benchmarks/kafka_stream.py --only live  or backlog: one of the two parts

It starts a broker and a Redis of its own, and real processes: `vigie topics create`, `vigie produce` and
`vigie worker`. The traffic is that of `benchmarks/throughput.py`. Two parts:

* *backlog*: all posts are in the topic before the workers start. Posts a second are counted from the moment
  at which all tasks are assigned until CASES has judged the last tick. Compared with the embedded pipeline
  over the same file, which is run before and after them;
* *live*: posts of a given rate of wall time, each dated with the moment at which it was due, with groups of
  copies among them, each on a text of its own. An alert's latency is `published_at` less the date of the
  newest post that it tells of. At the lower of the rates one worker is killed (KILL) in the end.

A tick of 5 s is judged when the grace of 10 s has passed: no alert can come sooner than 10 to 15 s after its
post. Seconds measure the machine and its neighbours, and here the broker too, which takes a part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from throughput import lines, machine, replay, tell  # noqa: E402

from deploy.servers import KafkaBroker, RedisServer, dying_with_us, free_port  # noqa: E402
from detectors.alerts import instant  # noqa: E402
from streams import settings  # noqa: E402
from streams.embedded import Settings, spare_collector  # noqa: E402
from streams.kafka import clients, service  # noqa: E402
from streams.kafka.tasks import (  # noqa: E402
    INPUTS,
    AccountsTask,
    CasesTask,
    PairsTask,
    SubjectsTask,
    Task,
)
from streams.kafka.tasks.records import Record  # noqa: E402
from streams.kafka.topics import TOPICS  # noqa: E402

WANTED = {"one worker": 0.5, "latency_p99_s": 20, "failover_s": 30}
PARTITIONS = 4
TASKS = 3 * PARTITIONS + 1
GRACE_S, TICK_S = 10, 5
WAIT_S = 30
"""From the last post that counts until the stream ends or a worker dies: more than its alert may take, so
that a late one is counted as late and not as missing."""
GROUP = 8
"""Accounts of a planted group."""
GROUPS_A_SECOND = 2
_LOOK_S = 0.2
"""Between two looks at /readyz, which costs the worker a millisecond."""
_CLK = os.sysconf("SC_CLK_TCK")


# -- servers and processes -------------------------------------------------------------------------


class Room:
    """A broker, a Redis, and what is run against them."""

    def __init__(self, folder: Path, more: list[str]) -> None:
        self.folder = folder
        self._more = more
        self.kafka = KafkaBroker(free_port(), folder / "kafka")
        self.redis = RedisServer(free_port(), folder / "redis")

    def __enter__(self) -> Room:
        self.kafka.start()
        self.redis.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.redis.stop()
        self.kafka.stop()

    def flags(self, prefix: str) -> list[str]:
        """The settings of one run."""
        return [
            f"kafka.bootstrap={self.kafka.bootstrap}",
            f"kafka.prefix={prefix}",
            f"kafka.partitions={PARTITIONS}",
            f"redis.url={self.redis.url}",
            *self._more,
        ]

    def settings(self, prefix: str) -> Settings:
        """The same, for what is measured inside this process."""
        return settings.load(None, flags=self.flags(prefix))

    def command(self, prefix: str, *words: str, more: tuple[str, ...] = ()) -> list[str]:
        """The command line of one `vigie`."""
        sets = [word for flag in [*self.flags(prefix), *more] for word in ("--set", flag)]
        return dying_with_us([sys.executable, "-m", "streams.cli", *words, *sets])

    def create(self, prefix: str) -> None:
        """Make the topics of a run."""
        subprocess.run(
            self.command(prefix, "topics", "create"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )

    def produce(self, prefix: str, path: Path) -> dict[str, Any]:
        """`vigie produce`, alone; what it says of itself, and its processor time."""
        words = ("produce", str(path), "--format", "posts", "--order", "arrival")
        before = os.times()
        run = subprocess.run(
            self.command(prefix, *words, "--canary-minutes", "0", "--json"),
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return json.loads(run.stdout) | {"cpu_s": used}

    def on_disk(self, prefix: str, topic: str) -> int:
        """Bytes of a topic in the broker's log."""
        found = (self.kafka.data / "log").glob(f"{prefix}{topic}-*/*.log")
        return sum(path.stat().st_size for path in found)

    def records(self, prefix: str, topic: str) -> list[Any]:
        """All records of a topic, in the order in which they were written."""
        kafka = self.settings(prefix).kafka
        consumer = clients.consumer(kafka, max_partition_fetch_bytes=8 << 20, check_crcs=False)
        name = clients.topic(kafka, topic)
        parts = [clients.TopicPartition(name, number) for number in consumer.partitions_for_topic(name)]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        found: list[Any] = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for some in consumer.poll(timeout_ms=500, max_records=5000).values():
                found += some
        consumer.close()
        return sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset))


class Workers:
    """Some `vigie worker` of one run."""

    def __init__(self, room: Room, prefix: str, number: int, profile: Path | None = None) -> None:
        self.ports = [free_port() for _ in range(number)]
        self._processes = []
        for port in self.ports:
            command = room.command(prefix, "worker", more=(f"worker.port={port}",))
            if profile is not None:
                sets = [*room.flags(prefix), f"worker.port={port}"]
                command = [sys.executable, __file__, "--child", "worker", str(profile), *sets]
            log = (room.folder / f"{prefix}worker-{port}.log").open("wb")
            self._processes.append(
                subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
            )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *problem: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    def states(self) -> list[dict[str, Any]]:
        """What each says at /readyz; nothing of one that does not answer."""
        return [json.loads(_get(port, "readyz") or "{}") for port in self.ports]

    def await_tasks(self, timeout_s: float = 60) -> None:
        """Wait until each task belongs to one of them, and each of them has some."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            states = self.states()
            has = [len(state.get("tasks", {})) for state in states if state.get("ready")]
            if sum(has) == TASKS and len(has) == len(self.ports) and all(has):
                return
            time.sleep(_LOOK_S)
        raise SystemExit(f"The workers did not begin: {self.states()}")

    def cases_ms(self) -> int:
        """Up to where CASES has judged."""
        return max((state["tasks"].get("cases.0", 0) for state in self.states() if state), default=0)

    def owner_of(self, task: str) -> int:
        """Which of them has a task."""
        return next(number for number, state in enumerate(self.states()) if task in state.get("tasks", {}))

    def kill(self, number: int) -> None:
        """End one at once."""
        self._processes[number].kill()

    def cpu_s(self) -> float:
        """Processor seconds of all of them so far."""
        return sum(_cpu_s(process.pid) for process in self._processes)

    def metric(self, name: str) -> dict[str, float]:
        """The sum of one metric over the workers, by its label."""
        values: dict[str, float] = defaultdict(float)
        for port in self.ports:
            for label, value in re.findall(
                rf'^{name}(?:{{\w+="(.*?)"}})? (\S+)$', _get(port, "metrics"), re.MULTILINE
            ):
                values[label] += float(value)
        return dict(values)


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        return str(refused.read().decode())
    except OSError:
        return ""


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLK


# -- backlog ---------------------------------------------------------------------------------------


def backlog(room: Room, path: Path, rate: float, *, quick: bool) -> dict[str, Any]:
    """Embedded, producer, one worker, two workers over the same posts."""
    times = sorted(_time_ms(line) for line in path.open("rb"))
    end_ms = times[-1] - times[-1] % (TICK_S * 1000) + TICK_S * 1000 + 1
    result: dict[str, Any] = {"rate": rate, "posts": len(times)}
    result["bytes_a_line"] = round(path.stat().st_size / len(times))
    embedded = [_embedded(path)]
    runs = {}
    for number in (1, 2):
        prefix = f"b{rate:g}-{number}."
        room.create(prefix)
        produced = room.produce(prefix, path)
        tell(f"  producer: {produced['posts_per_second']:,} posts/s")
        if number == 1:
            result["producer"] = {
                "posts_s": produced["posts_per_second"],
                "cpu_us_a_post": round(produced["cpu_s"] / len(times) * 1e6, 1),
                "frames": produced["frames"],
                "posts_a_frame": round(len(times) / produced["frames"]),
                "bytes": produced["bytes"],
            }
        with Workers(room, prefix, number) as workers:
            runs[number] = _drain(workers, times, end_ms)
            if number == 1:
                sent = {
                    name: workers.metric(f"vigie_worker_sent_{name}_total") for name in ("records", "bytes")
                }
                runs[number]["checkpoint_bytes"] = workers.metric("vigie_worker_checkpoint_bytes_total")[""]
        tell(f"  {number} worker(s): {runs[number]['posts_s']:,} posts/s")
        runs[number]["alerts"] = sorted(
            value for one in room.records(prefix, "alerts") for name, value in one.headers if name == "id"
        )
    if not quick:
        embedded.append(_embedded(path))
    first = f"b{rate:g}-1."
    result["embedded"] = {
        "posts_s": round(statistics.mean(one["posts_s"] for one in embedded)),
        "cpu_us_a_post": round(statistics.mean(one["cpu_us_a_post"] for one in embedded), 1),
    }
    result["alerts"] = len(runs[1]["alerts"])
    result["same_alerts"] = [one.decode() for one in runs[1]["alerts"]] == embedded[0]["ids"] and runs[1].pop(
        "alerts"
    ) == runs[2].pop("alerts")
    result["one worker"], result["two workers"] = runs[1], runs[2]
    base = result["embedded"]["posts_s"]
    for one in (runs[1], runs[2]):
        one["ratio_to_embedded"] = round(one["posts_s"] / base, 3)
        one["cpu_ratio_to_embedded"] = round(result["embedded"]["cpu_us_a_post"] / one["cpu_us_a_post"], 3)
    runs[2]["ratio_to_one"] = round(runs[2]["posts_s"] / runs[1]["posts_s"], 3)
    result["topics"] = _topics(room, first, sent, result["producer"])
    result["stages_us_a_post"] = _stages(room, first, len(times))
    texts = result["stages_us_a_post"]["subjects.0"]
    result["text_partition"] = {
        "posts_s": round(1e6 / texts),
        "ratio_to_embedded": round(result["embedded"]["cpu_us_a_post"] / texts, 2),
    }
    if not quick:
        result["worker_cpu_us_a_post"] = _profile(room, path, f"b{rate:g}-p.", times, end_ms)
    return result


def _time_ms(line: bytes) -> int:
    return round(datetime.fromisoformat(orjson.loads(line)["created_at"]).timestamp() * 1000)


def _embedded(path: Path) -> dict[str, Any]:
    """One replay in a process of its own."""
    run = subprocess.run(
        [sys.executable, __file__, "--child", "embedded", str(path)], check=True, stdout=subprocess.PIPE
    )
    said: dict[str, Any] = json.loads(run.stdout)
    tell(f"  embedded: {said['posts_s']:,} posts/s")
    return said


def _drain(workers: Workers, times: list[int], end_ms: int) -> dict[str, Any]:
    """Wait until the workers have judged all; posts a second since all tasks were assigned."""
    workers.await_tasks()
    begin, used = time.monotonic(), workers.cpu_s()
    done = bisect_right(times, workers.cases_ms())
    while (judged := workers.cases_ms()) < end_ms:
        time.sleep(_LOOK_S)
        if time.monotonic() - begin > 600:
            raise SystemExit(f"The workers came only to {judged} of {end_ms}: {workers.states()}")
    took, posts = time.monotonic() - begin, len(times) - done
    return {
        "posts_s": round(posts / took),
        "cpu_us_a_post": round((workers.cpu_s() - used) / posts * 1e6, 1),
        "busy": round((workers.cpu_s() - used) / took / len(workers.ports), 2),
    }


def _topics(
    room: Room, prefix: str, sent: dict[str, dict[str, float]], producer: dict[str, Any]
) -> dict[str, Any]:
    rows = {}
    for topic in TOPICS:
        records, size = sent["records"].get(topic, 0), sent["bytes"].get(topic, 0)
        if topic == "posts":
            records, size = producer["frames"], producer["bytes"]
        if records:
            rows[topic] = {
                "records": int(records),
                "bytes": int(size),
                "bytes_on_disk": room.on_disk(prefix, topic),
            }
    return rows


# -- where the time goes ---------------------------------------------------------------------------


def _stages(room: Room, prefix: str, posts: int) -> dict[str, float]:
    """Microseconds a post of each task, fed with the recorded records in this process, without a broker."""
    chosen = room.settings(prefix)
    tasks: dict[str, Task] = {"cases.0": CasesTask(chosen, lambda: 0)}
    for number in range(PARTITIONS):
        tasks[f"accounts.{number}"] = AccountsTask(number, chosen)
        tasks[f"subjects.{number}"] = SubjectsTask(number, chosen)
        tasks[f"pairs.{number}"] = PairsTask(number, chosen)
    inputs: dict[str, list[Record]] = {name: [] for name in tasks}
    for topic, stage in INPUTS.items():
        for one in room.records(prefix, topic):
            record = Record(
                topic, one.partition, one.offset, one.key, one.value or b"", one.headers, one.timestamp
            )
            inputs[f"{stage}.{one.partition}"].append(record)
    inputs["cases.0"].sort(key=lambda record: record.time_ms)
    spare_collector()
    spent = {}
    for name, task in sorted(tasks.items()):
        begin = time.process_time()
        for record in inputs.pop(name):
            for _ in task.take(record):
                pass
        spent[name] = round((time.process_time() - begin) / posts * 1e6, 2)
    return spent


def _profile(room: Room, path: Path, prefix: str, times: list[int], end_ms: int) -> dict[str, float]:
    """Processor time by part, inside one worker that reads a backlog."""
    room.create(prefix)
    room.produce(prefix, path)
    written = room.folder / f"{prefix}profile.json"
    with Workers(room, prefix, 1, written) as workers:
        _drain(workers, times, end_ms)
    spent: dict[str, float] = json.loads(written.read_text())
    return {name: round(seconds / len(times) * 1e6, 2) for name, seconds in spent.items()}


def child_worker(written: Path, flags: list[str]) -> None:
    """A worker that notes where its processor time goes; the clock's own cost is in it."""
    spent: dict[str, float] = defaultdict(float)
    for kind in (AccountsTask, SubjectsTask, PairsTask, CasesTask):
        for method, what in (("take", "take"), ("changes", "state packed")):
            setattr(kind, method, _timed(getattr(kind, method), f"{kind.stage}: {what}", spent))
    begin = time.process_time()
    parsed = argparse.Namespace(config=None, set=flags, forget_state=False)
    service.run_worker(parsed)
    whole = time.process_time() - begin
    spent["records, broker and Redis clients, Faust"] = whole - sum(spent.values())
    written.write_text(json.dumps(spent))


def _timed(function: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*args: Any, **more: Any) -> Any:
        begin = time.thread_time()
        answer = function(*args, **more)
        if not isinstance(answer, dict):
            answer = list(answer)
        spent[name] += time.thread_time() - begin
        return answer

    return timed


def child_embedded(path: Path) -> None:
    """Replay once and say how fast it was, and which alerts came."""
    import throughput  # noqa: PLC0415

    ids: list[str] = []
    note = throughput.Run.note
    throughput.Run.note = lambda run, alert: (ids.append(alert["id"]), note(run, alert))[1]  # type: ignore[method-assign]
    spare_collector()
    begin, used = time.monotonic(), time.process_time()
    posts = replay(path, sort=False)
    took, used = time.monotonic() - begin, time.process_time() - used
    said = {"posts_s": round(posts / took), "cpu_us_a_post": used / posts * 1e6, "ids": sorted(ids)}
    print(json.dumps(said))


# -- live ------------------------------------------------------------------------------------------


class Feeder:
    """Writes posts into a pipe as they fall due, with planted groups among them."""

    def __init__(self, path: Path, rate: float, pipe: Any) -> None:
        self._bodies = _bodies(path)
        self._rate, self._pipe = rate, pipe
        self._rng = Random(1)
        self.groups: dict[str, int] = {}
        """Of each planted group's accounts, when its last post was due."""
        self.sent = 0
        self.slowest_s = 0.0
        """How far behind a post was written at most."""
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def write_one(self) -> None:
        """Write one post, for whoever waits for the first bytes."""
        head, tail = next(self._bodies)
        self._pipe.write(head + instant(time.time_ns() // 1_000_000).encode() + tail)
        self._pipe.flush()

    def _run(self) -> None:
        begin = time.time()
        planted = 0
        with contextlib.suppress(BrokenPipeError):
            while not self.stop.is_set():
                now = time.time()
                wanted = int((now - begin) * self._rate)
                batch = []
                for number in range(self.sent, wanted):
                    due_ms = int((begin + number / self._rate) * 1000)
                    head, tail = next(self._bodies)
                    batch.append(head + instant(due_ms).encode() + tail)
                self.sent = wanted
                while planted < (now - begin) * GROUPS_A_SECOND * GROUP:
                    due_ms = int((begin + planted / GROUP / GROUPS_A_SECOND) * 1000)
                    batch.append(self._copy(planted, due_ms))
                    planted += 1
                self._pipe.write(b"".join(batch))
                self._pipe.flush()
                self.slowest_s = max(self.slowest_s, time.time() - now)
                time.sleep(0.02)
        with contextlib.suppress(OSError):
            self._pipe.close()

    def _copy(self, number: int, due_ms: int) -> bytes:
        group, place = divmod(number, GROUP)
        if place == 0:
            words = ["".join(self._rng.choices("bcdfglmnprstvaeiou", k=7)) for _ in range(14)]
            self._text = f"@cible{group} " + " ".join(words)
        account = f"planted-{group}-{place}"
        self.groups[account] = due_ms
        post = {
            "id": f"planted{number}",
            "platform": "x",
            "author_id": account,
            "created_at": instant(due_ms),
            "text": self._text,
        }
        return orjson.dumps(post) + b"\n"


def _bodies(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Each line in two parts, between which its date belongs."""
    with path.open("rb") as file:
        for line in file:
            post = orjson.loads(line)
            post["created_at"] = "@"
            head, date, tail = orjson.dumps(post).partition(b'"created_at":"@"')
            yield head + date[:-2], b'"' + tail + b"\n"


def live(room: Room, path: Path, rate: float, seconds: float, failover_s: float) -> dict[str, Any]:
    """Live posts of a rate through two workers; then, if asked for, one of them is killed."""
    prefix = f"live{rate:g}."
    room.create(prefix)
    tell(f"  live: {rate:g} posts/s for {seconds:g} s{', then a kill' if failover_s else ''}")
    with Workers(room, prefix, 2) as workers:
        workers.await_tasks()
        produce = subprocess.Popen(
            room.command(
                *(prefix, "produce", "-", "--format", "posts", "--canary-minutes", "0"),
                *("--metrics-port", str(port := free_port())),
            ),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=(room.folder / f"{prefix}produce.log").open("wb"),
        )
        feeder = Feeder(path, rate, produce.stdin)
        feeder.write_one()
        while not _get(port, "metrics"):  # it has seen what is in the pipe, and found where to begin
            if produce.poll() is not None:
                raise SystemExit((room.folder / f"{prefix}produce.log").read_text())
            time.sleep(_LOOK_S)
        used, produced = workers.cpu_s(), _cpu_s(produce.pid)
        begin = time.time()
        feeder.thread.start()
        time.sleep(seconds + WAIT_S)
        used, produced = workers.cpu_s() - used, _cpu_s(produce.pid) - produced
        took = time.time() - begin
        result: dict[str, Any] = {"rate": rate, "posts": feeder.sent, "posts_s": round(feeder.sent / took)}
        result |= {"busy": round(used / took / 2, 2)}
        result["producer_busy"] = round(produced / took, 2)
        result["cpu_us_a_post"] = {
            "producer": round(produced / feeder.sent * 1e6, 1),
            "workers": round(used / feeder.sent * 1e6, 1),
        }
        killed_ms = 0
        if failover_s:
            victim = workers.owner_of("cases.0")
            killed_ms = time.time_ns() // 1_000_000
            workers.kill(victim)
            time.sleep(failover_s)
        feeder.stop.set()
        feeder.thread.join(10)
        produce.terminate()
        produce.wait(30)
    alerts = [json.loads(one.value) for one in room.records(prefix, "alerts")]
    told = _latencies(alerts, feeder.groups)
    end_ms = (begin + seconds) * 1000
    values = sorted(ms / 1000 for newest, ms in told if newest <= end_ms)
    groups = {_group(name) for name, due in feeder.groups.items() if due <= end_ms}
    result |= {
        "written_late_s": round(feeder.slowest_s, 2),
        "groups": len(groups),
        "groups_without_alert": len(groups - held(alerts, feeder.groups)),
        "alerts": len(values),
        "p50_s": round(_quantile(values, 0.5), 2),
        "p99_s": round(_quantile(values, 0.99), 2),
        "max_s": round(max(values, default=float("nan")), 2),
    }
    if failover_s:
        after = [newest + ms - killed_ms for newest, ms in told if newest > killed_ms]
        result["failover_s"] = round(min(after) / 1000, 2) if after else None
        waited = [ms / 1000 for newest, ms in told if killed_ms - 20_000 < newest]
        result["failover_latency_max_s"] = round(max(waited, default=float("nan")), 2)
    return result


def _group(account: str) -> str:
    """The planted group of an account."""
    return account.rpartition("-")[0]


def held(alerts: list[dict[str, Any]], planted: Collection[str]) -> set[str]:
    """The planted groups of which some alert's case holds most of the accounts, alone or with others."""
    sizes = Counter(map(_group, planted))
    found: set[str] = set()
    for alert in alerts:
        data = alert["data"]
        shown = {*data["group"]["accounts"], *(one for each in data["findings"] for one in each["accounts"])}
        shown.intersection_update(planted)
        found |= {group for group, count in Counter(map(_group, shown)).items() if 2 * count > sizes[group]}
    return found


def _latencies(alerts: list[dict[str, Any]], planted: Collection[str]) -> list[tuple[int, int]]:
    """Of each alert that tells of newer posts of planted groups: their date, and the latency."""
    newest_of: dict[str, int] = {}
    told = []
    for alert in alerts:
        data = alert["data"]
        posts = [post for finding in data["findings"] for post in finding["posts"]]
        posts = [post for post in posts if post["author_id"] in planted]
        if not posts:
            continue
        newest = max(_ms(post["created_at"]) for post in posts)
        if newest > newest_of.get(data["case_id"], 0):
            newest_of[data["case_id"]] = newest
            told.append((newest, _ms(data["published_at"]) - newest))
    return told


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


# -- what is printed -------------------------------------------------------------------------------


def show(result: dict[str, Any]) -> None:
    """The tables."""
    print(result["machine"])
    for run in result["backlog"]:
        _show_backlog(run)
    if result["live"]:
        print(f"\nlive, two workers; no alert can come before {GRACE_S} to {GRACE_S + TICK_S} s")
        print(f"{'':8s}{'of a core each':>19s}{'groups':>15s}{'latency in s':>26s}")
        print(
            f"{'posts/s':>8s}{'workers':>9s}{'producer':>10s}{'told':>7s}{'missing':>8s}"
            f"{'p50':>10s}{'p99':>8s}{'max':>8s}"
        )
        for run in result["live"]:
            print(
                f"{run['rate']:8,.0f}{run['busy']:9.0%}{run['producer_busy']:10.0%}{run['alerts']:7d}"
                f"{run['groups_without_alert']:8d}{run['p50_s']:10.2f}{run['p99_s']:8.2f}{run['max_s']:8.2f}"
            )
            if "failover_s" in run:
                print(
                    f"{'':9s}one worker killed: the next alert of later posts after {run['failover_s']} s, "
                    f"the latest alert waited {run['failover_latency_max_s']} s"
                )
    print(
        f"\nwanted: one worker at least {WANTED['one worker']} of embedded, latency p99 below "
        f"{WANTED['latency_p99_s']} s, after a kill below {WANTED['failover_s']} s"
    )


def _show_backlog(run: dict[str, Any]) -> None:
    print(
        f"\n{run['rate']:g} posts/s of event time, {run['posts']:,} posts, {run['bytes_a_line']} bytes a line"
    )
    print(f"{'':16s}{'posts/s':>10s}{'to embedded':>13s}{'cpu us/post':>13s}{'cpu ratio':>11s}{'busy':>7s}")
    for name in ("embedded", "producer", "one worker", "two workers"):
        row = run[name]
        ratio = row.get("ratio_to_embedded", row["posts_s"] / run["embedded"]["posts_s"])
        print(f"{name:16s}{row['posts_s']:10,d}{ratio:13.2f}{row['cpu_us_a_post']:13.1f}", end="")
        print(f"{row['cpu_ratio_to_embedded']:11.2f}{row['busy']:7.0%}" if "busy" in row else "")
    print(f"two workers are {run['two workers']['ratio_to_one']:.2f} times one; ", end="")
    print(f"{run['alerts']} alerts, {'the same' if run['same_alerts'] else 'NOT THE SAME'} in all runs")
    print(f"a frame has {run['producer']['posts_a_frame']} posts; checkpoints wrote ", end="")
    print(f"{run['one worker']['checkpoint_bytes'] / run['posts']:.0f} bytes a post")
    print(f"{'topic':16s}{'records':>10s}{'bytes/post':>13s}{'on disk':>13s}")
    for name, row in run["topics"].items():
        print(
            f"{name:16s}{row['records']:10,d}{row['bytes'] / run['posts']:13.1f}"
            f"{row['bytes_on_disk'] / run['posts']:13.1f}"
        )
    print("each task alone, without a broker, in us a post of the whole stream:")
    stages: dict[str, list[float]] = defaultdict(list)
    for name, spent in run["stages_us_a_post"].items():
        stages[name.partition(".")[0]].append(spent)
    for name, each in stages.items():
        print(f"  {name:14s}{sum(each):10.2f}   " + "  ".join(f"{one:.2f}" for one in each))
    limit = run["text_partition"]
    print(f"the partition of the texts can take {limit['posts_s']:,} posts/s, ", end="")
    print(f"{limit['ratio_to_embedded']:.2f} times what one embedded process takes of everything")
    if "worker_cpu_us_a_post" in run:
        print("inside one worker, cpu us a post:")
        for name, spent in sorted(run["worker_cpu_us_a_post"].items(), key=lambda item: -item[1]):
            print(f"  {name:44s}{spent:8.2f}")


# -- the run ---------------------------------------------------------------------------------------


def simulated(path: Path, posts: int, rate: float) -> Path:
    """A file of so many posts."""
    if not path.exists():
        tell(f"simulating {posts:,} posts at {rate:g} a second")
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.writelines(lines(posts, rate))
        part.rename(path)
    return path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Throughput and latency through Kafka.")
    parser.add_argument("--quick", action="store_true", help="fewer posts, one rate")
    parser.add_argument("--only", choices=("backlog", "live"))
    parser.add_argument("--rates", help="posts in a second of event time, of the backlogs")
    parser.add_argument("--posts", type=int, help="posts of each backlog")
    parser.add_argument(
        "--traffic", type=Path, metavar="DIR", help="keep the simulated posts here for the next run"
    )
    parser.add_argument("--set", action="append", default=[], metavar="S.N=V", help="a setting, to compare")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    if chosen.child:
        what, path, *flags = chosen.child
        child_worker(Path(path), flags) if what == "worker" else child_embedded(Path(path))
        return
    rates = [float(rate) for rate in (chosen.rates or ("2000" if chosen.quick else "280,2000")).split(",")]
    posts = chosen.posts or (60_000 if chosen.quick else 160_000)
    # A rate, seconds that count, seconds after the kill.
    lives = [(2000.0, 15.0, 35.0)] if chosen.quick else [(2000.0, 60.0, 45.0), (5800.0, 60.0, 0.0)]
    result: dict[str, Any] = {"machine": machine(), "quick": chosen.quick, "backlog": [], "live": []}
    with (
        tempfile.TemporaryDirectory(prefix="vigie-bench-") as scratch,
        Room(Path(scratch), chosen.set) as room,
    ):
        folder = chosen.traffic or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = []
        if chosen.only != "live":
            wanted += [(folder / f"{rate:g}-{posts}.jsonl", posts, rate) for rate in rates]
        if chosen.only != "backlog":
            for rate, seconds, failover_s in lives:
                some = int(rate * (seconds + WAIT_S + failover_s + 7))
                wanted.append((folder / f"{rate:g}-{some}.jsonl", some, rate))
        with ProcessPoolExecutor(2) as pool:
            paths = [made.result() for made in [pool.submit(simulated, *one) for one in wanted]]
        if chosen.only != "live":
            for rate in rates:
                tell(f"backlog at {rate:g} posts/s of event time")
                result["backlog"].append(backlog(room, paths.pop(0), rate, quick=chosen.quick))
        if chosen.only != "backlog":
            for rate, seconds, failover_s in lives:
                result["live"].append(live(room, paths.pop(0), rate, seconds, failover_s))
    print(json.dumps(result, indent=2)) if chosen.json else show(result)


if __name__ == "__main__":
    main()
