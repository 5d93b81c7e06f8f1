"""A list of advertisements as promoted posts: one row for each, with what it cost and whom it was aimed at.

The columns are those of the table of the advertisements that Facebook gave to the US House of
Representatives in 2018: `ad_id`, `created_at` (or `created_date`), `text`, `landing_page`, `spend_rub` (or
`spend_usd`), `impressions`, and who was aimed at. Only the first two and the page must be there.

The author and payer is the page that is advertised: its number where its address holds one, else its name.
Where the address leads out of the network, the page is not told: the host stands for the author, and the
payer is absent. Who truly pays stands in no such table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from detectors.events import Post, Promotion, Rejection, milliseconds
from streams.sources import cells

if TYPE_CHECKING:
    from streams.sources.rows import Columns, MakeItem

POSTS = ("ad_id", "created_at", "landing_page")
"""Columns that the table must have."""
PLATFORM = "facebook"
DAY_S = 86_400.0

_AIMED_AT = ("location", "age", "gender", "language", "people_who_match", "interests", "custom_audience")
_SPEND = (("spend_rub", "RUB"), ("spend_usd", "USD"))
_OWN_HOST = re.compile(r"(?:facebook|instagram)\.com/*([^?#]*)")
"""Anywhere in the address: what stands before it is often misread."""
_PAGE_NUMBER = re.compile(r"\d{9,}")


def compiled(columns: Columns) -> MakeItem:
    """Make the function from a row to a promoted post."""
    id_at, time_at, page_at = (columns[name] for name in POSTS)
    day_at, text_at, impressions_at = columns["created_date"], columns["text"], columns["impressions"]
    aimed_at = [columns[name] for name in _AIMED_AT]
    spend_at = [(columns[name], currency) for name, currency in _SPEND]

    def post_of(row: list[str]) -> Post:
        exact = row[time_at].strip()
        created, time_ms = _moment(exact or row[day_at].strip())
        id, address = row[id_at].strip(), row[page_at].strip()
        author_id, payer = _advertiser(address)
        if not id or not author_id:
            raise Rejection("missing_field", "the row has no ad_id, or no page that can be told")
        spend, currency = next(((row[at], name) for at, name in spend_at if row[at]), ("", None))
        return Post(
            id=id,
            platform=PLATFORM,
            author_id=author_id,
            created_at=created,
            time_ms=time_ms,
            text=row[text_at],
            precision_s=None if exact else DAY_S,
            links=[address],
            promoted=Promotion(
                payer=payer,
                spend=cells.number(spend) if spend else None,
                currency=currency,
                audiences=[row[at].strip() for at in aimed_at if row[at]] or None,
                impressions=cells.integer(row[impressions_at]) if row[impressions_at] else None,
            ),
        )

    return post_of


@lru_cache(maxsize=1 << 12)
def _moment(text: str) -> tuple[datetime, int]:
    found = cells.moment(text, ("iso",)).astimezone(UTC)
    return found, milliseconds(found)


@lru_cache(maxsize=1 << 12)
def _advertiser(address: str) -> tuple[str | None, str | None]:
    """Who stands for the author, and who for the payer, of what leads to this address.

    Blanks in an address are errors of reading.

    >>> _advertiser("https://www .facebook.com/Some-Page-839497 472793277/")
    ('839497472793277', '839497472793277')
    >>> _advertiser("https://instagram.com/Some.Page/"), _advertiser("https://facebook.com/events/123456789/")
    (('some.page', 'some.page'), ('events/123456789', None))
    >>> _advertiser("https://example.org/article"), _advertiser("")
    (('example.org', None), (None, None))
    """
    folded = "".join(address.split()).lower()
    own = _OWN_HOST.search(folded)
    if own is None:
        return _host(folded), None
    parts = [part for part in own[1].split("/") if part and part != "pages"]
    if not parts:
        return None, None
    if parts[0] == "events":
        return "/".join(parts[:2]), None
    number = _PAGE_NUMBER.search("/".join(parts))
    page = number[0] if number else parts[0]
    return page, page


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
