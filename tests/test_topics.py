"""The topics on a real broker, the settings around it, and what is said when it does not answer."""

from __future__ import annotations

import uuid

import msgspec
import orjson
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streams import cli, settings
from streams.kafka import clients, topics
from streams.kafka.settings import (
    MASK,
    KafkaSettings,
    RedisSettings,
    WorkerSettings,
    masked,
    problems,
    without_password,
)
from streams.sources.opening import InputError

NOBODY = "127.0.0.1:1"
"""An address at which nobody answers."""


@pytest.fixture
def room(kafka) -> KafkaSettings:
    return KafkaSettings(bootstrap=kafka, prefix=f"t-{uuid.uuid4().hex[:8]}.", partitions=3)


def changed(room: KafkaSettings, **more) -> KafkaSettings:
    return msgspec.structs.replace(room, **more)


def flags(room: KafkaSettings) -> list[str]:
    wanted = {"bootstrap": room.bootstrap, "prefix": room.prefix, "partitions": room.partitions}
    return [part for name, value in wanted.items() for part in ("--set", f"kafka.{name}={value}")]


def test_missing_topics_are_made_with_their_partitions_and_rules(room):
    with pytest.raises(InputError, match="vigie topics create"):
        topics.check(room)
    made = topics.create(room)
    assert {row["name"] for row in made} == {room.prefix + name for name in topics.TOPICS}
    assert {row["state"] for row in made} == {"made"}
    topics.check(room)
    admin = KafkaAdminClient(bootstrap_servers=room.bootstrap)
    try:
        names = [room.prefix + name for name in topics.TOPICS]
        found = {one["name"]: len(one["partitions"]) for one in admin.describe_topics(names)}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        rules = admin.describe_configs(asked, config_filter="all")["topic"]
    finally:
        admin.close()
    for name in topics.TOPICS:
        assert found[room.prefix + name] == (3 if name in ("posts", "signals", "ties") else 1)
        rule = {key: one["value"] for key, one in rules[room.prefix + name].items()}
        policies = {"alerts": "compact,delete", "verdicts": "compact"}
        assert rule["cleanup.policy"] == policies.get(name, "delete")
        if name in topics.COMPACTED:
            assert rule["min.compaction.lag.ms"] == str(24 * 3_600_000)
        else:
            assert rule["retention.ms"] == str(24 * 3_600_000)


def test_making_them_again_changes_nothing(room):
    topics.create(room)
    again = topics.create(room)
    assert {row["state"] for row in again} == {"there"}
    assert [row["partitions"] for row in again] == [3, 3, 3, 1, 1, 1, 1, 1, 1]


