"""What the commands of the Kafka form do: `vigie produce`, `vigie topics`, `vigie alerts`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from rich.table import Table

from detectors.events import Item
from streams import metrics, settings
from streams.clock import clock_ms
from streams.command_inputs import (
    Rejects,
    default_place,
    moment_of,
    open_feed,
    open_inputs,
    spare_inputs,
    tell_reading,
    what_chooses,
)
from streams.kafka import resume, topics
from streams.kafka.alerts import Start, Tail
from streams.kafka.producer import Producer, Undelivered, produce, summary
from streams.kafka.settings import KafkaSettings
from streams.outputs.terminal import Terminal, printable
from streams.pacing import Pace, Steady, pace_of
from streams.privacy import door
from streams.pseudonyms import Pseudonyms
from streams.sources.formats import Reader, items_of
from streams.sources.languages import with_languages
from streams.sources.live.settings import NAMES as NETWORKS
from streams.sources.opening import InputError
from streams.sources.ordering import in_order
from streams.sources.records import Tally
from streams.stopping import stopping
from streams.telling import console, print_json, progress, say

_NAME_LENGTH = 200

# -- produce ---------------------------------------------------------------------------------------


def produce_posts(chosen: argparse.Namespace) -> int:
    """`vigie produce`."""
    if chosen.files[0] in NETWORKS and len(chosen.files) == 1 and not Path(chosen.files[0]).exists():
        return _produce_network(chosen)
    is_stream = "-" in chosen.files
    if is_stream and len(chosen.files) > 1:
        raise InputError("- reads a live stream: it cannot be merged with files, which must be sorted first.")
    if is_stream and chosen.order == "time":
        raise InputError("- reads a live stream: it has no end before which it could be sorted.")
    in_force = settings.load(chosen.config, flags=chosen.set)
    spare_inputs(chosen)
    order = chosen.order or ("arrival" if is_stream else "time")
    pseudonyms = door(in_force.privacy)
    readers = open_inputs(chosen)
    name = _name(chosen, readers, order)
    topics.check(in_force.kafka)
    begin = _where_to_begin(in_force.kafka, name, again=chosen.again)
    if begin.is_finished and not is_stream:
        say(f"{printable(begin.name)} was sent to its end already; --again sends it once more.")
        if chosen.json:
            print_json({"producer": begin.name, "finished": True, "posts": {"read": 0, "sent": 0}})
        return 0
    tally = Tally()
    producer = Producer(
        in_force.time,
        in_force.kafka,
        begin.name,
        earlier=begin.earlier,
        again_from_start=not is_stream,
        rejected=lambda: tally.rejected,
        live=is_stream and not (chosen.speed or chosen.rate),
        real_time=chosen.speed == 1,
        canary_s=chosen.canary_minutes * 60,
        chosen=what_chooses(in_force.coverage),
    )
    _tell_resuming(begin, in_force.kafka.partitions, is_stream=is_stream)
    if chosen.metrics_port:
        told = metrics.ProducerCollector(producer, tally)
        metrics.serve(chosen.metrics_port, told, host=chosen.metrics_host)
    rejects = Rejects(chosen.rejects, quoting=pseudonyms is None)
    batches = items_of(readers, tally, rejects, clock_ms)
    batches = _through(pseudonyms, with_languages(batches, in_force.languages))
    return _send(chosen, producer, tally, (_ordered(chosen, batches, order), rejects))


def _produce_network(chosen: argparse.Namespace) -> int:
    in_force = settings.load(chosen.config, flags=chosen.set)
    pseudonyms = door(in_force.privacy)
    rejects = Rejects(chosen.rejects, quoting=pseudonyms is None)
    network = chosen.files[0]
    name = chosen.name or network
    topics.check(in_force.kafka)
    feed = open_feed(network, in_force, chosen.place or default_place(name), rejects, source=name)
    begin = _where_to_begin(in_force.kafka, name, again=False)
    producer = Producer(
        in_force.time,
        in_force.kafka,
        begin.name,
        earlier=begin.earlier,
        again_from_start=False,
        rejected=lambda: feed.tally.rejected,
        live=True,
        canary_s=chosen.canary_minutes * 60,
        now=feed.reached_ms,
    )
    if chosen.metrics_port:
        told = metrics.ProducerCollector(producer, feed.tally), metrics.FeedCollector(feed)
        metrics.serve(chosen.metrics_port, *told, host=chosen.metrics_host)
    try:
        source = _through(pseudonyms, with_languages(feed, in_force.languages)), rejects
        return _send(chosen, producer, feed.tally, source, safe=feed.taken)
    finally:
        feed.close()


def _send(
    chosen: argparse.Namespace,
    producer: Producer,
    tally: Tally,
    source: tuple[Iterator[list[Item]], Rejects],
    safe: Callable[[int], None] = lambda count: None,
) -> int:
    batches, rejects = source
    began = time.monotonic()
    try:
        with stopping() as stop, progress("sending", "posts") as tell:
            finished = produce(batches, producer, stop=stop, on_progress=tell, on_safe=safe)
    except Undelivered as problem:
        say(printable(str(problem)))
        return 1
    finally:
        rejects.close()
    tell_reading(tally, keeps=chosen.rejects is not None)
    numbers = summary(producer, tally, time.monotonic() - began, finished=finished)
    _warn_late(numbers["posts"], is_stream="-" in chosen.files)
    if chosen.json:
        print_json(numbers)
    else:
        _print_summary(numbers)
    return 0


def _through(pseudonyms: Pseudonyms | None, batches: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """Posts and changes as they may be kept: before they are sorted, which may take a file."""
    return batches if pseudonyms is None else pseudonyms.batches(batches)


def _ordered(chosen: argparse.Namespace, batches: Iterator[list[Item]], order: str) -> Iterator[list[Item]]:
    if order == "time":
        batches = in_order(batches)
    pace = pace_of(chosen.speed, chosen.rate)
    return batches if pace is None else _paced(batches, pace)


def _paced(batches: Iterator[list[Item]], pace: Pace | Steady) -> Iterator[list[Item]]:
    for posts in batches:
        yield from pace.parts(posts)


def _name(chosen: argparse.Namespace, readers: list[Reader], order: str) -> str:
    """What the source is called in every frame: the same for the same files in the same order."""
    if chosen.name is not None:
        name = str(chosen.name)
    elif "-" in chosen.files:
        name = "stdin"
    else:
        paths = [Path(path) for path in chosen.files]
        known = [
            f"{path.name}\0{path.stat().st_size}\0{reader.format}"
            for path, reader in zip(paths, readers, strict=True)
        ]
        # The order decides which post has which number.
        digest = blake2b("\0".join([order, *known]).encode("utf-8", "replace"), digest_size=4).hexdigest()
        name = f"{paths[0].name[:_NAME_LENGTH]}{f'+{len(paths) - 1}' if len(paths) > 1 else ''}-{digest}"
    name = name.encode("utf-8", "replace").decode()
    if not 0 < len(name) <= 2 * _NAME_LENGTH or "~" in name[-8:]:
        raise InputError("--name must have 1 to 400 characters, and no ~ near its end.")
    return name


class _Begin(NamedTuple):
    """The name under which a source is sent, and how far an earlier run of it came."""

    name: str
    earlier: resume.Earlier
    is_finished: bool


def _where_to_begin(kafka: KafkaSettings, name: str, *, again: bool) -> _Begin:
    number, earlier = resume.newest(kafka, name)
    is_finished = len(earlier) == kafka.partitions and all(frame.final for frame in earlier.values())
    if again and is_finished:
        # Under another name: the time of the first one has come to its end, and does not go back.
        return _Begin(resume.generation(name, number + 1), {}, is_finished=False)
    return _Begin(resume.generation(name, max(number, 1)), earlier, is_finished)


def _tell_resuming(begin: _Begin, partitions: int, *, is_stream: bool) -> None:
    positions = [frame.position for frame in begin.earlier.values()]
    if not any(positions):
        return
    name = printable(begin.name)
    if is_stream:
        say(f"{name}: numbers go on after post {max(positions):,}, the last of an earlier run.")
        return
    # A partition without a frame of ours has nothing.
    first = min(positions) if len(positions) == partitions else 0
    say(f"{name}: resuming at post {first + 1:,}; what an earlier run sent is left out.")


def _warn_late(posts: dict[str, int], *, is_stream: bool) -> None:
    late, read = posts["late"], posts["read"]
    if late > 0.01 * read:
        other = ", --name if this is another source than the one before" if is_stream else ", or --order time"
        say(
            f"warning: {late:,} posts ({late / read:.1%}) came after the grace and were dropped; "
            f"raise time.grace_s{other}."
        )


def _print_summary(numbers: dict[str, Any]) -> None:
    posts = numbers["posts"]
    end = "to its end" if numbers["finished"] else "until it was stopped; the same command goes on from there"
    out = console()
    out.print(
        f"{posts['sent']:,} posts of {printable(numbers['producer'])} sent in {numbers['frames']:,} frames, "
        f"{end}: {numbers['seconds']:.1f} s ({numbers['posts_per_second'] or 0:,} posts a second)."
    )
    out.print(
        f"{posts['read']:,} read; {posts['late']:,} late, {posts['skipped']:,} sent earlier, "
        f"{posts['rejected']:,} refused, {posts['events']:,} other events; {numbers['canaries']:,} canaries."
    )


# -- topics ----------------------------------------------------------------------------------------


def manage_topics(chosen: argparse.Namespace) -> int:
    """`vigie topics create|list`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    kafka = in_force.kafka
    rows = topics.create(kafka, in_force.retention) if chosen.action == "create" else topics.states(kafka)
    if chosen.json:
        print_json(rows)
        return 0
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("topic", "partitions", "state"):
        table.add_column(column, justify="right" if column == "partitions" else "left")
    for row in rows:
        differs = row["state"] == "there" and row["partitions"] != row["wanted"]
        state = f"there, but {row['wanted']} are wanted" if differs else row["state"]
        table.add_row(row["name"], str(row["partitions"]), state)
    console().print(table)
    return 0


# -- alerts ----------------------------------------------------------------------------------------


def read_alerts(chosen: argparse.Namespace) -> int:
    """`vigie alerts tail`."""
    kafka = settings.load(chosen.config, flags=chosen.set).kafka
    start: Start = "start" if chosen.from_start or chosen.snapshot else "now"
    if chosen.since is not None:
        start = moment_of(chosen.since, "--since")
    tail = Tail(kafka, start)
    show = _shown(chosen)
    try:
        with stopping() as stop:
            for alert in tail.snapshot() if chosen.snapshot else tail.follow(stop):
                show(alert)
    finally:
        tail.close()
    if tail.unreadable:
        say(f"{tail.unreadable:,} records of the topic are no alerts and were passed over.")
    return 0


def _shown(chosen: argparse.Namespace) -> Callable[[dict[str, Any]], None]:
    if not chosen.json:
        return Terminal(console(), chosen.show, chosen.language).write

    def write(alert: dict[str, Any]) -> None:
        sys.stdout.buffer.write(orjson.dumps(alert) + b"\n")
        sys.stdout.buffer.flush()

    return write
