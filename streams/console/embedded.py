"""The console beside a pipeline in the same process: `vigie replay --console` and `vigie watch --console`.

The pipeline goes on in its own thread and now and then puts a fresh picture of itself on the board; the page
never looks into it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from detectors.accounts.stage import Accounts
from streams.console import sponsors
from streams.console.app import Console
from streams.console.board import Board
from streams.console.embedded_health import Health
from streams.console.listed import listed
from streams.console.memory import Remembered, remembered
from streams.console.open_coordination import listed_openly
from streams.console.places import at
from streams.console.server import PlaceTaken, Server
from streams.console.stored import Stored
from streams.embedded import Pipeline
from streams.leading import Leading
from streams.outputs.alert import Alert
from streams.replay import Run, answers_since
from streams.sources.records import Tally
from streams.stopping import stopping
from streams.stores.sqlite import Store
from streams.telling import say
from streams.verdict_file import VerdictFile

_LOOK_S, _LOOK_CLOSELY_S = 1.0, 5.0
"""How often the picture is made anew: what is cheap, and the tables."""
_LINGER_S = 0.3


class EmbeddedConsole:
    """The console of one pipeline.

    Parameters
    ----------
    place : str
        ``[HOST:]PORT``, or empty for what the settings say.
    pipeline : Pipeline
    run : Run
    tally : Tally
        What was read.
    leading : Leading
    store : tuple or None
        What is kept for `vigie explain`, and its path.
    verdicts : VerdictFile or None
        Where answers go; without it they are in force in this run only.
    """

    def __init__(
        self,
        place: str,
        pipeline: Pipeline,
        run: Run,
        tally: Tally,
        leading: Leading,
        store: tuple[Store, str] | None,
        verdicts: VerdictFile | None,
    ) -> None:
        self._pipeline, self._run, self._leading = pipeline, run, leading
        self._store, self._verdicts = store, verdicts
        self._board = Board("embedded")
        self._health = Health(pipeline, tally, self._board)
        self._board.besides.remembered = partial(_remembered, pipeline.accounts)
        self._board.besides.sponsors_counted = True
        self._next_s = self._next_closely_s = 0.0
        self._server = self._serve(place, store[1] if store is not None else None)
        say(f"The console is at {self._server.url}")

    def _serve(self, place: str, store: str | None) -> Server:
        settings, room = at(self._pipeline.settings, place), self._pipeline.room
        stored = Stored(Path(store), settings) if store is not None else None
        if stored is not None:
            self._board.besides.handles = stored.handles
        answer = self._verdicts.append if self._verdicts is not None else room.verdicts.append
        try:
            return Server(Console(settings, self._board, answer, stored))
        except PlaceTaken:
            if place:
                raise
            # Nobody has asked for just this port.
            return Server(Console(at(settings, "0"), self._board, answer, stored))

    def take(self, alert: Alert) -> None:
        """Show an alert."""
        self._board.take(alert)

    def look(self) -> None:
        """Make the picture anew if it is time; called again and again by the thread of the pipeline."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_S
        pipeline, board = self._pipeline, self._board
        board.pass_to(max(pipeline.judge.last_tick, pipeline.gate.watermark_ms))
        board.show_open(listed_openly(pipeline.judge.open_groups))
        board.besides.health = self._health.look()
        if now_s >= self._next_closely_s:
            self._next_closely_s = now_s + _LOOK_CLOSELY_S
            lists = pipeline.room.lists_at(pipeline.judge.last_tick)
            payers = pipeline.stores()["promoted"].payers
            board.besides.sponsors = sponsors.counted(payers, lists, board.breaches())
            board.besides.lists = listed(lists)
            board.show_leading(self._leading)
            if self._store is not None:
                self._store[0].flush()  # what the page asks of the store is there then

    def linger(self) -> Iterator[Alert]:
        """After the end of the input, stay until Ctrl-C where somebody is there; tell what is answered."""
        self._next_s = self._next_closely_s = 0.0
        self._board.ended = True
        self.look()
        if not sys.stdout.isatty():
            return
        say(f"The input has ended. The console stays at {self._server.url} until Ctrl-C.")
        with stopping() as stop:
            while not stop.wait(_LINGER_S):
                if self._verdicts is not None:
                    self._pipeline.room.verdicts += self._verdicts.new()
                yield from answers_since(self._pipeline, self._run)
                self.look()

    def close(self) -> None:
        """Send everybody away."""
        self._server.close()


def _remembered(accounts: Accounts, keys: list[str]) -> dict[str, Remembered]:
    """What is remembered of these accounts; asked from the thread of the page, and only read."""
    return {key: remembered(one) for key in keys if (one := accounts.get(key)) is not None}
