"""One rule applied to one finding, and the rules that several detectors share."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, NamedTuple

from detectors.findings import Evidence, Finding
from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr


class Check(NamedTuple):
    """One rule applied to one finding: what it needs, whether that was met, and the points it gives."""

    code: str
    state: Literal["met", "not_met", "not_enough_data"]
    points: int
    """0 unless met."""
    needed: str
    """What the rule asks for, as a sentence."""
    numbers: Evidence
    """What was measured, with the names that the sentences of `SENTENCES` use."""


def check(code: str, needed: str, numbers: Evidence, points: int, *, met: bool) -> Check:
    """A rule's outcome. Where nothing could be measured, that is not the same as not found."""
    if met and points > 0:
        return Check(code, "met", points, needed, numbers)
    unknown = None in numbers.values()
    return Check(code, "not_enough_data" if unknown else "not_met", 0, needed, numbers)


def number(evidence: Evidence, name: str) -> float:
    """A measurement; NaN, which no rule is met by, where there was not enough data."""
    value = evidence.get(name)
    return math.nan if value is None else float(value)


def surprise(p_value: float) -> float:
    """-log10 of a p-value, at most 30; 0 where there is none."""
    return 0.0 if math.isnan(p_value) else min(30.0, -math.log10(max(p_value, 1e-30)))


def repetition(linked: int, most_shared: int, finding: Finding, *, share: float, objects: int) -> Check:
    """Accounts of the group that shared several objects with another of it."""
    accounts = len(finding.accounts)
    numbers: Evidence = {"linked": linked, "accounts": accounts, "objects": most_shared}
    if linked >= 0.5 * accounts:
        points = 40 + min(20, 4 * (most_shared - 2))
    else:
        points = min(35, 5 + int(60 * linked / accounts))
    met = linked >= 3 and linked >= share * accounts and most_shared >= objects
    return check("repetition", _repetition_needed(share, objects), numbers, points, met=met)


@cache
def _repetition_needed(share: float, objects: int) -> str:
    return (
        f"3 accounts or more, and {share:.0%} or more of the group, that shared several things with another "
        f"of it, {objects} or more in one pair"
    )


def bots(evidence: Evidence, *, least: int, base: int) -> Check:
    """An expected bot share far above that of comparable groups."""
    low, reference = number(evidence, "bot_share_low"), number(evidence, "bot_share_reference")
    scored = int(evidence["scored_accounts"] or 0)
    above = low - reference - 0.15
    numbers: Evidence = {
        "share": evidence["bot_share"],
        "low": evidence["bot_share_low"],
        "high": evidence["bot_share_high"],
        "reference": evidence["bot_share_reference"],
        "scored": scored,
    }
    needed = f"{least} scored accounts or more; the low end of the interval 0.15 above comparable groups"
    if scored < least:
        return Check("bots", "not_enough_data", 0, needed, numbers)
    points = 0 if math.isnan(above) else base + min(20, int(50 * above))
    return check("bots", needed, numbers, points, met=above >= 0)


def repetition_said(numbers: Evidence) -> Both:
    """The sentence of `repetition`."""
    linked, accounts, objects = numbers["linked"], numbers["accounts"], numbers["objects"]
    return (
        f"{count(linked)} of the {count(accounts)} accounts posted or reposted the same things as another "
        f"of them several times (up to {objects} in common)",
        f"{count_fr(linked)} des {count_fr(accounts)} comptes ont publié ou repris plusieurs fois les "
        f"mêmes contenus qu'un autre d'entre eux (jusqu'à {objects} en commun)",
    )


def bots_said(numbers: Evidence) -> Both:
    """The sentence of `bots`."""
    return (
        f"an expected {percent(numbers['share'])} of the accounts look automated "
        f"({percent(numbers['low'])} to {percent(numbers['high'])}), against "
        f"{percent(numbers['reference'])} in comparable groups",
        f"environ {percent_fr(numbers['share'])} des comptes paraissent automatisés "
        f"(de {percent_fr(numbers['low'])} à {percent_fr(numbers['high'])}), contre "
        f"{percent_fr(numbers['reference'])} dans des groupes comparables",
    )


BOTS_NOT_PROVED: Both = (
    "The bot share is an expectation over weak scores of profiles, not a count of bots.",
    "La part de robots est une espérance tirée de scores faibles sur les profils, non un décompte.",
)
