"""Protocol 1: copied texts of an operation among organic posts, as they are and after each copy was edited.

A *cluster* is what the exact-text rule finds among the operation's own posts of an hour
(`streams.evaluating.simple_rules`). It is found by a finding with posts of three of its accounts. Organic
findings are those of copied texts of which under a fifth of the accounts are the operation's. Every hour is
judged twice: as it is, and with each copy edited in one of five ways: two words swapped, an emoji put in,
links and mentions replaced, look-alike letters, a fifth cut off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random

from detectors.events import Post
from streams.evaluating import mixing
from streams.evaluating.figures import Counted, Figure, Measured, rule, share
from streams.evaluating.judged import (
    FALSE,
    NOTICE,
    WARNING,
    Outcome,
    cases_of,
    delay_min,
    judge,
)
from streams.evaluating.mixing import Mixed
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.ranking import average_precision, precision_interval
from streams.evaluating.simple_rules import (
    exact_key,
    fixed_window,
    same_text,
    text_clusters,
)

PER_10K = 10_000
_LOOK_ALIKES = str.maketrans("aeopc", "аеорс")
_CURVE = (20, 25, 30, 35, 40, 50, 60, 75)


def edited(post: Post, rng: Random) -> Post:
    """The post after one of five edits that copiers make."""
    words = post.text.split()
    match rng.randrange(5):
        case 0 if len(words) > 3:
            i = rng.randrange(len(words) - 1)
            words[i], words[i + 1] = words[i + 1], words[i]
        case 1:
            words.insert(rng.randrange(len(words) + 1), rng.choice("😀🔥👏❗"))
        case 2:
            words = [word for word in words if not word.startswith(("http", "@"))]
            words.append(f"https://example.org/{rng.randrange(10**6)}")
        case 3:
            words = [word.translate(_LOOK_ALIKES) if word[0] not in "#@h" else word for word in words]
        case _ if len(post.text) > 40:
            words = [" ".join(words)[: len(" ".join(words)) * 4 // 5]]
    again = mixing.moved(post, post.time_ms)
    again.text = " ".join(words)
    return again


class Tallies:
    """What was counted.

    The unit of what is the operation's is the mixed hour. The same organic posts are in every mixed hour:
    their unit is the post, and each finding counts with its first.
    """

    def __init__(self) -> None:
        self.hours: dict[str, list[Counted]] = defaultdict(list)
        self.organic: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        """By name, of each organic original how often something began with it, and how often it was there."""
        self.ranked: list[tuple[str, float, bool]] = []
        """Unit, score, and whether it is a cluster (else an organic finding)."""
        self.measured = Measured(delays={"first told": [], "at warning or above": []})

    def take(self, mixed: Mixed, outcome: Outcome, rng: Random) -> None:
        """Count one hour as it is, and edited."""
        clusters = text_clusters(mixed.operation)
        originals = {post.id for post in mixed.organic if post.kind != "repost"}
        holding = [outcome.holding(cluster) for cluster in clusters]
        levels = [max(map(outcome.level, names), default=0) for names in holding]
        self._add("found", sum(level >= NOTICE for level in levels), len(clusters))
        self._add("warned", sum(level >= WARNING for level in levels), len(clusters))
        for names, cluster in zip(holding, clusters, strict=True):
            self.ranked.append((mixed.stream, max(map(outcome.score, names), default=-1), True))
            for name, level in zip(self.measured.delays, (NOTICE, WARNING), strict=True):
                if (delay := delay_min(outcome, names, cluster, level)) is not None:
                    self.measured.delays[name].append(delay)
        false = [name for name in self._texts(outcome) if outcome.purity(name, mixed.accounts) < FALSE]
        told = [name for name in false if outcome.level(name) >= NOTICE]
        first = {name: outcome.first_post(name) for name in told}
        self.ranked += [(first[name], outcome.score(name), False) for name in told]
        self._begin("found", first.values(), originals)
        self._begin("warned", [first[name] for name in told if outcome.level(name) >= WARNING], originals)
        self._begin("exact", [cluster[0].id for cluster in text_clusters(mixed.organic)], originals)
        edges = fixed_window(mixed.posts, same_text)
        tied = {account for edge in edges for account in edge} - mixed.accounts
        by_author = {post.author_id: post.id for post in mixed.organic if post.kind != "repost"}
        self._begin("window", [by_author[one] for one in tied], originals)
        self._add("window", _tied(clusters, edges), len(clusters))
        self.measured.cases += cases_of(mixed, outcome)
        self._edited(mixed, clusters, rng)

    def _edited(self, mixed: Mixed, clusters: list[list[Post]], rng: Random) -> None:
        copies = {post.id for cluster in clusters for post in cluster}
        posts = [edited(post, rng) if post.id in copies else post for post in mixed.posts]
        outcome = judge(posts)
        found = [max(map(outcome.level, outcome.holding(one)), default=0) for one in clusters]
        self._add("edited", sum(level >= NOTICE for level in found), len(clusters))
        self._add("edited warned", sum(level >= WARNING for level in found), len(clusters))
        after = {post.id: post for post in posts if post.id in copies}
        same = [[after[post.id] for post in cluster] for cluster in clusters]
        self._add("edited exact", sum(bool(_still(cluster)) for cluster in same), len(clusters))
        self._add("edited window", _tied(same, fixed_window(posts, same_text)), len(clusters))

    def _texts(self, outcome: Outcome) -> Iterator[str]:
        for name, states in outcome.findings.items():
            if states[-1].finding.detector == "near_duplicates":
                yield name

    def _add(self, name: str, hits: int, of: int) -> None:
        self.hours[name].append((hits, of))

    def _begin(self, name: str, firsts: Iterable[str], originals: set[str]) -> None:
        for post in originals:
            self.organic[name][post][1] += 1
        for post in firsts:
            self.organic[name][post][0] += 1

    def false(self, name: str) -> list[Counted]:
        """Of each organic original how often something began with it, and how often it was there."""
        return [(hits, of) for hits, of in self.organic[name].values()]


def _tied(clusters: list[list[Post]], edges: set[tuple[str, str]]) -> int:
    """Clusters of which three accounts are tied to another of it."""
    found = 0
    for cluster in clusters:
        accounts = {post.author_id for post in cluster}
        found += len({one for one, other in edges if one in accounts and other in accounts}) >= 3
    return found


def _still(cluster: list[Post]) -> list[str]:
    """Texts that three accounts of an edited cluster still have in common."""
    authors: dict[str, set[str]] = defaultdict(set)
    for post in cluster:
        authors[exact_key(post.text)].add(post.author_id)
    return [key for key, names in authors.items() if len(names) >= 3]


def measure(bench: Bench) -> Measured:
    """Copied texts in some hours of each window of the operation."""
    layers = mixing.organic_layers(bench.folder)
    tallies, rng = Tallies(), bench.rng("copied texts")
    for table in bench.folder.tables("operation posts"):
        posts = mixing.read_posts(table)
        hours = mixing.chosen(posts, lambda hour: bool(text_clusters(hour)), bench.of(3, 8), rng)
        for number, hour in enumerate(hours, 1):
            bench.tell(f"{table.stem}, {number} of {len(hours)} hours")
            mixed = mixing.mix(mixing.operation_of(table), layers, hour, rng)
            tallies.take(mixed, judge(mixed.posts), rng)
    return _result(tallies, bench.seed)


def _result(tallies: Tallies, seed: int) -> Measured:
    hours, measured = tallies.hours, tallies.measured
    unit, distinct = "mixed hours", len(tallies.organic["found"])
    ranked = [(score, wanted) for _, score, wanted in tallies.ranked]
    low, high = precision_interval(tallies.ranked, seed) or (None, None)
    measured.figures = [
        share(
            "clusters of copied texts in a finding, any severity",
            hours["found"],
            unit,
            seed,
            wanted=">= 0.98",
            baselines=(rule("Coordination Network Toolkit, co_tweet at 60 s", hours["window"], seed),),
            note="the exact-text rule finds all: it is the reference",
        ),
        share("clusters of copied texts at warning or above", hours["warned"], unit, seed, wanted=">= 0.7"),
        share(
            "clusters found after each copy was edited",
            hours["edited"],
            unit,
            seed,
            wanted=">= 0.95",
            baselines=(
                rule("exact text", hours["edited exact"], seed),
                rule("Coordination Network Toolkit, co_tweet at 60 s", hours["edited window"], seed),
            ),
            published="D3lta on 2,985 synthetic texts: copies, precision .947, recall .961",
        ),
        share("edited clusters at warning or above", hours["edited warned"], unit, seed),
        share(
            "organic findings in 10,000 organic originals, any severity",
            tallies.false("found"),
            "organic posts",
            seed,
            times=PER_10K,
            wanted="<= 20",
            baselines=(
                rule("exact text: clusters", tallies.false("exact"), seed, PER_10K),
                rule("Coordination Network Toolkit: tied accounts", tallies.false("window"), seed, PER_10K),
            ),
            note=f"the same {distinct:,} organic originals are in every mixed hour, shifted",
        ),
        share(
            "organic findings at warning or above, in 10,000",
            tallies.false("warned"),
            "organic posts",
            seed,
            times=PER_10K,
            wanted="<= 1",
            note=f"none among {distinct:,} leaves room for {3 * PER_10K / max(1, distinct):.1f} in 10,000",
        ),
        Figure(
            measure="average precision of the score: clusters above organic findings",
            value=round(average_precision(ranked), 4) if any(wanted for _, wanted in ranked) else None,
            low=low,
            high=high,
            unit="mixed hours, organic posts" if low is not None else "",
            of=len(ranked),
        ),
    ]
    measured.rankings["copied texts: score of the finding"] = ranked
    measured.tables["by the score that is asked for"] = _curve(tallies.false("found"), ranked)
    return measured


def _curve(organic: list[Counted], ranked: list[tuple[float, bool]]) -> list[dict[str, float | int | None]]:
    originals = sum(of for _, of in organic)
    clusters = sum(wanted for _, wanted in ranked)
    rows: list[dict[str, float | int | None]] = []
    for least in _CURVE:
        found = sum(wanted and score >= least for score, wanted in ranked)
        false = sum(not wanted and score >= least for score, wanted in ranked)
        rows.append(
            {
                "score": least,
                "clusters found": round(found / clusters, 3) if clusters else None,
                "organic in 10,000": round(PER_10K * false / originals, 2) if originals else None,
            }
        )
    return rows


PROTOCOL = Protocol(
    number=1,
    name="copied-texts",
    title="Copied texts",
    needs=(("operation posts",), ("organic posts",)),
    measure=measure,
)
