"""Posts of months before a scenario: who was in the stream of an earlier election, and who went on.

A long memory knows a sleeper by this alone: it was seen on that day and not since, while others were.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from .cast import day_ms
from .people import DAY_MS, Account
from .playing import Play
from .world import Draft

_EVENING_MS, _LENGTH_MS = 19 * 3_600_000, 4 * 3_600_000
_EVERY_DAYS = 60
"""Less than the three months of silence from which somebody is said to have slept."""


def lead_in(play: Play, day: date, sleepers: Iterable[Account], others: Iterable[Account]) -> list[Draft]:
    """Posts of the evening of `day` by all, and of every two months after by the others.

    They have the role "before": the operation had not begun.
    """
    begin_ms = day_ms(day) + _EVENING_MS
    drafts = [_post(play, account, begin_ms) for account in sleepers]
    for account in others:
        again = range(begin_ms, play.world.start_ms - 7 * DAY_MS, _EVERY_DAYS * DAY_MS)
        drafts += [_post(play, account, at_ms) for at_ms in again if account.created_ms < at_ms]
    return drafts


def _post(play: Play, author: Account, begin_ms: int) -> Draft:
    text = play.world.composers[author.lang].post("election", author.style, play.rng)
    return play.original(begin_ms + play.rng.randrange(_LENGTH_MS), author, "before", text)
