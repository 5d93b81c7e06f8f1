"""The DISARM techniques: every rule and trait is mapped or left out on purpose, and the page is fresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detectors import disarm
from detectors.rules import RULES
from detectors.traits import TRAITS

ROOT = Path(__file__).resolve().parent.parent
MAPPED = {row.sign for row in disarm.ROWS}


def signs_of_rules() -> set[str]:
    """Every code that a detector's rules have a sentence for."""
    return {f"{detector}.{code}" for detector, rules in RULES.items() for code in rules.SENTENCES}


def names_of_traits() -> set[str]:
    return {trait.name for trait in TRAITS}


def test_every_rule_is_mapped_or_left_out_on_purpose() -> None:
    known = MAPPED | disarm.UNMAPPED.keys()
    assert signs_of_rules() == {sign for sign in known if "." in sign}


def test_every_trait_is_mapped_or_left_out_on_purpose() -> None:
    known = MAPPED | disarm.UNMAPPED.keys()
    assert names_of_traits() == {sign for sign in known if "." not in sign}


def test_no_sign_is_both() -> None:
    assert not MAPPED & disarm.UNMAPPED.keys()


def test_every_technique_of_a_row_has_a_name_and_every_name_a_row() -> None:
    assert {row.technique for row in disarm.ROWS} == set(disarm.NAMES)
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in disarm.NAMES)


def test_a_row_stands_once() -> None:
    assert len({(row.sign, row.technique) for row in disarm.ROWS}) == len(disarm.ROWS)


def test_techniques_are_sorted_and_told_once() -> None:
    told = disarm.techniques(
        [("targets", "aimed"), ("near_duplicates", "aimed"), ("near_duplicates", "copies")], ["deletions"]
    )
    assert told == ["T0048", "T0049.005", "T0084.001", "T0129.007"]


@pytest.mark.parametrize(
    "reasons", [[("co_sharing", "quick")], [("rising", "risen")], [("fate", "wave")], []]
)
def test_a_sign_that_shows_nothing_by_itself_tells_nothing(reasons: list[tuple[str, str]]) -> None:
    assert disarm.techniques(reasons, ["timing"]) == []


def test_the_code_of_one_detector_says_nothing_of_another_s() -> None:
    assert disarm.techniques([("sponsored", "network")], []) != disarm.techniques(
        [("co_sharing", "network")], []
    )


def test_the_page_is_fresh() -> None:
    page = (ROOT / "docs" / "disarm.md").read_text(encoding="utf-8")
    assert f"<!-- disarm -->\n{disarm.as_markdown()}<!-- /disarm -->" in page
    assert disarm.REVISION in page


def test_the_table_claims_nothing_that_needs_words_to_be_understood() -> None:
    # Narratives, personas and aims: TA01, TA02, TA14, TA16 of the framework.
    meaning = ("T0002", "T0003", "T0022", "T0066", "T0073", "T0074", "T0075", "T0097", "T0135", "T0143")
    assert not [technique for technique in disarm.NAMES if technique.startswith(meaning)]
