"""The CASES stage: all that was found in one tick, set against the background, judged and told.

It stands behind every shard: what compares one group with others, or asks how often accounts met, needs to
see all of them. Few things come here, so one partition is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from detectors.album import Album, AlbumSettings
from detectors.background import ScoreBackground
from detectors.batches import Background, fate_order
from detectors.case import Judged, Revision
from detectors.cases import Cases, CaseSettings
from detectors.communities import Communities, CommunitySettings
from detectors.coverage import Coverage, CoverageSettings, coverage_of
from detectors.findings import Finding, Measured, is_canary
from detectors.gaps import Gaps
from detectors.groups import amplification, hashtags
from detectors.groups.fate import Fate, FateSettings
from detectors.groups.networks import Networks, NetworkSettings
from detectors.groups.purges import PurgeSettings, PurgesTogether
from detectors.groups.references import References
from detectors.lists import Lists
from detectors.looks import account_hash
from detectors.open_groups import OpenGroups
from detectors.pairs import PairSettings, Repeated, Repetition
from detectors.severity import NOTICE, assess
from detectors.sources import Sources
from detectors.state import Changes, Record, Saved, Sheet, merged, refusing
from detectors.traits.results import TraitResult
from detectors.traits.testing import Traits, TraitSettings
from detectors.verdicts import Verdict
from detectors.windows import TimeSettings

MINUTE_MS = 60_000
_LATELY_S = 2 * 3600
"""Accounts seen since then are the stream's; of each a look comes once an hour."""
_WORTH_TESTING = NOTICE
"""Score by the detector's own rules from which a group is set against chance; most have none at all."""


class Found(msgspec.Struct, array_like=True):
    """What the SUBJECTS stage found in one tick."""

    findings: list[Finding]
    tags: list[Measured]
    """Hashtags and"""
    sources: list[Measured] = []
    """accounts reposted, to be set against comparable ones first."""


class JudgeSettings(Protocol):
    """The sections of the settings that this stage reads."""

    @property
    def time(self) -> TimeSettings:
        """Of ticks."""

    @property
    def cases(self) -> CaseSettings:
        """Of cases."""

    @property
    def pairs(self) -> PairSettings:
        """Of accounts that share things again."""

    @property
    def networks(self) -> NetworkSettings:
        """Of groups of such pairs."""

    @property
    def fate(self) -> FateSettings:
        """Of waves of suspensions and deletions."""

    @property
    def purges(self) -> PurgeSettings:
        """Of accounts that lose followers together."""

    @property
    def album(self) -> AlbumSettings:
        """Of how accounts look."""

    @property
    def communities(self) -> CommunitySettings:
        """Of groups to compare with."""

    @property
    def traits(self) -> TraitSettings:
        """Of what a group has in common."""


class _Head(Record, tag="judge"):
    """What the stage counts, where it is in time, and the canary's findings that nobody has taken away."""

    judged: int
    last_tick: int
    canaries: list[Finding]


