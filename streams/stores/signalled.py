"""The posts of one tick as rows, put together again from the signals that the ACCOUNTS stage made of them.

Over Kafka nobody sees a post whole but the stage that counts it; what it tells the others, a signal a subject
in as many partitions, is all that a row needs. Compared with the rows that `streams.stores.sqlite` makes of
the posts themselves:

- a post that shares nothing (no hashtag, link, picture, name, answer, no text to compare) has no signal, and
  no row;
- a quote is told as an original, and so is a reply or a repost that says neither whose nor which post it
  is of;
- the kind of the author's entry in the room's lists stands only with posts that share something other than
  their text;
- links and pictures stand in the order of the alphabet.
"""

from __future__ import annotations

from collections.abc import Iterable

from detectors.batches import PromotionSignal, ShareSignal, Signals
from detectors.findings import Member, is_canary
from streams.stores.rows import PostRow, joined, paid_columns

_Posts = dict[tuple[int, str, str], "_Post"]
"""By time, account and id."""


class _Post:
    """What the signals have told of one post so far."""

    __slots__ = (
        "activity",
        "hashtags",
        "kind",
        "links",
        "listed",
        "media",
        "paid",
        "ref",
        "source",
        "strangers",
        "targets",
        "text",
    )

    def __init__(self, activity: int) -> None:
        self.activity = activity
        self.kind = "original"
        self.hashtags: tuple[str, ...] = ()
        self.links: set[str] = set()
        self.media: set[str] = set()
        self.targets: tuple[str, ...] = ()
        self.strangers: set[str] = set()
        self.ref: str | None = None
        self.source: str | None = None
        self.text = 0
        self.listed = ""
        self.paid: PromotionSignal | None = None


def rows_of(parts: Iterable[Signals]) -> list[PostRow]:
    """The rows of one tick, in order, from the signals of all shards of all accounts.

    Examples
    --------
    >>> from detectors.findings import Subject
    >>> share = ShareSignal(5, "1", "x\\x1fana", 1, Subject("link", "news.example/a"))
    >>> rows_of([Signals(5000, [], [], [share], [], [])])[0][:7]
    (5, 'x\\x1fana', '1', 'original', 1, None, '\\x1fnews.example/a\\x1f')
    """
    posts: _Posts = {}
    for signals in parts:
        for text in signals.texts:
            _of(posts, text.member).text = text.key
        for tag in signals.tags:
            one = _of(posts, tag.member)
            one.hashtags = tag.member.hashtags  # all of them, and not only this shard's
            if not tag.original:
                one.kind = "repost"
        for share in signals.shares:
            _note_share(posts, share)
        for repost in signals.amplifiers:
            one = _of(posts, repost.member)
            one.kind, one.source, one.ref = "repost", repost.source, repost.post or None
        for mention in signals.mentions:
            one = _of(posts, mention.member)
            one.targets = mention.member.targets
            if mention.first:
                one.strangers.add(mention.target)
            if mention.reply:
                one.kind = "reply"
        for promotion in signals.promotions:
            _of(posts, promotion.member).paid = promotion
    return [_row(place, posts[place]) for place in sorted(posts) if not is_canary(place[1])]


def _of(posts: _Posts, member: Member) -> _Post:
    return _at(posts, (member.time_ms, member.account, member.post_id), member.activity)


def _at(posts: _Posts, place: tuple[int, str, str], activity: int) -> _Post:
    one = posts.get(place)
    if one is None:
        one = posts[place] = _Post(activity)
    return one


def _note_share(posts: _Posts, share: ShareSignal) -> None:
    one = _at(posts, (share.time_ms, share.account, share.post_id), share.activity)
    one.listed = share.listed
    kind, value = share.object
    if kind == "link":
        one.links.add(value)
    elif kind == "media":
        one.media.add(_id(value))
    elif kind == "post":
        one.kind, one.ref = "repost", _id(value)
    elif kind == "reply":
        one.kind, one.ref = "reply", _id(value)


def _id(key: str) -> str:
    """The id in a key of a post, see `detectors.findings.post_key`."""
    return key.partition("\x1f")[2]


def _row(place: tuple[int, str, str], one: _Post) -> PostRow:
    return (
        *place,
        one.kind,
        one.activity,
        joined(one.hashtags),
        joined(sorted(one.links)),
        joined(sorted(one.media)),
        joined(one.targets),
        joined(sorted(one.strangers)),
        one.ref,
        one.source,
        f"{one.text:016x}" if one.text else None,
        one.listed or None,
        *paid_columns(one.paid),
    )
