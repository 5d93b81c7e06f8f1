"""The worked example of CONTRIBUTING.md: a new trait is one file and one line, and stands in the alerts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLAY = """
import json
import random
from datetime import UTC, datetime, timedelta
from detectors.events import Post, Profile
from streams.embedded import Pipeline

START = datetime(2022, 4, 10, 18, tzinfo=UTC)
TEXT = "nobody wants to hear your tired old songs any more, pack your bags and go home for good"

def post(number, account, followers, text):
    at = START + timedelta(milliseconds=500 * number)
    return Post(id=str(number), platform="x", author_id=account, created_at=at, kind="original", text=text,
                time_ms=int(at.timestamp() * 1000), author=Profile(followers=followers))

rng = random.Random(7)

def words():
    return " ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(9))

posts = [post(n, f"reader{n}", 300, words()) for n in range(400)]
posts += [post(400 + n, f"member{n}", 0, TEXT) for n in range(20)]
pipeline = Pipeline()
alerts = [*pipeline.feed(posts), *pipeline.finish()]
traits = {one["name"]: one for one in alerts[-1]["data"]["traits"]}
codes = [reason["code"] for reason in alerts[-1]["data"]["reasons"]]
print(json.dumps([traits["unfollowed"], codes]))
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the two packages with the example in it."""
    for package in ("detectors", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    page = (ROOT / "CONTRIBUTING.md").read_text()
    section = page[page.index("## A new trait") :]
    module, line = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[:2]
    traits = tmp_path / "detectors" / "traits"
    (traits / "unfollowed.py").write_text(module)
    registry = traits / "__init__.py"
    registry.write_text(registry.read_text().replace("\nTRAITS:", line + "\nTRAITS:"))
    return tmp_path


def python(checkout: Path, *arguments: str) -> str:
    # Not as a module's test of its own: what is imported must be the copy.
    told = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, capture_output=True, text=True, check=False, timeout=120
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_the_trait_of_the_worked_example_is_tested_told_and_counted(checkout):
    (checkout / "play.py").write_text(PLAY)
    told = python(checkout, "play.py")
    assert '"state": "found"' in told
    assert '"unfollowed"]' in told  # among the reasons that gave points
    assert "100% of 20 accounts had no followers, where 0% of comparable accounts did" in told


def test_the_doctest_of_the_worked_example_holds(checkout):
    python(checkout, "-m", "doctest", "detectors/traits/unfollowed.py")
