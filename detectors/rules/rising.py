"""What a rise from nothing is worth, and how that is said. A rise alone is no alert: most rises are news."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.findings import Evidence, Finding
from detectors.rules.checks import Check, bots, bots_said, check, number, repetition, repetition_said
from detectors.rules.sentences import Both, count, count_fr, percent, percent_fr, shortened

BUSIEST = 0.5
"""Share of the posts that a tenth of the accounts must make."""
_MIN_ACCOUNTS = 15

NOT_PROVED: Both = (
    "A sudden rise does not prove a push: news, goals and jokes rise from nothing too.",
    "Une montée soudaine ne prouve pas une opération\u00a0: nouvelles, buts et plaisanteries montent ainsi.",
)


def rules(finding: Finding, linked: int, most_shared: int) -> Iterator[Check]:
    """All rules of this detector, met or not."""
    evidence = finding.evidence
    numbers: Evidence = {
        "posts": evidence["posts"],
        "usual": evidence["usual"],
        "minutes": evidence["minutes"],
        "deviations": evidence["deviations"],
    }
    needed = "many times its usual share of the stream, 6 robust standard deviations or more above it"
    yield check("risen", needed, numbers, 15, met=True)
    yield check(
        "few",
        f"a tenth of the accounts made {BUSIEST:.0%} of the posts or more",
        {"share": evidence["busiest_share"], "accounts": finding.accounts_total},
        10,
        met=number(evidence, "busiest_share") >= BUSIEST,
    )
    if finding.accounts_total >= _MIN_ACCOUNTS:
        yield repetition(linked, most_shared, finding, share=0.15, objects=2)
    yield bots(evidence, least=_MIN_ACCOUNTS, base=40)


def _risen(numbers: Evidence) -> Both:
    return (
        f"{count(numbers['posts'])} posts in {count(numbers['minutes'])} minutes, where its usual share of "
        f"the stream would give {numbers['usual']}",
        f"{count_fr(numbers['posts'])} messages en {count_fr(numbers['minutes'])} minutes, quand sa part "
        f"habituelle du flux en donnerait {numbers['usual']}",
    )


def _few(numbers: Evidence) -> Both:
    return (
        f"{percent(numbers['share'])} of them by a tenth of the {count(numbers['accounts'])} accounts",
        f"{percent_fr(numbers['share'])} d'entre eux par un dixième des "
        f"{count_fr(numbers['accounts'])} comptes",
    )


SENTENCES: dict[str, Callable[[Evidence], Both]] = {
    "risen": _risen,
    "few": _few,
    "repetition": repetition_said,
    "bots": bots_said,
}


def what(finding: Finding) -> Both:
    """What has risen."""
    kind, value = finding.subjects[0]
    shown = shortened(value)
    if kind == "hashtag":
        return f"Hashtag #{shown} from nothing", f"Mot-dièse #{shown} surgi de rien"
    return f"The link {shown} from nothing", f"Le lien {shown} surgi de rien"