def test_another_number_of_partitions_is_refused_in_one_sentence(room, capsys):
    topics.create(room)
    for refusing in (topics.create, topics.check):
        with pytest.raises(InputError, match=r"posts has 3 partitions, not 5: set kafka.partitions to 3"):
            refusing(changed(room, partitions=5))
    assert cli.main(["topics", "create", *flags(changed(room, partitions=5))]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "kafka.partitions" in said.err


def make(room: KafkaSettings, name: str, partitions: int, **rules: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=room.bootstrap)
    try:
        admin.create_topics(
            {
                room.prefix + name: {
                    "num_partitions": partitions,
                    "replication_factor": 1,
                    "configs": {key.replace("_", "."): value for key, value in rules.items()},
                }
            },
            wait_for_metadata=True,
        )
    finally:
        admin.close()


def test_nothing_is_made_beside_a_topic_that_does_not_fit(room):
    make(room, "findings", 2)
    with pytest.raises(InputError, match="findings has 2 partitions, not 1: delete"):
        topics.create(room)
    assert {row["state"] for row in topics.states(room)} == {"there", "missing"}
    assert sum(row["state"] == "there" for row in topics.states(room)) == 1


def test_alerts_that_a_broker_made_by_itself_are_refused(room):
    make(room, "alerts", 1)
    with pytest.raises(InputError, match="alerts is not compacted"):
        topics.create(room)


def test_a_topic_of_the_same_rules_made_by_hand_is_taken(room):
    make(room, "alerts", 1, cleanup_policy="compact,delete")
    states = {row["name"]: row["state"] for row in topics.create(room)}
    assert states[room.prefix + "alerts"] == "there"
    assert states[room.prefix + "posts"] == "made"


def test_more_copies_than_brokers_are_refused(room):
    with pytest.raises(InputError, match=r"kafka\.replication is 3"):
        topics.create(changed(room, replication=3))


def test_the_command_prints_a_table_or_json(room, capsys):
    assert cli.main(["topics", "list", "--json", *flags(room)]) == 0
    assert {row["state"] for row in orjson.loads(capsys.readouterr().out)} == {"missing"}
    assert cli.main(["topics", "create", *flags(room)]) == 0
    assert room.prefix + "dead-letters" in capsys.readouterr().out
    assert cli.main(["topics", "list", "--json", *flags(room)]) == 0
    rows = orjson.loads(capsys.readouterr().out)
    assert [(row["partitions"], row["state"]) for row in rows][:4] == [(3, "there")] * 3 + [(1, "there")]


# -- no broker, wrong password ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["topics", "create"], ["topics", "list"], ["alerts", "tail"], ["produce", "posts.jsonl"]]
)
def test_no_broker_is_one_sentence_that_says_what_to_do(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clients, "CONNECT_MS", 300)
    (tmp_path / "posts.jsonl").write_text("")
    assert cli.main([*command, "--set", f"kafka.bootstrap={NOBODY}"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "(a guess;" not in line]
    assert len(said) == 1
    assert "No Kafka broker answers at 127.0.0.1:1" in said[0]
    assert "make stack" in said[0]


def test_tls_and_a_password_are_used_and_a_wrong_one_is_refused(own_kafka, monkeypatch):
    broker = own_kafka(secret=True)
    good = KafkaSettings(
        bootstrap=broker.bootstrap,
        security="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username=broker.secret.user,
        sasl_password=broker.secret.password,
        ca_file=str(broker.secret.ca),
    )
    assert {row["state"] for row in topics.create(good)} == {"made"}
    topics.check(good)
    monkeypatch.setattr(clients, "CONNECT_MS", 2000)
    for wrong in (
        changed(good, sasl_password="hunter2"),
        changed(good, ca_file=""),
        changed(good, ca_file="/nowhere/ca.pem"),
        changed(good, security="PLAINTEXT", ca_file=""),
    ):
        with pytest.raises(InputError) as refused:
            topics.check(wrong)
        assert broker.bootstrap in str(refused.value)
        assert "hunter2" not in str(refused.value)
        assert broker.secret.password not in str(refused.value)


# -- settings --------------------------------------------------------------------------------------


def test_the_defaults_and_sensible_settings_are_right():
    assert list(problems(KafkaSettings(), RedisSettings(), WorkerSettings())) == []
    kafka = KafkaSettings(
        bootstrap="broker-1:9092, [::1]:9093",
        security="SASL_SSL",
        sasl_username="u",
        sasl_password="p",
        ca_file="ca.pem",
        prefix="room-1.",
    )
    assert list(problems(kafka, RedisSettings(url="rediss://db/1", ca_file="ca.pem"), WorkerSettings())) == []


@pytest.mark.parametrize(
    "flag",
    [
        "kafka.bootstrap=",
        "kafka.bootstrap=broker",
        "kafka.bootstrap=broker:http",
        "kafka.bootstrap=kafka://broker:9092/",
        "kafka.prefix=room 1",
        "kafka.partitions=0",
        "kafka.replication=0",
        "kafka.retention_hours=0",
        "kafka.security=SASL_SSL",
        "kafka.security=ssl",
        "kafka.ca_file=ca.pem",
        "kafka.compression=snappy",
        "kafka.frame_posts=0",
        "kafka.frame_bytes=10",
        "kafka.frame_ms=0",
        "kafka.session_timeout_s=1",
        "kafka.partition=4",
        "redis.url=127.0.0.1:6379",
        "redis.url=http://127.0.0.1",
        "redis.ca_file=ca.pem",
        "redis.timeout_s=0",
        "worker.app=",
        "worker.checkpoint_s=0",
        "worker.port=0",
        "worker.stuck_s=1",
        "worker.idle_s=0",
        "worker.dead_ratio=0",
        "worker.dead_ratio=1.5",
    ],
)
def test_senseless_settings_are_refused_in_one_sentence(flag, capsys):
    assert cli.main(["config", "check", "--set", flag]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said


SECRET = "hunter2/@:&"
PLACES = {
    "VIGIE_KAFKA__SASL_PASSWORD": SECRET,
    "VIGIE_REDIS__PASSWORD": SECRET,
    "VIGIE_REDIS__URL": f"rediss://room:{SECRET}@db.example:6379/0",
}


def test_secrets_are_masked_where_settings_are_shown(monkeypatch, capsys):
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    for more in ([], ["--json"]):
        assert cli.main(["config", "show", *more]) == 0
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        assert shown.count(MASK) == 3
        assert "rediss://room:" in shown
        assert "db.example:6379/0" in shown
    assert settings.load().redis.password == SECRET


@pytest.mark.parametrize(
    "wrong", ["kafka.security=SASL_SSL", "redis.ca_file=1", "kafka.frame_posts=x", "a.b=c"]
)
def test_no_secret_is_in_an_error(wrong, monkeypatch, capsys):
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIGIE_REDIS__URL", f"redis://:{SECRET}@db:6379")
    assert cli.main(["config", "check", "--set", wrong]) == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag",
    ["kafka.sasl_password:hunter2", "redis_password=hunter2", "redis://:hunter2@db", "redis.url:hunter2"],
)
def test_no_secret_is_in_an_error_about_how_it_was_written(flag, capsys):
    assert cli.main(["config", "check", "--set", flag]) == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://db:6379/0", "redis://db:6379/0"),
        ("redis://:pw@db", f"redis://:{MASK}@db"),
        ("rediss://u:p@w@db/0", f"rediss://u:{MASK}@db/0"),
        ("rediss://u:p/w@db/0", f"rediss://u:{MASK}@db/0"),
        ("unix:///run/redis.sock?db=1&password=pw", f"unix:///run/redis.sock?db=1&password={MASK}"),
    ],
)
def test_a_password_in_an_address_is_masked(url, shown):
    assert without_password(url) == shown
    assert masked({"redis": {"url": url}})["redis"]["url"] == shown


