"""Tasks in a cluster say what the embedded run says, whatever the schedule and whatever befalls them."""

from __future__ import annotations

import base64
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest
from cluster import Chaos, Cluster, Sender, embedded_arrivals, with_partitions
from streams_of_posts import SMALL, START_MS, Stream, canonical, planted, post, run

from detectors.events import CANARY, REASONS, Change, Chosen, Item, Missing, Post, milliseconds
from detectors.lists import Entry, Lists
from detectors.state import Changes
from detectors.verdicts import Verdict
from detectors.windows import canonical_order
from streams.embedded import Pipeline
from streams.kafka.frames import partition_of
from streams.kafka.wire import line_of
from streams.room import Room

PARTITIONS = (1, 2, 3, 4)
DEATHS = {"crash": 0.002, "worker_dies": 0.001, "zombie": 0.002}
LOSSES = {"lost_store": 0.003, "hole": 0.003, "crash": 0.001}
NOISE = {"poisoned": 0.006, "producer_restarts": 0.003, "crash": 0.001}
EVERYTHING = DEATHS | LOSSES | NOISE


def small_stream(seed: int) -> Stream:
    rng = random.Random(seed)
    return planted(seed, chatter=rng.randint(40, 90), copiers=rng.randint(6, 9), pushers=15, minutes=4)


def listed(account: str, kind: str) -> Entry:
    return Entry(account=account, kind=kind, reason="disclosed", source="a report", list="room")


LISTS = Lists(
    [
        listed("copier1", "attributed"),
        listed("copier2", "amplifies"),
        listed("u3", "declared"),
        listed("Radio Exemple", "banned"),
    ]
)


def eventful(stream: Stream, rng: random.Random) -> list[Item]:
    """The posts with promoted ones among them, and what became of some of them and of their authors."""
    posts = stream.posts
    end = posts[-1].time_ms
    items: list[Item] = list(posts)
    for number, one in enumerate(rng.sample(posts, 20)):
        at = min(end, one.time_ms + rng.randint(5_000, 60_000))
        author = one.author_id if number % 2 else None
        items.append(Change(platform="x", time_ms=at, event="deletion", author_id=author, post_id=one.id))
    for number, name in enumerate(sorted(stream.copiers)):
        moments = (end - 50_000, end - 20_000)[: 1 + (number == 0)]
        for at, status in zip(moments, ("suspended", "active"), strict=False):
            items.append(Change(platform="x", time_ms=at, event="account", author_id=name, status=status))
    for number in range(4):
        promoted = {"payer": "RADIO exemple", "spend": 12.34, "currency": "usd", "audiences": ["news"]}
        at = number * 50_000
        items.append(post(f"ad{number}", f"page{number}", at, "Read this", promoted=promoted))
    begin = posts[0].time_ms
    for number in (1, 2, 3):  # one goes on, and is told again, also when its time is over
        missing = Missing(start_ms=begin, end_ms=begin + number * 60_000, reason="late")
        told = {"platform": "mastodon", "source": "a.example", "missing": missing}
        items.append(Change(event="gap", time_ms=begin + (3 - number) * 30_000, **told))
    for number, rule in enumerate(("#debate", "#debate lang:fr")):
        told = {"platform": "x", "source": f"x{number % 2}", "chosen": Chosen(filter=rule, sampling=0.5)}
        items.append(Change(event="filter", time_ms=begin + number * 60_000, **told))
    return sorted(items, key=canonical_order)


def dismissal(alert: dict[str, Any]) -> Verdict:
    """Half a minute after it was told, the case is dismissed for two minutes."""
    at_ms = milliseconds(datetime.fromisoformat(alert["time"])) + 30_000
    return Verdict(
        case_id=alert["data"]["case_id"],
        kind="dismissed",
        reason="a fan club",
        said_ms=1,
        at_ms=at_ms,
        until_ms=at_ms + 120_000,
    )


