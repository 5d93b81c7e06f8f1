"""Accounts that write another language than they usually do.

What it looks for
    A group many of whose accounts wrote, of late, another language than their own.

Definition
    An account counts if one of its newest posts is in another language than the one that is its usual one,
    by its earlier posts or else by its profile (`detectors.accounts.languages`). It is tested against
    accounts with the same usual language, where there are enough of them. Accounts of which either is not
    known are left out: missing is missing.

Defaults, and why
    An effect of 0.3: many people write two languages, so that 10 % of switches are found only where 3 % are
    usual, and 40 % where 26 % are.

What it misses
    Accounts too young to have a usual language; networks that do not say in which language a post is.

What it does not prove
    People of two languages live everywhere, and the network's guess at a language is wrong for short posts.

Examples
--------
>>> from detectors.album import ROW
>>> from detectors.looks import language_code
>>> rows = np.zeros(3, dtype=ROW)
>>> rows["usual"] = language_code("el")
>>> rows["spoken"] = language_code("fr"), language_code("el"), 0
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
    known = (rows["usual"] > 0) & (rows["spoken"] > 0)
    return np.where(known, (rows["usual"] != rows["spoken"]).astype(float), np.nan)


LANGUAGE_SWITCH = Share(
    "language_switch",
    _degrees,
    share_said("wrote another language than usual", "ont écrit une autre langue que d'habitude"),
)
