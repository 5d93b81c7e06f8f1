"""The whole pipeline in one process: each stage calls the next.

The stages are the same objects that a distributed run uses; here the batches travel by function call. Time
is decided once, in the tick buffer; everything after it happens in event time.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from detectors.accounts.stage import Accounts, AccountSettings
from detectors.alerts import render
from detectors.batches import SignalBatch
from detectors.cases import Cases, CaseSettings, Judged
from detectors.events import Post
from detectors.findings import Finding
from detectors.groups.co_sharing import CoReposts, CoRepostSettings
from detectors.groups.hashtags import Hashtags, HashtagSettings
from detectors.groups.near_duplicates import NearDuplicates, NearDuplicateSettings
from detectors.pairs import Pairs
from detectors.severity import assess
from detectors.windows import TickBuffer, TimeSettings

Alert = dict[str, Any]
MINUTE_MS = 60_000


def spare_collector() -> None:
    """Let Python look for cycles less often, once at the start of a process that runs a pipeline.

    The stages keep millions of small objects and make no cycles; at Python's defaults a good part of
    the time goes into looking for them again and again.
    """
    gc.set_threshold(200_000, 50, 100)


class PairSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of repeated sharing by pairs of accounts."""

    window_hours: int = 24
    min_objects: int = 2
    max_pairs: int = 1_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the pipeline, by stage."""

    time: TimeSettings = msgspec.field(default_factory=TimeSettings)
    accounts: AccountSettings = msgspec.field(default_factory=AccountSettings)
    near_duplicates: NearDuplicateSettings = msgspec.field(default_factory=NearDuplicateSettings)
    hashtags: HashtagSettings = msgspec.field(default_factory=HashtagSettings)
    co_reposts: CoRepostSettings = msgspec.field(default_factory=CoRepostSettings)
    pairs: PairSettings = msgspec.field(default_factory=PairSettings)
    cases: CaseSettings = msgspec.field(default_factory=CaseSettings)

    def version(self) -> str:
        """Short hash of the settings in force, printed in every alert."""
        return hashlib.blake2b(msgspec.json.encode(self, order="sorted"), digest_size=6).hexdigest()


@dataclass(slots=True)
class Tallies:
    """What the pipeline has done so far."""

    processed: int = 0
    findings: int = 0
    open_groups: set[str] = field(default_factory=set)
    """Findings of groups that declare themselves."""
    ticks: int = 0


class Pipeline:
    """Posts in, alerts out.

    Parameters
    ----------
    settings : Settings, optional
    on_judged : callable, optional
        Called with every judged finding, alerted or not.
    on_batch : callable, optional
        Called with the signals of every tick.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        on_judged: Callable[[Judged], None] | None = None,
        on_batch: Callable[[SignalBatch], None] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.config_version = self.settings.version()
        self.buffer = TickBuffer(self.settings.time)
        self.accounts = Accounts(self.settings.accounts)
        self.near_duplicates = NearDuplicates(self.settings.near_duplicates)
        self.hashtags = Hashtags(self.settings.hashtags)
        self.co_reposts = CoReposts(self.settings.co_reposts)
        self.pairs = Pairs(
            window_ms=self.settings.pairs.window_hours * 60 * MINUTE_MS,
            min_objects=self.settings.pairs.min_objects,
            max_pairs=self.settings.pairs.max_pairs,
        )
        self.cases = Cases(self.settings.cases)
        self.tallies = Tallies()
        self._on_judged = on_judged
        self._on_batch = on_batch
        self._last_tick = 0

    def feed(self, posts: list[Post]) -> Iterator[Alert]:
        """Take in posts in order of arrival; yield the alerts of every tick that is now complete."""
        self.buffer.add(posts)
        yield from self._run(self.buffer.ready())

    def advance(self, watermark_ms: int) -> Iterator[Alert]:
        """Let time pass without posts (a live stream that is silent)."""
        self.buffer.advance(watermark_ms)
        yield from self._run(self.buffer.ready())
        yield from self._silence(watermark_ms)

    def finish(self) -> Iterator[Alert]:
        """The final watermark of an input that has ended: judge what is held, and tell what waits."""
        yield from self._run(self.buffer.finish())
        judged = self._assess(self.near_duplicates.finish(self._last_tick), self._last_tick)
        for revision in [*self.cases.take(judged, self._last_tick), *self.cases.finish(self._last_tick)]:
            yield render(revision, self.config_version)

    def _run(self, ticks: Iterator[tuple[int, list[Post]]]) -> Iterator[Alert]:
        for tick_ms, posts in ticks:
            yield from self._silence(tick_ms - 1)
            yield from self._tick(tick_ms, posts)

    def _silence(self, until_ms: int) -> Iterator[Alert]:
        """Judge cases at the ticks without posts at which one is due."""
        tick_ms = self.buffer.tick_ms
        while True:
            deadline = self.cases.next_deadline_ms()
            if deadline is None:
                return
            tick = max(-(-deadline // tick_ms) * tick_ms, self._last_tick)
            if tick > until_ms:
                return
            self._last_tick = tick
            for revision in self.cases.take([], tick):
                yield render(revision, self.config_version)

    def _tick(self, tick_ms: int, posts: list[Post]) -> Iterator[Alert]:
        batch = self.accounts.take(tick_ms, posts)
        if self._on_batch is not None:
            self._on_batch(batch)
        findings, ties = self.near_duplicates.take(batch)
        self.pairs.add(ties)
        self.pairs.add(self.co_reposts.take(batch))
        findings += self.hashtags.take(batch)
        if tick_ms // MINUTE_MS != self._last_tick // MINUTE_MS:
            self.pairs.expire(tick_ms)
        self._last_tick = tick_ms
        judged = self._assess(findings, tick_ms)
        self.tallies.processed += len(posts)
        self.tallies.ticks += 1
        for revision in self.cases.take(judged, tick_ms):
            yield render(revision, self.config_version)

    def _assess(self, findings: list[Finding], tick_ms: int) -> list[Judged]:
        judged = []
        for finding in findings:
            linked, most = self.pairs.repetition(finding.accounts, tick_ms)
            one = Judged(finding, assess(finding, linked, most))
            judged.append(one)
            if one.assessment.open and one.assessment.severity:
                self.tallies.open_groups.add(finding.finding_id)
            else:  # a group may cease to be open as others join it
                self.tallies.open_groups.discard(finding.finding_id)
            if self._on_judged is not None:
                self._on_judged(one)
        self.tallies.findings += len(findings)
        return judged
