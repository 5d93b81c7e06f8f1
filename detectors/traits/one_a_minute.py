"""Accounts that post once a minute, again and again.

What it looks for
    A group more of whose accounts posted a dozen times in a row at a minute's distance than is usual:
    somebody works off a list, with natural posts in between.

Definition
    An account counts if twelve of its newest posts came each 20 to 100 s after the one before
    (`detectors.accounts.cadence`). Their number is tested against random groups; accounts with hardly any
    posts are left out.

Defaults, and why
    An effect of 0.3: 10 % where 3 % is usual.

What it misses
    Shorter runs, and those that are over by the time of the look.

What it does not prove
    People comment on a match or a debate once a minute too; then comparable accounts do the same.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["one_a_minute"] = 1, 0, -1
>>> _degrees(rows)
array([ 1.,  0., nan])
"""

from __future__ import annotations

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said


def _degrees(rows: Rows) -> Floats:
    return np.where(rows["one_a_minute"] < 0, np.nan, (rows["one_a_minute"] > 0).astype(float))


ONE_A_MINUTE = Share(
    "one_a_minute",
    _degrees,
    share_said(
        "posted once a minute, a dozen times or more",
        "ont publié une fois par minute, une douzaine de fois ou plus",
    ),
)
