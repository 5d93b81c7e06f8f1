"""Stretches of event time between tasks: nothing is lost, nothing counts twice, holes are refused."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import Rejection
from detectors.state import Saved, applied
from streams.kafka.stretches import Inbox, Output, Stretch, Teller, decode_headers, encode

Ticks = list[tuple[int, list[str]]]
_ticks = msgspec.msgpack.Decoder(list[tuple[int, str]])
few = settings(max_examples=40, derandomize=True, deadline=None)


def heard(inbox: Inbox[str], output: Output) -> bool:
    return inbox.take(decode_headers(output.headers), _ticks.decode(output.value) if output.value else [])


def whole(*sources: str) -> Inbox[str]:
    inbox = Inbox(sources, str)
    inbox.whole = True
    return inbox


def ready(inbox: Inbox[str]) -> dict[int, dict[str, str]]:
    return dict(inbox.ready())


# -- headers ---------------------------------------------------------------------------------------


def test_what_is_written_is_read():
    for cold in (False, True):
        for strangers in (False, True):
            stretch = Stretch("subjects.12", 5000, 15_000, cold, strangers)
            value, headers = encode(stretch, [(10_000, "a"), (15_000, "b")])
            assert decode_headers(headers) == stretch
            assert decode_headers(dict(headers)) == stretch
            assert _ticks.decode(value) == [(10_000, "a"), (15_000, "b")]
    assert encode(Stretch("a", 0, 5), [])[0] == b""


GOOD = {"vigie-stretch": b"1", "source": b"a", "after": b"5", "until": b"10"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"vigie-stretch": b"2"},
        {"vigie-stretch": None},
        {"source": b"\xff\xfe"},
        {"after": b""},
        {"after": None},
        {"after": b"-1"},
        {"after": b"1_000"},
        {"after": b" 5"},
        {"after": "٥".encode()},
        {"until": b"4"},
        {"until": b"9" * 14},
        {"until": b"9" * 40},
        {"until": b"9" * 5000},
    ],
)
def test_headers_that_are_none_are_refused(wrong):
    assert decode_headers(GOOD) == Stretch("a", 5, 10)
    with pytest.raises(Rejection):
        decode_headers(GOOD | wrong)
    for name in wrong:
        with pytest.raises(Rejection):
            decode_headers({key: value for key, value in GOOD.items() if key != name})


def test_headers_that_are_missing_are_refused():
    for headers in (None, [], {}, [("vigie-frame", b"1")]):
        with pytest.raises(Rejection):
            decode_headers(headers)


# -- telling ---------------------------------------------------------------------------------------


def test_a_teller_says_each_moment_once_to_every_partition():
    teller = Teller("a", "signals", 2)
    first = teller.tell(10, [(5, ["x", "y"]), (10, ["z", ""])])
    second = teller.tell(15, [])
    again = teller.tell(15, [])
    assert [one.partition for one in first] == [0, 1]
    assert [decode_headers(one.headers) for one in first] == [Stretch("a", 0, 10, cold=True)] * 2
    assert _ticks.decode(first[0].value) == [(5, "x"), (10, "z")]
    assert _ticks.decode(first[1].value) == [(5, "y"), (10, "")]
    assert [decode_headers(one.headers) for one in second] == [Stretch("a", 10, 15)] * 2
    assert [decode_headers(one.headers) for one in again] == [Stretch("a", 15, 15)] * 2


# -- hearing ---------------------------------------------------------------------------------------


def test_a_tick_waits_for_all_sources():
    inbox = whole("a", "b")
    assert inbox.take(Stretch("a", 0, 10), [(5, "x"), (10, "y")])
    assert ready(inbox) == {}
    assert inbox.held == 2
    assert inbox.take(Stretch("b", 0, 7), [])
    assert ready(inbox) == {5: {"a": "x"}}
    assert (inbox.time_ms, inbox.held) == (7, 1)
    assert inbox.take(Stretch("b", 7, 12), [(10, "z")])
    assert ready(inbox) == {10: {"a": "y", "b": "z"}}
    assert inbox.time_ms == 10
    assert inbox.complete_ms() == 10


def test_what_is_known_is_dropped_and_what_overlaps_counts_once():
    inbox = whole("a")
    inbox.take(Stretch("a", 0, 10), [(5, "x"), (10, "y")])
    assert not inbox.take(Stretch("a", 0, 10), [(5, "other"), (10, "other")])
    assert not inbox.take(Stretch("a", 5, 10), [(10, "other")])
    assert inbox.repeated == 2
    assert inbox.take(Stretch("a", 0, 15), [(5, "other"), (10, "other"), (15, "new")])
    assert ready(inbox) == {5: {"a": "x"}, 10: {"a": "y"}, 15: {"a": "new"}}
    assert (inbox.holes, inbox.late) == (0, 0)


def test_a_stretch_after_a_hole_is_refused_until_the_hole_is_told():
    inbox = whole("a")
    inbox.take(Stretch("a", 0, 10, cold=True), [(5, "x")])
    assert not inbox.take(Stretch("a", 15, 20), [(20, "z")])
    assert (inbox.holes, inbox.heard) == (1, {"a": 10})
    assert inbox.take(Stretch("a", 10, 15), [(15, "y")])
    assert inbox.take(Stretch("a", 15, 20), [(20, "z")])
    assert ready(inbox) == {5: {"a": "x"}, 15: {"a": "y"}, 20: {"a": "z"}}


def test_a_hole_before_the_first_that_is_heard_is_refused_where_the_topic_is_read_from_its_beginning():
    inbox = whole("a")
    assert not inbox.take(Stretch("a", 10, 20), [(20, "y")])
    assert (inbox.holes, inbox.heard) == (1, {"a": None})
    assert inbox.take(Stretch("a", 0, 10, cold=True), [(5, "x")])
    assert inbox.take(Stretch("a", 10, 20), [(20, "y")])
    assert ready(inbox) == {5: {"a": "x"}, 20: {"a": "y"}}
    later = Inbox(["a"], str)  # one that lost its state, and does not go back to the first record
    assert later.take(Stretch("a", 10, 20), [(20, "y")])
    assert (later.holes, ready(later)) == (0, {20: {"a": "y"}})


def test_a_source_that_lost_its_state_is_heard_and_the_hole_counted():
    inbox = whole("a")
    inbox.take(Stretch("a", 0, 10), [(5, "x")])
    assert inbox.take(Stretch("a", 0, 30, cold=True), [(5, "other"), (25, "z")])
    assert inbox.holes == 1
    assert ready(inbox) == {5: {"a": "x"}, 25: {"a": "z"}}


def test_unknown_sources_and_ticks_of_other_stretches_are_refused_and_change_nothing():
    inbox = whole("a")
    inbox.take(Stretch("a", 0, 10), [(5, "x")])
    for stretch, ticks in [
        (Stretch("b", 0, 10), []),
        (Stretch("a", 10, 20), [(10, "before")]),
        (Stretch("a", 10, 20), [(15, "in it"), (21, "after")]),
    ]:
        with pytest.raises(Rejection):
            inbox.take(stretch, ticks)
    assert inbox.heard == {"a": 10}
    assert ready(inbox) == {5: {"a": "x"}}


def test_idle_strangers_are_not_waited_for_and_what_they_say_later_is_late():
    inbox = Inbox(["a", "b"], str)
    inbox.take(Stretch("a", 0, 10, strangers=True), [(5, "x")])
    inbox.idle = {"b"}
    assert ready(inbox) == {5: {"a": "x"}}
    assert inbox.take(Stretch("b", 0, 15, strangers=True), [(5, "late"), (15, "y")])
    assert inbox.late == 1
    inbox.idle = set()
    inbox.take(Stretch("a", 10, 15, strangers=True), [])
    assert ready(inbox) == {15: {"b": "y"}}
    inbox.take(Stretch("a", 15, 20), [])
    inbox.take(Stretch("b", 15, 20), [])
    inbox.idle = {"b"}  # without strangers everybody is waited for
    inbox.take(Stretch("a", 20, 25), [(25, "z")])
    assert ready(inbox) == {}


# -- all together ----------------------------------------------------------------------------------


def story(rng: random.Random, source: str) -> Ticks:
    return [
        (tick, [f"{source}{tick}{part}" for part in "pq"]) for tick in range(5, 200, 5) if rng.random() < 0.6
    ]


def told(rng: random.Random, source: str, ticks: Ticks) -> Iterator[Output]:
    """What a task says of it that is cut off, again and again, and goes on from an earlier state."""
    teller = Teller(source, "signals", 2)
    saved: int | None = None
    until = 0
    while until < 200:
        until = min(200, until + rng.choice((0, 1, 5, 5, 30)))
        after = teller.told_ms
        yield from teller.tell(until, [one for one in ticks if (after or 0) < one[0] <= until])
        if rng.random() < 0.2:
            saved = teller.told_ms
        if rng.random() < 0.15:
            teller = Teller(source, "signals", 2)
            teller.told_ms = saved
            until = saved or 0


@given(st.integers(0, 2**32))
@few
def test_whatever_is_repeated_or_cut_off_every_tick_is_handed_on_once(seed):
    rng = random.Random(seed)
    stories = {source: story(rng, source) for source in "abc"}
    voices = {source: told(rng, source, ticks) for source, ticks in stories.items()}
    inboxes = [whole("a", "b", "c") for _ in "pq"]
    stores: list[Saved] = [{}, {}]
    found: list[dict[int, dict[str, str]]] = [{}, {}]
    while voices:
        source = rng.choice(list(voices))
        output = next(voices[source], None)
        if output is None:
            del voices[source]
            continue
        part = output.partition or 0
        heard(inboxes[part], output)
        for tick_ms, payloads in inboxes[part].ready():
            assert tick_ms not in found[part]
            assert tick_ms > max(found[part], default=0)
            found[part][tick_ms] = payloads
        if rng.random() < 0.1:  # saved bit by bit, and taken up by another
            stores[part] = applied(stores[part], inboxes[part].changes(everything=not stores[part]))
            inboxes[part] = whole("a", "b", "c")
            inboxes[part].whole = False
            inboxes[part].restore(stores[part])
            assert inboxes[part].whole
    for number, part in enumerate("pq"):
        wanted: dict[int, dict[str, str]] = {}
        for source, ticks in stories.items():
            for tick_ms, payloads in ticks:
                assert payloads[number].endswith(part)
                wanted.setdefault(tick_ms, {})[source] = payloads[number]
        assert found[number] == {tick: dict(sorted(wanted[tick].items())) for tick in sorted(wanted)}
        assert inboxes[number].repeated > 0
