"""The pages that promote posts, what each of them showed, and which of them are one party.

A *party* is all pages of one named payer, all pages that were found alike, or a page by itself. Rarity is
counted over parties, so that what one of them does often is not thereby common.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from detectors.batches import PromotionSignal
from detectors.currencies import EVERYWHERE, home_currencies
from detectors.findings import Member, Subject, author_of
from detectors.forgetting import forget_once_and_again
from detectors.lists import folded
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS, DAY_MS = 60_000, 86_400_000
_PARTS, _LONGEST = 64, 100
"""Parts of one audience, and characters of one."""
_TARGETINGS, _MINUTES, _MONIES, _NAMES, _MEMBERS = 32, 256, 32, 8, 8
"""What is kept of one page: of money and names the first, of all else the newest; and its first post."""
_BORDERS = re.compile(r"[,;:|\n]|\bor\b|\bou\b", re.IGNORECASE)


class Page(Record, tag="promoted_pages"):
    """A page whose posts were promoted. It is the record that a checkpoint keeps."""

    account: str
    party: int
    turn: int
    posts: int
    compared: int
    """Posts that it had when it was last compared with others."""
    declared: bool
    banned: bool
    """Whether a payer of its posts was banned by the room's lists at that time."""
    unnamed: int
    """Posts of which nobody is named as the payer."""
    payers: dict[str, str]
    """Names of the others, as first written, by their folded form; without its own."""
    targetings: dict[tuple[str, ...], str]
    """The parts of each audience, with the newest post that was aimed so; the oldest use first."""
    money: dict[Subject, str]
    """``currency``, and ``home`` or ``abroad`` where a country is known, with the newest post paid so."""
    minutes: dict[int, str]
    """Minutes since the epoch, with a post of each."""
    members: list[Member]
    """The first post, and the newest ones."""


class _Head(Record, tag="promoted_pages_head"):
    """What is counted."""

    evicted: int
    turn: int


