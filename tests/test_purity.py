"""The detectors have no clock, no input, no output and no network, and say what they do not prove."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

import detectors

ROOT = Path(detectors.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

_FORBIDDEN = """
    aiohttp aiokafka asyncio concurrent faust ftplib glob http httpx io kafka logging mmap
    multiprocessing os pathlib pickle platform redis requests secrets select selectors shelve shutil
    signal smtplib socket sqlite3 ssl streams subprocess sys tempfile threading time urllib uuid
    zoneinfo
"""
_KNOWN_PURE = """
__future__ bisect codecs collections contextlib dataclasses datasketch datetime detectors enum
functools hashlib heapq importlib itertools math msgspec numpy operator random re rensa statistics
string struct typing types unicodedata zlib
"""
FORBIDDEN, KNOWN_PURE = (set(names.split()) for names in (_FORBIDDEN, _KNOWN_PURE))
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "sleep"}
BUILTINS = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint", "hash", "id"}
FILE_CALLS = {
    "read_text",
    "write_text",
    "write_bytes",
    "tofile",
    "fromfile",
    "memmap",
    "savez",
    "save",
    "load",
}
RANDOM = ("random.", "np.random.", "numpy.random.")
SEEDED = {"Random", "default_rng", "RandomState", "SeedSequence"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(module: ast.Module) -> set[str]:
    """Every module that is imported, in full, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def offences(source: ast.Module) -> list[str]:
    """What a detector must not do, as far as it can be read from the code."""
    found = [name for name in imported(source) if name.partition(".")[0] in FORBIDDEN]
    names = {name.partition(".")[0] for name in imported(source)}
    for node in ast.walk(source):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        last = called.rpartition(".")[2]
        unseeded = not node.args and not node.keywords
        if called in BUILTINS or (last in CLOCKS and "." in called):
            found.append(called)
        elif last in SEEDED and unseeded:
            found.append(f"{called} without a seed")
        elif last in FILE_CALLS or (called.startswith(RANDOM) and not SEEDED & set(re.split(r"\W", called))):
            found.append(called)
    if "importlib" in names and not {"importlib.resources"} & imported(source):
        found.append("importlib")
    return found


def test_there_are_files_to_look_at():
    assert {"windows.py", "text.py", "cases.py", "groups/near_duplicates.py", "accounts/stage.py"} <= set(
        NAMES
    )


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_detector_has_no_clock_no_input_and_no_network(path):
    assert offences(tree(path)) == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_detector_imports_only_what_is_known_to_be_pure(path):
    assert {name.partition(".")[0] for name in imported(tree(path))} <= KNOWN_PURE


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "import streams.embedded",
        "from streams import embedded",
        "def f():\n    import redis.asyncio",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.utcnow()",
        "open('x')",
        "import numpy as np\nnp.random.rand(3)",
        "import numpy as np\nnp.random.default_rng()",
        "import random\nrandom.random()",
        "import random\nrandom.Random()",
        "import importlib\nimportlib.import_module('x')",
        "from pathlib import Path",
        "hash('x')",
    ],
)
def test_the_check_itself_finds_what_is_forbidden(code):
    assert offences(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "import random\nrandom.Random(3)",
        "import numpy as np\nnp.random.default_rng(7).integers(3)",
        "from importlib import resources\nresources.files('detectors').joinpath('x').read_bytes()",
        "import re\nre.compile('x').search('y')",
    ],
)
def test_the_check_itself_lets_pass_what_is_not(code):
    assert offences(ast.parse(code)) == []


SECTIONS = [
    "What it looks for",
    "Definition",
    r"Defaults,? and why",
    "What it misses",
    "What it does not prove",
    "Examples",
]
DOCUMENTED = [
    path
    for path in FILES
    if path.parent.name in ("groups", "traits", "accounts") and path.name not in ("__init__.py", "stage.py")
]
PARTS = {
    "groups/amplified.py",
    "groups/cluster_records.py",
    "groups/text_cluster.py",
    "groups/text_index.py",
    "groups/comparables.py",
    "groups/references.py",
    "groups/promoted_pages.py",
    "groups/tag.py",
    "groups/target_evidence.py",
    "groups/text_finding.py",
    "traits/chance.py",
    "traits/results.py",
}
"""Parts of a detector that stand in a file of their own: their detector's text speaks for them."""


@pytest.mark.parametrize("path", DOCUMENTED, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTED])
def test_a_detector_says_what_it_looks_for_and_what_it_does_not_prove(path):
    text = ast.get_docstring(tree(path)) or ""
    if str(path.relative_to(ROOT)) in PARTS:
        assert text
        return
    places = []
    for section in SECTIONS:
        match = re.search(rf"^{section}\n(.*)", text, re.MULTILINE)
        assert match, f"{path.name} lacks the section {section!r}"
        places.append(match.start())
        underlined = match.group(1).startswith("---")
        assert underlined or match.group(1).startswith("    "), f"{path.name}: {section!r} is empty"
    assert places == sorted(places), f"{path.name}: the sections stand in another order"
    module = importlib.import_module("detectors." + ".".join(path.relative_to(ROOT).with_suffix("").parts))
    (example,) = doctest.DocTestFinder(recurse=False).find(module, module.__name__)
    assert example.examples, f"{path.name} has no doctest"
    assert any(one.want for one in example.examples), f"{path.name}: its doctest checks nothing"


def test_the_parts_of_detectors_are_used_by_one():
    for name in PARTS:
        module = "detectors." + name.removesuffix(".py").replace("/", ".")
        if (ROOT / name).exists():
            users = [path for path in DOCUMENTED if module in imported(tree(path))]
            assert users, f"{name} is part of no detector: it needs the full text itself"
