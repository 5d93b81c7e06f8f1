"""False alarms: what the pipeline says, at its default settings, of streams in which nobody attacks.

    python benchmarks/false_alarms.py [--data ../shared/data] [--days 7] [--seeds 1-4] [--rate 0.5] [--json]

*Simulated ordinary weeks*: ordinary people and every innocent look-alike of the scenario `ordinary-day`, on
each day once, without any operation; on each day in another town, since no headline is new for a week. One
pipeline plays the whole week, so that what it remembers of one day is there on the next. `--rate` is posts
a second of ordinary people: 0.5 give 58,000 posts a day with the look-alikes. `--days 0` leaves them out.

*Organic slices*: recordings of real people in the folder of shared data, as they are. They hold no labels,
and are samples of their streams, so that the days of one are not those of another: only simulated weeks are
summed.

Printed is of each stream what reached a warning, with its reasons; at the end the alerts by severity (each
revision of a case is one), and the cases by the highest severity that they reached. Wanted are at most one
alert of `warning` or above a day, and none that is `critical`; with `--check` the exit code is 1 where that
is missed in any row, where a part of a day counts as a day. "At most" is the upper end of the interval of a
rate at 95 % (Garwood 1936: exact, Poisson).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from detectors.events import Item, decode_line  # noqa: E402
from streams.embedded import Pipeline, spare_collector  # noqa: E402
from streams.simulate import Scenario, load_scenario, simulate  # noqa: E402
from streams.sources.formats import open_source  # noqa: E402
from streams.sources.languages import with_languages  # noqa: E402
from streams.sources.ordering import in_order  # noqa: E402

MAPPINGS = ROOT / "tests" / "mappings"
ORGANIC = {
    "gop-debate": "gop-debate/gop_debate.csv.gz",
    "airlines": "airlines/airline_posts.csv.gz",
    "politicians": "politicians/italy_2022_parties.csv.gz",
}
"""Slices without any known operation, by the name of their mapping."""
SEVERITIES = ("critical", "warning", "notice")
DAY_MIN, DAY_MS = 1440, 86_400_000
TOWNS = ("Port-Breuil", "Villemarne", "Saint-Orval", "Rochebrune", "Montclar", "Brézac", "Larivière")
NAMED = ("Port-Breuil", "Pontarel", "Castelmont", "Villebrume")
"""The towns in the texts of the scenario, each of which is another one on another day."""


@dataclass
class Watched:
    """What was said of one stream."""

    name: str
    kind: str
    posts: int = 0
    first_ms: int = 0
    last_ms: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    """Published alerts by severity."""
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The alert with which each case reached its highest severity."""

    @property
    def days(self) -> float:
        return max(self.last_ms - self.first_ms, 1000) / DAY_MS  # never nothing: it is divided by

    def reached(self) -> Counter[str]:
        """Cases by the highest severity that they reached."""
        return Counter(alert["data"]["severity"] for alert in self.cases.values())

    def alarms(self) -> list[dict[str, Any]]:
        """The cases at warning or above, each with what brought it there."""
        return [_alarm(alert) for alert in self.cases.values() if alert["data"]["severity"] != "notice"]


def _alarm(alert: dict[str, Any]) -> dict[str, Any]:
    data = alert["data"]
    return {
        "case_id": data["case_id"],
        "severity": data["severity"],
        "score": data["score"],
        "time": alert["time"],
        "subject": alert["subject"],
        "detectors": data["detectors"],
        "accounts": data["group"]["accounts_total"],
        "reasons": [
            {"code": reason["code"], "points": reason["points"], "said": reason["en"]}
            for reason in data["reasons"]
        ],
        "summary": data["summary"]["en"],
    }


