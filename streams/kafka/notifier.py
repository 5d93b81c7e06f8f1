"""From the topic `alerts` to the receivers, so that a restart loses nothing.

What is committed to the group is the offset before which all is delivered or a dead letter. So after a crash
some alerts may be sent a second time, with the same id, and none is left out. Only one process may run in a
group: the topic has one partition, and this reader takes it without asking.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

from kafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]

from streams.clock import clock_ms
from streams.kafka import clients
from streams.kafka.settings import KafkaSettings
from streams.outputs.alert import Alert, parse_alert
from streams.outputs.receivers.dispatch import Dispatch
from streams.telling import say

GROUP = "vigie-notify"
"""The consumer group, after `kafka.prefix`."""
_RECALLED_MS = 24 * 3_600_000
"""How far back a start looks for cases that are open: one that is has spoken by then."""
_LOOK_MS = 200
_COMMIT_S = 1.0
_COMMIT_MS = 5000


class Notifier:
    """Reads alerts where the last run left off.

    Parameters
    ----------
    kafka : KafkaSettings
    dispatch : Dispatch
        Delivers them.
    from_start : bool
        Where to begin when there was no run before: with the oldest alert, or with the next one.

    Raises
    ------
    InputError
        When no broker answers or the topic is missing.
    """

    def __init__(self, kafka: KafkaSettings, dispatch: Dispatch, *, from_start: bool = False) -> None:
        self.unreadable = 0
        """Records that are no alerts."""
        self._kafka = kafka
        self._dispatch = dispatch
        self._consumer = clients.consumer(kafka, group_id=clients.topic(kafka, GROUP))
        self._committed = -1
        self._committed_at = 0.0
        self._can_commit = True
        with clients.talking(kafka):
            self._part = clients.assign_alerts(kafka, self._consumer)
            self._next = self._begin(from_start=from_start)
            self._consumer.seek(self._part, self._next)
        self._commit()

    def follow(self, stop: Event) -> None:
        """Hand on what comes, until `stop` is set."""
        while not stop.is_set():
            if self._dispatch.is_full():
                stop.wait(_LOOK_MS / 1000)
            else:
                for offset, alert in self._poll():
                    self._dispatch.put(alert, mark=offset)
                self._next = self._consumer.position(self._part)
            if time.monotonic() - self._committed_at >= _COMMIT_S:
                self._commit()

    def close(self) -> None:
        """Commit what was delivered, and leave the broker."""
        self._commit()
        self._consumer.close()

    def _begin(self, *, from_start: bool) -> int:
        """Offset of the first alert to tell; the receivers take note of those before it."""
        first = int(self._consumer.beginning_offsets([self._part])[self._part])
        end = int(self._consumer.end_offsets([self._part])[self._part])
        committed = self._consumer.committed(self._part)
        if committed is None:
            return first if from_start else end
        if committed > end:  # the topic was made anew
            return first
        self._recall(int(committed))
        return int(committed)

    def _recall(self, until: int) -> None:
        """Read once more what was told of late: an open case must not be forgotten over a restart."""
        found = self._consumer.offsets_for_times({self._part: clock_ms() - _RECALLED_MS})[self._part]
        if found is None:
            return
        self._consumer.seek(self._part, found.offset)
        while self._consumer.position(self._part) < until:
            for offset, alert in self._poll():
                if offset < until:
                    self._dispatch.recall(alert)

    def _poll(self) -> Iterator[tuple[int, Alert]]:
        """Alerts and their offsets."""
        with clients.talking(self._kafka):
            polled = self._consumer.poll(timeout_ms=_LOOK_MS)
        for record in polled.get(self._part, ()):
            if record.value is None:
                continue  # a case that was taken out of the topic
            if (alert := parse_alert(record.value)) is None:
                self.unreadable += 1
            else:
                yield record.offset, alert

    def _commit(self) -> None:
        """Write down what need not be sent again. Where that fails, more is sent again than need be."""
        self._committed_at = time.monotonic()
        oldest = self._dispatch.oldest_mark()
        offset = self._next if oldest is None else oldest
        if offset == self._committed:
            return
        try:
            self._consumer.commit({self._part: OffsetAndMetadata(offset, "", -1)}, timeout_ms=_COMMIT_MS)
        except clients.KafkaError as problem:
            if self._can_commit:
                say(f"how far alerts were told cannot be written down: {type(problem).__name__}; trying on.")
            self._can_commit = False
        else:
            self._committed, self._can_commit = offset, True
