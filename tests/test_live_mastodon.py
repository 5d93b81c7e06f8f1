"""Several instances of Mastodon are followed at once; what was missed is taken from their timelines."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from aiohttp import web
from live_servers import Instance, accounted, following, served

from detectors.events import Change, Missing
from streams.sources.live.feed import Feed
from streams.sources.live.mastodon import Mastodon
from streams.sources.live.places import PlaceFile
from streams.sources.live.settings import MastodonSettings
from streams.sources.live.sse import EventStream
from streams.sources.opening import InputError


def clock_ms():
    return time.time_ns() // 1_000_000


def status(number, at_ms=None, home="example.net", id=None, **changes):
    """A status whose id is made of its time, as those of instances are."""
    at_ms = clock_ms() if at_ms is None else at_ms
    created = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "id": id or str((at_ms << 16) + number),
        "created_at": created,
        "visibility": "public",
        "language": "fr",
        "uri": f"https://{home}/statuses/{number}",
        "content": f"<p>post {number}</p>",
        "tags": [],
        "mentions": [],
        "account": {"id": "1", "acct": f"ana@{home}", "display_name": "Ana", "note": ""},
        **changes,
    }


def following_mastodon(instances, file=None, notice=lambda _: None, feed=None, **settings):
    quick = {"retry_s": 0.02, "longest_retry_s": 0.05, "rewind_s": 0.0, **settings}
    client = Mastodon(MastodonSettings(instances=", ".join(one.address for one in instances), **quick))
    return following(Feed(client, file, notice=notice, **(feed or {})))


def numbers(items):
    return [int(item.id.rpartition("/")[2]) for item in items]


def open_streams(followed, *instances):
    followed.until(lambda: all(instance.streams for instance in instances))


def test_statuses_edits_and_deletions_come_as_they_happen():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        instance.write(status(1))
        edited = status(1, edited_at="2024-05-01T08:00:00Z", content="<p>edited</p>")
        instance.events += [
            ("status.update", json.dumps(edited)),
            ("delete", instance.timeline[0]["id"]),
            ("filters_changed", "undefined"),
        ]
        followed.until_items(3)
        new, edit, gone = followed.items
        assert (new.text, edit.text, edit.id) == ("post 1", "edited", new.id)
        assert isinstance(gone, Change)
        assert (gone.event, gone.post_id) == ("deletion", new.id)
        assert new.author_id == "ana@example.net"
        followed.until(lambda: followed.feed.tally.events == 2)
    accounted(followed.feed)


def test_one_status_seen_through_two_instances_is_one_post():
    one, other = Instance(), Instance()
    with served(one, other), following_mastodon([one, other]) as followed:
        open_streams(followed, one, other)
        one.write(status(1, id="10"))
        other.write(status(1, id="99"))
        other.write(status(2, id="100"))
        followed.until_items(2)
        followed.until(lambda: followed.feed.counts.duplicates == 1)
        assert sorted(numbers(followed.items)) == [1, 2]
    accounted(followed.feed)


def test_what_was_missed_while_the_connection_was_lost_is_taken_from_the_timeline():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        began = clock_ms() - 100_000
        instance.write(status(0, began))
        followed.until_items(1)
        instance.stop()
        for number in range(1, 100):
            instance.timeline.append(status(number, began + number * 1000))
        instance.start()
        followed.until_items(100)
        instance.write(status(100))
        followed.until_items(101)
        assert numbers(followed.items) == list(range(101))
        # Three pages of 40 hold them, and an empty one says that there are no more.
        assert len(instance.asked) == 4
        assert followed.feed.counts.gaps_total == 0
        # What is old is not made to look new: it keeps its time.
        assert followed.items[50].time_ms == began + 50_000
    accounted(followed.feed)


def test_an_event_cut_in_the_middle_is_not_lost():
    instance = Instance()
    instance.script = [2]
    with served(instance), following_mastodon([instance], rewind_s=60.0) as followed:
        open_streams(followed, instance)
        for number in range(5):
            instance.write(status(number))
        followed.until_items(5)
        assert sorted(numbers(followed.items)) == list(range(5))
        assert followed.feed.counts.reconnects == 1
        assert followed.feed.counts.duplicates > 0
        assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_a_restart_goes_on_where_it_was(tmp_path):
    instance, file = Instance(), PlaceFile(tmp_path / "mastodon.json")
    with served(instance):
        with following_mastodon([instance], file) as followed:
            open_streams(followed, instance)
            instance.write(status(1))
            followed.until_items(1)
        instance.timeline += [status(2), status(3)]
        with following_mastodon([instance], file) as again:
            again.until_items(2)
        assert numbers(again.items) == [2, 3]
        assert list(file.read()) == [f"127.0.0.1:{instance.port}"]


def test_more_than_may_be_asked_for_is_a_gap_that_is_told():
    instance = Instance()
    with served(instance), following_mastodon([instance], most_pages=2) as followed:
        open_streams(followed, instance)
        began = clock_ms() - 1_000_000
        instance.write(status(0, began))
        followed.until_items(1)
        instance.stop()
        instance.timeline += [status(number, began + number * 1000) for number in range(1, 200)]
        instance.start()
        followed.until_items(81)
        followed.until(lambda: followed.feed.counts.gaps_total)
        ((start, end),) = followed.feed.counts.gaps
        assert start == began + 80_000
        assert end > start
        followed.until(lambda: followed.said)
        missing = Missing(start_ms=start, end_ms=end, reason="too_much")
        assert [(told.source, told.missing) for told in followed.said] == [(instance.host, missing)]


def test_a_timeline_that_is_not_shown_leaves_a_gap():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        instance.write(status(0))
        followed.until_items(1)
        instance.stop()
        instance.pages = [web.json_response({"error": "x"}, status=401)]
        instance.start()
        followed.until(lambda: followed.feed.counts.gaps_total == 1)
        assert followed.feed.counts.errors["timeline_401"] == 1


def test_a_timeline_that_cannot_be_read_does_not_keep_from_the_stream():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        instance.write(status(0))
        followed.until_items(1)
        instance.stop()
        instance.pages = [web.Response(text="<html>come back later</html>")]
        instance.start()
        followed.until(lambda: followed.feed.counts.gaps_total == 1)
        instance.write(status(1))
        followed.until_items(2)
        assert followed.feed.counts.errors["timeline_unreadable"] == 1


def test_what_is_read_again_after_a_reconnection_is_dropped():
    instance = Instance()
    with served(instance), following_mastodon([instance], rewind_s=60.0) as followed:
        open_streams(followed, instance)
        for number in range(5):
            instance.write(status(number))
        followed.until_items(5)
        instance.stop()
        instance.timeline.append(status(5))
        instance.start()
        followed.until_items(6)
        followed.until(lambda: followed.feed.counts.duplicates >= 5)
        assert numbers(followed.items) == list(range(6))
        assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_clocks_of_other_servers_that_are_ahead_do_not_bring_the_future():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        instance.write(status(1, clock_ms() + 90_000))
        instance.write({**status(2), "created_at": "2031-01-01T00:00:00.000Z"})
        followed.until_items(2)
        assert all(abs(item.time_ms - clock_ms()) < 5_000 for item in followed.items)
        followed.until(lambda: followed.feed.tally.claims["ahead"] == 2)


def test_rate_limits_are_waited_out():
    instance = Instance()
    instance.script = [web.Response(status=429, headers={"Retry-After": "0"})]
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        instance.write(status(0))
        followed.until_items(1)
        instance.stop()
        instance.pages = [web.Response(status=429, headers={"Retry-After": "0"})]
        instance.timeline.append(status(1))
        instance.start()
        followed.until_items(2)
        assert followed.feed.counts.rate_limits == 2


def test_a_token_is_sent_to_its_instance_alone_and_never_told():
    closed, open_ = Instance(token="s3cret-s3cret"), Instance()
    with served(closed, open_):
        tokens = f"example.org=x, 127.0.0.1:{closed.port}=s3cret-s3cret"
        with following_mastodon([closed, open_], tokens=tokens) as followed:
            open_streams(followed, closed, open_)
            closed.write(status(1))
            followed.until_items(1)


def test_an_instance_that_refuses_is_left_and_the_others_go_on():
    closed, open_ = Instance(token="s3cret-s3cret"), Instance()
    told = []
    with served(closed, open_):
        wrong = f"127.0.0.1:{closed.port}=another-s3cret"
        with following_mastodon([closed, open_], notice=told.append, tokens=wrong) as followed:
            open_streams(followed, open_)
            followed.until(lambda: told)
            open_.write(status(1))
            followed.until_items(1)
            assert followed.feed.counts.errors["http_401"] == 1
    assert "read:statuses" in told[0]
    assert "s3cret" not in "".join(told)


def test_an_instance_that_is_away_while_another_goes_on_leaves_a_gap_that_is_told():
    one, other = Instance(), Instance()
    ahead_ms = [0]
    with served(one, other):
        clock = {"clock": lambda: clock_ms() + ahead_ms[0]}
        with following_mastodon([one, other], feed=clock) as followed:
            open_streams(followed, one, other)
            one.write(status(0))
            followed.until_items(1)
            one.stop()
            followed.until(lambda: followed.feed.counts.errors)
            ahead_ms[0] = 200_000  # the other one goes on for minutes
            other.write(status(1, clock_ms() + 200_000, home="two.example"))
            followed.until(lambda: followed.said)
            (told,) = followed.said
            assert (told.source, told.missing.reason) == (one.host, "late")
            # What the grace lets in when it is back is not missing.
            assert 185_000 < told.missing.end_ms - told.missing.start_ms < 195_000
            one.timeline.append(status(2, clock_ms() + 100_000))
            one.start()
            followed.until_items(3)
            assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_what_an_instance_does_not_let_be_read_is_missing_for_as_long_as_others_go_on():
    closed, open_ = Instance(token="s3cret-s3cret"), Instance()
    ahead_ms = [0]
    with served(closed, open_):
        clock = {"clock": lambda: clock_ms() + ahead_ms[0]}
        with following_mastodon([closed, open_], feed=clock) as followed:
            open_streams(followed, open_)
            followed.until(lambda: followed.feed.counts.errors["http_401"])
            for minutes in (2, 4):
                ahead_ms[0] = minutes * 60_000
                open_.write(status(minutes, clock_ms() + ahead_ms[0]))
                followed.until(lambda told=minutes // 2: len(followed.said) == told)
    assert {told.source for told in followed.said} == {closed.host}
    assert [told.missing.reason for told in followed.said] == ["refused"] * 2
    assert len({told.missing.start_ms for told in followed.said}) == 1


def test_where_all_refuse_there_is_no_point_in_going_on():
    closed = Instance(token="s3cret-s3cret")
    with served(closed), following_mastodon([closed]) as followed:
        problem = followed.until_failed()
        assert isinstance(problem, InputError)
        assert "read:statuses" in str(problem)


def test_streams_on_another_server_are_found():
    home, elsewhere = Instance(), Instance()
    with served(elsewhere):
        home.streaming = f"ws://127.0.0.1:{elsewhere.port}"
        with served(home), following_mastodon([home]) as followed:
            open_streams(followed, elsewhere)
            elsewhere.write(status(1))
            followed.until_items(1)
            assert home.streams == 0


def test_a_stream_without_a_sign_of_life_is_joined_again():
    instance = Instance()
    instance.thumps = False
    with served(instance), following_mastodon([instance], silent_s=0.15) as followed:
        followed.until(lambda: instance.streams >= 2)
        assert followed.feed.counts.errors["SocketTimeoutError"] >= 1


def test_a_silent_stream_with_signs_of_life_is_left_alone():
    instance = Instance()
    with served(instance), following_mastodon([instance], silent_s=0.3) as followed:
        open_streams(followed, instance)
        time.sleep(0.7)
        assert (instance.streams, followed.feed.counts.reconnects) == (1, 0)
        assert clock_ms() - followed.feed.reached_ms() < 1000


def test_a_burst_of_ten_thousand_comes_whole():
    instance = Instance()
    with served(instance), following_mastodon([instance]) as followed:
        open_streams(followed, instance)
        text = json.dumps(status(123_456))
        instance.events += [("update", text.replace("123456", str(number))) for number in range(10_000)]
        followed.until_items(10_000)
        assert numbers(followed.items) == list(range(10_000))
    accounted(followed.feed)


def test_events_are_the_same_however_they_are_cut():
    content = b': hello\r\n\r\nevent: update\r\ndata: {"a":1}\r\n\r\n'
    content += b"event: delete\ndata: 5\n\n:thump\ndata: x\ndata: y\n\n"
    whole = EventStream().feed(content)
    assert whole == [("update", b'{"a":1}'), ("delete", b"5"), ("message", b"x\ny")]
    for size in (1, 2, 7):
        stream, found = EventStream(), []
        for at in range(0, len(content), size):
            found += stream.feed(content[at : at + size])
        assert found == whole
