"""The inputs that a command is given: opened, never written over, and what could not be read of them."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from detectors.coverage import CoverageSettings
from detectors.events import Chosen, Rejection, from_mapping
from streams.embedded import Settings
from streams.sources.formats import Reader, open_source
from streams.sources.live.feed import Feed
from streams.sources.live.places import PlaceFile
from streams.sources.opening import InputError
from streams.sources.records import Rejected, Tally
from streams.telling import say


def open_inputs(chosen: argparse.Namespace) -> list[Reader]:
    """The readers of `chosen.files`; says which formats were guessed.

    Raises
    ------
    InputError
    """
    readers = [open_source(path, chosen.format, chosen.mapping) for path in chosen.files]
    for reader in readers:
        if reader.guessed:
            say(f"{reader.name} is read as {reader.format} (a guess; --format says otherwise).")
    return readers


def open_feed(
    name: str, in_force: Settings, place: str | Path | None, rejects: Rejects, source: str | None = None
) -> Feed:
    """A live network, read from where it was left off.

    Its gaps and filters are told under the name of the source: that of the network if it has no other.

    Raises
    ------
    InputError
    """
    # Brings a client of HTTP with it, which no other command needs.
    from streams.sources.live.networks import NETWORKS  # noqa: PLC0415

    client = NETWORKS[name].client(getattr(in_force, name))
    if place is not None:
        Path(place).parent.mkdir(parents=True, exist_ok=True)

    def chosen() -> Chosen | None:
        # Under pseudonyms only the room's own words: the rules of a network may name accounts.
        rules = None if in_force.privacy.pseudonyms else client.chosen_by
        return what_chooses(in_force.coverage, rules)

    return Feed(
        client,
        PlaceFile(place) if place is not None else None,
        on_rejected=rejects,
        notice=say,
        grace_ms=in_force.time.grace_s * 1000,
        chosen=chosen,
        source=source,
    )


def what_chooses(coverage: CoverageSettings, rules: str | None = None) -> Chosen | None:
    """What chooses the posts of a source, in the room's words or else its own; None where nothing is known.

    >>> what_chooses(CoverageSettings(sampling=0.1), "#debate")
    Chosen(filter='#debate', sampling=0.1)
    """
    if coverage.filter is None and rules is None and coverage.sampling is None:
        return None
    return Chosen(filter=coverage.filter or rules, sampling=coverage.sampling)


def default_place(name: str) -> Path:
    """Where it is written how far a network was read."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "vigie" / f"{name}.json"


def spare_inputs(chosen: argparse.Namespace) -> None:
    """Refuse to write over what is read."""
    verdicts = getattr(chosen, "verdicts", None)
    names = [*chosen.files, *(getattr(chosen, "lists", None) or ()), *([verdicts] if verdicts else ())]
    for flag in ("alerts", "rejects", "store"):
        path = getattr(chosen, flag, None)
        for name in names:
            with contextlib.suppress(OSError):
                if path is not None and Path(path).samefile(name):
                    raise InputError(f"--{flag} {path} is also an input: choose another file.")


class Rejects:
    """Keeps refused records as JSON lines, if asked to.

    Parameters
    ----------
    path : str, optional
    quoting : bool
        Whether the record itself is kept. Without it a hash tells whether two of them are the same: what
        could not be read could not be put under pseudonyms either.
    """

    def __init__(self, path: str | None, *, quoting: bool = True) -> None:
        self._path = path
        self._quoting = quoting
        self._file: BinaryIO | None = None
        if path is not None:
            try:
                self._file = Path(path).open("wb")  # noqa: SIM115  it lives as long as the command
            except OSError as problem:
                raise self._unwritable(problem) from None

    def __call__(self, name: str, refused: Rejected) -> None:
        """Keep one record of an input."""
        if self._file is None:
            return
        record: dict[str, Any] = {"input": name, "line": refused.line, "reason": refused.reason}
        if self._quoting:
            record |= {"detail": refused.detail, "raw": refused.raw.decode("utf-8", "replace")}
        else:
            digest = hashlib.blake2b(refused.raw, digest_size=16).hexdigest()
            record |= {"length": len(refused.raw), "blake2b": digest}
        try:
            self._file.write(orjson.dumps(record) + b"\n")
        except OSError as problem:
            raise self._unwritable(problem) from None

    def close(self) -> None:
        """Finish the file."""
        if self._file is None:
            return
        failed = sys.exception()  # what ended the command already is the sentence to tell
        try:
            self._file.close()
        except OSError as problem:
            if failed is None:
                raise self._unwritable(problem) from None

    def _unwritable(self, problem: OSError) -> InputError:
        return InputError(f"The rejects cannot be written to {self._path}: {problem.strerror}.")


def moment_of(text: str, flag: str) -> int:
    """The time that a flag was given, in milliseconds since the epoch.

    Raises
    ------
    InputError
    """
    try:
        return from_mapping({"id": "1", "platform": "-", "author_id": "1", "created_at": text}).time_ms
    except Rejection:
        raise InputError(f"{flag} {text!r} is no time: write it as 2022-04-10T19:30:00Z.") from None


def tell_reading(tally: Tally, *, keeps: bool) -> None:
    """What was refused while reading, and why."""
    if tally.rejected:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.reasons.most_common())
        kept = "" if keeps else "; --rejects FILE keeps them"
        say(f"{tally.rejected:,} record{'s' * (tally.rejected > 1)} refused ({reasons}){kept}.")
    if not tally.posts:
        say("warning: the input holds no post.")
