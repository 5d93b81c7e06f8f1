"""`vigie alerts tail`: the topic `alerts` as a subscriber sees it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Literal

from detectors.forgetting import forget_oldest
from streams.kafka import clients
from streams.kafka.settings import KafkaSettings
from streams.outputs.alert import Alert, parse_alert

CONTENT_TYPE = b"application/cloudevents+json"
"""The header `content-type` of every alert (CloudEvents, structured mode)."""
_REMEMBERED_IDS = 100_000
_LOOK_MS = 200

Start = Literal["now", "start"] | int
"""From where: what comes now, the oldest alert that is kept, or a time of publishing in milliseconds."""


class Tail:
    """The alerts of the topic, each id once.

    Parameters
    ----------
    kafka : KafkaSettings
    start : str or int
        ``"now"``, ``"start"``, or milliseconds since the epoch.

    Raises
    ------
    InputError
        When no broker answers or the topic is missing.
    """

    def __init__(self, kafka: KafkaSettings, start: Start = "now") -> None:
        self.unreadable = 0
        """Records that are no alerts."""
        self._kafka = kafka
        self._seen: dict[str, None] = {}
        self._consumer = clients.consumer(kafka)
        with clients.talking(kafka):
            self._part = clients.assign_alerts(kafka, self._consumer)
            self._end = self._consumer.end_offsets([self._part])[self._part]
            self._consumer.seek(self._part, self._offset(start))

    def _offset(self, start: Start) -> int:
        if start == "now":
            return int(self._end)
        if start != "start":
            found = self._consumer.offsets_for_times({self._part: start})[self._part]
            return int(found.offset) if found is not None else int(self._end)
        return int(self._consumer.beginning_offsets([self._part])[self._part])

    def follow(self, stop: Event) -> Iterator[Alert]:
        """Alerts as they come, until `stop` is set."""
        while not stop.is_set():
            for _, alert in self._poll():
                if alert is not None and self._is_new(alert):
                    yield alert

    def snapshot(self) -> list[Alert]:
        """The newest revision of every case that is there now, in order of event time."""
        cases: dict[bytes, Alert] = {}
        while self._consumer.position(self._part) < self._end:
            for key, alert in self._poll():
                if alert is None:
                    cases.pop(key, None)
                elif key not in cases or _revision(alert) >= _revision(cases[key]):
                    cases[key] = alert
        return sorted(cases.values(), key=lambda alert: (alert["time"], alert["id"]))

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _poll(self) -> Iterator[tuple[bytes, Alert | None]]:
        """Key and alert of each record; None for one that takes the key back."""
        with clients.talking(self._kafka):
            polled = self._consumer.poll(timeout_ms=_LOOK_MS)
        for record in polled.get(self._part, ()):
            if record.value is None:
                yield record.key or b"", None
            elif (alert := parse_alert(record.value)) is not None:
                yield alert["data"]["case_id"].encode(), alert
            else:
                self.unreadable += 1

    def _is_new(self, alert: Alert) -> bool:
        if alert["id"] in self._seen:
            return False
        self._seen[alert["id"]] = None
        forget_oldest(self._seen, _REMEMBERED_IDS)
        return True


def _revision(alert: Alert) -> int:
    return int(alert["data"]["revision"])
