"""Accounts that erase their posts soon after posting them.

What it looks for
    A group more of whose accounts erase posts within minutes than is usual: a hashtag is pushed by posts
    that are gone when somebody looks.

Definition
    An account counts if it erased a post within ten minutes (`detectors.accounts.fates`). Their number is
    tested against random groups. Where no comparable account did, the network may not tell of deletions,
    and nothing is known.

Defaults, and why
    An effect of 0.3: 10 % where 3 % is usual. People erase a post for a wrong word, so one does not count
    for much.

What it misses
    Deletions by the network itself, or after more than ten minutes.

What it does not prove
    People regret. It says how fast posts went, not what for.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> _degrees(rows)
array([nan, nan, nan])
>>> rows["erased"] = 2, 0, -1
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
    erased = rows["erased"]
    if not (erased > 0).any():
        return np.full(len(rows), np.nan)
    return np.where(erased < 0, np.nan, (erased > 0).astype(float))


DELETIONS = Share(
    "deletions",
    _degrees,
    share_said("erased posts within ten minutes", "ont effacé des messages en moins de dix minutes"),
)
