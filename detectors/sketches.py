"""MinHash signatures of short texts, and the table of bands in which copies meet.

Signatures are k-partition MinHash (Li, Owen and Zhang, "One Permutation Hashing", NIPS 2012) in
`ROUNDS` independent rounds of `BINS` bins: one multiply-add and one scatter-minimum for each round, for all
texts of a batch at once. A bin that stays empty keeps the largest value; two texts that both leave it empty
count as equal there. That can only add candidates, and every candidate is verified exactly.

Bands follow Broder's scheme as described by Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets",
chapter 3.4: texts of Jaccard similarity s meet in at least one of b bands of r rows with probability
1 - (1 - s^r)^b.
"""

from __future__ import annotations

from itertools import chain, combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SHINGLE = 4
"""Characters in a shingle."""
ROUNDS, BINS = 8, 16
ROWS = ROUNDS * BINS
"""Rows of a signature."""
BANDS, BAND_ROWS = 32, 4

_FEW_PAIRS, _MANY_PAIRS = 12, 2000
"""Pairs from which columns are faster than sets, and pairs whose columns still fit into the caches."""

_MASK = 0xFFFFFFFF
_random = np.random.default_rng(20170507)
_ROUND_A = (_random.integers(0, 2**32, ROUNDS, dtype=np.uint32) | 1).astype(np.uint32)
_ROUND_B = _random.integers(0, 2**32, ROUNDS, dtype=np.uint32)
_CHAR_A = (_random.integers(0, 2**32, SHINGLE, dtype=np.uint32) | 1).astype(np.uint32)
_BAND_A = (_random.integers(0, 2**63, BAND_ROWS, dtype=np.uint64) | 1).astype(np.uint64)
_BAND_SALT = _random.integers(0, 2**63, BANDS, dtype=np.uint64)
# Bands take their rows from four different rounds, so that an empty bin cannot fill a band by itself.
_BAND_ORDER = np.arange(ROWS).reshape(ROUNDS, BINS).T.reshape(-1)

_Number = TypeVar("_Number", np.int64, np.uint32, np.uint64)
Rows = NDArray[np.int64]
Signatures = NDArray[np.uint32]
Digests = NDArray[np.uint8]


def shingles(folded: str) -> set[str]:
    """All runs of four characters of a folded text.

    >>> sorted(shingles("abcde"))
    ['abcd', 'bcde']
    """
    return {folded[i : i + SHINGLE] for i in range(len(folded) - SHINGLE + 1)}


