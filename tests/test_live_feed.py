"""From the event loop to batches: order, repeats, places, failures and the end."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_servers import accounted, following

from detectors.events import Chosen, from_mapping
from streams.sources.live import feed as feeds
from streams.sources.live.feed import Feed
from streams.sources.live.networks import NETWORKS
from streams.sources.live.places import PlaceFile
from streams.sources.live.retrying import LONGEST_ASKED_S, asked_wait_s
from streams.sources.opening import InputError


class Scripted:
    """A client that puts posts as it is told."""

    name = "scripted"

    def __init__(self, ids, *, then=None, wait_s=0.0):
        self._ids, self._then, self._wait_s = ids, then, wait_s
        self.began_at = None
        self.cancelled = False

    async def run(self, inlet):
        self.began_at = dict(inlet.places)
        try:
            for place, id in enumerate(self._ids, 1):
                await inlet.put(_taking(id), place, "scripted")
                await asyncio.sleep(self._wait_s)
            if self._then is not None:
                raise self._then
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def _taking(id):
    def take(number, batch):
        if id is None:
            batch.reject(number, "not_json", "broken", b"raw")
        else:
            post = {"id": id, "platform": "x", "author_id": "a", "created_at": 1_714_550_400_000}
            batch.accept(number, from_mapping(post))

    return take


def test_everything_is_handed_on_in_order_and_counted():
    told = []
    feed = Feed(Scripted([3, None, 1, 3, 2]), on_rejected=lambda *one: told.append(one))
    with following(feed) as followed:
        followed.until_items(3)
        assert [post.id for post in followed.items] == ["3", "1", "2"]
        followed.until(lambda: told)
        ((name, refused),) = told
        assert (name, refused.reason, refused.line) == ("scripted", "not_json", 2)
    accounted(feed)
    assert (feed.counts.received, feed.counts.duplicates) == (5, 1)


def test_what_chooses_the_posts_is_said_before_the_first_and_when_it_changes():
    rules = [None]
    client = Scripted(range(40), wait_s=0.02)

    def chosen():
        return Chosen(filter=rules[0]) if rules[0] else None

    with following(Feed(client, chosen=chosen, source="night")) as followed:
        followed.until_items(1)
        assert followed.said == []
        for number, rule in enumerate(("#a", "#b"), 1):
            rules[0] = rule
            followed.until(lambda wanted=number: len(followed.said) == wanted)
        assert [(one.source, one.chosen.filter) for one in followed.said] == [
            ("night", "#a"),
            ("night", "#b"),
        ]
    accounted(followed.feed)


def test_a_lonely_post_comes_within_a_second():
    began = time.monotonic()
    with following(Feed(Scripted([1]))) as followed:
        followed.until_items(1)
        assert time.monotonic() - began < 1


def test_a_failure_comes_after_what_was_read_before_it():
    with following(Feed(Scripted([1, 2], then=InputError("no more")))) as followed:
        assert str(followed.until_failed()) == "no more"
        assert [post.id for post in followed.items] == ["1", "2"]


def test_closing_stops_the_client_and_ends_the_iteration():
    client = Scripted([1])
    with following(Feed(client)) as followed:
        followed.until_items(1)
        threads = threading.active_count()
    assert client.cancelled
    assert threading.active_count() < threads


def test_a_feed_that_is_full_waits_and_drops_nothing(monkeypatch):
    monkeypatch.setattr(feeds, "WAITING", 2)
    monkeypatch.setattr(feeds, "BATCH_POSTS", 10)
    with following(Feed(Scripted(range(300))), nap_s=0.01) as followed:
        followed.until_items(300)
        assert [int(post.id) for post in followed.items] == list(range(300))
        assert max(followed.batches) <= 10
    accounted(followed.feed)


def test_closing_a_full_feed_does_not_hang(monkeypatch):
    monkeypatch.setattr(feeds, "WAITING", 1)
    monkeypatch.setattr(feeds, "BATCH_POSTS", 1)
    feed = Feed(Scripted(range(100)))
    stream = iter(feed)
    next(stream)
    time.sleep(0.05)
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < 2


def test_the_place_follows_what_is_safe_and_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr(feeds, "BATCH_POSTS", 2)
    monkeypatch.setattr(feeds, "SAVE_S", 0.0)
    file = PlaceFile(tmp_path / "place.json")
    with following(Feed(Scripted(range(6)), file), safe=False) as followed:
        followed.until_items(6)
        assert file.read() == {}
        followed.feed.taken(3)  # the second batch is only half safe
        assert file.read() == {"scripted": 2}
        followed.feed.taken(4)
        assert file.read() == {"scripted": 4}
    assert file.read() == {"scripted": 4}
    client = Scripted([])
    with following(Feed(client, file)) as again:
        again.until(lambda: client.began_at is not None)
    assert client.began_at == {"scripted": 4}


def test_the_place_is_written_once_a_second_at_most_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(feeds, "BATCH_POSTS", 1)
    monkeypatch.setattr(feeds, "SAVE_S", 60.0)
    file = PlaceFile(tmp_path / "place.json")
    with following(Feed(Scripted(range(5)), file)) as followed:
        followed.until_items(5)
        followed.until(lambda: not followed.feed._given)
        assert file.read() == {"scripted": 1}
    assert file.read() == {"scripted": 5}


class Silent:
    """A client that reads on and finds nothing."""

    name = "silent"

    async def run(self, inlet):
        inlet.behind["silent"] = 5
        inlet.places["silent"] = 9
        await asyncio.Event().wait()


def test_a_silent_network_moves_its_place_too(tmp_path, monkeypatch):
    monkeypatch.setattr(feeds, "SAVE_S", 0.0)
    file = PlaceFile(tmp_path / "place.json")
    feed = Feed(Silent(), file)
    with following(feed) as followed:
        followed.until(lambda: feed._given)
        feed.taken(0)
        assert file.read() == {"silent": 9}
    assert followed.batches == []


def test_time_does_not_pass_before_the_client_has_said_what_it_has_to_catch_up_with():
    feed = Feed(Silent())
    assert feed.reached_ms() == 0
    seen = set()
    with following(feed) as followed:
        followed.until(lambda: seen.add(feed.reached_ms()) or 5 in seen)
    assert seen <= {0, 5}


def test_a_broken_file_of_places_is_not_taken_for_none(tmp_path):
    path = tmp_path / "place.json"
    path.write_text('{"scripted": ')
    with pytest.raises(InputError, match="remove it to begin at the present"):
        Feed(Scripted([]), PlaceFile(path))


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        PlaceFile(tmp_path / "none" / "place.json").write({"x": 1})


def test_repeats_are_noticed_as_far_as_memory_goes(monkeypatch):
    monkeypatch.setattr(feeds, "REMEMBERED", 10)
    with following(Feed(Scripted([*range(20), 15, 2]))) as followed:
        followed.until_items(21)
        assert followed.feed.counts.duplicates == 1
        assert followed.items[-1].id == "2"  # downstream drops it by its id


@given(st.text(max_size=30), st.sampled_from(["retry-after", "x-rate-limit-reset", "x-ratelimit-reset"]))
def test_no_header_makes_a_wait_endless(text, name):
    wait_s = asked_wait_s({name: text}, 1_714_550_400_000)
    assert wait_s is None or 0 <= wait_s <= LONGEST_ASKED_S


def test_dates_in_headers_are_read():
    now_ms = 1_714_550_400_000
    assert asked_wait_s({"Retry-After": "Wed, 01 May 2024 08:01:00 GMT"}, now_ms) == 60
    assert asked_wait_s({"ratelimit-reset": "1714550390"}, now_ms) == 0
    assert asked_wait_s({}, now_ms) is None


def test_every_network_has_a_client_and_keeps_its_secrets_apart():
    for name, network in NETWORKS.items():
        settings = network.settings()
        assert all(getattr(settings, secret) == "" for secret in network.secrets)
        assert network.client.name == name
        if name in ("bluesky", "mastodon"):
            assert Feed(network.client(settings)).name == name
        else:
            with pytest.raises(InputError, match=f"VIGIE_{name.upper()}__TOKEN"):
                network.client(settings)
