"""Protocol 12: other pages of one payer, from the third of them that is known.

All advertisements of the folder are one payer's. In each draw a third of its pages is *known*: their posts
name one payer, and all other pages of it name nobody. A page is *reached* when it stands in a finding that
names that payer. Counted are the payer's advertisements and impressions: the share on known pages, which
is all that a match of page names gives, and the share on pages known or reached.

* *alone*: nothing but the payer's advertisements.
* *in a crowd*: among simulated ordinary advertisers, since the file has none. Four in five name a payer;
  each aims at one country and pays in its money, but three in a hundred in a foreign one and one in a
  hundred in the payer's own; each aims at parts of audiences that are drawn one by one as often as the
  payer's pages use them, so that its interests are as common among the innocent; each posts in the working
  hours of the days on which the payer does, half of it at full quarters of an hour. Strangers are ordinary
  pages that get into the payer's network.
* *without* a sign: no currencies; no audiences; each page's times moved by up to some hours of its own.
* *one sign alone*, in a crowd, as a rule without a null model, to be set against it: pages that paid in
  the payer's currency, that share a part of an audience used by under a hundredth of all pages, or a
  minute.

The page is the address to which an advertisement leads, its reading errors normalised: letters that
scanners take for each other, lost slashes and blanks, so that known and hidden pages do not differ by
these alone. Advertisements without a time are left out.

What cannot be measured: how often innocent advertisers share two signs, since the crowd is made up,
roubles included; and what the currency adds, since all of the file is in roubles. The interval is over
which pages are known, not over operations.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from detectors.batches import PromotionSignal, Signals
from detectors.currencies import home_currencies
from detectors.events import moment_ms
from detectors.findings import Member, account_key
from detectors.groups.promoted_pages import MINUTE_MS, parts_of
from detectors.groups.sponsored import Sponsored
from streams.evaluating.figures import Baseline, Counted, Figure, Measured, ratio, ratio_interval
from streams.evaluating.folder import Folder, Row
from streams.evaluating.protocol import Bench, Protocol

TARGETING = ("location", "age", "gender", "language", "people_who_match", "interests", "excluded_connections")
KNOWN = 1 / 3
_FEWEST = 6
PAYER = "the payer"
ORDINARY = "ordinary"
COUNTRIES = ("United States",) * 6 + ("United Kingdom", "Germany", "France", "Poland")
FOREIGN = ("GBP", "CAD", "CHF", "PLN", "RUB", "TRY", "INR", "MXN")
TICK_MS = 5000

HOST = re.compile(r"^(?:https?:)?[/h]*(?:www\.)?(?:(?:facebook|instagram)\.com(?:/+|(?=[vw])|n(?=[vw])))?")
NUMBER = re.compile(r"[-/]?[\dil]{10,}$")


def page_of(address: str) -> str:
    """The page of an address, without its reading errors.

    >>> page_of("https://www.facebook.comNViIIa ge-1234567890123/") == page_of("https:Hfacebook.com/Village")
    True
    """
    text = re.sub(r"\s+", "", address.casefold().partition(" ad targeting")[0])
    path = HOST.sub("", text.replace("—", "_").replace("\\v", "w")).rstrip("/")
    if not path.startswith(("events/", "p/")) and "?v=" not in path:
        path = path.partition("?")[0].removeprefix("pages/").removesuffix("/timeline")
        path = NUMBER.sub("", path)
    path = re.sub(r"^[vwn]+(?=[il]{2})", "w", path)
    return re.sub(r"[^a-z0-9/]", "", re.sub(r"[il1|]+", "l", path))


def read(folder: Folder) -> list[PromotionSignal]:
    """The advertisements that have a time and a page, in order."""
    found = [one for table in folder.tables("advertisements") for one in table.read(_advertisement)]
    return sorted(found, key=_order)


def _advertisement(row: Row) -> PromotionSignal | None:
    page = page_of(row["landing_page"])
    if not row["created_at"] or not page:
        return None
    audiences = tuple(sorted({row.get(column) or "" for column in TARGETING} - {""}))
    spend = round(100 * float(row["spend_rub"] or 0))
    impressions = int(float(row["impressions"] or 0))
    return promotion(moment_ms(row["created_at"]), row["ad_id"], page, "RUB", audiences, spend, impressions)


def promotion(
    time_ms: int, post_id: str, page: str, currency: str, audiences: tuple[str, ...], *paid: int
) -> PromotionSignal:
    """One promoted post that names no payer; `paid` is spend in hundredths, and impressions."""
    account = account_key("ads", page)
    member = Member(time_ms, post_id, account, -1, (), (), linked=False, sourced=False, declared=False)
    spend, impressions = paid or (100, 0)
    return PromotionSignal(member, None, spend, currency, audiences, impressions)


def _order(one: PromotionSignal) -> tuple[int, str]:
    return one.member.time_ms, one.member.post_id


def crowd(promotions: list[PromotionSignal], advertisers: int, rng: random.Random) -> list[PromotionSignal]:
    """Ordinary advertisers, see the text of this file."""
    of_pages: dict[str, set[str]] = defaultdict(set)
    for one in promotions:
        of_pages[one.member.account].update(parts_of(one.audiences))
    used = Counter(part for parts in of_pages.values() for part in parts if not home_currencies([part]))
    interests, weights = list(used), list(used.values())
    days = sorted({one.member.time_ms // 86_400_000 for one in promotions})
    sizes = list(Counter(one.member.account for one in promotions).values())
    made = []
    for number in range(advertisers):
        country = rng.choice(COUNTRIES)
        (currency,) = home_currencies([country.casefold()])
        drawn = rng.random()
        currency = "RUB" if drawn < 0.01 else rng.choice(FOREIGN) if drawn < 0.04 else currency
        payer = f"Advertiser {number}" if rng.random() < 0.8 else None
        own = [rng.choices(interests, weights, k=rng.randint(2, 8)) for _ in range(rng.randint(1, 6))]
        for ad in range(rng.choice(sizes)):
            minute = rng.randrange(9 * 60, 18 * 60)
            minute -= minute % 15 if rng.random() < 0.5 else 0
            time_ms = rng.choice(days) * 86_400_000 + minute * MINUTE_MS
            audiences = tuple(sorted({country, *rng.choice(own)}))
            one = promotion(time_ms, f"{number}.{ad}", f"{ORDINARY}{number}", currency, audiences)
            made.append(msgspec.structs.replace(one, payer=payer))
    return made


# -- variants --------------------------------------------------------------------------------------

Change = Callable[[PromotionSignal], PromotionSignal]


def no_currency(one: PromotionSignal) -> PromotionSignal:
    """A post without its money."""
    return msgspec.structs.replace(one, currency=None)


def no_audience(one: PromotionSignal) -> PromotionSignal:
    """A post without its targeting."""
    return msgspec.structs.replace(one, audiences=())


def moved(one: PromotionSignal) -> PromotionSignal:
    """A post by some hours later, the same for all of its page."""
    minutes = random.Random(one.member.account).randrange(600)
    member = msgspec.structs.replace(one.member, time_ms=one.member.time_ms + minutes * MINUTE_MS)
    return msgspec.structs.replace(one, member=member)


VARIANTS: dict[str, Change] = {
    "all signs": lambda one: one,
    "without currency": no_currency,
    "without targeting": no_audience,
    "without minutes": moved,
}


# -- measuring -------------------------------------------------------------------------------------


class Draw(NamedTuple):
    """Shares of one draw."""

    ads_known: float
    ads: float
    impressions_known: float
    impressions: float
    strangers: int


@dataclass
class Weights:
    """Advertisements and impressions of each page of the payer."""

    ads: Counter[str] = field(default_factory=Counter)
    impressions: Counter[str] = field(default_factory=Counter)

    def add(self, one: PromotionSignal) -> None:
        """Count one advertisement."""
        self.ads[one.member.account] += 1
        self.impressions[one.member.account] += one.impressions or 0

    def draw(self, known: set[str], reached: set[str]) -> Draw:
        """The shares on known pages, and on those known or reached."""
        both = known | (reached & self.ads.keys())
        return Draw(
            _part(self.ads, known),
            _part(self.ads, both),
            _part(self.impressions, known),
            _part(self.impressions, both),
            len(reached - self.ads.keys()),
        )


def _part(weights: Counter[str], pages: set[str]) -> float:
    """Share of the weight that is on some pages."""
    return sum(weights[page] for page in pages) / max(1, weights.total())


def named(promotions: list[PromotionSignal], known: set[str]) -> list[PromotionSignal]:
    """The same posts, those on known pages with the payer's name."""
    return [
        msgspec.structs.replace(one, payer=PAYER) if one.member.account in known else one
        for one in promotions
    ]


