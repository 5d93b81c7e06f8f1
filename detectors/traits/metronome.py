"""Accounts that post by a timer.

What it looks for
    A group more of whose accounts post at equal distances than is usual.

Definition
    An account counts if half of its newest gaps are as long as each other (`detectors.accounts.cadence`).
    Their number is tested against random groups; accounts with too few posts are left out.

Defaults, and why
    An effect of 0.3: 10 % where 3 % is usual. Hardly anybody posts so; bots that say what they are do.

What it misses
    Timers with jitter, which are as easily written.

What it does not prove
    Newsrooms and weather stations post by a timer, and say so.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["metronome"] = 1, 0, -1
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
    return np.where(rows["metronome"] < 0, np.nan, (rows["metronome"] > 0).astype(float))


METRONOME = Share(
    "metronome", _degrees, share_said("posted by a timer", "ont publié à intervalles réguliers")
)
