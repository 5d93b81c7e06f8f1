"""Accounts that follow whoever follows them.

What it looks for
    A group more of whose accounts have as many followers as they follow, and many of both, than is usual.

Definition
    An account counts with the signature of `detectors.accounts.follow_back`. Their number is tested against
    random groups; accounts whose numbers are not known are left out.

Defaults, and why
    An effect of 0.3: 17 % where 7 % is usual. Follow-back is a custom of many circles.

What it misses
    Bought followers; operations whose accounts nobody follows.

What it does not prove
    Fans, authors and parties follow each other back. It says how followers were won, not what for.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["followers"] = 5200, 300, -1
>>> rows["following"] = 4900, 310, 700
>>> _degrees(rows)
array([ 1.,  0., nan])
"""

from __future__ import annotations

import numpy as np

from detectors.accounts.follow_back import LEAST, NEAR
from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said


def _degrees(rows: Rows) -> Floats:
    followers, following = rows["followers"], rows["following"]
    few, many = np.minimum(followers, following), np.maximum(followers, following)
    return np.where(few < 0, np.nan, ((few >= LEAST) & (few >= NEAR * many)).astype(float))


FOLLOW_BACK = Share(
    "follow_back",
    _degrees,
    share_said(
        "had the numbers of follow-back accounts", "avaient les chiffres de comptes qui se suivent en retour"
    ),
)
