"""What each command of `vigie` does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from detectors.case import Judged
from detectors.events import Item
from detectors.rules.sentences import shortened
from detectors.severity import CRITICAL, NOTICE, WARNING
from streams import metrics, payers, ranking, settings
from streams.clock import clock_ms
from streams.command_inputs import (
    Rejects,
    open_feed,
    open_inputs,
    spare_inputs,
    tell_reading,
)
from streams.deliveries import Deliveries
from streams.edges import Collected, as_csv, as_json
from streams.embedded import Pipeline, Settings
from streams.leading import Leading
from streams.lists import ListFiles
from streams.outputs.alert import Alert
from streams.outputs.alert_file import AlertFile
from streams.outputs.case_table import case_table
from streams.outputs.terminal import Terminal, printable
from streams.privacy import door
from streams.replay import Run, play, summary
from streams.simulate import ScenarioError, load_scenario, scaled
from streams.simulate import write as write_scenario
from streams.sources.convert import convert_to_lines
from streams.sources.formats import items_of, posts_of
from streams.sources.languages import with_languages
from streams.sources.live.feed import Feed
from streams.sources.opening import InputError
from streams.sources.ordering import in_order
from streams.sources.records import Tally
from streams.stopping import stopping
from streams.stores.sqlite import Store
from streams.telling import console, print_json, progress, say
from streams.verdict_file import VerdictFile
from streams.watch_file import read_watch

if TYPE_CHECKING:
    from streams.console.embedded import EmbeddedConsole

_Item = TypeVar("_Item", bound=Item)
PAYERS = "payers"
_LATE_WARNING = 0.01


def replay(chosen: argparse.Namespace) -> int:
    """`vigie replay`."""
    live = "-" in chosen.files
    if live and len(chosen.files) > 1:
        raise InputError("- reads a live stream: it cannot be merged with files, which must be sorted first.")
    in_force = settings.load(chosen.config, flags=chosen.set)
    spare_inputs(chosen)
    tally, rejects = Tally(), Rejects(chosen.rejects, quoting=not in_force.privacy.pseudonyms)
    batches = items_of(open_inputs(chosen), tally, rejects, clock_ms)
    return _judge(chosen, in_force, _Source(batches, tally, rejects, live))


def watch(chosen: argparse.Namespace) -> int:
    """`vigie watch`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    spare_inputs(chosen)
    rejects = Rejects(chosen.rejects, quoting=not in_force.privacy.pseudonyms)
    feed = open_feed(chosen.source, in_force, chosen.place, rejects)
    # The feed ends as a file does: what was read is judged, and the numbers are told.
    with stopping(feed.close):
        return _judge(chosen, in_force, _Source(iter(feed), feed.tally, rejects, live=True, feed=feed))


class _Source(NamedTuple):
    """Where posts come from."""

    batches: Iterator[list[Item]]
    tally: Tally
    rejects: Rejects
    live: bool
    feed: Feed | None = None
    """Of a live network."""


def _judge(chosen: argparse.Namespace, in_force: Settings, source: _Source) -> int:
    """Let the posts of a source through the pipeline, tell the alerts, and at the end the numbers."""
    tally, rejects = source.tally, source.rejects
    pseudonyms = door(in_force.privacy)
    source = source._replace(batches=with_languages(source.batches, in_force.languages))
    if pseudonyms is not None:
        source = source._replace(batches=pseudonyms.batches(source.batches))
    alert_file = AlertFile(chosen.alerts) if chosen.alerts else None
    store = None
    if chosen.store:
        # A recording is replayed as if for the first time; a live network is gone on with.
        store = Store(chosen.store, write=True, go_on=source.feed is not None, kept=in_force.retention)
    leading = Leading()

    def judged(one: Judged) -> None:
        leading.note(one, one.finding.judged_ms)
        if store:
            store.note_judged(one)

    pipeline = Pipeline(
        in_force,
        on_judged=judged,
        on_batch=store.note_batch if store else None,
    )
    if store is not None:
        pipeline.accounts.recall(store.profiles(in_force.accounts.max_profiles))
    lists = ListFiles(chosen.lists or in_force.lists.files, say, *([pseudonyms.lists] if pseudonyms else []))
    pipeline.room.put(lists.load())
    if watch := chosen.watch or in_force.watch.file:
        watched = read_watch(watch)
        pipeline.room.watch = pseudonyms.watched(watched) if pseudonyms else watched
    verdicts = VerdictFile(chosen.verdicts, say) if chosen.verdicts else None
    run = Run()
    deliveries = Deliveries(in_force.receivers)
    if chosen.metrics_port:
        told = [metrics.PipelineCollector(pipeline, tally, run.alerts, leading, run.delays)]
        feeds = [metrics.FeedCollector(source.feed)] if source.feed is not None else []
        metrics.serve(chosen.metrics_port, *told, *feeds, *deliveries.collectors, host=chosen.metrics_host)
    out = console()
    terminal = None if chosen.json else Terminal(out, chosen.show, chosen.language)
    page = _console(chosen, pipeline, run, tally, leading, store, verdicts)

    told_to: list[Callable[[Alert], None] | None] = [
        alert_file.write if alert_file else None,
        store.note_alert if store else None,
        page.take if page else None,
        terminal.write if terminal else None,
        deliveries.put,
    ]

    def tell(alerts: Iterator[Alert]) -> None:
        for alert in alerts:
            for take in filter(None, told_to):
                take(alert)

    try:
        tell(_play(chosen, pipeline, run, source, lists, verdicts, page))
        _tell_numbers(chosen, pipeline, run, tally, out)
        if page and source.feed is None:  # whoever stops a live network wants to leave
            tell(page.linger())
    finally:
        for opened in (rejects, alert_file, store, page):
            if opened is not None:
                opened.close()
        deliveries.finish()
    return 0


