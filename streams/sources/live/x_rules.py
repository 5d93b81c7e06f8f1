"""The rules of X's filtered stream, kept as a file says.

The file has one rule a line, as X writes them. Empty lines say nothing, and lines that begin with `#` and a
blank neither; without the blank it is a hashtag. Rules that Vigie made carry its tag. Others, which someone
else made for the same project, are left alone.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from aiohttp import ClientSession

from streams.sources.live.answers import body_of
from streams.sources.opening import InputError

TAG = "vigie"
_PATH = "/2/tweets/search/stream/rules"
_LONGEST_RULE = 1024


class _Rule(msgspec.Struct):
    value: str
    id: str | None = None
    tag: str | None = None


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    details: list[str] = []
    value: str = ""

    def said(self) -> str:
        """What is wrong with which rule."""
        return f"{self.value[:60]}: {self.detail or '; '.join(self.details) or self.title}"


class _Answer(msgspec.Struct):
    data: list[_Rule] = []
    errors: list[_Problem] = []


class Rejected(Exception):
    """X does not accept the rules; the message is one sentence."""


def read_rules(path: str | Path) -> list[str]:
    """The rules of a file.

    Raises
    ------
    InputError
        When it cannot be read, or has no rule.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as problem:
        raise InputError(f"The rules {path} cannot be read: {problem}.") from None
    rules = [rule for line in lines if (rule := line.strip()) and rule.partition(" ")[0] != "#"]
    if not rules:
        raise InputError(f"{path} has no rule: write one a line, for example: #debate lang:fr")
    if long := next((rule for rule in rules if len(rule) > _LONGEST_RULE), None):
        raise InputError(f"A rule of {path} is longer than {_LONGEST_RULE} characters: {long[:60]}…")
    return list(dict.fromkeys(rules))


async def keep_in_step(session: ClientSession, server: str, wanted: list[str]) -> int:
    """Make the rules of Vigie at X those that are wanted; how many were added and taken away.

    What is new is added before what is old goes, so that nothing falls between.

    Raises
    ------
    Rejected
        When X does not accept a rule; then all stay as they were.
    """
    there = await _ask(session, server)
    ours = {rule.value: rule.id for rule in there.data if rule.tag == TAG}
    new = [value for value in wanted if value not in ours]
    old = [id for value, id in ours.items() if value not in wanted and id is not None]
    if new:
        answer = await _ask(session, server, {"add": [{"value": value, "tag": TAG} for value in new]})
        # One that someone else made already brings the same posts.
        refused = [one for one in answer.errors if one.title != "DuplicateRule"]
        if refused:
            told = "; ".join(one.said() for one in refused[:3])
            raise Rejected(f"X does not accept {len(refused)} of the rules ({told}).")
    if old:
        await _ask(session, server, {"delete": {"ids": old}})
    return len(new) + len(old)


async def _ask(session: ClientSession, server: str, change: object = None) -> _Answer:
    """Read the rules, or change them."""
    method = "GET" if change is None else "POST"
    async with session.request(method, server + _PATH, json=change) as answer:
        if answer.status not in (200, 201) and (change is None or answer.status != 400):
            answer.raise_for_status()
        return msgspec.json.decode(await body_of(answer), type=_Answer)
