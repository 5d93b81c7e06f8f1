"""What can be done with the cells of a table on their way into a post.

Each function takes text as it stands in the table; what is wrong with it is a `Rejection`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from detectors.events import Rejection

NAMED_TIMES = ("iso", "epoch_s", "epoch_ms")
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


def hashed(cells: Sequence[str]) -> str | None:
    """A stable id made of several cells: the same on every machine, in every run; None when all are empty.

    >>> hashed(["alice", "the text"])
    '43d82df3c6e680dfe3362c6671beba52'
    >>> hashed(["", ""]) is None
    True
    """
    if not any(cells):
        return None
    return blake2b("\x1f".join(cells).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def listed(text: str, separator: str) -> list[str]:
    """Take a list apart. Surrounding brackets and quotes around the items do not count.

    >>> listed("[a, b]", ","), listed("a b", " "), listed("[]", ",")
    (['a', 'b'], ['a', 'b'], [])
    >>> listed("['http://example.org/?q=1,2', \\"it's\\"]", ",")
    ['http://example.org/?q=1,2', "it's"]
    """
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1].strip()
    if inner[:1] in ("'", '"') and (quoted := _QUOTED.findall(inner)):
        # Quoted as in a Python list: an item may hold the separator.
        items = [single or double for single, double in quoted]
    else:
        items = [item.strip().strip("'\"") for item in inner.split(separator)]
    return [item for item in items if item]


def integer(text: str) -> int:
    """A whole number; `12.0` and `1e3`, as some tools write them, are whole numbers too.

    >>> integer("12"), integer("12.0")
    (12, 12)
    """
    try:
        return int(text)
    except ValueError:
        pass
    value = number(text)
    if not value.is_integer():
        raise Rejection("wrong_type", f"{text[:100]!r} is not a whole number")
    return int(value)


def number(text: str) -> float:
    """A finite number.

    >>> number("18.1")
    18.1
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not float("-inf") < value < float("inf"):
        raise Rejection("wrong_type", f"{text[:100]!r} is not a number")
    return value


def boolean(text: str) -> bool:
    """True or false, yes or no, 1 or 0, in any case.

    >>> boolean("TRUE"), boolean("0")
    (True, False)
    """
    folded = text.strip().lower()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise Rejection("wrong_type", f"{text[:100]!r} is neither true nor false")


@lru_cache(maxsize=16384)  # times by the minute and dates of accounts repeat a lot
def moment(text: str, formats: tuple[str, ...]) -> datetime:
    """A time; the formats are tried in order. Without a zone it is UTC.

    >>> moment("8/7/2015 16:05", ("iso", "%m/%d/%Y %H:%M")).isoformat()
    '2015-08-07T16:05:00+00:00'
    >>> moment("1438963500", ("epoch_s",)).isoformat()
    '2015-08-07T16:05:00+00:00'
    """
    for form in formats:
        try:
            found = _parsed(text, form)
        except (ValueError, OverflowError, OSError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise Rejection("bad_time", f"{text[:100]!r} is not a time in the form {' or '.join(formats)}")


def _parsed(text: str, form: str) -> datetime:
    if form == "iso":
        return datetime.fromisoformat(text)
    if form not in NAMED_TIMES:
        return datetime.strptime(text, form)
    value = float(text) if form == "epoch_s" else float(text) / 1000
    found = datetime.fromtimestamp(value, UTC)
    if not 2000 <= found.year < 2100:  # so that seconds are not taken for milliseconds, or the reverse
        raise ValueError
    return found


def time_format_problem(form: str) -> str | None:
    """Why this is no time format, or None when it is one.

    >>> time_format_problem("%d/%m/%Y"), time_format_problem("iso")
    (None, None)
    >>> time_format_problem("D/M/YYYY")
    "'D/M/YYYY' is neither iso, epoch_s, epoch_ms nor a strptime format such as %d/%m/%Y %H:%M"
    """
    if form in NAMED_TIMES:
        return None
    named = f"{form!r} is neither {', '.join(NAMED_TIMES)} nor a strptime format such as %d/%m/%Y %H:%M"
    if "%" not in form:
        return named
    try:
        datetime.strptime("", form)
    except re.error:
        return named
    except ValueError as problem:
        # An empty text matches no format; only a broken format is complained of by its directive.
        return named if "directive" in str(problem) or "stray" in str(problem) else None
    return None
