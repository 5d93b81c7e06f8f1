"""Redis goes and comes while workers work."""

from __future__ import annotations

import shutil
import time
from collections import Counter

from redis import Redis
from worker_room import STREAM, Feed, expected, later, wait_for

from deploy.servers import RedisServer
from streams.kafka.leaving import AGAIN


def test_detection_goes_on_without_redis_and_no_alert_comes_twice_when_all_state_is_lost(
    make_room, own_redis
):
    redis: RedisServer = own_redis()
    room = make_room(redis=redis.url)
    third = len(STREAM) // 3
    feed = Feed(room)
    worker = room.worker()
    worker.ready()
    feed.send(STREAM[:third])
    worker.until("vigie_worker_posts_taken_total", lambda now: now == third)
    worker.covered()
    assert worker.value("vigie_worker_store_up") == 1

    redis.kill()
    worker.until("vigie_worker_store_up", lambda now: now == 0)
    time.sleep(3)  # Faust commits every two seconds: what was covered, and from now on nothing more
    committed = room.committed()
    before = len(room.alerts())
    feed.send(STREAM[third:])
    wait_for("an alert without Redis", lambda: len(room.alerts()) > before, each_s=1)
    status = worker.status()
    assert (status["ready"], status["redis"]) == (True, "gone: no checkpoints, detection goes on")
    assert worker.get("/livez")[0] == 200
    assert "no checkpoint can be written: Redis does not answer" in worker.text
    time.sleep(3)
    assert room.committed() == committed, "nothing is committed that no checkpoint covers"

    shutil.rmtree(redis.data)  # it comes back without anything
    redis.start()
    worker.until("vigie_worker_store_up", lambda now: now == 1)
    worker.covered()
    assert len(room.heads()) == 7, "a full one of every task"
    feed.send([], end=True)
    room.await_alerts(expected(STREAM), worker)
    judged_to = worker.value("vigie_worker_event_time_seconds", stage="cases")
    assert worker.stop() == 0, worker.text

    with Redis.from_url(redis.url) as emptied:
        emptied.flushall()
    second = room.worker()
    second.ready()
    second.until("vigie_worker_event_time_seconds", lambda now: now >= judged_to, stage="cases")
    assert second.value("vigie_worker_rewinds_total") == 7
    second.covered()
    assert sorted(second.status()["rewound"]) == sorted(room.heads())
    assert "the checkpoint is lost; going back from offset" in second.text
    second.until("vigie_worker_alerts_repeated_total", lambda now: now == len(expected(STREAM)))
    second.covered()
    assert second.stop() == 0, second.text

    third_one = room.worker()
    third_one.ready()
    assert third_one.value("vigie_worker_rewinds_total") == 0
    Feed(room, "the next night").send(later(STREAM, 300), end=True)
    room.await_alerts(expected(STREAM, later(STREAM, 300)), third_one)
    ids = Counter(alert["id"] for alert in room.alerts())
    assert set(ids.values()) == {1}
    assert third_one.stop() == 0, third_one.text


def test_checkpoints_that_could_not_be_read_are_not_written_over_and_are_taken_up_again(make_room, own_redis):
    redis: RedisServer = own_redis()
    room = make_room(redis=redis.url)
    half = len(STREAM) // 2
    feed = Feed(room)
    worker = room.worker()
    worker.ready()
    feed.send(STREAM[:half])
    worker.until("vigie_worker_posts_taken_total", lambda now: now == half)
    worker.covered()
    assert worker.stop() == 0, worker.text
    heads = room.heads()

    redis.stop()
    second = room.worker("--set", "worker.store_wait_s=1")
    second.ready()
    assert "begins without its checkpoint" in second.text
    feed.send(STREAM[half:], end=True)
    redis.start()
    assert second.ended() == AGAIN, second.text
    assert "starting anew from the checkpoints of" in second.text
    assert room.heads() == heads

    third = room.worker()
    third.ready()
    assert third.value("vigie_worker_rewinds_total") == 0
    room.await_alerts(expected(STREAM), third)
    assert set(Counter(alert["id"] for alert in room.alerts()).values()) == {1}
    assert third.stop() == 0, third.text
