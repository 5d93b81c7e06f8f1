"""Pseudonyms: what stands for an account's id or handle wherever Vigie keeps or tells anything.

A pseudonym is ``p_``, a keyed hash of the name, and the name itself, sealed under the same key: AES-SIV
(RFC 5297), whose synthetic initial value is that hash. So the same name has the same pseudonym everywhere,
nobody without the key can tell a name from it or try names out, and who has the key opens the one that is
needed without a table of all (docs/adr/0007-pseudonyms.md).

One name has one pseudonym, whatever it is the name of: an account that is mentioned by its id meets its own
posts, as without pseudonyms, and an entry of a list that holds on every network holds on every one.

Examples
--------
>>> pseudonyms = Pseudonyms(bytes(64))
>>> hidden = pseudonyms.of("100200300")
>>> len(hidden), hidden == pseudonyms.of("100200300"), pseudonyms.opened(hidden)
(41, True, '100200300')
>>> pseudonyms.opened("p_" + "a" * 39) is None, pseudonyms.opened("100200300") is None
(True, True)
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from detectors.accounts.creation import created_minute
from detectors.accounts.declared import is_declared
from detectors.events import Change, Item, Post, Profile
from detectors.links import normalise_link
from detectors.lists import Entry, Lists
from detectors.text import read_entities
from detectors.watching import WatchList

KEY_BYTES = 64
PREFIX = "p_"
SHOWN = len(PREFIX) + 10
"""Characters of a pseudonym that stand in a text: about as many as a handle has, so that hardly a
text that is too short to be judged becomes long enough."""
FOUND = re.compile(r"p_[a-z2-7]{39,}")
"""Whatever may be a whole pseudonym; only the key can tell."""
DECLARED = "An official or automated account, as its own profile says."
"""What is left of the words of a profile that declares what it is; nothing is left of any other."""

_PURPOSE = [b"vigie.pseudonym.v1"]
_REMEMBERED = 1 << 17
_LONGEST_BYTES = 560
"""A longer name is cut and hashed: ids of 1024 characters at most can be read again."""
_NUMBER_BYTES, _PLC_BYTES, _BLOCK = 8, 15, 8
_PLC = "did:plc:"

_HANDLE = r"\w{1,64}(?:@[\w-]+(?:\.[\w-]+)+)?"
_BLUESKY_HANDLE = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_IN_TEXT = r"(?P<link>(?i:https?://|www\.)\S+)|(?P<did>did:[a-z]+:[\w.:%-]+)|(?<!\w)[@＠](?P<handle>{})"
_TOKENS = re.compile(_IN_TEXT.format(_HANDLE))
_BLUESKY_TOKENS = re.compile(_IN_TEXT.format(f"(?:{_BLUESKY_HANDLE}|{_HANDLE})"))
_DID = re.compile(r"did:[a-z]+:[\w.:%-]+")
_PERSONAL_LINK = re.compile(
    r"(?P<site>(?:https?://)?(?:(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/@?"
    r"|bsky\.app/profile/"
    r"|(?P<host>[\w.-]+(?::\d+)?)/(?:@|users/)))(?P<name>[\w.:@%-]*\w)(?P<rest>\S*)",
    re.IGNORECASE,
)
"""Links to an account or a post of X, Bluesky, Mastodon and whoever writes ``/@name``."""
_NO_NAMES = frozenset(("i", "search", "hashtag", "home", "intent", "share", "explore", "login", "settings"))
"""What stands on X where else a handle does."""


class Pseudonyms:
    """Gives names their pseudonyms, and pseudonyms their names.

    Parameters
    ----------
    key : bytes
        `KEY_BYTES` of them, random.
    posts : bool
        Whether ids of posts and media are hidden like those of accounts.
    """

    def __init__(self, key: bytes, *, posts: bool = False) -> None:
        self._cipher = AESSIV(key)
        self._posts = posts
        self.of = lru_cache(_REMEMBERED)(self._sealed)
        """The pseudonym of an id as it stands, or of a handle as `handle` folds it."""

    def _sealed(self, name: str) -> str:
        sealed = self._cipher.encrypt(_packed(name), _PURPOSE)
        return PREFIX + base64.b32encode(sealed).decode().rstrip("=").lower()

    def opened(self, pseudonym: str) -> str | None:
        """The name behind a pseudonym; None where this key has not made it."""
        if not FOUND.fullmatch(pseudonym):
            return None
        coded = pseudonym.removeprefix(PREFIX).upper()
        try:
            sealed = base64.b32decode(coded + "=" * (-len(coded) % 8))
            return _unpacked(self._cipher.decrypt(sealed, _PURPOSE))
        except (InvalidTag, ValueError):
            return None

    def handle(self, handle: str) -> str:
        """The pseudonym of a handle, with or without its ``@``; case does not count.

        >>> pseudonyms = Pseudonyms(bytes(64))
        >>> pseudonyms.handle("@Ana") == pseudonyms.handle("ana") == pseudonyms.of("ana")
        True
        """
        return self.of(handle.lstrip("@＠").casefold())

    # -- what comes in -----------------------------------------------------------------------------

    def batches(self, batches: Iterable[list[Item]]) -> Iterator[list[Item]]:
        """The same posts and changes under pseudonyms."""
        for items in batches:
            yield [self.item(item) for item in items]

    def item(self, item: Item) -> Item:
        """A post or a change under pseudonyms; the given one is left as it is."""
        return self._post(item) if isinstance(item, Post) else self._change(item)

    def _post(self, post: Post) -> Post:
        mentions = post.mentions
        if mentions is None:
            # Read now: in the text they will be too short to be opened.
            mentions = [f"@{name}" for name in read_entities(post.text).mentions]
        return msgspec.structs.replace(
            post,
            id=self._post_id(post.id, post.author_id),
            author_id=self.of(post.author_id),
            text=self.text(post.text, post.platform),
            url=None,  # it names the author, and says no more than the id of the post does
            ref_id=post.ref_id and self._post_id(post.ref_id, post.ref_author_id),
            ref_author_id=post.ref_author_id and self.of(post.ref_author_id),
            ref_author=post.ref_author and _nameless(post.ref_author),
            conversation_id=post.conversation_id and self._post_id(post.conversation_id, None),
            mentions=[self._mentioned(name) for name in mentions if name],
            links=None if post.links is None else [self.link(link) for link in post.links],
            media=None if post.media is None else [self._medium(name) for name in post.media],
            author=_dated(post.author, post.platform, post.author_id, post.time_ms),
        )

    def _mentioned(self, name: str) -> str:
        return self.handle(name) if name[0] in "@＠" else self.of(name)

    def _change(self, change: Change) -> Change:
        return msgspec.structs.replace(
            change,
            author_id=change.author_id and self.of(change.author_id),
            post_id=change.post_id and self._post_id(change.post_id, change.author_id),
            author=change.author
            and _dated(change.author, change.platform, change.author_id or "", change.time_ms),
        )

    def _post_id(self, post_id: str, author_id: str | None) -> str:
        """The id of a post: without the account's name where a network writes that into it."""
        if self._posts:
            return self.of(post_id)
        if "://" in post_id:
            return self.link(post_id)
        if author_id and author_id in post_id:
            alone = rf"(?<![A-Za-z0-9]){re.escape(author_id)}(?![A-Za-z0-9])"
            return re.sub(alone, self.of(author_id), post_id)
        return post_id

    def _medium(self, name: str) -> str:
        return self.of(name) if self._posts else self.link(name)

    def text(self, text: str, platform: str) -> str:
        """A text in which handles, and links to accounts, are replaced.

        >>> pseudonyms = Pseudonyms(bytes(64))
        >>> hidden = pseudonyms.text("RT @Ana: ask @bo, or mail bo@example.org", "x")
        >>> "Ana" in hidden, "@bo," in hidden, "bo@example.org" in hidden, len(hidden)
        (False, False, True, 59)
        """
        if "@" not in text and "＠" not in text and "/" not in text and "did:" not in text:
            return text
        tokens = _BLUESKY_TOKENS if platform == "bluesky" else _TOKENS
        return tokens.sub(self._token, text)

    def _token(self, found: re.Match[str]) -> str:
        if found["link"]:
            return self.link(found["link"])
        return self.of(found["did"]) if found["did"] else "@" + self.handle(found["handle"])[:SHOWN]

    def link(self, link: str) -> str:
        """A link without the name of an account in it.

        >>> pseudonyms = Pseudonyms(bytes(64))
        >>> hidden = pseudonyms.link("https://x.com/Ana/status/12?s=20")
        >>> hidden == f"https://x.com/{pseudonyms.handle('ana')}/status/12?s=20"
        True
        >>> pseudonyms.link("https://x.com/search?q=ana"), pseudonyms.link("https://news.example/a")
        ('https://x.com/search?q=ana', 'https://news.example/a')
        """
        if self._posts:
            link = normalise_link(link)  # not possible any more once the end of it is hidden
        found = _PERSONAL_LINK.match(link)
        if found is None:
            return _DID.sub(lambda did: self.of(did[0]), link)
        name, host, rest = found["name"], found["host"], found["rest"]
        if host is None and name.lower() in _NO_NAMES:
            return link
        # On a server of its own an account is named with the server, as authors are.
        whole = f"{name}@{host}" if host is not None and "@" not in name else name
        hidden = self.of(name) if name.startswith("did:") else self.handle(whole)
        return found["site"] + hidden + (f"/{self.of(rest)}" if rest and self._posts else rest)

    # -- what the room keeps -----------------------------------------------------------------------

    def lists(self, lists: Lists) -> Lists:
        """The room's lists for posts under pseudonyms: ids like theirs, and no handles.

        A payer is named in the open on the network itself, and stays.
        """
        return Lists(entry if entry.kind == "banned" else self._entry(entry) for entry in lists.entries)

    def watched(self, watch: WatchList) -> WatchList:
        """What the room cares about, for posts under pseudonyms: an account is an id there or a handle."""
        return WatchList(
            msgspec.structs.replace(
                entry, accounts=tuple(of(name) for name in entry.accounts for of in (self.of, self.handle))
            )
            for entry in watch.entries
        )

    def _entry(self, entry: Entry) -> Entry:
        return msgspec.structs.replace(entry, account=self.of(entry.account), handle=None)


