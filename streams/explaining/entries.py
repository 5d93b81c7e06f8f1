"""What the detectors of one subject ask for: so many accounts that post it, name it, or repost it."""

from __future__ import annotations

from collections.abc import Sequence

from streams.explaining.conditions import Section, at_least
from streams.explaining.counting import accounts
from streams.explaining.question import Question
from streams.stores.rows import Use


def hashtags(question: Question, uses: Sequence[Use]) -> Section:
    """A hashtag, from the posts with it in the long window."""
    settings = question.settings.hashtags
    minutes = settings.long_window_minutes
    what = f"accounts in the {minutes} minutes before", f"comptes dans les {minutes} minutes d'avant"
    return Section("hashtags", (at_least(what, settings.min_accounts, len(accounts(uses))),))


def near_duplicates(question: Question, copying: int) -> Section:
    """A text, from how many accounts posted it exactly.

    Those that only resemble it are known to the detector alone.
    """
    settings = question.settings.near_duplicates
    minutes = settings.window_minutes
    what = (
        f"accounts with the text in {minutes} minutes (exact copies)",
        f"comptes avec ce texte en {minutes} minutes (copies exactes)",
    )
    return Section("near_duplicates", (at_least(what, settings.min_accounts, copying),))


def amplification(question: Question, uses: Sequence[Use]) -> Section:
    """An account that is reposted, from its reposts by others."""
    settings = question.settings.amplification
    minutes = settings.window_minutes
    what = (
        f"accounts that reposted it in the {minutes} minutes before",
        f"comptes qui l'ont repris dans les {minutes} minutes d'avant",
    )
    return Section("amplification", (at_least(what, settings.min_accounts, len(accounts(uses))),))


def targets(question: Question, uses: Sequence[Use]) -> Section:
    """An account that is named, from the posts by others that name it."""
    settings = question.settings.targets
    minutes = settings.window_minutes
    what = (
        f"accounts that named it in the {minutes} minutes before",
        f"comptes qui l'ont nommé dans les {minutes} minutes d'avant",
    )
    return Section("targets", (at_least(what, settings.min_accounts, len(accounts(uses))),))


def sponsored(question: Question, uses: Sequence[Use]) -> Section:
    """A page or a payer, from its promoted posts: one of a banned payer is enough, else pages must be alike.

    Money and targeting are known to the detector alone.
    """
    settings, promoted = question.settings.sponsored, [use for use in uses if use.payer is not None]
    banned = sum(use.banned_ms is not None for use in promoted)
    pages = question.stored.pages(question.at_ms)
    breach = at_least(
        ("posts promoted by a banned payer", "messages payés par un annonceur exclu"), 1, banned
    )
    if banned:
        return Section("sponsored", (breach,))
    return Section(
        "sponsored",
        (
            at_least(("promoted posts", "messages payés"), 1, len(promoted)),
            at_least(
                ("pages that promote, to compare with", "pages qui paient, pour comparer"),
                settings.min_parties,
                pages,
            ),
            at_least(
                (
                    "pages alike in money, targeting or minutes",
                    "pages semblables par l'argent, le ciblage ou les minutes",
                ),
                settings.min_pages,
                None,
            ),
            breach,
        ),
        idle=not pages,
    )
