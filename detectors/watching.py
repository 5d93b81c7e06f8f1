"""What this room cares about: candidates, parties, topics, media, places. It ranks, and never hides.

What it does
    Says how much of what a case pushes, names and copies is this room's business: 0 to 100 points, and the
    names of what was met. An alert without points is as visible as before, further down.

Definition
    An entry has accounts, hashtags, words, links and a weight w of 1 to 5. It gives

    * 20 w points if a subject of the case is its own: its account is the source or the target, its hashtag or
      a link to its domain is pushed, its words stand in the payer's name;
    * 12 w points if it is only named: by account among the targets, or by account, hashtag or word within a
      copied text.

    Points are those of the strongest entry, and a quarter of those of all others together, 100 at the most.

    Accounts are compared without case; hashtags and words without case and accents (`detectors.text.fold`),
    words as whole words in their order; a domain with all that is below it.

Defaults, and why
    Three fifths for being named: a text that names a candidate may be about somebody else. A quarter of all
    others: a case about two candidates stands above one about either, and many topics hardly above one.

What it misses
    Names that are not in the file, other spellings, and links behind shorteners. Inflected words: write each.

What it does not prove
    Nothing: it says what the room asked for.

Examples
--------
>>> brenac = Watched(name="Brenac", kind="candidate", accounts=("ClaireBrenac",), weight=5)
>>> dykes = Watched(name="Dykes", kind="topic", hashtags=("DiguesGate",), weight=2)
>>> watch = WatchList([brenac, dykes])
>>> watch.relevance([Subject("hashtag", "diguesgate")], ["clairebrenac"], [])
Relevance(points=70, names=('Brenac', 'Dykes'))
>>> watch.relevance([Subject("hashtag", "football")], [], ["What a match"])
Relevance(points=0, names=())
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Literal, NamedTuple, get_args

import msgspec

from detectors.findings import Subject
from detectors.text import fold, read_entities

WatchedKind = Literal["candidate", "party", "topic", "medium", "place"]
WATCHED_KINDS: tuple[WatchedKind, ...] = get_args(WatchedKind)
LEAST_WEIGHT, USUAL_WEIGHT, MOST_WEIGHT = 1, 3, 5
PUSHED, NAMED = 20, 12
"""Points for each weight of an entry that the case is about, and of one that it names."""
OTHERS = 4
"""All entries but the strongest count for this part."""
MOST = 100
_HOST_END = re.compile(r"[/?#]")


class Watched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the room cares about."""

    name: str
    kind: WatchedKind
    accounts: tuple[str, ...] = ()
    """Ids or handles, with or without @."""
    hashtags: tuple[str, ...] = ()
    """With or without #."""
    words: tuple[str, ...] = ()
    """Words and phrases."""
    links: tuple[str, ...] = ()
    """Domains."""
    weight: int = USUAL_WEIGHT


class Relevance(NamedTuple):
    """How much of a case is the room's business."""

    points: int
    """0 to 100."""
    names: tuple[str, ...]
    """The entries that were met, those of the most points first."""


class WatchList:
    """All that the room cares about.

    Parameters
    ----------
    entries : iterable of Watched
        In any order, names unique.

    Attributes
    ----------
    entries : tuple of Watched
        Sorted by name.
    version : str or None
        Short hash of all entries; None where there are none.
    """

    def __init__(self, entries: Iterable[Watched] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda one: one.name))
        packed = msgspec.json.encode(self.entries)
        self.version = blake2b(packed, digest_size=6).hexdigest() if self.entries else None
        self._marks = [(entry, _Marks(entry)) for entry in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def relevance(
        self, subjects: Iterable[Subject], targets: Iterable[str], templates: Iterable[str]
    ) -> Relevance:
        """How much of a case is the room's business.

        Parameters
        ----------
        subjects : iterable of Subject
            What the case pushes.
        targets : iterable of str
            Accounts that its posts name.
        templates : iterable of str
            What it copies, see `detectors.text.template`.
        """
        if not self.entries:
            return Relevance(0, ())
        seen = _Seen(subjects, targets, templates)
        met = [(points, entry.name) for entry, marks in self._marks if (points := marks.points(seen))]
        met.sort(key=lambda one: (-one[0], one[1]))
        strongest, others = sum(points for points, _ in met[:1]), sum(points for points, _ in met[1:])
        return Relevance(min(MOST, strongest + others // OTHERS), tuple(name for _, name in met))


class _Seen:
    """What a case shows, folded: pushed by it, or only named in it."""

    def __init__(self, subjects: Iterable[Subject], targets: Iterable[str], templates: Iterable[str]) -> None:
        self.accounts: set[str] = set()
        self.hashtags: set[str] = set()
        self.hosts: set[str] = set()
        self.payers: list[str] = []
        for kind, value in subjects:
            if kind in ("target", "source"):
                self.accounts.add(_account(value))
            elif kind == "hashtag":
                self.hashtags.add(fold(value))
            elif kind == "link":
                self.hosts.update(_domains(value))
            elif kind == "payer":
                self.payers.append(_spaced(value))
        self.named_accounts = {_account(target) for target in targets}
        self.named_hashtags: set[str] = set()
        self.texts: list[str] = []
        for template in templates:
            entities = read_entities(template)
            self.named_accounts.update(map(_account, entities.mentions))
            self.named_hashtags.update(map(fold, entities.hashtags))
            self.texts.append(_spaced(entities.slotted))


class _Marks:
    """What tells one entry, folded."""

    def __init__(self, entry: Watched) -> None:
        self._weight = entry.weight
        self._accounts = frozenset(map(_account, entry.accounts))
        self._hashtags = frozenset(map(fold, entry.hashtags))
        self._domains = frozenset(domain.casefold().removeprefix("www.") for domain in entry.links)
        self._words = tuple(map(_spaced, entry.words))

    def points(self, seen: _Seen) -> int:
        """0 where it is not met."""
        if (
            self._accounts & seen.accounts
            or self._hashtags & seen.hashtags
            or self._domains & seen.hosts
            or self._stands_in(seen.payers)
        ):
            return PUSHED * self._weight
        if (
            self._accounts & seen.named_accounts
            or self._hashtags & seen.named_hashtags
            or self._stands_in(seen.texts)
        ):
            return NAMED * self._weight
        return 0

    def _stands_in(self, texts: list[str]) -> bool:
        return any(word in text for word in self._words for text in texts)


def _account(name: str) -> str:
    """An account as it is compared.

    >>> _account("@Claire_Brenac"), _account("100200300")
    ('claire_brenac', '100200300')
    """
    return name.strip().lstrip("@＠").casefold()


def _spaced(text: str) -> str:
    """A folded text with a space on both sides, in which whole words are looked for."""
    return f" {fold(text)} "


def _domains(link: str) -> Iterator[str]:
    """The domain of a normalised link and all above it.

    >>> list(_domains("https://www.news.valmorin.example:8080/a")), list(_domains("not a link"))
    (['news.valmorin.example', 'valmorin.example', 'example'], [])
    """
    _, mark, rest = link.partition("://")
    host = _HOST_END.split(rest, maxsplit=1)[0].rpartition("@")[2] if mark else ""
    domain = host.partition(":")[0].casefold().removeprefix("www.")
    while domain:
        yield domain
        domain = domain.partition(".")[2]
