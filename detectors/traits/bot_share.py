"""More accounts look automated than is usual.

What it looks for
    A group whose profiles look automated more than those of comparable accounts do.

Definition
    The mean of the accounts' automation scores, each the probability that the account is automated: the
    expected share of automated accounts. It is tested against random groups (`detectors.traits.chance`).
    Accounts without a score are left out, on both sides.

Defaults, and why
    An effect of 0.3: 23 % where 12 % is usual. The share alone is not the news: 9 to 15 % of all active
    accounts are automated (Varol et al. 2017).

What it misses
    People paid to post, and bots with a history: what the score itself misses
    (`detectors.accounts.automation`).

What it does not prove
    Nothing about one account. Newcomers and quiet readers have high scores too, and a television debate
    brings both.

Examples
--------
>>> from detectors.traits.results import TraitResult
>>> result = TraitResult(name="bot_share", state="found", value=0.62, reference=0.13, n=40)
>>> BOT_SHARE.sentence(result)[0]
'62% of 40 accounts looked automated, where 13% of comparable accounts did'
"""

from __future__ import annotations

import numpy as np

from detectors.album import Rows
from detectors.comparing import Floats
from detectors.traits.kinds import Share
from detectors.traits.results import share_said


def _degrees(rows: Rows) -> Floats:
    return np.where(rows["score"] >= 0, rows["score"] / 1000, np.nan)


BOT_SHARE = Share("bot_share", _degrees, share_said("looked automated", "avaient l'air automatisés"))
