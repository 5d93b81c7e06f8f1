"""When a post happened, whatever its author claims."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.windows import TimeSettings
from streams.sources.claimed_time import DAY_MS, DELAY_MS, SKEW_MS, event_time

NOW = 1_714_550_400_000
CLAIMS = st.integers(946_684_800_000, 4_102_444_799_999)


def test_an_honest_claim_is_believed():
    assert event_time(NOW - 1_200, NOW) == (NOW - 1_200, "believed")


def test_a_claim_at_either_bound_is_believed_and_one_beyond_is_not():
    assert event_time(NOW - DELAY_MS, NOW) == (NOW - DELAY_MS, "believed")
    assert event_time(NOW + SKEW_MS, NOW) == (NOW + SKEW_MS, "believed")
    assert event_time(NOW - DELAY_MS - 1, NOW) == (NOW, "delayed")
    assert event_time(NOW + SKEW_MS + 1, NOW) == (NOW, "ahead")


def test_a_post_dated_back_by_a_minute_still_counts_now():
    assert event_time(NOW - 60_000, NOW) == (NOW, "delayed")


def test_an_imported_archive_does_not_count_as_new():
    assert event_time(NOW - DAY_MS - 1, NOW) == (NOW - DAY_MS - 1, "imported")


def test_without_a_claim_the_witness_counts():
    assert event_time(None, NOW) == (NOW, "unclaimed")


def test_an_edit_stays_where_its_post_was_but_not_in_the_future():
    assert event_time(NOW - 3_600_000, NOW, edited=True) == (NOW - 3_600_000, "edited")
    assert event_time(NOW + 3_600_000, NOW, edited=True) == (NOW, "ahead")


def test_the_bounds_fit_into_the_grace_so_that_no_claim_makes_posts_late():
    """The newest event time runs at most SKEW ahead, an honest one at most DELAY behind."""
    assert TimeSettings().grace_s * 1000 > SKEW_MS + DELAY_MS


@given(CLAIMS, CLAIMS)
def test_no_claim_moves_a_new_post_out_of_the_counts(claimed, witnessed):
    time_ms, verdict = event_time(claimed, witnessed)
    assert time_ms <= witnessed + SKEW_MS
    if verdict == "imported":
        assert time_ms == claimed < witnessed - DAY_MS
    else:
        assert time_ms >= witnessed - DELAY_MS
