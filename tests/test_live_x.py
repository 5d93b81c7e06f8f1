"""X's filtered stream is followed through cuts, limits and errors, with its rules in step with a file."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from aiohttp import web
from live_servers import XServer, accounted, following, served

from detectors.events import Chosen
from streams.sources.live.feed import Feed
from streams.sources.live.places import PlaceFile
from streams.sources.live.settings import XSettings
from streams.sources.live.x import PLACE, X
from streams.sources.live.x_rules import read_rules
from streams.sources.opening import InputError

TOKEN = "AAAA-s3cret"
AUTHOR = {"id": "7", "username": "ana", "name": "Ana", "created_at": "2013-03-02T10:00:00.000Z"}


def tweet(number, created_at=None):
    created = created_at or time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    data = {"id": str(2**60 + number), "text": f"post {number}", "author_id": "7", "created_at": created}
    return {"data": data, "includes": {"users": [AUTHOR]}, "matching_rules": [{"id": "1", "tag": "vigie"}]}


def numbers(items):
    return [int(item.id) - 2**60 for item in items]


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text("# the debate\n#debate lang:fr\n\n  cats -is:retweet  \n")
    return path


@pytest.fixture
def x():
    server = XServer(TOKEN)
    with served(server):
        yield server


def following_x(server, rules, file=None, told=None, **settings):
    quick = {
        "network_retry_s": 0.01, "http_retry_s": 0.02, "limit_retry_s": 0.02, "rules_s": 0.05, "token": TOKEN,
        "silent_s": 2.0, **settings,
    }  # fmt: skip
    client = X(XSettings(server=server.address, rules=str(rules), **quick))
    return following(Feed(client, file, notice=(told if told is not None else []).append))


def open_stream(followed):
    followed.until(lambda: followed.feed.counts.connections)


def test_tweets_come_with_their_authors(x, rules):
    with following_x(x, rules) as followed:
        open_stream(followed)
        x.write(tweet(1))
        followed.until_items(1)
        post = followed.items[0]
        assert (post.id, post.text, post.author.handle) == (str(2**60 + 1), "post 1", "ana")
        assert "public_metrics" in x.asked[0]["user.fields"]
        assert "backfill_minutes" not in x.asked[0]
    accounted(followed.feed)


def test_a_line_cut_in_the_middle_is_sent_again_by_the_backfill(x, rules):
    x.script = [2, 4]
    with following_x(x, rules) as followed:
        open_stream(followed)
        x.write(*map(tweet, range(6)))
        followed.until_items(6)
        assert numbers(followed.items) == list(range(6))
        assert x.asked[1]["backfill_minutes"] == "1"
        assert followed.feed.counts.duplicates > 0
        assert followed.feed.counts.gaps_total == 0
    accounted(followed.feed)


def test_without_backfill_what_was_missed_is_a_gap(x, rules):
    refusal = web.json_response({"errors": [{"parameters": {"backfill_minutes": ["1"]}}]}, status=400)
    x.script = [1, refusal]
    told = []
    with following_x(x, rules, told=told) as followed:
        open_stream(followed)
        x.write(*map(tweet, range(3)))
        followed.until(lambda: followed.feed.counts.connections == 2)
        x.write(tweet(3))
        followed.until_items(2)
        assert numbers(followed.items) == [0, 3]
        assert followed.feed.counts.gaps_total == 1
        assert "backfill_minutes" not in x.asked[-1]
        assert "no backfill" in told[0]


def test_an_outage_longer_than_the_backfill_is_a_gap_for_the_rest(x, rules, tmp_path):
    file = PlaceFile(tmp_path / "x.json")
    left_ms = time.time_ns() // 1_000_000 - 600_000
    file.write({PLACE: left_ms})
    with following_x(x, rules, file) as followed:
        open_stream(followed)
        assert x.asked[0]["backfill_minutes"] == "5"
        ((start, end),) = followed.feed.counts.gaps
        assert start == left_ms
        assert 295_000 < end - start < 305_000


def test_while_missed_tweets_may_still_come_neither_time_nor_the_place_moves_on(x, rules, tmp_path):
    file = PlaceFile(tmp_path / "x.json")
    left_ms = time.time_ns() // 1_000_000 - 100_000
    file.write({PLACE: left_ms})
    x.greets, x.script = False, ["silent"]
    x.log = [(time.time() - 90, tweet(1))]
    with following_x(x, rules, file, silent_s=1.0) as followed:
        followed.until_items(1)
        assert followed.feed.reached_ms() == left_ms
        assert followed.feed._inlet.places[PLACE] == left_ms
        followed.until(lambda: time.time_ns() // 1_000_000 - followed.feed.reached_ms() < 1000)
        assert followed.feed.counts.connections == 2
        assert followed.feed._inlet.places[PLACE] > left_ms
        assert followed.feed.counts.gaps_total == 0


def test_a_restart_asks_for_what_came_meanwhile(x, rules, tmp_path):
    file = PlaceFile(tmp_path / "x.json")
    with following_x(x, rules, file) as followed:
        open_stream(followed)
        x.write(tweet(1))
        followed.until_items(1)
    x.write(tweet(2))
    with following_x(x, rules, file) as again:
        again.until(lambda: 2 in numbers(again.items))
        assert again.feed.counts.gaps_total == 0


@pytest.mark.parametrize("name", ["UpstreamOperationalDisconnect", "SlowReader"])
def test_a_disconnection_that_is_told_is_counted_by_its_name(x, rules, name):
    x.script = [name]
    with following_x(x, rules) as followed:
        followed.until(lambda: followed.feed.counts.reconnects == 1)
        x.write(tweet(1))
        followed.until_items(1)
        assert followed.feed.counts.errors[name] == 1
        assert followed.feed.tally.rejected == 0


def test_errors_of_http_are_waited_out_longer_each_time(x, rules):
    x.script = [web.Response(status=503) for _ in range(4)]
    with following_x(x, rules) as followed:
        open_stream(followed)
        waits = [later - sooner for sooner, later in pairwise(x.asked_at)]
        assert all(wait >= 0.02 * 2**at for at, wait in enumerate(waits))
        assert followed.feed.counts.errors["http_503"] == 4


def test_too_many_requests_are_waited_out_as_the_answer_says(x, rules):
    reset = {"x-rate-limit-reset": str(int(time.time()) + 2)}
    x.script = [
        web.Response(status=429, headers=reset),
        web.json_response({"connection_issue": "TooManyConnections"}, status=429),
    ]
    with following_x(x, rules) as followed:
        open_stream(followed)
        assert x.asked_at[1] - x.asked_at[0] > 0.5
        assert followed.feed.counts.rate_limits == 2
        assert followed.feed.counts.errors["TooManyConnections"] == 1


def test_waits_are_those_that_x_asks_for():
    settings = XSettings()
    assert (settings.silent_s, settings.network_retry_s, settings.http_retry_s, settings.limit_retry_s) == (
        20,
        0.25,
        5,
        60,
    )
    client = X(XSettings(token=TOKEN, rules=__file__))
    network = [client._network.next_s() for _ in range(70)]
    assert (network[:3], network[-1]) == ([0.25, 0.5, 0.75], 16)
    http = [client._http.next_s() for _ in range(8)]
    assert (http[:3], http[-1]) == ([5, 10, 20], 320)
    assert [client._limit.next_s() for _ in range(3)] == [60, 120, 240]


def test_a_stream_without_signs_of_life_is_joined_again(x, rules):
    x.script = ["silent"]
    with following_x(x, rules, silent_s=0.15) as followed:
        followed.until(lambda: followed.feed.counts.reconnects == 1)
        assert followed.feed.counts.errors["SocketTimeoutError"] == 1


def test_a_silent_stream_with_signs_of_life_is_left_alone(x, rules):
    with following_x(x, rules, silent_s=0.3) as followed:
        open_stream(followed)
        time.sleep(0.7)
        assert followed.feed.counts.connections == 1


def test_a_network_that_is_away_is_tried_again(x, rules):
    with following_x(x, rules) as followed:
        open_stream(followed)
        x.write(tweet(1))
        followed.until_items(1)
        x.stop()
        followed.until(lambda: followed.feed.counts.errors.total() >= 3)
        x.write(tweet(2))
        x.start()
        followed.until(lambda: 2 in numbers(followed.items))
        assert followed.feed.counts.gaps_total == 0


@pytest.mark.parametrize("answer", [401, 403])
def test_a_refused_token_ends_it_with_one_sentence_and_without_the_token(x, rules, answer):
    if answer == 403:
        x.script = [web.json_response({"title": "Forbidden"}, status=403)]
    with following_x(x, rules, token=TOKEN if answer == 403 else "AAAA-wrong") as followed:
        problem = followed.until_failed()
        assert isinstance(problem, InputError)
        assert str(answer) in str(problem)
        assert "AAAA" not in str(problem)


def test_without_token_or_rules_it_does_not_begin(rules):
    with pytest.raises(InputError, match="VIGIE_X__TOKEN"):
        X(XSettings(rules=str(rules)))
    with pytest.raises(InputError, match=r"x\.rules"):
        X(XSettings(token=TOKEN))


def test_tweets_dated_in_the_future_are_refused(x, rules):
    with following_x(x, rules) as followed:
        open_stream(followed)
        x.write(tweet(1, "2031-01-01T00:00:00.000Z"), tweet(2))
        followed.until_items(1)
        followed.until(lambda: followed.feed.tally.rejected)
        assert numbers(followed.items) == [2]
        assert dict(followed.feed.tally.reasons) == {"future_time": 1}
    accounted(followed.feed)


def test_a_burst_of_ten_thousand_comes_whole(x, rules):
    with following_x(x, rules) as followed:
        open_stream(followed)
        x.write(*map(tweet, range(10_000)))
        followed.until_items(10_000)
        assert numbers(followed.items) == list(range(10_000))
    accounted(followed.feed)


# -- rules -------------------------------------------------------------------------------------------------


def values(server, tag="vigie"):
    return sorted(rule["value"] for rule in server.rules if rule["tag"] == tag)


def test_rules_are_made_those_of_the_file_and_strangers_are_left(x, rules):
    x.rules = [
        {"id": "1", "value": "old", "tag": "vigie"},
        {"id": "2", "value": "cats -is:retweet", "tag": "vigie"},
        {"id": "3", "value": "theirs", "tag": "another"},
    ]
    with following_x(x, rules) as followed:
        open_stream(followed)
        assert values(x) == ["#debate lang:fr", "cats -is:retweet"]
        assert values(x, "another") == ["theirs"]
        # What is new is there before what is old goes.
        assert [list(change) for change in x.changes] == [["add"], ["delete"]]


def test_rules_follow_the_file_without_a_new_connection(x, rules):
    with following_x(x, rules) as followed:
        open_stream(followed)
        rules.write_text("dogs\n")
        followed.until(lambda: values(x) == ["dogs"])
        assert followed.feed.counts.connections == 1


def test_the_rules_in_force_are_said_before_the_tweets_that_they_chose(x, rules):
    client = X(XSettings(token=TOKEN, rules=str(rules), server=x.address, rules_s=0.02))
    before = client.chosen_by
    with following(Feed(client, chosen=lambda: Chosen(filter=client.chosen_by))) as followed:
        open_stream(followed)
        x.write(tweet(1))
        followed.until_items(1)
        rules.write_text("cats lang:fr\n")
        followed.until(lambda: client.chosen_by == "cats lang:fr")
        x.write(tweet(2))
        followed.until_items(2)
        assert [one.chosen.filter for one in followed.said] == [before, "cats lang:fr"]
    accounted(followed.feed)


def test_a_bad_change_of_the_file_leaves_the_rules_in_force(x, rules):
    told = []
    with following_x(x, rules, told=told) as followed:
        open_stream(followed)
        before = values(x)
        rules.write_text("((broken\n")
        followed.until(lambda: told)
        assert "no viable alternative" in told[0]
        rules.write_text("")
        followed.until(lambda: len(told) == 2)
        assert "no rule" in told[1]
        assert values(x) == before
        assert followed.feed.counts.errors["rules_refused"] == 2


def test_bad_rules_at_the_beginning_end_it(x, rules):
    rules.write_text("((broken\n")
    with following_x(x, rules) as followed:
        assert "((broken" in str(followed.until_failed())


def test_a_file_of_rules_is_checked(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_rules(tmp_path / "none")
    path = tmp_path / "rules"
    path.write_text("x" * 2000)
    with pytest.raises(InputError, match="longer than 1024"):
        read_rules(path)
    path.write_text("a\na\n#b\n# comment\n")
    # A hashtag at the beginning is no comment: a comment has a blank behind its sign.
    assert read_rules(path) == ["a", "#b"]
