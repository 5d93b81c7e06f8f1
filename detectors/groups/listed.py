"""What the accounts on the room's lists push more than everyone else does.

What it looks for
    A hashtag, a link, a picture or a reposted post that several listed accounts use, and that stands in many
    times as many of the list's posts as of everyone else's.

Definition
    Accounts listed as ``attributed`` or ``amplifies`` (`detectors.lists`) are set against all others, among
    which are those listed as ``declared``. Counting of an object begins with its first use by a listed
    account, and goes on over the last ``window_hours``. In the same stretch let n be the posts of listed
    accounts and N those of all others; K the others' posts with the object; and a the listed accounts that
    used it, without one: the one whose use began the counting, which is no evidence. Each listed account
    counts once, however often it used the object, while the others' every post counts. Then

        ratio = (a / n) / ((K + 1) / N),   p = P(X >= a),   X ~ Binomial(a + K, n / (n + N))

    the exact conditional test of two Poisson rates (Przyborowski and Wilenski, 1940). As many distinct
    accounts are rarer than as many posts, so that p errs on the large side. The object is *pushed* when

        a + 1 >= ``min_accounts``,   ratio >= ``ratio``,   m j (j + 1) p <= ``chance``

    where m are the posts of listed accounts in the window and j says how often this object was tested. So
    the many tests are paid for: each object that is tested took ``min_accounts`` listed posts or more, and so
    there are fewer of them than m (Bonferroni); and the tests of one object spend 1/2, 1/6, 1/12, ... of its
    part, which is 1 in all. The left side, `chance`, is how many such objects a window would show if listed
    accounts took what they post from what everyone posts. It is told once more for the attributed accounts
    alone, against the posts of all listed ones, which understates it.

    An object is tested when its listed accounts or their posts have grown by a quarter; and, not found yet,
    at the end of the hour in which its counting began, and of the next: a burst at the very beginning leaves
    little to compare with. Hours are dropped whole; an object that no listed account used in the window is
    forgotten.

Defaults, and why
    ``window_hours`` 24: a board of the day; lists rest at night like others. ``min_accounts`` 4: three that
    followed one. ``ratio`` 10: people who care for politics use a debate's hashtag a few times as often as
    all do, and what a tenth of all posts carry can never be ten times as frequent. ``chance`` 0.01: one false
    object in a hundred days, if posts were independent. ``max_accounts`` 5000 for one object.

What it misses
    What listed accounts push while everyone does; what less than four of them push; what they push in words.
    Answers to a post, and orders of hashtags, are left to other detectors. A list that mostly reposts uses
    few hashtags and links, since a repost counts for the post that it spreads; and the other way round.

What it does not prove
    Accounts with one country, language or cause use its words more often than everyone else. A list is the
    judgement of those who wrote it. That listed accounts push something proves neither that it is false nor
    that others who use it belong to them.

Examples
--------
>>> def share(number, listed):
...     return ShareSignal(1_500_000_000_000 + number, str(number), f"x\\x1f{number}", 1,
...                        Subject("link", "https://news.invalid/1"), listed=listed)
>>> shares = [share(number, "attributed") for number in range(6)] + [share(6, "")]
>>> finding, = Listed().take(Signals(1_500_000_005_000, [], [], shares, [], [], posts=920, listed=20))
>>> finding.accounts_total, finding.posts_total, [finding.evidence[name] for name in ("ratio", "chance")]
(6, 6, [112.5, 1.144e-06])
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from detectors.background import binomial_tail
from detectors.batches import ShareSignal, Signals
from detectors.findings import Evidence, Finding, Member, Subject, stable_id
from detectors.lists import PUSHING
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
_KINDS = frozenset({"hashtag", "link", "media", "post"})
_SHOWN_POSTS = 50
_KEPT = 0.9
"""Part of the objects that stays when there are too many."""


class ListedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of what the lists push."""

    window_hours: int = 24
    min_accounts: int = 4
    ratio: float = 10.0
    chance: float = 0.01
    """Expected number of objects in a window that chance alone would show, at which one is believed."""
    growth: float = 1.25
    max_objects: int = 50_000
    """Objects held at once; those that one listed account used go first, oldest first."""
    max_accounts: int = 5000
    """Listed accounts held of one object; the posts of those beyond count, and they do not."""