def reached_by(promotions: Iterable[PromotionSignal]) -> set[str]:
    """The pages of all findings that name the payer."""
    ticks: dict[int, list[PromotionSignal]] = defaultdict(list)
    for one in promotions:
        ticks[-(-(one.member.time_ms + 1) // TICK_MS) * TICK_MS].append(one)
    detector, pages = Sponsored(), set[str]()
    for tick_ms in sorted(ticks):
        held = sorted(ticks[tick_ms], key=_order)
        for finding in detector.take(Signals(tick_ms, [], [], [], [], [], promotions=held)):
            if any(subject.value == PAYER for subject in finding.subjects):
                pages.update(finding.accounts)
    return pages


def by_one_sign(promotions: list[PromotionSignal], others: list[PromotionSignal]) -> dict[str, set[str]]:
    """For each page and each of three simple rules, the pages that the rule ties to it, keyed by both."""
    shown: dict[str, dict[object, set[str]]] = {
        name: defaultdict(set) for name in ("currency", "part", "minute")
    }
    for one in [*promotions, *others]:
        account = one.member.account
        shown["currency"][one.currency].add(account)
        shown["minute"][one.member.time_ms // MINUTE_MS].add(account)
        for part in parts_of(one.audiences):
            shown["part"][part].add(account)
    pages = {one.member.account for one in [*promotions, *others]}
    tied: dict[str, set[str]] = {}
    for name, groups in shown.items():
        limit = len(pages) if name == "currency" else max(2, len(pages) // 100)
        for members in groups.values():
            if len(members) <= limit:
                for account in members:
                    tied.setdefault(f"{name} {account}", set()).update(members)
    return tied


_OF = {"advertisements": (0, 1), "impressions": (2, 3)}
"""Places in a draw: the share on known pages, and on those known or reached."""


def measure(bench: Bench) -> Measured:
    """Every variant, over the same draws of known pages."""
    promotions, draws = read(bench.folder), bench.of(6, 25)
    pages = sorted({one.member.account for one in promotions})
    if len(pages) < _FEWEST:
        return Measured(unmeasurable=f"{len(pages)} pages have a time, and {_FEWEST} are needed to hide some")
    others = crowd(promotions, bench.of(100, 300), bench.rng("crowd"))
    rng = bench.rng("known pages")
    known = [set(rng.sample(pages, round(KNOWN * len(pages)))) for _ in range(draws)]
    weights = Weights()
    for one in promotions:
        weights.add(one)
    measured = Measured(figures=[])
    for layout, crowded in (("alone", []), ("in a crowd", others)):
        variants = VARIANTS if not bench.quick else {"all signs": VARIANTS["all signs"]}
        drawn = {
            name: _draws(bench, weights, change, promotions, crowded, known, f"{layout}, {name}")
            for name, change in variants.items()
        }
        simple = _simple(weights, promotions, crowded, known) if crowded else {}
        measured.figures += _figures(layout, drawn, simple, bench.seed)
    return measured


def _draws(
    bench: Bench,
    weights: Weights,
    change: Change,
    promotions: list[PromotionSignal],
    others: list[PromotionSignal],
    known: list[set[str]],
    label: str,
) -> list[Draw]:
    found = []
    for number, pages in enumerate(known, 1):
        bench.tell(f"{label}: {number} of {len(known)} draws")
        posts = [*named(promotions, pages), *others]
        found.append(weights.draw(pages, reached_by(map(change, posts))))
    return found


def _simple(
    weights: Weights,
    promotions: list[PromotionSignal],
    others: list[PromotionSignal],
    known: list[set[str]],
) -> dict[str, list[Draw]]:
    """What one sign alone reaches."""
    tied = by_one_sign(promotions, others)
    return {
        f"one sign alone: {name}": [
            weights.draw(pages, set().union(*(tied.get(f"{name} {page}", set()) for page in pages)))
            for pages in known
        ]
        for name in ("currency", "part", "minute")
    }


def _figures(
    layout: str, drawn: dict[str, list[Draw]], simple: dict[str, list[Draw]], seed: int
) -> list[Figure]:
    figures = []
    (_, draws), *less = drawn.items()
    for what, (known, part) in _OF.items():
        counted = [(one[part], one[known]) for one in draws]
        low, high = ratio_interval(counted, seed) or (None, None)
        mean = sum(one[part] for one in draws) / len(draws)
        figures.append(
            Figure(
                measure=f"{layout}: {what} reached, by those on known pages",
                value=ratio(counted),
                low=low,
                high=high,
                unit="draws of known pages",
                of=len(draws),
                wanted=">= 2",
                baselines=(
                    Baseline("exact page matches", 1.0),
                    *(
                        _against(name, [(one[part], one[known]) for one in rows], seed)
                        for name, rows in (*less, *simple.items())
                    ),
                ),
                note=f"a share of {mean:.2f}",
            )
        )
    if simple:
        figures.append(
            Figure(
                measure=f"{layout}: strangers taken in, a draw",
                value=_strangers(draws),
                baselines=tuple(Baseline(name, _strangers(rows)) for name, rows in simple.items()),
            )
        )
    return figures


def _against(name: str, counted: list[Counted], seed: int) -> Baseline:
    return Baseline(name, ratio(counted), *(ratio_interval(counted, seed) or (None, None)))


def _strangers(draws: list[Draw]) -> float:
    return round(sum(one.strangers for one in draws) / len(draws), 2)


PROTOCOL = Protocol(
    number=12,
    name="promoted-posts",
    title="Promoted posts of one payer",
    needs=(("advertisements",),),
    measure=measure,
    tried="Each sign was left out in turn, and used alone without a null model: see the rules beside it.",
)
