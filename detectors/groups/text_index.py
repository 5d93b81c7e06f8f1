"""The texts that later ones are compared with: a ring of rows, and the band table in which copies meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors import sketches
from detectors.state import Blocks, Changes, Record, Saved, Sheet, StateError, Table, merged, refusing

Text = tuple[str, str]
"""A text as posted, and its fold."""
Alive = Callable[[int], bool]
"""Whether the text of a key belongs to a live cluster."""

_BLOCK = 256
_REBUILT = 4096
"""Texts whose signatures are computed at once when the table is made anew."""
_RESCUED = 16
"""Texts of live clusters moved for one batch, beside as many as it brings; so a text costs little."""


class _Block(Record, tag="text_rows"):
    """Texts one after the other, as (key, time, text, fold)."""

    first: int
    rows: list[tuple[int, int, str, str]]


class _Head(Record, tag="text_rows_head"):
    """Numbers of the oldest text held and of the next one to come."""

    oldest: int
    next: int


class TextIndex:
    """Texts in order of insertion, those from number `oldest` to before number `next`.

    A text of a live cluster that is pushed out, or grows too old, is inserted anew. So all that is held is
    one stretch of the sequence, and what the band table knows follows from it.

    Parameters
    ----------
    rows : int
        How many texts are held; a power of two.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.oldest = 0
        self.next = 0
        self._bands = sketches.BandTable(rows)
        self._key = [0] * rows
        self._time = [0] * rows
        # Two lists, and not one of pairs: a pair takes as much again as half of a short text.
        self._text: list[str] = [""] * rows
        self._folded: list[str] = [""] * rows
        """Empty where there is no text: none is so short that it has no shingle."""
        self._blocks = Blocks(_BLOCK)
        self._table, self._head = Table(_Block), Sheet(_Head)

    def __len__(self) -> int:
        return self.next - self.oldest

    def folded(self, row: int) -> str:
        """Fold of the text of a row that a meeting gave; empty where there is none."""
        return self._folded[row]

    def row(self, row: int) -> tuple[int, int, Text | None]:
        """Key, time and text of a row that a meeting gave."""
        text = (self._text[row], self._folded[row]) if self._folded[row] else None
        return self._key[row], self._time[row], text

    def meet(
        self, texts: list[Text], keys: list[int], now_ms: int, recent_ms: int, alive: Alive, minimum: float
    ) -> tuple[list[int], list[int], int, int]:
        """Insert texts; return which rows they resemble.

        Parameters
        ----------
        texts, keys : list
            The new texts, at most a quarter of the rows.
        now_ms, recent_ms : int
            The tick, and the time since which a text that is pushed out counts as evicted.
        alive : callable
        minimum : float
            Estimated similarity from which a meeting counts.

        Returns
        -------
        (positions, others, met, evicted)
            Pairs (position among the texts, row of another), the number of meetings looked at, and how many
            texts were pushed out that would still have counted.
        """
        rescued, evicted = self._make_room(len(texts), recent_ms, alive)
        numbers = self._place(
            [*texts, *(text for _, text in rescued)], [*keys, *(key for key, _ in rescued)], now_ms
        )
        folds = [folded for _, folded in texts] + [text[1] for _, text in rescued]
        positions, others, met = self._bands.meet(sketches.signatures(folds), numbers, minimum, self.oldest)
        return positions, others, met, evicted

    def release(self, limit_ms: int, now_ms: int, alive: Alive) -> None:
        """Let go of the texts that are too old to be compared; those of live clusters are inserted anew."""
        moved: list[tuple[int, Text]] = []
        while self.oldest < self.next and self._time[self.oldest % self.rows] < limit_ms:
            key, text = self._take_oldest()
            if alive(key):
                moved.append((key, text))
        for start in range(0, len(moved), _REBUILT):
            part = moved[start : start + _REBUILT]
            numbers = self._place([text for _, text in part], [key for key, _ in part], now_ms)
            self._bands.put(sketches.signatures([text[1] for _, text in part]), numbers)

    def _take_oldest(self) -> tuple[int, Text]:
        row = self.oldest % self.rows
        text = self._text[row], self._folded[row]
        if not text[1]:
            raise StateError("a text is missing")
        self._text[row] = self._folded[row] = ""
        self.oldest += 1
        return self._key[row], text

    def _make_room(self, count: int, recent_ms: int, alive: Alive) -> tuple[list[tuple[int, Text]], int]:
        """Push out the oldest texts, but give those of live clusters a new place, as far as it goes."""
        rescued: list[tuple[int, Text]] = []
        evicted = 0
        # The places that rescued texts move to are taken from others in turn.
        while len(self) + count + len(rescued) > self.rows:
            recent = self._time[self.oldest % self.rows] > recent_ms
            key, text = self._take_oldest()
            living = alive(key)
            if living and len(rescued) < count + _RESCUED:
                rescued.append((key, text))
            elif living or recent:
                evicted += 1
        return rescued, evicted

    def _place(self, texts: list[Text], keys: list[int], now_ms: int) -> sketches.Rows:
        """Give each text the next number and its row."""
        first, last = self.next, self.next + len(texts)
        begin, end = first % self.rows, last % self.rows
        if begin < end:
            self._text[begin:end] = [text for text, _ in texts]
            self._folded[begin:end] = [folded for _, folded in texts]
            self._time[begin:end] = [now_ms] * len(texts)
            self._key[begin:end] = keys
        else:
            for number, text, key in zip(range(first, last), texts, keys, strict=True):
                row = number % self.rows
                self._text[row], self._folded[row] = text
                self._time[row], self._key[row] = now_ms, key
        self.next = last
        return np.arange(first, last, dtype=np.int64)

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """Nothing to be noted: what is new stands after what was told."""

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        gone, due = self._blocks.due(self.oldest, self.next, everything)
        blocks: dict[str, _Block | None] = {str(number): None for number in gone}
        blocks |= {str(number): self._block(*self._blocks.ends(number, self.oldest)) for number in due}
        return merged(self._head.told(_Head(self.oldest, self.next), everything), self._table.told(blocks))

    def _block(self, first: int, last: int) -> _Block:
        rows = [
            (self._key[row], self._time[row], self._text[row], self._folded[row])
            for row in (number % self.rows for number in range(first, last))
            if self._folded[row]
        ]
        return _Block(first, rows)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh index, go on from what was saved. Makes the band table anew: some 5 us a text."""
        head = self._head.read(saved)
        blocks = sorted(self._table.read(saved), key=lambda one: one[1].first)
        if head is None or not 0 <= head.oldest <= head.next <= head.oldest + self.rows:
            if head is None and not blocks:
                return
            raise StateError("the texts held are not as many as the index has rows for")
        self.next = head.oldest
        for _, block in blocks:
            self._restore(block, head)
        if self.next != head.next:
            raise StateError("some of the texts held are missing")
        self.oldest, self._blocks = head.oldest, Blocks(_BLOCK, head.oldest, head.next)
        self._fill()

    def _restore(self, block: _Block, head: _Head) -> None:
        for number, (key, time_ms, *text) in enumerate(block.rows, block.first):
            if not head.oldest <= number < head.next:
                continue
            if number != self.next or len(text[1]) < sketches.SHINGLE:
                raise StateError("the texts held do not follow each other")
            row = number % self.rows
            self._key[row], self._time[row] = key, time_ms
            self._text[row], self._folded[row] = text
            self.next += 1

    def _fill(self) -> None:
        for first in range(self.oldest, self.next, _REBUILT):
            numbers = np.arange(first, min(first + _REBUILT, self.next), dtype=np.int64)
            folds = [folded for row in (numbers % self.rows).tolist() if (folded := self._folded[row])]
            self._bands.put(sketches.signatures(folds), numbers)
