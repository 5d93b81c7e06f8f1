"""Open coordination: groups that say what they are, and texts that many post without agreeing on more.

What it tells
    ``declared``: most accounts of the group declare what they are (`detectors.accounts.declared`, the room's
    lists). ``give_away``, ``fandom_vote``, ``shared_by_button`` (the result of a game) and ``spam`` (sales,
    calls to follow each other, offers of tokens): the words that all of them copy say so. Such a group is
    shown apart, and is no alert.

Definition
    ``declared``: `OPEN_SHARE` of the accounts or more, whatever the detector.

    By its words a group is open if *all* of this holds, for a genre of `detectors.genres`:

    * the copies are one text, equal but for numbers, links, names and hashtags: of several variants, the one
      that can be read here need not be what the others say;
    * a word says what it is, another asks for what it wants done, and `OWN_SHARE` or more of the different
      words are the genre's;
    * no other word accuses anybody or is politics, as far as the list of such words goes;
    * every hashtag of the posts is the genre's own (a vote may have one more: whom it is for);
    * one account at most is named, and a word like "follow" or "with" leads to it: where a name stands at the
      start, somebody is addressed;
    * what must lead somewhere (a shop, a game) has its link, and a result its figure.

    Of a hashtag there is no text. One of a genre's own is open if `TAG_SHARE` of its posts have no other. A
    vote's may have one more beside it, whom it is for: one that holds no accusing or political word, in a
    post that names nobody.

    That other one, the star's, is open if all of this holds: `TAG_SHARE` of its posts are such posts of a
    vote; as many of its original posts are copies, and no post is reposted by several under it, so that what
    is posted has findings of its own; one of these has been read, is open by its words and has the star's
    hashtag; and at least `READ_SHARE` as many accounts are in it as in the star's (`detectors.open_groups`).

Which findings
    Those of ``near_duplicates`` by text, those of ``hashtags`` and ``rising`` by hashtag. A rise counts no
    copies: that of a star's hashtag is open while the finding of ``hashtags`` on it is. All other detectors
    see no words: their findings are open only where the accounts declare themselves.

Defaults, and why
    Rules, no model, and narrow: whoever wants to hide a text behind a give-away must add half as many words
    as it has, and name nobody. A link or hashtag that is pushed so has findings of its own, which stay. A
    group with an account that a list attributes to somebody is never open.

What it misses
    Other languages, copies with variants, and votes in everybody's own words. Slogans, headlines, jokes and
    chain letters say nothing of themselves that an operation could not add, so they are left to
    `detectors.rules`; so are sexual offers, since a smear reads like one. Only hashtags of the posts shown
    are seen.

What it does not prove
    That a give-away is honest, or that whoever calls itself a newsroom is one.

Examples
--------
>>> from detectors.genres import GIVE_AWAY
>>> own, words = telling(GIVE_AWAY, "Giveaway! Follow @shop, retweet to win a bicycle, ends Friday #giveaway")
>>> own, words
(('ends', 'follow', 'giveaway', 'retweet', 'win'), 9)
>>> telling(GIVE_AWAY, "Giveaway! Follow @shop, retweet to win a bicycle off a liar #giveaway")
>>> telling(GIVE_AWAY, "@mayor Giveaway! Follow, retweet to win a bicycle, ends Friday #giveaway")
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from detectors.findings import Finding, Member
from detectors.genres import GENRES, LEADS_TO, LOADED_STEMS, LOADED_WORDS, Genre, Kind
from detectors.rules.checks import number
from detectors.rules.sentences import NBSP, Both, count, count_fr, percent, percent_fr
from detectors.text import MENTION, fold, read_entities

OPEN_SHARE = 0.6
"""Share of accounts that declare what they are from which a group is open coordination, not an alert."""
OWN_SHARE = 1 / 3
"""Share of a text's different words that must be the genre's."""
TAG_SHARE = 0.8
"""Share of a hashtag's posts that must have no other hashtag than the genre's, and for a star's be copies."""
READ_SHARE = 0.5
"""Accounts of a vote's copies for each of its star's hashtag, at the least. A text is judged when it has
grown by half, so it may be known of two thirds of `TAG_SHARE` of them only."""
LINKED_SHARE = 0.9
"""Share of the posts that must have a link where the genre leads somewhere."""

