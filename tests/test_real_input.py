"""The figures on real, labelled posts, over some hours; `make evaluate` runs more of them."""

from __future__ import annotations

import pytest
from shared_data import DATA, need_data

from streams.evaluating.figures import Measured
from streams.evaluating.folder import Folder
from streams.evaluating.protocol import Bench
from streams.evaluating.protocols import copied_texts, pushed_hashtags


class SomeHours(Bench):
    """Somewhat more than in a quick run."""

    def of(self, quick: int, full: int) -> int:
        return quick + (full - quick) // 6


@pytest.fixture(scope="module")
def bench() -> Bench:
    for name in ("ira-posts", "gop-debate", "airlines", "politicians"):
        need_data(name)
    return SomeHours(Folder(DATA), seed=1, quick=False, tell=lambda text: None)


def values(measured: Measured) -> dict[str, float]:
    return {one.measure: one.value for one in measured.figures if one.value is not None}


def test_copied_texts_of_an_operation_are_found_and_organic_ones_raise_few_notices(bench: Bench) -> None:
    found = values(copied_texts.measure(bench))
    assert found["clusters of copied texts in a finding, any severity"] >= 0.98
    assert found["clusters of copied texts at warning or above"] >= 0.7
    assert found["clusters found after each copy was edited"] >= 0.95
    assert found["organic findings in 10,000 organic originals, any severity"] <= 20
    assert found["organic findings at warning or above, in 10,000"] <= 1


def test_pushed_hashtags_are_found_and_organic_ones_are_not(bench: Bench) -> None:
    found = values(pushed_hashtags.measure(bench))
    assert found["pushed tag-hours found, any severity"] >= 0.95
    assert found["pushed tag-hours at warning or above"] >= 0.8
    assert found["organic tag-hours found, any severity"] <= 0.05
    assert found["organic tag-hours at warning or above"] == 0
