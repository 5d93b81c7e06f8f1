"""Waves of accounts that are suspended, deleted or come back, and accounts that post and erase at once.

What it looks for
    Days on which far more accounts of the stream than usual are suspended, go, or come back; and groups of
    accounts that each erase most of what they post within minutes of posting it.

Definition
    An account counts in one *wave* of its UTC day (event time), by the last change of that day:

    * *suspended*: the network says that it is suspended, and it was not;
    * *deleted*: the same with deleted or deactivated;
    * *returned*: it was gone in either way, and is not any more.

    So an account that is suspended and restored on one day leaves that day's suspensions and counts as
    returned; it is no new account. Suspended again, it counts again on that day.

    With n the accounts of the day so far and m the median over the earlier days that had any (the newest
    ``history`` of them), the day is a wave when n >= ``min_accounts`` and

        n > ``factor`` * m  and  P(X >= n) < ``chance``,  X ~ Poisson(m)

    the chance of such a day if each account went by itself at the usual rate. Under ``min_history`` earlier
    days m is not known ("not enough data") and ``min_accounts`` alone decides. A day is judged while it goes
    on, and again when its accounts have grown by a quarter.

    An *eraser* is an account with ``min_erased`` posts or more that were erased within ten minutes of being
    posted, at least ``erased_share`` of all that it posted here. ``min_erasers`` of them that erase within
    one hour are a group, held against the clock hours before that had any by the same formula, and judged
    again when it has grown by a quarter. Posting and erasing at once to lift a topic, and leave no trace of
    it, is *ephemeral astroturfing* (Elmas et al., IEEE EuroS&P 2021).

Defaults, and why
    ``factor`` 2 and ``chance`` 0.001: twice the usual is what people call a wave, and a small usual doubles
    by itself: of 5 a day, 11 or more come by chance once in seventy days, 14 or more once in 1,400.
    ``min_accounts`` 10: less is no wave even where nothing is usual. ``min_history`` 5 and ``history`` 60: a
    median of fewer says little, and two months follow a network's changes of habit; earlier waves do not
    spoil a median as they would a mean. ``min_erased`` 3 and ``erased_share`` 0.5: people erase one post, or
    two, for a wrong word; to do so with every second post is a habit. ``min_erasers`` 3: as many as make a
    group anywhere here.

What it misses
    What the network does not tell, and accounts that never posted in this stream. A loss counts on the day
    on which somebody noticed it: a wave that is noticed in parts may be no wave on any day, and on the first
    days of a stream hardly any is told from the usual. The usual is not corrected for how many accounts are
    known. Of each account only the last posts are known to be erased at once (see
    `detectors.accounts.fates`): who posts many times before erasing any is not found, nor who waits eleven
    minutes.

What it does not prove
    A wave is the network's decision, or the day of somebody's check: the accounts need have nothing to do
    with each other, and may come back. Some people erase all that they write, by habit or by a program.

Examples
--------
>>> fate, day_ms = Fate(), 24 * 3_600_000
>>> def suspended(day, accounts):
...     fates = [FateSignal(day * day_ms + n, f"{day}.{n:03}", "suspended") for n in range(accounts)]
...     return fate.take(fates, day * day_ms + 5000)
>>> for day, usual in enumerate((9, 3, 8, 7, 9, 9)):
...     assert suspended(17_000 + day, usual) == []
>>> wave, = suspended(17_007, 40)
>>> wave.subjects, wave.accounts_total, wave.evidence["usual"], wave.evidence["periods"]
((Subject(kind='wave', value='suspended'),), 40, 8.5, 6)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from statistics import median
from typing import Literal

import msgspec

from detectors.batches import FateSignal
from detectors.findings import Evidence, Finding, Subject, stable_id
from detectors.forgetting import forget_oldest
from detectors.groups.networks import poisson_tail
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_SHOWN_ACCOUNTS = 4096

Kind = Literal["suspended", "deleted", "returned", "erased"]
_DAILY: tuple[Kind, ...] = ("suspended", "deleted", "returned")
_GONE: dict[str | None, Kind] = {"suspended": "suspended", "deleted": "deleted", "deactivated": "deleted"}


class FateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of waves and of accounts that erase at once."""

    min_accounts: int = 10
    """Accounts of one day from which there is a wave."""
    factor: float = 2.0
    """How many times the usual count a wave must exceed."""
    chance: float = 0.001
    min_history: int = 5
    """Earlier days, or hours, that had any, under which the usual count is not known."""
    history: int = 60
    """Earlier days, and hours, remembered."""
    growth: float = 1.25
    min_erased: int = 3
    """Posts of one account erased at once from which it is an eraser."""
    erased_share: float = 0.5
    min_erasers: int = 3
    max_accounts: int = 50_000
    """Accounts of the running day held; the earliest go first, and stay counted."""
    max_erasers: int = 20_000
    """Accounts that erase at once held; those that did so longest ago go first."""


