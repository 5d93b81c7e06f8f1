"""Texts from a grammar: each symbol has alternatives, and an alternative may hold other symbols."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from random import Random

_SLOT = re.compile(r"\{(\^?)(\w+)\}")


class _Rule:
    """The compiled alternatives of one symbol; an alternative is a list of literals and (rule, capital)."""

    __slots__ = ("alternatives",)

    def __init__(self) -> None:
        self.alternatives: list[list[str | tuple[_Rule, bool]]] = []


class Grammar:
    """A context-free grammar whose expansion is a text.

    Parameters
    ----------
    rules : mapping
        Symbol to alternatives. `{other}` in an alternative inserts an alternative of `other`;
        `{^other}` does so with a capital first letter.

    Examples
    --------
    >>> Grammar({"greeting": ["{^word}, you"], "word": ["hello"]}).expand("greeting", Random(1))
    'Hello, you'
    """

    def __init__(self, rules: Mapping[str, list[str]]) -> None:
        self._source = rules
        self._rules = {symbol: _Rule() for symbol in rules}
        for symbol, alternatives in rules.items():
            self._rules[symbol].alternatives = [self._compile(symbol, text) for text in alternatives]

    def expand(self, symbol: str, rng: Random) -> str:
        """One random text of `symbol`."""
        out: list[str] = []
        _expand(self._rules[symbol], rng.random, out)
        return "".join(out)

    def words(self, symbol: str) -> list[str]:
        """The alternatives of a symbol as they are written."""
        return list(self._source[symbol])

    def _compile(self, symbol: str, text: str) -> list[str | tuple[_Rule, bool]]:
        parts: list[str | tuple[_Rule, bool]] = []
        end = 0
        for slot in _SLOT.finditer(text):
            if slot.start() > end:
                parts.append(text[end : slot.start()])
            if slot[2] not in self._rules:
                raise ValueError(f"the symbol {symbol!r} uses {slot[2]!r}, which the grammar does not have")
            parts.append((self._rules[slot[2]], bool(slot[1])))
            end = slot.end()
        if end < len(text):
            parts.append(text[end:])
        return parts


def _expand(rule: _Rule, random: Callable[[], float], out: list[str]) -> None:
    alternatives = rule.alternatives
    for part in alternatives[int(random() * len(alternatives))]:
        if isinstance(part, str):
            out.append(part)
        elif part[1]:
            at = len(out)
            _expand(part[0], random, out)
            out[at] = capital(out[at])
        else:
            _expand(part[0], random, out)


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


@cache
def load_grammar(name: str) -> Grammar:
    """The grammar `name` ("fr", "en" or "operations") that ships with the package."""
    source = resources.files("streams.simulate") / "texts" / f"{name}.toml"
    return Grammar(tomllib.loads(source.read_text("utf-8")))
