"""Plays a scenario: the labelled posts in the order of time, and the two files of `vigie simulate`."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from .lookalikes import lookalike_drafts
from .operations import operation_drafts
from .ordinary import Ordinary
from .scenario import Scenario
from .world import Draft, World, encode

INNOCENT = "innocent"
_PROGRESS_POSTS = 2000


class Truth(NamedTuple):
    """What a post belongs to. `role` is "innocent" in a look-alike, else the part played in an attack."""

    operation: str
    role: str


class LabelledPost(NamedTuple):
    """A post as one line of normalised JSON, without a line break, and its truth (None if ordinary)."""

    time_ms: int
    id: str
    line: bytes
    truth: Truth | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written: posts, labelled posts, and the labelled posts of each operation and look-alike."""

    posts: int
    labelled: int
    operations: dict[str, int]


def simulate(scenario: Scenario, seed: int = 1) -> Iterator[LabelledPost]:
    """The posts of a scenario, in the order of time. The same scenario and seed give the same bytes.

    Parameters
    ----------
    scenario : Scenario
        From `load_scenario` or `parse_scenario`.
    seed : int
        0 or more; another number gives other people, texts and times.
    """
    world = World(scenario, seed)
    traffic = Ordinary(world)
    streams: list[Iterator[Draft]] = [traffic.drafts()]
    worker = 1
    for lookalike in scenario.lookalike:
        streams.append(lookalike_drafts(world, traffic, lookalike, worker))
        worker += 1
    for operation in scenario.operation:
        streams.append(operation_drafts(world, operation, worker))
        worker += 1
    for draft in heapq.merge(*streams):
        truth = Truth(draft.operation, draft.role) if draft.operation and draft.role else None
        yield LabelledPost(draft.time_ms, draft.post["id"], encode(draft), truth)


def write(
    scenario: Scenario, seed: int, out_dir: str | Path, progress: Callable[[float], None] | None = None
) -> Summary:
    """Write `posts.jsonl` and `truth.jsonl` into a folder, which is made if need be.

    Parameters
    ----------
    scenario, seed
        As for `simulate`.
    out_dir : path
        The folder; files of these names in it are replaced.
    progress : callable, optional
        Called now and then, and at the end, with the part of the event time that is done, 0.0 to 1.0.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    posts = 0
    length = scenario.end_ms - scenario.start_ms
    with (folder / "posts.jsonl").open("wb") as lines, (folder / "truth.jsonl").open("wb") as truths:
        for post in simulate(scenario, seed):
            posts += 1
            lines.write(post.line + b"\n")
            if post.truth is not None:
                counts[post.truth.operation] += 1
                truths.write(orjson.dumps({"post_id": post.id, **post.truth._asdict()}) + b"\n")
            if progress is not None and posts % _PROGRESS_POSTS == 0:
                progress((post.time_ms - scenario.start_ms) / length)
    if progress is not None:
        progress(1.0)
    return Summary(posts, counts.total(), dict(sorted(counts.items())))
