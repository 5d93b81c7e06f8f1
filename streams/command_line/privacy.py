"""`vigie privacy`: pseudonyms, opening one case, erasing one person."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from streams.command_line.arguments import (
    Commands,
    Parser,
    add_case,
    add_command,
    add_group,
    add_json,
    add_settings,
    later,
)


def add_privacy(to: Commands) -> None:
    """`vigie privacy` with its actions."""
    privacy = add_group(
        to,
        "privacy",
        "put accounts under pseudonyms, open one case, erase one person (docs/privacy.md)",
        "  vigie privacy key /secure/room.key\n"
        '  vigie privacy open c5f01 --alerts alerts.jsonl --key-file /secure/room.key --reason "ticket 12"\n'
        "  vigie privacy erase --platform x --account 4711 --store night.db --alerts alerts.jsonl",
    )
    actions = privacy.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    key = add_command(
        actions,
        "key",
        _private("make"),
        "make a key, in a file that only you may read",
        "  vigie privacy key /secure/room.key",
    )
    key.add_argument("file", metavar="FILE", help="a new file, apart from the data")
    name = add_command(
        actions,
        "name",
        _private("name"),
        "print the pseudonym of an account, to look for it in what the room keeps",
        "  vigie privacy name 4711 @ana --key-file /secure/room.key",
    )
    name.add_argument("names", nargs="+", metavar="NAME", help="an id, or a handle with its @")
    _add_key(name)
    opening = add_command(
        actions,
        "open",
        _private("open_case"),
        "print the accounts behind the pseudonyms of one case, and write down who asked",
        "  vigie privacy open c5f01 --alerts alerts.jsonl --key-file /secure/room.key "
        '--reason "asked by the electoral commission"',
    )
    add_case(opening)
    opening.add_argument(
        "--alerts", metavar="FILE", help="what `vigie replay --alerts` wrote (default: Kafka)"
    )
    opening.add_argument("--reason", required=True, metavar="R", help="why, for the audit")
    opening.add_argument("--by", metavar="WHO", help="who asks (default: the login name)")
    opening.add_argument(
        "--audit", metavar="FILE", help="where that is written down (default: KEY.audit.jsonl)"
    )
    _add_key(opening)
    add_json(opening)
    _erasing(actions)
    sweep = add_command(
        actions,
        "sweep",
        _private("sweep"),
        "delete from stores what was kept for as long as [retention] says",
        "  vigie privacy sweep night.db --set retention.posts_days=7",
    )
    sweep.add_argument("stores", nargs="+", metavar="STORE", help="made by `vigie replay --store`")
    add_settings(sweep)
    add_json(sweep)


def _erasing(actions: Commands) -> None:
    erase = add_command(
        actions,
        "erase",
        _private("erase"),
        "take one person out of what the room has, and say what could not be reached",
        "  vigie privacy erase --platform x --account 4711 --store night.db --alerts alerts.jsonl\n"
        "  vigie privacy erase --platform x --account 4711 --handle @ana --redis --kafka --config room.toml",
    )
    erase.add_argument("--platform", required=True, metavar="P", help="the network, as in the posts")
    erase.add_argument("--account", required=True, metavar="ID", help="the account's id, or its pseudonym")
    for flag, metavar, does in (
        ("--handle", "NAME", "a handle under which others name it"),
        ("--store", "FILE", "a store of `vigie replay --store` or `vigie record`"),
        ("--alerts", "FILE", "a file of `vigie replay --alerts`, which nobody writes to at present"),
        ("--lists", "FILE", "a list of accounts: said where the person stands in it"),
        ("--verdicts", "FILE", "a file of verdicts: said where the person stands in it"),
    ):
        erase.add_argument(flag, action="append", default=[], metavar=metavar, help=f"{does}; several times")
    erase.add_argument("--redis", action="store_true", help="the memory of accounts, with workers stopped")
    erase.add_argument("--kafka", action="store_true", help="the newest revision of each case in the topic")
    _add_key(erase)
    add_json(erase)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", metavar="KEY", help="the key (default: privacy.key_file)")
    add_settings(parser)


def _private(name: str) -> Callable[[argparse.Namespace], int]:
    return later(name, "privacy_commands", "streams")
