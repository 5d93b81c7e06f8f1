"""Commands that judge posts in one process: replay, watch, backtest."""

from __future__ import annotations

import argparse

from streams import commands
from streams.backtesting import flags as backtesting
from streams.command_line.arguments import (
    Commands,
    add_command,
    add_input,
    add_json,
    add_metrics,
    add_pace,
    add_set,
    later,
)
from streams.metrics import SEVERITIES
from streams.sources.live.settings import NAMES as NETWORKS


def add_replay(to: Commands) -> None:
    """`vigie replay` and `vigie watch`."""
    parser = add_command(
        to,
        "replay",
        commands.replay,
        "play recorded posts through the pipeline and print the alerts",
        "  vigie replay posts.jsonl.gz\n"
        "  vigie replay tweets-2.jsonl tweets-1.jsonl --format twitter-v2 --alerts alerts.jsonl\n"
        "  vigie replay night.jsonl --speed 60 --show notice --language fr\n"
        "  some-stream | vigie replay -",
    )
    add_input(parser)
    add_pace(parser)
    _add_judging(parser)
    watch = add_command(
        to,
        "watch",
        commands.watch,
        "read a live network, judge it and print the alerts, until Ctrl-C (docs/networks.md)",
        "  vigie watch bluesky\n"
        "  vigie watch mastodon --set mastodon.instances=https://mastodon.social --show notice\n"
        "  VIGIE_X__TOKEN=… vigie watch x --set x.rules=rules.txt --alerts alerts.jsonl",
    )
    watch.set_defaults(files=(), speed=None, rate=None)
    watch.add_argument("source", choices=NETWORKS, help="the network; http takes posts that others push")
    watch.add_argument(
        "--place", metavar="FILE", help="where it is kept how far the network was read, to go on from there"
    )
    watch.add_argument("--rejects", metavar="FILE", help="keep refused records here, with the reason")
    _add_judging(watch)


def _add_judging(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.add_argument("--alerts", metavar="OUT.jsonl", help="write every alert here, one JSON a line")
    parser.add_argument("--config", metavar="C.toml", help="settings file (see `vigie config show`)")
    add_set(parser)
    parser.add_argument("--store", metavar="PATH", help="keep what was judged here, for `vigie explain`")
    parser.add_argument(
        "--lists",
        action="append",
        metavar="FILE",
        help="a list of accounts, CSV or YAML (docs/lists.md); may be given several times",
    )
    parser.add_argument(
        "--watch",
        metavar="W.toml",
        help="what this room cares about: it ranks the cases and hides none (docs/watch.md)",
    )
    parser.add_argument(
        "--verdicts",
        metavar="FILE",
        help="what `vigie case` said of the cases, in force by event time (docs/cases.md)",
    )
    add_metrics(parser)
    parser.add_argument(
        "--console",
        nargs="?",
        const="",
        metavar="[HOST:]PORT",
        help="serve the watch room's page (default: at 127.0.0.1:8765; docs/console.md)",
    )
    parser.add_argument(
        "--show", choices=SEVERITIES, default="warning", help="lowest severity to print (default: warning)"
    )
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="of the printed alerts")


def add_backtest(to: Commands) -> None:
    """`vigie backtest`."""
    run = later("backtest", "commands", "streams.backtesting")
    parser = add_command(to, "backtest", run, backtesting.DOES, backtesting.EXAMPLES)
    add_input(parser)
    backtesting.add_flags(parser)
    add_json(parser)
