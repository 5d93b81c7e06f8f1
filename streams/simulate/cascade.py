"""What people see and share: recent posts, a few of which everyone shares."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .people import Account

HALF_LIFE_MS = 25 * 60_000
MAX_POSTS = 2500


class Shown(NamedTuple):
    """A post that can be shared, its author and its time in milliseconds."""

    time_ms: int
    author: Account
    post: dict[str, Any]


class Feed:
    """Recent posts with an appeal that is heavy-tailed, grows with the author's followers and fades with age.

    Parameters
    ----------
    rng : Generator
        Draws appeals and choices.
    spread : float
        Exponent of the appeal's tail; 1 lets one post in a thousand take most of the shares.
    """

    def __init__(self, rng: np.random.Generator, spread: float = 1.05) -> None:
        self._rng = rng
        self._spread = spread
        self._shown: list[Shown] = []
        self._times: list[int] = []
        self._appeal: list[float] = []
        self._steps = np.empty(0)
        self._sharers: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """How many posts can be drawn: those of the last `refresh`."""
        return len(self._steps)

    def show(self, post: Shown) -> None:
        """Add a post. It can be drawn after the next `refresh`."""
        luck = float(self._rng.pareto(self._spread)) + 0.05
        self._shown.append(post)
        self._times.append(post.time_ms)
        self._appeal.append(luck * (post.author.followers + 40) ** 0.4)

    def refresh(self, now_ms: int) -> None:
        """Weigh the posts as they look at `now_ms` and forget the faded ones."""
        ages = now_ms - np.array(self._times, float)
        weights = np.array(self._appeal) * 0.5 ** (np.maximum(ages, 0) / HALF_LIFE_MS)
        if len(self._shown) > 2 * MAX_POSTS:
            keep = np.sort(np.argsort(weights)[-MAX_POSTS:])
            self._shown = [self._shown[i] for i in keep.tolist()]
            self._times = [shown.time_ms for shown in self._shown]
            self._appeal = [self._appeal[i] for i in keep.tolist()]
            weights = weights[keep]
            alive = {shown.post["id"] for shown in self._shown}
            self._sharers = {key: value for key, value in self._sharers.items() if key in alive}
        self._steps = np.cumsum(weights)

    def draw(self, count: int) -> list[Shown]:
        """The posts that `count` people see next, by weight at the last `refresh`."""
        places = np.searchsorted(self._steps, self._rng.random(count) * self._steps[-1])
        last = len(self._steps) - 1
        return [self._shown[min(place, last)] for place in places.tolist()]

    def may_share(self, shown: Shown, account: Account) -> bool:
        """Whether the account neither wrote the post nor shared it yet; notes that it shares it now."""
        if shown.author is account:
            return False
        sharers = self._sharers.setdefault(shown.post["id"], set())
        if account.id in sharers:
            return False
        sharers.add(account.id)
        return True
