"""How fast the embedded pipeline is, as ratios to reading the JSON alone; where the time and the memory go.

    python benchmarks/throughput.py [--posts 40000] [--rates 280,50,5800] [--rounds 5] [--json]
    python benchmarks/throughput.py --profile [--json]   where the time goes, by stage
    python benchmarks/throughput.py --memory [--json]    peak memory of a million posts within the hour

Seconds measure the machine and its neighbours. So everything is measured in one run, in turns (A B C, A B C,
...), over the same lines, and told as a ratio to *orjson*, which is `orjson.loads` of each line:

* *pipeline*: what `vigie replay` does with a sorted file, from the bytes of the file to the alerts: lines
  cut, decoded and checked, ticks, accounts, near-duplicates, hashtags, co-sharing, pairs, cases;
* *without traits*: the same, but groups are only found, and not set against chance by what their accounts
  have in common: nothing is remembered for that, no looks are gathered and none compared;
* *pipeline, sorting*: as *pipeline*, with the posts sorted first, as for an archive in any order;
* *naive*: `benchmarks/naive.py`, the first attempt that everybody writes, over the first lines only.

The traffic is simulated (`streams.simulate`: ordinary people in French and English, heavy-tailed authors,
full profiles, no operation), seeded, and the same in every run. A rate is the number of posts in a second of
event time: it decides how many posts a tick holds, and so what batching is worth.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import orjson
from naive import Naive

from detectors import sketches
from detectors.accounts import stage
from detectors.batches import SignalBatch
from detectors.groups import amplification, hashtags
from detectors.groups.amplification import Amplification
from detectors.groups.co_sharing import CoSharing
from detectors.groups.hashtags import Hashtags
from detectors.groups.near_duplicates import NearDuplicates
from detectors.groups.networks import Networks
from detectors.groups.references import References
from detectors.groups.rising import Rising
from detectors.groups.targets import Targets
from detectors.judging import Judge
from detectors.looks import Look
from detectors.pairs import Pairs, Repetition
from detectors.traits.results import TraitResult
from detectors.traits.testing import Traits
from detectors.windows import TickBuffer
from streams.embedded import Pipeline, spare_collector
from streams.replay import Run, play
from streams.simulate.scenario import Ordinary, Scenario
from streams.simulate.writing import simulate
from streams.sources import formats
from streams.sources.ordering import in_order
from streams.sources.records import Tally

WANTED = 0.025
"""With everything on, the pipeline may take 40 times the time of `orjson.loads`, and no more."""
NAIVE_POSTS = 1000
ORJSON_PASSES = 6
MEMORY_POSTS = 1_000_000
MEMORY_RATE = 280.0
SEED = 1
_LEFT_OUT = ("ref_author", "location", "default_avatar", "protected", "conversation_id", "ref_created_at")
"""Fields that no detector reads: without them a line is as long as those of the networks' own streams."""


def tell(message: str) -> None:
    """Progress, on standard error."""
    print(message, file=sys.stderr, flush=True)


# -- the posts -------------------------------------------------------------------------------------


def lines(posts: int, rate: float, seed: int = SEED, *, distinct: bool = False) -> Iterator[bytes]:
    """Lines of simulated posts; with `distinct` all are originals and each text has a word of its own."""
    shares = {"reposts": 0.0, "replies": 0.2, "quotes": 0.0} if distinct else {"reposts": 0.3}
    people = max(20_000, min(posts, 300_000))
    scenario = Scenario(
        title="benchmark",
        start=datetime(2022, 4, 10, 18, tzinfo=UTC),
        duration_minutes=posts / rate / 60 * 1.5 + 1,
        ordinary=Ordinary(posts_per_second=rate, accounts=people, french=0.6, **shares),
    )
    for number, post in enumerate(simulate(scenario, seed)):
        if number == posts:
            return
        yield _shortened(post.line, number if distinct else None)


def _shortened(line: bytes, number: int | None) -> bytes:
    post = orjson.loads(line)
    for name in _LEFT_OUT:
        post.pop(name, None)
        post["author"].pop(name, None)
    if number is not None:
        post["text"] += " " + _word(number)
    return orjson.dumps(post) + b"\n"


