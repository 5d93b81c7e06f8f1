"""The topics: made with explicit partitions and rules, and checked wherever they are used.

The number of partitions is part of the contract: an author's partition follows from it, and a stage waits for
all of the partitions above it. So nothing may make a topic by the way, and a different number is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from streams.kafka import clients
from streams.kafka.settings import KafkaSettings
from streams.privacy_settings import RetentionSettings
from streams.sources.opening import InputError

_HOUR_MS = 3_600_000
_ALL_PARTITIONS = ("posts", "signals", "ties")
_ONE_PARTITION = ("background", "findings", "judged", "verdicts", "alerts", "dead-letters")
COMPACTED = ("verdicts", "alerts")
"""Topics of which the newest record of each key is kept: of `verdicts`, with the lists, for good."""
TOPICS = _ALL_PARTITIONS + _ONE_PARTITION
"""Every topic, by its name without the prefix."""

State = Literal["made", "there", "missing"]


@dataclass(frozen=True)
class Topic:
    """A topic as it must be.

    Attributes
    ----------
    name : str
        Its name without the prefix.
    partitions : int
        How many partitions it must have.
    rules : dict of str to str
        What the broker is told when it makes the topic.
    """

    name: str
    partitions: int
    rules: dict[str, str]


def wanted(kafka: KafkaSettings, retention: RetentionSettings | None = None) -> list[Topic]:
    """Every topic as it must be.

    >>> [(one.name, one.partitions) for one in wanted(KafkaSettings())][:4]
    [('posts', 4), ('signals', 4), ('ties', 4), ('background', 1)]
    """
    days = (retention or RetentionSettings()).cases_days
    return [Topic(name, partitions_of(kafka, name), _rules(name, kafka, days)) for name in TOPICS]


def partitions_of(kafka: KafkaSettings, name: str) -> int:
    """How many partitions a topic must have, by its name without the prefix.

    >>> partitions_of(KafkaSettings(), "posts"), partitions_of(KafkaSettings(), "alerts")
    (4, 1)
    """
    return kafka.partitions if name in _ALL_PARTITIONS else 1


def _rules(name: str, kafka: KafkaSettings, cases_days: float) -> dict[str, str]:
    kept = str(kafka.retention_hours * _HOUR_MS)
    rules = {
        "max.message.bytes": str(clients.MAX_MESSAGE_BYTES),
        # Only closed segments are cleaned: a quiet topic would otherwise keep posts for a week.
        "segment.ms": str(_HOUR_MS),
    }
    if name in COMPACTED:
        # Not compacted at once: who was away for less than the retention finds every revision.
        rules |= {"cleanup.policy": "compact", "min.compaction.lag.ms": kept}
        if name == "alerts":
            kept = str(round(cases_days * 24 * _HOUR_MS))
            rules |= {"cleanup.policy": "compact,delete", "retention.ms": kept}
        return rules
    return rules | {"cleanup.policy": "delete", "retention.ms": kept}


def create(kafka: KafkaSettings, retention: RetentionSettings | None = None) -> list[dict[str, Any]]:
    """Make the topics that are missing, and check those that are there.

    Returns
    -------
    list of dict
        For each topic its `name` on the broker, `partitions` and `state`: ``made`` or ``there``.

    Raises
    ------
    InputError
        When no broker answers, a topic has another number of partitions, or cannot be made. Nothing is made
        then of what would not fit.
    """
    admin = clients.admin(kafka)
    try:
        with clients.talking(kafka):
            rows = _states(admin, kafka)
            _refuse_different(admin, kafka, rows)
            missing = {row["name"] for row in rows if row["state"] == "missing"}
            new = {
                name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": kafka.replication,
                    "configs": topic.rules,
                }
                for topic in wanted(kafka, retention)
                if (name := clients.topic(kafka, topic.name)) in missing
            }
            if new:
                _make(admin, new, kafka)
            for row in rows:
                if row["state"] == "missing":
                    row |= {"state": "made", "partitions": row["wanted"]}
            return rows
    finally:
        admin.close()


def states(kafka: KafkaSettings) -> list[dict[str, Any]]:
    """Every topic with its `name` on the broker, `partitions`, number `wanted`, and `state`.

    Raises
    ------
    InputError
        When no broker answers.
    """
    admin = clients.admin(kafka)
    try:
        with clients.talking(kafka):
            return _states(admin, kafka)
    finally:
        admin.close()


def check(kafka: KafkaSettings) -> None:
    """Make sure that all topics are there as they must be; called before anything is read or written.

    Raises
    ------
    InputError
        When no broker answers, or a topic is missing or has another number of partitions.
    """
    admin = clients.admin(kafka)
    try:
        with clients.talking(kafka):
            rows = _states(admin, kafka)
            missing = [row["name"] for row in rows if row["state"] == "missing"]
            if missing:
                raise InputError(
                    f"Kafka at {kafka.bootstrap} lacks the topic{'s' * (len(missing) > 1)} "
                    f"{', '.join(missing)}: make them with `vigie topics create`."
                )
            _refuse_different(admin, kafka, rows)
    finally:
        admin.close()


def _make(admin: Any, new: dict[str, dict[str, Any]], kafka: KafkaSettings) -> None:
    answer = admin.create_topics(new, raise_errors=False)
    for made in answer["topics"]:
        # Somebody else may have made it meanwhile: it is checked like any other.
        if made["error_code"] not in (0, _EXISTS):
            raise InputError(
                f"The topic {made['name']} cannot be made: {made['error_message'] or made['error_code']} "
                f"(kafka.replication is {kafka.replication})."
            )
    admin.wait_for_topics(list(new))
    if any(made["error_code"] == _EXISTS for made in answer["topics"]):
        _refuse_different(admin, kafka, _states(admin, kafka))


_EXISTS = 36
"""Kafka's error code for a topic that exists."""


