"""`vigie doctor` names what is wrong."""

from __future__ import annotations

import re

import orjson
from redis import Redis
from worker_room import STREAM, Feed, findings, with_kafka, with_redis

from deploy.servers import free_port
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.kafka import doctor
from streams.kafka.settings import KafkaSettings, RedisSettings


def test_the_doctor_names_what_is_wrong(make_room):
    room = make_room(partitions=1)
    empty = findings(room)
    assert empty["producer"] == ("unsure", "no post was ever sent: start one with `vigie produce`")
    assert empty["findings"][0] == "unsure"
    assert {empty[what][0] for what in ("broker", "redis", "topics")} == {"good"}
    gone = with_redis(room, url=f"redis://127.0.0.1:{free_port()}")
    assert findings(gone)["redis"][0] == "bad"
    assert "lacks the topics" in findings(with_kafka(room, prefix="nowhere."))["topics"][1]
    other = findings(with_kafka(room, partitions=5))
    assert other["topics"][0] == "bad"
    assert "has 1 partitions, not 5" in other["topics"][1]

    Feed(room).send(STREAM[:9], written_ms=clock_ms() - 60_000)  # and no end was said
    dead = findings(room)
    assert dead["producer"][0] == "bad"
    assert re.fullmatch(r"nothing was sent for 6\d s: no producer runs", dead["producer"][1])

    nobody = with_kafka(room, bootstrap=f"127.0.0.1:{free_port()}")
    done = nobody.vigie("doctor", "--json")
    told = orjson.loads(done.stdout)
    assert (done.returncode, told["well"]) == (1, False)
    assert [one["state"] for one in told["findings"] if one["what"] == "broker"] == ["bad"]
    assert [one["state"] for one in told["findings"] if one["what"] == "redis"] == ["good"]


def test_the_doctor_warns_of_a_redis_that_may_forget(own_redis):
    server = own_redis()
    chosen = Settings(
        kafka=KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"), redis=RedisSettings(url=server.url)
    )
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "it may drop checkpoints; set noeviction" in str(list(doctor._store(chosen)))
        redis.config_set("maxmemory-policy", "noeviction")
        assert [one.state for one in doctor._store(chosen)] == ["good"]
        redis.execute_command("ACL", "SETUSER", "default", "-config")
        assert [one.state for one in doctor._store(chosen)] == ["good", "unsure"]
