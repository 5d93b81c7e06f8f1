"""What a first attempt at finding copies and hashtags looks like, to set the pipeline against.

One post at a time: its text is cut into shingles of four characters, a datasketch `MinHash` of 128
permutations is filled with them, a `MinHashLSH` is asked for what resembles it and then takes it in, and
hashtags are counted in a dictionary. Nothing is folded, verified, windowed, scored or joined into cases.
"""

from __future__ import annotations

import orjson
from datasketch import MinHash, MinHashLSH

SHINGLE = 4


class Naive:
    """Candidates for copies and counts of hashtags, one post at a time.

    Examples
    --------
    >>> naive = Naive()
    >>> naive.take(b'{"text":"nobody wants to hear your songs","hashtags":["x"]}')
    []
    >>> naive.take(b'{"text":"nobody wants to hear your songs","hashtags":["x"]}')
    [0]
    >>> naive.hashtags
    {'x': 2}
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.index = MinHashLSH(threshold=threshold, num_perm=128)
        self.taken = 0
        self.hashtags: dict[str, int] = {}

    def take(self, line: bytes) -> list[int]:
        """Take in one line; return the numbers of earlier posts that may be copies."""
        post = orjson.loads(line)
        text = post["text"]
        minhash = MinHash(num_perm=128)
        starts = range(max(1, len(text) - SHINGLE + 1))
        minhash.update_batch([text[start : start + SHINGLE].encode() for start in starts])
        similar: list[int] = self.index.query(minhash)
        self.index.insert(self.taken, minhash)
        self.taken += 1
        for tag in post["hashtags"]:
            self.hashtags[tag] = self.hashtags.get(tag, 0) + 1
        return similar
