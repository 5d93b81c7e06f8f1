"""The sentences of an alert, in English and French: what was seen, and what it does not prove."""

from __future__ import annotations

from collections.abc import Callable

from detectors.cases import Case
from detectors.findings import Evidence, Finding
from detectors.severity import AIMED_ACCOUNTS, Check

Both = tuple[str, str]
"""The same sentence in English and in French."""

_NOT_PROVED: dict[str, Both] = {
    "always": (
        "It does not prove who is behind the accounts, nor that any one of them is automated.",
        "Cela ne prouve ni qui est derrière ces comptes, ni que tel ou tel d'entre eux soit automatisé.",
    ),
    "near_duplicates": (
        "Copies alone prove no agreement: people copy headlines, slogans and jokes of their own accord.",
        "Des copies ne prouvent pas d'entente\u00a0: on copie de soi-même titres, slogans, plaisanteries.",
    ),
    "hashtags": (
        "A busy hashtag does not prove a push: fans, games and debates make people repeat one.",
        "Un mot-dièse répété ne prouve pas une opération\u00a0: jeux, débats et supporters en font autant.",
    ),
    "bots": (
        "The bot share is an expectation over weak scores of profiles, not a count of bots.",
        "La part de robots est une espérance tirée de scores faibles sur les profils, non un décompte.",
    ),
}


_NBSP, _THIN = "\u00a0", "\u202f"
"""French sets a no-break space before a colon and a percent sign, a narrow one before a semicolon."""


def _percent(value: int | float | None) -> str:
    return "?" if value is None else f"{value:.0%}"


def _percent_fr(value: int | float | None) -> str:
    return _percent(value).replace("%", f"{_NBSP}%")


def _count(value: int | float | None) -> str:
    return "?" if value is None else f"{value:,}"


def _count_fr(value: int | float | None) -> str:
    return _count(value).replace(",", _THIN)


def _copies(numbers: Evidence) -> Both:
    return (
        f"{_count(numbers['accounts'])} accounts posted it, word for word or nearly, "
        f"{_count(numbers['posts'])} times",
        f"{_count_fr(numbers['accounts'])} comptes l'ont publié, mot pour mot ou presque, "
        f"{_count_fr(numbers['posts'])} fois",
    )


def _improbable(numbers: Evidence) -> Both:
    # No figure: the estimate takes words for half as telling as independent ones, which is rough, and a
    # "one in a billion" would be quoted.
    return (
        "people writing on their own would hardly hit on it (a rough estimate from word frequencies)",
        "des gens écrivant chacun de leur côté ne tomberaient guère dessus (estimation grossière d'après la "
        "fréquence des mots)",
    )


def _repetition(numbers: Evidence) -> Both:
    linked, accounts, objects = numbers["linked"], numbers["accounts"], numbers["objects"]
    return (
        f"{_count(linked)} of the {_count(accounts)} accounts posted or reposted the same things as another "
        f"of them several times (up to {objects} in common)",
        f"{_count_fr(linked)} des {_count_fr(accounts)} comptes ont publié ou repris plusieurs fois les "
        f"mêmes contenus qu'un autre d'entre eux (jusqu'à {objects} en commun)",
    )


def _aimed(numbers: Evidence) -> Both:
    at_one, at_several = numbers["at_one"] or 0, numbers["at_several"] or 0
    if at_one >= AIMED_ACCOUNTS:
        return (
            f"{_count(at_one)} accounts address it to the same account",
            f"{_count_fr(at_one)} comptes l'adressent au même compte",
        )
    return (
        f"{_count(at_several)} accounts send it to several accounts each ({numbers['targets']} in all)",
        f"{_count_fr(at_several)} comptes l'envoient chacun à plusieurs comptes "
        f"({numbers['targets']} en tout)",
    )


