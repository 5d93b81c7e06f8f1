"""Accounts that lose followers all at once.

What it looks for
    An account of which the count of followers falls within an hour, or a day, as it never did before: its
    followers were removed, and did not leave one by one. And several such accounts within one hour: whoever
    was removed followed all of them.

Definition
    The counts are read off the profiles in the stream. The *level* x_h of an account at the end of hour h is
    the median of its last three minutes read, of each the highest count (the running median of three,
    Tukey, 1977), so that one odd reading changes nothing. Its change over w hours is

        r_w(h) = (x_h - b) / b,  b the oldest level of the hours h-w to h-1

    and m = median(r_w), d = 1.4826 median(|r_w - m|) are what is usual for it over the last
    ``history_hours``. With y the higher of its last two minutes read and f = b - y what it has lost, it is
    *purged* when, over one hour or over ``long_hours``,

        f >= ``min_lost``,  f >= ``min_share`` * b or f >= ``many_lost``,  and
        z = (m + f / b) / max(d, ``least_deviation``) >= ``deviations``

    the distance from its usual change in robust standard deviations (Iglewicz and Hoaglin, 1993). y asks
    for two readings in different minutes, since networks' caches show an old or odd count now and then. It
    is told again when f has grown by a quarter; after ``long_hours`` a fall is another one.

    ``several`` accounts or more that are purged within one hour are told as one finding, with all of them,
    and again when they have grown by a quarter.

Defaults, and why
    ``min_lost`` 100 and ``min_share`` 0.005: of a few thousand followers some dozens come and go on an
    ordinary day. ``many_lost`` 50,000: of tens of millions a half per cent would be hundreds of thousands.
    ``deviations`` 8: every account of the stream is looked at each hour for months, and changes of mood have
    long tails. ``least_deviation`` 0.0002: steady counts have no deviation at all, and readings of different
    ages differ by about so much; eight times that is the smallest fall of a steady account that is told,
    0.16 %. ``min_samples`` 6 changes: below, there is no usual. ``several`` 3, as many as make a group
    anywhere here.

What it misses
    Falls below these shares: 5,000 followers of 59 million are lost in the noise. Accounts seen in fewer than
    seven hours of the last three days ("not enough data"), or for the first time after the purge; accounts
    under 1,000 followers, or that fall below; slow removals that look like a slow decline; followers that
    are replaced as fast as they go. What is lost and won again between two readings.

What it does not prove
    Nothing against the account: whoever buys followers for it, or removes them, need not ask. Networks
    remove inactive accounts everywhere at once, and people leave in numbers after a scandal.

Examples
--------
>>> from detectors.findings import account_key
>>> purges = Purges()
>>> def read(hour, minute, followers):
...     tick_ms = 1_500_001_200_000 + (60 * hour + minute) * MINUTE_MS + 5000
...     signal = FollowerSignal(tick_ms - 1, account_key("x", "star"), followers)
...     return purges.take(Signals(tick_ms, [], [], [], [], [], followers=[signal]))
>>> for hour in range(12):
...     assert read(hour, 0, 40_000 + 5 * hour) == read(hour, 30, 40_002 + 5 * hour) == []
>>> read(12, 0, 35_000)
[]
>>> purge, = read(12, 1, 35_001)
>>> purge.subjects, purge.evidence["followers"], purge.evidence["lost"], purge.evidence["hours"]
((Subject(kind='source', value='star'),), 40055, 5054, 1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median, median_low
from typing import NamedTuple

import msgspec

from detectors.batches import FollowerSignal, Signals
from detectors.findings import Evidence, Finding, Subject, author_of, stable_id
from detectors.forgetting import forget_oldest
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
_UNKNOWN = -1
_MINUTES = 3
"""Minutes read of which the median is the level."""
_SHOWN_SUBJECTS = 200


class PurgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of followers lost at once."""

    history_hours: int = 72
    long_hours: int = 24
    min_samples: int = 6
    min_lost: int = 100
    min_share: float = 0.005
    many_lost: int = 50_000
    """Followers lost that are many whatever their share."""
    deviations: float = 8.0
    least_deviation: float = 0.0002
    """Share of the followers by which readings of a steady count differ."""
    growth: float = 1.25
    several: int = 3
    """Accounts purged within an hour that are told as one finding."""
    max_accounts: int = 20_000
    """Accounts read in two minutes or more; those unread for longest go first."""
    max_single_accounts: int = 100_000
    """Accounts read in one minute so far; the oldest go first."""
    max_purges: int = 5_000
    """Purges of the last hour held, to be put together; the oldest go first."""


