"""Figures on real posts: copy-paste and pushed hashtags of a labelled operation, mixed into organic streams.

    python benchmarks/real_input.py [--hours 8] [--seed 1] [--json]

One hour of the operation is laid on one hour of organic posts (three organic files on each other, their time
compressed), so that the operation is a tenth of the posts or less; it is thinned by account where it is more.
Each mixed hour is a stream of its own: nothing is remembered from one to the next. All times are cut to the
minute, and all profile fields and languages are dropped on both sides, since not all sources have them. All
hours with a pushed hashtag are used, and some of those with copied texts; which, and how the organic files
are shifted, is drawn with the seed. The labels are never shown to the pipeline.

The data is found by VIGIE_SHARED_DATA, or in ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from detectors.case import Judged
from detectors.events import Post
from detectors.groups.near_duplicates import NearDuplicateSettings
from streams.embedded import Pipeline, Settings
from streams.sources.formats import open_source

ROOT = Path(__file__).resolve().parent.parent
MAPPINGS = ROOT / "tests" / "mappings"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
BASE_MS = 1_500_001_200_000  # any full hour
SHARE = 0.1
WINDOWS = (
    "ira_posts_2015-06-01_2015-09-01",
    "ira_posts_2017-06-10_2017-06-26",
    "ira_posts_2017-07-20_2017-08-06",
)
ORGANIC = (
    ("gop-debate", "gop-debate/gop_debate"),
    ("airlines", "airlines/airline_posts"),
    ("politicians", "politicians/italy_2022_parties"),
)
LINK = re.compile(r"https?://\S+")
TAG = re.compile(r"#(\w*[^\W\d]\w*)")  # digits alone are no hashtag
_SEVERITIES = {"notice": 1, "warning": 2, "critical": 3}


def data_folder() -> Path | None:
    """Where the shared data is, or None."""
    folder = Path(os.environ.get("VIGIE_SHARED_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / "ira-posts").is_dir() else None


def read(folder: Path, mapping: str, name: str) -> list[Post]:
    """Posts of one file, without anything that only one of the sources has, in time order."""
    posts = []
    for batch in open_source(folder / f"{name}.csv.gz", "csv", MAPPINGS / f"{mapping}.toml"):
        posts += [bare(post) for post in batch.posts]
    return sorted(posts, key=lambda post: (post.time_ms, post.id))


def bare(post: Post) -> Post:
    """A post with only the fields that all sources have."""
    return Post(
        id=post.id,
        platform="mixed",
        author_id=post.author_id,
        created_at=post.created_at,
        time_ms=post.time_ms,
        kind="repost" if post.kind == "repost" else "original",
        text=post.text,
        ref_id=post.ref_id,
        precision_s=60,
    )


def at(post: Post, offset_ms: int) -> Post:
    """The same post at another minute of the mixed hour."""
    time_ms = BASE_MS + offset_ms % HOUR_MS // MINUTE_MS * MINUTE_MS
    moved = bare(post)
    moved.time_ms = time_ms
    moved.created_at = datetime.fromtimestamp(time_ms // 1000, UTC)
    return moved


def compressed(posts: list[Post]) -> list[tuple[int, Post]]:
    """Posts with offsets in one hour, evenly by their rank, so that their order is kept."""
    return [(rank * HOUR_MS // len(posts), post) for rank, post in enumerate(posts)]


def hours(posts: list[Post]) -> dict[int, list[Post]]:
    """Posts by hour since the epoch."""
    grouped: dict[int, list[Post]] = defaultdict(list)
    for post in posts:
        grouped[post.time_ms // HOUR_MS].append(post)
    return grouped


@dataclass
class Mixed:
    """One mixed hour, in time order, with the operation's posts apart."""

    posts: list[Post]
    operation: list[Post]
    operation_ids: set[str] = field(init=False)
    operation_accounts: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.operation_ids = {post.id for post in self.operation}
        self.operation_accounts = {post.author_id for post in self.operation}


