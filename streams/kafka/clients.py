"""The clients of the broker, made from the settings in one place."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from kafka import (  # type: ignore[import-untyped]
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from kafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.settings import KafkaSettings, servers
from streams.sources.opening import InputError

__all__ = ["KafkaError", "TopicPartition", "admin", "consumer", "producer", "talking"]

CONNECT_MS = 5000
"""How long a broker may take to answer at the start."""
DELIVERY_MS = 10 * 60_000
"""How long a broker may be away while a producer waits; then the producer ends."""
MAX_MESSAGE_BYTES = 9 * 1024 * 1024
"""The largest record: one post of the longest line that is read, and its headers."""
_BATCH_BYTES = 1024 * 1024
_CALM_S = 0.05

# At its debug level kafka-python writes its configuration, and so the password.
logging.getLogger("kafka").setLevel(logging.INFO)


def topic(kafka: KafkaSettings, name: str) -> str:
    """The name of a topic on the broker.

    >>> topic(KafkaSettings(prefix="room-1."), "posts")
    'room-1.posts'
    """
    return kafka.prefix + name


def producer(kafka: KafkaSettings, **more: Any) -> Any:
    """A `KafkaProducer` that writes each record once, on all in-sync copies, however often it must try.

    Raises
    ------
    InputError
        When no broker answers.
    """
    settled = {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": kafka.compression_type,
        "delivery_timeout_ms": DELIVERY_MS,
        "max_block_ms": DELIVERY_MS,
        "batch_size": _BATCH_BYTES,
        "max_request_size": MAX_MESSAGE_BYTES,
        "reconnect_backoff_max_ms": 2000,
        "allow_auto_create_topics": False,
    }
    with talking(kafka):
        return _calm(KafkaProducer(**_options(kafka) | settled | more))


def _calm(made: Any) -> Any:
    """Let a producer breathe while a partition has no leader.

    kafka-python 3.0 then asks for the leaders again and again without a pause, a whole core of it, which on
    one machine keeps the broker from coming back.
    """
    metadata = getattr(made, "_metadata", None)
    ask = getattr(metadata, "request_update", None)
    if ask is not None:

        def ask_calmly() -> Any:
            time.sleep(_CALM_S)
            return ask()

        metadata.request_update = ask_calmly  # type: ignore[union-attr]
    return made


def let_go(made: Any) -> None:
    """Close a producer at once, whatever it still holds.

    Its own `close` first waits for what it holds, raises when that takes too long, and raises again, with
    a traceback, when the object is destroyed.
    """
    sender = getattr(made, "_sender", None)
    if sender is not None:
        sender.force_close()
        sender.join(1.0)
    with contextlib.suppress(KafkaError):
        made.close(timeout=0)
    made._closed = True


def consumer(kafka: KafkaSettings, **more: Any) -> Any:
    """A `KafkaConsumer` without a topic yet; it commits nothing unless told to.

    Raises
    ------
    InputError
        When no broker answers.
    """
    settled = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "reconnect_backoff_max_ms": 2000,
        "allow_auto_create_topics": False,
    }
    with talking(kafka):
        return KafkaConsumer(**_options(kafka) | settled | more)


def assign_alerts(kafka: KafkaSettings, reader: Any) -> TopicPartition:
    """Give a consumer the one partition of the topic `alerts`, without a group's say.

    Raises
    ------
    InputError
        When the topic is missing; the consumer is closed then.
    """
    part = TopicPartition(topic(kafka, "alerts"), 0)
    if not reader.partitions_for_topic(part.topic):
        reader.close()
        raise InputError(
            f"Kafka at {kafka.bootstrap} lacks the topic {part.topic}: make it with "
            "`vigie topics create`, or set kafka.prefix."
        )
    reader.assign([part])
    return part


def admin(kafka: KafkaSettings) -> Any:
    """A `KafkaAdminClient`.

    Raises
    ------
    InputError
        When no broker answers.
    """
    with talking(kafka):
        return KafkaAdminClient(**_options(kafka))


def cluster_id(kafka: KafkaSettings) -> str:
    """The identity that the brokers' storage was given when it was made.

    Raises
    ------
    InputError
        When no broker answers.
    """
    asked = admin(kafka)
    try:
        with talking(kafka):
            return str(asked.describe_cluster()["cluster_id"])
    finally:
        asked.close()


@contextlib.contextmanager
def talking(kafka: KafkaSettings) -> Iterator[None]:
    """Turn what goes wrong between us and the broker into one sentence, in which no secret is.

    Raises
    ------
    InputError
        In place of a `KafkaError`, or of an `OSError` of a certificate file.
    """
    try:
        yield
    except KafkaError as problem:
        raise InputError(_sentence(kafka, problem)) from None
    except RuntimeError as problem:
        raise InputError(
            f"kafka.compression {kafka.compression} cannot be used: {problem}; "
            "install the Python package, or choose zstd."
        ) from None
    except (OSError, ValueError) as problem:  # files that are no certificates, addresses that are none
        raise InputError(
            f"The connection to Kafka at {kafka.bootstrap} cannot be made: {problem}; "
            "check kafka.bootstrap, kafka.ca_file, kafka.cert_file and kafka.key_file."
        ) from None


def _sentence(kafka: KafkaSettings, problem: Exception) -> str:
    if "Authentication" in type(problem).__name__ or "Authorization" in type(problem).__name__:
        return (
            f"Kafka at {kafka.bootstrap} refuses the user {kafka.sasl_username!r}: check "
            "kafka.sasl_username, kafka.sasl_password, kafka.sasl_mechanism and what the user may do."
        )
    if "bootstrap" in str(problem):
        # A broker that refuses us hangs up without a word, and the client tries again.
        doubts = ""
        if kafka.security.startswith("SASL"):
            doubts += (
                f"; or it refuses the user {kafka.sasl_username!r}: check kafka.sasl_username, "
                "kafka.sasl_password and kafka.sasl_mechanism"
            )
        if kafka.security.endswith("SSL"):
            doubts += "; or its certificate is not trusted: check kafka.ca_file"
        return (
            f"No Kafka broker answers at {kafka.bootstrap}: start one with `make stack`, "
            f"or set kafka.bootstrap{doubts}."
        )
    return f"Kafka at {kafka.bootstrap} does not do what is asked: {problem}."


def _options(kafka: KafkaSettings) -> dict[str, Any]:
    return {
        "bootstrap_servers": servers(kafka),
        "client_id": "vigie",
        "bootstrap_timeout_ms": CONNECT_MS,
        "security_protocol": kafka.security,
        "ssl_cafile": kafka.ca_file or None,
        "ssl_certfile": kafka.cert_file or None,
        "ssl_keyfile": kafka.key_file or None,
        "sasl_mechanism": kafka.sasl_mechanism if kafka.security.startswith("SASL") else None,
        "sasl_plain_username": kafka.sasl_username or None,
        "sasl_plain_password": kafka.sasl_password or None,
    }
