"""What `detectors.groups.rising` asks for, measured again in the slot of the hour that came nearest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from detectors.findings import Subject
from detectors.groups.rising import RisingSettings, rise
from streams.explaining.conditions import Condition, Section, at_least
from streams.explaining.counting import accounts
from streams.explaining.question import MINUTE_MS, Question
from streams.stores.rows import Use

_LOOKED_AT = 12
"""Slots among which the nearest is looked for: an hour, as they are by default."""
_KEPT_POSTS = 3
"""Posts in a slot from which the detector remembers a count."""


def rising(question: Question, about: Subject) -> Section:
    """A hashtag or a link, in the slot that met most of what is asked for, or of several had most posts."""
    settings = question.settings.rising
    length_ms = settings.slot_minutes * MINUTE_MS
    last = (question.at_ms - 1) // length_ms
    first_ms = (last - _LOOKED_AT + 1 - settings.history_slots) * length_ms
    stream = question.stored.slots(first_ms, question.at_ms, length_ms)
    uses: dict[int, list[Use]] = {}
    for use in question.stored.uses(about, first_ms, question.at_ms):
        if about.kind != "link" or use.kind != "repost":  # a repost counts for the post that it spreads
            uses.setdefault(use.time_ms // length_ms, []).append(use)
    slots = range(last - _LOOKED_AT + 1, last + 1)
    nearest = max(slots, key=lambda slot: (_met(_asked(settings, slot, uses, stream)), slot))
    return Section("rising", _asked(settings, nearest, uses, stream))


def _met(conditions: Sequence[Condition]) -> tuple[int, float]:
    return sum(one.state == "met" for one in conditions), conditions[0].measured or 0


def _asked(
    settings: RisingSettings, slot: int, uses: dict[int, list[Use]], stream: dict[int, int]
) -> tuple[Condition, ...]:
    """All thresholds in one slot."""
    here, total = uses.get(slot, []), stream.get(slot, 0)
    samples = _samples(settings, slot, uses, stream)
    deviations = times = None
    if len(samples) >= settings.min_samples and total:
        usual, deviations = rise(len(here), total, samples)
        deviations, times = round(deviations, 2), round(len(here) / (usual + 1), 2)
    begun = datetime.fromtimestamp(slot * settings.slot_minutes * 60, UTC)
    within = f"in the {settings.slot_minutes} minutes from {begun:%H:%M}"
    within_fr = f"dans les {settings.slot_minutes} minutes à partir de {begun:%H:%M}"
    posts = f"posts of the whole stream {within}", f"messages de tout le flux {within_fr}"
    before = "slots before it to compare with", "intervalles d'avant, pour comparer"
    above = (
        "robust deviations above its usual share",
        "écarts-types robustes au-dessus de sa part habituelle",
    )
    risen = "times its usual share and one post", "fois sa part habituelle et un message"
    return (
        at_least((f"posts {within}", f"messages {within_fr}"), settings.min_posts, len(here)),
        at_least((f"accounts {within}", f"comptes {within_fr}"), settings.min_accounts, len(accounts(here))),
        at_least(posts, settings.min_stream_posts, total),
        at_least(before, settings.min_samples, len(samples)),
        at_least(above, settings.deviations, deviations),
        at_least(risen, settings.factor, times),
    )


def _samples(
    settings: RisingSettings, slot: int, uses: dict[int, list[Use]], stream: dict[int, int]
) -> list[float]:
    """Its shares of the stream in the slots before, as the detector remembers them."""
    samples = []
    for one in range(slot - settings.history_slots, slot):
        posts, total = len(uses.get(one, ())), stream.get(one, 0)
        if total >= settings.min_stream_posts:
            samples.append((posts if posts >= _KEPT_POSTS else 0) / total)
    return samples
