"""Accounts that were in a case before.

What it looks for
    A group more of whose accounts were in an earlier case, closed by now, than is usual: the same accounts
    serve another campaign.

Definition
    An account counts if it was in one closed case or more since it was first seen. Their number is tested
    against random groups. Where no comparable account was in any, nothing is known: there may have been no
    cases yet.

Defaults, and why
    An effect of 0.3: 10 % where 3 % is usual. A case that was wrong makes others look wrong, so few are not
    enough.

What it misses
    Cases before the memory of the album, or of another room.

What it does not prove
    Who is active in politics is near every case. A case is a suspicion, and no verdict on who was in it.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> _degrees(rows)
array([nan, nan, nan])
>>> rows["cases"] = 1, 0, 0
>>> _degrees(rows)
array([1., 0., 0.])
"""

from __future__ import annotations

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said


def _degrees(rows: Rows) -> Floats:
    cases = rows["cases"] > 0
    return cases.astype(float) if cases.any() else np.full(len(rows), np.nan)


EARLIER_CASES = Share(
    "earlier_cases", _degrees, share_said("were in an earlier case", "étaient dans un dossier précédent")
)
