"""Posts a minute of a case: as many as its alerts count, where they say that posts were."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from console_room import alerts, newest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.known import KnownCase
from streams.console.minutes import MINUTE_MS, SPARK_MINUTES, Minutes

HOUR_MS = SPARK_MINUTES * MINUTE_MS
START_MS = 400 * HOUR_MS
END_MS = START_MS + 10 * MINUTE_MS - 1


@st.composite
def lives(draw):
    """Revisions of a case: the window of each, its total, and the posts that it names as the first one."""
    start, end, total, told = START_MS, START_MS, 0, []
    for _ in range(draw(st.integers(1, 8))):
        start -= draw(st.sampled_from([0, 0, 0, 7 * MINUTE_MS]))
        end += draw(st.sampled_from([0, 900, MINUTE_MS, 11 * MINUTE_MS, 3 * HOUR_MS]))
        total = max(0, total + draw(st.integers(-5, 60)))
        told.append((start, end, total, draw(st.lists(st.integers(start, end), max_size=5))))
    return told


def lived(life) -> list[Minutes]:
    return list(accumulate(life, lambda minutes, one: minutes.grown(*one), initial=Minutes()))[1:]


@given(lives())
def test_all_minutes_together_have_as_many_posts_as_the_alert_or_as_are_named(life):
    for minutes, (_, _, total, _) in zip(lived(life), life, strict=True):
        assert len(minutes.counts) == SPARK_MINUTES
        assert min(minutes.hour.parts) >= 0
        assert minutes.hour.posts >= total
    totals = [total for _, _, total, _ in life]
    if totals == sorted(totals) and not any(named for *_, named in life):
        assert lived(life)[-1].hour.posts == totals[-1]


@given(lives())
def test_no_minute_has_fewer_posts_than_are_named_in_it(life):
    last = life[-1][1] // MINUTE_MS
    named = Counter(at // MINUTE_MS for *_, times in life for at in times)
    counts = lived(life)[-1].counts
    assert all(counts[SPARK_MINUTES - 1 - back] >= named[last - back] for back in range(SPARK_MINUTES))


@given(lives(), st.integers(1, 30))
def test_a_total_that_falls_takes_no_post_away(life, fallen):
    before, (start, end, total, _) = lived(life)[-1], life[-1]
    after = before.grown(start, end + MINUTE_MS, max(0, total - fallen), [])
    assert after.counts == (*before.counts[1:], 0)
    assert after.hour.posts == before.hour.posts


def test_the_posts_are_where_named_ones_are():
    named = [START_MS + n * MINUTE_MS for n in (0, 3, 3, 3, 9)]
    counts = Minutes().grown(START_MS, END_MS, 17, named).counts[-10:]
    assert sum(counts) == 17
    assert {minute for minute, n in enumerate(counts) if n} == {0, 3, 9}
    assert counts[3] > counts[0]


def test_posts_of_which_none_is_named_are_spread_evenly_over_the_time_in_which_they_came():
    first = Minutes().grown(START_MS, START_MS + MINUTE_MS - 1, 5, [START_MS])
    then = first.grown(START_MS, START_MS + 6 * MINUTE_MS - 1, 30, [])
    assert then.counts[-6:] == (5, 5, 5, 5, 5, 5)


def test_a_number_that_stood_still_makes_no_peak_when_it_grows_again():
    """A finding is judged again when it has grown by a quarter, and the case tells of others meanwhile."""
    first = Minutes().grown(START_MS, START_MS + MINUTE_MS - 1, 10, [START_MS])
    quiet = first.grown(START_MS, START_MS + 9 * MINUTE_MS - 1, 10, [])
    grown = quiet.grown(START_MS, END_MS, 100, [])
    assert grown.counts[-10:] == (10,) * 10


def test_another_case_that_comes_in_makes_no_peak_either():
    first = Minutes().grown(START_MS, START_MS + 5 * MINUTE_MS - 1, 10, [])
    merged = first.grown(START_MS - 5 * MINUTE_MS, START_MS + 5 * MINUTE_MS, 100, [])
    assert merged.hour.posts == 100
    assert max(merged.counts) <= 12
    named = [START_MS + n * MINUTE_MS for n in range(5)]
    larger = first.grown(START_MS, START_MS + 5 * MINUTE_MS, 100, named)
    assert max(larger.counts) == 20


def test_posts_from_before_the_hour_are_counted_and_not_drawn():
    minutes = Minutes().grown(START_MS, START_MS + 2 * HOUR_MS - 1, 240, [])
    assert (minutes.hour.parts[0], set(minutes.counts)) == (120, {2})


def test_the_alerts_of_a_stream_give_their_totals_in_whatever_order_they_are_read():
    for case_id, data in newest(alerts()).items():
        told = [alert for alert in alerts() if alert["data"]["case_id"] == case_id]
        for order in (told, told[::-1], [told[-1], *told]):
            case = KnownCase(case_id)
            for alert in order:
                case.take(alert)
            assert case.minutes.hour.posts >= data["group"]["posts_total"]
            assert case.row["minutes"] == case.minutes.counts