class _Today(Record, tag="fate_today", gc=False):
    """What became of an account on the day that runs."""

    kind: Kind
    time_ms: int


class _Wave(Record, tag="fate_waves"):
    """The accounts of one kind, in the day that runs, of erasers in the hour, and before."""

    accounts: int
    told: int
    """Accounts when it was told last; 0 before it was."""
    past: list[int]
    """Of each earlier day, or hour, that had any; the newest last."""


class Eraser(Record, tag="fate_erasers", gc=False):
    """An account that erases most of its posts at once."""

    last_ms: int
    """When it did so last."""
    erased: int
    """Posts that it erased at once, of"""
    posts: int
    """posts."""


class _Head(Record, tag="fate_head"):
    """Where the detector is in time, when the group of erasers began, and what was forgotten."""

    day: int
    hour: int
    begun_ms: int
    evicted: int


class Fate:
    """Waves of changes, and groups of erasers; see the module's text for the definition.

    It stands behind the shards: a wave is one of the whole stream.
    """

    name = "fate"

    def __init__(self, settings: FateSettings | None = None) -> None:
        self.settings = settings or FateSettings()
        self.evicted = 0
        self._day = self._hour = 0
        self._begun_ms = 0
        """Tick at which the running group of erasers was told first."""
        self._today: dict[str, _Today] = {}
        self._waves: dict[Kind, _Wave] = {kind: _Wave(0, 0, []) for kind in (*_DAILY, "erased")}
        self._erasers: dict[str, Eraser] = {}
        """Those that erased longest ago first."""
        self._changed_today: Noted[str] = Noted()
        self._changed_waves: Noted[Kind] = Noted()
        self._changed_erasers: Noted[str] = Noted()
        self._today_table, self._wave_table = Table(_Today), Table(_Wave)
        self._eraser_table, self._head = Table(Eraser), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._today) + len(self._erasers)

    def eraser(self, account: str) -> Eraser | None:
        """What is known of an account that erases most of its posts at once."""
        return self._erasers.get(account)

    def take(self, fates: Sequence[FateSignal], tick_ms: int) -> list[Finding]:
        """Take in what became of accounts and posts in one tick, in canonical order."""
        if not fates:
            return []
        self._begin(tick_ms)
        grown = [kind for fate in fates if (kind := self._change(fate)) is not None]
        erased = [fate for fate in fates if fate.quick and fate.account is not None]
        found = [self._judge(kind, tick_ms) for kind in sorted(set(grown))]
        if erased:
            found.append(self._judge_erasers(erased, tick_ms))
        self._forget()
        return [finding for finding in found if finding is not None]

    def _begin(self, tick_ms: int) -> None:
        """Close the day and the hour that ran, if others run by now."""
        day, hour = (tick_ms - 1) // DAY_MS, (tick_ms - 1) // HOUR_MS
        if hour != self._hour:
            self._close("erased")
            self._hour = hour
        if day != self._day:
            for kind in _DAILY:
                self._close(kind)
                self._waves[kind].told = 0
            self._changed_today.update(self._today)
            self._today = {}
            self._day = day

    def _close(self, kind: Kind) -> None:
        wave = self._waves[kind]
        if wave.accounts:
            wave.past = [*wave.past, wave.accounts][-self.settings.history :]
        wave.accounts = 0
        self._changed_waves.add(kind)

    def _change(self, fate: FateSignal) -> Kind | None:
        """Count a change of an account's status; the wave that has grown by it."""
        kind = became(fate)
        if kind is None or fate.account is None:
            return None
        before = self._today.pop(fate.account, None)
        if before is not None:
            self._waves[before.kind].accounts -= 1
            self._changed_waves.add(before.kind)
        self._waves[kind].accounts += 1
        self._changed_waves.add(kind)
        self._today[fate.account] = _Today(kind, fate.time_ms)
        self._changed_today.add(fate.account)
        return kind

    def _forget(self) -> None:
        today = forget_oldest(self._today, self.settings.max_accounts)
        self._changed_today.update(today.gone)
        erasers = forget_oldest(self._erasers, self.settings.max_erasers)
        self._changed_erasers.update(erasers.gone)
        self.evicted += today.evicted + erasers.evicted

    # -- waves -------------------------------------------------------------------------------------

    def _judge(self, kind: Kind, tick_ms: int) -> Finding | None:
        wave = self._waves[kind]
        if wave.accounts < max(self.settings.min_accounts, wave.told * self.settings.growth):
            return None
        against = self._against(wave, wave.accounts)
        if not self._is_unusual(wave.accounts, against):
            return None
        wave.told = wave.accounts
        times = {account: one.time_ms for account, one in self._today.items() if one.kind == kind}
        evidence = against | {"returned": self._waves["returned"].accounts}
        return self._finding((kind, str(self._day)), times, tick_ms, evidence, accounts=wave.accounts)

    def _against(self, wave: _Wave, accounts: int) -> Evidence:
        """So many accounts, and what is usual."""
        usual = float(median(wave.past)) if len(wave.past) >= self.settings.min_history else None
        chance = None if usual is None else float(f"{poisson_tail(accounts, usual):.4g}")
        return {"accounts": accounts, "usual": usual, "periods": len(wave.past), "chance": chance}

    def _is_unusual(self, accounts: int, against: Evidence) -> bool:
        usual, chance = against["usual"], against["chance"]
        if usual is None or chance is None:
            return True
        return accounts > self.settings.factor * usual and chance < self.settings.chance

    # -- erasers -----------------------------------------------------------------------------------

    def _judge_erasers(self, fates: Sequence[FateSignal], tick_ms: int) -> Finding | None:
        """Take in quick erasures; the group of the last hour, if it has grown."""
        wave, least = self._waves["erased"], self.settings.min_erasers
        if len(self._erasing(tick_ms)) < least:
            self._begun_ms = wave.told = 0
        for fate in fates:
            self._erase(fate)
        self._changed_waves.add("erased")
        group = self._erasing(tick_ms)
        if len(group) < max(least, wave.told * self.settings.growth):
            return None
        against = self._against(wave, len(group))
        if not self._is_unusual(len(group), against):
            return None
        wave.told = len(group)
        self._begun_ms = self._begun_ms or tick_ms
        evidence = against | {
            "erased": sum(one.erased for one in group.values()),
            "posts": sum(one.posts for one in group.values()),
        }
        times = {account: one.last_ms for account, one in group.items()}
        return self._finding(("erased", str(self._begun_ms)), times, tick_ms, evidence, accounts=len(group))

    def _erasing(self, tick_ms: int) -> dict[str, Eraser]:
        """The accounts that erased at once in the last hour."""
        newest = reversed(self._erasers.items())
        return dict(takewhile(lambda one: one[1].last_ms >= tick_ms - HOUR_MS, newest))

    def _erase(self, fate: FateSignal) -> None:
        account = fate.account or ""
        # Taken out and put back, so that those that erased longest ago stand first.
        before = self._erasers.pop(account, None)
        wave = self._waves["erased"]
        if before is not None and before.last_ms // HOUR_MS == self._hour:
            wave.accounts -= 1
        enough = fate.quickly >= max(self.settings.min_erased, self.settings.erased_share * fate.posts)
        if enough:
            self._erasers[account] = Eraser(fate.time_ms, fate.quickly, fate.posts)
            wave.accounts += 1
        if enough or before is not None:
            self._changed_erasers.add(account)

    def _finding(
        self,
        parts: tuple[Kind, str],
        times: dict[str, int],
        tick_ms: int,
        evidence: Evidence,
        *,
        accounts: int,
    ) -> Finding:
        """A finding of accounts, each with the time of its fate."""
        return Finding(
            finding_id=stable_id("f", self.name, *parts),
            detector=self.name,
            subjects=(Subject("wave", parts[0]),),
            start_ms=min(times.values()),
            end_ms=max(times.values()),
            judged_ms=tick_ms,
            accounts=tuple(sorted(times)[:_SHOWN_ACCOUNTS]),
            accounts_total=accounts,
            posts=(),
            posts_total=int(evidence.get("erased") or 0),
            template=None,
            evidence=evidence,
            declared=0,
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed_today.track()
        self._changed_waves.track()
        self._changed_erasers.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        head = _Head(self._day, self._hour, self._begun_ms, self.evicted)
        today = self._changed_today.take(self._today, everything)
        waves = self._changed_waves.take(self._waves, everything)
        erasers = self._changed_erasers.take(self._erasers, everything)
        return merged(
            self._head.told(head, everything),
            self._today_table.told({account: self._today.get(account) for account in today}),
            self._wave_table.told({kind: self._waves[kind] for kind in waves}),
            self._eraser_table.told({account: self._erasers.get(account) for account in erasers}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._day, self._hour = head.day, head.hour
            self._begun_ms, self.evicted = head.begun_ms, head.evicted
        # In the order in which they were taken in, see `detectors.batches.fate_order`.
        today = sorted(self._today_table.read(saved), key=lambda one: (one[1].time_ms, one[0]))
        self._today = dict(today)
        waves = dict(self._wave_table.read(saved))
        self._waves = {kind: waves.get(kind, wave) for kind, wave in self._waves.items()}
        erasers = sorted(self._eraser_table.read(saved), key=lambda one: (one[1].last_ms, one[0]))
        self._erasers = dict(erasers)


def became(fate: FateSignal) -> Kind | None:
    """The wave in which a change of an account's status counts.

    >>> became(FateSignal(5, "x", "suspended", "active")), became(FateSignal(5, "x", "active", "deleted"))
    ('suspended', 'returned')
    >>> became(FateSignal(5, "x", "active")), became(FateSignal(5, "x", "deactivated", "deleted"))
    (None, None)
    """
    now, before = _GONE.get(fate.status), _GONE.get(fate.before)
    if now == before:
        return None
    return now or "returned"
