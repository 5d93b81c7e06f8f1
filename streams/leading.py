"""What leads the stream now, alerted or not: the subjects judged, by accounts, with their bot share.

Most of what leads is news and gets no points. The room wants to see that too, and why: so each leader says
which rule gives it most points or, where none does, which comes nearest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from detectors.background import expected_share
from detectors.case import Judged
from detectors.findings import Evidence, Finding, Subject
from detectors.rules import RULES
from detectors.rules.checks import Check
from detectors.rules.needed import needed_fr
from detectors.rules.sentences import NBSP, THIN, Both, shortened
from detectors.severity import NOTICE
from detectors.wording import sentence

_MINUTE_MS = 60_000
_TREND = 30
_MOST_SHOWN = 120
_ROOM = 20
"""So many subjects for each that is shown are held: who invents hashtags cannot fill the memory with them."""
_NO_DATA: Both = ("not enough data for any rule", "données insuffisantes pour toutes les règles")


class Leader(msgspec.Struct, frozen=True, kw_only=True):
    """One subject as it stands."""

    kind: str
    value: str
    shown: str
    """What to show of it: the value, or of a text its beginning."""
    accounts: int
    posts: int
    bot_share: float | None
    """Expected share of automated accounts; None where too little is known of them."""
    bot_low: float | None
    bot_high: float | None
    """The 95 % interval of it, see `detectors.background.expected_share`."""
    trend: tuple[float, ...]
    """Its newest bot shares, at most 30, the latest last."""
    score: int
    severity: Literal["notice", "warning", "critical"] | None
    why_en: str
    why_fr: str
    """The rule that gives most points, or that comes nearest to giving any, with its numbers."""
    seen_ms: int
    """Tick at which it was last judged."""
    detector: str


class Leading:
    """The newest judgement of every subject within a window of event time.

    A hashtag may be judged by several detectors, which count different windows: the one that sees most
    accounts says how many they are and how many look automated; the one that gives most points says why.

    Parameters
    ----------
    k : int
        How many of each kind are told by `as_json`; twenty times as many subjects are held in all.
    window_min : int
        Minutes of event time after which a subject that was not judged again is gone.

    Examples
    --------
    >>> from detectors.findings import Finding, Subject
    >>> from detectors.severity import assess
    >>> finding = Finding(
    ...     finding_id="f1", detector="rising", subjects=(Subject("hashtag", "bridge"),), start_ms=0,
    ...     end_ms=60_000, judged_ms=60_000, accounts=("x/1",), accounts_total=40, posts=(), posts_total=90,
    ...     template=None, declared=0, evidence={"posts": 90, "usual": 2, "minutes": 5, "deviations": 8.0,
    ...     "busiest_share": 0.2, "bot_share": 0.4, "bot_share_low": 0.3, "bot_share_high": 0.5,
    ...     "bot_share_reference": 0.2, "scored_accounts": 38})
    >>> leading = Leading()
    >>> leading.note(Judged(finding, assess(finding, 0, 0)), 60_000)
    >>> (leader,) = Leading.from_json(leading.as_json()).top("hashtag", 10)
    >>> leader.value, leader.accounts, leader.bot_share, leader.trend, leader.score
    ('bridge', 40, 0.4, (0.4,), 15)
    >>> leader.why_en
    '90 posts in 5 minutes, where its usual share of the stream would give 2; 15 points, a notice needs 20'
    >>> leading.advance(62 * 60_000)
    >>> leading.top("hashtag", 10)
    []
    """

    def __init__(self, k: int = 50, window_min: int = 60) -> None:
        self.k, self.window_min = k, window_min
        self.evicted = 0
        """Subjects that were let go for want of room."""
        self._held: dict[Subject, dict[str, Leader]] = {}
        """By subject and detector; the subject that was judged last stands last."""
        self._now_ms = 0

    def note(self, judged: Judged, tick_ms: int) -> None:
        """Take in a judgement of a tick; ticks come in order."""
        subject = judged.finding.subjects[0]
        views = self._held.pop(subject, {})
        detector = judged.finding.detector
        before = views.get(detector)
        self._held[subject] = views | {detector: _leader(judged, before.trend if before else (), tick_ms)}
        self.advance(tick_ms)

    def advance(self, tick_ms: int) -> None:
        """Let event time pass: what was not judged for the length of the window is gone."""
        self._now_ms = max(self._now_ms, tick_ms)
        while self._held:
            oldest = next(iter(self._held))
            if not self._within(self._held[oldest].values()):
                del self._held[oldest]
            elif len(self._held) > _ROOM * self.k:
                del self._held[oldest]
                self.evicted += 1
            else:
                return

    def top(self, kind: str, k: int) -> list[Leader]:
        """The first subjects of a kind, by accounts; it may be asked from another thread."""
        leaders = [
            _joined(views)
            for (of, _), held in list(self._held.items())
            if of == kind and (views := self._within(list(held.values())))
        ]
        return sorted(leaders, key=lambda one: (-one.accounts, -one.posts, one.value))[:k]

    def as_json(self) -> bytes:
        """The first `k` of every kind, as one JSON document that `from_json` reads."""
        leaders = [
            view
            for kind in sorted({kind for kind, _ in list(self._held)})
            for leader in self.top(kind, self.k)
            for _, view in sorted(self._held.get(Subject(kind, leader.value), {}).items())
        ]
        told = _Told(self.k, self.window_min, self._now_ms, leaders)
        return msgspec.json.encode(told)

    @classmethod
    def from_json(cls, raw: bytes | str) -> Leading:
        """What `as_json` told.

        Raises
        ------
        msgspec.DecodeError
            Also where it is the JSON of something else.
        """
        told = msgspec.json.decode(raw, type=_Told)
        leading = cls(told.k, told.window_min)
        for view in sorted(told.views, key=lambda one: one.seen_ms):
            leading._held.setdefault(Subject(view.kind, view.value), {})[view.detector] = view
        leading._now_ms = told.now_ms
        return leading

    def _within(self, views: Iterable[Leader]) -> list[Leader]:
        since_ms = self._now_ms - self.window_min * _MINUTE_MS
        return [view for view in views if view.seen_ms > since_ms]


class _Told(msgspec.Struct):
    k: int
    window_min: int
    now_ms: int
    views: list[Leader]


def _leader(judged: Judged, before: tuple[float, ...], tick_ms: int) -> Leader:
    """A subject as one detector sees it."""
    finding = judged.finding
    share, low, high = _bots(finding)
    why = _why(judged)
    return Leader(
        kind=finding.subjects[0].kind,
        value=finding.subjects[0].value,
        shown=_shown(finding),
        accounts=finding.accounts_total,
        posts=finding.posts_total,
        bot_share=share,
        bot_low=low,
        bot_high=high,
        trend=before if share is None else (*before, share)[-_TREND:],
        score=judged.assessment.score,
        severity=judged.assessment.severity,
        why_en=why[0],
        why_fr=why[1],
        seen_ms=tick_ms,
        detector=finding.detector,
    )


def _joined(views: list[Leader]) -> Leader:
    """One leader of what several detectors see."""
    widest = max(views, key=lambda one: (one.accounts, one.detector))
    strongest = max(views, key=lambda one: (one.score, one.accounts, one.detector))
    return msgspec.structs.replace(
        widest,
        score=strongest.score,
        severity=strongest.severity,
        why_en=strongest.why_en,
        why_fr=strongest.why_fr,
        seen_ms=max(view.seen_ms for view in views),
    )


def _shown(finding: Finding) -> str:
    kind, value = finding.subjects[0]
    return shortened(finding.template, _MOST_SHOWN) if kind == "text" and finding.template else value


def _bots(finding: Finding) -> tuple[float | None, float | None, float | None]:
    """Bot share with its interval: the detector's own, else that of the accounts of the posts shown."""
    evidence: Evidence = finding.evidence
    if "bot_share" not in evidence:
        scores = {member.account: member.score for member in finding.posts if member.score >= 0}
        evidence = expected_share(sorted(scores.values()))
    return evidence["bot_share"], evidence["bot_share_low"], evidence["bot_share_high"]


