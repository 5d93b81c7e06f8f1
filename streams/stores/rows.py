"""What a store holds, row by row: posts, judgements, what was told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from detectors.batches import PromotionSignal
from detectors.events import moment_ms
from detectors.findings import Evidence, Subject
from detectors.lists import folded
from detectors.traits.results import TraitResult
from streams.sources.opening import InputError

SEPARATOR = "\x1f"
"""Between several values in one column, and at its ends, so that each can be looked for whole."""

SHOWN_POSTS = 20
"""Posts that stand by their ids in a judgement."""

State = Literal["met", "not_met", "not_enough_data"]
PostRow = tuple[str | int | None, ...]
"""A post as its columns, in the order of `Use`."""
_Body = TypeVar("_Body")


class Use(NamedTuple):
    """One post as it is stored."""

    time_ms: int
    account: str
    post_id: str
    kind: str
    activity: int
    """See `detectors.findings.Member.activity`."""
    hashtags: tuple[str, ...]
    links: tuple[str, ...]
    media: tuple[str, ...]
    targets: tuple[str, ...]
    """Whom it names; empty for a repost."""
    strangers: tuple[str, ...]
    """Those of them that its author had not named before."""
    ref: str | None
    """Id of the post reposted or answered."""
    source: str | None
    """Key of the account reposted."""
    text: str | None
    """Key of the text's exact copies; None for a repost, and where it is too short."""
    listed: str | None
    """Kind of the author's entry in the room's lists."""
    payer: str | None
    """Who promoted it, folded; empty where nobody is named, None where it is not promoted."""
    banned_ms: int | None
    """Since when that payer is banned."""


class Rule(msgspec.Struct, frozen=True):
    """One rule applied to it, see `detectors.rules.checks.Check`."""

    code: str
    state: State
    points: int
    needed: str
    numbers: Evidence


class Judgement(msgspec.Struct, frozen=True):
    """What was measured of one finding, and what the rules said of it."""

    accounts: int
    posts: int
    template: str | None
    evidence: Evidence
    open: bool
    checks: list[Rule]
    post_ids: list[str]


class JudgedRow(NamedTuple):
    """One judgement as it was stored."""

    tick_ms: int
    finding_id: str
    detector: str
    subject: Subject
    """What it is about first of all."""
    score: int
    severity: str | None
    body: Judgement
    traits: list[TraitResult]
    """Empty where none was tested."""


class Told(NamedTuple):
    """A case as one alert told it."""

    time_ms: int
    case_id: str
    revision: int
    status: str
    severity: str
    score: int


class _AlertData(msgspec.Struct):
    """What is read of an alert's data."""

    case_id: str
    revision: int
    status: str
    severity: str
    score: int


class _Alert(msgspec.Struct):
    """An alert as it was published."""

    data: _AlertData


class Span(NamedTuple):
    """How often something was counted, first and last; the times are 0 where it never was."""

    posts: int
    first_ms: int
    last_ms: int


class Stream(NamedTuple):
    """Posts of the whole stream, and those of accounts that the room's lists hold to push."""

    posts: int
    listed: int


def joined(values: Iterable[str]) -> str | None:
    """Several values as one text, each between two separators, so that each can be looked for whole."""
    return f"{SEPARATOR}{SEPARATOR.join(values)}{SEPARATOR}" if values else None


def paid_columns(paid: PromotionSignal | None) -> tuple[str | None, int | None]:
    """Payer of a promoted post, empty where nobody is named, and since when it is banned."""
    return (None, None) if paid is None else (folded(paid.payer or ""), paid.banned_ms)


def use_of(row: Sequence[Any]) -> Use:
    """A post, from its columns."""
    several = (tuple(one[1:-1].split(SEPARATOR)) if one else () for one in row[5:10])
    return Use(*row[:5], *several, *row[10:])


def judged_of(row: Sequence[Any]) -> JudgedRow:
    """A judgement, from its columns."""
    tick_ms, finding_id, detector, kind, value, score, severity, body, traits = row
    results = decoded(traits, list[TraitResult]) if traits is not None else []
    judgement = decoded(body, Judgement)
    return JudgedRow(tick_ms, finding_id, detector, Subject(kind, value), score, severity, judgement, results)


def told_of(row: Sequence[Any]) -> Told:
    """An alert in short, from its columns."""
    time, body = row
    data = decoded(body, _Alert).data
    at_ms = moment_ms(time)
    return Told(at_ms, data.case_id, data.revision, data.status, data.severity, data.score)


def decoded(body: bytes, shape: type[_Body]) -> _Body:
    """What was stored as JSON.

    Raises
    ------
    InputError
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as problem:
        raise InputError(
            f"The store is damaged, a record of it cannot be read ({problem}): make it anew with "
            "`vigie replay --store`."
        ) from None