def jaccard(one: set[str], other: set[str]) -> float:
    """Jaccard similarity of two sets of shingles, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def similarities(pairs: list[tuple[str, str]]) -> list[float]:
    """Jaccard similarity of the shingles of each pair of folded texts: `jaccard` of `shingles`, in bulk.

    >>> similarities([("abcde", "abcd"), ("abcd", "efgh")])
    [0.5, 0.0]
    """
    plain = [row for row, (one, other) in enumerate(pairs) if one.isascii() and other.isascii()]
    if len(plain) < _FEW_PAIRS:
        plain = []
    result = [-1.0] * len(pairs)
    for start in range(0, len(plain), _MANY_PAIRS):
        rows = plain[start : start + _MANY_PAIRS]
        for row, value in zip(rows, _ascii_similarities([pairs[row] for row in rows]), strict=True):
            result[row] = value
    sets: dict[str, set[str]] = {}
    for row, (one, other) in enumerate(pairs):
        if result[row] < 0:
            for text in (one, other):
                if text not in sets:
                    sets[text] = shingles(text)
            result[row] = jaccard(sets[one], sets[other])
    return result


def _ascii_similarities(pairs: list[tuple[str, str]]) -> list[float]:
    """Four ASCII characters are one number of 32 bits, so equal numbers are equal shingles."""
    number = {text: n for n, text in enumerate(dict.fromkeys(chain.from_iterable(pairs)))}
    points = np.frombuffer("".join(number).encode(), dtype=np.uint8).astype(np.uint64)
    inside, owner = _runs(np.fromiter(map(len, number), dtype=np.int64, count=len(number)))
    codes = owner.astype(np.uint64) << np.uint64(32)
    for offset in range(SHINGLE):
        codes |= points[offset : offset + len(codes)] << np.uint64(8 * offset)
    codes = _distinct(codes[inside])
    sizes = np.bincount((codes >> np.uint64(32)).astype(np.int64), minlength=len(number))
    starts = np.cumsum(sizes) - sizes
    # The shingles of both texts of a pair are put in one sorted run: those that stand twice are shared.
    texts = np.array([[number[one], number[other]] for one, other in pairs])
    counts = sizes[texts].ravel()
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - starts[texts].ravel(), counts)
    pair = np.repeat(np.arange(2 * len(pairs), dtype=np.uint64) // np.uint64(2), counts)
    # The runs of a pair are sorted already, and the stable sort begins with such runs.
    merged = np.sort(pair << np.uint64(32) | codes[position] & np.uint64(_MASK), kind="stable")
    twice = merged[1:][merged[1:] == merged[:-1]] >> np.uint64(32)
    shared = np.bincount(twice.astype(np.int64), minlength=len(pairs))
    values: list[float] = (shared / (sizes[texts].sum(axis=1) - shared)).tolist()
    return values


def mutual_similarities(texts: list[str]) -> list[float]:
    """Jaccard similarity of the shingles of a few folded texts, each with each, as `combinations` pairs them.

    >>> mutual_similarities(["abcde", "abcd", "efgh"])
    [0.5, 0.0, 0.0]
    """
    if len(texts) < 2:
        return []
    if not all(map(str.isascii, texts)):
        sets = map(shingles, texts)
        return [jaccard(one, other) for one, other in combinations(sets, 2)]
    parts = [_codes(text) for text in texts]
    codes = np.concatenate(parts)
    distinct = _distinct(codes)
    # Which text has which shingle, as ones; a row times another is what both have.
    has = np.zeros((len(texts), len(distinct)), dtype=np.int64)
    has[np.repeat(np.arange(len(texts)), [len(part) for part in parts]), distinct.searchsorted(codes)] = 1
    shared = has @ has.T
    sizes = shared.diagonal()
    alike = (shared / (sizes[:, None] + sizes - shared)).tolist()
    return [value for place, row in enumerate(alike, 1) for value in row[place:]]


def _codes(text: str) -> NDArray[np.uint32]:
    """The shingles of an ASCII text: at each place its four characters, read as one number of 32 bits."""
    return np.ndarray(len(text) - (SHINGLE - 1), dtype="<u4", buffer=text.encode(), strides=(1,))


def _distinct(values: NDArray[_Number]) -> NDArray[_Number]:
    """The distinct values, sorted (`numpy.unique` hashes them first, which takes longer)."""
    values = np.sort(values)
    first = np.ones(len(values), dtype=np.bool_)
    first[1:] = values[1:] != values[:-1]
    return values[first]


def _runs(lengths: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """For each place of texts written one after the other: does a shingle begin there, and of which text."""
    owner = np.repeat(np.arange(len(lengths)), lengths)[: int(lengths.sum()) - (SHINGLE - 1)]
    ends = np.cumsum(lengths) - (SHINGLE - 1)
    return np.arange(len(owner)) < ends[owner], owner


def _mix(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Finaliser of MurmurHash3 (32 bits), so that all bits of a shingle's hash depend on all characters."""
    values ^= values >> np.uint32(16)
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    values *= np.uint32(0xC2B2AE35)
    values ^= values >> np.uint32(16)
    return values


def signatures(texts: list[str]) -> Signatures:
    """MinHash signatures of folded texts, each of at least `SHINGLE` characters.

    Parameters
    ----------
    texts : list of str
        n folded texts.

    Returns
    -------
    ndarray of uint32, shape (n, ROWS)
        Row i belongs to text i; it does not depend on the other texts of the call.
    """
    count = len(texts)
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=count)
    hashes = np.zeros(len(points) - (SHINGLE - 1), dtype=np.uint32)
    for offset in range(SHINGLE):
        hashes += (points[offset : offset + len(hashes)] ^ np.uint32(offset)) * _CHAR_A[offset]
    inside, owner = _runs(lengths)
    hashes = _mix(hashes[inside])
    first = owner[inside] * ROWS
    result = np.full(count * ROWS, _MASK, dtype=np.uint32)
    for number in range(ROUNDS):
        hashed = hashes * _ROUND_A[number] + _ROUND_B[number]
        np.minimum.at(result, first + (hashed >> np.uint32(28)), hashed)
        first += BINS
    return result.reshape(count, ROWS)


def digests(rows: Signatures) -> Digests:
    """One byte of each row (b-bit minwise hashing, Li and Koenig, WWW 2010), shape (n, ROWS)."""
    return ((rows * np.uint32(0x9E3779B1)) >> np.uint32(24)).astype(np.uint8)


