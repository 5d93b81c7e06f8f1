"""Frames of posts: what is written is read, what is foreign is left alone, what is broken is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import murmur2 as kafkas_murmur2
from streams_of_posts import person, planted, post

from detectors.events import MAX_ID_LENGTH, Post, Profile, Promotion, Rejection, decode_line
from streams.kafka.frames import (
    Frame,
    decode_headers,
    encode,
    encode_headers,
    lines_of,
    murmur2,
    partition_of,
)
from streams.kafka.wire import line_of

NUMBER = st.integers(0, 2**63 - 1)
NAME = st.text(min_size=1, max_size=MAX_ID_LENGTH).filter(lambda name: name.isprintable())
FRAMES = st.builds(
    Frame,
    producer=NAME,
    count=st.integers(0, 20),
    watermark_ms=NUMBER,
    position=NUMBER,
    read=NUMBER,
    late=NUMBER,
    rejected=NUMBER,
    final=st.booleans(),
    live=st.booleans(),
)
KNOWN = [name for name, _ in encode_headers(Frame(producer="x", final=True, live=True))]


@given(FRAMES, st.data())
def test_what_is_written_is_read(frame, data):
    lines = data.draw(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)))
    frame = msgspec.structs.replace(frame, count=len(lines))
    value, headers = encode(frame, lines)
    assert decode_headers(headers) == frame
    assert decode_headers(dict(headers)) == frame
    assert lines_of(value, frame) == lines
    assert all(isinstance(value, bytes) for _, value in headers)


@given(FRAMES, st.lists(st.tuples(st.text().filter(lambda name: name not in KNOWN), st.binary() | st.none())))
def test_foreign_headers_are_ignored(frame, foreign):
    assert decode_headers([*foreign, *encode_headers(frame), *foreign]) == frame


@given(st.lists(st.tuples(st.text() | st.sampled_from(KNOWN[1:]), st.binary() | st.none())))
def test_a_record_without_our_header_is_a_strangers(headers):
    assert decode_headers([one for one in headers if one[0] != "vigie-frame"]) is None


def test_no_headers_at_all_is_a_strangers():
    assert decode_headers(None) is None
    assert decode_headers([]) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KNOWN),
            st.none()
            | st.binary(max_size=30)
            | st.integers().map(lambda number: str(number).encode())
            | st.sampled_from([b"", b"0", b"1", b"+1", b" 1", b"1_0", b"1.0", "١".encode(), b"9" * 19]),
        ),
        max_size=12,
    )
)
def test_garbage_is_refused_and_never_another_exception(headers):
    try:
        frame = decode_headers([("vigie-frame", b"1"), *headers])
    except Rejection as refused:
        assert refused.reason == "bad_record"
        assert len(refused.detail) < 300
    else:
        assert frame is not None
        assert encode_headers(frame)


@pytest.mark.parametrize("name", KNOWN[1:8])
@pytest.mark.parametrize("value", [None, b"", b"-1", b"+1", b" 1", b"\xff", b"9" * 20, b"1" * 2000])
def test_each_header_is_checked(name, value):
    good = dict(encode_headers(Frame(producer="x")))
    assert decode_headers(good)
    if name == "producer" and value in (b"-1", b"+1", b" 1", b"9" * 20):
        return  # odd, but names
    with pytest.raises(Rejection):
        decode_headers(good | {name: value})
    with pytest.raises(Rejection):
        decode_headers({key: one for key, one in good.items() if key != name})


@pytest.mark.parametrize("version", [b"", b"0", b"2", None])
def test_an_unknown_version_is_refused(version):
    with pytest.raises(Rejection, match="version"):
        decode_headers(dict(encode_headers(Frame(producer="x"))) | {"vigie-frame": version})


@pytest.mark.parametrize(("value", "count"), [(b"", 1), (None, 1), (b"{}", 0), (b"{}\n", 1), (b"{}\n{}", 1)])
def test_a_value_that_was_cut_is_refused(value, count):
    with pytest.raises(Rejection):
        lines_of(value, Frame(producer="x", count=count))


# -- partitions ------------------------------------------------------------------------------------


@given(st.binary(max_size=64))
def test_the_hash_is_kafkas(data):
    assert murmur2(data) == kafkas_murmur2(data)


@given(st.text(max_size=40), st.integers(1, 50))
def test_the_partition_is_the_one_of_the_default_partitioner(author, partitions):
    data = author.encode()
    assert partition_of(author, partitions) == (kafkas_murmur2(data) & 0x7FFFFFFF) % partitions


def test_the_hash_is_that_of_the_java_client():
    # From the tests of Apache Kafka (UtilsTest.testMurmur2).
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for data, signed in known.items():
        assert murmur2(data) == signed & 0xFFFFFFFF


# -- lines -----------------------------------------------------------------------------------------

WHOLE_MINUTES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENT = st.datetimes(
    datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.sampled_from([UTC]) | WHOLE_MINUTES
)
TEXT = st.text(max_size=30)


def maybe(strategy):
    return st.none() | strategy


PROFILE = st.builds(
    Profile,
    handle=maybe(TEXT),
    created_at=maybe(MOMENT),
    followers=maybe(st.integers(0, 2**40)),
    verified=maybe(st.booleans()),
)
POSTS = st.builds(
    Post,
    id=TEXT.filter(bool),
    platform=TEXT.filter(bool),
    author_id=TEXT.filter(bool),
    created_at=MOMENT,
    kind=st.sampled_from(["original", "repost", "reply", "quote"]),
    text=TEXT,
    received_at=maybe(MOMENT),
    edited_at=maybe(MOMENT),
    precision_s=maybe(st.floats(0, 100)),
    ref_author=maybe(PROFILE),
    hashtags=maybe(st.lists(TEXT, max_size=2)),
    promoted=maybe(st.builds(Promotion, payer=maybe(TEXT), spend=maybe(st.floats(0, 1e9)))),
    author=maybe(PROFILE),
)


@given(POSTS)
def test_a_line_gives_the_same_post_back(made):
    made.time_ms = decode_line(line_of(made)).time_ms
    assert decode_line(line_of(made)) == made
    assert b"\n" not in line_of(made)


def test_a_line_keeps_a_zone_that_is_no_whole_minute():
    made = post("1", "a", 0)
    made.created_at = made.created_at.astimezone(timezone(timedelta(seconds=561)))
    assert decode_line(line_of(made)).created_at == made.created_at


def test_an_absent_field_stays_absent_and_an_empty_one_empty():
    made = post("1", "a", 0, author=person())
    assert b"hashtags" not in line_of(made)
    assert b"null" not in line_of(made)
    assert b"time_ms" not in line_of(made)
    made.hashtags = []
    assert b'"hashtags":[]' in line_of(made)
    assert decode_line(line_of(made)) == made


def test_the_lines_of_a_stream_are_its_posts():
    posts = planted(3).posts
    assert [decode_line(line_of(one)) for one in posts] == posts