class _Single(Record, tag="followed_once", gc=False):
    """The one minute so far in which an account was read."""

    turn: int
    minute: int
    followers: int


class Followed(Record, tag="followed"):
    """What was read of one account's followers."""

    turn: int
    minutes: list[tuple[int, int]]
    """The last minutes in which it was read, with the highest count of each."""
    hour: int
    """The hour of the last of them."""
    levels: list[int]
    """Level of each hour before that one, the newest last; -1 where it was not read."""
    begun_ms: int = 0
    """Tick at which its last purge was told first, and"""
    told: int = 0
    """what it had lost when it was told last."""

    def read(self, minute: int, followers: int, history: int) -> bool:
        """Take in one reading; whether it is the first of its minute. The others can only raise the count."""
        last, highest = self.minutes[-1]
        if minute == last:
            self.minutes[-1] = (minute, max(followers, highest))
            return False
        missed = minute // 60 - self.hour
        if missed:
            level = median_low(count for _, count in self.minutes)
            self.levels = [*self.levels, level, *[_UNKNOWN] * min(missed - 1, history)][-history:]
            self.hour += missed
        self.minutes = [*self.minutes, (minute, followers)][-_MINUTES:]
        return True

    def agreed(self) -> int:
        """The count that two minutes agree upon: the higher of the last two."""
        return max(count for _, count in self.minutes[-2:])

    def before(self, hours: int, place: int) -> int | None:
        """The oldest level of so many hours before the hour at a place of `levels`."""
        earlier = self.levels[max(0, place - hours) : place]
        return next((level for level in earlier if level != _UNKNOWN), None)

    def usual_changes(self, hours: int) -> list[float]:
        """Its changes over so many hours, up to each hour that is over."""
        return [
            (level - before) / before
            for place, level in enumerate(self.levels)
            if level != _UNKNOWN and (before := self.before(hours, place))
        ]


class _Head(Record, tag="followed_head"):
    """What the detector counts."""

    turn: int
    evicted: int


class _Fall(NamedTuple):
    """What an account has lost, against its own past."""

    lost: int
    before: int
    hours: int
    usual: float
    deviations: float
    samples: int