def _bots(numbers: Evidence) -> Both:
    return (
        f"an expected {_percent(numbers['share'])} of the accounts look automated "
        f"({_percent(numbers['low'])} to {_percent(numbers['high'])}), against "
        f"{_percent(numbers['reference'])} in comparable groups",
        f"environ {_percent_fr(numbers['share'])} des comptes paraissent automatisés "
        f"(de {_percent_fr(numbers['low'])} à {_percent_fr(numbers['high'])}), contre "
        f"{_percent_fr(numbers['reference'])} dans des groupes comparables",
    )


def _against(numbers: Evidence, english: str, french: str) -> Both:
    """A share of a hashtag's accounts or posts, set against comparable hashtags."""
    return (
        f"{_percent(numbers['share'])} of its {english}, against {_percent(numbers['reference'])} for "
        "comparable hashtags",
        f"{_percent_fr(numbers['share'])} de ses {french}, contre {_percent_fr(numbers['reference'])} pour "
        "des mots-dièse comparables",
    )


def _repeaters(numbers: Evidence) -> Both:
    return _against(numbers, "accounts posted it twice or more", "comptes l'ont publié deux fois ou plus")


def _copied(numbers: Evidence) -> Both:
    return _against(
        numbers,
        "original posts copy a text that another account had posted",
        "messages originaux copient un texte déjà publié par un autre compte",
    )


def _co_reposted(numbers: Evidence) -> Both:
    return _against(
        numbers,
        "reposts are of posts that another account had reposted",
        "reprises portent sur des messages déjà repris par un autre compte",
    )


_SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "copies": _copies,
    "improbable": _improbable,
    "repetition": _repetition,
    "aimed": _aimed,
    "bots": _bots,
    "repeaters": _repeaters,
    "copied": _copied,
    "co_reposted": _co_reposted,
}


def sentence(reason: Check) -> Both:
    """One reason as a clause, in English and French."""
    return _SENTENCES[reason.code](reason.numbers)


def summary(case: Case) -> Both:
    """The case in one sentence: what, by how many, and its two or three strongest reasons with figures."""
    finding, assessment = case.best
    what = _what(finding)
    clauses = [what, *(sentence(reason) for reason in _strongest(assessment.reasons))]
    others = len(case.findings) - 1
    if others == 1:
        clauses.append(("1 more finding belongs to the case", "1 autre constat se rattache à l'affaire"))
    elif others:
        clauses.append(
            (
                f"{_count(others)} more findings belong to the case",
                f"{_count_fr(others)} autres constats se rattachent à l'affaire",
            )
        )
    english = "; ".join(clause[0] for clause in clauses[1:])
    french = f"{_THIN}; ".join(clause[1] for clause in clauses[1:])
    return f"{what[0]}: {english}.", f"{what[1]}{_NBSP}: {french}."


def not_proved(case: Case) -> list[Both]:
    """What the alert does not prove, for the detectors and reasons at work in it."""
    codes = {"always"}
    for finding, assessment in case.findings.values():
        codes.add(finding.detector)
        codes |= {reason.code for reason in assessment.reasons}
    return [text for code, text in _NOT_PROVED.items() if code in codes]


def _strongest(reasons: tuple[Check, ...]) -> list[Check]:
    """The three strongest; that there are copies, and how many, is said already."""
    rest = [reason for reason in reasons if reason.code != "copies"]
    return (rest or list(reasons))[:3]


def _what(finding: Finding) -> Both:
    accounts, posts = finding.accounts_total, finding.posts_total
    size = (
        f"{_count(accounts)} accounts, {_count(posts)} posts",
        f"{_count_fr(accounts)} comptes, {_count_fr(posts)} messages",
    )
    subject = finding.subjects[0]
    if subject.kind == "hashtag":
        return f"Hashtag #{subject.value} ({size[0]})", f"Mot-dièse #{subject.value} ({size[1]})"
    short = finding.template or ""
    short = short if len(short) <= 100 else f"{short[:99]}…"
    return (
        f"The same text, “{short}” ({size[0]})",
        f"Un même texte, «{_NBSP}{short}{_NBSP}» ({size[1]})",
    )
