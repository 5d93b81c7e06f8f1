"""TLS and SASL for the asynchronous clients, made from the settings."""

from __future__ import annotations

import ssl
from typing import Any

from faust import SASLCredentials, SSLCredentials

from streams.kafka.settings import KafkaSettings


def context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """What TLS connections are checked with; None without TLS."""
    if not kafka.security.endswith("SSL"):
        return None
    made = ssl.create_default_context(cafile=kafka.ca_file or None)
    if kafka.cert_file:
        made.load_cert_chain(kafka.cert_file, kafka.key_file or None)
    return made


def for_aiokafka(kafka: KafkaSettings) -> dict[str, Any]:
    """Options of an aiokafka client."""
    options: dict[str, Any] = {"security_protocol": kafka.security, "ssl_context": context(kafka)}
    if kafka.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password,
        }
    return options


def for_faust(kafka: KafkaSettings) -> SASLCredentials | SSLCredentials | None:
    """Credentials of a Faust app."""
    if kafka.security.startswith("SASL"):
        return SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context(kafka),
        )
    return SSLCredentials(context(kafka)) if kafka.security == "SSL" else None
