"""The servers that other tests stand on: they answer, keep what they get, guard their doors, and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError
from servers import MakeKafka, MakeRedis, kafka_options, need

from deploy import servers
from deploy.servers import (
    KafkaBroker,
    RedisServer,
    ServerError,
    free_port,
    missing_for_kafka,
    missing_for_redis,
)

PATIENCE_S = 30


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def make_topic(options: dict[str, object], topic: str) -> None:
    admin = KafkaAdminClient(**options)
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    admin.close()


def send(options: dict[str, object], topic: str, *values: bytes) -> None:
    producer = KafkaProducer(**options, max_request_size=servers.MAX_MESSAGE_BYTES)
    for value in values:
        producer.send(topic, value).get(timeout=PATIENCE_S)
    producer.close()


def read(options: dict[str, object], topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic, **options, auto_offset_reset="earliest", consumer_timeout_ms=PATIENCE_S * 1000, group_id=None
    )
    got = [record.value for _, record in zip(range(count), consumer, strict=False)]
    consumer.close()
    return sorted(got)


def test_the_broker_takes_a_frame_of_four_mebibytes(kafka: str) -> None:
    options: dict[str, object] = {"bootstrap_servers": kafka}
    frame = os.urandom(4 * 1024 * 1024)
    make_topic(options, "large")
    send(options, "large", frame)
    assert read(options, "large", 1) == [frame]


def test_the_broker_makes_no_topic_by_itself(kafka: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, max_block_ms=2000)
    with pytest.raises(KafkaError):
        producer.send("never-made", b"lost").get(timeout=PATIENCE_S)
    producer.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_that_starts_again_has_kept_its_messages(own_kafka: MakeKafka, end: str) -> None:
    broker = own_kafka()
    make_topic(kafka_options(broker), "kept")
    send(kafka_options(broker), "kept", b"before")
    getattr(broker, end)()
    assert not broker.running
    broker.start()
    send(kafka_options(broker), "kept", b"then")
    assert read(kafka_options(broker), "kept", 2) == [b"before", b"then"]


def test_a_guarded_broker_refuses_strangers_and_takes_the_right_password(own_kafka: MakeKafka) -> None:
    broker = own_kafka(secret=True)
    brief = {"bootstrap_timeout_ms": 3000, "request_timeout_ms": 3000}
    for wrong in (kafka_options(broker, "wrong"), {"bootstrap_servers": broker.bootstrap}):
        with pytest.raises(KafkaError):
            KafkaAdminClient(**wrong, **brief).list_topics()
    make_topic(kafka_options(broker), "guarded")
    send(kafka_options(broker), "guarded", b"secret")
    assert read(kafka_options(broker), "guarded", 1) == [b"secret"]


def test_redis_answers(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server, socket_timeout=PATIENCE_S) as client:
        assert client.ping()


def test_a_redis_that_starts_again_has_kept_its_keys(own_redis: MakeRedis) -> None:
    server = own_redis()
    with redis.Redis.from_url(server.url, socket_timeout=PATIENCE_S) as client:
        client.set("checkpoint", b"state")
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url, socket_timeout=PATIENCE_S) as client:
        assert client.get("checkpoint") == b"state"


def test_a_guarded_redis_takes_the_right_password_and_refuses_another(own_redis: MakeRedis) -> None:
    server = own_redis(secret=True)
    assert server.secret is not None
    trust = {"ssl_ca_certs": str(server.secret.ca), "socket_timeout": PATIENCE_S}
    with redis.Redis.from_url(server.url, password=server.secret.password, **trust) as client:
        assert client.ping()
    for password in ("wrong", None):
        with (
            redis.Redis.from_url(server.url, password=password, **trust) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not end a child with its parent")
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    need(missing_for_redis())
    port = free_port()
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib; from deploy.servers import RedisServer\n"
            "RedisServer(int(sys.argv[1]), pathlib.Path(sys.argv[2])).start(); print('started', flush=True)\n"
            "time.sleep(600)",
            str(port),
            str(tmp_path),
        ],
        cwd=servers.ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        server = RedisServer(port, tmp_path)
        assert server.running
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    assert within(PATIENCE_S, lambda: not server.running)


def test_the_command_line_starts_tells_and_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], redis_server: str
) -> None:
    where = ["redis", "--data", str(tmp_path)]
    assert servers.main(["start", *where, "--port", str(free_port())]) == 0
    assert servers.main(["status", *where]) == 0
    assert servers.main(["stop", *where]) == 0
    assert servers.main(["status", *where]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said] == ["answers", "runs", "was", "does"]


def test_a_taken_port_is_told(redis_server: str, tmp_path: Path) -> None:
    port = urlsplit(redis_server).port or 0
    with pytest.raises(ServerError, match="taken already"):
        RedisServer(port, tmp_path).start()


def test_what_is_missing_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.shutil, "which", lambda name: None)
    assert "apt-get install openjdk-17" in servers.missing_for_kafka()
    assert "apt-get install redis-server" in servers.missing_for_redis()


def test_a_server_that_ends_at_once_shows_why(
    own_kafka: MakeKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(KafkaBroker, "_settings", lambda self: {"process.roles": "none"})
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").touch()  # it is not formatted, it starts
    with pytest.raises(ServerError, match=r"ended at once[\s\S]*process\.roles"):
        KafkaBroker(free_port(), tmp_path).start()


# -- the stack -------------------------------------------------------------------------------------

STAND_IN = """#!/bin/sh
# In the place of `vigie`: what serves waits, unless it is to fail; all else ends well.
here=$(dirname "$0")
case "$1" in
  worker) [ ! -e "$here/fail" ] || { echo "no such topic"; exit 3; } ;;
  alerts|record|console) ;;
  *) exit 0 ;;
