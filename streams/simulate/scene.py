"""What a look-alike has of its own while it is played: generators, ids, people and a time span."""

from __future__ import annotations

from typing import Any

from .grammar import load_grammar
from .ids import PostIds
from .people import DAY_MS, Account
from .scenario import LookAlike
from .world import Draft, World

ROLE = "innocent"


class Scene:
    """One look-alike of a world.

    Parameters
    ----------
    world : World
        Its people take part.
    part : LookAlike
        The look-alike of the scenario.
    worker : int
        1 to 1023, another for each component; it keeps ids apart.
    """

    def __init__(self, world: World, part: LookAlike, worker: int) -> None:
        self.world, self.name, self.ids = world, part.name, PostIds(worker)
        self.generator, self.rng = world.tools(part.name)
        self.grammar = load_grammar("crowds")
        self.begin_ms = world.start_ms + int(part.at_minute * 60_000)
        self.length_ms = int(part.duration_minutes * 60_000)
        self.end_ms = min(self.begin_ms + self.length_ms, world.end_ms)

    def wave(self, count: int) -> list[int]:
        """Times of a wave that rises fast and fades slowly."""
        return sorted(
            (self.begin_ms + self.generator.beta(1.6, 3.2, count) * (self.length_ms - 1)).astype(int).tolist()
        )

    def draft(self, time_ms: int, author: Account, number: int, post: dict[str, Any]) -> Draft:
        """A post of the look-alike."""
        return Draft(time_ms, number, author, post, self.name, ROLE)

    def people(self, count: int, lang: str) -> list[Account]:
        """Different people, in turn if there are fewer than `count`."""
        people = self.world.crowd.distinct(count, lang, self.generator)
        return [people[i % len(people)] for i in range(count)] if people else []

    def declared(
        self, handle: str, name: str, description: str, lang: str, client: str, bot: bool = False
    ) -> Account:
        """An account that says openly whose it is."""
        rng = self.rng
        age_ms = rng.randrange(200, 3500) * DAY_MS
        profile = {
            "handle": handle, "name": name, "description": description, "location": "",
            "posts": age_ms // DAY_MS * 6,
            "followers": rng.randrange(150, 9000), "following": rng.randrange(5, 400),
            "likes": rng.randrange(0, 900),
            "listed": rng.randrange(1, 90), "verified": rng.random() < 0.2,
            "default_profile": rng.random() < 0.2,
            "default_avatar": False, "protected": False,
        }  # fmt: skip
        created_ms = self.world.start_ms - age_ms - rng.randrange(DAY_MS)
        return self.world.registry.account(
            lang=lang, zone=2, created_ms=created_ms, profile=profile, client=client, bot=bot
        )
