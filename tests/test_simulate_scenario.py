"""Scenario files: those that ship, a user's own, and one clear sentence for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.simulate import ScenarioError, load_scenario, parse_scenario, shipped, simulate

HEAD = 'title = "t"\nstart = 2022-04-10T17:00:00Z\nduration_minutes = 30\n'
SLOGAN = """
[[lookalike]]
kind = "slogan"
name = "s"
at_minute = 1
duration_minutes = 20
posts = 5
text = "Oui !"
"""


def test_the_shipped_scenarios_load() -> None:
    assert shipped() == [
        "case-a",
        "case-a-full",
        "case-b-full",
        "case-c",
        "case-c-full",
        "case-d",
        "case-d-full",
        "election-night",
        "lookalikes-politics",
        "lookalikes-saturday",
        "ordinary-day",
    ]
    for name in shipped():
        assert load_scenario(name).title


def test_the_ordinary_day_has_no_operation_and_every_lookalike() -> None:
    day, night = load_scenario("ordinary-day"), load_scenario("election-night")
    kinds = {"Slogan", "Headline", "Release", "Debate", "Chain", "Scheduled"}
    assert not day.operation
    assert {type(part).__name__ for part in day.lookalike} == kinds
    assert {type(part).__name__ for part in night.lookalike} == kinds
    assert {type(part).__name__ for part in night.operation} == {"Amplify", "Leak", "Insults"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 2", ["unknown key 'x'"]),
        ("[ordinary]\nacounts = 3", ["[ordinary]", "'acounts'", "did you mean 'accounts'?"]),
        ('[ordinary]\naccounts = "x"', ["'accounts'", "expected a whole number, got a text"]),
        ("[ordinary]\nfrench = 1.4", ["'french'", "a number <= 1.0"]),
        (
            "[ordinary]\nreposts = 0.9\nreplies = 0.3",
            ["'reposts', 'replies' and 'quotes' sum to more than 1"],
        ),
        (
            '[[operation]]\nkind = "amplfy"\nname = "a"',
            ["'a'", "'kind'", "'amplfy'", "amplify, leak, insults"],
        ),
        ('[[operation]]\nkind = "leak"\nname = "a"\nat_minute = 3', ["'a'", "missing: 'duration_minutes'"]),
        (SLOGAN + SLOGAN, ["'s'", "'name' is used twice"]),
        (SLOGAN.replace("at_minute = 1", "at_minute = 15"), ["'at_minute' plus 'duration_minutes'", "end"]),
        (SLOGAN.replace('"slogan"', "3"), ["'kind'"]),
        ("title = ", ["not valid TOML"]),
    ],
)
def test_a_fault_is_one_sentence_that_names_the_key(text: str, words: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(HEAD + text, "mine.toml")
    message = str(caught.value)
    assert "mine.toml" in message and message.endswith(".") and "\n" not in message
    for word in words:
        assert word in message


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ScenarioError, match="'start': expected a date and time with its zone"):
        parse_scenario(HEAD.replace("00Z", "00"), "mine.toml")


def test_unknown_names_and_files_are_named() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'case-z': use one of case-a"):
        load_scenario("case-z")
    with pytest.raises(ScenarioError, match=r"nowhere\.toml cannot be read"):
        load_scenario("nowhere.toml")


def test_a_users_own_file_is_played(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "[ordinary]\nposts_per_second = 0.5\naccounts = 300\n" + SLOGAN, "utf-8")
    posts = list(simulate(load_scenario(path), 3))
    assert sum(post.truth is not None for post in posts) == 5
    assert len(posts) > 500