def undisturbed(arrivals: Sequence[Item], room: Room | None = None) -> tuple[list[bytes], Pipeline]:
    pipeline = Pipeline(SMALL, room=room)
    alerts = [canonical([one]) for one in run(pipeline, arrivals, [50])]
    assert len(alerts) >= 3  # a stream without alerts would prove nothing
    return alerts, pipeline


@cache
def in_order(seed: int) -> tuple[list[Post], list[bytes]]:
    """One stream in order of time, and the alerts of the embedded run."""
    posts = small_stream(seed).posts
    return posts, undisturbed(posts)[0]


class Embedded(NamedTuple):
    """A stream in order of arrival, what the room says of it, and what the embedded pipeline does."""

    arrivals: list[Item]
    room: Room
    alerts: list[bytes]
    late: int
    processed: int
    events: int
    duplicates: int


@cache
def embedded(seed: int) -> Embedded:
    """One stream through the embedded pipeline, for all numbers of partitions."""
    rng = random.Random(f"arrivals {seed}")
    arrivals = embedded_arrivals(eventful(small_stream(seed), rng), rng, late=3, duplicates=12)
    room = Room()
    room.put(LISTS)
    first = run(Pipeline(SMALL, room=room), arrivals, [50])[0]
    room.verdicts.append(dismissal(first))
    wanted, pipeline = undisturbed(arrivals, room)
    assert any(b'"status":"dismissed"' in alert for alert in wanted)
    assert any(b"Radio" in alert or b"RADIO" in alert for alert in wanted)
    assert any(b'"kind":"attributed"' in alert for alert in wanted)
    assert any(b'"filter":"#debate; #debate lang:fr"' in alert for alert in wanted)
    assert any(b'"source":"a.example"' in alert for alert in wanted)
    counts, late, duplicates = pipeline.tallies, pipeline.gate.late, pipeline.buffer.duplicates
    return Embedded(arrivals, room, wanted, late, counts.processed, counts.events, duplicates)


def night(seed: int, partitions: int, chaos: Chaos | None = None, canary_each: int = 0) -> Cluster:
    """One stream through a cluster; all that must always hold is checked."""
    told = embedded(seed)
    cluster = Cluster(with_partitions(SMALL, partitions), seed, chaos, room=told.room)
    sender = Sender(cluster, told.arrivals, canary_each=canary_each)
    cluster.senders.append(sender)
    cluster.run()
    assert sender.gate.late == told.late >= 1
    assert cluster.alerts() == (sorted(told.alerts) if cluster.struck["hole"] else told.alerts)
    counts = cluster.counts()
    processed = sum(one.processed - one.canaries for one in counts)
    assert processed == told.processed
    assert sum(one.events for one in counts) == told.events > 20
    assert sum(one.duplicate + one.late for one in counts) >= told.duplicates > 0
    assert sum(one.shed for one in counts) == 0
    assert_poison_is_accounted_for(cluster)
    return cluster


