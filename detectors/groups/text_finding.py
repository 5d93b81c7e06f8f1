"""The finding of a group of copies: who posted them, at whom they aim, what would explain them."""

from __future__ import annotations

from collections import Counter

from detectors import background
from detectors.findings import Evidence, Finding, Member, Subject, stable_id
from detectors.groups.text_cluster import TextCluster
from detectors.text import template

_POSTS, _KEYS, _TARGETS = 50, 200, 20
"""How many of each are shown."""
_Aims = dict[str, set[str]]
"""Accounts by whom they name."""


def finding_of(
    cluster: TextCluster, detector: str, tick_ms: int, bits: float | None, posts_in_window: int
) -> Finding:
    """What is told of a cluster.

    Parameters
    ----------
    cluster : TextCluster
    detector : str
        Name under which it is told.
    tick_ms : int
        Event time of the judgement, in milliseconds.
    bits : float or None
        How much the copies' agreement tells beyond chance (`detectors.background.coincidence_bits`).
    posts_in_window : int
        Original posts of the stream among which the copies stand.
    """
    members = list(cluster.members)
    aims = _aims(members)
    declared = {member.account for member in members if member.declared}
    shown = [members[0], *members[1:][-(_POSTS - 1) :]]
    return Finding(
        finding_id=stable_id("f", detector, cluster.cluster_id),
        detector=detector,
        subjects=_subjects(cluster, members, aims),
        start_ms=members[0].time_ms,
        end_ms=members[-1].time_ms,
        judged_ms=tick_ms,
        accounts=tuple(sorted(cluster.accounts)),
        accounts_total=len(cluster.accounts),
        posts=tuple(shown),
        posts_total=len(members) + cluster.forgotten,
        template=template(cluster.text, targets_vary=len(aims) > 1),
        evidence={"coincidence_bits": bits}
        | _evidence(cluster, members, aims)
        | {"original_posts_in_window": posts_in_window},
        declared=len(declared),
        targets=_most_named(aims),
        text_keys=tuple(sorted(cluster.sharers)[:_KEYS]),
    )


def _aims(members: list[Member]) -> _Aims:
    aims: _Aims = {}
    for member in members:
        for target in member.targets:
            aims.setdefault(target, set()).add(member.account)
    return aims


def _subjects(cluster: TextCluster, members: list[Member], aims: _Aims) -> tuple[Subject, ...]:
    """The text itself, and whom and which hashtags four fifths of it name."""
    named = [name for name, accounts in aims.items() if len(accounts) * 5 >= len(cluster.accounts) * 4]
    counts = Counter(tag for member in members for tag in set(member.hashtags))
    tags = [tag for tag in counts if counts[tag] * 5 >= len(members) * 4]
    return (
        Subject("text", cluster.cluster_id),
        *(Subject("target", name) for name in sorted(named)),
        *(Subject("hashtag", tag) for tag in sorted(tags)),
    )


def _evidence(cluster: TextCluster, members: list[Member], aims: _Aims) -> Evidence:
    by_account = {member.account: member.score for member in members}
    reach = Counter(account for accounts in aims.values() for account in accounts)
    return {
        "cohesion": cluster.cohesion() if cluster.folded else 1.0,
        "characters": len(cluster.folded) or None,
        "text_bits": round(cluster.bits, 1) if cluster.folded else None,
        "targets": len(aims),
        "top_target_accounts": max((len(accounts) for accounts in aims.values()), default=0),
        "several_targets_accounts": sum(count > 1 for count in reach.values()),
        "linked_share": round(sum(member.linked for member in members) / len(members), 4),
        "sourced_share": round(sum(member.sourced for member in members) / len(members), 4),
        "span_s": (members[-1].time_ms - members[0].time_ms) // 1000,
    } | background.expected_share(sorted(score for score in by_account.values() if score >= 0))


def _most_named(aims: _Aims) -> tuple[tuple[str, int], ...]:
    """Whom a cluster names, with how many accounts name each, the most named first."""
    counted = [(name, len(accounts)) for name, accounts in aims.items()]
    return tuple(sorted(counted, key=lambda one: (-one[1], one[0]))[:_TARGETS])
