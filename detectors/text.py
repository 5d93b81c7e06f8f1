"""What a text looks like once everything that a copier changes cheaply is taken out.

A text is read once. Links, @mentions and numbers become *slots*, hashtags are taken out, and what is left
is *folded*: compatibility forms (NFKC), case, accents, zero-width characters, look-alike letters of other
scripts (Unicode TR 39, "confusables", the Latin part that people use) and punctuation no longer count.
Two texts with the same fold are copies of each other, whatever was done to hide it.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import unicodedata
from functools import lru_cache

import msgspec

MENTION, LINK, NUMBER = "\x01", "\x02", "\x03"
"""Slots in a folded text: one control character each, so that a plain text with slots stays ASCII."""

_MENTION_SLOT, _LINK_SLOT, _NUMBER_SLOT = (f" {slot} " for slot in (MENTION, LINK, NUMBER))

MIN_FOLDED = 24
"""Folded characters from which a text is judged by its words alone; shorter ones also by tags and names."""

# The first character stands in one set, so that the engine skips to the places where a token can begin. The
# links come first, since their next character is plain: most places with an h or a w end there.
_TOKEN = re.compile(
    r"[hHwW@＠#＃0-9]"
    r"(?:(?i:ttps?://(?:(?<=http://)|(?<=https://))|ww\.(?<=www\.)(?<!\wwww\.))\S+"  # link
    r"|(?<=[@＠])(?<![\w@#&/].)\w{1,64}(?:@[\w-]+(?:\.[\w-]+)+)?"  # mention
    r"|(?<=[#＃])(?<![\w&].)\w+"  # tag
    r"|(?<=[0-9])(?<!\w.)(?:[0-9.,:/]*[0-9])?(?!\w))"  # number
)
_KINDS = {
    "h": "link",
    "H": "link",
    "w": "link",
    "W": "link",
    "@": "mention",
    "＠": "mention",
    "#": "tag",
    "＃": "tag",
}
"""Kind of a token by its first character; all others are numbers."""
_TRAILING = ".,;:!?…)]}»”\"'"
_SOURCE = re.compile(r"(?:^|\W)(?:via|par|source|h/t|rt|mt|lu sur|read on)\s*:?\s*[@＠]\w", re.IGNORECASE)
_HAND_REPOST = re.compile(r"^(?:rt|mt) ?\x01 ?")
_LEADING = MENTION + " "
_COMBINING = re.compile("[\u0300-\u036f\u200b-\u200f\u2018\u2019\ufe0f]+")

# Letters of other scripts, and Latin letters without a decomposition, that are read as plain Latin ones.
_LOOKALIKES = dict(
    zip(
        "абвгеёзіїјкӏмнорстуүхһԁԛѕԝьъαβγεηικνορτυχωϲіɑɡıłøđħŧƀʟⅼ",
        "abbreeziijklmhopctyyxhdqswbbabyenikvoptuxwciagiloohtbll",
        strict=False,
    )
)
_LOOKALIKES |= {"г": "r", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ƀ": "b", "ı": "i", "ɡ": "g"}
_LOOKALIKES |= {"0": "o", "1": "l"}


class _Fold(dict[int, str]):
    """Folds one character at a time and remembers it; built for `str.translate`."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        if character in (MENTION, LINK, NUMBER):
            folded = character
        else:
            wide = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", character).casefold())
            folded = "".join(_fold_one(part) for part in wide)
        self[point] = folded
        return folded


