"""Which traits a group has: every trait of every group tested, and each test paid for.

What it looks for
    What a group's accounts have in common more than comparable accounts, and more than other communities.

Definition
    A trait is *found* when all of this holds:

    1. *Chance.* Its p-value (`detectors.traits.chance`), times what Benjamini and Yekutieli (2001) ask for
       the number of traits tested, is at most the level of this test. A group is judged again and again, and
       every look is another chance to be wrong: so it is tested again only when half as many accounts as it
       had have joined it (others may have left its window), and the k-th test has the level
       ``alpha / (k (k + 1))``, which sum to alpha over all tests there could be. A look at which no trait
       could be tested is none. What was found at one test stays found as long as the third and the fourth
       condition hold.
    2. *Number.* Three accounts or more show it (of probabilities: are to be expected to); of what is rare
       enough, one.
    3. *Effect.* Cohen's h of the group's share and that of comparable accounts is at least the trait's
       minimum: with many accounts, chance alone excludes what matters to nobody.
    4. *Communities.* Its share is above that of 95 in 100 communities of like size of the last hours, the
       group and these measured alike, beside the same comparable accounts. Where few are of like size,
       smaller ones are asked too, which is no easier; none is asked that is the group under another name
       (for both see `detectors.communities`). Where fewer than ten of these can be asked, the effect must be
       0.8 instead (*large*, Cohen 1988).

    Else it is *not_found*. It is *not_enough_data* where it is known of fewer than eight accounts of the
    group, or there are fewer than a hundred comparable ones; *not_on_this_network* where it is known neither
    of the group nor of these. A group is represented by at most 400 accounts, those with the smallest hashes.
    What is drawn at random is drawn with the finding's id as seed.

Defaults, and why
    ``alpha`` 0.05: of a hundred groups that are nothing but chance, five at most ever show any trait, however
    often they are looked at. ``growth`` 1.5: small groups are tested often, large ones seldom.

What it misses
    Groups of fewer than eight accounts; traits that one in twenty communities has as much of.

What it does not prove
    A trait is a reason to look, and no verdict: fans, newcomers and regions have things in common too.

Examples
--------
>>> from detectors.looks import Look, account_hash
>>> album, keys = Album(), [f"x\\x1f{n}" for n in range(600)]
>>> album.take([Look(account_hash(key), 1, 1_500_000_000, score=900 if n < 20 else 120, created_min=n)
...             for n, key in enumerate(keys)], 1_500_000_005_000)
>>> results = Traits().test("f1", keys[:20], (), album, Communities(), 1_500_000_005_000)
>>> [(one.name, one.value, one.n) for one in results if one.state == "found"]
[('bot_share', 0.9, 20), ('creation_cohort', 1.0, 20)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import msgspec
import numpy as np

from detectors.album import Album
from detectors.communities import Communities
from detectors.comparing import Floats, Peers, beside, representatives
from detectors.findings import stable_id
from detectors.forgetting import forget_oldest
from detectors.looks import account_hash
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing
from detectors.traits import TRAITS
from detectors.traits.chance import adjusted
from detectors.traits.kinds.question import MIN_ACCOUNTS, Everyone, Outcome, Question, Trait, matters
from detectors.traits.results import TraitResult

MINUTE_MS = 60_000
_VOLUME_MINUTES = 7 * 60
_DAY_S = 86_400
_REMEMBERED = 64
"""Accounts of a tested group that are remembered."""


class TraitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the traits."""

    alpha: float = 0.05
    growth: float = 1.5
    min_communities: int = 10
    percentile: float = 95.0
    alone: float = 0.8
    """Effect that is asked for where there are too few communities."""
    max_findings: int = 20_000
    """Findings whose tests are remembered; those tested longest ago go first."""


class _Tested(Record, tag="traits_tested"):
    """The tests of one finding so far."""

    turn: int
    size: int
    tests: int
    results: list[TraitResult]
    smallest: bytes = b""
    """The smallest hashes of its accounts, which tell later how many are new; eight bytes each."""


class _Minute(Record, tag="traits_volume"):
    """Posts of the whole stream in one minute."""

    posts: int


class _Head(Record, tag="traits_head"):
    """What is counted."""

    turn: int
    evicted: int
    tests: int


