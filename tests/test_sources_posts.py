"""Normalised lines: read, refused, written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS, Change, Missing, Post, Profile, Promotion, decode_line, milliseconds
from streams.kafka.wire import line_of
from streams.sources.posts import decode_item, encode_item, encode_post, take_line
from streams.sources.records import KEPT_BYTES, Batch

LINE = b'{"id":"1","platform":"x","author_id":"a","created_at":"2024-05-01T08:00:00Z","text":"hi"}'


def take(*lines):
    batch = Batch()
    for number, line in enumerate(lines, 1):
        take_line(line, number, batch)
    return batch


def test_a_post_keeps_its_line_number_and_large_ids():
    batch = take(b"", orjson.dumps({**orjson.loads(LINE), "id": 2**63 - 1, "author_id": 2**53 + 1}))
    assert batch.lines == [2]
    assert (batch.posts[0].id, batch.posts[0].author_id) == ("9223372036854775807", "9007199254740993")


def test_other_events_are_changes():
    batch = take(
        b'{"event":"deletion","platform":"x","id":1,"author_id":"a","at":"2024-05-01T08:00:00Z"}',
        b'{"event":"account","platform":"x","author_id":"a","status":"suspended","at":1714550400000}',
        b'{"event":"profile","platform":"x","author_id":"a","at":1714550400000,"author":{"name":"A"}}',
        b'{"event":"deletion","platform":"x","id":"1","author_id":"a","at":1714550400000,'
        b'"created_at":"2024-05-01T08:00:00Z"}',
    )
    moment = 1_714_550_400_000
    assert batch.posts == [
        Change(platform="x", time_ms=moment, event="deletion", author_id="a", post_id="1"),
        Change(platform="x", time_ms=moment, event="account", author_id="a", status="suspended"),
        Change(platform="x", time_ms=moment, event="profile", author_id="a", author=Profile(name="A")),
        Change(platform="x", time_ms=moment, event="deletion", author_id="a", post_id="1"),
    ]
    assert (batch.lines, batch.rejected) == ([1, 2, 3, 4], [])


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"profile","platform":"x","author_id":"a","at":1714550400000,'
        b'"author":{"created_at":"2020-05-01T08:00:00.000Z","followers":7}}',
        b'{"event":"gap","platform":"mastodon","at":1714550460000,"source":"one.example",'
        b'"from":1714550400000,"to":1714550450000,"reason":"refused"}',
        b'{"event":"filter","platform":"x","at":1714550400000,"source":"x","filter":"#debate","sampling":0.1}',
    ],
)
def test_a_change_is_read_as_it_was_written(line):
    assert encode_item(decode_item(line)) == line
    assert line_of(decode_item(line)) == line


def test_a_gap_is_known_at_its_end_and_lost_unless_it_says_otherwise():
    (gap,) = take(
        b'{"event":"gap","platform":"x","source":"x","from":"2024-05-01T08:00:00Z","to":1714550460000}'
    ).posts
    missing = Missing(start_ms=1_714_550_400_000, end_ms=1_714_550_460_000, reason="lost")
    assert gap == Change(platform="x", time_ms=missing.end_ms, event="gap", source="x", missing=missing)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "gap", "from": 1714550460000, "to": 1714550460000},
        {"event": "gap", "from": 1, "to": 1714550460000},
        {"event": "gap", "from": 1714550400000},
        {"event": "gap", "from": 1714550400000, "to": 1714550460000, "reason": "unknown"},
        {"event": "gap", "from": 1714550400000, "to": 1714550460000, "source": ""},
        {"event": "filter", "at": 1714550400000, "filter": "x" * 2001},
        {"event": "filter", "at": 1714550400000, "sampling": 1.5},
        {"event": "filter", "filter": "#debate"},
    ],
)
def test_what_a_source_says_of_itself_must_make_sense(fields):
    batch = take(orjson.dumps({"platform": "x", "source": "x"} | fields))
    assert [one.reason for one in batch.rejected] == ["bad_record"]


def test_an_edit_is_a_post():
    batch = take(b'{"event":"edit",' + LINE[1:])
    assert (len(batch.posts), batch.events) == (1, 0)


def test_a_broken_event_is_refused_with_its_fault():
    batch = take(b'{"event":"account","platform":"x","author_id":"a","status":"asleep","at":1714550400000}')
    assert batch.rejected[0].reason == "bad_record"
    assert "asleep" in batch.rejected[0].detail


def test_a_refused_line_keeps_its_beginning():
    batch = take(b"x" * 100_000)
    assert (batch.rejected[0].reason, len(batch.rejected[0].raw)) == ("not_json", KEPT_BYTES)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(line):
    batch = take(line)
    assert len(batch.posts) + len(batch.rejected) + batch.events == 1
    assert all(refused.reason in REASONS for refused in batch.rejected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["event", "at", "status", *Post.__struct_fields__])


@given(st.dictionaries(_NAMES, JSON | st.sampled_from(["deletion", "account", "2024-05-01T08:00:00Z"])))
def test_no_record_raises(record):
    batch = take(json.dumps(record).encode())
    assert len(batch.posts) + len(batch.rejected) + batch.events == 1


# Every day but the very first and last, which no other zone can name.
MOMENTS = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.5))]),
)
TEXTS = st.text(max_size=20)
COUNTS = st.integers(-(2**63), 2**63 - 1)
PROFILES = st.builds(
    Profile, handle=st.none() | TEXTS, created_at=st.none() | MOMENTS, observed_at=st.none() | MOMENTS,
    followers=st.none() | COUNTS, verified=st.none() | st.booleans(),
)  # fmt: skip
LISTS = st.none() | st.lists(TEXTS, max_size=3)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
IDS = st.text(min_size=1, max_size=30)


@st.composite
def a_post(draw):
    at = draw(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))
    return Post(
        id=draw(IDS), platform=draw(IDS), author_id=draw(IDS), created_at=at, time_ms=milliseconds(at),
        kind=draw(st.sampled_from(["original", "repost", "reply", "quote"])), text=draw(TEXTS),
        edited_at=draw(st.none() | MOMENTS), ref_created_at=draw(st.none() | MOMENTS),
        precision_s=draw(st.none() | FINITE), ref_id=draw(st.none() | IDS), hashtags=draw(LISTS),
        links=draw(LISTS), author=draw(st.none() | PROFILES), ref_author=draw(st.none() | PROFILES),
        promoted=draw(st.none() | st.builds(Promotion, spend=st.none() | FINITE, audiences=LISTS)),
    )  # fmt: skip


@given(a_post())
def test_a_written_post_reads_back_equal(post):
    line = encode_post(post)
    assert decode_line(line) == post
    fields = orjson.loads(line)
    assert "time_ms" not in fields
    assert None not in fields.values()
    assert fields["created_at"].endswith("Z")


def test_times_outside_of_any_other_zone_are_written():
    line = LINE[:-1] + b',"ref_created_at":"0001-01-01T00:00:00+05:00"}'
    assert decode_line(encode_post(decode_line(line))) == decode_line(line)
