"""Settings of the console: where it listens, and where it keeps who may come in and what they answered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import msgspec


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the watch room's page, see docs/console.md."""

    host: str = "127.0.0.1"
    """Where it listens. Beyond this machine only with tokens, and behind TLS."""
    port: int = 8765
    """Port of the page."""
    hosts: str = ""
    """Names by which browsers may call it, separated by commas; needed behind a proxy."""
    tokens_file: str = ""
    """Who may come in, made by `vigie console token add`; in ~/.config/vigie without it."""
    audit_file: str = ""
    """What was answered, by whom; without it beside the store, or in ~/.local/state/vigie."""
    session_hours: float = 12.0
    """Hours after which one must sign in again."""
    workers: str = ""
    """Where workers tell how they are, as http://HOST:PORT, separated by commas; in the Kafka form."""


def parts(text: str) -> list[str]:
    """What stands between commas.

    >>> parts("a.example, b.example,")
    ['a.example', 'b.example']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "vigie.example")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def tokens_path(settings: ConsoleSettings) -> Path:
    """The file of tokens."""
    return Path(settings.tokens_file or _home("XDG_CONFIG_HOME", ".config") / "console-tokens.json")


def audit_path(settings: ConsoleSettings, store: str | Path | None) -> Path:
    """The file of what was answered.

    >>> audit_path(ConsoleSettings(), "night.db")
    PosixPath('night.db.audit.jsonl')
    """
    if settings.audit_file or store is not None:
        return Path(settings.audit_file or f"{store}.audit.jsonl")
    return _home("XDG_STATE_HOME", ".local/state") / "audit.jsonl"


def problems(settings: ConsoleSettings) -> Iterator[str]:
    """One sentence for each setting that makes no sense."""
    if not 0 <= settings.port <= 65535:
        yield "console.port must be a port, 0 to 65535 (0: any that is free)"
    if not 0 < settings.session_hours <= 24 * 30:
        yield "console.session_hours must be above 0, and 720 at most"
    if not all(url.startswith(("http://", "https://")) for url in parts(settings.workers)):
        yield "console.workers must be addresses such as http://127.0.0.1:6070"


def _home(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual) / "vigie"
