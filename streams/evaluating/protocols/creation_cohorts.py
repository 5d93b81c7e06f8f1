"""Protocol 6: families of accounts that were made in batches, planted in real communities.

A group of 20 to 200 accounts is a real community (those who reposted one post) in which a tenth to a half
of the accounts are replaced by some of one labelled family, their dates of creation moved together to a
date at which some real account was made, so that the epoch tells nothing. The simple rule is "10 or more
made within 24 hours". At equal false positives: the limit of each score is set so that it finds as few of
the untouched communities as the simple rule does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from detectors.album import Album
from detectors.communities import Communities
from detectors.events import moment_ms
from detectors.findings import account_key
from detectors.looks import Look, account_hash
from detectors.traits.creation_cohort import CREATION_COHORT
from detectors.traits.testing import Traits
from streams.evaluating.figures import Counted, Figure, Measured, ratio, ratio_interval, rule, share
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench, Protocol

MINUTE_MS = 60_000
DAY_MIN = 1440
SMALLEST, LARGEST = 20, 200
_FAMILY = 50
"""Accounts from which on a family is planted."""
_RULE = 10

Group = list[tuple[str, int]]
"""Accounts, each with its minute of creation."""


class Scores(NamedTuple):
    """What is said of one group."""

    within_a_day: int
    surprise: float
    """-log10 of the trait's p-value."""
    found: bool