def _fold_one(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf", "Cs"):
        return ""
    if character in "'’ʼ`´":
        return ""
    if category[0] in "PSZC":
        return " "
    return _LOOKALIKES.get(character, character)


_fold_table = _Fold()


def _fold_characters(text: str) -> str:
    """Fold any characters, each by itself; spaces are not squeezed yet."""
    return _COMBINING.sub("", unicodedata.normalize("NFKD", text)).translate(_fold_table)


# Most texts fit into Latin-1, if not for an emoji or a dash, and bytes are translated ten times faster.
_ODD = 255
"""In the table of bytes: a character whose fold is not one ASCII character."""


def _fold_byte(point: int) -> int:
    folded = _fold_table[point] if point < 128 else _fold_characters(chr(point))
    if not folded.strip(" "):
        return 32
    return ord(folded) if len(folded) == 1 and folded.isascii() else _ODD


_BYTE_FOLD = bytes(map(_fold_byte, range(256)))
_BYTE_DROPPED = bytes(
    point for point in range(256) if not (_fold_table[point] if point < 128 else _fold_characters(chr(point)))
)


@lru_cache(maxsize=4096)
def _fold_run(run: str) -> bytes:
    """Fold of characters beyond Latin-1; raises where it is not ASCII."""
    return _fold_characters(run).encode("ascii")


def _fold_beyond(problem: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return _fold_run(problem.object[problem.start : problem.end]), problem.end


codecs.register_error("vigie-fold", _fold_beyond)


class Entities(msgspec.Struct, frozen=True, gc=False):
    """What a text itself shows: its slotted form and the entities in it."""

    slotted: str
    """The text with slots in place of links, @mentions and numbers, and without hashtags."""
    hashtags: tuple[str, ...]
    mentions: tuple[str, ...]
    links: tuple[str, ...]


class Fingerprint(msgspec.Struct, frozen=True, gc=False):
    """A text reduced to what copies have in common."""

    folded: str
    """Folded text for the similarity; empty where the text is too short to say anything."""
    key: int
    """64-bit hash that all exact copies (after folding) share; 0 where the text is too short."""


NO_FINGERPRINT = Fingerprint("", 0)
"""Of a post that is not judged by its text: too short, or a repost."""


def fold(text: str) -> str:
    """Fold case, accents, compatibility forms, look-alikes and punctuation; squeeze the spaces.

    >>> fold("Un SCÂNDALE, v\\u200bra\\u0456ment !")
    'un scandale vraiment'
    """
    try:
        # The apostrophe of typesetters is dropped like the plain one, and too common for the error handler.
        folded = text.replace("’", "").encode("latin-1", "vigie-fold").translate(_BYTE_FOLD, _BYTE_DROPPED)
    except UnicodeEncodeError:
        return _fold_any(text)
    return b" ".join(folded.split()).decode() if folded.isascii() else _fold_any(text)


def _fold_any(text: str) -> str:
    return " ".join(_fold_characters(text).split())


def read_entities(text: str) -> Entities:
    """Find links, @mentions and hashtags in a text and put slots in their place.

    >>> read_entities("@ana read https://x.org/1 now: 12 dead #News").slotted
    ' \\x01  read  \\x02  now:  \\x03  dead  '
    """
    hashtags: list[str] = []
    mentions: list[str] = []
    links: list[str] = []

    def slot(match: re.Match[str]) -> str:
        found = match[0]
        kind = _KINDS.get(found[0])
        if kind is None:
            return _NUMBER_SLOT
        if kind == "mention":
            mentions.append(found[1:])
            return _MENTION_SLOT
        if kind == "link":
            links.append(found.rstrip(_TRAILING))
            return _LINK_SLOT
        if found[1:].isdigit():
            return _NUMBER_SLOT
        hashtags.append(found[1:])
        return " "

    return Entities(_TOKEN.sub(slot, text), tuple(hashtags), tuple(mentions), tuple(links))


def fingerprint(entities: Entities, text: str) -> Fingerprint:
    """Reduce a text to its fold and to the key of its exact copies.

    Where fewer than `MIN_FOLDED` characters are left without tags and names, the copies are told by the
    whole text, tags and names included; where even that is short, the text is not judged at all.

    >>> a = "@ana You are a liar and a thief, everybody knows it"
    >>> b = "@bob you are a LIAR and a thief... everybody knows it!! http://t.co/x"
    >>> fingerprint(read_entities(a), a) == fingerprint(read_entities(b), b)
    True
    """
    folded = strip_slots(fold(entities.slotted))
    if len(folded) >= MIN_FOLDED:
        return Fingerprint(folded, text_key(folded))
    whole = fold(_without_links(text, entities.links))
    if len(whole) >= MIN_FOLDED:
        return Fingerprint("", text_key("=" + whole))
    return NO_FINGERPRINT


def strip_slots(folded: str) -> str:
    """Drop link slots, leading mentions and a hand-made repost mark from a folded text."""
    if LINK in folded:
        folded = " ".join(folded.replace(LINK, " ").split())
    folded = folded.lstrip(_LEADING)
    if folded[:2] in ("rt", "mt"):
        folded = _HAND_REPOST.sub("", folded).lstrip(_LEADING)
    return folded.rstrip()


_BLAKE2B = hashlib.blake2b(digest_size=8)
"""Copied for each text, since reading the parameters takes longer than hashing."""


def text_key(folded: str) -> int:
    """Stable 64-bit key of a folded text (BLAKE2b), the same in every process."""
    state = _BLAKE2B.copy()
    state.update(folded.encode("utf-8", "surrogatepass"))
    return int.from_bytes(state.digest(), "little") or 1


def names_its_source(text: str) -> bool:
    """Whether a text says itself where it comes from: "via @paper", "RT @name".

    >>> names_its_source("Five things to know via @paper"), names_its_source("I say so")
    (True, False)
    """
    # A source is named with an @ that something stands before; most posts have none.
    if text.find("@", 2) < 0 and "＠" not in text:
        return False
    return _SOURCE.search(text) is not None


def template(text: str, *, targets_vary: bool) -> str:
    """Render a text with its slots, as an analyst reads it.

    >>> template("@ana you are lost, 3 times lost https://x.org/1", targets_vary=True)
    '{@target} you are lost, {number} times lost {link}'
    """

    def show(match: re.Match[str]) -> str:
        found = match.group()
        kind = _KINDS.get(found[0], "number")
        if kind == "mention":
            return "{@target}" if targets_vary else found
        if kind == "link":
            return "{link}"
        return "{number}" if kind == "number" else found

    return " ".join(_TOKEN.sub(show, text).split())


def _without_links(text: str, links: tuple[str, ...]) -> str:
    for link in links:
        text = text.replace(link, " ")
    return text