def estimate(equal_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Jaccard estimate from the number of equal digest bytes, corrected for chance (1 in 256)."""
    chance = 1 / 256
    return (equal_rows / ROWS - chance) / (1 - chance)


def band_hashes(rows: Signatures) -> NDArray[np.uint64]:
    """64-bit hash of each band of each signature, shape (n, BANDS)."""
    bands = rows[:, _BAND_ORDER].reshape(-1, BANDS, BAND_ROWS).astype(np.uint64)
    mixed = np.zeros(bands.shape[:2], dtype=np.uint64)
    for row in range(BAND_ROWS):
        mixed += bands[:, :, row] * _BAND_A[row]
        mixed ^= mixed >> np.uint64(31)
    mixed = (mixed ^ _BAND_SALT) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29))


def _stamps(number: Rows) -> NDArray[np.uint32]:
    """What the slots keep of a text's number; 0 is an empty slot (and one text in 2^32, which is not met)."""
    return ((number + 1) & _MASK).astype(np.uint32)


class BandTable:
    """For each band and slot, the newest text that fell there: a lossy index of fixed size.

    A full bucket list would grow with the popularity of a phrase; here a text meets at most one earlier
    text in each band, so candidates for a post never exceed `BANDS`, twice (once from earlier batches, once
    from its own). Since copies form a chain (each meets the one before), the cluster stays whole. Memory
    does not depend on the input: `BANDS * rows * 4` bytes for the slots, `rows * ROWS` bytes for digests.

    Texts are numbered as they come; text n is held in row n modulo `rows`. A slot keeps the number, so one
    that points to a text which is no longer held (its row has another by now) is told from one that points
    to a live text, and counts as empty. So the table follows from the texts held, in order, and from
    nothing else, and need not be saved.

    Parameters
    ----------
    rows : int
        How many texts are held; a power of two. The oldest is overwritten first.
    """

    def __init__(self, rows: int) -> None:
        if rows < 2 or rows & (rows - 1):
            raise ValueError(f"rows must be a power of two, got {rows}")
        self.rows = rows
        self._shift = np.uint64(65 - rows.bit_length())  # as many slots as rows
        self._slots = np.zeros((BANDS, rows), dtype=np.uint32)  # number + 1, modulo 2^32; 0 is empty
        self._digests = np.zeros((rows, ROWS), dtype=np.uint8)
        self._bands = np.arange(BANDS)

    def put(self, signature: Signatures, number: Rows) -> None:
        """Insert texts and ask nothing."""
        self._slots[self._bands, self._slots_of(signature)] = _stamps(number)[:, None]
        self._digests[number % self.rows] = digests(signature)

    def _slots_of(self, signature: Signatures) -> Rows:
        return (band_hashes(signature) >> self._shift).astype(np.int64)

    def meet(
        self, signature: Signatures, number: Rows, minimum: float, oldest: int = 0
    ) -> tuple[list[int], list[int], int]:
        """Insert texts and return which earlier or later ones of the table they resemble.

        Parameters
        ----------
        signature : ndarray of uint32, shape (n, ROWS)
        number : ndarray of int64, shape (n,)
            Number of each text, rising.
        minimum : float
            Estimated Jaccard similarity under which a meeting is dropped.
        oldest : int
            Number of the oldest text that is held.

        Returns
        -------
        (positions, others, met)
            Pairs (position in this call, row of another text), and the number of meetings looked at.
        """
        slot = self._slots_of(signature)
        digest = digests(signature)
        before = self._slots[self._bands, slot]
        mine = _stamps(number)[:, None]
        self._slots[self._bands, slot] = mine
        self._digests[number % self.rows] = digest
        after = self._slots[self._bands, slot]
        found = np.concatenate((before, after), axis=1)
        # Differences modulo 2^32, so that the numbers may go round.
        held = mine[-1] - found <= np.uint32(number[-1] - max(oldest, number[-1] - self.rows + 1))
        position, column = np.nonzero(held & (found > 0) & (found != mine))
        row = (found[position, column].astype(np.int64) - 1) % self.rows
        pairs = _distinct(position * self.rows + row)
        position, other = pairs // self.rows, pairs % self.rows
        equal = np.count_nonzero(digest[position] == self._digests[other], axis=1)
        close = estimate(equal) >= minimum
        return position[close].tolist(), other[close].tolist(), len(pairs)
