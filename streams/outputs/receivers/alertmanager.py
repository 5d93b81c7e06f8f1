"""Alertmanager, by its API v2: one alert for each case, which resolves when the case ends.

Alertmanager knows an alert by its labels. They are the case and its severity: what a route may ask for, and
what does not change with every revision. When a case gets worse, the alert of the old severity resolves in
the same message in which that of the new one fires.

It forgets alerts that it does not hear of. So each one says until when it holds, and the open cases are told
again long before; after a crash of Vigie they resolve by themselves, after one of Alertmanager they are back
with the next reminder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from detectors.alerts import instant
from detectors.forgetting import forget_oldest
from detectors.rules.sentences import shortened
from streams.clock import clock_ms
from streams.outputs.alert import Alert
from streams.outputs.receivers.channel import ENDED, REMEMBERED, Message, console_link
from streams.outputs.receivers.harmless import harmless
from streams.outputs.receivers.settings import ReceiverSettings

ALERT_NAME = "VigieCase"
_HEADERS = {"content-type": "application/json"}
_SILENT_MS = 24 * 3_600_000
"""An open case that is silent for so long is told no more: its end was missed."""
_LONGEST = 1000

_Posting = dict[str, Any]


@dataclass(slots=True)
class _Firing:
    """An alert as Alertmanager has it, and when its case last spoke."""

    posting: _Posting
    heard_ms: int


class Alertmanager:
    """Speaks to one Alertmanager; of several that share their alerts each needs to be told.

    Parameters
    ----------
    receiver : ReceiverSettings
    now : callable
        The present in milliseconds since the epoch.
    """

    def __init__(self, receiver: ReceiverSettings, now: Callable[[], int] = clock_ms) -> None:
        self.url = f"{receiver.url.rstrip('/')}/api/v2/alerts"
        self._receiver = receiver
        self._now = now
        self._firing: dict[str, _Firing] = {}

    def message(self, alert: Alert) -> Message:
        """The alert of a case, and the end of the one that it replaces."""
        data, now_ms = alert["data"], self._now()
        posting = self._posting(data, now_ms)
        before = self._firing.get(data["case_id"])
        if before is not None and before.posting["labels"] != posting["labels"]:
            return _message([_until(before.posting, now_ms), posting])
        return _message([posting])

    def told(self, alert: Alert) -> None:
        """Keep in mind what fires."""
        data, now_ms = alert["data"], self._now()
        self._firing.pop(data["case_id"], None)
        if data["status"] not in ENDED:
            self._firing[data["case_id"]] = _Firing(self._posting(data, now_ms), now_ms)
            forget_oldest(self._firing, REMEMBERED)

    def reminder(self) -> Message | None:
        """All that fires, so that it goes on."""
        now_ms = self._now()
        for case_id, firing in list(self._firing.items()):
            if now_ms - firing.heard_ms > _SILENT_MS:
                del self._firing[case_id]
        until_ms = now_ms + self._hold_ms
        postings = [_until(firing.posting, until_ms) for firing in self._firing.values()]
        return _message(postings) if postings else None

    @property
    def _hold_ms(self) -> int:
        return round(self._receiver.hold_minutes * 60_000)

    def _posting(self, data: dict[str, Any], now_ms: int) -> _Posting:
        ended = data["status"] in ENDED
        posting: _Posting = {
            "labels": {
                "alertname": ALERT_NAME,
                "case_id": data["case_id"],
                "severity": data["severity"],
            },
            "annotations": _annotations(data),
            # Their clock may go before ours, and what begins after its end is refused.
            "startsAt": min(data["first_seen"], instant(now_ms)),
        }
        if link := console_link(self._receiver, data["case_id"]):
            posting["generatorURL"] = link
        return _until(posting, now_ms if ended else now_ms + self._hold_ms)


def _annotations(data: dict[str, Any]) -> dict[str, str]:
    """What a person reads. Templates put it into mails and chats as it stands, so it must be harmless."""
    group = data["group"]
    reasons, not_proved = ([one["en"] for one in data[name]] for name in ("reasons", "not_proved"))
    said = {
        "summary": data["summary"]["en"],
        "summary_fr": data["summary"]["fr"],
        "description": "; ".join(reasons),
        "not_proved": " ".join(not_proved),
        "status": data["status"],
        "score": str(data["score"]),
        "detectors": ", ".join(data["detectors"]),
        "accounts": str(group["accounts_total"]),
        "posts": str(group["posts_total"]),
    }
    return {name: shortened(harmless(text), _LONGEST) for name, text in said.items()}


def _until(posting: _Posting, end_ms: int) -> _Posting:
    return {**posting, "endsAt": instant(end_ms)}


def _message(postings: list[_Posting]) -> Message:
    return Message(orjson.dumps(postings), _HEADERS)
