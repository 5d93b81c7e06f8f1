"""Which case of one run is the same operation as which case of the other.

A case is named after its first finding and the moment at which it was found, and other settings change
both. So two cases of one id are one; of the others, those are that hold the same accounts and posts. By the
similarity

    J(A, B) = |A ∩ B| / |A ∪ B|        (Jaccard 1901)

of all the accounts and posts that the two ever held, the best pair is taken first, then the best of those
that are left, and so on: one to one. A pair must reach `LEAST`, a third: two cases of like size then share
half of what they hold, which is also what joins a finding to a case (`cases.overlap`).

What no pair is left for may still be there as a *part*: half of it, or more, in another case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import NamedTuple

LEAST = 0.3333
"""Similarity from which two cases are the same operation."""
PART = 0.5
"""Share of a case's accounts and posts that another one must hold for it to be a part of that."""

Members = Mapping[str, Set[str]]
"""Accounts and posts of each case, by its id."""


class Pair(NamedTuple):
    """Two cases that are the same operation."""

    before: str
    after: str
    similarity: float


def pairs(before: Members, after: Members) -> list[Pair]:
    """Pair the cases of two runs, each at most once.

    >>> pairs({"c1": {"a", "b", "c"}, "c2": {"x"}}, {"c3": {"b", "c", "d"}, "c2": {"x", "y"}})
    [Pair(before='c1', after='c3', similarity=0.5), Pair(before='c2', after='c2', similarity=0.5)]
    """
    same = before.keys() & after.keys()
    found = [Pair(name, name, similarity(before[name], after[name])) for name in same]
    left = {name: after[name] for name in after.keys() - same}
    candidates = [
        Pair(name, other, similarity(before[name], left[other]))
        for name, shared in _meetings({name: before[name] for name in before.keys() - same}, left).items()
        for other in shared
    ]
    candidates.sort(key=lambda pair: (-pair.similarity, pair.before, pair.after))
    taken_before, taken_after = set(same), set(same)
    for pair in candidates:
        if pair.similarity < LEAST:
            break
        if pair.before not in taken_before and pair.after not in taken_after:
            taken_before.add(pair.before)
            taken_after.add(pair.after)
            found.append(pair)
    return sorted(found)


def wholes(parts: Members, cases: Members) -> dict[str, str]:
    """Of each case that is a part of one of the other run, that one.

    >>> wholes({"c1": {"a", "b"}, "c2": {"x", "y", "z"}}, {"c3": {"a", "b", "c", "d", "x"}})
    {'c1': 'c3'}
    """
    found = {}
    for name, shared in _meetings(parts, cases).items():
        most, other = min((-count, other) for other, count in shared.items())
        if -most >= PART * len(parts[name]):
            found[name] = other
    return found


def similarity(one: Set[str], other: Set[str]) -> float:
    """Jaccard similarity, 0 for two sets of nothing; four digits.

    >>> similarity({"a", "b"}, {"b", "c"})
    0.3333
    """
    shared = len(one & other)
    return round(shared / (len(one) + len(other) - shared), 4) if shared else 0.0


def _meetings(before: Members, after: Members) -> dict[str, Counter[str]]:
    """How many members each case shares with which ones of the other run, where it shares any."""
    holders: dict[str, list[str]] = {}
    for name, members in after.items():
        for member in members:
            holders.setdefault(member, []).append(name)
    found = {}
    for name in sorted(before):
        shared = Counter(other for member in before[name] for other in holders.get(member, ()))
        if shared:
            found[name] = shared
    return found
