"""One case: an operation as far as it is known, with its findings, its severity, its fate and its verdict."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple, get_args

from detectors.case_fate import CaseFate, FateCounts
from detectors.findings import Finding, Subject, platform_of, post_key, stable_id
from detectors.severity import Assessment, Severity, severity_of
from detectors.state import Record
from detectors.traits.results import State, TraitResult
from detectors.verdicts import Verdict

Status = Literal["open", "updated", "closed", "merged", "dismissed", "retracted"]
_ORDER: tuple[Severity | None, ...] = (None, "notice", "warning", "critical")
_STATES: tuple[State, ...] = get_args(State)


class Judged(NamedTuple):
    """A finding with what the rules say of it."""

    finding: Finding
    assessment: Assessment
    traits: tuple[TraitResult, ...] = ()
    """What its accounts have in common, tested against chance; empty where that was not asked."""


class CaseHead(Record, tag="cases"):
    """A case; its accounts, subjects and best finding follow from its findings."""

    number: int
    revision: int
    status: Status
    pending: list[str]
    accounts_total: int
    first_seen_ms: int
    last_post_ms: int
    detected_ms: int
    published_ms: int
    published_severity: Severity | None
    score: int
    severity: Severity | None
    closed_ms: int = 0
    verdict: Verdict | None = None
    answered: bool = True
    passed: bool = False
    split_from: str | None = None
    deadline_ms: int = 0


class CaseFinding(Record, tag="case_findings"):
    """One finding of a case."""

    place: int
    """Its place among the findings of the case."""
    judged: Judged
    former_accounts: list[str]
    """Accounts of its earlier states in this case that it has no more; they stay in the index."""
    former_subjects: list[Subject]


class Case:
    """One operation as far as it is known."""

    def __init__(self, first: Judged) -> None:
        # With the tick, since a finding may come back after its first case was closed.
        self.case_id = stable_id("c", first.finding.finding_id, str(first.finding.judged_ms))
        self.revision = 0
        self.status: Status = "open"
        self.findings: dict[str, Judged] = {}
        self.pending: dict[str, Judged] = {}
        """Findings that are new or changed since the last revision."""
        self.number = 0
        """Number of the case, by which the open ones are in order."""
        self.places: dict[str, int] = {}
        """Place of each finding, by which they are in order."""
        self.former: dict[str, tuple[set[str], set[Subject]]] = {}
        """Accounts and subjects of the earlier states of a finding that it has no more."""
        self.accounts: Counter[str] = Counter()
        self.named: set[Subject] = set()
        """Every subject that a finding of the case ever had."""
        self.indexed: set[str] = set()
        """Every account that a finding of the case ever had."""
        self.accounts_total = 0
        self.first_seen_ms = first.finding.start_ms
        self.last_post_ms = first.finding.end_ms
        self.detected_ms = first.finding.judged_ms
        self.published_ms = 0
        self.published_severity: Severity | None = None
        self.score = 0
        self.severity: Severity | None = None
        """By the score, the distinct reasons and the accounts of the whole case; it never falls."""
        self.best = first
        self.fate = CaseFate()
        self.deadline_ms = 0
        """When it is to be looked at again, if nothing happens before."""
        self.closed_ms = 0
        """Tick at which it was closed; 0 while it is open."""
        self.verdict: Verdict | None = None
        self.answered = True
        """Whether the verdict was told."""
        self.passed = False
        """Whether it counts among the earlier cases of its accounts."""
        self.split_from: str | None = None
        """The open case that had these accounts before, if there was one."""

    @property
    def posts(self) -> set[str]:
        """Network and id of the posts that its findings keep."""
        return {
            post_key(platform_of(member.account), member.post_id)
            for judged in self.findings.values()
            for member in judged.finding.posts
        }

    @property
    def posts_total(self) -> int:
        """At least so many posts: those of the largest finding, and one of each account that is not in it.

        Findings may share posts, so that they cannot simply be added up.
        """
        findings = [judged.finding for judged in self.findings.values()]
        largest = max(findings, key=lambda one: (one.posts_total, one.finding_id))
        if len(largest.accounts) < largest.accounts_total:  # who else is in it is not known
            return largest.posts_total
        posted = {account for one in findings if one.posts for account in one.accounts}
        return largest.posts_total + len(posted.difference(largest.accounts))

    @property
    def fate_counts(self) -> FateCounts:
        """What became of its accounts and posts, in numbers."""
        return self.fate.counts(len(self.accounts), self.posts)

    def speaks(self, tick_ms: int) -> bool:
        """Whether it has something to tell that was not told."""
        if not self.answered:
            return True
        return not self.silenced(tick_ms) and (bool(self.pending) or self.fate_step() > self.fate.told)

    def silenced(self, tick_ms: int) -> bool:
        """Whether a verdict lets nothing new be told of it."""
        return self.verdict is not None and self.verdict.silences(tick_ms)

    def fate_step(self) -> int:
        """How far its accounts and posts are gone, see `detectors.case_fate`."""
        heard = self.fate.accounts or self.fate.erased
        return self.fate.step(len(self.accounts), self.posts) if heard else 0

    @property
    def subjects(self) -> list[Subject]:
        """What the case pushes: the main subject first, then by how many findings name each."""
        main = self.best.finding.subjects[0]
        counted = Counter(subject for judged in self.findings.values() for subject in judged.finding.subjects)
        rest = sorted(counted, key=lambda subject: (-counted[subject], subject))
        return [main, *(subject for subject in rest if subject != main)]

    @property
    def traits(self) -> list[tuple[TraitResult, str]]:
        """Of each trait the strongest result among its findings and the id of that finding, by name.

        Not those of the best finding alone: the one with the most points is often small, and what its
        accounts have in common shows in a larger one.
        """
        results = [(result, finding_id) for finding_id, one in self.findings.items() for result in one.traits]
        strongest: dict[str, tuple[TraitResult, str]] = {}
        for one in sorted(results, key=_strength):
            strongest.setdefault(one[0].name, one)
        return [strongest[name] for name in sorted(strongest)]

    def take(self, judged: Judged) -> None:
        """Add a finding, or its newer state."""
        finding = judged.finding
        before = self.findings.get(finding.finding_id)
        if before is None:
            self.places[finding.finding_id] = len(self.places)
        else:
            self.accounts.subtract(before.finding.accounts)
            accounts, subjects = self.former.pop(finding.finding_id, (set(), set()))
            accounts = accounts.union(before.finding.accounts).difference(finding.accounts)
            subjects = subjects.union(before.finding.subjects).difference(finding.subjects)
            if accounts or subjects:
                self.former[finding.finding_id] = accounts, subjects
        self.accounts.update(finding.accounts)
        self.accounts += Counter()  # drops accounts that no finding names any more
        self.findings[finding.finding_id] = judged
        self.named.update(finding.subjects)
        self.pending[finding.finding_id] = judged
        self.first_seen_ms = min(self.first_seen_ms, finding.start_ms)
        self.last_post_ms = max(self.last_post_ms, finding.end_ms)
        self.accounts_total = max(len(self.accounts), self.accounts_total, finding.accounts_total)
        self.best = max(self.findings.values(), key=_weight)
        # What was once seen of an operation stays seen: a case's score does not fall while it lasts.
        self.score = max(self.score, self.best.assessment.score)
        codes = {check.code for one in self.findings.values() for check in one.assessment.reasons}
        now = severity_of(self.score, len(codes), self.accounts_total)
        self.severity = max(self.severity, now, key=_ORDER.index)

    # -- checkpoints -------------------------------------------------------------------------------

    def head(self) -> CaseHead:
        """The record of the case itself."""
        return CaseHead(
            self.number,
            self.revision,
            self.status,
            list(self.pending),
            self.accounts_total,
            self.first_seen_ms,
            self.last_post_ms,
            self.detected_ms,
            self.published_ms,
            self.published_severity,
            self.score,
            self.severity,
            self.closed_ms,
            self.verdict,
            self.answered,
            self.passed,
            self.split_from,
            self.deadline_ms,
        )

    def part(self, finding_id: str) -> CaseFinding | None:
        """The record of one of its findings."""
        if finding_id not in self.findings:
            return None
        accounts, subjects = self.former.get(finding_id, ((), ()))
        return CaseFinding(
            self.places[finding_id], self.findings[finding_id], sorted(accounts), sorted(subjects)
        )

    @classmethod
    def restored(cls, case_id: str, head: CaseHead, parts: list[CaseFinding]) -> Case:
        """The case of these records."""
        parts.sort(key=lambda one: one.place)
        case = cls(parts[0].judged)
        case.case_id, case.number = case_id, head.number
        for part in parts:
            finding = part.judged.finding
            accounts, subjects = set(part.former_accounts), set(part.former_subjects)
            case.places[finding.finding_id] = part.place
            case.findings[finding.finding_id] = part.judged
            if accounts or subjects:
                case.former[finding.finding_id] = accounts, subjects
            case.accounts.update(finding.accounts)
            case.indexed.update(finding.accounts, accounts)
            case.named.update(finding.subjects, subjects)
        case.best = max(case.findings.values(), key=_weight)
        case.pending = {name: case.findings[name] for name in head.pending}
        case.revision, case.status = head.revision, head.status
        case.accounts_total, case.score, case.severity = head.accounts_total, head.score, head.severity
        case.first_seen_ms, case.last_post_ms = head.first_seen_ms, head.last_post_ms
        case.detected_ms, case.published_ms = head.detected_ms, head.published_ms
        case.published_severity, case.closed_ms = head.published_severity, head.closed_ms
        case.verdict, case.answered = head.verdict, head.answered
        case.passed, case.split_from, case.deadline_ms = head.passed, head.split_from, head.deadline_ms
        return case


def closing(case: Case) -> tuple[int, int]:
    """By this closed cases are in order."""
    return case.closed_ms, case.number


def _weight(one: Judged) -> tuple[int, int, str]:
    """By this the best finding of a case is told."""
    return one.assessment.score, one.finding.accounts_total, one.finding.finding_id


def _strength(one: tuple[TraitResult, str]) -> tuple[int, float, float, str]:
    """By this the strongest result of a trait is told: it comes first."""
    result, finding_id = one
    p_value = 1.0 if result.p_value is None else result.p_value
    return _STATES.index(result.state), p_value, -(result.effect or 0.0), finding_id


class Revision(NamedTuple):
    """A case at the moment of one alert."""

    case: Case
    status: Status
    tick_ms: int
    new: tuple[Judged, ...]
    merged_into: str | None = None
    """The case that goes on with this one's findings, if it was merged."""
    earlier: tuple[str, ...] = ()
    """Closed cases that had a good part of the same accounts."""
