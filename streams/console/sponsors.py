"""The payers of promoted posts, as the page lists them: each once, with what it spent in every currency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from detectors.alerts import instant
from detectors.findings import author_of
from detectors.groups.payers import Payers, Total
from detectors.lists import Lists, folded

MOST_PAYERS = 500
_SPEND = ("all_spend_", "spend_")

Row = dict[str, Any]
Finding = dict[str, Any]


def counted(payers: Payers, lists: Lists, breaches: Iterable[Finding]) -> list[Row]:
    """One row for each payer that was counted, those of the most posts first.

    Parameters
    ----------
    payers : Payers
    lists : Lists
        Those in force, which may ban a payer.
    breaches : iterable of dict
        Findings in which a banned payer promoted posts.
    """
    banned = {folded(entry.account): entry.since_ms for entry in lists.entries if entry.kind == "banned"}
    broken: Counter[str] = Counter()
    for finding in breaches:
        broken[folded(finding["subjects"][0]["value"])] += finding["posts_total"]
    rows: dict[str, Row] = {}
    for total in payers.totals():
        row = rows.setdefault(total.payer, _row(total))
        row["posts"] += total.posts
        if total.impressions is not None:
            row["impressions"] = (row["impressions"] or 0) + total.impressions
        if total.spend is not None:
            row["spend"].append({"currency": total.currency, "amount": round(total.spend / 100, 2)})
        name = folded(row["payer"])
        if row["named"] and name in banned:
            since_ms = banned[name]
            row["banned"], row["banned_since"] = True, None if since_ms is None else instant(since_ms)
            row["breaches"] = broken[name]
    return sorted(rows.values(), key=lambda row: (-row["posts"], row["payer"]))[:MOST_PAYERS]


def told(breaches: Iterable[Finding]) -> list[Row]:
    """One row for each payer that alerts tell of: where nothing else is known, those that broke a ban.

    >>> finding = {"subjects": [{"kind": "payer", "value": "Some Paper"}], "accounts_total": 1,
    ...            "posts_total": 2, "evidence": {"banned_ms": 0, "all_posts": 9, "all_spend_usd": 12.5}}
    >>> (row,) = told([finding])
    >>> row["payer"], row["posts"], row["spend"], row["breaches"]
    ('Some Paper', 9, [{'currency': 'USD', 'amount': 12.5}], 2)
    """
    rows: dict[str, Row] = {}
    for finding in breaches:
        evidence, payer = finding["evidence"], finding["subjects"][0]["value"]
        prefix = next((one for one in _SPEND if any(name.startswith(one) for name in evidence)), "")
        spend = [
            {"currency": name.removeprefix(prefix).upper(), "amount": amount}
            for name, amount in sorted(evidence.items())
            if prefix and name.startswith(prefix)
        ]
        row = rows.get(folded(payer))
        rows[folded(payer)] = {
            "payer": payer,
            "named": True,
            "posts": evidence.get("all_posts") or finding["posts_total"],
            "pages": finding["accounts_total"],
            "spend": spend,
            "impressions": None,
            "banned": True,
            "banned_since": instant(evidence["banned_ms"]),
            "breaches": finding["posts_total"] + (row["breaches"] if row is not None else 0),
        }
    return sorted(rows.values(), key=lambda row: (-row["posts"], row["payer"]))[:MOST_PAYERS]


def _row(total: Total) -> Row:
    return {
        "payer": author_of(total.payer) if total.page else total.payer,
        "named": not total.page,
        "posts": 0,
        "pages": total.pages,
        "spend": [],
        "impressions": None,
        "banned": False,
        "banned_since": None,
        "breaches": 0,
    }
