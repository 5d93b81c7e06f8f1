"""The console over Kafka: what it reads of the workers is what a store beside a pipeline says."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import orjson
import pytest
import short_night
from console_room import PATIENCE_S, Room, in_background, newest, until
from servers import need
from streams_of_posts import robot
from test_subscribe import publish

from detectors.accounts.stage import Account
from detectors.batches import SignalBatch, spread
from detectors.case import CaseFinding
from detectors.events import Change, Item, from_mapping
from detectors.findings import Finding, account_key, author_of
from detectors.state import STATE_FORMAT, Changes, Table, pack
from streams.clock import clock_ms
from streams.console import sponsors
from streams.console.about import About
from streams.console.board import Board
from streams.console.checkpointed import Checkpointed, NotRead
from streams.console.kafka import FromKafka
from streams.console.open_coordination import listed_openly
from streams.console.signalled import posts_of
from streams.embedded import Pipeline, Settings
from streams.kafka import clients, topics
from streams.kafka.checkpoints import Checkpoints, Head
from streams.kafka.frames import partition_of
from streams.kafka.settings import KafkaSettings, RedisSettings
from streams.kafka.stretches import Teller
from streams.replay import Run, play
from streams.stores.sqlite import Store

PARTITIONS = 3


class Night(NamedTuple):
    """A short night as both forms keep it."""

    over_kafka: Room
    beside: Room
    alerts: list[dict[str, Any]]
    pipeline: Pipeline
    settings: Settings


def items() -> list[Item]:
    """The short night, with promoted posts, and with what became of some accounts and posts."""
    posts = list(short_night.posts())
    pushers = [one for one in posts if "delbreuilleaks" in [tag.casefold() for tag in one.hashtags or ()]]
    end_ms = posts[-1].time_ms
    gone: list[Item] = []
    for one in pushers[-5:]:
        network = {"platform": one.platform, "author_id": one.author_id, "time_ms": end_ms}
        gone.append(Change(event="account", status="suspended", **network))
        gone.append(Change(event="deletion", post_id=one.id, **network))
    ads: list[Item] = [
        from_mapping(
            {
                "id": f"ad{number}",
                "platform": "twitter",
                "author_id": f"page{number % 2}",
                "created_at": posts[0].time_ms + 60_000 * number,
                "text": "Lisez ceci",
                "author": msgspec.to_builtins(robot()),
                "promoted": {"payer": "Radio Exemple", "spend": 12.5, "currency": "EUR"},
            }
        )
        for number in range(6)
    ]
    return sorted([*posts, *gone, *ads], key=lambda one: one.time_ms)


class _Signals:
    """Tells the topic `signals` what a pipeline's first stage says, as tasks do."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic, self._producer = clients.topic(kafka, "signals"), clients.producer(kafka)
        self._tellers = [Teller(f"accounts.{one}", "signals", PARTITIONS) for one in range(PARTITIONS)]

    def tell(self, batch: SignalBatch) -> None:
        parts = spread(batch.signals(), PARTITIONS)
        self._send(batch.tick_ms, [(batch.tick_ms, parts)])
        if batch.tick_ms % 60_000 == 0:
            self._send(batch.tick_ms, [])  # a heartbeat

    def close(self) -> None:
        self._producer.flush()
        self._producer.close()

    def _send(self, until_ms: int, ticks: list[Any]) -> None:
        for number, teller in enumerate(self._tellers):
            for said in teller.tell(until_ms, ticks if number == 0 else []):
                self._producer.send(self._topic, said.value, headers=said.headers, partition=said.partition)


def checkpointed(pipeline: Pipeline) -> dict[str, Changes]:
    """The state of a pipeline, by the names of the tasks that would hold it."""
    tasks = {f"{stage}.{one}": {} for stage in ("accounts", "subjects") for one in range(PARTITIONS)}
    tasks |= {"cases.0": pipeline.judge.changes(everything=True)}
    tasks["subjects.0"] = pipeline.subjects.changes(everything=True)
    for table, records in pipeline.accounts.changes(everything=True).items():
        for key, record in records.items():
            task = f"accounts.{partition_of(author_of(key), PARTITIONS)}"
            tasks[task].setdefault(table, {})[key] = record
    return tasks


async def write(settings: Settings, space: str, tasks: dict[str, Changes], form: int) -> None:
    store = Checkpoints(settings.redis, space)
    for name, changes in tasks.items():
        head = Head(form, settings.version(), 1, 1, {}, clock_ms(), sorted(changes))
        await store.write(name, head, changes, everything=True)
    await store.close()


