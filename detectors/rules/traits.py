"""The rule that all detectors share: what the accounts of a group have in common beyond chance.

Five points for the strongest trait that was found, ten more for each of two others; see
`detectors.traits.testing` for what it takes. One trait makes no warning of a headline that many copy, and all
of them together none of a group that does nothing else: they say what kind of accounts these are, not that
they act together.
"""

from __future__ import annotations

from collections.abc import Collection

from detectors.rules.checks import Check
from detectors.rules.sentences import NBSP, Both
from detectors.traits import TRAITS
from detectors.traits.results import TraitResult

POINTS = (5, 10, 10)
WITHOUT_POINTS = frozenset({"listed", "posts_per_account", "timing"})
"""The lists have a rule of their own; the others are found in one of twenty innocent communities."""
FEWEST = 3
"""Accounts that must show a trait, beside the declared: of what is rare one is told, which makes no group."""
SAME = {"bot_share": "bots", "deletions": "erasers"}
"""Traits that a detector's own rule may have given points for already, with its code."""
NEEDED = (
    "a trait of the accounts beyond chance, and beyond 95 in 100 communities of like size (docs/traits.md)"
)
NOT_PROVED: Both = (
    "What accounts have in common is no proof that they act together: fans, newcomers and regions have "
    "things in common too.",
    f"Ce que des comptes ont en commun ne prouve pas qu'ils agissent ensemble{NBSP}: admirateurs, nouveaux "
    "venus et régions ont aussi des points communs.",
)
_TRAITS = {trait.name: trait for trait in TRAITS}
COUNTED = _TRAITS.keys() - WITHOUT_POINTS
"""Names of the traits that may give points."""


def in_common(results: Collection[TraitResult], met: Collection[str], declared: float) -> list[Check]:
    """The traits that give points.

    Parameters
    ----------
    results : collection of TraitResult
    met : collection of str
        Codes of the detector's own rules that were met.
    declared : float
        Share of the group's accounts that say what they are.
    """
    found = [
        one
        for one in results
        if one.state == "found"
        and one.name in COUNTED
        and SAME.get(one.name) not in met
        # At worst all who say what they are show it, as newsrooms show "newsroom" and their program.
        and round(((one.value or 0.0) - declared) * one.n) >= FEWEST
    ]
    found.sort(key=lambda one: (-(one.effect or 0.0), one.name))
    return [
        Check(
            one.name,
            "met",
            points,
            NEEDED,
            {
                "share": one.value,
                "reference": one.reference,
                "effect": one.effect,
                "p_value": one.p_value,
                "accounts": one.n,
            },
        )
        for points, one in zip(POINTS, found, strict=False)
    ]


def trait_said(result: TraitResult) -> Both:
    """The sentence of a trait that was found."""
    return _TRAITS[result.name].sentence(result)
