"""`vigie record`: what the workers tell each other becomes the store that one process would have made."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.request import urlopen

import msgspec
import pytest
from cluster import Chaos, Cluster, Sender, embedded_arrivals, with_partitions
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from streams_of_posts import MINUTE, SMALL, START_MS, planted, post, run
from test_cluster import LISTS, eventful

from deploy.servers import free_port
from detectors.batches import ShareSignal, SignalBatch, Signals, spread
from detectors.case import Judged
from detectors.events import CANARY, Item
from detectors.findings import Subject
from streams import cli
from streams import room as rooms
from streams.console.checkpointed import Checkpointed
from streams.console.of_workers import OfWorkers
from streams.console.stored import Stored
from streams.embedded import Pipeline, Settings
from streams.explain import explain
from streams.kafka import clients, judged, topics
from streams.kafka.clients import TopicPartition
from streams.kafka.gathering import Gathering, Whole
from streams.kafka.recorder import Recorder
from streams.kafka.settings import KafkaSettings
from streams.kafka.stretches import Teller
from streams.kafka.tasks.records import Record
from streams.metrics import RECORD_METRICS
from streams.privacy_erase import Person, from_store
from streams.privacy_settings import RetentionSettings
from streams.sources.opening import InputError
from streams.stores.recording import Place, Recording
from streams.stores.rows import Use, use_of
from streams.stores.signalled import rows_of
from streams.stores.sqlite import Store

PARTITIONS = 3
SEED = 25
few = settings(max_examples=25, derandomize=True, deadline=None)


def batches(items: Iterable[Item]) -> list[SignalBatch]:
    """What the first stage says of some posts."""
    said: list[SignalBatch] = []
    room = rooms.Room()
    room.put(LISTS)
    run(Pipeline(SMALL, on_batch=said.append, room=room), list(items))
    return said


def stored(said: Iterable[SignalBatch]) -> list[Use]:
    """The rows that an embedded run makes of them."""
    store = Store(":memory:", write=True)
    for batch in said:
        store.note_batch(batch)
    store.flush()
    return [use_of(row) for row in store.db.execute("SELECT * FROM posts ORDER BY time, account, id")]


def as_signalled(use: Use) -> Use | None:
    """The row that signals give of a post, as the docstring of `streams.stores.signalled` says it."""
    links, media = tuple(sorted(set(use.links))), tuple(sorted(set(use.media)))
    is_repost = use.kind == "repost"
    shares = ((links or media or use.hashtags) and not is_repost) or use.ref
    if not (shares or use.hashtags or use.targets or use.text or use.source or use.payer is not None):
        return None
    kind = "original" if use.kind == "quote" else use.kind
    if use.kind == "reply" and not (use.ref or use.targets):
        kind = "original"
    if is_repost and not (use.ref or use.source or use.hashtags):
        kind = "original"
    if is_repost:
        links = media = ()  # another post's
    return use._replace(kind=kind, links=links, media=media, listed=use.listed if shares else None)


def signalled(said: Iterable[SignalBatch], partitions: int) -> list[Use]:
    rows = [row for batch in said for row in rows_of(spread(batch.signals(), partitions))]
    return [use_of(row) for row in rows]


def posts() -> st.SearchStrategy[list[Any]]:
    """Posts of every kind that share all sorts of things, or nothing."""
    names = st.sampled_from(["u1", "u2", "u3", "copier1", CANARY])
    words = st.sampled_from(
        [
            "",
            "yes",
            "@bob no",
            "#debate #vote #tonight, and what they promised to us all this long year",
            "see https://news.invalid/b and https://news.invalid/a about the market of the old harbour",
            "@bob @eve @bob look at what the mayor of the old harbour said about it #debate",
        ]
    )
    one = st.fixed_dictionaries(
        {
            "account": names,
            "at_ms": st.integers(0, 60_000),
            "text": words,
            "kind": st.sampled_from(["original", "reply", "quote", "repost"]),
            "ref_id": st.sampled_from([None, "7"]),
            "ref_author_id": st.sampled_from([None, "u9"]),
            "media": st.sampled_from([None, ["m2", "m1", "m2"]]),
            "promoted": st.sampled_from([None, {"payer": "RADIO exemple"}, {"spend": 3}]),
        }
    )
    many = st.lists(one, min_size=1, max_size=12)
    return many.map(lambda found: [_post(number, **fields) for number, fields in enumerate(found)])


def _post(number: int, account: str, at_ms: int, text: str, **more: Any) -> Any:
    told = {name: value for name, value in more.items() if value is not None}
    if told["kind"] in ("original", "quote"):
        told.pop("ref_id", None)
        told.pop("ref_author_id", None)
    platform = {"platform": CANARY} if account == CANARY else {}
    return post(f"p{number}", account, at_ms, text, **told, **platform)


# -- rows ------------------------------------------------------------------------------------------


@few
@given(posts=posts(), partitions=st.integers(1, 4))
def test_signals_give_the_rows_that_the_posts_give(posts, partitions):
    said = batches(sorted(posts, key=lambda one: one.time_ms))
    expected = [row for use in stored(said) if (row := as_signalled(use)) is not None]
    assert signalled(said, partitions) == expected


def test_a_planted_night_comes_out_row_by_row():
    said = batches(eventful(planted(3), random.Random(3)))
    expected = [row for use in stored(said) if (row := as_signalled(use)) is not None]
    assert len(expected) > 200
    assert signalled(said, PARTITIONS) == expected


# -- a night among workers that die ----------------------------------------------------------------


class Night(NamedTuple):
    """One stream through a cluster, and through one process."""

    topics: dict[str, list[list[Record]]]
    batches: list[SignalBatch]
    judged: list[Judged]
    alerts: list[dict[str, Any]]

    @property
    def end_ms(self) -> int:
        """The last tick."""
        return self.batches[-1].tick_ms

    def whole(self) -> dict[int, tuple[int, int, list[Use]]]:
        """What is to be recorded of each tick: posts, those by listed accounts, rows."""
        return {
            one.tick_ms: (one.signals().posts, one.signals().listed, signalled([one], 1))
            for one in self.batches
        }


@pytest.fixture(scope="module")
def night() -> Night:
    rng = random.Random("recorded")
    stream = planted(11, chatter=300, minutes=8)
    arrivals = embedded_arrivals(eventful(stream, rng), rng, late=3, duplicates=12)
    said: list[SignalBatch] = []
    found: list[Judged] = []
    room = rooms.Room()
    room.put(LISTS)
    alerts = run(Pipeline(SMALL, found.append, said.append, room), arrivals, [50])
    deaths = {"crash": 0.01, "worker_dies": 0.006, "zombie": 0.006}
    cluster = Cluster(with_partitions(SMALL, PARTITIONS), SEED, Chaos(deaths), room=room)
    cluster.senders.append(Sender(cluster, arrivals, canary_each=90))
    cluster.run()
    assert min(cluster.struck[kind] for kind in deaths) >= 1, cluster.struck
    assert len(alerts) > 5
    return Night(cluster.topics, said, found, alerts)


@pytest.fixture(scope="module")
def even(night: Night) -> Night:
    """The same night told by tasks that never stumble, tick by tick."""
    logs: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    tellers = [Teller(f"accounts.{number}", "signals", PARTITIONS) for number in range(PARTITIONS)]
    for batch in night.batches:
        for number, teller in enumerate(tellers):
            ticks = [(batch.tick_ms, spread(batch.signals(), PARTITIONS))] if number == 0 else []
            for said in teller.tell(batch.tick_ms, ticks):
                log = logs[said.partition]
                log.append(Record("signals", said.partition, len(log), None, said.value, said.headers, 0))
    return night._replace(topics={"signals": logs, "judged": [[]], "alerts": [[]]})


def gathered(
    gathering: Gathering, night: Night, offsets: list[int], rng: random.Random, most: int
) -> list[Whole]:
    """Up to so many records of the partitions, in any order among these, and what is whole then."""
    found: list[Whole] = []
    following = list(offsets)
    gathering.seek(following)
    for _ in range(most):
        logs = night.topics["signals"]
        left = [number for number, log in enumerate(logs) if following[number] < len(log)]
        if not left:
            break
        number = rng.choice(left)
        record = logs[number][following[number]]
        following[number] += 1
        gathering.take(number, record.offset, record.value, record.headers)
        found += gathering.ready()
    return found


def recorded(ticks: Iterable[Whole]) -> dict[int, tuple[int, int, list[Use]]]:
    return {
        one.tick_ms: (one.posts, one.listed, [use_of(row) for row in rows_of(one.parts)]) for one in ticks
    }


@pytest.mark.parametrize("seed", range(3))
def test_every_tick_is_whole_and_comes_once_however_often_the_recorder_is_ended(night, seed):
    rng = random.Random(seed)
    written_ms, offsets, ticks = 0, [0] * PARTITIONS, []
    for _ in range(200):
        gathering = Gathering(PARTITIONS, written_ms, goes_on=bool(written_ms))
        ticks += gathered(gathering, night, offsets, rng, rng.choice((5, 60, 400)))
        written_ms, offsets = gathering.written_ms, gathering.offsets()
        if written_ms >= night.end_ms:
            break
    assert [one.tick_ms for one in ticks] == [one.tick_ms for one in night.batches]
    assert recorded(ticks) == night.whole()


def test_where_the_beginning_is_gone_only_whole_ticks_are_kept(even):
    rng = random.Random(5)
    middle = [len(log) * share // 10 for log, share in zip(even.topics["signals"], (3, 4, 5), strict=True)]
    gathering = Gathering(PARTITIONS)
    found = recorded(gathered(gathering, even, middle, rng, 10**6))
    assert gathering.begin_ms == even.batches[len(even.batches) // 2 - 1].tick_ms
    assert found == {tick: one for tick, one in even.whole().items() if tick > gathering.begin_ms}


def test_all_judgements_are_told_again_and_again_but_never_another_one(night):
    records = [judged.decode(record.value) for record in night.topics["judged"][0]]
    assert max(record.until_ms for record in records) >= night.end_ms
    told = [one for record in records for one in record.judged]
    once = {(one.finding.finding_id, one.finding.judged_ms): one for one in told}
    assert len(told) > len(once) >= 20
    kept = {(one.finding.finding_id, one.finding.judged_ms): judged._as_kept(one) for one in night.judged}
    assert once == kept
    assert len(kept) == len(night.judged)


# -- over a real broker ----------------------------------------------------------------------------


class Room(NamedTuple):
    """Topics of one's own in a broker, into which a night is written piece by piece."""

    settings: Settings
    night: Night
    folder: Path
    written: dict[tuple[str, int], int]

    @classmethod
    def made(cls, bootstrap: str, night: Night, folder: Path) -> Room:
        kafka = KafkaSettings(bootstrap=bootstrap, prefix=f"r-{uuid.uuid4().hex[:8]}.", partitions=PARTITIONS)
        topics.create(kafka)
        return cls(msgspec.structs.replace(SMALL, kafka=kafka), night, folder, {})

    @property
    def flags(self) -> list[str]:
        kafka = self.settings.kafka
        told = {"bootstrap": kafka.bootstrap, "prefix": kafka.prefix, "partitions": kafka.partitions}
        return [part for name, value in told.items() for part in ("--set", f"kafka.{name}={value}")]

    def write(self, share: float) -> None:
        """Write so much of each topic, all told."""
        producer = clients.producer(self.settings.kafka)
        for topic in ("signals", "judged", "alerts"):
            for number, log in enumerate(self.night.topics[topic]):
                begin, end = self.written.get((topic, number), 0), round(share * len(log))
                self.written[topic, number] = end
                for record in log[begin:end]:
                    producer.send(
                        clients.topic(self.settings.kafka, topic),
                        key=record.key,
                        value=record.value,
                        headers=list(record.headers),
                        partition=number,
                    )
        producer.flush()
        producer.close()

    def poison(self) -> None:
        """Write what nobody can read into each topic."""
        producer = clients.producer(self.settings.kafka)
        for topic in ("signals", "judged", "alerts"):
            name = clients.topic(self.settings.kafka, topic)
            producer.send(name, key=b"tea", value=b"\xc1 tea", partition=0)
        producer.flush()
        producer.close()

    def recorded(self, path: Path, until_ms: int) -> Recorder:
        """Record in this process, until so far is written."""
        recorder = Recorder(self.settings, str(path))
        deadline = time.monotonic() + PATIENCE_S

        def is_set() -> bool:
            assert time.monotonic() < deadline
            return recorder.written_ms >= until_ms and not recorder.lag()

        recorder.follow(SimpleNamespace(is_set=is_set))
        recorder.close()
        return recorder

    def process(self, path: Path, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "streams.cli", "record", "--store", str(path), *self.flags, *flags]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


