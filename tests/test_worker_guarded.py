"""Workers of a broker and a Redis that want TLS and a password; and of a broker that hangs."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator

import orjson
import pytest
from servers import Own, need
from worker_room import STREAM, Room, expected, findings, produced, with_kafka, with_redis

from deploy.servers import KafkaBroker, RedisServer, missing_for_kafka, missing_for_redis
from streams.kafka import clients, topics
from streams.kafka.leaving import BAD_USE, STUCK
from streams.kafka.settings import KafkaSettings, RedisSettings
from streams.sources.posts import encode_post


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
