"""Where labelled recordings lie that are no part of the project: tests on them are skipped without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or HERE.parent.parent / "shared" / "data")
MAPPINGS = HERE / "mappings"


def need_data(name: str) -> Path:
    """One folder of the recordings, or a skipped test."""
    if not (DATA / name).is_dir():
        pytest.skip(f"{name} is not in {DATA} (VIGIE_SHARED_DATA)")
    return DATA / name
