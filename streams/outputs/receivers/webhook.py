"""A webhook: every revision as the CloudEvents message that it is, signed.

The signature is `HMAC-SHA256(secret, t + "." + body)` with `t` the time of the attempt, as many services sign
theirs. It says who calls, that nothing was changed, and when: so an old call can be told from a new one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import orjson

from streams.clock import clock_ms
from streams.outputs.alert import Alert
from streams.outputs.receivers.channel import Message
from streams.outputs.receivers.settings import ReceiverSettings


class Webhook:
    """Speaks to a program.

    Parameters
    ----------
    receiver : ReceiverSettings
    now : callable
        The present in milliseconds since the epoch.
    """

    def __init__(self, receiver: ReceiverSettings, now: Callable[[], int] = clock_ms) -> None:
        self.url = receiver.url
        self._secret = receiver.secret
        self._now = now

    def message(self, alert: Alert) -> Message:
        """The alert as it was published."""
        body = orjson.dumps(alert)
        headers = {
            "content-type": "application/cloudevents+json",
            "vigie-id": alert["id"],
            "vigie-signature": signature(self._secret, body, self._now() // 1000),
        }
        return Message(body, headers)

    def told(self, alert: Alert) -> None:
        """Every revision is told, whatever was told before."""

    def reminder(self) -> None:
        """A program keeps what it was told."""


def signature(secret: str, body: bytes, at_s: int) -> str:
    """What stands in the header `vigie-signature`.

    >>> signature("sixteen or more characters", b"{}", 1714550400)[:32]
    't=1714550400,v1=e3a2a68a16ed8dac'
    """
    digest = hmac.new(secret.encode(), b"%d.%b" % (at_s, body), hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
