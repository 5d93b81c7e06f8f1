"""What the test of one trait gave, as alerts show it, and the sentence of those that are shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr

State = Literal["found", "not_found", "not_enough_data", "not_on_this_network"]
Figures = dict[str, int | float | str]
"""What a sentence says besides the share, by name."""


class TraitResult(msgspec.Struct, frozen=True, kw_only=True):
    """One trait of one group, at the size at which it was tested last."""

    name: str
    state: State
    value: float | None = None
    """Share of the group's accounts that have it; None where it was not tested."""
    reference: float | None = None
    """The same share of comparable accounts."""
    effect: float | None = None
    """Cohen's h of the two."""
    p_value: float | None = None
    """Of this trait alone, before it is paid for that there are others."""
    n: int = 0
    """Accounts of the group of which it is known."""
    figures: Figures = {}


Sentence = Callable[[TraitResult], Both]
"""What was found, in English and in French."""


def share_said(english: str, french: str) -> Sentence:
    """The sentence of a share, from what its accounts do.

    >>> said = share_said("woke after 90 days", "se sont réveillés après 90 jours")
    >>> said(TraitResult(name="dormancy", state="found", value=0.62, reference=0.04, n=1240))
    ... # doctest: +NORMALIZE_WHITESPACE
    ('62% of 1,240 accounts woke after 90 days, where 4% of comparable accounts did',
     '62\\xa0% de 1\\u202f240 comptes se sont réveillés après 90 jours, contre 4\\xa0% des comptes
     comparables')
    """

    def said(result: TraitResult) -> Both:
        return (
            f"{percent(result.value)} of {count(result.n)} accounts {english}, where "
            f"{percent(result.reference)} of comparable accounts did",
            f"{percent_fr(result.value)} de {count_fr(result.n)} comptes {french}, contre "
            f"{percent_fr(result.reference)} des comptes comparables",
        )

    return said
