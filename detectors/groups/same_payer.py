"""How much two pages that promote posts have in common that innocent advertisers rarely share.

What it looks for
    Two pages, with no payer named or with different ones, whose promoted posts were paid in the same currency
    where it is unusual, aimed at nearly the same people, and made in the same minutes, again and again.

Definition
    Three *signs*, each in bits: -log2 of a bound on the chance that the second page shows what the first one
    does, if the two have nothing to do with each other. A *party* is all pages of one named payer, all pages
    that are known to belong together, or a page by itself: it counts once, so that what one party does often
    is not thereby common. N is the number of the other parties, n of those among them that have something.

    * *Currency* c. If both pages pay in c for audiences in countries of another money
      (`detectors.currencies`; dollars and euros are paid everywhere, and are no sign):
      p = (n + 1) / (N + 100) over parties with a named payer, the mean of a beta distribution: one advertiser
      in a hundred, until as many were seen. Pages that name nobody but themselves may all be one, and make
      nothing common.
      If neither page names a country of that money: p = (n + 1/2) / (N + 1), or the largest share of c among
      the parties that use some part of the two audiences, which then explains it (a town and its money).
    * *Targeting*. An audience is cut at commas, colons, semicolons and "or" into *parts*; a part weighs
      w = -log2 p, with the same p = (n + 1/2) / (N + 1) (Krichevsky and Trofimov, 1981). Two targetings are
      *near* if sum(w of the parts in both) >= ``NEAR`` sum(w of the parts in either), the weighted Jaccard
      index. The parts of all near targetings, the rarest first, make the bits of

          product over k of max(p(x_k), max over j < k of p(x_k | x_j)),
          p(x | y) = (n(x and y) + 1/2) / (n(y) + 1)

      a chain in which each part may be explained by one before it, since interests come in packs: a list that
      nobody else ever used gives one bit for each further part. Two parts of a bit or more are the least: one
      common interest is no sign. Who aims in more ways than most meets others sooner: log2(t / mean t) of
      either page is taken off, t its different targetings.
    * *Minutes* in which both made posts: k of them, if chance dealt out each post within its hour,

          P(X >= k),  X ~ Poisson(sum over hours of a_h b_h * sum over m of f_m^2)

      with a_h and b_h the minutes of that hour that each used, and f_m the share of the m-th minute of an
      hour among all posts, since many start at full hours. It is the test of coincidences by jitter
      (Amarasingham et al., Journal of Neurophysiology 107, 2012): same working hours, or an event that makes
      everyone advertise, are in what is expected. Two minutes are the least; minutes that more than
      ``CROWD_PAGES`` pages used do not count.

    A sign of less than log2(10) bits is none. Two pages are *alike* if two signs or more give together

        bits >= log2(pages / ``chance``)

    so that a page has ``chance`` links by chance, far below the one at which single links would join
    everything (Erdős and Rényi, 1960). No sign alone is ever enough.

Defaults, and why
    ``NEAR`` 1/2: half of what is rare about the two is common to both. ``min_parties`` 20: among fewer,
    rarity cannot be told, and only the currency abroad and the minutes are looked at. One in a hundred for
    money paid abroad is an assumption, not a measurement. ``chance`` 0.01: a network of a hundred pages has
    one stranger in it.

What it misses
    Pages that pay in the usual currency, each from its own list of interests, at different hours; pages that
    share only what more than ``CROWD_PARTIES`` parties use. Where a network names no audience and gives
    times by the day, only the currency is left, which is never enough.

What it does not prove
    That two pages have one payer. An agency works for several clients, in its own currency, in one go.

Examples
--------
>>> from detectors.batches import PromotionSignal
>>> from detectors.findings import Member
>>> def promoted(minute, page, currency, *audiences):
...     member = Member(1_500_000_000_000 + 60_000 * minute, f"{page}{minute}", page,
...                     -1, (), (), linked=False, sourced=False, declared=False)
...     return PromotionSignal(member, None, None, currency, audiences, None)
>>> pages = Pages()
>>> for number in range(30):
...     _ = pages.add(promoted(7 * number, f"shop{number}", "EUR", "France", f"Town {number}"))
>>> for minute in (300, 400, 500):
...     for page in ("one", "two"):
...         _ = pages.add(promoted(minute, page, "RUB", "France: Lyon; farmers", "weddings"))
>>> alike = compare(pages, pages.get("one"), pages.get("two"))
>>> alike.currency, alike.targeting, alike.minutes
(6.6439, 7.9542, 14.8805)
>>> alike.money, alike.parts, alike.times
('RUB', ('farmers', 'lyon', 'weddings'), (25000300, 25000400, 25000500))
>>> alike.bits > needed(pages, chance=0.01)
True
>>> compare(pages, pages.get("shop1"), pages.get("shop2")).signs
0
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from detectors.findings import Subject
from detectors.groups.networks import poisson_tail
from detectors.groups.promoted_pages import Page, Pages

NEAR = 0.5
SIGN_BITS = math.log2(10)
CROWD_PAGES, CROWD_PARTIES = 20, 50
_ABROAD, _PAYERS = 1, 100
"""Before anything was seen: so many of so many payers pay in one currency where another is the money."""
_KNOWN = 3
"""Parties that use a part of an audience from which it may explain a currency."""
_PART_BITS = 1.0
_MOST_BITS = 60.0
_CHAIN = 16
"""Parts whose chance is multiplied, the rarest."""


class Likeness(NamedTuple):
    """What two pages have in common, in bits; 0 where that is no sign."""

    currency: float
    targeting: float
    minutes: float
    money: str | None = None
    """The currency,"""
    parts: tuple[str, ...] = ()
    """the parts of audiences, the rarest first, and"""
    times: tuple[int, ...] = ()
    """the minutes since the epoch that make the signs."""

    @property
    def signs(self) -> int:
        """How many of the three there are."""
        return sum(bits > 0 for bits in self[:3])

    @property
    def bits(self) -> float:
        """All of them together."""
        return round(self.currency + self.targeting + self.minutes, 4)


def needed(pages: Pages, chance: float) -> float:
    """Bits at which two pages are alike."""
    return round(math.log2(max(pages.min_parties, len(pages)) / chance), 4)


def candidates(pages: Pages, page: Page) -> list[Page]:
    """Pages of other parties that may be alike: two signs need an unusual currency or the same minutes.

    Those that share both a currency and a rare part of an audience with a page, and those that share two
    minutes.
    """
    found: dict[str, Page] = {}
    paid = {party for money in _unusual(pages, page) for party in pages.users[money]}
    if len(paid) > 1:
        parts = (pages.users[Subject("audience", part)] for part in pages.parts[page.account])
        aimed = {party for users in parts if len(users) <= CROWD_PARTIES for party in users}
        for party in paid & aimed:
            found |= pages.parties[party]
    together = (pages.in_minute[minute] for minute in page.minutes)
    met = Counter(account for here in together if len(here) <= CROWD_PAGES for account in here)
    for account, times in met.items():
        if times > 1 and (other := pages.get(account)) is not None:
            found[account] = other
    return [found[account] for account in sorted(found) if found[account].party != page.party]


def _unusual(pages: Pages, page: Page) -> Iterator[Subject]:
    """The currencies of a page that may be a sign."""
    for money in page.money:
        rare = len(pages.users[money]) * 2**SIGN_BITS < len(pages.parties)
        if money.kind == "abroad" or (money.kind == "currency" and rare):
            yield money


def compare(pages: Pages, one: Page, other: Page) -> Likeness:
    """What two pages have in common."""
    others = _Others(pages, one.party, other.party)
    currency, money = _currency(pages, one, other, others)
    targeting, parts = _targeting(pages, one, other, others)
    minutes, times = _minutes(pages, one, other)
    return Likeness(currency, targeting, minutes, money, parts, times)


def alike(pages: Pages, one: Page, other: Page, bits: float) -> bool:
    """Whether two signs or more give so many bits together."""
    others = _Others(pages, one.party, other.party)
    currency, _ = _currency(pages, one, other, others)
    minutes, _ = _minutes(pages, one, other)
    if not currency and not minutes:  # which is so of nearly all
        return False
    shared = pages.parts[one.account].keys() & pages.parts[other.account].keys()
    if currency + minutes + sum(sorted(map(others.bits, shared))) < bits:
        return False
    likeness = compare(pages, one, other)
    return likeness.signs >= 2 and likeness.bits >= bits


class _Others:
    """How common things are among all parties but two."""

    def __init__(self, pages: Pages, one: int, other: int) -> None:
        self._users, self._named, self._aside = pages.users, pages.named, {one, other}
        self._parties = len(pages.parties) - len(self._aside)

    def having(self, what: Subject) -> int:
        """Parties that have something."""
        return self._without(self._of(what))

    def named(self) -> int:
        """Parties with a named payer."""
        return self._without(self._named)

    def named_having(self, what: Subject) -> int:
        """Parties with a named payer that have something."""
        return len((self._of(what).keys() & self._named.keys()) - self._aside)

    def share(self, what: Subject) -> float:
        """Share of the parties that have something."""
        return (self.having(what) + 0.5) / (self._parties + 1)

    def share_among(self, what: Subject, those: Subject) -> float:
        """Share that has something among the parties that have something else."""
        both = (self._of(what).keys() & self._of(those).keys()) - self._aside
        return (len(both) + 0.5) / (self.having(those) + 1)

    def bits(self, part: str) -> float:
        """Weight of a part of an audience."""
        return -math.log2(self.share(Subject("audience", part)))

    def chain_bits(self, parts: list[str]) -> float:
        """Bits of parts that come together, each explained by the one before it that does so best."""
        subjects = [Subject("audience", part) for part in parts]
        chances = (
            max([self.share(what), *(self.share_among(what, before) for before in subjects[:place])])
            for place, what in enumerate(subjects)
        )
        return -sum(math.log2(chance) for chance in chances)

    def _of(self, what: Subject) -> Counter[int]:
        return self._users.get(what) or Counter()

    def _without(self, parties: Counter[int]) -> int:
        return len(parties) - len(self._aside & parties.keys())


def _currency(pages: Pages, one: Page, other: Page, others: _Others) -> tuple[float, str | None]:
    best: tuple[float, str | None] = (0.0, None)
    for kind, code in sorted(one.money.keys() & other.money.keys()):
        if kind == "currency":
            bits = _sign(-math.log2(_chance_of_currency(code, pages, one, other, others)))
            best = max(best, (bits, code)) if bits else best
    return best


def _chance_of_currency(code: str, pages: Pages, one: Page, other: Page, others: _Others) -> float:
    abroad, home, paid = (Subject(kind, code) for kind in ("abroad", "home", "currency"))
    if abroad in one.money and abroad in other.money:
        return (others.named_having(abroad) + _ABROAD) / (others.named() + _PAYERS)
    if home in one.money or home in other.money or not pages.enough():
        return 1.0
    chance = others.share(paid)
    if -math.log2(chance) < SIGN_BITS:
        return chance
    aimed = (Subject("audience", part) for part in pages.parts[one.account] | pages.parts[other.account])
    known = (part for part in aimed if others.having(part) >= _KNOWN)
    return max([chance, *(others.share_among(paid, part) for part in known)])


def _targeting(pages: Pages, one: Page, other: Page, others: _Others) -> tuple[float, tuple[str, ...]]:
    if not pages.enough():
        return 0.0, ()
    weights = {part: others.bits(part) for part in pages.parts[one.account] | pages.parts[other.account]}
    near = set(chain.from_iterable(_near(each, other.targetings, weights) for each in one.targetings))
    told = (part for part in near if weights[part] >= _PART_BITS)
    rare = sorted(told, key=lambda part: (-weights[part], part))[:_CHAIN]
    if len(rare) < 2:
        return 0.0, ()
    usual = pages.targetings / len(pages)
    chances = sum(math.log2(max(1.0, len(page.targetings) / usual)) for page in (one, other))
    bits = _sign(others.chain_bits(rare) - chances)
    return bits, tuple(rare) if bits else ()


def _near(
    targeting: tuple[str, ...], others: Iterable[tuple[str, ...]], weights: dict[str, float]
) -> Iterator[str]:
    """What a targeting shares with those that are near it."""
    mine = set(targeting)
    whole = sum(weights[part] for part in targeting)
    for other in others:
        both = [part for part in other if part in mine]
        shared = sum(weights[part] for part in both)
        either = whole + sum(weights[part] for part in other) - shared
        if shared >= NEAR * either:
            yield from both


def _minutes(pages: Pages, one: Page, other: Page) -> tuple[float, tuple[int, ...]]:
    both = sorted(one.minutes.keys() & other.minutes.keys())
    same = tuple(minute for minute in both if len(pages.in_minute[minute]) <= CROWD_PAGES)
    if len(same) < 2:
        return 0.0, ()
    mine, theirs = (Counter(minute // 60 for minute in page.minutes) for page in (one, other))
    total = sum(pages.of_hour) + 60
    met = sum(((count + 1) / total) ** 2 for count in pages.of_hour)
    expected = met * sum(count * theirs[hour] for hour, count in mine.items())
    bits = _sign(-math.log2(max(2**-_MOST_BITS, poisson_tail(len(same), expected))))
    return bits, same if bits else ()


def _sign(bits: float) -> float:
    """Bits of a sign; 0 where they are too few to be one."""
    return round(bits, 4) if bits >= SIGN_BITS else 0.0
