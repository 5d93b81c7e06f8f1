"""Findings that are the same operation become one case, which keeps its id and speaks in revisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import msgspec

from detectors.background import binomial_tail
from detectors.batches import FateSignal
from detectors.case import Case, CaseFinding, CaseHead, Judged, Revision, closing
from detectors.case_fate import CaseFate
from detectors.findings import Finding, Subject
from detectors.past_cases import PastCases
from detectors.severity import NOTICE
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing
from detectors.verdicts import Precision, Verdict

MINUTE_MS = 60_000
_Key = TypeVar("_Key", str, Subject)
_EARLIER = 10
_FOR_GOOD_MS = 2**62
_POPULATION = 200
"""Accounts of the stream from which chance is asked for."""


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
    hyperactive: int = 8
    """Accounts that are in so many open cases already join nothing."""
    join_chance: float = 0.001
    """How often, at the most, accounts drawn from the stream at random would share so many with a case for a
    finding to join it that names nothing of the same."""
    max_cases: int = 5000
    """Open cases held; beyond it the one silent for longest is closed."""
    max_closed: int = 1000
    """Closed cases held, so that what becomes of their accounts and posts is told; notices go first."""
    max_past_accounts: int = 200_000
    """Accounts of closed cases remembered, to tell when they come back; those of the oldest case go first."""


class _Head(Record, tag="cases_head"):
    """What the stage counts, and the cases that have something to tell at its next look."""

    evicted: int
    number: int
    precision: dict[str, Precision]
    stirred: list[str]


class Cases:
    """The CASES stage: joins findings and says when a case has something to tell.

    A finding joins the case that holds its earlier state, which opens again if it was closed; else the open
    case with which it shares the most
    accounts, if these are at least ``min_shared`` and at least ``overlap`` of the finding's accounts. Where
    both name the same hashtag or target, ``overlap`` of the smaller of the two is enough; where they do not,
    chance must not give so many (binomial: each account of the finding is one of the case's with the
    probability that any account of the stream is). One shared account, accounts that are in every other case,
    or a crowd that happens to contain a group, join nothing. Two open cases that come to meet the same
    condition are merged into the older one. A new case whose accounts another open one had before is told as
    split off from it.
    """

    def __init__(self, settings: CaseSettings | None = None) -> None:
        self.settings = settings or CaseSettings()
        self.evicted = 0
        self._open: dict[str, Case] = {}
        self._by_finding: dict[str, str] = {}
        self._by_account: dict[str, set[str]] = {}
        self._by_subject: dict[Subject, set[str]] = {}
        self._population: Callable[[], int] = lambda: 0
        self.past = PastCases(self.settings.max_past_accounts)
        self._closed: dict[str, Case] = {}
        """Cases that are over, whose fate is still followed."""
        self._closed_by_account: dict[str, set[str]] = {}
        self._closed_by_finding: dict[str, str] = {}
        self._stirred: dict[str, None] = {}
        """Cases that grew, or of which something was said, or became, since they were last looked at."""
        self.precision: dict[str, Precision] = {}
        """What analysts have said of the cases that each detector had a part in."""
        self._passed: list[tuple[list[str], int]] = []
        self._number = 0
        self._changed: Noted[str] = Noted()
        self._changed_findings: Noted[tuple[str, str]] = Noted()
        self._table, self._parts, self._head = Table(CaseHead), Table(CaseFinding), Sheet(_Head)
        self._fates = Table(CaseFate)

    def __len__(self) -> int:
        return len(self._open)

    def open_cases(self) -> list[Case]:
        """The cases that are open now, the oldest first: a copy, which another thread may read."""
        return list(self._open.values())

    def take(
        self, judged: list[Judged], tick_ms: int, population: Callable[[], int] = lambda: 0
    ) -> Iterator[Revision]:
        """Take in the findings of one tick and yield what is to be told.

        Parameters
        ----------
        judged : list of Judged
        tick_ms : int
        population : callable, optional
            Counts the accounts of the stream of late; 0 where that is not known.
        """
        self._population = population
        grown = {
            self._place(one).case_id: None
            for one in judged
            if one.assessment.score >= NOTICE and not one.assessment.open
        }
        for case_id in grown:
            yield from self._merge(case_id, tick_ms)
        stirred, self._stirred = self._stirred, {}
        yield from self._due(stirred, tick_ms)
        yield from self._follow(stirred, tick_ms)

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

    def _follow(self, stirred: Iterable[str], tick_ms: int) -> Iterator[Revision]:
        """Tell what became of cases that are over."""
        for case_id in stirred:
            case = self._closed.get(case_id)
            if case is not None and case.speaks(tick_ms):
                yield self._publish(case, tick_ms)

    def next_deadline_ms(self) -> int | None:
        """When the next revision is due without any new finding; None while nothing waits."""
        return min((case.deadline_ms for case in self._open.values()), default=None)

    def finish(self, tick_ms: int) -> Iterator[Revision]:
        """Tell what a cool-down still holds back, at the end of the input. Cases stay open."""
        for case in list(self._open.values()):
            if case.speaks(tick_ms):
                yield self._publish(case, tick_ms)

    def rule(self, verdict: Verdict) -> bool:
        """Take in a verdict; whether its case is known. One that was said before the one in force is past."""
        case = self._open.get(verdict.case_id) or self._closed.get(verdict.case_id)
        if case is None:
            return False
        if case.verdict is not None and verdict.said_ms <= case.verdict.said_ms:
            return True
        for detector in sorted({judged.finding.detector for judged in case.findings.values()}):
            precision = self.precision.setdefault(detector, Precision())
            precision.count(case.verdict, -1)
            precision.count(verdict)
        case.verdict, case.answered = verdict, False
        self._count_passed(case)
        self._changed.add(case.case_id)
        self._stirred[case.case_id] = None
        return True

    def _place(self, judged: Judged) -> Case:
        finding = judged.finding
        case = self._open.get(self._by_finding.get(finding.finding_id, ""))
        if case is None:
            case = self._reopened(self._closed_by_finding.get(finding.finding_id))
        if case is None:
            case = self._overlapping(finding, self._open, self._by_account)
        if case is None:
            case = self._reopened(self._silenced_for_good(finding))
        if case is None:
            case = Case(judged)
            case.split_from = self._left(finding)
            self._number += 1
            case.number = self._number
            self._open[case.case_id] = case
        self._give(case, judged)
        return case

    def _left(self, finding: Finding) -> str | None:
        """The open case whose findings once had these accounts, and have them no more."""
        shared: Counter[str] = Counter()
        for account in finding.accounts:
            shared.update(self._by_account.get(account, ()))
        least = max(self.settings.min_shared, self.settings.overlap * len(finding.accounts))
        told = [name for name in shared if shared[name] >= least and self._open[name].revision]
        return min(told, key=lambda name: (-shared[name], name), default=None)

    def _silenced_for_good(self, finding: Finding) -> str | None:
        """The closed case of the same accounts of which an analyst wants to hear no more."""
        case = self._overlapping(finding, self._closed, self._closed_by_account)
        return case.case_id if case is not None and case.silenced(_FOR_GOOD_MS) else None

    def _reopened(self, case_id: str | None) -> Case | None:
        """A closed case that goes on, open again."""
        if case_id is None:
            return None
        case = self._closed[case_id]
        self._forget_closed(case)
        case.closed_ms = 0
        self._count_passed(case)
        self._open[case_id] = case
        self._index(case, case.findings, case.indexed, case.named)
        return case

    def _give(self, case: Case, judged: Judged) -> None:
        finding = judged.finding
        case.take(judged)
        self._stirred[case.case_id] = None
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

    def _overlapping(
        self, finding: Finding, cases: dict[str, Case], by_account: dict[str, set[str]]
    ) -> Case | None:
        shared: Counter[str] = Counter()
        for account in finding.accounts:
            shared.update(by_account.get(account, ()))
        for case_id in sorted(shared, key=lambda name: (-shared[name], name)):
            case = cases[case_id]
            named = not case.named.isdisjoint(finding.subjects)
            if self._same(finding.accounts, case.accounts, named=named):
                return case
        return None

    def _same(self, few: Collection[str], many: Collection[str], *, named: bool) -> bool:
        """Whether two groups of accounts are one operation's, seen from the first of them."""
        settings = self.settings
        size = min(len(few), len(many)) if named else len(few)
        most = settings.hyperactive
        shared = sum(account in many and len(self._by_account.get(account, ())) < most for account in few)
        if shared < max(settings.min_shared, settings.overlap * size):
            return False
        if named or (population := self._population()) < _POPULATION:
            return True
        # A crowd has a good part of any small group by chance.
        return binomial_tail(shared, len(few), len(many) / population) <= settings.join_chance

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

    def _deadline(self, case: Case, tick_ms: int) -> int:
        """When it is to be looked at again."""
        if case.speaks(tick_ms):
            return case.published_ms + self.settings.cooldown_s * 1000
        close_ms = case.last_post_ms + self.settings.close_minutes * MINUTE_MS
        verdict = case.verdict
        if verdict is not None and verdict.until_ms is not None and case.silenced(tick_ms):
            return min(close_ms, verdict.until_ms)
        return close_ms

    def _due(self, stirred: Container[str], tick_ms: int) -> Iterator[Revision]:
        """Look at the cases that have changed, and at those whose time has come."""
        for case in list(self._open.values()):
            if case.deadline_ms > tick_ms and case.case_id not in stirred:
                continue
            rises = case.severity != case.published_severity
            due = self._deadline(case, tick_ms) <= tick_ms
            if case.speaks(tick_ms):
                if due or not case.answered or (case.pending and rises):
                    yield self._publish(case, tick_ms)
            elif due:
                yield from self._close(case, tick_ms)
            case.deadline_ms = self._deadline(case, tick_ms)
            self._changed.add(case.case_id)
        while len(self._open) > self.settings.max_cases:
            self.evicted += 1
            silent = min(self._open.values(), key=lambda case: case.last_post_ms)
            yield from self._close(silent, tick_ms)

    def _publish(self, case: Case, tick_ms: int) -> Revision:
        if case.verdict is not None and case.silenced(tick_ms):
            case.status = "retracted" if case.verdict.kind == "retracted" else "dismissed"
        elif case.closed_ms:
            case.status = "closed"
        else:
            case.status = "updated" if case.revision else "open"
        return self._revise(case, tick_ms)

    def _close(self, case: Case, tick_ms: int) -> Iterator[Revision]:
        self._remove(case)
        case.closed_ms = tick_ms
        if not case.silenced(tick_ms):
            yield self._publish(case, tick_ms)
        if case.severity != "notice":  # what was hardly told need not be remembered of anyone
            self.past.add(case.case_id, case.accounts)
        self._count_passed(case)
        self._hold_closed(case)

    def passed(self) -> list[tuple[list[str], int]]:
        """The accounts of cases that came to an end since this was last asked, with 1 for each such case.

        With -1 those of a case that goes on after all, or was dismissed since. Notices do not count.
        """
        passed, self._passed = self._passed, []
        return passed

    def _count_passed(self, case: Case) -> None:
        dismissed = case.verdict is not None and case.verdict.kind in ("dismissed", "retracted")
        passed = bool(case.closed_ms) and case.severity != "notice" and not dismissed
        if passed != case.passed:
            case.passed = passed
            self._passed.append((list(case.accounts), 1 if passed else -1))

    def _hold_closed(self, case: Case) -> None:
        self._closed[case.case_id] = case
        for account in case.accounts:
            self._closed_by_account.setdefault(account, set()).add(case.case_id)
        self._closed_by_finding.update(dict.fromkeys(case.findings, case.case_id))
        while len(self._closed) > self.settings.max_closed:
            least = min(self._closed.values(), key=lambda one: (one.severity != "notice", *closing(one)))
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
        case.fate.told, case.answered = case.fate_step(), True
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
        heads: dict[str, CaseHead | None] = {}
        fates: dict[str, CaseFate | None] = {}
        everyone = self._open | self._closed
        for case_id in self._changed.take(everyone, everything):
            case = everyone.get(case_id)
            heads[case_id] = None if case is None else case.head()
            fates[case_id] = None if case is None else case.fate
        parts: dict[str, CaseFinding | None] = {}
        held = ((case.case_id, name) for case in everyone.values() for name in case.findings)
        for case_id, finding_id in self._changed_findings.take(held, everything):
            case = everyone.get(case_id)
            parts[f"{case_id}.{finding_id}"] = None if case is None else case.part(finding_id)
        return merged(
            self._head.told(self._head_record(), everything),
            self._table.told(heads),
            self._fates.told(fates),
            self._parts.told(parts),
            self.past.changes(everything),
        )

    def _head_record(self) -> _Head:
        return _Head(self.evicted, self._number, self.precision, list(self._stirred))

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved. The indexes are made anew."""
        self.past.restore(saved)
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._number = head.evicted, head.number
            self.precision, self._stirred = head.precision, dict.fromkeys(head.stirred)
        parts: dict[str, list[CaseFinding]] = {}
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
        for case in sorted((case for case in cases if case.closed_ms), key=closing):
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
