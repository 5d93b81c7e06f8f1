"""What the live co-sharing gives up against the exact one, on real posts.

    python benchmarks/co_sharing.py [--json]

The files of `co-sharing/` in the shared data go through the stages of the live pipeline (ACCOUNTS,
co-sharing, PAIRS, networks), with all posts and kinds of objects at once, and the pairs that share at least
two objects of one kind within 60 s are compared with the exact pairs that stand beside the data. Three
settings: the defaults; a long window over all of the recording; and that without the limits for viral
objects too.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.accounts.stage import Accounts  # noqa: E402
from detectors.events import Post  # noqa: E402
from detectors.findings import author_of  # noqa: E402
from detectors.groups.co_sharing import CoSharing, CoSharingSettings  # noqa: E402
from detectors.groups.networks import Networks, NetworkSettings  # noqa: E402
from detectors.pairs import Pairs, PairSettings, Repetition, Tie  # noqa: E402
from detectors.windows import Gate, TickBuffer, TimeSettings  # noqa: E402
from streams.sources.formats import open_source, posts_of  # noqa: E402
from streams.sources.ordering import in_order  # noqa: E402
from streams.sources.records import Tally  # noqa: E402

DATA = Path(os.environ.get("VIGIE_SHARED_DATA", ROOT.parent / "shared" / "data")) / "co-sharing"
MAPPINGS = {
    "german_election_2021": """
time = "epoch_s"
[fields]
platform = { value = "mixed" }
id = "post_id"
author_id = "account_id"
created_at = "timestamp"
links = { columns = ["url_id"] }
hashtags = { columns = ["hashtag_id"] }
media = { columns = ["phash_id"] }
""",
    "russian_retweets_2021": """
time = "epoch_s"
[fields]
platform = { value = "x" }
kind = { value = "repost" }
id = "content_id"
author_id = "account_id"
ref_id = "object_id"
created_at = "timestamp"
""",
}
KNOWN = [
    ("german_election_2021", "link", "pairs_url_60s"),
    ("german_election_2021", "hashtag", "pairs_hashtag_60s"),
    ("german_election_2021", "media", "pairs_phash_60s"),
    ("russian_retweets_2021", "post", "pairs_60s"),
]
ENOUGH = 1 << 30
SETTINGS = {
    "the defaults": (CoSharingSettings(), PairSettings()),
    "window of the whole recording": (CoSharingSettings(), PairSettings(window_hours=24 * 366)),
    "and no viral objects": (
        CoSharingSettings(viral_accounts=ENOUGH, crowd_accounts=ENOUGH),
        PairSettings(window_hours=24 * 366),
    ),
}
Shared = dict[str, dict[tuple[str, str], set[str]]]


def live(name: str, sharing: CoSharingSettings, pairing: PairSettings) -> tuple[Shared, dict[str, int]]:
    """Objects of each pair by kind, as the live stages count them, and the networks that they find."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as mapping:
        mapping.write(MAPPINGS[name])
        mapping.flush()
        source = open_source(DATA / f"{name}.csv.gz", "csv", mapping.name)
        batches = [_whole(list(chain(*in_order(posts_of([source], Tally())))))]
    accounts, shared, pairs, graph = Accounts(), CoSharing(sharing), Pairs(pairing), Repetition(pairing)
    networks = Networks(NetworkSettings(), pairing.window_hours)
    gate, buffer = Gate(TimeSettings()), TickBuffer(TimeSettings())
    found: Shared = {}
    told = {"findings": 0, "accounts": 0}
    members: set[str] = set()
    for posts in [*batches, []]:
        buffer.add(gate.admit(posts))
        buffer.advance(gate.watermark_ms if posts else buffer.last_tick())
        for tick_ms, ready, _ in buffer.ready():
            ties = shared.take(accounts.take(tick_ms, ready).signals())
            repeated = pairs.take(ties, tick_ms)
            graph.take(repeated.ties, tick_ms)
            _note(found, repeated.ties)
            for finding in networks.take(repeated, graph, posts=len(ready), tick_ms=tick_ms):
                told["findings"] += 1
                members.update(finding.accounts)
    told["accounts"] = len(members)
    return found, told


def _whole(posts: list[Post]) -> list[Post]:
    """The posts, each once with all that it shares: the table has a row for each combination."""
    first: dict[tuple[str, str], Post] = {}
    for one in posts:
        known = first.setdefault((one.author_id, one.id), one)
        for name in ("links", "hashtags", "media"):
            both = [*(getattr(known, name) or ()), *(getattr(one, name) or ())]
            setattr(known, name, list(dict.fromkeys(both)))
    return list(first.values())


def _note(found: Shared, ties: list[Tie]) -> None:
    for tie in ties:
        if abs(tie.gap_ms) <= 60_000:
            one, other = sorted((author_of(tie.one), author_of(tie.other)))
            found.setdefault(tie.object.kind, {}).setdefault((one, other), set()).add(tie.object.value)


def known(name: str, pairs: str) -> set[tuple[str, str]]:
    """The exact pairs."""
    lines = gzip.decompress((DATA / f"{name}_{pairs}.csv.gz").read_bytes()).decode().splitlines()
    return {(row["account_a"], row["account_b"]) for row in csv.DictReader(lines)}


def compare() -> list[dict[str, Any]]:
    """Precision and recall for each file and setting."""
    rows = []
    runs = {(name, label): live(name, *chosen) for name in MAPPINGS for label, chosen in SETTINGS.items()}
    for name, kind, pairs in KNOWN:
        wanted = known(name, pairs)
        for label in SETTINGS:
            shared, told = runs[name, label]
            found = {pair for pair, objects in shared.get(kind, {}).items() if len(objects) >= 2}
            both = len(found & wanted)
            rows.append(
                {
                    "file": name,
                    "kind": kind,
                    "settings": label,
                    "exact_pairs": len(wanted),
                    "precision": round(both / len(found), 4) if found else None,
                    "recall": round(both / len(wanted), 4),
                    "network_accounts": told["accounts"],
                }
            )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not DATA.exists():
        print(f"The recordings are not at {DATA}: set VIGIE_SHARED_DATA.", file=sys.stderr)
        return 2
    rows = compare()
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print(
            f"{row['file']:<24}{row['kind']:<9}{row['settings']:<31}{row['exact_pairs']:>5} exact pairs"
            f"   precision {row['precision']}  recall {row['recall']}"
            f"   accounts in networks {row['network_accounts']}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
