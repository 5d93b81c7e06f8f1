"""Accounts: who writes. Numbers of a profile are heavy-tailed and grow with its age, as people's are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson

from .grammar import load_grammar
from .ids import AccountIds, iso

Floats = npt.NDArray[np.float64]

DAY_MS = 86_400_000
_FIRST_YEAR = 2008
# How many of today's active accounts each year brought, 2008 first: a wave in 2009-2013, a trough, new waves.
_YEAR_WEIGHTS = (3, 8, 9, 13, 14, 12, 9, 8, 8, 8, 7, 8, 11, 10, 10, 10, 10, 10, 10, 10)
_CLIENTS = {
    "Twitter for iPhone": 0.37,
    "Twitter for Android": 0.35,
    "Twitter Web App": 0.17,
    "Twitter for iPad": 0.045,
    "TweetDeck": 0.03,
    "Twitter Web Client": 0.015,
    "Hootsuite Inc.": 0.008,
    "Instagram": 0.006,
    "IFTTT": 0.006,
}
_POSTS = b',"posts":'
"""Ends the profile of an account, which goes on with the number of its posts."""
_ASCII = str.maketrans("éèêëàâîïôöûùüç-' ", "eeeeaaiioouuuc___")


@dataclass(slots=True)
class Account:
    """One account as its posts show it.

    `zone` is the difference of its local time from UTC in hours; `style` its habits of writing (see
    `Composer.finish`); `topics` what it mostly talks of; `head` its profile as JSON up to the
    number of posts; `brief` the part of it that reposts of its posts show.
    """

    id: str
    handle: str
    lang: str
    zone: float
    client: str
    style: int
    bot: bool
    created_ms: int
    followers: int
    posts: int
    topics: tuple[int, int]
    head: bytes
    brief: orjson.Fragment


def with_followers(account: Account, followers: int, posts: int) -> Account:
    """The same account as its profile shows it at another time."""
    profile = orjson.loads(account.head.removesuffix(_POSTS) + b"}") | {"followers": followers}
    return replace(account, followers=followers, posts=posts, head=orjson.dumps(profile)[:-1] + _POSTS)


@dataclass(frozen=True, slots=True)
class Country:
    """A group of ordinary accounts: their language, local time (hours from UTC) and share of the posts."""

    lang: str
    zone: float
    share: float


def countries(french: float) -> list[Country]:
    """Where ordinary people live, when a share `french` of the posts comes from people who write French."""
    other = 1 - french
    groups = [
        Country("fr", 2, 0.9 * french),
        Country("fr", -4, 0.07 * french),
        Country("fr", 4, 0.03 * french),
        Country("en", 1, 0.55 * other),
        Country("en", -5, 0.45 * other),
    ]
    return [group for group in groups if group.share > 0]


def creation_times(rng: np.random.Generator, count: int, start_ms: int) -> Floats:
    """Creation times of `count` ordinary accounts (milliseconds), spread over the years before `start_ms`."""
    last = datetime.fromtimestamp(start_ms / 1000, UTC).year
    years = np.arange(_FIRST_YEAR, last + 1)
    weights = np.resize(np.array(_YEAR_WEIGHTS, float), len(years))
    weights[-1] *= max(0.05, (start_ms - _year_ms(last)) / (366 * DAY_MS))
    year = rng.choice(years, size=count, p=weights / weights.sum())
    begins = np.array([_year_ms(int(y)) for y in years], float)[year - _FIRST_YEAR]
    ends = np.minimum(begins + 365 * DAY_MS, start_ms - DAY_MS)
    return np.asarray(begins + rng.random(count) * np.maximum(ends - begins, 1), float)


def _year_ms(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Registry:
    """Makes the accounts of one world: distinct ids and handles.

    Parameters
    ----------
    start_ms : int
        The start of the scenario, at which profiles are observed (milliseconds since the epoch).
    """

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self._ids = AccountIds()
        self._handles: set[str] = set()

    def handle(self, wanted: str) -> str:
        """The wanted handle in the network's alphabet, at most 15 characters, with digits if it is taken."""
        base = wanted.translate(_ASCII)[:15]
        handle, number = base, 2
        while handle.lower() in self._handles:
            digits = str((crc32(base.encode()) + number * 7919) % 99_991)
            handle = base[: 15 - len(digits)] + digits
            number += 1
        self._handles.add(handle.lower())
        return handle

    def account(
        self,
        *,
        lang: str,
        zone: float,
        created_ms: int,
        profile: Mapping[str, Any],
        client: str,
        style: int = 0,
        bot: bool = False,
        topics: tuple[int, int] = (0, 7),
    ) -> Account:
        """One account; `profile` holds handle, name, description and the numbers of `author` in the post."""
        full = {
            "lang": lang,
            **profile,
            "handle": self.handle(str(profile["handle"])),
            "created_at": iso(created_ms // 1000 * 1000),
        }
        posts = int(full.pop("posts"))
        brief_keys = ("handle", "name", "created_at", "followers", "following", "lang", "verified")
        brief = orjson.dumps({key: full[key] for key in brief_keys if key in full})
        return Account(
            id=self._ids.next(created_ms), handle=full["handle"], lang=lang, zone=zone, client=client,
            style=style, bot=bot, created_ms=created_ms, followers=int(full["followers"]), posts=posts,
            topics=topics, head=orjson.dumps(full)[:-1] + _POSTS, brief=orjson.Fragment(brief),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numbers:
    """Columns of profile numbers for a group of accounts, one entry an account."""

    posts: Sequence[int]
    followers: Sequence[int]
    following: Sequence[int]
    likes: Sequence[int]
    listed: Sequence[int]


def human_numbers(rng: np.random.Generator, created_ms: Floats, start_ms: int, activity: Floats) -> Numbers:
    """Profile numbers of people.

    Parameters
    ----------
    created_ms : array
        Creation times in milliseconds.
    start_ms : int
        When the profiles are observed, in milliseconds.
    activity : array
        How much each posts, relative to the median person (1.0).
    """
    n = len(created_ms)
    days = np.maximum((start_ms - created_ms) / DAY_MS, 1.0)
    posts = np.minimum(days * 0.9 * activity**0.8 * rng.lognormal(0, 1.1, n), days * 120)
    reach = rng.lognormal(0, 1.45, n) * (days / 1000) ** 0.45 * activity**0.3
    followers = 190 * reach
    following = 330 * reach**0.45 * rng.lognormal(0, 0.75, n)
    following = np.where(followers < 4500, np.minimum(following, 4900 + rng.random(n) * 100), following)
    likes = np.minimum(posts * rng.lognormal(0.3, 1.3, n), days * 250)
    listed = rng.poisson(followers / 95 * rng.lognormal(-0.3, 0.9, n))
    whole = (column.astype(np.int64).tolist() for column in (posts + 1, followers, following, likes, listed))
    return Numbers(*whole)


class Crowd:
    """The ordinary accounts of one world, by country, with how much each posts.

    Parameters
    ----------
    registry : Registry
        Makes the accounts.
    count : int
        How many.
    groups : list of Country
        Where they live.
    bots : float
        Share of automated accounts that say that they are automated, 0 to 1.
    seed : int
        Seed of everything random here.
    """

    def __init__(self, registry: Registry, count: int, groups: list[Country], bots: float, seed: int) -> None:
        generator, rng = np.random.default_rng(seed), Random(seed)
        self.groups = groups
        self.members: list[list[Account]] = []
        self.steps: list[Floats] = []  # cumulated activity, to draw an author from
        for group in groups:
            size = max(1, round(count * group.share))
            activity = generator.lognormal(0, 1.15, size)
            self.members.append(ordinary_accounts(registry, group, activity, bots, generator, rng))
            self.steps.append(np.cumsum(activity / activity.sum()))

    def draw(self, group: int, count: int, rng: np.random.Generator) -> list[Account]:
        """Authors for `count` posts of a group, the active ones more often."""
        steps, members = self.steps[group], self.members[group]
        places = np.minimum(np.searchsorted(steps, rng.random(count)), len(members) - 1)
        return [members[place] for place in places.tolist()]

    def distinct(self, count: int, lang: str, rng: np.random.Generator) -> list[Account]:
        """Up to `count` different accounts that write `lang`, each as likely as any other."""
        pool = [
            account
            for group, members in zip(self.groups, self.members, strict=True)
            if group.lang == lang
            for account in members
            if not account.bot
        ]
        places = rng.permutation(len(pool))[:count]
        return [pool[place] for place in places.tolist()]


def ordinary_accounts(
    registry: Registry,
    group: Country,
    activity: Floats,
    bots: float,
    generator: np.random.Generator,
    rng: Random,
    created_ms: Floats | None = None,
) -> list[Account]:
    """Ordinary accounts of one country, one for each entry of `activity` (1.0 is the median person).

    `created_ms` (milliseconds) is drawn over the years where it is not given.
    """
    created = (
        creation_times(generator, len(activity), registry.start_ms) if created_ms is None else created_ms
    )
    numbers = human_numbers(generator, created, registry.start_ms, activity)
    clients = generator.choice(list(_CLIENTS), size=len(activity), p=_client_weights()).tolist()
    topics = generator.integers(0, 8, size=(len(activity), 2)).tolist()
    made = []
    for i, moment in enumerate(created.astype(np.int64).tolist()):
        bot = rng.random() < bots
        profile = {
            **identity(group.lang, rng, bot),
            "posts": numbers.posts[i] * (12 if bot else 1), "followers": numbers.followers[i],
            "following": numbers.following[i], "likes": 0 if bot else numbers.likes[i],
            "listed": numbers.listed[i], "lang": group.lang if rng.random() < 0.94 else "en",
            "verified": numbers.followers[i] > 3000 and rng.random() < 0.12,
            "default_profile": rng.random() < (0.75 if registry.start_ms - moment < 500 * DAY_MS else 0.42),
            "default_avatar": rng.random() < 0.03, "protected": False,
        }  # fmt: skip
        made.append(registry.account(
            lang=group.lang, zone=group.zone, created_ms=moment, profile=profile, bot=bot,
            client=f"{profile['handle']}-bot" if bot else clients[i], style=draw_style(rng),
            topics=(topics[i][0], topics[i][1]),
        ))  # fmt: skip
    return made


def _client_weights() -> Floats:
    weights = np.array(list(_CLIENTS.values()))
    return np.asarray(weights / weights.sum(), float)


def draw_style(rng: Random) -> int:
    """Habits of writing of one person, as the bit mask of `Composer.finish`."""
    return (
        (rng.random() < 0.3)
        | (rng.random() < 0.15) << 1
        | (rng.random() < 0.4) << 2
        | (rng.random() < 0.2) << 3
    )


def identity(lang: str, rng: Random, bot: bool = False) -> dict[str, Any]:
    """Handle, name, description and location of an invented person (or a bot that says so)."""
    grammar = load_grammar(lang)
    first = grammar.expand("prenom" if lang == "fr" else "first", rng)
    last, nick = grammar.expand("surname", rng), grammar.expand("nick", rng)
    number = rng.randrange(1, 10 ** rng.choice((1, 2, 2, 3, 4)))
    handle = rng.choice((
        f"{first}{last}", f"{first}_{last}", f"{first}{number}", f"{nick}{number}", f"{first}_{nick}",
        f"{nick}_{last}", f"{last}{number}", f"{first[0]}{last}{number}",
    ))  # fmt: skip
    name = rng.choice(
        (f"{first} {last}", f"{first} {last}", first, f"{first} {last[0]}.", nick, nick.capitalize())
    )
    place = grammar.expand("ville" if lang == "fr" else "town", rng)
    if bot:
        handle, name = f"{place[:9]}Bot{number}", f"Bot {place}"
    has_description, has_place = bot or rng.random() < 0.82, rng.random() < 0.6
    return {
        "handle": handle,
        "name": name,
        "description": grammar.expand("bot_description" if bot else "description", rng)
        if has_description
        else "",
        "location": place if has_place else "",
    }
