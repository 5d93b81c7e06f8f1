"""Hashtags and links that rise from nothing while the stream around them does not.

What it looks for
    A hashtag or a link that in five minutes has many times the share of the stream that it usually has.

Definition
    The stream is cut into slots of ``slot_minutes``. With n the posts of the subject in the slot that runs
    and N those of the whole stream, and (n_w, N_w) the same for the slots before,

        m = median(n_w / N_w),  d = 1.4826 median(|n_w / N_w - m|)
        z = (n - m N) / sqrt(m N + (d N)^2 + 1)

    the distance from the usual share in robust standard deviations: the median absolute deviation, which one
    earlier rise does not spoil as it would a mean (Iglewicz and Hoaglin, 1993), with the noise of small
    counts. A subject has *risen* when it has ``min_posts`` by ``min_accounts``, z >= ``deviations`` and
    n >= ``factor`` (m N + 1). Shares, and not counts, so that nothing rises only because all do: in the
    evening, or when a network recovers. Judged again when its posts have grown by a quarter.

Defaults, and why
    ``slot_minutes`` 5: a push shows within minutes. ``min_samples`` 24 slots (two hours) of 50 posts or more:
    below, a median deviation says little; until then nothing is judged. ``history_slots`` 72, six hours.
    ``deviations`` 6 and ``factor`` 5: news does rise, and a rise alone is no alert.

What it misses
    Slow rises; a rise cut in two by the border of a slot; subjects that are always there and only double.
    Uses under three in a slot are forgotten, and count as none. Vigie sees the stream that it is given:
    of a stream filtered by a hashtag, that hashtag never rises.

What it does not prove
    News, goals and jokes rise from nothing too; that is what most rises are.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> def posts(slot, count, text):
...     return [
...         from_mapping({"id": f"{slot}.{n}", "platform": "x", "author_id": f"a{n}", "text": text,
...                       "created_at": 1_500_000_000_000 + slot * 300_000 + n})
...         for n in range(count)
...     ]
>>> accounts, rising = Accounts(), Rising()
>>> for slot in range(30):
...     tick_ms = 1_500_000_000_000 + slot * 300_000 + 5000
...     found = rising.take(accounts.take(tick_ms, posts(slot, 60, "Good morning")).signals())
>>> tick_ms = 1_500_000_000_000 + 30 * 300_000 + 5000
>>> finding, = rising.take(accounts.take(tick_ms, posts(30, 60, "See #this now")).signals())
>>> finding.subjects, finding.posts_total, finding.evidence["usual"], finding.evidence["samples"]
((Subject(kind='hashtag', value='this'),), 60, 0.0, 30)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from statistics import median

import msgspec

from detectors.background import expected_share
from detectors.batches import Signals
from detectors.findings import Evidence, Finding, Member, Subject, stable_id
from detectors.forgetting import forget_oldest
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS = 60_000
_SHOWN_POSTS = 50
_KEPT_POSTS = 3
"""Posts in a slot from which a subject's count is remembered."""
_EPISODE_SLOTS = 12
"""Slots after which a rise is another one."""


class RisingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of what rises from nothing."""

    slot_minutes: int = 5
    history_slots: int = 72
    min_samples: int = 24
    min_stream_posts: int = 50
    """Posts of the whole stream in a slot from which it is a sample."""
    min_posts: int = 20
    min_accounts: int = 8
    deviations: float = 6.0
    factor: float = 5.0
    growth: float = 1.25
    max_subjects: int = 50_000
    """Subjects of two uses or more in the slot that runs; the oldest go first."""
    max_single_subjects: int = 100_000
    """Subjects used once so far in the slot that runs; the oldest go first."""
    max_kept: int = 20_000
    """Subjects remembered of a slot that is over, those with the most posts."""


class _Single(Record, tag="rising_once", gc=False):
    """The one use so far of a subject in the slot that runs."""

    turn: int
    subject: Subject
    member: Member


class _Running(Record, tag="rising_now"):
    """A subject of two uses or more in the slot that runs."""

    turn: int
    subject: Subject
    posts: int
    judged: int
    accounts: dict[str, int]
    """Posts of each account."""
    scores: dict[str, int]
    members: list[Member]
    """The first, and the newest."""


class _Slot(Record, tag="rising_slots"):
    """A slot that is over; it changes no more."""

    total: int
    posts: dict[str, int]


class _Episode(Record, tag="rising_episodes"):
    """A rise that goes on."""

    begun_ms: int
    slot: int


class _Head(Record, tag="rising_head"):
    """The slot that runs, and what is counted."""

    slot: int
    total: int
    turn: int
    evicted: int


class Rising:
    """What rises from nothing; see the module's text for the definition."""

    name = "rising"

    def __init__(self, settings: RisingSettings | None = None) -> None:
        self.settings = settings or RisingSettings()
        self.evicted = 0
        self._slot = self._total = self._turn = 0
        self._once: dict[Subject, _Single] = {}
        self._running: dict[Subject, _Running] = {}
        self._slots: dict[int, _Slot] = {}
        self._episodes: dict[Subject, _Episode] = {}
        self._changed_once: Noted[Subject] = Noted()
        self._changed: Noted[Subject] = Noted()
        self._changed_slots: Noted[int] = Noted()
        self._changed_episodes: Noted[Subject] = Noted()
        self._once_table, self._table, self._slot_table = Table(_Single), Table(_Running), Table(_Slot)
        self._episode_table, self._head = Table(_Episode), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._once) + len(self._running) + sum(len(slot.posts) for slot in self._slots.values())

    def take(self, signals: Signals) -> list[Finding]:
        """Take in the posts of one tick; return a finding for each subject that has risen."""
        self._begin((signals.tick_ms - 1) // (self.settings.slot_minutes * MINUTE_MS))
        self._total += signals.posts
        touched: dict[Subject, _Running] = {}
        for subject, member in _uses(signals):
            running = self._add(subject, member)
            if running is not None:
                touched[subject] = running
        self._changed.update(touched)
        self._forget()
        found = (self._judge(touched[subject], signals.tick_ms) for subject in sorted(touched))
        return [finding for finding in found if finding is not None]

    def _begin(self, slot: int) -> None:
        """Close the slot that ran, if another one runs by now."""
        if slot == self._slot:
            return
        if self._total:
            kept = {
                one: running.posts for one, running in self._running.items() if running.posts >= _KEPT_POSTS
            }
            most = sorted(kept, key=lambda one: (-kept[one], one))[: self.settings.max_kept]
            self.evicted += len(kept) - len(most)
            self._slots[self._slot] = _Slot(self._total, {str(one): kept[one] for one in most})
            self._changed_slots.add(self._slot)
        for old in [one for one in self._slots if one < slot - self.settings.history_slots]:
            del self._slots[old]
            self._changed_slots.add(old)
        for subject in [one for one, rise in self._episodes.items() if rise.slot < slot - _EPISODE_SLOTS]:
            del self._episodes[subject]
            self._changed_episodes.add(subject)
        self._changed.update(self._running)
        self._changed_once.update(self._once)
        self._running, self._once = {}, {}
        self._slot, self._total = slot, 0

    def _add(self, subject: Subject, member: Member) -> _Running | None:
        """Count a use; None for the first one in the slot."""
        self._turn += 1
        running = self._running.get(subject)
        if running is None:
            self._changed_once.add(subject)
            single = self._once.pop(subject, None)
            if single is None:
                self._once[subject] = _Single(self._turn, subject, member)
                return None
            running = self._running[subject] = _Running(self._turn, subject, 0, 0, {}, {}, [])
            _count(running, single.member)
        _count(running, member)
        return running

    def _forget(self) -> None:
        once = forget_oldest(self._once, self.settings.max_single_subjects)
        self._changed_once.update(once.gone)
        running = forget_oldest(self._running, self.settings.max_subjects)
        self._changed.update(running.gone)
        self.evicted += once.evicted + running.evicted

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, running: _Running, tick_ms: int) -> Finding | None:
        settings, posts = self.settings, running.posts
        large = posts >= settings.min_posts and len(running.accounts) >= settings.min_accounts
        if not large or posts < running.judged * settings.growth or self._total < settings.min_stream_posts:
            return None
        running.judged = posts
        samples = self._samples(running.subject)
        if len(samples) < settings.min_samples:
            return None
        usual, deviations = rise(posts, self._total, samples)
        if deviations < settings.deviations or posts < settings.factor * (usual + 1):
            return None
        return self._finding(running, tick_ms, usual, deviations, len(samples))

    def _samples(self, subject: Subject) -> list[float]:
        """Its shares of the stream in the slots before."""
        name, least = str(subject), self.settings.min_stream_posts
        return [slot.posts.get(name, 0) / slot.total for slot in self._slots.values() if slot.total >= least]

    def _finding(
        self, running: _Running, tick_ms: int, usual: float, deviations: float, samples: int
    ) -> Finding:
        subject, posts = running.subject, running.posts
        episode = self._episodes.get(subject) or _Episode(tick_ms, self._slot)
        episode.slot = self._slot
        self._episodes[subject] = episode
        self._changed_episodes.add(subject)
        counts = sorted(running.accounts.values(), reverse=True)
        busiest = sum(counts[: math.ceil(len(counts) / 10)])
        evidence: Evidence = {
            "posts": posts,
            "usual": round(usual, 4),
            "deviations": round(deviations, 2),
            "samples": samples,
            "stream_posts": self._total,
            "minutes": self.settings.slot_minutes,
            "posts_per_account": round(posts / len(counts), 4),
            "busiest_share": round(busiest / posts, 4),
        }
        evidence |= expected_share(sorted(score for score in running.scores.values() if score >= 0))
        return Finding(
            finding_id=stable_id("f", self.name, str(subject), str(episode.begun_ms)),
            detector=self.name,
            subjects=(subject,),
            start_ms=running.members[0].time_ms,
            end_ms=running.members[-1].time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(running.accounts)),
            accounts_total=len(running.accounts),
            posts=tuple(running.members),
            posts_total=posts,
            template=None,
            evidence=evidence,
            declared=len({member.account for member in running.members if member.declared}),
        )

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        for noted in (self._changed, self._changed_once, self._changed_slots, self._changed_episodes):
            noted.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        head = _Head(self._slot, self._total, self._turn, self.evicted)
        once = self._changed_once.take(self._once, everything)
        running = self._changed.take(self._running, everything)
        slots = self._changed_slots.take(self._slots, everything)
        episodes = self._changed_episodes.take(self._episodes, everything)
        return merged(
            self._head.told(head, everything),
            self._once_table.told({str(one): self._once.get(one) for one in once}),
            self._table.told({str(one): self._running.get(one) for one in running}),
            self._slot_table.told({str(one): self._slots.get(one) for one in slots}),
            self._episode_table.told({str(one): self._episodes.get(one) for one in episodes}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._slot, self._total = head.slot, head.total
            self._turn, self.evicted = head.turn, head.evicted
        once = sorted((one for _, one in self._once_table.read(saved)), key=lambda one: one.turn)
        self._once = {one.subject: one for one in once}
        running = sorted((one for _, one in self._table.read(saved)), key=lambda one: one.turn)
        self._running = {one.subject: one for one in running}
        self._slots = {int(key): slot for key, slot in self._slot_table.read(saved)}
        for key, episode in self._episode_table.read(saved):
            kind, _, value = key.partition(":")
            self._episodes[Subject(kind, value)] = episode


def rise(posts: int, total: int, samples: list[float]) -> tuple[float, float]:
    """Posts that its usual share would give, and the distance from it in robust standard deviations.

    >>> rise(20, 100, [0.0] * 24), rise(20, 100, [0.2] * 24)
    ((0.0, 20.0), (20.0, 0.0))
    """
    middle = median(samples)
    spread = 1.4826 * median(abs(share - middle) for share in samples)
    usual = middle * total
    return usual, (posts - usual) / math.sqrt(usual + (spread * total) ** 2 + 1)


def _uses(signals: Signals) -> Iterator[tuple[Subject, Member]]:
    tags = ((Subject("hashtag", name), use.member) for use in signals.tags for name in use.hashtags)
    links = (
        (
            share.object,
            Member(
                share.time_ms,
                share.post_id,
                share.account,
                -1,
                (),
                (),
                linked=True,
                sourced=False,
                declared=share.declared,
            ),
        )
        for share in signals.shares
        if share.object.kind == "link"
    )
    return chain(tags, links)


def _count(running: _Running, member: Member) -> None:
    running.posts += 1
    running.accounts[member.account] = running.accounts.get(member.account, 0) + 1
    running.scores[member.account] = member.score
    running.members.append(member)
    if len(running.members) > _SHOWN_POSTS:
        del running.members[1]
