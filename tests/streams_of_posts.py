"""Builders of invented streams: posts, texts, copies with edits, and streams with a planted operation."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import msgspec
import orjson
from hypothesis import strategies as st

from detectors.accounts.stage import Accounts
from detectors.batches import Signals
from detectors.events import Post, Profile, from_mapping
from detectors.groups.near_duplicates import NearDuplicateSettings
from detectors.groups.networks import NetworkSettings
from detectors.windows import TickBuffer, TimeSettings
from streams.embedded import Pipeline, Settings

START_MS = 1_500_000_000_000
"""Start of every stream: a whole minute and a whole tick."""
GRACE_MS = 10_000
SECOND, MINUTE = 1000, 60_000

SMALL = Settings(
    near_duplicates=NearDuplicateSettings(index_rows=1 << 12), networks=NetworkSettings(chance=1e9)
)
"""The default settings with a small index, sooner made, and networks whatever chance says."""

_FRENCH_WORDS = """
marché rivière boulangerie tracteur grenier soupe violon orage jardin clocher ruelle fontaine lanterne
moulin pressoir charrette brouillard vendange cerise fougère sentier colline barrage péniche écluse
horloge tambour fanfare guirlande bal parapluie chapeau manteau bottes couteau fourchette assiette
casserole farine levain beurre confiture noisette châtaigne sanglier hérisson mésange hirondelle
grenouille libellule fourmi abeille ruche miel cire bougie chandelle mange regarde traverse répare
oublie raconte promet déteste adore prépare cherche retrouve emporte mélange découpe arrose balaie
compte dessine murmure demain hier souvent jamais toujours presque vraiment doucement encore bientôt
rouge bleu vert ancien nouveau petit grand lourd tiède sombre étrange joyeux tranquille pressé maladroit
généreux voisin cousine facteur maire institutrice boucher pharmacienne gendarme plombier musicien
berger pêcheur meunier avec sans contre derrière devant pendant selon malgré depuis chez notre votre
leur cette aucune plusieurs quelques
"""
_ENGLISH_WORDS = """
market harbour bakery tractor attic soup violin thunder garden steeple alley fountain lantern windmill
orchard wagon mist harvest cherry bracken footpath hillside barge lockkeeper clockmaker drummer parade
ribbon umbrella bonnet coat boots ladle plate saucepan flour yeast butter marmalade hazelnut chestnut
badger hedgehog sparrow swallow froglet dragonfly beetle honeycomb candle eats watches crosses mends
forgets tells promises loathes adores prepares seeks recovers carries mingles slices waters sweeps
counts sketches whispers tomorrow yesterday often never always almost truly gently again shortly crimson
bluish greenish ancient newest little mighty heavy lukewarm gloomy strange merry quiet hurried clumsy
generous neighbour cousin postman mayor teacher butcher chemist constable plumber musician shepherd
angler miller with without against behind before during despite since among our your their every several
few rather
"""
_FRENCH, _ENGLISH = (words.split() for words in (_FRENCH_WORDS, _ENGLISH_WORDS))


def post(post_id: str, account: str, at_ms: int, text: str = "", **more: Any) -> Post:
    """One post, ``at_ms`` after the start of the stream."""
    profile = more.pop("author", None)
    made = from_mapping(
        {"id": post_id, "platform": "x", "author_id": account, "created_at": START_MS + at_ms, "text": text}
        | more
    )
    made.author = profile
    return made


def robot() -> Profile:
    """A profile that the automation score takes for a robot's."""
    return Profile(
        handle="GoodDeals4421",
        name="Good Deals",
        description="",
        posts=30,
        followers=4,
        likes=0,
        following=900,
        listed=0,
        created_at=datetime(2017, 5, 1, tzinfo=UTC),
        default_profile=True,
        verified=False,
    )


def person() -> Profile:
    """A profile that the automation score takes for a person's."""
    return Profile(
        handle="anna",
        name="Anna",
        description="Teacher. Bikes, books and bread, in turn.",
        posts=4000,
        followers=310,
        following=280,
        likes=5200,
        listed=4,
        created_at=datetime(2011, 1, 1, tzinfo=UTC),
        default_profile=False,
        verified=False,
    )


def newsroom() -> Profile:
    """A profile that says that it is a newsroom."""
    return msgspec.structs.replace(person(), handle="RadioValmont", description="Newsroom of Radio Valmont.")


def sentence(rng: random.Random, least: int = 60, most: int = 200) -> str:
    """An invented text in French or English of about so many characters."""
    words = rng.choice((_FRENCH, _ENGLISH))
    wanted = rng.randint(least + 5, most - 10)
    text = rng.choice(words)
    while len(text) < wanted:
        text += " " + rng.choice(words)
    return text[0].upper() + text[1:] + "."


def rewritten(rng: random.Random, text: str, cut: str = "anywhere") -> str:
    """A copy that differs by a fifth: two pairs of neighbouring words swapped, and a fifth cut at one place.

    ``cut`` is "end" or "anywhere"; the second takes the beginning or the end two times in three.
    """
    words = text.split()
    for _ in range(2):
        place = rng.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
    length = max(1, round(len(words) / 5))
    place = last = len(words) - length
    if cut == "anywhere":
        place = rng.choice((0, last, rng.randrange(last + 1)))
    return " ".join(words[:place] + words[place + length :])


