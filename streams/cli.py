"""The command line of Vigie."""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys

from detectors import __version__
from streams.command_line.arguments import Parser
from streams.command_line.cases import add_cases
from streams.command_line.console import add_console
from streams.command_line.files import add_edges, add_reading
from streams.command_line.playing import add_backtest, add_replay
from streams.command_line.privacy import add_privacy
from streams.command_line.service import add_service
from streams.embedded import spare_collector
from streams.evaluating import command as evaluating
from streams.outputs.terminal import printable
from streams.sources.opening import InputError


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(
        prog="vigie",
        description="The lookout of an election watch room: which groups of accounts act in concert, with "
        "evidence, and what that does not prove.",
    )
    top.add_argument("--version", action="version", version=f"vigie {__version__}")
    to = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    add_replay(to)
    add_reading(to)
    add_edges(to)
    add_backtest(to)
    evaluating.add_parser(to)
    add_service(to)
    add_cases(to)
    add_privacy(to)
    add_console(to)
    return top


def _close_output() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 for success, 2 for bad use or an input that cannot be read."""
    chosen = parser().parse_args(arguments)
    spare_collector()
    try:
        status = int(chosen.run(chosen))
        sys.stdout.flush()
        return status
    except InputError as problem:
        # It may quote the input, which is not to be trusted with the terminal.
        print(f"vigie: {printable(str(problem))}", file=sys.stderr)
        return 2
    except sqlite3.Error as problem:
        print(f"vigie: the store cannot be used: {problem}.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has left: nothing more to say, and nothing for the interpreter to flush.
        _close_output()
        return 0
    except OSError as problem:
        # Files that are named on the command line have their own sentences; what is left is the output.
        _close_output()
        print(f"vigie: the output cannot be written: {problem.strerror or problem}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("vigie: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
