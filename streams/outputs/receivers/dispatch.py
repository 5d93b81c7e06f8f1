"""All receivers, in a thread of their own, so that none of them holds up the pipeline or another one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from aiohttp import ClientSession
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.metrics import DELIVERY_METRICS
from streams.outputs.alert import Alert
from streams.outputs.receivers.courier import MOST_WAITING, OUTCOMES, Courier
from streams.outputs.receivers.sending import session
from streams.outputs.receivers.settings import ReceiverSettings

_T = TypeVar("_T")
_LOOK_S = 0.02
_CLOSE_S = 5.0
_STUMBLE_S = 1.0


class Dispatch:
    """Delivers alerts to whoever wants them.

    Parameters
    ----------
    receivers : mapping of str to ReceiverSettings
        By name.
    notice : callable
        Told what a person should know, from another thread, in one sentence without secrets.
    """

    def __init__(self, receivers: Mapping[str, ReceiverSettings], notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receivers", daemon=True)
        self._thread.start()
        self.couriers = [Courier(name, receiver, notice) for name, receiver in receivers.items()]
        self._running = self._ask(self._start())

    def put(self, alert: Alert, mark: int = 0) -> None:
        """Take an alert; returns at once, whatever the receivers do. It must not be changed afterwards.

        Parameters
        ----------
        alert : dict
        mark : int
            Where it stands in its topic, see `oldest_mark`.
        """
        self._loop.call_soon_threadsafe(self._put, alert, mark)

    def put_for(self, name: str, alert: Alert) -> None:
        """Take an alert for one receiver, whatever its filters say."""
        courier = next(one for one in self.couriers if one.name == name)
        self._loop.call_soon_threadsafe(courier.take, alert)

    def recall(self, alert: Alert) -> None:
        """Take note of an alert that an earlier run has dealt with."""
        self._loop.call_soon_threadsafe(self._recall, alert)

    def oldest_mark(self) -> int | None:
        """The lowest mark of what was put in and still waits for some receiver; None when nothing does."""
        return self._ask(self._oldest_mark())

    def is_full(self) -> bool:
        """Whether more alerts would make dead letters of others at every receiver."""
        return all(2 * len(one.waiting) >= MOST_WAITING for one in self.couriers)

    def waiting(self) -> int:
        """How many deliveries there are still to make."""
        return self._ask(self._waiting())

    def drain(self, seconds: float) -> int:
        """Wait until all is delivered, or so long; return how many deliveries are left."""
        until = time.monotonic() + seconds
        while (left := self.waiting()) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return left

    def abandon(self, reason: str) -> dict[str, int]:
        """Make dead letters of all that waits; return how many by receiver, where there are any."""
        return self._ask(self._abandon(reason))

    def close(self) -> None:
        """Stop, whatever waits."""
        self._ask(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    # -- in the thread of the receivers ----------------------------------------------------------------

    def _ask(self, question: Coroutine[Any, Any, _T]) -> _T:
        """What the other thread answers, after all that it was given before."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result()

    async def _start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with session() as opened, asyncio.TaskGroup() as tasks:
            for courier in self.couriers:
                tasks.create_task(self._keep_running(courier, opened))

    async def _keep_running(self, courier: Courier, opened: ClientSession) -> None:
        """A mistake of ours at one receiver must not silence the others, nor this one for good."""
        while True:
            try:
                await courier.run(opened)
            except Exception as problem:
                self._notice(f"{courier.name} stumbled ({problem!r}) and goes on.")
                await asyncio.sleep(_STUMBLE_S)

    def _put(self, alert: Alert, mark: int) -> None:
        for courier in self.couriers:
            courier.put(alert, mark)

    def _recall(self, alert: Alert) -> None:
        for courier in self.couriers:
            courier.recall(alert)

    async def _oldest_mark(self) -> int | None:
        marks = (one.mark for courier in self.couriers for one in courier.waiting.values())
        return min(marks, default=None)

    async def _waiting(self) -> int:
        return sum(len(courier.waiting) for courier in self.couriers)

    async def _abandon(self, reason: str) -> dict[str, int]:
        await self._stop()
        left = {courier.name: courier.abandon(reason) for courier in self.couriers}
        return {name: count for name, count in left.items() if count}

    async def _stop(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])


class DeliveryCollector(Collector):
    """Reads the couriers' own counters when Prometheus asks."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._couriers = dispatch.couriers

    def collect(self) -> Iterator[Metric]:
        """All metrics of `DELIVERY_METRICS`."""
        total, waiting = DELIVERY_METRICS
        counter = CounterMetricFamily(total.name, total.help, labels=total.labels)
        gauge = GaugeMetricFamily(waiting.name, waiting.help, labels=waiting.labels)
        for courier in self._couriers:
            for outcome in OUTCOMES:
                counter.add_metric([courier.name, outcome], courier.counts[outcome])
            gauge.add_metric([courier.name], len(courier.waiting))
        yield counter
        yield gauge
