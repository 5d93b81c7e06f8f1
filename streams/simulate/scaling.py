"""A scenario with fewer people and posts, or more, in the same time.

What makes an operation one stays: twenty trolls are twenty, with targets and posts, in a smaller stream.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from .scenario import (
    Adverts,
    Amplify,
    Chain,
    Fate,
    Headline,
    Leak,
    Listed,
    Live,
    LookAlike,
    Operation,
    Ordinary,
    Scenario,
    Shared,
    Slogan,
    Sponsored,
    Viral,
)

_LEAST: dict[type[Struct], dict[str, int]] = {
    Ordinary: {"accounts": 2000},
    Slogan: {"posts": 30},
    Headline: {"posts": 30},
    Chain: {"posts": 30},
    Live: {"posts": 200},
    Viral: {"reposts": 100, "quotes": 10, "copies": 10},
    Shared: {"posts": 60, "accounts": 30},
    Adverts: {"advertisers": 30, "posts": 120},
    Amplify: {"accounts": 60, "bystanders": 0},
    Fate: {"suspended": 0},
    Leak: {"accounts": 200, "posts": 600},
    Sponsored: {"posts": 30, "after_ban": 3},
    Listed: {"accounts": 30, "posts": 300, "bystanders": 0},
}
"""What follows the scale, and how few there must be for it to be what it is. The rest stays as it is."""


def scaled(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with `scale` times the posts and accounts.

    >>> from streams.simulate import load_scenario
    >>> night = scaled(load_scenario("election-night"), 0.1)
    >>> night.operation[0].accounts, night.operation[2].accounts, night.ordinary.accounts
    (60, 20, 2400)
    """
    if scale == 1:
        return scenario
    ordinary = _smaller(scenario.ordinary, scale)
    return msgspec.structs.replace(
        scenario,
        ordinary=msgspec.structs.replace(
            ordinary, posts_per_second=scenario.ordinary.posts_per_second * scale
        ),
        lookalike=[_part(part, scale) for part in scenario.lookalike],
        operation=[_part(part, scale) for part in scenario.operation],
    )


def _part(part: LookAlike | Operation, scale: float) -> Any:
    smaller = _smaller(part, scale)
    if isinstance(part, Amplify) and part.fate is not None:
        # As large a part of the accounts as before.
        return msgspec.structs.replace(smaller, fate=_smaller(part.fate, smaller.accounts / part.accounts))
    if isinstance(part, Sponsored):
        return msgspec.structs.replace(smaller, spend=part.spend * smaller.posts / part.posts)
    return smaller


def _smaller(table: Any, scale: float) -> Any:
    least = _LEAST.get(type(table), {})
    counts = {name: getattr(table, name) for name in least}
    # What there was less of than the least stays as it was.
    fewer = {name: max(round(count * scale), min(count, least[name])) for name, count in counts.items()}
    return msgspec.structs.replace(table, **fewer)
