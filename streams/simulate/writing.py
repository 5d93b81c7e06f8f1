"""Plays a scenario: the labelled posts in the order of time, and the files of `vigie simulate`."""

from __future__ import annotations

import csv
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from detectors.lists import Entry

from .ids import iso
from .lookalikes import lookalike_drafts
from .operations import operation_drafts
from .ordinary import Ordinary
from .scenario import Scenario
from .world import Draft, World, encode, is_event

INNOCENT = "innocent"
_PROGRESS_POSTS = 2000
_LIST_COLUMNS = ("account", "kind", "platform", "handle", "since", "reason", "source")


class Truth(NamedTuple):
    """What a post belongs to. `role` is "innocent" in a look-alike, else the part played in an attack."""

    operation: str
    role: str


class LabelledPost(NamedTuple):
    """One line of normalised JSON, without a line break, and its truth (None if ordinary).

    An event (what became of an account) has no id and no truth.
    """

    time_ms: int
    id: str
    line: bytes
    truth: Truth | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written: posts, labelled posts, the labelled posts of each operation and look-alike, events,
    and entries of the room's list."""

    posts: int
    labelled: int
    operations: dict[str, int]
    events: int = 0
    listed: int = 0


class Simulation:
    """A scenario with its people made. The same scenario and seed give the same bytes.

    Parameters
    ----------
    scenario : Scenario
        From `load_scenario` or `parse_scenario`.
    seed : int
        0 or more; another number gives other people, texts and times.
    """

    def __init__(self, scenario: Scenario, seed: int = 1) -> None:
        self.world = World(scenario, seed)
        traffic = Ordinary(self.world)
        self._streams: list[Iterator[Draft]] = [traffic.drafts()]
        worker = 1
        for lookalike in scenario.lookalike:
            self._streams.append(lookalike_drafts(self.world, traffic, lookalike, worker))
            worker += 1
        for operation in scenario.operation:
            self._streams.append(operation_drafts(self.world, operation, worker))
            worker += 1

    @property
    def entries(self) -> Sequence[Entry]:
        """What the room's list says of the accounts and payers of the operations."""
        return self.world.entries

    def posts(self) -> Iterator[LabelledPost]:
        """The posts and events, in the order of time. They can be played once."""
        for draft in heapq.merge(*self._streams):
            line = encode(draft)
            if is_event(draft):
                yield LabelledPost(draft.time_ms, "", line, None)
                continue
            truth = Truth(draft.operation, draft.role) if draft.operation and draft.role else None
            yield LabelledPost(draft.time_ms, draft.post["id"], line, truth)


def simulate(scenario: Scenario, seed: int = 1) -> Iterator[LabelledPost]:
    """The posts of a scenario, in the order of time; see `Simulation`."""
    return Simulation(scenario, seed).posts()


def write(
    scenario: Scenario, seed: int, out_dir: str | Path, progress: Callable[[float], None] | None = None
) -> Summary:
    """Write `posts.jsonl` and `truth.jsonl`, and `lists.csv` if somebody is on it, into a folder.

    Parameters
    ----------
    scenario, seed
        As for `Simulation`.
    out_dir : path
        The folder, which is made if need be; files of these names in it are replaced.
    progress : callable, optional
        Called now and then, and at the end, with the part of the event time that is done, 0.0 to 1.0.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    posts = events = 0
    length = scenario.end_ms - scenario.start_ms
    simulation = Simulation(scenario, seed)
    with (folder / "posts.jsonl").open("wb") as lines, (folder / "truth.jsonl").open("wb") as truths:
        for post in simulation.posts():
            lines.write(post.line + b"\n")
            if not post.id:
                events += 1
                continue
            posts += 1
            if post.truth is not None:
                counts[post.truth.operation] += 1
                truths.write(orjson.dumps({"post_id": post.id, **post.truth._asdict()}) + b"\n")
            if progress is not None and posts % _PROGRESS_POSTS == 0:
                progress(min(max(0.0, (post.time_ms - scenario.start_ms) / length), 1.0))
    if simulation.entries:
        _write_list(simulation.entries, folder / "lists.csv")
    if progress is not None:
        progress(1.0)
    return Summary(posts, counts.total(), dict(sorted(counts.items())), events, len(simulation.entries))


def _write_list(entries: Sequence[Entry], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_LIST_COLUMNS)
        for entry in entries:
            since = "" if entry.since_ms is None else iso(entry.since_ms)
            rows.writerow(
                (entry.account, entry.kind, entry.platform, entry.handle, since, entry.reason, entry.source)
            )
