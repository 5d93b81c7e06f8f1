"""The sentences of an alert, in English and French: what was seen, and what it does not prove."""

from __future__ import annotations

from collections.abc import Callable

from detectors.cases import Case
from detectors.findings import Evidence, Subject
from detectors.severity import Check

Both = tuple[str, str]
"""The same sentence in English and in French."""

_NOT_PROVED: dict[str, Both] = {
    "always": (
        "It does not prove who is behind the accounts, nor that any one of them is automated.",
        "Cela ne prouve ni qui est derrière ces comptes, ni qu'aucun d'eux soit automatisé.",
    ),
    "near_duplicates": (
        "Copies alone prove no agreement: people copy headlines, slogans and jokes of their own accord.",
        "Des copies ne prouvent pas une entente : on copie de soi-même titres, slogans et plaisanteries.",
    ),
    "hashtags": (
        "A busy hashtag does not prove a push: fans, games and debates make people repeat one.",
        "Un mot-dièse répété ne prouve pas une opération : jeux, débats et supporters en font autant.",
    ),
    "bots": (
        "The bot share is an expectation over weak scores of profiles, not a count of bots.",
        "La part de robots est une espérance tirée de scores faibles sur les profils, non un décompte.",
    ),
}


def _percent(value: int | float | None) -> str:
    return "?" if value is None else f"{value:.0%}"


def _percent_fr(value: int | float | None) -> str:
    return _percent(value).replace("%", " %")


def _copies(numbers: Evidence) -> Both:
    return (
        f"{numbers['accounts']} accounts posted the same text, or nearly, {numbers['posts']} times",
        f"{numbers['accounts']} comptes ont publié le même texte, ou presque, {numbers['posts']} fois",
    )


def _improbable(numbers: Evidence) -> Both:
    return (
        f"independent people would hardly write it by chance ({numbers['bits']} bits against chance)",
        f"le hasard ne l'explique guère chez des gens indépendants ({numbers['bits']} bits contre le hasard)",
    )


def _repetition(numbers: Evidence) -> Both:
    linked, accounts, objects = numbers["linked"], numbers["accounts"], numbers["objects"]
    return (
        f"{linked} of the {accounts} accounts shared the same things with another of them again and again "
        f"(up to {objects} times)",
        f"{linked} des {accounts} comptes ont partagé à plusieurs reprises les mêmes choses qu'un autre "
        f"d'entre eux (jusqu'à {objects} fois)",
    )


def _aimed(numbers: Evidence) -> Both:
    at_one, at_several = numbers["at_one"] or 0, numbers["at_several"] or 0
    if at_one >= 8:
        return f"{at_one} accounts aim it at one person", f"{at_one} comptes le dirigent contre une personne"
    return (
        f"{at_several} accounts send it to several persons, {numbers['targets']} in all",
        f"{at_several} comptes l'envoient à plusieurs personnes, {numbers['targets']} en tout",
    )


def _bots(numbers: Evidence) -> Both:
    return (
        f"an expected {_percent(numbers['share'])} of the accounts look automated "
        f"({_percent(numbers['low'])} to {_percent(numbers['high'])}), against "
        f"{_percent(numbers['reference'])} in comparable groups",
        f"{_percent_fr(numbers['share'])} des comptes paraissent automatisés "
        f"({_percent_fr(numbers['low'])} à {_percent_fr(numbers['high'])}), contre "
        f"{_percent_fr(numbers['reference'])} dans des groupes comparables",
    )


def _repeaters(numbers: Evidence) -> Both:
    return (
        f"{_percent(numbers['share'])} of its accounts posted it twice or more, against "
        f"{_percent(numbers['reference'])} for comparable hashtags",
        f"{_percent_fr(numbers['share'])} de ses comptes l'ont publié deux fois ou plus, contre "
        f"{_percent_fr(numbers['reference'])} pour des mots-dièse comparables",
    )


def _copied(numbers: Evidence) -> Both:
    return (
        f"{_percent(numbers['share'])} of its original posts copy one of another account, against "
        f"{_percent(numbers['reference'])} for comparable hashtags",
        f"{_percent_fr(numbers['share'])} de ses messages originaux en copient un d'un autre compte, contre "
        f"{_percent_fr(numbers['reference'])} pour des mots-dièse comparables",
    )


def _co_reposted(numbers: Evidence) -> Both:
    return (
        f"{_percent(numbers['share'])} of its reposts are of the same few posts, against "
        f"{_percent(numbers['reference'])} for comparable hashtags",
        f"{_percent_fr(numbers['share'])} de ses reprises portent sur les mêmes messages, contre "
        f"{_percent_fr(numbers['reference'])} pour des mots-dièse comparables",
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
    clauses = [sentence(reason) for reason in _strongest(assessment.reasons)]
    others = len(case.findings) - 1
    main = _what(finding.subjects[0], finding.template)
    english, french = "; ".join(clause[0] for clause in clauses), " ; ".join(clause[1] for clause in clauses)
    ending = ("", "")
    if others:
        ending = (
            f" The same accounts stand behind {others} more finding{'s' * (others > 1)}.",
            f" Les mêmes comptes sont derrière {others} autre{'s' * (others > 1)} "
            f"constat{'s' * (others > 1)}.",
        )
    return f"{main[0]}: {english}.{ending[0]}", f"{main[1]} : {french}.{ending[1]}"


def not_proved(case: Case) -> list[Both]:
    """What the alert does not prove, for the detectors and reasons at work in it."""
    codes = {"always"}
    for finding, assessment in case.findings.values():
        codes.add(finding.detector)
        codes |= {reason.code for reason in assessment.reasons}
    return [text for code, text in _NOT_PROVED.items() if code in codes]


def _strongest(reasons: tuple[Check, ...]) -> list[Check]:
    """The three strongest; "copies" opens, since the others speak of it."""
    opening = [reason for reason in reasons if reason.code == "copies"]
    rest = [reason for reason in reasons if reason.code != "copies"]
    return (opening + rest)[:3]


def _what(subject: Subject, template: str | None) -> Both:
    if subject.kind == "hashtag":
        return f"Hashtag #{subject.value}", f"Mot-dièse #{subject.value}"
    short = template or ""
    short = short if len(short) <= 100 else f"{short[:99]}…"
    return f"Copied text “{short}”", f"Texte copié « {short} »"
