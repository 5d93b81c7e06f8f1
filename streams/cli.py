"""The command line of Vigie."""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn, TypeAlias, get_args

from detectors import __version__
from detectors.case import Status
from detectors.groups.exact_co_sharing import KINDS as EDGE_KINDS
from detectors.groups.exact_co_sharing import MAX_WINDOW_MS
from streams import commands
from streams.backtesting import flags as backtesting
from streams.embedded import spare_collector
from streams.evaluating import command as evaluating
from streams.explain import KINDS as EXPLAIN_KINDS
from streams.metrics import SEVERITIES
from streams.outputs.receivers import flags as notifying
from streams.outputs.terminal import printable
from streams.ranking import KINDS as TOP_KINDS
from streams.sources.formats import FORMATS
from streams.sources.live.settings import NAMES as NETWORKS
from streams.sources.opening import InputError

_INPUT_HELP = "a file (plain, .gz or .zst), or - for standard input"


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, and where to read on."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _add(
    commands_: _Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    does: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = _described(commands_, name, does, examples)
    parser.set_defaults(run=run)
    return parser


def _described(commands_: _Commands, name: str, does: str, examples: str) -> argparse.ArgumentParser:
    return commands_.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_input(parser: argparse.ArgumentParser) -> None:
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


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="S.N=V",
        help="one setting, stronger than file and environment: --set hashtags.window_minutes=10",
    )


def _add_pace(parser: argparse.ArgumentParser) -> None:
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=_positive, metavar="X", help="event seconds a second (default: as fast as it can)"
    )
    pace.add_argument("--rate", type=_positive, metavar="N", help="posts a second, whatever their times")


def _replay(commands_: _Commands) -> None:
    parser = _add(
        commands_,
        "replay",
        commands.replay,
        "play recorded posts through the pipeline and print the alerts",
        "  vigie replay posts.jsonl.gz\n"
        "  vigie replay tweets-2.jsonl tweets-1.jsonl --format twitter-v2 --alerts alerts.jsonl\n"
        "  vigie replay night.jsonl --speed 60 --show notice --language fr\n"
        "  some-stream | vigie replay -",
    )
    _add_input(parser)
    _add_pace(parser)
    _add_judging(parser)
    watch = _add(
        commands_,
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
    _add_json(parser)
    parser.add_argument("--alerts", metavar="OUT.jsonl", help="write every alert here, one JSON a line")
    parser.add_argument("--config", metavar="C.toml", help="settings file (see `vigie config show`)")
    _add_set(parser)
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
    parser.add_argument(
        "--metrics-port", type=_port, metavar="N", help="serve Prometheus metrics on 127.0.0.1:N"
    )
    parser.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="H", help="serve them here instead of on 127.0.0.1"
    )
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


def _others(commands_: _Commands) -> None:
    convert = _add(
        commands_,
        "convert",
        commands.convert,
        "write posts of any format as normalised JSON lines on standard output",
        "  vigie convert tweets.csv --format io-archive > posts.jsonl\n"
        "  vigie convert any.csv --format csv --mapping any.toml | vigie replay -",
    )
    _add_input(convert)
    simulate = _add(
        commands_,
        "simulate",
        commands.simulate,
        "write seeded, labelled traffic: posts.jsonl and truth.jsonl",
        "  vigie simulate election-night --out night\n  vigie simulate my-scenario.toml --out mine --seed 7",
    )
    simulate.add_argument("scenario", help="a shipped name or a TOML file (docs/simulate.md)")
    simulate.add_argument("--out", required=True, metavar="DIR", help="folder for the two files")
    simulate.add_argument("--seed", type=_seed, default=1, help="other numbers give other people and texts")
    simulate.add_argument(
        "--scale", type=_positive, default=1.0, metavar="X", help="so many times the posts and people"
    )
    _add_json(simulate)
    explain = _add(
        commands_,
        "explain",
        _later("explain_subject", "explain_commands", "streams"),
        "say why there is, or is not, an alert: what was counted, and which threshold was missed",
        "  vigie explain hashtag debat --store night.db\n"
        "  vigie explain account 4711 --at 2022-04-10T19:30:00Z --store night.db\n"
        "  vigie explain target @mayor --store night.db\n"
        '  vigie explain text "the whole text of a post" --store night.db --json\n'
        "  vigie explain case c5f01 --store night.db",
    )
    explain.add_argument("kind", choices=EXPLAIN_KINDS)
    explain.add_argument(
        "value",
        help="the hashtag, the link, the whole text, the payer; the id or handle of an account, one that is "
        "named (target) or reposted (source); how the id of a finding or a case begins",
    )
    explain.add_argument("--at", metavar="T", help="moment, RFC 3339 (default: the end of what was stored)")
    explain.add_argument("--store", required=True, metavar="PATH", help="made by `vigie replay --store`")
    _add_settings(explain)
    _add_json(explain)
    top = _add(
        commands_,
        "top",
        commands.top,
        "rank hashtags, texts, sources, links, targets, or payers of promoted posts, alerted or not",
        "  vigie top hashtags posts.jsonl\n"
        "  vigie top sources tweets.jsonl --format twitter-v1 --limit 5 --json",
    )
    top.add_argument("kind", choices=(*TOP_KINDS, commands.PAYERS))
    _add_input(top)
    top.add_argument("--limit", type=_positive_int, default=20, metavar="N", help="rows (default 20)")
    _add_json(top)
    config = _add(
        commands_,
        "config",
        commands.config,
        "show or check the settings in force",
        "  vigie config show\n  vigie config check --config room.toml",
    )
    config.add_argument("action", choices=("show", "check"))
    config.add_argument("--config", metavar="C.toml", help="settings file")
    _add_set(config)
    _add_json(config)


