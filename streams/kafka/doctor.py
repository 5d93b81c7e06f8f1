"""Is everything reachable and moving? One finding for each thing that can be wrong, worst first to read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from detectors.alerts import instant
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import clients, frames, topics
from streams.kafka.clients import TopicPartition
from streams.kafka.settings import without_password
from streams.kafka.tasks import INPUTS
from streams.sources.opening import InputError

_SILENT_MS = 10_000
"""A producer says something every second: after ten it is gone."""
_LAG = 1000
_LOOK_BACK = 5
_COORDINATOR_TRIES = 8


class Finding(NamedTuple):
    """What was found of one thing."""

    what: str
    state: Literal["good", "unsure", "bad"]
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which one thing needs another."""
    findings = list(_store(settings))
    try:
        consumer = clients.consumer(settings.kafka, group_id=None)
    except InputError as problem:
        return [Finding("broker", "bad", str(problem)), *findings]
    try:
        findings = [Finding("broker", "good", f"answers at {settings.kafka.bootstrap}"), *findings]
        try:
            topics.check(settings.kafka)
        except InputError as problem:
            return [*findings, Finding("topics", "bad", str(problem))]
        findings.append(Finding("topics", "good", f"{len(topics.TOPICS)}, with the partitions that are set"))
        findings += _producer(settings, consumer)
        findings += _workers(settings, consumer)
        findings += _event_time(settings, consumer)
    finally:
        consumer.close()
    return findings


def _store(settings: Settings) -> Iterator[Finding]:
    shown = without_password(settings.redis.url)
    options = settings.redis.options()
    options["socket_timeout"] = options["socket_connect_timeout"] = settings.redis.timeout_s
    try:
        with Redis.from_url(settings.redis.url, **options) as redis:
            redis.ping()
            policy = _policy(redis)
    except (AuthenticationError, AuthorizationError, NoPermissionError):
        yield Finding("redis", "bad", f"refuses us at {shown}: check redis.password")
        return
    except (RedisError, OSError, ValueError) as problem:
        distrusted = "certificate" in str(problem).lower()
        hint = ": check redis.ca_file" if distrusted else f": {type(problem).__name__}"
        yield Finding("redis", "bad", f"does not answer at {shown}{hint}")
        return
    yield Finding("redis", "good", f"answers at {shown}")
    if policy is None:
        yield Finding(
            "redis", "unsure", "does not tell its maxmemory-policy: make sure that it is noeviction"
        )
    elif policy != "noeviction":
        yield Finding(
            "redis", "bad", f"maxmemory-policy is {policy}: it may drop checkpoints; set noeviction"
        )


def _policy(redis: Redis) -> str | None:
    """What Redis does when it is full; None where it does not say, as hosted ones often do not."""
    try:
        return str(redis.config_get("maxmemory-policy")["maxmemory-policy"])
    except (ResponseError, KeyError):
        return None


def _newest(consumer: Any, tp: TopicPartition) -> Any:
    """The newest record of a partition; None in an empty one."""
    end = consumer.end_offsets([tp])[tp]
    start = max(consumer.beginning_offsets([tp])[tp], end - _LOOK_BACK)
    if start >= end:
        return None
    consumer.assign([tp])
    consumer.seek(tp, start)
    newest = None
    for _ in range(_LOOK_BACK):
        for record in consumer.poll(timeout_ms=1000).get(tp, []):
            newest = record
        if consumer.position(tp) >= end:
            break
    return newest


def _producer(settings: Settings, consumer: Any) -> Iterator[Finding]:
    topic = clients.topic(settings.kafka, "posts")
    records = [
        _newest(consumer, TopicPartition(topic, partition)) for partition in range(settings.kafka.partitions)
    ]
    known = [record for record in records if record is not None]
    if not known:
        yield Finding("producer", "unsure", "no post was ever sent: start one with `vigie produce`")
        return
    age_s = (clock_ms() - max(record.timestamp for record in known)) / 1000
    frame = frames.decode_headers(known[-1].headers)
    if frame is not None and frame.final:
        yield Finding(
            "producer", "good", f"{frame.producer} has ended: {frame.read:,} posts, {frame.late:,} late"
        )
    elif age_s * 1000 > _SILENT_MS:
        yield Finding("producer", "bad", f"nothing was sent for {age_s:.0f} s: no producer runs")
    else:
        name = "others" if frame is None else frame.producer
        until = (
            "" if frame is None or not frame.watermark_ms else f", event time {instant(frame.watermark_ms)}"
        )
        yield Finding("producer", "good", f"{name} sent {age_s:.0f} s ago{until}")


def _workers(settings: Settings, consumer: Any) -> Iterator[Finding]:
    group = settings.kafka.prefix + settings.worker.app
    try:
        described, committed = _group(settings, group)
    except (InputError, KeyError) as problem:
        yield Finding("workers", "bad", f"the broker does not tell of the group {group}: {problem}")
        return
    members = described.get("members", [])
    state = described.get("group_state", described.get("state", "unknown"))
    if not members:
        yield Finding("workers", "bad", f"none runs in the group {group}: start one with `vigie worker`")
    elif state != "Stable":
        yield Finding(
            "workers", "unsure", f"{len(members)} in the group {group}, being given partitions ({state})"
        )
    else:
        yield Finding("workers", "good", f"{len(members)} in the group {group}")
    for topic in INPUTS:
        partitions = topics.partitions_of(settings.kafka, topic)
        tps = [TopicPartition(clients.topic(settings.kafka, topic), p) for p in range(partitions)]
        ends = consumer.end_offsets(tps)
        lag = sum(ends[tp] - _offset(committed.get(tp)) for tp in tps)
        state_: Literal["good", "unsure"] = "good" if lag <= _LAG * partitions else "unsure"
        yield Finding(f"lag of {topic}", state_, f"{lag:,} records not covered by a checkpoint yet")


def _group(settings: Settings, group: str) -> tuple[Any, Any]:
    """What the broker knows of the consumer group, and its offsets."""
    asked = clients.admin(settings.kafka)
    try:
        for left in reversed(range(_COORDINATOR_TRIES)):
            try:
                with clients.talking(settings.kafka):
                    return asked.describe_groups([group])[group], asked.list_group_offsets([group])[group]
            except InputError:
                # A new broker makes its topic of offsets when it is first asked.
                if not left:
                    raise
                time.sleep(1)
        raise AssertionError
    finally:
        asked.close()


def _offset(committed: Any) -> int:
    return 0 if committed is None else max(0, int(getattr(committed, "offset", committed)))


def _event_time(settings: Settings, consumer: Any) -> Iterator[Finding]:
    newest = _newest(consumer, TopicPartition(clients.topic(settings.kafka, "findings"), 0))
    if newest is None:
        yield Finding("findings", "unsure", "nothing has come through yet")
        return
    age_s = (clock_ms() - newest.timestamp) / 1000
    until = dict(newest.headers).get("until", b"0")
    told = f"up to {instant(int(until))}" if until.isdigit() and int(until) else "from the beginning"
    state: Literal["good", "bad"] = "good" if age_s * 1000 < _SILENT_MS else "bad"
    yield Finding("findings", state, f"told {age_s:.0f} s ago, {told}")
