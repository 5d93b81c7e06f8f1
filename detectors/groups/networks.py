"""Networks of accounts that share the same things, within seconds, more often than chance allows.

What it looks for
    Groups of accounts of which each shared several distinct things (reposts, links, pictures, hashtags,
    hashtag sequences, answers to one post, copied texts) with another of the group, each time within a
    minute.

Definition
    The pairs come from `detectors.groups.co_sharing` and `detectors.pairs`. A *coincidence* of a pair are two
    posts that share some object within ``close_s`` of each other; a post with a link and two hashtags and its
    copy are one coincidence. A pair is an *edge* when it has ``min_objects`` coincidences or more over
    distinct objects within the long window, and

        (R^2 / 2) * P(X >= k) <= ``chance``,   X ~ Poisson(s * 2 T a b / R^2)

    where k is the number of its coincidences, a and b are the recent posts of the two, R those of all
    accounts, and T the coincidences of all pairs that are no edges, each decayed alike (half-life 12 h, which
    is like a window of 17.3 h); s is the length of the long window, or of the stream so far, in such windows.
    This is the configuration model (Newman, 2006): the coincidences that there are, dealt out by activity
    alone; popularity is in T, since a popular object makes many. R^2 / 2 bounds the number of pairs, so that
    chance alone hardly ever makes a false edge (Bonferroni).

    A network is a component of edges with three accounts or more. It is judged when its accounts or its
    coincidences have grown by a quarter. Its *strength* is the sum of its coincidences, each of which
    counts half as much after three days (a decaying window, as in Weber and Neumann, 2021).

Defaults, and why
    ``min_objects`` 3: absolute repetition; a quantile always returns something, on innocent data too.
    ``chance`` 0.01. The long window is that of the pairs, a week: operations pause at night and at week-ends.

What it misses
    Pairs; networks whose members each share with ever different ones; slow ones (over a minute).

What it does not prove
    Pages of one publisher, a party's accounts and fan clubs share the same things at once, quite openly.

Examples
--------
>>> from detectors.pairs import Repeated, Repetition, Share, tie
>>> names, graph, networks = ["ana", "bob", "cyd"], Repetition(), Networks()
>>> ties = [
...     tie(Subject("link", f"l{at}"), one, Share(at - 5, f"{one}{at}"), other, Share(at, f"{other}{at}"))
...     for at in (0, 10, 20) for one, other in [("ana", "bob"), ("bob", "cyd")]
... ]
>>> graph.take(ties, 5000)
>>> finding, = networks.take(Repeated(ties, coincidences=6), graph, posts=5000, tick_ms=5000)
>>> finding.accounts, [(edge.one, edge.other, edge.objects, edge.quick) for edge in finding.edges]
(('ana', 'bob', 'cyd'), [('ana', 'bob', 3, 3), ('bob', 'cyd', 3, 3)])
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from statistics import median_low

import msgspec

from detectors.findings import Edge, Evidence, Finding, Member, Subject, is_canary, stable_id
from detectors.forgetting import forget_oldest
from detectors.pairs import Pair, Repeated, Repetition, Tie, pair_key, pair_of
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

HOUR_MS = 3_600_000
_HALF_LIFE_MS = 12 * HOUR_MS
_LIKE_MS = _HALF_LIFE_MS / math.log(2)
"""Length of the window that counts as much as the decay does."""
_STRENGTH_HALF_LIFE_MS = 72 * HOUR_MS
_SHOWN_EDGES, _SHOWN_SHARED, _SHOWN_POSTS, _SHOWN_SUBJECTS = 50, 5, 50, 10


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the networks of co-sharing."""

    min_objects: int = 3
    """Coincidences over distinct objects that make two accounts an edge, at the least."""
    min_accounts: int = 3
    quick_s: int = 10
    close_s: int = 60
    chance: float = 0.01
    """Expected number of edges that chance alone would make, at which one is believed."""
    growth: float = 1.25
    max_edges: int = 200_000
    """Edges held; those unused for longest go first."""


class _Edge(Record, tag="network_edges"):
    """One edge, and the network that it is part of."""

    network: str
    turn: int
    newest_ms: int
    objects: int


class _Network(Record, tag="networks"):
    """A network; its accounts follow from its edges."""

    begun: int
    """Number of its first edge: of two that are joined the older one goes on."""
    judged_accounts: int
    judged_objects: int


class _Head(Record, tag="networks_head"):
    """The decayed counts of all, and when they were last counted."""

    posts: float
    coincidences: float
    counted_ms: int
    begun_ms: int
    turn: int
    evicted: int
    minute: int