@pytest.fixture(scope="module")
def night(kafka: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("workers")
    chosen = KafkaSettings(bootstrap=kafka, prefix=f"w-{uuid.uuid4().hex[:8]}.", partitions=PARTITIONS)
    settings = msgspec.structs.replace(Settings(), kafka=chosen, redis=RedisSettings(url=redis_server))
    topics.create(chosen)
    store, signals = Store(folder / "store.db", write=True), _Signals(chosen)

    def counted(batch: SignalBatch) -> None:
        store.note_batch(batch)
        signals.tell(batch)

    pipeline = Pipeline(on_judged=store.note_judged, on_batch=counted)
    told = [orjson.loads(orjson.dumps(alert)) for alert in play([items()], pipeline, Run())]
    store.close()
    signals.close()
    publish(chosen, told)
    space = f"vigie:{chosen.prefix}{settings.worker.app}:{clients.cluster_id(chosen)}"
    asyncio.run(write(settings, space, checkpointed(pipeline), STATE_FORMAT))

    source = FromKafka(board := Board("kafka"), settings)
    (folder / "kafka").mkdir()
    over_kafka = Room(folder / "kafka", board=board, say=source.say, kept=source.kept)
    beside = Room(folder, store=folder / "store.db")
    for alert in told:
        beside.board.take(alert)
    stop = threading.Event()
    thread = in_background(lambda: source.run(stop))
    until(lambda: len(board) == len(beside.board), "the cases")
    yield Night(over_kafka, beside, told, pipeline, settings)
    stop.set()
    thread.join(PATIENCE_S)
    over_kafka.close()
    beside.close()


def everything(room: Room, case_id: str) -> list[dict[str, Any]]:
    """All rows of the table of accounts."""
    browser = room.browser().begin()
    path, rows = f"/api/cases/{case_id}/accounts", []
    while page := browser.get(path, offset=len(rows), limit=500).json["rows"]:
        rows += page
    return rows


def test_every_case_has_all_its_accounts_and_posts_as_a_store_has_them(night):
    browser = night.over_kafka.browser().begin()
    told = newest(night.alerts)
    assert len(told) > 3
    for case_id, data in told.items():
        rows = {row["account"]: row["posts"] for row in everything(night.over_kafka, case_id)}
        stored = {row["account"]: row["posts"] for row in everything(night.beside, case_id)}
        assert len(rows) == data["group"]["accounts_total"]
        # A store remembers, besides, who once was in a finding and left it.
        assert rows == {account: stored[account] for account in rows}, data["detectors"]
        case = browser.get(f"/api/cases/{case_id}").json
        assert case["posts_known"] == sum(rows.values()) == sum(case["timeline"]["posts"])
        assert case["posts_whole"]
        assert "checkpoints" in case["sources"]["timeline"]["en"]
    assert max(data["group"]["accounts_total"] for data in told.values()) > 50


def test_accounts_have_their_state_and_posts_their_fate(night):
    case_id = next(
        name
        for name, data in newest(night.alerts).items()
        if {"kind": "hashtag", "value": "delbreuilleaks"} in data["subjects"]
    )
    gone = {one.author_id for one in items() if isinstance(one, Change) and one.event == "account"}
    rows = {row["author_id"]: row for row in everything(night.over_kafka, case_id)}
    assert {name for name, row in rows.items() if row["status"] == "suspended"} == gone & rows.keys() != set()
    stored = {row["author_id"]: row for row in everything(night.beside, case_id)}
    for name, row in rows.items():  # a store keeps the whole profile, the workers a part of it
        assert (row["followers"], row["created"] or "") == (
            stored[name]["followers"],
            (stored[name]["created"] or "")[:17] + "00.000Z" * bool(stored[name]["created"]),
        )
    assert any(row["created"] and row["followers"] is not None and row["bot_score"] for row in rows.values())
    erased = {one.post_id for one in items() if isinstance(one, Change) and one.event == "deletion"}
    posts = night.over_kafka.browser().get(f"/api/cases/{case_id}").json["posts"]
    told = {post["id"] for post in posts if post["fate"] == "erased"}
    assert told and told <= erased


def test_an_export_leaves_empty_what_is_not_known(night):
    case_id = max(newest(night.alerts).items(), key=lambda one: one[1]["group"]["accounts_total"])[0]
    browser = night.over_kafka.browser().begin()
    body = browser.get(f"/api/cases/{case_id}/export", **{"as": "csv"}).body.decode()
    rows = list(csv.DictReader(io.StringIO(body)))
    assert len(rows) == browser.get(f"/api/cases/{case_id}").json["posts_known"] > 100
    assert {row["is_retweet"] for row in rows} <= {"", "true"}
    assert {row["user_screen_name"] for row in rows} == {""}


def test_open_coordination_and_all_payers_are_there(night):
    browser = night.over_kafka.browser().begin()
    groups = until(lambda: browser.get("/api/board").json["open"], "open coordination")
    assert groups == listed_openly(night.pipeline.judge.open_groups)
    answer = until(lambda: (one := browser.get("/api/sponsors").json)["counted"] and one, "the payers")
    (row,) = answer["rows"]
    assert (row["payer"], row["posts"], row["pages"]) == ("Radio Exemple", 6, 2)
    assert row["spend"] == [{"currency": "EUR", "amount": 75.0}]
    payers = night.pipeline.stores()["promoted"].payers
    assert answer["rows"] == sponsors.counted(payers, night.pipeline.judge.lists, [])


def test_what_cannot_be_explained_here_is_said_with_the_command_that_can(night):
    answer = night.over_kafka.browser().get("/api/explain", kind="text", value="l'eau; rm -rf").json
    assert answer["commands"][0] == "vigie record --store night.db"
    assert answer["commands"][1].startswith("""vigie explain text 'l'"'"'eau; rm -rf' --store""")
    assert answer["elsewhere"].keys() == {"en", "fr"}
    assert answer["leader"] is None


def test_the_page_shows_the_whole_case_and_says_what_it_cannot_explain(night):
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    need("" if chromium else "Chromium is not installed: apt-get install chromium.")
    data = max(newest(night.alerts).values(), key=lambda data: data["group"]["accounts_total"])
    total = data["group"]["accounts_total"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(locale="en-GB")
        page.goto(f"{night.over_kafka.server.url}#/case/{data['case_id']}")
        api.expect(page.locator(".pager")).to_contain_text(f"1 to 50 of {total}")
        api.expect(page.locator(".evidence-sample")).to_contain_text("posts that are known here.")
        assert "Some are missing" not in page.locator(".evidence-sample").inner_text()
        page.goto(f"{night.over_kafka.server.url}#/explain/account/4711")
        api.expect(page.locator(".commands")).to_contain_text("vigie explain account 4711 --store night.db")
        browser.close()


def test_what_there_was_no_time_for_is_said_to_be_missing(night):
    data = max(newest(night.alerts).values(), key=lambda data: data["group"]["accounts_total"])
    about = _about(night, data)
    whole, cut = (posts_of(night.settings.kafka, about, limit_s) for limit_s in (PATIENCE_S, 0.0))
    assert (whole.whole, cut.whole) == (True, False)
    assert len(cut.posts) < len(whole.posts)


def _about(night: Night, data: dict[str, Any]) -> About:
    case = next(one for one in night.pipeline.judge.cases.open_cases() if one.case_id == data["case_id"])
    findings: list[Finding] = [judged.finding for judged in case.findings.values()]
    return About.of(findings, min(one.start_ms for one in findings), max(one.end_ms for one in findings))


def test_checkpoints_of_another_version_are_not_read(night, redis_server):
    prefix = f"{night.settings.kafka.prefix}other."
    other = msgspec.structs.replace(
        night.settings, kafka=msgspec.structs.replace(night.settings.kafka, prefix=prefix)
    )
    space = f"vigie:{prefix}{other.worker.app}:cluster"
    asyncio.run(
        write(other, space, {"cases.0": night.pipeline.judge.changes(everything=True)}, STATE_FORMAT + 1)
    )
    checkpoints = Checkpointed(other, "cluster")
    with pytest.raises(NotRead, match="another version"):
        checkpoints.open_groups()
    with pytest.raises(NotRead, match="another version"):
        checkpoints.findings("c1", ["f1"])
    checkpoints.close()


def test_a_case_of_twenty_thousand_accounts(night, redis_server, record_property, capsys):
    """How long its table takes is printed and not asserted: machines differ."""
    settings = msgspec.structs.replace(Settings(), redis=RedisSettings(url=redis_server))
    keys = [account_key("x", str(number)) for number in range(20_000)]
    case = night.pipeline.judge.cases.open_cases()[0]
    judged = next(iter(case.findings.values()))
    finding = msgspec.structs.replace(judged.finding, accounts=tuple(sorted(keys)), accounts_total=len(keys))
    part = CaseFinding(0, judged._replace(finding=finding), [], [])
    tasks: dict[str, Changes] = {f"accounts.{one}": {"accounts": {}} for one in range(4)}
    for key in keys:
        task = tasks[f"accounts.{partition_of(author_of(key), 4)}"]
        task["accounts"][key] = pack(Account(key, 0, 0, score=500))
    tasks["cases.0"] = Table(CaseFinding).told({f"c1.{finding.finding_id}": part})
    asyncio.run(write(settings, "vigie:vigie:20000", tasks, STATE_FORMAT))
    checkpoints = Checkpointed(settings, "20000")
    began = time.perf_counter()
    (found,) = checkpoints.findings("c1", [finding.finding_id])
    known = checkpoints.accounts(found.accounts)
    told = f"20,000 accounts read from Redis in {(time.perf_counter() - began) * 1000:.0f} ms"
    checkpoints.close()
    assert len(known) == len(found.accounts) == 20_000
    record_property("timing", told)
    with capsys.disabled():
        print(f"\n{told}")
