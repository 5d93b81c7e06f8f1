"""Which techniques of the DISARM Red Framework the evidence of a case shows.

DISARM (https://github.com/DISARMFoundation/DISARMframeworks, CC BY 4.0) gives names to what operations do,
so that watch rooms, platforms and researchers can compare cases. Ids and names are those of its list of
techniques at `REVISION`; other versions number some of them otherwise.

A row of `ROWS` says which technique one rule (``detector.code``, see `detectors.rules`) or one trait shows:
how something is done, never by whom. What needs the words to be understood, a narrative, a persona, an aim,
is not claimed. A sign that shows no technique by itself is in `UNMAPPED`, with the reason.

Examples
--------
>>> techniques([("near_duplicates", "copies"), ("near_duplicates", "improbable")], ["dormancy"])
['T0084.001', 'T0150.002']
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

REVISION = "5409c8c7148c4a327f4ba41ea2890c6c3bf811c1"
"""Commit of the framework's repository, file ``generated_pages/techniques_index.md``."""

NAMES = {
    "T0018": "Purchase Targeted Advertisements",
    "T0048": "Harass",
    "T0049": "Flood Information Space",
    "T0049.002": "Flood Existing Hashtag",
    "T0049.003": "Bots Amplify via Automated Forwarding and Reposting",
    "T0049.005": "Conduct Swarming",
    "T0084.001": "Use Copypasta",
    "T0092.002": "Use Follow Trains",
    "T0114": "Deliver Ads",
    "T0118": "Amplify Existing Narrative",
    "T0119": "Cross-Posting",
    "T0129.007": "Delete Accounts/Account Activity",
    "T0130.001": "Conceal Sponsorship",
    "T0146.007": "Automated Account Asset",
    "T0150.002": "Dormant Asset",
    "T0150.004": "Repurposed Asset",
    "T0150.008": "Bulk Created Asset",
}
"""The techniques that can be told, with the framework's names."""


class Row(NamedTuple):
    """One sign, and a technique that it shows."""

    sign: str
    """``detector.code`` of a rule, or the name of a trait."""
    technique: str
    reason: str
    """Why, in one line."""


ROWS = (
    Row("near_duplicates.copies", "T0084.001", "several accounts post one text, with or without edits"),
    Row("near_duplicates.aimed", "T0048", "many send one person the same words; a reader judges the words"),
    Row("near_duplicates.bots", "T0146.007", "more of the accounts look automated than of the stream's"),
    Row("hashtags.repeaters", "T0049.002", "the accounts repeat one hashtag more than comparable ones do"),
    Row("hashtags.copied", "T0049.002", "the hashtag is filled with copies, more than comparable ones"),
    Row("hashtags.co_reposted", "T0049.002", "the hashtag is filled with reposts of the same posts"),
    Row("hashtags.bots", "T0146.007", "more of the accounts look automated than under comparable hashtags"),
    Row("rising.few", "T0049", "a few accounts make half of the posts of what rises from nothing"),
    Row("rising.bots", "T0146.007", "more of the accounts look automated than under comparable hashtags"),
    Row("amplification.loyal", "T0118", "the accounts repost one source again and again"),
    Row("amplification.devoted", "T0118", "the accounts repost one source and little else"),
    Row("amplification.bots", "T0049.003", "automated-looking accounts repost one source"),
    Row("amplification.bots", "T0146.007", "more of the accounts look automated than of comparable sources"),
    Row("targets.copies", "T0084.001", "several accounts send one account the same text"),
    Row("targets.aimed", "T0048", "strangers send one person the same words; a reader judges the words"),
    Row("targets.aimed", "T0049.005", "copies are most of what one account gets"),
    Row("targets.again", "T0048", "accounts send one person the same words again; a reader judges the words"),
    Row("targets.bots", "T0146.007", "more of the accounts look automated than of the stream's"),
    Row("co_sharing.network", "T0119", "accounts post the same things within a minute, beyond chance"),
    Row("sponsored.breach", "T0114", "the posts are promoted"),
    Row("sponsored.network", "T0114", "the posts are promoted"),
    Row("sponsored.network", "T0018", "pages aim their promoted posts at nearly the same audiences"),
    Row("sponsored.banned_payer", "T0114", "the posts are promoted"),
    Row("sponsored.concealed", "T0130.001", "pages promoted alike name different payers, or none"),
    Row("fate.erasers", "T0129.007", "accounts erase what they post within minutes"),
    Row("fate.nearly_all", "T0129.007", "accounts erase nearly all that they post"),
    Row("bot_share", "T0146.007", "more of the accounts look automated than comparable ones"),
    Row("metronome", "T0146.007", "accounts post at the beat of a clock"),
    Row("creation_cohort", "T0150.008", "accounts were created in the same days"),
    Row("dormancy", "T0150.002", "accounts were silent for long before they joined in"),
    Row("earlier_cases", "T0150.004", "accounts were in an earlier case"),
    Row("follow_back", "T0092.002", "accounts follow whoever follows them, in numbers"),
    Row("deletions", "T0129.007", "accounts erase posts within minutes"),
)

