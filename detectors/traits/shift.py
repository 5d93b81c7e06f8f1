"""Accounts that only post within the hours of one working shift.

What it looks for
    A group more of whose accounts are active for ten hours of the day at most, over days, than is usual.

Definition
    An account counts if 95 % of its active hours fall into the same ten hours in a row
    (`detectors.accounts.cadence`). Their number is tested against random groups; accounts seen on fewer
    than eight days or in fewer than 24 hours are left out.

Defaults, and why
    An effect of 0.3. It needs memory of a week or more; until then it is not enough data.

What it misses
    Shifts in turns, and those who are paid by the post and work at home.

What it does not prove
    Press officers and shops keep office hours. In which zone these are says nothing of who keeps them.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["shift"] = 1, 0, -1
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
    return np.where(rows["shift"] < 0, np.nan, (rows["shift"] > 0).astype(float))


SHIFT = Share(
    "shift",
    _degrees,
    share_said(
        "were only ever active within ten hours of the day", "n'ont jamais été actifs que dix heures par jour"
    ),
)
