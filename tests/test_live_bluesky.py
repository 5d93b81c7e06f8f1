"""Bluesky is followed over Jetstream servers that cut, clamp, refuse and lag."""

from __future__ import annotations

import json
import time

import pytest
import zstandard
from aiohttp import web
from live_servers import FORMS, Jetstream, accounted, following, served, trained

from detectors.events import Change, Missing
from detectors.groups.near_duplicates import NearDuplicateSettings
from streams.embedded import Pipeline, Settings
from streams.pacing import with_silence
from streams.sources.live import feed as feeds
from streams.sources.live.bluesky import PLACE, Bluesky
from streams.sources.live.feed import Feed
from streams.sources.live.places import PlaceFile
from streams.sources.live.settings import BlueskySettings

FORM = pytest.mark.parametrize("form", list(FORMS))


def clock_us():
    return time.time_ns() // 1000


def post(number, at_us=None, created_at=None):
    at_us = clock_us() if at_us is None else at_us
    created = created_at or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))
    record = {"$type": "app.bsky.feed.post", "text": f"post {number}", "createdAt": created}
    commit = {"rev": "3k", "operation": "create", "collection": "app.bsky.feed.post", "rkey": f"r{number}"}
    commit |= {"cid": "b", "record": record}
    return {"did": "did:plc:ana", "time_us": at_us, "kind": "commit", "commit": commit}


def posts(count, start=0, at_us=None):
    """Posts a millisecond apart, the last one now."""
    last = clock_us() if at_us is None else at_us
    return [post(start + n, last - (count - 1 - n) * 1000) for n in range(count)]


