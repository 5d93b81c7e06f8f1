"""The simple rules and the published ones that the figures are set beside, on the same posts.

*Exact text*: the same text without links, white space folded, lower case, 25 characters or more, from
three accounts or more within the hour.

*Coordination Network Toolkit* (QUT Digital Observatory), network ``co_tweet``: an edge from A to B weighs
the distinct messages of A that have a message of B with the same text (lower case, without mentions, white
space folded) within a fixed window, both ends included; edges of weight two or more count. The tutorial's
60 s.

*BotSlayer* (Observatory on Social Media): ``1 / (1 + exp(-(1.91356533 r_trend + 2.8811564 r_volume +
7.09627534 r_botness - 0.0889277 r_diversity - 10.3836869)))`` with r = 1 - rank / largest rank among all
entities of the window. trend = (posts now + 1) / (posts before + 1), or posts now + 1 where there were
none; diversity = (accounts + 1) / (posts + 1). Its bot score needs profiles, which are taken off both
sides here: r_botness is 0 for all.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping

from detectors.events import Post

LINK = re.compile(r"https?://\S+")
MENTION = re.compile(r"@\w+")
TAG = re.compile(r"#(\w*[^\W\d]\w*)")  # digits alone are no hashtag
WINDOW_MS = 60_000
WEIGHT = 2

_TREND, _VOLUME, _DIVERSITY, _LEVEL = 1.91356533, 2.8811564, -0.0889277, -10.3836869


def exact_key(text: str) -> str:
    """The text without links, white space folded, lower case.

    >>> exact_key("Same  WORDS https://example.org/1")
    'same words'
    """
    return " ".join(LINK.sub("", text).split()).lower()


def text_clusters(posts: list[Post]) -> list[list[Post]]:
    """Original posts with one exact key, of 25 characters or more, from three accounts or more."""
    grouped: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        key = exact_key(post.text)
        if post.kind != "repost" and len(key) >= 25:
            grouped[key].append(post)
    return [group for group in grouped.values() if len({post.author_id for post in group}) >= 3]


def tag_posts(posts: list[Post]) -> dict[str, list[Post]]:
    """The posts with each hashtag."""
    tagged: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        for tag in dict.fromkeys(one.casefold() for one in TAG.findall(post.text)):
            tagged[tag].append(post)
    return tagged


def fixed_window(
    posts: list[Post], key: Callable[[Post], Collection[Hashable]], window_ms: int = WINDOW_MS
) -> set[tuple[str, str]]:
    """Edges (A, B) of the toolkit: two messages of A or more that match one of B within the window."""
    groups: dict[Hashable, list[Post]] = defaultdict(list)
    for post in posts:
        for one in key(post):
            groups[one].append(post)
    matched: dict[tuple[str, str], set[str]] = defaultdict(set)
    for group in groups.values():
        group.sort(key=lambda post: post.time_ms)
        begin = 0
        for place, post in enumerate(group):
            while post.time_ms - group[begin].time_ms > window_ms:
                begin += 1
            for other in group[begin:place]:
                if other.author_id != post.author_id:
                    matched[post.author_id, other.author_id].add(post.id)
                    matched[other.author_id, post.author_id].add(other.id)
    return {edge for edge, messages in matched.items() if len(messages) >= WEIGHT}


def same_text(post: Post) -> list[str]:
    """The toolkit's text of an original post, nothing for a repost."""
    text = " ".join(MENTION.sub("", post.text).lower().split())
    return [text] if text and post.kind != "repost" else []


def botslayer(now: Mapping[str, list[Post]], before: Mapping[str, list[Post]]) -> dict[str, float]:
    """BotSlayer's level of each entity, from its posts in two windows.

    Equal values share a rank, counted without gaps; where all are equal, the rank is 0 of 0 and r is 1.
    """
    volume = {one: float(len(posts)) for one, posts in now.items()}
    trend = {one: (size + 1) / (len(before.get(one, ())) + 1) for one, size in volume.items()}
    diversity = {
        one: (len({post.author_id for post in posts}) + 1) / (len(posts) + 1) for one, posts in now.items()
    }
    places = [_relative(values) for values in (trend, volume, diversity)]
    return {
        one: 1
        / (
            1
            + math.exp(
                -(_TREND * places[0][one] + _VOLUME * places[1][one] + _DIVERSITY * places[2][one] + _LEVEL)
            )
        )
        for one in now
    }


def _relative(values: Mapping[str, float]) -> dict[str, float]:
    """1 for the largest value, 0 for the smallest, by rank."""
    order = {value: rank for rank, value in enumerate(sorted(set(values.values()), reverse=True))}
    last = max(1, len(order) - 1)
    return {one: 1 - order[value] / last for one, value in values.items()}
