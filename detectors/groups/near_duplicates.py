"""Copies of one text by several accounts, exact or edited.

What it looks for
    Three accounts or more that post the same text, or nearly, within an hour: copy-paste campaigns, and
    "@target + the same insults" where the mention is a slot that changes.

Definition
    Texts are folded (`detectors.text`). Two posts are *verified copies* if their folds are equal, or if the
    Jaccard similarity of their sets of 4-character shingles is at least ``similarity``:
    J(A, B) = |A n B| / |A u B| (Broder, "On the resemblance and containment of documents", 1997).
    Candidates come from MinHash bands (`detectors.sketches`). A *cluster* is a connected component of
    verified copies; it keeps the id of its first post as it grows. A cluster of ``min_accounts`` accounts is
    a *finding*, judged again when accounts or posts have grown by half. Native reposts take no part.
    *Cohesion*, the mean similarity over all pairs of its posts, tells copies of one text from chains of posts
    that share a phrase. Copies of similarity ``tie_similarity`` or more within ``tie_minutes`` tie their
    accounts (`detectors.pairs`).
    `detectors.background.coincidence_bits` says how improbable the coincidence is among independent people.

Defaults, and why
    ``similarity`` 0.45: copies of one text, each with words swapped and another fifth cut, lie about 0.5.
    ``window`` 60 min, by exact fold for all texts; by resemblance too, as long as the index has room
    (``index_rows``), members of clusters longest. ``min_accounts`` 3: two copies are a quotation.
    ``min_bits`` 0: a coincidence that chance gives once in such a stream is no finding. ``tie_length`` 25:
    below it, which is some four words, crowds cheer, greet and vote alike, and the same people do so again.

What it misses
    Rewording and translation; texts shorter than 24 characters after folding, tags and names included;
    edits of more than about a third. In a stream of more than ``index_rows`` distinct texts an hour,
    resembling copies further apart than the index reaches (counted as evicted).

What it does not prove
    That the accounts know of each other: headlines, share buttons, jokes, slogans and chain letters give
    clusters too. A cluster is a candidate; what makes it an alert is decided in `detectors.rules`.

Examples
--------
>>> from detectors.events import from_mapping
>>> from detectors.accounts.stage import Accounts
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": f"a{i}",
...                   "created_at": 1_500_000_000_000 + i,
...                   "text": f"@victim{i} nobody wants to hear your tired old songs any more, go home"})
...     for i in range(3)
... ]
>>> signals = Accounts().take(1_500_000_005_000, posts).signals()
>>> findings, ties = NearDuplicates().take(signals)
>>> findings[0].accounts_total, findings[0].template
(3, '{@target} nobody wants to hear your tired old songs any more, go home')
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain

import msgspec

from detectors import background, sketches
from detectors.batches import Signals, TextSignal
from detectors.findings import Finding, Member
from detectors.forgetting import forget_oldest
from detectors.groups.cluster_records import ClusterRecords
from detectors.groups.text_cluster import TextCluster
from detectors.groups.text_finding import finding_of
from detectors.groups.text_index import Text, TextIndex
from detectors.pairs import Tie
from detectors.state import (
    Changes,
    Noted,
    Record,
    Saved,
    Sheet,
    StateError,
    Table,
    merged,
    pack,
    refusing,
    segment_place,
    segments,
    unpack,
)

MINUTE_MS = 60_000
_SPREAD = 0.1
"""Twice the standard error of an estimate from 128 rows, sqrt(s (1 - s) / 128)."""


class NearDuplicateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the near-duplicate detector. Times in minutes; sizes are counts."""

    similarity: float = 0.45
    window_minutes: int = 60
    single_minutes: int = 60
    """How long a text of one account is compared by resemblance, while the index has room."""
    min_accounts: int = 3
    min_bits: float = 0.0
    growth: float = 1.5
    refresh_minutes: int = 15
    """Time after which a cluster that goes on is reported again, grown or not."""
    settle_minutes: int = 5
    """Silence after which a cluster that grew by less is reported once more, in full."""
    tie_similarity: float = 0.7
    """Similarity from which two variants tie their accounts."""
    tie_minutes: int = 60
    """Time between two close copies up to which they tie their accounts."""
    tie_length: int = 25
    """Characters of a fold from which its copies tie their accounts: crowds cheer in the same few words."""
    viral_accounts: int = 50
    """Accounts of one exact text from which it makes no more ties."""
    index_rows: int = 1 << 19
    """Distinct texts in the resemblance index; a power of two."""
    max_texts: int = 800_000
    """Distinct texts of which the exact fold is remembered."""
    max_members: int = 20_000
    """Posts kept for one cluster; older ones are only counted."""


