"""The receivers of a pipeline in one process; none of this is loaded where none are set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from streams.outputs.alert import Alert
from streams.outputs.receivers.settings import ReceiverSettings
from streams.telling import say

if TYPE_CHECKING:  # the HTTP client takes half a second to load
    from streams.outputs.receivers.dispatch import DeliveryCollector, Dispatch

DRAIN_S = 10.0
"""How long a run waits at its end for receivers; what is left then becomes dead letters."""
_PATIENCE_S = 1.0


class Deliveries:
    """Sends alerts to the receivers, if there are any.

    Parameters
    ----------
    receivers : mapping of str to ReceiverSettings
        By name.
    """

    def __init__(self, receivers: Mapping[str, ReceiverSettings]) -> None:
        self._dispatch: Dispatch | None = None
        self.collectors: list[DeliveryCollector] = []
        """What Prometheus is told of them."""
        if receivers:
            from streams.outputs.receivers.dispatch import (  # noqa: PLC0415
                DeliveryCollector,
                Dispatch,
            )

            self._dispatch = Dispatch(receivers, say)
            self.collectors.append(DeliveryCollector(self._dispatch))

    def put(self, alert: Alert) -> None:
        """Send an alert; returns at once."""
        if self._dispatch is not None:
            self._dispatch.put(alert)

    def finish(self) -> None:
        """Wait a little for what is on its way, and say what did not arrive."""
        if self._dispatch is None:
            return
        if left := self._dispatch.drain(_PATIENCE_S):
            say(f"waiting up to {DRAIN_S:g} s for the receivers: {left} deliveries are on their way.")
            self._dispatch.drain(DRAIN_S - _PATIENCE_S)
        for name, count in self._dispatch.abandon("the run ended before it was delivered").items():
            say(f"{name} did not get {count} cases; `vigie notify --again FILE` sends them once more.")
        self._dispatch.close()
