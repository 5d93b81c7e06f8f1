"""The automation score: missing is no sign, batches do not matter, nothing breaks it, it can be retrained."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.accounts import automation
from detectors.accounts.automation import (
    COUNT_FEATURES,
    FEATURES,
    MIN_FEATURES,
    PRIOR,
    PRIOR_LOG_ODDS,
    THRESHOLD,
    contributions,
    features,
    log_odds,
    score,
)
from detectors.events import Profile, milliseconds

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2024, 6, 1, tzinfo=UTC)
NOW_MS = milliseconds(NOW)
NAN = math.nan


def aged(days: float, **fields: object) -> Profile:
    return Profile(created_at=NOW - timedelta(days=days), **fields)  # type: ignore[arg-type]


PERSON = aged(
    1500,
    handle="lucie_m",
    name="Lucie M",
    description="Nurse in Nantes, two cats, too many plants.",
    posts=2600,
    followers=190,
    following=240,
    likes=4100,
    listed=2,
    default_profile=False,
    verified=False,
)
BOUGHT = aged(
    300,
    handle="DariaKolson",
    name="Daria Kolson",
    description="",
    posts=35,
    followers=15,
    following=480,
    likes=0,
    listed=0,
    default_profile=True,
    verified=False,
)
INNOCENTS = {
    "ten days old": aged(
        10, handle="samir94", name="Samir", description="hello", posts=15, followers=8, following=60, likes=30
    ),
    "quiet for years": aged(
        1800,
        handle="plb",
        name="PLB",
        description="",
        posts=40,
        followers=15,
        following=90,
        likes=25,
        listed=0,
    ),
    "newsroom": aged(
        4000,
        handle="TheDailyLamp",
        name="The Daily Lamp",
        description="News from here, all day and all night.",
        posts=310_000,
        followers=2_000_000,
        following=400,
        likes=120,
        listed=9000,
        verified=True,
    ),
    "local paper that never likes": aged(
        3000,
        handle="LampValley24",
        name="Lamp Valley News",
        description="Your valley, every morning",
        posts=30_000,
        followers=1500,
        following=80,
        likes=0,
        listed=20,
    ),
    "activist who posts all day": aged(
        900,
        handle="MarchOn",
        name="March on",
        description="For the river.",
        posts=90_000,
        followers=2400,
        following=2600,
        likes=60_000,
        listed=8,
    ),
    "network without likes, lists and theme": aged(
        700,
        handle="anna@example.social",
        name="Anna",
        description="Bread, bikes, books. She/her. Opinions of my own.",
        posts=900,
        followers=120,
        following=150,
    ),
}


def rows(*profiles: Profile) -> np.ndarray:
    return np.array([features(profile, NOW_MS) for profile in profiles], dtype=np.float64)


def test_a_typical_person_is_below_the_threshold_and_a_bought_follower_above():
    person, bought = score(rows(PERSON, BOUGHT))
    assert person < 0.05
    assert bought > THRESHOLD


@pytest.mark.parametrize("kind", sorted(INNOCENTS))
def test_innocents_that_look_unusual_stay_below_the_threshold(kind):
    (value,) = score(rows(INNOCENTS[kind]))
    assert value < THRESHOLD


def test_nothing_known_is_not_enough_data():
    row = features(Profile(), NOW_MS)
    assert len(row) == len(FEATURES)
    assert all(math.isnan(value) for value in row)
    assert np.isnan(score(np.array([row]))).all()


def test_names_alone_give_no_score():
    names = Profile(handle="Deal84736251", name="Deal 8473", description="", default_profile=True)
    assert np.isnan(score(rows(names)))[0]


def test_a_few_counts_alone_give_no_score():
    assert np.isnan(score(rows(Profile(followers=3, following=900))))[0]


def test_a_missing_feature_contributes_exactly_zero():
    full = rows(BOUGHT)[0]
    before = {name: weight for name, _, weight in contributions(full)}
    for j, name in enumerate(FEATURES):
        without = full.copy()
        without[j] = NAN
        assert {n: w for n, _, w in contributions(without)}[name] == 0.0
        assert log_odds(without[None])[0] == log_odds(full[None])[0] - before[name]


def test_with_nothing_known_the_log_odds_are_those_of_the_prior():
    assert log_odds(rows(Profile()))[0] == PRIOR_LOG_ODDS
    assert pytest.approx(0.12, abs=0.001) == PRIOR


def test_fewer_known_features_bring_the_score_nearer_to_the_prior():
    (full,) = score(rows(BOUGHT))
    fewer = aged(300, posts=35, followers=15, following=480)
    (less,) = score(rows(fewer))
    assert PRIOR < less < full


@pytest.mark.parametrize("profile", [PERSON, BOUGHT, *INNOCENTS.values()])
def test_contributions_and_prior_add_up_to_the_score(profile):
    row = rows(profile)[0]
    parts = contributions(row)
    total = PRIOR_LOG_ODDS + sum(weight for _, _, weight in parts)
    assert total == log_odds(row[None])[0]
    assert score(row[None])[0] == pytest.approx(1 / (1 + math.exp(-total)), rel=1e-12)
    assert sorted(name for name, _, _ in parts) == sorted(FEATURES)
    assert [abs(weight) for _, _, weight in parts] == sorted((abs(w) for _, _, w in parts), reverse=True)


def test_the_score_of_an_account_is_the_same_in_any_batch_and_order():
    generator = random.Random(7)
    profiles = [
        aged(
            generator.uniform(0, 4000),
            handle="aB_9"[: generator.randint(1, 4)] * generator.randint(1, 4),
            description="d" * generator.randint(0, 160) if generator.random() < 0.8 else None,
            posts=int(10 ** generator.uniform(0, 6)),
            followers=int(10 ** generator.uniform(0, 6)),
            following=int(10 ** generator.uniform(0, 4)),
            likes=int(10 ** generator.uniform(0, 5)) if generator.random() < 0.7 else None,
        )
        for _ in range(1003)
    ]
    matrix = rows(*profiles)
    whole = score(matrix)
    assert np.isfinite(whole).all()
    for size in (1, 2, 7, 64, 1000):
        pieces = [score(matrix[i : i + size]) for i in range(0, len(matrix), size)]
        assert np.concatenate(pieces).tobytes() == whole.tobytes()
    order = np.random.default_rng(3).permutation(len(matrix))
    assert score(matrix[order]).tobytes() == whole[order].tobytes()
    assert score(np.asfortranarray(matrix)).tobytes() == whole.tobytes()


def test_an_empty_batch_gives_no_scores():
    assert score(np.empty((0, len(FEATURES)))).shape == (0,)


def test_no_single_feature_carries_an_account_over_the_threshold():
    needed = math.log(THRESHOLD / (1 - THRESHOLD)) - PRIOR_LOG_ODDS
    largest = automation._MODEL.units.max() / automation.UNITS
    assert largest < needed / 2


def test_posting_more_is_never_evidence_for_a_person_by_rate():
    units = automation._MODEL.units[FEATURES.index("posts_per_hour")]
    assert units.min() == 0


def test_rates_need_an_age_and_the_first_day_counts_as_a_day():
    unborn = features(aged(-3, posts=10, followers=1), NOW_MS)
    assert math.isnan(unborn[FEATURES.index("posts_per_hour")])
    assert unborn[FEATURES.index("posts")] == 10
    newborn = features(aged(0.01, posts=48), NOW_MS)
    assert newborn[FEATURES.index("posts_per_hour")] == 2.0


def test_features_are_measured_as_published():
    profile = aged(
        10, handle="Ab_12", name="Ab 3", posts=480, followers=30, following=60, likes=24, description="né"
    )
    measured = dict(zip(FEATURES, features(profile, NOW_MS), strict=True))
    assert measured["posts_per_hour"] == 2.0
    assert measured["likes_per_hour"] == 0.1
    assert measured["followers_per_following"] == 0.5
    assert (measured["handle_length"], measured["handle_digits"]) == (5.0, 2.0)
    assert (measured["name_length"], measured["name_digits"]) == (4.0, 1.0)
    assert measured["description_length"] == 2.0
    assert 0 < measured["handle_likelihood"] < 1
    assert math.isnan(measured["listed"])
    assert math.isnan(measured["verified"])


def test_who_follows_nobody_has_a_ratio_all_the_same():
    row = features(Profile(followers=7, following=0), NOW_MS)
    assert row[FEATURES.index("followers_per_following")] == 7.0


counts = st.none() | st.integers(-(2**63), 2**63) | st.sampled_from([0, 2**63, 10**400])
moments = st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC))
flags = st.none() | st.booleans()
texts = st.none() | st.text(max_size=40)
any_profile = st.builds(
    Profile,
    handle=texts | st.just("\ud800"),
    name=texts | st.just("\udfff9"),
    description=texts,
    created_at=moments,
    observed_at=moments,
    followers=counts,
    following=counts,
    posts=counts,
    likes=counts,
    listed=counts,
    verified=flags,
    default_profile=flags,
    default_avatar=flags,
    protected=flags,
)


@settings(max_examples=300, deadline=None)
@given(any_profile, st.integers(0, 4_102_444_800_000))
def test_any_profile_has_a_score_between_0_and_1_or_none(profile, observed_ms):
    row = features(profile, observed_ms)
    assert len(row) == len(FEATURES)
    assert all(isinstance(value, float) and (math.isnan(value) or 0 <= value < math.inf) for value in row)
    (value,) = score(np.array([row]))
    assert math.isnan(value) or 0 < value < 1
    if math.isnan(value):
        weighted = [n for n, v, _ in contributions(row) if not math.isnan(v)]
        weights = automation._MODEL.presence
        known = [n for n in weighted if weights[FEATURES.index(n)]]
        assert len(known) < MIN_FEATURES or len(COUNT_FEATURES & set(known)) < 3


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=19, max_size=19))
def test_any_row_of_numbers_is_scored_without_an_error(values):
    with np.errstate(all="raise"):
        (value,) = score(np.array([values], dtype=np.float64))
    assert math.isnan(value) or 0 < value < 1
    total = PRIOR_LOG_ODDS + sum(weight for _, _, weight in contributions(values))
    assert total == log_odds(np.array([values]))[0]


def test_the_packaged_model_is_small_and_knows_every_feature():
    content = (ROOT / "detectors" / "accounts" / "automation_model.json").read_bytes()
    model = json.loads(content)
    assert len(content) < 40_000
    assert tuple(model["features"]) == FEATURES
    assert model["version"] == automation.VERSION
    for item in model["features"].values():
        assert len(item["units"]) == len(item["edges"]) + 1
        steps = np.sign(np.diff(item["units"]))
        assert len(set(steps[steps != 0])) <= 1, "evidence rises or falls, never both"


def trainer() -> ModuleType:
    path = ROOT / "benchmarks" / "train_automation.py"
    spec = importlib.util.spec_from_file_location("train_automation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def training_set(module: ModuleType) -> object:
    path = module.data_file()
    if not path.exists():
        pytest.skip(f"the training set is not at {path}")
    return module.read_accounts(path)


def test_retraining_gives_the_committed_model():
    module = trainer()
    accounts = training_set(module)
    again = module.train(accounts, module.product_slope(module.folds(accounts)))
    committed = json.loads(module.MODEL_PATH.read_text("utf-8"))
    assert {k: v for k, v in again.items() if k not in ("features", "bigrams")} == {
        k: v for k, v in committed.items() if k not in ("features", "bigrams")
    }
    assert again["bigrams"] == pytest.approx(committed["bigrams"], abs=1.5e-4)
    for name, item in committed["features"].items():
        assert again["features"][name]["edges"] == item["edges"]
        # Another processor may round a half the other way.
        assert again["features"][name]["units"] == pytest.approx(item["units"], abs=1)


def test_unseen_families_are_told_apart_with_few_false_positives():
    module = trainer()
    tested = module.folds(training_set(module))
    slope = module.product_slope(tested)
    for fold in tested:
        assert module.auc(fold.bots, fold.humans) > 0.95
        assert np.mean(module.probability(fold.humans, slope) > THRESHOLD) < 0.05


def test_the_trained_evidence_is_what_the_product_scores():
    module = trainer()
    accounts = training_set(module)
    slope = json.loads(module.MODEL_PATH.read_text("utf-8"))["slope"]
    bigrams, evidence = module.fit(accounts, module.BOTS, module.HUMANS)
    matrix = module.with_likelihood(accounts, bigrams)
    expected = module.probability(module.evidence_of(matrix, evidence), slope)
    assert np.abs(score(accounts.matrix) - expected).max() < 0.01


def test_training_without_data_says_where_it_looked(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "train_automation.py")],
        env={**os.environ, "VIGIE_SHARED_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "VIGIE_SHARED_DATA" in done.stderr
    assert "Traceback" not in done.stderr
