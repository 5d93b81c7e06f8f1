"""Every pair of accounts that shared the same objects soon after one another, counted exactly.

What it looks for
    Two accounts that share at least ``min_objects`` same objects, each within ``window_ms`` of each other:
    reposts of one post, one link, one picture or video, one hashtag, one sequence of hashtags, or replies to
    one post. It reads a whole recording and leaves nothing out, where the detectors of a stream hold little
    and judge at once.

Definition
    A *sharing* is one object, one account, one moment. A post is known by platform, author and id; it is one
    sharing of each object that it holds, at its earliest time, however often it was recorded, and posts of
    one account with one object at the very same moment are one sharing. A *coincidence* is two sharings of
    one object by two accounts with ``|t_a - t_b| <= window_ms``. Two accounts are a pair if there are
    coincidences on ``min_objects`` distinct objects or more. ``objects`` counts these, ``events`` the
    coincidences on all of them. An account makes no pair with itself.

    It is the co-sharing of CooRTweet (Righetti and Balluff 2025: accounts that share one object within
    ``time_window``) and of the Coordination Network Toolkit of the QUT Digital Observatory (co-retweet,
    co-link, co-reply: one action within one time of the other). The weight of a pair is ``events`` in the
    toolkit; ``objects`` says how often it happened on something else. A sequence of hashtags is the trace of
    Pacheco et al. 2021 (*Uncovering Coordinated Networks on Social Media*).

    A repost is of ``ref_id``, a reply to ``ref_id``. Links, pictures, videos and hashtags count in posts of
    every kind; a repost carries those of its original. Links are compared as `detectors.links` writes them,
    hashtags without case. A sequence is two hashtags or more, each once, in their order. Ids of posts,
    pictures and videos are of one platform; links and hashtags tie accounts across platforms.

Defaults, and why
    ``window_ms`` 60,000: wide enough for clients that post one after the other, and for clocks of whole
    seconds. ``min_objects`` 2: one shared object is a coincidence or a taste, a second one is repetition.

What it misses
    Accounts that wait longer than the window. Shortened links of one page, recoded pictures, changed tags:
    these are other objects. Accounts that share an object only once.

What it does not prove
    That the accounts belong together, or deceive. Regional pages of one publisher, newsrooms that run one
    agency feed, fans of one account and a crowd under one hashtag of a broadcast are pairs too. There
    is no test against chance here: under a common hashtag, pairs of lively accounts come by themselves.

Examples
--------
>>> sharings = Sharings()
>>> for number, (account, second, link) in enumerate([
...     ("ana", 0, "a"), ("bob", 60, "a"), ("ana", 500, "b"), ("bob", 490, "b"), ("eve", 561, "b"),
... ]):
...     sharings.add(account, str(number), second * 1000, [link])
>>> [(edge.one, edge.other, edge.objects, edge.events) for edge in sharings.edges(60_000, 2)]
[('ana', 'bob', 2, 2)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from detectors.accounts.stage import normalise_tags
from detectors.events import Post
from detectors.findings import account_key, author_of
from detectors.links import normalise_link
from detectors.text import read_entities

KINDS = ("repost", "link", "media", "hashtag", "hashtag-sequence", "reply")
"""What can be shared."""
MAX_WINDOW_MS = 366 * 86_400_000
"""A longer window says nothing of acting together, and the sums of time must fit into 64 bits."""
CHUNK = 2_000_000
"""Coincidences that are looked at together; it bounds the memory."""

_OF_PLATFORM = ("repost", "media", "reply")
_SEQUENCE = 2
"""Hashtags from which on their order says something."""

_POST, _HELD = Struct("<qQII"), Struct("<II")
_POST_COLUMNS = [("time", "<i8"), ("end", "<u8"), ("account", "<u4"), ("check", "<u4")]
_HELD_COLUMNS = [("object", "<u4"), ("post", "<u4")]

_Numbers = NDArray[np.int64]
_Groups = tuple[_Numbers, _Numbers, _Numbers, _Numbers]
"""For each pair of accounts and object: the pair, the object, the first coincidence, and how many."""


def shared_objects(post: Post, kind: str) -> list[str]:
    """The objects of one kind that a post holds, each once; see the module's text.

    >>> from detectors.events import from_mapping
    >>> post = from_mapping({"id": "1", "platform": "x", "author_id": "7", "created_at": 1_500_000_000_000,
    ...                      "text": "#Vote now http://a.org/ #Lyon and https://A.org"})
    >>> shared_objects(post, "link"), shared_objects(post, "hashtag-sequence"), shared_objects(post, "reply")
    (['https://a.org'], ['vote lyon'], [])
    """
    if kind in ("repost", "reply"):
        return [account_key(post.platform, post.ref_id)] if post.kind == kind and post.ref_id else []
    if kind == "media":
        return [account_key(post.platform, name) for name in dict.fromkeys(post.media or ()) if name]
    if kind == "link":
        links = read_entities(post.text).links if post.links is None else post.links
        return list(dict.fromkeys(normalise_link(link) for link in links if link.strip()))
    tags = normalise_tags(read_entities(post.text).hashtags if post.hashtags is None else post.hashtags)
    if kind == "hashtag":
        return list(tags)
    return [" ".join(tags)] if len(tags) >= _SEQUENCE else []


def object_name(key: str, kind: str) -> str:
    """An object as its network names it."""
    return author_of(key) if kind in _OF_PLATFORM else key


class Shared(NamedTuple):
    """One object that two accounts shared, with the first two posts that coincide."""

    object: str
    events: int
    one_post: str
    one_ms: int
    other_post: str
    other_ms: int


class Edge(NamedTuple):
    """Two accounts that shared the same objects."""

    one: str
    other: str
    objects: int
    events: int
    shared: tuple[Shared, ...] = ()
    """Filled on demand, in the order of time."""


class _Rows(NamedTuple):
    """Who shared what when, sorted by object and time."""

    objects: _Numbers
    times: _Numbers
    accounts: _Numbers
    """Places of the accounts in their order."""
    posts: _Numbers


class Sharings:
    """Who shared what when, held compactly, in any order.

    Of each post 24 bytes are kept and its id, of each object it holds eight more; the names of
    accounts and objects are kept once.
    """

    def __init__(self) -> None:
        self._objects: dict[str, int] = {}
        self._accounts: dict[str, int] = {}
        self._posts, self._held, self._ids = bytearray(), bytearray(), bytearray()
        """Packed as their columns say, and the ids of the posts one after the other."""

    def __len__(self) -> int:
        return len(self._held) // _HELD.size

    def add(self, account: str, post_id: str, time_ms: int, objects: Iterable[str]) -> None:
        """Take in one post with the objects that it holds, each once."""
        number = len(self._posts) // _POST.size
        before = len(self._held)
        for name in objects:
            self._held += _HELD.pack(self._objects.setdefault(name, len(self._objects)), number)
        if len(self._held) == before:
            return
        name_bytes = post_id.encode("utf-8", "surrogatepass")
        self._ids += name_bytes
        place = self._accounts.setdefault(account, len(self._accounts))
        self._posts += _POST.pack(time_ms, len(self._ids), place, crc32(name_bytes))

    def edges(
        self,
        window_ms: int,
        min_objects: int,
        *,
        order: Callable[[str], Any] = str,
        evidence: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Edge]:
        """Give the pairs, sorted.

        Parameters
        ----------
        window_ms : int
            How far apart two posts may be, inclusive.
        min_objects : int
            On how many distinct objects two accounts must coincide.
        order : callable
            The key by which accounts are sorted; it must tell any two apart.
        evidence : bool
            Whether to name the objects and posts.
        progress : callable, optional
            Told how many pairs of posts were looked at.
        """
        if not 0 <= window_ms <= MAX_WINDOW_MS:
            raise ValueError(f"the window must be between 0 and {MAX_WINDOW_MS} ms")
        accounts = sorted(self._accounts, key=order)
        rows = self._rows(accounts)
        objects = list(self._objects) if evidence else []
        for groups in _groups(rows, window_ms, len(accounts), progress or (lambda _: None)):
            for pair, chosen in _repeated(groups, min_objects):
                shared = self._shared(rows, objects, chosen, pair // len(accounts)) if evidence else ()
                yield Edge(
                    accounts[pair // len(accounts)],
                    accounts[pair % len(accounts)],
                    len(chosen[1]),
                    int(chosen[3].sum()),
                    shared,
                )

    def _rows(self, accounts: list[str]) -> _Rows:
        places = np.empty(len(accounts), np.int64)
        places[[self._accounts[name] for name in accounts]] = np.arange(len(accounts))
        held, known = np.frombuffer(self._held, _HELD_COLUMNS), np.frombuffer(self._posts, _POST_COLUMNS)
        # Most objects are shared once.
        held = held[np.bincount(held["object"])[held["object"]] > 1]
        of_post = known[held["post"]]
        rows = _Rows(
            held["object"].astype(np.int64),
            of_post["time"].astype(np.int64),
            places[of_post["account"]],
            held["post"].astype(np.int64),
        )
        checks = of_post["check"].astype(np.int64)
        once = self._once(rows, checks)
        order = once[np.lexsort((checks[once], rows.accounts[once], rows.times[once], rows.objects[once]))]
        rows = _Rows(*(column[order] for column in rows))
        moments = _starts(rows.objects, rows.times, rows.accounts)
        return _Rows(*(column[moments] for column in rows))

    def _once(self, rows: _Rows, checks: _Numbers) -> _Numbers:
        """The rows without those of a post that was recorded before with the same object."""
        order = np.lexsort((rows.times, checks, rows.accounts, rows.objects))
        alike = np.ones(max(len(order) - 1, 0), bool)
        for column in (rows.objects, rows.accounts, checks):
            alike &= np.diff(column[order]) == 0
        keep = np.ones(len(order), bool)
        seen: set[str] = set()
        end = -1
        # Few rows are alike by their checksum; their ids say whether they are one post.
        for place in np.flatnonzero(alike).tolist():
            if place != end:
                seen = {self._post_id(rows.posts[order[place]])}
            end = place + 1
            name = self._post_id(rows.posts[order[end]])
            keep[end] = name not in seen
            seen.add(name)
        return order[keep]

    def _post_id(self, number: int) -> str:
        start = self._end(number - 1) if number else 0
        return self._ids[start : self._end(number)].decode("utf-8", "surrogatepass")

    def _end(self, number: int) -> int:
        return int(_POST.unpack_from(self._posts, number * _POST.size)[1])

    def _shared(self, rows: _Rows, objects: list[str], groups: _Groups, one: int) -> tuple[Shared, ...]:
        found = []
        for number, first, events in zip(*(part.tolist() for part in groups[1:]), strict=True):
            row, other = first % len(rows.times), first // len(rows.times)
            if rows.accounts[row] != one:
                row, other = other, row
            found.append(
                Shared(
                    objects[number],
                    events,
                    self._post_id(rows.posts[row]),
                    int(rows.times[row]),
                    self._post_id(rows.posts[other]),
                    int(rows.times[other]),
                )
            )
        return tuple(sorted(found, key=lambda shared: (max(shared.one_ms, shared.other_ms), shared.object)))


def _groups(rows: _Rows, window_ms: int, accounts: int, progress: Callable[[int], None]) -> Iterator[_Groups]:
    """Coincidences counted for each pair and object, sorted; all of a pair come together.

    The rows are gone through account by account, so that the pairs of an account are complete once its rows
    are done, and need not be held beyond.
    """
    left, right = _reach(rows, window_ms)
    near = right - left
    turn = np.argsort(rows.accounts, kind="stable")
    turn = turn[near[turn] > 1]
    held: _Groups | None = None
    looked = np.concatenate(([0], np.cumsum(near[turn])))
    for start, end in pairwise(_cuts(looked)):
        found = _coincidences(rows, turn[start:end], left, near, accounts)
        held = _merged(found if held is None else _joined(held, found))
        if end < len(turn):
            done = int(np.searchsorted(held[0], rows.accounts[turn[end]] * accounts))
            yield _cut(held, 0, done)
            held = _cut(held, done, len(held[0]))
        progress(int(looked[end]))
    if held is not None:
        yield held


def _reach(rows: _Rows, window_ms: int) -> tuple[_Numbers, _Numbers]:
    """For each row the first row of its object within the window before it, and the end of those after it."""
    # One axis for all objects: gaps that are too long, in time or to another object, are as long as needed.
    gaps = np.minimum(np.diff(rows.times), window_ms + 1)
    gaps[np.diff(rows.objects) != 0] = window_ms + 1
    axis = np.concatenate((np.zeros(min(len(rows.times), 1), np.int64), np.cumsum(gaps)))
    return np.searchsorted(axis, axis - window_ms, "left"), np.searchsorted(axis, axis + window_ms, "right")


def _cuts(looked: _Numbers) -> list[int]:
    """Where to cut the rows so that a part has about `CHUNK` neighbours."""
    cuts = [0]
    while cuts[-1] < len(looked) - 1:
        end = int(np.searchsorted(looked, looked[cuts[-1]] + CHUNK, "right")) - 1
        cuts.append(max(end, cuts[-1] + 1))
    return cuts


def _coincidences(rows: _Rows, chosen: _Numbers, left: _Numbers, near: _Numbers, accounts: int) -> _Groups:
    """Every coincidence of the chosen rows with rows of an account that comes later in the order."""
    lengths = near[chosen]
    ours = np.repeat(chosen, lengths)
    starts = np.cumsum(lengths) - lengths
    theirs = np.arange(len(ours)) + np.repeat(left[chosen] - starts, lengths)
    later = rows.accounts[theirs] > rows.accounts[ours]
    ours, theirs = ours[later], theirs[later]
    first = np.maximum(ours, theirs) * len(rows.times) + np.minimum(ours, theirs)
    pairs = rows.accounts[ours] * accounts + rows.accounts[theirs]
    return pairs, rows.objects[ours], first, np.ones(len(ours), np.int64)


def _merged(groups: _Groups) -> _Groups:
    """One group for each pair and object, sorted: the first coincidence, and how many in all."""
    pairs, objects, first, events = groups
    if not len(pairs):
        return groups
    order = np.lexsort((first, objects, pairs))
    pairs, objects = pairs[order], objects[order]
    starts = _starts(pairs, objects)
    return pairs[starts], objects[starts], first[order][starts], np.add.reduceat(events[order], starts)


def _starts(*columns: _Numbers) -> _Numbers:
    """Where a new value begins in sorted columns."""
    new = np.zeros(len(columns[0]), bool)
    new[:1] = True
    for column in columns:
        new[1:] |= np.diff(column) != 0
    return np.flatnonzero(new)


def _joined(one: _Groups, other: _Groups) -> _Groups:
    pairs, objects, first, events = (np.concatenate(parts) for parts in zip(one, other, strict=True))
    return pairs, objects, first, events


def _cut(groups: _Groups, start: int, end: int) -> _Groups:
    pairs, objects, first, events = groups
    return pairs[start:end], objects[start:end], first[start:end], events[start:end]


def _repeated(groups: _Groups, min_objects: int) -> Iterator[tuple[int, _Groups]]:
    """The pairs with enough objects, each with its groups."""
    starts = _starts(groups[0])
    ends = np.append(starts[1:], len(groups[0]))
    enough = ends - starts >= min_objects
    for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
        yield int(groups[0][start]), _cut(groups, start, end)