def _word(number: int) -> str:
    """A word that no other number has: letters only, since numbers do not tell texts apart."""
    rest, letters = number * 7919 % 26**6, ""
    for _ in range(6):
        rest, letter = divmod(rest, 26)
        letters += chr(97 + letter)
    return letters


@dataclass
class Traffic:
    """The same lines as a list and as a file."""

    rate: float
    lines: list[bytes]
    path: Path


def traffic(folder: Path, posts: int, rate: float) -> Traffic:
    """Simulate the posts of one rate."""
    tell(f"simulating {posts:,} posts at {rate:g} a second")
    made = list(lines(posts, rate))
    path = folder / f"posts-{rate:g}.jsonl"
    path.write_bytes(b"".join(made))
    return Traffic(rate, made, path)


# -- what is timed ---------------------------------------------------------------------------------


def run_orjson(stream: Traffic) -> int:
    """Decode every line, some times over so that it takes as long as the others; drop the results."""
    loads = orjson.loads
    for _ in range(ORJSON_PASSES):
        for line in stream.lines:
            loads(line)
    return ORJSON_PASSES * len(stream.lines)


def run_pipeline(stream: Traffic) -> int:
    """From the bytes of the file to the alerts."""
    return replay(stream.path, sort=False)


def run_without_traits(stream: Traffic) -> int:
    """The same, with groups found and told, and no traits tested."""
    pipeline = Pipeline()
    pipeline.accounts = _Unlooked(pipeline.settings.accounts)
    pipeline.judge.traits = _Untested(pipeline.settings.traits)
    with ExitStack() as unremembered:
        for owner, name, nothing in _FOR_TRAITS_ALONE:
            unremembered.enter_context(mock.patch.object(owner, name, nothing))
        return replay(stream.path, sort=False, pipeline=pipeline)


_FOR_TRAITS_ALONE: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (stage, "note", lambda *_: None),
    (stage, "shown_by", lambda before, *_: before),
    (hashtags, "counted_on", lambda *_: None),
    (amplification, "counted_on", lambda *_: None),
)
"""What only traits ask for: an account's habits, what its profile said, who came together on a subject."""


class _Unlooked(stage.Accounts):
    """Accounts whose looks are not gathered."""

    def _looks(self, *_: Any) -> list[Look]:
        return []


class _Untested(Traits):
    """Traits that nothing is tested for."""

    def test(self, *_: Any) -> list[TraitResult]:
        return []


def run_sorting(stream: Traffic) -> int:
    """The same, with the posts sorted first."""
    return replay(stream.path, sort=True)


def replay(path: Path, *, sort: bool, pipeline: Pipeline | None = None) -> int:
    """Run the product's pipeline over a file; return the posts processed."""
    pipeline = pipeline or Pipeline()
    batches = formats.posts_of([formats.open_source(path, "posts")], Tally())
    for _ in play(in_order(batches) if sort else batches, pipeline, Run()):
        pass
    return pipeline.tallies.processed


def run_naive(stream: Traffic) -> int:
    """The first attempt, over the first lines: it is too slow for more."""
    naive = Naive()
    some = stream.lines[:NAIVE_POSTS]
    for line in some:
        naive.take(line)
    return len(some)


RUNS: dict[str, Callable[[Traffic], int]] = {
    "orjson": run_orjson,
    "pipeline": run_pipeline,
    "without traits": run_without_traits,
    "pipeline, sorting": run_sorting,
    "naive": run_naive,
}


def clock(run: Callable[[Traffic], int], stream: Traffic) -> float:
    """Microseconds a post. Processor time, so that a neighbour on the machine does not count."""
    begin = time.process_time()
    done = run(stream)
    return (time.process_time() - begin) / done * 1e6


