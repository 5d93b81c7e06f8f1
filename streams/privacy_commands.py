"""What `vigie privacy` does: keys and pseudonyms, opening one case, erasing one person, sweeping a store."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
from rich.table import Table

from detectors.alerts import instant
from streams import retention, settings
from streams.case_alerts import CaseAlerts, find
from streams.case_commands import told_cases
from streams.clock import clock_ms
from streams.embedded import Settings
from streams.lists import read_lists
from streams.outputs.terminal import printable
from streams.privacy import make_key, opener
from streams.privacy_erase import Person, from_alerts, from_redis, from_store, from_topic
from streams.privacy_settings import RetentionSettings
from streams.pseudonyms import FOUND, SHOWN, Pseudonyms
from streams.sources.opening import InputError
from streams.telling import console, print_json, say

OUT_OF_REACH = (
    "Alerts that were sent to somebody, and files that were copied: ask whoever has them.",
    "The topics posts, signals, ties, findings, judged and dead-letters: they forget within "
    "kafka.retention_hours.",
    "Earlier revisions in the topic alerts: they go when Kafka compacts it, after kafka.retention_hours.",
    "The texts of other accounts, which may speak of the person in words.",
    "Inputs, rejects and exports of your own: delete or redact them.",
)
"""What erasing one person does not do."""


def make(chosen: argparse.Namespace) -> int:
    """`vigie privacy key`."""
    make_key(Path(chosen.file))
    say(f"The key is in {chosen.file}. Keep a copy apart from the data: without it no case can be opened.")
    return 0


def name(chosen: argparse.Namespace) -> int:
    """`vigie privacy name`."""
    pseudonyms = opener(_in_force(chosen).privacy)
    for one in chosen.names:
        print(_pseudonym(pseudonyms, one))
    return 0


def _in_force(chosen: argparse.Namespace) -> Settings:
    """The settings in force, with the key that the command was given."""
    found = settings.load(chosen.config, flags=chosen.set)
    if chosen.key_file is None:
        return found
    return msgspec.structs.replace(
        found, privacy=msgspec.structs.replace(found.privacy, key_file=chosen.key_file, key="")
    )


def _pseudonym(pseudonyms: Pseudonyms, name: str) -> str:
    """Of an id, of a handle with its ``@``, or of what is a pseudonym already."""
    if pseudonyms.opened(name) is not None:
        return name
    return pseudonyms.handle(name) if name.startswith("@") else pseudonyms.of(name)


# -- one case --------------------------------------------------------------------------------------


def open_case(chosen: argparse.Namespace) -> int:
    """`vigie privacy open`."""
    in_force = _in_force(chosen)
    pseudonyms = opener(in_force.privacy)
    reason = chosen.reason.strip()
    if not reason:
        raise InputError("--reason is empty: say why the case is opened, for whoever reads the audit.")
    case = find(told_cases(chosen), chosen.case)
    rows = list(_opened(case, pseudonyms))
    if not rows:
        raise InputError(
            f"{case.data['case_id']} holds no pseudonym that this key opens: it was told under another "
            "key, or with the accounts' own names."
        )
    _note(_audit_path(chosen, in_force), chosen, case, reason, len(rows))
    total, shown = case.data["group"]["accounts_total"], sum(row["role"] == "account" for row in rows)
    if total > shown:
        say(f"{shown:,} of {total:,} accounts: those that the alerts of the case name.")
    if chosen.json:
        print_json(rows)
        return 0
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("in texts", "is", "name"):
        table.add_column(column, no_wrap=column != "name", overflow="fold")
    for row in rows:
        table.add_row(row["pseudonym"][:SHOWN], row["role"], printable(row["name"]))
    console().print(table)
    return 0


def _opened(case: CaseAlerts, pseudonyms: Pseudonyms) -> Iterator[dict[str, str]]:
    """Everything in the alerts of a case that the key opens, the accounts of the case first."""
    accounts = set(case.data["group"]["accounts"]) | {author for author, _ in case.posts}
    for finding in case.findings.values():
        accounts.update(finding["accounts"])
    told = orjson.dumps([case.whole(), list(case.posts.values())]).decode()
    found = set(FOUND.findall(told))
    for one in sorted(found, key=lambda one: (one not in accounts, one)):
        if (opened := pseudonyms.opened(one)) is not None:
            yield {"pseudonym": one, "role": "account" if one in accounts else "named", "name": opened}


def _audit_path(chosen: argparse.Namespace, in_force: Settings) -> Path:
    if chosen.audit is not None:
        return Path(chosen.audit)
    if in_force.privacy.key_file:
        return Path(f"{in_force.privacy.key_file}.audit.jsonl")
    raise InputError("The key is in no file, so that its audit has no place: give one with --audit FILE.")


def _note(path: Path, chosen: argparse.Namespace, case: CaseAlerts, reason: str, names: int) -> None:
    """Write down who opened what and why, before anything is shown."""
    line = {
        "at": instant(clock_ms()),
        "by": chosen.by if chosen.by is not None else _login(),
        "case_id": case.data["case_id"],
        "names": names,
        "reason": reason,
    }
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(number, "ab", buffering=0) as file:
            file.write(orjson.dumps(line) + b"\n")
            os.fsync(number)
    except OSError as problem:
        raise InputError(
            f"The audit cannot be written to {path} ({problem.strerror}), so that nothing is opened."
        ) from None


def _login() -> str:
    with contextlib.suppress(KeyError, OSError):  # a container may run as a user without a name
        return getpass.getuser()
    return ""


# -- one person ------------------------------------------------------------------------------------


def erase(chosen: argparse.Namespace) -> int:
    """`vigie privacy erase`."""
    in_force = _in_force(chosen)
    person = _person(chosen, in_force)
    if not (chosen.store or chosen.alerts or chosen.redis or chosen.kafka):
        raise InputError("Say from where: --store, --alerts, --redis, --kafka, or several of them.")
    erased: dict[str, Any] = {}
    left: list[str] = []
    for path in chosen.store:
        erased[path] = from_store(path, person)
    for path in chosen.alerts:
        erased[path] = {"alerts": from_alerts(path, person)}
    if chosen.kafka:
        cases = from_topic(in_force.kafka, person)
        erased["topic alerts"] = {"cases": len(cases)}
    if chosen.redis:
        found = from_redis(in_force, person)
        erased["redis"] = {"accounts": found.deleted, "cases": found.rewritten}
        left += [
            f"Redis: {count:,} records of {table} may still name the account; they go with their windows, "
            "or with all the rest by `vigie worker --forget-state`."
            for table, count in sorted(found.named.items())
        ]
    left += _yours(chosen, person)
    if chosen.json:
        print_json({"erased": erased, "left": [*left, *OUT_OF_REACH]})
        return 0
    for place, counts in erased.items():
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing found"
        print(printable(f"{place}: {told}"))
    print("\nNot erased:")
    for sentence in (*left, *OUT_OF_REACH):
        print(printable(f"- {sentence}"))
    return 0


def _person(chosen: argparse.Namespace, in_force: Settings) -> Person:
    """Whom to erase, by the real names and, if there is a key, by the pseudonyms of these."""
    names = {chosen.account, *(handle.lstrip("@") for handle in chosen.handle)}
    if in_force.privacy.key or in_force.privacy.key_file:
        pseudonyms = opener(in_force.privacy)
        names |= {_pseudonym(pseudonyms, chosen.account)}
        names |= {pseudonyms.handle(handle) for handle in chosen.handle}
        names |= {one[:SHOWN] for one in names if FOUND.fullmatch(one)}  # as they stand in texts
    elif in_force.privacy.pseudonyms:
        raise InputError("The data is under pseudonyms: give the key, with --key-file or privacy.key_file.")
    return Person(chosen.platform, frozenset(names))


def _yours(chosen: argparse.Namespace, person: Person) -> Iterator[str]:
    """What people of the room wrote themselves, and must change themselves."""
    for entry in read_lists(chosen.lists).entries if chosen.lists else ():
        if entry.account in person.names and entry.platform in (None, person.platform):
            yield f"The list {entry.list} has the account as {entry.kind}: take the entry out yourself."
    for path in chosen.verdicts:
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as problem:
            raise InputError(f"{path} cannot be read: {problem.strerror}.") from None
        for number, line in enumerate(lines, 1):
            if person.in_text(line) != line:
                yield f"{path}, line {number}, names the account: change its reason yourself."


# -- what was kept long enough ---------------------------------------------------------------------


def sweep(chosen: argparse.Namespace) -> int:
    """`vigie privacy sweep`."""
    kept = settings.load(chosen.config, flags=chosen.set).retention
    gone = {path: _swept(path, kept) for path in chosen.stores}
    if chosen.json:
        print_json(gone)
        return 0
    for path, counts in gone.items():
        told = ", ".join(f"{count:,} of {kind}" for kind, count in counts.items())
        print(printable(f"{path}: {told} gone."))
    return 0


def _swept(path: str, kept: RetentionSettings) -> dict[str, int]:
    if not Path(path).is_file():
        raise InputError(f"There is no store at {path}.")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            gone = retention.sweep(db, kept, clock_ms())
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as problem:
            raise InputError(f"{path} cannot be swept: {problem}.") from None
    return gone
