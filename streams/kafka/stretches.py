"""What one task tells a partition of the next stage: everything of one stretch of event time, once.

A record says "this is all of (after, until]" with what happened at each tick in between. A task always says
the same of the same stretch, whatever it was interrupted by, so a receiver that has heard a source up to some
time drops what it knows already and takes the rest: nothing is lost, nothing counts twice, and neither
offsets nor transactions are needed for it. A stretch that begins after what was heard is a hole, and refused:
its sender, or the one that takes over from it, says it again from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from detectors.events import Rejection
from detectors.state import Changes, Saved, pack, unpack
from streams.kafka.frames import Foreign, Headers

VERSION = b"1"
_LATEST = 4_102_444_800_000 + 86_400_000
"""A day after the latest time that a post may have."""
_encoder = msgspec.msgpack.Encoder()


class Output(NamedTuple):
    """One record to be sent."""

    topic: str
    """Without the prefix."""
    partition: int | None
    value: bytes
    headers: Headers
    key: bytes | None = None


class Stretch(msgspec.Struct, frozen=True):
    """What the headers of such a record say."""

    source: str
    """The task that tells, for example ``accounts.2``."""
    after_ms: int
    until_ms: int
    cold: bool = False
    """The source began without its state: there may be a hole before this."""
    strangers: bool = False
    """Its time comes from records without a watermark: it may fall silent without being dead."""


def encode(stretch: Stretch, ticks: list[tuple[int, Any]]) -> tuple[bytes, Headers]:
    """The value and headers of one record.

    >>> value, headers = encode(Stretch("accounts.0", 0, 5000), [(5000, [1, 2])])
    >>> decode_headers(headers)
    Stretch(source='accounts.0', after_ms=0, until_ms=5000, cold=False, strangers=False)
    """
    headers = [
        ("vigie-stretch", VERSION),
        ("source", stretch.source.encode()),
        ("after", b"%d" % stretch.after_ms),
        ("until", b"%d" % stretch.until_ms),
    ]
    headers += [(name, b"1") for name in ("cold", "strangers") if getattr(stretch, name)]
    return (_encoder.encode(ticks) if ticks else b""), headers


def decode_headers(headers: Foreign | None) -> Stretch:
    """What the headers of a record say.

    Raises
    ------
    Rejection
        When they are not those of a stretch.
    """
    found = dict(headers or ())
    if found.get("vigie-stretch") != VERSION:
        raise Rejection("bad_record", "the record has no header vigie-stretch of a known version")
    try:
        source = bytes(found["source"] or b"").decode()
        after_ms, until_ms = _time(found["after"]), _time(found["until"])
    except (KeyError, ValueError) as problem:
        raise Rejection("bad_record", f"the headers of the stretch are wrong: {str(problem)[:200]}") from None
    if after_ms > until_ms:
        raise Rejection("bad_record", "the stretch ends before it begins")
    return Stretch(source, after_ms, until_ms, "cold" in found, "strangers" in found)


def _time(value: bytes | None) -> int:
    """A time of a header; nothing that could not be saved again, or that lies beyond all posts."""
    # Only plain digits: int() would also take signs, spaces and underscores.
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 15 and int(value) <= _LATEST:
        return int(value)
    raise ValueError(f"{value!r:.80} is no time")


class Teller:
    """Tells all partitions of one topic what happened, stretch by stretch.

    Parameters
    ----------
    source : str
        Who tells.
    topic : str
    partitions : int
    told_ms : int, optional
        Up to where all was told before; None for a task without state.
    """

    def __init__(self, source: str, topic: str, partitions: int) -> None:
        self._source = source
        self._topic = topic
        self._partitions = partitions
        self.told_ms: int | None = None

    def tell(
        self, until_ms: int, ticks: list[tuple[int, list[Any]]], *, strangers: bool = False
    ) -> list[Output]:
        """One record for each partition.

        Parameters
        ----------
        until_ms : int
            All up to here, included, is told by this.
        ticks : list of (tick_ms, payloads)
            With one payload for each partition.
        """
        cold = self.told_ms is None
        stretch = Stretch(self._source, self.told_ms or 0, until_ms, cold, strangers)
        self.told_ms = until_ms
        outputs = []
        for partition in range(self._partitions):
            part = [(tick_ms, payloads[partition]) for tick_ms, payloads in ticks]
            value, headers = encode(stretch, part)
            outputs.append(Output(self._topic, partition, value, headers))
        return outputs


Payload = TypeVar("Payload")


class Inbox(Generic[Payload]):
    """Puts together what several sources tell, and hands on each tick when all have told it.

    Parameters
    ----------
    sources : iterable of str
        All that must be heard.
    payload : type
        What a source says of one tick; for saving.
    name : str
        Of its tables, where a task has several.

    Examples
    --------
    >>> inbox = Inbox(["a", "b"], str)
    >>> inbox.take(Stretch("a", 0, 10), [(5, "x"), (10, "y")])
    True
    >>> list(inbox.ready())
    []
    >>> inbox.take(Stretch("b", 0, 5), [(5, "z")])
    True
    >>> list(inbox.ready())
    [(5, {'a': 'x', 'b': 'z'})]
    >>> inbox.take(Stretch("b", 0, 5), [(5, "z")]), inbox.repeated
    (False, 1)
    """

    def __init__(self, sources: Iterable[str], payload: Any, name: str = "inbox") -> None:
        self._name = name
        self.heard: dict[str, int | None] = dict.fromkeys(sources)
        """Up to where each source has told; None for one that was never heard."""
        self.strangers: set[str] = set()
        """Sources whose time comes from records without a watermark."""
        self.idle: set[str] = set()
        """Sources that are not waited for, as long as there are strangers."""
        self._moved: dict[str, tuple[int | None, int]] = {}
        self.repeated = 0
        """Records that said nothing new."""
        self.holes = 0
        """Records refused since something before them is missing, or of a source that lost its state."""
        self.late = 0
        """Ticks of strangers that came after they were judged."""
        self.time_ms = 0
        """Up to here all ticks were handed on."""
        self.whole = False
        """Whether the topic is read from its first record: what a source says first is then its beginning."""
        self._ticks: dict[int, dict[str, Payload]] = {}
        self._decoder: msgspec.msgpack.Decoder[Payload] = msgspec.msgpack.Decoder(payload)
        self._saved: set[tuple[int, str]] = set()

    def take(self, stretch: Stretch, ticks: list[tuple[int, Payload]]) -> bool:
        """Take in one record; whether it said anything new.

        Raises
        ------
        Rejection
            When its source is unknown, or a tick is not of this stretch.
        """
        if stretch.source not in self.heard:
            raise Rejection("bad_record", f"a stretch of an unknown source: {stretch.source[:80]!r}")
        if not all(stretch.after_ms < tick_ms <= stretch.until_ms for tick_ms, _ in ticks):
            raise Rejection("bad_record", "a tick lies outside of its stretch")
        heard = self.heard[stretch.source]
        (self.strangers.add if stretch.strangers else self.strangers.discard)(stretch.source)
        if heard is not None and stretch.until_ms <= heard:
            self.repeated += 1
            return False
        if heard is None:
            begins_late = self.whole and stretch.after_ms > 0
        else:
            begins_late = stretch.cold or stretch.after_ms > heard
        if begins_late:
            self.holes += 1
            if not stretch.cold:
                return False
        for tick_ms, payload in ticks:
            if heard is not None and tick_ms <= heard:
                continue
            if tick_ms <= self.time_ms:
                self.late += 1
                continue
            self._ticks.setdefault(tick_ms, {})[stretch.source] = payload
        self.heard[stretch.source] = stretch.until_ms
        return True

    def ready(self, limit_ms: int | None = None) -> Iterator[tuple[int, dict[str, Payload]]]:
        """The ticks that all sources have told, up to a limit, oldest first, each by source, sorted."""
        now = self.complete_ms() if limit_ms is None else limit_ms
        for tick_ms in sorted(tick for tick in self._ticks if tick <= now):
            self.time_ms = tick_ms
            yield tick_ms, dict(sorted(self._ticks.pop(tick_ms).items()))
        self.time_ms = max(self.time_ms, now)

    @property
    def held(self) -> int:
        """Ticks that wait for a source."""
        return len(self._ticks)

    def changes(self, *, everything: bool = False) -> Changes:
        """What changed since the last call; all of it if asked so."""
        held = {(tick_ms, source) for tick_ms, told in self._ticks.items() for source in told}
        gone = set() if everything else self._saved - held
        fresh = held if everything else held - self._saved
        self._saved = held
        told: dict[str, bytes | None] = {_key(*one): None for one in gone}
        told |= {_key(*one): pack(self._ticks[one[0]][one[1]]) for one in fresh}
        strangers = sorted(self.strangers)
        head = _Head(self.heard, strangers, self.repeated, self.holes, self.late, self.time_ms, self.whole)
        return {f"{self._name}.heard": {"": pack(head)}, f"{self._name}.told": told}

    def restore(self, saved: Saved) -> None:
        """Go on from what was saved."""
        head = unpack(saved[f"{self._name}.heard"][""], _Head)
        self.heard |= {source: heard for source, heard in head.heard.items() if source in self.heard}
        self.strangers, self.whole = set(head.strangers), head.whole
        self.repeated, self.holes, self.late, self.time_ms = (
            head.repeated,
            head.holes,
            head.late,
            head.time_ms,
        )
        for key, packed in saved.get(f"{self._name}.told", {}).items():
            tick, _, source = key.partition("/")
            self._ticks.setdefault(int(tick), {})[source] = self._decoder.decode(packed)
            self._saved.add((int(tick), source))

    def note_idle(self, now_ms: int, idle_ms: int) -> None:
        """Note which sources have not moved for so long, by a clock of the caller's."""
        for source, heard in self.heard.items():
            if self._moved.get(source, (-1, 0))[0] != heard:
                self._moved[source] = (heard, now_ms)
        self.idle = {source for source, (_, since_ms) in self._moved.items() if now_ms - since_ms >= idle_ms}

    def complete_ms(self) -> int:
        """Up to here all sources have told."""
        awaited = self.heard.items()
        if self.strangers:
            awaited = {name: heard for name, heard in awaited if name not in self.idle}.items()
        return min((heard or 0 for _, heard in awaited), default=0)


class _Head(msgspec.Struct, array_like=True):
    heard: dict[str, int | None]
    strangers: list[str]
    repeated: int
    holes: int
    late: int
    time_ms: int
    whole: bool = False


def _key(tick_ms: int, source: str) -> str:
    return f"{tick_ms}/{source}"