def measure(stream: Traffic, rounds: int) -> dict[str, Any]:
    """Time everything in turns; medians of the times, and of the ratios within one round."""
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        for name, run in RUNS.items():
            times[name].append(clock(run, stream))
        tell(f"  round {number + 1} of {rounds}: pipeline {times['pipeline'][-1]:.1f} us a post")
    reference = times["orjson"]
    result: dict[str, Any] = {"rate": stream.rate, "posts": len(stream.lines)}
    result["bytes_a_line"] = round(sum(map(len, stream.lines)) / len(stream.lines))
    for name, values in times.items():
        ratios = [base / value for base, value in zip(reference, values, strict=True)]
        result[name] = {
            "us_a_post": round(statistics.median(values), 2),
            "ratio": round(statistics.median(ratios), 4),
            "ratio_min": round(min(ratios), 4),
            "ratio_max": round(max(ratios), 4),
        }
    return result


# -- where the time goes ---------------------------------------------------------------------------


class Stages:
    """Time by stage, each without the stages that it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed under a name."""
        clock, inner, seconds = time.perf_counter, self._inner, self.seconds

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            begin = clock()
            try:
                return function(*args, **kwargs)
            finally:
                whole = clock() - begin
                seconds[name] += whole - inner.pop()
                inner[-1] += whole

        return timed


def _places() -> list[tuple[str, Any, str]]:
    """The stages: a name, and the function that is timed under it."""
    return [
        ("ticks: held until the watermark", TickBuffer, "add"),
        ("accounts: links, names and tags in the text", stage, "read_entities"),
        ("accounts: fold and key of the text", stage, "fingerprint"),
        ("accounts: automation score", stage.Accounts, "_score"),
        ("accounts: memory and signals", stage.Accounts, "take"),
        ("near-duplicates: exact copies", NearDuplicates, "_match_exact"),
        ("near-duplicates: signatures", sketches, "signatures"),
        ("near-duplicates: band table", sketches.BandTable, "meet"),
        ("near-duplicates: places, words, clusters", NearDuplicates, "take"),
        ("hashtags", Hashtags, "take"),
        ("co-sharing", CoSharing, "take"),
        ("amplification", Amplification, "take"),
        ("targets", Targets, "take"),
        ("rising", Rising, "take"),
        ("signals", SignalBatch, "signals"),
        ("pairs", Pairs, "take"),
        ("repetition", Repetition, "take"),
        ("networks", Networks, "take"),
        ("references", References, "take"),
        ("severity", Judge, "_assess"),
    ]


@contextmanager
def staged(stages: Stages) -> Iterator[None]:
    """Time the stages while inside."""
    before = [(owner, attribute, getattr(owner, attribute)) for _, owner, attribute in _places()]
    for name, owner, attribute in _places():
        setattr(owner, attribute, stages.wrap(name, getattr(owner, attribute)))
    try:
        yield
    finally:
        for owner, attribute, function in before:
            setattr(owner, attribute, function)


def profile(stream: Traffic) -> dict[str, float]:
    """Microseconds a post of each stage; the clock's own cost is in them."""
    stages = Stages()
    with staged(stages):
        pipeline = Pipeline()
        rest = "ticks put in order, cases, alerts, calls"
        feed = stages.wrap(rest, lambda posts: list(pipeline.feed(posts)))
        batches = formats.posts_of([formats.open_source(stream.path, "posts")], Tally())
        read = stages.wrap("read: lines cut, decoded, checked", lambda: next(batches, None))
        while (posts := read()) is not None:
            feed(posts)
        feed([])
        list(pipeline.finish())
    return {name: round(seconds / len(stream.lines) * 1e6, 2) for name, seconds in stages.seconds.items()}


# -- memory ----------------------------------------------------------------------------------------


