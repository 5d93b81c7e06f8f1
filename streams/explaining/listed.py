"""What `detectors.groups.listed` asks for: listed accounts that use a thing far more often than others."""

from __future__ import annotations

from detectors.findings import Subject
from detectors.groups.listed import HOUR_MS, excess
from detectors.lists import PUSHING
from streams.explaining.conditions import Section, at_least, at_most
from streams.explaining.counting import accounts
from streams.explaining.question import Question


def listed(question: Question, about: Subject) -> Section:
    """A hashtag or a link, counted from its first use by a listed account on, as the detector does."""
    settings, stored, at_ms = question.settings.listed, question.stored, question.at_ms
    first_ms = ((at_ms - 1) // HOUR_MS - settings.window_hours + 1) * HOUR_MS
    uses = [use for use in stored.uses(about, first_ms, at_ms) if use.kind != "repost"]
    pushing = [use for use in uses if use.listed in PUSHING]
    hours = f"in the {settings.window_hours} hours before"
    hours_fr = f"dans les {settings.window_hours} heures d'avant"
    who = at_least(
        (f"listed accounts {hours}", f"comptes listés {hours_fr}"),
        settings.min_accounts,
        len(accounts(pushing)),
    )
    if not pushing:
        in_stream = stored.stream(first_ms, at_ms).listed
        posts = f"posts of listed accounts {hours}", f"messages de comptes listés {hours_fr}"
        some = at_least(posts, 1, in_stream)
        return Section("listed", (some, who), idle=not in_stream)
    tick_ms = question.settings.time.tick_s * 1000
    since_ms = max(first_ms, pushing[0].time_ms // tick_ms * tick_ms)
    stream = stored.stream(since_ms, at_ms)
    others = sum(use.time_ms >= since_ms and use.listed not in PUSHING for use in uses)
    ratio, p_value = excess(len(accounts(pushing)) - 1, stream.listed, others, stream.posts - stream.listed)
    # How often it was tested before is known to the detector alone: once at the least.
    chance = 2 * stored.stream(first_ms, at_ms).listed * p_value
    return Section(
        "listed",
        (
            who,
            at_least(
                (
                    "times as often by listed accounts as by all others",
                    "fois plus souvent par les comptes listés que par tous les autres",
                ),
                settings.ratio,
                ratio,
            ),
            at_most(
                (
                    "such things by chance, tested once",
                    "contenus de ce genre par hasard, pour un seul test",
                ),
                settings.chance,
                float(f"{chance:.4g}"),
            ),
        ),
    )
