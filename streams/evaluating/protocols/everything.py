"""Protocol 14: an operation that begins in the middle of ordinary hours, through the whole product.

The organic files are compressed to some hours and laid on each other; halfway an operation begins, as many
hours of it, thinned to a tenth of its half. Folders with `posts.jsonl` and `truth.jsonl` (`vigie
simulate`) are streams of their own, at their own pace. Each stream is run twice by `vigie replay`, in
processes of their own: as fast as it can, which gives the alerts and the most memory that it held; and at
a speed at which the posts are handed over second by second of event time, as at speed 1, with next to no
waiting.

The alerts of both must be the same, but for when they were published. What is alerted before the first
operation begins is false. The delay runs from the third participating post to the first *right* alert, one
of which four accounts of five are the operation's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from detectors.alerts import instant
from detectors.events import Post, Rejection, decode_line
from streams.evaluating import mixing
from streams.evaluating.figures import Figure, Measured, share
from streams.evaluating.judged import NOTICE, RIGHT, WARNING, Outcome, Told, purity_of
from streams.evaluating.mixing import HOUR_MS, MINUTE_MS
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.simple_rules import text_clusters
from streams.simulate import INNOCENT
from streams.sources.opening import InputError, open_input
from streams.sources.posts import encode_post

_NO_WAIT = "1000000000"
"""A speed at which posts are handed over second by second, as at speed 1, and nobody waits."""


class Stream(NamedTuple):
    """A labelled stream, in the order of time."""

    name: str
    posts: list[Post]
    operations: dict[str, list[Post]]


class Played(NamedTuple):
    """The alerts of one run, and the most memory that its process held, in bytes, where the system tells."""

    alerts: list[dict[str, Any]]
    peak: int | None


def shifted(bench: Bench) -> Iterator[Stream]:
    """For each file of the operation some hours of it, beginning in the middle of organic ones."""
    layers, length = mixing.organic_layers(bench.folder), bench.of(2, 6)
    tables = bench.folder.tables("operation posts")
    for table in tables[:1] if bench.quick else tables:
        rng = bench.rng("everything", table.stem)
        by_hour = mixing.hours(mixing.read_posts(table))
        starts = [number for number, hour in sorted(by_hour.items()) if text_clusters(hour)]
        if not starts:
            continue
        first = rng.choice(starts)
        half = length * HOUR_MS
        organic = [
            mixing.moved(post, mixing.BASE_MS + _minute(2 * offset * length), f"{n} ")
            for n, layer in enumerate(layers)
            for offset, post in mixing.placed(layer, rng)
        ]
        hours = [post for number in range(first, first + length) for post in by_hour.get(number, [])]
        kept = mixing.thinned(hours, len(organic) // 2, rng)
        begin = mixing.BASE_MS + half
        operation = [mixing.moved(post, begin + _minute(post.time_ms - first * HOUR_MS)) for post in kept]
        if len(operation) >= 3:
            posts = sorted(organic + operation, key=_order)
            yield Stream(table.stem, posts, {mixing.operation_of(table): sorted(operation, key=_order)})


def _minute(offset_ms: int) -> int:
    return offset_ms // MINUTE_MS * MINUTE_MS


def _order(post: Post) -> tuple[int, str]:
    return post.time_ms, post.id


def labelled(path: Path) -> Stream:
    """The stream of a folder with `posts.jsonl` and `truth.jsonl`."""
    truth = {}
    try:
        posts = [decode_line(line) for line in _lines(path / "posts.jsonl")]
        for line in _lines(path / "truth.jsonl"):
            row = orjson.loads(line)
            if row["role"] != INNOCENT:
                truth[str(row["post_id"])] = str(row["operation"])
    except (Rejection, orjson.JSONDecodeError, KeyError, TypeError) as problem:
        raise InputError(f"{path} is no labelled stream: {problem}") from None
    posts.sort(key=_order)
    operations: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if post.id in truth:
            operations[truth[post.id]].append(post)
    return Stream(path.name, posts, dict(operations))


def _lines(path: Path) -> list[bytes]:
    return [line for line in b"".join(open_input(path)).split(b"\n") if line]


def replayed(posts: list[Post], *options: str) -> Played:
    """`vigie replay` in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded, alerts, peak = folder / "posts.jsonl", folder / "alerts.jsonl", folder / "peak"
        recorded.write_bytes(b"".join(encode_post(post) + b"\n" for post in posts))
        command = [sys.executable, "-m", "streams.evaluating.replaying", str(peak)]
        command += ["replay", str(recorded), "--format", "posts", "--json", "--alerts", str(alerts), *options]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise InputError(f"vigie replay ended with exit code {done.returncode}")
        held = peak.read_text(encoding="ascii")
        return Played([orjson.loads(line) for line in _lines(alerts)], int(held) if held else None)


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    """Whether two runs told the same, but for when."""
    return list(map(_told, one)) == list(map(_told, other))


