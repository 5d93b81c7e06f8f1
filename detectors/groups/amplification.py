"""One account whose posts a group reposts: who, how fast, how faithfully, and how much else the group does.

What it looks for
    An account, the *source*, whose posts are reposted within seconds, by the same accounts again and again,
    which post little else.

Definition
    For each source, over the window, without reposts of itself: reposts, distinct *amplifiers* (exact while
    few, HyperLogLog++ after, and then a uniform sample of them), distinct posts reposted, reposts per
    amplifier, and

    * *delay*: the median time from the post to its repost, where the date of the post is known (exact under
      a minute, to 3 % above); *quick*: the share of those reposts within ``quick_s`` seconds;
    * *loyal*: the share of amplifiers that reposted two different posts of the source or more; not known
      where only one was reposted;
    * *devotion* of an amplifier: r / a, at most 1, where r counts its reposts of the source while it is held
      and a all its posts, both halved every 12 hours; the median of it, and *devoted*, the share with 1/2 or
      more, over those with a >= ``busy``;
    * *concentration*: the share of the reposts that come from the tenth of the amplifiers with the most;
    * *expected bot share* s = mean(p_i), p_i the automation score of amplifier i as a probability, with the
      interval s -+ 1.96 sqrt(sum p_i (1 - p_i)) / n, the normal approximation of the Poisson binomial.

    Accounts that repost one source within a minute of each other, and again, are the unit of Pacheco et al.
    (ICWSM 2021) and of Schoch et al. (Scientific Reports 12, 2022); here the time is that after the post.
    Each share is set against its median over comparable sources: of like size (within a factor of 4), judged
    in the same hour. The chance of a share at least as high is the binomial tail. A source is judged when its
    amplifiers or reposts have grown by a quarter since the last time. What becomes an alert is decided in
    `detectors.rules`.

Defaults, and why
    ``window`` 60 min, since faithfulness needs several posts. ``quick_s`` 60: the usual choice for
    coordinated reposts (the tutorial of the Coordination Network Toolkit); people need that long to come
    across a post. ``busy`` 3: of an account seen once or twice all is devoted to somebody. ``min_accounts``
    8: below, a share of accounts has no usable interval. Fewer than five sources to compare with are "not
    enough data". ``growth`` 1.25: half would judge a source of 20 amplifiers last when it had 14.

What it misses
    Networks that repost one source once a day, or many sources by turns; those that wait, or post much else;
    a source with fewer than eight amplifiers in an hour. Where the date of the reposted post is not given,
    speed is not known. Reposts are rarely independent of each other, so that p-values are too small: the
    rules also ask for a large difference. An account that was silent towards the source for an hour begins
    its devotion again.

What it does not prove
    Nothing is said against the source: it need not know of its amplifiers, and may be their victim. Fans and
    readers are faithful too, and some are told of each post at once. Nothing here proves that the amplifiers
    are not genuine. Posts by the minute make a delay uncertain by as much.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": f"a{i % 9}",
...                   "created_at": 1_500_000_000_000 + i, "ref_created_at": 1_499_999_990_000,
...                   "kind": "repost", "ref_id": str(i // 9), "ref_author_id": "star"})
...     for i in range(18)
... ]
>>> measured, = Amplification().take(Accounts().take(1_500_000_005_000, posts).signals())
>>> finding = measured.finding
>>> finding.subjects, finding.accounts_total, finding.posts_total
((Subject(kind='source', value='star'),), 9, 18)
>>> [finding.evidence[name] for name in ("posts_reposted", "median_delay_s", "quick", "loyal", "devoted")]
[2, 10, 1.0, 1.0, None]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median

import msgspec

from detectors.background import expected_share
from detectors.batches import AmplifierSignal, Signals
from detectors.communities import counted_on
from detectors.findings import Evidence, Finding, Measured, Subject, author_of, stable_id
from detectors.forgetting import forget_oldest
from detectors.groups.amplified import MINUTE_MS, Amplifier, Source, SourceRecords, keep
from detectors.groups.references import value
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

_COMPARABLE_ACCOUNTS = 4
_DEVOTED = 0.5
LEAST = {"quick": 0.1, "loyal": 0.1, "devoted": 0.1, "bot_share": 0.05}
"""Shares taken as ordinary even where comparable sources show less: a young source has had no second post."""


class AmplificationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the amplification of one account. Times in minutes unless named; sizes are counts."""

    window_minutes: int = 60
    quick_s: int = 60
    """Reposts within so many seconds after the post are quick."""
    busy: int = 3
    """Recent posts of an account from which its devotion is measured."""
    min_accounts: int = 8
    growth: float = 1.25
    refresh_minutes: int = 15
    """Time after which a source that goes on is judged again, grown or not."""
    exact_accounts: int = 4096
    max_sources: int = 50_000
    """Sources reposted twice or more held at once; those unused for longest go first."""
    max_single_sources: int = 100_000
    """Sources reposted once so far; the oldest go first."""
    max_posts: int = 2000
    """Reposted posts remembered of one source."""


