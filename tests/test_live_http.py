"""The endpoint for posts: who may send, what is answered, and what happens when downstream is full."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time

import pytest
from live_servers import accounted, following

from streams.sources.live import feed as feeds
from streams.sources.live.feed import Feed
from streams.sources.live.http import Http
from streams.sources.live.settings import HttpSettings
from streams.sources.opening import InputError

TOKEN = "a-long-s3cret-token"


def line(number, **fields):
    post = {
        "id": str(number),
        "platform": "x",
        "author_id": "7",
        "created_at": "2024-05-01T08:00:00Z",
        **fields,
    }
    return json.dumps({"text": f"post {number}", **post}).encode() + b"\n"


class Endpoint:
    """An endpoint that is followed, and a way to send to it."""

    def __init__(self, followed, client):
        self.followed, self._client = followed, client
        followed.until(lambda: client.port)

    @property
    def port(self):
        return self._client.port

    def send(self, content, token=TOKEN, path="/v1/posts", **headers):
        """Status, headers and JSON of the answer to one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        sent = {"Authorization": f"Bearer {token}", **headers} if token else headers
        connection.request("POST", path, content, sent)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        told = json.loads(body) if body.startswith(b"{") else {}
        return answer.status, answer.headers, told


def endpoint(how=None, **settings):
    """A followed endpoint; `how` is for who follows."""

    class Opened:
        def __enter__(self):
            client = Http(HttpSettings(token=TOKEN, port=0, **settings))
            self._following = following(Feed(client), **(how or {}))
            return Endpoint(self._following.__enter__(), client)

        def __exit__(self, *problem):
            return self._following.__exit__(*problem)

    return Opened()


def test_posts_and_events_are_taken_and_answered_when_they_are_safe():
    deletion = b'{"event":"deletion","platform":"x","id":"1","at":1714550400000}\n'
    with endpoint() as here:
        status, _, told = here.send(line(1) + b"oops\n\n" + deletion + line(2, id=None))
        assert status == 200
        assert told == {"accepted": 2, "rejected": 2, "reasons": {"not_json": 1, "missing_field": 1}}
        assert [item.id for item in here.followed.items] == ["1", "deletion 1714550400000 1"]
    accounted(here.followed.feed)


def test_an_answer_does_not_promise_what_downstream_has_not_said():
    with endpoint({"safe": False}, answer_s=0.1) as here:
        assert here.send(line(1))[0] == 202


def test_sending_again_is_safe():
    with endpoint() as here:
        for _ in range(3):
            assert here.send(line(1) + line(2))[2]["accepted"] == 2
        assert [item.id for item in here.followed.items] == ["1", "2"]
        assert here.followed.feed.counts.duplicates == 4
    accounted(here.followed.feed)


def test_a_newer_version_of_a_post_is_no_repetition():
    with endpoint() as here:
        here.send(line(1) + line(1, edited_at="2024-05-01T09:00:00Z"))
        assert len(here.followed.items) == 2


@pytest.mark.parametrize("token", [None, "", "another-s3cret-token", TOKEN + "x"])
def test_strangers_are_refused(token):
    with endpoint() as here:
        status, headers, told = here.send(line(1), token)
        assert (status, told["accepted"], headers["WWW-Authenticate"]) == (401, 0, "Bearer")
        assert here.followed.items == []
        assert here.followed.feed.counts.errors["http_401"] == 1


def test_packed_requests_are_unpacked_and_long_ones_refused_also_when_they_were_short_before():
    with endpoint() as here:
        packed = gzip.compress(b"".join(map(line, range(100))))
        assert here.send(packed, **{"Content-Encoding": "gzip"})[2]["accepted"] == 100
        assert here.send(b" " * (9 * 1024 * 1024))[0] == 413
        assert here.send(gzip.compress(b" " * (9 * 1024 * 1024)), **{"Content-Encoding": "gzip"})[0] in (
            400,
            413,
        )
        assert here.send(line(200))[0] == 200


