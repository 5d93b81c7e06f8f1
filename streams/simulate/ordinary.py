"""Ordinary traffic: people who post, repost, reply and quote through the day, and honest bots."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from .cascade import Feed, Shown
from .composing import TOPICS, draw_topic
from .grammar import capital
from .ids import PostIds
from .newsdesk import Newsdesk
from .people import Account, Country
from .world import Draft, World, compose, refer, repost

_STEP_POSTS = 80
_STEPS_MS = (5_000, 60_000)
_WARM_UP_MS = 2 * 3_600_000
_WARM_UP_POSTS = 1500
# Posts by the hour of local time, 1.0 on average: little at night, a bump at noon, most in the evening.
_RHYTHM = (
    0.55, 0.3, 0.16, 0.11, 0.1, 0.16, 0.35, 0.7, 0.95, 1.05, 1.1, 1.15,
    1.35, 1.25, 1.1, 1.1, 1.15, 1.3, 1.45, 1.55, 1.8, 1.9, 1.6, 1.0,
)  # fmt: skip
_SESSION = 0.22


def rhythm(time_ms: float, zone: float) -> float:
    """How much people post at this moment, 1.0 being the mean of a day; `zone` is in hours from UTC."""
    hour = (time_ms / 3_600_000 + zone) % 24
    before, part = int(hour) % 24, hour % 1
    return _RHYTHM[before] * (1 - part) + _RHYTHM[(before + 1) % 24] * part


class Ordinary:
    """The ordinary traffic of a world.

    Parameters
    ----------
    world : World
        Its accounts and its scenario.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._spec = world.scenario.ordinary
        self._generator, self._rng = world.tools("ordinary")
        self._ids = PostIds(0)
        self._groups = world.crowd.groups
        self._feeds = {lang: Feed(self._generator) for lang in world.composers}
        self._recent: list[deque[Account]] = [deque(maxlen=400) for _ in self._groups]
        self._desk = Newsdesk(world)
        self._mean = self._mean_rhythm()

    def rate(self, time_ms: float, group: Country) -> float:
        """Expected posts a second of one group of people at a moment."""
        return self._spec.posts_per_second * group.share * rhythm(time_ms, group.zone) / self._mean

    def drafts(self) -> Iterator[Draft]:
        """The posts of the scenario's time, in the order of time."""
        self._warm_up()
        # People see posts as they were at the beginning of a step: short where much is posted.
        wanted = int(_STEP_POSTS / self._spec.posts_per_second * 1000)
        length = min(max(wanted, _STEPS_MS[0]), _STEPS_MS[1])
        for begin in range(self._world.start_ms, self._world.end_ms, length):
            step = min(length, self._world.end_ms - begin)
            for feed in self._feeds.values():
                feed.refresh(begin)
            yield from self._step(begin, step)

    def _step(self, begin: int, length_ms: int) -> list[Draft]:
        drafts: list[Draft] = []
        for index, group in enumerate(self._groups):
            expected = self.rate(begin + length_ms / 2, group) * length_ms / 1000
            count = int(self._generator.poisson(expected))
            times = (begin + self._generator.integers(0, length_ms, count)).tolist()
            authors = self._authors(index, count)
            choices = self._generator.random(count).tolist()
            feed = self._feeds[group.lang]
            seen = feed.draw(count) if count and len(feed) else []
            drafts += map(self._draft, times, authors, choices, seen)
        drafts.sort(key=_order)
        for draft in drafts:
            if draft.post["kind"] != "repost":
                self._feeds[draft.author.lang].show(Shown(draft.time_ms, draft.author, draft.post))
        return drafts

    def _authors(self, index: int, count: int) -> list[Account]:
        authors = self._world.crowd.draw(index, count, self._generator)
        recent = self._recent[index]
        for i in range(count):
            if recent and self._rng.random() < _SESSION:
                authors[i] = recent[int(self._rng.random() * len(recent))]
            recent.append(authors[i])
        return authors

    def _draft(self, time_ms: int, author: Account, choice: float, seen: Shown) -> Draft:
        spec, number = self._spec, self._ids.next(time_ms)
        if author.bot:
            post = self._readings(author, time_ms, number)
        elif choice < spec.reposts:
            post = self._repost(author, time_ms, number, seen)
        elif choice < spec.reposts + spec.replies:
            post = self._reply(author, time_ms, number, seen)
        elif choice < spec.reposts + spec.replies + spec.quotes:
            words = self._world.composers[author.lang].quote(author.style, self._rng)
            post = refer(compose(author, time_ms, number, words), "quote", seen.post, seen.author)
        else:
            post = self._original(author, time_ms, number)
        return Draft(time_ms, number, author, post)

    def _repost(self, author: Account, time_ms: int, number: int, seen: Shown) -> dict[str, Any]:
        feed = self._feeds[author.lang]
        for shown in (seen, *feed.draw(3)):
            if feed.may_share(shown, author):
                return repost(author, time_ms, number, shown.post, shown.author)
        return self._original(author, time_ms, number)

    def _reply(self, author: Account, time_ms: int, number: int, seen: Shown) -> dict[str, Any]:
        words = self._world.composers[author.lang].reply(author.style, self._rng)
        text = f"@{seen.author.handle} {words}"
        post = compose(author, time_ms, number, text, mentioned=[seen.author])
        return refer(post, "reply", seen.post, seen.author)

    def _readings(self, author: Account, time_ms: int, number: int) -> dict[str, Any]:
        text = self._world.composers[author.lang].grammar.expand("bot_clause", self._rng)
        return compose(author, time_ms, number, capital(text))

    def _original(self, author: Account, time_ms: int, number: int) -> dict[str, Any]:
        spec, rng, composer = self._spec, self._rng, self._world.composers[author.lang]
        if rng.random() < spec.headlines:
            return self._desk.share(author, time_ms, number, rng)
        topic = TOPICS[author.topics[rng.random() < 0.4]] if rng.random() < 0.55 else draw_topic(rng)
        text = composer.post(topic, author.style, rng)
        mentioned: list[Account] = []
        if rng.random() < 0.12:
            text, mentioned = self._mention(text, author)
        links = [self._desk.link(time_ms, author.lang, rng)] if rng.random() < spec.links else []
        tags = composer.tags(topic, rng)
        return compose(author, time_ms, number, text, tags=tags, mentioned=mentioned, links=links)

    def _mention(self, text: str, author: Account) -> tuple[str, list[Account]]:
        feed = self._feeds[author.lang]
        if self._rng.random() < 0.5 or not len(feed):
            known = self._desk.public_figure(author.lang, self._rng)
        else:
            known = feed.draw(1)[0].author
        handle = f"@{known.handle}"
        return (f"{handle} {text}" if self._rng.random() < 0.6 else f"{text} {handle}"), [known]

    def _warm_up(self) -> None:
        """Posts of the hours before, which are not written but reposted and answered."""
        for index, group in enumerate(self._groups):
            count = max(20, int(_WARM_UP_POSTS * group.share))
            times = sorted(self._world.start_ms - self._generator.integers(1, _WARM_UP_MS, count))
            for moment, author in zip(
                times, self._world.crowd.draw(index, count, self._generator), strict=True
            ):
                time_ms = int(moment)
                post = self._original(author, time_ms, self._ids.next(time_ms))
                self._feeds[group.lang].show(Shown(time_ms, author, post))
            self._feeds[group.lang].refresh(self._world.start_ms)

    def _mean_rhythm(self) -> float:
        moments = np.arange(self._world.start_ms, self._world.end_ms, 60_000) + 30_000
        total = sum(group.share * rhythm(t, group.zone) for t in moments.tolist() for group in self._groups)
        return max(total / len(moments), 1e-9)


def _order(draft: Draft) -> tuple[int, int]:
    return draft.time_ms, draft.number