Entry = bytes | TextCluster
"""The post of a text that only one account has, packed to a third of its size; or the text's cluster."""


class _Seen(Record, tag="texts"):
    """Texts seen first in one minute, between two checkpoints: their keys, and the posts of single ones."""

    entries: list[tuple[int, Member | None]]


class _Head(Record, tag="texts_head"):
    """What the detector counts."""

    candidates: int
    verified: int
    compared_posts: int
    evicted: int
    turn: int
    posts_by_minute: list[list[int]]


class NearDuplicates:
    """Sliding-window near-duplicate detection; see the module's text for the definition."""

    name = "near_duplicates"

    def __init__(self, settings: NearDuplicateSettings | None = None) -> None:
        self.settings = settings or NearDuplicateSettings()
        self.words = background.WordFrequencies()
        self.candidates = 0
        """Texts met in the band table and looked at; per post it is bounded by 2 * BANDS."""
        self.verified = 0
        self.compared_posts = 0
        self.evicted = 0
        self._index = TextIndex(self.settings.index_rows)
        self._entries: dict[int, Entry] = {}
        self._seen_by_minute: deque[tuple[int, list[int]]] = deque()
        self._unsettled: dict[str, TextCluster] = {}
        self._posts_by_minute: deque[list[int]] = deque()
        self._posts_in_window = 0
        self._turn = 0
        # What was seen in a minute is saved in segments, each with what came since the last: they end here.
        self._ends: dict[int, list[int]] = {}
        self._gone: dict[str, None] = {}
        self._changed: Noted[TextCluster] = Noted()
        self._head, self._segments, self._clusters = Sheet(_Head), Table(_Seen), ClusterRecords()

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, signals: Signals) -> tuple[list[Finding], list[Tie]]:
        """Take in the texts of one tick; return findings to report and new ties of accounts."""
        touched: dict[str, TextCluster] = {}
        ties: list[Tie] = []
        fresh = self._match_exact(signals, touched, ties)
        if fresh:
            self._match_similar(fresh, signals.tick_ms, touched, ties)
        self._expire(signals.tick_ms)
        for cluster_id, cluster in touched.items():
            # Taken out and put back, so that those quiet for longest stand first.
            self._unsettled.pop(cluster_id, None)
            self._unsettled[cluster_id] = cluster
            self._turn += 1
            cluster.turn = self._turn
        self._changed.update(touched.values())
        return [*self._judge(touched, signals.tick_ms), *self._settle(signals.tick_ms)], ties

    def finish(self, tick_ms: int) -> list[Finding]:
        """Findings of the clusters that have grown since they were last judged, at the end of the input."""
        return list(self._settle(tick_ms, everything=True))

    # -- taking in ---------------------------------------------------------------------------------

    def _match_exact(
        self, signals: Signals, touched: dict[str, TextCluster], ties: list[Tie]
    ) -> list[TextSignal]:
        """Join exact copies; return the texts that are new and long enough to be compared."""
        fresh: list[TextSignal] = []
        entries = self._entries
        seen = self._minute_of(signals.tick_ms)
        window_ms = self.settings.tie_minutes * MINUTE_MS
        for one in signals.texts:
            key = one.key
            entry = entries.get(key)
            if entry is None:
                entries[key] = pack(one.member)
                seen.append(key)
                if one.folded:
                    fresh.append(one)
            else:
                cluster = self._cluster_of(key, entry, one.text, one.folded)
                new = cluster.tie(key, one.member, window_ms, self.settings.viral_accounts)
                if len(one.folded) >= self.settings.tie_length:
                    ties += new
                cluster.add(one.member, one.folded, self.settings.max_members)
                touched[cluster.cluster_id] = cluster
        counted = len(signals.texts) - signals.canaries
        self._posts_by_minute[-1][1] += counted
        self._posts_in_window += counted
        return fresh

    def _match_similar(
        self, fresh: list[TextSignal], tick_ms: int, touched: dict[str, TextCluster], ties: list[Tie]
    ) -> None:
        """Compare new texts with those in the band table, verify, and join."""
        for one in fresh:
            if one.key & 7 == 0:  # a sample tells the common words as well
                self.words.add(one.folded, tick_ms)
        size = self.settings.index_rows // 4
        for start in range(0, len(fresh), size):
            part = fresh[start : start + size]
            texts, keys = [(one.text, one.folded) for one in part], [one.key for one in part]
            self._compare(texts, keys, tick_ms, touched, ties)

    def _compare(
        self,
        texts: list[Text],
        keys: list[int],
        tick_ms: int,
        touched: dict[str, TextCluster],
        ties: list[Tie],
    ) -> None:
        new = len(texts)
        single_limit = tick_ms - self.settings.single_minutes * MINUTE_MS
        positions, others, met, evicted = self._index.meet(
            texts, keys, tick_ms, single_limit, self._is_clustered, self.settings.similarity - _SPREAD
        )
        self.candidates += met
        self.compared_posts += new
        self.evicted += evicted
        pairs = [
            (position, other, folded)
            for position, other in zip(positions, others, strict=True)
            if position < new
            and (folded := self._index.folded(other))
            and _may_be_similar(texts[position][1], folded, self.settings.similarity)
        ]
        values = sketches.similarities([(texts[position][1], folded) for position, _, folded in pairs])
        for (position, other, _), similarity in zip(pairs, values, strict=True):
            if similarity >= self.settings.similarity:
                self._verify(texts[position], keys[position], other, similarity, single_limit, touched, ties)

    def _verify(
        self,
        text: Text,
        key: int,
        other: int,
        similarity: float,
        single_limit: int,
        touched: dict[str, TextCluster],
        ties: list[Tie],
    ) -> None:
        """Unite the clusters of a new text and of one that it resembles, unless that is too old."""
        other_key, time_ms, met = self._index.row(other)
        mine, theirs = self._entries.get(key), self._entries.get(other_key)
        if met is None or mine is None or theirs is None or mine is theirs:
            return
        if isinstance(theirs, bytes) and time_ms < single_limit:
            return
        self.verified += 1
        cluster = self._unite(
            self._cluster_of(key, mine, *text), self._cluster_of(other_key, theirs, *met), touched
        )
        if similarity >= self.settings.tie_similarity and len(text[1]) >= self.settings.tie_length:
            window_ms = self.settings.tie_minutes * MINUTE_MS
            ties += cluster.tie_variants(key, other_key, window_ms, self.settings.viral_accounts)

    def _is_clustered(self, key: int) -> bool:
        return isinstance(self._entries.get(key), TextCluster)

    # -- clusters ----------------------------------------------------------------------------------

    def _cluster_of(self, key: int, entry: Entry, text: str, folded: str) -> TextCluster:
        if isinstance(entry, TextCluster):
            return entry
        cluster = TextCluster(unpack(entry, Member), key, text, folded)
        self._entries[key] = cluster
        return cluster

    def _unite(self, one: TextCluster, other: TextCluster, touched: dict[str, TextCluster]) -> TextCluster:
        """Make two clusters one; the older id stays."""
        older, newer = (one, other) if _began(one) <= _began(other) else (other, one)
        older.absorb(newer, self.settings.max_members)
        for key in newer.sharers:
            self._entries[key] = older
        self._unsettled.pop(newer.cluster_id, None)
        self._changed.add(newer)
        touched.pop(newer.cluster_id, None)
        touched[older.cluster_id] = older
        return older

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, touched: dict[str, TextCluster], tick_ms: int) -> Iterator[Finding]:
        limit = tick_ms - self.settings.window_minutes * MINUTE_MS
        for cluster in touched.values():
            cluster.expire(limit)
            aged = tick_ms - cluster.judged_ms >= self.settings.refresh_minutes * MINUTE_MS
            if aged or cluster.has_grown(self.settings.growth):
                yield from self._report(cluster, tick_ms)

    def _settle(self, tick_ms: int, *, everything: bool = False) -> Iterator[Finding]:
        """Report once more, in full, the clusters that grew a little and then fell silent."""
        limit = tick_ms - self.settings.settle_minutes * MINUTE_MS
        silent = forget_oldest(
            self._unsettled, len(self._unsettled), lambda cluster: everything or cluster.last_ms < limit
        )
        for cluster in silent.gone.values():
            cluster.turn = 0
            self._changed.add(cluster)
            if len(cluster.members) + cluster.forgotten > cluster.judged_posts:
                yield from self._report(cluster, tick_ms)

    def _report(self, cluster: TextCluster, tick_ms: int) -> Iterator[Finding]:
        if len(cluster.accounts) < self.settings.min_accounts:
            return
        cluster.judged_ms = tick_ms
        cluster.judged_accounts = len(cluster.accounts)
        cluster.judged_posts = len(cluster.members) + cluster.forgotten
        bits = self._bits(cluster)
        if bits is None or bits >= self.settings.min_bits:
            yield finding_of(cluster, self.name, tick_ms, bits, self._posts_in_window)

    def _bits(self, cluster: TextCluster) -> float | None:
        """How much the copies' agreement tells beyond chance; None of texts too short to say anything."""
        if not cluster.folded:
            return None
        cluster.bits = cluster.bits or self.words.bits(cluster.folded)
        return background.coincidence_bits(cluster.bits, len(cluster.accounts), self._posts_in_window)

    # -- forgetting --------------------------------------------------------------------------------

    def _minute_of(self, tick_ms: int) -> list[int]:
        minute = tick_ms - tick_ms % MINUTE_MS
        if not self._seen_by_minute or self._seen_by_minute[-1][0] != minute:
            self._seen_by_minute.append((minute, []))
            self._posts_by_minute.append([minute, 0])
        return self._seen_by_minute[-1][1]

    def _expire(self, tick_ms: int) -> None:
        limit = tick_ms - self.settings.window_minutes * MINUTE_MS
        while self._seen_by_minute and self._seen_by_minute[0][0] < limit - MINUTE_MS:
            self._forget_minute(limit)
        while len(self._entries) > self.settings.max_texts and len(self._seen_by_minute) > 1:
            before = len(self._entries)
            self._forget_minute(limit)
            self.evicted += before - len(self._entries)
        if len(self._entries) > self.settings.max_texts:
            self._forget_clusters()
        self._index.release(tick_ms - self.settings.single_minutes * MINUTE_MS, tick_ms, self._is_clustered)

    def _forget_minute(self, limit_ms: int) -> None:
        """Drop the single texts of the oldest minute; clusters live on while they have copies."""
        minute, keys = self._seen_by_minute.popleft()
        self._gone.update(dict.fromkeys(segments(minute, self._ends.pop(minute, ()))))
        self._posts_in_window -= self._posts_by_minute.popleft()[1]
        alive: list[int] = []
        for key in keys:
            entry = self._entries.get(key)
            if isinstance(entry, TextCluster) and entry.last_ms >= limit_ms:
                alive.append(key)
            elif entry is not None:
                del self._entries[key]
                if isinstance(entry, TextCluster):
                    self._changed.add(entry)
                    if entry.kept is not None:
                        entry.kept.texts.add(key)
        if alive and self._seen_by_minute:
            self._seen_by_minute[0][1].extend(alive)

    def _forget_clusters(self) -> None:
        """Drop a quarter of what is held: too small clusters first, then those silent for longest."""
        clusters = {one.cluster_id: one for one in self._entries.values() if isinstance(one, TextCluster)}
        least = self.settings.min_accounts
        for cluster in sorted(
            clusters.values(), key=lambda one: (len(one.accounts) >= least, one.last_ms, one.cluster_id)
        ):
            if len(self._entries) <= self.settings.max_texts * 3 // 4:
                break
            self._changed.add(cluster)
            if cluster.kept is not None:
                cluster.kept.texts.update(cluster.sharers)
            for key in cluster.sharers:
                self.evicted += self._entries.pop(key, None) is not None

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self.words.track()
        for cluster in self._all_clusters():
            if cluster.large and cluster.kept is None:
                cluster.keep()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        head = _Head(
            self.candidates,
            self.verified,
            self.compared_posts,
            self.evicted,
            self._turn,
            list(self._posts_by_minute),
        )
        return merged(
            self._head.told(head, everything),
            self._segments.told(self._changed_segments(everything)),
            self._changed_clusters(everything),
            self._index.changes(everything),
            self.words.changes(everything),
        )

    def _changed_segments(self, everything: bool) -> dict[str, _Seen | None]:
        changed: dict[str, _Seen | None] = {} if everything else dict.fromkeys(self._gone)
        self._gone = {}
        for minute, keys in self._seen_by_minute:
            ends = self._ends.setdefault(minute, [])
            told = 0 if everything else len(ends)
            if len(keys) > (ends[-1] if ends else 0):
                ends.append(len(keys))
            if told < len(ends):
                for name, (begin, end) in list(segments(minute, ends).items())[told:]:
                    changed[name] = _Seen([(key, self._single(key)) for key in keys[begin:end]])
        return changed

    def _single(self, key: int) -> Member | None:
        """The post of a text that only one account has; those of clusters are saved with the cluster."""
        entry = self._entries.get(key)
        return unpack(entry, Member) if isinstance(entry, bytes) else None

    def _all_clusters(self) -> dict[TextCluster, None]:
        held = (one for one in self._entries.values() if isinstance(one, TextCluster))
        return dict.fromkeys(chain(held, self._unsettled.values()))

    def _is_dropped(self, cluster: TextCluster, key: int) -> bool:
        """Whether a key of a cluster leads to it no more."""
        return self._entries.get(key) is not cluster

    def _changed_clusters(self, everything: bool) -> Changes:
        tracked = self._changed.on
        # All of them are looked for only where all are asked for: there are very many.
        held = self._all_clusters() if everything or not tracked else ()
        for cluster in self._changed.take(held, everything):
            dropped = partial(self._is_dropped, cluster)
            unsettled = self._unsettled.get(cluster.cluster_id) is cluster
            if unsettled or not all(map(dropped, cluster.sharers)):
                turn = cluster.turn if unsettled else 0
                self._clusters.add(cluster, dropped, turn, everything=everything, tracked=tracked)
            elif not everything:
                self._clusters.forget(cluster)
        return self._clusters.told()

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.candidates, self.verified = head.candidates, head.verified
            self.compared_posts, self.evicted, self._turn = head.compared_posts, head.evicted, head.turn
            for minute, posts in head.posts_by_minute:
                self._posts_by_minute.append([minute, posts])
                self._seen_by_minute.append((minute, []))
                self._posts_in_window += posts
        self._restore_seen(saved)
        self._restore_clusters(saved)
        self._index.restore(saved)
        self.words.restore(saved)

    def _restore_seen(self, saved: Saved) -> None:
        """The texts of each minute. A single one that has become a cluster's since is told by the cluster."""
        minutes = dict(self._seen_by_minute)
        told = {segment_place(key): one for key, one in self._segments.read(saved)}
        for (minute, begin), segment in sorted(told.items()):
            keys = minutes[minute]
            if begin != len(keys):
                raise StateError("some of the texts of a minute are missing")
            for key, member in segment.entries:
                keys.append(key)
                if member is not None:
                    self._entries[key] = pack(member)
            self._ends.setdefault(minute, []).append(len(keys))

    def _restore_clusters(self, saved: Saved) -> None:
        for cluster, keys in self._clusters.read(saved):
            self._entries.update(dict.fromkeys(keys, cluster))
            if cluster.turn:
                self._unsettled[cluster.cluster_id] = cluster
            if cluster.large and self._changed.on:
                cluster.keep()


def _began(cluster: TextCluster) -> tuple[int, str, str]:
    """When and with which post a cluster began, by which the older of two is told."""
    first = cluster.first
    return first.time_ms, first.post_id, first.account


def _may_be_similar(one: str, other: str, minimum: float) -> bool:
    """Whether the lengths alone do not rule a similarity out."""
    # Repeated shingles make a text longer without making its set larger, hence the allowance.
    return min(len(one), len(other)) >= minimum * 0.8 * max(len(one), len(other))
