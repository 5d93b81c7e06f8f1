"""What is shared: hashtags, links, texts; and who pays for posts."""

from __future__ import annotations

from detectors.findings import Subject
from detectors.links import normalise_link
from detectors.lists import folded
from detectors.rules.sentences import NBSP, Both
from detectors.text import MIN_FOLDED, fingerprint, read_entities
from streams.explaining import entries, judged, pairs, verdict
from streams.explaining.answering import answered, concluded
from streams.explaining.counting import accounts, counted, spanned
from streams.explaining.listed import listed
from streams.explaining.question import Answer, Question
from streams.explaining.rising import rising

_LINK_MINUTES = 60


def hashtag(question: Question) -> Answer:
    """A hashtag, in any case, with or without its mark."""
    name = question.value.strip().lstrip("#＃").casefold()
    about, minutes = Subject("hashtag", name), question.settings.hashtags.long_window_minutes
    uses, ever = question.uses(about, minutes), question.stored.ever(about, question.at_ms)
    sections = [
        entries.hashtags(question, uses),
        rising(question, about),
        pairs.of_subject(question, about),
        listed(question, about),
    ]
    answer = {"counted": {"minutes": minutes} | counted(uses) | {"ever": spanned(ever)} | {"hashtag": name}}
    nothing = verdict.of_nothing((f"post with #{name}", f"message avec #{name}"), minutes, ever)
    return concluded(answer, uses, nothing, sections, judged.about(question, [about]))


def link(question: Question) -> Answer:
    """A link, normalised as the detectors do."""
    about, minutes = Subject("link", normalise_link(question.value)), _LINK_MINUTES
    uses, ever = question.uses(about, minutes), question.stored.ever(about, question.at_ms)
    sections = [rising(question, about), pairs.of_subject(question, about), listed(question, about)]
    answer = {
        "counted": {"minutes": minutes} | counted(uses) | {"ever": spanned(ever)} | {"link": about.value}
    }
    nothing = verdict.of_nothing(("post with this link", "message avec ce lien"), minutes, ever)
    return concluded(answer, uses, nothing, sections, judged.about(question, [about]))


def text(question: Question) -> Answer:
    """A whole text, in any of the disguises that copies wear."""
    print_ = fingerprint(read_entities(question.value), question.value)
    if not print_.key:
        few: Both = (
            f"Not judged: after folding fewer than {MIN_FOLDED} characters are left, too few to say "
            "anything.",
            f"Non jugé{NBSP}: une fois réduit, il reste moins de {MIN_FOLDED} caractères, trop peu pour "
            "en dire quoi que ce soit.",
        )
        return answered({"counted": {}}, few)
    key, minutes = f"{print_.key:016x}", question.settings.near_duplicates.window_minutes
    about = Subject("text", key)
    uses, ever = question.uses(about, minutes), question.stored.ever(about, question.at_ms)
    sections = [
        entries.near_duplicates(question, len(accounts(uses))),
        pairs.of_subject(question, about),
    ]
    answer = {
        "counted": {"minutes": minutes}
        | counted(uses)
        | {"ever": spanned(ever)}
        | {"folded": print_.folded or None}
    }
    nothing = verdict.of_nothing(("post with this text", "message avec ce texte"), minutes, ever)
    return concluded(answer, uses, nothing, sections, judged.about(question, [about]))


def payer(question: Question) -> Answer:
    """Who pays for posts, by name, from the first post on: campaigns last for months."""
    about = Subject("payer", folded(question.value))
    uses = question.stored.uses(about, 0, question.at_ms)
    answer = {"counted": counted(uses) | {"payer": about.value}}
    nothing = verdict.nothing(("promoted post of this payer", "message payé par cet annonceur"))
    found = judged.about(question, [about], ever=True)
    return concluded(answer, uses, nothing, [entries.sponsored(question, uses)], found)
