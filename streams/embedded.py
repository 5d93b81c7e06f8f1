"""The whole pipeline in one process: each stage calls the next.

The stages are the same objects that a distributed run uses; here the batches travel by function call. Time
is decided once, at the gate; everything after it happens in event time.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from detectors.accounts.stage import Accounts, AccountSettings
from detectors.album import AlbumSettings
from detectors.alerts import render
from detectors.batches import SignalBatch
from detectors.case import Judged, Revision
from detectors.cases import CaseSettings
from detectors.communities import CommunitySettings
from detectors.coverage import CoverageSettings
from detectors.events import Change, Item, Post
from detectors.groups.amplification import AmplificationSettings
from detectors.groups.co_sharing import CoSharingSettings
from detectors.groups.fate import FateSettings
from detectors.groups.hashtags import HashtagSettings
from detectors.groups.listed import ListedSettings
from detectors.groups.near_duplicates import NearDuplicateSettings
from detectors.groups.networks import NetworkSettings
from detectors.groups.purges import PurgeSettings
from detectors.groups.rising import RisingSettings
from detectors.groups.sponsored import SponsoredSettings
from detectors.groups.targets import TargetSettings
from detectors.judging import Judge
from detectors.pairs import Pairs, PairSettings
from detectors.subjects import Subjects
from detectors.traits.testing import TraitSettings
from detectors.windows import Gate, TickBuffer, TimeSettings
from streams.console.settings import ConsoleSettings
from streams.kafka.settings import KafkaSettings, RedisSettings, WorkerSettings
from streams.outputs.alert import Alert
from streams.outputs.receivers.settings import ReceiverSettings
from streams.privacy_settings import PrivacySettings, RetentionSettings
from streams.room import Room
from streams.sources.languages import LanguageSettings
from streams.sources.live.settings import BlueskySettings, HttpSettings, MastodonSettings, XSettings


def spare_collector() -> None:
    """Let Python look for cycles less often, once at the start of a process that runs a pipeline.

    The stages keep millions of small objects and make no cycles; at Python's defaults a good part of
    the time goes into looking for them again and again.
    """
    gc.set_threshold(200_000, 50, 100)


class ListFileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the room's lists are. What they say has a version of its own in every alert."""

    files: tuple[str, ...] = ()
    """CSV or YAML, see docs/lists.md; read again when they change."""


class WatchFileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is said what the room cares about."""

    file: str = ""
    """TOML, see docs/watch.md; empty for none."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section. Those of detection decide what is found; the others where and how fast."""

    time: TimeSettings = msgspec.field(default_factory=TimeSettings)
    accounts: AccountSettings = msgspec.field(default_factory=AccountSettings)
    near_duplicates: NearDuplicateSettings = msgspec.field(default_factory=NearDuplicateSettings)
    hashtags: HashtagSettings = msgspec.field(default_factory=HashtagSettings)
    co_sharing: CoSharingSettings = msgspec.field(default_factory=CoSharingSettings)
    amplification: AmplificationSettings = msgspec.field(default_factory=AmplificationSettings)
    targets: TargetSettings = msgspec.field(default_factory=TargetSettings)
    rising: RisingSettings = msgspec.field(default_factory=RisingSettings)
    listed: ListedSettings = msgspec.field(default_factory=ListedSettings)
    sponsored: SponsoredSettings = msgspec.field(default_factory=SponsoredSettings)
    fate: FateSettings = msgspec.field(default_factory=FateSettings)
    purges: PurgeSettings = msgspec.field(default_factory=PurgeSettings)
    pairs: PairSettings = msgspec.field(default_factory=PairSettings)
    networks: NetworkSettings = msgspec.field(default_factory=NetworkSettings)
    album: AlbumSettings = msgspec.field(default_factory=AlbumSettings)
    communities: CommunitySettings = msgspec.field(default_factory=CommunitySettings)
    traits: TraitSettings = msgspec.field(default_factory=TraitSettings)
    cases: CaseSettings = msgspec.field(default_factory=CaseSettings)
    bluesky: BlueskySettings = msgspec.field(default_factory=BlueskySettings)
    mastodon: MastodonSettings = msgspec.field(default_factory=MastodonSettings)
    x: XSettings = msgspec.field(default_factory=XSettings)
    http: HttpSettings = msgspec.field(default_factory=HttpSettings)
    languages: LanguageSettings = msgspec.field(default_factory=LanguageSettings)
    coverage: CoverageSettings = msgspec.field(default_factory=CoverageSettings)
    watch: WatchFileSettings = msgspec.field(default_factory=WatchFileSettings)
    lists: ListFileSettings = msgspec.field(default_factory=ListFileSettings)
    kafka: KafkaSettings = msgspec.field(default_factory=KafkaSettings)
    redis: RedisSettings = msgspec.field(default_factory=RedisSettings)
    worker: WorkerSettings = msgspec.field(default_factory=WorkerSettings)
    privacy: PrivacySettings = msgspec.field(default_factory=PrivacySettings)
    retention: RetentionSettings = msgspec.field(default_factory=RetentionSettings)
    receivers: dict[str, ReceiverSettings] = {}
    """Who is told of cases, by name."""
    console: ConsoleSettings = msgspec.field(default_factory=ConsoleSettings)

    def version(self) -> str:
        """Short hash of the settings of detection in force, printed in every alert."""
        detection = {name: getattr(self, name) for name in self.__struct_fields__ if name not in _ELSEWHERE}
        return hashlib.blake2b(msgspec.json.encode(detection, order="sorted"), digest_size=6).hexdigest()


