"""Streams of posts judged into a store, and what `vigie explain` says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams_of_posts import SMALL, run

from detectors.case import Judged
from detectors.events import Post
from detectors.lists import Lists
from streams.embedded import Pipeline, Settings
from streams.explain import explain
from streams.room import Room
from streams.stores.sqlite import Store


class Stored:
    """A stream that was judged.

    Parameters
    ----------
    path : Path
        Where the store is made.
    posts : sequence of Post
        In order of time.
    settings : Settings, optional
    lists : Lists, optional
        The room's.
    """

    def __init__(
        self, path: Path, posts: Sequence[Post], settings: Settings = SMALL, lists: Lists | None = None
    ) -> None:
        self.path, self.settings = path, settings
        self.judged: list[Judged] = []
        store = Store(path, write=True)

        def note(one: Judged) -> None:
            self.judged.append(one)
            store.note_judged(one)

        room = Room()
        room.put(lists or Lists())
        self.alerts = run(Pipeline(settings, note, store.note_batch, room), posts)
        for alert in self.alerts:
            store.note_alert(alert)
        store.close()
        self.store = Store(path, write=False)

    def ask(self, kind: str, value: str, at_ms: int | None = None) -> dict[str, Any]:
        """The answer at a moment, or at the end."""
        at_ms = self.store.last_ms() if at_ms is None else at_ms
        assert at_ms is not None
        return explain(self.store, self.settings, kind, value, at_ms)


def asked(answer: dict[str, Any], detector: str) -> list[tuple[float | None, str, float, str]]:
    """What a detector asks for: measured, bound, wanted, state."""
    section = next(one for one in answer["detectors"] if one["detector"] == detector)
    return [(one["measured"], one["bound"], one["wanted"], one["state"]) for one in section["conditions"]]


def state_of(answer: dict[str, Any], detector: str) -> str:
    """Whether a detector has judged."""
    return next(one["state"] for one in answer["detectors"] if one["detector"] == detector)
