"""Promoted posts of a payer that the room's lists ban.

What it looks for
    A post that somebody paid for after the date from which a list of the room refuses that payer.

Definition
    A written list says which payer is banned, on which network, since when (`detectors.lists`). Every
    promoted post of such a payer that was posted from then on is a breach; one is enough, and the finding of
    its payer is told at its tick, and again at every tick that has another one: a rule that says "none" has
    no number from which it is broken. (How often a room is told is the cool-down of cases.) Its evidence has
    posts, pages and the spend in each currency (in units, from exact hundredths) since the ban, and posts and
    spend of all that is known of the payer.

Defaults, and why
    ``max_payers`` bounds what is held; a list is far shorter.

What it misses
    The payer under another name, which pages with the same unusual money, targeting and minutes may show
    (`detectors.groups.same_payer`), and posts whose payer the network does not name.

What it does not prove
    Who is behind the payer, or that the network's rules were broken on purpose: the ban is the list's, with
    its reason and source. That the accounts say openly what they are is no excuse here, since it is not
    concealment that is told.

Examples
--------
>>> from detectors.batches import PromotionSignal
>>> from detectors.findings import Member
>>> banned_ms = 1_500_000_000_000
>>> member = Member(banned_ms + 36_000_000, "1", "x\\x1fpaper", -1, (), (),
...                 linked=False, sourced=False, declared=True)
>>> promotion = PromotionSignal(member, "Some Paper", 15_050, "USD", (), None, banned_ms)
>>> totals = Payers()
>>> totals.add(promotion)
>>> finding, = BannedPayers().take([promotion], totals, banned_ms + 36_005_000)
>>> finding.subjects[0], [finding.evidence[name] for name in ("days_since_ban", "posts", "spend_usd")]
(Subject(kind='payer', value='Some Paper'), [0.42, 1, 150.5])
"""

from __future__ import annotations

from detectors.batches import PromotionSignal
from detectors.findings import Evidence, Finding, Member, Subject, stable_id
from detectors.forgetting import forget_oldest
from detectors.groups.payers import Payer, Payers, Sums, add_to, payer_key
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

DAY_MS = 86_400_000
_PAGES, _SHOWN_POSTS = 500, 50


class _Breach(Record, tag="breaches"):
    """What a banned payer has promoted since the ban."""

    key: Subject
    name: str
    turn: int
    banned_ms: int
    """The first date, where networks have different ones; 0 where the list gives none."""
    sums: Sums
    pages: dict[str, int]
    members: list[Member]
    """The first, and the newest."""

    def posts(self) -> int:
        return sum(each.posts for each in self.sums.values())


class _Head(Record, tag="breaches_head"):
    """What is counted."""

    evicted: int
    turn: int


class BannedPayers:
    """Breaches of the room's lists; see the module's text for the definition."""

    name = "sponsored"

    def __init__(self, max_payers: int = 50_000) -> None:
        self.evicted = 0
        self._max_payers = max_payers
        self._turn = 0
        self._breaches: dict[Subject, _Breach] = {}
        """Those unused for longest first."""
        self._changed: Noted[Subject] = Noted()
        self._table, self._head = Table(_Breach), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._breaches)

    def take(self, promotions: list[PromotionSignal], totals: Payers, tick_ms: int) -> list[Finding]:
        """Take in the promoted posts of one tick, which the totals have already."""
        touched: dict[Subject, _Breach] = {}
        for promotion in promotions:
            if promotion.banned_ms is not None:
                breach = self._add(promotion, promotion.banned_ms)
                touched[breach.key] = breach
        self._changed.update(touched)
        forgot = forget_oldest(self._breaches, self._max_payers)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted
        return [self._finding(touched[key], totals.get(key), tick_ms) for key in sorted(touched)]

    def _add(self, promotion: PromotionSignal, banned_ms: int) -> _Breach:
        key, member = payer_key(promotion), promotion.member
        breach = self._breaches.pop(key, None)
        if breach is None:
            name = " ".join((promotion.payer or "").split())
            breach = _Breach(key, name, 0, banned_ms, {}, {}, [])
        self._breaches[key] = breach
        self._turn += 1
        breach.turn = self._turn
        breach.banned_ms = min(breach.banned_ms, banned_ms)
        add_to(breach.sums, promotion)
        if member.account in breach.pages or len(breach.pages) < _PAGES:
            breach.pages[member.account] = breach.pages.get(member.account, 0) + 1
        breach.members.append(member)
        if len(breach.members) > _SHOWN_POSTS:
            del breach.members[1]
        return breach

    def _finding(self, breach: _Breach, payer: Payer | None, tick_ms: int) -> Finding:
        newest = breach.members[-1]
        days = round((newest.time_ms - breach.banned_ms) / DAY_MS, 2) if breach.banned_ms else None
        evidence: Evidence = {
            "banned_ms": breach.banned_ms or None,
            "days_since_ban": days,
            "posts": breach.posts(),
            "pages": len(breach.pages),
            "unpriced": sum(each.posts - each.priced for each in breach.sums.values()),
            **_spend("spend", breach.sums),
        }
        if payer is not None:
            evidence |= {"all_posts": payer.posts(), **_spend("all_spend", payer.sums)}
        return Finding(
            finding_id=stable_id("f", self.name, str(breach.key)),
            detector=self.name,
            subjects=(Subject("payer", breach.name),),
            start_ms=breach.members[0].time_ms,
            end_ms=newest.time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(breach.pages)),
            accounts_total=len(breach.pages),
            posts=tuple(breach.members),
            posts_total=breach.posts(),
            template=None,
            evidence=evidence,
            declared=0,  # a page that says openly what it is may not promote either
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        keys = self._changed.take(self._breaches, everything)
        return merged(
            self._head.told(_Head(self.evicted, self._turn), everything),
            self._table.told({str(key): self._breaches.get(key) for key in keys}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._turn = head.evicted, head.turn
        # In order of last use: who is forgotten first depends on it.
        breaches = sorted((one for _, one in self._table.read(saved)), key=lambda one: one.turn)
        self._breaches = {breach.key: breach for breach in breaches}


def _spend(name: str, sums: Sums) -> Evidence:
    """The spend of each currency, in units, where it is known of a post."""
    priced = (code for code in sorted(sums) if sums[code].priced)
    return {f"{name}_{code.lower()}": round(sums[code].spend / 100, 2) for code in priced}