def memory(folder: Path, posts: int) -> dict[str, Any]:
    """Peak memory of runs over posts with distinct texts within the hour, each in a process of its own."""
    path = folder / "distinct.jsonl"
    tell(f"simulating {posts:,} posts with distinct texts")
    with path.open("wb") as file:
        file.writelines(lines(posts, MEMORY_RATE, distinct=True))
    result: dict[str, Any] = {"posts": posts, "rate": MEMORY_RATE}
    for name in ("nothing", "pipeline", "sorting"):
        tell(f"  peak memory: {name}")
        command = [sys.executable, __file__, "--child", name, str(path)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        result[name] = json.loads(run.stdout)
    return result


def child(name: str, path: Path) -> None:
    """Run once and print the peak memory of this process."""
    begin = time.process_time()
    seen: dict[str, int] = {}
    if name != "nothing":
        pipeline = Pipeline()
        batches = formats.posts_of([formats.open_source(path, "posts")], Tally())
        for _ in play(in_order(batches) if name == "sorting" else batches, pipeline, Run()):
            pass
        texts = pipeline.stores()["texts"]
        seen = {"texts": len(texts), "accounts": len(pipeline.accounts), "evicted_texts": texts.evicted}
    spent = time.process_time() - begin
    print(json.dumps({"peak_mib": round(peak_mib()), "seconds": round(spent, 1), **seen}))


# -- what is printed -------------------------------------------------------------------------------


def peak_mib() -> float:
    """Peak memory of this process in MiB. A started child inherits the peak that getrusage tells."""
    status = Path("/proc/self/status")
    if status.exists():
        kib = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if kib:
            return int(kib[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> str:
    """The machine, without its name."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}, numpy {np.__version__}, "
        f"orjson {orjson.__version__}"
    )


def show_ratios(results: list[dict[str, Any]]) -> None:
    for result in results:
        print(
            f"\n{result['rate']:g} posts/s of event time, {result['posts']:,} posts, "
            f"{result['bytes_a_line']} bytes a line"
        )
        print(f"{'':20s}{'us/post':>9s}{'ratio':>9s}{'min':>9s}{'max':>9s}")
        for name in RUNS:
            row = result[name]
            print(
                f"{name:20s}{row['us_a_post']:9.2f}{row['ratio']:9.4f}"
                f"{row['ratio_min']:9.4f}{row['ratio_max']:9.4f}"
            )
    worst = min(result["pipeline"]["ratio"] for result in results)
    print(f"\nwanted: pipeline at least {WANTED}; the lowest is {worst}")


def show_profile(result: dict[str, float]) -> None:
    total = sum(result.values())
    for name, spent in sorted(result.items(), key=lambda item: -item[1]):
        print(f"{name:48s}{spent:8.2f} us{spent / total:8.1%}")
    print(f"{'all':48s}{total:8.2f} us")


def show_memory(result: dict[str, Any]) -> None:
    print(f"{result['posts']:,} posts with distinct texts, {result['rate']:g} posts/s")
    for name in ("nothing", "pipeline", "sorting"):
        row = result[name]
        print(f"{name:10s} peak {row['peak_mib']:6,} MiB, {row['seconds']:6.1f} s", end="")
        print("".join(f", {key} {row[key]:,}" for key in row if key not in ("peak_mib", "seconds")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Throughput and memory of the embedded pipeline.")
    parser.add_argument("--posts", type=int, default=40_000, help="posts in each run")
    parser.add_argument("--rates", default="280,50,5800", help="posts in a second of event time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="where the time goes, at the first rate")
    parser.add_argument("--memory", action="store_true", help="peak memory of a million posts in the hour")
    parser.add_argument("--memory-posts", type=int, default=MEMORY_POSTS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "PATH"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    wanted = arguments()
    spare_collector()
    if wanted.child:
        child(wanted.child[0], Path(wanted.child[1]))
        return
    rates = [float(rate) for rate in wanted.rates.split(",")]
    answer: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as name:
        folder = Path(name)
        if wanted.memory:
            answer["memory"] = memory(folder, wanted.memory_posts)
        elif wanted.profile:
            answer["profile"] = profile(traffic(folder, wanted.posts, rates[0]))
        else:
            answer["ratios"] = [
                measure(traffic(folder, wanted.posts, rate), wanted.rounds if rate == rates[0] else 2)
                for rate in rates
            ]
    if wanted.json:
        print(json.dumps(answer, indent=2))
        return
    print(answer["machine"])
    for key, show in (("ratios", show_ratios), ("profile", show_profile), ("memory", show_memory)):
        if key in answer:
            show(answer[key])


if __name__ == "__main__":
    main()
