"""A finding: a group of accounts, what ties it, and the evidence, in one window."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from detectors.communities import Community
from detectors.events import CANARY

_CANARY_ACCOUNT = f"{CANARY}\x1f"
Evidence = dict[str, int | float | None]
"""Named measurements of a finding; None where there was not enough data."""


class Subject(NamedTuple):
    """What a post is about or shares, for example ``Subject("hashtag", "debate")``."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


# Made for every post, hence a struct: it is made three times as fast as a named tuple.
class Member(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One post that takes part in a group, with the few numbers that later stages need."""

    time_ms: int
    post_id: str
    account: str
    """Account key, see `account_key`."""
    score: int
    """Automation score of the author at that moment, 0 to 1000; -1 where there was not enough data."""
    targets: tuple[str, ...]
    hashtags: tuple[str, ...]
    linked: bool
    """Whether the post carries a link."""
    sourced: bool
    """Whether the text names a source itself ("via @paper", "RT @name")."""
    declared: bool
    """Whether the author's profile says that it is a newsroom, a party, an organisation or a bot."""
    activity: int = 0
    """Posts of the author of late, this one included: each counts half as much after twelve hours."""


class Edge(NamedTuple):
    """Two accounts that shared things, with the evidence."""

    one: str
    other: str
    objects: int
    """Distinct things that both shared, each time shortly after one another."""
    quick: int
    """How many of these within the short window."""
    shared: tuple[Subject, ...]
    """The newest of these things."""
    posts: tuple[tuple[str, str], ...]
    """For each of them the id of the post of each of the two."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector says of one group in one window. It keeps its id while the group grows."""

    finding_id: str
    detector: str
    subjects: tuple[Subject, ...]
    start_ms: int
    end_ms: int
    judged_ms: int
    """Tick at which this was judged."""
    accounts: tuple[str, ...]
    """Account keys, sorted."""
    accounts_total: int
    posts: tuple[Member, ...]
    """The newest posts, and the first, in time order."""
    posts_total: int
    template: str | None
    evidence: Evidence
    declared: int
    """How many of the accounts declare what they are."""
    targets: tuple[tuple[str, int], ...] = ()
    """Accounts that the posts name, with how many of the group name each; the most named first."""
    text_keys: tuple[int, ...] = ()
    """Keys of the exact folds of a group of copies, see `detectors.text.text_key`."""
    edges: tuple[Edge, ...] = ()
    """Of a group that is tied pair by pair: its strongest pairs."""


class Measured(msgspec.Struct, frozen=True, array_like=True):
    """Measurements of one subject, to be set against those of comparable ones."""

    subject: str
    size: int
    """Accounts."""
    shares: dict[str, tuple[int, int]]
    """For each measure: so many of so many."""
    finding: Finding | None
    """None where the subject only serves for comparison."""
    community: Community | None = None
    """Who came together on it, to set the traits of groups against; None for too few."""


def stable_id(prefix: str, *parts: str) -> str:
    """Short id that depends on nothing but its parts.

    >>> stable_id("f", "near_duplicates", "x/1") == stable_id("f", "near_duplicates", "x/1")
    True
    """
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{prefix}{digest.hexdigest()}"


def account_key(platform: str, author_id: str) -> str:
    """Key of an account within Vigie: ids of two networks may be equal by accident.

    >>> author_of(account_key("x", "12/3"))
    '12/3'
    """
    return f"{platform}\x1f{author_id}"


def post_key(platform: str, post_id: str) -> str:
    """Key of a post, or of anything else that a network gives an id: of two networks they may be equal.

    >>> post_key("x", "7") == post_key("x", "7") != post_key("mastodon", "7")
    True
    """
    return f"{platform}\x1f{post_id}"


def is_canary(account: str) -> bool:
    """Whether an account key is one of the canary's.

    >>> is_canary(account_key(CANARY, "1")), is_canary(account_key("x", "1"))
    (True, False)
    """
    return account.startswith(_CANARY_ACCOUNT)


def platform_of(account: str) -> str:
    """The network of an account key."""
    return account.partition("\x1f")[0]


def author_of(account: str) -> str:
    """The author id exactly as the network gave it."""
    return account.partition("\x1f")[2]
