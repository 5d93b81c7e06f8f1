"""One posting program that many of the accounts share.

What it looks for
    A group more of whose accounts post with one program than is usual: the web page where others use
    telephones, a scheduler, a script.

Definition
    Of all clients the one that is most the group's own, by the log-odds of Monroe et al. (2008)
    (`detectors.traits.kinds.Categories`). Its z is tested against the largest z of random groups, so that
    many clients to choose from are paid for. Accounts whose client is not known are left out.

Defaults, and why
    An effect of 0.5: a third where 13 % is usual, half where 26 % is. Clients differ by country and by age,
    and a room full of journalists uses one too.

What it misses
    Networks that do not name the client; operations on telephones.

What it does not prove
    That twenty people use the web page is nothing; that only these twenty do asks for a reason.

Examples
--------
>>> from detectors.traits.results import TraitResult
>>> result = TraitResult(name="client", state="found", value=1.0, reference=0.04, n=20,
...                      figures={"showing": 20, "names": "Web Client", "z": 9.1})
>>> CLIENT.sentence(result)[0]
'20 of 20 accounts posted with "Web Client", where 4% of comparable accounts did'
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.album import Rows
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr, shortened
from detectors.traits.kinds import Categories
from detectors.traits.results import TraitResult


def _codes(rows: Rows) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    return rows["client"][:, None], rows["client"] > 0


def _sentence(result: TraitResult) -> Both:
    showing, name = int(result.figures["showing"]), shortened(str(result.figures["names"]), 40)
    return (
        f'{count(showing)} of {count(result.n)} accounts posted with "{name}", where '
        f"{percent(result.reference)} of comparable accounts did",
        f"{count_fr(showing)} de {count_fr(result.n)} comptes ont publié avec «{NBSP}{name}{NBSP}», contre "
        f"{percent_fr(result.reference)} des comptes comparables",
    )


CLIENT = Categories("client", _codes, _sentence, least=0.5, shown=1)
