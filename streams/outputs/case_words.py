"""What is said of a case beside its evidence, in both languages: status, verdict, fate, lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from detectors.rules.sentences import NBSP, THIN, count, count_fr

Language = Literal["en", "fr"]

STATUS: dict[Language, dict[str, str]] = {
    "en": {
        "open": "new case",
        "updated": "case",
        "closed": "case closed",
        "merged": "case merged",
        "dismissed": "case dismissed",
        "retracted": "case retracted",
    },
    "fr": {
        "open": "nouvelle affaire",
        "updated": "affaire",
        "closed": "affaire close",
        "merged": "affaire fusionnée",
        "dismissed": "affaire écartée",
        "retracted": "affaire retirée",
    },
}
_VERDICTS: dict[Language, dict[str, str]] = {
    "en": {"confirmed": "confirmed", "dismissed": "dismissed", "retracted": "retracted", "noted": "note"},
    "fr": {"confirmed": "confirmée", "dismissed": "écartée", "retracted": "retirée", "noted": "note"},
}
_KINDS: dict[Language, dict[str, str]] = {
    "en": {"attributed": "attributed", "amplifies": "amplifies", "declared": "declared", "banned": "banned"},
    "fr": {"attributed": "attribué", "amplifies": "amplifie", "declared": "déclaré", "banned": "exclu"},
}
_FATES: dict[Language, dict[str, str]] = {
    "en": {
        "gone": "accounts gone: {gone} of {accounts} (suspended: {suspended})",
        "returned": "accounts that came back: {returned}",
        "erased": "known posts erased: {erased} of {posts}",
    },
    "fr": {
        "gone": f"comptes disparus{NBSP}: {{gone}} sur {{accounts}} (suspendus{NBSP}: {{suspended}})",
        "returned": f"comptes revenus{NBSP}: {{returned}}",
        "erased": f"messages connus effacés{NBSP}: {{erased}} sur {{posts}}",
    },
}


def number(value: int, language: Language) -> str:
    """A count.

    >>> number(1234, "en")
    '1,234'
    """
    return count(value) if language == "en" else count_fr(value)


def colon(language: Language) -> str:
    """A colon and the spaces around it."""
    return ": " if language == "en" else f"{NBSP}: "


def moment(instant: str) -> str:
    """A time of an alert as a person reads it.

    >>> moment("2022-04-10T19:30:05.000Z")
    '2022-04-10 19:30:05'
    """
    return instant[:19].replace("T", " ")


def verdict_said(verdict: dict[str, Any], language: Language) -> str:
    """What an analyst said of a case, and why.

    >>> verdict_said({"kind": "dismissed", "reason": "a fan club", "until": None}, "en")
    'dismissed for good: a fan club'
    """
    said = _VERDICTS[language][verdict["kind"]]
    if verdict["kind"] == "dismissed":
        until, for_good = ("until", "for good") if language == "en" else ("jusqu'au", "pour de bon")
        said += f" {until} {moment(verdict['until'])} UTC" if verdict["until"] else f" {for_good}"
    return f"{said}{colon(language)}{verdict['reason']}"


def fate_said(fate: dict[str, int], language: Language) -> str:
    """What became of the accounts and posts of a case since; empty where nothing was heard.

    >>> fate = {"gone": 18, "accounts": 20, "suspended": 17, "returned": 0, "erased": 3, "posts": 20}
    >>> fate_said(fate, "en")
    'accounts gone: 18 of 20 (suspended: 17); known posts erased: 3 of 20'
    """
    figures = {name: number(value, language) for name, value in fate.items()}
    separator = "; " if language == "en" else f"{THIN}; "
    told = (text for name, text in _FATES[language].items() if fate.get(name))
    return separator.join(text.format(**figures) for text in told)


def listed_said(listed: list[dict[str, Any]], most: int, language: Language) -> Iterator[str]:
    """What the room's lists say of accounts of a case, so many entries, and how many more there are."""
    on = "on" if language == "en" else "sur"
    for entry in listed[:most]:
        kind = _KINDS[language][entry["kind"]]
        because = f"{entry['reason']} ({entry['source']})"
        yield f"{entry['account']} {kind} {on} {entry['list']}{colon(language)}{because}"
    if len(listed) > most:
        yield f"… ({number(len(listed), language)})"
