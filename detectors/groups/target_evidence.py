"""What is measured of the posts that name one account."""

from __future__ import annotations

from collections import Counter

from detectors.background import expected_share
from detectors.batches import MentionSignal
from detectors.findings import Evidence

_KNOWN = 5
"""Accounts with earlier posts under which a share of strangers is not enough data."""


def measured(mentions: list[MentionSignal], *, settled: bool) -> Evidence:
    """All that does not depend on when the posts came.

    Parameters
    ----------
    mentions : list of MentionSignal
        At least one, in order of time.
    settled : bool
        Whether the stream was seen for long enough to say who named the account before.
    """
    scores = {one.member.account: one.member.score for one in mentions}
    evidence = _habits(mentions) | _copies(mentions) | _contact(mentions, settled=settled)
    evidence |= _company(mentions)
    return evidence | expected_share(sorted(score for score in scores.values() if score >= 0))


def _habits(mentions: list[MentionSignal]) -> Evidence:
    """How the accounts post: how often, as replies, with links or tags, naming others or not."""
    counts: dict[str, int] = {}
    replies = linked = tagged = alone = 0
    for one in mentions:
        member = one.member
        counts[member.account] = counts.get(member.account, 0) + 1
        replies += one.reply
        linked += member.linked
        tagged += bool(member.hashtags)
        alone += len(set(member.targets)) == 1
    posts = len(mentions)
    return {
        "posts_per_account": round(posts / len(counts), 4),
        "repeaters": round(sum(count > 1 for count in counts.values()) / len(counts), 4),
        "reply_share": round(replies / posts, 4),
        "linked_share": round(linked / posts, 4),
        "tagged_share": round(tagged / posts, 4),
        "alone_share": round(alone / posts, 4),
    }


def _copies(mentions: list[MentionSignal]) -> Evidence:
    """Texts that several accounts sent to the target, and what else could explain them."""
    users: dict[int, set[str]] = {}
    lengths: dict[int, int] = {}
    for one in mentions:
        if one.key:
            users.setdefault(one.key, set()).add(one.member.account)
            lengths[one.key] = one.length
    copied = [one for one in mentions if one.key and len(users[one.key]) > 1]
    times = Counter(one.member.account for one in copied)
    explained = sum(one.member.linked or one.member.sourced or bool(one.member.hashtags) for one in copied)
    return {
        "copied": round(len(copied) / len(mentions), 4),
        "copies_accounts": max(map(len, users.values()), default=0),
        "copies_characters": max(((len(users[key]), lengths[key]) for key in users), default=(0, 0))[1],
        "copying_accounts": len(times),
        "copying_again": sum(count > 1 for count in times.values()),
        "copies_explained": round(explained / len(copied), 4) if copied else None,
    }


def _contact(mentions: list[MentionSignal], *, settled: bool) -> Evidence:
    """Accounts that did not name the target before.

    An account whose first post this is cannot be said to have kept silent about the target before.
    """
    first: dict[str, bool] = {}
    known: dict[str, None] = {}
    for one in mentions:
        account = one.member.account
        if account not in first and one.member.activity > 1:
            known[account] = None
        first[account] = first.get(account, False) or one.first
    enough = settled and len(known) >= _KNOWN
    return {
        "first_share": round(sum(first.values()) / len(first), 4),
        "known_accounts": len(known),
        "strangers": round(sum(first[account] for account in known) / len(known), 4) if enough else None,
    }


def _company(mentions: list[MentionSignal]) -> Evidence:
    """Other accounts that the same posts name, and how many accounts of the group name the same one."""
    others: dict[str, set[str]] = {}
    for one in mentions:
        for name in one.member.targets:
            if name != one.target:
                others.setdefault(name, set()).add(one.member.account)
    shared = [users for users in others.values() if len(users) > 1]
    return {
        "other_targets": len(others),
        "several_targets_accounts": len(set().union(*shared)),
        "top_other_target_accounts": max(map(len, others.values()), default=0),
    }


def attack_score(evidence: Evidence) -> float:
    """How much a target's hour looks like an attack, 0 to 1; see `detectors.groups.targets` for the formula.

    >>> attack_score({"burst": 0.2, "burst_reference": 0.25, "copied": 0.0, "linked_share": 1.0})
    0.0
    >>> attack_score({"burst": 1.0, "burst_reference": 0.25, "copied": 0.5, "linked_share": 0.0})
    1.0
    """
    burst, reference = evidence["burst"] or 0.0, evidence["burst_reference"] or 0.0
    beyond = max(0.0, (burst - reference) / (1 - reference)) if reference < 1 else 0.0
    copied, linked = evidence["copied"] or 0.0, evidence["linked_share"] or 0.0
    return round(0.5 * beyond + 0.3 * min(1.0, 2 * copied) + 0.2 * (1 - linked), 4)