def assert_poison_is_accounted_for(cluster: Cluster) -> None:
    letters = cluster.dead_letters()
    assert set(letters) == set(cluster.poison)
    for (topic, partition, offset), several in letters.items():
        value = cluster.topics[topic][partition][offset].value
        for letter in several:
            assert letter["reason"] in REASONS
            assert letter["detail"]
            shown = base64.b64decode(letter["first_bytes"])
            whole = value if len(several) == 1 and letter["length"] == len(value) else shown
            assert shown == whole[: 64 * 1024]
            assert whole in value
            assert letter["length"] == len(whole)
            assert letter["blake2b"] == hashlib.blake2b(whole, digest_size=16).hexdigest()


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_any_schedule_gives_the_alerts_of_the_embedded_run(partitions):
    clusters = [night(seed, partitions) for seed in range(4)]
    assert all(not one.struck for one in clusters)
    assert sum(len(one.topics["signals"][0]) for one in clusters) > 40


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_tasks_and_workers_that_die_and_zombies_change_no_alert(partitions):
    struck: Counter[str] = Counter()
    repeated = refused = 0
    for seed in range(10, 15):
        cluster = night(seed, partitions, Chaos(DEATHS))
        struck += cluster.struck
        repeated += cluster.inboxes()["repeated"]
        refused += cluster.store.refused
    assert min(struck[kind] for kind in DEATHS) >= 3, struck
    assert repeated > 100
    assert refused >= 2  # checkpoints of zombies
    assert sum(bool(one) for one in cluster.store.kept.values()) >= 3


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_lost_checkpoints_and_lost_records_are_made_good(partitions):
    struck: Counter[str] = Counter()
    holes = 0
    for seed in range(28, 33):
        cluster = night(seed, partitions, Chaos(LOSSES))
        struck += cluster.struck
        holes += cluster.inboxes()["holes"]
    assert min(struck[kind] for kind in LOSSES) >= 3, struck
    assert holes >= 3


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_poison_and_repeated_frames_stop_nothing(partitions):
    struck: Counter[str] = Counter()
    for seed in range(30, 34):
        cluster = night(seed, partitions, Chaos(NOISE, most=60))
        struck += cluster.struck
        assert sum(one.dead for one in cluster.counts()) >= cluster.struck["poison on posts"]
    topics = ("posts", "signals", "ties", "findings", "background")
    assert min(struck[f"poison on {topic}"] for topic in topics) >= 3, struck
    assert struck["producer_restarts"] >= 3


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_all_faults_together(partitions):
    struck: Counter[str] = Counter()
    for seed in range(40, 44):
        struck += night(seed, partitions, Chaos(EVERYTHING, most=60), canary_each=90).struck
    assert min(struck[kind] for kind in (*DEATHS, *LOSSES)) >= 1, struck


# -- strangers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_posts_of_strangers_count_and_those_in_the_wrong_partition_are_sent_on(partitions):
    moved = total = 0
    for seed in range(50, 53):
        posts, wanted = in_order(seed)
        begin = [one for one in posts if one.time_ms < START_MS + 10_000]
        cluster = Cluster(with_partitions(SMALL, partitions), seed, Chaos({"crash": 0.01}, most=6))
        for one in begin:
            partition = cluster.rng.randrange(partitions)
            cluster.append("posts", partition, line_of(one), [("traceparent", b"00-1")])
            moved += partition != partition_of(one.author_id, partitions)
        cluster.run()  # until each is where it belongs
        cluster.senders.append(Sender(cluster, posts[len(begin) :]))
        cluster.run()
        assert cluster.alerts() == wanted
        counts = cluster.counts()
        assert sum(one.processed for one in counts) == len(posts)
        total += sum(one.moved for one in counts)
    assert total == moved
    assert moved >= 5 * (partitions > 1)


def test_a_stranger_alone_moves_time_and_silent_partitions_are_not_waited_for():
    settings = with_partitions(SMALL, 3)
    cluster = Cluster(settings, 1)
    for one in small_stream(1).posts:
        cluster.append("posts", partition_of(one.author_id, 3), line_of(one), [])
    author = next(f"u{n}" for n in range(99) if partition_of(f"u{n}", 3) == 0)
    cluster.append("posts", 0, line_of(post("last", author, 900_000, "Good night to all.")), [])
    cluster.run()
    assert cluster.cases.time_ms < START_MS + 300_000  # held by the partitions that fell silent earlier
    for one in cluster.running.values():
        for inbox in one.task.inboxes():
            inbox.note_idle(0, 10_000)
    cluster.append("posts", 0, line_of(post("end", author, 900_500, "Good day to all.")), [])
    cluster.run()  # partition 0 moves, the others do not
    cluster.append("posts", 0, line_of(post("end", author, 930_000, "Good morning to all.")), [])
    for second in range(4):  # as a worker notes it every second: from stage to stage
        for one in cluster.running.values():
            for inbox in one.task.inboxes():
                inbox.note_idle(10_000 + 1000 * second, 10_000)
        cluster.run()
    assert cluster.cases.time_ms == START_MS + 920_000
    assert cluster.alerts()
    cluster.counts()


# -- the end of an input ---------------------------------------------------------------------------


