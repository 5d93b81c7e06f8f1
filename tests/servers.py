"""Real servers for the tests: those of deploy/servers.py, and how clients reach them.

Tests take them from the fixtures in conftest.py: `kafka` and `redis_server` are shared by the whole
session (so use topics and keys of your own); `own_kafka` and `own_redis` make servers that a test may
stop, kill and start again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.servers import KafkaBroker, RedisServer, Secret, Server, free_port, make_secret

S = TypeVar("S", bound=Server)


def need(reason: str) -> None:
    """Skip for this reason, if there is one; fail where all tests are expected to run."""
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class Own:
    """The servers that one test made; all are killed when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Server] = []

    def kafka(self, secret: bool = False) -> KafkaBroker:
        """A broker of one's own, started; with a secret, by SASL and TLS only."""
        return self._start(KafkaBroker(free_port(), self._next(), secret=self._secret(secret)))

    def redis(self, secret: bool = False) -> RedisServer:
        """A Redis of one's own, started; with a secret, by TLS and password only."""
        return self._start(RedisServer(free_port(), self._next(), secret=self._secret(secret)))

    def end(self) -> None:
        """Kill all that still run."""
        for server in self._made:
            server.kill()

    def _start(self, server: S) -> S:
        self._made.append(server)
        server.start()
        return server

    def _next(self) -> Path:
        return self._folder / str(len(self._made))

    def _secret(self, wanted: bool) -> Secret | None:
        return make_secret(self._folder / f"{len(self._made)}-tls") if wanted else None


MakeKafka = Callable[..., KafkaBroker]
MakeRedis = Callable[..., RedisServer]


def kafka_options(broker: KafkaBroker, password: str | None = None) -> dict[str, Any]:
    """What a client of kafka-python is given to reach this broker, perhaps with another password."""
    options: dict[str, Any] = {"bootstrap_servers": broker.bootstrap}
    if broker.secret:
        options |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": broker.secret.user,
            "sasl_plain_password": password or broker.secret.password,
            "ssl_cafile": str(broker.secret.ca),
        }
    return options
