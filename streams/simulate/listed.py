"""Accounts of a list of the room, each with its reason, and what they push more than others do."""

from __future__ import annotations

from random import Random

from detectors.lists import Entry

from .cascade import Shown
from .people import Account
from .playing import Play
from .scenario import Listed, Push
from .world import PLATFORM, Draft

LIST = "lists"
"""Name of the list, which is that of the file that holds it."""
SOURCE = "Invented for this scenario"
_ANSWER = 0.5
"""Share of the pushing posts that repost another's instead of writing their own."""


def listed_drafts(play: Play, part: Listed) -> list[Draft]:
    """The posts of the accounts, and of ordinary people who come upon the same things."""
    rng = play.rng
    accounts = [play.casting.listed_account() for _ in range(part.accounts)]
    play.world.casts[play.name] = accounts
    attributed = round(part.accounts * part.attributed)
    play.world.entries += [_entry(play, account, attributed=True) for account in accounts[:attributed]]
    play.world.entries += [_entry(play, account, attributed=False) for account in accounts[attributed:]]
    weights = [rng.paretovariate(1.3) for _ in accounts]
    authors = rng.choices(accounts, weights, k=part.posts)
    times = sorted(play.moment() for _ in authors)
    shown: list[Shown] = []
    drafts = []
    for time_ms, author in zip(times, authors, strict=True):
        if rng.random() >= part.pushing:
            text = play.world.composers[part.lang].post("election", author.style, rng)
            drafts.append(play.original(time_ms, author, "cover", text, lang=part.lang))
        elif shown and rng.random() < _ANSWER:
            drafts.append(play.repost(time_ms, author, "pusher", rng.choice(shown[-40:])))
        else:
            drafts.append(_push(play, rng.choice(part.pushes), time_ms, author, part.lang))
            shown.append(Shown(time_ms, author, drafts[-1].post))
    for person in play.world.crowd.distinct(part.bystanders, part.lang, play.generator):
        text = play.world.composers[part.lang].post("election", person.style, rng)
        drafts.append(play.bystander(play.moment(), person, text, **_held(rng.choice(part.pushes), rng)))
    return drafts


def _push(play: Play, push: Push, time_ms: int, author: Account, lang: str) -> Draft:
    text = play.world.composers[lang].post("election", author.style, play.rng)
    return play.original(time_ms, author, "pusher", text, lang=lang, **_held(push, play.rng))


def _held(push: Push, rng: Random) -> dict[str, list[str]]:
    """The hashtag, the link or both."""
    draw = rng.random()
    return {
        "tags": [push.hashtag] if draw < 0.75 else [],
        "links": [push.link] if draw > 0.5 else [],
    }


def _entry(play: Play, account: Account, *, attributed: bool) -> Entry:
    return Entry(
        account=account.id,
        kind="attributed" if attributed else "amplifies",
        reason=play.grammar.expand("list_attributed" if attributed else "list_amplifies", play.rng),
        source=SOURCE,
        list=LIST,
        platform=PLATFORM,
        handle=account.handle,
    )
