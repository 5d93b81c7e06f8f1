"""What a worker has to send, in order, and whether the broker has it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.clock import clock_ms
from streams.kafka.stretches import Output

_MOST_BYTES = 64 * 1024 * 1024
"""Bytes that may wait; above it the stages wait for the broker."""


class Outbox:
    """Sends records in the order in which they were put in, and knows which of them are safe.

    Putting in does not wait, so that a task's state and what it says are always of the same moment; who puts
    in asks for `room` after.

    Parameters
    ----------
    name : callable
        From a topic's name to its name on the broker.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._waiting: deque[Output] = deque()
        self._sent: deque[tuple[str, asyncio.Future[Any]]] = deque()
        self.unconfirmed_since_ms: int | None = None
        """Wall time since which the broker owes an answer; None while it owes none."""
        self._bytes = 0
        self._put = 0
        self._safe = 0
        self._something = asyncio.Event()
        self._progress = asyncio.Condition()
        self.next_offset: dict[str, int] = {}
        """Offset after the last record that the broker has from us, by topic (with one partition)."""
        self.records: dict[str, int] = {}
        """Records sent so far, by topic."""
        self.bytes: dict[str, int] = {}
        """Bytes sent so far, before packing, by topic."""

    def put(self, outputs: Iterable[Output]) -> int:
        """Take records to be sent; return how many were put in since the start."""
        for output in outputs:
            self._waiting.append(output)
            self._bytes += len(output.value)
            self._put += 1
            self.records[output.topic] = self.records.get(output.topic, 0) + 1
            self.bytes[output.topic] = self.bytes.get(output.topic, 0) + len(output.value)
        if self._waiting:
            self._something.set()
            if self.unconfirmed_since_ms is None:
                self.unconfirmed_since_ms = clock_ms()
        return self._put

    async def room(self) -> None:
        """Wait until there is room for more."""
        if self._bytes > _MOST_BYTES:
            async with self._progress:
                await self._progress.wait_for(lambda: self._bytes <= _MOST_BYTES // 2)

    async def safe(self, count: int) -> None:
        """Wait until the broker has the first so many records that were put in."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._safe >= count)

    async def run(self, producer: AIOKafkaProducer) -> None:
        """Send, until cancelled.

        Parameters
        ----------
        producer : AIOKafkaProducer
            Started, and idempotent, so that a topic has what was sent in the same order and without holes.

        Raises
        ------
        KafkaError
            When the broker did not take a record in time: the state is then ahead of what was said, and only
            starting again from the last checkpoint is right.
        """
        confirming = asyncio.create_task(self._confirm())
        try:
            while True:
                while self._waiting:
                    await self._send(producer, self._waiting.popleft())
                    if confirming.done():
                        confirming.result()
                self._something.clear()
                waiting = asyncio.create_task(self._something.wait())
                done, _ = await asyncio.wait({waiting, confirming}, return_when=asyncio.FIRST_COMPLETED)
                if confirming in done:
                    waiting.cancel()
                    confirming.result()
        finally:
            confirming.cancel()

    async def _send(self, producer: AIOKafkaProducer, output: Output) -> None:
        sent = await producer.send(
            self._name(output.topic),
            value=output.value,
            key=output.key,
            partition=output.partition,
            headers=output.headers,
        )
        self._sent.append((output.topic, sent))
        async with self._progress:
            self._bytes -= len(output.value)
            self._progress.notify_all()

    async def _confirm(self) -> None:
        while True:
            if not self._sent:
                await asyncio.sleep(0.01)
                continue
            await self._sent[0][1]
            while self._sent and self._sent[0][1].done():
                topic, sent = self._sent.popleft()
                self.next_offset[topic] = sent.result().offset + 1
                self._safe += 1
            owes = self._sent or self._waiting
            self.unconfirmed_since_ms = clock_ms() if owes else None
            async with self._progress:
                self._progress.notify_all()
