"""How a receiver is spoken to, whatever it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from streams.outputs.alert import Alert
from streams.outputs.receivers.settings import ReceiverSettings

ENDED = ("closed", "merged", "dismissed", "retracted")
"""Statuses of a case of which nothing is to be done any more."""
REMEMBERED = 10_000
"""Cases of which a receiver's past is known."""


class Message(NamedTuple):
    """What is posted."""

    body: bytes
    headers: dict[str, str]


class Channel(Protocol):
    """Puts alerts into the words of one kind of receiver."""

    url: str
    """Where messages are posted."""

    def message(self, alert: Alert) -> Message | None:
        """What to post of an alert now; None when the receiver need not hear of it."""

    def told(self, alert: Alert) -> None:
        """The receiver has heard of an alert, now or in an earlier run."""

    def reminder(self) -> Message | None:
        """What to post though nothing is new."""


def console_link(receiver: ReceiverSettings, case_id: str) -> str:
    """The page of a case; empty without a console.

    >>> console_link(ReceiverSettings(url="", console="https://room.example/"), "c885c9b5b5cba2737")
    'https://room.example/#/case/c885c9b5b5cba2737'
    """
    return f"{receiver.console.rstrip('/')}/#/case/{case_id}" if receiver.console else ""
