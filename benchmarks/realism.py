"""Is simulated ordinary traffic like real traffic? Four statistics of both, side by side.

Run as `python benchmarks/realism.py`. The organic streams are read from the folder that `VIGIE_SHARED_DATA`
names, or from `../shared/data` beside the checkout; where there is none, this says so and stops.

Compared are the share of reposts, the inequality of posts per account (Gini coefficient), the similarity
of original posts (Jaccard similarity of the 4-character shingles of lower-cased texts without links, mentions
and hashtags: to the nearest neighbour and in random pairs), and groups of posts with the very same text (25
characters or more, without links, white space folded, lower case, from three accounts or more in an hour).
All but the first depend on the size of the sample, so each stream gives a sample of the same size.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from detectors.events import decode_line  # noqa: E402
from streams.simulate import load_scenario, simulate  # noqa: E402

SLICES = {
    "gop-debate": "gop-debate/gop_debate.csv.gz",
    "airlines": "airlines/airline_posts.csv.gz",
    "politicians": "politicians/italy_2022_parties.csv.gz",
}
POSTS = 4300  # posts of a sample of accounts: a little under the smaller slice
TEXTS = 2000  # original posts whose texts are compared
NEAREST = (10, 25, 50, 75, 90, 95)
PAIRS = (50, 75, 90, 99)
WINDOW_MS = 3_600_000
MIN_TEXT = 25
MIN_ACCOUNTS = 3

_LINK = re.compile(r"https?://\S+")
_TAG = re.compile(r"[#@]\w+")


@dataclass(frozen=True)
class Item:
    """One post as the comparison needs it."""

    author: str
    time_ms: int
    text: str
    repost: bool


@dataclass(frozen=True)
class Row:
    """One statistic: of each organic slice (None where it has none), the reference range, and simulated."""

    name: str
    organic: dict[str, float | None]
    low: float
    high: float
    simulated: float

    @property
    def ratio(self) -> float:
        """Simulated over the nearest end of the organic range; 1.0 inside it."""
        if self.low <= self.simulated <= self.high:
            return 1.0
        end = self.low if self.simulated < self.low else self.high
        return self.simulated / end if end else float("inf")

    @property
    def within(self) -> bool:
        return 0.5 <= self.ratio <= 2.0


def data_folder() -> Path | None:
    """The folder of the organic slices, or None where there is none."""
    folder = Path(os.environ.get("VIGIE_SHARED_DATA", str(ROOT.parent / "shared" / "data")))
    return folder if all((folder / path).is_file() for path in SLICES.values()) else None


def organic(folder: Path) -> dict[str, list[Item]]:
    """The organic slices, each in the order of time."""
    return {
        name: sorted(_read(folder / path), key=lambda item: item.time_ms) for name, path in SLICES.items()
    }


def _read(path: Path) -> Iterator[Item]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            moment = datetime.fromisoformat(row["created_at"].replace("Z", "+00:00"))
            moment = moment.replace(tzinfo=moment.tzinfo or UTC)
            repost = row.get("kind") == "retweet"
            yield Item(row["author_id"], int(moment.timestamp() * 1000), row["text"], repost)


def simulated(hours: float, seed: int) -> list[Item]:
    """The ordinary traffic of the `ordinary-day` scenario alone, without its look-alikes."""
    day = load_scenario("ordinary-day")
    day = msgspec.structs.replace(day, lookalike=[], operation=[], duration_minutes=hours * 60)
    posts = (decode_line(post.line) for post in simulate(day, seed))
    return [Item(post.author_id, post.time_ms, post.text, post.kind == "repost") for post in posts]


def gini(counts: list[int]) -> float:
    """Inequality of counts, 0.0 (all equal) to 1.0."""
    ordered = np.sort(np.array(counts, float))
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def account_gini(items: list[Item], size: int) -> float:
    """Gini coefficient of posts per account, mean over runs of `size` consecutive posts."""
    runs = [items[i : i + size] for i in range(0, len(items) - size + 1, size)] or [items]
    return float(np.mean([gini(list(Counter(item.author for item in run).values())) for run in runs]))


def shingles(text: str) -> frozenset[str]:
    """4-character shingles of a text in lower case without links, mentions and hashtags."""
    plain = " ".join(_TAG.sub(" ", _LINK.sub(" ", text.lower())).split())
    return frozenset(plain[i : i + 4] for i in range(len(plain) - 3))


def similarities(texts: list[str], size: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Similarity of each text to its nearest, and of all pairs, in a random sample of `size` texts."""
    sample = Random(1).sample(texts, min(size, len(texts)))
    sets = [found for found in map(shingles, sample) if found]
    columns: dict[str, int] = {}
    table = np.zeros((len(sets), len({shingle for found in sets for shingle in found})), np.float32)
    for row, found in enumerate(sets):
        table[row, [columns.setdefault(shingle, len(columns)) for shingle in sorted(found)]] = 1
    common = table @ table.T
    sizes = table.sum(1)
    jaccard = common / (sizes[:, None] + sizes[None, :] - common)
    np.fill_diagonal(jaccard, 0)
    return jaccard.max(1), jaccard[np.triu_indices(len(sets), 1)]


