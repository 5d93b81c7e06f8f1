"""Who is named, who is reposted, who posts: an account in each of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from detectors.accounts import automation
from detectors.events import Profile
from detectors.findings import Subject, author_of
from detectors.rules.sentences import THIN, Both
from streams.explaining import entries, judged, pairs, verdict
from streams.explaining.answering import concluded
from streams.explaining.counting import accounts, at_once, counted, most_sharing, spanned
from streams.explaining.question import MINUTE_MS, Answer, Question
from streams.stores.rows import Span, Use

_NEWEST_TEXTS = 50
"""Posts of an account of whose texts copies are looked for."""
_HOUR_MINUTES = 60
_NOTE: Both = (
    "A weak sign of the profile's numbers; it proves nothing about this account.",
    f"Un indice faible, tiré des chiffres du profil{THIN}; il ne prouve rien de ce compte.",
)


def target(question: Question) -> Answer:
    """Somebody who is named or answered, by id or handle; each name is judged by itself."""
    name, minutes = question.value.strip().lstrip("@＠"), question.settings.targets.window_minutes
    names = _names(question, name)
    uses, ever = [], Span(0, 0, 0)
    for one in sorted(names):
        about = Subject("target", one)
        uses += _by_others(question.uses(about, minutes), one)
        ever = _sum(ever, question.stored.ever(about, question.at_ms))
    by_name: dict[str, list[Use]] = {}
    for use in sorted(set(uses)):
        for one in use.targets:
            if one.casefold() in names:
                by_name.setdefault(one, []).append(use)
    most = max(by_name.values(), key=lambda one: len(accounts(one)), default=[])
    answer = {
        "counted": {"minutes": minutes} | counted(most) | _mentions(most, names) | {"ever": spanned(ever)}
    }
    answer["counted"]["names"] = {one: len(by_name[one]) for one in sorted(by_name)}
    nothing = verdict.of_nothing((f"post that names {name}", f"message qui nomme {name}"), minutes, ever)
    subjects = [Subject("target", one) for one in {name, *names, *by_name}]
    found = judged.about(question, subjects)
    return concluded(answer, most, nothing, [entries.targets(question, most)], found)


def source(question: Question) -> Answer:
    """An account whose posts are reposted, by id or handle."""
    name, minutes = question.value.strip().lstrip("@＠"), question.settings.amplification.window_minutes
    keys = question.stored.accounts_named(name)
    uses: list[Use] = []
    ever = Span(0, 0, 0)
    for key in keys:
        about = Subject("source", key)
        uses += [use for use in question.uses(about, minutes) if use.account != key]
        ever = _sum(ever, question.stored.ever(about, question.at_ms))
    uses.sort()
    by_account = accounts(uses)
    answer = {
        "counted": {"minutes": minutes}
        | counted(uses)
        | {
            "ids": sorted({author_of(key) for key in keys}),
            "posts_reposted": len({use.ref for use in uses}),
            "reposts_per_account": round(len(uses) / len(by_account), 2) if uses else None,
            "ever": spanned(ever),
        }
    }
    nothing = verdict.of_nothing((f"repost of {name}", f"message de {name} qui soit repris"), minutes, ever)
    found = judged.about(question, [Subject("source", author_of(key)) for key in keys])
    return concluded(answer, uses, nothing, [entries.amplification(question, uses)], found)


def account(question: Question) -> Answer:
    """An account, by id or handle: all that it posted, and every finding that it takes part in."""
    name = question.value.strip()
    keys = question.stored.accounts_named(name.lstrip("@＠"))
    uses = question.stored.by_accounts(keys, 0, question.at_ms)
    who = accounts(uses)
    posted = [key for key in keys if key in who]
    answer: Answer = {"counted": _habits(uses, posted) | _received(question, keys)}
    answer["automation"] = [
        _automation(key, *shown) for key in posted if (shown := question.stored.profile(key)) is not None
    ]
    sections = [
        entries.near_duplicates(question, _copying(question, uses[-_NEWEST_TEXTS:])),
        pairs.of_account(question, posted),
        entries.sponsored(question, uses),
    ]
    found = judged.about(question, [Subject("account", key) for key in keys], ever=True)
    nothing = verdict.nothing(
        (
            f"post by an account with the id or handle {name!r}",
            f"message d'un compte dont l'identifiant ou le nom soit {name!r}",
        )
    )
    return concluded(answer, uses, nothing, sections, found)


# -- what was counted ------------------------------------------------------------------------------


def _names(question: Question, name: str) -> set[str]:
    """The id and the handle of an account, and what it was asked for, without case."""
    names = {name.casefold()}
    for key in question.stored.accounts_named(name):
        shown = question.stored.profile(key)
        names.add(author_of(key).casefold())
        if shown is not None and shown[1].handle:
            names.add(shown[1].handle.casefold())
    return names


def _by_others(uses: Iterable[Use], name: str) -> list[Use]:
    return [use for use in uses if author_of(use.account).casefold() != name.casefold()]


def _mentions(uses: Sequence[Use], names: set[str]) -> Answer:
    """Who names a target: those who had not named it before, and those who write the same."""
    first: dict[str, bool] = {}
    known: set[str] = set()
    for use in uses:
        if use.account not in first and use.activity > 1:
            known.add(use.account)
        new = any(one.casefold() in names for one in use.strangers)
        first[use.account] = first.get(use.account, False) or new
    return {
        "first_time_accounts": sum(first.values()),
        "known_accounts": len(known),
        "strangers": sum(first[one] for one in known),
        "same_text_accounts": most_sharing(uses),
    }


def _habits(uses: Sequence[Use], keys: Sequence[str]) -> Answer:
    """What an account posted, from its first post to the moment."""
    posts, reposts = len(uses), sum(use.kind == "repost" for use in uses)
    minutes = (uses[-1].time_ms // MINUTE_MS - uses[0].time_ms // MINUTE_MS + 1) if uses else 0
    span = Span(posts, uses[0].time_ms, uses[-1].time_ms) if uses else Span(0, 0, 0)
    return {
        **spanned(span),
        "posts_per_hour": round(posts * 60 / minutes, 2) if minutes else None,
        "repost_share": round(reposts / posts, 4) if posts else None,
        "ids": [author_of(key) for key in keys],
        "listed": sorted({use.listed for use in uses if use.listed}),
    }


def _received(question: Question, keys: Sequence[str]) -> Answer:
    """What others did with an account in the hour before: see the kinds ``target`` and ``source``."""
    naming: set[str] = set()
    for name in set().union(*(_names(question, author_of(key)) for key in keys)):
        naming |= accounts(_by_others(question.uses(Subject("target", name), _HOUR_MINUTES), name))
    reposting = accounts(use for key in keys for use in question.uses(Subject("source", key), _HOUR_MINUTES))
    return {"named_by": len(naming - set(keys)), "reposted_by": len(reposting - set(keys))}


def _copying(question: Question, uses: Sequence[Use]) -> int:
    """The most accounts that posted a text of these within the window of copies of one another."""
    window_ms = question.settings.near_duplicates.window_minutes * MINUTE_MS
    keys = {use.text for use in uses if use.text is not None}
    if not keys:
        return 0
    copies: dict[str, list[Use]] = {}
    for use in question.stored.with_texts(keys, uses[0].time_ms - window_ms, question.at_ms):
        copies.setdefault(use.text or "", []).append(use)
    return max(len(now) for users in copies.values() for now in at_once(users, window_ms))


def _sum(*spans: Span) -> Span:
    held = [one for one in spans if one.posts]
    if not held:
        return Span(0, 0, 0)
    return Span(
        sum(one.posts for one in held), min(one.first_ms for one in held), max(one.last_ms for one in held)
    )


def _automation(key: str, observed_ms: int, profile: Profile) -> Answer:
    row = np.array([automation.features(profile, observed_ms)])
    score = float(automation.score(row)[0])
    parts = [
        {"feature": name, "value": None if np.isnan(number) else round(number, 4), "log_odds": round(odds, 4)}
        for name, number, odds in automation.contributions(row[0])
        if odds
    ]
    return {
        "score": None if np.isnan(score) else round(score, 3),
        "id": author_of(key),
        "handle": profile.handle,
        "contributions": parts,
        "note": _NOTE[0],
        "note_fr": _NOTE[1],
    }
