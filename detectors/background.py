"""What is ordinary in the stream, so that the unusual can be told from it."""

from __future__ import annotations

import math
from operator import mul

from detectors.findings import Evidence
from detectors.state import Changes, Noted, Record, Saved, Sheet, Table, merged, refusing

HOUR_MS = 3_600_000
_PHRASE = 0.5

ENOUGH = 5
"""Comparable subjects under which a comparison is \"not enough data\"."""


class _Word(Record, tag="words"):
    """How often one word occurred."""

    count: int


class _WordsHead(Record, tag="words_head"):
    """When the counts were halved last, and how many words were forgotten by it."""

    halved_ms: int
    forgotten: int


class WordFrequencies:
    """How often each word occurs in the stream's recent original texts.

    Words of a sample of distinct texts are counted; counts are halved every hour of event time and words
    that reach zero are forgotten, so that memory follows what is current.

    Parameters
    ----------
    max_words : int
        Upper bound on the words held; above it all counts are halved at once.
    """

    def __init__(self, max_words: int = 300_000) -> None:
        self._counts: dict[str, int] = {}
        self._total = 0
        self._max_words = max_words
        self._halved_ms = 0
        self.forgotten = 0
        self._changed: Noted[str] = Noted()
        self._table, self._head = Table(_Word), Sheet(_WordsHead)

    def add(self, folded: str, time_ms: int) -> None:
        """Count the words of one folded text."""
        if time_ms - self._halved_ms >= HOUR_MS:
            if self._halved_ms:
                self._halve()
            self._halved_ms = time_ms
        counts = self._counts
        words = folded.split()
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        self._total += len(words)
        self._changed.update(words)
        if len(counts) > self._max_words:
            self._halve()

    def _halve(self) -> None:
        before = len(self._counts)
        self._changed.update(self._counts)
        self._counts = {word: count >> 1 for word, count in self._counts.items() if count > 1}
        self._total = sum(self._counts.values())
        self.forgotten += before - len(self._counts)

    def bits(self, folded: str) -> float:
        """Self-information of a text under the unigram model with add-one smoothing, in bits.

        >>> words = WordFrequencies()
        >>> words.add("the the the the cat", 0)
        >>> words.bits("cat") > words.bits("the")
        True
        """
        total = self._total + len(self._counts) + 1
        # A word repeated in the text tells nothing new the second time.
        return sum(math.log2(total / (self._counts.get(word, 0) + 1)) for word in sorted(set(folded.split())))

    def track(self) -> None:
        """From now on, note what changes."""
        self._changed.track()

    def changes(self, everything: bool = False) -> Changes:
        """The records that changed since the last call; see `detectors.state`."""
        counts = self._counts
        words = self._changed.take(counts, everything)
        return merged(
            self._head.told(_WordsHead(self._halved_ms, self.forgotten), everything),
            self._table.told({word: _Word(counts[word]) if word in counts else None for word in words}),
        )

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        head = self._head.read(saved)
        if head is not None:
            self._halved_ms, self.forgotten = head.halved_ms, head.forgotten
        self._counts = {word: one.count for word, one in self._table.read(saved)}
        self._total = sum(self._counts.values())


def coincidence_bits(text_bits: float, accounts: int, posts: int) -> float:
    """How improbable it is that this many independent people write one text, in bits.

    With n independent posts, k of which carry a text of probability p = 2^-(H/2), the expected number of
    such k-tuples is C(n, k) p^(k-1). The half allows for words not being independent of each other
    within a phrase. Returns -log2 of that number: 0 means "once by chance", 10 "once in a thousand streams".

    Parameters
    ----------
    text_bits : float
        H, the self-information of the text by `WordFrequencies.bits`.
    accounts : int
        k, the accounts that wrote it.
    posts : int
        n, the original posts in the window.
    """
    k, n = accounts, max(posts, accounts)
    log_choose = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)
    return round((k - 1) * _PHRASE * text_bits - log_choose, 4)


class _Scores(Record, tag="score_background"):
    """The sums of `ScoreBackground`."""

    accounts: int
    total: int
    halved_ms: int


class ScoreBackground:
    """Mean automation score over the accounts of the stream, each counted once while it is remembered.

    Sums are integers, so that it does not matter how many partitions the accounts came from; they are halved
    together every hour of event time, so that the mean follows the stream.

    Examples
    --------
    >>> background = ScoreBackground()
    >>> background.add(accounts=200, total=30_000, tick_ms=0)
    >>> background.share()
    0.15
    """

    MIN_ACCOUNTS = 200

    def __init__(self) -> None:
        self.accounts = 0
        self.total = 0
        self.halved_ms = 0
        self._sheet = Sheet(_Scores)

    def add(self, accounts: int, total: int, tick_ms: int) -> None:
        """Count the newly scored accounts of one tick, with the sum of their scores, each 0 to 1000."""
        if tick_ms - self.halved_ms >= HOUR_MS:
            self.accounts //= 2
            self.total //= 2
            self.halved_ms = tick_ms
        self.accounts += accounts
        self.total += total

    def share(self) -> float | None:
        """Expected share of automated accounts in the stream; None under 200 accounts."""
        if self.accounts < self.MIN_ACCOUNTS:
            return None
        return round(self.total / (1000 * self.accounts), 4)

    def track(self) -> None:
        """Nothing to be noted: its one record is small."""

    def changes(self, everything: bool = False) -> Changes:
        """The record, if it changed since the last call; see `detectors.state`."""
        return self._sheet.told(_Scores(self.accounts, self.total, self.halved_ms), everything)

    @refusing
    def restore(self, saved: Saved) -> None:
        """On a fresh object, go on from what was saved."""
        one = self._sheet.read(saved)
        if one is not None:
            self.accounts, self.total, self.halved_ms = one.accounts, one.total, one.halved_ms


def expected_share(scores: list[int]) -> Evidence:
    """Expected share of automated accounts with its 95 % interval, from scores 0 to 1000.

    With p_i = score / 1000, the share is mean(p_i) and the interval -+ 1.96 sqrt(sum p_i (1 - p_i)) / n, the
    normal approximation of the Poisson binomial distribution. It covers the draw of the accounts' natures,
    not the errors of the model behind the scores.

    >>> expected_share([100, 100, 900, 900])
    {'bot_share': 0.5, 'bot_share_low': 0.206, 'bot_share_high': 0.794, 'scored_accounts': 4}
    """
    if not scores:
        return {"bot_share": None, "bot_share_low": None, "bot_share_high": None, "scored_accounts": 0}
    n = len(scores)
    total = sum(scores)
    share = total / (1000 * n)
    spread = 1.96 * math.sqrt(1000 * total - sum(map(mul, scores, scores))) / (1000 * n)
    return {
        "bot_share": round(share, 4),
        "bot_share_low": round(max(0.0, share - spread), 4),
        "bot_share_high": round(min(1.0, share + spread), 4),
        "scored_accounts": n,
    }


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """P(X >= successes) for X ~ Binomial(trials, probability): chance of a share at least this high.

    >>> round(binomial_tail(3, 3, 0.5), 4)
    0.125
    """
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    if probability <= 0:
        return 0.0
    if probability >= 1:
        return 1.0
    log_p, log_q = math.log(probability), math.log1p(-probability)
    total = 0.0
    for k in range(successes, trials + 1):
        log_term = (
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * log_p
            + (trials - k) * log_q
        )
        term = math.exp(log_term)
        total += term
        if k > trials * probability and term < total * 1e-9:
            break
    return min(1.0, total)
