"""One receiver: what waits for it, and the attempts to deliver it.

Of a case only the newest revision waits, since it replaces the ones before. A first attempt is made at once,
whatever else failed; a further one after a wait that doubles, or as long as the receiver asks. What cannot be
delivered in time, or is refused for good, becomes a dead letter. Everything happens in one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from aiohttp import ClientSession

from detectors.forgetting import forget_oldest
from streams.outputs.alert import Alert
from streams.outputs.receivers import dead_letters
from streams.outputs.receivers.alertmanager import Alertmanager
from streams.outputs.receivers.channel import REMEMBERED, Channel, Message
from streams.outputs.receivers.chat import Chat
from streams.outputs.receivers.filtering import wants
from streams.outputs.receivers.sending import Answer, send
from streams.outputs.receivers.settings import ReceiverSettings
from streams.outputs.receivers.webhook import Webhook
from streams.sources.live.retrying import Backoff

OUTCOMES = ("delivered", "retried", "superseded", "dead", "lost")
"""What becomes of deliveries: `retried` counts failed attempts that are made again, `superseded` revisions
that a newer one replaced while they waited, `lost` what not even the file of dead letters could take."""
MOST_WAITING = 1000
"""Cases that may wait for one receiver; then the one that waits longest becomes a dead letter."""
_REMINDERS = 10
"""How many reminders there are in the time for which Alertmanager holds an alert."""
_UNWRITTEN_S = 30.0
"""How soon a dead letter that could not be written is tried again."""


@dataclass(slots=True)
class Delivery:
    """The newest revision of a case, on its way."""

    alert: Alert
    mark: int
    """Where it stood in the topic."""
    waits: Backoff
    since: float = field(default_factory=time.monotonic)
    due: float = 0.0
    attempts: int = 0
    said: str = "not tried"
    """What came of the last attempt."""


class Courier:
    """Delivers alerts to one receiver.

    Parameters
    ----------
    name : str
        As the settings call it.
    receiver : ReceiverSettings
    notice : callable
        Told what a person should know, in one sentence without secrets.
    """

    def __init__(self, name: str, receiver: ReceiverSettings, notice: Callable[[str], None]) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.waiting: dict[str, Delivery] = {}
        """By case."""
        self.place = dead_letters.place(name, receiver)
        self._receiver = receiver
        self._channel = channel_of(receiver)
        self._notice = notice
        self._newest: dict[str, int] = {}
        """The newest revision of each case that was delivered or buried."""
        self._something = asyncio.Event()
        self._closed_until = 0.0
        """When the receiver, which asked for a pause, may be called again."""
        self._remind_at = 0.0
        self._is_down = False
        self._waits = partial(Backoff, receiver.retry_s, receiver.longest_retry_s)

    def put(self, alert: Alert, mark: int) -> None:
        """Take an alert, if the receiver wants it. Whoever was told of a case must hear how it goes on."""
        case_id, _ = _revision(alert)
        if case_id in self._newest or case_id in self.waiting or wants(self._receiver, alert):
            self.take(alert, mark)

    def take(self, alert: Alert, mark: int = 0) -> None:
        """Take an alert to be delivered; it does not wait for anything."""
        case_id, revision = _revision(alert)
        waiting = self.waiting.get(case_id)
        newest = waiting.alert["data"]["revision"] if waiting else self._newest.get(case_id, 0)
        if revision <= newest:
            return
        if waiting is None:
            self.waiting[case_id] = Delivery(alert, mark, self._waits())
        else:
            self.counts["superseded"] += 1
            waiting.alert, waiting.mark = alert, mark
        if len(self.waiting) > MOST_WAITING:
            longest = next(iter(self.waiting.values()))
            self._bury(longest, longest.alert, f"more than {MOST_WAITING} cases wait; {longest.said}")
        self._something.set()

    def recall(self, alert: Alert) -> None:
        """An alert that an earlier run has delivered or buried."""
        case_id, revision = _revision(alert)
        if case_id in self._newest or wants(self._receiver, alert):
            self._remember(case_id, revision)
            self._channel.told(alert)

    async def run(self, session: ClientSession) -> None:
        """Deliver until cancelled."""
        while True:
            self._something.clear()
            now = time.monotonic()
            if now >= self._remind_at:
                await self._remind(session)
            elif (delivery := self._ready(now)) is not None:
                await self._deliver(session, delivery)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s(now)):
                        await self._something.wait()

    def abandon(self, reason: str) -> int:
        """Bury all that waits; return how many cases that were."""
        left = list(self.waiting.values())
        for delivery in left:
            self._bury(delivery, delivery.alert, f"{reason}; {delivery.said}")
        return len(left)

    # -- attempts --------------------------------------------------------------------------------------

    def _ready(self, now: float) -> Delivery | None:
        """What to try now: what has failed least often, so that one bad case does not hold up the others."""
        due = [one for one in self.waiting.values() if max(one.due, self._closed_until) <= now]
        return min(due, key=lambda one: (one.attempts, one.due), default=None)

    def _pause_s(self, now: float) -> float:
        due = min((one.due for one in self.waiting.values()), default=self._remind_at)
        return max(0.0, min(max(due, self._closed_until), self._remind_at) - now)

    async def _deliver(self, session: ClientSession, delivery: Delivery) -> None:
        alert = delivery.alert
        try:
            message = self._channel.message(alert)
        except (LookupError, TypeError, ValueError, AttributeError) as problem:
            # Anybody may write to the topic: what has the form of an alert need not be one.
            self._bury(delivery, alert, f"it is no alert: {problem!r}")
            return
        if message is None:
            self._done(delivery, alert)
            return
        answer = await self._send(session, message)
        delivery.attempts += 1
        delivery.said = answer.said
        now = time.monotonic()
        if answer.is_good:
            self.counts["delivered"] += 1
            self._channel.told(alert)
            self._done(delivery, alert)
        elif not answer.again:
            self._bury(delivery, alert, answer.said)
        elif now - delivery.since >= self._receiver.give_up_minutes * 60:
            patience = f"{self._receiver.give_up_minutes:g} minutes"
            self._bury(delivery, alert, f"given up after {patience}: {answer.said}")
        else:
            self.counts["retried"] += 1
            # Not all at the same moment, where many wait for one that was away.
            delivery.due = now + max(delivery.waits.next_s() * random.uniform(0.8, 1.2), answer.wait_s or 0.0)

    async def _remind(self, session: ClientSession) -> None:
        self._remind_at = time.monotonic() + self._receiver.hold_minutes * 60 / _REMINDERS
        if (message := self._channel.reminder()) is not None:
            await self._send(session, message)

    async def _send(self, session: ClientSession, message: Message) -> Answer:
        answer = await send(session, self._channel.url, message, self._receiver.timeout_s)
        if answer.wait_s is not None:
            self._closed_until = time.monotonic() + answer.wait_s
        if self._is_down == answer.is_good:
            self._is_down = not answer.is_good
            self._notice(
                f"{self.name} takes alerts again."
                if answer.is_good
                else f"{self.name} takes no alerts: {answer.said}."
            )
        return answer

    # -- ends ------------------------------------------------------------------------------------------

    def _done(self, delivery: Delivery, alert: Alert) -> None:
        """Let go of a delivery; a newer revision that came meanwhile begins anew."""
        case_id, revision = _revision(alert)
        self._remember(case_id, revision)
        if self.waiting.get(case_id) is not delivery:
            return
        del self.waiting[case_id]
        if delivery.alert is not alert:
            self.waiting[case_id] = Delivery(delivery.alert, delivery.mark, self._waits())

    def _bury(self, delivery: Delivery, alert: Alert, reason: str) -> None:
        letter = dead_letters.Letter(self.name, alert)
        try:
            dead_letters.bury(self.place, letter, reason, delivery.attempts)
        except OSError as problem:
            self._notice(f"the dead letters of {self.name} cannot be written: {problem.strerror}.")
            if len(self.waiting) <= MOST_WAITING:  # it is kept, as long as there is room
                delivery.due = time.monotonic() + _UNWRITTEN_S
                return
            self.counts["lost"] += 1
        else:
            self.counts["dead"] += 1
            self._notice(f"{self.name} did not get {alert['id']}: {reason}. It is kept in {self.place}.")
        self._done(delivery, alert)

    def _remember(self, case_id: str, revision: int) -> None:
        self._newest[case_id] = max(revision, self._newest.pop(case_id, 0))
        forget_oldest(self._newest, REMEMBERED)


def channel_of(receiver: ReceiverSettings) -> Channel:
    """What speaks to a receiver of this kind."""
    if receiver.kind == "alertmanager":
        return Alertmanager(receiver)
    return Webhook(receiver) if receiver.format == "json" else Chat(receiver)


def _revision(alert: Alert) -> tuple[str, int]:
    return alert["data"]["case_id"], alert["data"]["revision"]
