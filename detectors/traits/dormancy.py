"""Accounts that were silent for months woke up together.

What it looks for
    A group many of whose accounts had been silent for 90 days or more before the last two weeks: bought,
    kept in reserve, or of an earlier campaign.

Definition
    An account counts if it woke in the last 14 days out of a silence of 90 days or more, as
    `detectors.accounts.dormancy` knows it from the stream or proves it from the profile. Their number in the
    group is tested against random groups. Accounts of which it is not known are left out; those whose profile
    does not prove a silence count as without one only beside others whose profile does.

Defaults, and why
    90 days: longer than a holiday or an illness, and what studies of reused accounts take. An effect of 0.3,
    for a few always wake: 10 % where 3 % is usual.

What it misses
    Accounts that were kept alive by a post a month; accounts whose silence began before the memory does and
    whose profile has many posts.

What it does not prove
    Elections and wars wake real people too: that is what the comparison with other accounts of the same days
    is for.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["woke_days"] = 120, 0, -1
>>> _degrees(rows)
array([ 1.,  0., nan])
>>> rows["woke_days"] = 0, -2, -2
>>> _degrees(rows)
array([ 0., nan, nan])
"""

from __future__ import annotations

import numpy as np

from detectors.accounts.dormancy import NOT_PROVED
from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said


def _degrees(rows: Rows) -> Floats:
    days = rows["woke_days"]
    known = (days >= 0) | ((days == NOT_PROVED) & (days > 0).any())
    return np.where(known, (days > 0).astype(float), np.nan)


DORMANCY = Share(
    "dormancy",
    _degrees,
    share_said(
        "woke after 90 days of silence or more", "se sont réveillés après 90 jours de silence ou plus"
    ),
)
