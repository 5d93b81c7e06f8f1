"""Pairs of accounts that share objects again and again.

One shared object is a coincidence or a taste; the same two accounts sharing several *distinct* rare objects,
each within a short time, is repetition, and repetition is what separates an operation from a crowd
(absolute counts, not quantiles: a quantile always returns something, on innocent data too).

`Pairs` counts, one pair by itself, so it can be spread over any number of partitions; it passes on the few
pairs that repeat. `Repetition` holds these and answers for whole groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import chain

import msgspec

from detectors.findings import Subject, is_canary
from detectors.forgetting import forget_once_and_again
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

HOUR_MS = 3_600_000
_TIES = 32
"""Shared objects of one pair that are kept; the oldest go first."""
_TELLING = ("text", "post")
"""Kinds of objects whose repetition speaks for a group that another detector found."""


class PairSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of repeated sharing by pairs of accounts."""

    window_hours: int = 168
    """How long it is remembered what two accounts shared."""
    recent_hours: int = 24
    """How far back repetition speaks for a group that another detector found."""
    min_objects: int = 2
    close_s: int = 60
    """Ties within so many seconds are coincidences, of which chance gives a number that can be told."""
    max_pairs: int = 700_000


# Ties and shares are made by the million, hence structs: they are made three times as fast as named tuples.
class Share(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One account's newest share of one object."""

    time_ms: int
    post_id: str
    activity: int = 1
    """See `detectors.findings.Member.activity`."""
    declared: bool = False
    """See `detectors.findings.Member.declared`."""


class Tie(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """Two accounts that shared one object; sent once per pair and object. Ties are in order as they stand."""

    time_ms: int
    """Of the later share of the two."""
    one: str
    other: str
    """The accounts, in order."""
    object: Subject
    first: Share
    """With which `one` shared it."""
    second: Share
    """With which `other` shared it."""

    @property
    def gap_ms(self) -> int:
        """From the first account's share to the second's; negative where the second came first."""
        return self.second.time_ms - self.first.time_ms

    @property
    def posts(self) -> tuple[str, str]:
        """Ids of the posts with which the two shared it."""
        return self.first.post_id, self.second.post_id

    @property
    def shares(self) -> tuple[tuple[str, Share], tuple[str, Share]]:
        """Each of the two accounts with its share."""
        return (self.one, self.first), (self.other, self.second)


def tie(shared: Subject, one: str, first: Share, other: str, second: Share) -> Tie:
    """The tie of two accounts that shared an object.

    >>> tie(Subject("link", "l"), "bob", Share(20, "b1"), "ana", Share(50, "a1")).gap_ms
    -30
    """
    first_ms, second_ms = first.time_ms, second.time_ms
    last_ms = first_ms if first_ms > second_ms else second_ms
    if other < one:
        return Tie(last_ms, other, one, shared, second, first)
    return Tie(last_ms, one, other, shared, first, second)


class Repeated(msgspec.Struct, array_like=True):
    """What the PAIRS stage tells of one tick."""

    ties: list[Tie]
    """Of pairs that share several objects by now."""
    coincidences: int = 0
    """Times at which two accounts came close to each other, once or again, with whatever they shared then."""


Pair = tuple[str, str]


class _Pair(Record, tag="pairs"):
    """The newest tie of two accounts, and whether they shared something before it."""

    tie: Tie
    again: bool


class _PairsHead(Record, tag="pairs_head"):
    """What the stage counts, and the minute of its last look at what is too old."""

    evicted: int
    minute: int


class _Repeated(Record, tag="repetition"):
    """What two accounts shared, in order of time."""

    ties: list[Tie]


class _RepetitionHead(Record, tag="repetition_head"):
    """The minute of the last look at what is too old."""

    minute: int


def pair_key(pair: Pair) -> str:
    """Key of the record of two accounts."""
    # Ids may hold any character, so no separator tells where the first one ends; its length does.
    return f"{len(pair[0])}.{pair[0]}{pair[1]}"


def pair_of(key: str) -> Pair:
    """The two accounts of a key.

    >>> pair_of(pair_key(("a.1", "b")))
    ('a.1', 'b')

    Raises
    ------
    StateError
    """
    length, _, both = key.partition(".")
    pair = both[: int(length)], both[int(length) :]
    if pair_key(pair) != key:
        raise StateError("a key is none of a pair of accounts")
    return pair


class Pairs:
    """The PAIRS stage: counts distinct shared objects of each pair over a sliding window; bounded.

    Two ties of one pair by the same two posts are one coincidence: a post that carries a link, a picture and
    two hashtags shares four objects at once with its copy.

    Examples
    --------
    >>> pairs = Pairs()
    >>> first, second = (
    ...     tie(Subject("link", f"l{at}"), "a", Share(at, f"a{at}"), "b", Share(at, f"b{at}"))
    ...     for at in (0, 10)
    ... )
    >>> pairs.take([first], 0)
    Repeated(ties=[], coincidences=1)
    >>> [tie.time_ms for tie in pairs.take([second], 10).ties]
    [0, 10]
    """

    def __init__(self, settings: PairSettings | None = None) -> None:
        self.settings = settings or PairSettings()
        self._window_ms = self.settings.window_hours * HOUR_MS
        self._close_ms = self.settings.close_s * 1000
        self._once: dict[Pair, Tie] = {}
        self._again: dict[Pair, Tie] = {}
        """Newest tie of each pair that shared two objects or more."""
        self._minute = 0
        self.evicted = 0
        self._changed: Noted[Pair] = Noted()
        self._table, self._head = Table(_Pair), Sheet(_PairsHead)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def take(self, ties: Iterable[Tie], tick_ms: int) -> Repeated:
        """Count the ties of one tick; return those of pairs that share several objects by now.

        Each tie must be of an object that the pair has not shared before.
        """
        # By time, so that those that wait for a second object stand in order of time, also after a restart.
        ties = sorted(ties)
        once, again = self._once, self._again
        again_now: list[Tie] = []
        met: list[Tie] = []
        for tie in ties:
            pair = tie.one, tie.other
            # Of most pairs it is the first thing that they share.
            if (pair not in again and once.setdefault(pair, tie) is tie) or self._met_again(tie, again_now):
                met.append(tie)
        close_ms = self._close_ms
        close = [tie.one for tie in met if abs(tie.second.time_ms - tie.first.time_ms) <= close_ms]
        # The canary's accounts meet by order: chance is not to be learnt from them.
        repeated = Repeated(again_now, len(close) - sum(map(is_canary, close)))
        if self._changed.on:
            self._changed.update((tie.one, tie.other) for tie in ties)
        if tick_ms // 60_000 != self._minute:
            self._minute = tick_ms // 60_000
            self._expire(tick_ms - self._window_ms)
        forgot = forget_once_and_again(self._once, self._again, self.settings.max_pairs)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted
        return repeated

    def _met_again(self, tie: Tie, repeated: list[Tie]) -> bool:
        """Count a tie of a pair that shared something before; whether by two posts that had not tied it."""
        pair = tie.one, tie.other
        newest = self._again.get(pair)
        if newest is not None:
            self._again[pair] = max(tie, newest)
            repeated.append(tie)
            return tie.posts != newest.posts
        before = self._once[pair]
        if before.posts == tie.posts:
            return False
        del self._once[pair]
        if tie.time_ms - before.time_ms > self._window_ms:
            self._once[pair] = tie
        else:
            self._again[pair] = max(before, tie)
            repeated += (before, tie)
        return True

    def _expire(self, limit_ms: int) -> None:
        """Forget what lies before the window."""
        old = []
        for pair, tie in self._once.items():
            if tie.time_ms >= limit_ms:
                break
            old.append(pair)
        for pair in old:
            del self._once[pair]
        self._changed.update(old)
        old = [pair for pair, newest in self._again.items() if newest.time_ms < limit_ms]
        for pair in old:
            del self._again[pair]
        self._changed.update(old)

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        pairs = self._changed.take(chain(self._once, self._again), everything)
        return merged(
            self._head.told(_PairsHead(self.evicted, self._minute), everything),
            self._table.told({pair_key(pair): self._packed(pair) for pair in pairs}),
        )

    def _packed(self, pair: Pair) -> _Pair | None:
        again = pair in self._again
        tie = (self._again if again else self._once).get(pair)
        return None if tie is None else _Pair(tie, again)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._minute = head.evicted, head.minute
        for key, one in sorted(self._table.read(saved), key=lambda one: one[1].tie):
            pair = pair_of(key)
            if pair != (one.tie.one, one.tie.other):
                raise StateError("a tie stands under another pair's key")
            (self._again if one.again else self._once)[pair] = one.tie


class Repetition:
    """The pairs that share objects again and again, as a graph to ask about groups.

    Examples
    --------
    >>> graph = Repetition()
    >>> a, b = Share(0, "a1"), Share(10, "b1")
    >>> graph.take([tie(Subject("text", name), "a", a, "b", b) for name in ("t1", "t2")], 10)
    >>> graph.among(["a", "b", "c"], 10)
    (2, 2)
    """

    def __init__(self, settings: PairSettings | None = None) -> None:
        self.settings = settings or PairSettings()
        self._window_ms = self.settings.window_hours * HOUR_MS
        self._partners: dict[str, dict[str, list[Tie]]] = {}
        self._looks: list[tuple[int, Pair]] = []
        """A heap, in which each pair stands once: at which limit to look whether it is too old by now."""
        self._minute = 0
        self._changed: Noted[Pair] = Noted()
        self._table, self._head = Table(_Repeated), Sheet(_RepetitionHead)

    def take(self, ties: Iterable[Tie], tick_ms: int) -> None:
        """Take in the repeated ties of one tick."""
        for tie in sorted(ties):
            one, other = tie.one, tie.other
            held = self._partners.get(one, {}).get(other)
            if held is None:
                held = []
                self._partners.setdefault(one, {})[other] = held
                self._partners.setdefault(other, {})[one] = held
                heappush(self._looks, (tie.time_ms, (one, other)))
            held.append(tie)
            del held[:-_TIES]
            self._changed.add((one, other))
        if tick_ms // 60_000 != self._minute:
            self._minute = tick_ms // 60_000
            self._expire(tick_ms - self._window_ms)

    def between(self, one: str, other: str, now_ms: int) -> list[Tie]:
        """What two accounts shared within the window, the newest last; the accounts of each tie in order."""
        limit = now_ms - self._window_ms
        return [tie for tie in self._partners.get(one, {}).get(other, ()) if tie.time_ms >= limit]

    def among(self, accounts: Iterable[str], now_ms: int) -> tuple[int, int]:
        """How a group's accounts are tied among themselves by the same texts and reposts.

        Links, pictures, tags and answers are left out: the readers of one paper, or all who follow one
        debate, share these.

        Returns
        -------
        (linked, most)
            Accounts of the group with at least one repeated partner in it, and the largest number of
            objects that a pair of the group shared.
        """
        group = set(accounts)
        limit = now_ms - self.settings.recent_hours * HOUR_MS
        least = self.settings.min_objects
        linked = most = 0
        for one in self._partners.keys() & group:
            partners = self._partners[one]
            best = max((_telling(partners[other], limit) for other in partners.keys() & group), default=0)
            linked += best >= least
            most = max(most, best)
        return linked, most if most >= least else 0

    def _expire(self, limit_ms: int) -> None:
        """Forget the pairs that shared nothing within the window."""
        # All pairs are too many to be walked every minute. What a pair shares later does not move it in the
        # heap: it is moved when its turn comes, once in a window at the most.
        while self._looks and self._looks[0][0] < limit_ms:
            _, (one, other) = heappop(self._looks)
            newest_ms = _newest_ms(self._partners[one][other])
            if newest_ms >= limit_ms:
                heappush(self._looks, (newest_ms, (one, other)))
                continue
            for name, partner in ((one, other), (other, one)):
                del self._partners[name][partner]
                if not self._partners[name]:
                    del self._partners[name]
            self._changed.add((one, other))

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        held = ((one, other) for one, partners in self._partners.items() for other in partners if one < other)
        pairs = self._changed.take(held, everything)
        return merged(
            self._head.told(_RepetitionHead(self._minute), everything),
            self._table.told({pair_key(pair): self._packed(*pair) for pair in pairs}),
        )

    def _packed(self, one: str, other: str) -> _Repeated | None:
        ties = self._partners.get(one, {}).get(other)
        return None if ties is None else _Repeated(ties)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._minute = head.minute
        for key, pair in self._table.read(saved):
            one, other = pair_of(key)
            self._partners.setdefault(one, {})[other] = pair.ties
            self._partners.setdefault(other, {})[one] = pair.ties
            self._looks.append((_newest_ms(pair.ties), (one, other)))
        heapify(self._looks)


def _newest_ms(ties: list[Tie]) -> int:
    return max(tie.time_ms for tie in ties)


def _telling(ties: list[Tie], first_ms: int) -> int:
    """How many of the ties, from a time on, are of the kinds that speak for a group."""
    return len([tie for tie in ties if tie.time_ms >= first_ms and tie.object.kind in _TELLING])