class _Single(Record, tag="single_sources", gc=False):
    """The one repost so far of a source. It is the record that a checkpoint keeps of it."""

    turn: int
    """Number of the repost, by which these are in order."""
    minute: int
    use: AmplifierSignal


class _Head(Record, tag="sources_head"):
    """What the detector counts."""

    evicted: int
    turn: int


class Amplification:
    """Sliding-window detection of amplified accounts; see the module's text for the definition."""

    name = "amplification"

    def __init__(self, settings: AmplificationSettings | None = None) -> None:
        self.settings = settings or AmplificationSettings()
        self.evicted = 0
        self._sources: dict[str, Source] = {}
        self._singles: dict[str, _Single] = {}
        self._turn = 0
        self._changed: Noted[str] = Noted()
        self._changed_singles: Noted[str] = Noted()
        self._records, self._table, self._head = SourceRecords(), Table(_Single), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._sources) + len(self._singles)

    def source(self, name: str) -> Source | None:
        """A source, by its account key, that was reposted twice or more in the window."""
        return self._sources.get(name)

    def take(self, signals: Signals) -> list[Measured]:
        """Take in the reposts of one tick; return the measurements of each source that has grown."""
        minute = (signals.tick_ms - 1) // MINUTE_MS
        touched: dict[str, Source] = {}
        for use in signals.amplifiers:
            if use.member.account == use.source:
                continue
            source = self._held(minute, use)
            if source is not None:
                self._add(source, minute, use)
                touched[source.name] = source
        measured = [one for source in touched.values() if (one := self._judge(source, signals.tick_ms))]
        self._changed.update(touched)
        self._forget(minute)
        return measured

    def _held(self, minute: int, use: AmplifierSignal) -> Source | None:
        """The source of a repost; None while it was reposted only this once."""
        # Taken out and put back, so that the sources unused for longest stand first.
        self._turn += 1
        source = self._sources.pop(use.source, None)
        if source is None:
            self._changed_singles.add(use.source)
            single = self._singles.pop(use.source, None)
            if single is None:
                self._singles[use.source] = _Single(self._turn, minute, use)
                return None
            source = Source(use.source, self.settings.exact_accounts)
            self._add(source, single.minute, single.use)
        self._sources[use.source] = source
        source.turn = self._turn
        return source

    def _add(self, source: Source, minute: int, use: AmplifierSignal) -> None:
        if not source.minutes or source.minutes[-1].minute != minute:
            source.expire(minute - self.settings.window_minutes + 1)
        source.add(minute, use, quick_ms=1000 * self.settings.quick_s, max_posts=self.settings.max_posts)

    def _judge(self, source: Source, tick_ms: int) -> Measured | None:
        """Measure a source that has grown, with a finding where it is large enough to be judged."""
        held, reposts = len(source.accounts.held), source.reposts()
        accounts_before, reposts_before = source.judged
        growth = self.settings.growth
        grown = held >= accounts_before * growth or reposts >= reposts_before * growth
        aged = 0 < source.last_finding_ms <= tick_ms - self.settings.refresh_minutes * MINUTE_MS
        if held < _COMPARABLE_ACCOUNTS or not (grown or aged):
            # What has ebbed since may grow again: the bar falls with it.
            source.judged = (min(held, accounts_before), min(reposts, reposts_before))
            return None
        source.judged = (held, reposts)
        devotions, scores = self._devotions(source), _scores(source)
        shares = self._shares(source, devotions, scores)
        size = source.accounts.count()
        finding = None
        if held >= self.settings.min_accounts:
            evidence = self._evidence(source, shares, devotions, scores)
            finding = self._finding(source, size, evidence, tick_ms)
        return Measured(
            source.name, size, shares, finding, counted_on(f"source:{source.name}", source.accounts)
        )

    def _finding(self, source: Source, size: int, evidence: Evidence, tick_ms: int) -> Finding:
        if tick_ms - source.last_finding_ms > self.settings.window_minutes * MINUTE_MS:
            source.episode_ms = tick_ms
        source.last_finding_ms = tick_ms
        return Finding(
            finding_id=stable_id("f", self.name, source.name, str(source.episode_ms)),
            detector=self.name,
            subjects=(Subject("source", author_of(source.name)),),
            start_ms=source.minutes[0].minute * MINUTE_MS,
            end_ms=source.members[-1].time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(source.accounts.held)),
            accounts_total=size,
            posts=source.shown(),
            posts_total=source.reposts(),
            template=None,
            evidence=evidence,
            declared=sum(amplifier.declared for amplifier in source.amplifiers.values()),
        )

    def _shares(
        self, source: Source, devotions: list[float], scores: list[int]
    ) -> dict[str, tuple[int, int]]:
        """For each measure: so many of so many."""
        return {
            "quick": (
                sum(counts.quick for counts in source.minutes),
                sum(sum(counts.delays.values()) for counts in source.minutes),
            ),
            "loyal": self._loyal(source),
            "devoted": (sum(devotion >= _DEVOTED for devotion in devotions), len(devotions)),
            "bot_share": (round(sum(scores) / 1000), len(scores)),
        }

    def _loyal(self, source: Source) -> tuple[int, int]:
        """Amplifiers of two posts or more, and all; of a single post nobody can repost another."""
        if len(source.posts) < 2:
            return 0, 0
        first = source.minutes[-1].minute - self.settings.window_minutes + 1
        known = [one for one in source.amplifiers.values() if one.post_minute >= first]
        return sum(one.other_minute >= first for one in known), len(known)

    def _devotions(self, source: Source) -> list[float]:
        """Devotion of the amplifiers of which enough was seen, sorted."""
        busy: Iterable[Amplifier] = source.amplifiers.values()
        least = self.settings.busy
        return sorted(one.devotion() for one in busy if one.activity >= least)

    def _evidence(
        self,
        source: Source,
        shares: dict[str, tuple[int, int]],
        devotions: list[float],
        scores: list[int],
    ) -> Evidence:
        evidence: Evidence = {name: value(share) for name, share in shares.items()}
        evidence |= expected_share(scores)
        held = source.accounts.held
        counts = sorted(held.values(), reverse=True)
        evidence["posts_reposted"] = len(source.posts) or None
        evidence["median_delay_s"] = median_delay(counts.delays for counts in source.minutes)
        evidence["quick_s"] = self.settings.quick_s
        evidence["known_delays"] = shares["quick"][1]
        evidence["median_devotion"] = round(median(devotions), 4) if devotions else None
        evidence["busy_accounts"] = len(devotions)
        evidence["reposts_per_account"] = round(sum(counts) / len(held), 4)
        evidence["top_tenth_share"] = round(sum(counts[: -(-len(counts) // 10)]) / sum(counts), 4)
        return evidence

    def _forget(self, minute: int) -> None:
        first = minute - self.settings.window_minutes
        singles = forget_oldest(
            self._singles, self.settings.max_single_sources, lambda single: single.minute < first
        )
        self._changed_singles.update(singles.gone)
        sources = forget_oldest(
            self._sources, self.settings.max_sources, lambda source: source.minutes[-1].minute < first
        )
        if self._changed.on:
            for source in sources.gone.values():
                self._records.forget(source)
        self.evicted += singles.evicted + sources.evicted

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_singles.track()
        for source in self._sources.values():
            if source.large and source.kept is None:
                keep(source)

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        tracked = self._changed.on
        if everything:
            self._records.clear()
        for name in self._changed.take(self._sources, everything):
            if (source := self._sources.get(name)) is not None:
                self._records.add(source, everything=everything, tracked=tracked)
        singles = self._changed_singles.take(self._singles, everything)
        return merged(
            self._head.told(_Head(self.evicted, self._turn), everything),
            self._records.told(),
            self._table.told({name: self._singles.get(name) for name in singles}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self._turn = head.evicted, head.turn
        # In order of last use: those unused for longest are forgotten first.
        self._singles = dict(sorted(self._table.read(saved), key=lambda one: one[1].turn))
        for source in self._records.read(saved, self.settings.exact_accounts):
            self._sources[source.name] = source
        if self._changed.on:
            self.track()


def median_delay(delays: Iterable[dict[int, int]]) -> int | None:
    """The median, the lower of two, of delays counted by their seconds; None where there are none.

    >>> median_delay([{5: 1, 60: 2}, {90: 1}]), median_delay([{}])
    (60, None)
    """
    counted: Counter[int] = Counter()
    for each in delays:
        counted.update(each)
    left = (counted.total() + 1) // 2
    for seconds in sorted(counted):
        left -= counted[seconds]
        if left <= 0:
            return seconds
    return None


def _scores(source: Source) -> list[int]:
    """Automation scores of the amplifiers that have one."""
    return sorted(score for score in source.accounts.scores.values() if score >= 0)
