"""The accounts of operations: a cohort made in two months, sleepers, foreigners, a farm that follows back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Literal

from .grammar import Grammar, load_grammar
from .people import DAY_MS, Account, identity
from .world import World

FARM_LANGUAGES = ("ru", "sr", "es", "ar")


def day_ms(day: date) -> int:
    """The first millisecond of a day, UTC."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def moment_between(first: date, last: date, before_ms: int, rng: Random) -> int:
    """A moment from the first day to the end of the last, at least an hour before `before_ms`."""
    begin = day_ms(first)
    end = min(day_ms(last + timedelta(days=1)), before_ms - 3_600_000)
    return begin + int(rng.random() * max(end - begin, 1)) if end > begin else end


class Casting:
    """Makes the accounts of one operation.

    Parameters
    ----------
    world : World
        Its registry makes the accounts.
    rng : Random
        The operation's own generator.
    """

    def __init__(self, world: World, rng: Random) -> None:
        self._world, self._rng = world, rng
        self._grammar: Grammar = load_grammar("operations")
        self._year = world.scenario.start.astimezone(UTC).year

    def source(self, handle: str) -> Account:
        """The account that a network amplifies: old, followed by many, a person as far as one sees."""
        return self._account(
            identity("fr", self._rng)
            | {"handle": handle, "name": handle, "description": "Ce que les autres taisent."},
            created_ms=moment_between(date(2012, 1, 1), date(2012, 12, 31), self._world.start_ms, self._rng),
            followers=41_000, following=870, posts=26_000, likes=9_000, listed=160,
            client="Twitter for iPhone",
        )  # fmt: skip

    def target(self, handle: str, followers: int = 88_000) -> Account:
        """A public person whom an operation insults, or follows."""
        return self._account(
            identity("fr", self._rng) | {"handle": handle},
            created_ms=moment_between(date(2011, 1, 1), date(2013, 12, 31), self._world.start_ms, self._rng),
            followers=followers, following=640, posts=9_400, likes=3_100, listed=900,
            client="Twitter for iPhone",
        )  # fmt: skip

    def amplifier(self, first: date | None, last: date | None) -> Account:
        """An automated account of one cohort: young, hardly followed, with many posts."""
        rng = self._rng
        begin = first or date(self._year - 1, 11, 1)
        end = last or (date(self._year - 1, 12, 31) if first is None else self._world.scenario.start.date())
        who = self._made_up("fr")
        who["description"] = self._grammar.expand("bot_words", rng)
        return self._account(
            who, created_ms=moment_between(begin, end, self._world.start_ms, rng), bot_look=True,
            followers=int(rng.expovariate(1 / 18)), following=rng.randrange(40, 900),
            posts=rng.randrange(900, 16_000), likes=rng.randrange(0, 300), listed=0,
            client=self._cheap_client(),
        )  # fmt: skip

    def leak_bot(self, look: Literal["used", "bare"]) -> Account:
        """An automated account of abroad, some months old.

        A bare one has next to nothing in its profile, which is how studies tell bots.
        """
        rng, bare = self._rng, look == "bare"
        who = self._made_up("en")
        described = rng.random() < (0.4 if bare else 0.7)
        who["description"] = self._grammar.expand("movement_words", rng) if described else ""
        created_ms = self._world.start_ms - int(rng.uniform(20, 420) * DAY_MS)
        return self._account(
            who, lang="en", created_ms=created_ms, bot_look=True,
            followers=int(rng.expovariate(1 / (9 if bare else 60))),
            following=rng.randrange(40, 900) if bare else rng.randrange(80, 1900),
            posts=rng.randrange(10, 900) if bare else rng.randrange(2000, 60_000),
            likes=int(rng.expovariate(1 / 4)) if bare else rng.randrange(0, 900),
            listed=0 if bare else int(rng.expovariate(1)), client=self._cheap_client(),
        )  # fmt: skip

    def foreigner(self, sleeper: bool) -> Account:
        """Someone of an invented movement abroad; a sleeper is older and has posted little."""
        rng = self._rng
        who = identity("en", rng)
        who["description"] = (
            self._grammar.expand("movement_words", rng) if rng.random() < 0.75 else who["description"]
        )
        last = date(self._year - 1, 10, 31) if sleeper else date(self._year, 3, 1)
        first = date(self._year - 2, 3, 1) if sleeper else date(2009, 1, 1)
        created_ms = moment_between(first, last, self._world.start_ms, rng)
        days = (self._world.start_ms - created_ms) / DAY_MS
        followers = int(rng.lognormvariate(4.6 if sleeper else 5.9, 1.2))
        return self._account(
            who, lang="en", created_ms=created_ms, followers=followers,
            following=int(followers * rng.uniform(0.6, 1.6)) + 60,
            likes=int(days * rng.lognormvariate(0.5, 1)),
            posts=rng.randrange(90, 1400) if sleeper else int(days * rng.lognormvariate(1.2, 1)) + 1,
            listed=int(followers / 120),
            client=rng.choice(("Twitter for iPhone", "Twitter for Android", "Twitter Web App")),
        )  # fmt: skip

    def farm_hand(self, index: int, fresh: tuple[date, date] | None, client: str) -> Account:
        """Someone of a troll farm: another language, as many followers as follows, one client.

        `fresh` bounds the creation of a new account; None makes an older one, from 2009 on.
        """
        rng = self._rng
        old = (
            date(2009 if index % 5 == 0 else 2009 + rng.randrange(0, self._year - 2009), 2, 1),
            date(self._year - 1, 11, 30),
        )
        first, last = fresh or (old[0], min(old[0] + timedelta(days=300), old[1]))
        following = rng.randrange(700, 4800)
        name = self._grammar.expand("farm_name", rng)
        who = {
            "handle": f"{name}{rng.choice(('_', 'x', ''))}{rng.randrange(10, 99999)}", "name": name,
            "location": "", "description": self._grammar.expand("farm_words", rng),
        }  # fmt: skip
        return self._account(
            who, lang=FARM_LANGUAGES[index % len(FARM_LANGUAGES)], client=client,
            created_ms=moment_between(first, last, self._world.start_ms, rng), following=following,
            followers=int(following * rng.uniform(0.88, 1.1)), posts=rng.randrange(300, 30_000),
            likes=rng.randrange(20, 4000), listed=rng.randrange(0, 6),
        )  # fmt: skip

    def broadcaster(self, handle: str, payer: str, lang: str) -> Account:
        """A page of a foreign state's news channel, which says whose it is."""
        rng = self._rng
        known = rng.randrange(200_000, 2_700_000)
        who = {
            "handle": handle,
            "name": handle,
            "location": "",
            "description": f"Official page of {payer}. News channel.",
        }
        made_ms = moment_between(date(2009, 6, 1), date(2012, 6, 1), self._world.start_ms, rng)
        return self._account(
            who, lang=lang, created_ms=made_ms, followers=known, following=rng.randrange(200, 700),
            posts=rng.randrange(60_000, 300_000), likes=rng.randrange(100, 3000), listed=known // 180,
            client="TweetDeck",
        )  # fmt: skip

    def listed_account(self) -> Account:
        """An account of a list: some years old, much posted, a person as far as one sees."""
        rng = self._rng
        who = identity("en", rng)
        created_ms = self._world.start_ms - int(rng.uniform(60, 2600) * DAY_MS)
        followers = int(rng.lognormvariate(6.3, 1.4))
        return self._account(
            who, lang="en", created_ms=created_ms, followers=followers,
            following=int(followers * rng.uniform(0.3, 1.5)) + 40, posts=rng.randrange(2000, 90_000),
            likes=rng.randrange(200, 40_000), listed=followers // 90,
            client=rng.choice(("Twitter for iPhone", "Twitter for Android", "Twitter Web App", "TweetDeck")),
        )  # fmt: skip

    def _made_up(self, lang: str) -> dict[str, Any]:
        """Who an automated account says that it is: a first name, many digits, and from nowhere."""
        who = identity(lang, self._rng)
        number = self._rng.randrange(10**7, 10**8)
        return who | {"handle": f"{who['name'].split()[0]}{number}", "location": ""}

    def _cheap_client(self) -> str:
        return self._rng.choice(
            ("Twitter Web Client", "Twitter Web Client", "Twitter Web App", "Twitter for Android")
        )

    def _account(
        self,
        who: dict[str, Any],
        *,
        created_ms: int,
        client: str,
        lang: str = "fr",
        bot_look: bool = False,
        **numbers: int,
    ) -> Account:
        default = self._rng.random()
        profile = {
            **who, **numbers, "verified": False, "default_profile": default < (0.9 if bot_look else 0.4),
            "default_avatar": default < (0.3 if bot_look else 0.02), "protected": False,
        }  # fmt: skip
        return self._world.registry.account(
            lang=lang, zone=2 if lang == "fr" else -5, created_ms=created_ms, profile=profile, client=client
        )
