"""An hour of a labelled operation on an hour of organic posts, so that neither can be told by what it lacks.

The operation is a tenth of the posts or less, thinned by account where it is more. Several organic files
lie on each other, their time compressed to one hour, their order kept, shifted by thirds of an hour. Times
are cut to the minute. Profiles, languages and all else that only some of the files have are taken off
every post.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from detectors.events import Post, moment_ms
from detectors.findings import stable_id
from streams.evaluating.folder import Folder, Row, Table

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
BASE_MS = 1_500_001_200_000
"""Where mixed hours begin: any full hour."""
SHARE = 0.1
"""The operation is at most this share of a mixed hour."""
MOST_OF_ONE = 5_000
"""Posts of one organic file in a mixed hour; of a larger file a run of them is drawn."""

_NAMED = re.compile(r"RT @\w+:? ?")

Layer = list[Post]
Placed = list[tuple[int, Post]]
"""Posts with their offsets in the hour, in milliseconds."""


def read_posts(table: Table) -> list[Post]:
    """The posts of a table with the fields that all sources have, in the order of time."""
    return sorted(table.read(_post), key=_order)


def _post(row: Row) -> Post:
    repost = row.get("kind") == "retweet"
    text = html.unescape(row["text"])
    source = row.get("retweet_of") or None
    if repost:
        text = _NAMED.sub("", text, count=1) if text.startswith("RT @") else text
    time_ms = moment_ms(row["created_at"])
    return Post(
        id=row["post_id"],
        platform="mixed",
        author_id=row["author_id"],
        created_at=datetime.fromtimestamp(time_ms / 1000, UTC),
        time_ms=time_ms,
        kind="repost" if repost else "original",
        text=text,
        # The reposted post is not named: its author, where known, and its text tell it.
        ref_id=stable_id("r", source or "", text) if repost else None,
        ref_author_id=source if repost else None,
        precision_s=60,
    )


def _order(post: Post) -> tuple[int, str]:
    return post.time_ms, post.id


def moved(post: Post, time_ms: int, mark: str = "") -> Post:
    """The same post at another time, by another author where there is a mark, without its source's name."""
    return Post(
        id=f"{mark}{post.id}",
        platform=post.platform,
        author_id=f"{mark}{post.author_id}",
        created_at=datetime.fromtimestamp(time_ms // 1000, UTC),
        time_ms=time_ms,
        kind=post.kind,
        text=post.text,
        ref_id=post.ref_id,
        precision_s=60,
    )


def at(post: Post, offset_ms: int) -> Post:
    """The same post at a minute of the mixed hour."""
    return moved(post, BASE_MS + offset_ms % HOUR_MS // MINUTE_MS * MINUTE_MS)


def organic_layers(folder: Folder) -> list[Layer]:
    """The posts of each organic file."""
    layers, taken = [], set[str]()
    for table in folder.tables("organic posts"):
        if posts := read_posts(table):
            _set_apart(posts, taken, table.stem)
            layers.append(posts)
    return layers


def _set_apart(posts: list[Post], taken: set[str], mark: str) -> None:
    """Two files may use one id for two posts: the later of them gets a mark."""
    for post in posts:
        if post.id in taken:
            post.id = f"{mark} {post.id}"
    taken.update(post.id for post in posts)


def placed(layer: Layer, rng: Random) -> Placed:
    """Posts with offsets in one hour, evenly by their rank, so that their order is kept."""
    if len(layer) > MOST_OF_ONE:
        begin = rng.randrange(len(layer) - MOST_OF_ONE)
        layer = layer[begin : begin + MOST_OF_ONE]
    return [(rank * HOUR_MS // len(layer), post) for rank, post in enumerate(layer)]


def hours(posts: Iterable[Post]) -> dict[int, list[Post]]:
    """Posts by hour since the epoch."""
    grouped: dict[int, list[Post]] = defaultdict(list)
    for post in posts:
        grouped[post.time_ms // HOUR_MS].append(post)
    return grouped


@dataclass
class Mixed:
    """One labelled stream, in the order of time."""

    name: str
    """The operation."""
    stream: str
    """Which hour of it this is."""
    posts: list[Post]
    operation: list[Post]
    ids: set[str] = field(init=False)
    accounts: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = {post.id for post in self.operation}
        self.accounts = {post.author_id for post in self.operation}

    @property
    def organic(self) -> list[Post]:
        """The posts that are not the operation's."""
        return [post for post in self.posts if post.id not in self.ids]


def thinned(posts: list[Post], others: int, rng: Random) -> list[Post]:
    """Whole accounts of an operation, so many that it is a tenth of all posts at most."""
    room = others * SHARE / (1 - SHARE)
    if len(posts) <= room:
        return posts
    counts = Counter(post.author_id for post in posts)
    authors = sorted(counts)
    rng.shuffle(authors)
    chosen: set[str] = set()
    for author in authors:
        if counts[author] <= room:
            room -= counts[author]
            chosen.add(author)
    return [post for post in posts if post.author_id in chosen]


def mix(name: str, layers: list[Layer], hour: list[Post], rng: Random) -> Mixed:
    """Lay an hour of the operation on an hour of organic posts."""
    shift = rng.randrange(3) * HOUR_MS // 3
    organic = [
        at(post, offset + shift * (n + 1))
        for n, layer in enumerate(layers)
        for offset, post in placed(layer, rng)
    ]
    operation = [at(post, post.time_ms % HOUR_MS) for post in thinned(hour, len(organic), rng)]
    _set_apart(operation, {post.id for post in organic}, name)
    stream = f"{name} {hour[0].time_ms // HOUR_MS}"
    return Mixed(name, stream, sorted(organic + operation, key=_order), operation)


def operation_of(table: Table) -> str:
    """The operation that a table of posts belongs to: all files of one folder are of one."""
    return table.path.resolve().parent.name


def chosen(
    posts: list[Post], wanted: Callable[[list[Post]], bool], most: int, rng: Random
) -> list[list[Post]]:
    """Hours with something in them, at most so many of them, in the order of time."""
    found = [hour for _, hour in sorted(hours(posts).items()) if wanted(hour)]
    places = sorted(rng.sample(range(len(found)), min(most, len(found))))
    return [found[place] for place in places]
