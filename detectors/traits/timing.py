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

import numpy as np

from detectors.comparing import Floats, Integers
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr
from detectors.traits.kinds import MIN_ACCOUNTS, Outcome, Question, TimeLine, Untested
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
        asked = self._line(question)
        if asked is None:
            return "not_enough_data"
        line, places, mass = asked
        n, steps = len(places), np.cumsum(mass)
        rng = np.random.default_rng((question.seed, _SPAN))
        last = len(steps) - 1
        return line.outcome(
            places,
            lambda count: line.scan(np.minimum(np.searchsorted(steps, rng.random((count, n))), last)),
            mass,
        )

    def value(self, question: Question) -> float | None:
        """Share of the accounts in the densest window."""
        asked = self._line(question)
        if asked is None:
            return None
        line, places, _ = asked
        return line.densest(places)[0] / len(places)

    def _line(self, question: Question) -> tuple[TimeLine, Integers, Floats] | None:
        if not len(question.minutes):
            return None
        last = int(question.minutes.max())
        minutes = np.arange(last - _SPAN + 1, last + 1)
        posts = np.array([question.volume.get(int(one), 0) for one in minutes], dtype=float)
        known = int((posts > 0).sum())
        chosen = question.minutes[question.minutes >= minutes[0]]
        if known < _MIN_MINUTES or posts.sum() < _MIN_POSTS or len(chosen) < MIN_ACCOUNTS:
            return None
        mass = posts / posts.sum()
        line = TimeLine(minutes.astype(float), mass, _LENGTHS)
        return line, (chosen - minutes[0]).astype(np.int64), mass


TIMING = Timing("timing", _sentence)
