"""The papers, candidates and clubs that people link to, quote and mention, and the headlines of the hour."""

from __future__ import annotations

from random import Random
from typing import Any

from .grammar import capital
from .people import DAY_MS, Account
from .world import World, compose

_FRONT_PAGE = 120


class Newsdesk:
    """Public accounts of a world and the articles of its papers, by language and hour."""

    def __init__(self, world: World) -> None:
        self._world = world
        rng = world.tools("newsdesk")[1]
        self._papers: dict[str, list[Account]] = {}
        self._figures: dict[str, list[Account]] = {}
        self._pages: dict[tuple[str, int], list[tuple[str, str, Account]]] = {}
        for lang, composer in world.composers.items():
            papers, figures = composer.grammar.words("paper"), composer.grammar.words("figure")
            self._papers[lang] = [self._public(lang, name, rng) for name in papers]
            self._figures[lang] = [self._public(lang, name, rng) for name in figures]

    def public_figure(self, lang: str, rng: Random) -> Account:
        """Someone whom many people mention."""
        known = self._figures[lang] + self._papers[lang]
        return known[int(len(known) * rng.random() ** 1.7)]

    def link(self, time_ms: int, lang: str, rng: Random) -> str:
        """The address of an article: one of this hour that many share, or one that hardly anyone does."""
        if rng.random() < 0.45:
            return self._story(time_ms, lang, rng)[1]
        site = rng.choice(self._papers[lang]).handle.lower()
        return f"https://www.{site}.example/{rng.randrange(10**6, 10**8)}"

    def share(self, author: Account, time_ms: int, number: int, rng: Random) -> dict[str, Any]:
        """A headline as a share button writes it: the same words from everyone."""
        headline, link, paper = self._story(time_ms, author.lang, rng)
        if rng.random() < 0.5:
            return compose(
                author,
                time_ms,
                number,
                f"{headline} {link} via @{paper.handle}",
                mentioned=[paper],
                links=[link],
            )
        return compose(author, time_ms, number, headline, links=[link])

    def _story(self, time_ms: int, lang: str, rng: Random) -> tuple[str, str, Account]:
        hour = time_ms // 3_600_000
        page = self._pages.get((lang, hour))
        if page is None:
            page = self._pages[lang, hour] = self._front_page(lang, hour)
        return page[int(len(page) * rng.random() ** 3)]

    def _front_page(self, lang: str, hour: int) -> list[tuple[str, str, Account]]:
        rng = Random(self._world.seed(f"page {lang} {hour}"))
        grammar = self._world.composers[lang].grammar
        page = []
        for _ in range(_FRONT_PAGE):
            paper = rng.choice(self._papers[lang])
            headline = grammar.expand("headline_clause", rng)
            address = f"https://www.{paper.handle.lower()}.example/{rng.randrange(10**6, 10**8)}"
            page.append((capital(headline), address, paper))
        return page

    def _public(self, lang: str, name: str, rng: Random) -> Account:
        known = rng.lognormvariate(10.2, 1.1)
        profile = {
            "handle": name.replace(" ", ""), "name": name, "location": "", "verified": True,
            "description": f"{name}, {'compte officiel' if lang == 'fr' else 'official account'}",
            "posts": rng.randrange(4000, 60_000), "followers": int(known) + 3000,
            "following": rng.randrange(50, 1500),
            "likes": rng.randrange(0, 4000), "listed": int(known / 60), "default_profile": False,
            "default_avatar": False, "protected": False,
        }  # fmt: skip
        created_ms = self._world.start_ms - rng.randrange(2000, 4200) * DAY_MS - rng.randrange(DAY_MS)
        return self._world.registry.account(
            lang=lang,
            zone=2 if lang == "fr" else 1,
            created_ms=created_ms,
            profile=profile,
            client="TweetDeck",
        )
