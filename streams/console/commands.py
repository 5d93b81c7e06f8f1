"""What `vigie console` does: the watch room's page by itself, and who may come in."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path
from threading import Event

from streams import settings
from streams.console.app import Console
from streams.console.board import Board
from streams.console.following import Following
from streams.console.places import at
from streams.console.server import Server
from streams.console.settings import tokens_path
from streams.console.stored import Stored
from streams.console.tokens import Tokens
from streams.embedded import Settings
from streams.lists import ListFiles
from streams.sources.opening import InputError
from streams.stopping import stopping
from streams.telling import print_json, say
from streams.verdict_file import VerdictFile


def serve(chosen: argparse.Namespace) -> int:
    """`vigie console`: until Ctrl-C."""
    in_force = at(settings.load(chosen.config, flags=chosen.set), chosen.listen or "")
    console, follow = _of_file(chosen, in_force) if chosen.alerts else _of_kafka(chosen, in_force)
    with stopping() as stop, contextlib.closing(Server(console)) as server:
        say(f"The console is at {server.url}")
        follow(stop)
    return 0


_Follow = Callable[[Event], None]


def _of_file(chosen: argparse.Namespace, in_force: Settings) -> tuple[Console, _Follow]:
    board = Board("file")
    lists = ListFiles(in_force.lists.files, say)
    following = Following(board, Path(chosen.alerts), lists)
    answer = VerdictFile(chosen.verdicts, say).append if chosen.verdicts else None
    return Console(in_force, board, answer, _stored(chosen, in_force)), following.run


def _of_kafka(chosen: argparse.Namespace, in_force: Settings) -> tuple[Console, _Follow]:
    if chosen.verdicts:
        raise InputError("--verdicts goes with --alerts FILE: over Kafka verdicts have their topic.")
    # Brings the client of Kafka with it.
    from streams.console.kafka import FromKafka  # noqa: PLC0415

    board = Board("kafka")
    source = FromKafka(board, in_force, _stored(chosen, in_force))
    return Console(in_force, board, source.say, source.kept), source.run


def _stored(chosen: argparse.Namespace, in_force: Settings) -> Stored | None:
    return Stored(Path(chosen.store), in_force) if chosen.store else None


def add_token(chosen: argparse.Namespace) -> int:
    """`vigie console token add`."""
    tokens = _tokens(chosen)
    print(tokens.add(chosen.name, chosen.role))
    say(f"This is the token of {chosen.name} ({chosen.role}). It is shown once and kept nowhere.")
    return 0


def remove_token(chosen: argparse.Namespace) -> int:
    """`vigie console token remove`."""
    _tokens(chosen).remove(chosen.name)
    say(f"{chosen.name} may come in no more.")
    return 0


def list_tokens(chosen: argparse.Namespace) -> int:
    """`vigie console token list`."""
    rows = [{"name": entry.name, "role": entry.role} for entry in _tokens(chosen).entries()]
    if chosen.json:
        print_json(rows)
    else:
        for row in rows:
            print(f"{row['name']:30} {row['role']}")
    return 0


def _tokens(chosen: argparse.Namespace) -> Tokens:
    return Tokens(tokens_path(settings.load(chosen.config, flags=chosen.set).console))
