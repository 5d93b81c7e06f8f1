"""Commands that read files and print: convert, simulate, explain, top, config, edges."""

from __future__ import annotations

from detectors.groups.exact_co_sharing import KINDS as EDGE_KINDS
from streams import commands
from streams.command_line.arguments import (
    Commands,
    add_command,
    add_input,
    add_json,
    add_set,
    add_settings,
    later,
)
from streams.command_line.numbers import positive, positive_int, seed, window
from streams.explain import KINDS as EXPLAIN_KINDS
from streams.ranking import KINDS as TOP_KINDS


def add_reading(to: Commands) -> None:
    """`vigie convert`, `simulate`, `explain`, `top` and `config`."""
    convert = add_command(
        to,
        "convert",
        commands.convert,
        "write posts of any format as normalised JSON lines on standard output",
        "  vigie convert tweets.csv --format io-archive > posts.jsonl\n"
        "  vigie convert any.csv --format csv --mapping any.toml | vigie replay -",
    )
    add_input(convert)
    simulate = add_command(
        to,
        "simulate",
        commands.simulate,
        "write seeded, labelled traffic: posts.jsonl and truth.jsonl",
        "  vigie simulate election-night --out night\n  vigie simulate my-scenario.toml --out mine --seed 7",
    )
    simulate.add_argument("scenario", help="a shipped name or a TOML file (docs/simulate.md)")
    simulate.add_argument("--out", required=True, metavar="DIR", help="folder for the two files")
    simulate.add_argument("--seed", type=seed, default=1, help="other numbers give other people and texts")
    simulate.add_argument(
        "--scale", type=positive, default=1.0, metavar="X", help="so many times the posts and people"
    )
    add_json(simulate)
    explain = add_command(
        to,
        "explain",
        later("explain_subject", "explain_commands", "streams"),
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
    explain.add_argument(
        "--store", required=True, metavar="PATH", help="made by `vigie replay --store` or `vigie record`"
    )
    explain.add_argument("--language", choices=("en", "fr"), default="en", help="of what is printed")
    add_settings(explain)
    add_json(explain)
    top = add_command(
        to,
        "top",
        commands.top,
        "rank hashtags, texts, sources, links, targets, or payers of promoted posts, alerted or not",
        "  vigie top hashtags posts.jsonl\n"
        "  vigie top sources tweets.jsonl --format twitter-v1 --limit 5 --json",
    )
    top.add_argument("kind", choices=(*TOP_KINDS, commands.PAYERS))
    add_input(top)
    top.add_argument("--limit", type=positive_int, default=20, metavar="N", help="rows (default 20)")
    add_json(top)
    config = add_command(
        to,
        "config",
        commands.config,
        "show or check the settings in force",
        "  vigie config show\n  vigie config check --config room.toml",
    )
    config.add_argument("action", choices=("show", "check"))
    config.add_argument("--config", metavar="C.toml", help="settings file")
    add_set(config)
    add_json(config)


def add_edges(to: Commands) -> None:
    """`vigie edges`."""
    parser = add_command(
        to,
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
    add_input(parser)
    parser.add_argument("--by", required=True, choices=EDGE_KINDS, help="what two accounts must share")
    parser.add_argument(
        "--window",
        type=window,
        default=60.0,
        metavar="S",
        help="how many seconds apart two posts may be, inclusive (default 60)",
    )
    parser.add_argument(
        "--min-objects",
        type=positive_int,
        default=2,
        metavar="N",
        help="on how many different objects a pair must coincide (default 2)",
    )
    add_json(parser)
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="JSON with the objects of each pair and the first two posts on each",
    )