esac
echo $$ >> "$here/pids"
exec sleep 600
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a stack with a stand-in for `vigie`; what is in tmp_path is its night and its state."""
    need(missing_for_kafka() or missing_for_redis())
    (tmp_path / "vigie").write_text(STAND_IN, encoding="utf-8")
    (tmp_path / "vigie").chmod(0o755)
    (tmp_path / "posts.jsonl").touch()
    command = [sys.executable, "-m", "deploy.stack", "--vigie", str(tmp_path / "vigie")]
    command += ["--night", str(tmp_path), "--state", str(tmp_path / "state"), "--seconds", "300"]
    made: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        made.append(subprocess.Popen(command, cwd=servers.ROOT, stderr=subprocess.PIPE, text=True))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str], words: str) -> bool:
    """Whether it says a line with these words before it ends."""
    assert process.stderr is not None
    return any(words in line for line in process.stderr)


def pids(folder: Path) -> list[int]:
    """Every process that the stack started."""
    of_servers = [
        json.loads((folder / "state" / name / f"{name}.json").read_text(encoding="utf-8"))["pid"]
        for name in ("kafka", "redis")
    ]
    return [*of_servers, *map(int, (folder / "pids").read_text(encoding="utf-8").split())]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_stack_leaves_no_process(
    stack: Callable[[], subprocess.Popen[str]], tmp_path: Path, end: signal.Signals
) -> None:
    process = stack()
    assert said(process, "producer has done its work")
    assert within(PATIENCE_S, lambda: (tmp_path / "pids").exists() and len(pids(tmp_path)) == 7)
    started = pids(tmp_path)
    process.send_signal(end)
    assert said(process, "All stopped") == (end != signal.SIGKILL)
    assert process.wait(PATIENCE_S) == (-end if end == signal.SIGKILL else 0)
    if end != signal.SIGKILL or sys.platform == "linux":
        assert within(PATIENCE_S, lambda: not any(map(is_there, started)))


def test_the_stack_starts_a_killed_worker_and_a_killed_broker_again(
    stack: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = stack()
    assert said(process, "The alerts follow")
    assert within(PATIENCE_S, lambda: (tmp_path / "pids").exists() and len(pids(tmp_path)) == 7)
    broker, _, worker, *_ = pids(tmp_path)
    os.kill(worker, signal.SIGKILL)
    assert said(process, "was killed by signal 9 and is started again")
    os.kill(broker, signal.SIGKILL)
    assert said(process, "kafka has ended and is started again")
    assert within(PATIENCE_S, lambda: len(pids(tmp_path)) == 8)


def test_a_stack_whose_worker_cannot_run_shows_why_and_ends(
    stack: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "fail").touch()
    process = stack()
    assert said(process, "ended with code 3 at once, 5 times in a row")
    assert said(process, "no such topic")
    assert said(process, "All stopped")
    assert process.wait(PATIENCE_S) == 1