def _states(admin: Any, kafka: KafkaSettings) -> list[dict[str, Any]]:
    names = [clients.topic(kafka, topic.name) for topic in wanted(kafka)]
    there = {
        found["name"]: len(found["partitions"])
        for found in admin.describe_topics(names)
        if not found["error_code"]
    }
    return [
        {
            "name": name,
            "partitions": there.get(name, 0),
            "wanted": topic.partitions,
            "state": "there" if name in there else "missing",
        }
        for name, topic in zip(names, wanted(kafka), strict=True)
    ]


def _refuse_different(admin: Any, kafka: KafkaSettings, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["state"] == "there" and row["partitions"] != row["wanted"]:
            raise InputError(_different(kafka, row))
    there = {row["name"] for row in rows if row["state"] == "there"}
    _refuse_forgetful(admin, [name for one in COMPACTED if (name := clients.topic(kafka, one)) in there])


def _different(kafka: KafkaSettings, row: dict[str, Any]) -> str:
    is_fixed = row["wanted"] == 1 and row["name"].removeprefix(kafka.prefix) in _ONE_PARTITION
    settings = "" if is_fixed else f"set kafka.partitions to {row['partitions']}, or "
    return (
        f"The topic {row['name']} has {row['partitions']} partitions, not {row['wanted']}: {settings}"
        "delete the topics when they are read to the end, or take another kafka.prefix; then run "
        "`vigie topics create`."
    )


def _refuse_forgetful(admin: Any, names: list[str]) -> None:
    """Refuse a topic that a broker made by itself: it would forget the newest revision of a case."""
    if not names:
        return
    from kafka.admin import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]  # noqa: PLC0415

    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answer = admin.describe_configs(asked, config_filter="all")
    for name in names:
        policy = answer["topic"][name].get("cleanup.policy", {}).get("value")
        if policy is not None and "compact" not in policy:
            raise InputError(
                f"The topic {name} is not compacted (cleanup.policy {policy}): delete it and run "
                "`vigie topics create`."
            )
