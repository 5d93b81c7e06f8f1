"""What `vigie backtest` does: one pass over the posts, two pipelines."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from detectors.alerts import instant
from detectors.events import Item
from detectors.verdicts import Verdict
from streams import settings
from streams.backtesting.differing import Difference, differences
from streams.backtesting.page import print_report
from streams.backtesting.report import Played, report
from streams.backtesting.runs import Run
from streams.clock import clock_ms
from streams.command_inputs import Rejects, open_inputs, spare_inputs, tell_reading
from streams.embedded import Settings
from streams.lists import ListFiles
from streams.outputs.alert import Alert
from streams.outputs.alert_file import AlertFile
from streams.privacy import door
from streams.pseudonyms import Pseudonyms
from streams.sources.formats import items_of
from streams.sources.languages import with_languages
from streams.sources.opening import InputError
from streams.sources.ordering import in_order
from streams.sources.records import Tally
from streams.telling import console, print_json, progress, say
from streams.verdict_file import VerdictFile
from streams.watch_file import read_watch

NAMES = ("before", "after")
_AT_THE_DOOR = ("languages", "privacy")
"""Sections that decide what a post is where it comes in, which it does once for both runs."""


def backtest(chosen: argparse.Namespace) -> int:
    """`vigie backtest`."""
    in_force = settings.load(chosen.against)
    tried = settings.load(chosen.config or chosen.against, flags=chosen.set)
    differing = _differing(in_force, tried)
    spare_inputs(chosen)
    verdicts = _verdicts(chosen.verdicts) if chosen.verdicts else None
    pseudonyms = door(in_force.privacy)
    runs = [_run(one, chosen, pseudonyms) for one in (in_force, tried)]
    tally, rejects = Tally(), Rejects(chosen.rejects, quoting=not in_force.privacy.pseudonyms)
    batches = with_languages(items_of(open_inputs(chosen), tally, rejects, clock_ms), in_force.languages)
    if pseudonyms is not None:
        batches = pseudonyms.batches(batches)
    try:
        with ExitStack() as files:
            outs = [_out(chosen, name, files) for name in NAMES] if chosen.out else [None, None]
            played = _play(_sorted(batches), runs, outs)
    finally:
        rejects.close()
    tell_reading(tally, keeps=chosen.rejects is not None)
    result = report(differing, played, runs[0], runs[1], verdicts)
    if chosen.json:
        print_json(result)
    else:
        print_report(console(), result, chosen.language)
    if chosen.out:
        say(f"all alerts are in {chosen.out}/before.jsonl and {chosen.out}/after.jsonl.")
    return 0


def _differing(in_force: Settings, tried: Settings) -> list[Difference]:
    for section in _AT_THE_DOOR:
        if getattr(in_force, section) != getattr(tried, section):
            raise InputError(
                f"The two settings differ in [{section}], which changes the posts before either run has "
                "them: give both the same."
            )
    found = differences(in_force, tried)
    if not found:
        raise InputError(
            "The two settings find the same: change something in NEW.toml (--config) or with --set, and "
            "name those in force with --against."
        )
    return found


def _verdicts(path: str) -> list[Verdict]:
    if not Path(path).exists():  # a file that nobody wrote to yet is none that can be counted
        raise InputError(f"The verdicts in {path} cannot be read: there is no such file.")
    return VerdictFile(path, say).new()


def _run(one: Settings, chosen: argparse.Namespace, pseudonyms: Pseudonyms | None) -> Run:
    run = Run(one)
    files = chosen.lists or one.lists.files
    lists = ListFiles(files, say, *([pseudonyms.lists] if pseudonyms else []))
    run.pipeline.room.put(lists.load())
    if watch := chosen.watch or one.watch.file:
        watched = read_watch(watch)
        run.pipeline.room.watch = pseudonyms.watched(watched) if pseudonyms else watched
    return run


def _out(chosen: argparse.Namespace, name: str, files: ExitStack) -> AlertFile:
    path = Path(chosen.out) / f"{name}.jsonl"
    inputs = [*chosen.files, *(chosen.lists or ()), chosen.verdicts or "-"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if any(other != "-" and path.exists() and path.samefile(other) for other in inputs):
            raise InputError(f"--out {path} is also an input: choose another folder.")
    except OSError as problem:
        raise InputError(f"The folder {chosen.out} cannot be written: {problem.strerror}.") from None
    file = AlertFile(str(path))
    files.callback(file.close)
    return file


def _sorted(batches: Iterable[list[Item]]) -> Iterator[list[Item]]:
    """The posts in order of time; the first of them come when all are read."""
    with progress("reading and sorting", "posts") as tell:
        ordered = in_order(batches, progress=tell)
        first = next(ordered, [])
    return chain([first], ordered)


def _play(batches: Iterable[list[Item]], runs: list[Run], outs: list[AlertFile] | list[None]) -> Played:
    """Give every batch to both runs."""
    posts = start_ms = end_ms = 0
    with progress("watching twice", "posts") as tell:
        for items in batches:
            if not items:
                continue
            start_ms, end_ms = start_ms or items[0].time_ms, items[-1].time_ms
            posts += len(items)
            for run, out in zip(runs, outs, strict=True):
                _write(run.feed(items), out)
            tell(posts)
    for run, out in zip(runs, outs, strict=True):
        _write(run.finish(), out)
    return Played(posts, start_ms, end_ms)


def _write(alerts: list[Alert], out: AlertFile | None) -> None:
    if out is None:
        return
    for alert in alerts:
        alert["data"]["published_at"] = instant(clock_ms())
        out.write(alert)
