"""What all components of a scenario share: accounts, composers, seeds, and how a post is put together."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import orjson

from detectors.events import Status
from detectors.lists import Entry

from .composing import Composer
from .ids import iso
from .people import Account, Crowd, Registry, countries
from .scenario import Scenario

PLATFORM = "twitter"


class Draft(NamedTuple):
    """A post or an event before it is written, sorted by time, then id. An ordinary one has no operation."""

    time_ms: int
    number: int
    author: Account
    post: dict[str, Any]
    operation: str | None = None
    role: str | None = None


class World:
    """The accounts and composers of one run.

    Parameters
    ----------
    scenario : Scenario
        What is simulated.
    seed : int
        Every random draw comes from this number and the name of the component that draws.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.start_ms = scenario.start_ms
        self.end_ms = scenario.end_ms
        self._seed = seed
        self.entries: list[Entry] = []
        """What the room's lists say of the accounts and payers of this world."""
        self.casts: dict[str, list[Account]] = {}
        """The accounts of each operation, by its name."""
        self.followed: dict[str, list[Account]] = {}
        """Public accounts that those of an operation followed, by its name."""
        self.registry = Registry(self.start_ms)
        ordinary = scenario.ordinary
        self.composers = {lang: Composer(lang, ordinary.variety) for lang in ("fr", "en")}
        self.crowd = Crowd(
            self.registry, ordinary.accounts, countries(ordinary.french), ordinary.bots, self.seed("crowd")
        )

    def seed(self, component: str) -> int:
        """The seed of a component: another component that comes or goes does not change it."""
        sequence = np.random.SeedSequence([self._seed, crc32(component.encode())])
        return int(sequence.generate_state(1, np.uint64)[0])

    def tools(self, component: str) -> tuple[np.random.Generator, Random]:
        """The two generators of a component: one for columns of numbers, one for texts."""
        seed = self.seed(component)
        return np.random.default_rng(seed), Random(seed)


def compose(
    author: Account,
    time_ms: int,
    number: int,
    text: str,
    *,
    tags: list[str] | None = None,
    mentioned: list[Account] | None = None,
    links: list[str] | None = None,
    client: str | None = None,
    lang: str | None = None,
) -> dict[str, Any]:
    """An original post. Tags (without `#`) and links that the text does not hold yet are put at its end."""
    extra = [f"#{tag}" for tag in tags or () if f"#{tag}" not in text]
    extra += [link for link in links or () if link not in text]
    return {
        "id": str(number), "platform": PLATFORM, "kind": "original", "author_id": author.id,
        "created_at": iso(time_ms), "text": " ".join([text, *extra]), "lang": lang or author.lang,
        "client": client or author.client, "hashtags": tags or [],
        "mentions": [account.id for account in mentioned or ()], "links": links or [],
    }  # fmt: skip


def refer(
    post: dict[str, Any], kind: str, original: dict[str, Any], original_author: Account
) -> dict[str, Any]:
    """Make `post` a reply to or a quote of `original`."""
    post["kind"] = kind
    post["ref_id"] = original["id"]
    post["ref_author_id"] = original["author_id"]
    post["ref_created_at"] = original["created_at"]
    post["ref_author"] = original_author.brief
    if kind == "reply":
        post["conversation_id"] = original.get("conversation_id", original["id"])
    return post


def repost(
    author: Account, time_ms: int, number: int, original: dict[str, Any], original_author: Account
) -> dict[str, Any]:
    """A repost of `original`: it carries the original's text, tags, mentions and links."""
    post = {
        **original, "id": str(number), "author_id": author.id, "created_at": iso(time_ms),
        "client": author.client,
    }  # fmt: skip
    return refer(post, "repost", original, original_author)


def status_event(account: Account, status: Status, time_ms: int) -> dict[str, Any]:
    """What the network says has become of an account; it is no post."""
    return {
        "event": "account", "platform": PLATFORM, "author_id": account.id, "status": status,
        "at": iso(time_ms),
    }  # fmt: skip


def is_event(draft: Draft) -> bool:
    """Whether a draft is no post, but tells what became of its author."""
    return "event" in draft.post


def encode(draft: Draft) -> bytes:
    """The line of a draft, without a line break. Counts the post in its author's profile."""
    author, post = draft.author, draft.post
    if is_event(draft):
        return orjson.dumps(post)
    author.posts += 1
    post["author"] = orjson.Fragment(author.head + b"%d}" % author.posts)
    return orjson.dumps(post)
