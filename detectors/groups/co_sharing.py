"""Things that several accounts share within seconds of each other, as ties of accounts.

What it looks for
    Pairs of accounts that repost the same post, answer the same post, use the same link, the same picture,
    the same hashtag or the same hashtags in the same order, soon after one another. It gives ties only. What
    the same two accounts do again and again is counted in `detectors.pairs`, and judged, as a network of
    pairs, in `detectors.groups.networks`.

Definition
    Two accounts are tied by an object if both shared it within ``window`` seconds of each other (co-sharing:
    Pacheco et al., ICWSM 2021; Righetti and Balluff, CooRTweet, 2025). Each pair is tied by an object once,
    at the first time at which one of them came that close to the other. Every tie tells how close: those
    within ``quick`` seconds are counted apart. Reposts of one post tie over ``repost_window`` minutes too;
    such wide ties only serve to explain what another detector finds.

    An object that more than ``viral`` accounts shared while it is remembered is viral: counted, and no more
    tied. The same holds for one with ``crowd`` accounts within one ``window``.

Defaults, and why
    ``quick`` 10 s and ``window`` 60 s, both at once: under 5 to 10 s suggests automation, and 60 s is the
    usual choice for reposts (the tutorial of the Coordination Network Toolkit). ``repost_window`` 15 min, the
    window of the hashtags that these ties explain. ``viral`` 50: above it, a shared object says more of the
    object than of the accounts.

What it misses
    Networks that only ever push viral things; accounts that wait longer than the window; links behind
    different shorteners. Compared with the exact method (`vigie edges`) the live one gives up what was
    shared again (only the first closeness counts), viral objects, and what fell out of its bounded memory.

What it does not prove
    Fans of one account repost the same posts too, soon, and again and again; pages of one publisher
    share the same links.

Examples
--------
>>> from detectors.accounts.stage import Accounts
>>> from detectors.events import from_mapping
>>> posts = [
...     from_mapping({"id": str(i), "platform": "x", "author_id": name, "created_at": 1_500_000_000_000 + i,
...                   "kind": "repost", "ref_id": "99", "text": "Look"})
...     for i, name in enumerate(["ana", "bob"])
... ]
>>> (tie,) = CoSharing().take(Accounts().take(1_500_000_005_000, posts).signals())
>>> tie.object.kind, tie.time_ms, tie.gap_ms
('post', 1500000000001, 1)
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from operator import itemgetter

import msgspec

from detectors.batches import ShareSignal, Signals
from detectors.findings import Subject
from detectors.forgetting import forget_oldest
from detectors.pairs import Share, Tie
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

SECOND_MS, MINUTE_MS = 1000, 60_000
_NAME = itemgetter(0)


class CoSharingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the ties of co-sharing."""

    quick_s: int = 10
    """Ties within so many seconds are counted apart."""
    window_s: int = 60
    repost_window_minutes: int = 15
    """Reposts of one post also tie over so long, to explain what other detectors find."""
    viral_accounts: int = 50
    crowd_accounts: int = 20
    """Accounts within one window from which a link, picture, hashtag or answered post is a crowd's."""
    max_objects: int = 200_000
    """Objects of two shares or more held at once; those unused for longest go first."""
    max_single_objects: int = 300_000
    """Objects shared once so far; the oldest go first."""


class _Sharers(Record, tag="shared"):
    """Who shared one object, and when. It is the record that a checkpoint keeps of it."""

    object: Subject
    turn: int
    """Number of the last share, by which the objects are in order."""
    accounts: dict[str, Share]
    tied: dict[str, list[str]]
    """For each account, the accounts before it that it is tied with."""


class _Single(Record, tag="shared_once", gc=False):
    """The one share so far of an object."""

    turn: int
    share: ShareSignal


class _Head(Record, tag="shared_head"):
    """What the detector counts."""

    evicted: int
    viral: int
    turn: int


