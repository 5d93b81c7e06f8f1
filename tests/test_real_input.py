"""The figures on real, labelled posts, over some hours; `make evaluate` runs more of them."""

from __future__ import annotations

import pytest

from benchmarks import real_input


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    folder = real_input.data_folder()
    if folder is None:
        pytest.skip("the shared data is not here (VIGIE_SHARED_DATA or ../shared/data)")
    texts, tags = real_input.Texts(), real_input.Tags()
    for _, counts in real_input.evaluate(folder, per_window=4, seed=1):
        if isinstance(counts, real_input.Texts):
            texts = counts
        else:
            tags = counts
    rows = real_input.figures(texts, tags)
    return {name: row["value"] for name, row in rows.items() if isinstance(row["value"], float)}


def test_copied_texts_of_an_operation_are_found(figures: dict[str, float]) -> None:
    assert figures["text clusters found, any severity"] >= 0.98
    assert figures["text clusters found, warning or above"] >= 0.7
    assert figures["edited clusters found"] >= 0.95


def test_organic_texts_raise_no_warning_and_few_notices(figures: dict[str, float]) -> None:
    assert figures["organic text findings in 10,000 originals"] <= 20
    assert figures["organic text warnings in 10,000 originals"] <= 1


def test_pushed_hashtags_are_found_and_organic_ones_are_not(figures: dict[str, float]) -> None:
    assert figures["pushed tag-hours found, any severity"] >= 0.95
    assert figures["pushed tag-hours found, warning or above"] >= 0.8
    assert figures["organic tag-hours found, any severity"] <= 0.05
    assert figures["organic tag-hours at warning or above"] == 0