_ELSEWHERE = (
    "bluesky",
    "mastodon",
    "x",
    "http",
    "languages",
    "coverage",
    "watch",
    "lists",
    "kafka",
    "redis",
    "worker",
    "privacy",
    "retention",
    "receivers",
    "console",
)


@dataclass(slots=True)
class Tallies:
    """What the pipeline has done so far."""

    processed: int = 0
    events: int = 0
    """Changes of accounts and posts, which are no posts."""
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
    room : Room, optional
        What the watch room says; what comes in while it runs is in force from the next tick on.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        on_judged: Callable[[Judged], None] | None = None,
        on_batch: Callable[[SignalBatch], None] | None = None,
        room: Room | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.config_version = self.settings.version()
        self.gate = Gate(self.settings.time)
        self.buffer = TickBuffer(self.settings.time)
        self.accounts = Accounts(self.settings.accounts)
        self.subjects = Subjects(self.settings)
        self.pairs = Pairs(self.settings.pairs)
        self.judge = Judge(self.settings, on_judged)
        self.room = room or Room()
        self.tallies = Tallies()
        self._on_batch = on_batch

    def feed(self, items: Sequence[Item]) -> Iterator[Alert]:
        """Take in posts and changes in order of arrival; yield the alerts of every tick that is complete."""
        self.buffer.add(self.gate.admit(items))
        self.buffer.advance(self.gate.watermark_ms)
        yield from self._ready()

    def advance(self, watermark_ms: int) -> Iterator[Alert]:
        """Let time pass without posts (a live stream that is silent)."""
        self.gate.advance(watermark_ms)
        self.buffer.advance(watermark_ms)
        yield from self._ready()
        self.room.tell(self.judge)
        yield from self._rendered(self.judge.silence(watermark_ms))

    def finish(self) -> Iterator[Alert]:
        """The final watermark of an input that has ended: judge what is held, and tell what waits."""
        last = self.buffer.last_tick()
        self.gate.advance(last)
        self.buffer.advance(last)
        yield from self._ready()
        yield from self._rendered(self.judge.finish(self.subjects.finish().findings))

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        outer = {"accounts": self.accounts, "pairs": self.pairs}
        return self.subjects.stores() | outer | self.judge.stores()

    def _ready(self) -> Iterator[Alert]:
        for tick_ms, posts, changes in self.buffer.ready():
            yield from self._rendered(self._tick(tick_ms, posts, changes))

    def _tick(self, tick_ms: int, posts: list[Post], changes: list[Change]) -> Iterable[Revision]:
        self.accounts.lists = self.judge.lists = self.room.lists_at(tick_ms)
        batch = self.accounts.take(tick_ms, posts, changes)
        if self._on_batch is not None:
            self._on_batch(batch)
        found, ties = self.subjects.take(batch.signals())
        repeated = self.pairs.take(ties, tick_ms)
        self.tallies.processed += len(posts)
        self.tallies.events += len(changes)
        self.tallies.ticks += 1
        self.room.tell(self.judge)
        return self.judge.take(tick_ms, found, repeated, batch.background)

    def _rendered(self, revisions: Iterable[Revision]) -> Iterator[Alert]:
        for revision in revisions:
            yield render(
                revision,
                self.config_version,
                self.room.lists_at(revision.tick_ms),
                self.room.watch,
                self.judge.coverage(self.settings.coverage, revision),
            )