_TARGETS_VARY, _NUMBER = "{@target}", "{number}"
_SLOT = re.compile(r"\{(?:link|number)\}")
_ACCUSING = tuple(sorted(LOADED_WORDS))
"""Within a hashtag so short a word is told only where it begins or ends, as in the names of affairs."""


class Openness(NamedTuple):
    """Why a group is shown apart."""

    kind: Kind
    why: Both
    """One sentence with figures, in English and French."""
    share: float
    """Of the accounts that declare themselves; of the words that are the genre's; of the hashtag's posts."""


def openness(finding: Finding, attributed: int = 0) -> Openness | None:
    """Whether a group is open coordination; None where it is not, or in doubt.

    Parameters
    ----------
    finding : Finding
    attributed : int
        Accounts of the finding that a list of the room attributes to somebody.
    """
    if attributed or not finding.accounts:
        return None
    if finding.declared >= OPEN_SHARE * len(finding.accounts):
        return _declared(finding)
    if finding.detector == "near_duplicates":
        return _by_text(finding)
    if finding.detector in ("hashtags", "rising"):
        return _by_tag(finding)
    return None


def telling(genre: Genre, template: str) -> tuple[tuple[str, ...], int] | None:
    """The words by which a text is one of a genre, sorted, and how many different words it has.

    Parameters
    ----------
    genre : Genre
    template : str
        As `detectors.text.template` renders it.
    """
    if _TARGETS_VARY in template or (genre.numbered and _NUMBER not in template):
        return None
    entities = read_entities(_SLOT.sub(" ", template))
    tokens = fold(entities.slotted).split()
    if not _names_led_to(tokens):
        return None
    words = {token for token in tokens if token != MENTION}
    words.update(_plain(tag) for tag in entities.hashtags)
    own = words & genre.words
    if any(_loaded(word) for word in words - own):
        return None
    said = not words.isdisjoint(genre.says) and not words.isdisjoint(genre.asks)
    return (tuple(sorted(own)), len(words)) if said and len(own) >= OWN_SHARE * len(words) else None


def _declared(finding: Finding) -> Openness:
    declared, accounts = finding.declared, len(finding.accounts)
    return Openness(
        "declared",
        (
            f"{count(declared)} of the {count(accounts)} accounts say what they are: a newsroom, a party, an "
            "organisation, a bot",
            f"{count_fr(declared)} des {count_fr(accounts)} comptes disent ce qu'ils sont{NBSP}: une "
            "rédaction, un parti, une organisation, un robot",
        ),
        round(declared / accounts, 4),
    )


def _by_text(finding: Finding) -> Openness | None:
    """The one text that all copies are."""
    if finding.template is None or len(finding.text_keys) != 1:
        return None
    if number(finding.evidence, "targets") != len(set(read_entities(finding.template).mentions)):
        return None
    tags = {_plain(tag) for member in finding.posts for tag in member.hashtags}
    for genre in GENRES:
        told = telling(genre, finding.template)
        linked = not genre.linked or number(finding.evidence, "linked_share") >= LINKED_SHARE
        if told is not None and linked and _tags_of(genre, tags):
            return _told(genre, *told)
    return None


def _told(genre: Genre, own: tuple[str, ...], words: int) -> Openness:
    english, french = genre.named
    shown = own[:5]
    return Openness(
        genre.kind,
        (
            f"all copies are one text, that of {english}: so are {len(own)} of its {words} different words, "
            f"such as {', '.join(f'“{word}”' for word in shown)}",
            f"les copies sont un seul texte, celui d'{french}{NBSP}: {len(own)} de ses {words} mots "
            f"différents en relèvent, comme {', '.join(f'«{NBSP}{word}{NBSP}»' for word in shown)}",
        ),
        round(len(own) / words, 4),
    )


