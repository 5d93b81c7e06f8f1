"""Runs the protocols for which a folder has data, one after the other, and says what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from detectors import __version__
from streams.embedded import Settings
from streams.evaluating.calibration import Calibration, calibrate
from streams.evaluating.figures import Figure, Measured
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench, Protocol
from streams.sources.opening import InputError

State = Literal["measured", "no data", "not measurable here", "skipped"]


class Result(msgspec.Struct, kw_only=True):
    """What became of one protocol."""

    number: int
    name: str
    title: str
    state: State
    reason: str = ""
    """Why it was not measured."""
    tried: str = ""
    seconds: float = 0.0
    measured: Measured = msgspec.field(default_factory=Measured)

    @property
    def unmet(self) -> list[Figure]:
        """The figures that are not as wanted."""
        return [figure for figure in self.measured.figures if figure.met is False]


class Evaluation(msgspec.Struct, kw_only=True):
    """All that was measured."""

    folder: str
    seed: int
    quick: bool
    vigie: str
    settings: str
    """Version of the settings of detection: the defaults."""
    results: list[Result]
    calibration: Calibration
    unread: dict[str, str]
    """Files that could not be read, and why."""


def evaluate(
    folder: Folder,
    protocols: Sequence[Protocol],
    *,
    seed: int,
    quick: bool,
    tell: Callable[[str], None],
) -> Evaluation:
    """Run some protocols over a folder.

    Parameters
    ----------
    folder : Folder
    protocols : sequence of Protocol
    seed : int
        The same seed over the same files gives the same figures.
    quick : bool
        Fewer hours, groups and draws of data: minutes instead of a quarter of an hour.
    tell : callable
        Told in words how far it is.
    """
    results = [_run(one, folder, seed, quick, tell) for one in protocols]
    cases = [case for one in results for case in one.measured.cases]
    return Evaluation(
        folder=str(folder.path),
        seed=seed,
        quick=quick,
        vigie=__version__,
        settings=Settings().version(),
        results=results,
        calibration=calibrate(cases, seed),
        unread=folder.unread,
    )


def _run(protocol: Protocol, folder: Folder, seed: int, quick: bool, tell: Callable[[str], None]) -> Result:
    result = Result(
        number=protocol.number,
        name=protocol.name,
        title=protocol.title,
        state="no data",
        tried=protocol.tried,
    )
    if missing := protocol.missing(folder):
        result.reason = f"the folder has no {missing}"
        return result
    began = time.monotonic()
    bench = Bench(folder, seed, quick, lambda text: tell(f"{protocol.number} {protocol.name}: {text}"))
    bench.tell("begins")
    try:
        result.measured = protocol.measure(bench)
        result.state = "not measurable here" if result.measured.unmeasurable else "measured"
        result.reason = result.measured.unmeasurable
    except InputError as problem:
        result.state, result.reason = "skipped", str(problem)
    result.seconds = round(time.monotonic() - began, 1)
    return result
