"""Crowds that say one thing at once: a match, a contest, a joke that goes round, texts written for people."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from .cascade import Feed, Shown
from .people import DAY_MS, Account, identity
from .scenario import Live, Shared, Viral
from .scene import Scene
from .world import Draft, compose, refer, repost

_STEP_MS = 10_000
_SHOUTED = 0.55
"""Share of a live event's posts that are cries of one of its moments."""
_CRY_MS = 45_000
"""How long a cry lasts, on average."""
_SIGNS = ("🔥", "😱", "😂", "👏", "❤️", "🎉")


def live(scene: Scene, part: Live) -> Iterator[Draft]:
    """People who watch the same thing: talk under one hashtag, and cries when something happens."""
    rng, generator = scene.rng, scene.generator
    group = next(i for i, one in enumerate(scene.world.crowd.groups) if one.lang == part.lang)
    moments = [
        scene.begin_ms + int(scene.length_ms * (i + rng.uniform(0.2, 0.8)) / part.moments)
        for i in range(part.moments)
    ]
    times: list[tuple[int, str | None]] = []
    for _ in range(part.posts):
        if rng.random() < _SHOUTED:
            place = rng.randrange(len(moments))
            at_ms = moments[place] + 4000 + int(rng.expovariate(1 / _CRY_MS))
            times.append((min(at_ms, scene.end_ms - 1), part.cries[place % len(part.cries)]))
        else:
            times.append((rng.randrange(scene.begin_ms, scene.end_ms), None))
    times.sort(key=lambda one: one[0])
    authors = scene.world.crowd.draw(group, len(times), generator)
    feed, refreshed = Feed(generator), 0
    for (time_ms, cry), author in zip(times, authors, strict=True):
        if time_ms - refreshed > _STEP_MS:
            feed.refresh(time_ms)
            refreshed = time_ms
        draft = _live_draft(scene, part, feed, time_ms, author, cry)
        if draft.post["kind"] != "repost":
            feed.show(Shown(time_ms, author, draft.post))
        yield draft


def _live_draft(
    scene: Scene, part: Live, feed: Feed, time_ms: int, author: Account, cry: str | None
) -> Draft:
    number, rng = scene.ids.next(time_ms), scene.rng
    if cry is None and len(feed) and rng.random() < part.reposts:
        for shown in feed.draw(3):
            if feed.may_share(shown, author):
                return scene.draft(
                    time_ms, author, number, repost(author, time_ms, number, shown.post, shown.author)
                )
    composer = scene.world.composers[part.lang]
    text = composer.post(part.topic, author.style, rng) if cry is None else shouted(cry, rng)
    return scene.draft(time_ms, author, number, compose(author, time_ms, number, text, tags=[part.hashtag]))


def shouted(cry: str, rng: Random) -> str:
    """A cry as one of thousands writes it: louder, longer, with signs.

    >>> shouted("But", Random(3))
    'BUUUUUUT !'
    """
    if rng.random() < 0.6:
        cry = cry.upper()
    vowels = [place for place, letter in enumerate(cry) if letter.lower() in "aeiouy"]
    if vowels and rng.random() < 0.7:
        place = vowels[-1]
        cry = cry[:place] + cry[place] * rng.randrange(1, 9) + cry[place + 1 :]
    return cry + rng.choice(("", " !", " !!!", "!!", f" {rng.choice(_SIGNS)}", f" {rng.choice(_SIGNS) * 3}"))


def viral(scene: Scene, part: Viral) -> Iterator[Draft]:
    """One person's joke, reposted by thousands, quoted by some, and copied by a few without a name."""
    rng = scene.rng
    joker, *others = scene.people(1 + part.reposts + part.quotes + part.copies, part.lang)
    number = scene.ids.next(scene.begin_ms)
    joke = compose(joker, scene.begin_ms, number, part.text)
    yield scene.draft(scene.begin_ms, joker, number, joke)
    ways = ["repost"] * part.reposts + ["quote"] * part.quotes + ["copy"] * part.copies
    rng.shuffle(ways)
    for time_ms, author, way in zip(scene.wave(len(ways)), others, ways, strict=False):
        number = scene.ids.next(time_ms)
        if way == "repost":
            post = repost(author, time_ms, number, joke, joker)
        elif way == "quote":
            words = scene.world.composers[part.lang].quote(author.style, rng)
            post = refer(compose(author, time_ms, number, words), "quote", joke, joker)
        else:
            post = compose(author, time_ms, number, f"{part.text}{rng.choice(('', '', ' 😂', ' (copié)'))}")
        yield scene.draft(time_ms, author, number, post)


def shared(scene: Scene, part: Shared) -> Iterator[Draft]:
    """Many people post the text that a shop, a fan club or a game wrote for them."""
    rng = scene.rng
    asker = None
    if part.asked_by:
        asker = scene.declared(part.asked_by, part.asked_by, "", part.lang, "TweetDeck")
    if part.automated:
        people = [_seller(scene, part.lang) for _ in range(part.accounts)]
    else:
        people = scene.people(part.accounts, part.lang)
    again = rng.choices(people, [rng.paretovariate(1.2) for _ in people], k=max(0, part.posts - len(people)))
    authors = (people + again)[: part.posts]
    rng.shuffle(authors)
    asked = None
    if asker is not None:
        number = scene.ids.next(scene.begin_ms)
        asked = compose(asker, scene.begin_ms, number, _said(scene, part, rng), **_held(part))
        yield scene.draft(scene.begin_ms, asker, number, asked)
    for time_ms, author in zip(scene.wave(len(authors)), authors, strict=True):
        number = scene.ids.next(time_ms)
        if asked is not None and asker is not None and rng.random() < part.reposts:
            post = repost(author, time_ms, number, asked, asker)
        else:
            named = [asker] if asker is not None and f"@{asker.handle}" in part.text else []
            text = _said(scene, part, rng)
            post = compose(author, time_ms, number, text, mentioned=named, **_held(part))
        yield scene.draft(time_ms, author, number, post)


def _held(part: Shared) -> dict[str, Any]:
    return {"tags": list(part.hashtags), "links": [part.link] if part.link else []}


def _said(scene: Scene, part: Shared, rng: Random) -> str:
    return part.text.replace("{n}", str(rng.randrange(3, 9800)))


def _seller(scene: Scene, lang: str) -> Account:
    """An automated account that sells: young, hardly followed, much posted."""
    rng = scene.rng
    profile = identity(lang, rng) | {
        "description": scene.grammar.expand(f"seller_{lang}", rng), "followers": rng.randrange(40),
        "following": rng.randrange(20, 900), "posts": rng.randrange(500, 20_000), "likes": rng.randrange(30),
        "listed": 0, "verified": False, "default_profile": rng.random() < 0.8,
        "default_avatar": rng.random() < 0.3, "protected": False,
    }  # fmt: skip
    created_ms = scene.world.start_ms - int(rng.uniform(5, 400) * DAY_MS)
    return scene.world.registry.account(
        lang=lang, zone=2, created_ms=created_ms, profile=profile, client="Twitter Web App", bot=True
    )
