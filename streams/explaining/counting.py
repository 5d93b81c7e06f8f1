"""What was counted: posts by kind, accounts, first and last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from detectors.alerts import instant
from streams.explaining.question import Answer
from streams.stores.rows import Span, Use


def counted(uses: Sequence[Use]) -> Answer:
    """The posts with a subject."""
    kinds = Counter(use.kind for use in uses)
    return {
        "posts": len(uses),
        "accounts": len(accounts(uses)),
        "originals": kinds["original"],
        "replies": kinds["reply"],
        "quotes": kinds["quote"],
        "reposts": kinds["repost"],
        "first": instant(uses[0].time_ms) if uses else None,
        "last": instant(uses[-1].time_ms) if uses else None,
    }


def spanned(ever: Span) -> Answer:
    """How often, first and last."""
    return {
        "posts": ever.posts,
        "first": instant(ever.first_ms) if ever.posts else None,
        "last": instant(ever.last_ms) if ever.posts else None,
    }


def accounts(uses: Iterable[Use]) -> set[str]:
    """Who posted."""
    return {use.account for use in uses}


def at_once(uses: Sequence[Use], within_ms: int) -> Iterator[Counter[str]]:
    """For each post who posted in the time before it, and how often; one counter, changed in place."""
    now: Counter[str] = Counter()
    begin = 0
    for use in uses:
        now[use.account] += 1
        while use.time_ms - uses[begin].time_ms > within_ms:
            gone = uses[begin].account
            now[gone] -= 1
            if not now[gone]:
                del now[gone]
            begin += 1
        yield now


def most_sharing(uses: Iterable[Use]) -> int:
    """How many accounts posted the text that most of them posted, exactly but for names and links."""
    users: dict[str, set[str]] = {}
    for use in uses:
        if use.text is not None:
            users.setdefault(use.text, set()).add(use.account)
    return max(map(len, users.values()), default=0)
