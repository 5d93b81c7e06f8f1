"""One cluster of copies: its posts, its accounts, its variants, and who copied whom closely."""

from __future__ import annotations

from bisect import insort
from collections import Counter, deque
from itertools import combinations

from detectors.findings import Member, stable_id
from detectors.pairs import Pair, Tie
from detectors.sketches import jaccard, shingles
from detectors.state import Record

_VARIANTS = 12
_FEW = 8


class ClusterRecord(Record, tag="clusters"):
    """A cluster as a checkpoint keeps it; its accounts follow from its members."""

    turn: int
    """Its place among those that have not settled; 0 when it has."""
    first: Member
    keys: list[int]
    dropped: list[int]
    """Those of its keys that lead to it no more."""
    text: str
    folded: str
    members: list[Member]
    variants: dict[str, int]
    sharers: dict[int, dict[str, int]]
    pairs: list[Pair]
    judged_accounts: int
    judged_ms: int
    judged_posts: int
    bits: float
    forgotten: int


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
        "accounts",
        "bits",
        "cluster_id",
        "first",
        "folded",
        "forgotten",
        "judged_accounts",
        "judged_ms",
        "judged_posts",
        "keys",
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
        self.keys = [key]
        self.members: deque[Member] = deque([first])
        self.accounts: Counter[str] = Counter([first.account])
        self.text = text
        self.folded = folded
        self.variants: Counter[str] = Counter([folded])
        """The first distinct folds, with how many posts have each."""
        self.sharers: dict[int, dict[str, int]] = {key: {first.account: first.time_ms}}
        """Accounts of each exact fold, with when each last posted it."""
        self.pairs: dict[Pair, None] = {}
        """Pairs of accounts already tied by this cluster, in order."""
        self.turn = 0
        """Its place among those that have not settled: number of the last change; 0 when it has settled."""
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
        self.accounts[gone] -= 1
        if not self.accounts[gone]:
            del self.accounts[gone]

    def absorb(self, other: TextCluster, max_members: int) -> None:
        """Take in another cluster, found to be of the same text."""
        if len(other.members) <= _FEW:  # the usual case: one text joins a cluster
            for member in other.members:
                insort(self.members, member)
        else:
            self.members = deque(sorted((*self.members, *other.members)))
        self.accounts.update(other.accounts)
        self.keys += other.keys
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
        sets = {folded: shingles(folded) for folded in self.variants}
        pairs = same = 0
        alike = 0.0
        for count in self.variants.values():
            same += count * (count - 1) // 2
        for one, other in combinations(self.variants, 2):
            weight = self.variants[one] * self.variants[other]
            pairs += weight
            alike += weight * jaccard(sets[one], sets[other])
        return round((alike + same) / (pairs + same), 4) if pairs + same else 1.0

    # -- ties --------------------------------------------------------------------------------------

    def tie(self, key: int, member: Member, window_ms: int, viral: int) -> list[Tie]:
        """Ties of a new exact copy with the accounts that posted the same fold shortly before."""
        sharers = self.sharers.setdefault(key, {})
        if len(sharers) >= viral:
            return []
        near = {name: at for name, at in sharers.items() if member.time_ms - at <= window_ms}
        sharers[member.account] = member.time_ms
        return self._new_ties({member.account: member.time_ms}, near)

    def tie_variants(self, key: int, other_key: int, window_ms: int, viral: int) -> list[Tie]:
        """Ties between the accounts of two folds that were found to be close."""
        mine, theirs = self.sharers.get(key, {}), self.sharers.get(other_key, {})
        if len(mine) + len(theirs) > viral:
            return []
        newest = max((*mine.values(), *theirs.values()), default=0)
        return self._new_ties(
            {name: at for name, at in mine.items() if newest - at <= window_ms},
            {name: at for name, at in theirs.items() if newest - at <= window_ms},
        )

    def _new_ties(self, mine: dict[str, int], theirs: dict[str, int]) -> list[Tie]:
        ties = []
        for one, when in mine.items():
            for other, at in theirs.items():
                pair = (one, other) if one < other else (other, one)
                if one != other and pair not in self.pairs:
                    self.pairs[pair] = None
                    ties.append(Tie(*pair, max(when, at)))
        return ties

    # -- checkpoints -------------------------------------------------------------------------------

    @property
    def record_key(self) -> str:
        """Key of its record: two posts of one id, in two ticks, may both begin a cluster."""
        return f"{self.cluster_id}.{self.keys[0]:x}"

    def record(self, dropped: list[int], turn: int) -> ClusterRecord:
        """The cluster as a checkpoint keeps it."""
        return ClusterRecord(
            turn,
            self.first,
            self.keys,
            dropped,
            self.text,
            self.folded,
            list(self.members),
            self.variants,
            self.sharers,
            list(self.pairs),
            self.judged_accounts,
            self.judged_ms,
            self.judged_posts,
            self.bits,
            self.forgotten,
        )

    @classmethod
    def restored(cls, record: ClusterRecord) -> TextCluster:
        """The cluster of a record."""
        cluster = cls(record.first, record.keys[0], record.text, record.folded)
        cluster.turn, cluster.keys = record.turn, record.keys
        cluster.members = deque(record.members)
        cluster.accounts = Counter(member.account for member in record.members)
        cluster.variants = Counter(record.variants)
        cluster.sharers = record.sharers
        cluster.pairs = dict.fromkeys(record.pairs)
        cluster.judged_accounts, cluster.judged_ms = record.judged_accounts, record.judged_ms
        cluster.judged_posts, cluster.bits = record.judged_posts, record.bits
        cluster.forgotten = record.forgotten
        return cluster
