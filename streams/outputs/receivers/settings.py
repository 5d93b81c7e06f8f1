"""Settings of the receivers: a table ``[receivers.NAME]`` for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from detectors.alerts import DETECTORS
from detectors.severity import Severity
from streams.kafka.settings import MASK
from streams.outputs.case_words import Language

SUBJECT_KINDS = ("hashtag", "link", "target", "source", "post", "media", "text", "payer")
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_LONGEST_NAME = 40
_SECRET_LENGTH = 16


class ReceiverSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one receiver."""

    kind: Literal["alertmanager", "webhook"] = "webhook"
    """What listens at the URL."""
    url: str
    """Where it listens. Shown without its path, which is the key of a chat's webhook."""
    secret: str = ""
    """Signs what a webhook in `json` is sent; best in ``VIGIE_RECEIVERS__NAME__SECRET``. Never shown."""
    severity: Severity = "warning"
    """The lowest severity that is sent."""
    detectors: tuple[str, ...] = ()
    """Only cases with a finding of one of these; empty for all."""
    subjects: tuple[str, ...] = ()
    """Only cases that push one of these, as ``kind:value`` with ``*`` for anything; empty for all."""
    format: Literal["json", "slack", "mattermost"] = "json"
    """Of a webhook: the alert as it is published, or a message for a chat."""
    language: Language = "en"
    """Of the message for a chat."""
    console: str = ""
    """Where the console is: then what is sent leads to the page of the case."""
    timeout_s: float = 10.0
    """How long one attempt may take."""
    retry_s: float = 1.0
    """Wait after a failed attempt; it doubles with each one more."""
    longest_retry_s: float = 60.0
    """The longest of these waits."""
    give_up_minutes: float = 30.0
    """After how long without success a delivery becomes a dead letter."""
    hold_minutes: float = 10.0
    """How long Alertmanager keeps an alert of which it hears no more; it hears ten times as often."""
    dead_letters: str = ""
    """File of what could not be delivered; empty for ``~/.local/state/vigie/undelivered-NAME.jsonl``."""


def problems(receivers: Mapping[str, ReceiverSettings]) -> Iterator[str]:
    """One sentence for each setting that makes no sense; neither secret nor URL is in any of them."""
    for name, one in receivers.items():
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            yield (
                f"receivers.{name!r} must be named with small letters, digits and single underscores, "
                f"{_LONGEST_NAME} at most"
            )
        yield from (
            f"receivers.{name}.{sentence}"
            for holds, sentence in [*_place_rules(one), *_filter_rules(one), *_time_rules(one)]
            if not holds
        )


def _place_rules(one: ReceiverSettings) -> list[tuple[bool, str]]:
    signed = one.kind == "webhook" and one.format == "json"
    return [
        (_is_address(one.url), "url must be an address that begins with http:// or https://"),
        (
            not one.console or _is_address(one.console),
            "console must be an address that begins with http:// or https://",
        ),
        (
            not signed or len(one.secret) >= _SECRET_LENGTH,
            f"secret must have {_SECRET_LENGTH} characters or more, for a webhook to know who calls",
        ),
        (signed or not one.secret, "secret is for webhooks in json only: nothing else can check it"),
        (one.kind == "webhook" or one.format == "json", "format is for webhooks only"),
    ]


def _filter_rules(one: ReceiverSettings) -> list[tuple[bool, str]]:
    unknown = [name for name in one.detectors if name not in DETECTORS]
    patterns = [pattern for pattern in one.subjects if not _is_pattern(pattern)]
    return [
        (not unknown, f"detectors has {unknown[:1]}, which is none; there are {', '.join(DETECTORS)}"),
        (
            not patterns,
            f"subjects has {patterns[:1]}: write kind:value, such as hashtag:debate*; kinds are "
            f"{', '.join(SUBJECT_KINDS)}, or * for any",
        ),
    ]


def _time_rules(one: ReceiverSettings) -> list[tuple[bool, str]]:
    return [
        (0 < one.timeout_s <= 120, "timeout_s must be above 0, and 120 at most"),
        (
            0 < one.retry_s <= one.longest_retry_s <= 3600,
            "retry_s must be above 0, and longest_retry_s not below it, and 3600 at most",
        ),
        (0 <= one.give_up_minutes <= 7 * 24 * 60, "give_up_minutes must be 0 to 10080"),
        (0 < one.hold_minutes <= 24 * 60, "hold_minutes must be above 0, and 1440 at most"),
    ]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0  # raises where it is no number
            and not parts.fragment
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False


def _is_pattern(pattern: str) -> bool:
    kind, colon, value = pattern.partition(":")
    return bool(colon and value) and kind in (*SUBJECT_KINDS, "*")


def masked(receivers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables of receivers without their secrets.

    >>> shown = masked({"desk": {"url": "https://chat.example/hooks/T0KEN", "secret": "hunter2"}})
    >>> shown["desk"]
    {'url': 'https://chat.example/********', 'secret': '********'}
    """
    return {
        name: {**values, "url": _without_path(str(values["url"])), "secret": MASK * bool(values["secret"])}
        for name, values in receivers.items()
    }


def _without_path(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    is_all = url.rstrip("/") == f"{parts.scheme}://{host}"
    return url if is_all else f"{parts.scheme}://{host}/{MASK}"
