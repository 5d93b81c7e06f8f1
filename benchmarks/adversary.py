"""Memory under an adversary who invents accounts, hashtags, links, texts, names and payers without end.

    python benchmarks/adversary.py [--rate 5000] [--minutes 60] [--limit-mib 2048] [--json]

Every post is by a new account with a full profile, and names a new hashtag, a new link and a new account;
some are reposts of posts that never come again, promoted by payers that never come again, or erased at once.
So nothing is ever shared, and everything is a reason to remember something. The embedded pipeline takes them
with all detectors on, as fast as it can; the memory of the process is read from the running process every
minute of event time. Exit 1 if it was ever above the limit.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from detectors.events import Change, Item, Post, Profile, Promotion
from streams.embedded import Pipeline, spare_collector

START = datetime(2022, 4, 10, 18, tzinfo=UTC)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def resident_mib() -> float:
    """Memory of this process now, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the memory of a process")


def second(number: int, rate: int, rng: random.Random) -> list[Item]:
    """The posts of one second of event time."""
    start = START + timedelta(seconds=number)
    base_ms = int(start.timestamp() * 1000)
    items: list[Item] = []
    for place in range(rate):
        at_ms = base_ms + place * 1000 // rate
        moment = START + timedelta(milliseconds=at_ms - int(START.timestamp() * 1000))
        name = f"{number}x{place}"
        words = " ".join("".join(rng.choices(_LETTERS, k=7)) for _ in range(9))
        kind = place % 10
        post = Post(
            id=name,
            platform="x",
            author_id=f"a{name}",
            created_at=moment,
            time_ms=at_ms,
            kind="repost" if kind == 1 else "original",
            text=f"@n{name} {words} #t{name} https://site{name}.example/{name}",
            ref_id=f"r{name}" if kind == 1 else None,
            ref_author_id=f"s{name}" if kind == 1 else None,
            ref_author=Profile(followers=5000) if kind == 1 else None,
            author=Profile(
                handle=f"h{name}",
                description=words,
                created_at=START,
                followers=5000,
                following=7,
                posts=9,
            ),
            promoted=Promotion(payer=f"p{name}", spend=1.0, currency="EUR", audiences=[f"c{name}"])
            if kind == 2
            else None,
        )
        items.append(post)
        if kind == 3:
            items.append(
                Change(
                    platform="x", time_ms=at_ms, event="deletion", author_id=post.author_id, post_id=post.id
                )
            )
    return items


def play(pipeline: Pipeline, rate: int, minutes: int) -> Iterator[tuple[int, float]]:
    """Memory after each minute of event time."""
    rng = random.Random(1)
    for number in range(minutes * 60):
        for _ in pipeline.feed(second(number, rate, rng)):
            pass
        if number % 60 == 59:
            yield number // 60 + 1, resident_mib()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Memory under an adversary.")
    parser.add_argument("--rate", type=int, default=5000, help="posts a second of event time")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--limit-mib", type=int, default=2048)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    spare_collector()
    pipeline, begun, peak = Pipeline(), time.monotonic(), 0.0
    for minute, mib in play(pipeline, chosen.rate, chosen.minutes):
        peak = max(peak, mib)
        taken = f"{pipeline.tallies.processed:,} posts, {time.monotonic() - begun:,.0f} s"
        print(f"minute {minute}: {mib:,.0f} MiB ({taken})", file=sys.stderr, flush=True)
    stores = {
        name: {"held": len(store), "forgotten": store.evicted} for name, store in pipeline.stores().items()
    }
    result = {
        "rate": chosen.rate,
        "minutes": chosen.minutes,
        "posts": pipeline.tallies.processed,
        "peak_mib": round(peak),
        "stores": stores,
    }
    if chosen.json:
        print(json.dumps(result))
    else:
        print(f"peak {peak:,.0f} MiB over {result['posts']:,} posts (limit {chosen.limit_mib:,} MiB)")
        for name, counts in stores.items():
            print(f"  {name:12} {counts['held']:>12,} held {counts['forgotten']:>12,} forgotten")
    return int(peak > chosen.limit_mib)


if __name__ == "__main__":
    sys.exit(main())
