"""The documents say what the code does: made pages are fresh, links lead somewhere, names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from detectors import __version__
from streams.cli import parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_pages_made_from_the_code_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_pages.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_changelog_has_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_command_named_in_the_readme_exists() -> None:
    commands = next(
        action.choices
        for action in parser()._actions
        if action.choices and "replay" in action.choices  # type: ignore[operator]
    )
    named = set(re.findall(r"`vigie (\w+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= set(commands)
    assert set(commands) <= named


def test_every_target_named_in_the_readme_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
