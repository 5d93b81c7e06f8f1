"""A program that subscribes: the page's own examples on a real broker, `vigie alerts tail`, the contract."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import short_night
import yaml
from servers import need
from streams_of_posts import planted

from streams import cli
from streams.kafka import clients, topics
from streams.kafka.alerts import CONTENT_TYPE, Tail
from streams.kafka.frames import Frame, encode_headers
from streams.kafka.settings import KafkaSettings
from streams.kafka.wire import line_of
from streams.outputs.alert import Alert
from streams.sources.opening import InputError

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "subscribe.md").read_text(encoding="utf-8")
ASYNCAPI = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
PATIENCE_S = 60.0


def example(name: str, room: KafkaSettings) -> str:
    """An example of the page, told only where the broker and the topic of the test are."""
    code = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    text = code.group(1)
    for written, meant in (
        ("127.0.0.1:9092", room.bootstrap),
        ('"alerts"', f'"{room.prefix}alerts"'),
        ("-t alerts ", f"-t {room.prefix}alerts "),
        ('"night-desk"', f'"{room.prefix}night-desk"'),
    ):
        text = text.replace(written, meant)
    assert room.prefix in text
    assert room.bootstrap in text
    return text


def publish(room: KafkaSettings, alerts: list[Alert]) -> None:
    producer = clients.producer(room)
    for alert in alerts:
        key = alert["data"]["case_id"].encode()
        headers = [("content-type", CONTENT_TYPE)]
        producer.send(f"{room.prefix}alerts", orjson.dumps(alert), key, headers).get(PATIENCE_S)
    producer.close()


@pytest.fixture(scope="module")
def told() -> list[Alert]:
    alerts = short_night.told()[0]
    assert len({alert["data"]["case_id"] for alert in alerts}) < len(alerts)
    assert {alert["data"]["severity"] for alert in alerts} > {"notice"}
    return alerts


@pytest.fixture(scope="module")
def room(kafka, told) -> KafkaSettings:
    """A topic with the alerts of a night, some twice, and records of strangers."""
    made = KafkaSettings(bootstrap=kafka, prefix=f"s-{uuid.uuid4().hex[:8]}.", partitions=2)
    topics.create(made)
    half = len(told) // 2
    publish(made, told[:half])
    publish(made, told[half - 3 :])  # at least once: three come again
    return made


@pytest.fixture(scope="module")
def shown(told) -> list[str]:
    """What the examples print, in order."""
    loud = [(alert["id"], alert["data"]) for alert in told if alert["data"]["severity"] != "notice"]
    return [f"{name} {data['status']} {data['severity']} {data['summary']['en']}" for name, data in loud]


def newest(told: list[Alert]) -> dict[str, Alert]:
    return {alert["data"]["case_id"]: alert for alert in told}


# -- the examples of the page ----------------------------------------------------------------------


def read_until(process: subprocess.Popen[str], lines: int) -> Iterator[str]:
    deadline = time.monotonic() + PATIENCE_S
    assert process.stdout is not None
    for _ in range(lines):
        assert time.monotonic() < deadline
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield line.rstrip("\n")


def test_the_python_subscriber_sees_each_revision_once_and_goes_on_after_a_restart(room, shown, told):
    program = [sys.executable, "-c", example("python", room)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert list(read_until(process, len(shown))) == shown
        finally:
            process.send_signal(signal.SIGINT)  # it leaves its group, so that the next one need not wait
            try:
                process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
    later = [alert for alert in told if alert["data"]["severity"] != "notice"][-1]
    again = later | {"id": later["data"]["case_id"] + ".999"}
    again["data"] = later["data"] | {"revision": 999}
    publish(room, [again])
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            # What was not committed before the end may come again; the new one comes.
            for line in iter(lambda: next(read_until(process, 1)), None):
                if line.startswith(again["id"]):
                    break
                assert line in shown
        finally:
            process.kill()


def shell(room: KafkaSettings, name: str) -> list[str]:
    for tool in ("kcat", "jq"):
        if shutil.which(tool) is None:
            need(f"{tool} is not installed: apt-get install {tool}")
    done = subprocess.run(
        ["sh", "-c", example(name, room)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_shell_subscriber_sees_every_alert(room, shown):
    lines = [line for line in shell(room, "shell") if ".999 " not in line]
    assert set(lines) == set(shown)
    assert len(shown) <= len(lines) <= len(shown) + 3


def test_the_snapshot_of_the_shell_is_the_newest_of_every_case(room, told):
    found = [orjson.loads(line) for line in shell(room, "snapshot")]
    for name, status, severity in found:
        alert = newest(told)[name.partition(".")[0]]
        assert (status, severity) == (alert["data"]["status"], alert["data"]["severity"])
        assert name == alert["id"] or name.endswith(".999")
    assert len(found) == len(newest(told))


# -- vigie alerts tail -----------------------------------------------------------------------------


@pytest.fixture
def own(kafka, told) -> KafkaSettings:
    made = KafkaSettings(bootstrap=kafka, prefix=f"s-{uuid.uuid4().hex[:8]}.", partitions=1)
    topics.create(made)
    return made


def tail(room: KafkaSettings, *arguments: str) -> list[str]:
    wanted = [f"kafka.bootstrap={room.bootstrap}", f"kafka.prefix={room.prefix}"]
    return ["alerts", "tail", *arguments, *(part for one in wanted for part in ("--set", one))]


def test_a_snapshot_has_the_newest_revision_of_every_case(own, told, capsys):
    publish(own, told + told[:4])  # old revisions that come again do not win
    assert cli.main(tail(own, "--snapshot", "--json")) == 0
    found = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {alert["data"]["case_id"]: alert for alert in found} == newest(told)
    assert len(found) == len(newest(told))
    assert [alert["time"] for alert in found] == sorted(alert["time"] for alert in found)


def test_a_snapshot_of_nothing_is_empty(own, capsys):
    assert cli.main(tail(own, "--snapshot", "--json")) == 0
    assert capsys.readouterr().out == ""


def test_a_record_without_a_value_takes_its_case_out(own, told):
    publish(own, told)
    gone = told[-1]["data"]["case_id"]
    producer = clients.producer(own)
    producer.send(f"{own.prefix}alerts", None, gone.encode()).get(PATIENCE_S)
    producer.close()
    reading = Tail(own, "start")
    found = {alert["data"]["case_id"] for alert in reading.snapshot()}
    reading.close()
    assert found == set(newest(told)) - {gone}


def test_a_snapshot_for_people_is_printed_as_a_replay_prints_it(own, told, capsys):
    publish(own, told)
    assert cli.main(tail(own, "--snapshot", "--show", "notice", "--language", "fr")) == 0
    said = capsys.readouterr().out
    open_cases = [one for one in newest(told).values() if one["data"]["status"] not in ("closed", "merged")]
    for alert in open_cases:
        assert alert["data"]["case_id"][:9] in said
    assert "nouvelle affaire" in said or "affaire" in said or not open_cases


class Tailing:
    """A `vigie alerts tail` that goes on until it is told to stop."""

    def __init__(self, room: KafkaSettings, *arguments: str) -> None:
        command = [sys.executable, "-m", "streams.cli", *tail(room, "--json", *arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self, count: int) -> list[str]:
        return [orjson.loads(line)["id"] for line in read_until(self.process, count)]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said


def test_the_tail_gives_each_id_once_passes_over_strangers_and_ends_cleanly(own, told):
    producer = clients.producer(own)
    for value in (b"", b"{", b"[]", b'{"data":{}}', b'{"id":1,"type":"vigie.alert.v1"}', b"\xff"):
        producer.send(f"{own.prefix}alerts", value, b"x").get(PATIENCE_S)
    producer.close()
    publish(own, told + told)
    extra = told[0] | {"id": told[0]["data"]["case_id"] + ".998"}
    publish(own, [extra])
    tailing = Tailing(own, "--from-start")
    ids = [alert["id"] for alert in told]
    assert tailing.read(len(ids) + 1) == [*ids, extra["id"]]
    code, said = tailing.stop()
    assert code == 0
    assert said == "vigie: 6 records of the topic are no alerts and were passed over.\n"


def test_the_tail_begins_now_unless_told_otherwise(own, told):
    publish(own, told[:2])
    reading = Tail(own)
    assert reading._consumer.position(reading._part) == 2
    reading.close()
    since = Tail(own, 0)
    assert since._consumer.position(since._part) == 0
    since.close()
    after = Tail(own, time.time_ns() // 1_000_000 + 3_600_000)
    assert after._consumer.position(after._part) == 2
    after.close()


def test_since_is_when_it_was_published(own, told):
    tailing = Tailing(own, "--since", "2022-04-10T19:00:00Z")
    publish(own, told[:2])
    assert tailing.read(2) == [alert["id"] for alert in told[:2]]
    assert tailing.stop(signal.SIGTERM) == (0, "")


def test_bad_use_is_one_sentence(kafka, own, capsys):
    for arguments, sentence in (
        (tail(own, "--since", "yesterday"), "is no time"),
        (tail(KafkaSettings(bootstrap=kafka, prefix="none.")), "vigie topics create"),
    ):
        assert cli.main(arguments) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert len(said.splitlines()) == 1
    with pytest.raises(InputError):
        Tail(KafkaSettings(bootstrap=kafka, prefix="none."))


# -- the contract ----------------------------------------------------------------------------------


def test_the_asyncapi_document_is_valid():
    schema = orjson.loads((ROOT / "tests" / "vendor" / "asyncapi-3.0.0.json").read_bytes())
    validator = jsonschema.Draft7Validator(schema)
    assert [problem.message for problem in validator.iter_errors(ASYNCAPI)] == []
    assert list(validator.iter_errors(ASYNCAPI | {"asyncapi": "2.0.0"})), "the schema must be able to refuse"
    assert list(validator.iter_errors(ASYNCAPI | {"bogus": 1}))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_leads_somewhere():
    for reference in references(ASYNCAPI):
        if reference.startswith("#/"):
            at: Any = ASYNCAPI
            for part in reference[2:].split("/"):
                at = at[part]
        else:
            assert (ROOT / "docs" / reference).is_file(), reference


def test_its_channels_are_topics_with_their_rules():
    known = {topic.name: topic for topic in topics.wanted(KafkaSettings())}
    for name, channel in ASYNCAPI["channels"].items():
        binding = channel["bindings"]["kafka"]
        assert channel["address"] == binding["topic"] == name
        assert binding["partitions"] == known[name].partitions
        assert binding["topicConfiguration"]["cleanup.policy"] == known[name].rules["cleanup.policy"].split(
            ","
        )


def inlined(value: Any) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return inlined(ASYNCAPI["components"]["schemas"][value["$ref"].rpartition("/")[2]])
        return {key: inlined(one) for key, one in value.items()}
    return [inlined(one) for one in value] if isinstance(value, list) else value


def test_the_messages_are_those_that_are_sent(told):
    messages = ASYNCAPI["components"]["messages"]
    posts = jsonschema.Draft202012Validator(inlined(messages["post"]["payload"]))
    for post in planted(3).posts:
        posts.validate(orjson.loads(line_of(post)))
    assert not posts.is_valid({"id": "1"})
    headers = {
        key: value.decode() for key, value in encode_headers(Frame(producer="x", final=True, live=True))
    }
    declared = messages["frame"]["headers"]
    jsonschema.validate(headers, declared)
    assert set(headers) == set(declared["properties"])
    alert_schema = orjson.loads((ROOT / "docs" / messages["alert"]["payload"]["schema"]["$ref"]).read_bytes())
    alerts = jsonschema.Draft202012Validator(alert_schema)
    for alert in told:
        alerts.validate(alert)


def test_the_page_names_statuses_that_exist():
    schema = orjson.loads((ROOT / "streams/outputs/schemas/vigie.alert.v1.json").read_bytes())
    statuses = schema["properties"]["data"]["properties"]["status"]["enum"]
    for status in statuses:
        assert f"`{status}`" in PAGE