@lru_cache(maxsize=1 << 14)
def parts_of(audiences: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of an audience, sorted, each once.

    >>> parts_of(("Springfield: bakers or Millers", " bakers."))
    ('bakers', 'millers', 'springfield')
    """
    pieces = (piece for audience in audiences for piece in _BORDERS.split(audience))
    parts = {part[:_LONGEST] for piece in pieces if (part := folded(piece).strip(" .\"'"))}
    return tuple(sorted(parts)[:_PARTS])


def monies(currency: str | None, parts: Iterable[str]) -> tuple[Subject, ...]:
    """What a post's currency is, set against the countries of its audience.

    >>> [str(one) for one in monies("RUB", ["germany", "bakers"])], monies("PLN", ["bakers"])
    (['currency:RUB', 'abroad:RUB'], (Subject(kind='currency', value='PLN'),))
    """
    if currency is None:
        return ()
    home = home_currencies(parts)
    paid = Subject("currency", currency)
    if not home:
        return (paid,)
    usual = currency in home or currency in EVERYWHERE
    return paid, Subject("home" if usual else "abroad", currency)


class Pages:
    """All pages, and who uses what; see the module's text."""

    def __init__(self, max_pages: int = 20_000, min_parties: int = 20) -> None:
        self.min_parties = min_parties
        self.evicted = 0
        self.joined: list[tuple[int, int]] = []
        """Parties that became part of another since somebody emptied this list, each with the other."""
        self.parties: dict[int, dict[str, Page]] = {}
        """By the number of their first post; the pages of each by account key."""
        self.named: Counter[int] = Counter()
        """Of each party with a named payer its pages that name one."""
        self.users: dict[Subject, Counter[int]] = {}
        """For each part of an audience and each money the parties that use it, with how many pages."""
        self.parts: dict[str, Counter[str]] = {}
        """For each page its parts, with how many targetings have them."""
        self.targetings = 0
        """Of all pages together."""
        self.in_minute: dict[int, dict[str, Page]] = {}
        """For each minute the pages that made posts in it."""
        self.of_hour = [0] * 60
        """How many (page, minute) fall on each minute of an hour."""
        self._max_pages = max_pages
        self._turn = 0
        self._once: dict[str, Page] = {}
        """Pages of one post, the oldest first."""
        self._again: dict[str, Page] = {}
        """All others, those unused for longest first."""
        self._of_payer: dict[str, int] = {}
        """The party of each named payer, by the folded name."""
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(Page), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, account: str) -> Page | None:
        """One page, by its account key."""
        return self._again.get(account) or self._once.get(account)

    def enough(self) -> bool:
        """Whether there are parties enough to tell what is rare."""
        return len(self.parties) >= self.min_parties

    def named_share(self) -> float | None:
        """The share of the parties that name a payer; None while there are too few."""
        return round(len(self.named) / len(self.parties), 4) if self.enough() else None

    # -- taking in ---------------------------------------------------------------------------------

    def add(self, promotion: PromotionSignal) -> Page:
        """Take in one promoted post; its page."""
        member = promotion.member
        self._turn += 1
        page = self._held(member.account)
        page.turn = self._turn
        page.posts += 1
        page.declared = member.declared
        page.banned |= promotion.banned_ms is not None
        page.members.append(member)
        del page.members[1 : max(1, len(page.members) - _MEMBERS + 1)]
        parts = parts_of(promotion.audiences)
        self._aim(page, parts, member.post_id)
        for money in monies(promotion.currency, parts):
            self._pay(page, money, member.post_id)
        if member.time_ms % DAY_MS:  # at midnight stands what has a date only
            self._note_minute(page, member.time_ms // MINUTE_MS, member.post_id)
        self._name(page, promotion.payer or "")
        self._changed.add(page.account)
        return page

    def _held(self, account: str) -> Page:
        page = self._again.pop(account, None) or self._once.pop(account, None)
        if page is not None:
            self._again[account] = page
            return page
        page = Page(account, self._turn, 0, 0, 0, False, False, 0, {}, {}, {}, {}, [])
        self._once[account] = page
        self.parties[page.party] = {account: page}
        self.parts[account] = Counter()
        return page

    def _aim(self, page: Page, parts: tuple[str, ...], post_id: str) -> None:
        if not parts:
            return
        if page.targetings.pop(parts, None) is None:
            page.compared = 0
            self._count_targeting(page, parts)
        page.targetings[parts] = post_id
        if len(page.targetings) > _TARGETINGS:
            oldest = next(iter(page.targetings))
            del page.targetings[oldest]
            self._uncount_targeting(page, oldest)

    def _pay(self, page: Page, money: Subject, post_id: str) -> None:
        if money not in page.money:
            if len(page.money) >= _MONIES:
                return
            self._use(page.party, money)
        page.money[money] = post_id

    def _count_targeting(self, page: Page, parts: tuple[str, ...]) -> None:
        counts = self.parts[page.account]
        self.targetings += 1
        for part in parts:
            counts[part] += 1
            if counts[part] == 1:
                self._use(page.party, Subject("audience", part))

    def _uncount_targeting(self, page: Page, parts: tuple[str, ...]) -> None:
        counts = self.parts[page.account]
        self.targetings -= 1
        for part in parts:
            counts[part] -= 1
            if not counts[part]:
                del counts[part]
                self._disuse(page.party, Subject("audience", part))

    def _note_minute(self, page: Page, minute: int, post_id: str) -> None:
        if minute not in page.minutes:
            page.minutes[minute] = post_id
            self._count_minute(page, minute)
        if len(page.minutes) > _MINUTES:
            oldest = min(page.minutes)
            del page.minutes[oldest]
            self._uncount_minute(page, oldest)

    def _count_minute(self, page: Page, minute: int) -> None:
        self.in_minute.setdefault(minute, {})[page.account] = page
        self.of_hour[minute % 60] += 1

    def _uncount_minute(self, page: Page, minute: int) -> None:
        del self.in_minute[minute][page.account]
        if not self.in_minute[minute]:
            del self.in_minute[minute]
        self.of_hour[minute % 60] -= 1

    def _name(self, page: Page, payer: str) -> None:
        """Note who paid. A page belongs to the first payer that it names; naming itself, it names nobody."""
        name = folded(payer)
        page.unnamed += not name
        if not name or name == folded(author_of(page.account)):
            return
        if not page.payers:
            self.named[page.party] += 1
            other = self._of_payer.setdefault(name, page.party)
            page.payers[name] = " ".join(payer.split())
            self.join(page.party, other)
        elif name not in page.payers and len(page.payers) < _NAMES:
            page.payers[name] = " ".join(payer.split())

    def _use(self, party: int, what: Subject) -> None:
        self.users.setdefault(what, Counter())[party] += 1

    def _disuse(self, party: int, what: Subject) -> None:
        users = self.users[what]
        users[party] -= 1
        if not users[party]:
            del users[party]
        if not users:
            del self.users[what]

    def join(self, one: int, other: int) -> int:
        """Make one party of two; the older one, whose number goes on."""
        older, newer = sorted((one, other))
        if older == newer:
            return older
        self.joined.append((newer, older))
        for account, page in self.parties.pop(newer).items():
            for what in self._what_of(page):
                self._disuse(newer, what)
                self._use(older, what)
            page.party = older
            self.parties[older][account] = page
            self._changed.add(account)
            if page.payers:
                self._of_payer[next(iter(page.payers))] = older
        if named := self.named.pop(newer, 0):
            self.named[older] += named
        return older

    def _what_of(self, page: Page) -> Iterator[Subject]:
        return chain((Subject("audience", part) for part in self.parts[page.account]), page.money)

    def forget(self) -> list[Page]:
        """Forget pages for want of room; those that are gone."""
        forgot = forget_once_and_again(self._once, self._again, self._max_pages)
        for page in forgot.gone.values():
            self._drop(page)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted
        return list(forgot.gone.values())

    def _drop(self, page: Page) -> None:
        for targeting in page.targetings:
            self._uncount_targeting(page, targeting)
        for money in page.money:
            self._disuse(page.party, money)
        for minute in page.minutes:
            self._uncount_minute(page, minute)
        del self.parts[page.account]
        others = self.parties[page.party]
        del others[page.account]
        if page.payers:
            self.named[page.party] -= 1
            first = next(iter(page.payers))
            if all(next(iter(other.payers), None) != first for other in others.values()):
                del self._of_payer[first]
            if not self.named[page.party]:
                del self.named[page.party]
        if not others:
            del self.parties[page.party]

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        accounts = self._changed.take(chain(self._once, self._again), everything)
        return merged(
            self._head.told(_Head(self.evicted, self._turn), everything),
            self._table.told({account: self.get(account) for account in accounts}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._turn = head.evicted, head.turn
        # In order of last use: which pages are forgotten, and when, depends on it.
        for page in sorted((one for _, one in self._table.read(saved)), key=lambda one: one.turn):
            (self._once if page.posts == 1 else self._again)[page.account] = page
            self.parties.setdefault(page.party, {})[page.account] = page
            self.parts[page.account] = Counter()
            for targeting in page.targetings:
                self._count_targeting(page, targeting)
            for money in page.money:
                self._use(page.party, money)
            for minute in page.minutes:
                self._count_minute(page, minute)
            if page.payers:
                self.named[page.party] += 1
                self._of_payer[next(iter(page.payers))] = page.party