def _edges(commands_: _Commands) -> None:
    parser = _add(
        commands_,
        "edges",
        commands.edges,
        "list every pair of accounts that shared the same objects soon after one another, as CSV",
        "  vigie edges posts.jsonl.gz --by repost > pairs.csv\n"
        "  vigie edges tweets.csv --format io-archive --by link --window 10 --min-objects 3\n"
        "  vigie edges posts.jsonl --by hashtag-sequence --evidence | jq .\n\n"
        "A post counts once for each object it holds. Links and hashtags tie accounts across platforms,\n"
        "all else only within one; ids stand as in the input, without the platform, which --json names.\n"
        "A pair is no proof that two accounts belong together (docs/edges.md).",
    )
    _add_input(parser)
    parser.add_argument("--by", required=True, choices=EDGE_KINDS, help="what two accounts must share")
    parser.add_argument(
        "--window",
        type=_window,
        default=60.0,
        metavar="S",
        help="how many seconds apart two posts may be, inclusive (default 60)",
    )
    parser.add_argument(
        "--min-objects",
        type=_positive_int,
        default=2,
        metavar="N",
        help="on how many different objects a pair must coincide (default 2)",
    )
    _add_json(parser)
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="JSON with the objects of each pair and the first two posts on each",
    )


def _backtest(commands_: _Commands) -> None:
    run = _later("backtest", "commands", "streams.backtesting")
    parser = _add(commands_, "backtest", run, backtesting.DOES, backtesting.EXAMPLES)
    _add_input(parser)
    backtesting.add_flags(parser)
    _add_json(parser)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="C.toml", help="settings file (see `vigie config show`)")
    _add_set(parser)


def _kafka(commands_: _Commands) -> None:
    produce = _add(
        commands_,
        "produce",
        _later("produce_posts"),
        "send posts to Kafka, from files or a live stream; a restart goes on where it was",
        "  vigie produce posts.jsonl.gz\n"
        "  vigie produce night.jsonl --speed 60 --set kafka.bootstrap=broker-1:9092,broker-2:9092\n"
        "  some-stream | vigie produce - --name some-stream --metrics-port 9465\n"
        "  vigie produce bluesky                                    # or mastodon, x, http: docs/networks.md",
    )
    _add_input(produce)
    produce.add_argument(
        "--place",
        metavar="FILE",
        help="where it is kept how far a network was read (default: ~/.local/state/vigie/NAME.json)",
    )
    _add_json(produce)
    _add_settings(produce)
    _add_pace(produce)
    produce.add_argument(
        "--name",
        metavar="N",
        help="of the source, the same after a restart (default: from the files' names and sizes)",
    )
    produce.add_argument(
        "--order",
        choices=("time", "arrival"),
        help="sort files by time, or take their lines as they stand (default: time; arrival for -)",
    )
    produce.add_argument("--again", action="store_true", help="send a source that was sent to its end before")
    produce.add_argument(
        "--canary-minutes",
        type=_not_negative,
        default=5.0,
        metavar="M",
        help="send a synthetic campaign so often, to test the whole way (default 5; 0: never)",
    )
    produce.add_argument(
        "--metrics-port", type=_port, metavar="N", help="serve Prometheus metrics on 127.0.0.1:N"
    )
    produce.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="H", help="serve them here instead of on 127.0.0.1"
    )
    topics = _add(
        commands_,
        "topics",
        _later("manage_topics"),
        "make the Kafka topics that are missing and check those that are there, or list them",
        "  vigie topics create\n  vigie topics create --set kafka.partitions=8 --set kafka.replication=3\n"
        "  vigie topics list --json",
    )
    topics.add_argument("action", choices=("create", "list"))
    _add_settings(topics)
    _add_json(topics)
    _alerts(commands_)
    _notify(commands_)
    _cases(commands_)
    _service(commands_)
    _lists(commands_)


