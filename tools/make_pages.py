"""Writes the pages that are made from the code: detectors, signals, metrics, and the picture.

    python tools/make_pages.py [--check | --picture]

With --check nothing is written, and the exit code says whether a page is out of date.
"""

from __future__ import annotations

import importlib
import inspect
import io
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console

from detectors import disarm
from streams import metrics
from streams.embedded import Pipeline
from streams.outputs.terminal import Terminal
from streams.replay import Run, play
from streams.simulate import load_scenario, simulate
from streams.sources.posts import take_line
from streams.sources.records import Batch

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    "near-duplicates": "detectors.groups.near_duplicates",
    "hashtags": "detectors.groups.hashtags",
    "co-sharing": "detectors.groups.co_sharing",
    "networks": "detectors.groups.networks",
    "amplification": "detectors.groups.amplification",
    "targets": "detectors.groups.targets",
    "rising": "detectors.groups.rising",
    "listed": "detectors.groups.listed",
    "sponsored": "detectors.groups.sponsored",
    "payers": "detectors.groups.payers",
    "banned-payers": "detectors.groups.banned_payers",
    "same-payer": "detectors.groups.same_payer",
    "fate": "detectors.groups.fate",
    "purges": "detectors.groups.purges",
    "exact-co-sharing": "detectors.groups.exact_co_sharing",
    "automation-score": "detectors.accounts.automation",
    "declared-accounts": "detectors.accounts.declared",
    "open-coordination": "detectors.openness",
}
_NOTE = "<!-- Made from the docstring of {name} by tools/make_pages.py: change it there. -->"


def page(title: str, module: ModuleType) -> str:
    """The page of one detector: its docstring, section by section, and its settings."""
    lines = inspect.getdoc(module)
    assert lines is not None
    head, *body = lines.splitlines()
    out = [_NOTE.format(name=module.__name__), "", f"# {title.replace('-', ' ').capitalize()}", "", head, ""]
    example = False
    for line in body:
        if line.startswith("Examples"):
            example = True
            out += ["## Example", "", "```python"]
        elif example:
            if not line.startswith("---"):
                out.append(line)
        elif line and not line.startswith(" "):
            out += [f"## {line}", ""]
        else:
            out.append(line[4:] if line.startswith("    ") else line)
    if example:
        out.append("```")
    return "\n".join(out).rstrip() + "\n" + _settings(module)


def _settings(module: ModuleType) -> str:
    for name, cls in vars(module).items():
        if name.endswith("Settings") and cls.__module__ == module.__name__:
            section = module.__name__.rpartition(".")[2]
            rows = [f"| `{section}.{field}` | {value} |" for field, value in _defaults(cls)]
            return "\n## Settings\n\n| name | default |\n|---|---|\n" + "\n".join(rows) + "\n"
    return ""


def _defaults(cls: type) -> list[tuple[str, object]]:
    made = cls()
    return [(field, getattr(made, field)) for field in cls.__struct_fields__]  # type: ignore[attr-defined]


def refilled(current: str, name: str, table: str) -> str:
    """A page with its table made anew between the markers of that name."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = current.partition(start)
    _, _, after = rest.partition(end)
    return before + start + table + end + after


def picture() -> str:
    """What the terminal shows of one simulated operation, as SVG."""
    batch = Batch()
    for number, post in enumerate(simulate(load_scenario("case-d"), 1), 1):
        take_line(post.line, number, batch)
    console = Console(
        record=True, width=110, file=io.StringIO(), force_terminal=True, emoji=False, markup=False
    )
    terminal = Terminal(console)
    for alert in play([batch.posts], Pipeline(), Run()):
        terminal.write(alert)
    return console.export_svg(title="vigie replay", unique_id="vigie")


def made() -> dict[Path, str]:
    """Every made page with its content."""
    pages = {
        DOCS / "detectors" / f"{title}.md": page(title, importlib.import_module(name))
        for title, name in PAGES.items()
    }
    for name, table in (("metrics", metrics.as_markdown()), ("disarm", disarm.as_markdown())):
        path = DOCS / f"{name}.md"
        pages[path] = refilled(path.read_text(encoding="utf-8"), name, table)
    if "--picture" in sys.argv:
        pages[DOCS / "img" / "alert.svg"] = picture()
    return pages


def main() -> int:
    stale = []
    for path, content in made().items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(path.relative_to(DOCS).as_posix())
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"Out of date: {', '.join(stale)}. Run `make docs`.")
        return 1
    print(f"{len(stale)} pages written." if stale else "All pages are up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
