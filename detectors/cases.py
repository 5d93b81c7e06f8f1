"""Findings that are the same operation become one case, which keeps its id and speaks in revisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal, NamedTuple, TypeVar

import msgspec

from detectors.batches import FateSignal
from detectors.case_fate import CaseFate, FateCounts
from detectors.findings import Finding, Subject, stable_id
from detectors.past_cases import PastCases
from detectors.severity import NOTICE, Assessment, Severity, severity_of
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

Status = Literal["open", "updated", "closed", "merged"]
MINUTE_MS = 60_000
_Key = TypeVar("_Key", str, Subject)
_EARLIER = 10


class CaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of cases. Times in seconds or minutes of event time."""

    cooldown_s: int = 60
    """Shortest time between two revisions of a case, unless its severity rises."""
    close_minutes: int = 60
    """Silence after which a case is closed."""
    overlap: float = 0.5
    """Share of a finding's accounts that must be a case's already for the finding to join it."""
    min_shared: int = 3
    """Accounts that a finding and a case must share, at the least."""
    max_cases: int = 5000
    """Open cases held; beyond it the one silent for longest is closed."""
    max_closed: int = 1000
    """Closed cases held, so that what becomes of their accounts and posts is told; notices go first."""
    max_past_accounts: int = 200_000
    """Accounts of closed cases remembered, to tell when they come back; those of the oldest case go first."""


_ORDER: tuple[Severity | None, ...] = (None, "notice", "warning", "critical")


class Judged(NamedTuple):
    """A finding with what the rules say of it."""

    finding: Finding
    assessment: Assessment


class _CaseHead(Record, tag="cases"):
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


class _CaseFinding(Record, tag="case_findings"):
    """One finding of a case."""

    place: int
    """Its place among the findings of the case."""
    judged: Judged
    former_accounts: list[str]
    """Accounts of its earlier states in this case that it has no more; they stay in the index."""
    former_subjects: list[Subject]


class _Head(Record, tag="cases_head"):
    """What the stage counts, and when the next revision is due."""

    evicted: int
    number: int
    wake_ms: int | None


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
        self.closed_ms = 0
        """Tick at which it was closed; 0 while it is open."""

    @property
    def posts(self) -> set[str]:
        """Network and id of the posts that its findings keep."""
        return {
            post_key(member.account, member.post_id)
            for judged in self.findings.values()
            for member in judged.finding.posts
        }

    @property
    def fate_counts(self) -> FateCounts:
        """What became of its accounts and posts, in numbers."""
        return self.fate.counts(len(self.accounts), self.posts)

    @property
    def speaks(self) -> bool:
        """Whether it has something to tell that was not told."""
        return bool(self.pending) or self.fate_step() > self.fate.told

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

    def head(self) -> _CaseHead:
        """The record of the case itself."""
        return _CaseHead(
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
        )

    def part(self, finding_id: str) -> _CaseFinding | None:
        """The record of one of its findings."""
        if finding_id not in self.findings:
            return None
        accounts, subjects = self.former.get(finding_id, ((), ()))
        return _CaseFinding(
            self.places[finding_id], self.findings[finding_id], sorted(accounts), sorted(subjects)
        )

    @classmethod
    def restored(cls, case_id: str, head: _CaseHead, parts: list[_CaseFinding]) -> Case:
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
        return case


def _closing(case: Case) -> tuple[int, int]:
    """By this closed cases are in order."""
    return case.closed_ms, case.number


def post_key(account: str, post_id: str) -> str:
    """Network and id of a post."""
    platform, separator, _ = account.partition("\x1f")
    return f"{platform}{separator}{post_id}"


def _weight(one: Judged) -> tuple[int, int, str]:
    """By this the best finding of a case is told."""
    return one.assessment.score, one.finding.accounts_total, one.finding.finding_id


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


