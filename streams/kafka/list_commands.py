"""What `vigie lists` does: look at lists before they are in force, and put them in force in all workers."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from rich.table import Table

from detectors.alerts import instant
from detectors.lists import Difference, Entry, Lists, difference
from streams import settings
from streams.clock import clock_ms
from streams.command_inputs import moment_of
from streams.kafka import room, topics
from streams.lists import read_lists
from streams.outputs.terminal import printable
from streams.privacy import door
from streams.telling import console, print_json, say


def check_lists(chosen: argparse.Namespace) -> int:
    """`vigie lists check`."""
    lists = read_lists(chosen.files)
    kinds = Counter((entry.list, entry.kind) for entry in lists.entries)
    if chosen.json:
        print_json({"version": lists.version, "entries": [_row(entry) for entry in lists.entries]})
        return 0
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("list", "kind", "entries"):
        table.add_column(column, justify="right" if column == "entries" else "left")
    for (name, kind), count in sorted(kinds.items()):
        table.add_row(printable(name), kind, f"{count:,}")
    console().print(table)
    print(f"The lists are right: {len(lists):,} entries (version {lists.version or '-'}).")
    return 0


def compare_lists(chosen: argparse.Namespace) -> int:
    """`vigie lists diff`."""
    found = difference(read_lists([chosen.before]), read_lists([chosen.after]))
    if chosen.json:
        print_json(
            {
                "added": [_row(entry) for entry in found.added],
                "removed": [_row(entry) for entry in found.removed],
                "changed": [{"before": _row(old), "after": _row(new)} for old, new in found.changed],
            }
        )
        return 0
    _print_difference(found)
    return 0


def publish_lists(chosen: argparse.Namespace) -> int:
    """`vigie lists publish`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    lists = read_lists(chosen.files) if chosen.files else Lists()
    if (pseudonyms := door(in_force.privacy)) is not None:
        lists = pseudonyms.lists(lists)
    topics.check(in_force.kafka)
    at_ms = 0 if chosen.at is None else moment_of(chosen.at, "--at")
    room.publish_lists(in_force.kafka, lists, at_ms=at_ms, said_ms=clock_ms())
    when = "from the next tick on" if not at_ms else f"from {instant(at_ms)} on"
    say(f"Lists {lists.version or '(none)'} with {len(lists):,} entries are in force {when}.")
    return 0


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "list": entry.list,
        "account": entry.account,
        "platform": entry.platform,
        "handle": entry.handle,
        "kind": entry.kind,
        "reason": entry.reason,
        "source": entry.source,
        "since": None if entry.since_ms is None else instant(entry.since_ms),
    }


def _print_difference(found: Difference) -> None:
    for mark, entries in (("+", found.added), ("-", found.removed), ("~", [new for _, new in found.changed])):
        for entry in entries:
            print(printable(f"{mark} {entry.list}: {entry.account} {entry.kind} ({entry.reason})"))
    print(f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed.")
