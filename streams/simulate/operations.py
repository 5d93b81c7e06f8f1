"""Operations: accounts that act in concert, each post labelled with its operation and its part in it.

Promoted posts are in `promoted`, accounts of a list in `listed`, what becomes of accounts in `aftermath`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random

from .aftermath import aftermath
from .cascade import Feed, Shown
from .lead_in import lead_in
from .listed import listed_drafts
from .people import Account
from .playing import Play
from .promoted import sponsored_drafts
from .scenario import Amplify, Fate, Insults, Leak, Operation, Sponsored
from .world import Draft, World

_EMOJI = ("😂", "🤡", "😡", "👎", "🙄", "🤮")
_THEMES = {"affair": ("source_post", "denounce"), "kingdom": ("kingdom_source", "kingdom_praise")}
"""What the source and what the others say, by theme."""
_COVER_LANGUAGES = {"ru": ("ru", "sr"), "sr": ("sr", "el"), "es": ("es", "id"), "ar": ("ar", "el")}


def operation_drafts(world: World, part: Operation, worker: int) -> Iterator[Draft]:
    """The posts of one operation, in the order of time.

    Parameters
    ----------
    world : World
        Its registry makes the accounts; some of its people are drawn in.
    part : Operation
        The operation of the scenario.
    worker : int
        1 to 1023, another for each component; it keeps ids apart.
    """
    play = Play(world, part, worker)
    fate: Fate | None = None
    if isinstance(part, Amplify):
        drafts, fate = _amplify(play, part), part.fate
    elif isinstance(part, Leak):
        drafts = _leak(play, part)
    elif isinstance(part, Insults):
        drafts, fate = _insults(play, part), part.fate
    elif isinstance(part, Sponsored):
        drafts = sponsored_drafts(play, part)
    else:
        drafts = listed_drafts(play, part)
    drafts = [draft for draft in drafts if draft.time_ms < world.end_ms]
    if fate is not None:
        drafts += aftermath(play, fate, world.casts[part.name])
    return iter(sorted(drafts, key=lambda draft: draft[:2]))


def _amplify(play: Play, part: Amplify) -> list[Draft]:
    rng, grammar = play.rng, play.grammar
    source = play.casting.source(part.source)
    network = list(play.world.casts[part.accounts_of][: part.accounts]) if part.accounts_of else []
    while len(network) < part.accounts:
        network.append(play.casting.amplifier(part.created_from, part.created_to))
    play.world.casts[play.name] = network
    said, denounced = _THEMES[part.theme]
    drafts: list[Draft] = []
    gap = play.length_ms / part.source_posts
    for i in range(part.source_posts):
        time_ms = play.begin_ms + int(gap * (i + rng.uniform(0.05, 0.6)))
        tags = [part.hashtag] if rng.random() < 0.5 else []
        draft = play.original(time_ms, source, "source", grammar.expand(said, rng), tags=tags)
        drafts.append(draft)
        for account in network:
            if rng.random() < part.reposts:
                delay = min(2000 + 1000 * part.delay_seconds * rng.lognormvariate(0, 0.8), 1_800_000)
                at = min(time_ms + int(delay), play.end_ms - 1)
                drafts.append(play.repost(at, account, "amplifier", Shown(time_ms, source, draft.post)))
    for account in network[: round(part.accounts * part.denouncers)]:
        for _ in range(part.denouncer_posts):
            text = grammar.expand(denounced, rng)
            drafts.append(play.original(play.moment(), account, "denouncer", text, tags=[part.hashtag]))
    return drafts + _bystanders(play, part)


def _bystanders(play: Play, part: Amplify) -> list[Draft]:
    """Ordinary people who use the pushed hashtag, for or against: they are not part of the operation."""
    drafts = []
    for person in play.world.crowd.distinct(part.bystanders, "fr", play.generator):
        text = play.world.composers["fr"].post("election", person.style, play.rng)
        drafts.append(play.bystander(play.moment(), person, text, tags=[part.hashtag]))
    return drafts


def _leak(play: Play, part: Leak) -> list[Draft]:
    rng = play.rng
    bots = [play.casting.leak_bot(part.bots_look) for _ in range(round(part.accounts * part.bots))]
    sleepers = [play.casting.foreigner(sleeper=True) for _ in range(round(part.accounts * part.sleepers))]
    others = part.accounts - len(bots) - len(sleepers)
    abroad = [play.casting.foreigner(sleeper=False) for _ in range(round(others * part.foreigners))]
    home = play.world.crowd.distinct(others - len(abroad), "fr", play.generator)
    roles = [("bot", account) for account in bots] + [("sleeper", account) for account in sleepers]
    roles += [("participant", account) for account in abroad + home]
    weights = [4.0 if role == "bot" else rng.paretovariate(1.4) for role, _ in roles]
    # Everyone posts once, bots mostly before the others; the remaining posts go to the busy ones.
    rng.shuffle(pairs := list(roles))
    pairs.sort(key=lambda pair: rng.random() - (0.6 if pair[0] == "bot" else 0))
    pairs += rng.choices(roles, weights, k=max(0, part.posts - len(pairs)))
    times = sorted(play.begin_ms + int(rng.betavariate(1.5, 2.6) * (play.length_ms - 1)) for _ in pairs)
    feed = Feed(play.generator, spread=0.9)
    drafts = [
        _leak_draft(play, part, feed, time_ms, pair) for time_ms, pair in zip(times, pairs, strict=True)
    ]
    play.world.casts[play.name] = bots + sleepers + abroad + home
    if part.silent_since is not None:
        known = [account for account in bots + abroad if rng.random() < part.known]
        known += play.world.crowd.distinct(len(known), "fr", play.generator)
        drafts += lead_in(play, part.silent_since, sleepers, known)
    return drafts


def _leak_draft(play: Play, part: Leak, feed: Feed, time_ms: int, pair: tuple[str, Account]) -> Draft:
    rng, (role, author) = play.rng, pair
    if len(feed) > 2 and rng.random() < part.reposts:
        feed.refresh(time_ms)
        for shown in feed.draw(4):
            if feed.may_share(shown, author):
                return play.repost(time_ms, author, role, shown)
    symbol = "leak_fr" if author.lang == "fr" else "leak_post"
    text = play.grammar.expand(symbol, rng)
    links = [part.link] if rng.random() < (0.8 if author.lang != "fr" else 0.3) else []
    draft = play.original(time_ms, author, role, text, tags=[part.hashtag], links=links)
    feed.show(Shown(time_ms, author, draft.post))
    return draft


def _insults(play: Play, part: Insults) -> list[Draft]:
    year = play.world.scenario.start.year
    fresh = (part.fresh_from or date(year, 1, 1), part.fresh_to or date(year, 2, 28))
    hands = [
        play.casting.farm_hand(i, fresh if i < part.fresh else None, part.client)
        for i in range(part.accounts)
    ]
    play.world.casts[play.name] = hands
    targets = [play.casting.target(handle) for handle in part.targets]
    drafts = _first_target(play, part, hands, targets[0])
    drafts += _other_targets(play, part, hands, targets)
    drafts += _metronome(play, part, hands[-1], targets)
    for hand in hands:
        for _ in range(part.cover):
            drafts.append(_cover(play, hand))
    return drafts


def _first_target(play: Play, part: Insults, hands: list[Account], target: Account) -> list[Draft]:
    """The posts against the first target, each account in turn, evenly over the time."""
    order = play.rng.sample(hands, len(hands))
    gap = play.length_ms / part.posts
    return [
        _attack(play, part, play.begin_ms + int(gap * (i + play.rng.random())), order[i % len(order)], target)
        for i in range(part.posts)
    ]


def _other_targets(play: Play, part: Insults, hands: list[Account], targets: list[Account]) -> list[Draft]:
    if len(targets) < 2:
        return []
    return [
        _attack(play, part, play.moment(), play.rng.choice(hands), play.rng.choice(targets[1:]))
        for _ in range(part.other_posts)
    ]


def _metronome(play: Play, part: Insults, hand: Account, targets: list[Account]) -> list[Draft]:
    """One account that writes once a minute, in turn to each target."""
    drafts = []
    for i in range(part.metronome_posts):
        time_ms = play.begin_ms + i * 60_000 + play.rng.randrange(-2500, 2500) + 5000
        if time_ms < play.end_ms:
            drafts.append(_attack(play, part, time_ms, hand, targets[i % len(targets)]))
    return drafts


def _attack(play: Play, part: Insults, time_ms: int, hand: Account, target: Account) -> Draft:
    text = _vary(part.text, play.rng) if play.rng.random() < part.edited else part.text
    return play.original(time_ms, hand, "attacker", f"@{target.handle} {text}", mentioned=[target], lang="fr")


def _vary(text: str, rng: Random) -> str:
    """A copy with one small change: a sign, a stop, two words swapped, one word loud or left out."""
    words = text.split()
    way = rng.randrange(5)
    at = rng.randrange(max(1, len(words) - 1))
    if way == 0:
        return f"{text} {rng.choice(_EMOJI)}"
    if way == 1:
        return f"{text.rstrip('.! ')} !!!"
    if way == 2 and len(words) > 3:
        words[at], words[at + 1] = words[at + 1], words[at]
    elif way == 3:
        words[at] = words[at].upper()
    elif len(words) > 6:
        del words[at]
    return " ".join(words)


def _cover(play: Play, hand: Account) -> Draft:
    """A natural post in one of the account's usual languages, in between."""
    lang = play.rng.choice(_COVER_LANGUAGES.get(hand.lang, (hand.lang,)))
    text = play.grammar.expand(f"cover_{lang}", play.rng)
    return play.original(play.moment(), hand, "cover", text, lang=lang)