PATIENCE_S = 60.0
ASKED = (
    ("hashtag", "#Pushed"),
    ("hashtag", "tag3"),
    ("hashtag", "nobody"),
    ("link", "https://news.invalid/7"),
    ("target", "victim3"),
    ("source", "u0"),
    ("account", "copier1"),
    ("payer", "Radio Exemple"),
)


@pytest.fixture(scope="module")
def room(kafka: str, night: Night, tmp_path_factory: pytest.TempPathFactory) -> Room:
    made = Room.made(kafka, night, tmp_path_factory.mktemp("recorded"))
    made.write(0.4)
    return made


def rows(path: Path) -> list[Use]:
    with closing(sqlite3.connect(path)) as db:
        return [use_of(row) for row in db.execute("SELECT * FROM posts ORDER BY time, account, id")]


def written_ms(path: Path) -> int:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT max(written) FROM recorded").fetchone()[0] or 0
    return 0


def wait_for(what: str, condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(0.05)


def embedded_store(night: Night, path: Path) -> Store:
    store = Store(path, write=True)
    for batch in night.batches:
        store.note_batch(batch)
    for one in night.judged:
        store.note_judged(one)
    for alert in night.alerts:
        store.note_alert(alert)
    store.close()
    return Store(path, write=False)


def test_killed_and_begun_again_it_explains_what_a_replay_explains(room, night, tmp_path, capfd):
    path = room.folder / "night.db"
    first = room.process(path)
    wait_for("the first posts", lambda: written_ms(path))
    room.poison()
    begun_ms = written_ms(path)
    room.write(0.7)
    wait_for("more posts", lambda: written_ms(path) > begun_ms)
    room.write(1)
    first.kill()
    first.communicate()
    port = free_port()
    second = room.process(path, "--metrics-port", str(port))
    wait_for("the last posts", lambda: written_ms(path) >= night.end_ms)
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    told = {one.name: one.samples[0].value for one in text_string_to_metric_families(text)}
    assert {one.name.removesuffix("_total") for one in RECORD_METRICS} <= told.keys()
    assert (told["vigie_record_lag_records"], told["vigie_record_gaps"]) == (0, 0)
    second.terminate()
    _, said = second.communicate()
    assert second.returncode == 0
    assert "which goes on at 2017-07-14T" in said

    everything = [use for _, _, uses in night.whole().values() for use in uses]
    assert rows(path) == sorted(everything)
    there = Store(path, write=False)
    beside = embedded_store(night, tmp_path / "replayed.db")
    assert there.last_ms() == beside.last_ms()
    lead = next(one for batch in night.batches for one in batch.posts if one.author_id == "copier1")
    ids = [("finding", night.judged[-1].finding.finding_id), ("case", night.alerts[-1]["data"]["case_id"])]
    for kind, value in (*ASKED, *ids, ("text", lead.text)):
        answers = [explain(store, SMALL, kind, value, beside.last_ms()) for store in (there, beside)]
        assert without_what_differs(answers[0]) == without_what_differs(answers[1]), (kind, value)
    assert "posts that share nothing" in " ".join(explain(there, SMALL, "hashtag", "pushed", 0)["missing"])
    assert "missing" not in explain(beside, SMALL, "hashtag", "pushed", 0)
    console = OfWorkers(SMALL, Checkpointed(SMALL, ""), Stored(path, SMALL))
    answer = explain(there, SMALL, "hashtag", "pushed", there.last_ms())
    assert asyncio.run(console.explain("hashtag", "pushed")) == answer


def without_what_differs(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what docs/explain.md says of a recording: profiles, and what it says itself."""
    return {
        name: part for name, part in answer.items() if name not in ("missing", "missing_fr", "automation")
    }


def test_what_kafka_holds_no_more_is_a_gap_that_is_told_once_and_remembered(kafka, even, tmp_path, capfd):
    night, room = even, Room.made(kafka, even, tmp_path)
    path = tmp_path / "night.db"
    room.write(0.3)
    early = room.recorded(path, 1)
    room.write(0.6)
    admin = clients.admin(room.settings.kafka)
    topic = clients.topic(room.settings.kafka, "signals")
    admin.delete_records(
        {TopicPartition(topic, number): room.written["signals", number] for number in (0, 2)}
    )
    admin.close()
    room.write(1)
    later = room.recorded(path, night.end_ms)
    assert capfd.readouterr().err.count("they are missing from the store") == later.gaps == 1
    assert room.recorded(path, night.end_ms).gaps == 0
    ((since_ms, until_ms),) = Store(path, write=False).reading.gaps(night.end_ms)
    assert early.written_ms == since_ms < until_ms < night.end_ms
    expected = [
        use
        for tick_ms, (_, _, uses) in night.whole().items()
        for use in uses
        if tick_ms <= since_ms or tick_ms > until_ms
    ]
    assert rows(path) == sorted(expected)
    answer = explain(Store(path, write=False), SMALL, "hashtag", "pushed", night.end_ms)
    assert any("Nothing was recorded from 2017-07-14T" in said for said in answer["missing"])


def test_a_store_of_something_else_is_refused_in_one_sentence(room, night, tmp_path, capsys):
    def refused(path: Path, *flags: str) -> str:
        assert cli.main(["record", "--store", str(path), *room.flags, *flags]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        return said

    replayed, path = tmp_path / "replayed.db", tmp_path / "recorded.db"
    Store(replayed, write=True).close()
    assert "is not a store of `vigie record`" in refused(replayed)
    room.recorded(path, 1)
    other = Room.made(room.settings.kafka.bootstrap, night, tmp_path)
    assert "is the recording of another room" in refused(path, "--set", other.flags[3])
    assert "lacks the topics nowhere.posts" in refused(path, "--set", "kafka.prefix=nowhere.")
    with pytest.raises(InputError, match="is kept by `vigie record`"):
        Store(path, write=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE offsets SET next = 10000 WHERE topic = 'signals'")
    assert "was made anew since the store was written" in refused(path)


def test_of_two_recorders_of_one_store_one_ends(tmp_path):
    one, other = (Recording(tmp_path / "night.db", "a room", RetentionSettings()) for _ in range(2))
    one.write(Place(5000, 5000, {}))
    other.note_tick(5000, 1, 0, [])
    with pytest.raises(InputError, match=r"Another `vigie record` writes to .*night\.db"):
        other.write(Place(5000, 5000, {}))
    assert one.store.db.execute("SELECT count(*) FROM ticks").fetchone() == (0,)


def test_a_person_is_erased_from_a_recording_that_goes_on(room, night, tmp_path):
    path = tmp_path / "night.db"
    recorder = room.recorded(path, night.end_ms)
    assert recorder.unreadable == 3  # one in each topic
    assert recorder.repeated > 0
    gone = from_store(str(path), Person("x", frozenset({"copier1"})))
    assert gone["posts"] > 0 < gone["members"]
    room.recorded(path, night.end_ms)
    assert b"copier1" not in path.read_bytes()


def test_what_was_kept_long_enough_goes_with_what_was_counted_of_it(tmp_path):
    recording = Recording(tmp_path / "night.db", "a room", RetentionSettings(posts_days=1))
    recording.note_tick(5000, 1, 0, [])
    recording.write(Place(5000, 0, {("signals", 0): 7}))
    recording.sweep()
    count = "SELECT count(*) FROM ticks"
    assert recording.store.db.execute(count).fetchone() == (1,)  # the store is no older than its beginning
    recording.store.db.execute("UPDATE begun SET at_ms = 0")
    recording.sweep()
    assert recording.store.db.execute(count).fetchone() == (0,)
    assert Recording(tmp_path / "night.db", "a room", RetentionSettings()).place.offsets == {
        ("signals", 0): 7
    }


def test_what_is_recorded_and_not_judged_yet_is_not_asked_of(tmp_path):
    recording = Recording(tmp_path / "night.db", "a room", RetentionSettings())
    share = ShareSignal(START_MS + 7, "1", "x\x1fana", 1, Subject("link", "news.invalid/a"))
    rows = rows_of([Signals(START_MS + 5000, [], [], [share], [], [])])
    recording.note_tick(START_MS + 5000, 1, 0, rows)
    tick_ms, minute_ms = START_MS + 5000, START_MS + MINUTE
    for judged_ms, last_ms in ((0, None), (tick_ms, tick_ms), (START_MS + 10**9, minute_ms)):
        recording.write(Place(START_MS + 60_000, judged_ms, {}))
        assert Store(tmp_path / "night.db", write=False).last_ms() == last_ms


def test_what_was_judged_is_told_in_records_of_a_bounded_length(night, monkeypatch):
    monkeypatch.setattr(judged, "_FULL_BYTES", 20_000)
    records = list(judged.encode(7, night.judged))
    assert max(map(len, records)) <= 30_000
    told = [judged.decode(record) for record in records]
    assert [one.until_ms for one in told] == [0] * (len(told) - 1) + [7]
    assert [one.finding.finding_id for part in told for one in part.judged] == [
        one.finding.finding_id for one in night.judged
    ]