class Judge:
    """Judges findings and joins them into cases.

    Parameters
    ----------
    settings : JudgeSettings
    on_judged : callable, optional
        Called with every judged finding, alerted or not.
    """

    def __init__(self, settings: JudgeSettings, on_judged: Callable[[Judged], None] | None = None) -> None:
        self.background = ScoreBackground()
        self.tag_references = References("tags", hashtags.LEAST)
        self.source_references = References("sources", amplification.LEAST)
        self.repetition = Repetition(settings.pairs)
        self.networks = Networks(settings.networks, settings.pairs.window_hours)
        self.fate = Fate(settings.fate)
        self.purges = PurgesTogether(settings.purges)
        self.gaps = Gaps(settings.time.tick_s * 1000)
        self.sources = Sources()
        self.album = Album(settings.album)
        self.communities = Communities(settings.communities)
        self.traits = Traits(settings.traits)
        self.cases = Cases(settings.cases)
        self.lists = Lists()
        """The room's lists; whoever has new ones puts them here between two ticks."""
        self.heard = 0
        """Verdicts heard so far. Those that wait are not kept: whoever goes on is told them again."""
        self._verdicts: list[Verdict] = []
        self.judged = 0
        self.open_groups = OpenGroups()
        self.canaries: list[Finding] = []
        """Findings of the canary since they were last taken away by who measures it."""
        self._tick_ms = settings.time.tick_s * 1000
        self._on_judged = on_judged
        self.last_tick = 0
        self._head = Sheet(_Head)

    def take(
        self,
        tick_ms: int,
        found: Found,
        repeated: Repeated,
        background: Background,
    ) -> Iterator[Revision]:
        """Judge one tick. Every tick at which the stream had a post must be given, in order.

        Parameters
        ----------
        tick_ms : int
        found : Found
            In any order.
        repeated : Repeated
            From the PAIRS stage.
        background : Background
            What is in it, in any order.
        """
        yield from self.silence(tick_ms - 1)
        self.background.add(background.accounts, background.total, tick_ms)
        self.album.take(background.looks, tick_ms)
        self.communities.take(
            [one.community for one in (*found.tags, *found.sources) if one.community is not None], tick_ms
        )
        self.traits.count(background.posts, tick_ms)
        self.gaps.take(background.posts, tick_ms)
        self.sources.take(background.told)
        self.repetition.take(repeated.ties, tick_ms)
        self.last_tick = tick_ms
        fates = sorted(background.fates, key=fate_order)
        findings = [
            *self.purges.take(found.findings, tick_ms),
            *self.fate.take(fates, tick_ms),
            *self.tag_references.take(found.tags, tick_ms),
            *self.source_references.take(found.sources, tick_ms),
            *self.networks.take(repeated, self.repetition, posts=background.posts, tick_ms=tick_ms),
        ]
        self.cases.note(fates)
        yield from self._told(self._assess(findings, tick_ms), tick_ms)
        # After them: a verdict may be on a case that they have opened.
        if self._rule(tick_ms):
            yield from self._told([], tick_ms)

    def _told(self, judged: list[Judged], tick_ms: int) -> Iterator[Revision]:
        yield from self.cases.take(judged, tick_ms, lambda: self.album.count(tick_ms // 1000 - _LATELY_S))
        for accounts, cases in self.cases.passed():
            self.album.add_cases(map(account_hash, accounts), cases)

    def silence(self, until_ms: int) -> Iterator[Revision]:
        """Judge cases at the ticks without posts, up to a time, at which one is due."""
        while (deadline := self._deadline()) is not None:
            tick = max(-(-deadline // self._tick_ms) * self._tick_ms, self.last_tick)
            if tick > until_ms:
                return
            self.last_tick = tick
            self._rule(tick)
            yield from self._told([], tick)

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
        yield from self._told(self._assess(findings, self.last_tick), self.last_tick)
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
            one = self._judged(finding, tick_ms)
            judged.append(one)
            self.open_groups.take(one)
            if self._on_judged is not None:
                self._on_judged(one)
        self.judged += len(judged)
        return judged

    def _judged(self, finding: Finding, tick_ms: int) -> Judged:
        among = self.repetition.among(finding.accounts, tick_ms)
        listed = self._listed(finding)
        assessment = assess(finding, *among, listed)
        if assessment.score < _WORTH_TESTING:
            return Judged(finding, assessment)
        traits = self._traits(finding, tick_ms)
        assessment = assess(finding, *among, listed, traits)
        if not assessment.open and not listed[0]:
            assessment = assessment._replace(openness=self.open_groups.known(finding))
        return Judged(finding, assessment, traits)

    def _traits(self, finding: Finding, tick_ms: int) -> tuple[TraitResult, ...]:
        """What its accounts have in common more than comparable ones."""
        first: dict[str, int] = {}
        for post in finding.posts if finding.posts_total <= len(finding.posts) else ():
            first.setdefault(post.account, post.time_ms // MINUTE_MS)
        results = self.traits.test(
            finding.finding_id, finding.accounts, first.values(), self.album, self.communities, tick_ms
        )
        return tuple(results)

    def coverage(
        self, settings: CoverageSettings, revision: Revision, judged: float | None = None
    ) -> Coverage:
        """What an alert could not see; `judged` is the share of the posts given that was, None for all."""
        first_ms, at_ms = revision.case.first_seen_ms, revision.tick_ms
        return coverage_of(settings, self.gaps, self.sources, first_ms, at_ms, judged)

    def _listed(self, finding: Finding) -> tuple[int, int]:
        """How many of the accounts the room's lists attribute, and how many they hold to amplify."""
        if not self.lists:
            return 0, 0
        kinds = [self.lists.kind_of(account, finding.end_ms) for account in finding.accounts]
        return kinds.count("attributed"), kinds.count("amplifies")

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
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
            self.open_groups,
            self.gaps,
            self.sources,
            self.album,
            self.communities,
            self.traits,
            self.cases,
        ]

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return {
            "networks": self.networks,
            "fates": self.fate,
            "album": self.album,
            "communities": self.communities,
            "traits": self.traits,
            "open_groups": self.open_groups,
            "cases": self.cases,
        }

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        return merged(
            self._head.told(_Head(self.judged, self.last_tick, self.canaries), everything),
            *(part.changes(everything) for part in self._parts()),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.judged, self.last_tick, self.canaries = head.judged, head.last_tick, head.canaries
        for part in self._parts():
            part.restore(saved)
