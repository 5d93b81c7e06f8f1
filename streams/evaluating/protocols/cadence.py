"""Protocol 9: accounts that keep office hours, or the beat of a machine, against innocents.

The share of accounts flagged among those of which enough is seen, by the category that the operation's
accounts were coded as. The innocents are the accounts of the organic files; where there are few, also
their months one by one. The simple rule is "no post between 22 and 6 UTC".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from detectors.accounts.cadence import active, metronome, one_a_minute, shift, ticked
from detectors.events import moment_ms
from streams.evaluating.figures import Measured, rule, share
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench, Protocol

_HOUR_MS = 3_600_000
_NIGHT = (22, 23, 0, 1, 2, 3, 4, 5)
_OFFICE = "HashtagGamer"
"""The category of the published coding that worked office hours."""
_SIMPLE = "no post at night"

Flags = dict[str, int]
"""Of each signal 1, 0, or -1 where not enough was seen."""


def own_posts(folder: Folder, kind: str) -> dict[str, list[int]]:
    """The times of each author's posts, in order."""
    times: dict[str, list[int]] = defaultdict(list)
    for table in folder.tables(kind):
        for author, time_ms in table.read(lambda row: (row["author_id"], moment_ms(row["created_at"]))):
            times[author].append(time_ms)
    return {author: sorted(held) for author, held in times.items()}


def flags(times: Iterable[int]) -> Flags:
    """What was ever true of an account: its cadence at any of its posts, its hours at the end."""
    memory, hours = b"", b""
    last: int | None = None
    found = {"metronome": -1, "one a minute": -1}
    by_hour = Counter[int]()
    for time_ms in times:
        memory = ticked(memory, time_ms)
        hours = active(hours, time_ms if last is None else last, time_ms)
        last = time_ms
        by_hour[time_ms // _HOUR_MS % 24] += 1
        found["metronome"] = max(found["metronome"], metronome(memory))
        found["one a minute"] = max(found["one a minute"], one_a_minute(memory))
    enough = shift(hours)
    awake = any(by_hour[hour] for hour in _NIGHT)
    return found | {"shift": enough, _SIMPLE: int(not awake) if enough >= 0 else -1}


def measure(bench: Bench) -> Measured:
    """Every author of the operation, and the innocents."""
    groups: dict[str, list[Flags]] = defaultdict(list)
    category: dict[str, str] = {}
    for table in bench.folder.tables("operation posts"):
        category |= dict(table.read(lambda row: (row["author_id"], row["account_category"])))
    for author, times in own_posts(bench.folder, "operation posts").items():
        groups[category[author]].append(flags(times))
    months: dict[tuple[str, str], list[int]] = defaultdict(list)
    innocents = []
    for author, times in own_posts(bench.folder, "organic posts").items():
        innocents.append(flags(times))
        for time_ms in times:
            months[author, f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m}"].append(time_ms)
    measured = Measured(figures=[])
    for name, found in sorted(groups.items()):
        wanted = ">= 0.6" if name == _OFFICE else ""
        _add(measured, name, "shift", found, wanted, bench.seed)
    _add(measured, "innocent accounts", "shift", innocents, "< 0.05", bench.seed)
    _add(measured, "their months", "shift", list(map(flags, months.values())), "", bench.seed)
    for name in ("metronome", "one a minute"):
        _add(measured, "innocent accounts", name, innocents, "", bench.seed)
    return measured


def _add(measured: Measured, group: str, flag: str, found: list[Flags], wanted: str, seed: int) -> None:
    known = [one for one in found if one[flag] >= 0]
    if not known:
        return
    simple = [(one[_SIMPLE] == 1, 1) for one in known if one[_SIMPLE] >= 0]
    measured.figures.append(
        share(
            f"{group}: flagged by {flag}",
            [(one[flag] == 1, 1) for one in known],
            "accounts",
            seed,
            wanted=wanted,
            baselines=(rule(_SIMPLE, simple, seed),) if flag == "shift" else (),
            note=f"of {len(found)} enough was seen of {len(known)}",
        )
    )


PROTOCOL = Protocol(
    number=9,
    name="cadence",
    title="Office hours and the beat of a machine",
    needs=(("operation posts",),),
    measure=measure,
    tried="With a handful of innocent accounts a share under 0.05 can be neither met nor missed.",
)