class Traits:
    """Tests groups, and remembers which was tested when; see the module's text."""

    def __init__(self, settings: TraitSettings | None = None, traits: Sequence[Trait] = TRAITS) -> None:
        self.settings = settings or TraitSettings()
        self.traits = traits
        self.evicted = 0
        self.tests = 0
        """Groups tested so far, each time counted."""
        self._turn = 0
        self._tested: dict[str, _Tested] = {}
        self._volume: dict[int, int] = {}
        self._changed: Noted[str] = Noted()
        self._changed_minutes: Noted[int] = Noted()
        self._table, self._minutes, self._head = Table(_Tested), Table(_Minute), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._tested)

    def count(self, posts: int, tick_ms: int) -> None:
        """Count the posts of the whole stream in one tick."""
        minute = (tick_ms - 1) // MINUTE_MS
        self._volume[minute] = self._volume.get(minute, 0) + posts
        self._changed_minutes.add(minute)
        while (first := next(iter(self._volume))) < minute - _VOLUME_MINUTES:
            del self._volume[first]
            self._changed_minutes.add(first)

    def test(
        self,
        finding_id: str,
        accounts: Sequence[str],
        minutes: Iterable[int],
        album: Album,
        communities: Communities,
        tick_ms: int,
    ) -> list[TraitResult]:
        """The traits of one group, as of now or, if not half as many have joined since, as of its last test.

        Parameters
        ----------
        finding_id : str
        accounts : sequence of str
            Account keys.
        minutes : iterable of int
            Minute (since the epoch) of each account's first post in the group; empty where not all are known.
        album : Album
        communities : Communities
        tick_ms : int
        """
        if len(accounts) < MIN_ACCOUNTS:  # no test that would have to be paid for
            return [TraitResult(name=trait.name, state="not_enough_data") for trait in self.traits]
        before = self._tested.get(finding_id)
        hashes = set(map(account_hash, accounts))
        smallest = np.array(representatives(hashes, _REMEMBERED), dtype="<u8").tobytes()
        if (
            before is not None
            and len(accounts) < self.settings.growth * before.size
            and joined(before.smallest, smallest) < self.settings.growth - 1
        ):
            return before.results
        tests = before.tests + 1 if before is not None else 1
        held = {one.name for one in before.results if one.state == "found"} if before is not None else set()
        seed = int(stable_id("", finding_id, str(tests)), 16)
        group = representatives(hashes)
        question = Question(
            beside(album, group, tick_ms // 1000, seed, least=MIN_ACCOUNTS),
            seed,
            album.name,
            np.array(sorted(minutes), dtype=np.int64),
            self._volume,
            lambda column: everyone(album, tick_ms // 1000, column),
        )

        @cache
        def peers() -> Peers:
            return Peers(question.sides, communities.like(hashes, len(accounts), tick_ms), album)

        results = self._results(question, peers, tests, held)
        # Where nothing could be tested nothing could be wrong, and nothing has to be paid for.
        looked = any(one.p_value is not None for one in results)
        tests -= not looked
        self._turn += 1
        self._note(finding_id, _Tested(self._turn, len(accounts), tests, results, smallest))
        return results

    def _results(
        self, question: Question, peers: Callable[[], Peers], tests: int, held: set[str]
    ) -> list[TraitResult]:
        outcomes = {trait.name: trait.test(question) for trait in self.traits}
        tested = {name: one for name, one in outcomes.items() if not isinstance(one, str)}
        paid = dict(zip(tested, adjusted([one.p_value for one in tested.values()]), strict=True))
        level = self.settings.alpha / (tests * (tests + 1))
        results = []
        for trait in self.traits:
            outcome = outcomes[trait.name]
            if isinstance(outcome, str):
                results.append(TraitResult(name=trait.name, state=outcome))
                continue
            found = (
                (paid[trait.name] <= level or trait.name in held)
                and matters(outcome.value, outcome.reference, outcome.showing, trait.least, outcome.fewest)
                and self._stands_out(outcome, trait.values(question, peers()))
            )
            results.append(_result(trait.name, outcome, found=found))
        return results

    def _stands_out(self, outcome: Outcome, values: Floats) -> bool:
        """Whether the first of these values is above those of the communities, the others."""
        others = values[1:][~np.isnan(values[1:])]
        if len(others) < self.settings.min_communities:
            return outcome.effect >= self.settings.alone
        return bool(values[0] > np.percentile(others, self.settings.percentile))

    def _note(self, finding_id: str, tested: _Tested) -> None:
        self.tests += 1
        # Taken out and put back, so that those tested longest ago stand first.
        self._tested.pop(finding_id, None)
        self._tested[finding_id] = tested
        self._changed.add(finding_id)
        forgot = forget_oldest(self._tested, self.settings.max_findings)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_minutes.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        findings = self._changed.take(self._tested, everything)
        minutes = self._changed_minutes.take(self._volume, everything)
        volume = self._volume
        return merged(
            self._head.told(_Head(self._turn, self.evicted, self.tests), everything),
            self._table.told({one: self._tested.get(one) for one in findings}),
            self._minutes.told(
                {str(one): _Minute(volume[one]) if one in volume else None for one in minutes}
            ),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._turn, self.evicted, self.tests = head.turn, head.evicted, head.tests
        for finding_id, tested in sorted(self._table.read(saved), key=lambda one: one[1].turn):
            self._tested[finding_id] = tested
        self._volume = dict(sorted((int(key), one.posts) for key, one in self._minutes.read(saved)))


def joined(before: bytes, now: bytes) -> float:
    """How many accounts joined a group for each that it had before, from the smallest hashes of both.

    The smallest of both together are a fair sample of all (Broder 1997).

    >>> four, six, one = (np.array(some, "<u8").tobytes() for some in ([3, 5, 8, 9], [1, 3, 5, 7, 8, 9], [5]))
    >>> joined(four, six), joined(four, one)
    (0.5, 0.0)
    """
    old = np.frombuffer(before, "<u8")
    sample = np.union1d(old, np.frombuffer(now, "<u8"))[:_REMEMBERED]
    known = int(np.isin(sample, old).sum())
    return (len(sample) - known) / max(known, 1)


def everyone(album: Album, now_s: int, column: str) -> Everyone:
    """One column of the album, of all accounts seen within a day."""
    places, seen = album.recent(now_s - _DAY_S)
    return Everyone(seen["account"], seen["platform"], album.table[column][places])


def _result(name: str, outcome: Outcome, *, found: bool) -> TraitResult:
    return TraitResult(
        name=name,
        state="found" if found else "not_found",
        value=round(outcome.value, 4),
        reference=round(outcome.reference, 4),
        effect=round(outcome.effect, 4),
        p_value=float(f"{outcome.p_value:.4g}"),
        n=outcome.n,
        figures={
            key: round(one, 4) if isinstance(one, float) else one for key, one in outcome.figures.items()
        },
    )
