"""How often traits are seen where there is nothing but chance, and in ordinary communities.

    python benchmarks/chance.py [--groups 1000] [--seed 1] [--only STREAM] [--trait NAME] [--json]

Random groups, of 10 to 200 accounts (evenly by the logarithm), are drawn from organic streams; half of them
from accounts of one usual language, where these are known. For each trait: the share of the groups it could
be tested on whose p-value is at most 0.05 and 0.01, and the share in which it is *found*, after all traits
are paid for and the minimum effects are asked for. Wanted: at most twice, and at least half, of the nominal
rate. A trait that hardly any account has cannot reach it: where no account of a group has it (all but
*shown*), there is no small p-value.

Then the same of organic communities: everyone who used one hashtag, or reposted one account, ten accounts or
more. These are no random groups, and their p-values show it; what counts is how often a trait is *found* in
them, first without and then with the other communities to compare with (condition 4 of
`detectors.traits.testing`).

Streams:

* ``gop-debate`` and ``airlines``: real posts, of which nothing is known of the authors but when they posted;
* ``profiles``: the human accounts of ``accounts/`` (creation, language, numbers), as if each had posted
  once;
* ``retweets``: voterfraud2020, whose retweeters have a minute of creation for half of the rows; its
  communities are those who retweeted one account. Nobody says that all of them are organic;
* ``simulated``: the shipped scenario of an ordinary day, which has all columns and nobody who attacks;
* ``commented``: the same day, on which accounts drawn at random, one in a hundred, comment something twenty
  times, once a minute: without them nobody does.

``politicians`` has two authors, and no groups. The data is found by VIGIE_SHARED_DATA, or in ../shared/data.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.accounts.habits import Habits, look, note  # noqa: E402
from detectors.accounts.stage import Accounts  # noqa: E402
from detectors.album import Album, AlbumSettings  # noqa: E402
from detectors.communities import Communities, community  # noqa: E402
from detectors.events import (  # noqa: E402
    Post,
    Profile,
    decode_line,
    from_mapping,
)
from detectors.findings import account_key  # noqa: E402
from detectors.looks import Look, account_hash  # noqa: E402
from detectors.text import read_entities  # noqa: E402
from detectors.traits import TRAITS, Trait  # noqa: E402
from detectors.traits.testing import MINUTE_MS, Traits, TraitSettings  # noqa: E402
from streams.simulate import load_scenario, simulate  # noqa: E402
from streams.sources.formats import open_source  # noqa: E402

DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or ROOT.parent / "shared" / "data")
LEVELS = (0.05, 0.01)
SIMULATED = ("simulated", "commented")
"""Streams that need no data."""
SMALLEST, LARGEST = 10, 200
MOST_COMMUNITIES = 300
COMMENTING, COMMENTS = 100, 20
"""One in so many accounts comments, with so many posts."""
_HOUR = 60


class Group(NamedTuple):
    """Accounts, and the minute of each one's first post in the group, where known."""

    accounts: list[str]
    minutes: list[int]
    of_one_language: bool = False


class Stream(NamedTuple):
    """One organic stream: its accounts' looks, its volume, what is random in it and what is not."""

    name: str
    album: Album
    now_ms: int
    volume: dict[int, int]
    draw: Callable[[Random, int], Group]
    """A random group of so many."""
    communities: dict[str, Group]


def looks_of(posts: list[Post]) -> tuple[dict[str, Look], dict[str, list[str]]]:
    """The last look of each account of a stream, and the accounts by usual language."""
    accounts, habits, last = Accounts(), defaultdict[str, Habits](Habits), dict[str, Post]()
    for post in posts:
        key = account_key(post.platform, post.author_id)
        accounts.take(post.time_ms + 5000, [post])
        before = last.get(key)
        note(habits[key], post, post.time_ms if before is None else before.time_ms)
        last[key] = post
    made, spoken = {}, defaultdict(list)
    for key, post in last.items():
        account = accounts.get(key)
        assert account is not None
        made[key] = look(
            habits[key],
            post,
            account=account_hash(key),
            first_ms=account.first_ms,
            posts=account.posts,
            score=account.score,
            activity=round(account.activity),
            erased=account.erased,
            languages=account.languages,
        )
        spoken[str(made[key].usual)].append(key)
    return made, spoken


def filled(looks: Iterable[Look], now_ms: int) -> Album:
    """An album in which all accounts were seen just now: the slices are short, or thin."""
    album = Album(AlbumSettings())
    rows = list(looks)
    for one in rows:
        one.seen_s = now_ms // 1000
    album.take(rows, now_ms)
    return album


