"""A group that posts in the same minutes, more than the stream does.

What it looks for
    Accounts whose first posts in the group fall into a few minutes.

Definition
    The scan statistic of Kulldorff (1997) over the minutes of each account's first post in the group, in the
    hour before the last of them, with windows of one, three and ten minutes. The population is the whole
    stream: what chance puts into a window is its share of all posts of that hour. Random groups draw their
    minutes from the stream, so that a goal which all shout about is no concentration.

Defaults, and why
    Windows up to ten minutes of an hour: a script needs one, people who are told to need some. An effect of
    0.5. Half an hour of the stream must be known, with 100 posts.

What it misses
    Groups that spread their posts; what takes days. Sources precise to the hour.

What it does not prove
    Whatever comes from one event comes at once: a headline, a goal, a joke. Most communities are
    concentrated; only what exceeds them counts.

Examples
--------
>>> from detectors.traits.results import TraitResult
>>> result = TraitResult(name="timing", state="found", value=0.8, reference=0.05, n=20,
...                      figures={"showing": 16, "minutes": 3, "from_min": 25_771_680})
>>> TIMING.sentence(result)[0]
'16 of 20 accounts posted within 3 minutes from 00:00 UTC on, with 5% of the stream of that hour'
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from detectors.comparing import Floats, Integers, Peers
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr
from detectors.traits.chance import DRAWS
from detectors.traits.kinds.question import MIN_ACCOUNTS, Outcome, Question, Untested
from detectors.traits.kinds.time_line import TimeLine
from detectors.traits.results import Sentence, TraitResult

_SPAN = 60
_LENGTHS = (1, 3, 10)
_MIN_MINUTES, _MIN_POSTS = 30, 100


def _sentence(result: TraitResult) -> Both:
    minutes, showing = int(result.figures["minutes"]), int(result.figures["showing"])
    begin = datetime.fromtimestamp(int(result.figures["from_min"]) * 60, UTC)
    many = "s" if minutes > 1 else ""
    return (
        f"{count(showing)} of {count(result.n)} accounts posted within {minutes} minute{many} from "
        f"{begin:%H:%M} UTC on, with {percent(result.reference)} of the stream of that hour",
        f"{count_fr(showing)} de {count_fr(result.n)} comptes ont publié en {minutes} minute{many} à partir "
        f"de {begin:%H:%M}{NBSP}UTC, avec {percent_fr(result.reference)} du flux de cette heure",
    )


@dataclass(frozen=True)
class Timing:
    """Minutes of the group's posts against those of the stream; it asks nothing of the accounts' looks."""

    name: str
    sentence: Sentence
    least: float = 0.5

    def test(self, question: Question) -> Outcome | Untested:
        """The densest window of the group against that of minutes drawn from the stream."""
        hour = _hour(question.minutes, question.volume)
        if hour is None:
            return "not_enough_data"
        minutes, mass, places = hour
        line, steps = TimeLine(minutes.astype(float), mass, _LENGTHS), np.cumsum(mass)
        rng, last = np.random.default_rng((question.seed, _SPAN)), len(steps) - 1
        drawn = (
            np.minimum(np.searchsorted(steps, rng.random((count, len(places)))), last) for count in DRAWS
        )
        return line.outcome(places, (line.scan(groups) for groups in drawn), mass, self.least)

    def values(self, question: Question, peers: Peers) -> Floats:
        """Shares of the accounts in the densest window of their community."""
        minutes = [question.minutes, *(np.array(one.minutes, np.int64) for one in peers.communities)]
        hours = [_hour(one, question.volume) for one in minutes]
        known = [hour for hour in hours if hour is not None]
        values = np.full(len(hours), np.nan)
        if known:
            # The hours stand on one line, too far from each other for a window to reach the next.
            line = TimeLine(
                np.concatenate([np.arange(_SPAN) + 2.0 * _SPAN * turn for turn in range(len(known))]),
                np.concatenate([hour.mass for hour in known]),
                _LENGTHS,
            )
            places = [hour.places + _SPAN * turn for turn, hour in enumerate(known)]
            sizes = [len(one) for one in places]
            owners = np.repeat(np.arange(len(known)), sizes)
            found = line.densest(np.concatenate(places), owners, len(known))
            values[[hour is not None for hour in hours]] = found.showing / sizes
        return values


class _Hour(NamedTuple):
    """The hour before the last minute of a group."""

    minutes: Integers
    mass: Floats
    """Share of the stream's posts of the hour in each."""
    places: Integers
    """Of each account of the group, its minute within the hour."""


def _hour(minutes: Integers, volume: dict[int, int]) -> _Hour | None:
    """The hour of a group; None where too little is known of it."""
    if not len(minutes):
        return None
    last = int(minutes.max())
    hour = np.arange(last - _SPAN + 1, last + 1)
    posts = np.array([volume.get(one, 0) for one in hour.tolist()], dtype=float)
    places = minutes[minutes >= hour[0]] - hour[0]
    total = posts.sum()
    if np.count_nonzero(posts) < _MIN_MINUTES or total < _MIN_POSTS or len(places) < MIN_ACCOUNTS:
        return None
    return _Hour(hour, posts / total, places)


TIMING = Timing("timing", _sentence)
