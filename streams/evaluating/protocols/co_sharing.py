"""Protocol 3: what the live co-sharing gives up against the exact pairs that stand beside a recording.

A recording goes through the stages of the live pipeline (ACCOUNTS, co-sharing, PAIRS) with all posts and
kinds of objects at once. Its pairs that share two objects or more of one kind, each within the window, are
set against the known ones. Beside it the exact method (`vigie edges`), and the fixed-window rule of the
Coordination Network Toolkit: two messages or more of an account that match one of the other's. What
bounded memory costs is the recall that the live stages lack: by default what two accounts shared once is
forgotten after a week. The rest are two things in the same two posts, which live are one coincidence.

The file of pairs names its recording, the kind and the window: `RECORDING_pairs[_KIND]_60s.csv`, where
KIND is url, hashtag or phash, and nothing for reposts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from detectors.accounts.stage import Accounts
from detectors.events import Post
from detectors.findings import author_of
from detectors.groups.co_sharing import CoSharing, CoSharingSettings
from detectors.groups.exact_co_sharing import Sharings, shared_objects
from detectors.pairs import Pairs, PairSettings
from detectors.windows import TickBuffer, TimeSettings
from streams.evaluating.figures import Baseline, Figure, Measured, share
from streams.evaluating.folder import Row, Table
from streams.evaluating.protocol import Bench, Protocol
from streams.evaluating.simple_rules import fixed_window

Pair = tuple[str, str]
Shared = dict[tuple[str, Pair], dict[str, list[int]]]
"""By kind and pair the objects that they share, each with the gaps between the two, in milliseconds."""

_LEAST = 2
_NAME = re.compile(r"(?P<recording>.+)_pairs(?:_(?P<kind>url|hashtag|phash))?_(?P<window>\d+)s")
_KINDS = {"url": "link", "hashtag": "hashtag", "phash": "media", None: "post"}
_EXACT = {"url": "link", "hashtag": "hashtag", "phash": "media", None: "repost"}
_WHOLE = 24 * 366
_ENOUGH = 1 << 30
_SETTINGS = {
    "live, window over all of it": (CoSharingSettings(), PairSettings(window_hours=_WHOLE)),
    "live, and no limit for viral objects": (
        CoSharingSettings(viral_accounts=_ENOUGH, crowd_accounts=_ENOUGH),
        PairSettings(window_hours=_WHOLE),
    ),
}


class Known(NamedTuple):
    """A file of exact pairs."""

    name: str
    kind: str | None
    window_ms: int
    pairs: set[Pair]


def recordings(bench: Bench) -> Iterator[tuple[list[Post], list[Known]]]:
    """Each recording with the exact pairs of it."""
    tables = [*bench.folder.tables("shared objects"), *bench.folder.tables("reposts")]
    for table in tables:
        known = [
            Known(one.stem, fits["kind"], int(fits["window"]) * 1000, _pairs(one))
            for one in bench.folder.tables("pairs")
            if (fits := _NAME.fullmatch(one.stem)) and fits["recording"] == table.stem
        ]
        if known:
            bench.tell(table.stem)
            yield _whole(_posts(table)), known


def _pairs(table: Table) -> set[Pair]:
    return {_sorted(*pair) for pair in table.read(lambda row: (row["account_a"], row["account_b"]))}


def _sorted(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def _posts(table: Table) -> list[Post]:
    return table.read(_repost if "object_id" in table.columns else _sharing)


def _sharing(row: Row) -> Post:
    time_ms = int(row["timestamp"]) * 1000
    return Post(
        id=row["post_id"],
        platform="mixed",
        author_id=row["account_id"],
        created_at=datetime.fromtimestamp(time_ms / 1000, UTC),
        time_ms=time_ms,
        links=[row["url_id"]] if row["url_id"] else [],
        hashtags=[row["hashtag_id"]] if row["hashtag_id"] else [],
        media=[row["phash_id"]] if row["phash_id"] else [],
    )


def _repost(row: Row) -> Post:
    time_ms = int(row["timestamp"]) * 1000
    return Post(
        id=row["content_id"],
        platform="x",
        author_id=row["account_id"],
        created_at=datetime.fromtimestamp(time_ms / 1000, UTC),
        time_ms=time_ms,
        kind="repost",
        ref_id=row["object_id"],
    )


def _whole(rows: list[Post]) -> list[Post]:
    """The posts in order, each once with all that it shares: a table may have a row for each object."""
    first: dict[tuple[str, str], Post] = {}
    for one in sorted(rows, key=lambda post: (post.time_ms, post.platform, post.id)):
        known = first.setdefault((one.author_id, one.id), one)
        for name in ("links", "hashtags", "media"):
            both = [*(getattr(known, name) or ()), *(getattr(one, name) or ())]
            setattr(known, name, list(dict.fromkeys(both)))
    return list(first.values())


def live(posts: list[Post], sharing: CoSharingSettings, pairing: PairSettings) -> Shared:
    """What each pair shares, as the live stages count it."""
    accounts, shared, pairs = Accounts(), CoSharing(sharing), Pairs(pairing)
    buffer = TickBuffer(TimeSettings(grace_s=0))
    buffer.add(posts)
    buffer.advance(buffer.last_tick())
    found: Shared = {}
    for tick_ms, ready, _ in buffer.ready():
        for tie in pairs.take(shared.take(accounts.take(tick_ms, ready).signals()), tick_ms).ties:
            pair = _sorted(author_of(tie.one), author_of(tie.other))
            objects = found.setdefault((tie.object.kind, pair), {})
            objects.setdefault(tie.object.value, []).append(abs(tie.gap_ms))
    return found


def repeated(shared: Shared, kind: str | None, window_ms: int) -> set[Pair]:
    """The pairs with two objects or more of one kind within a window."""
    wanted = _KINDS[kind]
    return {
        pair
        for (of, pair), objects in shared.items()
        if of == wanted and sum(min(gaps) <= window_ms for gaps in objects.values()) >= _LEAST
    }


def exact(posts: list[Post], kind: str | None, window_ms: int) -> set[Pair]:
    """The pairs of `vigie edges`."""
    sharings = Sharings()
    for post in posts:
        sharings.add(post.author_id, post.id, post.time_ms, shared_objects(post, _EXACT[kind]))
    return {_sorted(edge.one, edge.other) for edge in sharings.edges(window_ms, _LEAST)}


def toolkit(posts: list[Post], kind: str | None, window_ms: int) -> set[Pair]:
    """The pairs of the Coordination Network Toolkit, tied in either direction."""

    def objects(post: Post) -> Collection[str]:
        if kind is None:
            return [post.ref_id] if post.ref_id else []
        return {"url": post.links, "hashtag": post.hashtags, "phash": post.media}[kind] or []

    return {_sorted(*edge) for edge in fixed_window(posts, objects, window_ms)}


def measure(bench: Bench) -> Measured:
    """Every recording that has a file of exact pairs."""
    measured = Measured(figures=[])
    for posts, files in recordings(bench):
        found = live(posts, CoSharingSettings(), PairSettings())
        others = {label: live(posts, *chosen) for label, chosen in _SETTINGS.items() if not bench.quick}
        for known in files:
            pairs = repeated(found, known.kind, known.window_ms)
            exactly = exact(posts, known.kind, known.window_ms)
            rules = {"Coordination Network Toolkit": toolkit(posts, known.kind, known.window_ms)}
            rules |= {label: repeated(one, known.kind, known.window_ms) for label, one in others.items()}
            measured.figures += _figures(known, exactly, pairs, rules, bench.seed)
    if not measured.figures:
        measured.unmeasurable = "no file of pairs is named after a recording (RECORDING_pairs_url_60s.csv)"
    return measured


def _figures(
    known: Known, exactly: set[Pair], pairs: set[Pair], rules: dict[str, set[Pair]], seed: int
) -> list[Figure]:
    return [
        Figure(
            measure=f"{known.name}: precision and recall of `vigie edges`, the smaller",
            value=min(_part(exactly, known.pairs) or 0.0, _part(known.pairs, exactly) or 0.0),
            of=len(known.pairs),
            wanted=">= 1",
        ),
        share(
            f"{known.name}: recall, live, default settings",
            [(pair in pairs, 1) for pair in sorted(known.pairs)],
            "pairs",
            seed,
            baselines=tuple(Baseline(name, _part(known.pairs, of)) for name, of in rules.items()),
        ),
        share(
            f"{known.name}: precision, live, default settings",
            [(pair in known.pairs, 1) for pair in sorted(pairs)],
            "pairs",
            seed,
            baselines=tuple(Baseline(name, _part(of, known.pairs)) for name, of in rules.items()),
        ),
    ]


def _part(pairs: set[Pair], of: set[Pair]) -> float | None:
    return round(len(pairs & of) / len(pairs), 4) if pairs else None


PROTOCOL = Protocol(
    number=3,
    name="co-sharing",
    title="Co-sharing against the exact pairs",
    needs=(("pairs",), ("shared objects", "reposts")),
    measure=measure,
)