CHEAP_EDITS = (
    str.upper,
    lambda text: text + " https://links.invalid/a1",
    lambda text: "@someone_else " + text,
    lambda text: text.replace(" ", "  ") + " !!!",
    lambda text: text.replace("e", "é"),
    lambda text: text.replace("o", "\u043e"),
    lambda text: "\U0001f525 " + text + " \U0001f64f\U0001f3fd",
    lambda text: text[:7] + "\u200b" + text[7:],
)
"""What a copier changes cheaply; none of it may make a text another one."""


@dataclass
class Stream:
    """A stream of posts in order of time, and what was planted in it."""

    posts: list[Post] = field(default_factory=list)
    copiers: set[str] = field(default_factory=set)
    pushers: set[str] = field(default_factory=set)

    def sort(self) -> None:
        """Put the posts in order of time."""
        self.posts.sort(key=lambda one: (one.time_ms, one.id))


def planted(seed: int, chatter: int = 120, copiers: int = 8, pushers: int = 18, minutes: int = 6) -> Stream:
    """A stream with copies aimed at accounts, a pushed hashtag, reposts and ordinary chatter."""
    rng = random.Random(seed)
    stream = Stream()
    end = minutes * MINUTE
    for number in range(chatter):
        account = f"u{rng.randrange(chatter)}"
        text = sentence(rng) + rng.choice(("", f" #tag{rng.randrange(6)}", " https://news.invalid/7"))
        stream.posts.append(
            post(f"c{number}", account, rng.randrange(end), text, author=person() if number % 2 else None)
        )
    lead = sentence(rng, 90, 140)
    for number in range(2 * copiers):
        account = f"copier{number % copiers}"
        text = rng.choice((lambda one: one, rng.choice(CHEAP_EDITS), lambda one: rewritten(rng, one)))(lead)
        moment = rng.randrange(end // 2) + (number >= copiers) * end // 2
        stream.posts.append(post(f"o{number}", account, moment, f"@victim{number} {text}"))
        stream.copiers.add(account)
    slogans = [sentence(rng, 60, 90) for _ in range(4)]
    for number in range(3 * pushers):
        account = f"pusher{number % pushers}"
        text = f"{slogans[number % 4]} #pushed"
        stream.posts.append(post(f"p{number}", account, rng.randrange(end), text, author=robot()))
        stream.pushers.add(account)
    for number in range(40):
        ref = rng.randrange(5)
        account = f"copier{number % copiers}" if number < 2 * copiers else f"u{rng.randrange(chatter)}"
        stream.posts.append(
            post(
                f"r{number}",
                account,
                rng.randrange(end),
                f"Look at this {ref}",
                kind="repost",
                ref_id=f"c{ref}",
                ref_author_id="u0",
            )
        )
    stream.sort()
    return stream


def streams() -> st.SearchStrategy[Stream]:
    """Streams with a planted operation, of different sizes and mixtures."""
    return st.builds(
        planted,
        seed=st.integers(0, 10**6),
        chatter=st.integers(40, 160),
        copiers=st.integers(6, 12),
        pushers=st.integers(15, 22),
        minutes=st.integers(3, 8),
    )


def shuffled(posts: Sequence[Post], rng: random.Random, grace_ms: int = GRACE_MS) -> list[Post]:
    """Another order of arrival in which no post is later than the grace."""
    return sorted(posts, key=lambda one: (one.time_ms + rng.randint(0, grace_ms), rng.random()))


def run(
    pipeline: Pipeline,
    posts: Sequence[Post],
    batch_sizes: Iterable[int] = (1000,),
    advance: random.Random | None = None,
) -> list[dict[str, Any]]:
    """Feed posts in batches of these sizes, over and over; with ``advance``, also let time pass at whim.

    The watermarks given to `advance` never go beyond what the posts before it imply.
    """
    alerts: list[dict[str, Any]] = []
    sizes = cycle(batch_sizes)
    newest = position = 0
    while position < len(posts):
        size = next(sizes)
        batch = list(posts[position : position + size])
        position += size
        alerts += pipeline.feed(batch)
        newest = max(newest, *(one.time_ms for one in batch))
        if advance is not None and advance.random() < 0.5:
            implied = newest - pipeline.gate.grace_ms
            alerts += pipeline.advance(implied - advance.choice((0, 0, 1, advance.randrange(20_000))))
    alerts += pipeline.finish()
    return alerts


def canonical(alerts: Iterable[dict[str, Any]]) -> bytes:
    """Alerts as bytes: one line each, keys sorted."""
    return b"\n".join(orjson.dumps(alert, option=orjson.OPT_SORT_KEYS) for alert in alerts)


def alerts_of(
    posts: Sequence[Post],
    batch_sizes: Iterable[int] = (1000,),
    settings: Settings | None = None,
    advance: random.Random | None = None,
) -> bytes:
    """The alerts of a stream, as canonical bytes."""
    return canonical(run(Pipeline(settings or SMALL), posts, batch_sizes, advance))


def batches(posts: Iterable[Post], accounts: Accounts | None = None) -> Iterator[Signals]:
    """The signals of a stream, tick by tick, as the detectors are given them."""
    accounts = accounts or Accounts()
    buffer = TickBuffer(TimeSettings(grace_s=0))
    buffer.add(sorted(posts, key=lambda one: one.time_ms))
    buffer.advance(buffer.last_tick())
    for tick_ms, held, _ in buffer.ready():
        yield accounts.take(tick_ms, held).signals()
