"""Accounts that follow whoever follows them.

What it looks for
    As many followers as accounts followed, and many of both: what is left when accounts follow each other to
    look followed.

Definition
    Followers and following of `LEAST` or more each, and their ratio between 0.8 and 1.25.

Defaults, and why
    ``LEAST`` 500: below, friends who follow each other give the same; ordinary accounts with so many followed
    have either far fewer followers or far more.

What it misses
    Bought followers, who are not followed back.

What it does not prove
    Follow-back is a custom of fans, of writers and of parties, and forbidden nowhere.

Examples
--------
>>> follows_back(5200, 4900), follows_back(300, 310), follows_back(90_000, 700), follows_back(-1, 700)
(1, 0, 0, -1)
"""

from __future__ import annotations

from detectors.looks import UNKNOWN

LEAST = 500
NEAR = 0.8


def follows_back(followers: int, following: int) -> int:
    """1 for the signature, 0 for none, -1 where either number is not known."""
    if followers < 0 or following < 0:
        return UNKNOWN
    few, many = sorted((followers, following))
    return int(few >= LEAST and few >= NEAR * many)
