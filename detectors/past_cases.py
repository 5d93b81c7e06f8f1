"""Which accounts were in earlier cases: the part of an account's long memory that cases write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from detectors.forgetting import forget_oldest
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

_CASES = 4


class PastCases:
    """The newest closed cases of each account; bounded.

    Parameters
    ----------
    max_accounts : int
        Accounts held; the one whose case closed longest ago goes first.

    Examples
    --------
    >>> past = PastCases(max_accounts=100)
    >>> past.add("c1", ["ana", "bob", "eve"])
    >>> past.shared(["ana", "bob", "joe"], least=2), past.shared(["ana", "joe"], least=2)
    (['c1'], [])
    """

    def __init__(self, max_accounts: int) -> None:
        self._max = max_accounts
        self._cases: dict[str, tuple[str, ...]] = {}
        self.evicted = 0
        self._number = 0
        self._numbers: dict[str, int] = {}
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(_Past), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._cases)

    def add(self, case_id: str, accounts: Iterable[str]) -> None:
        """Remember the accounts of a case that is over."""
        self._number += 1
        for account in sorted(accounts):
            # Taken out and put back, so that the oldest stand first.
            before = self._cases.pop(account, ())
            self._cases[account] = (*before, case_id)[-_CASES:]
            self._numbers[account] = self._number
            self._changed.add(account)
        forgot = forget_oldest(self._cases, self._max)
        for account in forgot.gone:
            del self._numbers[account]
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    def shared(self, accounts: Collection[str], least: float) -> list[str]:
        """The cases that had so many of these accounts or more, those with the most first."""
        counted = Counter(case_id for account in accounts for case_id in self._cases.get(account, ()))
        return sorted((one for one in counted if counted[one] >= least), key=lambda one: (-counted[one], one))

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        records: dict[str, _Past | None] = {}
        for account in self._changed.take(self._cases, everything):
            cases = self._cases.get(account)
            records[account] = None if cases is None else _Past(self._numbers[account], cases)
        return merged(
            self._head.told(_Head(self.evicted, self._number), everything), self._table.told(records)
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._number = head.evicted, head.number
        for account, past in sorted(self._table.read(saved), key=lambda one: (one[1].number, one[0])):
            self._cases[account], self._numbers[account] = past.cases, past.number


class _Past(Record, tag="past_cases"):
    number: int
    """Of the closing that told it, counted from the first: the order in which accounts are forgotten."""
    cases: tuple[str, ...]


class _Head(Record, tag="past_cases_head"):
    evicted: int
    number: int
