"""A real Prometheus scrapes a running pipeline, and every query of every panel and rule is asked of it.

One scene for all tests: a producer and a worker over Kafka, a replay in one process, and a connection to a
network, each a process of its own with its metrics. They play the same invented twenty minutes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML
from servers import need
from streams_of_posts import SMALL, Stream, planted
from test_metrics import LABELS
from test_rules import ALERTS, DASHBOARDS, DEPLOY, RECORDED, known, named

from deploy.servers import Server, dying_with_us, free_port, listening
from streams import metrics, settings
from streams.kafka import leading
from streams.kafka.topics import TOPICS
from streams.leading import Leading
from streams.outputs.receivers.courier import OUTCOMES
from streams.sources.posts import encode_post

ROOT = DEPLOY.parent
SPEED = 15
PATIENCE_S = 75.0
"""How long all of it may take to have every figure; the stream is longer."""
IN_USE = {
    "instance": None,
    "job": {"vigie-worker", "vigie-producer", "vigie-watch", "vigie-record", "vigie-notify"},
    "topic": set(TOPICS),
    "stage": {"accounts", "subjects", "pairs", "cases"},
    "outcome": {"processed", "duplicate", "late", "dead", "shed", "events", *OUTCOMES},
    "receiver": {"desk"},
} | LABELS
"""Every label, and what its value can be: any port of ours for an instance, else one of few words."""


class Prometheus(Server):
    """A Prometheus with the rules and the scrape jobs of `deploy/prometheus`, which asks each second."""

    name = "prometheus"

    def __init__(self, data: Path, targets: dict[str, list[int]]) -> None:
        super().__init__(free_port(), data)
        self._targets = targets

    def ask(self, path: str, **parameters: str) -> Any:
        """What the interface says to a question."""
        asked = f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(asked, timeout=10) as answer:
            said = json.load(answer)
        assert said["status"] == "success"
        return said["data"]

    def values(self, query: str) -> list[float]:
        """The present values of a query, those that are numbers."""
        found = [float(one["value"][1]) for one in self.ask("query", query=query)["result"]]
        return [value for value in found if not math.isnan(value)]

    def _prepare(self) -> None:
        yaml = YAML(typ="safe")
        config = yaml.load(DEPLOY / "prometheus" / "prometheus.yml")
        del config["alerting"]
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
        jobs = [job["job_name"] for job in config["scrape_configs"]]
        assert set(jobs) <= set(self._targets), "a job of the room that nothing here stands for"
        config["scrape_configs"] = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for job, ports in self._targets.items()
        ]
        with (self.data / "prometheus.yml").open("w") as file:
            yaml.dump(config, file)

    def _command(self) -> list[str]:
        return [
            "prometheus",
            f"--config.file={self.data / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data / 'data'}",
            f"--web.listen-address={self.address}",
        ]

    def _answers(self, begun: int) -> bool:
        return listening(self.port) and self._printed(begun, b"Server is ready to receive")


@dataclass
class Scene:
    """All that runs."""

    folder: Path
    environment: dict[str, str]
    stream: Stream
    prometheus: Prometheus
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    leading: Leading | None = None

    def start(self, name: str, *arguments: object, **more: str) -> None:
        """One command of Vigie, as a process of its own, with these settings besides."""
        command = dying_with_us([sys.executable, "-m", "streams.cli", *map(str, arguments)])
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(command, cwd=ROOT, env=self.environment | more, stdout=log, stderr=log)
            )

    def logs(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def scene(kafka: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    need("" if shutil.which("prometheus") else "prometheus is missing: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("monitoring")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")} | {
        "VIGIE_KAFKA__BOOTSTRAP": kafka,
        "VIGIE_KAFKA__PREFIX": f"m-{uuid.uuid4().hex[:8]}.",
        "VIGIE_KAFKA__PARTITIONS": "2",
        "VIGIE_REDIS__URL": redis_server,
        "VIGIE_HTTP__TOKEN": uuid.uuid4().hex,
        "VIGIE_HTTP__PORT": "0",
        "VIGIE_NEAR_DUPLICATES__INDEX_ROWS": str(SMALL.near_duplicates.index_rows),
    }
    stream = planted(7, chatter=400, copiers=12, pushers=60, minutes=20)
    night = folder / "night.jsonl"
    night.write_bytes(b"\n".join(encode_post(one) for one in stream.posts))
    worker, producer, replay, network, record, notify = ports = [free_port() for _ in range(6)]
    targets = {
        "vigie-worker": [worker],
        "vigie-producer": [producer],
        "vigie-watch": [replay, network],
        "vigie-record": [record],
        "vigie-notify": [notify],
    }
    made = Scene(folder, environment, stream, Prometheus(folder / "prometheus", targets))
    topics = [sys.executable, "-m", "streams.cli", "topics", "create"]
    subprocess.run(topics, cwd=ROOT, env=environment, check=True, capture_output=True)
    try:
        made.start("worker", "worker", "--set", f"worker.port={worker}")
        made.start("network", "watch", "http", "--metrics-port", network, "--place", folder / "place.json")
        nobody = {
            "VIGIE_RECEIVERS__DESK__URL": f"http://127.0.0.1:{free_port()}/",
            "VIGIE_RECEIVERS__DESK__FORMAT": "slack",
            "VIGIE_RECEIVERS__DESK__DEAD_LETTERS": str(folder / "undelivered.jsonl"),
        }
        made.start("replay", "replay", night, "--speed", SPEED, "--metrics-port", replay, **nobody)
        made.start("record", "record", "--store", folder / "night.db", "--metrics-port", record)
        made.start("notify", "notify", "--metrics-port", notify, **nobody)
        # Every three seconds, for the first of them to come through in time.
        canary = ("--canary-minutes", 0.05)
        made.start("producer", "produce", night, "--speed", SPEED, "--metrics-port", producer, *canary)
        deadline = time.monotonic() + PATIENCE_S
        while not all(map(listening, ports)):
            assert time.monotonic() < deadline, made.logs()
            time.sleep(0.2)
        made.prometheus.start()
        assert len(set(ports)) == len(ports)
        yield made
    finally:
        for process in made.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        made.prometheus.kill()


def with_interval(query: str) -> str:
    """As Grafana asks it."""
    return query.replace("$__rate_interval", "10s")


PANELS = {
    f"{name}: {panel['title']}: {target['refId']}": with_interval(target["expr"])
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", [])
}
SERIES = {f"{name} of {rule}": name for rule, one in ALERTS.items() for name in named(one["expr"])}
QUERIES = PANELS | SERIES | {name: name for name in RECORDED}


def _leads(scene: Scene) -> bool:
    return scene.leading is not None and bool(scene.leading.top("hashtag", 1))


@pytest.fixture(scope="module")
def answered(scene: Scene) -> dict[str, list[float]]:
    """The values of every query, as soon as all of them have some; of those that have none, none."""
    found: dict[str, list[float]] = {}
    deadline = time.monotonic() + PATIENCE_S
    while (len(found) < len(QUERIES) or not _leads(scene)) and time.monotonic() < deadline:
        time.sleep(1)
        for name, query in QUERIES.items():
            if name not in found and (values := scene.prometheus.values(query)):
                found[name] = values
        if (known_of := leading.read(settings.load(None, scene.environment))) is not None:
            scene.leading = known_of
    return found


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_query_returns_data(scene, answered, name):
    assert answered.get(name), f"{QUERIES[name]}\n{scene.logs()}"


@pytest.mark.parametrize(
    "job", ["vigie-worker", "vigie-producer", "vigie-watch", "vigie-record", "vigie-notify"]
)
def test_every_job_is_scraped(scene, answered, job):
    targets = scene.prometheus.ask("targets", state="active")["activeTargets"]
    mine = [one for one in targets if one["labels"]["job"] == job]
    assert {one["health"] for one in mine} == {"up"}, [one["lastError"] for one in mine]


def test_every_rule_can_be_evaluated(scene, answered):
    rules = [rule for group in scene.prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(ALERTS) + len(RECORDED)
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]


def test_while_all_is_well_nothing_pages(scene, answered):
    firing = {
        one["labels"]["alertname"]
        for one in scene.prometheus.ask("alerts")["alerts"]
        if one["state"] == "firing"
    }
    assert firing == set()


def test_every_metric_that_a_process_declares_is_there(scene, answered):
    stored = set(scene.prometheus.ask("label/__name__/values"))
    declared = {one for described in metrics.COMPONENTS.values() for one in described}
    assert {f"{one.name}_count" if one.kind == "histogram" else one.name for one in declared} <= stored


def test_no_label_has_a_value_that_is_not_known_before(scene, answered):
    series = scene.prometheus.ask("series", **{"match[]": '{__name__=~"vigie.*"}'})
    seen: dict[str, set[str]] = {}
    for one in series:
        for label, value in one.items():
            seen.setdefault(label, set()).add(value)
    assert seen.pop("__name__") <= known()
    assert len(seen.pop("instance")) == 6
    assert set(seen) <= set(IN_USE)
    for label, values in seen.items():
        assert values <= IN_USE[label], label
    words = {one.author_id for one in scene.stream.posts} | {
        tag for one in scene.stream.posts for tag in one.hashtags or ()
    }
    assert not words & set().union(*seen.values())


def test_the_worker_and_the_process_see_the_same_hashtag_lead_with_its_bots(scene, answered):
    shares = scene.prometheus.ask("query", query='vigie_top_hashtag_bot_share{rank="1"}')["result"]
    assert {one["metric"]["job"] for one in shares} == {"vigie-worker", "vigie-watch"}
    assert all(float(one["value"][1]) > 0.5 for one in shares)


def test_what_leads_stands_in_redis_for_the_room(scene, answered):
    assert scene.leading is not None
    (first, *_) = scene.leading.top("hashtag", 10)
    assert (first.value, first.detector) == ("pushed", "hashtags")
    assert first.bot_share > 0.5
