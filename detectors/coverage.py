"""What an alert could not see: what the source left out, what was shed, and when posts are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from detectors.gaps import KEPT, MINUTE_MS, Gap, Gaps
from detectors.rules.sentences import NBSP, THIN, Both, count, count_fr, shortened
from detectors.sources import Sources

BEFORE_MS = 60 * MINUTE_MS
"""How long before its first post an alert is concerned by a gap: detectors look back over an hour at most."""
LONGEST_FILTER = 2000
"""Characters of a filter at most."""
_SHOWN_FILTER = 120
_SHOWN_SOURCES, _SHOWN_SOURCE = 3, 40


class CoverageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the room knows of its source, which no post tells. It goes before what sources say themselves."""

    filter: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_FILTER)] | None = None
    """Query or rule that chose the posts, in the source's own words."""
    sampling: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    """Share of the posts that the source gives: 0.01 of a 1 % sample, 1 where it gives all."""


class Coverage(NamedTuple):
    """What is known of the posts that an alert rests on, and of those that it does not."""

    sampling: float | None = None
    """Share of the posts that was judged, to four digits; None: not known, and nothing was shed."""
    filter: str | None = None
    gaps: tuple[Gap, ...] = ()


def coverage_of(
    settings: CoverageSettings,
    gaps: Gaps,
    sources: Sources,
    first_ms: int,
    at_ms: int,
    judged: float | None = None,
) -> Coverage:
    """What an alert could not see.

    Parameters
    ----------
    settings : CoverageSettings
    gaps : Gaps
        Of the stream up to `at_ms`.
    sources : Sources
        What they have said up to then.
    first_ms : int
        The first post of the alert.
    at_ms : int
        Tick of the alert.
    judged : float, optional
        Share of the posts given that was judged; None if nothing was shed.

    Examples
    --------
    >>> coverage_of(CoverageSettings(sampling=0.01), Gaps(tick_ms=5000), Sources(), 0, 5000, judged=0.9)
    Coverage(sampling=0.009, filter=None, gaps=())
    """
    chosen = sources.chosen()
    given = chosen.sampling if settings.sampling is None else settings.sampling
    known = [share for share in (given, judged) if share is not None]
    # Significant digits, so that a sample of few does not become one of none.
    sampling = float(f"{math.prod(known):.4g}") if known else None
    chosen_by = settings.filter or (shortened(chosen.filter, LONGEST_FILTER) if chosen.filter else None)
    window = first_ms - BEFORE_MS, at_ms
    missing = sorted([*gaps.within(*window), *sources.within(*window)], key=_place)
    return Coverage(sampling, chosen_by, tuple(missing[-KEPT:]))


def _place(gap: Gap) -> tuple[int, int, str]:
    return gap.end_ms, gap.start_ms, gap.source or ""


def not_whole(coverage: Coverage) -> Both | None:
    """What the alert does not prove since not all was seen; None where nothing is known to be missing.

    >>> not_whole(Coverage(sampling=0.01))[0]
    'The stream was not whole: 1% of its posts were judged. What it did not show is not counted.'
    >>> not_whole(Coverage(sampling=1.0))
    """
    missing = list(_missing(coverage))
    if not missing:
        return None
    english = "; ".join(said[0] for said in missing)
    french = f"{THIN}; ".join(said[1] for said in missing)
    return (
        f"The stream was not whole: {english}. What it did not show is not counted.",
        f"Le flux n'était pas complet{NBSP}: {french}. Ce qu'il n'a pas montré n'est pas compté.",
    )


def _missing(coverage: Coverage) -> Iterator[Both]:
    if coverage.filter is not None:
        shown = shortened(coverage.filter, _SHOWN_FILTER)
        yield (
            f"it holds only posts chosen by “{shown}”",
            f"il ne contient que des messages choisis par «{NBSP}{shown}{NBSP}»",
        )
    if coverage.sampling is not None and coverage.sampling < 1:
        share = f"{100 * coverage.sampling:.4g}"
        yield (
            f"{share}% of its posts were judged",
            f"{share.replace('.', ',')}{NBSP}% de ses messages ont été jugés",
        )
    if silences := [gap for gap in coverage.gaps if gap.source is None]:
        english, french = _length(silences)
        yield f"nothing came for {english}", f"rien n'est arrivé pendant {french}"
    if told := [gap for gap in coverage.gaps if gap.source is not None]:
        names = sorted({shortened(gap.source or "", _SHOWN_SOURCE) for gap in told})
        shown = ", ".join(names[:_SHOWN_SOURCES]) + ", …" * (len(names) > _SHOWN_SOURCES)
        english, french = _length(told)
        yield (
            f"of {shown}, posts of {english} are missing",
            f"de {shown}, les messages de {french} manquent",
        )


def _length(gaps: list[Gap]) -> Both:
    """How long some gaps are together, and how many they are."""
    minutes = max(1, round(sum(gap.end_ms - gap.start_ms for gap in gaps) / MINUTE_MS))
    return (
        f"{count(minutes)} minute{'s' * (minutes != 1)} ({len(gaps)} gap{'s' * (len(gaps) != 1)})",
        f"{count_fr(minutes)} minute{'s' * (minutes > 1)} ({len(gaps)} interruption{'s' * (len(gaps) > 1)})",
    )
