"""`vigie worker` and `vigie doctor`: running the service, and asking whether it is well."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from rich.table import Table

from streams import settings
from streams.embedded import Settings, spare_collector
from streams.kafka import clients, doctor, health, topics
from streams.kafka.checkpoints import StoreGone, StoreRefuses
from streams.kafka.settings import without_password
from streams.kafka.worker import Worker
from streams.sources.opening import InputError
from streams.telling import console, print_json


def run_worker(chosen: argparse.Namespace) -> int:
    """`vigie worker`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    _log_to_stderr()
    topics.check(in_force.kafka)
    return asyncio.run(_work(in_force, clients.cluster_id(in_force.kafka), forget=chosen.forget_state))


async def _work(in_force: Settings, cluster: str, *, forget: bool) -> int:
    spare_collector()
    worker = Worker(in_force, cluster)
    server = health.serve(worker, in_force.worker)
    await _greet_store(worker)
    if forget:
        await _forget(worker)
    health.watch(worker)
    try:
        await worker.run()
    finally:
        server.shutdown()
    return 0


async def _greet_store(worker: Worker) -> None:
    """Refuse to start where Redis refuses us; one that is away may come back."""
    try:
        await worker.checkpoints.ping()
    except StoreRefuses as problem:
        where = without_password(worker.settings.redis.url)
        raise InputError(f"Redis at {where} cannot be used: {problem}.") from None
    except StoreGone:
        return


async def _forget(worker: Worker) -> None:
    try:
        await worker.forget()
    except StoreGone as problem:
        raise InputError(f"The checkpoints cannot be deleted: Redis does not answer ({problem}).") from None


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("vigie").setLevel(logging.INFO)
    # Its warnings are about settings that we chose, and its errors come to us as exceptions.
    logging.getLogger("faust").setLevel(logging.ERROR)
    # They tell of every connection; what goes wrong comes to us as an exception.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    # A broker that is away is one line a try, many a second; the worker itself says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def examine(chosen: argparse.Namespace) -> int:
    """`vigie doctor`: 0 when all is well, 1 when something is not."""
    findings = doctor.examine(settings.load(chosen.config, flags=chosen.set))
    well = all(finding.state != "bad" for finding in findings)
    if chosen.json:
        print_json({"well": well, "findings": [finding._asdict() for finding in findings]})
        return 0 if well else 1
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    style = {"good": "green", "unsure": "yellow", "bad": "bold red"}
    for finding in findings:
        table.add_row(finding.state, finding.what, finding.detail, style=style[finding.state])
    console().print(table)
    return 0 if well else 1