def _tell_numbers(
    chosen: argparse.Namespace, pipeline: Pipeline, run: Run, tally: Tally, out: Console
) -> None:
    """What was read, and what came of it."""
    tell_reading(tally, keeps=chosen.rejects is not None)
    events = pipeline.tallies.events + tally.events - tally.changes
    numbers = summary(run, pipeline, dict(tally.reasons), events)
    _warn_late(numbers["posts"])
    if chosen.json:
        print_json(numbers)
    else:
        _print_summary(out, numbers, run, chosen)


def _console(
    chosen: argparse.Namespace,
    pipeline: Pipeline,
    run: Run,
    tally: Tally,
    leading: Leading,
    store: Store | None,
    verdicts: VerdictFile | None,
) -> EmbeddedConsole | None:
    """The watch room's page, if it is asked for."""
    if chosen.console is None:
        return None
    # Brings a server of HTTP with it, which no other command needs.
    from streams.console.embedded import EmbeddedConsole  # noqa: PLC0415

    kept = (store, chosen.store) if store is not None else None
    return EmbeddedConsole(chosen.console, pipeline, run, tally, leading, kept, verdicts)


def _play(
    chosen: argparse.Namespace,
    pipeline: Pipeline,
    run: Run,
    source: _Source,
    lists: ListFiles,
    verdicts: VerdictFile | None,
    page: EmbeddedConsole | None = None,
) -> Iterator[Alert]:
    """The alerts of a replay, with progress while it sorts and while it watches."""
    batches, feed = source.batches, source.feed
    if not source.live:
        with progress("reading and sorting", "posts") as tell:
            batches = _all_read(in_order(batches, progress=tell))
    with progress("watching", "posts") as tell:

        def taken(count: int) -> None:
            tell(count)
            if feed is not None:
                feed.taken(count)
            if page is not None:
                page.look()

        yield from play(
            batches,
            pipeline,
            run,
            speed=chosen.speed,
            rate=chosen.rate,
            live=source.live,
            lists=lists,
            verdicts=verdicts,
            now=clock_ms if feed is None else feed.reached_ms,
            on_progress=taken,
        )


