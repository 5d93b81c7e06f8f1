"""Protocol 10: accounts that change their language.

The first half of one author's own posts is glued to the second half of one who writes another language.
False alarms are on authors as they are, 70 % of whose 40 posts or more are in one language. The simple
rule is "a post in another language than most posts before it", from the twentieth on. Authors of a
reference, where there is one, are listed with whether their change is told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from detectors.accounts.languages import heard, tongues
from detectors.accounts.stage import spoken
from detectors.events import moment_ms
from streams.evaluating.figures import Counted, Figure, Measured, rule, share
from streams.evaluating.protocol import Bench, Protocol

_POSTS, _USUAL = 40, 0.7
_SIMPLE_FROM = 20
_SIMPLE = "a post in another language"


def told_at(languages: Sequence[str]) -> tuple[int, int]:
    """The place of the post at which a change is told, by the signal and by the simple rule; -1 for never."""
    recent = b""
    counts: tuple[tuple[str, int], ...] = ()
    told = simple = -1
    before = Counter[str]()
    for place, language in enumerate(languages):
        counts, recent = spoken(counts, language), heard(recent, language)
        if told < 0 and tongues(recent, counts, None).changed:
            told = place
        if simple < 0 and place >= _SIMPLE_FROM and language != before.most_common(1)[0][0]:
            simple = place
        before[language] += 1
    return told, simple


def own_languages(bench: Bench) -> dict[str, list[str]]:
    """The languages of each author's own posts, in the order of time."""
    held: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for table in bench.folder.tables("operation posts"):
        if "language" not in table.columns:
            continue
        rows = table.read(
            lambda row: (
                (row["author_id"], moment_ms(row["created_at"]), row["language"])
                if row.get("kind") != "retweet"
                else None
            )
        )
        for author, time_ms, language in rows:
            held[author].append((time_ms, language))
    return {
        author: [language for _, language in sorted(rows, key=lambda row: row[0])]
        for author, rows in sorted(held.items())
    }


def usual_languages(own: dict[str, list[str]]) -> dict[str, str]:
    """The usual language of each author who has one."""
    usual = {}
    for author, languages in own.items():
        if len(languages) >= _POSTS:
            name, count = Counter(languages).most_common(1)[0]
            if count >= _USUAL * len(languages):
                usual[author] = name
    return usual


def measure(bench: Bench) -> Measured:
    """Glued authors, authors as they are, and those of the reference."""
    own = own_languages(bench)
    usual = usual_languages(own)
    if len(set(usual.values())) < 2:
        return Measured(unmeasurable="no two authors with 40 own posts write different languages")
    rng = bench.rng("language")
    names = list(usual)
    hits: list[Counted] = []
    simple_hits: list[Counted] = []
    delays: list[int] = []
    while len(hits) < bench.of(150, 500):
        one, other = rng.sample(names, 2)
        if usual[one] == usual[other]:
            continue
        first, second = own[one][: len(own[one]) // 2], own[other][len(own[other]) // 2 :]
        told, simple = told_at(first + second)
        hits.append((told >= len(first), 1))
        simple_hits.append((simple >= len(first), 1))
        if told >= len(first):
            delays.append(told - len(first) + 1)
    false = [told_at(own[author]) for author in usual]
    seed = bench.seed
    figures = [
        share(
            "glued authors whose change is told",
            hits,
            "glued authors",
            seed,
            wanted=">= 0.9",
            baselines=(rule(_SIMPLE, simple_hits, seed),),
        ),
        share(
            "authors as they are, of whom a change is told",
            [(told >= 0, 1) for told, _ in false],
            "authors",
            seed,
            wanted="< 0.02",
            baselines=(rule(_SIMPLE, [(simple >= 0, 1) for _, simple in false], seed),),
        ),
        Figure(
            measure="posts until a change is told, median",
            value=float(median(delays)) if delays else None,
            of=len(delays),
        ),
    ]
    known = _reference(bench, own)
    if known:
        figures.append(share("authors of the reference with posts here, told", known, "authors", seed))
    return Measured(figures=figures)


def _reference(bench: Bench, own: dict[str, list[str]]) -> list[Counted]:
    listed = {
        author
        for table in bench.folder.tables("language reference")
        for author in table.read(lambda row: row["author_id"])
    }
    return [(told_at(own[author])[0] >= 0, 1) for author in sorted(listed & own.keys())]


PROTOCOL = Protocol(
    number=10,
    name="language-change",
    title="Changes of language",
    needs=(("operation posts",),),
    measure=measure,
)