def _lists(commands_: _Commands) -> None:
    lists = _described(
        commands_,
        "lists",
        "check lists of accounts, compare two versions, put them in force in all workers",
        "  vigie lists check room.csv\n  vigie lists publish room.csv",
    )
    actions = lists.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)
    check = _add(
        actions,
        "check",
        _later("check_lists", "list_commands"),
        "say what is wrong with lists, or what they hold",
        "  vigie lists check room.csv attributed.yaml",
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="CSV or YAML, see docs/lists.md")
    _add_json(check)
    diff = _add(
        actions,
        "diff",
        _later("compare_lists", "list_commands"),
        "say what is added, removed and changed between two versions of a list",
        "  vigie lists diff room-monday.csv room.csv",
    )
    diff.add_argument("before", metavar="BEFORE")
    diff.add_argument("after", metavar="AFTER")
    _add_json(diff)
    publish = _add(
        actions,
        "publish",
        _later("publish_lists", "list_commands"),
        "put lists in force in all workers, in place of those before, without a restart",
        "  vigie lists publish room.csv attributed.yaml\n"
        "  vigie lists publish room.csv --at 2022-04-10T18:00:00Z\n"
        "  vigie lists publish                                    # none at all",
    )
    publish.add_argument("files", nargs="*", metavar="FILE", help="all lists that are to be in force")
    publish.add_argument("--at", metavar="TIME", help="event time from which on (default: the next tick)")
    _add_settings(publish)


def _service(commands_: _Commands) -> None:
    worker = _add(
        commands_,
        "worker",
        _later("run_worker", "service"),
        "work on the posts in Kafka until stopped; several workers share the partitions",
        "  vigie worker\n  vigie worker --config room.toml --set worker.port=6071\n"
        "  curl 127.0.0.1:6070/readyz",
    )
    _add_settings(worker)
    worker.add_argument(
        "--forget-state",
        action="store_true",
        help="delete the checkpoints first: long memory of accounts and open cases included",
    )
    doctor = _add(
        commands_,
        "doctor",
        _later("examine", "service"),
        "say whether broker, topics, Redis, workers and the way from end to end are well; exit 1 if not",
        "  vigie doctor\n  vigie doctor --json --config room.toml",
    )
    _add_settings(doctor)
    _add_json(doctor)


def _notify(commands_: _Commands) -> None:
    run = _later("notify", "notify", "streams")
    parser = _add(commands_, "notify", run, notifying.DOES, notifying.EXAMPLES)
    notifying.add_flags(parser)
    _add_settings(parser)
    parser.add_argument(
        "--metrics-port", type=_port, metavar="N", help="serve Prometheus metrics on 127.0.0.1:N"
    )
    parser.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="H", help="serve them here instead of on 127.0.0.1"
    )


def _alerts(commands_: _Commands) -> None:
    alerts = _add(
        commands_,
        "alerts",
        _later("read_alerts"),
        "print the alerts of the Kafka topic as they come (docs/subscribe.md)",
        "  vigie alerts tail\n  vigie alerts tail --from-start --show notice --language fr\n"
        "  vigie alerts tail --since 2022-04-10T19:00:00Z --json | jq .data.summary.en\n"
        "  vigie alerts tail --snapshot --json",
    )
    alerts.add_argument("action", choices=("tail",))
    where = alerts.add_mutually_exclusive_group()
    where.add_argument("--from-start", action="store_true", help="begin with the oldest alert that is kept")
    where.add_argument("--since", metavar="T", help="begin with what was published at T, RFC 3339")
    where.add_argument("--snapshot", action="store_true", help="the newest revision of every case, then end")
    alerts.add_argument(
        "--show", choices=SEVERITIES, default="warning", help="lowest severity to print (default: warning)"
    )
    alerts.add_argument("--language", choices=("en", "fr"), default="en", help="of the printed alerts")
    _add_settings(alerts)
    alerts.add_argument(
        "--json", action="store_true", help="print every alert, whatever its severity, as one line of JSON"
    )


