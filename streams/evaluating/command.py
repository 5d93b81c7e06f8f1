"""The command `vigie evaluate`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.sources.opening import InputError
from streams.telling import print_json, say

if TYPE_CHECKING:
    from streams.evaluating.protocol import Protocol

_EVERY_S = 5.0


def add_parser(commands: Any) -> None:
    """Add the command to the parser of `vigie`."""
    does = "measure detection on a folder of labelled data: figures, intervals, simple rules beside them"
    parser = commands.add_parser(
        "evaluate",
        help=does,
        description=f"{does[0].upper()}{does[1:]} (docs/evaluation.md).",
        epilog="examples:\n"
        "  vigie evaluate ../shared/data --quick\n"
        "  vigie evaluate data --only 1 --only pushed-hashtags --json\n"
        "  vigie evaluate data --report out/evaluation",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="DIR", help="the data; what it holds is known by its columns")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PROTOCOL",
        help="a number or name of docs/evaluation.md; may be given several times (default: all)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer hours, groups and draws: some minutes in place of twenty"
    )
    parser.add_argument("--seed", type=_seed, default=1, help="other numbers draw other hours (default 1)")
    parser.add_argument(
        "--report", metavar="OUT", help="also write report.md, report.json and plots into this folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")


def _seed(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")


def run(chosen: argparse.Namespace) -> int:
    """`vigie evaluate`."""
    # The protocols bring all detectors and numpy with them, which `vigie --help` does not need.
    from streams.evaluating import report  # noqa: PLC0415
    from streams.evaluating.folder import Folder  # noqa: PLC0415
    from streams.evaluating.running import evaluate  # noqa: PLC0415

    protocols = _protocols(chosen.only)
    folder = Folder(Path(chosen.folder))
    if chosen.report is not None:
        _ready(Path(chosen.report))
    with _progress() as tell:
        found = evaluate(folder, protocols, seed=chosen.seed, quick=chosen.quick, tell=tell)
    if all(one.state == "no data" for one in found.results):
        say(f"warning: {chosen.folder} has no data for any of these protocols (docs/evaluation.md).")
    if chosen.report is not None:
        say(f"the report is {report.write(found, Path(chosen.report))}.")
    if chosen.json:
        print_json(report.as_json(found))
    else:
        print("\n".join(report.as_text(found)))
    return 0


def _protocols(names: list[str]) -> list[Protocol]:
    """The protocols of these numbers and names, or all."""
    from streams.evaluating.protocols import PROTOCOLS  # noqa: PLC0415  as above

    known = {key: one for one in PROTOCOLS for key in (str(one.number), one.name)}
    for name in names:
        if name not in known:
            listed = ", ".join(f"{one.number} {one.name}" for one in PROTOCOLS)
            raise InputError(f"--only {name} is no protocol: choose among {listed}")
    return [one for one in PROTOCOLS if not names or {str(one.number), one.name} & set(names)]


def _ready(out: Path) -> None:
    """Fail before the measuring and not after it."""
    from streams.evaluating import plots  # noqa: F401, PLC0415  says so where matplotlib is absent

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"--report {out} cannot be written: {problem.strerror}") from None


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Words on standard error: one line that changes in a terminal, one every five seconds elsewhere."""
    live = sys.stderr.isatty()
    told = -_EVERY_S

    def tell(text: str) -> None:
        nonlocal told
        now = time.monotonic()
        if live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif now - told >= _EVERY_S or text.endswith("begins"):
            told = now
            say(text)

    yield tell
    if live:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