def _by_tag(finding: Finding) -> Openness | None:
    """A hashtag that is a genre's own, in posts that push no other."""
    kind, value = finding.subjects[0]
    for genre in GENRES:
        is_own = kind == "hashtag" and _plain(value) in genre.tags
        if is_own and (share := _share_of(genre, finding)) >= TAG_SHARE:
            english, french = genre.named
            but, sauf = (", or whom it is for", ", ou pour qui il est") if genre.other_tags else ("", "")
            return Openness(
                genre.kind,
                (
                    f"the hashtag #{value} is that of {english}, and {percent(share)} of the posts shown "
                    f"have no other{but}",
                    f"le mot-dièse #{value} est celui d'{french}, et {percent_fr(share)} des messages "
                    f"montrés n'en ont pas d'autre{sauf}",
                ),
                round(share, 4),
            )
    return None


def of_star(finding: Finding, template: str) -> Openness | None:
    """Whether a hashtag is only whom a vote is for, as far as its own posts say.

    Parameters
    ----------
    finding : Finding
        Of a hashtag.
    template : str
        The text of a vote, open by its words.
    """
    value = finding.subjects[0].value
    read = set(map(_plain, read_entities(template).hashtags))
    for genre in GENRES:
        is_star = _plain(value) in read - genre.words and bool(genre.other_tags)
        if is_star and _is_read(finding) and (share := _share_of(genre, finding)) >= TAG_SHARE:
            english, french = genre.named
            return Openness(
                genre.kind,
                (
                    f"{percent(share)} of the posts shown have the hashtag of {english} beside #{value} and "
                    "no third, and their text is that of the vote",
                    f"{percent_fr(share)} des messages montrés ont le mot-dièse d'{french} à côté de "
                    f"#{value}, sans troisième, et leur texte est celui du vote",
                ),
                round(share, 4),
            )
    return None


def _is_read(finding: Finding) -> bool:
    """Whether what is posted under a hashtag is copied, and has findings of its own, which read its words."""
    copied, reposted = number(finding.evidence, "copied"), number(finding.evidence, "co_reposted_posts")
    return copied >= TAG_SHARE and reposted == 0


def _share_of(genre: Genre, finding: Finding) -> float:
    """Of the posts shown, those without a hashtag but a genre's, or whom it is for and then nobody's name."""
    return sum(_is_of(genre, member) for member in finding.posts) / max(1, len(finding.posts))


def _is_of(genre: Genre, member: Member) -> bool:
    tags = set(map(_plain, member.hashtags))
    if tags <= genre.words:
        return True
    return not tags.isdisjoint(genre.tags) and _tags_of(genre, tags) and not member.targets


def _plain(tag: str) -> str:
    """A hashtag without its year."""
    return fold(tag.rstrip("0123456789"))


def _loaded(word: str) -> bool:
    """Whether a word accuses or is politics; in a hashtag it may stand anywhere."""
    return word in LOADED_WORDS or word.startswith(LOADED_STEMS)


def _tags_of(genre: Genre, tags: Iterable[str]) -> bool:
    """Whether hashtags are the genre's own, but for as many as it may have besides."""
    others = [tag for tag in tags if tag not in genre.words]
    return len(others) <= genre.other_tags and not any(map(_loaded_tag, others))


def _loaded_tag(tag: str) -> bool:
    """Whether a hashtag, of words that nothing parts, accuses or is politics."""
    return tag.startswith(_ACCUSING) or tag.endswith(_ACCUSING) or any(stem in tag for stem in LOADED_STEMS)


def _names_led_to(tokens: list[str]) -> bool:
    """Whether a word that leads to it stands before each name, as in "follow @shop", "sigue a @tienda"."""
    tokens = [token for token in tokens if token != "a"]
    return all(
        place > 0 and tokens[place - 1] in LEADS_TO for place, token in enumerate(tokens) if token == MENTION
    )
