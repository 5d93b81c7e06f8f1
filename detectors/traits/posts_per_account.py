"""Accounts that post more than others do.

What it looks for
    A group more of whose accounts are among the busiest of the stream than is usual.

Definition
    Recent posts count half after twelve hours (`detectors.findings.Member.activity`). An account counts if
    it has as many of these as the busiest tenth of all accounts that are compared, and two or more. Their
    number is tested against random groups.

Defaults, and why
    A tenth, and no fixed number: fifty posts a day are the customary line of heavy automation (Howard and
    Kollanyi 2016), but in a sample of a stream nobody reaches it. An effect of 0.5: a third where a tenth is
    usual.

What it misses
    Operations of many accounts with few posts each.

What it does not prove
    Whoever posts often is in every group more often: every real community has more of them than chance would
    give. Only more than other communities have counts.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(40, dtype=ROW)
>>> rows["activity"] = [1] * 20 + [2] * 16 + [3, 4, 40, -1]
>>> _degrees(rows)[33:]
array([ 0.,  0.,  0.,  1.,  1.,  1., nan])
"""

from __future__ import annotations

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said

BUSIEST = 0.1


def _degrees(rows: Rows) -> Floats:
    activity = rows["activity"]
    known = np.sort(activity[activity >= 0])
    if not len(known):
        return np.full(len(rows), np.nan)
    many = max(int(known[int((1 - BUSIEST) * (len(known) - 1))]), 1) + 1
    return np.where(activity < 0, np.nan, (activity >= many).astype(float))


POSTS_PER_ACCOUNT = Share(
    "posts_per_account",
    _degrees,
    share_said("posted as often as the busiest tenth", "ont publié autant que le dixième le plus actif"),
    least=0.5,
)
