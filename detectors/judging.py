"""The CASES stage: all that was found in one tick, set against the background, judged and told.

It stands behind every shard: what compares one group with others, or asks how often accounts met, needs to
see all of them. Few things come here, so one partition is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from detectors.background import ScoreBackground
from detectors.batches import FateSignal, fate_order
from detectors.case import Judged, Revision
from detectors.cases import Cases, CaseSettings
from detectors.findings import Finding, Measured, is_canary
from detectors.groups import amplification, hashtags
from detectors.groups.fate import Fate, FateSettings
from detectors.groups.networks import Networks, NetworkSettings
from detectors.groups.purges import PurgeSettings, PurgesTogether
from detectors.groups.references import References
from detectors.lists import Lists
from detectors.pairs import PairSettings, Repeated, Repetition
from detectors.severity import assess
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing
from detectors.verdicts import Verdict


class Found(msgspec.Struct, array_like=True):
    """What the SUBJECTS stage found in one tick."""

    findings: list[Finding]
    tags: list[Measured]
    """Hashtags and"""
    sources: list[Measured] = []
    """accounts reposted, to be set against comparable ones first."""


class _OpenGroup(Record, tag="open_groups"):
    """A finding of a group that declares itself, by its key."""


class _Head(Record, tag="judge"):
    """What the stage counts, where it is in time, and the canary's findings that nobody has taken away."""

    judged: int
    last_tick: int
    canaries: list[Finding]