def mix(organic: list[list[tuple[int, Post]]], hour: list[Post], rng: random.Random) -> Mixed:
    """Lay an hour of the operation on an hour of organic posts, at most a tenth of the result."""
    shift = rng.randrange(3) * HOUR_MS // 3
    mixed = [at(post, offset + shift * (n + 1)) for n, layer in enumerate(organic) for offset, post in layer]
    room = len(mixed) * SHARE / (1 - SHARE)
    kept = hour
    if len(hour) > room:
        counts = Counter(post.author_id for post in hour)
        authors = sorted(counts)
        rng.shuffle(authors)
        chosen: set[str] = set()
        for author in authors:
            if counts[author] <= room:
                room -= counts[author]
                chosen.add(author)
        kept = [post for post in hour if post.author_id in chosen]
    operation = [at(post, post.time_ms % HOUR_MS) for post in kept]
    posts = sorted(mixed + operation, key=lambda post: (post.time_ms, post.id))
    return Mixed(posts, operation)


@dataclass
class Outcome:
    """What the pipeline said of one mixed hour."""

    judged: dict[str, list[Judged]]
    """Every state of every finding of the scores that count."""
    severity: dict[str, int]
    """Highest severity of the case of each finding: 1 notice, 2 warning, 3 critical."""


def run(posts: list[Post]) -> Outcome:
    """Run the product's pipeline at its default settings over one stream."""
    judged: dict[str, list[Judged]] = defaultdict(list)

    def keep(one: Judged) -> None:
        judged[one.finding.finding_id].append(one)

    # A smaller resemblance index than the default: it only bounds memory, and an hour does not fill it.
    settings = Settings(near_duplicates=NearDuplicateSettings(index_rows=1 << 15))
    pipeline = Pipeline(settings, on_judged=keep)
    alerts = [*pipeline.feed(posts), *pipeline.finish()]
    of_case: dict[str, int] = {}
    cases: dict[str, str] = {}
    for alert in alerts:
        data = alert["data"]
        of_case[data["case_id"]] = max(of_case.get(data["case_id"], 0), _SEVERITIES[data["severity"]])
        for finding in data["findings"]:
            cases[finding["finding_id"]] = data["case_id"]
    return Outcome(judged, {name: of_case[case] for name, case in cases.items()})


def exact_key(text: str) -> str:
    """The reference's key: without links, white space folded, lower case."""
    return re.sub(r"\s+", " ", LINK.sub("", text)).strip().lower()


def text_clusters(posts: list[Post]) -> list[list[Post]]:
    """The reference: same key, 25 characters or more, three accounts or more, within the hour."""
    grouped: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        key = exact_key(post.text)
        if post.kind != "repost" and len(key) >= 25:
            grouped[key].append(post)
    return [group for group in grouped.values() if len({post.author_id for post in group}) >= 3]


def tag_accounts(posts: list[Post]) -> dict[str, set[str]]:
    """The accounts of each hashtag."""
    accounts: dict[str, set[str]] = defaultdict(set)
    for post in posts:
        for tag in TAG.findall(post.text):
            accounts[tag.casefold()].add(post.author_id)
    return accounts


def purity(judged: Judged, mixed: Mixed) -> float:
    """Share of a finding's accounts that are the operation's."""
    accounts = [account.partition("\x1f")[2] for account in judged.finding.accounts]
    return sum(account in mixed.operation_accounts for account in accounts) / len(accounts)


_HOMOGLYPHS = str.maketrans("aeopc", "аеорс")


