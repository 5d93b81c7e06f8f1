"""What real people do that looks like an operation: slogans, headlines, releases, a debate, chains, bots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np

from .cascade import Feed, Shown
from .grammar import capital
from .ids import PostIds
from .ordinary import Ordinary
from .people import DAY_MS, Account, Country, identity, ordinary_accounts
from .scenario import Chain, Debate, Headline, LookAlike, Release, Scheduled, Slogan
from .world import Draft, World, compose, refer, repost

ROLE = "innocent"
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
    scene = _Scene(world, part, PostIds(worker))
    if isinstance(part, Slogan):
        return _crowd_says(scene, part.posts, part.lang, lambda rng: _slogan(part, rng))
    if isinstance(part, Headline):
        return _headline(scene, part)
    if isinstance(part, Chain):
        return _crowd_says(scene, part.posts, part.lang, lambda rng: (_copied(part, rng), []))
    if isinstance(part, Release):
        return _release(scene, part)
    if isinstance(part, Scheduled):
        return _scheduled(scene, part)
    return _debate(scene, traffic, part)


class _Scene:
    """A look-alike's own generators, ids and time span."""

    def __init__(self, world: World, part: LookAlike, ids: PostIds) -> None:
        self.world, self.name, self.ids = world, part.name, ids
        self.generator, self.rng = world.tools(part.name)
        self.begin_ms = world.start_ms + int(part.at_minute * 60_000)
        self.length_ms = int(part.duration_minutes * 60_000)
        self.end_ms = min(self.begin_ms + self.length_ms, world.end_ms)

    def wave(self, count: int) -> list[int]:
        """Times of a wave that rises fast and fades slowly."""
        return sorted(
            (self.begin_ms + self.generator.beta(1.6, 3.2, count) * (self.length_ms - 1)).astype(int).tolist()
        )

    def draft(self, time_ms: int, author: Account, number: int, post: dict[str, Any]) -> Draft:
        return Draft(time_ms, number, author, post, self.name, ROLE)

    def people(self, count: int, lang: str) -> list[Account]:
        """Different people, in turn if there are fewer than `count`."""
        people = self.world.crowd.distinct(count, lang, self.generator)
        return [people[i % len(people)] for i in range(count)] if people else []


def _crowd_says(
    scene: _Scene, posts: int, lang: str, say: Callable[[Random], tuple[str, list[str]]]
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


def _headline(scene: _Scene, part: Headline) -> Iterator[Draft]:
    paper = _declared(scene, part.via, part.via, f"{part.via}, journal en ligne", part.lang, "TweetDeck")
    for time_ms, author in zip(scene.wave(part.posts), scene.people(part.posts, part.lang), strict=False):
        number = scene.ids.next(time_ms)
        text = f"{part.text} {part.link} via @{paper.handle}"
        post = compose(author, time_ms, number, text, mentioned=[paper], links=[part.link])
        yield scene.draft(time_ms, author, number, post)


def _release(scene: _Scene, part: Release) -> Iterator[Draft]:
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
            _declared(
                scene, f"{short}_{region}", f"{part.organisation} {region}", text, part.lang, "TweetDeck"
            )
        )
    drafts = []
    for i, release in enumerate(part.releases):
        at = scene.begin_ms + int(scene.length_ms * (i + 0.1) / len(part.releases))
        for branch in branches:
            time_ms = min(at + int(scene.rng.expovariate(1 / 90_000)), scene.end_ms - 1)
            number = scene.ids.next(time_ms)
            drafts.append(scene.draft(time_ms, branch, number, compose(branch, time_ms, number, release)))
    return iter(sorted(drafts, key=lambda draft: draft[:2]))


def _scheduled(scene: _Scene, part: Scheduled) -> Iterator[Draft]:
    grammar = scene.world.composers[part.lang].grammar
    bots = []
    for _ in range(part.accounts):
        who = identity(part.lang, scene.rng, bot=True)
        bots.append(
            _declared(
                scene,
                who["handle"],
                who["name"],
                who["description"],
                part.lang,
                f"{who['handle']}-cron",
                bot=True,
            )
        )
    every = int(part.every_minutes * 60_000)
    first = -(-scene.begin_ms // every) * every
    for tick in range(first, scene.end_ms, every):
        delays = sorted((scene.rng.randrange(400, 6000), i) for i in range(len(bots)))
        for delay, i in delays:
            time_ms = min(tick + delay, scene.end_ms - 1)
            number = scene.ids.next(time_ms)
            text = capital(grammar.expand("bot_clause", scene.rng))
            yield scene.draft(time_ms, bots[i], number, compose(bots[i], time_ms, number, text))


def _declared(
    scene: _Scene, handle: str, name: str, description: str, lang: str, client: str, bot: bool = False
) -> Account:
    """An account that says openly whose it is."""
    rng = scene.rng
    age_ms = rng.randrange(200, 3500) * DAY_MS
    profile = {
        "handle": handle, "name": name, "description": description, "location": "",
        "posts": age_ms // DAY_MS * 6,
        "followers": rng.randrange(150, 9000), "following": rng.randrange(5, 400),
        "likes": rng.randrange(0, 900),
        "listed": rng.randrange(1, 90), "verified": rng.random() < 0.2, "default_profile": rng.random() < 0.2,
        "default_avatar": False, "protected": False,
    }  # fmt: skip
    created_ms = scene.world.start_ms - age_ms - rng.randrange(DAY_MS)
    return scene.world.registry.account(
        lang=lang, zone=2, created_ms=created_ms, profile=profile, client=client, bot=bot
    )


def _debate(scene: _Scene, traffic: Ordinary, part: Debate) -> Iterator[Draft]:
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


def _newcomers(scene: _Scene, part: Debate, count: int) -> list[Account]:
    """People who opened their account for the occasion, in the last days or minutes."""
    group = Country(part.lang, 2 if part.lang == "fr" else 1, 1.0)
    ages = scene.generator.exponential(2.0, count) * DAY_MS + 60_000
    return ordinary_accounts(
        scene.world.registry, group, np.full(count, 1.0), 0, scene.generator, scene.rng, scene.begin_ms - ages
    )


def _debate_draft(scene: _Scene, part: Debate, feed: Feed, time_ms: int, author: Account) -> Draft:
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
