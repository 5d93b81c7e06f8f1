"""Running totals of who pays for promoted posts.

What it looks for
    Nothing: it counts, for everyone who pays, so that what a payer has done so far can be told at any time.

Definition
    A *payer* is a name as the network gives it, the same one when it differs only in case and white space
    (`detectors.lists.folded`). Where the network names nobody, each page (the account whose post is promoted)
    is counted by itself. For each payer and currency: posts, spend, impressions; for each payer: pages, first
    and last post, and its audiences with how many posts were aimed at each. Spend is an integer of hundredths
    of the currency, so that sums are exact. Currencies are never added together; what is paid in an unknown
    one has a sum of its own, under ``XXX``, the code of ISO 4217 for none.

    A spend or a count of impressions that is not given is not zero: of how many posts it is known is counted
    beside it.

Defaults, and why
    There is no window: what is asked for is a total of years. ``max_payers`` 50,000; beyond it those of one
    post go first, the oldest of them first, while they are a quarter or more of all, and then those unused
    for longest; what is forgotten is counted.
    Of one payer a thousand pages, 32 currencies and the 200 most used audiences are kept.

What it misses
    Payers who use several names, or have others pay; what was promoted where nobody records it. Networks
    often correct a spend later: the total is that of the posts as they were read.

What it does not prove
    A payer's name is what the payer told the network. It does not say who gave the money.

Examples
--------
>>> from detectors.batches import PromotionSignal
>>> from detectors.findings import Member
>>> def promoted(number, payer, spend, currency):
...     member = Member(1_500_000_000_000 + number, str(number), f"x\\x1fpage{number}",
...                     -1, (), (), linked=False, sourced=False, declared=False)
...     return PromotionSignal(member, payer, spend, currency, ("Springfield", "bakers"), 100)
>>> payers = Payers()
>>> for number, spend in enumerate((1010, 2020)):
...     payers.add(promoted(number, "Some Paper", spend, "USD"))
>>> payers.add(promoted(2, "some  paper", 500, "EUR"))
>>> [(total.payer, total.currency, total.posts, total.spend, total.pages) for total in payers.totals()]
[('Some Paper', 'USD', 2, 3030, 3), ('Some Paper', 'EUR', 1, 500, 3)]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from detectors.batches import PromotionSignal
from detectors.findings import Subject
from detectors.forgetting import forget_once_and_again
from detectors.lists import folded
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

NO_CURRENCY = "XXX"
_CURRENCIES, _PAGES, _AUDIENCES = 32, 1000, 200
_LONGEST = 200
"""Characters kept of one audience."""
_SHOWN_AUDIENCES = 10
_CODE = re.compile("[A-Z]{3}")


class Sum(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Promoted posts of one currency."""

    posts: int = 0
    spend: int = 0
    """In hundredths of the currency."""
    priced: int = 0
    """Posts whose spend is known."""
    impressions: int = 0
    shown: int = 0
    """Posts whose impressions are known."""

    def add(self, promotion: PromotionSignal) -> None:
        """Count one more post."""
        self.posts += 1
        if promotion.spend is not None:
            self.spend += promotion.spend
            self.priced += 1
        if promotion.impressions is not None:
            self.impressions += promotion.impressions
            self.shown += 1


Sums = dict[str, Sum]
"""By currency."""


class Payer(Record, tag="payers"):
    """Who paid; or a page of which nobody is named. It is the record that a checkpoint keeps."""

    key: Subject
    name: str
    """As it was first written; of a page its account key."""
    turn: int
    first_ms: int
    last_ms: int
    sums: Sums
    pages: dict[str, int]
    """Posts of each page, by account key."""
    audiences: dict[str, int]
    """Posts aimed at each, as the network words it."""

    def posts(self) -> int:
        """Posts of all currencies."""
        return sum(each.posts for each in self.sums.values())


class _Head(Record, tag="payers_head"):
    """What is counted."""

    evicted: int
    turn: int


class Total(NamedTuple):
    """What a payer spent in one currency, and the payer."""

    payer: str
    page: bool
    """Whether nobody is named, and this is the page's account key."""
    currency: str | None
    spend: int | None
    """In hundredths; None where the network said it of no post."""
    posts: int
    """Of this currency, and of these those"""
    priced: int
    """whose spend is known."""
    impressions: int | None
    """Of the posts of this currency, as far as known; None where it is of none."""
    pages: int
    first_ms: int
    last_ms: int
    audiences: tuple[tuple[str, int], ...]
    """The most used ones, with their posts."""


