"""`vigie edges`: from posts to pairs of accounts, and the pairs as CSV or JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from detectors.events import CANARY, Post
from detectors.findings import account_key, author_of, platform_of
from detectors.groups.exact_co_sharing import Edge, Sharings, object_name, shared_objects

COLUMNS = ("account_a", "account_b", "objects", "events")
_BLOCK = 1000


class Collected:
    """What of the posts matters for the pairs, and what a person should know of them."""

    def __init__(self, kind: str, window_ms: int) -> None:
        self.sharings = Sharings()
        self.posts = 0
        self.platforms: set[str] = set()
        self.coarse = 0
        """Posts whose time is known less precisely than the window."""
        self._kind, self._window_s = kind, window_ms / 1000

    def take(self, posts: Iterable[Post]) -> None:
        """Take in posts, in any order."""
        for post in posts:
            if post.platform == CANARY:
                continue
            self.posts += 1
            objects = shared_objects(post, self._kind)
            if not objects:
                continue
            self.platforms.add(post.platform)
            if post.precision_s is not None and post.precision_s > max(self._window_s, 1):
                self.coarse += 1
            self.sharings.add(account_key(post.platform, post.author_id), post.id, post.time_ms, objects)

    def edges(
        self, window_ms: int, min_objects: int, *, evidence: bool, progress: Callable[[int], None]
    ) -> Iterator[Edge]:
        """The pairs, sorted by the ids of the accounts."""
        return self.sharings.edges(window_ms, min_objects, order=_by_id, evidence=evidence, progress=progress)

    def warnings(self) -> Iterator[str]:
        """Sentences on what makes the pairs less than they seem."""
        if self.posts and not len(self.sharings):
            yield f"warning: none of the {self.posts:,} posts holds anything to compare by {self._kind}."
        if self.coarse:
            yield (
                f"warning: the times of {self.coarse:,} posts are known less precisely than the window of "
                f"{self._window_s:g} s."
            )
        if len(self.platforms) > 1:
            yield (
                f"the posts are of {len(self.platforms)} platforms; ids stand as in the input, and --json "
                "says of which platform each is."
            )


def _by_id(account: str) -> tuple[str, str]:
    return author_of(account), account


def as_csv(edges: Iterable[Edge], shown: Callable[[str], str] = str) -> Iterator[bytes]:
    """The pairs as lines of CSV, with a header."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, edge in enumerate(edges, 1):
        writer.writerow((shown(author_of(edge.one)), shown(author_of(edge.other)), edge.objects, edge.events))
        if number % _BLOCK == 0:
            yield _taken(page)
    yield _taken(page)


def _taken(page: io.StringIO) -> bytes:
    text = page.getvalue()
    page.seek(0)
    page.truncate()
    return text.encode("utf-8", "replace")


def as_json(edges: Iterable[Edge], kind: str) -> Iterator[bytes]:
    """The pairs as a JSON list, one a line, so that it need not be held."""
    before = b"["
    for edge in edges:
        yield before + b"\n" + orjson.dumps(_record(edge, kind))
        before = b","
    yield b"[]\n" if before == b"[" else b"\n]\n"


def _record(edge: Edge, kind: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "account_a": author_of(edge.one),
        "account_b": author_of(edge.other),
        "objects": edge.objects,
        "events": edge.events,
        "platform_a": platform_of(edge.one),
        "platform_b": platform_of(edge.other),
    }
    if edge.shared:
        record["shared"] = [
            {
                "object": object_name(shared.object, kind),
                "events": shared.events,
                "post_a": shared.one_post,
                "at_a": _moment(shared.one_ms),
                "post_b": shared.other_post,
                "at_b": _moment(shared.other_ms),
            }
            for shared in edge.shared
        ]
    return record


def _moment(time_ms: int) -> str:
    return (
        datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