def test_when_downstream_is_full_nothing_is_taken_and_the_same_succeeds_later(monkeypatch):
    monkeypatch.setattr(feeds, "WAITING", 2)
    with endpoint({"nap_s": 0.2}, answer_s=0.01) as here:
        refused = 0
        for number in range(8):
            while (answer := here.send(line(number)))[0] == 503:
                assert answer[1]["Retry-After"] == "1"
                assert answer[2]["accepted"] == 0
                refused += 1
                time.sleep(0.05)
            assert answer[0] in (200, 202)
        here.followed.until_items(8)
        assert [item.id for item in here.followed.items] == [str(n) for n in range(8)]
        assert refused > 0
        assert here.followed.feed.counts.refused_for_load == refused
        assert here.followed.feed.counts.duplicates == 0
    accounted(here.followed.feed)


def test_too_many_requests_at_once_are_put_off():
    with endpoint(requests=1) as here:
        slow = socket.create_connection(("127.0.0.1", here.port))
        head = ["POST /v1/posts HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", "Content-Length: 500"]
        slow.sendall("\r\n".join([*head, "", "{"]).encode())
        here.followed.until(lambda: here.send(line(1))[0] == 429)
        slow.close()
        here.followed.until(lambda: here.send(line(1))[0] == 200)
        assert here.followed.feed.counts.rate_limits >= 1


def test_a_burst_of_ten_thousand_from_several_senders_comes_whole():
    with endpoint() as here:
        parts = [b"".join(map(line, range(at, at + 500))) for at in range(0, 10_000, 500)]

        def send(mine):
            for part in mine:
                while here.send(part)[0] not in (200, 202):
                    time.sleep(0.05)

        senders = [threading.Thread(target=send, args=[parts[at::4]]) for at in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        here.followed.until_items(10_000)
        assert sorted(int(item.id) for item in here.followed.items) == list(range(10_000))
    accounted(here.followed.feed)


@pytest.mark.parametrize("part", [1, 50, 99])
def test_of_a_request_that_is_cut_nothing_is_taken_and_sent_again_everything_is(part):
    content = b"".join(map(line, range(20)))
    with endpoint() as here:
        with socket.create_connection(("127.0.0.1", here.port)) as sender:
            head = f"POST /v1/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            head += f"Content-Length: {len(content)}\r\n\r\n"
            sender.sendall(head.encode() + content[: len(content) * part // 100])
        assert here.send(line(99))[0] == 200  # the endpoint goes on
        assert [item.id for item in here.followed.items] == ["99"]
        assert here.send(content)[0] == 200
        assert [item.id for item in here.followed.items[1:]] == [str(n) for n in range(20)]
    accounted(here.followed.feed)


def test_a_sender_tells_what_is_missing_and_what_chose_its_posts():
    gap = b'{"event":"gap","platform":"x","source":"desk","from":1714550400000,"to":1714550460000}\n'
    rule = b'{"event":"filter","platform":"x","source":"desk","at":1714550400000,"filter":"#debate"}\n'
    with endpoint() as here:
        assert here.send(line(1) + gap + rule)[0] == 200
        assert [told.event for told in here.followed.said] == ["gap", "filter"]
    tally = here.followed.feed.tally
    assert (tally.posts, tally.events, here.followed.feed.counts.received) == (1, 2, 3)


def test_posts_from_the_future_are_refused():
    with endpoint() as here:
        here.send(line(1, created_at="2031-01-01T00:00:00Z") + line(2))
        here.followed.until(lambda: here.followed.feed.tally.rejected)
        assert [item.id for item in here.followed.items] == ["2"]
        assert dict(here.followed.feed.tally.reasons) == {"future_time": 1}


def test_only_posts_are_taken_and_only_there():
    with endpoint() as here:
        assert here.send(line(1), path="/")[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=15)
        connection.request("GET", "/v1/posts")
        assert connection.getresponse().status == 405


def test_a_token_must_be_long_and_a_port_free():
    with pytest.raises(InputError, match="VIGIE_HTTP__TOKEN"):
        Http(HttpSettings(token="short"))
    with endpoint() as here, following(Feed(Http(HttpSettings(token=TOKEN, port=here.port)))) as second:
        problem = second.until_failed()
        assert isinstance(problem, InputError)
        assert "cannot be listened on" in str(problem)
