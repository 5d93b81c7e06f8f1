"""When a post happened, on networks that pass on whatever time the author's device claims.

Two times are known of such a post: `claimed`, which its author may set to anything, and `witnessed`, when a
machine that is not the author's saw it first (Jetstream's `time_us`; the clock of our own client). The rule:

| claimed − witnessed | verdict | event time |
|---|---|---|
| −5 s to +2 s | `believed` | the claim: honest posts of one second stay in one second |
| over +2 s | `ahead` | witnessed: nobody posts in the future |
| −24 h to −5 s | `delayed` | witnessed: a draft, a slow relay, an outage or a lie, and new to all now |
| under −24 h | `imported` | the claim: an old archive moved here, which must not count as new |
| no claim, or none that is a time | `unclaimed` | witnessed |
| an edit whose claim is not ahead | `edited` | the claim: it is the same post, whenever it is edited |

Why so narrow. The watermark follows the newest event time less the grace, ten seconds by default, and what
lies behind it goes no further. A rule that believed more than the grace would let authors leave the counts
by dating their posts back by a minute, and one that believed the future would let a single post make all
others late. So the two bounds together stay below the grace, and what is left of it is for posts that
overtake each other.

Why imports keep their claim. Bluesky sorts by the earlier of claim and indexing
(docs.bsky.app/docs/advanced-guides/timestamps), so no reader meets a post of 2019 as new, and here it is
late and counted as late. The price: reposts dated back by more than a day raise a count on the network and
none here. Verdicts are counted (`Tally.claims`), so that many of them show.

Not used: the time within a record key or a commit's revision (TID). The author's own server makes them, and
anyone can run one; they are one more claim.

Examples
--------
>>> noon = 1_714_564_800_000
>>> event_time(noon - 1_200, noon), event_time(noon + 90_000, noon)
((1714564798800, 'believed'), (1714564800000, 'ahead'))
>>> event_time(noon - 900_000, noon), event_time(noon - 5 * 365 * DAY_MS, noon)
((1714564800000, 'delayed'), (1556884800000, 'imported'))
>>> event_time(None, noon)
(1714564800000, 'unclaimed')
"""

from __future__ import annotations

from typing import Literal

DELAY_MS = 5_000
"""How far a claim may lie before it was witnessed and still be the event time."""
SKEW_MS = 2_000
"""How far it may lie after that: clocks kept by NTP differ by less."""
DAY_MS = 86_400_000
"""Claims older than a day are imports: drafts, relays and outages that delay a post are shorter."""

Verdict = Literal["believed", "ahead", "delayed", "imported", "unclaimed", "edited"]


def event_time(claimed_ms: int | None, witnessed_ms: int, *, edited: bool = False) -> tuple[int, Verdict]:
    """The event time in milliseconds since the epoch, and what became of the claim.

    Parameters
    ----------
    claimed_ms : int or None
        What the author's device said; None where it said nothing that is a time.
    witnessed_ms : int
        When a machine that is not the author's saw the post, or this version of it, first.
    edited : bool
        Whether it is a new version of a post.
    """
    if claimed_ms is None:
        return witnessed_ms, "unclaimed"
    ahead = claimed_ms - witnessed_ms
    if -DELAY_MS <= ahead <= SKEW_MS:
        return claimed_ms, "believed"
    if ahead > 0:
        return witnessed_ms, "ahead"
    if edited:
        return claimed_ms, "edited"
    return (witnessed_ms, "delayed") if ahead >= -DAY_MS else (claimed_ms, "imported")
