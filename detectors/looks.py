"""A look: the few numbers that say how one account looks, sent from who remembers it to who compares it.

The ACCOUNTS stage makes a look of an account that posted, once an hour or when something about it changed;
the CASES stage keeps the newest one of each account (`detectors.album`). So no signal has to carry them, and
every account counts once, however much it posts and however many partitions there are.

Unknown is not zero: a number is -1, a language 0 and a client empty where nothing is known.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

import msgspec

UNKNOWN = -1
NO_LANGUAGE = 0
TERMS = 10
"""Terms of a profile description that are kept."""
_LETTERS = "\0abcdefghijklmnopqrstuvwxyz"
_BASE = len(_LETTERS)


class Look(msgspec.Struct, array_like=True, gc=False):
    """How one account looked when it posted."""

    account: int
    """See `account_hash`."""
    platform: int
    """See `name_hash`."""
    seen_s: int
    """Event time of the post, in seconds since the epoch."""
    created_min: int = UNKNOWN
    """When the account was made, in minutes since the epoch."""
    score: int = UNKNOWN
    """Automation score, 0 to 1000."""
    woke_days: int = UNKNOWN
    """Days of silence, 90 or more, out of which it woke of late; see `detectors.accounts.dormancy`."""
    usual: int = NO_LANGUAGE
    """Code of the language that it usually writes, see `language_code`."""
    spoken: int = NO_LANGUAGE
    """Code of what it wrote of late: another language than usual, if there was one; 0 where it cannot be
    told."""
    client: str = ""
    """Name of the program it posted with."""
    metronome: int = UNKNOWN
    """1 where its posts come at equal distances."""
    one_a_minute: int = UNKNOWN
    """1 where it posted once a minute, again and again; -1 where it posted too seldom to."""
    shift: int = UNKNOWN
    """1 where it is only ever active within the hours of one working shift."""
    followers: int = UNKNOWN
    following: int = UNKNOWN
    activity: int = UNKNOWN
    """Posts of late, see `detectors.findings.Member.activity`."""
    erased: int = UNKNOWN
    """Posts that it erased within minutes of posting them."""
    listed: int = UNKNOWN
    """1 on one of the room's lists as attributed or amplifying, 0 on none of these, -1 where there are no
    lists."""
    terms: tuple[str, ...] | None = None
    """Terms of its profile description; None where that is not known."""


@lru_cache(maxsize=1 << 16)
def account_hash(account: str) -> int:
    """64 bits of an account key, the same in every process.

    >>> account_hash("x\\x1f7") == account_hash("x\\x1f7") != account_hash("x\\x1f8")
    True
    """
    return int.from_bytes(blake2b(account.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@lru_cache(maxsize=1 << 16)
def name_hash(name: str) -> int:
    """32 bits of a name (of a platform, a client, a term); 0 only for no name.

    >>> name_hash(""), name_hash("x") == name_hash("x") > 0
    (0, True)
    """
    return crc32(name.encode("utf-8", "surrogatepass")) or int(bool(name))


@lru_cache(maxsize=1 << 10)
def language_code(language: str | None) -> int:
    """A language tag as a number: its main part, up to three letters. 0 for none and for "undetermined".

    >>> language_code("fr-CA") == language_code("FR"), language_code("und"), language_code(None)
    (True, 0, 0)
    """
    if not language:
        return NO_LANGUAGE
    main = language.replace("_", "-").partition("-")[0].lower()[:3]
    if main in ("und", "zxx", "qme", "qht", "qam", "qst"):  # Twitter's tags of posts without words
        return NO_LANGUAGE
    code = 0
    for letter in main:
        place = _LETTERS.find(letter)
        if place <= 0:
            return NO_LANGUAGE
        code = code * _BASE + place
    return code


def language_name(code: int) -> str:
    """The tag of a language code.

    >>> language_name(language_code("fr-CA")), language_name(0)
    ('fr', '')
    """
    letters = []
    while code:
        code, place = divmod(code, _BASE)
        letters.append(_LETTERS[place])
    return "".join(reversed(letters))
