"""How automated an account looks, from the numbers of its profile.

What it looks for
    Profiles that look like those of spam bots and bought followers: few likes, few followers against many
    followed, no list, an empty description, a default page, growth that does not fit the age.

Definition
    The features are those of Yang, Varol, Hui and Menczer, "Scalable and generalizable social bot detection
    through data selection" (AAAI 2020): seven of its eight raw ones (`profile_use_background_image` is not
    in our post format and is left out) and its twelve derived ones. With ``c(j, b)`` the log-odds of bin
    ``b`` of feature ``j`` and ``b(x)`` the bin of value ``x``::

        L = ln(prior / (1 - prior)) + sum over the present features j of c(j, b(x_j))
        score = 1 / (1 + exp(-L))

    ``c`` is a weight of evidence (Good 1950), ``slope * ln(P(b | automated) / P(b | human))``, made to rise
    or to fall with ``x_j`` in a direction written down before training, drawn half-way to a straight line
    over the bins, and cut at a floor and a ceiling. The slope, 0.35, is the smallest that any unseen pair of
    families asked for; it also pays for features that say the same thing twice. All ``c`` are whole
    multiples of 1/256, so sums are exact in any order: a score never depends on the batch around it.

Defaults and why
    ``prior`` 0.12: 9 to 15 % of active accounts are automated (Varol et al. 2017). It is stated here, not
    taken from the training set, where most accounts are bots. ``THRESHOLD`` 0.55: a little above even, where
    the false positives on an unseen family of quiet humans are 3 in 100 (``docs/models/automation.md``). A
    missing feature contributes exactly 0, so a score from few features stays near the prior. With fewer than
    ``MIN_FEATURES`` (6) weighted features, or fewer than ``MIN_COUNTS`` (3) that come from counts, there is
    no score: names alone say nothing. The age is taken as one day at least, since an hour-old account has no
    meaningful rate.

What it misses
    Bots that were bought with a history, like posts, follow back and fill in their description; people paid
    to post (their profiles are human); whatever automation does without showing it in the profile. Posts per
    hour and the share of reposts *seen in the stream* are left out on purpose: no training account has them,
    a weight for them would be invented, and activists repost a lot. They are signals of their own. The
    handle likelihood is that of character *classes* (lower, upper, digit, other), since the training set
    hides the letters. It, the digits of the handle and those of the name are measured but weigh 0: the data
    contradict the published direction, or do not show them.

What it does not prove
    Nothing about one person. A quiet reader, a newcomer or a shop window can look the same. It is a weak
    trait of a group, compared with comparable groups, and never a verdict on an account.

Examples
--------
>>> from datetime import UTC, datetime
>>> from detectors.events import Profile, milliseconds
>>> seen = milliseconds(datetime(2024, 6, 1, tzinfo=UTC))
>>> shell = Profile(handle="GoodDeals", name="Good Deals", description="", posts=30, followers=4, likes=0,
...                 following=900, listed=0, created_at=datetime(2024, 1, 1, tzinfo=UTC))
>>> person = Profile(handle="anna", name="Anna", description="Teacher. Bikes, books and bread, in turn.",
...                  posts=4000, followers=310, following=280, likes=5200, listed=4,
...                  created_at=datetime(2016, 1, 1, tzinfo=UTC))
>>> rows = np.array([features(shell, seen), features(person, seen), features(Profile(), seen)])
>>> (score(rows) > THRESHOLD).tolist(), np.isnan(score(rows)).tolist()
([True, False, False], [False, False, True])
>>> [(name, round(log_odds, 1)) for name, _, log_odds in contributions(rows[0])[:2]]
[('likes', 0.7), ('followers_per_following', 0.7)]
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.events import Profile, milliseconds

FEATURES: tuple[str, ...] = (
    "posts",
    "followers",
    "following",
    "likes",
    "listed",
    "default_profile",
    "verified",
    "posts_per_hour",
    "followers_per_hour",
    "following_per_hour",
    "likes_per_hour",
    "listed_per_hour",
    "followers_per_following",
    "handle_length",
    "handle_digits",
    "name_length",
    "name_digits",
    "description_length",
    "handle_likelihood",
)
"""The features, in the order of a row. Rates are counts by hour of age; lengths are in characters."""

COUNT_FEATURES: frozenset[str] = frozenset(FEATURES[:5] + FEATURES[7:13])
"""The features that come from counts, of which a score needs some."""

MIN_FEATURES = 6
MIN_COUNTS = 3
UNITS = 256
"""Contributions are whole numbers of 1/256 log-odds."""

_DAY_HOURS = 24.0
_NAN = math.nan
_MOST = 2**63  # beyond this a count is a broken record, and beyond 1e308 no float
_DIGITS = b"0123456789"
# Letters, digits and the rest as four classes: the training set shows handles only in this form.
_CLASSES = bytes(
    0 if 97 <= c <= 122 else 1 if 65 <= c <= 90 else 2 if 48 <= c <= 57 else 3 for c in range(256)
)
_DIGIT_CLASS = b"\x02"


class _Model:
    """The constants of the packaged model, laid out for the two loops that use them.

    Parameters
    ----------
    constants : dict
        The parsed JSON: `version`, `prior_units`, `threshold`, `bigrams` (16 logarithms, from class times 4
        plus to class) and `features` (by name `edges`, n - 1 rising numbers, and `units`, n integers).
    """

    def __init__(self, constants: dict[str, Any]) -> None:
        self.version: str = constants["version"]
        self.prior_units: int = constants["prior_units"]
        self.threshold: float = constants["threshold"]
        self.bigrams = {
            (first, second): float(constants["bigrams"][first * 4 + second])
            for first in range(4)
            for second in range(4)
        }
        # A feature the file does not know yet weighs 0, so that a new one can be trained at all.
        bins = [constants["features"].get(name, {"edges": [], "units": [0]}) for name in FEATURES]
        width = max(len(item["units"]) for item in bins)
        # Bin 0 is "missing" (NaN is >= nothing, not even minus infinity) and weighs 0.
        self.edges = np.full((width, len(bins)), np.inf)
        self.edges[0] = -np.inf
        self.units = np.zeros((len(bins), width + 1), dtype=np.int64)
        for j, item in enumerate(bins):
            count = len(item["units"])
            self.edges[1:count, j] = item["edges"]
            self.units[j, 1 : count + 1] = item["units"]
            # A value of plus infinity also meets the padding edges: it belongs to the last bin.
            self.units[j, count + 1 :] = item["units"][-1]
        self.flat = self.units.ravel()
        self.offsets = np.arange(len(bins), dtype=np.int64) * (width + 1)
        weighted = self.units.any(axis=1)
        counts = np.array([name in COUNT_FEATURES for name in FEATURES])
        # One sum answers both questions: present features in the low byte, those from counts above it.
        self.presence = weighted * (1 + 256 * counts.astype(np.int64))
        lowest = self.prior_units + int(self.units.min(axis=1).sum())
        highest = self.prior_units + int(self.units.max(axis=1).sum())
        # The possible sums are few: a table gives each its probability, the same on every path.
        self.lowest = lowest
        self.probability = np.array(
            [1.0 / (1.0 + math.exp(-total / UNITS)) for total in range(lowest, highest + 1)]
        )


def _load() -> _Model:
    source = resources.files("detectors.accounts").joinpath("automation_model.json")
    return _Model(msgspec.json.decode(source.read_bytes()))


_MODEL = _load()
_BIGRAM = _MODEL.bigrams.__getitem__
VERSION: str = _MODEL.version
"""The version of the model: a score is comparable only with scores of the same version."""
PRIOR_LOG_ODDS: float = _MODEL.prior_units / UNITS
"""The log-odds before any feature is looked at."""
PRIOR: float = 1.0 / (1.0 + math.exp(-PRIOR_LOG_ODDS))
"""The probability before any feature is looked at: the share of automated accounts in a general stream."""
THRESHOLD: float = _MODEL.threshold
"""The probability above which an account is counted as automated-looking."""


def features(profile: Profile, observed_ms: int) -> tuple[float, ...]:
    """Measure one profile.

    Parameters
    ----------
    profile : Profile
        What the network said of the account. Absent fields give NaN; so do impossible counts.
    observed_ms : int
        When the numbers were read, in milliseconds since the epoch; the age is taken at this moment. An
        account created after it has no age, so no rates.

    Returns
    -------
    tuple of float
        One value for each name of `FEATURES`, in that order; NaN where it is not known.
    """
    posts = _NAN if (n := profile.posts) is None or not 0 <= n <= _MOST else float(n)
    followers = _NAN if (n := profile.followers) is None or not 0 <= n <= _MOST else float(n)
    following = _NAN if (n := profile.following) is None or not 0 <= n <= _MOST else float(n)
    likes = _NAN if (n := profile.likes) is None or not 0 <= n <= _MOST else float(n)
    listed = _NAN if (n := profile.listed) is None or not 0 <= n <= _MOST else float(n)
    default = profile.default_profile
    verified = profile.verified
    hours = _NAN if profile.created_at is None else _age_hours(milliseconds(profile.created_at), observed_ms)
    length, digits, likelihood = _handle(profile.handle)
    name_length = name_digits = _NAN
    if (name := profile.name) is not None:
        name_length = float(len(name))
        name_digits = name_length - len(name.encode("ascii", "replace").translate(None, _DIGITS))
    return (
        posts,
        followers,
        following,
        likes,
        listed,
        _NAN if default is None else float(default),
        _NAN if verified is None else float(verified),
        posts / hours,
        followers / hours,
        following / hours,
        likes / hours,
        listed / hours,
        # Who follows nobody is divided by 1, as Yang et al. do, rather than by zero.
        followers / (following or 1.0),
        length,
        digits,
        name_length,
        name_digits,
        _NAN if profile.description is None else float(len(profile.description)),
        likelihood,
    )


def score(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the calibrated probability that accounts are automated.

    Parameters
    ----------
    matrix : ndarray, shape (n, len(FEATURES)), float64
        One row of `features` for each account.

    Returns
    -------
    ndarray, shape (n,), float64
        Probabilities, NaN where the known features are too few. A row has the same result in any batch.
    """
    bins = _bins(matrix)
    totals = _MODEL.flat[bins + _MODEL.offsets].sum(axis=1)
    result: npt.NDArray[np.float64] = _MODEL.probability[totals + (_MODEL.prior_units - _MODEL.lowest)]
    known = ((bins > 0) * _MODEL.presence).sum(axis=1)
    result[((known & 255) < MIN_FEATURES) | ((known >> 8) < MIN_COUNTS)] = np.nan
    return result


