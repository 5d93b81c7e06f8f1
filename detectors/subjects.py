"""The SUBJECTS stage: every detector that looks at what posts share, over one shard of the subjects."""

from __future__ import annotations

from typing import Any, Protocol

from detectors.batches import Signals
from detectors.groups.amplification import Amplification, AmplificationSettings
from detectors.groups.co_sharing import CoSharing, CoSharingSettings
from detectors.groups.hashtags import Hashtags, HashtagSettings
from detectors.groups.listed import Listed, ListedSettings
from detectors.groups.near_duplicates import NearDuplicates, NearDuplicateSettings
from detectors.groups.purges import Purges, PurgeSettings
from detectors.groups.rising import Rising, RisingSettings
from detectors.groups.sponsored import Sponsored, SponsoredSettings
from detectors.groups.targets import Targets, TargetSettings
from detectors.judging import Found
from detectors.pairs import Tie
from detectors.state import Changes, Record, Saved, Sheet, merged, refusing


class SubjectSettings(Protocol):
    """The sections of the settings that these detectors read."""

    @property
    def near_duplicates(self) -> NearDuplicateSettings:
        """Of copies."""

    @property
    def hashtags(self) -> HashtagSettings:
        """Of hashtags."""

    @property
    def co_sharing(self) -> CoSharingSettings:
        """Of things that several accounts share."""

    @property
    def amplification(self) -> AmplificationSettings:
        """Of accounts that are reposted."""

    @property
    def targets(self) -> TargetSettings:
        """Of accounts that are named."""

    @property
    def rising(self) -> RisingSettings:
        """Of what rises from nothing."""

    @property
    def listed(self) -> ListedSettings:
        """Of what the room's lists push."""

    @property
    def sponsored(self) -> SponsoredSettings:
        """Of promoted posts."""

    @property
    def purges(self) -> PurgeSettings:
        """Of accounts that lose followers."""


class _Head(Record, tag="subjects"):
    """Where the stage is in time."""

    last_tick: int


class Subjects:
    """Finds groups in the signals of one shard.

    Parameters
    ----------
    settings : SubjectSettings
    shard, shards : int
        Which shard of how many: the first has the texts and the promoted posts, the others all else; a single
        one has everything.
    """

    def __init__(self, settings: SubjectSettings, shard: int = 0, shards: int = 1) -> None:
        others = shards == 1 or shard > 0
        self.near_duplicates = NearDuplicates(settings.near_duplicates) if shard == 0 else None
        self.hashtags = Hashtags(settings.hashtags) if others else None
        self.co_sharing = CoSharing(settings.co_sharing) if others else None
        self.amplification = Amplification(settings.amplification) if others else None
        self.targets = Targets(settings.targets) if others else None
        self.rising = Rising(settings.rising) if others else None
        self.listed = Listed(settings.listed) if others else None
        self.purges = Purges(settings.purges) if others else None
        self.sponsored = Sponsored(settings.sponsored) if shard == 0 else None
        self._last_tick = 0
        self._head = Sheet(_Head)

    def take(self, signals: Signals) -> tuple[Found, list[Tie]]:
        """Judge one tick: what was found, and the new ties of pairs of accounts."""
        self._last_tick = signals.tick_ms
        found = Found([], [])
        ties: list[Tie] = []
        if self.near_duplicates is not None:
            found.findings, ties = self.near_duplicates.take(signals)
        if self.hashtags is not None:
            found.tags = self.hashtags.take(signals)
        if self.co_sharing is not None:
            ties += self.co_sharing.take(signals)
        if self.amplification is not None:
            found.sources = self.amplification.take(signals)
        if self.targets is not None:
            found.findings += self.targets.take(signals)
        if self.rising is not None:
            found.findings += self.rising.take(signals)
        if self.listed is not None:
            found.findings += self.listed.take(signals)
        if self.purges is not None:
            found.findings += self.purges.take(signals)
        if self.sponsored is not None:
            found.findings += self.sponsored.take(signals)
        return found, ties

    def finish(self) -> Found:
        """What waits at the end of an input."""
        near = self.near_duplicates
        return Found(near.finish(self._last_tick) if near is not None else [], [])

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        named = {
            "texts": self.near_duplicates,
            "hashtags": self.hashtags,
            "shared": self.co_sharing,
            "sources": self.amplification,
            "targets": self.targets,
            "rising": self.rising,
            "listed": self.listed,
            "followed": self.purges,
            "promoted": self.sponsored,
        }
        return {name: part for name, part in named.items() if part is not None}

    def track(self) -> None:
        """From now on, note what changes."""
        for part in self.stores().values():
            part.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        return merged(
            self._head.told(_Head(self._last_tick), everything),
            *(part.changes(everything) for part in self.stores().values()),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._last_tick = head.last_tick
        for part in self.stores().values():
            part.restore(saved)
