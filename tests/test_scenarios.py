"""The cases at a reduced size, and what only looks like them, through the pipeline at its defaults.

`python benchmarks/scenarios.py` does the same at the size that the cases had. What is said here of ordinary
people is said there: in a stream of a few people everybody is in every crowd.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from streams.simulate import load_scenario

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "scenarios.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scenarios", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["scenarios"] = module
    spec.loader.exec_module(module)
    return module


SCENARIOS = script()
SCALES = {
    "case-a-full": 0.02,
    "case-b-full": 0.05,
    "case-c-full": 0.02,
    "case-d-full": 0.02,
    "lookalikes-politics": 0.1,
    "lookalikes-saturday": 0.1,
}
"""So small that all of them take a minute; in smaller ones nothing is left to compare with."""
UNSEEN = {
    "case-a": {"bot_share", "detector:purges"},
    "case-c": {"description_terms"},
}
"""Signs that so few accounts do not show."""
SOON = {"case-a": 10, "case-c": 15, "case-d": 10, "case-b-promoted": 1}
"""Minutes from the third post to the warning."""


@cache
def outcome(scenario: str) -> dict[str, Any]:
    found: dict[str, Any] = SCENARIOS.run(scenario, SCALES[scenario], 1)
    return found


def told_of(scenario: str, key: str, name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = outcome(scenario)[f"{key}s"]
    return next(row for row in rows if row[key] == name)


def operations() -> list[tuple[str, str]]:
    return [(scenario, name) for scenario, wanted in SCENARIOS.WANTED.items() for name in wanted]


def lookalikes() -> list[tuple[str, str]]:
    return [(scenario, part.name) for scenario in SCALES for part in load_scenario(scenario).lookalike]


def test_every_scenario_is_tried() -> None:
    assert list(SCALES) == list(SCENARIOS.WANTED)


@pytest.mark.parametrize(("scenario", "name"), operations())
def test_a_case_is_found_with_its_signs(scenario: str, name: str) -> None:
    row = told_of(scenario, "operation", name)
    assert row["found"]
    assert row["own_accounts"] > 0.9
    assert {sign for sign, seen in row["signs"].items() if not seen} <= UNSEEN.get(name, set())


@pytest.mark.parametrize("name", list(SOON))
def test_a_case_is_found_while_it_happens(name: str) -> None:
    scenario = next(one for one, part in operations() if part == name)
    assert told_of(scenario, "operation", name)["delay_minutes"] <= SOON[name]


@pytest.mark.parametrize(("scenario", "name"), lookalikes())
def test_what_only_looks_like_it_gets_no_warning(scenario: str, name: str) -> None:
    row = told_of(scenario, "lookalike", name)
    assert row["posts"] > 0
    assert row["alerts"]["warning"] == row["alerts"]["critical"] == 0


@pytest.mark.parametrize(
    ("scenario", "name", "kind"),
    [
        ("lookalikes-politics", "agency-release", "declared"),
        ("lookalikes-politics", "party-release", "declared"),
        ("lookalikes-politics", "weather-bots", "declared"),
        ("lookalikes-saturday", "give-away", "give_away"),
        ("lookalikes-saturday", "fandom-vote", "fandom_vote"),
        ("lookalikes-saturday", "game", "shared_by_button"),
        ("lookalikes-saturday", "spam", "spam"),
    ],
)
def test_what_says_what_it_is_is_shown_as_open(scenario: str, name: str, kind: str) -> None:
    assert kind in told_of(scenario, "lookalike", name)["open"]
