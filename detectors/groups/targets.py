"""An attack on one target: strangers who all address one account at once, with the same words.

What it looks for
    An account that is mentioned or answered by accounts that did not speak to it before, with copies of a
    text in which only the name changes, in a burst, or by the same accounts again and again.

Definition
    Over a sliding window, in minutes of the stream, for each account that is named (by others than itself;
    reposts name nobody):

    * *copied*: the share of its posts whose folded text, with names, links and numbers as slots, another
      account used for it too; *copies_accounts* and *copies_characters*: accounts and folded length of the
      text that most accounts used;
    * *first_share*: the share of accounts that name it for the first time; *strangers*: the same over the
      accounts whose earlier posts were seen, so that it was seen that they did not name it;
    * *burst*: the share of accounts that named it first, within the window, in its densest 5 minutes. Its
      reference is what an even spread would give, p = 5 / (minutes of the window that were seen), and two
      standard deviations more, since the densest minutes are chosen: r = p + 2 sqrt(p (1 - p) / n).

    They are put together in one number for ranking,

        attack_score = 0.5 max(0, (burst - r) / (1 - r)) + 0.3 min(1, 2 copied) + 0.2 (1 - linked)

    with *linked* the share of posts with a link. The weights are set by hand: how close in time a target's
    posts stand separates most; copies are rarer but say more, and half of the posts are as much as all;
    whoever attacks a person talks to it, and whoever shares something with it links to that.

    Replies that resemble each other, and their delays, are what tells attacked posts in Pote, Elmas,
    Flammini and Menczer, "Coordinated reply attacks in influence operations" (ICWSM 2025). A target is judged
    when its accounts or posts have grown by a quarter. What becomes an alert is decided in
    `detectors.rules.targets`; the score alone never does.

Defaults, and why
    ``window_minutes`` 60, since twenty people at keyboards need the better part of an hour for twenty posts.
    ``min_accounts`` 5: fewer replies from one operation are not called an attack in the paper either.
    ``burst_minutes`` 5: networks with a clock by the minute still show it. ``growth`` 1.25: half would judge
    20 accounts last when there were 14. ``max_posts`` 1000: of a target named more often only the newest
    minutes are looked at; twenty attackers are lost in such a crowd, and their copies are found elsewhere.

What it misses
    Attackers who each find their own words and take hours; those who change a word in each copy (exact
    copies count here, `detectors.groups.near_duplicates` compares the others); one person under two names;
    several targets of one operation, unless one post names them: each target is looked at alone. Until a
    whole window was seen, nobody is called a stranger.

What it does not prove
    A star who has just posted gets a burst of replies from strangers, an airline strangers' complaints, a
    person in the news both. Nothing here reads whether the words are kind. That accounts write alike to
    one person does not prove that somebody told them to.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": f"a{i}",
...                   "created_at": 1_500_000_000_000 + i,
...                   "text": "@mayor nobody in this town believes a word of it"})
...     for i in range(6)
... ]
>>> finding, = Targets().take(Accounts().take(1_500_000_005_000, posts).signals())
>>> finding.targets, finding.evidence["copied"], finding.evidence["strangers"]
((('mayor', 6),), 1.0, None)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

from detectors.batches import MentionSignal, Signals
from detectors.findings import Evidence, Finding, Member, Subject, author_of, stable_id
from detectors.forgetting import forget_oldest
from detectors.groups.target_evidence import attack_score, measured
from detectors.state import Changes, Noted, Record, Saved, Sheet, StateError, Table, merged, refusing

MINUTE_MS = 60_000
_SHOWN_POSTS = 50


class TargetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the attacks on one target. Times in minutes; sizes are counts."""

    window_minutes: int = 60
    burst_minutes: int = 5
    min_accounts: int = 5
    growth: float = 1.25
    max_posts: int = 1000
    """Posts held for one target; beyond it its oldest minutes go."""
    max_mentions: int = 300_000
    """Posts held for all targets named twice or more; the targets unused for longest go first."""
    max_targets: int = 50_000
    """Targets named twice or more held at once; those unused for longest go first."""
    max_single_targets: int = 100_000
    """Targets named once so far; the oldest go first."""