class CoSharing:
    """Ties of accounts that share the same things; see the module's text for the definition."""

    def __init__(self, settings: CoSharingSettings | None = None) -> None:
        self.settings = settings or CoSharingSettings()
        self.evicted = 0
        self.viral = 0
        """Shares that made no tie because their object was viral."""
        self._sharers: dict[Subject, _Sharers] = {}
        """Objects of two shares or more, those unused for longest first."""
        self._reposts: dict[Subject, _Single] = {}
        self._others: dict[Subject, _Single] = {}
        """Objects shared once so far, which are most, the oldest first."""
        self._turn = 0
        self._changed: Noted[Subject] = Noted()
        self._changed_singles: Noted[Subject] = Noted()
        self._table, self._singles, self._head = Table(_Sharers), Table(_Single), Sheet(_Head)

    def __len__(self) -> int:
        return len(self._sharers) + len(self._reposts) + len(self._others)

    def take(self, signals: Signals) -> list[Tie]:
        """Take in the shares of one tick; return the new ties."""
        ties: list[Tie] = []
        for share in signals.shares:
            self._turn += 1
            held = self._held(share)
            if held is None:
                continue
            held.turn = self._turn
            self._changed.add(share.object)
            ties += self._tied(held, share)
        self._forget(signals.tick_ms)
        return ties

    def _held(self, share: ShareSignal) -> _Sharers | None:
        """An object that was shared before; None where this is the first time."""
        # Taken out and put back, so that those unused for longest stand first.
        held = self._sharers.pop(share.object, None)
        if held is None:
            singles = self._reposts if share.object.kind == "post" else self._others
            self._changed_singles.add(share.object)
            single = singles.pop(share.object, None)
            if single is None:
                singles[share.object] = _Single(self._turn, share)
                return None
            first = single.share
            begin = Share(first.time_ms, first.post_id, first.activity, first.declared)
            held = _Sharers(first.object, 0, {first.account: begin}, {})
        self._sharers[share.object] = held
        return held

    def _tied(self, held: _Sharers, share: ShareSignal) -> list[Tie]:
        sharers, account, now_ms = held.accounts, share.account, share.time_ms
        known = account in sharers
        if not known and len(sharers) >= self.settings.viral_accounts:
            self.viral += 1
            return []
        post = share.object.kind == "post"
        minutes = self.settings.repost_window_minutes
        first_ms = now_ms - (minutes * MINUTE_MS if post else self.settings.window_s * SECOND_MS)
        near = [(name, one) for name, one in sharers.items() if one.time_ms >= first_ms and name != account]
        mine = sharers[account] = Share(now_ms, share.post_id, share.activity, share.declared)
        if not post and len(near) >= self.settings.crowd_accounts:
            self.viral += 1
            return []
        if known:
            tied, mine_tied = held.tied, held.tied.get(account, ())
            near = [one for one in near if one[0] not in mine_tied and account not in tied.get(one[0], ())]
        if not near:
            return []
        held.tied.setdefault(account, []).extend([name for name, _ in near])
        shared = held.object
        # By name, so that the ties of a tick are in order nearly as they stand. Shares come in order of time:
        # this one is the later of each two.
        near.sort(key=_NAME)
        place = bisect_left(near, account, key=_NAME)
        return [
            *[Tie(now_ms, name, account, shared, one, mine) for name, one in near[:place]],
            *[Tie(now_ms, account, name, shared, mine, one) for name, one in near[place:]],
        ]

    def _forget(self, tick_ms: int) -> None:
        limit_ms = tick_ms - self.settings.repost_window_minutes * MINUTE_MS
        sharers = forget_oldest(
            self._sharers,
            self.settings.max_objects,
            lambda held: max(share.time_ms for share in held.accounts.values()) < limit_ms,
        )
        self._changed.update(sharers.gone)
        self.evicted += sharers.evicted
        most = self.settings.max_single_objects
        self._forget_singles(self._reposts, limit_ms, most // 2)
        others_ms = tick_ms - self.settings.window_s * SECOND_MS
        self._forget_singles(self._others, others_ms, most - len(self._reposts))

    def _forget_singles(self, singles: dict[Subject, _Single], limit_ms: int, most: int) -> None:
        forgot = forget_oldest(singles, most, lambda single: single.share.time_ms < limit_ms)
        self._changed_singles.update(forgot.gone)
        self.evicted += forgot.evicted

    # -- checkpoints -------------------------------------------------------------------------------

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()
        self._changed_singles.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        names = self._changed.take(self._sharers, everything)
        singles = self._changed_singles.take(chain(self._reposts, self._others), everything)
        return merged(
            self._head.told(_Head(self.evicted, self.viral, self._turn), everything),
            self._table.told({str(name): self._sharers.get(name) for name in names}),
            self._singles.told({str(name): self._single(name) for name in singles}),
        )

    def _single(self, name: Subject) -> _Single | None:
        return self._reposts.get(name) or self._others.get(name)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self.evicted, self.viral, self._turn = head.evicted, head.viral, head.turn
        # In order of last use: which objects are forgotten, and when, depends on it.
        held = sorted((one for _, one in self._table.read(saved)), key=lambda one: one.turn)
        self._sharers = {one.object: one for one in held}
        for one in sorted((one for _, one in self._singles.read(saved)), key=lambda one: one.turn):
            name = one.share.object
            (self._reposts if name.kind == "post" else self._others)[name] = one