UNMAPPED = {
    "near_duplicates.improbable": "says how rare the text is, not what is done",
    "near_duplicates.repetition": "accounts meet again: a sign that they belong together, not a technique",
    "hashtags.repetition": "as for texts",
    "rising.risen": "news rises so too",
    "rising.repetition": "as for texts",
    "amplification.quick": "readers who are told of each post are quick",
    "amplification.repetition": "as for texts",
    "targets.strangers": "whoever is in the news is addressed by strangers",
    "targets.burst": "whoever is in the news is addressed at once",
    "targets.repetition": "as for texts",
    "co_sharing.quick": "quick is not automated",
    "co_sharing.devoted": "says how much of what they post it is",
    "co_sharing.many": "a number of accounts",
    "sponsored.many": "a number of pages",
    "listed.pushed": "says who pushes, not how",
    "listed.attributed": "says who pushes, not how",
    "listed.own": "says who pushes, not how",
    "fate.wave": "what the network does to accounts, not what they do",
    "fate.large": "what the network does to accounts, not what they do",
    "purges.purge": "what the network does to followers, not what anybody does to be followed",
    "purges.several": "what the network does to followers, not what anybody does to be followed",
    "listed": "says who is there, not what is done",
    "client": "people share a client too; it says neither who nor how",
    "description_terms": "words in common are no template of a persona",
    "foreign_audience": "an audience from elsewhere is no act",
    "language_switch": "another language is neither another purpose nor content made for a place",
    "one_a_minute": "people work off lists by hand",
    "posts_per_account": "a number of posts",
    "shift": "office hours are no act",
    "timing": "what comes from one event comes at once",
}
"""Signs that show no technique by themselves, and why not."""

_TECHNIQUES: dict[str, list[str]] = {}
for _row in ROWS:
    _TECHNIQUES.setdefault(_row.sign, []).append(_row.technique)


def techniques(reasons: Iterable[tuple[str, str]], traits: Iterable[str]) -> list[str]:
    """Ids of the techniques that the evidence shows, sorted, each once.

    Parameters
    ----------
    reasons : iterable of (str, str)
        Detector and code of the rules that were met.
    traits : iterable of str
        Names of the traits that were found.
    """
    signs = {f"{detector}.{code}" for detector, code in reasons} | set(traits)
    return sorted({technique for sign in signs for technique in _TECHNIQUES.get(sign, ())})


def as_markdown() -> str:
    """Both tables of the page: what is shown by which sign, and what is not."""
    shown = [f"| `{row.technique}` | {NAMES[row.technique]} | `{row.sign}` | {row.reason} |" for row in ROWS]
    left = [f"| `{sign}` | {reason} |" for sign, reason in UNMAPPED.items()]
    return "\n".join(
        [
            "| technique | name | shown by | because |",
            "|---|---|---|---|",
            *sorted(shown),
            "",
            "| sign without a technique | because |",
            "|---|---|",
            *left,
            "",
        ]
    )
