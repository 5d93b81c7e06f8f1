"""The servers that the other tests stand on: they answer, keep what they were given, guard their doors, and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError
from servers import MakeKafka, MakeRedis, kafka_options

from deploy import servers
from deploy.servers import KafkaBroker, RedisServer, ServerError, free_port, missing_for_redis

PATIENCE_S = 30


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


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
    got = [record.value for record, _ in zip(consumer, range(count), strict=False)]
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


def test_a_guarded_broker_takes_the_right_password_and_refuses_another(own_kafka: MakeKafka) -> None:
    broker = own_kafka(secret=True)
    make_topic(kafka_options(broker), "guarded")
    send(kafka_options(broker), "guarded", b"secret")
    assert read(kafka_options(broker), "guarded", 1) == [b"secret"]
    with pytest.raises(KafkaError):
        KafkaAdminClient(**kafka_options(broker, "wrong"), request_timeout_ms=3000).list_topics()
    with pytest.raises(KafkaError):  # nor does it speak in the clear
        KafkaAdminClient(bootstrap_servers=broker.bootstrap, request_timeout_ms=3000).list_topics()


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
@pytest.mark.skipif(bool(missing_for_redis()) and os.environ.get("CI") != "true", reason=missing_for_redis())
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
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
    port = int(redis_server.rsplit(":", 1)[1].split("/")[0])
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