class Purges:
    """Sudden falls of followers, account by account; see the module's text for the definition."""

    name = "purges"

    def __init__(self, settings: PurgeSettings | None = None) -> None:
        self.settings = settings or PurgeSettings()
        self.evicted = self._turn = 0
        self._singles: dict[str, _Single] = {}
        self._followed: dict[str, Followed] = {}
        """Those unread for longest first."""
        self._changed_singles: Noted[str] = Noted()
        self._changed: Noted[str] = Noted()
        self._single_table, self._table, self._head = Table(_Single), Table(Followed), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._singles) + len(self._followed)

    def take(self, signals: Signals) -> list[Finding]:
        """Take in the counts of one tick; return a finding for each account that has been purged."""
        highest: dict[str, FollowerSignal] = {}
        for signal in signals.followers:
            best = highest.get(signal.account)
            if best is None or best.followers < signal.followers:
                highest[signal.account] = signal
        minute = (signals.tick_ms - 1) // MINUTE_MS
        found = []
        for account in sorted(highest):
            followed = self._read(account, minute, highest[account].followers)
            if followed is not None:
                found.append(self._judge(account, followed, highest[account].time_ms, signals.tick_ms))
        self._forget(minute)
        return [finding for finding in found if finding is not None]

    def _read(self, account: str, minute: int, followers: int) -> Followed | None:
        """Take in one reading; the account, if it may have lost followers by it."""
        # Taken out and put back, so that those unread for longest stand first.
        self._turn += 1
        followed = self._followed.pop(account, None)
        if followed is None:
            self._changed_singles.add(account)
            single = self._singles.pop(account, None)
            if single is None or single.minute == minute:
                followers = max(followers, single.followers if single else 0)
                self._singles[account] = _Single(self._turn, minute, followers)
                return None
            followed = Followed(self._turn, [(single.minute, single.followers)], single.minute // 60, [])
        fresh = followed.read(minute, followers, self.settings.history_hours)
        followed.turn = self._turn
        self._followed[account] = followed
        self._changed.add(account)
        return followed if fresh else None

    def _forget(self, minute: int) -> None:
        first = minute - 60 * self.settings.history_hours
        singles = forget_oldest(
            self._singles, self.settings.max_single_accounts, lambda single: single.minute < first
        )
        self._changed_singles.update(singles.gone)
        followed = forget_oldest(
            self._followed, self.settings.max_accounts, lambda one: one.minutes[-1][0] < first
        )
        self._changed.update(followed.gone)
        self.evicted += singles.evicted + followed.evicted

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, account: str, followed: Followed, time_ms: int, tick_ms: int) -> Finding | None:
        settings = self.settings
        fall = max(self._falls(followed), key=lambda one: (one.lost, -one.hours), default=None)
        if fall is None:
            return None
        if tick_ms - followed.begun_ms > settings.long_hours * HOUR_MS:
            followed.begun_ms, followed.told = tick_ms, 0
        if fall.lost < followed.told * settings.growth:
            return None
        followed.told = fall.lost
        evidence: Evidence = {
            "followers": fall.before,
            "after": fall.before - fall.lost,
            "lost": fall.lost,
            "share": round(fall.lost / fall.before, 4),
            "hours": fall.hours,
            "usual": round(fall.usual, 4),
            "deviations": fall.deviations,
            "samples": fall.samples,
        }
        return Finding(
            finding_id=stable_id("f", self.name, account, str(followed.begun_ms)),
            detector=self.name,
            subjects=(Subject("source", author_of(account)),),
            start_ms=(followed.hour - fall.hours) * HOUR_MS,
            end_ms=time_ms,
            judged_ms=tick_ms,
            accounts=(account,),
            accounts_total=1,
            posts=(),
            posts_total=0,
            template=None,
            evidence=evidence,
            declared=0,
        )

    def _falls(self, followed: Followed) -> Iterator[_Fall]:
        """The falls over an hour and over a day that are beyond its own past."""
        settings, now = self.settings, followed.agreed()
        for hours in (1, settings.long_hours):
            before = followed.before(hours, len(followed.levels)) or now
            lost = before - now
            if lost < max(settings.min_lost, min(settings.min_share * before, settings.many_lost)):
                continue
            changes = followed.usual_changes(hours)
            if len(changes) < settings.min_samples:
                continue
            usual = median(changes)
            spread = 1.4826 * median(abs(change - usual) for change in changes)
            deviations = round((usual + lost / before) / max(spread, settings.least_deviation), 4)
            if deviations >= settings.deviations:
                yield _Fall(lost, before, hours, usual, deviations, len(changes))

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed_singles.track()
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        singles = self._changed_singles.take(self._singles, everything)
        followed = self._changed.take(self._followed, everything)
        return merged(
            self._head.told(_Head(self._turn, self.evicted), everything),
            self._single_table.told({account: self._singles.get(account) for account in singles}),
            self._table.told({account: self._followed.get(account) for account in followed}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._turn, self.evicted = head.turn, head.evicted
        self._singles = dict(sorted(self._single_table.read(saved), key=lambda one: one[1].turn))
        self._followed = dict(sorted(self._table.read(saved), key=lambda one: one[1].turn))


class _Purge(Record, tag="purges_together"):
    """A purge of the last hour."""

    finding: Finding


class _TogetherHead(Record, tag="purges_together_head"):
    """The running group, and what was forgotten."""

    begun_ms: int
    told: int
    evicted: int


class PurgesTogether:
    """Puts purges of several accounts within one hour together.

    It stands behind the shards, where the purges of all accounts come together.
    """

    def __init__(self, settings: PurgeSettings | None = None) -> None:
        self.settings = settings or PurgeSettings()
        self.evicted = 0
        self._purges: dict[str, Finding] = {}
        """By account; the oldest first."""
        self._begun_ms = self._told = 0
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(_Purge), Sheet(_TogetherHead)

    def __len__(self) -> int:
        return len(self._purges)

    def take(self, findings: Sequence[Finding], tick_ms: int) -> list[Finding]:
        """The findings of one tick, in any order, with one in the place of several purges."""
        purges = sorted((one for one in findings if one.detector == Purges.name), key=_account)
        if not purges:
            return list(findings)
        self._expire(tick_ms)
        for purge in purges:
            # Taken out and put back, so that the oldest stand first.
            self._purges.pop(_account(purge), None)
            self._purges[_account(purge)] = purge
            self._changed.add(_account(purge))
        self._limit(self.settings.max_purges)
        others = [one for one in findings if one.detector != Purges.name]
        if len(self._purges) < self.settings.several:
            return others + purges
        if len(self._purges) < self._told * self.settings.growth:
            return others
        self._told = len(self._purges)
        self._begun_ms = self._begun_ms or tick_ms
        return [*others, self._together(tick_ms)]

    def _expire(self, tick_ms: int) -> None:
        """Drop what is over an hour old; where too few are left, the next group is another one."""
        for account in [one for one, purge in self._purges.items() if purge.judged_ms < tick_ms - HOUR_MS]:
            del self._purges[account]
            self._changed.add(account)
        if len(self._purges) < self.settings.several:
            self._begun_ms = self._told = 0

    def _limit(self, most: int) -> None:
        forgot = forget_oldest(self._purges, most)
        self._changed.update(forgot.gone)
        self.evicted += forgot.evicted

    def _together(self, tick_ms: int) -> Finding:
        """All purges of the last hour as one finding, that of the most followers first."""
        purges = sorted(self._purges.values(), key=lambda one: (-(one.evidence["lost"] or 0), _account(one)))
        followers, after, lost = (
            sum(int(one.evidence[name] or 0) for one in purges) for name in ("followers", "after", "lost")
        )
        evidence: Evidence = {
            "followers": followers,
            "after": after,
            "lost": lost,
            "share": round(lost / followers, 4),
            "hours": max(one.evidence["hours"] or 0 for one in purges),
            "usual": round(median(one.evidence["usual"] or 0 for one in purges), 4),
            "deviations": min(one.evidence["deviations"] or 0 for one in purges),
            "samples": min(one.evidence["samples"] or 0 for one in purges),
        }
        return Finding(
            finding_id=stable_id("f", Purges.name, "together", str(self._begun_ms)),
            detector=Purges.name,
            subjects=tuple(one.subjects[0] for one in purges[:_SHOWN_SUBJECTS]),
            start_ms=min(one.start_ms for one in purges),
            end_ms=max(one.end_ms for one in purges),
            judged_ms=tick_ms,
            accounts=tuple(sorted(self._purges)),
            accounts_total=len(purges),
            posts=(),
            posts_total=0,
            template=None,
            evidence=evidence,
            declared=0,
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        records: dict[str, _Purge | None] = {}
        for account in self._changed.take(self._purges, everything):
            purge = self._purges.get(account)
            records[account] = None if purge is None else _Purge(purge)
        head = _TogetherHead(self._begun_ms, self._told, self.evicted)
        return merged(self._head.told(head, everything), self._table.told(records))

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._begun_ms, self._told, self.evicted = head.begun_ms, head.told, head.evicted
        purges = sorted((one.finding for _, one in self._table.read(saved)), key=_age)
        self._purges = {_account(purge): purge for purge in purges}


def _account(purge: Finding) -> str:
    return purge.accounts[0]


def _age(purge: Finding) -> tuple[int, str]:
    return purge.judged_ms, _account(purge)
