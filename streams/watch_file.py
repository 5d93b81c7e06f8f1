"""`watch.toml`: what this room cares about, read whole or not at all.

Nothing in it is guessed: an unknown key, a kind that is none, a number among words would otherwise be a
candidate whom nobody watches, and no one would notice.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

from detectors.text import read_entities
from detectors.watching import LEAST_WEIGHT, MOST_WEIGHT, USUAL_WEIGHT, WATCHED_KINDS, Watched, WatchList
from streams.sources.opening import InputError

MARKS = ("accounts", "hashtags", "words", "links")
"""What tells an entry; it has one of these at least."""
KEYS = ("name", "kind", *MARKS, "weight")

_DOMAIN = re.compile(r"(?!-)[\w-]+(?:\.[\w-]+)+")
_TAG = re.compile(r"#?\w+")
_ACCOUNT = re.compile(r"\S+")


def read_watch(path: str | Path) -> WatchList:
    """What the room cares about.

    Raises
    ------
    InputError
        At the first thing that is wrong, with the file, the key and what is allowed.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"The watch file {path} cannot be read: {problem.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"The watch file {path} is not TOML: {problem}.") from None
    if unknown := tables.keys() - {"watch"}:
        raise InputError(f"{path}: {min(unknown)} is no key of a watch file; write [[watch]] for each entry.")
    entries = tables.get("watch", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: watch must be a list of tables; write [[watch]] for each entry.")
    watched = [_entry(entry, f"{path}, entry {place}") for place, entry in enumerate(entries, 1)]
    names = [one.name for one in watched]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: two entries are named {twice[0]!r}; put what they watch into one.")
    return WatchList(watched)


def _entry(table: dict[str, Any], where: str) -> Watched:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{where}: name must be a text, under which alerts show the entry.")
    where = f"{where} ({name})"
    if unknown := table.keys() - set(KEYS):
        raise InputError(f"{where}: {min(unknown)} is no key of an entry; allowed are {', '.join(KEYS)}.")
    if table.get("kind") not in WATCHED_KINDS:
        raise InputError(f"{where}: kind must be one of {', '.join(WATCHED_KINDS)}.")
    weight = table.get("weight", USUAL_WEIGHT)
    if type(weight) is not int or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise InputError(f"{where}: weight must be a whole number from {LEAST_WEIGHT} to {MOST_WEIGHT}.")
    marks = {key: _texts(table.get(key, []), f"{where}: {key}") for key in MARKS}
    if not any(marks.values()):
        raise InputError(f"{where} watches nothing; give it one of {', '.join(MARKS)}.")
    _check(marks, where)
    return Watched(name=name.strip(), kind=table["kind"], weight=weight, **marks)


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise InputError(f"{where} must be a list of texts, ids and numbers in quotes too.")
    return tuple(dict.fromkeys(text.strip() for text in cast("list[str]", value)))


def _check(marks: dict[str, tuple[str, ...]], where: str) -> None:
    """Refuse what could never be met."""
    allowed = {
        "accounts": (_ACCOUNT, "ids or handles, without spaces"),
        "hashtags": (_TAG, "one word each, with or without #"),
        "links": (_DOMAIN, "domains such as news.example, without https:// and without a path"),
    }
    for key, (pattern, what) in allowed.items():
        for text in marks[key]:
            if not pattern.fullmatch(text):
                raise InputError(f"{where}: {key} has {text!r}; allowed are {what}.")
    for text in marks["words"]:
        if read_entities(text).slotted != text or not any(map(str.isalpha, text)):
            raise InputError(
                f"{where}: words has {text!r}; allowed are words and phrases without numbers, links, @, #: "
                "texts are compared without numbers, and the others have keys of their own."
            )
