"""Figures on real promoted posts: other pages of one payer, from the third of them that is known.

    python benchmarks/sponsored.py [--draws 25] [--background 300] [--seed 1] [--json]

All advertisements of the file are one payer's. In each draw a third of its pages is *known*: their posts name
one payer, and all other pages of it name nobody. A page is *reached* when it stands in a finding that names
that payer. Counted are the payer's advertisements and impressions: the share on known pages, which is all
that a match of page names gives, and the share on pages known or reached. The interval of their ratio is
bootstrapped over the draws.

* *alone*: nothing but the payer's advertisements.
* *in a crowd*: among simulated ordinary advertisers, since the file has none. Four in five name a payer; each
  aims at one country and pays in its money, but three in a hundred in a foreign one and one in a hundred in
  the payer's own; each aims at parts of audiences that are drawn one by one as often as the payer's pages use
  them, so that its interests are as common among the innocent; each posts in the working hours of the days
  on which the payer does, half of it at full quarters of an hour. Strangers are ordinary pages that get into
  the payer's network.
* *without* a sign: no currencies; no audiences; each page's times moved by up to some hours of its own.
* *one sign alone*, in a crowd, as a rule without a null model, to be set against it: pages that paid in the
  payer's currency, that share a part of an audience used by under a hundredth of all pages, or a minute.

The page is the address to which an advertisement leads, its reading errors normalised: letters that scanners
take for each other, lost slashes and blanks, so that known and hidden pages do not differ by these alone.
Advertisements without a time are left out.

The thresholds are those of `detectors.groups.same_payer`, with their reasons, and none was set by these
figures; but the signs were designed with this file in view, that a page is compared again as soon as it aims
in a new way was chosen by it, and there is no other payer to hold out. What cannot be measured: how often
innocent advertisers share two signs, since the crowd is made up, roubles included; and what the currency
adds, since all of the file is in roubles. The interval is over which pages are known, not over operations.

The data is found by VIGIE_SHARED_DATA, or in ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.real_input import data_folder  # noqa: E402
from detectors.batches import PromotionSignal, Signals  # noqa: E402
from detectors.currencies import home_currencies  # noqa: E402
from detectors.findings import Member, account_key  # noqa: E402
from detectors.groups.promoted_pages import MINUTE_MS, parts_of  # noqa: E402
from detectors.groups.sponsored import Sponsored  # noqa: E402

TARGETING = ("location", "age", "gender", "language", "people_who_match", "interests", "excluded_connections")
KNOWN = 1 / 3
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


def read(folder: Path) -> list[PromotionSignal]:
    """The advertisements that have a time and a page, in order."""
    promotions = []
    with gzip.open(folder / "ira-ads" / "ira_facebook_ads.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            page = page_of(row["landing_page"])
            if not row["created_at"] or not page:
                continue
            time_ms = int(datetime.fromisoformat(row["created_at"]).timestamp() * 1000)
            audiences = tuple(sorted({row[column] for column in TARGETING} - {""}))
            spend = round(100 * float(row["spend_rub"] or 0))
            impressions = int(float(row["impressions"] or 0))
            promotions.append(promotion(time_ms, row["ad_id"], page, "RUB", audiences, spend, impressions))
    return sorted(promotions, key=_order)


def promotion(
    time_ms: int, post_id: str, page: str, currency: str, audiences: tuple[str, ...], *paid: int
) -> PromotionSignal:
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
    return msgspec.structs.replace(one, currency=None)


def no_audience(one: PromotionSignal) -> PromotionSignal:
    return msgspec.structs.replace(one, audiences=())


def moved(one: PromotionSignal) -> PromotionSignal:
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
        self.ads[one.member.account] += 1
        self.impressions[one.member.account] += one.impressions or 0

    def draw(self, known: set[str], reached: set[str]) -> Draw:
        shares = [
            sum(weights[page] for page in pages) / weights.total()
            for weights in (self.ads, self.impressions)
            for pages in (known, known | (reached & self.ads.keys()))
        ]
        return Draw(*shares, strangers=len(reached - self.ads.keys()))


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


def interval(draws: list[Draw], part: int, known: int, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of two mean shares."""
    rng = random.Random(seed)
    values = []
    for _ in range(1000):
        drawn = rng.choices(draws, k=len(draws))
        values.append(sum(one[part] for one in drawn) / sum(one[known] for one in drawn))
    values.sort()
    return values[25], values[974]


def figures(draws: list[Draw], seed: int) -> dict[str, object]:
    """Means over the draws, and the ratios with their intervals."""
    rows: dict[str, object] = {}
    for name, known, part in (("ads", 0, 1), ("impressions", 2, 3)):
        mean = [sum(one[place] for one in draws) / len(draws) for place in (known, part)]
        low, high = interval(draws, part, known, seed)
        rows[name] = {
            "known": round(mean[0], 3),
            "reached": round(mean[1], 3),
            "ratio": round(mean[1] / mean[0], 2),
            "low": round(low, 2),
            "high": round(high, 2),
        }
    rows["strangers"] = round(sum(one.strangers for one in draws) / len(draws), 2)
    return rows


def evaluate(
    promotions: list[PromotionSignal], others: list[PromotionSignal], draws: int, seed: int
) -> dict[str, dict[str, object]]:
    """Figures of every variant, over the same draws of known pages."""
    weights = Weights()
    for one in promotions:
        weights.add(one)
    pages = sorted(weights.ads)
    rng = random.Random(seed)
    known_sets = [set(rng.sample(pages, round(KNOWN * len(pages)))) for _ in range(draws)]
    table = {}
    for name, change in VARIANTS.items():
        rows = []
        for number, known in enumerate(known_sets, 1):
            posts = [*named(promotions, known), *others]
            rows.append(weights.draw(known, reached_by(map(change, posts))))
            print(f"\r{name}: {number} of {draws} draws ", end="", file=sys.stderr, flush=True)
        table[name] = figures(rows, seed)
    if others:
        tied = by_one_sign(promotions, others)
        for name in ("currency", "part", "minute"):
            rows = [
                weights.draw(known, set().union(*(tied.get(f"{name} {page}", set()) for page in known)))
                for known in known_sets
            ]
            table[f"one sign alone: {name}"] = figures(rows, seed)
    print(file=sys.stderr)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=25, help="draws of known pages (default 25)")
    parser.add_argument("--background", type=int, default=300, help="ordinary advertisers (default 300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    promotions = read(folder)
    others = crowd(promotions, arguments.background, random.Random(arguments.seed))
    tables = {
        "alone": evaluate(promotions, [], arguments.draws, arguments.seed),
        "in a crowd": evaluate(promotions, others, arguments.draws, arguments.seed),
    }
    if arguments.json:
        print(json.dumps(tables, indent=2))
    else:
        pages = len({one.member.account for one in promotions})
        print(f"{len(promotions)} advertisements on {pages} pages; {len(others)} ordinary ones in the crowd")
        show(tables)
    return 0


def show(tables: dict[str, dict[str, dict[str, object]]]) -> None:
    for layout, table in tables.items():
        print(layout)
        for name, row in table.items():
            for of in ("ads", "impressions"):
                each = row[of]
                assert isinstance(each, dict)
                print(
                    f"  {name:28} {of:11} known {each['known']:.2f}, reached {each['reached']:.2f}: "
                    f"{each['ratio']:.2f} times [{each['low']:.2f}, {each['high']:.2f}]"
                    + (f"   strangers {row['strangers']}" if of == "ads" else "")
                )


if __name__ == "__main__":
    sys.exit(main())
