"""What real people do that looks like an operation: slogans, headlines, releases, a debate, chains, bots.

Matches, jokes and texts written for people are in `crowds`, advertisers in `promoted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np

from .cascade import Feed, Shown
from .crowds import live, shared, viral
from .grammar import capital
from .ordinary import Ordinary
from .people import DAY_MS, Account, Country, identity, ordinary_accounts
from .promoted import adverts
from .scenario import (
    Adverts,
    Chain,
    Debate,
    Headline,
    Live,
    LookAlike,
    Release,
    Scheduled,
    Shared,
    Slogan,
    Viral,
)
from .scene import Scene
from .world import Draft, World, compose, refer, repost

STEP_MS = 20_000
_EMOJI = ("😂", "❤️", "🙏", "🔥", "👏", "✊", "😅", "👍", "🤣", "💙")


def lookalike_drafts(world: World, traffic: Ordinary, part: LookAlike, worker: int) -> Iterator[Draft]:
    """The posts of one look-alike, in the order of time.

    Parameters
    ----------
    world : World
        Its people take part.
    traffic : Ordinary
        The ordinary traffic, whose rate a debate multiplies.
    part : LookAlike
        The look-alike of the scenario.
    worker : int
        1 to 1023, another for each component; it keeps ids apart.
    """
    scene = Scene(world, part, worker)
    return _debate(scene, traffic, part) if isinstance(part, Debate) else _PLAYED[type(part)](scene, part)


def _slogans(scene: Scene, part: Slogan) -> Iterator[Draft]:
    return _crowd_says(scene, part.posts, part.lang, lambda rng: _slogan(part, rng))


def _chain(scene: Scene, part: Chain) -> Iterator[Draft]:
    return _crowd_says(scene, part.posts, part.lang, lambda rng: (_copied(part, rng), []))


def _crowd_says(
    scene: Scene, posts: int, lang: str, say: Callable[[Random], tuple[str, list[str]]]
) -> Iterator[Draft]:
    for time_ms, author in zip(scene.wave(posts), scene.people(posts, lang), strict=False):
        text, tags = say(scene.rng)
        number = scene.ids.next(time_ms)
        yield scene.draft(time_ms, author, number, compose(author, time_ms, number, text, tags=tags))


def _slogan(part: Slogan, rng: Random) -> tuple[str, list[str]]:
    """Most people post the slogan as it is; some shout or add a sign."""
    text = part.text
    draw = rng.random()
    if draw < 0.12:
        text = text.upper()
    elif draw < 0.25:
        text = f"{text} {rng.choice(_EMOJI)}"
    return text, [part.hashtag] if part.hashtag and rng.random() < 0.8 else []


def _copied(part: Chain, rng: Random) -> str:
    """A copy of a chain text; the edited ones lose the last sentence, or gain a word of their own."""
    if rng.random() >= part.edited:
        return part.text
    way = rng.random()
    if way < 0.4:
        return f"{part.text} {rng.choice(_EMOJI)}"
    if way < 0.7:
        return part.text.lower()
    return f"{'Fait !' if part.lang == 'fr' else 'Done!'} {part.text}"


def _headline(scene: Scene, part: Headline) -> Iterator[Draft]:
    paper = scene.declared(part.via, part.via, f"{part.via}, journal en ligne", part.lang, "TweetDeck")
    for time_ms, author in zip(scene.wave(part.posts), scene.people(part.posts, part.lang), strict=False):
        number = scene.ids.next(time_ms)
        text = f"{part.text} {part.link} via @{paper.handle}"
        post = compose(author, time_ms, number, text, mentioned=[paper], links=[part.link])
        yield scene.draft(time_ms, author, number, post)


def _release(scene: Scene, part: Release) -> Iterator[Draft]:
    regions = scene.world.composers[part.lang].grammar.words("region")
    branches = []
    short = (
        "".join(word[0] for word in part.organisation.split() if word[0].isupper()) or part.organisation[:4]
    )
    for i in range(part.accounts):
        region = regions[i % len(regions)]
        text = {
            "fr": f"Compte officiel de {part.organisation}, fédération {region.replace('_', ' ')}.",
            "en": f"Official account of {part.organisation}, {region.replace('_', ' ')} branch.",
        }[part.lang]
        branches.append(
            scene.declared(f"{short}_{region}", f"{part.organisation} {region}", text, part.lang, "TweetDeck")
        )
    drafts = []
    for i, release in enumerate(part.releases):
        at = scene.begin_ms + int(scene.length_ms * (i + 0.1) / len(part.releases))
        for branch in branches:
            time_ms = min(at + int(scene.rng.expovariate(1 / 90_000)), scene.end_ms - 1)
            number = scene.ids.next(time_ms)
            drafts.append(scene.draft(time_ms, branch, number, compose(branch, time_ms, number, release)))
    return iter(sorted(drafts, key=lambda draft: draft[:2]))


def _scheduled(scene: Scene, part: Scheduled) -> Iterator[Draft]:
    grammar = scene.world.composers[part.lang].grammar
    speak, said = (_reporter, "bot_clause") if part.says == "readings" else (_newsroom, "headline_clause")
    speakers = [speak(scene, part.lang) for _ in range(part.accounts)]
    every = int(part.every_minutes * 60_000)
    first = -(-scene.begin_ms // every) * every
    for tick in range(first, scene.end_ms, every):
        delays = sorted((scene.rng.randrange(400, 6000), i) for i in range(len(speakers)))
        for delay, i in delays:
            time_ms = min(tick + delay, scene.end_ms - 1)
            number = scene.ids.next(time_ms)
            text = capital(grammar.expand(said, scene.rng))
            yield scene.draft(time_ms, speakers[i], number, compose(speakers[i], time_ms, number, text))


def _reporter(scene: Scene, lang: str) -> Account:
    """A bot that says that it is one."""
    who = identity(lang, scene.rng, bot=True)
    return scene.declared(
        who["handle"], who["name"], who["description"], lang, f"{who['handle']}-cron", bot=True
    )


def _newsroom(scene: Scene, lang: str) -> Account:
    """A local paper that schedules its headlines."""
    place = scene.rng.choice(scene.world.composers[lang].grammar.words("ville" if lang == "fr" else "town"))
    description = {"fr": f"La rédaction de {place}.", "en": f"The newsroom of {place}."}[lang]
    return scene.declared(f"{place[:9]}Infos", f"{place} Infos", description, lang, "Hootsuite Inc.")


def _debate(scene: Scene, traffic: Ordinary, part: Debate) -> Iterator[Draft]:
    """What is said on top of the ordinary rate while a debate is on the air."""
    world, generator = scene.world, scene.generator
    groups = [(i, group) for i, group in enumerate(world.crowd.groups) if group.lang == part.lang]
    expected = sum(
        traffic.rate(t, group) * STEP_MS / 1000
        for t in range(scene.begin_ms, scene.end_ms, STEP_MS)
        for _, group in groups
    )
    fresh = _newcomers(scene, part, max(3, int(expected * (part.multiplier - 1) * part.new_accounts / 2)))
    feed = Feed(generator)
    for begin in range(scene.begin_ms, scene.end_ms, STEP_MS):
        feed.refresh(begin)
        drafts: list[Draft] = []
        shape = _debate_shape((begin - scene.begin_ms) / scene.length_ms)
        for i, group in groups:
            wanted = traffic.rate(begin, group) * (part.multiplier - 1) * shape * STEP_MS / 1000
            count = int(generator.poisson(wanted))
            times = np.sort(begin + generator.integers(0, min(STEP_MS, scene.end_ms - begin), count)).tolist()
            for time_ms, author in zip(times, world.crowd.draw(i, count, generator), strict=True):
                if scene.rng.random() < part.new_accounts:
                    author = scene.rng.choice(fresh)  # noqa: PLW2901
                drafts.append(_debate_draft(scene, part, feed, time_ms, author))
        drafts.sort(key=lambda draft: draft[:2])
        for draft in drafts:
            if draft.post["kind"] != "repost":
                feed.show(Shown(draft.time_ms, draft.author, draft.post))
        yield from drafts


def _debate_shape(part: float) -> float:
    """The rate over a debate, 1.0 on average: a quick rise, waves at each exchange, a slow end."""
    return min(1.0, 0.3 + part * 7) * (1.12 + 0.22 * float(np.sin(part * 40))) * (1.0 if part < 0.9 else 0.75)


def _newcomers(scene: Scene, part: Debate, count: int) -> list[Account]:
    """People who opened their account for the occasion, in the last days or minutes."""
    group = Country(part.lang, 2 if part.lang == "fr" else 1, 1.0)
    ages = scene.generator.exponential(2.0, count) * DAY_MS + 60_000
    return ordinary_accounts(
        scene.world.registry, group, np.full(count, 1.0), 0, scene.generator, scene.rng, scene.begin_ms - ages
    )


def _debate_draft(scene: Scene, part: Debate, feed: Feed, time_ms: int, author: Account) -> Draft:
    number, rng = scene.ids.next(time_ms), scene.rng
    composer = scene.world.composers[author.lang]
    draw = rng.random()
    if len(feed) and draw < part.reposts:
        for shown in feed.draw(3):
            if feed.may_share(shown, author):
                return scene.draft(
                    time_ms, author, number, repost(author, time_ms, number, shown.post, shown.author)
                )
    if len(feed) and draw > 0.88:
        shown = feed.draw(1)[0]
        text = f"@{shown.author.handle} {composer.reply(author.style, rng)}"
        post = compose(author, time_ms, number, text, tags=[part.hashtag], mentioned=[shown.author])
        return scene.draft(time_ms, author, number, refer(post, "reply", shown.post, shown.author))
    text = composer.post("election", author.style, rng)
    if rng.random() < 0.25:
        text = f"#{part.hashtag} {text}"
    return scene.draft(time_ms, author, number, compose(author, time_ms, number, text, tags=[part.hashtag]))


_PLAYED: dict[type[LookAlike], Callable[[Scene, Any], Iterator[Draft]]] = {
    Slogan: _slogans,
    Headline: _headline,
    Release: _release,
    Chain: _chain,
    Scheduled: _scheduled,
    Live: live,
    Viral: viral,
    Shared: shared,
    Adverts: adverts,
}