def payer_key(promotion: PromotionSignal) -> Subject:
    """Whom a promoted post is counted for: its payer, or its page where nobody is named.

    A name of blanks names nobody.
    """
    name = folded(promotion.payer or "")
    return Subject("payer", name) if name else Subject("page", promotion.member.account)


def add_to(sums: Sums, promotion: PromotionSignal) -> None:
    """Count one more post under its currency."""
    currency = promotion.currency or NO_CURRENCY
    if not _CODE.fullmatch(currency):
        currency = NO_CURRENCY
    if currency not in sums and len(sums) >= _CURRENCIES:
        # Of sums in different currencies none can be made: the post counts, its price does not.
        currency, promotion = NO_CURRENCY, msgspec.structs.replace(promotion, spend=None)
    sums.setdefault(currency, Sum()).add(promotion)


class Payers:
    """Totals of all payers; see the module's text for the definition."""

    def __init__(self, max_payers: int = 50_000) -> None:
        self.evicted = 0
        self._max_payers = max_payers
        self._turn = 0
        self._once: dict[Subject, Payer] = {}
        """Those of one post, the oldest first."""
        self._again: dict[Subject, Payer] = {}
        """All others, those unused for longest first."""
        self._changed: Noted[Subject] = Noted()
        self._table, self._head = Table(Payer), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, key: Subject) -> Payer | None:
        """One payer, by its `payer_key`."""
        return self._again.get(key) or self._once.get(key)

    def add(self, promotion: PromotionSignal) -> None:
        """Count one promoted post."""
        key, member = payer_key(promotion), promotion.member
        payer = self._held(key, promotion)
        self._turn += 1
        payer.turn = self._turn
        payer.first_ms = min(payer.first_ms, member.time_ms)
        payer.last_ms = max(payer.last_ms, member.time_ms)
        add_to(payer.sums, promotion)
        if member.account in payer.pages or len(payer.pages) < _PAGES:
            payer.pages[member.account] = payer.pages.get(member.account, 0) + 1
        for audience in promotion.audiences:
            name = audience[:_LONGEST]
            payer.audiences[name] = payer.audiences.get(name, 0) + 1
        if len(payer.audiences) > 2 * _AUDIENCES:
            payer.audiences = dict(_most(payer.audiences, _AUDIENCES))
        self._changed.add(key)
        forgot = forget_once_and_again(self._once, self._again, self._max_payers)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    def _held(self, key: Subject, promotion: PromotionSignal) -> Payer:
        payer = self._again.pop(key, None) or self._once.pop(key, None)
        if payer is not None:
            self._again[key] = payer
            return payer
        name = " ".join((promotion.payer or "").split()) if key.kind == "payer" else key.value
        at_ms = promotion.member.time_ms
        payer = self._once[key] = Payer(key, name, 0, at_ms, at_ms, {}, {}, {})
        return payer

    def totals(self) -> list[Total]:
        """One row for each payer and currency.

        The currency of the most posts first, and within it who spent most; what has no currency comes last.
        """
        posts: Counter[str] = Counter()
        for payer in chain(self._once.values(), self._again.values()):
            posts.update({currency: each.posts for currency, each in payer.sums.items()})
        place = {currency: (-count, currency) for currency, count in posts.items()}
        rows = [row for payer in chain(self._once.values(), self._again.values()) for row in _rows(payer)]

        def order(row: Total) -> tuple[bool, tuple[int, str], int, int, str]:
            currency = row.currency or NO_CURRENCY
            return row.currency is None, place[currency], -(row.spend or 0), -row.posts, row.payer

        return sorted(rows, key=order)

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        keys = self._changed.take(chain(self._once, self._again), everything)
        return merged(
            self._head.told(_Head(self.evicted, self._turn), everything),
            self._table.told({str(key): self.get(key) for key in keys}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._turn = head.evicted, head.turn
        # In order of last use: who is forgotten first depends on it.
        for payer in sorted((one for _, one in self._table.read(saved)), key=lambda one: one.turn):
            (self._once if payer.posts() == 1 else self._again)[payer.key] = payer


def _rows(payer: Payer) -> Iterator[Total]:
    audiences = tuple(_most(payer.audiences, _SHOWN_AUDIENCES))
    for currency, each in payer.sums.items():
        yield Total(
            payer=payer.name,
            page=payer.key.kind == "page",
            currency=None if currency == NO_CURRENCY else currency,
            spend=each.spend if each.priced else None,
            posts=each.posts,
            priced=each.priced,
            impressions=each.impressions if each.shown else None,
            pages=len(payer.pages),
            first_ms=payer.first_ms,
            last_ms=payer.last_ms,
            audiences=audiences,
        )


def _most(counts: dict[str, int], limit: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit]