def families(folder: Folder) -> dict[str, list[int]]:
    """Minutes of creation of the accounts of each labelled family."""
    found: dict[str, list[int]] = defaultdict(list)
    for table in folder.tables("accounts"):
        labelled = table.read(
            lambda row: (
                (row["family"], row["created_at"]) if row["label"] != "human" and row["created_at"] else None
            )
        )
        for family, made in labelled:
            found[family].append(moment_ms(made) // MINUTE_MS)
    for table in folder.tables("authors"):
        authors = table.read(
            lambda row: (row["account_category"], row["account_created"]) if row["account_created"] else None
        )
        for category, made in authors:
            found[f"{table.path.resolve().parent.name} {category}"].append(moment_ms(made) // MINUTE_MS)
    return {name: minutes for name, minutes in sorted(found.items()) if len(minutes) >= _FAMILY}


def communities_of(folder: Folder) -> list[Group]:
    """Those who reposted one post, with the minute of creation of each."""
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for table in folder.tables("retweeters"):
        reposts = table.read(
            lambda row: (
                (row["target"], row["account"], moment_ms(row["account_created"]) // MINUTE_MS)
                if row["account_created"]
                else None
            )
        )
        for target, account, minute in reposts:
            held[target][account] = minute
    return [sorted(one.items()) for one in held.values() if SMALLEST <= len(one) <= LARGEST]


def within_a_day(minutes: Sequence[int]) -> int:
    """Most accounts made within 24 hours."""
    order = np.sort(np.array(minutes))
    return int((np.searchsorted(order, order + DAY_MIN) - np.arange(len(order))).max())


class Room:
    """Real communities, in an album of all their accounts, in which families are planted."""

    def __init__(self, communities: list[Group]) -> None:
        self.communities = communities
        everyone = dict(pair for one in communities for pair in one)
        self.dates = sorted(everyone.values())
        self.now_min = self.dates[-1] + DAY_MIN
        self.album = Album()
        self.album.take([self._look(*pair) for pair in everyone.items()], self.now_min * MINUTE_MS)

    def _look(self, name: str, minute: int) -> Look:
        return Look(account_hash(account_key("x", name)), 1, self.now_min * 60, created_min=minute)

    def scores(self, group: Group, planted: Group, finding: str) -> Scores:
        """What is said of a group some accounts of which are planted."""
        now_ms = self.now_min * MINUTE_MS
        strangers = [self._look(*pair) for pair in planted]
        self.album.take(strangers, now_ms)
        keys = [account_key("x", name) for name, _ in group + planted]
        (result,) = Traits(traits=(CREATION_COHORT,)).test(
            finding, keys, (), self.album, Communities(), now_ms
        )
        # Planted accounts are nobody's neighbours afterwards.
        for one in strangers:
            one.seen_s = 0
        self.album.take(strangers, now_ms)
        p_value = 1.0 if result.p_value is None else result.p_value
        return Scores(
            within_a_day([minute for _, minute in group + planted]),
            -math.log10(max(p_value, 1e-30)),
            result.state == "found",
        )

    def plant(self, minutes: list[int], rng: Random, finding: str) -> Scores:
        """Put some accounts of a family into a community."""
        base = rng.choice(self.communities)
        count = max(2, round(len(base) * rng.uniform(0.1, 0.5)))
        taken = rng.sample(minutes, min(count, len(minutes)))
        shift = rng.choice(self.dates) - rng.choice(taken)
        planted = [
            (f"planted {finding} {n}", min(made + shift, self.now_min)) for n, made in enumerate(taken)
        ]
        return self.scores(base[len(planted) :], planted, finding)


def measure(bench: Bench) -> Measured:
    """Every family, in many communities."""
    communities, groups = communities_of(bench.folder), bench.of(60, 300)
    minutes = families(bench.folder)
    if not communities or not minutes:
        lacking = f"no {'community of 20 to 200 accounts' if not communities else 'family of 50 accounts'}"
        return Measured(unmeasurable=f"{lacking} has its minutes of creation")
    room = Room(communities)
    untouched = [room.scores(one, [], f"as it is {n}") for n, one in enumerate(communities)]
    false = sum(one.within_a_day >= _RULE for one in untouched)
    # The strictest limits: so many untouched communities exceed them as the simple rule finds.
    most_days = sorted((one.within_a_day for one in untouched), reverse=True)[false]
    most_surprise = sorted((one.surprise for one in untouched), reverse=True)[false]
    hits: dict[str, dict[str, list[Counted]]] = {}
    for family, made in minutes.items():
        rng = bench.rng(family)
        hits[family] = defaultdict(list)
        for number in range(groups):
            if number % 50 == 0:
                bench.tell(f"{family}, {number} of {groups} groups")
            found = room.plant(made, rng, f"{family} {number}")
            hits[family]["rule"].append((found.within_a_day >= _RULE, 1))
            hits[family]["most"].append((found.within_a_day > most_days, 1))
            hits[family]["strict"].append((found.surprise > most_surprise, 1))
            hits[family]["decided"].append((found.found, 1))
    return Measured(figures=_figures(hits, untouched, bench.seed))


def _figures(hits: dict[str, dict[str, list[Counted]]], untouched: list[Scores], seed: int) -> list[Figure]:
    against = [
        (sum(hit for hit, _ in one["strict"]), sum(hit for hit, _ in one["rule"])) for one in hits.values()
    ]
    low, high = ratio_interval(against, seed) or (None, None)
    figures = [
        Figure(
            measure="cohorts found by the trait for each one of the simple rule, at equal false positives",
            value=ratio(against),
            low=low,
            high=high,
            unit="families" if low is not None else "",
            of=len(hits),
            wanted=">= 1.1",
        ),
        share(
            "untouched communities found by the trait, as decided",
            [(one.found, 1) for one in untouched],
            "communities",
            seed,
            baselines=(
                rule("10 made within 24 h", [(one.within_a_day >= _RULE, 1) for one in untouched], seed),
            ),
        ),
    ]
    for family, one in hits.items():
        figures.append(
            share(
                f"{family}: found by the trait, at equal false positives",
                one["strict"],
                "groups",
                seed,
                baselines=(
                    rule("10 made within 24 h", one["rule"], seed),
                    rule("most made within 24 h, at equal false positives", one["most"], seed),
                    rule("the trait, as decided", one["decided"], seed),
                ),
            )
        )
    return figures


PROTOCOL = Protocol(
    number=6,
    name="creation-cohorts",
    title="Creation cohorts",
    needs=(("retweeters",), ("accounts", "authors")),
    measure=measure,
)
