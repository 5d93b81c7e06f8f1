"""What is forgotten where there is no room: the oldest, and of two dicts never all that was seen once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.forgetting import forget_once_and_again


@given(once=st.integers(0, 60), again=st.integers(0, 60), most=st.integers(1, 60))
def test_two_dicts_together_keep_their_newest_within_the_room(once, again, most):
    seldom, often = dict.fromkeys(range(once), "once"), {100 + n: "again" for n in range(again)}
    before = seldom | often
    forgot = forget_once_and_again(seldom, often, most)
    assert len(seldom) + len(often) <= most
    assert list(seldom) == list(range(once))[once - len(seldom) :]
    assert list(often) == [100 + n for n in range(again)][again - len(often) :]
    assert forgot.gone | seldom | often == before and forgot.evicted == len(forgot.gone)
    assert bool(forgot.gone) == (once + again > most or again > most - most // 4)


def test_one_newcomer_among_many_that_came_again_stays():
    once, again = {"new": 1}, {f"old{n}": 2 for n in range(100)}
    assert "new" not in forget_once_and_again(once, again, 100).gone
    assert "new" in once and len(again) <= 75


def test_what_was_seen_once_may_fill_the_room_that_nothing_else_takes():
    once: dict[int, int] = dict.fromkeys(range(100), 1)
    assert not forget_once_and_again(once, {}, 100).gone
    assert len(once) == 100