def log_odds(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the log-odds of accounts, also where the known features are too few for a score.

    Parameters
    ----------
    matrix : ndarray, shape (n, len(FEATURES)), float64
        One row of `features` for each account.

    Returns
    -------
    ndarray, shape (n,), float64
        Exact multiples of 1/256: `PRIOR_LOG_ODDS` plus the contributions.
    """
    totals = _MODEL.flat[_bins(matrix) + _MODEL.offsets].sum(axis=1)
    result: npt.NDArray[np.float64] = (totals + _MODEL.prior_units) / UNITS
    return result


def contributions(row: npt.ArrayLike) -> list[tuple[str, float, float]]:
    """Explain one score: what each feature adds to the log-odds.

    Parameters
    ----------
    row : sequence of float, length len(FEATURES)
        The measures of one account, as `features` gives them.

    Returns
    -------
    list of (str, float, float)
        Name, value and log-odds of every feature, the strongest first, then in the order of `FEATURES`. A
        missing feature has the value NaN and the log-odds 0. The log-odds and `PRIOR_LOG_ODDS` add up to
        those of the score.
    """
    values = np.asarray(row, dtype=np.float64).reshape(1, len(FEATURES))
    units = _MODEL.flat[_bins(values) + _MODEL.offsets][0]
    parts = [
        (name, float(value), int(unit) / UNITS)
        for name, value, unit in zip(FEATURES, values[0], units, strict=True)
    ]
    return sorted(parts, key=lambda part: -abs(part[2]))


def handle_classes(handle: str) -> bytes:
    """Turn a handle into character classes: 0 lower case, 1 upper case, 2 digit, 3 anything else.

    What follows a dot or an inner @ is the server's, not the person's, and is left out.

    >>> list(handle_classes("@Ab_9@example.org"))
    [1, 0, 3, 2]
    """
    if "@" in handle or "." in handle:
        handle = handle.removeprefix("@").partition("@")[0].partition(".")[0]
    return handle.encode("ascii", "replace").translate(_CLASSES)


def _handle(handle: str | None) -> tuple[float, float, float]:
    """Length, digits and likelihood (geometric mean of its class bigrams) of a handle."""
    if not handle:
        return _NAN, _NAN, _NAN
    return _measured(handle_classes(handle))


# Handles are all different, their classes are not: most are a name, or a name and a few digits.
@lru_cache(maxsize=1 << 15)
def _measured(classes: bytes) -> tuple[float, float, float]:
    length = len(classes)
    if length < 2:
        return float(length) if length else _NAN, _NAN, _NAN
    total = sum(map(_BIGRAM, pairwise(classes)))
    return float(length), float(classes.count(_DIGIT_CLASS)), math.exp(total / (length - 1))


def _age_hours(created_ms: int, observed_ms: int) -> float:
    if observed_ms < created_ms:
        return _NAN
    hours = (observed_ms - created_ms) / 3_600_000
    return hours if hours > _DAY_HOURS else _DAY_HOURS


def _bins(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Find the bin of every value, shape (n, f): 0 where it is missing."""
    bins = np.zeros(matrix.shape, dtype=np.int64)
    for edge in _MODEL.edges:
        bins += matrix >= edge
    return bins
