"""A file of alerts that grows, as another `vigie` writes it: `vigie console --alerts FILE`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from streams.clock import clock_ms
from streams.console.board import Board
from streams.console.figures import figure
from streams.console.listed import listed
from streams.console.shape import can_be_shown
from streams.console.sponsors import told
from streams.lists import ListFiles
from streams.pacing import LIVE_MS

_LOOK_S = 0.2
_READ = 1 << 20


class AlertLines:
    """The alerts that were added to a file since the last look. The file need not be there yet.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.unreadable = 0
        """Lines that are no alerts."""
        self.problem = ""
        """Why it cannot be read at present."""
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""

    def new(self) -> Iterator[dict[str, Any]]:
        """Whole lines only: what is being written is read when it is."""
        try:
            with self._path.open("rb") as file:
                look = self._path.stat()
                if look.st_ino != self._inode or look.st_size < self._offset:  # it was written anew
                    self._inode, self._offset, self._rest = look.st_ino, 0, b""
                file.seek(self._offset)
                while content := file.read(_READ):
                    self._offset += len(content)
                    *lines, self._rest = (self._rest + content).split(b"\n")
                    yield from self._alerts(lines)
            self.problem = ""
        except OSError as problem:
            self.problem = f"{self._path} cannot be read: {problem.strerror}."

    def _alerts(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for line in lines:
            try:
                alert = orjson.loads(line)
            except orjson.JSONDecodeError:
                alert = None
            if can_be_shown(alert):
                yield alert
            else:
                self.unreadable += bool(line.strip())


class Following:
    """Puts the alerts of a file on the board, as they come.

    Parameters
    ----------
    board : Board
    path : Path
    lists : ListFiles
        The room's lists, which the file does not hold.
    """

    def __init__(self, board: Board, path: Path, lists: ListFiles) -> None:
        self._board, self._lists = board, lists
        self._lines = AlertLines(path)
        board.besides.lists = listed(lists.load())
        self.look()

    def run(self, stop: threading.Event) -> None:
        """Follow the file until told to stop."""
        while not stop.wait(_LOOK_S):
            self.look()

    def look(self) -> None:
        """Take in what is new."""
        for alert in self._lines.new():
            self._board.take(alert)
        besides = self._board.besides
        if (changed := self._lists.changed()) is not None:
            besides.lists = listed(changed)
        besides.sponsors = told(self._board.breaches())
        besides.health = self._health()

    def _health(self) -> dict[str, Any]:
        reasons = [self._lines.problem] if self._lines.problem else []
        if self._lines.unreadable:
            reasons.append(f"{self._lines.unreadable:,} lines of the file are no alerts.")
        is_live = clock_ms() - self._board.now_ms < LIVE_MS
        p50, p99 = self._board.latency() if is_live else (None, None)
        return {
            "state": "degraded" if reasons else "ok",
            "reasons": reasons,
            "figures": [
                figure("latency_p50", p50),
                figure("latency_p99", p99),
                figure("dead_letters", self._lines.unreadable),
                figure("forgotten", self._board.forgotten()),
            ],
            "workers": [],
            "gaps": self._board.gaps(),
        }