class Judge:
    """Judges findings and joins them into cases.

    Parameters
    ----------
    cases : CaseSettings
    pairs : PairSettings
    tick_ms : int
        Length of a tick.
    on_judged : callable, optional
        Called with every judged finding, alerted or not.
    """

    def __init__(
        self,
        cases: CaseSettings,
        pairs: PairSettings,
        tick_ms: int,
        on_judged: Callable[[Judged], None] | None = None,
        networks: NetworkSettings | None = None,
        fate: FateSettings | None = None,
        purges: PurgeSettings | None = None,
    ) -> None:
        self.background = ScoreBackground()
        self.tag_references = References("tags", hashtags.LEAST)
        self.source_references = References("sources", amplification.LEAST)
        self.repetition = Repetition(pairs)
        self.networks = Networks(networks, pairs.window_hours)
        self.fate = Fate(fate)
        self.purges = PurgesTogether(purges)
        self.cases = Cases(cases)
        self.lists = Lists()
        """The room's lists; whoever has new ones puts them here between two ticks."""
        self.heard = 0
        """Verdicts heard so far. Those that wait are not kept: whoever goes on is told them again."""
        self._verdicts: list[Verdict] = []
        self.judged = 0
        self.open_groups: set[str] = set()
        """Findings of groups that declare themselves."""
        self.canaries: list[Finding] = []
        """Findings of the canary since they were last taken away by who measures it."""
        self._tick_ms = tick_ms
        self._on_judged = on_judged
        self.last_tick = 0
        self._changed: Noted[str] = Noted()
        self._groups, self._head = Table(_OpenGroup), Sheet(_Head)

    def take(
        self,
        tick_ms: int,
        found: Found,
        repeated: Repeated,
        scored: tuple[int, int] = (0, 0),
        posts: int = 0,
        fates: Sequence[FateSignal] = (),
    ) -> Iterator[Revision]:
        """Judge one tick. Every tick at which the stream had a post must be given, in order.

        Parameters
        ----------
        tick_ms : int
        found : Found
            In any order.
        repeated : Repeated
            From the PAIRS stage.
        scored : (int, int)
            Accounts scored for the first time, and the sum of their scores.
        posts : int
            Posts of the tick.
        fates : sequence of FateSignal
            What became of accounts and posts, in any order.
        """
        yield from self.silence(tick_ms - 1)
        self.background.add(*scored, tick_ms)
        self.repetition.take(repeated.ties, tick_ms)
        self.last_tick = tick_ms
        fates = sorted(fates, key=fate_order)
        findings = [
            *self.purges.take(found.findings, tick_ms),
            *self.fate.take(fates, tick_ms),
            *self.tag_references.take(found.tags, tick_ms),
            *self.source_references.take(found.sources, tick_ms),
            *self.networks.take(repeated, self.repetition, posts=posts, tick_ms=tick_ms),
        ]
        self.cases.note(fates)
        yield from self.cases.take(self._assess(findings, tick_ms), tick_ms)
        # After them: a verdict may be on a case that they have opened.
        if self._rule(tick_ms):
            yield from self.cases.take([], tick_ms)

    def silence(self, until_ms: int) -> Iterator[Revision]:
        """Judge cases at the ticks without posts, up to a time, at which one is due."""
        while (deadline := self._deadline()) is not None:
            tick = max(-(-deadline // self._tick_ms) * self._tick_ms, self.last_tick)
            if tick > until_ms:
                return
            self.last_tick = tick
            self._rule(tick)
            yield from self.cases.take([], tick)

    def _deadline(self) -> int | None:
        """When something is due though no post comes."""
        waiting = [self.cases.next_deadline_ms(), *(verdict.at_ms for verdict in self._verdicts)]
        return min((deadline for deadline in waiting if deadline is not None), default=None)

    def hear(self, verdict: Verdict) -> None:
        """Take in a verdict; it is in force from its time on, or from the next tick if that is past."""
        self._verdicts.append(verdict)
        self.heard += 1

    def _rule(self, tick_ms: int) -> bool:
        """Let the verdicts that are due come into force; whether there were any."""
        due = [verdict for verdict in self._verdicts if verdict.at_ms <= tick_ms]
        self._verdicts = [verdict for verdict in self._verdicts if verdict.at_ms > tick_ms]
        for verdict in due:
            self.cases.rule(verdict)
        return bool(due)

    def finish(self, findings: list[Finding]) -> Iterator[Revision]:
        """What waits at the end of an input: the last findings, and what a cool-down holds back."""
        yield from self.cases.take(self._assess(findings, self.last_tick), self.last_tick)
        yield from self.cases.finish(self.last_tick)

    def _assess(self, findings: list[Finding], tick_ms: int) -> list[Judged]:
        judged = []
        share = self.background.share()
        for finding in sorted(findings, key=lambda one: (one.start_ms, one.finding_id)):
            if is_canary(finding.accounts[0]):
                self.canaries.append(finding)
                continue
            if "bot_share_reference" not in finding.evidence:
                evidence = finding.evidence | {"bot_share_reference": share}
                finding = msgspec.structs.replace(finding, evidence=evidence)  # noqa: PLW2901
            among = self.repetition.among(finding.accounts, tick_ms)
            one = Judged(finding, assess(finding, *among, self._listed(finding)))
            judged.append(one)
            if one.assessment.open and one.assessment.severity:
                self.open_groups.add(finding.finding_id)
                self._changed.add(finding.finding_id)
            elif finding.finding_id in self.open_groups:  # it ceases to be open as others join it
                self.open_groups.remove(finding.finding_id)
                self._changed.add(finding.finding_id)
            if self._on_judged is not None:
                self._on_judged(one)
        self.judged += len(judged)
        return judged

    def _listed(self, finding: Finding) -> tuple[int, int]:
        """How many of the accounts the room's lists attribute, and how many they hold to amplify."""
        if not self.lists:
            return 0, 0
        kinds = [self.lists.kind_of(account, finding.end_ms) for account in finding.accounts]
        return kinds.count("attributed"), kinds.count("amplifies")

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        for part in self._parts():
            part.track()

    def _parts(self) -> list[Any]:
        return [
            self.background,
            self.tag_references,
            self.source_references,
            self.repetition,
            self.networks,
            self.fate,
            self.purges,
            self.cases,
        ]

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        names = self._changed.take(self.open_groups, everything)
        groups = {name: _OpenGroup() if name in self.open_groups else None for name in names}
        return merged(
            self._head.told(_Head(self.judged, self.last_tick, self.canaries), everything),
            self._groups.told(groups),
            *(part.changes(everything) for part in self._parts()),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.judged, self.last_tick, self.canaries = head.judged, head.last_tick, head.canaries
        self.open_groups.update(name for name, _ in self._groups.read(saved))
        for part in self._parts():
            part.restore(saved)