def edit(post: Post, rng: random.Random) -> Post:
    """One of five edits that copiers make."""
    words = post.text.split()
    choice = rng.randrange(5)
    if choice == 0 and len(words) > 3:
        i = rng.randrange(len(words) - 1)
        words[i], words[i + 1] = words[i + 1], words[i]
    elif choice == 1:
        words.insert(rng.randrange(len(words) + 1), rng.choice("😀🔥👏❗"))
    elif choice == 2:
        words = [word for word in words if not word.startswith(("http", "@"))]
        words.append(f"https://example.org/{rng.randrange(10**6)}")
    elif choice == 3:
        words = [word.translate(_HOMOGLYPHS) if word[0] not in "#@h" else word for word in words]
    elif len(post.text) > 40:
        words = [" ".join(words)[: int(len(" ".join(words)) * 0.8)]]
    edited = bare(post)
    edited.text = " ".join(words)
    return edited


@dataclass
class Texts:
    """Counts of protocol 1."""

    clusters: int = 0
    found: int = 0
    at_warning: int = 0
    edited: int = 0
    edited_found: int = 0
    false_findings: int = 0
    false_warnings: int = 0
    organic_originals: int = 0
    exact_rule_false: int = 0


@dataclass
class Tags:
    """Counts of protocol 2."""

    pushed: int = 0
    pushed_found: int = 0
    pushed_warning: int = 0
    organic: int = 0
    organic_found: int = 0
    organic_warning: int = 0


def found_in(outcome: Outcome, cluster: list[Post]) -> int:
    """Highest severity of a finding that holds three accounts of a cluster; 0 where there is none."""
    best = 0
    ids = {post.id: post.author_id for post in cluster}
    for name, states in outcome.judged.items():
        seen = {
            ids[member.post_id] for one in states for member in one.finding.posts if member.post_id in ids
        }
        if len(seen) >= 3:
            best = max(best, outcome.severity.get(name, 0))
    return best


def score_texts(result: Texts, mixed: Mixed, outcome: Outcome) -> None:
    for cluster in text_clusters(mixed.operation):
        severity = found_in(outcome, cluster)
        result.clusters += 1
        result.found += severity >= 1
        result.at_warning += severity >= 2
    organic = [post for post in mixed.posts if post.id not in mixed.operation_ids]
    result.organic_originals += sum(post.kind != "repost" for post in organic)
    result.exact_rule_false += len(text_clusters(organic))
    for name, states in outcome.judged.items():
        if states[-1].finding.detector == "near_duplicates" and purity(states[-1], mixed) < 0.2:
            result.false_findings += outcome.severity.get(name, 0) >= 1
            result.false_warnings += outcome.severity.get(name, 0) >= 2


def score_edited(result: Texts, mixed: Mixed, rng: random.Random) -> None:
    clusters = text_clusters(mixed.operation)
    in_cluster = {post.id for cluster in clusters for post in cluster}
    outcome = run([edit(post, rng) if post.id in in_cluster else post for post in mixed.posts])
    for cluster in clusters:
        result.edited += 1
        result.edited_found += found_in(outcome, cluster) >= 1


def score_tags(result: Tags, mixed: Mixed, outcome: Outcome, *, with_organic: bool) -> list[str]:
    """Count tag-hours; return the organic tags that were found."""
    severity: dict[str, int] = defaultdict(int)
    for name, states in outcome.judged.items():
        finding = states[-1].finding
        if finding.detector == "hashtags":
            tag = finding.subjects[0].value
            severity[tag] = max(severity[tag], outcome.severity.get(name, 0))
    pushed = tag_accounts(mixed.operation)
    for tag, accounts in pushed.items():
        if len(accounts) >= 20:
            result.pushed += 1
            result.pushed_found += severity[tag] >= 1
            result.pushed_warning += severity[tag] >= 2
    false = []
    if with_organic:
        organic = tag_accounts([post for post in mixed.posts if post.id not in mixed.operation_ids])
        for tag, accounts in organic.items():
            if len(accounts) >= 20 and len(pushed.get(tag, ())) < 3:
                result.organic += 1
                result.organic_found += severity[tag] >= 1
                result.organic_warning += severity[tag] >= 2
                if severity[tag]:
                    false.append(tag)
    return false


def chosen_hours(posts: list[Post], wanted: Callable[[list[Post]], bool]) -> list[list[Post]]:
    return [hour for _, hour in sorted(hours(posts).items()) if wanted(hour)]