class _Single(Record, tag="single_targets", gc=False):
    """The one mention so far of a target. It is the record that a checkpoint keeps of it."""

    turn: int
    """Number of the mention, by which these are in order."""
    minute: int
    mention: MentionSignal


class _Minute(Record, tag="target_minutes"):
    """The posts that named one target in one minute."""

    mentions: list[MentionSignal]


class _TargetHead(Record, tag="targets"):
    """A target without its minutes."""

    turn: int
    judged: tuple[int, int]
    episode_ms: int
    last_finding_ms: int
    full_minute: int


class _Head(Record, tag="targets_head"):
    """What the detector counts, and when it began."""

    evicted: int
    crowded: int
    turn: int
    begun: int


class _Target:
    """One account that was named twice or more in the window."""

    __slots__ = (
        "accounts",
        "episode_ms",
        "full_minute",
        "judged",
        "last_finding_ms",
        "minutes",
        "name",
        "posts",
        "turn",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.minutes: dict[int, list[MentionSignal]] = {}
        self.accounts: dict[str, int] = {}
        """Posts of each account."""
        self.posts = 0
        self.judged = (0, 0)
        """Accounts and posts when the target was last judged."""
        self.episode_ms = 0
        self.last_finding_ms = 0
        self.turn = 0
        """Number of the last mention, by which the targets are in order."""
        self.full_minute = -1
        """The newest minute that was dropped for want of room."""

    def add(self, minute: int, mention: MentionSignal) -> None:
        """Count one post."""
        self.minutes.setdefault(minute, []).append(mention)
        account = mention.member.account
        self.accounts[account] = self.accounts.get(account, 0) + 1
        self.posts += 1

    def drop(self, minute: int) -> int:
        """Forget a minute; how many posts that was."""
        gone = self.minutes.pop(minute)
        for mention in gone:
            account = mention.member.account
            self.accounts[account] -= 1
            if not self.accounts[account]:
                del self.accounts[account]
        self.posts -= len(gone)
        return len(gone)

    def mentions(self) -> list[MentionSignal]:
        """All posts held, in order of time."""
        return [mention for minute in self.minutes.values() for mention in minute]


class Targets:
    """Attacks on one target; see the module's text for the definition."""

    name = "targets"

    def __init__(self, settings: TargetSettings | None = None) -> None:
        self.settings = settings or TargetSettings()
        self.evicted = 0
        """Targets forgotten before their time, for want of room."""
        self.crowded = 0
        """Posts that were not looked at to the end of the window, since their target had too many."""
        self._targets: dict[str, _Target] = {}
        """Those unused for longest first."""
        self._singles: dict[str, _Single] = {}
        self._mentions = 0
        self._turn = 0
        self._begun = -1
        """The minute of the first tick; -1 before it."""
        self._changed: Noted[str] = Noted()
        self._changed_minutes: Noted[tuple[int, str]] = Noted()
        self._changed_singles: Noted[str] = Noted()
        self._table, self._minutes = Table(_TargetHead), Table(_Minute)
        self._single_table, self._head = Table(_Single), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._targets) + len(self._singles)

    @property
    def mentions(self) -> int:
        """Posts held, once for each target."""
        return self._mentions + len(self._singles)

    def take(self, signals: Signals) -> list[Finding]:
        """Take in the mentions of one tick; return a finding for each target that has grown."""
        minute = (signals.tick_ms - 1) // MINUTE_MS
        if self._begun < 0:
            self._begun = minute
        touched: dict[str, _Target] = {}
        for mention in signals.mentions:
            if author_of(mention.member.account).casefold() == mention.target.casefold():
                continue  # who names himself is no attacker
            target = self._add(minute, mention)
            if target is not None:
                touched[target.name] = target
        self._changed.update(touched)
        found = (self._judge(touched[name], signals.tick_ms) for name in sorted(touched))
        findings = [finding for finding in found if finding is not None]
        self._forget(minute - self.settings.window_minutes)
        return findings

    def _add(self, minute: int, mention: MentionSignal) -> _Target | None:
        """Count a post; None while the target was named only once."""
        self._turn += 1
        name = mention.target
        # Taken out and put back, so that the targets unused for longest stand first.
        target = self._targets.pop(name, None)
        if target is None:
            self._changed_singles.add(name)
            single = self._singles.pop(name, None)
            if single is None:
                self._singles[name] = _Single(self._turn, minute, mention)
                return None
            target = _Target(name)
            self._hold(target, single.minute, single.mention)
        self._targets[name] = target
        target.turn = self._turn
        self._hold(target, minute, mention)
        return target

    def _hold(self, target: _Target, minute: int, mention: MentionSignal) -> None:
        """Add a post to a target, and make room for it in the target first."""
        while target.posts >= self.settings.max_posts:
            oldest = next(iter(target.minutes))
            if oldest == minute:  # a thousand in one minute: the others say nothing new
                self.crowded += 1
                return
            target.full_minute = oldest
            self.crowded += self._drop(target, oldest)
        target.add(minute, mention)
        self._mentions += 1
        self._changed_minutes.add((minute, target.name))

    def _drop(self, target: _Target, minute: int) -> int:
        posts = target.drop(minute)
        self._mentions -= posts
        self._changed_minutes.add((minute, target.name))
        return posts

    def _judge(self, target: _Target, tick_ms: int) -> Finding | None:
        """A finding where the target has enough accounts, and has grown."""
        minute = (tick_ms - 1) // MINUTE_MS
        self._expire(target, minute - self.settings.window_minutes + 1)
        now = len(target.accounts), target.posts
        accounts, posts = target.judged
        growth = self.settings.growth
        if now[0] < self.settings.min_accounts or (now[0] < accounts * growth and now[1] < posts * growth):
            # What has ebbed since may grow again: the bar falls with it.
            target.judged = min(now[0], accounts), min(now[1], posts)
            return None
        target.judged = now
        if tick_ms - target.last_finding_ms > self.settings.window_minutes * MINUTE_MS:
            target.episode_ms = tick_ms
        target.last_finding_ms = tick_ms
        return self._finding(target, tick_ms)

    def _expire(self, target: _Target, first: int) -> None:
        for minute in [minute for minute in target.minutes if minute < first]:
            self._drop(target, minute)

    def _finding(self, target: _Target, tick_ms: int) -> Finding:
        mentions = target.mentions()
        accounts = tuple(sorted(target.accounts))
        declared = {one.member.account for one in mentions if one.member.declared}
        return Finding(
            finding_id=stable_id("f", self.name, target.name, str(target.episode_ms)),
            detector=self.name,
            subjects=(Subject("target", target.name),),
            start_ms=next(iter(target.minutes)) * MINUTE_MS,
            end_ms=mentions[-1].member.time_ms,
            judged_ms=tick_ms,
            accounts=accounts,
            accounts_total=len(accounts),
            posts=_shown(mentions),
            posts_total=len(mentions),
            template=None,
            evidence=self._evidence(target, mentions, (tick_ms - 1) // MINUTE_MS),
            declared=len(declared),
            targets=((target.name, len(accounts)),),
        )

    def _evidence(self, target: _Target, mentions: list[MentionSignal], minute: int) -> Evidence:
        seen = self._seen(target, minute)
        evidence = measured(mentions, settled=seen >= self.settings.window_minutes)
        evidence |= self._burst(target, seen)
        evidence["attack_score"] = attack_score(evidence)
        return evidence

    def _seen(self, target: _Target, minute: int) -> int:
        """Minutes of the window of which all posts of a target are held."""
        since = max(self._begun, target.full_minute + 1)
        return min(self.settings.window_minutes, minute - since + 1)

    def _burst(self, target: _Target, seen: int) -> Evidence:
        """How close together the accounts came, and what an even spread would show."""
        width = self.settings.burst_minutes
        came: Counter[int] = Counter()
        known: set[str] = set()
        for minute, mentions in target.minutes.items():
            new = {one.member.account for one in mentions} - known
            came[minute] = len(new)
            known |= new
        densest = max(sum(came[start + place] for place in range(width)) for start in target.minutes)
        share = min(1.0, width / seen)
        reference = min(1.0, share + 2 * math.sqrt(share * (1 - share) / len(known)))
        return {"burst": round(densest / len(known), 4), "burst_reference": round(reference, 4)}

    def _forget(self, last: int) -> None:
        """Forget what was last named in a minute before that one, and what there is no room for."""
        singles = forget_oldest(
            self._singles, self.settings.max_single_targets, lambda single: single.minute < last
        )
        self._changed_singles.update(singles.gone)
        targets = forget_oldest(
            self._targets,
            self.settings.max_targets,
            lambda target: max(target.minutes, default=last - 1) < last,
        )
        self._forget_targets(targets.gone)
        self.evicted += singles.evicted + targets.evicted
        while self._mentions > self.settings.max_mentions:
            fewer = forget_oldest(self._targets, len(self._targets) - 1)
            self._forget_targets(fewer.gone)
            self.evicted += fewer.evicted

    def _forget_targets(self, gone: dict[str, _Target]) -> None:
        for target in gone.values():
            for minute in list(target.minutes):
                self._drop(target, minute)
        self._changed.update(gone)

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        for noted in (self._changed, self._changed_minutes, self._changed_singles):
            noted.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        held = ((minute, name) for name, target in self._targets.items() for minute in target.minutes)
        names = self._changed.take(self._targets, everything)
        minutes = self._changed_minutes.take(held, everything)
        singles = self._changed_singles.take(self._singles, everything)
        return merged(
            self._head.told(_Head(self.evicted, self.crowded, self._turn, self._begun), everything),
            self._table.told({name: self._target_head(name) for name in names}),
            self._minutes.told({f"{minute}.{name}": self._minute(minute, name) for minute, name in minutes}),
            self._single_table.told({name: self._singles.get(name) for name in singles}),
        )

    def _target_head(self, name: str) -> _TargetHead | None:
        one = self._targets.get(name)
        if one is None:
            return None
        return _TargetHead(one.turn, one.judged, one.episode_ms, one.last_finding_ms, one.full_minute)

    def _minute(self, minute: int, name: str) -> _Minute | None:
        target = self._targets.get(name)
        mentions = None if target is None else target.minutes.get(minute)
        return None if mentions is None else _Minute(mentions)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self.crowded = head.evicted, head.crowded
            self._turn, self._begun = head.turn, head.begun
        # In order of last use: which targets are forgotten, and when, depends on it.
        self._singles = dict(sorted(self._single_table.read(saved), key=lambda one: one[1].turn))
        for name, one in sorted(self._table.read(saved), key=lambda one: one[1].turn):
            target = self._targets[name] = _Target(name)
            target.turn, target.judged, target.full_minute = one.turn, one.judged, one.full_minute
            target.episode_ms, target.last_finding_ms = one.episode_ms, one.last_finding_ms
        for minute, name, mentions in sorted(_parts(self._minutes.read(saved)), key=lambda one: one[0]):
            if name not in self._targets:
                raise StateError("there are posts for a target that is not there")
            for mention in mentions:
                self._targets[name].add(minute, mention)
            self._mentions += len(mentions)


def _parts(records: Iterable[tuple[str, _Minute]]) -> Iterable[tuple[int, str, list[MentionSignal]]]:
    for key, record in records:
        minute, _, name = key.partition(".")
        yield int(minute), name, record.mentions


def _shown(mentions: list[MentionSignal]) -> tuple[Member, ...]:
    """The newest posts, and the first."""
    shown = mentions if len(mentions) <= _SHOWN_POSTS else [mentions[0], *mentions[1 - _SHOWN_POSTS :]]
    return tuple(mention.member for mention in shown)
