"""Forgetting the oldest entries of a dict that is in order of age, in one walk.

A dict keeps the place of a key that was deleted until it grows again, and a walk from its beginning passes
over all those places. Whoever deletes the oldest key, asks for the next oldest and so on, walks further each
time: at a hundred thousand keys 40 microseconds for each one. So all keys that must go are found in one
walk, and where there is no room, room is made for some more at once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, takewhile
from typing import Generic, NamedTuple, TypeVar

_ROOM = 20
"""One in so many places is made free at once."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Forgotten(NamedTuple, Generic[_Key, _Value]):
    """What was forgotten."""

    gone: dict[_Key, _Value]
    evicted: int
    """How many of these for want of room, and not because they were old."""


def forget_oldest(
    held: dict[_Key, _Value],
    most: int,
    old: Callable[[_Value], bool] | None = None,
) -> Forgotten[_Key, _Value]:
    """Delete the oldest entries: those that are old, and where there is no room for the rest some more.

    Parameters
    ----------
    held : dict
        In order of age, the oldest first.
    most : int
        Entries that may be held; above it, so many go that a twentieth of the room is free.
    old : callable, optional
        Whether an entry is old, by its value. The first that is not ends the search.

    Examples
    --------
    >>> store = {"a": 1, "b": 2, "c": 9, "d": 1}
    >>> forget_oldest(store, 10, lambda value: value < 5), store
    (Forgotten(gone={'a': 1, 'b': 2}, evicted=0), {'c': 9, 'd': 1})
    >>> forget_oldest(store, 1)
    Forgotten(gone={'c': 9}, evicted=1)
    """
    gone = dict(takewhile(lambda one: old(one[1]), held.items())) if old is not None else {}
    expired = len(gone)
    left = len(held) - expired
    if left > most:
        gone |= islice(held.items(), expired, expired + left - most + most // _ROOM)
    for key in gone:
        del held[key]
    return Forgotten(gone, len(gone) - expired)


def forget_once_and_again(
    once: dict[_Key, _Value], again: dict[_Key, _Value], most: int
) -> Forgotten[_Key, _Value]:
    """Delete the oldest entries of two dicts together, where there is no room.

    A quarter of the room is left to what was seen once: if what was seen again could fill it all, nothing new
    would ever be there to be seen a second time.

    Parameters
    ----------
    once, again : dict
        What was seen once, and what was seen more often; each in order of age, the oldest first.
    most : int
        Entries that both may hold together. Those seen once may take what the others leave of it.

    Examples
    --------
    >>> once, again = dict.fromkeys("abc", 1), dict.fromkeys("vwxyz", 2)
    >>> forget_once_and_again(once, again, 4)
    Forgotten(gone={'v': 2, 'w': 2, 'a': 1, 'b': 1}, evicted=4)
    >>> [*once, *again]
    ['c', 'x', 'y', 'z']
    """
    of_again = forget_oldest(again, most - most // 4)
    of_once = forget_oldest(once, most - len(again))
    return Forgotten(of_again.gone | of_once.gone, of_again.evicted + of_once.evicted)
