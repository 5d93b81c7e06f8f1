"""Other communities: who used each hashtag, reposted each account, to set one group against.

Every real community is special against the whole stream: in its language, its age, its hours. So what a group
has in common is also set against what the communities of like size of the last hours have.

A large group has few of its size. Where these are fewer than twenty, smaller communities are asked too. A
share of n accounts scatters around the community's own by v (1 - v) / n, so those of smaller ones lie
further apart: what 95 in 100 stay below is higher than it would be of larger ones, and the group is asked
for more, not for less. Only of what hardly any account has, small ones may show nothing at all; there the
effect and the number of accounts that a trait asks for (`detectors.traits.testing`) stand alone. Larger ones
scatter less, so no more than four times the size is taken.

Who is set beside a group must not be the group. The hashtag that an operation pushes and the account that it
reposts hold its accounts, and some other people: they would hide in one community what is found in another.
Ordinary communities share accounts too, mostly of people who post all day. So one is left out where it holds
more of the group than it would by chance (three standard deviations) if a tenth of the smaller of the two
were in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nsmallest

import msgspec

from detectors.distinct import SlidingDistinct
from detectors.forgetting import forget_oldest
from detectors.looks import account_hash
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

LEAST = 8
"""Accounts of a community with which a group is compared, at the least."""
SAMPLE = 64
"""Accounts by which a community is represented: those with the smallest hashes."""
_SHARED = 0.1
"""Share of the smaller of two communities that people who post all day may be."""
_DEVIATIONS = 3
"""Standard deviations by which a sample may show more than that by chance."""
_HOUR_MS = 3_600_000


class Community(msgspec.Struct, frozen=True, array_like=True):
    """The accounts that came together on one subject."""

    subject: str
    size: int
    """Accounts in all."""
    accounts: tuple[int, ...]
    """Hashes of a sample of them, see `detectors.looks.account_hash`, in order."""
    minutes: tuple[int, ...]
    """When each of these posted first on the subject, in minutes since the epoch."""


def community(subject: str, size: int, firsts: Iterable[tuple[int, int]]) -> Community:
    """A community from the hash and the first minute of its accounts, or of a sample by the smallest hashes.

    >>> community("hashtag:debate", 3, [(9, 25_000_001), (4, 25_000_000), (6, 25_000_001)]).accounts
    (4, 6, 9)
    """
    sample = sorted(firsts)[:SAMPLE]
    return Community(subject, size, tuple(one for one, _ in sample), tuple(minute for _, minute in sample))


def counted_on(subject: str, distinct: SlidingDistinct) -> Community | None:
    """The community of those who were counted on one subject; None for fewer than are compared."""
    if len(distinct.held) < LEAST:
        return None
    hashes = nsmallest(SAMPLE, [(account_hash(account), account) for account in distinct.held])
    firsts = distinct.firsts([account for _, account in hashes])
    return community(subject, distinct.count(), [(one, firsts[account]) for one, account in hashes])


class CommunitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the communities."""

    hours: int = 6
    """How long a community is compared with after it was seen last."""
    max_communities: int = 2000
    """Communities held; those unseen longest go first."""
    size_factor: int = 4
    """Communities from a fourth to four times the size of a group are comparable."""
    most: int = 40
    """Communities that one group is compared with: those nearest in size."""
    enough: int = 20
    """Where fewer are of like size, smaller ones make up this number: 95 in 100 of fewer would be all."""


class _Held(Record, tag="communities"):
    """A community, and when it was seen last."""

    turn: int
    seen_ms: int
    community: Community


class _Head(Record, tag="communities_head"):
    """What is counted."""

    turn: int
    evicted: int


class Communities:
    """The communities of the last hours, bounded.

    Examples
    --------
    >>> communities = Communities()
    >>> communities.take([community("hashtag:a", 20, [(one, 0) for one in range(20)])], 0)
    >>> [one.subject for one in communities.like(set(range(100, 130)), 30, 1000)]
    ['hashtag:a']
    >>> communities.like(set(range(18)), 18, 1000)  # the group itself
    []
    """

    def __init__(self, settings: CommunitySettings | None = None) -> None:
        self.settings = settings or CommunitySettings()
        self.evicted = 0
        self._turn = 0
        self._held: dict[str, _Held] = {}
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(_Held), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._held)

    def take(self, communities: Iterable[Community], tick_ms: int) -> None:
        """Take in the communities seen in one tick, whatever their order."""
        for one in sorted(communities, key=lambda one: (one.subject, one.size)):
            self._turn += 1
            # Taken out and put back, so that those unseen longest stand first.
            self._held.pop(one.subject, None)
            self._held[one.subject] = _Held(self._turn, tick_ms, one)
            self._changed.add(one.subject)
        limit_ms = tick_ms - self.settings.hours * _HOUR_MS
        forgot = forget_oldest(
            self._held, self.settings.max_communities, lambda held: held.seen_ms < limit_ms
        )
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    def like(self, group: set[int], size: int, now_ms: int) -> list[Community]:
        """Communities that are comparable to a group, and are not the group; see the module's text.

        Parameters
        ----------
        group : set of int
            Hashes of all its accounts.
        size : int
        now_ms : int
        """
        settings, limit_ms = self.settings, now_ms - self.settings.hours * _HOUR_MS
        factor = settings.size_factor

        def smaller(one: Community) -> bool:
            return factor * one.size < size

        lately = [
            held.community
            for held in self._held.values()
            if held.seen_ms >= limit_ms and LEAST <= held.community.size <= factor * size
        ]
        lately.sort(key=lambda one: (smaller(one), abs(one.size - size), one.subject))
        alike: list[Community] = []
        for one in lately:
            if len(alike) >= (settings.enough if smaller(one) else settings.most):
                break
            if not _holds(one, group, size):
                alike.append(one)
        return alike

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        subjects = self._changed.take(self._held, everything)
        return merged(
            self._head.told(_Head(self._turn, self.evicted), everything),
            self._table.told({subject: self._held.get(subject) for subject in subjects}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._turn, self.evicted = head.turn, head.evicted
        for subject, held in sorted(self._table.read(saved), key=lambda one: one[1].turn):
            self._held[subject] = held


def _holds(one: Community, group: set[int], size: int) -> bool:
    """Whether a community holds more of a group than chance and those who are everywhere explain.

    >>> sample = community("source:a", 600, [(one, 0) for one in range(600)])
    >>> _holds(sample, set(range(9)), 300), _holds(sample, set(range(8)), 300)
    (True, False)
    """
    shared = len(group.intersection(one.accounts))
    mean = _SHARED * min(one.size, size) / one.size * len(one.accounts)
    return shared > mean + _DEVIATIONS * math.sqrt(mean)  # a count of rare things: its variance is its mean
