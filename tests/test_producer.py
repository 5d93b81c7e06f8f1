"""Posts on their way into Kafka: complete, by author, in time, once, whatever happens to the producer."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from kafka.errors import MessageSizeTooLargeError
from live_servers import Jetstream, served
from prometheus_client import CollectorRegistry, generate_latest
from streams_of_posts import START_MS, planted, post

from detectors.events import CANARY, REASONS, Change, Chosen, Missing, Post, decode_line
from detectors.windows import Gate, TickBuffer, TimeSettings
from streams import cli, metrics
from streams.kafka import clients, producer, resume, topics
from streams.kafka.frames import Frame, decode_headers, lines_of, partition_of
from streams.kafka.producer import Producer, Undelivered, produce
from streams.kafka.settings import KafkaSettings
from streams.sources.opening import InputError
from streams.sources.posts import decode_item, encode_post
from streams.sources.records import Tally

POSTS = planted(7, chatter=300).posts
TIME = TimeSettings()
PATIENCE_S = 120.0
"""How long a test waits for something that must come; none is judged by how long it took."""

Records = list[tuple[int, Frame, list[Post]]]
"""Partition, what the headers say, posts: in order within a partition."""


@pytest.fixture
def room(kafka) -> KafkaSettings:
    made = KafkaSettings(bootstrap=kafka, prefix=f"p-{uuid.uuid4().hex[:8]}.", partitions=3, frame_posts=40)
    topics.create(made)
    return made


def records(room: KafkaSettings) -> Records:
    """Everything in the topic, read once from its beginning to what is its end now."""
    consumer = clients.consumer(room)
    try:
        parts = [clients.TopicPartition(f"{room.prefix}posts", p) for p in range(room.partitions)]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        found: Records = []
        deadline = time.monotonic() + PATIENCE_S
        while any(consumer.position(part) < ends[part] for part in parts):
            assert time.monotonic() < deadline
            for part, polled in consumer.poll(timeout_ms=200).items():
                for one in polled:
                    frame = decode_headers(one.headers)
                    assert frame is not None
                    lines = lines_of(one.value, frame)
                    found.append((part.partition, frame, [decode_line(line) for line in lines]))
        return found
    finally:
        consumer.close()


def names(posts: list[Post]) -> Counter[tuple[str, str]]:
    return Counter((one.platform, one.id) for one in posts)


def sent(found: Records) -> Counter[tuple[str, str]]:
    return names([one for _, _, posts in found for one in posts])


def assert_invariants(found: Records, partitions: int) -> None:
    """What every reader of frames may rely on, for each producer in each partition."""
    told: dict[tuple[str, int], Frame] = {}
    for partition, frame, posts in found:
        before = told.get((frame.producer, partition), Frame(producer=frame.producer))
        for one in posts:
            assert partition_of(one.author_id, partitions) == partition
            assert one.time_ms >= before.watermark_ms
        for name in ("watermark_ms", "position", "read", "late", "rejected"):
            assert getattr(frame, name) >= getattr(before, name), name
        told[frame.producer, partition] = frame


def wait_for(condition: Callable[[], bool], each_s: float = 0.05) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(each_s)


# -- without a broker ------------------------------------------------------------------------------


class Future:
    """One record on its way; it is asked a few times before it is there."""

    def __init__(self, asked: int = 0, exception: Exception | None = None) -> None:
        self._left, self.exception = asked, exception

    @property
    def is_done(self) -> bool:
        self._left -= 1
        return self._left < 0

    def failed(self) -> bool:
        return self.exception is not None


class Log:
    """Takes the place of the Kafka client and keeps what was sent, by partition."""

    def __init__(self, asked: Callable[[], int] = lambda: 0) -> None:
        self.frames: dict[int, list[tuple[Frame, list[Post]]]] = defaultdict(list)
        self.problem: Exception | None = None
        self.closed = False
        self._asked = asked
        self._going: dict[int, Future] = {}

    def send(self, topic: str, value: bytes, headers: list[tuple[str, bytes]], partition: int) -> Future:
        going = self._going.get(partition)
        assert going is None or going._left < 0, "two frames of one partition on their way"
        frame = decode_headers(headers)
        assert frame is not None
        self.frames[partition].append((frame, [decode_item(line) for line in lines_of(value, frame)]))
        self._going[partition] = Future(self._asked(), self.problem)
        return self._going[partition]

    def close(self, timeout: float | None = None) -> None:
        self.closed = True

    def records(self) -> Records:
        return [(p, frame, posts) for p, log in sorted(self.frames.items()) for frame, posts in log]


def batches_of(posts: list[Post], sizes: Iterator[int]) -> Iterator[list[Post]]:
    at = 0
    while at < len(posts):
        size = next(sizes)
        yield posts[at : at + size]
        at += size


STREAMS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abcdefgh"), st.integers(0, 40)), max_size=60
).map(
    lambda rows: [
        post(str(number), author, at * 1000, "x" * size) for number, (at, author, size) in enumerate(rows)
    ]
)


@examples(max_examples=200, deadline=None)
@given(STREAMS, st.integers(1, 4), st.integers(1, 7), st.randoms(use_true_random=False))
def test_a_crash_anywhere_loses_and_repeats_nothing(posts, partitions, frame_posts, rng):
    kafka = KafkaSettings(partitions=partitions, frame_posts=frame_posts, frame_bytes=1024)
    expected = names(Gate(TIME).admit(posts))
    kept: Records = []
    earlier: resume.Earlier = {}
    for run in range(4):
        log = Log(lambda: rng.randint(0, 3))
        going = Producer(TIME, kafka, "night", earlier=earlier, client=log)
        for batch in batches_of(posts, iter(lambda: rng.randint(1, 9), 0)):
            going.take(batch)
            if rng.random() < 0.5:
                going.tick()
            if run < 3 and rng.random() < 0.1:
                break
        if run == 3 or rng.random() < 0.3:
            going.close(final=run == 3)
        # A crash: of each partition, the broker has only the first of what was sent.
        for p in range(partitions):
            there = log.frames[p] if run == 3 else log.frames[p][: rng.randint(0, len(log.frames[p]))]
            kept += [(p, frame, found) for frame, found in there]
            if there:
                earlier = earlier | {p: there[-1][0]}
    assert sent(kept) == expected
    assert_invariants(kept, partitions)
    last = {p: frame for p, frame, _ in kept}
    assert all(frame.final and frame.position == len(posts) for frame in last.values())
    assert {frame.read for frame in last.values()} == {len(posts)}
    assert {frame.late for frame in last.values()} == {len(posts) - expected.total()}


@examples(max_examples=100, deadline=None)
@given(STREAMS, st.integers(1, 4), st.integers(1, 7), st.randoms(use_true_random=False))
def test_a_crash_loses_nothing_of_a_network_that_is_read_from_its_place(posts, partitions, frame_posts, rng):
    kafka = KafkaSettings(partitions=partitions, frame_posts=frame_posts, frame_bytes=1024)
    expected = names(Gate(TIME).admit(posts))
    kept: Records = []
    earlier: resume.Earlier = {}
    place = 0
    for run in range(4):
        log = Log(lambda: rng.randint(0, 3))
        going = Producer(TIME, kafka, "net", earlier=earlier, again_from_start=False, client=log)
        begin = max(0, place - rng.randint(0, 3))  # a connection begins a little before its place
        for batch in batches_of(posts[begin:], iter(lambda: rng.randint(1, 9), 0)):
            going.take(batch)
            if rng.random() < 0.5:
                going.tick()
            if rng.random() < 0.5:
                place = max(place, begin + going.safe)
            if run < 3 and rng.random() < 0.1:
                break
        if run == 3:
            going.close(final=True)
            assert begin + going.safe == len(posts)
        for (
            lane
        ) in going._lanes:  # a crash: what the broker has confirmed is there, and perhaps what was sent
            frames = log.frames[lane.partition]
            there = frames[: len(frames) - (lane.going is not None and rng.random() < 0.5)]
            kept += [(lane.partition, frame, found) for frame, found in there]
            earlier = earlier | {lane.partition: there[-1][0]} if there else earlier
    assert_invariants(kept, partitions)
    judged: Counter[tuple[str, str]] = Counter()
    for lane in range(partitions):
        buffer = TickBuffer(TIME)
        for _, frame, found in [one for one in kept if one[0] == lane]:
            buffer.add(found)
            buffer.advance(frame.watermark_ms)
            judged += names([one for _, ready, _ in buffer.ready() for one in ready])
        judged += names(buffer.posts())
    assert judged.keys() >= expected.keys()
    assert set(judged.values()) <= {1}


def test_nothing_is_safe_before_the_broker_has_confirmed_it():
    asked = {"times": 10**6}
    log = Log(lambda: asked["times"])
    going = Producer(TIME, KafkaSettings(partitions=1, frame_posts=2), "net", live=True, client=log)
    going.take([post(str(n), "a", n) for n in range(5)])
    assert (going.counts.read, going.safe) == (5, 0)
    asked["times"] = 0
    log._going[0]._left = 0
    going.close(final=False)
    assert going.safe == 5


def test_what_is_late_is_safe_with_what_came_before_it():
    going = Producer(TIME, KafkaSettings(), "net", live=True, client=Log())
    going.take([post("1", "a", 60_000), post("2", "b", 0)])
    assert going.safe == 0
    for _ in range(2):
        going._cut(going._lanes[partition_of("a", 4)])
    going._pump()
    assert going.safe == 2
    going.close(final=True)


@examples(deadline=None)
@given(STREAMS, st.randoms(use_true_random=False))
def test_how_posts_are_batched_changes_nothing_about_lateness(posts, rng):
    newest, late = 0, set()
    for one in posts:  # the rule, said again: a post is late if it is older than the newest less the grace
        late |= {one.id} if one.time_ms < newest - TIME.grace_s * 1000 else set()
        newest = max(newest, one.time_ms)
    log = Log()
    going = Producer(TIME, KafkaSettings(), "night", client=log)
    for batch in batches_of(posts, iter(lambda: rng.randint(1, 9), 0)):
        going.take(batch)
    going.close(final=True)
    assert {name for _, name in sent(log.records())} == {one.id for one in posts} - late
    assert going.gate.late == len(late)
    assert_invariants(log.records(), 4)


def test_the_final_watermark_is_the_first_tick_above_the_newest_post():
    for newest, final in ((0, 5000), (4999, 5000), (5000, 10_000), (12_345, 15_000)):
        log = Log()
        going = Producer(TIME, KafkaSettings(), "night", client=log)
        going.take([post("1", "a", 0), post("2", "b", newest)])
        going.close(final=True)
        assert {frames[-1][0].watermark_ms for frames in log.frames.values()} == {START_MS + final}
        assert all(frames[-1][0].final for frames in log.frames.values())
        assert log.closed


def test_every_partition_says_hello_before_the_first_post():
    log = Log()
    Producer(TIME, KafkaSettings(), "night", client=log)
    assert sorted(log.frames) == [0, 1, 2, 3]
    for ((frame, posts),) in log.frames.values():
        assert (frame.count, frame.watermark_ms, frame.position, frame.final, posts) == (0, 0, 0, False, [])


def test_frames_keep_to_their_bounds():
    log = Log()
    kafka = KafkaSettings(partitions=1, frame_posts=7, frame_bytes=2000)
    going = Producer(TIME, kafka, "night", client=log)
    posts = [post(str(n), "a", n, "x" * (n * 37 % 900)) for n in range(100)]
    posts.append(post("long", "a", 100, "y" * 5000))
    going.take(posts)
    going.close(final=True)
    sizes = [(frame.count, sum(len(encode_post(one)) for one in found)) for frame, found in log.frames[0]]
    assert max(count for count, _ in sizes) == 7
    assert [size for count, size in sizes if count > 1 and size > 2000 + 7 * 8] == []
    assert sent(log.records()) == names(posts)


def test_a_post_that_no_record_can_hold_is_refused_and_counted():
    log = Log()
    going = Producer(TIME, KafkaSettings(), "night", client=log, rejected=lambda: 2)
    going.take([post("1", "a", 0), post("2", "b", 1, "z" * 9_500_000), post("3", "c", 2)])
    going.close(final=True)
    assert {name for _, name in sent(log.records())} == {"1", "3"}
    assert going.counts.too_long == 1
    assert {frames[-1][0].rejected for frames in log.frames.values()} == {3}
    assert {frames[-1][0].position for frames in log.frames.values()} == {3}


def test_a_slow_broker_holds_up_whoever_brings_posts_and_memory_stays_bounded():
    kafka = KafkaSettings(partitions=2, frame_posts=10, frame_bytes=4096)
    log = Log(lambda: 3)
    going = Producer(TIME, kafka, "night", client=log)
    most = 0
    for number in range(60):
        going.take([post(f"{number}-{n}", f"a{n % 5}", number, "x" * 100) for n in range(100)])
        most = max(most, going.waiting_bytes)
    going.close(final=True)
    assert 0 < most <= 2 * (2 + producer._QUEUED_FRAMES) * 4096
    assert going.waiting_bytes == 0
    assert sent(log.records()).total() == 6000


def test_a_frame_that_is_refused_ends_the_run_with_one_sentence():
    log = Log()
    going = Producer(TIME, KafkaSettings(partitions=1, frame_posts=1), "night", client=log)
    log.problem = MessageSizeTooLargeError("too large")
    with pytest.raises(Undelivered, match="did not take a frame of posts") as told:
        produce([[post(str(n), "a", n)] for n in range(50)], going)
    assert str(told.value).count("\n") == 0
    assert log.closed
    after = [posts for _, posts in log.frames[0] if posts]
    assert len(after) == 1, "nothing is sent behind a frame that was lost"


def test_what_was_read_before_a_damage_is_sent_and_is_not_the_end():
    def damaged() -> Iterator[list[Post]]:
        yield POSTS[:100]
        raise InputError("posts.gz is cut off")

    log = Log()
    with pytest.raises(InputError, match="cut off"):
        produce(damaged(), Producer(TIME, KafkaSettings(), "night", client=log))
    assert sent(log.records()) == names(POSTS[:100])
    assert not any(frame.final for _, frame, _ in log.records())


# -- silence, the clock, canaries ------------------------------------------------------------------


def test_a_silent_source_is_not_a_dead_one(monkeypatch):
    monkeypatch.setattr(producer, "BEAT_S", 0.02)
    log, stop = Log(), Event()
    going = Producer(TIME, KafkaSettings(), "night", client=log)

    def silent() -> Iterator[list[Post]]:
        yield POSTS[:10]
        stop.wait(PATIENCE_S)

    def watch() -> None:
        wait_for(lambda: len(log.frames) == 4 and all(len(frames) > 5 for frames in log.frames.values()))
        stop.set()

    watching = Thread(target=watch)
    watching.start()
    assert not produce(silent(), going, stop=stop)
    watching.join()
    for frames in log.frames.values():
        assert {frame.position for frame, _ in frames[-3:]} == {10}
        assert not frames[-1][0].final


def clocked(monkeypatch, now_ms: int) -> Callable[[int], None]:
    clock = {"ms": now_ms, "s": time.monotonic()}
    monkeypatch.setattr(producer, "clock_ms", lambda: clock["ms"])
    monkeypatch.setattr(producer.time, "monotonic", lambda: clock["s"])

    def on(ms: int) -> None:
        clock["ms"] += ms
        clock["s"] += ms / 1000

    return on


def test_the_watermark_of_a_live_stream_follows_the_clock_when_it_is_silent(monkeypatch):
    on = clocked(monkeypatch, START_MS)
    log = Log()
    going = Producer(TIME, KafkaSettings(partitions=1), "stream", live=True, client=log)
    assert log.frames[0][-1][0].live
    going.take([post("1", "a", 0)])
    for _ in range(4):
        on(1000)
        going.tick()
    frame = log.frames[0][-1][0]
    assert (frame.watermark_ms, frame.live) == (START_MS + 4000 - 10_000, True)
    going.close(final=False)


def test_a_recording_piped_in_has_no_present(monkeypatch):
    on = clocked(monkeypatch, START_MS + 3_600_000)
    log = Log()
    going = Producer(TIME, KafkaSettings(partitions=1), "stream", live=True, client=log)
    going.take([post("1", "a", 0)])
    on(5000)
    going.tick()
    frame = log.frames[0][-1][0]
    assert (frame.watermark_ms, frame.live) == (START_MS - 10_000, False)
    going.close(final=True)


def test_canaries_are_sent_in_time_and_are_nobodys_posts(monkeypatch):
    on = clocked(monkeypatch, START_MS + 600_000)
    log = Log()
    going = Producer(TIME, KafkaSettings(), "night", canary_s=300, client=log)
    on(300_000)
    going.tick()  # nothing came yet: there is no event time
    going.take([post("1", "a", 0), post("2", "b", 7000)])
    on(299_000)
    going.tick()
    assert going.counts.canaries == 0
    on(1000)
    going.tick()
    on(1000)
    going.take([post("3", "c", 8000)])
    going.close(final=True)
    found = log.records()
    assert_invariants(found, 4)
    canaries = [one for _, _, posts in found for one in posts if one.platform == CANARY]
    assert len({one.author_id for one in canaries}) == len(canaries) == 4
    assert len({one.text for one in canaries}) == 1
    assert len(canaries[0].text) > 100
    for number, one in enumerate(sorted(canaries, key=lambda one: one.id), 1):
        assert one.time_ms == START_MS + 7000
        assert one.id == f"canary-{START_MS + 600_000 + 600_000}-{number}"
        assert one.received_at is not None
    assert (going.counts.read, going.counts.sent, going.counts.canaries, going.position) == (3, 3, 1, 3)


def test_what_chooses_the_posts_is_said_once_before_them_and_is_none_of_them():
    log = Log()
    chosen = Chosen(filter="#debate lang:fr", sampling=0.1)
    going = Producer(TIME, KafkaSettings(), "night", chosen=chosen, client=log)
    going.take([post("1", "a", 0)])
    going.take([post("2", "b", 7000)])
    going.close(final=True)
    items = [one for _, _, posts in log.records() for one in posts]
    (told,) = (one for one in items if isinstance(one, Change))
    assert (told.source, told.chosen, told.time_ms) == ("night", chosen, START_MS)
    assert (len(items), going.counts.read, going.counts.sent, going.position) == (3, 2, 2, 2)


def test_what_a_source_says_of_itself_is_heard_though_an_earlier_run_told_that_its_time_is_over():
    log = Log()
    earlier = {p: Frame(producer="night", position=5, watermark_ms=START_MS + 60_000) for p in range(4)}
    going = Producer(TIME, KafkaSettings(), "night", earlier=earlier, again_from_start=False, client=log)
    missing = Missing(start_ms=START_MS, end_ms=START_MS + 90_000)
    gap = Change(platform="x", time_ms=START_MS, event="gap", source="x", missing=missing)
    going.take([gap, post("1", "a", 30_000), post("2", "b", 95_000)])
    going.close(final=True)
    items = {one.id: one for _, _, posts in log.records() for one in posts}
    assert items.keys() == {gap.id, "2"}
    assert (items[gap.id].missing, items[gap.id].time_ms) == (missing, START_MS + 60_000)
    assert going.gate.late == 1


def test_a_stream_that_cannot_be_read_again_goes_on_where_it_was():
    log = Log()
    first = Producer(TIME, KafkaSettings(), "stream", again_from_start=False, client=log)
    first.take([post(str(n), f"a{n}", n * 1000) for n in range(20)])
    first.close(final=False)
    earlier = {p: frames[-1][0] for p, frames in log.frames.items()}
    going = Producer(TIME, KafkaSettings(), "stream", earlier=earlier, again_from_start=False, client=log)
    going.take([post("old", "a", 8999), post("in", "a", 9000), post("new", "b", 30_000)])
    going.close(final=True)
    assert {name for _, name in sent(log.records())} == {*map(str, range(20)), "in", "new"}
    assert_invariants(log.records(), 4)
    for frames in log.frames.values():
        last = frames[-1][0]
        assert (last.position, last.read, last.late, last.final) == (23, 23, 1, True)
        assert last.watermark_ms == START_MS + 35_000


def test_the_end_of_a_continued_stream_lets_go_of_what_an_earlier_run_left():
    log = Log()
    first = Producer(TIME, KafkaSettings(), "stream", again_from_start=False, client=log)
    first.take([post("1", "a", 0), post("2", "a", 12_345)])
    first.close(final=False)
    earlier = {p: frames[-1][0] for p, frames in log.frames.items()}
    Producer(TIME, KafkaSettings(), "stream", earlier=earlier, again_from_start=False, client=log).close(
        final=True
    )
    assert all(frames[-1][0].watermark_ms > START_MS + 12_345 for frames in log.frames.values())


# -- metrics ---------------------------------------------------------------------------------------


def test_metrics_of_the_producer_are_its_own_and_hold_its_numbers():
    log, tally = Log(), Tally()
    tally.reasons["not_json"] = 3
    going = Producer(TIME, KafkaSettings(), "night", client=log)
    going.take([post("1", "a", 20_000), post("2", "b", 0)])
    going.close(final=True)
    registry = CollectorRegistry()
    registry.register(metrics.ProducerCollector(going, tally))
    text = generate_latest(registry).decode()
    declared = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert declared == {one.name: one.kind for one in metrics.PRODUCER_METRICS}
    assert not set(declared) & {one.name for one in metrics.METRICS}
    values = dict(re.findall(r"^(vigie_producer_\w+) (\S+)$", text, re.MULTILINE))
    assert float(values["vigie_producer_posts_read_total"]) == 2
    assert float(values["vigie_producer_posts_late_total"]) == 1
    assert float(values["vigie_producer_posts_sent_total"]) == 1
    assert float(values["vigie_producer_frames_total"]) == sum(map(len, log.frames.values()))
    assert float(values["vigie_producer_watermark_seconds"]) == (START_MS + 25_000) / 1000
    reasons = set(re.findall(r'vigie_producer_records_rejected_total\{reason="(\w+)"\}', text))
    assert reasons == set(REASONS)
    for one in metrics.PRODUCER_METRICS:
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert one.help.endswith(".")


# -- on a real broker ------------------------------------------------------------------------------


def flags(room: KafkaSettings) -> list[str]:
    wanted = {
        "bootstrap": room.bootstrap,
        "prefix": room.prefix,
        "partitions": room.partitions,
        "frame_posts": room.frame_posts,
        "frame_ms": room.frame_ms,
    }
    return [part for name, value in wanted.items() for part in ("--set", f"kafka.{name}={value}")]


def command(room: KafkaSettings, *arguments: object) -> list[str]:
    return ["produce", *map(str, arguments), *flags(room), "--canary-minutes", "0", "--json"]


def process(room: KafkaSettings, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "streams.cli", *command(room, *arguments)]


def piped(room: KafkaSettings, stdin: bytes, *arguments: object) -> dict[str, Any]:
    """What a process says at whose end of a pipe it reads."""
    done = subprocess.run(
        process(room, "-", *arguments), input=stdin, capture_output=True, check=False, timeout=4 * PATIENCE_S
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer | {"said": done.stderr.decode()}


def run(room: KafkaSettings, *arguments: object) -> dict[str, Any]:
    """What the command says, run to its end in this process."""
    with redirect_stdout(TextIOWrapper(BytesIO())) as out, redirect_stderr(StringIO()) as said:
        code = cli.main(command(room, *arguments))
    assert code == 0, said.getvalue()
    answer: dict[str, Any] = orjson.loads(out.buffer.getvalue())
    return answer | {"said": said.getvalue()}


@pytest.fixture
def night(tmp_path) -> Path:
    path = tmp_path / "night.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in POSTS))
    return path


def test_frames_arrive_complete_and_by_author(room, night):
    numbers = run(room, night)
    found = records(room)
    assert sent(found) == names(POSTS)
    assert_invariants(found, room.partitions)
    assert {partition for partition, _, _ in found} == {0, 1, 2}
    last = {partition: frame for partition, frame, _ in found}
    assert all(frame.final and frame.position == len(POSTS) for frame in last.values())
    assert {frame.producer for _, frame, _ in found} == {numbers["producer"]}
    assert numbers["posts"] == {
        "read": len(POSTS),
        "sent": len(POSTS),
        "late": 0,
        "skipped": 0,
        "rejected": 0,
        "events": 0,
    }
    assert numbers["finished"]


def test_a_source_that_was_sent_is_not_sent_again_unless_it_is_asked_for(room, night):
    first = run(room, night)
    again = run(room, night)
    assert "--again" in again["said"]
    assert again["posts"]["sent"] == 0
    assert sent(records(room)) == names(POSTS)
    third = run(room, night, "--again")
    assert third["producer"] == first["producer"] + "~2"
    assert third["posts"]["sent"] == len(POSTS)
    assert_invariants(records(room), room.partitions)
    assert run(room, night)["producer"] == third["producer"]
    other = run(room, night, "--name", "other")
    assert other["posts"]["sent"] == len(POSTS)


def shuffled(seed: int, seconds: float) -> list[Post]:
    """Posts in an order of arrival in which some are late."""
    rng = random.Random(seed)
    return sorted(POSTS, key=lambda one: one.time_ms + rng.uniform(0, seconds * 1000))


def test_in_order_of_arrival_the_same_posts_are_late_as_at_any_gate(room, tmp_path):
    posts = shuffled(3, 20)
    path = tmp_path / "arrival.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in posts) + b"\n{oops\n")
    gate = Gate(TIME)
    expected = gate.admit(posts)
    assert 0 < gate.late < len(posts) / 2
    numbers = run(room, path, "--order", "arrival")
    found = records(room)
    assert sent(found) == names(expected)
    assert numbers["posts"]["late"] == gate.late
    last = {partition: frame for partition, frame, _ in found}
    assert {(frame.read, frame.late, frame.rejected) for frame in last.values()} == {
        (len(posts), gate.late, 1)
    }
    assert_invariants(found, room.partitions)


class Going:
    """A `vigie produce` that can be killed."""

    def __init__(self, room: KafkaSettings, *arguments: object) -> None:
        self.room = room
        self.process = subprocess.Popen(
            process(room, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def until(self, posts: int) -> None:
        """Wait until the broker has so many posts."""

        def has_them() -> bool:
            return self.process.poll() is not None or sent(records(self.room)).total() >= posts

        wait_for(has_them, each_s=0.2)  # a client of its own each time

    def end(self, number: int) -> tuple[int, bytes, str]:
        self.process.send_signal(number)
        out, said = self.process.communicate(timeout=4 * PATIENCE_S)
        return self.process.returncode, out, said.decode()


def pace(posts: list[Post], seconds: float) -> float:
    """The speed at which these posts take so many seconds."""
    times = [one.time_ms for one in posts]
    return (max(times) - min(times)) / 1000 / seconds


@pytest.mark.parametrize("order", ["time", "arrival"])
def test_kill_9_loses_and_repeats_nothing(room, tmp_path, order):
    posts = shuffled(5, 15) if order == "arrival" else POSTS
    path = tmp_path / "night.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in posts))
    expected = names(Gate(TIME).admit(posts))
    speed = pace(posts, 8)
    killed = 0
    for part in (0.15, 0.35, 0.6):
        going = Going(room, path, "--order", order, "--speed", speed)
        before = sent(records(room)).total()
        going.until(max(before + 1, int(len(posts) * part)))
        killed += going.end(signal.SIGKILL)[0] == -signal.SIGKILL
        assert sent(records(room)) <= expected
    assert killed >= 2, "the producer must have been killed while it was at work"
    numbers = run(room, path, "--order", order)
    assert "resuming at post" in numbers["said"]
    assert numbers["posts"]["skipped"] > 0
    found = records(room)
    assert sent(found) == expected
    assert_invariants(found, room.partitions)
    assert all(frame.final for frame in {p: frame for p, frame, _ in found}.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_sends_what_was_read_and_is_not_the_end(room, night, number):
    going = Going(room, night, "--speed", pace(POSTS, 8))
    going.until(len(POSTS) // 5)
    code, out, said = going.end(number)
    assert code == 0, said
    numbers = orjson.loads(out)
    assert not numbers["finished"]
    found = records(room)
    assert 0 < numbers["posts"]["sent"] == sent(found).total() < len(POSTS)
    assert {frame.position for frame in {p: frame for p, frame, _ in found}.values()} == {
        numbers["posts"]["read"]
    }
    assert not any(frame.final for _, frame, _ in found)
    rest = run(room, night)
    assert rest["posts"]["skipped"] == numbers["posts"]["sent"]
    assert sent(records(room)) == names(POSTS)


def test_a_pipe_goes_on_counting(room):
    lines = [encode_post(one) for one in POSTS]
    first = piped(room, b"\n".join(lines[:100]))
    second = piped(room, b"\n".join(lines[100:]))
    assert first["position"] == 100
    assert "numbers go on after post 100" in second["said"]
    assert second["position"] == len(POSTS)
    found = records(room)
    assert_invariants(found, room.partitions)
    assert sent(found).total() == len(POSTS) - second["posts"]["late"]
    assert {frame.producer for _, frame, _ in found} == {"stdin"}


def test_another_producer_on_the_topic_does_not_hide_ours(room, night):
    going = Going(room, night, "--speed", pace(POSTS, 8))
    going.until(len(POSTS) // 5)
    going.end(signal.SIGKILL)
    for _ in range(3):
        piped(room, encode_post(POSTS[0]), "--name", "somebody else")
    number, earlier = resume.newest(room, run_name(room))
    assert (number, sorted(earlier)) == (1, [0, 1, 2])
    run(room, night)
    ours = [one for one in records(room) if one[1].producer != "somebody else"]
    assert sent(ours) == names(POSTS)


def run_name(room: KafkaSettings) -> str:
    return next(frame.producer for _, frame, _ in records(room) if frame.producer.startswith("night"))


def test_a_broker_that_is_away_only_delays(own_kafka):
    broker = own_kafka()
    room = KafkaSettings(bootstrap=broker.bootstrap, partitions=2, frame_posts=20, frame_bytes=8192)
    topics.create(room)
    going = Producer(TIME, room, "night")
    begun, away = Event(), Event()
    finished = []

    def source() -> Iterator[list[Post]]:
        for number, batch in enumerate(batches_of(POSTS, iter(lambda: 50, 0))):
            if number == 3:
                begun.set()
                assert away.wait(PATIENCE_S)
            yield batch

    # The broker belongs to the thread that starts it, so the producer has another one.
    helper = Thread(target=lambda: finished.append(produce(source(), going)))
    helper.start()
    assert begun.wait(PATIENCE_S)
    broker.stop()
    away.set()
    wait_for(lambda: going.waiting_bytes > 8192)
    assert not finished
    broker.start()
    helper.join(2 * PATIENCE_S)
    assert finished == [True]
    found = records(room)
    assert sent(found) == names(POSTS)
    assert_invariants(found, 2)


def tweeted(number: int) -> dict[str, Any]:
    """An event of Jetstream, of now."""
    at_us = time.time_ns() // 1000
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))
    record = {"text": f"post {number}", "createdAt": created}
    commit = {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": f"r{number}",
        "record": record,
    }
    return {"did": f"did:plc:{number % 7}", "time_us": at_us, "kind": "commit", "commit": commit}


def test_kill_9_while_the_broker_hangs_loses_nothing_that_the_network_still_offers(own_kafka, tmp_path):
    broker, server = own_kafka(), Jetstream()
    room = KafkaSettings(bootstrap=broker.bootstrap, partitions=3, frame_posts=20)
    topics.create(room)
    place = tmp_path / "place.json"
    with served(server):
        follow = ["bluesky", "--place", place, "--set", f"bluesky.servers={server.address('first')}"]
        going = Going(room, *follow)
        wait_for(lambda: bool(server.asked))
        server.log += [tweeted(n) for n in range(100)]
        going.until(100)
        wait_for(place.exists)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            for n in range(100, 1000):
                server.log.append(tweeted(n))
                time.sleep(0.003)
            time.sleep(1.5)  # long enough for a place that follows what was read
            assert going.end(signal.SIGKILL)[0] == -signal.SIGKILL
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert orjson.loads(place.read_bytes())["bluesky"] < server.log[-1]["time_us"]
        again = Going(room, *follow)
        wait_for(lambda: len(sent(records(room))) >= 1000, each_s=0.2)
        code, _, said = again.end(signal.SIGTERM)
        assert code == 0, said
    found = records(room)
    assert {name.rpartition("/r")[2] for _, name in sent(found)} == {str(n) for n in range(1000)}
    assert_invariants(found, room.partitions)
    assert orjson.loads(place.read_bytes())["bluesky"] == server.log[-1]["time_us"]


def test_a_second_stop_cuts_it_short_when_the_broker_is_gone(own_kafka, tmp_path):
    broker = own_kafka()
    room = KafkaSettings(bootstrap=broker.bootstrap, partitions=2, frame_posts=20)
    topics.create(room)
    path = tmp_path / "night.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in POSTS))
    going = Going(room, path, "--speed", pace(POSTS, 8))
    going.until(10)
    broker.kill()
    going.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert going.process.poll() is None, "it waits for the broker"
    code, _, said = going.end(signal.SIGTERM)
    assert code == 130
    assert "Traceback" not in said


def test_the_metrics_port_serves_the_producers_metrics_only(room, night, tmp_path):
    port = random.Random(os.getpid()).randint(20_000, 32_000)
    going = Going(room, night, "--speed", pace(POSTS, 8), "--metrics-port", port)
    going.until(10)
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert going.end(signal.SIGTERM)[0] == 0
    scraped = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert scraped == {one.name for one in metrics.PRODUCER_METRICS}
    assert "night" not in text


def test_missing_topics_and_senseless_use_are_one_sentence(kafka, night, capsys):
    empty = KafkaSettings(bootstrap=kafka, prefix=f"e-{uuid.uuid4().hex[:8]}.")
    for arguments, sentence in (
        ([night], "vigie topics create"),
        (["-", night], "cannot be merged"),
        (["-", "--order", "time"], "no end"),
        ([night, "--name", ""], "--name"),
    ):
        assert cli.main(["produce", *map(str, arguments), *flags(empty)]) == 2
        said = [line for line in capsys.readouterr().err.splitlines() if "(a guess;" not in line]
        assert len(said) == 1
        assert sentence in said[0]


def test_other_settings_of_frames_give_the_same_posts(room, night):
    for frame_posts in (1, 1000):
        other = msgspec.structs.replace(room, prefix=f"p-{uuid.uuid4().hex[:8]}.", frame_posts=frame_posts)
        topics.create(other)
        run(other, night)
        assert sent(records(other)) == names(POSTS)