def following_bluesky(servers, form="first", file=None, follow=None, **settings):
    addresses = ",".join(server.address(form) for server in servers)
    quick = {"retry_s": 0.02, "longest_retry_s": 0.05, "rewind_s": 0.05, **settings}
    client = Bluesky(BlueskySettings(servers=addresses, **quick))
    return following(Feed(client, file, clock=lambda: clock_us() // 1000), **(follow or {}))


def numbers(items):
    return [int(item.id.rpartition("/r")[2]) for item in items]


@FORM
def test_posts_and_changes_come_within_a_second(form):
    server = Jetstream()
    with served(server), following_bluesky([server], form) as followed:
        followed.until(lambda: followed.feed.counts.connections == 1)
        account = {
            "active": False,
            "status": "takendown",
            "did": "did:plc:bo",
            "seq": 1,
            "time": "2024-05-01T08:00:00Z",
        }
        server.log += [
            post(1),
            {"did": "did:plc:bo", "time_us": clock_us(), "kind": "account", "account": account},
        ]
        began = time.monotonic()
        followed.until_items(2)
        assert time.monotonic() - began < 1
        first, second = followed.items
        assert first.text == "post 1"
        assert isinstance(second, Change)
        assert (second.status, second.author_id) == ("suspended", "did:plc:bo")
        assert "app.bsky.feed.post" in server.collections
        assert "app.bsky.feed.like" not in server.collections
    accounted(followed.feed)


@FORM
def test_a_connection_cut_within_a_message_loses_nothing(form):
    server = Jetstream()
    with served(server), following_bluesky([server], form) as followed:
        followed.until(lambda: server.asked)
        server.log += posts(3)
        followed.until_items(3)
        server.script = [2, 4]
        restart(server, followed)
        server.log += posts(5, start=3)
        followed.until_items(8)
        assert numbers(followed.items) == list(range(8))
        counts = followed.feed.counts
        assert counts.reconnects >= 1
        assert counts.duplicates > 0
        assert counts.gaps_total == 0
        assert int(server.asked[-1]["cursor"]) >= 1_000_000_000_000_000
    accounted(followed.feed)


def restart(server, followed):
    """Cut the connection that is open, and serve again."""
    before = followed.feed.counts.connections
    server.stop()
    server.start()
    followed.until(lambda: followed.feed.counts.connections > before)


@FORM
def test_servers_take_turns_and_the_next_goes_on_where_the_last_ended(form):
    one, other = Jetstream(), Jetstream()
    one.log = other.log = []
    one.script, other.script = [4], [5]
    with served(one, other), following_bluesky([one, other], form) as followed:
        followed.until(lambda: one.asked)
        one.log += posts(12)
        followed.until_items(12)
        assert numbers(followed.items) == list(range(12))
        assert len(other.asked) >= 1
        assert len(one.asked) >= 2
        assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_a_restart_goes_on_where_downstream_had_everything_safe(tmp_path):
    server, file = Jetstream(), PlaceFile(tmp_path / "bluesky.json")
    with served(server):
        with following_bluesky([server], file=file) as followed:
            followed.until(lambda: server.asked)
            server.log += posts(5)
            followed.until_items(5)
        with following_bluesky([server], file=file, follow={"safe": False}) as unsafe:
            server.log += posts(5, start=5)
            unsafe.until(lambda: 9 in numbers(unsafe.items))
        # The second run had them and did not say that they are safe: the third one asks again.
        server.log += posts(5, start=10)
        with following_bluesky([server], file=file) as again:
            again.until(lambda: 14 in numbers(again.items))
        assert set(numbers(again.items)) >= set(range(5, 15))
        assert again.feed.counts.gaps_total == 0
        assert file.read()[PLACE] == server.log[-1]["time_us"]


@FORM
def test_a_place_that_is_too_old_is_a_gap_that_is_told(form, tmp_path):
    server, file = Jetstream(), PlaceFile(tmp_path / "bluesky.json")
    now_us = clock_us()
    file.write({PLACE: now_us - 10_000_000})
    server.log += posts(3, at_us=now_us)
    server.oldest_us = server.log[0]["time_us"]
    with served(server), following_bluesky([server], form, file) as followed:
        followed.until_items(3)
        ((start_ms, end_ms),) = followed.feed.counts.gaps
        assert (start_ms, end_ms) == ((now_us - 10_000_000) // 1000, server.oldest_us // 1000)
        (told,) = followed.said
        assert (told.source, told.missing) == ("bluesky", Missing(start_ms=start_ms, end_ms=end_ms))
    accounted(followed.feed)


def test_a_server_that_refuses_an_old_place_is_followed_from_the_present(tmp_path):
    server, file = Jetstream(), PlaceFile(tmp_path / "bluesky.json")
    file.write({PLACE: clock_us() - 10_000_000})
    server.script = [web.json_response({"error": "CursorTooOld", "message": "floor 7"}, status=400)]
    with served(server), following_bluesky([server], "second", file) as followed:
        followed.until(lambda: followed.feed.counts.connections)
        server.log += posts(2)
        followed.until_items(2)
        assert followed.feed.counts.errors["CursorTooOld"] == 1
        assert followed.feed.counts.gaps_total == 1
        assert [told.source for told in followed.said] == ["bluesky"]


def test_a_server_that_finds_us_too_slow_is_joined_again():
    server = Jetstream()
    server.script = ["ConsumerTooSlow"]
    with served(server), following_bluesky([server], "second") as followed:
        followed.until(lambda: server.asked)
        server.log += posts(3)
        followed.until(lambda: followed.feed.counts.reconnects)
        server.log += posts(2, start=3)
        followed.until_items(5)
        assert numbers(followed.items) == list(range(5))
        assert followed.feed.counts.errors["ConsumerTooSlow"] == 1
        assert followed.feed.counts.duplicates > 0
        assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_a_rate_limit_is_waited_out_and_other_servers_are_used_meanwhile():
    resting, other = Jetstream(), Jetstream()
    resting.script = [web.Response(status=429, headers={"Retry-After": "3600"})]
    with served(resting, other), following_bluesky([resting, other]) as followed:
        followed.until(lambda: other.asked)
        other.log += posts(2)
        followed.until_items(2)
        restart(other, followed)
        assert followed.feed.counts.rate_limits == 1
        assert len(resting.asked) == 1


def test_the_only_server_is_left_alone_for_as_long_as_it_asks():
    server = Jetstream()
    server.script = [web.Response(status=429, headers={"Retry-After": "1"})]
    began = time.monotonic()
    with served(server), following_bluesky([server]) as followed:
        followed.until(lambda: followed.feed.counts.connections)
        assert time.monotonic() - began >= 0.9
        assert followed.feed.counts.rate_limits == 1


def test_a_server_that_is_away_is_tried_again():
    server = Jetstream()
    server.start()
    server.stop()
    with following_bluesky([server]) as followed:
        followed.until(lambda: followed.feed.counts.errors.total() >= 2)
        server.start()
        try:
            followed.until(lambda: followed.feed.counts.connections)
            server.log += posts(1)
            followed.until_items(1)
        finally:
            server.stop()


def test_a_server_with_a_fast_clock_and_authors_with_faster_ones_do_not_bring_the_future():
    server = Jetstream()
    with served(server), following_bluesky([server]) as followed:
        followed.until(lambda: server.asked)
        ahead = clock_us() + 600_000_000
        server.log += [
            post(1, ahead),
            post(2, ahead + 1, "2031-01-01T00:00:00Z"),
            post(3, ahead + 2, "2019-01-01T00:00:00Z"),
        ]
        followed.until_items(3)
        now_ms = clock_us() // 1000
        new, claimed, imported = followed.items
        assert abs(new.time_ms - now_ms) < 5_000
        assert abs(claimed.time_ms - now_ms) < 5_000
        assert imported.created_at.year == 2019
        followed.until(lambda: followed.feed.tally.claims.total() == 3)
        assert dict(followed.feed.tally.claims) == {"ahead": 2, "imported": 1}
    accounted(followed.feed)


def test_silence_is_passed_on_and_a_silent_server_is_left_for_the_next():
    silent, other = Jetstream(), Jetstream()
    other.log = silent.log
    with served(silent, other), following_bluesky([silent, other], idle_s=0.2, rewind_s=1.0) as followed:
        followed.until(lambda: other.asked)
        silent.log += posts(1)
        followed.until_items(1)
        assert followed.feed.counts.errors["silent"] >= 1
        assert followed.feed.counts.gaps_total == 0


def test_downstream_is_told_of_silence():
    server = Jetstream()
    with served(server):
        feed = Feed(Bluesky(BlueskySettings(servers=server.address("first"))))
        for number, batch in enumerate(with_silence(feed, silence_s=0.02)):
            if batch:
                break
            if number == 5:
                server.log += posts(1)
        feed.close()
    assert number > 5
    assert numbers(batch) == [0]


def test_time_stands_still_while_the_network_is_out_of_reach():
    server = Jetstream()
    with served(server), following_bluesky([server]) as followed:
        followed.until(lambda: server.asked)
        server.log += posts(1)
        followed.until_items(1)
        assert clock_us() // 1000 - followed.feed.reached_ms() < 1000
        last_ms = server.log[-1]["time_us"] // 1000
        server.stop()
        followed.until(lambda: followed.feed.counts.errors.total() >= 3)
        assert followed.feed.reached_ms() == last_ms
        server.start()
        followed.until(lambda: followed.feed.reached_ms() > last_ms)


def test_a_burst_of_ten_thousand_comes_whole_and_in_order_and_memory_is_bounded():
    server = Jetstream()
    with served(server), following_bluesky([server], follow={"nap_s": 0.05}) as followed:
        followed.until(lambda: server.asked)
        server.log += posts(10_000)
        highest = 0
        while len(followed.items) < 10_000:
            highest = max(highest, followed.feed._inlet.ahead.qsize())
            followed.until_items(min(10_000, len(followed.items) + 1))
        assert numbers(followed.items) == list(range(10_000))
        assert max(followed.batches) <= feeds.BATCH_POSTS
        assert highest <= feeds.WAITING
    accounted(followed.feed)
    assert followed.feed.counts.received == 10_000


def test_an_hour_of_silence_in_the_stream_is_a_gap_in_the_coverage_of_what_follows(tmp_path):
    server, file = Jetstream(), PlaceFile(tmp_path / "place.json")
    now_us, second_us = clock_us(), 1_000_000
    begin_us = now_us - 10_800 * second_us
    before = [begin_us + n * 2 * second_us for n in range(1800)]
    after = [now_us - (600 - n) * second_us for n in range(600)]
    server.log += [post(n, at_us) for n, at_us in enumerate([*before, *after])]
    file.write({PLACE: begin_us})
    pipeline = Pipeline(Settings(near_duplicates=NearDuplicateSettings(index_rows=4096)))
    with served(server), following_bluesky([server], file=file) as followed:
        followed.until_items(2400)
        for _ in pipeline.feed(followed.items):
            pass
    ((start_ms, end_ms, *_),) = pipeline.judge.gaps.within(begin_us // 1000, now_us // 1000)
    assert abs(start_ms - before[-1] // 1000) <= 10_000
    assert abs(end_ms - after[0] // 1000) <= 10_000


@FORM
def test_a_broken_message_is_refused_and_the_next_is_read(form):
    server = Jetstream()
    with served(server), following_bluesky([server], form) as followed:
        followed.until(lambda: server.asked)
        server.log += [post(1), {"raw": b'{"did":', "time_us": clock_us()}, post(2)]
        followed.until_items(2)
        followed.until(lambda: followed.feed.tally.rejected == 1)
        assert dict(followed.feed.tally.reasons) == {"not_json": 1}
    accounted(followed.feed)


def test_the_first_form_is_compressed_by_deflate_and_the_second_by_zstd():
    first, second = Jetstream(), Jetstream()
    second.dictionary = trained()
    with served(first, second):
        for server, form in ((first, "first"), (second, "second")):
            with following_bluesky([server], form) as followed:
                followed.until(lambda followed=followed: followed.feed.counts.connections)
                server.log += posts(3)
                followed.until_items(3)
            accounted(followed.feed)
    assert first.deflated == 1
    assert (second.compressed, second.deflated) == (3, 0)


def test_a_dictionary_that_the_server_no_longer_knows_is_done_without():
    server = Jetstream()
    server.dictionary = trained()
    server.script = [web.json_response({"error": "UnknownZstdDictionary", "message": "now 8"}, status=400)]
    with served(server), following_bluesky([server], "second") as followed:
        followed.until(lambda: followed.feed.counts.connections)
        server.log += posts(1)
        followed.until_items(1)
        assert server.compressed == 0
        assert followed.feed.counts.errors["UnknownZstdDictionary"] == 1


def test_compression_can_be_left_out():
    server = Jetstream()
    server.dictionary = trained()
    with served(server), following_bluesky([server], "second", compression=False) as followed:
        followed.until(lambda: followed.feed.counts.connections)
        server.log += posts(1)
        followed.until_items(1)
        assert server.compressed == 0
        assert "zstdDictionary" not in server.asked[-1]


def test_the_file_of_places_is_json_that_a_person_can_read(tmp_path):
    file = tmp_path / "bluesky.json"
    PlaceFile(file).write({PLACE: 5})
    assert json.loads(file.read_text()) == {PLACE: 5}


def test_a_quiet_network_is_caught_up_with_though_nothing_new_comes():
    server = Jetstream()
    with served(server), following_bluesky([server], idle_s=2.0) as followed:
        followed.until(lambda: server.asked)
        server.log += posts(1, at_us=clock_us() - 20_000_000)
        followed.until_items(1)
        restart(server, followed)
        followed.until(lambda: clock_us() // 1000 - followed.feed.reached_ms() < 1000)
        assert followed.feed.counts.connections == 2


def test_a_dictionary_without_a_number_is_done_without():
    server = Jetstream()
    server.dictionary = zstandard.ZstdCompressionDict(b"no dictionary at all")
    with served(server), following_bluesky([server], "second") as followed:
        followed.until(lambda: followed.feed.counts.connections)
        server.log += posts(1)
        followed.until_items(1)
        assert "zstdDictionary" not in server.asked[-1]
