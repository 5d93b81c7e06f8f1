"""The canary: a few invented accounts that say the same sentence, now and then.

Nobody is shown what is found of them. They tell whether an alert still gets through all stages, and how soon.
"""

from __future__ import annotations

from detectors.events import CANARY, Post, from_mapping

_AUTHORS = 4
_TEXT = (
    "Essai de la vigie, à ne montrer à personne : quatre comptes inventés disent la même longue phrase, pour "
    "savoir si une alerte traverse encore toutes les étapes et combien de temps elle met à arriver."
)


def canaries(now_ms: int, at_ms: int) -> list[Post]:
    """The posts of one canary, each of another account.

    Parameters
    ----------
    now_ms : int
        Wall clock, in milliseconds; their ids tell it.
    at_ms : int
        Their event time.

    Examples
    --------
    >>> [sent_ms(post.id) for post in canaries(1_700_000_000_000, 1_500_000_000_000)]
    [1700000000000, 1700000000000, 1700000000000, 1700000000000]
    """
    return [
        from_mapping(
            {
                "id": f"canary-{now_ms}-{number}",
                "platform": CANARY,
                "author_id": f"{CANARY}-{number}",
                "created_at": at_ms,
                "received_at": now_ms,
                "text": _TEXT,
            }
        )
        for number in range(1, _AUTHORS + 1)
    ]


def sent_ms(post_id: str) -> int:
    """When a canary was sent, by the wall clock; 0 where that is not the id of one.

    >>> sent_ms("7")
    0
    """
    part = post_id.split("-")
    return int(part[1]) if len(part) == 3 and part[1].isdigit() else 0
