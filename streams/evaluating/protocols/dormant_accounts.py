"""Protocol 7: dormant accounts that return, day by day, and days on which many return together.

An account that wakes is told on the day of its return. The strict events of the reference are a silence of
90 days, ten posts before it and ten in the week after. The simple rule is a silence of 30 days. On days on
which eight or more return, a group of these and as many others of that day is set against all accounts of
the two weeks before it, and so is a random group of the same size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from detectors.accounts.dormancy import DAY_MS, woke, woke_days
from detectors.album import Album
from detectors.communities import Communities
from detectors.events import moment_ms
from detectors.findings import account_key
from detectors.looks import Look, account_hash
from detectors.traits.dormancy import DORMANCY
from detectors.traits.testing import Traits
from streams.evaluating.figures import Counted, Measured, rule, share
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench, Protocol

_SILENCE = 30
_MANY = 8
_LATELY = 14
_BEFORE = _AFTER = 10

Event = tuple[str, int]
"""An author and the day of the return, since the epoch."""
Days = dict[str, list[int]]


def author_days(folder: Folder) -> Days:
    """The days on which each author posted, in order."""
    days: dict[str, set[int]] = defaultdict(set)
    for table in folder.tables("author days"):
        for author, day in table.read(lambda row: (row["author_id"], moment_ms(row["day"]) // DAY_MS)):
            days[author].add(day)
    return {author: sorted(active) for author, active in sorted(days.items())}


def reference(folder: Folder) -> tuple[set[Event], set[Event]]:
    """The strict events, and all silences that are listed."""
    rows = [
        row
        for table in folder.tables("dormancy reference")
        for row in table.read(
            lambda row: (
                (row["author_id"], moment_ms(row["return_day"]) // DAY_MS),
                int(row["posts_before"]) >= _BEFORE and int(row["posts_in_7_days_after"]) >= _AFTER,
            )
        )
    ]
    return {event for event, strict in rows if strict}, {event for event, _ in rows}


def returns(active: list[int]) -> tuple[set[int], set[int], int]:
    """The days on which an author wakes, by the signal and by the simple rule; and its last memory."""
    told, simple, memory = set(), set(), 0
    for before, day in pairwise(active):
        after = woke(memory, before * DAY_MS, day * DAY_MS)
        if after != memory:
            told.add(day)
        if day - before >= _SILENCE:
            simple.add(day)
        memory = after
    return told, simple, memory


def measure(bench: Bench) -> Measured:
    """Every author whose days are known."""
    days = author_days(bench.folder)
    strict, listed = reference(bench.folder)
    told, simple = set[Event](), set[Event]()
    weeks: dict[str, int] = {}
    for author, active in days.items():
        by_signal, by_rule, _ = returns(active)
        told |= {(author, day) for day in by_signal}
        simple |= {(author, day) for day in by_rule}
        weeks[author] = len({day // 7 for day in active})

    def alarms(events: set[Event], wanted: set[Event]) -> list[Counted]:
        false = _by_author(events - wanted)
        return [(false[author], number) for author, number in weeks.items()]

    unit, seed = "authors", bench.seed
    figures = [
        share(
            "strict events told on the day of the return",
            _recall(told, strict),
            unit,
            seed,
            wanted=">= 0.95",
            baselines=(rule("30 days of silence", _recall(simple, strict), seed),),
        ),
        share("all listed silences told", _recall(told, listed), unit, seed),
        share(
            "wakes that are no strict event, in 1,000 author-weeks",
            alarms(told, strict),
            unit,
            seed,
            times=1000,
            baselines=(rule("30 days of silence", alarms(simple, strict), seed, 1000),),
        ),
        share(
            "wakes that are no listed silence, in 1,000 author-weeks",
            alarms(told, listed),
            unit,
            seed,
            times=1000,
            baselines=(rule("30 days of silence", alarms(simple, listed), seed, 1000),),
            note="the reference is the same rule, so that none is expected",
        ),
    ]
    groups = waking_days(days, told, bench)
    if groups:
        halves = [(half, 1) for half, _ in groups]
        figures += [
            share("days of many returns: group found, half of which returned", halves, "days", seed),
            share(
                "days of many returns: random group found", [(other, 1) for _, other in groups], "days", seed
            ),
        ]
    return Measured(figures=figures)


def _by_author(events: set[Event]) -> Counter[str]:
    return Counter(author for author, _ in events)


def _recall(events: set[Event], wanted: set[Event]) -> list[Counted]:
    hits = _by_author(events & wanted)
    return [(hits[author], number) for author, number in sorted(_by_author(wanted).items())]


def waking_days(days: Days, told: set[Event], bench: Bench) -> list[tuple[bool, bool]]:
    """Of each day on which many return: is half a group of them found, and is a random group?"""
    rng = bench.rng("waking days")
    returned: dict[int, list[str]] = defaultdict(list)
    for author, day in sorted(told):
        returned[day].append(author)
    found = []
    for day, authors in sorted(returned.items()):
        if len(authors) < _MANY:
            continue
        album = Album()
        album.take(_looks(days, day), day * DAY_MS)
        others = [name for name, active in days.items() if day in active and name not in authors]
        mixed = authors + rng.sample(others, min(len(authors), len(others)))
        plain = rng.sample(others, min(len(mixed), len(others)))
        states = []
        for name, group in (("half", mixed), ("random", plain)):
            keys = [account_key("x", one) for one in group]
            (result,) = Traits(traits=(DORMANCY,)).test(
                f"{name} {day}", keys, (), album, Communities(), day * DAY_MS
            )
            states.append(result.state == "found")
        found.append((states[0], states[1]))
    return found


def _looks(days: Days, day: int) -> list[Look]:
    """The accounts of the two weeks before a day, as they look on it."""
    recent = []
    for author, active in days.items():
        past = [one for one in active if one <= day]
        if past and past[-1] > day - _LATELY:
            *_, memory = returns(past)
            silent = woke_days(memory, past[0] * DAY_MS, day * DAY_MS)
            key = account_hash(account_key("x", author))
            recent.append(Look(key, 1, day * 86_400, woke_days=silent))
    return recent


PROTOCOL = Protocol(
    number=7,
    name="dormant-accounts",
    title="Dormant accounts that return",
    needs=(("author days",), ("dormancy reference",)),
    measure=measure,
)
