"""The SUBJECTS stage: every detector that looks at what posts share, over one shard of the subjects."""

from __future__ import annotations

from itertools import chain
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
        self._finders: dict[str, Any] = {}
        """By the name of what each holds in memory."""
        if shard == 0:
            self._finders |= {
                "texts": NearDuplicates(settings.near_duplicates),
                "promoted": Sponsored(settings.sponsored),
            }
        if shards == 1 or shard > 0:
            self._finders |= {
                "hashtags": Hashtags(settings.hashtags),
                "shared": CoSharing(settings.co_sharing),
                "sources": Amplification(settings.amplification),
                "targets": Targets(settings.targets),
                "rising": Rising(settings.rising),
                "listed": Listed(settings.listed),
                "followed": Purges(settings.purges),
            }
        self._last_tick = 0
        self._head = Sheet(_Head)

    def take(self, signals: Signals) -> tuple[Found, list[Tie]]:
        """Judge one tick: what was found, and the new ties of pairs of accounts."""
        self._last_tick = signals.tick_ms
        told = {name: finder.take(signals) for name, finder in self._finders.items()}
        copies, ties = told.pop("texts", ([], []))
        ties += told.pop("shared", [])
        tags, sources = told.pop("hashtags", []), told.pop("sources", [])
        findings = [*copies, *chain.from_iterable(told.values())]  # of all others
        return Found(findings, tags, sources), ties

    def finish(self) -> Found:
        """What waits at the end of an input."""
        texts = self._finders.get("texts")
        return Found(texts.finish(self._last_tick) if texts is not None else [], [])

    def stores(self) -> dict[str, Any]:
        """What is held in memory, by name."""
        return dict(self._finders)

    def track(self) -> None:
        """From now on, note what changes."""
        for finder in self._finders.values():
            finder.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        return merged(
            self._head.told(_Head(self._last_tick), everything),
            *(finder.changes(everything) for finder in self._finders.values()),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._last_tick = head.last_tick
        for finder in self._finders.values():
            finder.restore(saved)