def moved_on(posts: list[Post], step_ms: int) -> list[Post]:
    return [
        msgspec.structs.replace(
            one,
            id=f"later {one.id}",
            time_ms=one.time_ms + step_ms,
            created_at=one.created_at + timedelta(milliseconds=step_ms),
        )
        for one in posts
    ]


@cache
def two_inputs(hours: int) -> tuple[list[Post], list[Post], list[bytes]]:
    """An input, another one so many hours later, and the alerts of the embedded run over both."""
    first, other = small_stream(60 + hours).posts, small_stream(61 + hours).posts
    # With none close behind the first, where windows and cool-downs still hold its posts.
    behind_ms = first[-1].time_ms - first[0].time_ms + 20_000
    second = moved_on(other, hours * 3_600_000 or behind_ms)
    pipeline = Pipeline(SMALL)
    alerts = [*run(pipeline, first, [50]), *run(pipeline, second, [50])]
    return first, second, [canonical([one]) for one in alerts]


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_after_the_end_of_an_input_another_one_goes_on(partitions):
    struck: Counter[str] = Counter()
    for hours in range(3):
        first, second, wanted = two_inputs(hours)
        for chaos in (None, Chaos(DEATHS | {"producer_restarts": 0.003})):
            cluster = Cluster(with_partitions(SMALL, partitions), 60 + hours, chaos)
            cluster.senders.append(Sender(cluster, first, name="first"))
            cluster.run()
            cluster.senders.append(Sender(cluster, second, name="second"))
            cluster.run()
            assert cluster.alerts() == wanted
            cluster.counts()
            struck += cluster.struck
    assert min(struck[kind] for kind in DEATHS) >= 1, struck


@pytest.mark.parametrize("partitions", (1, 3))
def test_time_waits_for_the_slowest_of_several_producers(partitions):
    for seed in range(65, 68):
        posts, wanted = in_order(seed)
        cluster = Cluster(with_partitions(SMALL, partitions), seed, Chaos({"crash": 0.003}))
        cluster.senders += [Sender(cluster, posts[n::2], name=f"half {n}") for n in (0, 1)]
        cluster.run()
        assert cluster.alerts() == wanted
        assert sum(one.processed for one in cluster.counts()) == len(posts)


# -- canaries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_canary_changes_no_alert_and_is_seen_at_the_end(partitions):
    for seed in range(70, 73):
        cluster = night(seed, partitions, Chaos(DEATHS), canary_each=60)
        sent = cluster.senders[0].canaries
        assert len(sent) >= 2
        assert sum(one.canaries for one in cluster.counts()) == 4 * len(sent)
        assert cluster.cases.canary_ms == sent[-1]
        assert cluster.cases.canary_delay_ms >= 0
        assert CANARY.encode() not in b"".join(cluster.alerts())


# -- checkpoints -----------------------------------------------------------------------------------


def test_a_checkpoint_of_what_changed_is_the_checkpoint_of_everything(monkeypatch):
    """What each task writes bit by bit is what it would write all at once."""
    compared = 0

    def check(self: Cluster, one) -> None:
        nonlocal compared
        original(self, one)
        kept = self.store.kept[one.name].tables if one.name in self.store.kept else None
        if kept is None or one in [zombie for zombie, _ in self.zombies]:
            return
        twin = self._make(*_place(one.name))
        twin.restore({table: dict(records) for table, records in kept.items()})
        assert _contents(twin.changes(everything=True)) == _contents(one.task.changes(everything=True))
        one.everything = True  # its notes are spent
        compared += 1

    original = Cluster.checkpoint
    monkeypatch.setattr(Cluster, "checkpoint", check)
    for seed in range(80, 82):
        night(seed, 2)
    assert compared > 20


def _place(name: str) -> tuple[str, int]:
    stage, _, number = name.partition(".")
    return stage, int(number)


def _contents(changes: Changes) -> dict[str, dict[str, bytes]]:
    whole = {name: {key: value for key, value in table.items() if value} for name, table in changes.items()}
    return {name: table for name, table in whole.items() if table}
