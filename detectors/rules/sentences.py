"""Figures as English and French sentences show them."""

from __future__ import annotations

Both = tuple[str, str]
"""The same sentence in English and in French."""

NBSP, THIN = "\u00a0", "\u202f"
"""French sets a no-break space before a colon and a percent sign, a narrow one before a semicolon."""


def shortened(text: str, most: int = 80) -> str:
    """A text of at most so many characters.

    >>> shortened("abc", 3), shortened("abcd", 3)
    ('abc', 'ab…')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def percent(value: int | float | None) -> str:
    """A share in English.

    >>> percent(0.254), percent(None)
    ('25%', '?')
    """
    return "?" if value is None else f"{value:.0%}"


def percent_fr(value: int | float | None) -> str:
    """A share in French."""
    return percent(value).replace("%", f"{NBSP}%")


def count(value: int | float | None) -> str:
    """A count in English.

    >>> count(12345)
    '12,345'
    """
    return "?" if value is None else f"{value:,}"


def count_fr(value: int | float | None) -> str:
    """A count in French."""
    return count(value).replace(",", THIN)
