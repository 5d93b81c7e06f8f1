"""Terms with which the accounts describe themselves.

What it looks for
    A group in whose profile descriptions a word stands more often than is usual.

Definition
    Of all terms (`detectors.accounts.descriptions`) those that are most the group's own, by the log-odds
    with an informative Dirichlet prior of Monroe, Colaresi and Quinn (2008)
    (`detectors.traits.kinds.Categories`). The largest z is tested against that of random groups, so that
    thousands of terms to choose from are paid for. Accounts whose description is not known are left out;
    empty ones count as having no term.

Defaults, and why
    An effect of 0.3: 10 % where 3 % is usual. The prior has the weight of a hundred terms.

What it misses
    Emoji and phrases. Terms of fewer than three accounts of the two sides.

What it does not prove
    Supporters say whom they support. It tells an audience, and neither who called it nor whether anybody
    did.

Examples
--------
>>> from detectors.traits.results import TraitResult
>>> result = TraitResult(name="description_terms", state="found", value=0.4, reference=0.01, n=50,
...                      figures={"showing": 20, "names": "patriot, eagle", "z": 7.2})
>>> DESCRIPTION_TERMS.sentence(result)[0]
'"patriot" stands in the descriptions of 20 of 50 accounts, and of 1% of comparable ones; next: eagle'
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.album import Rows
from detectors.rules.sentences import NBSP, THIN, Both, count, count_fr, percent, percent_fr
from detectors.traits.kinds import Categories
from detectors.traits.results import TraitResult


def _codes(rows: Rows) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    return rows["terms"], rows["described"] > 0


def _sentence(result: TraitResult) -> Both:
    first, _, others = str(result.figures["names"]).partition(", ")
    showing, accounts = int(result.figures["showing"]), result.n
    return (
        f'"{first}" stands in the descriptions of {count(showing)} of {count(accounts)} accounts, and of '
        f"{percent(result.reference)} of comparable ones" + (f"; next: {others}" if others else ""),
        f"«{NBSP}{first}{NBSP}» est dans la description de {count_fr(showing)} de {count_fr(accounts)} "
        f"comptes, et de {percent_fr(result.reference)} des comptes comparables"
        + (f"{THIN}; puis{NBSP}: {others}" if others else ""),
    )


DESCRIPTION_TERMS = Categories("description_terms", _codes, _sentence)
