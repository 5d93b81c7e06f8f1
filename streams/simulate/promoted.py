"""Promoted posts: those of ordinary advertisers, and of a broadcaster that is banned from advertising."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

from detectors.lists import Entry

from .grammar import capital
from .listed import LIST, SOURCE
from .playing import Play
from .scenario import Adverts, Sponsored
from .scene import Scene
from .world import PLATFORM, Draft, compose


def sponsored_drafts(play: Play, part: Sponsored) -> list[Draft]:
    """The promoted posts of the pages: news for the most part, aimed at those who follow other papers."""
    rng = play.rng
    pages = [play.casting.broadcaster(handle, part.payer, part.lang) for handle in part.pages]
    play.world.casts[play.name] = pages
    banned_ms = play.world.start_ms + int(part.banned_at_minute * 60_000)
    ban = Entry(
        account=part.payer, kind="banned", platform=PLATFORM, since_ms=banned_ms, list=LIST, source=SOURCE,
        reason="Refused as an advertiser, with immediate effect",
    )  # fmt: skip
    play.world.entries.append(ban)
    before = part.posts - part.after_ban
    times = sorted(rng.randrange(play.begin_ms, banned_ms) for _ in range(before))
    times += sorted(rng.randrange(banned_ms, play.end_ms) for _ in range(part.after_ban))
    cents = shares(round(part.spend * 100), part.posts, rng)
    drafts = []
    for time_ms, paid in zip(times, cents, strict=True):
        page = rng.choice(pages)
        grammar = play.world.composers[part.lang].grammar
        headline = f"{capital(grammar.expand('headline_clause', rng))}: {grammar.expand('story_clause', rng)}"
        link = f"https://www.{page.handle.lower()}.example/{rng.randrange(10**6, 10**8)}"
        role = "breach" if time_ms >= banned_ms else "promoted"
        draft = play.original(time_ms, page, role, headline, links=[link], lang=part.lang)
        audiences = rng.sample(part.audiences, min(len(part.audiences), rng.choice((1, 1, 2, 3))))
        draft.post["promoted"] = promotion(part.payer, paid, part.currency, audiences, rng)
        drafts.append(draft)
    return drafts


def adverts(scene: Scene, part: Adverts) -> Iterator[Draft]:
    """Promoted posts of ordinary advertisers: shops, fairs and theatres of a town."""
    rng, grammar = scene.rng, scene.world.composers[part.lang].grammar
    towns = grammar.words("ville" if part.lang == "fr" else "town")
    others = scene.grammar.words(f"audience_{part.lang}")
    pages = []
    for _ in range(part.advertisers):
        shop = scene.grammar.expand(f"shop_{part.lang}", rng)
        page = scene.declared(shop.replace(" ", ""), shop, shop, part.lang, "TweetDeck")
        pages.append((page, rng.choice(towns)))
    for time_ms in sorted(rng.randrange(scene.begin_ms, scene.end_ms) for _ in range(part.posts)):
        page, town = rng.choice(pages)
        number = scene.ids.next(time_ms)
        offer, story = scene.grammar.expand(f"advert_{part.lang}", rng), grammar.expand("story_clause", rng)
        text = f"{offer}. {capital(story)}"
        link = f"https://{page.handle.lower()}.example/{rng.randrange(100)}"
        post = compose(page, time_ms, number, text, links=[link])
        audiences = [town, *rng.sample(others, rng.choice((0, 1, 1, 2)))]
        post["promoted"] = promotion(
            page.handle, int(100 * rng.lognormvariate(3, 1)), part.currency, audiences, rng
        )
        yield scene.draft(time_ms, page, number, post)


def promotion(payer: str, cents: int, currency: str, audiences: list[str], rng: Random) -> dict[str, Any]:
    """What a network tells of a paid post."""
    return {
        "payer": payer, "spend": cents / 100, "currency": currency, "audiences": audiences,
        "impressions": int(cents * rng.uniform(0.8, 2.4)),
    }  # fmt: skip


def shares(whole: int, parts: int, rng: Random) -> list[int]:
    """A sum of money in so many parts, a few of which take most of it; they sum to it exactly.

    >>> cents = shares(27_400_000, 1823, Random(1))
    >>> sum(cents), min(cents) > 0
    (27400000, True)
    """
    weights = [rng.lognormvariate(0, 1.1) for _ in range(parts)]
    total, steps, reached = sum(weights), [0], 0.0
    for weight in weights:
        reached += weight
        steps.append(round(whole * reached / total))
    return [later - earlier for earlier, later in pairwise(steps)]