def same_text_clusters(items: list[Item]) -> int:
    """Texts of `MIN_TEXT` characters or more that `MIN_ACCOUNTS` accounts wrote within `WINDOW_MS`."""
    writers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for item in items:
        text = " ".join(_LINK.sub(" ", item.text).lower().split())
        if len(text) >= MIN_TEXT:
            writers[text].append((item.time_ms, item.author))
    return sum(_crowded(found) for found in writers.values())


def _crowded(found: list[tuple[int, str]]) -> bool:
    found = sorted(found)
    return any(
        len({author for at, author in found[i:] if at <= begin + WINDOW_MS}) >= MIN_ACCOUNTS
        for i, (begin, _) in enumerate(found)
    )


def clusters_per_10_000(items: list[Item], size: int) -> float:
    """Same-text clusters in 10,000 original posts, counted in runs of `size` consecutive ones."""
    originals = [item for item in items if not item.repost]
    runs = [originals[i : i + size] for i in range(0, len(originals) - size + 1, size)] or [originals]
    return 10_000 * sum(map(same_text_clusters, runs)) / sum(map(len, runs))


def compare(
    real: dict[str, list[Item]], made: list[Item], posts: int = POSTS, texts: int = TEXTS
) -> list[Row]:
    """The table: one row for each statistic."""
    streams = {**real, "simulated": made}
    rows = []
    share = {name: sum(item.repost for item in items) / len(items) for name, items in streams.items()}
    only_debate: dict[str, float | None] = {name: share[name] if share[name] else None for name in real}
    rows.append(_row("repost share", only_debate, share["simulated"]))
    # Two parties' own accounts have no inequality worth the name, so the politicians do not count here.
    spread: dict[str, float | None] = {
        name: account_gini(items, posts) if name != "politicians" else None for name, items in real.items()
    }
    rows.append(_row("Gini of posts per account", spread, account_gini(made, posts)))
    near, pairs = {}, {}
    for name, items in streams.items():
        near[name], pairs[name] = similarities([item.text for item in items if not item.repost], texts)
    for label, table, points in (("nearest neighbour", near, NEAREST), ("random pair", pairs, PAIRS)):
        for point in points:
            values = {name: float(np.percentile(found, point)) for name, found in table.items()}
            rows.append(
                _row(f"{label}, p{point}", {name: values[name] for name in real}, values["simulated"])
            )
    size = min(sum(not item.repost for item in items) for items in real.values())
    clusters: dict[str, float | None] = {
        name: clusters_per_10_000(items, size) for name, items in real.items()
    }
    originals = sum(not item.repost for items in real.values() for item in items)
    pooled = (
        10_000
        * sum(same_text_clusters([i for i in items if not i.repost]) for items in real.values())
        / originals
    )
    row = _row("same-text clusters per 10,000", clusters, clusters_per_10_000(made, size))
    # The slices differ by far more than a factor of two, so the reference is all of them together.
    return [*rows, replace(row, low=pooled, high=pooled)]


def _row(name: str, values: dict[str, float | None], made: float) -> Row:
    known = [value for value in values.values() if value is not None]
    return Row(name, values, min(known), max(known), made)


def table(rows: list[Row]) -> str:
    """The comparison as text."""
    names = list(rows[0].organic)
    lines = [f"{'statistic':32}" + "".join(f"{name:>13}" for name in names)
             + f"{'range':>18}{'simulated':>11}{'ratio':>7}  within a factor of 2"]  # fmt: skip
    for row in rows:
        cells = "".join(f"{_cell(row.organic[name]):>13}" for name in names)
        span, verdict = f"{row.low:.3f} to {row.high:.3f}", "yes" if row.within else "NO"
        lines.append(f"{row.name:32}{cells}{span:>18}{row.simulated:>11.3f}{row.ratio:>7.2f}  {verdict}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0, help="hours of simulated traffic")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print(
            "No organic slices (VIGIE_SHARED_DATA, or ../shared/data beside the checkout): nothing compared."
        )
        return 0
    rows = compare(organic(folder), simulated(arguments.hours, arguments.seed))
    print(table(rows))
    return 0 if all(row.within for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
