"""What the pipeline itself remembers of an account, which is there also where no store keeps its profile."""

from __future__ import annotations

from typing import NamedTuple

from detectors.accounts.dormancy import woke_days
from detectors.accounts.profiles import shown
from detectors.accounts.stage import Account
from detectors.events import Status

_MINUTE_MS = 60_000


class Remembered(NamedTuple):
    """One account; None where that is not known of it."""

    status: Status | None
    """What the network said of it last."""
    silent_days: int | None
    """Days of the silence out of which it woke of late."""
    score: float | None
    """Its automation score, 0 to 1."""
    created_ms: int | None
    followers: int | None


def remembered(account: Account) -> Remembered:
    """What is to be shown of the memory of an account.

    >>> remembered(Account("x\\x1f7", 0, 0, status="suspended", score=250))
    Remembered(status='suspended', silent_days=None, score=0.25, created_ms=None, followers=None)
    """
    said = shown(account.shown)
    days = woke_days(
        account.habits.woke,
        account.first_ms,
        account.last_ms,
        created_min=said.created_min,
        posts=-1 if said.unseen < 0 else said.unseen + account.posts,
        seen=account.posts,
    )
    return Remembered(
        status=account.status,
        silent_days=days if days > 0 else None,
        score=account.score / 1000 if account.score >= 0 else None,
        created_ms=said.created_min * _MINUTE_MS if said.created_min >= 0 else None,
        followers=said.followers if said.followers >= 0 else None,
    )
