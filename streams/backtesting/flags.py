"""What `vigie backtest` can be told on the command line."""

from __future__ import annotations

import argparse

DOES = "play recorded posts under two settings, and say what would have changed"
EXAMPLES = """\
  vigie backtest --config new.toml yesterday.jsonl.gz
  vigie backtest --config new.toml --against room.toml yesterday.jsonl.gz --verdicts verdicts.jsonl
  vigie backtest --against room.toml --set near_duplicates.min_accounts=5 yesterday.jsonl.gz
  vigie backtest --config new.toml tweets.csv --format io-archive --json | jq .conclusion
  vigie backtest --config new.toml yesterday.jsonl.gz --out tried
  vigie case show c5f01 --alerts tried/after.jsonl

*Before* are the settings of --against, or the defaults; *after* those of --config and --set. The environment
(VIGIE_…) is part of both. The posts are read once, sorted, and given to two pipelines, so that it takes the
time and the memory of two (docs/backtest.md)."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that no other command has, or that mean something else here."""
    parser.add_argument(
        "--config", metavar="NEW.toml", help="the settings to try (default: those of --against, with --set)"
    )
    parser.add_argument("--against", metavar="OLD.toml", help="the settings in force (default: the defaults)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="S.N=V",
        help="one setting to try, stronger than NEW.toml: --set hashtags.window_minutes=10",
    )
    parser.add_argument(
        "--verdicts",
        metavar="FILE",
        help="what `vigie case` said of the cases: counted, and in force in neither run",
    )
    parser.add_argument(
        "--lists",
        action="append",
        metavar="FILE",
        help="a list of accounts for both (default: lists.files of each); may be given several times",
    )
    parser.add_argument(
        "--watch", metavar="W.toml", help="what this room cares about, for both (default: watch.file of each)"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="write all alerts of both here: before.jsonl and after.jsonl"
    )
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="of what was seen")
