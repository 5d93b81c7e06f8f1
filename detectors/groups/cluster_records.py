"""The records that a checkpoint keeps of clusters of copies.

A small cluster is one record. Of a large one, that may have thousands of posts and grow every second, the
posts and the tied pairs are saved in blocks, of which only the newest are written again, and each text has a
record of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from detectors.findings import Member
from detectors.groups.text_cluster import TextCluster
from detectors.pairs import Pair, Share
from detectors.state import Blocks, Changes, Record, Saved, StateError, Table, merged

_Item = TypeVar("_Item")

_LARGE = 96
"""Posts, pairs and texts of a cluster from which it is a large one; it stays one as long as it lives."""


class _Text(Record, tag="cluster_texts"):
    """Who posted one text of a cluster, and when last."""

    dropped: bool
    """Whether its key leads to the cluster no more."""
    sharers: dict[str, Share]


class _Members(Record, tag="cluster_members"):
    """Posts of a large cluster, one after the other, from the place of the first."""

    first: int
    members: list[Member]


class _Pairs(Record, tag="cluster_pairs"):
    """Tied pairs of a large cluster, one after the other, from the place of the first."""

    first: int
    pairs: list[Pair]


class _Head(Record, tag="clusters"):
    """A cluster; of a large one, all but its texts, posts and pairs."""

    turn: int
    """Its place among those that have not settled; 0 when it has."""
    large: bool
    first: Member
    first_key: int
    text: str
    folded: str
    begin: int
    members_total: int
    pairs_total: int
    texts_total: int
    variants: dict[str, int]
    judged_accounts: int
    judged_ms: int
    judged_posts: int
    bits: float
    forgotten: int
    texts: dict[int, _Text]
    members: list[Member]
    pairs: list[Pair]


class ClusterRecords:
    """Gathers what is to be told of clusters, and reads it back."""

    def __init__(self) -> None:
        self._head_table, self._text_table = Table(_Head), Table(_Text)
        self._member_table, self._pair_table = Table(_Members), Table(_Pairs)
        self.clear()

    def clear(self) -> None:
        """Drop what was gathered."""
        self._heads: dict[str, _Head | None] = {}
        self._texts: dict[str, _Text | None] = {}
        self._members: dict[str, _Members | None] = {}
        self._pairs: dict[str, _Pairs | None] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def forget(self, cluster: TextCluster) -> None:
        """Tell that a cluster is no more."""
        name, kept = cluster.record_key, cluster.kept
        # Two clusters of one name, the one after the other: what is told of the other stands.
        self._heads.setdefault(name, None)
        if kept is not None:
            for number in kept.members.told():
                self._members.setdefault(f"{number}.{name}", None)
            for number in kept.pairs.told():
                self._pairs.setdefault(f"{number}.{name}", None)
            for key in cluster.sharers:
                self._texts.setdefault(f"{key}.{name}", None)

    def add(
        self,
        cluster: TextCluster,
        dropped: Callable[[int], bool],
        turn: int,
        *,
        everything: bool,
        tracked: bool,
    ) -> None:
        """Tell what changed of a cluster.

        Parameters
        ----------
        cluster : TextCluster
        dropped : callable
            Whether a key of its leads to it no more.
        turn : int
            Its place among those that have not settled; 0 when it has.
        everything : bool
            Whether the store has nothing of it.
        tracked : bool
            Whether it is to remember what was told.
        """
        size = len(cluster.members) + len(cluster.pairs) + len(cluster.sharers)
        cluster.large = cluster.large or size >= _LARGE
        self._heads[cluster.record_key] = _head(cluster, dropped, turn)
        if cluster.large:
            everything = everything or cluster.kept is None
            kept = cluster.kept or cluster.keep()
            self._add_members(cluster, kept.members, everything)
            self._add_pairs(cluster, kept.pairs, everything)
            for key in kept.texts.take(cluster.sharers, everything):
                self._texts[f"{key}.{cluster.record_key}"] = _Text(dropped(key), cluster.sharers[key])
            if not tracked:
                cluster.kept = None

    def _add_members(self, cluster: TextCluster, blocks: Blocks, everything: bool) -> None:
        begin, end = cluster.begin, cluster.begin + len(cluster.members)
        gone, due = blocks.due(begin, end, everything)
        self._members |= {f"{number}.{cluster.record_key}": None for number in gone}
        if due:
            first = max(due[0] * blocks.size, begin)
            members = list(islice(reversed(cluster.members), end - first))[::-1]
            for number in due:
                low, high = blocks.ends(number, begin)
                part = members[low - first : high - first]
                self._members[f"{number}.{cluster.record_key}"] = _Members(low, part)

    def _add_pairs(self, cluster: TextCluster, blocks: Blocks, everything: bool) -> None:
        end = len(cluster.pairs)
        _, due = blocks.due(0, end, everything)
        if due:
            first = due[0] * blocks.size
            pairs = list(islice(reversed(cluster.pairs), end - first))[::-1]
            for number in due:
                low, high = blocks.ends(number, 0)
                self._pairs[f"{number}.{cluster.record_key}"] = _Pairs(low, pairs[low - first : high - first])

    def told(self) -> Changes:
        """All that was gathered, as changes."""
        told = merged(
            self._head_table.told(self._heads),
            self._text_table.told(self._texts),
            self._member_table.told(self._members),
            self._pair_table.told(self._pairs),
        )
        self.clear()
        return told

    def read(self, saved: Saved) -> Iterator[tuple[TextCluster, list[int]]]:
        """The clusters, each with the keys that lead to it; those that have not settled in their order."""
        texts: dict[str, dict[int, _Text]] = {}
        for key, text in self._text_table.read(saved):
            number, _, name = key.partition(".")
            texts.setdefault(name, {})[int(number)] = text
        members: dict[str, dict[int, list[Member]]] = {}
        for key, one in self._member_table.read(saved):
            members.setdefault(key.partition(".")[2], {})[one.first] = one.members
        pairs: dict[str, dict[int, list[Pair]]] = {}
        for key, some in self._pair_table.read(saved):
            pairs.setdefault(key.partition(".")[2], {})[some.first] = some.pairs
        for name, head in sorted(self._head_table.read(saved), key=lambda one: (one[1].turn, one[0])):
            if head.large:
                head.texts = texts.pop(name, {})
                head.members = _joined(members.pop(name, {}), head.begin, head.members_total)
                head.pairs = _joined(pairs.pop(name, {}), 0, head.pairs_total)
            cluster = _cluster(head)
            if cluster.record_key != name:
                raise StateError("a cluster's record stands under another cluster's key")
            yield cluster, [key for key, text in head.texts.items() if not text.dropped]
        if texts or members or pairs:
            raise StateError("there are records of clusters that are not there")


def _joined(blocks: dict[int, list[_Item]], begin: int, total: int) -> list[_Item]:
    """The items of blocks from a place on; those before it are past, though their block was not told anew."""
    items: list[_Item] = []
    for first in sorted(blocks):
        block = blocks[first]
        if first <= begin + len(items):
            items += block[begin + len(items) - first :]
    if len(items) != total:
        raise StateError("some of a cluster's records are missing")
    return items


def _head(cluster: TextCluster, dropped: Callable[[int], bool], turn: int) -> _Head:
    texts = {} if cluster.large else cluster.sharers
    return _Head(
        turn,
        cluster.large,
        cluster.first,
        next(iter(cluster.sharers)),
        cluster.text,
        cluster.folded,
        cluster.begin,
        len(cluster.members),
        len(cluster.pairs),
        len(cluster.sharers),
        cluster.variants,
        cluster.judged_accounts,
        cluster.judged_ms,
        cluster.judged_posts,
        cluster.bits,
        cluster.forgotten,
        {key: _Text(dropped(key), sharers) for key, sharers in texts.items()},
        [] if cluster.large else list(cluster.members),
        [] if cluster.large else list(cluster.pairs),
    )


def _cluster(head: _Head) -> TextCluster:
    if len(head.texts) != head.texts_total:
        raise StateError("some of a cluster's texts are missing")
    cluster = TextCluster(head.first, head.first_key, head.text, head.folded)
    cluster.turn, cluster.large, cluster.begin = head.turn, head.large, head.begin
    cluster.members = deque(head.members)
    cluster.accounts = Counter(member.account for member in head.members)
    cluster.variants = Counter(head.variants)
    # The first text gives the record its key; the order of the others decides nothing.
    cluster.sharers = {head.first_key: head.texts[head.first_key].sharers}
    cluster.sharers |= {key: text.sharers for key, text in head.texts.items()}
    cluster.pairs = dict.fromkeys(head.pairs)
    cluster.judged_accounts, cluster.judged_ms = head.judged_accounts, head.judged_ms
    cluster.judged_posts, cluster.bits = head.judged_posts, head.bits
    cluster.forgotten = head.forgotten
    return cluster
