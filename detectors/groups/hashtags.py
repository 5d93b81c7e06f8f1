"""Hashtags pushed by few accounts or by automated ones: bot share, copies and repetition for each tag.

What it looks for
    A hashtag whose accounts look more automated than those of comparable tags, post it again and again, or
    copy each other's posts.

Definition
    For each hashtag, over the *short* window: posts, distinct accounts (exact while few, HyperLogLog++
    after), and

    * *expected bot share* s = mean(p_i), p_i the automation score of account i as a probability, with the
      interval s -+ 1.96 sqrt(sum p_i (1 - p_i)) / n, the normal approximation of the Poisson binomial;
    * *growth*: (posts + 1) / (posts of the window before + 1), as in BotSlayer (Hui et al., JOSS 2019).

    Over the *long* window:

    * *repeaters*: the share of accounts with two posts or more under the tag;
    * *copied*: the share of its original posts whose folded text another account had posted under the tag;
    * *co_reposted*: the share of its reposts whose post another account had reposted under the tag, and how
      many different posts these are.

    Each share is set against its median over comparable tags: of like size (within a factor of 4), judged in
    the same hour. The chance of a share at least as high is the binomial tail. A tag is judged when its posts
    or accounts have grown by a quarter since the last time. What becomes an alert is decided in
    `detectors.rules`.

Defaults, and why
    ``window`` 15 min, since a push shows within minutes; ``long_window`` 60 min, since people and trolls need
    time to repeat themselves. ``min_accounts`` 8: below, a share of accounts has no usable interval.
    Fewer than five tags to compare with
    are "not enough data". ``growth`` 1.25: half would judge a tag of 20 accounts last when it had 14.

What it misses
    Tags with fewer than eight accounts in an hour; slow pushes; bots that the score cannot see.

What it does not prove
    Fans, games and debates make people repeat a tag. A high bot share is an expectation over weak scores,
    not a count of bots, and says nothing about any one account.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": f"a{i % 9}",
...                   "created_at": 1_500_000_000_000 + i,
...                   "text": f"#push number {i}"})
...     for i in range(18)
... ]
>>> measured, = Hashtags().take(Accounts().take(1_500_000_005_000, posts).signals())
>>> finding = measured.finding
>>> finding.accounts_total, finding.posts_total, finding.evidence["repeaters"]
(9, 18, 1.0)
"""

from __future__ import annotations

import msgspec

from detectors.background import expected_share
from detectors.batches import Signals, TagSignal
from detectors.communities import counted_on
from detectors.findings import Evidence, Finding, Measured, Subject, stable_id
from detectors.forgetting import forget_oldest
from detectors.groups.references import value
from detectors.groups.tag import Tag, TagRecords
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS = 60_000
_COMPARABLE_ACCOUNTS = 4
LEAST = {"repeaters": 0.1, "copied": 0.05, "co_reposted": 0.1, "bot_share": 0.05}
"""Shares taken as ordinary even where comparable tags show less: young tags have had no time to repeat."""


class HashtagSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the hashtag detector. Times in minutes; sizes are counts."""

    window_minutes: int = 15
    long_window_minutes: int = 60
    min_accounts: int = 8
    growth: float = 1.25
    refresh_minutes: int = 15
    """Time after which a tag that goes on is judged again, grown or not."""
    exact_accounts: int = 4096
    max_tags: int = 50_000
    """Tags used twice or more held at once; those unused for longest go first."""
    max_single_tags: int = 100_000
    """Tags used once so far; the oldest go first."""
    max_copies: int = 20_000
    """Distinct texts and reposted posts remembered for one tag."""


class _Single(Record, tag="single_tags", gc=False):
    """The one use so far of a tag. It is the record that a checkpoint keeps of it."""

    turn: int
    """Number of the use, by which these are in order."""
    minute: int
    use: TagSignal


class _Head(Record, tag="tags_head"):
    """What the detector counts."""

    evicted: int
    turn: int


class Hashtags:
    """Sliding-window hashtag detection; see the module's text for the definition."""

    name = "hashtags"

    def __init__(self, settings: HashtagSettings | None = None) -> None:
        self.settings = settings or HashtagSettings()
        self.evicted = 0
        self._tags: dict[str, Tag] = {}
        self._singles: dict[str, _Single] = {}
        self._turn = 0
        self._changed: Noted[str] = Noted()
        self._changed_singles: Noted[str] = Noted()
        self._records, self._table, self._head = TagRecords(), Table(_Single), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._tags) + len(self._singles)

    def tag(self, name: str) -> Tag | None:
        """A tag that was used twice or more in the window."""
        return self._tags.get(name)

    def take(self, signals: Signals) -> list[Measured]:
        """Take in the posts of one tick; return the measurements of each tag that has grown."""
        minute = (signals.tick_ms - 1) // MINUTE_MS
        touched: dict[str, Tag] = {}
        for use in signals.tags:
            for name in use.hashtags:
                tag = self._add(name, minute, use)
                if tag is not None:
                    touched[name] = tag
        measured = [one for tag in touched.values() if (one := self._judge(tag, signals.tick_ms))]
        self._changed.update(touched)
        self._forget(minute)
        return measured

    def _add(self, name: str, minute: int, use: TagSignal) -> Tag | None:
        """Count a post; None while the tag was used only once."""
        # Taken out and put back, so that the tags unused for longest stand first.
        self._turn += 1
        tag = self._tags.pop(name, None)
        if tag is None:
            self._changed_singles.add(name)
            single = self._singles.pop(name, None)
            if single is None:
                self._singles[name] = _Single(self._turn, minute, use)
                return None
            tag = Tag(name, self.settings.exact_accounts)
            tag.add(single.minute, single.use, self.settings.max_copies)
        self._tags[name] = tag
        tag.turn = self._turn
        tag.add(minute, use, self.settings.max_copies)
        return tag

    def _judge(self, tag: Tag, tick_ms: int) -> Measured | None:
        """Measure a tag that has grown, with a finding where it is large enough to be judged."""
        minute = (tick_ms - 1) // MINUTE_MS
        accounts, posts, recent = tag.judged
        if len(tag.accounts.held) < _COMPARABLE_ACCOUNTS:
            return None
        now = self._size(tag, minute)
        growth = self.settings.growth
        grown = now[0] >= accounts * growth or now[1] >= posts * growth or now[2] >= recent * growth
        aged = 0 < tag.last_finding_ms <= tick_ms - self.settings.refresh_minutes * MINUTE_MS
        if not grown and not aged:
            # What has ebbed since may grow again: the bar falls with it.
            tag.judged = (min(now[0], accounts), min(now[1], posts), min(now[2], recent))
            return None
        tag.expire(minute - self.settings.long_window_minutes + 1)
        tag.judged = now = self._size(tag, minute)
        if now[0] < _COMPARABLE_ACCOUNTS:
            return None
        shares = self._shares(tag, minute)
        size = tag.accounts.count()
        finding = None
        if now[0] >= self.settings.min_accounts:
            finding = self._finding(tag, size, self._evidence(tag, shares, tick_ms), tick_ms)
        return Measured(tag.name, size, shares, finding, counted_on(f"hashtag:{tag.name}", tag.accounts))

    def _size(self, tag: Tag, minute: int) -> tuple[int, int, int]:
        """Accounts and posts of the long window, posts of the short one."""
        first = minute - self.settings.window_minutes + 1
        long_first = minute - self.settings.long_window_minutes + 1
        recent = tag.posts_between(first, minute)
        return len(tag.accounts.held), tag.posts_between(long_first, first - 1) + recent, recent

    def _finding(self, tag: Tag, size: int, evidence: Evidence, tick_ms: int) -> Finding:
        window_ms = self.settings.long_window_minutes * MINUTE_MS
        if tick_ms - tag.last_finding_ms > window_ms:
            tag.episode_ms = tick_ms
        tag.last_finding_ms = tick_ms
        held = tag.accounts.held
        return Finding(
            finding_id=stable_id("f", self.name, tag.name, str(tag.episode_ms)),
            detector=self.name,
            subjects=(Subject("hashtag", tag.name),),
            start_ms=tag.minutes[0].minute * MINUTE_MS,
            end_ms=tag.members[-1].time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(held)),
            accounts_total=size,
            posts=tuple(tag.members),
            posts_total=sum(counts.posts for counts in tag.minutes),
            template=None,
            evidence=evidence,
            declared=sum(account in held for account in tag.declared),
        )

    def _shares(self, tag: Tag, minute: int) -> dict[str, tuple[int, int]]:
        """For each measure: so many of so many."""
        held = tag.accounts.held
        originals = sum(counts.originals for counts in tag.minutes)
        reposts = sum(counts.posts for counts in tag.minutes) - originals
        scores = self._scores(tag, minute)
        return {
            "repeaters": (sum(count > 1 for count in held.values()), len(held)),
            "copied": (sum(counts.copied for counts in tag.minutes), originals),
            "co_reposted": (sum(counts.co_reposted for counts in tag.minutes), reposts),
            "bot_share": (round(sum(scores) / 1000), len(scores)),
        }

    def _scores(self, tag: Tag, minute: int) -> list[int]:
        """Automation scores of the accounts of the short window, where there is one."""
        recent = tag.accounts.since(minute - self.settings.window_minutes + 1)
        return sorted(score for account in recent if (score := tag.accounts.scores[account]) >= 0)

    def _evidence(self, tag: Tag, shares: dict[str, tuple[int, int]], tick_ms: int) -> Evidence:
        minute = (tick_ms - 1) // MINUTE_MS
        window = self.settings.window_minutes
        evidence: Evidence = {name: value(share) for name, share in shares.items()}
        evidence |= expected_share(self._scores(tag, minute))
        recent = tag.posts_between(minute - window + 1, minute)
        before = tag.posts_between(minute - 2 * window + 1, minute - window)
        held = tag.accounts.held
        posts = sum(held.values())
        evidence["recent_posts"] = recent
        evidence["recent_accounts"] = tag.accounts.count(minute - window + 1)
        evidence["co_reposted_posts"] = sum(counts.shared_posts for counts in tag.minutes)
        evidence["growth"] = round((recent + 1) / (before + 1), 4)
        evidence["posts_per_account"] = round(posts / len(held), 4)
        evidence["top_account_share"] = round(max(held.values()) / posts, 4)
        return evidence

    def _forget(self, minute: int) -> None:
        first = minute - self.settings.long_window_minutes
        singles = forget_oldest(
            self._singles, self.settings.max_single_tags, lambda single: single.minute < first
        )
        self._changed_singles.update(singles.gone)
        tags = forget_oldest(self._tags, self.settings.max_tags, lambda tag: tag.minutes[-1].minute < first)
        if self._changed.on:
            for tag in tags.gone.values():
                self._records.forget(tag)
        self.evicted += singles.evicted + tags.evicted

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_singles.track()
        for tag in self._tags.values():
            if tag.large and tag.kept is None:
                tag.keep()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        tracked = self._changed.on
        if everything:
            self._records.clear()
        for name in self._changed.take(self._tags, everything):
            if (tag := self._tags.get(name)) is not None:
                self._records.add(tag, everything=everything, tracked=tracked)
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
        for tag in self._records.read(saved, self.settings.exact_accounts):
            self._tags[tag.name] = tag
        if self._changed.on:
            self.track()
