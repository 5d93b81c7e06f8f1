"""`vigie top payers`: what each payer of promoted posts has spent, alerted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from detectors.accounts.stage import Accounts
from detectors.alerts import instant
from detectors.batches import SignalBatch
from detectors.events import Post
from detectors.findings import author_of
from detectors.groups.payers import Payers, Total
from detectors.rules.sentences import shortened

_MAX_PAYERS = 500_000
_SHOWN = 24
"""Characters of an audience in the table."""


class PayerRanking:
    """Totals of the payers of a whole input; memory is bounded, see `detectors.groups.payers`."""

    def __init__(self) -> None:
        self._payers = Payers(_MAX_PAYERS)

    @property
    def forgotten(self) -> int:
        """Payers forgotten for want of room."""
        return self._payers.evicted

    def take(self, batch: SignalBatch) -> None:
        """Count the promoted posts of one batch."""
        for promotion in batch.promotions:
            self._payers.add(promotion)

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """The first payers of each currency; currencies in the order of their posts, and never added."""
        rows: list[dict[str, Any]] = []
        rank, currency = 0, None
        for total in self._payers.totals():
            rank = rank + 1 if rows and total.currency == currency else 1
            currency = total.currency
            if rank <= limit:
                rows.append(_row(rank, total))
        return rows


def _row(rank: int, total: Total) -> dict[str, Any]:
    return {
        "rank": rank,
        "value": author_of(total.payer) if total.page else total.payer,
        "payer_named": not total.page,
        "currency": total.currency,
        "spend": None if total.spend is None else round(total.spend / 100, 2),
        "posts": total.posts,
        "posts_priced": total.priced,
        "pages": total.pages,
        "impressions": total.impressions,
        "first": instant(total.first_ms),
        "last": instant(total.last_ms),
        "audiences": [{"value": name, "posts": posts} for name, posts in total.audiences],
    }


def columns() -> dict[str, Callable[[dict[str, Any]], str]]:
    """The columns of the table: heading, and how a row's figure is shown.

    >>> row = {"rank": 1, "value": "Some Paper", "payer_named": True, "currency": "USD", "spend": 1234.5,
    ...        "posts": 9, "posts_priced": 8, "pages": 2, "impressions": None, "first": "2016-01-01T00:00Z",
    ...        "last": "2016-12-31T00:00Z", "audiences": [{"value": "news", "posts": 9}]}
    >>> [show(row) for show in columns().values()]
    ['1', 'Some Paper', '1,234.50 USD (8 of 9 posts)', '9', '2', '?', '2016-01-01', '2016-12-31', 'news']
    """
    return {
        "": lambda row: str(row["rank"]),
        "payer": lambda row: row["value"] if row["payer_named"] else f"page {row['value']}",
        "spend": _spend,
        "posts": lambda row: f"{row['posts']:,}",
        "pages": lambda row: f"{row['pages']:,}",
        "shown": lambda row: "?" if row["impressions"] is None else f"{row['impressions']:,}",
        "first": lambda row: row["first"][:10],
        "last": lambda row: row["last"][:10],
        "aimed at": lambda row: ", ".join(shortened(one["value"], _SHOWN) for one in row["audiences"][:2]),
    }


def _spend(row: dict[str, Any]) -> str:
    if row["spend"] is None:
        return f"? {row['currency'] or ''}".rstrip()
    amount = f"{row['spend']:,.2f} {row['currency'] or '(currency unknown)'}"
    if row["posts_priced"] == row["posts"]:
        return amount
    return f"{amount} ({row['posts_priced']:,} of {row['posts']:,} posts)"


def rank(batches: Iterable[list[Post]]) -> PayerRanking:
    """Rank the payers of posts in any order."""
    accounts, ranking = Accounts(), PayerRanking()
    for posts in batches:
        ranking.take(accounts.take(posts[-1].time_ms, posts))
    return ranking
