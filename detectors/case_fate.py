"""What became of a case's accounts and posts since: how many are gone, have come back, were erased.

An account is gone while its network says that it is suspended, deleted or deactivated. Of the posts only
those that the findings keep are known; the share is of these. A case speaks of its fate again when a share
has passed one more of `STEPS`, with `LEAST` accounts or posts at the least.

It misses what the network does not tell, and what happens after a closed case is forgotten. A suspension is
the network's decision and proves nothing by itself; an account may be gone for a reason that has nothing to
do with the case.

>>> fate = CaseFate()
>>> for name in ("ana", "bob", "eve"):
...     fate.note(FateSignal(5, name, "suspended"))
>>> fate.counts(accounts=4, posts=()), fate.step(accounts=4, posts=())
(FateCounts(gone=3, suspended=3, returned=0, erased=0, posts=0), 4)
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from detectors.batches import FateSignal
from detectors.state import Record

STEPS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Shares at which a case speaks of its fate again."""
LEAST = 3
_GONE = ("suspended", "deleted", "deactivated")


class FateCounts(NamedTuple):
    """The fate of a case in numbers."""

    gone: int
    """Accounts that are gone now,"""
    suspended: int
    """of these suspended by the network;"""
    returned: int
    """accounts that were gone and came back."""
    erased: int
    """Posts known to be erased, of"""
    posts: int
    """posts known."""


class CaseFate(Record, tag="case_fates"):
    """The fate of one case; it is the record that a checkpoint keeps of it."""

    accounts: dict[str, str] = msgspec.field(default_factory=dict)
    """Status of the accounts of which something was heard."""
    erased: list[str] = msgspec.field(default_factory=list)
    """Network and id of each post erased."""
    returned: int = 0
    told: int = 0
    """Step that the newest alert told."""

    def note(self, fate: FateSignal) -> None:
        """Take in what became of an account or post of the case."""
        if fate.status == "erased":
            if fate.post is not None and fate.post not in self.erased:
                self.erased.append(fate.post)
        elif fate.account is not None:
            self.returned += fate.status == "active" and self.accounts.get(fate.account) in _GONE
            self.accounts[fate.account] = fate.status

    def join(self, other: CaseFate) -> None:
        """Take in the fate of a case that is merged into this one."""
        self.accounts |= other.accounts
        self.erased += [post for post in other.erased if post not in self.erased]
        self.returned += other.returned

    def counts(self, accounts: int, posts: Collection[str]) -> FateCounts:
        """The numbers.

        Parameters
        ----------
        accounts : int
            Accounts of the case.
        posts : collection of str
            Network and id of the posts that its findings keep.
        """
        statuses = [status for status in self.accounts.values() if status in _GONE]
        return FateCounts(
            gone=min(len(statuses), accounts),
            suspended=statuses.count("suspended"),
            returned=self.returned,
            erased=len(self.erased),
            posts=len({*posts, *self.erased}),
        )

    def step(self, accounts: int, posts: Collection[str]) -> int:
        """How many of `STEPS` the larger of the two shares has passed."""
        counts = self.counts(accounts, posts)
        return max(_passed(counts.gone, accounts), _passed(counts.erased, counts.posts))


def _passed(part: int, whole: int) -> int:
    return bisect(STEPS, part / whole) if part >= LEAST else 0
