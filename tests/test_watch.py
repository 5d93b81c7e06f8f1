"""`vigie watch` and `vigie produce` on a live network: alerts within seconds, an end that is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest
from live_servers import Jetstream, served
from test_live_bluesky import clock_us
from test_live_bluesky import post as bluesky_post

from streams.kafka import clients, topics
from streams.kafka.frames import decode_headers
from streams.kafka.settings import KafkaSettings

TEXT = "the harbour was sold last night to those who paid the minister and nobody here will say so"
QUICK = ["--set", "time.grace_s=1", "--set", "time.tick_s=1"]


def copies(count: int, start: int = 0) -> list[dict]:
    """Accounts that all send somebody the same words, now."""
    made = []
    for number in range(start, start + count):
        one = bluesky_post(number, clock_us() + number)
        one["did"] = f"did:plc:troll{number}"
        one["commit"]["record"]["text"] = f"@mayor.example {TEXT}"
        made.append(one)
    return made


def vigie(*arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until(holds, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_live_network_gives_alerts_within_seconds_and_ctrl_c_a_summary(tmp_path):
    server, alerts = Jetstream(), tmp_path / "alerts.jsonl"
    with served(server):
        running = vigie(
            *("watch", "bluesky", "--set", f"bluesky.servers={server.address('first')}", *QUICK),
            *("--alerts", str(alerts), "--place", str(tmp_path / "place.json"), "--json"),
        )
        try:
            until(lambda: server.asked)
            server.log += copies(8)
            until(lambda: alerts.exists() and alerts.read_text().count("\n") >= 1)
            running.send_signal(signal.SIGINT)
            said, problems = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 0, problems
    numbers = json.loads(said)
    assert numbers["posts"]["processed"] == 8
    first = json.loads(alerts.read_text().splitlines()[0])
    assert "did:plc:troll1" in first["data"]["group"]["accounts"]
    assert (tmp_path / "place.json").exists()


@pytest.mark.parametrize("network", ["x", "http"])
def test_a_network_without_its_secret_is_refused_in_one_sentence(network):
    running = vigie("watch", network)
    _, problems = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "oken" in problems and "Traceback" not in problems


def test_a_live_network_is_sent_to_kafka_and_gone_on_with_after_a_restart(kafka, tmp_path):
    settings = KafkaSettings(bootstrap=kafka, prefix=f"t-{uuid.uuid4().hex[:8]}.", partitions=1)
    topics.create(settings)
    server, place = Jetstream(), tmp_path / "place.json"

    def send() -> subprocess.Popen[str]:
        return vigie(
            *("produce", "bluesky", "--set", f"bluesky.servers={server.address('first')}"),
            *("--set", f"kafka.bootstrap={kafka}", "--set", f"kafka.prefix={settings.prefix}"),
            *("--set", "kafka.partitions=1", "--place", str(place), "--json"),
        )

    with served(server):
        for part in range(2):
            asked = len(server.asked)
            running = send()
            try:
                until(lambda before=asked: len(server.asked) > before)
                server.log += copies(5, 5 * part)
                until(lambda wanted=5 * (part + 1): len(set(sent(settings))) >= wanted)
                running.terminate()
                _, problems = running.communicate(timeout=30)
            finally:
                running.kill()
            assert running.returncode == 0, problems
    assert place.exists()
    assert set(sent(settings)) == {f"did:plc:troll{number}" for number in range(10)}


def sent(settings: KafkaSettings) -> list[str]:
    """The authors of all posts in the topic."""
    consumer = clients.consumer(settings)
    try:
        part = clients.TopicPartition(clients.topic(settings, "posts"), 0)
        consumer.assign([part])
        consumer.seek_to_beginning(part)
        end = consumer.end_offsets([part])[part]
        authors = []
        while consumer.position(part) < end:
            for record in consumer.poll(timeout_ms=200).get(part, ()):
                assert decode_headers(record.headers) is not None
                lines = record.value.split(b"\n") if record.value else []
                authors += [json.loads(line)["author_id"] for line in lines]
        return authors
    finally:
        consumer.close()