def _all_read(batches: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """Wait for the first sorted batch, which comes when all is read, so that progress is told apart."""
    first = next(batches, None)
    if first is None:
        return iter(())

    def rest() -> Iterator[list[Item]]:
        yield first
        yield from batches

    return rest()


def _warn_late(posts: dict[str, int]) -> None:
    late, processed = posts["late"], posts["processed"]
    if late > _LATE_WARNING * (late + processed):
        say(
            f"warning: {late:,} posts ({late / (late + processed):.1%}) came after the grace and were "
            "dropped; raise time.grace_s, or give a file instead of - so that it is sorted."
        )


def _print_summary(out: Console, numbers: dict[str, Any], run: Run, chosen: argparse.Namespace) -> None:
    posts = numbers["posts"]
    out.rule("summary", style="dim")
    out.print(
        f"{posts['processed']:,} posts in {numbers['seconds']:.1f} s "
        f"({numbers['posts_per_second'] or 0:,} a second); {posts['late']:,} late, "
        f"{posts['duplicate']:,} duplicate, {posts['rejected']:,} refused, {posts['events']:,} other events."
    )
    cases = numbers["cases"]
    out.print(
        f"Cases: {cases['critical']} critical, {cases['warning']} warning, {cases['notice']} notice "
        f"(weak evidence, nobody is woken). {numbers['open_coordination']} groups that act openly, not "
        "alerted."
    )
    shown = [
        data for data in run.cases.values() if data["severity"] != "notice" and data["status"] != "merged"
    ]
    if shown:
        out.print(case_table(shown, chosen.language))
    if numbers["open_groups"]:
        out.print("Open coordination, shown apart:")
    for group in numbers["open_groups"]:
        named = group["subject"] if group["template"] is None else f"“{shortened(group['template'], 60)}”"
        out.print(f"  {group['kind']}: {printable(named)}. {printable(group[chosen.language])}")
    if cases["notice"] and chosen.show != "notice":
        out.print(f"The {cases['notice']} notices are printed with --show notice.")
    if chosen.alerts:
        out.print(f"All alerts are in {chosen.alerts}.")


def convert(chosen: argparse.Namespace) -> int:
    """`vigie convert`."""
    spare_inputs(chosen)
    tally, rejects = Tally(), Rejects(chosen.rejects)
    try:
        with progress("converting", "posts") as tell:
            convert_to_lines(_told(items_of(open_inputs(chosen), tally, rejects), tell), sys.stdout.buffer)
    finally:
        rejects.close()
    tell_reading(tally, keeps=chosen.rejects is not None)
    return 0


def _told(batches: Iterator[list[_Item]], tell: Callable[[int], None]) -> Iterator[list[_Item]]:
    count = 0
    for batch in batches:
        yield batch
        count += len(batch)
        tell(count)


def simulate(chosen: argparse.Namespace) -> int:
    """`vigie simulate`."""
    try:
        scenario = scaled(load_scenario(chosen.scenario), chosen.scale)
        with progress("simulating", "% of the event time") as tell:
            written = write_scenario(
                scenario, chosen.seed, chosen.out, progress=lambda part: tell(int(part * 100))
            )
    except ScenarioError as problem:
        raise InputError(str(problem)) from None
    except OSError as problem:
        raise InputError(f"{chosen.out} cannot be written: {problem.strerror}.") from None
    if chosen.json:
        print_json(
            {"posts": written.posts, "labelled": written.labelled, "operations": dict(written.operations)}
        )
        return 0
    print(
        f"{written.posts:,} posts in {chosen.out}/posts.jsonl, {written.labelled:,} of them in truth.jsonl:"
    )
    for name, count in written.operations.items():
        print(f"  {name:24} {count:>8,}")
    if written.listed:
        print(f"{written.listed:,} entries in {chosen.out}/lists.csv, for vigie replay --lists")
    return 0


def top(chosen: argparse.Namespace) -> int:
    """`vigie top`."""
    spare_inputs(chosen)
    tally, rejects = Tally(), Rejects(chosen.rejects)
    try:
        with progress("counting", "posts") as tell:
            posts = _told(posts_of(open_inputs(chosen), tally, rejects), tell)
            ranked = payers.rank(posts) if chosen.kind == PAYERS else ranking.rank(posts, chosen.kind)
    finally:
        rejects.close()
    tell_reading(tally, keeps=chosen.rejects is not None)
    rows = ranked.rows(chosen.limit)
    if chosen.json:
        print_json(rows)
        return 0
    table = Table(box=None, pad_edge=False, show_edge=False)
    columns = payers.columns() if chosen.kind == PAYERS else ranking.columns(chosen.kind)
    for column in columns:
        # Only the subject may be folded where the terminal is narrow.
        text = column == chosen.kind
        table.add_column(column, justify="left" if text else "right", no_wrap=not text, overflow="fold")
    for row in rows:
        table.add_row(*(printable(show(row))[:90] for show in columns.values()))
    console().print(table)
    return 0


def config(chosen: argparse.Namespace) -> int:
    """`vigie config show|check`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    if chosen.action == "check":
        print(f"The settings are right (version {in_force.version()}).")
        return 0
    tables = settings.dump(in_force)
    if chosen.json:
        print_json(tables)
        return 0
    print(
        f"# version {in_force.version()}; severity: notice {NOTICE}, warning {WARNING}, critical {CRITICAL}"
    )
    for section, values in settings.sections(tables).items():
        print(f"\n[{section}]")
        for name, value in values.items():
            print(settings.toml_line(name, value))
    return 0


def edges(chosen: argparse.Namespace) -> int:
    """`vigie edges`."""
    spare_inputs(chosen)
    window_ms = round(chosen.window * 1000)
    tally, rejects = Tally(), Rejects(chosen.rejects)
    collected = Collected(chosen.by, window_ms)
    try:
        with progress("reading", "posts") as tell:
            for posts in _told(posts_of(open_inputs(chosen), tally, rejects), tell):
                collected.take(posts)
    finally:
        rejects.close()
    tell_reading(tally, keeps=chosen.rejects is not None)
    for sentence in collected.warnings():
        say(sentence)
    watched = sys.stdout.isatty()
    with progress("comparing", "pairs of posts") as tell:
        found = collected.edges(window_ms, chosen.min_objects, evidence=chosen.evidence, progress=tell)
        if chosen.json or chosen.evidence:
            lines = as_json(found, chosen.by)
        else:
            lines = as_csv(found, printable if watched else str)
        # A counter in the same terminal would stand between the lines.
        for line in list(lines) if watched else lines:
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return 0
