"""`vigie evaluate` on made-up folders whose figures are known by hand."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest

from detectors.events import Post
from streams import cli
from streams.evaluating import mixing
from streams.evaluating.calibration import NEEDED, calibrate
from streams.evaluating.figures import Figure, Measured, Scored, ratio, ratio_interval, share
from streams.evaluating.folder import SHAPES, Folder
from streams.evaluating.protocol import Bench
from streams.evaluating.protocols import (
    PROTOCOLS,
    amplified_account,
    attacked_targets,
    automation_score,
    cadence,
    co_sharing,
    copied_texts,
    creation_cohorts,
    dormant_accounts,
    everything,
    input_formats,
    language_change,
    promoted_posts,
    pushed_hashtags,
    suspension_waves,
)
from streams.evaluating.ranking import average_precision, curve, precision_interval
from streams.evaluating.simple_rules import botslayer, fixed_window, same_text, text_clusters
from streams.sources.opening import InputError

DAY = datetime(2021, 3, 1, tzinfo=UTC)
WORDS = [
    first + second
    for first, second in product(("har", "lan", "cop", "mea", "this", "an", "or", "fer"), repeat=2)
]
WORDS = [one + last for one in WORDS for last in ("bour", "tern", "per", "dow", "tle", "vil", "chard", "ry")]


def table(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a table, packed where its name ends so."""
    held = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    page = io.StringIO()
    writer = csv.DictWriter(page, list(held[0]))
    writer.writeheader()
    writer.writerows(held)
    content = page.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def at(minutes: float) -> str:
    return f"{DAY + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def bench(folder: Path, *, quick: bool = True) -> Bench:
    return Bench(Folder(folder), seed=1, quick=quick, tell=lambda text: None)


def figures(measured: Measured) -> dict[str, Figure]:
    found = {one.measure: one for one in measured.figures}
    assert len(found) == len(measured.figures), "each figure has a name of its own"
    return found


def post(author: str, text: str, minutes: float = 0, kind: Any = "original", number: int = 0) -> Post:
    moment = DAY + timedelta(minutes=minutes)
    return Post(
        id=f"{author}.{minutes}.{number}",
        platform="mixed",
        author_id=author,
        created_at=moment,
        time_ms=int(moment.timestamp() * 1000),
        kind=kind,
        text=text,
    )


def sentence(rng: Random, words: int = 12) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def organic(folder: Path, posts: int = 600) -> None:
    """Ordinary people, each with words of their own, two a minute."""
    rng = Random(1)
    table(
        folder / "people.csv.gz",
        (
            {
                "post_id": f"p{n}",
                "author_id": f"person{n % 300}",
                "created_at": at(n / 2),
                "text": f"{sentence(rng)} {n}",
            }
            for n in range(posts)
        ),
    )


