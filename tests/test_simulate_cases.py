"""The scenarios of the cases: their figures, what was before and after them, and the list beside them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from detectors.events import Post
from detectors.lists import Lists
from streams.cli import main
from streams.lists import read_lists
from streams.simulate import (
    LabelledPost,
    Scenario,
    ScenarioError,
    Simulation,
    load_scenario,
    parse_scenario,
    scaled,
    write,
)
from streams.sources.posts import decode_item

HEAD = 'title = "t"\nstart = 2022-04-10T17:00:00Z\nduration_minutes = 60\n[ordinary]\naccounts = 300\n'
NETWORK = """
[[operation]]
kind = "amplify"
name = "network"
at_minute = 10
duration_minutes = 30
accounts = 30
source = "One"
source_posts = 3
hashtag = "A"
"""


def quiet(name: str, scale: float) -> Scenario:
    """A scenario at a scale, with hardly any ordinary traffic."""
    scenario = scaled(load_scenario(name), scale)
    ordinary = msgspec.structs.replace(scenario.ordinary, posts_per_second=0.02, accounts=800)
    return msgspec.structs.replace(scenario, ordinary=ordinary)


@cache
def played(name: str, scale: float) -> tuple[Simulation, list[LabelledPost]]:
    simulation = Simulation(quiet(name, scale), 3)
    return simulation, list(simulation.posts())


def posts_of(name: str, scale: float, operation: str, *roles: str) -> list[Post]:
    items = [
        decode_item(post.line)
        for post in played(name, scale)[1]
        if post.truth and post.truth.operation == operation and (not roles or post.truth.role in roles)
    ]
    return [item for item in items if isinstance(item, Post)]


def events_of(name: str, scale: float) -> list[dict[str, str]]:
    return [json.loads(post.line) for post in played(name, scale)[1] if not post.id]


def test_the_cases_have_their_figures() -> None:
    before, main_one = load_scenario("case-a-full").operation
    assert before.accounts == main_one.accounts == main_one.fate.suspended == 5000  # type: ignore[union-attr]
    promoted, listed = load_scenario("case-b-full").operation
    assert (promoted.posts, promoted.spend, len(promoted.pages)) == (1823, 274_000, 3)  # type: ignore[union-attr]
    assert listed.accounts == 600  # type: ignore[union-attr]
    leak = load_scenario("case-c-full").operation[0]
    assert leak.accounts == 99_378 and round(leak.accounts * leak.bots) == 18_324  # type: ignore[union-attr]
    hour = load_scenario("case-d-full")
    assert hour.ordinary.posts_per_second >= 200 and hour.operation[0].fate.suspended == 18  # type: ignore[union-attr]


def test_the_same_accounts_serve_both_campaigns_and_all_are_suspended() -> None:
    simulation = played("case-a-full", 0.02)[0]
    casts = simulation.world.casts
    assert casts["case-a"] == casts["case-a-before"] and len(casts["case-a"]) == 100
    subjects = {
        name: {post.ref_author_id for post in posts_of("case-a-full", 0.02, name, "amplifier")}
        for name in ("case-a", "case-a-before")
    }
    assert all(len(sources) == 1 for sources in subjects.values())
    assert subjects["case-a"] != subjects["case-a-before"]
    gone = events_of("case-a-full", 0.02)
    assert {event["author_id"] for event in gone} == {account.id for account in casts["case-a"]}
    assert {(event["status"], event["at"][:16]) for event in gone} == {("suspended", "2022-04-17T19:30")}


def test_those_whom_a_network_followed_lose_it_at_once() -> None:
    simulation, posts = played("case-a-full", 0.02)
    stars = {account.id for account in simulation.world.followed["case-a"]}
    assert len(stars) == 4
    counts: dict[str, list[int]] = {}
    for item in (decode_item(post.line) for post in posts if post.id):
        if isinstance(item, Post) and item.author_id in stars and item.author:
            counts.setdefault(item.author_id, []).append(item.author.followers or 0)
    for followers in counts.values():
        falls = [before - after for before, after in pairwise(followers)]
        assert max(falls) > 80 and sum(fall > 20 for fall in falls) == 1


def test_promoted_posts_sum_to_the_money_and_some_come_after_the_ban() -> None:
    posts = posts_of("case-b-full", 1.0, "case-b-promoted")
    paid = [post.promoted for post in posts if post.promoted]
    assert len(paid) == 1823 and len({post.author_id for post in posts}) == 3
    assert round(sum(100 * (one.spend or 0) for one in paid)) == 27_400_000
    assert {(one.payer, one.currency) for one in paid} == {("Telekanal Obraz", "USD")}
    assert all(one.audiences for one in paid)
    entries = played("case-b-full", 1.0)[0].entries
    (ban,) = (entry for entry in entries if entry.kind == "banned")
    assert sum(post.time_ms >= (ban.since_ms or 0) for post in posts) == 9
    assert len(posts_of("case-b-full", 1.0, "case-b-promoted", "breach")) == 9
    payers = Counter(
        one.promoted.payer for one in posts_of("case-b-full", 1.0, "advertisers") if one.promoted
    )
    assert len(payers) == 120 and payers.total() == 2400


def test_the_list_has_a_reason_for_each_account_and_is_written_beside_the_posts(tmp_path: Path) -> None:
    summary = write(quiet("case-b-full", 0.1), 3, tmp_path)
    entries = Simulation(quiet("case-b-full", 0.1), 3).entries
    assert summary.listed == len(entries) == 61
    assert read_lists([tmp_path / "lists.csv"]).version == Lists(entries).version
    with (tmp_path / "lists.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["kind"] for row in rows) == {"attributed": 42, "amplifies": 18, "banned": 1}
    assert all(row["reason"] and row["source"] for row in rows)


def test_sleepers_were_seen_at_an_earlier_election_and_not_since() -> None:
    start_ms = load_scenario("case-c-full").start_ms
    before = posts_of("case-c-full", 0.01, "case-c", "before")
    sleepers = {post.author_id for post in posts_of("case-c-full", 0.01, "case-c", "sleeper")}
    newest = {post.author_id: post.time_ms for post in before}
    slept = {account for account in sleepers if start_ms - newest[account] > 170 * 86_400_000}
    assert len(sleepers) == round(994 * 0.12) and slept == sleepers
    others = {account for account in newest if account not in sleepers}
    assert len(others) > 50
    assert all(start_ms - newest[account] < 90 * 86_400_000 for account in others)
    for post in before:
        assert post.author and post.author.created_at and post.author.created_at < post.created_at


def test_trolls_are_suspended_two_days_after_the_stream() -> None:
    end_ms = load_scenario("case-d-full").end_ms
    events = [decode_item(post.line) for post in played("case-d-full", 0.001)[1] if not post.id]
    assert len(events) == 18
    assert all(event.time_ms - end_ms > 47 * 3_600_000 for event in events)
    trolls = {account.id for account in played("case-d-full", 0.001)[0].world.casts["case-d"]}
    assert {event.author_id for event in events} < trolls


def test_what_makes_an_operation_one_is_not_scaled() -> None:
    whole, tenth = load_scenario("case-d-full"), scaled(load_scenario("case-d-full"), 0.1)
    assert tenth.operation == whole.operation
    assert tenth.ordinary.posts_per_second == 20 and tenth.ordinary.accounts == 30_000
    assert scaled(whole, 1) is whole
    network = scaled(load_scenario("case-a-full"), 0.001).operation[1]
    assert network.accounts == network.fate.suspended == 60  # type: ignore[union-attr]


def test_a_scenario_with_events_and_lists_gives_the_same_bytes() -> None:
    for name in ("case-a-full", "case-b-full", "lookalikes-saturday"):
        first, second = ([post.line for post in Simulation(quiet(name, 0.005), 4).posts()] for _ in range(2))
        assert first == second


def test_the_lookalikes_hold_no_operation() -> None:
    for name in ("lookalikes-politics", "lookalikes-saturday"):
        assert not load_scenario(name).operation


def test_fans_vote_again_and_again_and_players_have_their_own_results() -> None:
    votes = posts_of("lookalikes-saturday", 0.1, "fandom-vote")
    assert len(votes) == 400 and len({post.author_id for post in votes}) == 35
    assert len({post.text for post in votes}) == 1
    results = posts_of("lookalikes-saturday", 0.1, "game")
    assert len({post.text for post in results}) > 100 and all(post.links for post in results)
    sellers = {post.author_id: post.author for post in posts_of("lookalikes-saturday", 0.1, "spam")}
    assert all(author and (author.followers or 0) < 40 for author in sellers.values())


def test_at_a_goal_everyone_shouts_within_minutes() -> None:
    match = posts_of("lookalikes-saturday", 0.1, "football-match")
    minutes = Counter(post.time_ms // 60_000 for post in match)
    assert minutes.most_common(1)[0][1] > 8 * len(match) / 115
    assert len({post.author_id for post in match}) > 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NETWORK + 'accounts_of = "nobody"', "'accounts_of' names no operation 'amplify' above it"),
        (
            NETWORK + "[operation.fate]\nat_minute = 50\nsuspended = 31",
            "'suspended' of its fate is more than 'accounts'",
        ),
        (NETWORK + "[operation.fate]\nat_minut = 50\nsuspended = 3", "did you mean 'at_minute'"),
        (NETWORK + 'theme = "realm"', "theme"),
    ],
)
def test_a_fault_is_named(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse_scenario(HEAD + text, "mine.toml")


def test_the_command_takes_a_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text(HEAD + NETWORK, "utf-8")
    told = []
    for scale in ("1", "0.5"):
        assert (
            main(["simulate", str(tmp_path / "mine.toml"), "--out", str(tmp_path / scale), "--scale", scale])
            == 0
        )
        told.append(int(capsys.readouterr().out.split()[0].replace(",", "")))
    assert told[1] < 0.7 * told[0]
