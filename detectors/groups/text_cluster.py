"""One cluster of copies: its posts, its accounts, its variants, and who copied whom closely."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter, deque
from itertools import combinations

from detectors.findings import Member, Subject, stable_id
from detectors.pairs import Pair, Share, Tie, tie
from detectors.sketches import mutual_similarities
from detectors.state import Blocks, Noted

_VARIANTS = 12
_FEW = 8
_FAR_FEWER = 10
"""Of so many times fewer posts each is sooner put in its place than all are sorted."""
_ALONE: tuple[int, list[float]] = (1, [])
MEMBERS, PAIRS = 8, 32
"""Posts and pairs in one record of a large cluster."""


class Kept:
    """What the store has of a large cluster, and what has changed of it since."""

    __slots__ = ("members", "pairs", "texts")

    def __init__(self, cluster: TextCluster) -> None:
        self.members = Blocks(MEMBERS, cluster.begin, cluster.begin + len(cluster.members))
        self.pairs = Blocks(PAIRS, 0, len(cluster.pairs))
        self.texts: Noted[int] = Noted()
        self.texts.track()


class TextCluster:
    """Posts that are verified copies of each other, directly or through others.

    Parameters
    ----------
    first : Member
        The first post; it gives the cluster its id.
    key : int
        Key of its text's fold.
    text, folded : str
        Its text, as posted and folded (empty where it is too short for a resemblance).
    """

    __slots__ = (
        "_alike",
        "accounts",
        "begin",
        "bits",
        "cluster_id",
        "first",
        "folded",
        "forgotten",
        "judged_accounts",
        "judged_ms",
        "judged_posts",
        "kept",
        "large",
        "members",
        "pairs",
        "sharers",
        "text",
        "turn",
        "variants",
    )

    def __init__(self, first: Member, key: int, text: str, folded: str) -> None:
        self.first = first
        self.cluster_id = stable_id("t", first.account, first.post_id)
        self.members: deque[Member] = deque([first])
        # Filled afterwards: most clusters stay small, and a counter takes long to count what it is given.
        self.accounts: Counter[str] = Counter()
        self.accounts[first.account] = 1
        self.text = text
        self.folded = folded
        self.variants: Counter[str] = Counter()
        """The first distinct folds, with how many posts have each."""
        self.variants[folded] = 1
        self._alike = _ALONE
        """How similar its first so many variants are, each with each: none ever goes or changes its place."""
        self.sharers: dict[int, dict[str, Share]] = {key: {first.account: _share(first)}}
        """Accounts of each exact fold, by its key, with when each last posted it."""
        self.begin = 0
        """Place of the first of the members among all that there were."""
        self.pairs: dict[Pair, None] = {}
        """Pairs of accounts already tied by this cluster, in order."""
        self.turn = 0
        """Its place among those that have not settled: number of the last change; 0 when it has settled."""
        self.large = False
        """Whether it is saved in several records."""
        self.kept: Kept | None = None
        self.judged_accounts = 0
        self.judged_ms = 0
        self.judged_posts = 0
        self.bits = 0.0
        self.forgotten = 0

    @property
    def last_ms(self) -> int:
        """Time of the newest copy."""
        return self.members[-1].time_ms if self.members else self.first.time_ms

    def add(self, member: Member, folded: str, max_members: int) -> None:
        """Take in one more copy."""
        self.members.append(member)
        self.accounts[member.account] += 1
        if folded in self.variants or len(self.variants) < _VARIANTS:
            self.variants[folded] += 1
        if len(self.members) > max_members:
            self._forget_first()
            self.forgotten += 1

    def expire(self, limit_ms: int) -> None:
        """Forget copies older than the window."""
        while self.members and self.members[0].time_ms < limit_ms:
            self._forget_first()

    def _forget_first(self) -> None:
        gone = self.members.popleft().account
        self.begin += 1
        self.accounts[gone] -= 1
        if not self.accounts[gone]:
            del self.accounts[gone]

    def absorb(self, other: TextCluster, max_members: int) -> None:
        """Take in another cluster, found to be of the same text."""
        if len(other.members) <= _FEW:  # the usual case: one text joins a cluster
            for member in other.members:
                place = _place(self.members, member)
                self.members.insert(place, member)
                if self.kept is not None:
                    self.kept.members.touch(self.begin + place)
        else:
            self.members = _merged(self.members, other.members)
            if self.kept is not None:
                self.kept.members.touch(self.begin)
        for account, count in other.accounts.items():
            self.accounts[account] = self.accounts.get(account, 0) + count
        if self.kept is not None:
            self.kept.texts.update(other.sharers)
        self.sharers |= other.sharers
        self.pairs |= other.pairs
        for folded, count in other.variants.items():
            if folded in self.variants or len(self.variants) < _VARIANTS:
                self.variants[folded] += count
        self.forgotten += other.forgotten
        while len(self.members) > max_members:
            self._forget_first()
            self.forgotten += 1
        self.judged_accounts = max(self.judged_accounts, other.judged_accounts)
        self.judged_posts = max(self.judged_posts, other.judged_posts)
        self.judged_ms = max(self.judged_ms, other.judged_ms)

    def has_grown(self, growth: float) -> bool:
        """Whether it is worth judging again: accounts or posts by this factor since the last time."""
        return (
            len(self.accounts) >= self.judged_accounts * growth
            or len(self.members) + self.forgotten >= self.judged_posts * growth
        )

    def cohesion(self) -> float:
        """Mean Jaccard similarity over pairs of posts of the first distinct variants, 0 to 1.

        True copies, edited or not, are alike all with all. A chain of posts that share only a phrase with
        the next one is not: its mean is low although each link was verified.
        """
        if self._alike[0] != len(self.variants):
            self._alike = len(self.variants), mutual_similarities(list(self.variants))
        pairs = same = 0
        alike = 0.0
        for count in self.variants.values():
            same += count * (count - 1) // 2
        counts = combinations(self.variants.values(), 2)
        for (one, other), similarity in zip(counts, self._alike[1], strict=True):
            weight = one * other
            pairs += weight
            alike += weight * similarity
        return round((alike + same) / (pairs + same), 4) if pairs + same else 1.0

    # -- ties --------------------------------------------------------------------------------------

    def tie(self, key: int, member: Member, window_ms: int, viral: int) -> list[Tie]:
        """Ties of a new exact copy with the accounts that posted the same fold shortly before."""
        sharers = self.sharers.setdefault(key, {})
        if len(sharers) >= viral:
            return []
        near = {name: one for name, one in sharers.items() if member.time_ms - one.time_ms <= window_ms}
        share = sharers[member.account] = _share(member)
        if self.kept is not None:
            self.kept.texts.add(key)
        return self._new_ties({member.account: share}, near)

    def tie_variants(self, key: int, other_key: int, window_ms: int, viral: int) -> list[Tie]:
        """Ties between the accounts of two folds that were found to be close."""
        mine, theirs = self.sharers.get(key, {}), self.sharers.get(other_key, {})
        if len(mine) + len(theirs) > viral:
            return []
        first_ms = max((one.time_ms for one in (*mine.values(), *theirs.values())), default=0) - window_ms
        return self._new_ties(
            {name: one for name, one in mine.items() if one.time_ms >= first_ms},
            {name: one for name, one in theirs.items() if one.time_ms >= first_ms},
        )

    def _new_ties(self, mine: dict[str, Share], theirs: dict[str, Share]) -> list[Tie]:
        ties = []
        shared = Subject("text", self.cluster_id)
        for one, first in mine.items():
            for other, second in theirs.items():
                pair = (one, other) if one < other else (other, one)
                if one != other and pair not in self.pairs:
                    self.pairs[pair] = None
                    ties.append(tie(shared, one, first, other, second))
        return ties

    # -- checkpoints -------------------------------------------------------------------------------

    @property
    def record_key(self) -> str:
        """Key of its record: two posts of one id, in two ticks, may both begin a cluster."""
        return f"{self.cluster_id}.{next(iter(self.sharers)):x}"

    def keep(self) -> Kept:
        """From now on note what changes of what the store has of this large cluster."""
        self.kept = Kept(self)
        return self.kept


def _place(members: deque[Member], member: Member) -> int:
    """Where a post belongs among others that are in order: as a rule behind them."""
    return len(members) if not members or members[-1] <= member else bisect_right(members, member)


def _merged(one: deque[Member], other: deque[Member]) -> deque[Member]:
    """The posts of both, in order."""
    few, many = sorted((one, other), key=len)
    if len(few) * _FAR_FEWER > len(many):
        return deque(sorted((*many, *few)))
    merged = list(many)
    for member in few:
        insort(merged, member)
    return deque(merged)


def _share(member: Member) -> Share:
    return Share(member.time_ms, member.post_id, member.activity, member.declared)
