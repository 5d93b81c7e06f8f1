"""Simulated traffic: the same bytes for a seed, valid lines in order, each case in its stated proportions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from detectors.events import Post, decode_line
from streams.simulate import INNOCENT, LabelledPost, Scenario, load_scenario, simulate, write

Labelled = Sequence[tuple[Post, str | None, str | None]]


def small(name: str, rate: float = 0.5, accounts: int = 2500) -> Scenario:
    """A shipped scenario with little ordinary traffic."""
    scenario = load_scenario(name)
    ordinary = msgspec.structs.replace(scenario.ordinary, posts_per_second=rate, accounts=accounts)
    return msgspec.structs.replace(scenario, ordinary=ordinary)


@cache
def played(name: str) -> Labelled:
    def row(post: LabelledPost) -> tuple[Post, str | None, str | None]:
        operation, role = post.truth or (None, None)
        return decode_line(post.line), operation, role

    return tuple(row(post) for post in simulate(small(name), 7))


def of(name: str, operation: str, *roles: str) -> list[Post]:
    return [post for post, owner, role in played(name) if owner == operation and (not roles or role in roles)]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    scenario = small("election-night", 0.3)
    shown: list[float] = []
    first = write(scenario, 5, tmp_path / "a", shown.append)
    second = write(scenario, 5, tmp_path / "b")
    write(scenario, 6, tmp_path / "c")
    assert first == second
    assert shown[-1] == 1.0 and shown == sorted(shown)
    for file in ("posts.jsonl", "truth.jsonl"):
        bytes_of = [(tmp_path / folder / file).read_bytes() for folder in "abc"]
        assert bytes_of[0] == bytes_of[1] != bytes_of[2]


def test_the_files_agree_with_each_other(tmp_path: Path) -> None:
    summary = write(small("election-night", 0.3), 5, tmp_path)
    posts = [decode_line(line) for line in (tmp_path / "posts.jsonl").read_bytes().splitlines()]
    truths = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_bytes().splitlines()]
    ids = [post.id for post in posts]
    assert summary.posts == len(posts) == len(set(ids))
    assert summary.labelled == len(truths) == sum(summary.operations.values())
    assert {truth["post_id"] for truth in truths} <= set(ids)
    assert all(set(truth) == {"post_id", "operation", "role"} for truth in truths)


@pytest.mark.parametrize("name", ["election-night", "case-a", "case-c", "case-d"])
def test_posts_are_sorted_valid_and_inside_the_scenario(name: str) -> None:
    scenario = load_scenario(name)
    posts = [post for post, _, _ in played(name)]
    assert [post.time_ms for post in posts] == sorted(post.time_ms for post in posts)
    assert all(scenario.start_ms <= post.time_ms < scenario.end_ms for post in posts)
    assert all(int(post.id) > 2**53 and post.author_id.isdecimal() for post in posts)
    for post in posts:
        assert post.text and post.lang and post.client and post.author and post.author.created_at
        assert post.author.created_at < post.created_at
        if post.kind != "original":
            assert post.ref_id and post.ref_author_id and post.ref_author and post.ref_created_at
            assert post.ref_created_at <= post.created_at


def test_a_repost_carries_the_text_of_its_original() -> None:
    texts = {post.id: post.text for post, _, _ in played("election-night")}
    reposts = [
        post for post, _, _ in played("election-night") if post.kind == "repost" and post.ref_id in texts
    ]
    assert len(reposts) > 500
    assert all(texts[post.ref_id or ""] == post.text for post in reposts)
    assert all(post.author_id != post.ref_author_id for post in reposts)


def test_counts_of_posts_grow_with_each_post() -> None:
    seen: dict[str, int] = {}
    for post, _, _ in played("election-night"):
        count = (post.author and post.author.posts) or 0
        assert count > seen.get(post.author_id, 0)
        seen[post.author_id] = count


def test_lookalikes_are_there_and_innocent() -> None:
    scenario = load_scenario("election-night")
    found = Counter(operation for _, operation, role in played("election-night") if role == INNOCENT)
    assert set(found) == {part.name for part in scenario.lookalike}
    assert found["slogan-gare"] == 900 and found["headline-turnout"] == 400 and found["chain-joke"] == 250
    attacks = {operation for _, operation, role in played("election-night") if role and role != INNOCENT}
    assert attacks == {"case-a", "case-c", "case-d"}


def test_a_debate_multiplies_the_rate_and_brings_new_accounts() -> None:
    begin = load_scenario("election-night").start_ms
    rate = Counter((post.time_ms - begin) // 600_000 for post, op, role in played("election-night")
                   if op is None or op == "television-debate")  # fmt: skip
    assert 2.5 < rate[7] / rate[4] < 5
    debate = of("election-night", "television-debate")
    assert all("SoireeElectorale" in (post.hashtags or []) for post in debate)
    young = [
        p
        for p in debate
        if p.author and p.author.created_at and (p.created_at - p.author.created_at).days < 20
    ]
    assert 0.02 < len(young) / len(debate) < 0.15


def test_openly_coordinated_accounts_say_whose_they_are() -> None:
    release = of("election-night", "party-release")
    assert len({post.author_id for post in release}) == 12
    assert all(post.author and "Nouvelle Concorde" in (post.author.description or "") for post in release)
    bots = of("election-night", "declared-bots")
    assert all((post.author and "bot" in (post.author.description or "").lower()) or "robot" in
               ((post.author and post.author.description) or "").lower() for post in bots)  # fmt: skip


def test_case_a_is_a_young_cohort_around_one_account() -> None:
    reposts = of("case-a", "case-a", "amplifier")
    assert len({post.ref_author_id for post in reposts}) == 1
    assert 450 <= len({post.author_id for post in reposts}) <= 500
    assert 0.5 < len(reposts) / (500 * 24) < 0.7
    made = {
        (p.author.created_at.year, p.author.created_at.month)
        for p in reposts
        if p.author and p.author.created_at
    }
    assert made == {(2021, 11), (2021, 12)}
    delays = sorted((p.created_at - p.ref_created_at).total_seconds() for p in reposts if p.ref_created_at)
    assert 20 < delays[len(delays) // 2] < 90 and delays[int(len(delays) * 0.95)] < 600
    tagged = [(post, role) for post, _, role in played("case-a") if "DiguesGate" in (post.hashtags or [])]
    writers = {post.author_id for post, role in tagged if role == "denouncer"}
    assert len(writers) == 150
    assert 200 < sum(role is None for _, role in tagged) <= 400


def test_case_c_has_its_share_of_bots_and_foreigners() -> None:
    authors = {post.author_id: (role, post) for post, op, role in played("case-c") if op == "case-c"}
    assert len(authors) == 2000
    roles = Counter(role for role, _ in authors.values())
    assert roles["bot"] / len(authors) == pytest.approx(0.184)
    assert roles["sleeper"] / len(authors) == pytest.approx(0.12)
    foreign = sum(bool(post.author and post.author.lang == "en") for _, post in authors.values())
    assert foreign / len(authors) > 0.8
    before = [
        post for post, op, _ in played("case-c") if op is None and "DelbreuilLeaks" in (post.hashtags or [])
    ]
    assert not before
    assert len(of("case-c", "case-c")) == 6000


def test_case_d_is_twenty_posts_from_twenty_strangers() -> None:
    attacks = of("case-d", "case-d", "attacker")
    authors = {post.author_id: post.author for post in attacks}
    assert len(authors) == 20 and len(attacks) == 64
    assert {post.client for post in attacks} == {"Twitter Web Client"}
    assert all(author and author.lang in {"ru", "sr", "es", "ar"} for author in authors.values())
    created = [author.created_at for author in authors.values() if author and author.created_at]
    assert sum((day.year, day.month) in {(2022, 1), (2022, 2)} for day in created) == 7
    assert min(created).year == 2009
    first = Counter((post.mentions or [""])[0] for post in attacks).most_common()
    assert len(first) == 4 and first[0][1] >= 20
    assert all(post.text.startswith("@") and post.lang == "fr" for post in attacks)
    texts = Counter(post.text.split(" ", 1)[1] for post in attacks)
    assert 0.3 < texts.most_common(1)[0][1] / len(attacks) < 0.75
    assert {post.lang for post in of("case-d", "case-d", "cover")}.isdisjoint({"fr"})


def test_one_account_of_case_d_posts_once_a_minute() -> None:
    by_author: dict[str, list[int]] = {}
    for post in of("case-d", "case-d", "attacker"):
        by_author.setdefault(post.author_id, []).append(post.time_ms)
    times = max(by_author.values(), key=len)
    gaps = sorted(b - a for a, b in pairwise(times))
    assert len(times) >= 20 and 50_000 < gaps[len(gaps) // 2] < 66_000


def test_a_component_does_not_change_the_others() -> None:
    whole = small("case-d")
    alone = msgspec.structs.replace(whole, operation=[])
    kept = [post.line for post in simulate(whole, 2) if post.truth is None]
    assert kept == [post.line for post in simulate(alone, 2)]
