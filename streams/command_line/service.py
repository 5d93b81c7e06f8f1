"""Commands of the service over Kafka: produce, topics, worker, doctor, record, alerts, notify, lists."""

from __future__ import annotations

from streams.command_line.arguments import (
    Commands,
    Parser,
    add_command,
    add_group,
    add_input,
    add_json,
    add_metrics,
    add_pace,
    add_settings,
    later,
)
from streams.command_line.numbers import not_negative
from streams.metrics import SEVERITIES
from streams.outputs.receivers import flags as notifying


def add_service(to: Commands) -> None:
    """`vigie produce`, `topics`, `alerts`, `notify`, `worker`, `doctor`, `record` and `lists`."""
    produce = add_command(
        to,
        "produce",
        later("produce_posts"),
        "send posts to Kafka, from files or a live stream; a restart goes on where it was",
        "  vigie produce posts.jsonl.gz\n"
        "  vigie produce night.jsonl --speed 60 --set kafka.bootstrap=broker-1:9092,broker-2:9092\n"
        "  some-stream | vigie produce - --name some-stream --metrics-port 9465\n"
        "  vigie produce bluesky                                    # or mastodon, x, http: docs/networks.md",
    )
    add_input(produce)
    produce.add_argument(
        "--place",
        metavar="FILE",
        help="where it is kept how far a network was read (default: ~/.local/state/vigie/NAME.json)",
    )
    add_json(produce)
    add_settings(produce)
    add_pace(produce)
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
        type=not_negative,
        default=5.0,
        metavar="M",
        help="send a synthetic campaign so often, to test the whole way (default 5; 0: never)",
    )
    add_metrics(produce)
    topics = add_command(
        to,
        "topics",
        later("manage_topics"),
        "make the Kafka topics that are missing and check those that are there, or list them",
        "  vigie topics create\n  vigie topics create --set kafka.partitions=8 --set kafka.replication=3\n"
        "  vigie topics list --json",
    )
    topics.add_argument("action", choices=("create", "list"))
    add_settings(topics)
    add_json(topics)
    _add_alerts(to)
    _add_notify(to)
    _add_workers(to)
    _add_record(to)
    _add_lists(to)


def _add_workers(to: Commands) -> None:
    worker = add_command(
        to,
        "worker",
        later("run_worker", "service"),
        "work on the posts in Kafka until stopped; several workers share the partitions",
        "  vigie worker\n  vigie worker --config room.toml --set worker.port=6071\n"
        "  curl 127.0.0.1:6070/readyz",
    )
    add_settings(worker)
    worker.add_argument(
        "--forget-state",
        action="store_true",
        help="delete the checkpoints first: long memory of accounts and open cases included",
    )
    doctor = add_command(
        to,
        "doctor",
        later("examine", "service"),
        "say whether broker, topics, Redis, workers and the way from end to end are well; exit 1 if not",
        "  vigie doctor\n  vigie doctor --json --config room.toml",
    )
    add_settings(doctor)
    add_json(doctor)


def _add_record(to: Commands) -> None:
    parser = add_command(
        to,
        "record",
        later("record", "record_commands"),
        "keep in a store what the workers count and judge, for `vigie explain` and the console",
        "  vigie record --store night.db\n"
        "  vigie explain hashtag debate --store night.db      # at any time, while it is written\n"
        "  vigie console --store night.db",
    )
    parser.add_argument(
        "--store",
        required=True,
        metavar="PATH",
        help="the file; a new one begins with the oldest that Kafka holds, and one of before goes on",
    )
    add_settings(parser)
    add_metrics(parser)


def _add_notify(to: Commands) -> None:
    run = later("notify", "notify", "streams")
    parser = add_command(to, "notify", run, notifying.DOES, notifying.EXAMPLES)
    notifying.add_flags(parser)
    add_settings(parser)
    add_metrics(parser)


def _add_alerts(to: Commands) -> None:
    alerts = add_command(
        to,
        "alerts",
        later("read_alerts"),
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
    add_settings(alerts)
    alerts.add_argument(
        "--json", action="store_true", help="print every alert, whatever its severity, as one line of JSON"
    )


def _add_lists(to: Commands) -> None:
    lists = add_group(
        to,
        "lists",
        "check lists of accounts, compare two versions, put them in force in all workers",
        "  vigie lists check room.csv\n  vigie lists publish room.csv",
    )
    actions = lists.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    check = add_command(
        actions,
        "check",
        later("check_lists", "list_commands"),
        "say what is wrong with lists, or what they hold",
        "  vigie lists check room.csv attributed.yaml",
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="CSV or YAML, see docs/lists.md")
    add_json(check)
    diff = add_command(
        actions,
        "diff",
        later("compare_lists", "list_commands"),
        "say what is added, removed and changed between two versions of a list",
        "  vigie lists diff room-monday.csv room.csv",
    )
    diff.add_argument("before", metavar="BEFORE")
    diff.add_argument("after", metavar="AFTER")
    add_json(diff)
    publish = add_command(
        actions,
        "publish",
        later("publish_lists", "list_commands"),
        "put lists in force in all workers, in place of those before, without a restart",
        "  vigie lists publish room.csv attributed.yaml\n"
        "  vigie lists publish room.csv --at 2022-04-10T18:00:00Z\n"
        "  vigie lists publish                                    # none at all",
    )
    publish.add_argument("files", nargs="*", metavar="FILE", help="all lists that are to be in force")
    publish.add_argument("--at", metavar="TIME", help="event time from which on (default: the next tick)")
    add_settings(publish)
