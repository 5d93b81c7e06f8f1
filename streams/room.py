"""What the people of the watch room have said: their lists and verdicts, in force by event time, and
what they watch."""

from __future__ import annotations

from detectors.judging import Judge
from detectors.lists import Lists
from detectors.verdicts import Verdict
from detectors.watching import WatchList


class Room:
    """What is in force at a tick: the newest whose time has come.

    Examples
    --------
    >>> from detectors.lists import Entry
    >>> room = Room()
    >>> entry = Entry(account="12", kind="declared", reason="a newsroom", source="its page", list="room")
    >>> room.put(Lists([entry]), at_ms=5000)
    >>> [len(room.lists_at(tick_ms)) for tick_ms in (0, 5000)]
    [0, 1]
    """

    def __init__(self) -> None:
        self.watch = WatchList()
        """What the room cares about: it ranks alerts and never hides one."""
        self._lists: list[tuple[int, Lists]] = [(0, Lists())]
        self.verdicts: list[Verdict] = []
        """In the order in which they were said."""

    def put(self, lists: Lists, at_ms: int = 0) -> None:
        """Put lists in force, in place of those before, from an event time on.

        Those that were to be in force from then on, or from later on, are so at no tick any more.
        """
        before = [(since_ms, others) for since_ms, others in self._lists if since_ms < at_ms]
        self._lists = [*before, (at_ms, lists)]

    def lists_at(self, tick_ms: int) -> Lists:
        """The newest lists that are in force at a tick."""
        return next(lists for at_ms, lists in reversed(self._lists) if at_ms <= tick_ms)

    def tell(self, judge: Judge) -> None:
        """Let a judge hear the verdicts that it has not heard yet."""
        while judge.heard < len(self.verdicts):
            judge.hear(self.verdicts[judge.heard])