def watched(name: str, kind: str, batches: Iterable[list[Item]]) -> Watched:
    """Play a stream through the pipeline at its default settings."""
    stream, pipeline = Watched(name, kind), Pipeline()
    for batch in batches:
        stream.first_ms = stream.first_ms or batch[0].time_ms
        stream.last_ms = batch[-1].time_ms
        stream.posts += len(batch)
        _note(stream, pipeline.feed(batch))
    _note(stream, pipeline.finish())
    return stream


def _note(stream: Watched, alerts: Iterable[dict[str, Any]]) -> None:
    for alert in alerts:
        data = alert["data"]
        stream.alerts[data["severity"]] += 1
        before = stream.cases.get(data["case_id"])
        if before is None or _rank(data) < _rank(before["data"]):
            stream.cases[data["case_id"]] = alert


def _rank(data: dict[str, Any]) -> int:
    return SEVERITIES.index(data["severity"])


def week(days: int, rate: float) -> Scenario:
    """`ordinary-day` so many times, with other towns on each day."""
    day = load_scenario("ordinary-day")
    lookalikes = [
        msgspec.convert(_on(number, msgspec.to_builtins(part)), type(part))
        for number in range(days)
        for part in day.lookalike
    ]
    return msgspec.structs.replace(
        day,
        title=f"{days} ordinary days",
        duration_minutes=days * DAY_MIN,
        ordinary=msgspec.structs.replace(day.ordinary, posts_per_second=rate),
        lookalike=lookalikes,
    )


def _on(number: int, part: dict[str, Any]) -> dict[str, Any]:
    """A look-alike on the day of that number: with another name, and elsewhere."""
    shifted = {name: _elsewhere(number, value) for name, value in part.items()}
    shifted |= {"name": f"{part['name']}-{number}", "at_minute": part["at_minute"] + number * DAY_MIN}
    if "link" in part:
        shifted["link"] = f"{part['link']}-{number}"
    return shifted


def _elsewhere(number: int, value: Any) -> Any:
    if isinstance(value, list):
        return [_elsewhere(number, one) for one in value]
    if isinstance(value, str) and number:
        for place, name in enumerate(NAMED):
            value = value.replace(name, TOWNS[(number + place) % len(TOWNS)])
    return value


def simulated(days: int, rate: float, seed: int) -> Iterator[list[Item]]:
    """A week in batches of a thousand posts."""
    posts = (decode_line(post.line) for post in simulate(week(days, rate), seed))
    while batch := list(islice(posts, 1000)):
        yield batch


def organic(folder: Path, name: str) -> Iterator[list[Item]]:
    """A slice in order of time."""
    source = open_source(folder / ORGANIC[name], "csv", MAPPINGS / f"{name}.toml")
    return in_order(with_languages(batch.posts for batch in source))


def at_most(count: int) -> float:
    """Upper end of the two-sided 95 % interval of the mean of a Poisson count.

    >>> [round(at_most(count), 2) for count in (0, 1, 10)]
    [3.69, 5.57, 18.39]
    """
    low, high = float(count), 2.0 * count + 10
    for _ in range(60):
        mean = (low + high) / 2
        below = sum(mean**n * math.exp(-mean) / math.factorial(n) for n in range(count + 1))
        low, high = (mean, high) if below > 0.025 else (low, mean)
    return low


def rows(streams: Iterable[Watched]) -> list[dict[str, Any]]:
    """One row for each stream, and one for the simulated ones together."""
    everything = list(streams)
    table = [_row(stream.name, [stream]) for stream in everything]
    weeks = [stream for stream in everything if stream.kind == "simulated"]
    return [*table, _row("all simulated", weeks)] if len(weeks) > 1 else table


def _row(name: str, streams: list[Watched]) -> dict[str, Any]:
    days = sum(stream.days for stream in streams)
    alerts: Counter[str] = sum((stream.alerts for stream in streams), Counter())
    cases: Counter[str] = sum((stream.reached() for stream in streams), Counter())
    loud = alerts["critical"] + alerts["warning"]
    return {
        "stream": name,
        "days": round(days, 2),
        "posts": sum(stream.posts for stream in streams),
        "alerts": {severity: alerts[severity] for severity in SEVERITIES},
        "alerts_a_day": {severity: round(alerts[severity] / days, 2) for severity in SEVERITIES},
        "cases": {severity: cases[severity] for severity in SEVERITIES},
        "loud_a_day": round(loud / days, 3),
        "loud_a_day_at_most": round(at_most(loud) / days, 3),
    }