def _packed(name: str) -> bytes:
    """A name as bytes, in few of them for the ids that are many, and so that its length tells little."""
    if name.isascii() and name.isdecimal() and str(number := int(name[:20])) == name and number < 1 << 64:
        return number.to_bytes(_NUMBER_BYTES, "big")
    if name.startswith(_PLC) and len(name) == len(_PLC) + 24 and re.fullmatch("[a-z2-7]*", name[len(_PLC) :]):
        return base64.b32decode(name[len(_PLC) :].upper())
    raw = name.encode("utf-8", "surrogatepass")
    if len(raw) > _LONGEST_BYTES:
        kept = raw[:_LONGEST_BYTES].decode("utf-8", "ignore").encode()
        raw = kept + hashlib.blake2b(raw, digest_size=16).hexdigest().encode()
    raw += b"\x80"
    return raw.ljust(max(2 * _BLOCK, -(-len(raw) // _BLOCK) * _BLOCK), b"\0")


def _unpacked(raw: bytes) -> str:
    if len(raw) == _NUMBER_BYTES:
        return str(int.from_bytes(raw, "big"))
    if len(raw) == _PLC_BYTES:
        return _PLC + base64.b32encode(raw).decode().lower()
    return raw.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")


def _nameless(profile: Profile) -> Profile:
    """A profile without name, handle, description and place, in which people say who they are.

    What detectors read of these words is whether the account declares what it is, and that is kept.
    """
    made = profile.created_at
    return msgspec.structs.replace(
        profile,
        handle=None,
        name=None,
        description=DECLARED if is_declared(profile) else None,
        location=None,
        created_at=made and made.replace(second=0, microsecond=0),
    )


def _dated(profile: Profile | None, platform: str, author_id: str, time_ms: int) -> Profile | None:
    """The profile without names, and with the date that the id itself holds, which a pseudonym does not."""
    minute = created_minute(platform, author_id, profile, time_ms)
    if profile is None and minute < 0:
        return None
    nameless = _nameless(profile or Profile())
    if nameless.created_at is None and minute >= 0:
        nameless.created_at = datetime.fromtimestamp(minute * 60, UTC)
    return nameless
