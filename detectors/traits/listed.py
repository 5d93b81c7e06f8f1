"""Accounts that are on the room's lists.

What it looks for
    A group more of whose accounts are on one of the room's lists than is usual.

Definition
    An account counts if a list has it as attributed or as amplifying (`detectors.lists`). Their number is
    tested against random groups. Without lists it is known of nobody.

Defaults, and why
    An effect of 0.3, which among accounts of which none is usual are three in a hundred: whom the room
    follows is chosen.

What it misses
    Whoever is on no list.

What it does not prove
    Being on a list as amplifying is no accusation; being beside one even less.

Examples
--------
>>> from detectors.album import ROW
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["listed"] = 1, 0, -1
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
    return np.where(rows["listed"] < 0, np.nan, (rows["listed"] > 0).astype(float))


LISTED = Share(
    "listed", _degrees, share_said("were on the room's lists", "étaient sur les listes de la salle")
)