def _why(judged: Judged) -> Both:
    """Which rule gives it most points, or comes nearest to giving any."""
    finding, assessment, traits = judged
    if assessment.openness is not None:
        return assessment.openness.why
    if assessment.reasons:
        english, french = sentence(finding.detector, assessment.reasons[0], traits)
        if assessment.score >= NOTICE:
            return english, french
        return (
            f"{english}; {assessment.score} points, a notice needs {NOTICE}",
            f"{french}{THIN}; {assessment.score} points, un signalement en demande {NOTICE}",
        )
    told = RULES[finding.detector].SENTENCES
    missed = [check for check in assessment.checks if check.state == "not_met" and check.code in told]
    if not missed:
        return _NO_DATA
    nearest = max(missed, key=_excess)
    english, french = sentence(finding.detector, nearest, traits)
    return (
        f"{english}; that gives no points, it takes {nearest.needed}",
        f"{french}{THIN}; cela ne donne aucun point, il faut{NBSP}: "
        f"{needed_fr(finding.detector, nearest.code, nearest.needed)}",
    )


def _excess(check: Check) -> float:
    """How much of what a rule looks for is there: a share, less that of comparable groups."""
    numbers = check.numbers
    if "linked" in numbers:
        return (numbers["linked"] or 0) / max(1, numbers["accounts"] or 0)
    return (numbers.get("share") or 0) - (numbers.get("reference") or 0)