def _told(alert: dict[str, Any]) -> bytes:
    data = {name: value for name, value in alert["data"].items() if name != "published_at"}
    return orjson.dumps(alert | {"data": data}, option=orjson.OPT_SORT_KEYS)


class Tallies:
    """What was counted over the streams."""

    def __init__(self) -> None:
        self.measured = Measured(delays={"everything: first told": [], "everything: at warning": []})
        self.false: list[tuple[str, int, int]] = []
        """Of each stream: alerts before the first operation, and warnings among them."""
        self.right: list[tuple[bool, bool]] = []
        """Of each operation: whether it was told rightly, and at warning or above."""
        self.peaks: list[int] = []
        self.same: list[bool] = []
        self.posts = 0

    def take(self, stream: Stream, played: Played, slow: list[dict[str, Any]]) -> None:
        """Count one stream."""
        outcome = Outcome(played.alerts)
        begin = min(posts[0].time_ms for posts in stream.operations.values())
        early = [one for one in outcome.told if one.time_ms < begin]
        self.false.append((stream.name, len(early), sum(one.level >= WARNING for one in early)))
        for posts in stream.operations.values():
            self._operation(outcome, posts)
        everyone = {post.author_id for posts in stream.operations.values() for post in posts}
        names = "+".join(sorted(stream.operations))
        self.measured.cases += outcome.cases(names, stream.name, everyone)
        self.peaks += [] if played.peak is None else [played.peak]
        self.same.append(same(played.alerts, slow))
        self.posts = max(self.posts, len(stream.posts))

    def _operation(self, outcome: Outcome, posts: list[Post]) -> None:
        accounts = {post.author_id for post in posts}
        right = [one for one in outcome.told if one.accounts and purity_of(one, accounts) >= RIGHT]
        third = posts[min(2, len(posts) - 1)].time_ms
        first = [_first(right, level) for level in (NOTICE, WARNING)]
        self.right.append((first[0] is not None, first[1] is not None))
        for name, told in zip(self.measured.delays, first, strict=True):
            if told is not None:
                self.measured.delays[name].append(round((told - third) / MINUTE_MS, 2))


def _first(told: list[Told], level: int) -> int | None:
    return min((one.time_ms for one in told if one.level >= level), default=None)


def measure(bench: Bench) -> Measured:
    """Every stream that the folder gives."""
    streams: list[Stream] = []
    if bench.folder.has("operation posts") and bench.folder.has("organic posts"):
        streams += shifted(bench)
    streams += map(labelled, bench.folder.streams())
    tallies = Tallies()
    for stream in streams:
        if stream.operations:
            bench.tell(f"{stream.name}: {len(stream.posts):,} posts from {instant(stream.posts[0].time_ms)}")
            tallies.take(stream, replayed(stream.posts), replayed(stream.posts, "--speed", _NO_WAIT).alerts)
    if not tallies.right:
        return Measured(unmeasurable="no hour of an operation has copied texts, and no stream is labelled")
    return _result(tallies, bench.seed)


def _result(tallies: Tallies, seed: int) -> Measured:
    measured = tallies.measured
    streams = ", ".join(name for name, _, _ in tallies.false)
    measured.figures = [
        Figure(
            measure="alerts before the first operation begins, at warning or above",
            value=sum(warned for _, _, warned in tallies.false),
            of=len(tallies.false),
            wanted="= 0",
            note=f"streams: {streams}",
        ),
        Figure(
            measure="alerts before the first operation begins, any severity",
            value=sum(early for _, early, _ in tallies.false),
            of=len(tallies.false),
        ),
        share(
            "operations told rightly, any severity",
            [(one, 1) for one, _ in tallies.right],
            "operations",
            seed,
        ),
        share(
            "operations told rightly, at warning or above",
            [(one, 1) for _, one in tallies.right],
            "operations",
            seed,
        ),
        *(
            Figure(
                measure=f"minutes to the first right alert, median ({name.partition(': ')[2]})",
                value=sorted(delays)[len(delays) // 2] if delays else None,
                low=min(delays, default=None),
                high=max(delays, default=None),
                unit="smallest and largest" if delays else "",
                of=len(delays),
            )
            for name, delays in measured.delays.items()
        ),
        Figure(
            measure="peak memory of a run, in MiB",
            value=round(max(tallies.peaks) / 2**20, 1) if tallies.peaks else None,
            of=tallies.posts,
            note="of the largest stream, Python and libraries included",
        ),
        Figure(
            measure="streams with the same alerts at speed 1 and at the highest",
            value=sum(tallies.same),
            of=len(tallies.same),
            wanted=f"= {len(tallies.same)}",
            note="handed over second by second of event time, with next to no waiting",
        ),
    ]
    return measured


PROTOCOL = Protocol(
    number=14,
    name="everything",
    title="Everything at once",
    needs=(("labelled streams", "operation posts"), ("labelled streams", "organic posts")),
    measure=measure,
)