class Cases:
    """The CASES stage: joins findings and says when a case has something to tell.

    A finding joins the case that holds its earlier state, which opens again if it was closed; else the open
    case with which it shares the most
    accounts, if these are at least ``min_shared`` and at least ``overlap`` of the finding's accounts. Where
    both name the same hashtag or target, ``overlap`` of the smaller of the two is enough. One shared account,
    or a crowd that happens to contain a group, joins nothing. Two open cases that come to meet the same
    condition are merged into the older one.
    """

    def __init__(self, settings: CaseSettings | None = None) -> None:
        self.settings = settings or CaseSettings()
        self.evicted = 0
        self._open: dict[str, Case] = {}
        self._by_finding: dict[str, str] = {}
        self._by_account: dict[str, set[str]] = {}
        self._by_subject: dict[Subject, set[str]] = {}
        self._wake_ms: int | None = None
        self.past = PastCases(self.settings.max_past_accounts)
        self._closed: dict[str, Case] = {}
        """Cases that are over, whose fate is still followed."""
        self._closed_by_account: dict[str, set[str]] = {}
        self._closed_by_finding: dict[str, str] = {}
        self._stirred: dict[str, None] = {}
        """Cases of whose accounts or posts something became since they last spoke."""
        self._number = 0
        self._changed: Noted[str] = Noted()
        self._changed_findings: Noted[tuple[str, str]] = Noted()
        self._table, self._parts, self._head = Table(_CaseHead), Table(_CaseFinding), Sheet(_Head)
        self._fates = Table(CaseFate)

    def __len__(self) -> int:
        return len(self._open)

    def take(self, judged: list[Judged], tick_ms: int) -> Iterator[Revision]:
        """Take in the findings of one tick and yield what is to be told."""
        grown = {
            self._place(one).case_id: None
            for one in judged
            if one.assessment.score >= NOTICE and not one.assessment.open
        }
        for case_id in grown:
            yield from self._merge(case_id, tick_ms)
        if grown or self._stirred or (self._wake_ms is not None and self._wake_ms <= tick_ms):
            yield from self._due(tick_ms)
            yield from self._follow(tick_ms)
            self._wake_ms = min((self._deadline(case) for case in self._open.values()), default=None)

    def note(self, fates: Sequence[FateSignal]) -> None:
        """Take in what became of accounts and posts, in canonical order."""
        cases_of_post = self._cases_of_posts() if any(fate.account is None for fate in fates) else {}
        for fate in fates:
            if fate.account is not None:
                names = self._by_account.get(fate.account, set()) | self._closed_by_account.get(
                    fate.account, set()
                )
            else:
                names = cases_of_post.get(fate.post or "", set())
            for case_id in sorted(names):
                self._note_of(case_id, fate)

    def _note_of(self, case_id: str, fate: FateSignal) -> None:
        case = self._open.get(case_id) or self._closed[case_id]
        if fate.status == "erased" and fate.post not in case.posts:
            return
        case.fate.note(fate)
        self._changed.add(case_id)
        self._stirred[case_id] = None

    def _cases_of_posts(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for case in chain(self._open.values(), self._closed.values()):
            for post in case.posts:
                found.setdefault(post, set()).add(case.case_id)
        return found

    def _follow(self, tick_ms: int) -> Iterator[Revision]:
        """Tell what became of cases that are over."""
        stirred, self._stirred = self._stirred, {}
        for case_id in stirred:
            case = self._closed.get(case_id)
            if case is not None and case.speaks:
                yield self._revise(case, tick_ms)

    def next_deadline_ms(self) -> int | None:
        """When the next revision is due without any new finding; None while nothing waits."""
        return self._wake_ms

    def finish(self, tick_ms: int) -> Iterator[Revision]:
        """Tell what a cool-down still holds back, at the end of the input. Cases stay open."""
        for case in list(self._open.values()):
            if case.speaks:
                yield self._publish(case, tick_ms)

    def _place(self, judged: Judged) -> Case:
        finding = judged.finding
        case = self._open.get(self._by_finding.get(finding.finding_id, ""))
        if case is None:
            case = self._reopened(finding.finding_id)
        if case is None:
            case = self._overlapping(finding)
        if case is None:
            case = Case(judged)
            self._number += 1
            case.number = self._number
            self._open[case.case_id] = case
        self._give(case, judged)
        return case

    def _reopened(self, finding_id: str) -> Case | None:
        """The closed case of a finding that goes on, open again."""
        case_id = self._closed_by_finding.get(finding_id)
        if case_id is None:
            return None
        case = self._closed[case_id]
        self._forget_closed(case)
        case.closed_ms = 0
        self._open[case_id] = case
        self._index(case, case.findings, case.indexed, case.named)
        return case

    def _give(self, case: Case, judged: Judged) -> None:
        finding = judged.finding
        case.take(judged)
        self._changed.add(case.case_id)
        self._changed_findings.add((case.case_id, finding.finding_id))
        case.indexed.update(finding.accounts)
        self._index(case, [finding.finding_id], finding.accounts, finding.subjects)

    def _index(
        self, case: Case, findings: Iterable[str], accounts: Iterable[str], subjects: Iterable[Subject]
    ) -> None:
        for finding_id in findings:
            self._by_finding[finding_id] = case.case_id
        for account in accounts:
            self._by_account.setdefault(account, set()).add(case.case_id)
        for subject in subjects:
            self._by_subject.setdefault(subject, set()).add(case.case_id)

    def _overlapping(self, finding: Finding) -> Case | None:
        shared: Counter[str] = Counter()
        for account in finding.accounts:
            shared.update(self._by_account.get(account, ()))
        for case_id in sorted(shared, key=lambda name: (-shared[name], name)):
            case = self._open[case_id]
            named = not case.named.isdisjoint(finding.subjects)
            if self._same(finding.accounts, case.accounts, named=named):
                return case
        return None

    def _same(self, few: Collection[str], many: Collection[str], *, named: bool) -> bool:
        """Whether two groups of accounts are one operation's, seen from the first of them."""
        size = min(len(few), len(many)) if named else len(few)
        return sum(account in many for account in few) >= max(
            self.settings.min_shared, self.settings.overlap * size
        )

    def _merge(self, case_id: str, tick_ms: int) -> Iterator[Revision]:
        """Merge a case that has grown with those that name the same things and share its accounts."""
        case = self._open.get(case_id)
        if case is None:
            return
        named = {name for subject in case.named for name in self._by_subject[subject]} - {case_id}
        for other in [self._open[name] for name in sorted(named)]:
            few, many = sorted((case.accounts, other.accounts), key=len)
            if not self._same(few, many, named=True):
                continue
            older, newer = sorted((case, other), key=lambda one: (one.detected_ms, one.case_id))
            self._remove(newer)
            if newer.revision:  # of a case that nobody was told about, nobody need know the end
                newer.status = "merged"
                yield self._revise(newer, tick_ms, merged_into=older.case_id)
            for judged in newer.findings.values():
                self._give(older, judged)
            older.fate.join(newer.fate)
            case = older

    def _deadline(self, case: Case) -> int:
        if case.speaks:
            return case.published_ms + self.settings.cooldown_s * 1000
        return case.last_post_ms + self.settings.close_minutes * MINUTE_MS

    def _due(self, tick_ms: int) -> Iterator[Revision]:
        for case in list(self._open.values()):
            rises = case.severity != case.published_severity
            due = self._deadline(case) <= tick_ms
            if case.speaks and (due or (case.pending and rises)):
                yield self._publish(case, tick_ms)
            elif due and not case.speaks:
                yield self._close(case, tick_ms)
        while len(self._open) > self.settings.max_cases:
            self.evicted += 1
            silent = min(self._open.values(), key=lambda case: case.last_post_ms)
            yield self._close(silent, tick_ms)

    def _publish(self, case: Case, tick_ms: int) -> Revision:
        case.status = "updated" if case.revision else "open"
        return self._revise(case, tick_ms)

    def _close(self, case: Case, tick_ms: int) -> Revision:
        self._remove(case)
        case.status, case.closed_ms = "closed", tick_ms
        revision = self._revise(case, tick_ms)
        if case.severity != "notice":  # what was hardly told need not be remembered of anyone
            self.past.add(case.case_id, case.accounts)
        self._hold_closed(case)
        return revision

    def _hold_closed(self, case: Case) -> None:
        self._closed[case.case_id] = case
        for account in case.accounts:
            self._closed_by_account.setdefault(account, set()).add(case.case_id)
        self._closed_by_finding.update(dict.fromkeys(case.findings, case.case_id))
        while len(self._closed) > self.settings.max_closed:
            least = min(self._closed.values(), key=lambda one: (one.severity != "notice", *_closing(one)))
            self._forget_closed(least)
            self._changed.add(least.case_id)
            self._changed_findings.update((least.case_id, finding_id) for finding_id in least.findings)
            self.evicted += 1

    def _forget_closed(self, case: Case) -> None:
        del self._closed[case.case_id]
        _drop(self._closed_by_account, list(case.accounts), case.case_id)
        for finding_id in case.findings:
            if self._closed_by_finding.get(finding_id) == case.case_id:
                del self._closed_by_finding[finding_id]

    def _remove(self, case: Case) -> None:
        """Take a case off the open ones."""
        del self._open[case.case_id]
        self._changed.add(case.case_id)
        self._changed_findings.update((case.case_id, finding_id) for finding_id in case.findings)
        for finding_id in case.findings:
            self._by_finding.pop(finding_id, None)
        _drop(self._by_account, case.indexed, case.case_id)
        _drop(self._by_subject, case.named, case.case_id)

    def _revise(self, case: Case, tick_ms: int, merged_into: str | None = None) -> Revision:
        self._changed.add(case.case_id)
        case.revision += 1
        case.published_ms = tick_ms
        case.published_severity = case.severity
        case.fate.told = case.fate_step()
        new = tuple(case.pending.values())
        case.pending = {}
        least = max(self.settings.min_shared, self.settings.overlap * len(case.accounts))
        past = self.past.shared(case.accounts, least)
        earlier = [case_id for case_id in past if case_id != case.case_id][:_EARLIER]
        return Revision(case, case.status, tick_ms, new, merged_into, tuple(earlier))

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_findings.track()
        self.past.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        heads: dict[str, _CaseHead | None] = {}
        fates: dict[str, CaseFate | None] = {}
        everyone = self._open | self._closed
        for case_id in self._changed.take(everyone, everything):
            case = everyone.get(case_id)
            heads[case_id] = None if case is None else case.head()
            fates[case_id] = None if case is None else case.fate
        parts: dict[str, _CaseFinding | None] = {}
        held = ((case.case_id, name) for case in everyone.values() for name in case.findings)
        for case_id, finding_id in self._changed_findings.take(held, everything):
            case = everyone.get(case_id)
            parts[f"{case_id}.{finding_id}"] = None if case is None else case.part(finding_id)
        return merged(
            self._head.told(_Head(self.evicted, self._number, self._wake_ms), everything),
            self._table.told(heads),
            self._fates.told(fates),
            self._parts.told(parts),
            self.past.changes(everything),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved. The indexes are made anew."""
        self.past.restore(saved)
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._number, self._wake_ms = head.evicted, head.number, head.wake_ms
        parts: dict[str, list[_CaseFinding]] = {}
        for key, part in self._parts.read(saved):
            case_id, _, finding_id = key.partition(".")
            if part.judged.finding.finding_id != finding_id:
                raise StateError("a finding's record stands under another finding's key")
            parts.setdefault(case_id, []).append(part)
        fates = dict(self._fates.read(saved))
        heads = sorted(self._table.read(saved), key=lambda one: one[1].number)
        cases = [Case.restored(case_id, one, parts.pop(case_id)) for case_id, one in heads]
        for case in cases:
            case.fate = fates[case.case_id]
            if not case.closed_ms:
                self._open[case.case_id] = case
                self._index(case, case.findings, case.indexed, case.named)
        for case in sorted((case for case in cases if case.closed_ms), key=_closing):
            self._hold_closed(case)
        if parts:
            raise StateError("there are findings of cases that are not there")


def _drop(index: dict[_Key, set[str]], keys: Collection[_Key], case_id: str) -> None:
    """Take a case out of an index, and the keys that nothing is left under."""
    for key in keys:
        cases = index[key]
        cases.discard(case_id)
        if not cases:
            del index[key]
