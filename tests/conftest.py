"""What many tests share: a real Kafka and a real Redis, which end with the session however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import MakeKafka, MakeRedis, Own, need
from streams_of_posts import planted
from worker_room import MakeRoom, rooms

from deploy.servers import KafkaBroker, RedisServer, free_port, missing_for_kafka, missing_for_redis
from streams.sources.posts import encode_post

_SLOWEST = [
    "same_alerts",
    "chaos",
    "producer",
    "worker",
    "scenarios",
    "real_input",
    "worker_redis",
    "state",
    "cluster",
    "servers",
    "worker_guarded",
    "recording",
    "watch",
    "sameness",
    "monitoring",
    "receivers",
]
"""Files that come first, so that none of them is left to one process alone at the end: the longest ones, with
those that wait for servers among those that compute."""


def pytest_configure() -> None:
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and by all whom they start too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(_SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.stem.removeprefix("test_"), len(places)))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        del os.environ[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with posts in it, which is where one is."""
    lines = (encode_post(one) + b"\n" for one in planted(7, chatter=60).posts)
    (tmp_path / "posts.jsonl").write_bytes(b"".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a broker for the whole session."""
    need(missing_for_kafka())
    broker = KafkaBroker(free_port(), tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker.bootstrap
    broker.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis for the whole session."""
    need(missing_for_redis())
    server = RedisServer(free_port(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def make_room(kafka: str, redis_server: str, tmp_path: Path) -> Iterator[MakeRoom]:
    """Makes rooms for workers on the shared servers; all their workers end with the test."""
    with rooms(kafka, redis_server, tmp_path) as make:
        yield make


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[MakeKafka]:
    """Makes brokers that the test may stop, kill and start again: `own_kafka()`."""
    need(missing_for_kafka())
    own = Own(tmp_path / "own-kafka")
    yield own.kafka
    own.end()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[MakeRedis]:
    """Makes Redis servers that the test may stop, kill and start again: `own_redis()`."""
    need(missing_for_redis())
    own = Own(tmp_path / "own-redis")
    yield own.redis
    own.end()
