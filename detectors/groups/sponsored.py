"""Sponsored posts: what each payer spent, whom the room's lists ban, and which pages look like one payer's.

What it looks for
    A promoted post of a banned payer, at once (`detectors.groups.banned_payers`); and pages that name no
    payer, or different ones, but share with each other, or with the pages of a payer, what innocent
    advertisers rarely share: money that is unusual for the audience, nearly the same targeting, posts made in
    the same minutes. Beside it the running totals of every payer (`detectors.groups.payers`).

Definition
    Two pages of different parties are *linked* when at least two of the three signs of
    `detectors.groups.same_payer` together have as many bits as chance hardly gives one page in
    ``1 / chance``. They are one party from then on, which counts once in what is common. A page is compared
    when its posts have grown by a quarter, or are aimed in a new way. A *network* is a party of ``min_pages``
    pages or more with a link in it: the pages that are linked, directly or over others, and those of the
    payers whom they name. It is told when it is one, and again when its pages or its posts have grown by a
    quarter, or when a payer in it breaks a ban. What becomes an alert is decided in `detectors.rules`.

Defaults, and why
    ``chance`` 0.01: a network of a hundred pages has one stranger in it by chance, and random links are far
    from the one a page at which everything hangs together. ``min_pages`` 3: two pages alike are one
    coincidence. There is no window: campaigns last for months, so that pages are remembered until there is no
    room, and those of one post go first.

What it misses
    See `detectors.groups.same_payer`. Links are not taken back; what two pages share may come to be common
    later.

What it does not prove
    That linked pages have one payer, or that a payer hides: agencies work for several clients, and campaigns
    of one cause are alike. Where a network names no payers, that nobody is named says nothing.

Examples
--------
>>> from detectors.batches import PromotionSignal, Signals
>>> from detectors.findings import Member
>>> def promoted(minute, page, payer, currency, *audiences):
...     member = Member(1_500_000_000_000 + 60_000 * minute, f"{page}{minute}", f"x\\x1f{page}",
...                     -1, (), (), linked=False, sourced=False, declared=False)
...     return PromotionSignal(member, payer, 500, currency, audiences, None)
>>> ordinary = [promoted(9 * n, f"shop{n}", f"Shop {n}", "EUR", "France", f"Town {n}") for n in range(30)]
>>> pages = [("one", "A Payer"), ("two", None), ("six", None)]
>>> alike = [promoted(minute, page, payer, "RUB", "France: Lyon; farmers", "weddings")
...          for minute in (300, 400, 500) for page, payer in pages]
>>> sponsored = Sponsored()
>>> finding, = sponsored.take(Signals(1_500_036_000_000, [], [], [], [], [], promotions=ordinary + alike))
>>> finding.subjects, [edge.shared[0].value for edge in finding.edges]
((Subject(kind='payer', value='A Payer'),), ['RUB', 'RUB'])
>>> [(total.payer, total.currency, total.spend) for total in sponsored.totals() if total.posts > 1][:1]
[('A Payer', 'RUB', 1500)]
"""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median_low
from typing import NamedTuple

import msgspec

from detectors.batches import Signals
from detectors.findings import Edge, Evidence, Finding, Subject, stable_id
from detectors.groups.banned_payers import BannedPayers
from detectors.groups.payers import Payers, Total
from detectors.groups.promoted_pages import MINUTE_MS, Page, Pages
from detectors.groups.same_payer import Likeness, alike, candidates, compare, needed
from detectors.pairs import Pair, pair_key, pair_of
from detectors.state import Changes, Noted, Record, Saved, Table, merged, refusing

_SHOWN_ACCOUNTS, _SHOWN_EDGES, _SHOWN_POSTS, _SHOWN_PAYERS = 500, 50, 50, 10
_SHOWN_SHARED, _SHOWN_MINUTES = 5, 2
"""Of one link."""
NOBODY = Subject("payer", "unknown")
"""Subject of a network of which no page names another as its payer."""


class SponsoredSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of sponsored posts."""

    chance: float = 0.01
    """Links that a page would have by chance."""
    min_parties: int = 20
    """Parties from which it is judged what is rare among them."""
    min_pages: int = 3
    growth: float = 1.25
    max_payers: int = 50_000
    """Payers whose totals are kept; those of one post go first, then those unused for longest."""
    max_pages: int = 20_000
    """Pages that are compared; the same."""


class _Link(Record, tag="page_links"):
    """Two pages that are alike, by their key."""


class _Network(Record, tag="page_networks"):
    """A party with a link in it, by its number, and what was told of it."""

    begun_ms: int
    finding_id: str
    pages: int
    posts: int
    banned: bool


class _Measured(NamedTuple):
    """A link as it is now."""

    one: Page
    other: Page
    likeness: Likeness


class Sponsored:
    """Sponsored posts; see the module's text for the definition."""

    name = "sponsored"

    def __init__(self, settings: SponsoredSettings | None = None) -> None:
        self.settings = settings or SponsoredSettings()
        self.payers = Payers(self.settings.max_payers)
        self._banned = BannedPayers(self.settings.max_payers)
        self._pages = Pages(self.settings.max_pages, self.settings.min_parties)
        self._linked: dict[str, dict[str, None]] = {}
        """For each page those that it is linked with."""
        self._networks: dict[int, _Network] = {}
        self._changed_links: Noted[Pair] = Noted()
        self._changed: Noted[int] = Noted()
        self._links, self._table = Table(_Link), Table(_Network)

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts())

    @property
    def evicted(self) -> int:
        """Payers and pages forgotten for want of room."""
        return sum(part.evicted for part in self._parts())

    def _parts(self) -> tuple[Payers, BannedPayers, Pages]:
        return self.payers, self._banned, self._pages

    def totals(self) -> list[Total]:
        """What each payer has spent, most first within each currency; see `Payers.totals`."""
        return self.payers.totals()

    def take(self, signals: Signals) -> list[Finding]:
        """Take in the promoted posts of one tick; return breaches, and networks that have grown."""
        tick_ms, promotions = signals.tick_ms, signals.promotions
        if not promotions:
            return []
        touched: dict[str, Page] = {}
        for promotion in promotions:
            self.payers.add(promotion)
            page = self._pages.add(promotion)
            touched[page.account] = page
        breaches = self._banned.take(promotions, self.payers, tick_ms)
        for account in sorted(touched):
            self._link(touched[account], tick_ms)
        self._follow()
        self._forget()
        parties = sorted({page.party for page in touched.values()} & self._networks.keys())
        found = (self._judge(party, tick_ms) for party in parties)
        return [*breaches, *(finding for finding in found if finding is not None)]

    # -- links -------------------------------------------------------------------------------------

    def _link(self, page: Page, tick_ms: int) -> None:
        """Link a page that has grown with those that it is like."""
        if page.posts < page.compared * self.settings.growth:
            return
        page.compared = page.posts
        least = needed(self._pages, self.settings.chance)
        for other in candidates(self._pages, page):
            # Some have come to the same party by another link, a moment ago.
            if other.party == page.party or not alike(self._pages, page, other, least):
                continue
            one, two = sorted((page.account, other.account))
            self._tie(one, two)
            self._changed_links.add((one, two))
            party = self._pages.join(page.party, other.party)
            if party not in self._networks:
                finding_id = stable_id("f", self.name, one, two, str(tick_ms))
                self._networks[party] = _Network(tick_ms, finding_id, 0, 0, False)
                self._changed.add(party)

    def _tie(self, one: str, other: str) -> None:
        self._linked.setdefault(one, {})[other] = None
        self._linked.setdefault(other, {})[one] = None

    def _follow(self) -> None:
        """Let the networks go with the parties that were joined; of two the older one goes on."""
        for newer, older in self._pages.joined:
            network = self._networks.pop(newer, None)
            if network is None:
                continue
            held = self._networks.get(older)
            if held is None or network.begun_ms < held.begun_ms:
                self._networks[older] = network
            self._changed.update((newer, older))
        self._pages.joined.clear()

    def _forget(self) -> None:
        for page in self._pages.forget():
            for other in self._linked.pop(page.account, ()):
                del self._linked[other][page.account]
                if not self._linked[other]:
                    del self._linked[other]
                one, two = sorted((page.account, other))
                self._changed_links.add((one, two))
            left = self._pages.parties.get(page.party, {})
            if page.party in self._networks and not any(account in self._linked for account in left):
                del self._networks[page.party]
                self._changed.add(page.party)

    # -- findings ----------------------------------------------------------------------------------

    def _judge(self, party: int, tick_ms: int) -> Finding | None:
        network, pages = self._networks[party], self._pages.parties[party]
        posts = sum(page.posts for page in pages.values())
        banned = any(page.banned for page in pages.values())
        growth = self.settings.growth
        grown = len(pages) >= network.pages * growth or posts >= network.posts * growth
        if len(pages) < self.settings.min_pages or not (grown or (banned and not network.banned)):
            return None
        network.pages, network.posts, network.banned = len(pages), posts, banned
        self._changed.add(party)
        links = self._measured(pages)
        # Those that are linked come first, should there be too many to be shown.
        shown = sorted(pages, key=lambda account: (account not in self._linked, account))[:_SHOWN_ACCOUNTS]
        members = sorted({member for page in pages.values() for member in page.members})
        names = {name: shown for page in pages.values() for name, shown in page.payers.items()}
        payers = tuple(Subject("payer", names[name]) for name in sorted(names)[:_SHOWN_PAYERS])
        return Finding(
            finding_id=network.finding_id,
            detector=self.name,
            subjects=payers or (NOBODY,),
            start_ms=members[0].time_ms,
            end_ms=members[-1].time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(shown)),
            accounts_total=len(pages),
            posts=(members[0], *members[1:][-_SHOWN_POSTS + 1 :]),
            posts_total=posts,
            template=None,
            evidence=self._evidence(pages, links, len(names)),
            declared=sum(pages[account].declared for account in shown),
            edges=tuple(_edge(link) for link in links[:_SHOWN_EDGES]),
        )

    def _measured(self, pages: dict[str, Page]) -> list[_Measured]:
        """The links among pages as they are now, the strongest first."""
        pairs = sorted((one, other) for one in pages for other in self._linked.get(one, ()) if one < other)
        links = [
            _Measured(pages[one], pages[other], compare(self._pages, pages[one], pages[other]))
            for one, other in pairs
        ]
        return sorted(links, key=lambda link: -link.likeness.bits)

    def _evidence(self, pages: dict[str, Page], links: list[_Measured], payers: int) -> Evidence:
        signs = [link.likeness for link in links]
        return {
            "pages": len(pages),
            "links": len(links),
            "payers": payers,
            "unnamed": sum(page.unnamed == page.posts for page in pages.values()),
            "named_share": self._pages.named_share(),
            "banned": sum(page.banned for page in pages.values()),
            "currency": sum(each.currency > 0 for each in signs),
            "targeting": sum(each.targeting > 0 for each in signs),
            "minutes": sum(each.minutes > 0 for each in signs),
            "all_signs": sum(each.signs == 3 for each in signs),
            "median_bits": round(median_low(each.bits for each in signs), 1),
            "needed_bits": round(needed(self._pages, self.settings.chance), 1),
        }

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_links.track()
        for part in self._parts():
            part.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        held = [(one, other) for one, others in self._linked.items() for other in others if one < other]
        links = self._changed_links.take(held, everything)
        networks = self._changed.take(self._networks, everything)
        return merged(
            self._links.told(
                {
                    pair_key(pair): _Link() if pair[1] in self._linked.get(pair[0], ()) else None
                    for pair in links
                }
            ),
            self._table.told({str(party): self._networks.get(party) for party in networks}),
            *(part.changes(everything) for part in self._parts()),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        for part in self._parts():
            part.restore(saved)
        for key, _ in self._links.read(saved):
            self._tie(*pair_of(key))
        self._networks = {int(key): network for key, network in self._table.read(saved)}


def _edge(link: _Measured) -> Edge:
    """A link with what the two share, and by which posts."""
    one, other, likeness = link
    shared: list[tuple[Subject, tuple[str, str]]] = []
    if likeness.money is not None:
        paid = Subject("currency", likeness.money)
        shared.append((paid, (one.money[paid], other.money[paid])))
    for minute in likeness.times[-_SHOWN_MINUTES:]:
        at = datetime.fromtimestamp(minute * MINUTE_MS // 1000, UTC)
        posts = one.minutes[minute], other.minutes[minute]
        shared.append((Subject("minute", f"{at:%Y-%m-%dT%H:%MZ}"), posts))
    shared += [
        (Subject("audience", part), (_aimed(one, part), _aimed(other, part))) for part in likeness.parts
    ]
    del shared[_SHOWN_SHARED:]
    return Edge(
        one.account,
        other.account,
        len(likeness.parts) + len(likeness.times) + (likeness.money is not None),
        len(likeness.times),
        tuple(subject for subject, _ in shared),
        tuple(posts for _, posts in shared),
    )


def _aimed(page: Page, part: str) -> str:
    """The newest post of a page that was aimed at a part of an audience."""
    return next(post for parts, post in reversed(page.targetings.items()) if part in parts)
