"""What networks of co-sharing ask for: pairs of accounts that share several things, each within a minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from detectors.batches import SEQUENCE, ShareSignal, Signals
from detectors.findings import Subject
from detectors.groups.co_sharing import CoSharing
from detectors.rules.sentences import NBSP
from streams.explaining.conditions import Condition, Section, at_least, at_most
from streams.explaining.counting import at_once
from streams.explaining.question import Question
from streams.stores.rows import Use

_DAY_MINUTES = 24 * 60
_MOST_COMPARED = 200
"""Accounts of which all pairs are compared."""
_NEWEST_POSTS = 50
"""Posts of an account around which others are looked for."""

Pair = tuple[str, str]


def of_subject(question: Question, about: Subject) -> Section:
    """A thing that is shared: how many share it at once, and what else they share so."""
    gap_s, crowd = question.settings.networks.close_s, question.settings.co_sharing.crowd_accounts
    uses = [use for use in question.uses(about, _DAY_MINUTES) if use.kind != "repost"]
    near, most = _together(uses, gap_s * 1000)
    conditions = [
        at_least(
            (
                f"accounts within {gap_s} s of another one in a day",
                f"comptes à moins de {gap_s} s d'un autre en un jour",
            ),
            2,
            len(near),
        ),
        at_most(
            (
                f"accounts within {gap_s} s at its busiest: more are a crowd",
                f"comptes en {gap_s} s au plus fort{NBSP}: davantage est une foule",
            ),
            crowd,
            most,
        ),
    ]
    strongest: int | None = None
    largest: int | None = None
    if len(near) <= _MOST_COMPARED:
        posts = question.stored.by_accounts(near, question.since(_week(question)), question.at_ms)
        shared = coincidences(question, posts)
        strongest, largest = max(shared.values(), default=0), _largest(_edges(question, shared))
    return Section("co_sharing", (*conditions, *_network(question, strongest, largest)))


def of_account(question: Question, keys: Sequence[str]) -> Section:
    """An account: with how many others it shared things at once, around its newest posts."""
    gap_ms = question.settings.networks.close_s * 1000
    mine = question.stored.by_accounts(keys, question.since(_week(question)), question.at_ms)[-_NEWEST_POSTS:]
    wanted = {thing for use in mine for thing in things(use)}
    around = question.stored.around((use.time_ms for use in mine), gap_ms)
    near = [use for use in around if use.time_ms < question.at_ms and not wanted.isdisjoint(things(use))]
    shared = {
        pair: count for pair, count in coincidences(question, near).items() if not set(keys).isdisjoint(pair)
    }
    largest = _largest(_edges(question, shared))
    return Section("co_sharing", _network(question, max(shared.values(), default=0), largest))


def _network(question: Question, strongest: int | None, largest: int | None) -> tuple[Condition, ...]:
    networks = question.settings.networks
    shared = (
        f"things shared within {networks.close_s} s by one pair",
        f"contenus partagés en {networks.close_s} s par une même paire",
    )
    joined = "accounts in a network of such pairs", "comptes dans un réseau de telles paires"
    return (
        at_least(shared, networks.min_objects, strongest),
        at_least(joined, networks.min_accounts, largest),
        at_most(("such pairs by chance", "telles paires par hasard"), networks.chance, None),
    )


def _week(question: Question) -> int:
    return question.settings.pairs.window_hours * 60


def things(use: Use) -> Iterator[Subject]:
    """What a post shares with others; of a repost only the post reposted."""
    platform = use.account.partition("\x1f")[0]
    if use.kind == "repost":
        if use.ref:
            yield Subject("post", f"{platform}\x1f{use.ref}")
        return
    yield from (Subject("link", link) for link in use.links)
    yield from (Subject("media", f"{platform}\x1f{name}") for name in use.media)
    yield from (Subject("hashtag", name) for name in use.hashtags)
    if len(use.hashtags) >= SEQUENCE:
        yield Subject("sequence", " ".join(use.hashtags))
    if use.ref:
        yield Subject("reply", f"{platform}\x1f{use.ref}")
    if use.text:
        yield Subject("text", use.text)


def coincidences(question: Question, uses: Iterable[Use]) -> dict[Pair, int]:
    """How often each pair of accounts shared a thing at once, by the detector itself, over some posts.

    A post with a link and two hashtags and its copy are one coincidence.
    """
    tick_ms, gap_ms = question.settings.time.tick_s * 1000, question.settings.networks.close_s * 1000
    detector = CoSharing(question.settings.co_sharing)
    posts: dict[Pair, set[Pair]] = {}
    for tick, part in groupby(uses, key=lambda use: use.time_ms // tick_ms + 1):
        shares = [
            ShareSignal(use.time_ms, use.post_id, use.account, use.activity, thing)
            for use in part
            for thing in things(use)
        ]
        for tie in detector.take(Signals(tick * tick_ms, [], [], shares, [], [])):
            if abs(tie.gap_ms) <= gap_ms:
                posts.setdefault((tie.one, tie.other), set()).add(tie.posts)
    return {pair: len(met) for pair, met in posts.items()}


def _together(uses: Sequence[Use], gap_ms: int) -> tuple[set[str], int]:
    """Accounts with another one so close on one thing; the most that were so close at once."""
    close: set[str] = set()
    most = 0
    for now in at_once(uses, gap_ms):
        most = max(most, len(now))
        if len(now) > 1:
            close.update(now)
    return close, most


def _edges(question: Question, shared: dict[Pair, int]) -> list[Pair]:
    least = question.settings.networks.min_objects
    return [pair for pair, count in shared.items() if count >= least]


def _largest(edges: Iterable[Pair]) -> int:
    """Accounts of the largest group that hangs together.

    >>> _largest([("a", "b"), ("c", "d"), ("b", "e")])
    3
    """
    groups: list[set[str]] = []
    for edge in edges:
        joined = set(edge).union(*(group for group in groups if not group.isdisjoint(edge)))
        groups = [*(group for group in groups if group.isdisjoint(edge)), joined]
    return max(map(len, groups), default=0)