class Networks:
    """Components of pairs that share beyond chance; see the module's text for the definition."""

    name = "co_sharing"

    def __init__(self, settings: NetworkSettings | None = None, window_hours: int = 168) -> None:
        self.settings = settings or NetworkSettings()
        self.evicted = 0
        self._window_ms = window_hours * HOUR_MS
        self._posts = self._coincidences = 0.0
        self._counted_ms = self._begun_ms = 0
        self._turn = 0
        self._minute = 0
        self._edges: dict[Pair, _Edge] = {}
        """Those unused for longest first."""
        self._neighbours: dict[str, set[str]] = {}
        self._pairs: dict[str, dict[Pair, None]] = {}
        """Of each network."""
        self._networks: dict[str, _Network] = {}
        self._changed_edges: Noted[Pair] = Noted()
        self._changed: Noted[str] = Noted()
        self._edge_table, self._table, self._head = Table(_Edge), Table(_Network), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._edges)

    def take(self, repeated: Repeated, graph: Repetition, *, posts: int, tick_ms: int) -> list[Finding]:
        """Take in one tick.

        Parameters
        ----------
        repeated : Repeated
            The ties of the tick; the graph has them already.
        graph : Repetition
        posts : int
            Posts of all accounts in this tick.
        tick_ms : int
        """
        decay = 0.5 ** ((tick_ms - (self._counted_ms or tick_ms)) / _HALF_LIFE_MS)
        self._posts = self._posts * decay + posts
        self._coincidences = self._coincidences * decay + repeated.coincidences
        self._counted_ms = tick_ms
        self._begun_ms = self._begun_ms or tick_ms
        touched: set[str] = set()
        close_ms = self.settings.close_s * 1000
        pairs = {
            (tie.one, tie.other)
            for tie in repeated.ties
            if abs(tie.gap_ms) <= close_ms and not is_canary(tie.one)
        }
        for pair in sorted(pairs):
            network = self._look(pair, graph.between(*pair, tick_ms))
            if network is not None:
                touched.add(network)
        if tick_ms // 60_000 != self._minute:
            self._minute = tick_ms // 60_000
            self._forget(tick_ms - self._window_ms)
        found = (self._judge(name, graph, tick_ms) for name in sorted(touched & self._networks.keys()))
        return [finding for finding in found if finding is not None]

    def expected(self, one: int, other: int) -> float:
        """Coincidences that chance alone gives two accounts of so many recent posts."""
        if not self._posts:
            return 0.0
        span_ms = min(self._window_ms, self._counted_ms - self._begun_ms)
        windows = max(1.0, span_ms / _LIKE_MS)
        return windows * 2 * self._coincidences * one * other / self._posts**2

    def _look(self, pair: Pair, ties: list[Tie]) -> str | None:
        """Make a pair an edge, or a stronger one; the network that it belongs to."""
        close = _coincidences(ties, self.settings.close_s * 1000)
        count = len(close)
        if count < self.settings.min_objects:
            return None
        before = self._edges.pop(pair, None)
        if before is None and not self._beyond_chance(close):
            return None
        # What an operation does is not what chance does: the coincidences of edges are taken out of T.
        more = count - (before.objects if before is not None else 0)
        self._coincidences = max(0.0, self._coincidences - max(0, more))
        self._turn += 1
        newest_ms = max(tie.time_ms for tie in close)
        network = before.network if before is not None else self._join(pair)
        self._edges[pair] = _Edge(network, self._turn, newest_ms, count)
        self._pairs.setdefault(network, {})[pair] = None
        self._changed_edges.add(pair)
        forgot = forget_oldest(self._edges, self.settings.max_edges)
        for oldest, edge in forgot.gone.items():
            self._drop(oldest, edge)
        self.evicted += forgot.evicted
        return network

    def _beyond_chance(self, close: list[Tie]) -> bool:
        count = len(close)
        pairs = max(1.0, self._posts**2 / 2)
        return pairs * poisson_tail(count, self.expected(*_activity(close))) <= self.settings.chance

    def _join(self, pair: Pair) -> str:
        """The network of a new edge; two networks that it connects become one."""
        known = {self._network_of(name) for name in pair} - {None}
        for one, other in (pair, pair[::-1]):
            self._neighbours.setdefault(one, set()).add(other)
        if not known:
            name = stable_id("n", *pair, str(self._counted_ms))
            self._networks[name] = _Network(self._turn, 0, 0)
            self._changed.add(name)
            return name
        oldest, *others = sorted(
            (name for name in known if name), key=lambda one: (self._networks[one].begun, one)
        )
        for other in others:
            del self._networks[other]
            self._changed.add(other)
            moved = self._pairs.pop(other, {})
            for moved_pair in moved:
                self._edges[moved_pair].network = oldest
            self._pairs.setdefault(oldest, {}).update(moved)
            self._changed_edges.update(moved)
        return oldest

    def _network_of(self, account: str) -> str | None:
        for other in self._neighbours.get(account, ()):
            edge = self._edges.get((account, other) if account < other else (other, account))
            if edge is not None:
                return edge.network
        return None

    def _drop(self, pair: Pair, edge: _Edge) -> None:
        """Take an edge that is gone out of all else."""
        del self._pairs[edge.network][pair]
        self._changed_edges.add(pair)
        for one, other in (pair, pair[::-1]):
            self._neighbours[one].discard(other)
            if not self._neighbours[one]:
                del self._neighbours[one]

    def _forget(self, limit_ms: int) -> None:
        for pair in [pair for pair, edge in self._edges.items() if edge.newest_ms < limit_ms]:
            self._drop(pair, self._edges.pop(pair))
        for name in [name for name in self._networks if not self._pairs.get(name)]:
            del self._networks[name]
            self._pairs.pop(name, None)
            self._changed.add(name)

    # -- findings ----------------------------------------------------------------------------------

    def _judge(self, name: str, graph: Repetition, tick_ms: int) -> Finding | None:
        network = self._networks[name]
        edges = {pair: self._edges[pair] for pair in sorted(self._pairs.get(name, ()))}
        accounts = sorted({account for pair in edges for account in pair})
        objects = sum(edge.objects for edge in edges.values())
        growth = self.settings.growth
        grown = (
            len(accounts) >= network.judged_accounts * growth or objects >= network.judged_objects * growth
        )
        if len(accounts) < self.settings.min_accounts or not grown:
            return None
        network.judged_accounts, network.judged_objects = len(accounts), objects
        self._changed.add(name)
        close_ms = self.settings.close_s * 1000
        told = {pair: _coincidences(graph.between(*pair, tick_ms), close_ms) for pair in edges}
        # What some of them shared may be forgotten by now, earlier than that they did.
        ties = {pair: close for pair, close in told.items() if close}
        accounts = sorted({account for pair in ties for account in pair})
        if len(accounts) < self.settings.min_accounts:
            return None
        posts = _posts(ties.values())
        return Finding(
            finding_id=stable_id("f", self.name, name),
            detector=self.name,
            subjects=_subjects(ties.values()),
            start_ms=min(member.time_ms for member in posts),
            end_ms=max(member.time_ms for member in posts),
            judged_ms=tick_ms,
            accounts=tuple(accounts),
            accounts_total=len(accounts),
            posts=(posts[0], *posts[1:][-_SHOWN_POSTS + 1 :]),
            posts_total=len(posts),
            template=None,
            evidence=self._evidence(accounts, ties, tick_ms),
            declared=len(_declared(ties.values())),
            edges=self._strongest(ties),
        )

    def _evidence(self, accounts: list[str], ties: dict[Pair, list[Tie]], tick_ms: int) -> Evidence:
        counts = sorted(len(close) for close in ties.values())
        quick = sum(self._is_quick(tie) for close in ties.values() for tie in close)
        shared: dict[str, set[str]] = {name: set() for name in accounts}
        active = dict.fromkeys(accounts, 0)
        chance = 0.0
        for pair, close in ties.items():
            activity = _activity(close)
            chance += self.expected(*activity)
            for name, posts in zip(pair, activity, strict=True):
                shared[name].update(tie.posts[pair.index(name)] for tie in close)
                active[name] = max(active[name], posts)
        ages = (tick_ms - tie.time_ms for close in ties.values() for tie in close)
        strength = sum(0.5 ** (age / _STRENGTH_HALF_LIFE_MS) for age in sorted(ages))
        own = sorted(min(1.0, len(shared[name]) / active[name]) for name in accounts)
        return {
            "pairs": len(ties),
            "coincidences": sum(counts),
            "median_objects": median_low(counts),
            "most_objects": counts[-1],
            "strength": round(strength, 4),
            "quick_share": round(quick / sum(counts), 4),
            "own_share": round(own[len(own) // 2], 4),
            "expected": float(f"{chance:.4g}"),
        }

    def _strongest(self, ties: dict[Pair, list[Tie]]) -> tuple[Edge, ...]:
        order = sorted(ties, key=lambda pair: (-len(ties[pair]), pair))[:_SHOWN_EDGES]
        return tuple(
            Edge(
                *pair,
                len(ties[pair]),
                sum(map(self._is_quick, ties[pair])),
                tuple(_told(tie.object) for tie in ties[pair][-_SHOWN_SHARED:]),
                tuple(tie.posts for tie in ties[pair][-_SHOWN_SHARED:]),
            )
            for pair in order
        )

    def _is_quick(self, tie: Tie) -> bool:
        return abs(tie.gap_ms) <= self.settings.quick_s * 1000

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_edges.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        head = _Head(
            self._posts,
            self._coincidences,
            self._counted_ms,
            self._begun_ms,
            self._turn,
            self.evicted,
            self._minute,
        )
        pairs = self._changed_edges.take(self._edges, everything)
        names = self._changed.take(self._networks, everything)
        edges = {pair_key(pair): self._edges.get(pair) for pair in pairs}
        return merged(
            self._head.told(head, everything),
            self._edge_table.told(edges),
            self._table.told({name: self._networks.get(name) for name in names}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._posts, self._coincidences = head.posts, head.coincidences
            self._counted_ms, self._begun_ms, self._turn = head.counted_ms, head.begun_ms, head.turn
            self.evicted, self._minute = head.evicted, head.minute
        self._networks = dict(self._table.read(saved))
        for key, edge in sorted(self._edge_table.read(saved), key=lambda one: one[1].turn):
            one, other = pair_of(key)
            if edge.network not in self._networks:
                raise StateError("an edge is of a network that is not there")
            self._edges[one, other] = edge
            self._pairs.setdefault(edge.network, {})[one, other] = None
            self._neighbours.setdefault(one, set()).add(other)
            self._neighbours.setdefault(other, set()).add(one)


def poisson_tail(count: int, mean: float) -> float:
    """Chance of so many events or more, where this mean is expected.

    >>> round(poisson_tail(1, 0.5), 4), poisson_tail(0, 0.5), poisson_tail(3, 0.0)
    (0.3935, 1.0, 0.0)
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if mean >= count:
        return 1.0  # no need to know how ordinary it is
    # The terms fall by mean / n each, which is below one from here on.
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    total, number = 0.0, count
    while term > total * 1e-12:
        total += term
        number += 1
        term *= mean / number
    return min(1.0, total)


def _coincidences(ties: list[Tie], close_ms: int) -> list[Tie]:
    """One tie for each two posts and each object, those within a time of each other; in order of time."""
    objects: set[Subject] = set()
    found: dict[tuple[str, str], Tie] = {}
    for tie in ties:
        if abs(tie.gap_ms) > close_ms or tie.object in objects:
            continue
        objects.add(tie.object)
        best = found.get(tie.posts)
        if best is None or _RANK[tie.object.kind] < _RANK[best.object.kind]:
            found[tie.posts] = tie
    return sorted(found.values(), key=lambda tie: (tie.time_ms, tie.object))


_RANK = {
    kind: rank for rank, kind in enumerate(("text", "post", "media", "link", "reply", "sequence", "hashtag"))
}
"""Of what two posts share, the most telling kind first."""


def _activity(close: list[Tie]) -> tuple[int, int]:
    """Recent posts of both accounts: who shared so many things has posted so often, whatever a tie says."""
    return (
        max(len(close), *(tie.first.activity for tie in close)),
        max(len(close), *(tie.second.activity for tie in close)),
    )


def _told(shared: Subject) -> Subject:
    """An object as an alert names it: ids as the network gives them."""
    if shared.kind in ("post", "reply", "media"):
        return Subject("media" if shared.kind == "media" else "post", shared.value.partition("\x1f")[2])
    return Subject("hashtag", shared.value) if shared.kind == "sequence" else shared


def _subjects(ties: Iterable[list[Tie]]) -> tuple[Subject, ...]:
    """What the network shares, by the number of pairs that shared it."""
    counted = Counter(_told(tie.object) for close in ties for tie in close)
    return tuple(sorted(counted, key=lambda one: (-counted[one], one))[:_SHOWN_SUBJECTS])


def _declared(ties: Iterable[list[Tie]]) -> set[str]:
    """Accounts that say what they are."""
    return {account for close in ties for tie in close for account, share in tie.shares if share.declared}


def _posts(ties: Iterable[list[Tie]]) -> list[Member]:
    """The posts with which things were shared, each once, in order of time."""
    found: dict[tuple[str, str], int] = {}
    for close in ties:
        for tie in close:
            for account, share in tie.shares:
                found[account, share.post_id] = share.time_ms
    return [
        Member(at, post, account, -1, (), (), linked=False, sourced=False, declared=False)
        for (account, post), at in sorted(found.items(), key=lambda one: (one[1], one[0]))
    ]
