"""Accounts that post once a minute, again and again.

What it looks for
    A group of whose accounts one or more posted a dozen times in a row at a minute's distance: somebody works
    off a list, with natural posts in between.

Definition
    An account counts if within the last day twelve posts came each 20 to 100 s after the one before
    (`detectors.accounts.cadence`). Of the group's n accounts b posted a dozen times at all, and k of these
    count; of all other accounts of the network B posted so often, and K count. The p-value is that of k or
    more when b accounts are drawn from all b + B (hypergeometric, mid-p); the value is k / n, the reference
    b / n times K / B.

    So busy accounts are set beside busy ones: that an account posts much is another trait, and who comments a
    debate line by line is compared with the others who do.

Defaults, and why
    One account is enough where chance does not give it: a group with one busy account, which posts so, has
    p = 0.0005 where one in a thousand busy accounts does, and 0.005 where one in a hundred does, which is not
    enough. An effect of 0.3: one of forty accounts where nobody is usual; one among hundreds says nothing of
    these.

What it misses
    Shorter runs, and slower ones; a single account where many people comment something once a minute, since
    then chance does give it.

What it does not prove
    One account says little of the others. People comment on a match or a debate once a minute too, and bots
    that say what they are post by the clock.

Examples
--------
>>> ONE_A_MINUTE.sentence(TraitResult(name="one_a_minute", state="found", value=0.05, reference=0.0002, n=20,
...                                   figures={"showing": 1}))[0]
'1 of 20 accounts posted once a minute, a dozen times or more, where 0.02% of comparable accounts did'
"""

from __future__ import annotations

from detectors.rules.sentences import NBSP, Both, count, count_fr
from detectors.traits.kinds import Rare
from detectors.traits.results import TraitResult


def _sentence(result: TraitResult) -> Both:
    showing, usual = int(result.figures["showing"]), f"{result.reference or 0:.2%}"
    return (
        f"{count(showing)} of {count(result.n)} accounts posted once a minute, a dozen times or more, where "
        f"{usual} of comparable accounts did",
        f"{count_fr(showing)} des {count_fr(result.n)} comptes {'a' if showing == 1 else 'ont'} publié une "
        f"fois par minute, une douzaine de fois ou plus, contre {usual.replace('%', f'{NBSP}%')} des comptes "
        "comparables",
    )


ONE_A_MINUTE = Rare("one_a_minute", "one_a_minute", _sentence)
