"""Settings of the Kafka form: the broker, Redis and the worker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

MASK = "********"
"""What stands for a secret wherever settings are shown."""

SECRETS = {
    "kafka": ("sasl_password",),
    "redis": ("password",),
    "mastodon": ("tokens",),
    "x": ("token",),
    "http": ("token",),
    "privacy": ("key",),
}
"""Settings that are secret as a whole, by section."""

_URL_PASSWORD = re.compile(r"(://[^:@/\s]*:)\S*@")  # up to the last @: a password may hold one
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&\s]*")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the broker, the topics and the frames of posts."""

    bootstrap: str = "127.0.0.1:9092"
    """Brokers to begin with, as ``host:port``, separated by commas."""
    prefix: str = ""
    """Stands before every topic and consumer group: several rooms on one broker."""
    partitions: int = 4
    """Partitions of `posts`, `signals` and `ties`; fixed when the topics are made."""
    replication: int = 1
    """Copies of every topic that the brokers keep; 3 where there are three brokers."""
    retention_hours: int = 24
    """How long records are kept. Of `alerts` and `verdicts` the newest of each key is kept longer."""
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the broker."""
    ca_file: str = ""
    """Certificates to trust (PEM); those of the system without it."""
    cert_file: str = ""
    """Our own certificate (PEM), where the broker asks for one."""
    key_file: str = ""
    """The private key of our certificate (PEM)."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is proved, with SASL."""
    sasl_username: str = ""
    """User name, with SASL."""
    sasl_password: str = ""
    """Password, with SASL; best given as ``VIGIE_KAFKA__SASL_PASSWORD``. Never shown."""
    compression: Literal["none", "gzip", "zstd"] = "zstd"
    """How records are packed."""
    frame_posts: int = 500
    """Posts in a frame at most."""
    frame_bytes: int = 262_144
    """Bytes in a frame at most, before packing; a single longer post travels alone."""
    frame_ms: int = 200
    """How long a post waits for others before its frame leaves."""
    session_timeout_s: int = 10
    """After how many seconds without a sign of life a worker's partitions go to another."""

    @property
    def compression_type(self) -> str | None:
        """The same as `compression`, as the clients call it."""
        return None if self.compression == "none" else self.compression


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the store of checkpoints."""

    url: str = "redis://127.0.0.1:6379/0"
    """Where Redis is; ``rediss://`` for TLS, ``unix://`` for a socket."""
    password: str = ""
    """Password; best given as ``VIGIE_REDIS__PASSWORD``. Never shown."""
    ca_file: str = ""
    """Certificates to trust (PEM), with ``rediss://``; those of the system without it."""
    timeout_s: float = 2.0
    """How long one request may take before Redis counts as gone."""

    def options(self) -> dict[str, Any]:
        """Password and trust, as the clients of Redis take them."""
        options: dict[str, Any] = {}
        if self.password:
            options["password"] = self.password
        if self.ca_file:
            options["ssl_ca_certs"] = self.ca_file
        return options


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a worker."""

    app: str = "vigie"
    """Name of the consumer group, after `kafka.prefix`; workers of one name share the partitions."""
    checkpoint_s: float = 5.0
    """Seconds between two checkpoints."""
    host: str = "127.0.0.1"
    """Where /metrics, /livez and /readyz can be reached; 0.0.0.0 from anywhere."""
    port: int = 6070
    """Port of /metrics, /livez and /readyz on this machine."""
    store_wait_s: float = 15.0
    """How long tasks wait for a Redis that is away before they begin without their checkpoints."""
    stuck_s: float = 60.0
    """After how many seconds without progress, though records wait, a worker exits."""
    idle_s: float = 10.0
    """After how many seconds a silent source of foreign records no longer holds time back."""
    producer_gone_s: float = 60.0
    """After how many seconds a silent producer no longer holds time back, if another one goes on."""
    shed_after_s: float = 300.0
    """How far a live worker may fall behind before it sheds load."""
    dead_ratio: float = 0.5
    """Share of dead records among the newest from which a worker exits."""


def store_space(kafka: KafkaSettings, worker: WorkerSettings) -> str:
    """What stands before every key of a room in Redis, without the cluster.

    >>> store_space(KafkaSettings(prefix="room-1."), WorkerSettings())
    'vigie:room-1.vigie'
    """
    return f"vigie:{kafka.prefix}{worker.app}"


def masked(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables of settings without their secrets.

    >>> masked({"redis": {"url": "redis://:hunter2@db:6379/0", "password": "hunter3"}})["redis"]
    {'url': 'redis://:********@db:6379/0', 'password': '********'}
    """
    shown = {section: dict(values) for section, values in tables.items()}
    for section, names in SECRETS.items():
        for name in names:
            if shown.get(section, {}).get(name):
                shown[section][name] = MASK
    if "url" in shown.get("redis", {}):
        shown["redis"]["url"] = without_password(str(shown["redis"]["url"]))
    return shown


