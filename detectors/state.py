"""What a checkpoint keeps of the stages: small packed records in tables, and which of them have changed.

Every object with a memory has the same three methods:

* ``track()``: from now on note what changes. A run that never writes a checkpoint does not call it, and pays
  nothing for it;
* ``changes(everything=False)``: the records that changed since the last call, packed, and None for those that
  are gone; with ``everything`` all of them, as if none had ever been told, for a store that lost them;
* ``restore(saved)``: on a fresh object with the same settings, go on from what was saved. As long as nothing
  was evicted for want of room, every later output is that of the object that was never interrupted.

The caller adds each answer of `changes` to its store, with the offsets of the posts that it covers, and loses
none: what was told once is not told again. What is closed (a past minute, a full block) is written once;
until a full write, such a record may still hold what has been dropped since, and `restore` leaves that out.

A record is an array in MessagePack whose first element is the name of its table, so that a record of another
table, or of another form, is refused and never misread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, Generic, TypeVar, overload

import msgspec

STATE_FORMAT = 7
"""Form of the records. It goes up by one with every change of what any record holds or means, including the
order of its fields: a checkpoint of another form is not read."""

Saved = dict[str, dict[str, bytes]]
"""What a store holds: table, key, packed record."""
Changes = dict[str, dict[str, bytes | None]]
"""What is to be written to the store; None takes a record out."""

HEAD = ""
"""Key of a table's only record, where it has but one."""

_Self = TypeVar("_Self")
_T = TypeVar("_T")
_Key = TypeVar("_Key", bound=Hashable)


class StateError(ValueError):
    """What was saved cannot be read: it is damaged, of another form, or of other settings."""


class Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What every record is made from; the tag of each kind is the name of its table."""


_Record = TypeVar("_Record", bound=Record)

pack: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
"""A value as bytes."""


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


@overload
def unpack(packed: bytes, kind: type[_T]) -> _T: ...


@overload
def unpack(packed: bytes, kind: Any) -> Any: ...


def unpack(packed: bytes, kind: Any) -> Any:
    """A value of a type from its bytes.

    Raises
    ------
    StateError
        When the bytes are nothing of the sort.

    Examples
    --------
    >>> unpack(pack((1, None)), tuple[int, int | None])
    (1, None)
    """
    try:
        return _decoder(kind).decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise StateError(f"not the {kind} that was expected: {problem}") from None


def refusing(restore: Callable[[_Self, Saved], None]) -> Callable[[_Self, Saved], None]:
    """Let a method that restores raise `StateError`, and nothing else, when records do not fit together."""

    @wraps(restore)
    def guarded(self: _Self, saved: Saved, /) -> None:
        try:
            restore(self, saved)
        except StateError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
            # The message of such an error may quote a post; its kind is enough here.
            what = f"{type(self).__name__}: the saved records do not fit together"
            raise StateError(f"{what} ({type(problem).__name__})") from problem

    return guarded


class Table(Generic[_Record]):
    """One kind of records: packs them for the store and reads them back.

    Parameters
    ----------
    kind : type of Record
        Its tag is the table's name.

    Examples
    --------
    >>> class Height(Record, tag="heights"):
    ...     metres: int
    >>> heights = Table(Height)
    >>> told = heights.told({"oak": Height(20), "elm": None})
    >>> told["heights"]["elm"], [(key, one.metres) for key, one in heights.read(applied({}, told))]
    (None, [('oak', 20)])
    """

    def __init__(self, kind: type[_Record]) -> None:
        self.name = str(kind.__struct_config__.tag)
        self._decoder: msgspec.msgpack.Decoder[_Record] = msgspec.msgpack.Decoder(kind)

    def told(self, records: dict[str, _Record | None]) -> Changes:
        """These records as changes; None for one that is gone."""
        if not records:
            return {}
        return {self.name: {key: None if one is None else pack(one) for key, one in records.items()}}

    def read(self, saved: Saved) -> Iterator[tuple[str, _Record]]:
        """The records of this table."""
        for key, packed in saved.get(self.name, {}).items():
            yield key, self.unpack(packed)

    def unpack(self, packed: bytes) -> _Record:
        """One record of this table."""
        try:
            return self._decoder.decode(packed)
        except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
            raise StateError(f"not a record of {self.name!r}: {problem}") from None


class Sheet(Generic[_Record]):
    """A table with one small record, told whenever it differs from what was told last."""

    def __init__(self, kind: type[_Record]) -> None:
        self._table = Table(kind)
        self._last = b""

    def told(self, record: _Record, everything: bool) -> Changes:
        """The record as changes; nothing if it is the same as before."""
        packed = pack(record)
        if packed == self._last and not everything:
            return {}
        self._last = packed
        return {self._table.name: {HEAD: packed}}

    def read(self, saved: Saved) -> _Record | None:
        """The record, if there is one."""
        packed = saved.get(self._table.name, {}).get(HEAD)
        if packed is None:
            return None
        record = self._table.unpack(packed)
        self._last = packed
        return record


class Noted(Generic[_Key]):
    """The keys of the records that changed since they were told; until `track` it notes nothing."""

    __slots__ = ("_keys", "on")

    def __init__(self) -> None:
        self.on = False
        self._keys: dict[_Key, None] = {}  # and no set, whose order differs from process to process

    def __len__(self) -> int:
        return len(self._keys)

    def track(self) -> None:
        """From now on, note what changes."""
        self.on = True

    def add(self, key: _Key) -> None:
        """Note that a record has changed, or is gone."""
        if self.on:
            self._keys[key] = None

    def update(self, keys: Iterable[_Key]) -> None:
        """Note that these records have changed, or are gone."""
        if self.on:
            self._keys.update(dict.fromkeys(keys))

    def take(self, held: Iterable[_Key], everything: bool) -> Collection[_Key]:
        """The keys to be told now: those noted, or all that are held (also where nothing was noted)."""
        noted, self._keys = self._keys, {}
        return noted if self.on and not everything else dict.fromkeys(held)


class Blocks:
    """Which blocks of a growing sequence are to be told: those from the first change on.

    Parameters
    ----------
    size : int
        Places in a block; block n holds the places from n times that on.
    begin, end : int
        What the store has already.

    Examples
    --------
    >>> blocks = Blocks(10)
    >>> blocks.due(0, 25), blocks.due(0, 25), blocks.due(12, 31)
    ((range(0, 0), range(0, 3)), (range(0, 0), range(0, 0)), (range(0, 1), range(2, 4)))
    """

    __slots__ = ("_changed", "_dropped", "_end", "size")

    def __init__(self, size: int, begin: int = 0, end: int = 0) -> None:
        self.size = size
        self._changed = self._end = end
        self._dropped = begin // size

    def touch(self, place: int) -> None:
        """Note that everything from a place on has changed."""
        self._changed = min(self._changed, place)

    def due(self, begin: int, end: int, everything: bool = False) -> tuple[range, range]:
        """The blocks that are gone and those to be told, if the sequence has the places begin to end now.

        A block that was told in full is not told again when its first places are past.
        """
        first = begin if everything else max(self._changed, begin)
        due = range(first // self.size, (end - 1) // self.size + 1) if first < end else range(0)
        live = begin // self.size if begin < end else -(-end // self.size)
        gone = range(0) if everything else range(self._dropped, max(live, self._dropped))
        self._dropped = min(live, end // self.size)
        self._changed = self._end = end
        return gone, due

    def ends(self, block: int, begin: int) -> tuple[int, int]:
        """The places that a block holds of what was told last."""
        return max(block * self.size, begin), min((block + 1) * self.size, self._end)

    def told(self) -> range:
        """All blocks that the store may have."""
        return range(self._dropped, -(-self._end // self.size))


def segments(bucket: int, ends: Iterable[int]) -> dict[str, tuple[int, int]]:
    """Keys of the segments of one bucket (a tick, a minute), each with the places where it begins and ends.

    What is only ever added to is saved in segments, one for each time that something was added.

    >>> segments(60000, [3, 5])
    {'60000.0': (0, 3), '60000.3': (3, 5)}
    """
    return {f"{bucket}.{begin}": (begin, end) for begin, end in pairwise([0, *ends])}


def segment_place(key: str) -> tuple[int, int]:
    """Bucket and beginning of a segment, from its key."""
    bucket, _, begin = key.partition(".")
    return int(bucket), int(begin)


def merged(*parts: Changes) -> Changes:
    """The changes of several objects as one.

    >>> merged({"a": {"1": b"x"}}, {}, {"b": {"2": None}})
    {'a': {'1': b'x'}, 'b': {'2': None}}
    """
    whole: Changes = {}
    for part in parts:
        if shared := whole.keys() & part.keys():
            raise ValueError(f"two objects have a table of one name: {', '.join(sorted(shared))}")
        whole |= part
    return whole


def overlaid(before: Changes, after: Changes) -> Changes:
    """Two sets of changes of one object as one; where both have a record, the later one stands.

    >>> overlaid({"a": {"1": b"x", "2": b"y"}}, {"a": {"1": None}})
    {'a': {'1': None, '2': b'y'}}
    """
    if not before:
        return after
    return {name: {**before.get(name, {}), **after.get(name, {})} for name in (before | after)}


def applied(saved: Saved, changes: Changes) -> Saved:
    """A store in memory after these changes; it is changed in place.

    >>> applied({"a": {"1": b"x", "2": b"y"}}, {"a": {"1": None, "3": b"z"}})
    {'a': {'2': b'y', '3': b'z'}}
    """
    for name, records in changes.items():
        table = saved.setdefault(name, {})
        for key, packed in records.items():
            if packed is None:
                table.pop(key, None)
            else:
                table[key] = packed
        if not table:
            del saved[name]
    return saved