class _Hour(Record, tag="listed_hours", gc=False):
    """Posts of the whole stream in an hour."""

    posts: int
    listed: int
    """Those of listed accounts."""


class _Pushed(Record, tag="listed_objects"):
    """What listed accounts did with one object."""

    subject: Subject
    opened_ms: int
    """Tick of the first use, with which counting begins."""
    opened: _Hour
    """Posts of that hour before that tick."""
    accounts: dict[str, tuple[int, str]]
    """Of each account the hour of its last use, and its kind."""
    posts: dict[str, dict[int, int]]
    """Posts of each kind of accounts, by hour."""
    members: list[Member]
    """The first, and the newest."""
    looks: int = 0
    """How often it was tested."""
    judged: tuple[int, int] = (0, 0)
    """Accounts and posts at the last test; they fall with what expires."""
    found: bool = False

    @property
    def opened_hour(self) -> int:
        """The hour in which counting begins."""
        return (self.opened_ms - 1) // HOUR_MS

    @property
    def posts_total(self) -> int:
        """Posts of listed accounts in the window."""
        return sum(sum(hours.values()) for hours in self.posts.values())


class _Others(Record, tag="listed_others"):
    """Everyone else's posts with an object, by hour. It stands apart since it changes far more often."""

    posts: dict[int, int]


class _Head(Record, tag="listed_head"):
    """What the detector counts, and the hour that runs."""

    hour: int
    evicted: int


