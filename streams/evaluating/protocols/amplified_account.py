"""Protocol 4: one account that takes over a third of all reposts of a stream is ranked first.

The ranking is that of `vigie top sources`, over the whole recording. Nothing proves such an account
inauthentic, so the alerts about it must say what they do not prove, and must not say that it is fake, a
bot or a troll.
"""

from __future__ import annotations

import re
from collections import Counter

from detectors.events import Post
from streams.embedded import Pipeline
from streams.evaluating.figures import Baseline, Figure, Measured
from streams.evaluating.judged import SETTINGS
from streams.evaluating.mixing import read_posts
from streams.evaluating.protocol import Bench, Protocol
from streams.ranking import rank

THIRD = 1 / 3
_ACCUSING = re.compile(r"\b(fake|faux|inauthentic|inauthentique|troll|robot|bot|paid|payé)", re.IGNORECASE)


def measure(bench: Bench) -> Measured:
    """The most reposted account of each recording that names whom it reposts."""
    measured = Measured(figures=[])
    shares = []
    for table in bench.folder.tables("organic posts"):
        posts = read_posts(table)
        counts = Counter(post.ref_author_id for post in posts if post.ref_author_id)
        if not counts:
            continue
        bench.tell(table.stem)
        ((account, reposts),) = counts.most_common(1)
        top = reposts / counts.total()
        shares.append(f"{top:.1%} of {counts.total():,} reposts in {table.stem}")
        if top > THIRD:
            measured.figures += _figures(table.stem, str(account), posts, top)
    if not measured.figures:
        here = "; ".join(shares) or "no file says whom a repost repeats"
        measured.unmeasurable = f"no account takes over a third of the reposts: the most is {here}"
    return measured


def _figures(name: str, account: str, posts: list[Post], top: float) -> list[Figure]:
    ranked = rank([posts], "sources").rows(limit=len(posts))
    place = next(row["rank"] for row in ranked if row["value"] == account)
    pipeline = Pipeline(SETTINGS)
    alerts = [*pipeline.feed(posts), *pipeline.finish()]
    about = [one for one in alerts if str(one["subject"]).endswith(f":{account}")]
    accusing = [one for one in about if _accuses(one["data"]["summary"]) or not one["data"]["not_proved"]]
    return [
        Figure(
            measure=f"{name}: rank of the account that takes over a third of the reposts",
            value=place,
            wanted="= 1",
            baselines=(Baseline("count of reposts", 1),),
            note=f"it takes {top:.1%} of them",
        ),
        Figure(
            measure=f"{name}: alerts about it that accuse, or do not say what they do not prove",
            value=len(accusing),
            of=len(about),
            wanted="= 0",
        ),
    ]


def _accuses(summary: dict[str, str]) -> bool:
    return any(_ACCUSING.search(text) for text in summary.values())


PROTOCOL = Protocol(
    number=4,
    name="amplified-account",
    title="One account amplified",
    needs=(("organic posts",),),
    measure=measure,
)