def without_password(url: str) -> str:
    """An address without the password in it.

    >>> without_password("rediss://room:s@cret@db:6379/0"), without_password("redis://db/0")
    ('rediss://room:********@db:6379/0', 'redis://db/0')
    """
    hidden = _URL_PASSWORD.sub(rf"\1{MASK}@", url)
    return _QUERY_PASSWORD.sub(rf"\1{MASK}", hidden)


def problems(kafka: KafkaSettings, redis: RedisSettings, worker: WorkerSettings) -> Iterator[str]:
    """One sentence for each setting that makes no sense; no secret is in any of them."""
    for holds, sentence in [*_kafka_rules(kafka), *_redis_rules(redis), *_worker_rules(worker)]:
        if not holds:
            yield sentence


def _kafka_rules(kafka: KafkaSettings) -> list[tuple[bool, str]]:
    with_sasl = kafka.security.startswith("SASL")
    with_tls = kafka.security.endswith("SSL")
    return [
        (all(map(_host_and_port, servers(kafka))), "kafka.bootstrap must be host:port, several with commas"),
        (
            _PREFIX.fullmatch(kafka.prefix) is not None,
            "kafka.prefix must be of letters, digits, dots, dashes and underscores, 100 at most",
        ),
        (1 <= kafka.partitions <= 1024, "kafka.partitions must be 1 to 1024"),
        (1 <= kafka.replication <= 100, "kafka.replication must be 1 or more"),
        (1 <= kafka.retention_hours <= 24 * 366, "kafka.retention_hours must be 1 to 8784"),
        (
            not with_sasl or bool(kafka.sasl_username and kafka.sasl_password),
            f"kafka.security {kafka.security} needs kafka.sasl_username and kafka.sasl_password",
        ),
        (
            with_tls or not (kafka.ca_file or kafka.cert_file or kafka.key_file),
            f"the kafka.*_file settings need kafka.security SSL or SASL_SSL, not {kafka.security}",
        ),
        (bool(kafka.cert_file) >= bool(kafka.key_file), "kafka.key_file needs kafka.cert_file"),
        (
            1 <= kafka.frame_posts <= 100_000 and 1 <= kafka.frame_ms <= 1000,
            "kafka.frame_posts must be 1 to 100,000, and kafka.frame_ms 1 to 1000",
        ),
        (1024 <= kafka.frame_bytes <= 4 * 1024 * 1024, "kafka.frame_bytes must be 1024 to 4,194,304"),
        (6 <= kafka.session_timeout_s <= 300, "kafka.session_timeout_s must be 6 to 300"),
    ]


def _redis_rules(redis: RedisSettings) -> list[tuple[bool, str]]:
    scheme = redis.url.partition("://")[0]
    return [
        (
            "://" in redis.url and scheme in ("redis", "rediss", "unix"),
            "redis.url must begin with redis://, rediss:// or unix://",
        ),
        (not redis.ca_file or scheme == "rediss", "redis.ca_file needs a redis.url with rediss://"),
        (redis.timeout_s > 0, "redis.timeout_s must be above 0"),
    ]


def _worker_rules(worker: WorkerSettings) -> list[tuple[bool, str]]:
    return [
        (
            bool(worker.app) and _PREFIX.fullmatch(worker.app) is not None,
            "worker.app must be of letters, digits, dots, dashes and underscores",
        ),
        (worker.checkpoint_s > 0, "worker.checkpoint_s must be above 0"),
        (1 <= worker.port <= 65535, "worker.port must be 1 to 65535"),
        (worker.store_wait_s >= 0, "worker.store_wait_s must be 0 or more"),
        (worker.stuck_s > worker.checkpoint_s, "worker.stuck_s must be above worker.checkpoint_s"),
        (
            min(worker.idle_s, worker.producer_gone_s, worker.shed_after_s) > 0,
            "worker.idle_s, worker.producer_gone_s and worker.shed_after_s must be above 0",
        ),
        (0 < worker.dead_ratio <= 1, "worker.dead_ratio must be above 0, and 1 at most"),
    ]


def servers(kafka: KafkaSettings) -> list[str]:
    """The brokers to begin with, each as ``host:port``."""
    return [server.strip() for server in kafka.bootstrap.split(",")]


def _host_and_port(server: str) -> bool:
    try:
        parts = urlsplit(f"//{server}")
        return bool(parts.hostname and parts.port) and not (parts.path or parts.query or "@" in server)
    except ValueError:
        return False
