"""The flags of `vigie notify`."""

from __future__ import annotations

import argparse

from streams.metrics import SEVERITIES

DOES = "tell receivers of the alerts in Kafka: Alertmanager, webhooks, Slack, Mattermost (docs/receivers.md)"
EXAMPLES = """\
  vigie notify --config room.toml
  vigie notify --config room.toml --test desk                  # before the night
  vigie notify --config room.toml --again undelivered.jsonl    # what did not arrive, once more"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the command, beside those of settings and metrics."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--test", metavar="NAME", help="send one test to this receiver and say what it answers; exit 1 if bad"
    )
    what.add_argument("--again", metavar="FILE", help="send the dead letters of this file once more")
    what.add_argument(
        "--from-start",
        action="store_true",
        help="at the very first start: begin with the oldest alert that is kept, not with what comes now",
    )
    parser.add_argument(
        "--severity", choices=SEVERITIES, help="of the test (default: the lowest that the receiver takes)"
    )