def test_settings_that_are_shown_can_be_a_settings_file_and_lose_only_the_secrets(
    tmp_path, monkeypatch, capsys
):
    odd = 'a"b\\c\x7fé'
    for name, value in PLACES.items() | {("VIGIE_KAFKA__SASL_USERNAME", odd)}:
        monkeypatch.setenv(name, value)
    assert cli.main(["config", "show"]) == 0
    room = tmp_path / "room.toml"
    room.write_text(capsys.readouterr().out, encoding="utf-8")
    shown = settings.load(room, environment={})
    assert shown.kafka.sasl_username == odd
    assert (shown.kafka.sasl_password, shown.redis) == ("", RedisSettings())


def test_an_empty_secret_is_shown_as_empty():
    assert masked({"kafka": {"sasl_password": ""}, "redis": {"password": ""}})["kafka"]["sasl_password"] == ""


def test_every_setting_is_explained():
    for section in (KafkaSettings, RedisSettings, WorkerSettings):
        source = section.__module__
        assert source == "streams.kafka.settings"
    text = (settings.Path(cli.__file__).parent / "kafka" / "settings.py").read_text(encoding="utf-8")
    for section in (KafkaSettings, RedisSettings, WorkerSettings):
        for field in section.__struct_fields__:
            assert f"    {field}: " in text
            assert text.partition(f"    {field}: ")[2].splitlines()[1].lstrip().startswith('"""'), field
