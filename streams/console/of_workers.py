"""What is kept over Kafka: accounts by the checkpoints, posts by what tasks tell each other, a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from detectors.events import moment_ms
from detectors.findings import Finding, author_of
from detectors.rules.sentences import NBSP
from streams.console.about import About
from streams.console.checkpointed import Checkpointed, NotRead
from streams.console.elsewhere import elsewhere
from streams.console.evidence import Evidence, StoredPost
from streams.console.gate import Refused
from streams.console.known import KnownCase
from streams.console.signalled import posts_of
from streams.console.stored import Stored
from streams.embedded import Settings
from streams.sources.opening import InputError

_THREADS = 2
"""So that one long question does not hold up all others."""
_LIMIT_S = 6.0
"""So long a page waits for the posts of a case; then it shows those that were found."""
_NOT_HERE: Final = {
    "en": "Over Kafka the workers do not keep every use of everything: only what leads can be explained "
    "here. Let `vigie record` keep it in a store: that answers, here too if the console is given it.",
    "fr": f"Avec Kafka, les workers ne gardent pas tout ce qui passe{NBSP}: seul ce qui domine s'explique "
    f"ici. Laissez `vigie record` le garder dans une base{NBSP}: elle répond, ici aussi si la console la "
    "reçoit.",
}
_ASK: Final = (
    "vigie record --store night.db",
    "vigie explain {kind} {value} --store night.db",
    "vigie console --store night.db",
)


class OfWorkers:
    """Answers from the checkpoints in Redis and the topic `signals`.

    Parameters
    ----------
    settings : Settings
    checkpoints : Checkpointed
    recorded : Stored, optional
        What `vigie record` keeps: by it anything can be explained.
    """

    path = None

    def __init__(self, settings: Settings, checkpoints: Checkpointed, recorded: Stored | None = None) -> None:
        self._kafka, self._checkpoints, self._recorded = settings.kafka, checkpoints, recorded
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="console-workers")

    async def evidence(self, case: KnownCase) -> Evidence | None:
        """All accounts and posts of a case; None once the workers have forgotten it.

        Raises
        ------
        Refused
            When Redis or Kafka does not answer.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._evidence, case)
        except (NotRead, InputError) as problem:
            raise Refused(409, f"The case cannot be read: {problem}") from None

    async def explain(self, kind: str, value: str) -> dict[str, Any]:
        """What the recording says; without one that it is not known here, and which commands answer it.

        Raises
        ------
        Refused
            When the recording cannot be read.
        """
        if self._recorded is not None:
            return await self._recorded.explain(kind, value)
        return elsewhere(kind, value, _NOT_HERE, _ASK)

    def _evidence(self, case: KnownCase) -> Evidence | None:
        findings = self._checkpoints.findings(case.case_id, case.finding_ids())
        if not findings:
            return None
        window = case.data["window"]
        about = About.of(findings, moment_ms(window["start"]), moment_ms(window["end"]))
        told = posts_of(self._kafka, about, _LIMIT_S)
        posts = _named(case, findings) | told.posts
        fate = self._checkpoints.fate(case.case_id)
        return Evidence(
            accounts=sorted(about.accounts),
            posts=sorted(posts.values(), key=lambda post: (post.time_ms, post.account, post.id)),
            profiles={},
            origin="workers",
            whole=told.whole,
            statuses=fate.accounts,
            erased=frozenset(fate.erased),
        )


def _named(case: KnownCase, findings: Iterable[Finding]) -> dict[tuple[str, str], StoredPost]:
    """The posts that the findings and the alerts name, for those that the topic does not hold any more."""
    keys = {author_of(account): account for finding in findings for account in finding.accounts}
    posts = {
        (keys[author_id], post_id): StoredPost(at_ms, keys[author_id], post_id, None, ())
        for (author_id, post_id), at_ms in case.posts.items()
        if author_id in keys
    }
    return posts | {
        (one.account, one.post_id): StoredPost(one.time_ms, one.account, one.post_id, None, one.targets)
        for finding in findings
        for one in finding.posts
    }