def has_pushed_tag(hour: list[Post]) -> bool:
    return any(len(accounts) >= 20 for accounts in tag_accounts(hour).values())


def evaluate(folder: Path, per_window: int, seed: int) -> Iterator[tuple[str, Texts | Tags]]:
    """Run both protocols over some hours of each window; yield the counts as they grow."""
    organic = [compressed(read(folder, mapping, name)) for mapping, name in ORGANIC]
    rng = random.Random(seed)
    texts, tags = Texts(), Tags()
    for window in WINDOWS:
        posts = read(folder, "ira-posts", f"ira-posts/{window}")
        with_text = chosen_hours(posts, lambda hour: bool(text_clusters(hour)))
        with_tags = chosen_hours(posts, has_pushed_tag)
        for hour in rng.sample(with_text, min(per_window, len(with_text))):
            mixed = mix(organic, hour, rng)
            score_texts(texts, mixed, run(mixed.posts))
            score_edited(texts, mixed, rng)
            yield f"{window}: texts", texts
        for hour in with_tags:
            mixed = mix(organic, hour, rng)
            if not has_pushed_tag(mixed.operation):
                continue  # thinned to a tenth of the stream, the push is too small to count
            score_tags(tags, mixed, run(mixed.posts), with_organic=True)
            yield f"{window}: hashtags", tags


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def figures(texts: Texts, tags: Tags) -> dict[str, dict[str, float | int | str | None]]:
    """The figures with what is wanted of each."""
    per_10k = 10_000 / max(1, texts.organic_originals)
    rows = {
        "text clusters found, any severity": (share(texts.found, texts.clusters), ">= 0.98", texts.clusters),
        "text clusters found, warning or above": (
            share(texts.at_warning, texts.clusters),
            ">= 0.7",
            texts.clusters,
        ),
        "edited clusters found": (share(texts.edited_found, texts.edited), ">= 0.95", texts.edited),
        "organic text findings in 10,000 originals": (
            round(texts.false_findings * per_10k, 2),
            "<= 20",
            texts.organic_originals,
        ),
        "organic text warnings in 10,000 originals": (
            round(texts.false_warnings * per_10k, 2),
            "<= 1",
            texts.organic_originals,
        ),
        "baseline: exact-text rule, organic clusters in 10,000": (
            round(texts.exact_rule_false * per_10k, 2),
            "-",
            texts.organic_originals,
        ),
        "pushed tag-hours found, any severity": (
            share(tags.pushed_found, tags.pushed),
            ">= 0.95",
            tags.pushed,
        ),
        "pushed tag-hours found, warning or above": (
            share(tags.pushed_warning, tags.pushed),
            ">= 0.8",
            tags.pushed,
        ),
        "organic tag-hours found, any severity": (
            share(tags.organic_found, tags.organic),
            "<= 0.05",
            tags.organic,
        ),
        "organic tag-hours at warning or above": (
            share(tags.organic_warning, tags.organic),
            "0",
            tags.organic,
        ),
    }
    return {name: {"value": value, "wanted": wanted, "of": n} for name, (value, wanted, n) in rows.items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--hours",
        type=int,
        default=8,
        help="hours with copied texts drawn from each window (default 8); hashtags take all hours",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("The shared data is not here: nothing measured. Set VIGIE_SHARED_DATA to its folder.")
        return 0
    texts, tags = Texts(), Tags()
    for done, (name, counts) in enumerate(evaluate(folder, arguments.hours, arguments.seed), 1):
        if isinstance(counts, Texts):
            texts = counts
        else:
            tags = counts
        print(f"\r{done} hours done; {name}      ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table = figures(texts, tags)
    if arguments.json:
        print(json.dumps(table, indent=2))
    else:
        for name, row in table.items():
            print(f"{name:56} {row['value']!s:>8}   wanted {row['wanted']:8} (of {row['of']})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
