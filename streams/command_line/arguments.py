"""What the commands have in common: how one is added, and flags that several have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn, TypeAlias

from streams.command_line.numbers import port, positive
from streams.sources.formats import FORMATS

_INPUT_HELP = "a file (plain, .gz or .zst), or - for standard input"


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """End with 2."""
        self.exit(2, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where commands are added."""


def add_command(
    to: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    does: str,
    examples: str,
) -> argparse.ArgumentParser:
    """A command, or an action of one, and what runs it."""
    parser = add_group(to, name, does, examples)
    parser.set_defaults(run=run)
    return parser


def add_group(to: Commands, name: str, does: str, examples: str) -> argparse.ArgumentParser:
    """A command that only has actions."""
    return to.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_input(parser: argparse.ArgumentParser) -> None:
    """The files to read, and how."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=_INPUT_HELP)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        help="how the files are read (default: guessed, and said)",
    )
    parser.add_argument(
        "--mapping", metavar="M.toml", help="which CSV column is which field (docs/mappings.md)"
    )
    parser.add_argument("--rejects", metavar="FILE", help="keep refused records here, with line and reason")


def add_json(parser: argparse.ArgumentParser) -> None:
    """JSON instead of words."""
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")


def add_set(parser: argparse.ArgumentParser) -> None:
    """Single settings."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="S.N=V",
        help="one setting, stronger than file and environment: --set hashtags.window_minutes=10",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Where the settings come from."""
    parser.add_argument("--config", metavar="C.toml", help="settings file (see `vigie config show`)")
    add_set(parser)


def add_case(parser: argparse.ArgumentParser) -> None:
    """The case that is meant."""
    parser.add_argument("case", metavar="CASE", help="its id, or as much of its beginning as no other has")


def later(
    name: str, module: str = "commands", package: str = "streams.kafka"
) -> Callable[[argparse.Namespace], int]:
    """A command that loads the Kafka client only when it is run."""

    def run(chosen: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(import_module(f"{package}.{module}"), name)
        return command(chosen)

    return run


def add_pace(parser: argparse.ArgumentParser) -> None:
    """How fast recorded posts are played."""
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=positive, metavar="X", help="event seconds a second (default: as fast as it can)"
    )
    pace.add_argument("--rate", type=positive, metavar="N", help="posts a second, whatever their times")


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """Where Prometheus may ask."""
    parser.add_argument(
        "--metrics-port", type=port, metavar="N", help="serve Prometheus metrics on 127.0.0.1:N"
    )
    parser.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="H", help="serve them here instead of on 127.0.0.1"
    )