def operation(folder: Path, texts: int = 3, accounts: int = 12, start: float = 0) -> None:
    """Accounts that post the same texts, one after the other."""
    rng = Random(2)
    told = [sentence(rng, 16) for _ in range(texts)]
    table(
        folder / "farm" / "any_name.csv.gz",
        (
            {
                "post_id": f"o{text}.{account}",
                "author_id": f"troll{account}",
                "created_at": at(start + 10 * text + account // 4),
                "kind": "original",
                "text": f"{told[text]} #tag{text}",
                "account_category": "Farm",
                "language": "English",
            }
            for text in range(texts)
            for account in range(accounts)
        ),
    )


# -- figures ---------------------------------------------------------------------------------------


def test_a_share_is_hits_by_trials_and_its_interval_holds_it():
    counted = [(1, 2), (2, 2), (0, 1)]
    assert ratio(counted) == 0.6
    low, high = ratio_interval(counted, seed=1)
    assert low <= 0.6 <= high
    assert ratio_interval(counted, seed=1) == (low, high)
    assert share("nothing", [], "hours", 1).value is None


def test_whole_units_are_drawn_so_that_alike_things_count_once():
    apart = ratio_interval([(1, 1)] * 50 + [(0, 1)] * 50, seed=1)
    together = ratio_interval([(25, 25), (25, 25), (0, 25), (0, 25)], seed=1)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


@pytest.mark.parametrize(
    ("wanted", "value", "met"),
    [(">= 0.5", 0.5, True), ("< 0.05", 0.05, False), ("= 0", 0, True), ("", 1.0, None), ("> 1", None, None)],
)
def test_what_is_wanted_decides_whether_it_is_met(wanted, value, met):
    assert Figure(measure="m", value=value, wanted=wanted).met is met


def test_equal_scores_share_their_precision():
    assert average_precision([(1, True), (1, False)]) == 0.5
    assert curve([(2, True), (1, False), (1, True)]) == [(1.0, 0.5), (2 / 3, 1.0)]
    alike = [("one", 2.0, True)] * 3 + [("two", 1.0, False)] * 3
    assert precision_interval(alike, seed=1) == (1.0, 1.0)
    assert precision_interval([("one", 2.0, True)], seed=1) is None


# -- simple rules ----------------------------------------------------------------------------------


def test_the_fixed_window_wants_two_messages_and_takes_both_ends_of_the_window():
    first, second = "a text that two people post", "and another one of theirs"
    posts = [post("ana", first, 0), post("bob", f"@eve {first.upper()}", 1)]
    assert fixed_window(posts, same_text) == set()
    posts += [post("ana", second, 10), post("bob", second, 11)]
    assert fixed_window(posts, same_text) == {("ana", "bob"), ("bob", "ana")}
    late = [*posts[:3], post("bob", second, 11.02)]
    assert fixed_window(late, same_text) == set()
    assert fixed_window([post("ana", first, n) for n in range(3)], same_text) == set()
    assert same_text(post("ana", first, kind="repost")) == []


def test_botslayers_formula_has_its_constants():
    now = {"a": [post(f"p{n}", "#a") for n in range(3)], "b": [post("p", "#b")]}
    before = {"b": [post("p", "#b")] * 3}
    # a: largest trend (4 against 1/2) and volume, and (4 / 4) of diversity equal to b's (2 / 2).
    levels = botslayer(now, before)
    largest = 1.91356533 + 2.8811564 - 0.0889277 - 10.3836869
    assert levels["a"] == pytest.approx(1 / (1 + math.exp(-largest)))
    assert levels["b"] == pytest.approx(1 / (1 + math.exp(-(-0.0889277 - 10.3836869))))


def test_a_text_cluster_is_of_three_accounts_and_long_enough():
    text = "five and twenty letters or more of the very same text"
    posts = [post(f"p{n}", f"{text}  https://example.org/{n}") for n in range(3)]
    assert len(text_clusters(posts)) == 1
    assert text_clusters(posts[:2]) == []
    assert text_clusters([post(f"p{n}", "short") for n in range(5)]) == []


# -- the folder ------------------------------------------------------------------------------------


def test_tables_are_known_by_their_columns_and_not_by_their_names(tmp_path):
    organic(tmp_path / "x", posts=10)
    operation(tmp_path / "y")
    table(tmp_path / "z.csv", [{"account": "a", "checked_at": at(0), "status": "exists"}])
    (tmp_path / "notes.txt").write_text("no table")
    folder = Folder(tmp_path)
    assert {kind for kind in SHAPES if folder.has(kind)} == {
        "organic posts",
        "operation posts",
        "status checks",
    }
    assert [one.name for one in folder.tables("organic posts")] == ["x/people.csv.gz"]


def test_quoted_cells_may_hold_line_breaks(tmp_path):
    table(tmp_path / "one.csv.gz", [{"account": "a\nb", "checked_at": at(0), "status": "exists"}] * 2)
    (one,) = Folder(tmp_path).tables("status checks")
    assert one.read(lambda row: row["account"]) == ["a\nb", "a\nb"]


def test_a_row_that_breaks_its_promise_is_named(tmp_path):
    rows = [{"account": "a", "checked_at": when, "status": "exists"} for when in (at(0), "no time")]
    table(tmp_path / "checks.csv", rows)
    with pytest.raises(InputError, match=r"checks\.csv, record 2: .*no time"):
        suspension_waves.measure(bench(tmp_path))


# -- mixing ----------------------------------------------------------------------------------------


def test_the_operation_is_a_tenth_of_a_mixed_hour_and_whole_accounts_are_taken(tmp_path):
    organic(tmp_path, posts=90)
    operation(tmp_path, texts=4)
    folder = Folder(tmp_path)
    layers = mixing.organic_layers(folder)
    hour = mixing.read_posts(folder.tables("operation posts")[0])
    mixed = mixing.mix("farm", layers, hour, Random(1))
    assert 0 < len(mixed.operation) <= 10
    assert len(mixed.organic) == 90
    by_author = {author: sum(one.author_id == author for one in hour) for author in mixed.accounts}
    assert len(mixed.operation) == sum(by_author.values())
    assert all(one.time_ms % mixing.MINUTE_MS == 0 for one in mixed.posts)
    assert {one.author for one in mixed.posts} == {None}
    assert {one.lang for one in mixed.posts} == {None}


def test_two_files_may_use_the_same_ids(tmp_path):
    rows = [{"post_id": n, "author_id": n, "created_at": at(n), "text": str(n)} for n in range(30)]
    table(tmp_path / "one.csv", rows)
    table(tmp_path / "two.csv", rows)
    table(tmp_path / "farm.csv", [row | {"account_category": "Farm"} for row in rows[:3]])
    folder = Folder(tmp_path)
    hour = mixing.read_posts(folder.tables("operation posts")[0])
    mixed = mixing.mix("farm", mixing.organic_layers(folder), hour, Random(1))
    assert len({one.id for one in mixed.posts}) == len(mixed.posts) == 63
    assert len(mixed.organic) == 60


# -- protocols -------------------------------------------------------------------------------------


def test_copied_texts_are_counted_and_found(tmp_path):
    organic(tmp_path)
    operation(tmp_path)
    found = figures(measured := copied_texts.measure(bench(tmp_path)))
    told = found["clusters of copied texts in a finding, any severity"]
    assert (told.value, told.of) == (1, 3)
    assert found["organic findings in 10,000 organic originals, any severity"].value == 0
    # Texts in the same minutes by the same accounts are what the fixed window is made for.
    assert told.baselines[0].value == 1
    assert {one.operation for one in measured.cases} == {"farm"}
    assert all(one.right for one in measured.cases)
    assert measured.delays["first told"]
    assert min(measured.delays["first told"]) >= 0


def test_an_edited_copy_is_not_the_same_text():
    rng = Random(3)
    before = post("ana", f"@bob {sentence(rng)} https://example.org/1")
    after = [copied_texts.edited(before, rng) for _ in range(40)]
    assert {(one.id, one.author_id, one.time_ms) for one in after} == {(before.id, "ana", before.time_ms)}
    assert all(one.text != before.text for one in after)


def test_a_pushed_hashtag_of_twenty_accounts_is_counted_and_a_small_one_is_not(tmp_path):
    organic(tmp_path)
    operation(tmp_path, texts=1, accounts=21)
    found = figures(pushed_hashtags.measure(bench(tmp_path)))
    assert found["pushed tag-hours found, any severity"].of == 1
    operation(tmp_path, texts=1, accounts=19)
    found = figures(pushed_hashtags.measure(bench(tmp_path)))
    assert found["pushed tag-hours found, any severity"].of == 0


def recording(folder: Path, extra: bool) -> None:
    shares = [("ana", 0, "l1"), ("bob", 60, "l1"), ("ana", 900, "l2"), ("bob", 930, "l2")]
    shares += [("eve", 30, "l1"), ("eve", 991, "l2")]  # with ana once; with bob once, and 61 s after
    table(
        folder / "board.csv.gz",
        (
            {
                "account_id": account,
                "post_id": n,
                "url_id": link,
                "hashtag_id": "",
                "phash_id": "",
                "timestamp": 1_600_000_000 + second,
            }
            for n, (account, second, link) in enumerate(sorted(shares, key=lambda one: one[1]))
        ),
    )
    pairs = [("ana", "bob"), *([("ana", "eve")] if extra else [])]
    table(
        folder / "board_pairs_url_60s.csv",
        ({"account_a": one, "account_b": other, "objects": 2} for one, other in pairs),
    )


@pytest.mark.parametrize("extra", [False, True])
def test_exact_pairs_are_compared_with_what_is_found(tmp_path, extra):
    recording(tmp_path, extra)
    found = figures(co_sharing.measure(bench(tmp_path)))
    exact = found["board_pairs_url_60s: precision and recall of `vigie edges`, the smaller"]
    recall = found["board_pairs_url_60s: recall, live, default settings"]
    assert exact.met is not extra
    assert recall.value == (0.5 if extra else 1)
    assert found["board_pairs_url_60s: precision, live, default settings"].value == 1


def reposts(folder: Path, top: int) -> None:
    table(
        folder / "debate.csv",
        (
            {
                "post_id": n,
                "author_id": f"p{n}",
                "created_at": at(n / 5),
                "kind": "retweet",
                "retweet_of": "star" if n % 10 < top else f"other{n}",
                "text": f"RT @someone: {sentence(Random(n % 10))}",
            }
            for n in range(200)
        ),
    )


def test_an_account_with_over_a_third_of_the_reposts_is_ranked_first_and_not_accused(tmp_path):
    reposts(tmp_path, top=4)
    found = figures(amplified_account.measure(bench(tmp_path)))
    assert len(found) == 2
    assert all(one.met for one in found.values())


def test_without_such_an_account_the_largest_share_is_told(tmp_path):
    reposts(tmp_path, top=3)
    measured = amplified_account.measure(bench(tmp_path))
    assert measured.figures == []
    assert "30.0% of 200 reposts in debate" in measured.unmeasurable


def accounts(folder: Path, families: dict[str, str]) -> None:
    rng = Random(4)
    empty = dict.fromkeys(
        ("default_profile", "verified", "listed_count", "description_length", "name_length"), ""
    )
    rows = []
    for family, label in families.items():
        person = label == "human"
        rows += [
            {
                "account_key": f"{family}{n}",
                "family": family,
                "label": label,
                "created_at": f"2015-0{1 + n % 9}-01T00:00:00Z",
                "observed_at": "2017-01-01T00:00:00Z",
                "statuses_count": rng.randrange(500, 5000) if person else rng.randrange(1, 20),
                "followers_count": rng.randrange(200, 900) if person else rng.randrange(3),
                "friends_count": rng.randrange(100, 900),
                "favourites_count": rng.randrange(300, 3000) if person else 0,
                "screen_name_shape": "aaaaaaa",
            }
            | empty
            for n in range(30)
        ]
    table(folder / "people.csv", rows)


def test_the_automation_score_is_judged_on_families_that_it_did_not_see(tmp_path):
    accounts(tmp_path, {"shells": "bot", "spam": "fake", "readers": "human", "writers": "human"})
    measured = automation_score.measure(bench(tmp_path))
    found = figures(measured)
    assert found["AUC, unseen shells against unseen readers"].value == 1
    assert sum(one.startswith("AUC, unseen") for one in found) == 4
    assert found["AUC of the shipped model, spam against the unseen humans"].met
    assert found["false positives of the shipped model, unseen writers"].value == 0
    assert sum(part for _, _, part in measured.bins) == pytest.approx(1, abs=1e-3)


def test_one_family_of_each_says_nothing_but_of_the_shipped_model(tmp_path):
    accounts(tmp_path, {"shells": "bot", "readers": "human"})
    found = figures(automation_score.measure(bench(tmp_path)))
    assert not any(one.startswith("AUC, unseen") for one in found)
    assert "AUC of the shipped model, shells against the unseen humans" in found


def test_a_family_made_in_one_hour_is_told_where_one_made_over_years_is_not(tmp_path):
    rng = Random(5)
    rows = [
        {
            "target": f"t{n // 40}",
            "account": f"a{n}",
            "account_created": at(-rng.randrange(2_000_000)),
            "account_status": "unlisted",
        }
        for n in range(1200)
    ]
    table(tmp_path / "reposts.csv", rows)
    made = [
        {"author_id": f"{category}{n}", "account_category": category, "account_created": at(n * step)}
        for category, step in (("batch", 1), ("grown", 20_000))
        for n in range(60)
    ]
    table(tmp_path / "farm" / "authors.csv", made)
    found = figures(creation_cohorts.measure(bench(tmp_path)))
    batch = found["farm batch: found by the trait, at equal false positives"]
    grown = found["farm grown: found by the trait, at equal false positives"]
    assert batch.value > 0.9
    assert grown.value < 0.5
    assert found["untouched communities found by the trait, as decided"].value == 0


def test_returns_after_ninety_days_are_told_and_after_forty_days_only_by_the_simple_rule(tmp_path):
    days = [(author, day) for author in ("ana", "bob") for day in range(20)]
    days += [("ana", 120), ("bob", 59)]
    table(
        tmp_path / "days.csv",
        (
            {"author_id": author, "day": f"{DAY + timedelta(days=day):%Y-%m-%d}", "n_original": 2}
            for author, day in days
        ),
    )
    back = f"{DAY + timedelta(days=120):%Y-%m-%d}"
    table(
        tmp_path / "reference.csv",
        [{"author_id": "ana", "return_day": back, "posts_before": 40, "posts_in_7_days_after": 12}],
    )
    found = figures(dormant_accounts.measure(bench(tmp_path)))
    assert found["strict events told on the day of the return"].value == 1
    false = found["wakes that are no listed silence, in 1,000 author-weeks"]
    assert false.value == 0
    assert false.baselines[0].value == pytest.approx(1000 / false.of, abs=0.01)


def test_an_attack_is_ranked_above_a_crowd(tmp_path):
    rng = Random(6)
    shout = sentence(rng, 9)
    table(
        tmp_path / "crowd.csv",
        (
            {
                "post_id": f"p{n}",
                "author_id": f"p{n}",
                "created_at": at(120 + n),
                "text": f"@airline {sentence(rng)}",
            }
            for n in range(55)
        ),
    )
    table(
        tmp_path / "farm" / "posts.csv",
        (
            {
                "post_id": f"o{n}",
                "author_id": f"troll{n}",
                "created_at": at(n // 5),
                "text": f"@mayor {shout}",
                "account_category": "Farm",
            }
            for n in range(10)
        ),
    )
    found = figures(attacked_targets.measure(bench(tmp_path)))
    natural = found["natural pace: average precision, attacks above crowds"]
    assert (natural.value, natural.of) == (1, 2)
    counting = next(one for one in natural.baselines if one.name == "count of accounts")
    assert counting.value == 0.5
    assert natural.wanted == ">= 1"  # twice the rule, where that is more than 0.8


def test_office_hours_are_told_from_all_day(tmp_path):
    def days(author: str, category: str | None, hours: Iterable[int]) -> Iterable[dict[str, Any]]:
        label = {"account_category": category} if category else {}
        for day in range(20):
            for hour in hours:
                number = f"{author}.{day}.{hour}"
                yield {
                    "post_id": number,
                    "author_id": author,
                    "created_at": at(day * 1440 + hour * 60 + (day * 7) % 60),
                    "text": number,
                } | label

    table(tmp_path / "farm.csv", days("clerk", "HashtagGamer", range(8, 16)))
    table(tmp_path / "people.csv", days("ana", None, range(6, 24, 2)))
    found = figures(cadence.measure(bench(tmp_path)))
    assert found["HashtagGamer: flagged by shift"].met
    assert found["innocent accounts: flagged by shift"].met


def test_glued_authors_are_told_and_whole_ones_are_not(tmp_path):
    table(
        tmp_path / "farm.csv",
        (
            {
                "post_id": f"{author}.{n}",
                "author_id": author,
                "created_at": at(n),
                "text": "",
                "account_category": "Farm",
                "language": language,
            }
            for language in ("English", "Russian")
            for author in (f"{language}1", f"{language}2")
            for n in range(60)
        ),
    )
    found = figures(language_change.measure(bench(tmp_path)))
    assert found["glued authors whose change is told"].value == 1
    assert found["authors as they are, of whom a change is told"].value == 0


def checks(folder: Path, per_day: Iterable[int]) -> None:
    table(
        folder / "checks.csv",
        (
            {"account": f"a{day}.{n}", "checked_at": at(day * 1440 + n), "status": "suspended"}
            for day, count in enumerate(per_day)
            for n in range(count)
        ),
    )


def test_the_day_of_a_wave_is_told_and_usual_days_are_not(tmp_path):
    checks(tmp_path, (5, 6, 4, 5, 6, 5, 60, 5))
    found = figures(suspension_waves.measure(bench(tmp_path)))
    wave = found["suspended: days over twice the median of all, told"]
    assert (wave.value, wave.of) == (1, 1)
    assert [one.value for one in wave.baselines] == [1, 1, 0]
    assert found["suspended: other days told"].value == 0
    assert found["returned: days"].of == 0


def test_hidden_pages_of_a_payer_are_reached_and_the_share_is_that_of_its_posts(tmp_path):
    table(
        tmp_path / "ads.csv",
        (
            {
                "ad_id": f"{page}.{n}",
                "created_at": at(page * 3 + n * 1440),
                "landing_page": f"https://example.org/{'abcdefghijkl'[page] * 5}",
                "spend_rub": 100,
                "impressions": 10,
                "interests": "pigeons of the harbour",
                "location": "United States",
            }
            for page in range(12)
            for n in range(4)
        ),
    )
    found = figures(promoted_posts.measure(bench(tmp_path)))
    alone = found["alone: advertisements reached, by those on known pages"]
    assert 1 <= alone.value <= 3  # a third is known, and more than all cannot be reached
    assert alone.baselines[0].value == 1
    assert page_shares() == pytest.approx((1 / 4, 3 / 4))


def page_shares() -> tuple[float, float]:
    weights = promoted_posts.Weights()
    for page, times in (("a", 1), ("b", 2), ("c", 1)):
        for n in range(times):
            weights.add(promoted_posts.promotion(n, f"{page}{n}", page, "RUB", ()))
    known, reached, stranger = ("ads\x1fa", "ads\x1fb", "ads\x1fz")
    draw = weights.draw({known}, {reached, stranger})
    assert draw.strangers == 1
    return draw.ads_known, draw.ads


def test_large_ids_are_compared_with_those_of_the_input(tmp_path):
    folder = tmp_path / "parser-samples" / "anything"
    folder.mkdir(parents=True)
    line = {"platform": "x", "author_id": 2**60 + 1, "created_at": at(0), "text": "hello"}
    good = [orjson.dumps(line | {"id": 2**61 + n}) for n in range(1, 4)]
    (folder / "posts.jsonl").write_bytes(b"\n".join([*good, b"no JSON", b'{"id": 1}']))
    measured = input_formats.measure(bench(tmp_path))
    found = figures(measured)
    assert found["lines that gave posts, an event or a counted rejection"].value == 1
    assert found["lines that gave posts, an event or a counted rejection"].of == 5
    ids = found["ids above 2^53 that are those of the input"]
    assert (ids.value, ids.of) == (1, 4)
    assert ids.baselines[0].value == 0
    assert measured.tables["by file"][0]["rejected"] == 2


def labelled_stream(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = Random(7)
    posts = [
        {"id": f"p{n}", "author_id": f"p{n % 200}", "at": n / 4, "text": f"{sentence(rng)} {n}"}
        for n in range(600)
    ]
    texts = [sentence(rng, 16) for _ in range(4)]
    attack = [
        {"id": f"o{text}.{n}", "author_id": f"t{n}", "at": 80 + text * 5 + n / 12, "text": texts[text]}
        for text in range(4)
        for n in range(12)
    ]
    posts = sorted(posts + attack, key=lambda one: one["at"])
    (folder / "posts.jsonl").write_bytes(
        b"\n".join(
            orjson.dumps(
                {name: one[name] for name in ("id", "author_id", "text")}
                | {"platform": "x", "created_at": at(one["at"])}
            )
            for one in posts
        )
    )
    truth = [{"post_id": one["id"], "operation": "one", "role": "amplifier"} for one in attack]
    truth.append({"post_id": "p1", "operation": "headline", "role": "innocent"})
    (folder / "truth.jsonl").write_bytes(b"\n".join(map(orjson.dumps, truth)))


def test_an_operation_in_a_labelled_stream_is_told_and_nothing_before_it(tmp_path):
    labelled_stream(tmp_path / "night")
    measured = everything.measure(bench(tmp_path))
    found = figures(measured)
    assert found["alerts before the first operation begins, any severity"].value == 0
    assert found["operations told rightly, at warning or above"].value == 1
    assert found["operations told rightly, at warning or above"].of == 1
    assert found["streams with the same alerts at speed 1 and at the highest"].met
    assert 20 < found["peak memory of a run, in MiB"].value < 4000
    # Twelve accounts have posted the first text after a minute; they repeat themselves five minutes later.
    (first,) = measured.delays["everything: first told"]
    assert 0 <= first <= 20


# -- score and label -------------------------------------------------------------------------------


def cases(operations: int) -> list[Scored]:
    rng = Random(8)
    return [
        Scored(f"operation {n}", f"stream {n}", score, rng.random() < score / 100)
        for n in range(operations)
        for score in range(20, 100, 2)
    ]


def test_a_probability_needs_eight_operations():
    few = calibrate(cases(NEEDED - 1), seed=1)
    assert few.reliability is None
    assert few.probability.startswith("null: 7 operations are behind these cases")
    many = calibrate(cases(NEEDED), seed=1)
    assert many.brier < many.brier_constant
    assert max(abs(predicted - found) for predicted, found, part in many.reliability if part > 0.1) < 0.2


def test_each_operation_is_predicted_by_the_others_alone():
    # The ninth is always right, at low scores: what is learnt from it must not help to predict it.
    odd = [Scored("odd", "odd", 25, True)] * 40
    steep = [Scored(f"{n}", f"{n}", score, score > 50) for n in range(8) for score in range(20, 100, 2)]
    found = calibrate([*steep, *odd], seed=1)
    lowest = min(found.reliability)
    assert lowest[0] < 0.1
    assert lowest[1] > 0.3


def test_right_cases_are_counted_by_score():
    known = [Scored("one", f"{n}", 45, n < 3) for n in range(4)]
    (row,) = calibrate(known, seed=1).by_score
    assert (row["score"], row["cases"], row["right"]) == ("40 to 49", 4, 0.75)
    assert row["low"] < 0.75 < row["high"]


# -- the command -----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(["evaluate", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_an_empty_folder_has_no_data_for_anything_and_is_no_error(tmp_path, capsys):
    status, out, err = run(capsys, str(tmp_path), "--json")
    found = json.loads(out)
    assert status == 0
    assert [one["number"] for one in found["protocols"]] == list(range(1, 15))
    assert {one["state"] for one in found["protocols"]} == {"no data"}
    assert all(one["reason"].startswith("the folder has no ") for one in found["protocols"])
    assert "warning" in err


def test_only_some_protocols_run_by_number_or_name(tmp_path, capsys):
    checks(tmp_path, (5, 5, 5))
    _, out, _ = run(capsys, str(tmp_path), "--only", "11", "--only", "co-sharing", "--json")
    found = json.loads(out)["protocols"]
    assert [(one["number"], one["state"]) for one in found] == [(3, "no data"), (11, "measured")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{}/nowhere",), "is no folder"),
        (("{}", "--only", "99"), "is no protocol: choose among 1 copied-texts"),
        (("{}", "--report", "{}/file/out"), "cannot be written"),
    ],
)
def test_bad_use_is_one_sentence(tmp_path, capsys, arguments, said):
    (tmp_path / "file").write_text("")
    status, out, err = run(capsys, *(one.format(tmp_path) for one in arguments))
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_broken_file_skips_its_protocol_and_no_other(tmp_path, capsys):
    checks(tmp_path, (5, 5, 5))
    recording(tmp_path / "board", extra=False)
    packed = (tmp_path / "board" / "board.csv.gz").read_bytes()
    (tmp_path / "board" / "board.csv.gz").write_bytes(packed[:-12])
    (tmp_path / "other.csv.gz").write_bytes(b"\x1f\x8bnot gzip")
    status, out, _ = run(capsys, str(tmp_path), "--only", "3", "--only", "11", "--json")
    found = json.loads(out)
    assert status == 0
    assert [one["state"] for one in found["protocols"]] == ["skipped", "measured"]
    assert "cut off" in found["protocols"][0]["reason"]
    assert "damaged" in found["unread"]["other.csv.gz"]


def test_what_is_not_met_is_listed(tmp_path, capsys):
    recording(tmp_path, extra=True)
    _, out, _ = run(capsys, str(tmp_path), "--only", "3")
    assert "NOT met" in out
    assert "not met: 3 board_pairs_url_60s" in out


def test_the_same_seed_gives_the_same_figures(tmp_path, capsys):
    organic(tmp_path)
    operation(tmp_path)

    def found() -> Any:
        document = json.loads(run(capsys, str(tmp_path), "--only", "1", "--quick", "--json")[1])
        for one in document["protocols"]:
            del one["seconds"]
        return document

    assert found() == found()


def test_the_report_has_figures_and_plots(tmp_path, capsys):
    accounts(tmp_path / "in", {"shells": "bot", "spam": "fake", "readers": "human", "writers": "human"})
    out = tmp_path / "out"
    status, _, err = run(capsys, str(tmp_path / "in"), "--only", "5", "--report", str(out))
    assert status == 0
    assert str(out / "report.md") in err
    page = (out / "report.md").read_text()
    assert "| AUC, unseen shells against unseen readers | 1 [1, 1] | accounts | 60 | > 0.9 | yes |" in page
    assert "Probability: null" in page
    drawn = sorted(one.name for one in out.glob("*.svg"))
    assert "calibration.svg" in drawn
    assert all(f"({name})" in page for name in drawn)
    assert json.loads((out / "report.json").read_bytes())["protocols"][0]["number"] == 5


def test_without_matplotlib_a_report_is_refused_before_anything_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "streams.evaluating.plots", raising=False)
    monkeypatch.delattr("streams.evaluating.plots", raising=False)
    status, out, err = run(capsys, str(tmp_path), "--report", str(tmp_path / "out"))
    assert (status, out) == (2, "")
    assert "pip install 'vigie[evaluate]'" in err
    assert not (tmp_path / "out").exists()


def test_every_protocol_stands_in_the_documentation():
    page = (Path(__file__).resolve().parents[1] / "docs" / "evaluation.md").read_text()
    for one in PROTOCOLS:
        assert f"| {one.number} | `{one.name}` |" in page
    assert [one.number for one in PROTOCOLS] == sorted({one.number for one in PROTOCOLS})
    assert np.unique([one.name for one in PROTOCOLS]).size == len(PROTOCOLS)