def of_posts(name: str, posts: list[Post]) -> Stream:
    """A stream of posts; random groups are the authors of random posts of one hour, or any accounts."""
    looks, spoken = looks_of(posts)
    now_ms = posts[-1].time_ms
    volume: dict[int, int] = defaultdict(int)
    firsts: dict[str, dict[str, int]] = defaultdict(dict)
    for post in posts:
        minute, key = post.time_ms // MINUTE_MS, account_key(post.platform, post.author_id)
        volume[minute] += 1
        for subject in subjects(post):
            firsts[subject].setdefault(key, minute)
    everyone = sorted(looks)
    languages = [accounts for _, accounts in sorted(spoken.items()) if len(accounts) >= 2 * LARGEST]
    hours = list(busy(posts))

    def draw(rng: Random, size: int) -> Group:
        alike = bool(languages) and rng.random() < 0.5
        chosen = rng.sample(rng.choice(languages) if alike else everyone, size)
        minutes: list[int] = []
        if hours:
            hour = rng.choice(hours)
            minutes = [one.time_ms // MINUTE_MS for one in rng.sample(hour, min(size, len(hour)))]
        return Group(chosen, minutes, alike)

    communities = {
        subject: Group(list(held), list(held.values()))
        for subject, held in firsts.items()
        if SMALLEST <= len(held) <= len(looks) / 4
    }
    return Stream(name, filled(looks.values(), now_ms), now_ms, volume, draw, communities)


def busy(posts: list[Post]) -> Iterator[list[Post]]:
    """The posts of every hour with enough of them."""
    hours: dict[int, list[Post]] = defaultdict(list)
    for post in posts:
        hours[post.time_ms // MINUTE_MS // _HOUR].append(post)
    return (hour for hour in hours.values() if len(hour) >= LARGEST)


def subjects(post: Post) -> list[str]:
    """What a post is about: its hashtags, the account that it reposts."""
    tags = read_entities(post.text).hashtags if post.hashtags is None else post.hashtags
    found = [f"hashtag:{tag.lstrip('#').casefold()}" for tag in tags]
    if post.kind == "repost" and post.ref_author_id:
        found.append(f"source:{post.ref_author_id}")
    return found


# -- streams ---------------------------------------------------------------------------------------


def mapped(name: str, path: str) -> Stream:
    posts = []
    mapping = ROOT / "tests" / "mappings" / f"{name}.toml"
    for batch in open_source(DATA / f"{path}.csv.gz", "csv", mapping):
        posts += batch.posts
    return of_posts(name, sorted(posts, key=lambda post: (post.time_ms, post.id)))


def simulated(seed: int) -> Stream:
    posts = [decode_line(one.line) for one in simulate(load_scenario("ordinary-day"), seed)]
    return of_posts("simulated", posts)


def commented(seed: int) -> Stream:
    """The ordinary day, with people in it who comment something line by line, whoever they are."""
    rng = Random(seed)
    posts = [decode_line(one.line) for one in simulate(load_scenario("ordinary-day"), seed)]
    authors = {post.author_id: post for post in posts}
    for post in rng.sample(list(authors.values()), len(authors) // COMMENTING):
        for minute in range(COMMENTS):
            time_ms = post.time_ms + minute * 60_000 + rng.randrange(-15_000, 15_000)
            posts.append(copied(post, f"{post.id}-{minute}", time_ms))
    return of_posts("commented", sorted(posts, key=lambda post: (post.time_ms, post.id)))


def copied(post: Post, post_id: str, time_ms: int) -> Post:
    """The same account's words at another time."""
    line = {"id": post_id, "platform": post.platform, "author_id": post.author_id, "created_at": time_ms}
    made = from_mapping(line | {"text": post.text, "lang": post.lang})
    made.author = post.author
    return made


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def profiles() -> Stream:
    """Each human account posts once, at one time."""
    now_ms = 1_500_000_000_000
    posts = []
    for row in rows(DATA / "accounts" / "accounts.csv.gz"):
        if row["label"] == "human":
            post = from_mapping(
                {
                    "id": row["account_key"],
                    "platform": "x",
                    "author_id": row["account_key"],
                    "created_at": now_ms,
                }
            )
            post.author = profile(row)
            posts.append(post)
    return of_posts("profiles", posts)


def profile(row: dict[str, str]) -> Profile:
    def number(name: str) -> int | None:
        return int(row[name]) if row[name] else None

    return Profile(
        handle=row["screen_name_shape"],
        name="n" * (number("name_length") or 0),
        description=" ".join(["x" * 9] * ((number("description_length") or 0) // 10)),
        created_at=datetime.fromisoformat(row["created_at"]) if row["created_at"] else None,
        observed_at=datetime.fromisoformat(row["observed_at"]) if row["observed_at"] else None,
        followers=number("followers_count"),
        following=number("friends_count"),
        posts=number("statuses_count"),
        likes=number("favourites_count"),
        listed=number("listed_count"),
        lang=row["lang"] or None,
    )


def retweets() -> Stream:
    """Accounts with their minute of creation, and who retweeted whom."""
    now_ms = int(datetime(2020, 10, 27, tzinfo=UTC).timestamp() * 1000)
    looks: dict[str, Look] = {}
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for path in sorted((DATA / "voterfraud2020").glob("retweets_*.csv.gz")):
        for row in rows(path):
            key = account_key("x", row["account"])
            made = row["account_created"]
            minute = int(datetime.fromisoformat(made + "+00:00").timestamp()) // 60 if made else -1
            looks.setdefault(key, Look(account_hash(key), 1, now_ms // 1000, created_min=minute))
            held[f"post:{row['target']}"][key] = 0
    everyone = sorted(looks)
    communities = {
        target: Group(list(accounts), [])
        for target, accounts in held.items()
        if len(accounts) >= 2 * SMALLEST
    }
    return Stream(
        "retweets",
        filled(looks.values(), now_ms),
        now_ms,
        {},
        lambda rng, size: Group(rng.sample(everyone, min(size, LARGEST)), []),
        communities,
    )


# -- measuring -------------------------------------------------------------------------------------


class Counts:
    """Of one trait: how many groups it was tested on, and with which p-values it was found or not."""

    def __init__(self) -> None:
        self.p_values: list[float] = []
        self.shown = self.found = 0

    def row(self) -> dict[str, float | int]:
        tested = len(self.p_values)
        rates = {
            f"p<={level}": round(sum(one <= level for one in self.p_values) / tested, 4) for level in LEVELS
        }
        shares = {"shown": round(self.shown / tested, 4), "found": round(self.found / tested, 4)}
        return {"groups": tested, **rates, **shares}


def measured(
    stream: Stream, groups: Iterable[tuple[str, Group]], communities: Communities, chosen: Sequence[Trait]
) -> dict[str, dict[str, float | int]]:
    """For each of these traits its rates over these groups; each is tested once."""
    counts: dict[str, Counts] = defaultdict(Counts)
    any_found = total = 0
    for name, group in groups:
        traits = Traits(TraitSettings(), chosen)
        traits._volume = stream.volume
        results = traits.test(name, group.accounts, group.minutes, stream.album, communities, stream.now_ms)
        if group.of_one_language:  # drawn to be so: what is tested by language alone is no question then
            results = [one for one in results if one.name != "foreign_audience"]
        total += 1
        any_found += any(one.state == "found" for one in results)
        for one in results:
            if one.p_value is not None:
                counts[one.name].p_values.append(one.p_value)
                counts[one.name].shown += (one.value or 0) > 0
                counts[one.name].found += one.state == "found"
    table = {name: counts[name].row() for name in sorted(counts)}
    return table | {"any trait": {"groups": total, "found": round(any_found / max(total, 1), 4)}}


def random_groups(stream: Stream, count: int, seed: int) -> Iterator[tuple[str, Group]]:
    rng = Random(f"{stream.name} {seed}")
    largest = min(LARGEST, len(stream.album) // 4)
    for number in range(count):
        size = round(SMALLEST * (largest / SMALLEST) ** rng.random())
        yield f"{seed} {number}", stream.draw(rng, size)


def known(stream: Stream) -> Communities:
    """All communities of a stream, to be compared with."""
    communities = Communities()
    communities.take(
        (
            community(
                name,
                len(group.accounts),
                (
                    (account_hash(account), group.minutes[place] if group.minutes else 0)
                    for place, account in enumerate(group.accounts)
                ),
            )
            for name, group in stream.communities.items()
        ),
        stream.now_ms,
    )
    return communities


def streams(seed: int) -> dict[str, Callable[[], Stream]]:
    return {
        "gop-debate": lambda: mapped("gop-debate", "gop-debate/gop_debate"),
        "airlines": lambda: mapped("airlines", "airlines/airline_posts"),
        "profiles": profiles,
        "retweets": retweets,
        "simulated": lambda: simulated(seed),
        "commented": lambda: commented(seed),
    }


def tables(count: int, seed: int, only: str | None, trait: str | None) -> dict[str, Any]:
    chosen = [one for one in TRAITS if trait in (None, one.name)]
    found: dict[str, Any] = {}
    for name, made in streams(seed).items():
        if only in (None, name):
            stream = made()
            groups = sorted(stream.communities.items())
            Random(seed).shuffle(groups)
            groups = groups[:MOST_COMMUNITIES]
            found[name] = {
                "accounts": len(stream.album),
                "random groups": measured(stream, random_groups(stream, count, seed), Communities(), chosen),
                "communities": measured(stream, groups, Communities(), chosen),
                "communities, against each other": measured(stream, groups, known(stream), chosen),
            }
    return found


def show(found: dict[str, Any]) -> None:
    for name, table in found.items():
        print(f"{name}: {table.pop('accounts'):,} accounts")
        for kind, rows_ in table.items():
            print(f"  {kind}")
            print(f"    {'trait':20} {'groups':>7} {'p<=0.05':>8} {'p<=0.01':>8} {'shown':>8} {'found':>8}")
            for trait, row in rows_.items():
                columns = [f"p<={level}" for level in LEVELS] + ["shown", "found"]
                rates = " ".join(f"{row[one]:8.4f}" if one in row else " " * 8 for one in columns)
                print(f"    {trait:20} {row['groups']:7} {rates}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", type=int, default=1000, help="random groups a stream (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one stream")
    parser.add_argument("--trait", choices=[one.name for one in TRAITS], metavar="NAME", help="one trait")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if not (DATA / "accounts").is_dir() and arguments.only not in SIMULATED:
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    found = tables(arguments.groups, arguments.seed, arguments.only, arguments.trait)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