class Listed:
    """What listed accounts push; see the module's text for the definition."""

    name = "listed"

    def __init__(self, settings: ListedSettings | None = None) -> None:
        self.settings = settings or ListedSettings()
        self.evicted = 0
        self._hour = 0
        self._hours: dict[int, _Hour] = {}
        self._pushed: dict[Subject, _Pushed] = {}
        self._others: dict[Subject, dict[int, int]] = {}
        self._changed_hours: Noted[int] = Noted()
        self._changed: Noted[Subject] = Noted()
        self._changed_others: Noted[Subject] = Noted()
        self._hour_table, self._table, self._other_table = Table(_Hour), Table(_Pushed), Table(_Others)
        self._head = Sheet(_Head)

    def __len__(self) -> int:
        return len(self._pushed)

    def take(self, signals: Signals) -> list[Finding]:
        """Take in the posts of one tick; return a finding for each object that the lists push."""
        due = self._begin((signals.tick_ms - 1) // HOUR_MS)
        stream = self._hours.setdefault(self._hour, _Hour(0, 0))
        if signals.listed:
            before = _Hour(stream.posts, stream.listed)
            for share in signals.shares:
                if share.listed in PUSHING and share.object.kind in _KINDS:
                    self._add(share, signals.tick_ms, before)
                    due.setdefault(share.object, False)
        if self._pushed:
            self._follow(signals.shares)
        stream.posts += signals.posts
        stream.listed += signals.listed
        self._changed_hours.add(self._hour)
        found = (self._judge(self._pushed[one], signals.tick_ms, again=due[one]) for one in sorted(due))
        findings = [finding for finding in found if finding is not None]
        self._changed.update(due)
        self._forget()
        return findings

    def _begin(self, hour: int) -> dict[Subject, bool]:
        """Drop what is past if another hour runs by now; the objects to be tested at the end of the last."""
        if hour == self._hour:
            return {}
        ended, self._hour = self._hour, hour
        first = hour - self.settings.window_hours + 1
        for old in [one for one in self._hours if one < first]:
            del self._hours[old]
            self._changed_hours.add(old)
        for one in list(self._pushed.values()):
            self._expire(one, first)
        return {
            subject: True
            for subject, one in self._pushed.items()
            if not one.found and one.opened_hour >= ended - 1
        }

    def _expire(self, one: _Pushed, first: int) -> None:
        """Drop what an object had before an hour, and the object itself if nothing is left."""
        counts = [self._others[one.subject], *one.posts.values()]
        if all(hour >= first for hour in chain(*counts)):
            return
        for hours in counts:
            for old in [hour for hour in hours if hour < first]:
                del hours[old]
        one.accounts = {name: use for name, use in one.accounts.items() if use[0] >= first}
        recent = [member for member in one.members if member.time_ms >= first * HOUR_MS]
        one.members = recent or one.members[-1:]  # a tick may reach over the border
        self._note(one.subject)
        if not one.accounts:
            self._remove(one.subject)

    def _add(self, share: ShareSignal, tick_ms: int, before: _Hour) -> None:
        """Count a use by a listed account."""
        one = self._pushed.get(share.object)
        if one is None:
            one = self._pushed[share.object] = _Pushed(share.object, tick_ms, before, {}, {}, [])
            self._others[share.object] = {}
            self._changed_others.add(share.object)
        if share.account in one.accounts or len(one.accounts) < self.settings.max_accounts:
            one.accounts[share.account] = self._hour, share.listed
        hours = one.posts.setdefault(share.listed, {})
        hours[self._hour] = hours.get(self._hour, 0) + 1
        one.members.append(_member(share))
        if len(one.members) > _SHOWN_POSTS:
            del one.members[1]

    def _follow(self, shares: Iterable[ShareSignal]) -> None:
        """Count everyone else's uses of what listed accounts have used."""
        others, hour = self._others, self._hour
        for share in shares:
            hours = others.get(share.object)
            if hours is not None and share.listed not in PUSHING:
                hours[hour] = hours.get(hour, 0) + 1
                self._changed_others.add(share.object)

    def _forget(self) -> None:
        """Make room, for many at once, since they are put in order for it."""
        most = self.settings.max_objects
        if len(self._pushed) <= most:
            return
        order = sorted(
            self._pushed.values(),
            key=lambda one: (len(one.accounts) > 1, one.members[-1].time_ms, one.subject),
        )
        for one in order[: len(order) - int(_KEPT * most)]:
            self._remove(one.subject)
            self.evicted += 1

    def _remove(self, subject: Subject) -> None:
        del self._pushed[subject], self._others[subject]
        self._note(subject)

    def _note(self, subject: Subject) -> None:
        self._changed.add(subject)
        self._changed_others.add(subject)

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, one: _Pushed, tick_ms: int, *, again: bool) -> Finding | None:
        """Test an object that has grown, or that is due ``again``."""
        settings = self.settings
        accounts, posts = len(one.accounts), one.posts_total
        accounts_before, posts_before = one.judged
        grown = accounts >= accounts_before * settings.growth or posts >= posts_before * settings.growth
        if accounts < settings.min_accounts or not (grown or again):
            one.judged = min(accounts, accounts_before), min(posts, posts_before)
            return None
        one.judged = accounts, posts
        one.looks += 1
        evidence = self._evidence(one, tick_ms)
        if (evidence["ratio"] or 0) < settings.ratio or (evidence["chance"] or 0) > settings.chance:
            return None
        one.found = True
        return Finding(
            finding_id=stable_id("f", self.name, str(one.subject), str(one.opened_ms)),
            detector=self.name,
            subjects=(one.subject,),
            start_ms=one.members[0].time_ms,
            end_ms=one.members[-1].time_ms,
            judged_ms=tick_ms,
            accounts=tuple(sorted(one.accounts)),
            accounts_total=accounts,
            posts=tuple(one.members),
            posts_total=posts,
            template=None,
            evidence=evidence,
            # The room's own entry says more of an account than what the account says of itself.
            declared=0,
        )

    def _evidence(self, one: _Pushed, tick_ms: int) -> Evidence:
        begun_ms, listed, other_posts = self._stretch(one)
        others = sum(self._others[one.subject].values())
        accounts = {kind: sum(mine == kind for _, mine in one.accounts.values()) for kind in PUSHING}
        posts = {kind: sum(one.posts.get(kind, {}).values()) for kind in PUSHING}
        ratio, p_value = excess(len(one.accounts) - 1, listed, others, other_posts)
        alone, alone_p = excess(accounts["attributed"] - 1, listed, others, other_posts)
        tests = sum(hour.listed for hour in self._hours.values()) * one.looks * (one.looks + 1)
        enough = accounts["attributed"] >= self.settings.min_accounts
        return {
            "attributed": accounts["attributed"],
            "amplifies": accounts["amplifies"],
            "attributed_posts": posts["attributed"],
            "amplifies_posts": posts["amplifies"],
            "listed_posts": listed,
            "others": others,
            "other_posts": other_posts,
            "listed_share": round(one.posts_total / (one.posts_total + others), 4),
            "window_hours": self.settings.window_hours,
            "minutes": max(1, (tick_ms - begun_ms) // MINUTE_MS),
            "ratio": ratio,
            "p": _short(p_value),
            "chance": _short(tests * p_value),
            "attributed_ratio": alone if enough else None,
            "attributed_chance": _short(tests * alone_p) if enough else None,
        }

    def _stretch(self, one: _Pushed) -> tuple[int, int, int]:
        """Since when an object is counted; posts of listed accounts and of all others since then."""
        since = [counts for hour, counts in self._hours.items() if hour >= one.opened_hour]
        posts, listed = sum(counts.posts for counts in since), sum(counts.listed for counts in since)
        if one.opened_hour in self._hours:
            posts, listed = posts - one.opened.posts, listed - one.opened.listed
        first_ms = (self._hour - self.settings.window_hours + 1) * HOUR_MS
        return max(one.opened_ms, first_ms), listed, posts - listed

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        for noted in (self._changed_hours, self._changed, self._changed_others):
            noted.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        hours = self._changed_hours.take(self._hours, everything)
        pushed = self._changed.take(self._pushed, everything)
        others = self._changed_others.take(self._others, everything)
        return merged(
            self._head.told(_Head(self._hour, self.evicted), everything),
            self._hour_table.told({str(one): self._hours.get(one) for one in hours}),
            self._table.told({str(one): self._pushed.get(one) for one in pushed}),
            self._other_table.told(
                {str(one): _Others(self._others[one]) if one in self._others else None for one in others}
            ),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._hour, self.evicted = head.hour, head.evicted
        self._hours = {int(key): hour for key, hour in self._hour_table.read(saved)}
        self._pushed = {one.subject: one for _, one in self._table.read(saved)}
        others = dict(self._other_table.read(saved))
        self._others = {subject: others[str(subject)].posts for subject in self._pushed}


def excess(accounts: int, listed_posts: int, others: int, other_posts: int) -> tuple[float, float]:
    """How many times as often as everyone else's, and the chance of as many; see the module's text.

    Parameters
    ----------
    accounts : int
        Listed accounts that used an object, each once.
    listed_posts : int
        Posts of listed accounts.
    others, other_posts : int
        Everyone else's posts with the object, and all of theirs.

    Examples
    --------
    >>> ratio, p = excess(10, 200, 99, 10_000)
    >>> ratio, float(f"{p:.2g}")
    (5.0, 6.1e-05)
    >>> excess(0, 200, 0, 10_000), excess(5, 200, 0, 0)
    ((0.0, 1.0), (0.0, 1.0))
    """
    if accounts <= 0 or not other_posts:
        return 0.0, 1.0
    ratio = (accounts / listed_posts) / ((others + 1) / other_posts)
    used, part = accounts + others, listed_posts / (listed_posts + other_posts)
    # How ordinary the ordinary is need not be known, and takes long to sum over very many posts.
    return round(ratio, 4), binomial_tail(accounts, used, part) if accounts > used * part else 1.0


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _member(share: ShareSignal) -> Member:
    return Member(
        share.time_ms,
        share.post_id,
        share.account,
        -1,
        (),
        (),
        linked=share.object.kind == "link",
        sourced=False,
        declared=share.declared,
        activity=share.activity,
    )
