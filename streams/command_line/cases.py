"""`vigie case`: read the cases and answer them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import get_args

from detectors.case import Status
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
from streams.metrics import SEVERITIES


def add_cases(to: Commands) -> None:
    """`vigie case` with its actions."""
    cases = add_group(
        to,
        "case",
        "read the cases and answer them (docs/cases.md)",
        "  vigie case list --alerts alerts.jsonl\n"
        "  vigie case show c5f01 --alerts alerts.jsonl\n"
        '  vigie case dismiss c5f01 --reason "a fan club" --for 12h',
    )
    actions = cases.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _reading_cases(actions)
    _judging_cases(actions)


def _reading_cases(actions: Commands) -> None:
    listing = _case(
        actions,
        "list",
        later("list_cases", "case_commands", "streams"),
        "list the cases as they stand, the most severe first",
        "  vigie case list --alerts alerts.jsonl\n"
        "  vigie case list --severity critical --severity warning --status open --status updated\n"
        "  vigie case list --json",
    )
    listing.add_argument(
        "--status",
        action="append",
        choices=get_args(Status),
        help="only these; may be given several times (default: all but merged)",
    )
    listing.add_argument(
        "--severity", action="append", choices=SEVERITIES, help="only these; may be given several times"
    )
    _add_language(listing)
    add_json(listing)
    show = _case(
        actions,
        "show",
        later("show_case", "case_commands", "streams"),
        "print one case in full, with its verdict and its fate",
        "  vigie case show c5f01 --alerts alerts.jsonl\n  vigie case show c5f01 --language fr",
    )
    add_case(show)
    _add_language(show)
    add_json(show)
    export = _case(
        actions,
        "export",
        later("export_case", "case_commands", "streams"),
        "write the evidence of one case: its posts as CSV, or its newest alert as JSON",
        "  vigie case export c5f01 --out posts.csv\n  vigie case export c5f01 --format json --out case.json",
    )
    add_case(export)
    export.add_argument(
        "--format",
        choices=("csv", "json"),
        default="csv",
        help="csv: posts in columns of the information-operations archive; json: the whole alert",
    )
    export.add_argument("--out", metavar="FILE", help="default: standard output")
    precision = _case(
        actions,
        "precision",
        later("show_precision", "case_commands", "streams"),
        "say of each detector how many of its cases were confirmed, and how many dismissed or retracted",
        "  vigie case precision --alerts alerts.jsonl\n  vigie case precision --json",
    )
    add_json(precision)


def _judging_cases(actions: Commands) -> None:
    verdicts = {
        "dismiss": "hear no more of a case, for a while or for good: it is nothing, or nothing for this room",
        "confirm": "say that a case is what its alert says",
        "retract": "take a case back that should not have been told",
        "note": "add a remark that decides nothing, and takes back what was decided before",
    }
    for action, does in verdicts.items():
        files = "--alerts alerts.jsonl --verdicts verdicts.jsonl"
        examples = f'  vigie case {action} c5f01 --reason "a fan club" {files}\n'
        if action == "dismiss":
            examples += f'  vigie case {action} c5f01 --reason "until the match is over" --for 12h'
        else:
            examples += f'  vigie case {action} c5f01 --reason "as their club says" --by mona'
        parser = _case(actions, action, later("judge_case", "verdict_commands", "streams"), does, examples)
        parser.set_defaults(action=action)
        add_case(parser)
        parser.add_argument("--reason", required=True, metavar="R", help="why, in a sentence")
        if action == "dismiss":
            end = parser.add_mutually_exclusive_group()
            end.add_argument("--for", dest="length", metavar="7d|12h|30m", help="how long, in event time")
            end.add_argument("--until", metavar="TIME", help="up to when (default: for good)")
        parser.add_argument(
            "--at",
            metavar="TIME",
            help="event time from which on (default: right after the newest alert of the case)",
        )
        parser.add_argument("--by", metavar="WHO", help="who says so (default: the login name)")
        parser.add_argument(
            "--verdicts",
            metavar="FILE",
            help="add the verdict here, for `vigie replay --verdicts`; needs --alerts (default: to Kafka)",
        )


def _case(
    actions: Commands, name: str, run: Callable[[argparse.Namespace], int], does: str, examples: str
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, run, does, examples)
    parser.add_argument(
        "--alerts",
        metavar="FILE",
        help="read them from what `vigie replay --alerts` wrote, not from Kafka",
    )
    add_settings(parser)
    return parser


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="of what was seen")