def _cases(commands_: _Commands) -> None:
    cases = _described(
        commands_,
        "case",
        "read the cases and answer them (docs/cases.md)",
        "  vigie case list --alerts alerts.jsonl\n"
        "  vigie case show c5f01 --alerts alerts.jsonl\n"
        '  vigie case dismiss c5f01 --reason "a fan club" --for 12h',
    )
    actions = cases.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)
    _reading_cases(actions)
    _judging_cases(actions)


def _reading_cases(actions: _Commands) -> None:
    listing = _case(
        actions,
        "list",
        _later("list_cases", "case_commands", "streams"),
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
    _add_json(listing)
    show = _case(
        actions,
        "show",
        _later("show_case", "case_commands", "streams"),
        "print one case in full, with its verdict and its fate",
        "  vigie case show c5f01 --alerts alerts.jsonl\n  vigie case show c5f01 --language fr",
    )
    _add_case(show)
    _add_language(show)
    _add_json(show)
    export = _case(
        actions,
        "export",
        _later("export_case", "case_commands", "streams"),
        "write the evidence of one case: its posts as CSV, or its newest alert as JSON",
        "  vigie case export c5f01 --out posts.csv\n  vigie case export c5f01 --format json --out case.json",
    )
    _add_case(export)
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
        _later("show_precision", "case_commands", "streams"),
        "say of each detector how many of its cases were confirmed, and how many dismissed or retracted",
        "  vigie case precision --alerts alerts.jsonl\n  vigie case precision --json",
    )
    _add_json(precision)


def _judging_cases(actions: _Commands) -> None:
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
        parser = _case(actions, action, _later("judge_case", "verdict_commands", "streams"), does, examples)
        parser.set_defaults(action=action)
        _add_case(parser)
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
    actions: _Commands, name: str, run: Callable[[argparse.Namespace], int], does: str, examples: str
) -> argparse.ArgumentParser:
    parser = _add(actions, name, run, does, examples)
    parser.add_argument(
        "--alerts",
        metavar="FILE",
        help="read them from what `vigie replay --alerts` wrote, not from Kafka",
    )
    _add_settings(parser)
    return parser


def _add_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="its id, or as much of its beginning as no other has")


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="of what was seen")


def _privacy(commands_: _Commands) -> None:
    privacy = _described(
        commands_,
        "privacy",
        "put accounts under pseudonyms, open one case, erase one person (docs/privacy.md)",
        "  vigie privacy key /secure/room.key\n"
        '  vigie privacy open c5f01 --alerts alerts.jsonl --key-file /secure/room.key --reason "ticket 12"\n'
        "  vigie privacy erase --platform x --account 4711 --store night.db --alerts alerts.jsonl",
    )
    actions = privacy.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)
    key = _add(
        actions,
        "key",
        _private("make"),
        "make a key, in a file that only you may read",
        "  vigie privacy key /secure/room.key",
    )
    key.add_argument("file", metavar="FILE", help="a new file, apart from the data")
    name = _add(
        actions,
        "name",
        _private("name"),
        "print the pseudonym of an account, to look for it in what the room keeps",
        "  vigie privacy name 4711 @ana --key-file /secure/room.key",
    )
    name.add_argument("names", nargs="+", metavar="NAME", help="an id, or a handle with its @")
    _add_key(name)
    opening = _add(
        actions,
        "open",
        _private("open_case"),
        "print the accounts behind the pseudonyms of one case, and write down who asked",
        "  vigie privacy open c5f01 --alerts alerts.jsonl --key-file /secure/room.key "
        '--reason "asked by the electoral commission"',
    )
    _add_case(opening)
    opening.add_argument(
        "--alerts", metavar="FILE", help="what `vigie replay --alerts` wrote (default: Kafka)"
    )
    opening.add_argument("--reason", required=True, metavar="R", help="why, for the audit")
    opening.add_argument("--by", metavar="WHO", help="who asks (default: the login name)")
    opening.add_argument(
        "--audit", metavar="FILE", help="where that is written down (default: KEY.audit.jsonl)"
    )
    _add_key(opening)
    _add_json(opening)
    _erasing(actions)
    sweep = _add(
        actions,
        "sweep",
        _private("sweep"),
        "delete from stores what was kept for as long as [retention] says",
        "  vigie privacy sweep night.db --set retention.posts_days=7",
    )
    sweep.add_argument("stores", nargs="+", metavar="STORE", help="made by `vigie replay --store`")
    _add_settings(sweep)
    _add_json(sweep)


