"""Which language an account usually writes, and which it wrote of late.

What it looks for
    The usual language of an account, and a newer post in another one.

Definition
    Of each account the languages of its last `RECENT` own posts are remembered, beside the counts of all of
    them (`detectors.accounts.stage.spoken`); reposts do not count, since their text is another's. What came
    before the recent ones is its past. *Usual* is the language of ``share`` of a past of ``posts`` posts or
    more; else that of the profile; else, as the best guess there is, that of most of its posts. *Spoken of
    late* is another language among the recent posts, where there is one. The dominant language *changed* when
    four in five of the recent posts are in one that is not the usual one of the past.

Defaults, and why
    ``RECENT`` 12: a change is told within twelve posts, and a few stray guesses of the network are not taken
    for one. A past of 8 posts for a usual language, 70 % of them in one.

What it misses
    Accounts that always write two languages have no usual one. Networks that name no languages.

What it does not prove
    People move, learn and translate; and networks guess languages wrong, above all those of short posts.

Examples
--------
>>> recent = b""
>>> for language in ["el"] * 12 + ["fr"]:
...     recent = heard(recent, language)
>>> spoke = tongues(recent, (("el", 20), ("fr", 1)), None)
>>> language_name(spoke.usual), language_name(spoke.spoken), spoke.changed
('el', 'fr', False)
>>> tongues(heard(b"", "fr"), (("fr", 1),), None).spoken, tongues(b"", (), "ru") == Tongues(12528, 0, False)
(0, False)
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from detectors.looks import NO_LANGUAGE, language_code, language_name

__all__ = ["Tongues", "heard", "language_name", "tongues"]

RECENT = 12
PAST_POSTS, PAST_SHARE = 8, 0.7
CHANGED_SHARE = 0.8
_WIDTH = 2


class Tongues(NamedTuple):
    """What is known of an account's languages, as codes (`detectors.looks.language_code`)."""

    usual: int
    spoken: int
    """Of late: another one than the usual one, if there was one; 0 where that cannot be told."""
    changed: bool
    """Whether most of the newest posts are in another language than was usual."""


def heard(recent: bytes, language: str) -> bytes:
    """The memory of the newest posts' languages after one more post."""
    code = language_code(language)
    if not code:
        return recent
    return (recent + code.to_bytes(_WIDTH, "big"))[-RECENT * _WIDTH :]


def tongues(recent: bytes, counts: tuple[tuple[str, int], ...], profile: str | None) -> Tongues:
    """The languages of an account, from its newest posts, the counts of all, and the one of its profile."""
    newest = struct.unpack(f">{len(recent) // _WIDTH}H", recent)
    past: dict[int, int] = {}
    for name, count in counts:
        code = language_code(name)
        if code and (before := count - newest.count(code)) > 0:
            past[code] = past.get(code, 0) + before
    posts = sum(past.values())
    usual, most = max(past.items(), key=_by_count) if past else (NO_LANGUAGE, 0)
    firm = posts >= PAST_POSTS and most >= PAST_SHARE * posts
    if not firm:
        usual = language_code(profile)
    if not usual:
        return Tongues(_most_common(newest), NO_LANGUAGE, False)
    if not newest:
        return Tongues(usual, NO_LANGUAGE, False)
    other = next((code for code in reversed(newest) if code != usual), usual)
    if not firm or len(newest) < RECENT:
        return Tongues(usual, other, False)
    most_common = _most_common(newest)
    changed = most_common != usual and newest.count(most_common) >= CHANGED_SHARE * RECENT
    return Tongues(usual, other, changed)


def _by_count(one: tuple[int, int]) -> tuple[int, int]:
    return one[1], one[0]


def _most_common(codes: Sequence[int]) -> int:
    return max(Counter(codes).items(), key=_by_count)[0] if codes else NO_LANGUAGE
