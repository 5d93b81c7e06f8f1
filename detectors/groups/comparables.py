"""The same measurements of other subjects, to compare one subject with: medians over many at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.background import ENOUGH
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

Medians = dict[str, tuple[float | None, int]]
"""For each measure its median over comparable subjects (None where there are none) and their number."""


class _Row(Record):
    """The measurements of one subject."""

    turn: int
    judged_ms: int
    size: int
    values: list[float | None]


class _Head(Record):
    """How many measurements there were."""

    turn: int


def _tables(of: str) -> tuple[type[_Row], type[_Head]]:
    """Records of two kinds of subjects are not taken for one another."""

    class Row(_Row, tag=f"comparable_{of}"):
        """The measurements of one subject of this kind."""

    class Head(_Head, tag=f"comparable_{of}_head"):
        """How many measurements of this kind there were."""

    return Row, Head


class Comparables:
    """The newest measurements of each subject, in columns.

    A subject is comparable to another if their sizes are within a factor of ``size_factor`` and it was judged
    within ``window_ms``. Where fewer than five of those have a measure, all sizes are taken: that is better
    than nothing.

    Parameters
    ----------
    of : str
        What the subjects are, for the names of the records.
    measures : tuple of str
        What is measured.
    window_ms, size_factor : int
        What is comparable.
    max_subjects : int
        Subjects held; the one judged longest ago goes first.

    Examples
    --------
    >>> others = Comparables("tags", ("share",), window_ms=1000, size_factor=4, max_subjects=100)
    >>> for n in range(5):
    ...     others.put(f"tag{n}", size=20, now_ms=0, measures={"share": n / 10})
    >>> others.medians("other", size=30, now_ms=10)
    {'share': (0.2, 5)}
    """

    def __init__(
        self, of: str, measures: tuple[str, ...], *, window_ms: int, size_factor: int, max_subjects: int
    ) -> None:
        self._measures = measures
        self._window_ms = window_ms
        self._factor = size_factor
        self._max = max_subjects
        self._row: dict[str, int] = {}
        self._turn = 0
        self._turns = np.zeros(max_subjects, dtype=np.int64)
        """When each row was written: number of the measurement."""
        self._judged_ms = np.zeros(max_subjects, dtype=np.int64)
        self._size = np.zeros(max_subjects, dtype=np.int64)
        self._values = np.full((len(measures), max_subjects), np.nan)
        self._changed: Noted[str] = Noted()
        self._row_kind, self._head_kind = _tables(of)
        self._table, self._head = Table(self._row_kind), Sheet(self._head_kind)

    def __len__(self) -> int:
        return len(self._row)

    def put(self, subject: str, *, size: int, now_ms: int, measures: dict[str, float | None]) -> None:
        """Remember the newest measurements of a subject; None is not known."""
        # Taken out and put back, so that those judged longest ago stand first.
        row = self._row.pop(subject, None)
        if row is None:
            row = len(self._row)
            if row == self._max:
                oldest = next(iter(self._row))
                row = self._row.pop(oldest)
                self._changed.add(oldest)
        self._row[subject] = row
        self._changed.add(subject)
        self._turn += 1
        self._turns[row] = self._turn
        self._judged_ms[row] = now_ms
        self._size[row] = size
        values = (measures[name] for name in self._measures)
        self._values[:, row] = [np.nan if value is None else value for value in values]

    def medians(
        self, subject: str, *, size: int, now_ms: int, measures: Iterable[str] | None = None
    ) -> Medians:
        """Medians over the subjects that are comparable to this one, of some measures (default: of all)."""
        count = len(self._row)
        recent = now_ms - self._judged_ms[:count] <= self._window_ms
        if (row := self._row.get(subject)) is not None:
            recent[row] = False
        sizes = self._size[:count]
        alike = recent & (sizes <= size * self._factor) & (size <= sizes * self._factor)
        # As numbers of rows, which are quicker to take from each column.
        near, anywhere = alike.nonzero()[0], recent.nonzero()[0]
        result: Medians = {}
        for name in self._measures if measures is None else measures:
            column = self._values[self._measures.index(name)]
            values = _known(column.take(near))
            if len(values) < ENOUGH:
                values = _known(column.take(anywhere))
            result[name] = (_median(values), len(values))
        return result

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        subjects = self._changed.take(self._row, everything)
        return merged(
            self._head.told(self._head_kind(self._turn), everything),
            self._table.told({subject: self._packed(self._row.get(subject)) for subject in subjects}),
        )

    def _packed(self, row: int | None) -> _Row | None:
        if row is None:
            return None
        values = [None if np.isnan(value) else value for value in self._values[:, row].tolist()]
        turn, judged_ms, size = (int(column[row]) for column in (self._turns, self._judged_ms, self._size))
        return self._row_kind(turn, judged_ms, size, values)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved.

        Rows may come to stand elsewhere: a median does not ask for their order, and which one is given up
        for a new subject is decided by who was judged longest ago.
        """
        head = self._head.read(saved)
        if head is not None:
            self._turn = head.turn
        subjects = sorted(self._table.read(saved), key=lambda one: one[1].turn)
        for row, (subject, one) in enumerate(subjects):
            self._row[subject] = row
            self._turns[row], self._judged_ms[row], self._size[row] = one.turn, one.judged_ms, one.size
            self._values[:, row] = [np.nan if value is None else value for value in one.values]


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy without what is not known."""
    return values[~np.isnan(values)]


def _median(values: NDArray[np.float64]) -> float | None:
    """The median, None of nothing; the values are sorted in place."""
    if not len(values):
        return None
    values.sort()
    middle = len(values) // 2
    value = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return round(float(value), 4)
