"""What becomes of an operation's accounts, as the network tells it: suspensions, and followers lost."""

from __future__ import annotations

from collections.abc import Iterator

from .people import DAY_MS, Account, with_followers
from .playing import Play
from .scenario import Fate
from .world import Draft, status_event

_TIMES = 12
"""A public account has so many times the followers that it loses."""
_READ_EVERY_MS = 20 * 60_000
_GROWTH = 0.004
"""Share of its followers that a public account wins in a day."""


def aftermath(play: Play, fate: Fate, accounts: list[Account]) -> list[Draft]:
    """The suspensions, and the posts by which one sees what the followed accounts have lost.

    Parameters
    ----------
    play : Play
        The operation.
    fate : Fate
        What becomes of it.
    accounts : list of Account
        All of the operation; which of them are suspended is drawn.
    """
    at_ms = play.world.start_ms + int(fate.at_minute * 60_000)
    gone = play.rng.sample(accounts, fate.suspended)
    drafts = []
    for account in gone:
        time_ms = at_ms + play.rng.randrange(60_000)
        number = play.ids.next(time_ms)
        post = status_event(account, "suspended", time_ms)
        drafts.append(Draft(time_ms, number, account, post, play.name, "suspended"))
    for handle in fate.followed:
        drafts += _posts_of_a_followed(play, handle, at_ms, len(gone))
    return drafts


def _posts_of_a_followed(play: Play, handle: str, purged_ms: int, lost: int) -> Iterator[Draft]:
    """What a public account posts all the time; each post shows how many follow it now."""
    account = play.casting.target(handle, followers=_TIMES * lost)
    play.world.followed.setdefault(play.name, []).append(account)
    rng, posts = play.rng, account.posts
    for begin in range(play.world.start_ms, play.world.end_ms, _READ_EVERY_MS):
        time_ms = begin + rng.randrange(_READ_EVERY_MS)
        won = int(account.followers * _GROWTH * (time_ms - play.world.start_ms) / DAY_MS)
        # Not all of them followed this one.
        left = account.followers + won + rng.randrange(4) - (int(0.9 * lost) if time_ms > purged_ms else 0)
        text = play.world.composers["fr"].post("election", 0, rng)
        yield play.bystander(time_ms, with_followers(account, left, posts), text)
        posts += 1
