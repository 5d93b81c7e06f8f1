"""Accounts that were made together.

What it looks for
    A group many of whose accounts were made within minutes, a day, or two months of each other, more than of
    comparable accounts.

Definition
    The scan statistic of Kulldorff (1997) over the dates of creation (`detectors.traits.kinds.Moments`), with
    windows of ten minutes, an hour, a day, a week, 30 and 60 days, and the comparable accounts as population.
    So a wave in which all kinds of people arrived is no cohort, and that twenty accounts have so many windows
    is paid for by the random groups, which have as many.

Defaults, and why
    From ten minutes (a script that registers accounts) to 60 days (a team that buys them for a campaign). An
    effect of 0.5: a quarter of the accounts where 7 % is usual, a third where 12 % is.

What it misses
    Accounts bought from several batches, each too small; dates of which the network tells only the month.

What it does not prove
    That somebody made them. News bring newcomers, and a network that opens in a country has its cohort.

Examples
--------
>>> from detectors.traits.results import TraitResult
>>> result = TraitResult(name="creation_cohort", state="found", value=0.35, reference=0.02, n=20,
...                      figures={"showing": 7, "minutes": 86_400, "from_min": 25_771_680})
>>> CREATION_COHORT.sentence(result)[0]
'7 of 20 accounts were made within 60 days from 2019-01-01 on, where 2% of comparable accounts were'
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr
from detectors.traits.kinds import Moments
from detectors.traits.results import TraitResult

_LENGTHS = {
    10: ("10 minutes", "10 minutes"),
    60: ("an hour", "une heure"),
    1440: ("a day", "un jour"),
    10_080: ("a week", "une semaine"),
    43_200: ("30 days", "30 jours"),
    86_400: ("60 days", "60 jours"),
}


def _moments(rows: Rows) -> Floats:
    return np.where(rows["created_min"] >= 0, rows["created_min"].astype(float), np.nan)


def _sentence(result: TraitResult) -> Both:
    minutes, showing = int(result.figures["minutes"]), int(result.figures["showing"])
    begin = datetime.fromtimestamp(int(result.figures["from_min"]) * 60, UTC)
    since = f"{begin:%Y-%m-%d}" if minutes >= 1440 else f"{begin:%Y-%m-%d %H:%M} UTC"
    length, length_fr = _LENGTHS[minutes]
    return (
        f"{count(showing)} of {count(result.n)} accounts were made within {length} from {since} on, where "
        f"{percent(result.reference)} of comparable accounts were",
        f"{count_fr(showing)} de {count_fr(result.n)} comptes ont été créés en {length_fr} à partir du "
        f"{since}, contre {percent_fr(result.reference)} des comptes comparables".replace(
            " UTC", f"{NBSP}UTC"
        ),
    )


CREATION_COHORT = Moments("creation_cohort", _moments, tuple(_LENGTHS), _sentence)
