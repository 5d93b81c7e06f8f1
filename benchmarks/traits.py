"""Figures on real accounts for the traits, with the simple rule beside each.

    python benchmarks/traits.py [--seed 1] [--groups 300] [--json]

*Cohorts* (``accounts/``, ``ira-posts/ira_authors``, ``voterfraud2020/``). A group of 20 to 200 accounts is a
real community (those who retweeted one account) in which a tenth to a half of the accounts are replaced by
some of one labelled family, their dates of creation moved together to a date at which some real account was
made, so that the epoch tells nothing. The same communities as they are must not be found. The simple rule is
"10 or more made within 24 h". At equal false positives: the threshold of each score is set so that it finds
as few of the untouched communities as the simple rule does.

*Dormancy* (``ira-timelines/``). Days with posts are replayed; an account that wakes is told at once. Recall
is of the reference's events (a silence of 90 days, ten posts before and ten in the week after). A false
alarm is any other wake; the simple rule is a silence of 30 days. On days on which eight or more return, a
group of these and as many other accounts of that day is set against all accounts of the two weeks before.

*Cadence* (``ira-posts/``, ``politicians/``). The share of accounts flagged among those of which enough is
seen; the innocents, of which there are two, are also cut into months. The simple rule is "no post between 22
and 6 UTC".

*Language* (``ira-posts/``). The first half of one author's own posts is glued to the second half of one who
writes another language; false alarms are on authors as they are (70 % of their posts in one language). The
simple rule is "a post in another language than most posts before".

Intervals are Wilson's, 95 %. The data is found by VIGIE_SHARED_DATA, or in ../shared/data beside the
checkout.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.accounts.cadence import active, metronome, one_a_minute, shift, ticked  # noqa: E402
from detectors.accounts.dormancy import DAY_MS, woke, woke_days  # noqa: E402
from detectors.accounts.languages import heard, tongues  # noqa: E402
from detectors.accounts.stage import spoken  # noqa: E402
from detectors.album import Album  # noqa: E402
from detectors.communities import Communities  # noqa: E402
from detectors.looks import Look, account_hash  # noqa: E402
from detectors.traits.creation_cohort import CREATION_COHORT  # noqa: E402
from detectors.traits.dormancy import DORMANCY  # noqa: E402
from detectors.traits.testing import Traits  # noqa: E402

DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or ROOT.parent / "shared" / "data")
WINDOWS = ("2015-06-01_2015-09-01", "2017-06-10_2017-06-26", "2017-07-20_2017-08-06")
_DAY_MIN = 1440


def rows(path: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / f"{path}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def share(hits: int, of: int) -> dict[str, float | int]:
    """A share with its interval (Wilson 1927)."""
    if not of:
        return {"of": 0}
    z = 1.96
    middle = (hits / of + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(hits / of * (1 - hits / of) / of + z * z / (4 * of * of))
    return {
        "value": round(hits / of, 4),
        "low": round(max(0.0, middle - half), 4),
        "high": round(min(1.0, middle + half), 4),
        "hits": hits,
        "of": of,
    }


# -- cohorts ---------------------------------------------------------------------------------------


def families() -> dict[str, list[int]]:
    """Minutes of creation of the accounts of each labelled family."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows("accounts/accounts"):
        if row["label"] != "human" and row["created_at"]:
            found[row["family"]].append(milliseconds(row["created_at"]) // 60_000)
    for row in rows("ira-posts/ira_authors"):
        if row["account_created"]:
            found[f"ira {row['account_category']}"].append(milliseconds(row["account_created"]) // 60_000)
    return {name: minutes for name, minutes in sorted(found.items()) if len(minutes) >= 50}


def retweeters() -> list[list[tuple[str, int]]]:
    """Communities: those who retweeted one account, with the minute of creation of each."""
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for path in sorted((DATA / "voterfraud2020").glob("retweets_*.csv.gz")):
        for row in rows(f"voterfraud2020/{path.name.removesuffix('.csv.gz')}"):
            if row["account_created"]:
                held[row["target"]][row["account"]] = milliseconds(row["account_created"]) // 60_000
    return [sorted(one.items()) for one in held.values() if 20 <= len(one) <= 200]


def within_a_day(minutes: Sequence[int]) -> int:
    """Most accounts made within 24 hours."""
    order = np.sort(np.array(minutes))
    return int((np.searchsorted(order, order + _DAY_MIN) - np.arange(len(order))).max())


def cohorts(groups: int, seed: int) -> dict[str, Any]:
    rng = Random(seed)
    now_ms = milliseconds("2020-10-27")
    communities = retweeters()
    album = Album()
    everyone = dict(pair for one in communities for pair in one)
    album.take([look_of(name, minute, now_ms) for name, minute in everyone.items()], now_ms)
    untouched = [scored(album, one, now_ms, f"as it is {n}") for n, one in enumerate(communities)]
    table: dict[str, Any] = {"untouched communities": len(untouched)}
    dates = sorted(everyone.values())
    false = sum(days >= 10 for days, _, _ in untouched)
    limits = [strictest(untouched, place, false) for place in range(2)]
    table["found untouched"] = {
        "10 within 24 h": share(false, len(untouched)),
        "the trait, as decided": share(sum(one[2] for one in untouched), len(untouched)),
    }
    for family, minutes in families().items():
        hits = [0, 0, 0, 0]
        for number in range(groups):
            base = rng.choice(communities)
            count = max(2, round(len(base) * rng.uniform(0.1, 0.5)))
            planted = rng.sample(minutes, min(count, len(minutes)))
            moved = rng.choice(dates) - rng.choice(planted)
            kept = base[len(planted) :] + [
                (f"planted {number} {n}", min(made + moved, now_ms // 60_000))
                for n, made in enumerate(planted)
            ]
            days, surprise, found = scored(album, kept, now_ms, f"{family} {number}")
            hits[0] += days >= 10
            hits[1] += surprise > limits[1]
            hits[2] += found
            hits[3] += days > limits[0]
        table[family] = {
            "10 within 24 h": share(hits[0], groups),
            "most within 24 h, at equal false positives": share(hits[3], groups),
            "the trait, at equal false positives": share(hits[1], groups),
            "the trait, as decided": share(hits[2], groups),
        }
    return table


def look_of(name: str, minute: int, now_ms: int) -> Look:
    return Look(account_hash(f"x\x1f{name}"), 1, now_ms // 1000, created_min=minute)


def scored(
    album: Album, group: list[tuple[str, int]], now_ms: int, finding: str
) -> tuple[float, float, bool]:
    """Most accounts of one day, -log10 of the trait's p-value, and whether the trait is found."""
    strangers = [look_of(name, minute, now_ms) for name, minute in group if name.startswith("planted")]
    album.take(strangers, now_ms)
    keys = [f"x\x1f{name}" for name, _ in group]
    (result,) = Traits(traits=(CREATION_COHORT,)).test(finding, keys, (), album, Communities(), now_ms)
    # Planted accounts are nobody's neighbours afterwards.
    for one in strangers:
        one.seen_s = 0
    album.take(strangers, now_ms)
    p_value = result.p_value if result.p_value is not None else 1.0
    return (
        within_a_day([minute for _, minute in group]),
        -math.log10(max(p_value, 1e-30)),
        result.state == "found",
    )


def strictest(scores: list[tuple[float, float, bool]], place: int, false: int) -> float:
    """The threshold that so many scores exceed."""
    return sorted((one[place] for one in scores), reverse=True)[false]


# -- dormancy --------------------------------------------------------------------------------------


def dormancy(seed: int) -> dict[str, Any]:
    days: dict[str, list[int]] = defaultdict(list)
    for row in rows("ira-timelines/ira_author_days"):
        days[row["author_id"]].append(milliseconds(row["day"]) // DAY_MS)
    strict, listed = set(), set()
    for row in rows("ira-timelines/ira_dormancy_reference"):
        event = row["author_id"], milliseconds(row["return_day"]) // DAY_MS
        listed.add(event)
        if int(row["posts_before"]) >= 10 and int(row["posts_in_7_days_after"]) >= 10:
            strict.add(event)
    told: dict[str, set[tuple[str, int]]] = {"the signal": set(), "30 days": set()}
    weeks = 0
    for author, active_days in days.items():
        active_days.sort()
        weeks += len({day // 7 for day in active_days})
        memory = 0
        for before, day in pairwise(active_days):
            after = woke(memory, before * DAY_MS, day * DAY_MS)
            if after != memory:
                told["the signal"].add((author, day))
            if day - before >= 30:
                told["30 days"].add((author, day))
            memory = after
    table: dict[str, Any] = {"author-weeks with posts": weeks}
    for name, events in told.items():
        table[name] = {
            "recall of the 30": share(len(events & strict), len(strict)),
            "recall of all 179": share(len(events & listed), len(listed)),
            "alarms without an event of the 30, per 1,000 author-weeks": round(
                1000 * len(events - strict) / weeks, 2
            ),
            "alarms without any event, per 1,000 author-weeks": round(1000 * len(events - listed) / weeks, 2),
        }
    table["group days"] = waking_days(days, told["the signal"], seed)
    return table


def waking_days(days: dict[str, list[int]], told: set[tuple[str, int]], seed: int) -> dict[str, Any]:
    """Days on which many return: is half a group of them found, and is a random group of the day?"""
    rng = Random(seed)
    returned: dict[int, list[str]] = defaultdict(list)
    for author, day in sorted(told):
        returned[day].append(author)
    found = Counter[str]()
    for day, authors in returned.items():
        if len(authors) < 8:
            continue
        album, recent = Album(), []
        for author, active_days in sorted(days.items()):
            past = [one for one in active_days if one <= day]
            if past and past[-1] > day - 14:
                memory = 0
                for before, after in pairwise(past):
                    memory = woke(memory, before * DAY_MS, after * DAY_MS)
                silent = woke_days(memory, past[0] * DAY_MS, day * DAY_MS)
                recent.append(Look(account_hash(f"x\x1f{author}"), 1, day * 86_400, woke_days=silent))
        album.take(recent, day * DAY_MS)
        others = [name for name, one in days.items() if day in one and name not in authors]
        mixed = authors + rng.sample(others, min(len(authors), len(others)))
        for name, group in (
            ("half returned", mixed),
            ("random", rng.sample(others, min(len(mixed), len(others)))),
        ):
            (result,) = Traits(traits=(DORMANCY,)).test(
                f"{name} {day}", [f"x\x1f{one}" for one in group], (), album, Communities(), day * DAY_MS
            )
            found[f"{name}: {result.state}"] += 1
    return dict(sorted(found.items()))


# -- cadence ---------------------------------------------------------------------------------------


def own_posts() -> tuple[dict[str, list[dict[str, str]]], dict[str, str]]:
    posts: dict[str, list[dict[str, str]]] = defaultdict(list)
    category = {}
    for window in WINDOWS:
        for row in rows(f"ira-posts/ira_posts_{window}"):
            posts[row["author_id"]].append(row)
            category[row["author_id"]] = row["account_category"]
    return posts, category


def flags(times: Iterable[int]) -> dict[str, int]:
    """What was ever true of an account: its cadence at any of its posts, its hours at the end."""
    memory, hours = b"", b""
    last: int | None = None
    found = {"metronome": -1, "one a minute": -1}
    by_hour = Counter[int]()
    for time_ms in times:
        memory = ticked(memory, time_ms)
        hours = active(hours, time_ms if last is None else last, time_ms)
        last = time_ms
        by_hour[time_ms // 3_600_000 % 24] += 1
        found["metronome"] = max(found["metronome"], metronome(memory))
        found["one a minute"] = max(found["one a minute"], one_a_minute(memory))
    night = sum(by_hour[hour] for hour in (22, 23, 0, 1, 2, 3, 4, 5))
    enough = shift(hours)
    return found | {"shift": enough, "simple: no post at night": int(night == 0) if enough >= 0 else -1}


def cadence(posts: dict[str, list[dict[str, str]]], category: dict[str, str]) -> dict[str, Any]:
    groups: dict[str, list[dict[str, int]]] = defaultdict(list)
    for author, held in posts.items():
        groups[category[author]].append(flags(milliseconds(row["created_at"]) for row in held))
    innocent: dict[str, list[int]] = defaultdict(list)
    for row in rows("politicians/italy_2022_parties"):
        innocent[row["author_id"]].append(milliseconds(row["created_at"]))
    months: dict[tuple[str, str], list[int]] = defaultdict(list)
    for author, times in innocent.items():
        groups["innocents"].append(flags(times))
        for time_ms in times:
            months[author, f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m}"].append(time_ms)
    groups["innocents, by month"] = [flags(times) for times in months.values()]
    return {
        name: {
            flag: share(sum(one[flag] == 1 for one in known), len(known))
            for flag in ("shift", "simple: no post at night", "metronome", "one a minute")
            for known in [[one for one in found if one[flag] >= 0]]
        }
        | {"accounts": len(found)}
        for name, found in sorted(groups.items())
    }


# -- language --------------------------------------------------------------------------------------


def told_at(languages: Sequence[str]) -> tuple[int, int]:
    """The place of the post at which a change of language is told, and by the simple rule; -1 for never."""
    recent, counts = b"", ()
    told = simple = -1
    before = Counter[str]()
    for place, language in enumerate(languages):
        counts, recent = spoken(counts, language), heard(recent, language)
        if told < 0 and tongues(recent, counts, None).changed:
            told = place
        if simple < 0 and place >= 20 and language != before.most_common(1)[0][0]:
            simple = place
        before[language] += 1
    return told, simple


def language(posts: dict[str, list[dict[str, str]]], seed: int) -> dict[str, Any]:
    own = {
        author: [row["language"] for row in held if row["kind"] != "retweet"]
        for author, held in sorted(posts.items())
    }
    usual = {}
    for author, languages in own.items():
        if len(languages) >= 40:
            name, count = Counter(languages).most_common(1)[0]
            if count >= 0.7 * len(languages):
                usual[author] = name
    false = [told_at(own[author]) for author in usual]
    rng, hits, simple_hits, delays, glued = Random(seed), 0, 0, [], 0
    while glued < 500:
        one, other = rng.sample(list(usual), 2)
        if usual[one] == usual[other]:
            continue
        glued += 1
        first, second = own[one][: len(own[one]) // 2], own[other][len(own[other]) // 2 :]
        told, simple = told_at(first + second)
        simple_hits += simple >= len(first)
        if told >= len(first):
            hits += 1
            delays.append(told - len(first) + 1)
    reference = [row["author_id"] for row in rows("ira-timelines/ira_language_reference")]
    return {
        "the signal": {
            "recall on glued authors": share(hits, glued),
            "median posts until told": sorted(delays)[len(delays) // 2],
            "false alarms": share(sum(told >= 0 for told, _ in false), len(false)),
        },
        "simple: a post in another language": {
            "recall on glued authors": share(simple_hits, glued),
            "false alarms": share(sum(simple >= 0 for _, simple in false), len(false)),
        },
        "authors of the reference with posts here": {
            author: told_at(own[author])[0] for author in reference if author in own
        },
    }


def show(table: dict[str, Any], indent: int = 0) -> None:
    for name, value in table.items():
        if isinstance(value, dict) and "of" in value:
            text = "not enough data"
            if value["of"]:
                interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
                text = f"{value['value']:.3f} {interval}  {value['hits']} of {value['of']}"
            print(f"{'  ' * indent}{name:44} {text}")
        elif isinstance(value, dict):
            print(f"{'  ' * indent}{name}")
            show(value, indent + 1)
        else:
            print(f"{'  ' * indent}{name:44} {value}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", type=int, default=300, help="groups a family (default 300)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if not (DATA / "ira-posts").is_dir():
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    posts, category = own_posts()
    found = {
        "cohorts": cohorts(arguments.groups, arguments.seed),
        "dormancy": dormancy(arguments.seed),
        "cadence": cadence(posts, category),
        "language": language(posts, arguments.seed),
    }
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
