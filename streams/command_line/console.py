"""`vigie console`: the page, and who may come in."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from streams.command_line.arguments import (
    Commands,
    Parser,
    add_command,
    add_group,
    add_json,
    add_settings,
    later,
)


def add_console(to: Commands) -> None:
    """`vigie console` with its tokens."""
    parser = add_command(
        to,
        "console",
        _of_console("serve"),
        "serve the watch room's page, over Kafka or over a file of alerts (docs/console.md)",
        "  vigie console\n"
        "  vigie console --store night.db                           # kept by `vigie record`\n"
        "  vigie console --alerts alerts.jsonl --store night.db --verdicts verdicts.jsonl\n"
        "  vigie console token add mona --role analyst\n"
        "  vigie console --listen 0.0.0.0:8765",
    )
    parser.add_argument("--listen", metavar="[HOST:]PORT", help="where (default: 127.0.0.1:8765)")
    parser.add_argument(
        "--alerts", metavar="FILE", help="follow what `vigie replay --alerts` writes, not Kafka"
    )
    parser.add_argument(
        "--store", metavar="PATH", help="what `vigie record` keeps; with --alerts what `vigie replay` does"
    )
    parser.add_argument("--verdicts", metavar="FILE", help="add verdicts here, with --alerts")
    add_settings(parser)
    actions = parser.add_subparsers(metavar="token", parser_class=Parser)
    token = add_group(
        actions,
        "token",
        "say who may come in",
        "  vigie console token add mona --role analyst\n  vigie console token list",
    ).add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    add = add_command(
        token,
        "add",
        _of_console("add_token"),
        "make a token for somebody, and print it once",
        "  vigie console token add mona --role analyst",
    )
    add.add_argument("name", metavar="NAME", help="who it is for; stands in the audit log")
    add.add_argument(
        "--role", choices=("viewer", "analyst"), default="viewer", help="analysts answer (default: viewer)"
    )
    remove = add_command(
        token,
        "remove",
        _of_console("remove_token"),
        "take somebody's token away, at once",
        "  vigie console token remove mona",
    )
    remove.add_argument("name", metavar="NAME", help="whose token")
    listing = add_command(
        token, "list", _of_console("list_tokens"), "say who has a token", "  vigie console token list"
    )
    add_json(listing)
    for one in (add, remove, listing):
        add_settings(one)


def _of_console(name: str) -> Callable[[argparse.Namespace], int]:
    return later(name, "commands", "streams.console")
