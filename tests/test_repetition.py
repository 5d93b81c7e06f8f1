"""Who is held as sharing things again and again, and until when."""

from __future__ import annotations

import random

import pytest

from detectors.findings import Subject
from detectors.pairs import PairSettings, Repetition, Share, Tie, tie
from detectors.state import applied

MINUTE_MS = 60_000
WINDOW_MINUTES = 120
NAMES = "abcdefgh"


def graph() -> Repetition:
    made = Repetition(PairSettings(window_hours=WINDOW_MINUTES // 60, recent_hours=1))
    made.track()
    return made


def held(one: Repetition) -> set[str]:
    """The pairs of a checkpoint."""
    return set(one.changes(everything=True).get("repetition", ()))


def shared_at(at_ms: int, one: str, other: str, shared: Subject) -> Tie:
    return tie(shared, one, Share(at_ms - 5, "p"), other, Share(at_ms, "q"))


def some_ties(rng: random.Random, now_ms: int, name: str) -> list[Tie]:
    """Ties of a tick; some are told long after, with the second thing that the two shared."""
    return [
        shared_at(
            now_ms - rng.choice((0, rng.randrange(180))) * MINUTE_MS,
            *rng.sample(NAMES, 2),
            Subject("text", f"{name}.{n}"),
        )
        for n in range(rng.randrange(4))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_is_held_until_the_last_that_it_shared_is_out_of_the_window(seed: int) -> None:
    rng = random.Random(seed)
    repetition = graph()
    newest: dict[str, int] = {}
    now_ms = 600 * MINUTE_MS
    for number in range(300):
        now_ms += rng.randrange(1, 12) * MINUTE_MS
        ties = some_ties(rng, now_ms, str(number))
        repetition.take(ties, now_ms)
        for one in ties:
            pair = f"1.{one.one}{one.other}"
            newest[pair] = max(one.time_ms, newest.get(pair, 0))
        newest = {pair: at for pair, at in newest.items() if at >= now_ms - WINDOW_MINUTES * MINUTE_MS}
        assert held(repetition) == set(newest)
        if rng.random() < 0.1:
            saved = applied({}, repetition.changes(everything=True))
            repetition = graph()
            repetition.restore(saved)