def met(table: Iterable[dict[str, Any]]) -> bool:
    """Whether no row has more than one alert of warning or above a day, nor a critical one."""
    return all(
        row["alerts"]["warning"] <= math.ceil(row["days"]) and not row["alerts"]["critical"] for row in table
    )


def show_alarms(stream: Watched) -> None:
    """What reached a warning in a stream, and why."""
    for alarm in stream.alarms():
        print(
            f"{stream.name}: {alarm['severity']}, score {alarm['score']}, {alarm['time']}, "
            f"{', '.join(alarm['detectors'])}, {alarm['accounts']:,} accounts, {alarm['subject']}"
        )
        print(f"  {alarm['summary']}")
        for reason in alarm["reasons"]:
            print(f"  {reason['points']:>3} {reason['code']}: {reason['said']}")
        print(flush=True)


def show(table: list[dict[str, Any]]) -> None:
    columns = ("days", "posts", *SEVERITIES, "warning+ a day", "at most", "cases c/w/n")
    print(f"{'alerts':24}" + "".join(f"{column:>15}" for column in columns))
    for row in table:
        cases = "/".join(str(row["cases"][severity]) for severity in SEVERITIES)
        counts = "".join(f"{row['alerts'][severity]:>15,}" for severity in SEVERITIES)
        print(
            f"{row['stream']:24}{row['days']:>15,.2f}{row['posts']:>15,}{counts}{row['loud_a_day']:>15.2f}"
            f"{row['loud_a_day_at_most']:>15.2f}{cases:>15}"
        )
    verdict = "met" if met(table) else "MISSED"
    print(f"\nWanted, at most one a day at warning or above and none critical: {verdict}")


def seeds_of(text: str) -> list[int]:
    """Seeds as they are written on the command line.

    >>> seeds_of("1-3"), seeds_of("7")
    ([1, 2, 3], [7])
    """
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def _streams(chosen: argparse.Namespace) -> Iterator[Watched]:
    folder = Path(chosen.data)
    for name, path in ORGANIC.items():
        if (folder / path).is_file():
            yield watched(name, "organic", organic(folder, name))
        else:
            print(f"{folder / path} is not here: left out.", file=sys.stderr)
    for seed in chosen.seeds if chosen.days else ():
        name = f"simulated, seed {seed}"
        yield watched(name, "simulated", simulated(chosen.days, chosen.rate, seed))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data"), help="folder of the slices")
    parser.add_argument("--days", type=int, default=7, help="days of each simulated stream (default 7)")
    parser.add_argument(
        "--seeds", type=seeds_of, default=[1], metavar="N-M", help="one stream each (default 1)"
    )
    parser.add_argument("--rate", type=float, default=0.5, help="ordinary posts a second (default 0.5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 where what is wanted is missed")
    chosen = parser.parse_args()
    spare_collector()
    streams = []
    for stream in _streams(chosen):
        streams.append(stream)
        print(f"{stream.name}: {stream.posts:,} posts, {dict(stream.alerts)}", file=sys.stderr, flush=True)
        if not chosen.json:
            show_alarms(stream)
    if not streams:
        print("Nothing to watch: no slice is here, and --days is 0.", file=sys.stderr)
        return 2
    table = rows(streams)
    if chosen.json:
        alarms = {stream.name: stream.alarms() for stream in streams}
        print(json.dumps({"streams": table, "alarms": alarms, "met": met(table)}, indent=2))
    else:
        show(table)
    return int(chosen.check and not met(table))


if __name__ == "__main__":
    sys.exit(main())
