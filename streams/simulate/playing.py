"""What an operation has of its own while it is played: generators, ids, accounts and a time span."""

from __future__ import annotations

from typing import Any

from .cascade import Shown
from .cast import Casting
from .grammar import load_grammar
from .ids import PostIds
from .people import Account
from .scenario import Operation
from .world import Draft, World, compose, repost


class Play:
    """One operation of a world.

    Parameters
    ----------
    world : World
        Its registry makes the accounts; some of its people are drawn in.
    part : Operation
        The operation of the scenario.
    worker : int
        1 to 1023, another for each component; it keeps ids apart.
    """

    def __init__(self, world: World, part: Operation, worker: int) -> None:
        self.world, self.name, self.ids = world, part.name, PostIds(worker)
        self.generator, self.rng = world.tools(part.name)
        self.casting = Casting(world, self.rng)
        self.grammar = load_grammar("operations")
        self.begin_ms = world.start_ms + int(part.at_minute * 60_000)
        self.length_ms = int(part.duration_minutes * 60_000)
        self.end_ms = self.begin_ms + self.length_ms

    def moment(self) -> int:
        """Any moment of the operation, each as likely."""
        return self.begin_ms + int(self.rng.random() * self.length_ms)

    def original(self, time_ms: int, author: Account, role: str, text: str, **more: Any) -> Draft:
        """A post of the operation's own words."""
        number = self.ids.next(time_ms)
        return Draft(time_ms, number, author, compose(author, time_ms, number, text, **more), self.name, role)

    def repost(self, time_ms: int, author: Account, role: str, shown: Shown) -> Draft:
        """A repost of what was shown."""
        number = self.ids.next(time_ms)
        post = repost(author, time_ms, number, shown.post, shown.author)
        return Draft(time_ms, number, author, post, self.name, role)

    def bystander(self, time_ms: int, author: Account, text: str, **more: Any) -> Draft:
        """A post of somebody who is not part of the operation: it is in no truth."""
        return self.original(time_ms, author, "", text, **more)._replace(operation=None, role=None)
