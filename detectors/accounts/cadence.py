"""How an account's posts are spread over time.

What it looks for
    Posts at equal distances, as a timer makes them; once a minute again and again, as somebody does who works
    off a list; and only ever within the hours of one working shift.

Definition
    The times of the last `KEPT` posts are remembered, to the second, and at how many different hours (of one
    day each) the account was active, by the hour of the day.

    * *metronome*: of 12 gaps between posts or more, half or more are within 5 % of their median (and two
      seconds), which is ten times the precision of the times or more. Of people's gaps, which are nearly
      exponential, 3 to 4 % are.
    * *one a minute*: a run of ``RUN`` posts, each 20 to 100 s after the one before; remembered for a day, so
      that natural posts after it do not hide it. Of who has posted less often, nothing can be said.
    * *shift*: of 24 active hours or more, on eight days or more, 95 % fall into the same ten hours in a row.
      People who post for themselves do it in the evening and in their breaks, over 15 hours and more.

Defaults, and why
    16 times: an hour or a day of a busy account. ``RUN`` 12: people repost a dozen things in a row within
    two minutes, rather than one a minute.

What it misses
    Timers with jitter; shifts in turns; accounts of few posts, of which all three are unknown.

What it does not prove
    Newsrooms schedule their posts, and press officers work office hours.

Examples
--------
>>> times = b""
>>> for n in range(20):
...     times = ticked(times, 1_500_000_000_000 + n * 60_000)
>>> metronome(times), one_a_minute(times)
(1, 1)
>>> metronome(times[:20]), one_a_minute(times[:20])
(-1, -1)
>>> last = ran(UNKNOWN, times, 1_500_001_140_000)
>>> ran_lately(last, 1_500_001_140_000 + 12 * 3_600_000), ran_lately(last, 1_500_001_140_000 + 24 * 3_600_000)
(1, 0)
"""

from __future__ import annotations

import struct
from itertools import pairwise

from detectors.looks import UNKNOWN

KEPT = 16
RUN = 12
_GAPS = 12
_WIDTH = 4
_NEAR_SHARE, _NEAR, _NEAR_S = 0.5, 0.05, 2
_QUICK_S, _SLOW_S = 20, 100
_HOURS, _DAYS = 24, 8
_SHIFT_HOURS, _SHIFT_SHARE = 10, 0.95
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_FULL = 255


def ticked(times: bytes, time_ms: int) -> bytes:
    """The memory of the last posts' times after one more."""
    return (times + (time_ms // 1000).to_bytes(_WIDTH, "big"))[-KEPT * _WIDTH :]


def active(hours: bytes, last_ms: int, time_ms: int) -> bytes:
    """The memory of the active hours after one more post.

    24 bytes count the hours by the hour of the day, one more the days. It is empty as long as there was one
    hour only, since most accounts are seen for no longer; `last_ms` tells then which it was.

    >>> active(b"", 7_200_000, 7_300_000), list(active(b"", 7_200_000, 10_800_000)[:4])
    (b'', [0, 0, 1, 1])
    """
    if time_ms // _HOUR_MS == last_ms // _HOUR_MS:
        return hours
    counts = list(hours or active(bytes(25), last_ms - _DAY_MS, last_ms))
    counts[time_ms // _HOUR_MS % 24] += 1
    counts[24] += time_ms // _DAY_MS != last_ms // _DAY_MS
    if max(counts) > _FULL:
        counts = [count // 2 for count in counts]
    return bytes(counts)


def metronome(times: bytes) -> int:
    """1 where the posts come at equal distances, 0 where not, -1 where there are too few."""
    if len(times) <= _GAPS * _WIDTH:
        return UNKNOWN
    seconds = _seconds(times)
    gaps = sorted(_gaps(seconds))
    middle = gaps[len(gaps) // 2]
    precision_s = 60 if all(second % 60 == 0 for second in seconds) else 1
    if middle < 10 * precision_s:
        # Times by the minute do not tell a timer of some minutes from chance; a whole run of them does.
        return int(precision_s == 60 and middle > 0 and gaps[0] == gaps[-1])
    near = max(_NEAR_S, _NEAR * middle)
    return int(sum(abs(gap - middle) <= near for gap in gaps) >= _NEAR_SHARE * len(gaps))


def one_a_minute(times: bytes) -> int:
    """1 where the newest posts came once a minute, 0 where they did not, -1 where there are too few."""
    if len(times) < RUN * _WIDTH:
        return UNKNOWN
    newest = times[-RUN * _WIDTH :]
    took_s = int.from_bytes(newest[-_WIDTH:], "big") - int.from_bytes(newest[:_WIDTH], "big")
    if not (RUN - 1) * _QUICK_S <= took_s <= (RUN - 1) * _SLOW_S:  # which settles it for nearly all
        return 0
    return int(all(_QUICK_S <= gap <= _SLOW_S for gap in _gaps(_seconds(newest))))


def ran(before: int, times: bytes, time_ms: int) -> int:
    """When an account was last seen to post once a minute, to the hour; 0 for never, -1 where it posted too
    seldom."""
    if len(times) < RUN * _WIDTH:  # as of nearly all accounts
        return before
    run = one_a_minute(times)
    return time_ms if run > 0 and time_ms - before >= _HOUR_MS else max(before, run)


def ran_lately(ran_ms: int, time_ms: int) -> int:
    """1 where that was within a day, 0 where not, -1 where the account posted too seldom."""
    return UNKNOWN if ran_ms == UNKNOWN else int(time_ms - ran_ms < _DAY_MS)


def shift(hours: bytes) -> int:
    """1 where an account is only active within ten hours of the day, 0 where not, -1 where too little is
    seen."""
    if not hours:
        return UNKNOWN
    by_hour, days = hours[:24], hours[24]
    total = sum(by_hour)
    if total < _HOURS or days < _DAYS:
        return UNKNOWN
    around = by_hour + by_hour[: _SHIFT_HOURS - 1]
    densest = max(sum(around[begin : begin + _SHIFT_HOURS]) for begin in range(24))
    return int(densest >= _SHIFT_SHARE * total)


def _seconds(times: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(times) // _WIDTH}I", times)


def _gaps(seconds: tuple[int, ...]) -> list[int]:
    return [after - before for before, after in pairwise(seconds)]
