"""One alert (`vigie.alert.v1`): a revision of a case as a CloudEvents message.

Everything in it follows from the posts, so two runs over the same posts give the same bytes. Only
``data.published_at`` is the clock's; it is null here and set by whoever publishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from detectors import __version__
from detectors.accounts import automation
from detectors.case import Case, Judged, Revision
from detectors.coverage import Coverage, not_whole
from detectors.disarm import techniques
from detectors.findings import Edge, Member, Subject, author_of
from detectors.lists import Lists
from detectors.rules import RULES
from detectors.rules.checks import Check
from detectors.rules.sentences import Both
from detectors.rules.traits import trait_said
from detectors.traits.results import TraitResult
from detectors.verdicts import Verdict
from detectors.watching import WatchList
from detectors.wording import not_proved, sentence, summary

TYPE = "vigie.alert.v1"
SCHEMA = "urn:vigie:schema:vigie.alert.v1"
"""The `$id` of the JSON Schema, which ships as `streams/outputs/schemas/vigie.alert.v1.json`."""
DETECTORS = tuple(RULES)
"""Names of the detectors, as they stand in alerts."""

_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "\ufffd")
"""Attributes of a CloudEvent hold no control characters; `data.subjects` has the value as it was."""
_MAX_SUBJECTS, _MAX_ACCOUNTS, _MAX_POSTS = 200, 200, 50
_FINDING_ACCOUNTS, _FINDING_POSTS = 50, 20
_MAX_LISTED = 50


@lru_cache(maxsize=1 << 14)  # the same posts stand in alert after alert
def instant(time_ms: int) -> str:
    """A time in milliseconds since the epoch as RFC 3339 in UTC.

    >>> instant(1_500_000_000_123)
    '2017-07-14T02:40:00.123Z'
    """
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment.isoformat()[:19]}.{time_ms % 1000:03d}Z"


def render(
    revision: Revision,
    config_version: str,
    lists: Lists | None = None,
    watch: WatchList | None = None,
    coverage: Coverage | None = None,
) -> dict[str, Any]:
    """Turn a revision of a case into its alert.

    Parameters
    ----------
    revision : Revision
    config_version : str
        Of the settings in force.
    lists : Lists, optional
        The room's lists in force.
    watch : WatchList, optional
        What the room cares about.
    coverage : Coverage, optional
        What the stream did not show.
    """
    lists, watch, coverage = lists or Lists(), watch or WatchList(), coverage or Coverage()
    case = revision.case
    subjects = case.subjects
    return {
        "specversion": "1.0",
        "id": f"{case.case_id}.{case.revision}",
        "type": TYPE,
        "source": "vigie",
        "subject": str(subjects[0]).translate(_CONTROL),
        "time": instant(revision.tick_ms),
        "dataschema": SCHEMA,
        "datacontenttype": "application/json",
        "data": {
            "case_id": case.case_id,
            "revision": case.revision,
            "status": revision.status,
            "severity": case.severity or "notice",
            "score": case.score,
            "probability": None,
            "summary": _both(summary(case)),
            "reasons": [_reason(case.best, reason) for reason in case.best.assessment.reasons],
            "detectors": sorted({judged.finding.detector for judged in case.findings.values()}),
            "subjects": [_subject(subject) for subject in subjects[:_MAX_SUBJECTS]],
            "subjects_total": len(subjects),
            "window": _window(case.first_seen_ms, case.last_post_ms),
            "first_seen": instant(case.first_seen_ms),
            "detected_at": instant(case.detected_ms),
            "published_at": None,
            "group": _group(revision, lists),
            "findings": [_finding(judged) for judged in revision.new],
            "traits": [_trait(result, finding_id) for result, finding_id in case.traits],
            "related": {
                "merged_into": revision.merged_into,
                "split_from": case.split_from,
                "earlier": list(revision.earlier),
            },
            "fate": case.fate_counts._asdict() | {"accounts": len(case.accounts)},
            "verdict": _verdict(case.verdict),
            "coverage": {
                "sampling": coverage.sampling,
                "filter": coverage.filter,
                "gaps": [
                    _window(gap.start_ms, gap.end_ms) | {"source": gap.source, "reason": gap.reason}
                    for gap in coverage.gaps
                ],
            },
            "relevance": _relevance(case, subjects, watch),
            "not_proved": [_both(text) for text in (*not_proved(case), not_whole(coverage)) if text],
            "disarm": _techniques(case),
            "versions": {
                "vigie": __version__,
                "config": config_version,
                "lists": lists.version,
                "watch": watch.version,
                "models": automation.VERSION,
            },
        },
    }


def _both(texts: Both) -> dict[str, str]:
    return {"en": texts[0], "fr": texts[1]}


def _window(start_ms: int, end_ms: int) -> dict[str, str]:
    return {"start": instant(start_ms), "end": instant(end_ms)}


def _subject(subject: Subject) -> dict[str, str]:
    return {"kind": subject.kind, "value": subject.value}


def _reason(judged: Judged, reason: Check) -> dict[str, Any]:
    said = _both(sentence(judged.finding.detector, reason, judged.traits))
    return {"code": reason.code, "points": reason.points, "numbers": reason.numbers} | said


def _post(member: Member) -> dict[str, str]:
    return {
        "id": member.post_id,
        "author_id": author_of(member.account),
        "created_at": instant(member.time_ms),
    }


def _group(revision: Revision, lists: Lists) -> dict[str, Any]:
    case = revision.case
    # The accounts of the most findings first: they are the core of the case.
    accounts = sorted(case.accounts, key=lambda name: (-case.accounts[name], name))
    posts = {
        (member.account, member.post_id): member
        for judged in case.findings.values()
        for member in judged.finding.posts
    }
    shown = sorted(posts.values())
    return {
        "accounts_total": case.accounts_total,
        "posts_total": max(len(posts), case.posts_total),
        "accounts": [author_of(account) for account in accounts[:_MAX_ACCOUNTS]],
        "posts": [_post(member) for member in [*shown[:1], *shown[1:][-(_MAX_POSTS - 1) :]]],
        "listed": list(islice(_listed(accounts, lists, revision.tick_ms), _MAX_LISTED)),
    }


def _relevance(case: Case, subjects: list[Subject], watch: WatchList) -> dict[str, Any]:
    """How much of the case is what this room cares about."""
    findings = [judged.finding for judged in case.findings.values()]
    targets = {name for finding in findings for name, _ in finding.targets}
    templates = {finding.template for finding in findings if finding.template}
    points, names = watch.relevance(subjects, targets, templates)
    return {"points": points, "names": list(names)}


def _techniques(case: Case) -> list[str]:
    """The DISARM techniques that its reasons and traits show."""
    return techniques(
        (
            (judged.finding.detector, reason.code)
            for judged in case.findings.values()
            for reason in judged.assessment.reasons
        ),
        (
            trait.name
            for judged in case.findings.values()
            for trait in judged.traits
            if trait.state == "found"
        ),
    )


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    until = None if verdict.until_ms is None else instant(verdict.until_ms)
    return {"kind": verdict.kind, "reason": verdict.reason, "until": until}


def _listed(accounts: list[str], lists: Lists, at_ms: int) -> Iterator[dict[str, Any]]:
    """What the room's lists say of the accounts, those of the most findings first."""
    for account in accounts if lists else ():
        for entry in lists.entries_of(account, at_ms):
            yield {
                "account": author_of(account),
                "kind": entry.kind,
                "list": entry.list,
                "reason": entry.reason,
                "source": entry.source,
                "since": None if entry.since_ms is None else instant(entry.since_ms),
            }