def _erasing(actions: _Commands) -> None:
    erase = _add(
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
        ("--store", "FILE", "a store of `vigie replay --store`"),
        ("--alerts", "FILE", "a file of `vigie replay --alerts`, which nobody writes to at present"),
        ("--lists", "FILE", "a list of accounts: said where the person stands in it"),
        ("--verdicts", "FILE", "a file of verdicts: said where the person stands in it"),
    ):
        erase.add_argument(flag, action="append", default=[], metavar=metavar, help=f"{does}; several times")
    erase.add_argument("--redis", action="store_true", help="the memory of accounts, with workers stopped")
    erase.add_argument("--kafka", action="store_true", help="the newest revision of each case in the topic")
    _add_key(erase)
    _add_json(erase)


def _console(commands_: _Commands) -> None:
    parser = _add(
        commands_,
        "console",
        _of_console("serve"),
        "serve the watch room's page, over Kafka or over a file of alerts (docs/console.md)",
        "  vigie console\n"
        "  vigie console --alerts alerts.jsonl --store night.db --verdicts verdicts.jsonl\n"
        "  vigie console token add mona --role analyst\n"
        "  vigie console --listen 0.0.0.0:8765",
    )
    parser.add_argument("--listen", metavar="[HOST:]PORT", help="where (default: 127.0.0.1:8765)")
    parser.add_argument(
        "--alerts", metavar="FILE", help="follow what `vigie replay --alerts` writes, not Kafka"
    )
    parser.add_argument("--store", metavar="PATH", help="what `vigie replay --store` keeps, with --alerts")
    parser.add_argument("--verdicts", metavar="FILE", help="add verdicts here, with --alerts")
    _add_settings(parser)
    actions = parser.add_subparsers(metavar="token", parser_class=_Parser)
    token = _described(
        actions,
        "token",
        "say who may come in",
        "  vigie console token add mona --role analyst\n  vigie console token list",
    ).add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)
    add = _add(
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
    remove = _add(
        token,
        "remove",
        _of_console("remove_token"),
        "take somebody's token away, at once",
        "  vigie console token remove mona",
    )
    remove.add_argument("name", metavar="NAME", help="whose token")
    listing = _add(
        token, "list", _of_console("list_tokens"), "say who has a token", "  vigie console token list"
    )
    _add_json(listing)
    for one in (add, remove, listing):
        _add_settings(one)


def _of_console(name: str) -> Callable[[argparse.Namespace], int]:
    return _later(name, "commands", "streams.console")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", metavar="KEY", help="the key (default: privacy.key_file)")
    _add_settings(parser)


def _private(name: str) -> Callable[[argparse.Namespace], int]:
    return _later(name, "privacy_commands", "streams")


def _later(
    name: str, module: str = "commands", package: str = "streams.kafka"
) -> Callable[[argparse.Namespace], int]:
    """A command that loads the Kafka client only when it is run."""

    def run(chosen: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(import_module(f"{package}.{module}"), name)
        return command(chosen)

    return run


def _not_negative(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number, 0 or more")


def _window(text: str) -> float:
    most = MAX_WINDOW_MS // 1000
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) <= most:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 to {most} (a year)")


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _whole(text: str, least: int, most: int, wanted: str) -> int:
    with contextlib.suppress(ValueError):
        if least <= (value := int(text)) <= most:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")


def _positive_int(text: str) -> int:
    return _whole(text, 1, sys.maxsize, "a whole number, 1 or more")


def _seed(text: str) -> int:
    return _whole(text, 0, sys.maxsize, "a whole number, 0 or more")


def _port(text: str) -> int:
    return _whole(text, 1, 65535, "a port, 1 to 65535")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(
        prog="vigie",
        description="The lookout of an election watch room: which groups of accounts act in concert, with "
        "evidence, and what that does not prove.",
    )
    top.add_argument("--version", action="version", version=f"vigie {__version__}")
    commands_ = top.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _replay(commands_)
    _others(commands_)
    _edges(commands_)
    _backtest(commands_)
    evaluating.add_parser(commands_)
    _kafka(commands_)
    _privacy(commands_)
    _console(commands_)
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
