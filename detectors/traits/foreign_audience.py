"""An audience from elsewhere: accounts whose language is not the stream's.

What it looks for
    A group whose accounts usually write another language than most accounts of the stream do.

Definition
    The *home* language is the one that most of the comparable accounts usually write, if it is that of 30 %
    of them at least. The share of the group's accounts with another usual language is tested against random
    groups of all languages. Accounts whose language is not known are left out.

Defaults, and why
    30 %: below, the stream has no home, and everybody would be foreign. An effect of 0.5: what is read
    abroad too is not rare.

What it misses
    Foreigners who write the language; countries of several languages, where the smaller ones look foreign.

What it does not prove
    That the world takes an interest is no operation. The audience of a football match is foreign too.

Examples
--------
>>> from detectors.album import ROW
>>> from detectors.looks import language_code
>>> rows = np.zeros(5, dtype=ROW)
>>> rows["usual"] = [language_code(one) for one in ("fr", "fr", "fr", "en", "")]
>>> _degrees(rows)
array([ 0.,  0.,  0.,  1., nan])
"""

from __future__ import annotations

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said

HOME_SHARE = 0.3


def _degrees(rows: Rows) -> Floats:
    known = rows["usual"] > 0
    languages, counts = np.unique(rows["usual"][known], return_counts=True)
    if not len(counts) or counts.max() < HOME_SHARE * known.sum():
        return np.full(len(rows), np.nan)
    home = languages[np.argmax(counts)]
    return np.where(known, (rows["usual"] != home).astype(float), np.nan)


FOREIGN_AUDIENCE = Share(
    "foreign_audience",
    _degrees,
    share_said(
        "usually write another language than this stream", "écrivent d'ordinaire une autre langue que ce flux"
    ),
    least=0.5,
    matched=False,
)
