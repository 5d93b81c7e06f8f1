"""Simulated ordinary traffic against organic streams, in reduced form."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "realism.py"


def realism() -> ModuleType:
    spec = importlib.util.spec_from_file_location("realism", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["realism"] = module
    spec.loader.exec_module(module)
    return module


def test_ordinary_traffic_is_within_a_factor_of_two_of_organic_streams() -> None:
    module = realism()
    folder = module.data_folder()
    if folder is None:
        pytest.skip("the organic slices are not here (VIGIE_SHARED_DATA or ../shared/data)")
    # Copies are too few in a few hours to be held to a factor of two; the full script does that.
    rows = module.compare(module.organic(folder), module.simulated(12.0, 2), texts=1000)
    assert not [row for row in rows if not row.within and "clusters" not in row.name], module.table(rows)


def test_the_measures_are_what_they_say() -> None:
    module = realism()
    assert module.gini([1, 1, 1]) == pytest.approx(0)
    assert module.gini([0, 0, 0, 4]) == pytest.approx(0.75)
    assert module.shingles("@someone ABCDE https://a.example #tag") == {"abcd", "bcde"}
    copy = "the very same text, long enough to count"
    items = [module.Item(str(i), i * 60_000, copy, False) for i in range(3)]
    assert module.same_text_clusters(items) == 1
    assert module.same_text_clusters(items[:2] * 2) == 0
    far = [module.Item(str(i), i * 2_000_000, copy, False) for i in range(3)]
    assert module.same_text_clusters(far) == 0


def test_the_script_says_so_where_there_is_no_data(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False,
        env={"VIGIE_SHARED_DATA": str(tmp_path), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0 and "nothing compared" in done.stdout