def _finding(judged: Judged) -> dict[str, Any]:
    finding = judged.finding
    posts = finding.posts
    return {
        "finding_id": finding.finding_id,
        "detector": finding.detector,
        "subjects": [_subject(subject) for subject in finding.subjects],
        "window": _window(finding.start_ms, finding.end_ms),
        "accounts_total": finding.accounts_total,
        "posts_total": finding.posts_total,
        "accounts": [author_of(account) for account in finding.accounts[:_FINDING_ACCOUNTS]],
        "posts": [_post(member) for member in [*posts[:1], *posts[1:][-(_FINDING_POSTS - 1) :]]],
        "template": finding.template,
        "targets": [{"value": name, "accounts": accounts} for name, accounts in finding.targets],
        "score": judged.assessment.score,
        "evidence": finding.evidence,
        "edges": [_edge(edge) for edge in finding.edges],
        "reasons": [_reason(judged, reason) for reason in judged.assessment.reasons],
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "accounts": [author_of(edge.one), author_of(edge.other)],
        "objects": edge.objects,
        "quick": edge.quick,
        "shared": [
            _subject(subject) | {"posts": list(posts)}
            for subject, posts in zip(edge.shared, edge.posts, strict=True)
        ],
    }


def _trait(result: TraitResult, finding_id: str) -> dict[str, Any]:
    """What the test of a trait gave of one finding; one that was found says so in a sentence."""
    return {
        "name": result.name,
        "state": result.state,
        "value": result.value,
        "reference": result.reference,
        "effect": result.effect,
        "p_value": result.p_value,
        "n": result.n,
        "sentence": _both(trait_said(result)) if result.state == "found" else None,
        "finding_id": finding_id,
    }
