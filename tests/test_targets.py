"""Attacks on one target: exact counts, strangers with one text found, crowds of people left alone."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import (
    CHEAP_EDITS,
    MINUTE,
    SECOND,
    START_MS,
    Stream,
    batches,
    person,
    planted,
    post,
    robot,
    sentence,
)

from detectors.accounts.stage import Accounts
from detectors.background import expected_share
from detectors.batches import Signals, merge, spread
from detectors.events import Post
from detectors.findings import Finding
from detectors.groups.target_evidence import attack_score
from detectors.groups.targets import Targets, TargetSettings
from detectors.rules import targets as rules
from detectors.rules.checks import Check
from detectors.state import Saved, StateError, applied
from detectors.text import fingerprint, read_entities

WINDOW, BURST = 60, 5


def judged(posts: Iterable[Post], **settings_: Any) -> tuple[list[Finding], Targets]:
    """All findings of a stream, in order, and the detector."""
    one = Targets(TargetSettings(**settings_))
    return [finding for each in batches(posts) for finding in one.take(each)], one


def checks_of(
    finding: Finding, linked: int = 0, most_shared: int = 0, others: float | None = 0.1
) -> list[Check]:
    known = msgspec.structs.replace(finding, evidence=finding.evidence | {"bot_share_reference": others})
    return list(rules.rules(known, linked, most_shared))


def points(finding: Finding, linked: int = 0, most_shared: int = 0) -> int:
    return sum(check.points for check in checks_of(finding, linked, most_shared))


def most_points(findings: Iterable[Finding], target: str) -> int:
    """The most that any state of a target's finding is worth."""
    return max((points(one) for one in findings if one.subjects[0].value == target), default=0)


# -- exact counts against a slow reading of the definition -----------------------------------------

TEXTS = [
    "nobody in this quiet town believes a single word of it",
    "the hedgehog crosses the market before the evening rain",
    "ha!",
]


@st.composite
def small_streams(draw):
    """A few accounts that name a few others, and themselves, over up to three hours."""
    posts, at = [], 0
    for number in range(draw(st.integers(8, 70))):
        at += draw(st.sampled_from((300, 900, 20_000, 60_000, 400_000)))
        account = draw(st.integers(0, 9))
        names = draw(st.lists(st.sampled_from(["mayor", "Baker", "a1"]), min_size=0, max_size=2))
        text = " ".join([*(f"@{name}" for name in names), draw(st.sampled_from(TEXTS))])
        text += draw(st.sampled_from(("", "", " #moon", " https://news.invalid/7")))
        more = draw(st.sampled_from(({}, {}, {"kind": "reply"}, {"kind": "repost", "ref_id": "1"})))
        profile = (None, robot(), person())[account % 3]
        posts.append(post(f"{number:03}", f"a{account}", at, text, author=profile, **more))
    return posts


def minute_of(time_ms: int) -> int:
    """The minute in which a post is counted: that of its tick's last moment."""
    return (time_ms // 5000 * 5000 + 4999) // MINUTE


def tick_of(one: Post) -> int:
    return one.time_ms // 5000


def names_in(one: Post) -> set[str]:
    return {word[1:] for word in one.text.split() if word.startswith("@")} - {one.author_id}


def first_namings(posts: list[Post]) -> set[tuple[str, str]]:
    """Post and target, where the author had not named the target before; naming oneself counts too."""
    seen, first = set(), set()
    for one in posts:
        for word in one.text.split() if one.kind != "repost" else ():
            if word.startswith("@") and (one.author_id, word) not in seen:
                seen.add((one.author_id, word))
                first.add((one.id, word[1:]))
    return first


def folded_length(text: str) -> int:
    return len(fingerprint(read_entities(text), text).folded)


def slow_evidence(posts: list[Post], target: str, judged_ms: int, scores: dict[str, int]) -> dict[str, Any]:
    """Every number of a finding, by reading the stream from the start."""
    past = [one for one in posts if one.time_ms < judged_ms]
    first = first_namings(past)
    now = (judged_ms - 1) // MINUTE
    uses = [
        one
        for one in past
        if one.kind != "repost" and target in names_in(one) and minute_of(one.time_ms) > now - WINDOW
    ]
    authors = Counter(one.author_id for one in uses)
    bodies = {one.id: next(text for text in TEXTS if text in one.text) for one in uses}
    # "ha!" is too short, names and tags included.
    users: dict[str, set[str]] = {}
    for one in uses:
        if bodies[one.id] != "ha!":
            users.setdefault(bodies[one.id], set()).add(one.author_id)
    copied = [one for one in uses if len(users.get(bodies[one.id], ())) > 1]
    times = Counter(one.author_id for one in copied)
    marked = ["#" in one.text or "http" in one.text for one in copied]
    came: dict[str, int] = {}
    known = []
    for one in uses:
        if one.author_id not in came:
            came[one.author_id] = minute_of(one.time_ms)
            if any(
                other.author_id == one.author_id and (other.time_ms, other.id) < (one.time_ms, one.id)
                for other in past
            ):
                known.append(one.author_id)
    new = {one.author_id for one in uses if (one.id, target) in first}
    seen = min(WINDOW, now - minute_of(posts[0].time_ms) + 1)
    share = min(1.0, BURST / seen)
    begins = set(came.values()) | {minute_of(one.time_ms) for one in uses}
    densest = max(sum(begin <= moment < begin + BURST for moment in came.values()) for begin in begins)
    others: dict[str, set[str]] = {}
    for one in uses:
        for word in one.text.split():
            if word.startswith("@") and word[1:] != target:
                others.setdefault(word[1:], set()).add(one.author_id)
    shared = [group for group in others.values() if len(group) > 1]
    enough = seen >= WINDOW and len(known) >= 5
    n, accounts = len(uses), len(authors)
    evidence = {
        "posts_per_account": round(n / accounts, 4),
        "repeaters": round(sum(count > 1 for count in authors.values()) / accounts, 4),
        "reply_share": round(sum(one.kind == "reply" for one in uses) / n, 4),
        "linked_share": round(sum("http" in one.text for one in uses) / n, 4),
        "tagged_share": round(sum("#" in one.text for one in uses) / n, 4),
        "alone_share": round(
            sum(len({word for word in one.text.split() if word[0] == "@"}) == 1 for one in uses) / n, 4
        ),
        "copied": round(len(copied) / n, 4),
        "copies_accounts": max(map(len, users.values()), default=0),
        "copies_characters": max(
            ((len(group), folded_length(text)) for text, group in users.items()), default=(0, 0)
        )[1],
        "copying_accounts": len(times),
        "copying_again": sum(count > 1 for count in times.values()),
        "copies_explained": round(sum(marked) / len(copied), 4) if copied else None,
        "first_share": round(len(new) / accounts, 4),
        "known_accounts": len(known),
        "strangers": round(sum(one in new for one in known) / len(known), 4) if enough else None,
        "burst": round(densest / accounts, 4),
        "burst_reference": round(min(1.0, share + 2 * math.sqrt(share * (1 - share) / accounts)), 4),
        "other_targets": len(others),
        "several_targets_accounts": len(set().union(*shared)),
        "top_other_target_accounts": max(map(len, others.values()), default=0),
    }
    evidence |= expected_share(sorted(scores[name] for name in authors if scores[name] >= 0))
    return evidence | {"attack_score": attack_score(evidence)}


@given(small_streams())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_every_number_is_that_of_a_slow_count(posts):
    # Growth barely above 1 and tiny groups, so that a target is judged at nearly every tick.
    findings, _ = judged(posts, min_accounts=3, growth=1.0001)
    scores = {
        member.account.partition("\x1f")[2]: member.score
        for batch in batches(posts)
        for member in (one.member for one in batch.mentions)
    }
    for finding in findings:
        target = finding.subjects[0].value
        assert finding.evidence == slow_evidence(posts, target, finding.judged_ms, scores)
        assert finding.targets == ((target, finding.accounts_total),)
        assert finding.posts_total >= len(finding.posts) >= finding.accounts_total


def test_a_target_is_judged_whenever_it_has_grown_by_a_quarter():
    posts = [post(f"{n}", f"a{n}", n * 6 * SECOND, "@mayor yes") for n in range(60)]
    findings, _ = judged(posts)
    sizes = [finding.accounts_total for finding in findings]
    assert sizes[0] == 5
    assert sizes[-1] >= 48
    assert all(after >= 1.25 * before for before, after in pairwise(sizes))


def test_a_finding_keeps_its_id_while_the_attack_lasts_and_a_later_one_has_another():
    def wave(name: str, begin: int) -> list[Post]:
        return [post(f"{name}{n}", f"{name}{n}", begin + n * 20 * SECOND, "@mayor yes") for n in range(12)]

    findings, _ = judged(wave("a", 0) + wave("b", 40 * MINUTE) + wave("c", 200 * MINUTE))
    ids = [finding.finding_id for finding in findings]
    assert len(dict.fromkeys(ids)) == 2
    assert findings[-1].finding_id != findings[0].finding_id
    assert findings[-1].accounts_total <= 12


def test_naming_oneself_is_no_mention():
    posts = [post(f"{n}", "Mayor", n * SECOND, "@mayor writes @baker again") for n in range(30)]
    posts += [post(f"o{n}", f"a{n}", n * SECOND, "@mayor yes") for n in range(4)]
    findings, one = judged(posts)
    assert findings == []
    assert one.mentions == 30 + 4


def test_of_a_crowd_only_the_newest_minutes_are_looked_at():
    posts = [post(f"{n:04}", f"a{n:04}", n * 3 * SECOND, "@star hello") for n in range(600)]
    findings, one = judged(posts, max_posts=100)
    last = findings[-1]
    assert last.posts_total <= 100
    assert one.crowded >= 450
    assert max(finding.evidence["burst"] - finding.evidence["burst_reference"] for finding in findings) < 0.2


def test_what_no_one_can_tell_is_not_a_zero():
    posts = [post(f"{n}", f"a{n}", n * SECOND, "@mayor yes") for n in range(6)]
    (finding,) = judged(posts)[0]
    assert finding.evidence["strangers"] is None  # the stream has only just begun
    assert finding.evidence["copies_explained"] is None
    assert finding.evidence["bot_share"] is None
    states = {check.code: check.state for check in checks_of(finding)}
    assert states["strangers"] == states["bots"] == states["aimed"] == "not_enough_data"


# -- an attack, and what looks like one --------------------------------------------------------------

HOUR = 60 * MINUTE


def chatter(rng: random.Random, accounts: Iterable[str], hours: float = 2.5, each: int = 3) -> list[Post]:
    """Ordinary posts of these accounts, some of which name one another."""
    names = list(accounts)
    return [
        post(
            f"chat{number}.{turn}",
            name,
            rng.randrange(int(hours * HOUR)) if turn else rng.randrange(HOUR // 2),
            f"{rng.choice(('', f'@{rng.choice(names)} '))}{sentence(rng)}",
        )
        for number, name in enumerate(names)
        for turn in range(each)
    ]


def attack(rng: random.Random, begin: int = 90 * MINUTE) -> list[Post]:
    """Twenty posts on one pattern from twenty accounts, of which one posts once a minute besides."""
    insult = sentence(rng, 60, 90)
    posts = [
        post(
            f"hit{n}", f"troll{n}", begin + n * 75 * SECOND, f"@minister_of_tea {CHEAP_EDITS[n % 2](insult)}"
        )
        for n in range(20)
    ]
    links = [one for one in posts if "http" in one.text]
    for one in links:
        one.text = one.text.split(" http")[0]
    other = [post(f"n{n}", "troll3", begin + n * MINUTE, sentence(rng)) for n in range(20)]
    return posts + other


def crowd(rng: random.Random) -> list[str]:
    return [f"u{number}" for number in range(400)]


def test_twenty_posts_of_strangers_with_one_insult_are_found_in_a_stream():
    rng = random.Random(1)
    people = crowd(rng)
    posts = chatter(rng, people + [f"troll{n}" for n in range(20)])
    posts += attack(rng)
    # Others speak of the minister too, in words of their own.
    posts += [
        post(f"t{n}", people[n], 90 * MINUTE + n * 4 * MINUTE, f"@minister_of_tea {sentence(rng)}")
        for n in range(6)
    ]
    findings, _ = judged(posts)
    assert most_points(findings, "minister_of_tea") >= 40
    last = [one for one in findings if one.subjects[0].value == "minister_of_tea"][-1]
    assert last.evidence["copies_accounts"] >= 16
    assert last.evidence["strangers"] == 1.0
    met = {check.code for check in checks_of(last) if check.points}
    assert {"copies", "aimed", "strangers"} <= met
    assert all(
        most_points([one], one.subjects[0].value) < 20 for one in findings if one.subjects != last.subjects
    )


def test_copies_sent_again_and_again_are_found_from_accounts_never_seen_before():
    rng = random.Random(2)
    insults = [sentence(rng, 60, 90) for _ in range(3)]
    posts = [post(f"h{n}", f"t{n % 6}", n * 2 * MINUTE, f"@baker {insults[n // 8]}") for n in range(24)]
    findings, _ = judged(posts)
    assert most_points(findings, "baker") >= 40


def complaints(rng: random.Random, people: list[str]) -> list[Post]:
    """Two hundred angry customers, some twice, who had never spoken to the airline."""
    return [
        post(
            f"c{n}",
            people[n % 160],
            70 * MINUTE + rng.randrange(HOUR),
            f"@airline {sentence(rng)}",
            kind="reply",
        )
        for n in range(200)
    ]


def fans(rng: random.Random, people: list[str]) -> list[Post]:
    """A star posts; fans answer within minutes, many with the same few words."""
    words = ("I love you so much", "so beautiful", "come to the village please", "first")
    return [
        post(
            f"f{n}",
            people[n],
            90 * MINUTE + int(rng.expovariate(1 / (3 * MINUTE))),
            f"@star {rng.choice(words) if n % 2 else sentence(rng)}",
            kind="reply",
        )
        for n in range(150)
    ]


def debate(rng: random.Random, people: list[str]) -> list[Post]:
    """Everybody names the two who debate, with a hashtag, and repeats a good line."""
    line = sentence(rng, 60, 80)
    return [
        post(
            f"d{n}",
            people[rng.randrange(300)],
            70 * MINUTE + rng.randrange(HOUR),
            f"@{rng.choice(('left', 'right'))} {line if n % 10 == 0 else sentence(rng)} #debate",
        )
        for n in range(500)
    ]


def readers(rng: random.Random, people: list[str]) -> list[Post]:
    """A share button: the headline, the link and the paper's name."""
    headline = sentence(rng, 60, 90)
    return [
        post(
            f"s{n}", people[n], 80 * MINUTE + n * 20 * SECOND, f"{headline} https://news.invalid/7 via @paper"
        )
        for n in range(60)
    ]


@pytest.mark.parametrize("scene", [complaints, fans, debate, readers])
def test_crowds_of_people_raise_nothing(scene):
    for seed in range(3):
        rng = random.Random(seed)
        people = crowd(rng)
        findings, _ = judged(chatter(rng, people) + scene(rng, people))
        large = [one for one in findings if one.accounts_total >= 20]
        assert large
        assert max(points(one) for one in findings) < 20
        # Even if half of them share things elsewhere, as fans of one star do.
        assert max(points(one, one.accounts_total, 9) for one in large) < 40


def test_good_wishes_of_friends_in_the_same_words_are_no_warning():
    rng = random.Random(5)
    friends = [f"friend{n}" for n in range(20)]
    posts = chatter(rng, friends)
    posts += [
        post(f"h{n}", name, 5 * MINUTE + n * SECOND, "@anna_of_the_mill hi") for n, name in enumerate(friends)
    ]
    posts += [
        post(
            f"w{n}",
            name,
            100 * MINUTE + n * 2 * MINUTE,
            "@anna_of_the_mill happy birthday and many happy returns",
        )
        for n, name in enumerate(friends)
    ]
    findings, _ = judged(posts)
    assert 20 <= most_points(findings, "anna_of_the_mill") < 40
    assert findings[-1].evidence["strangers"] < 0.5


def test_equal_wishes_from_strangers_are_a_notice():
    rng = random.Random(5)
    senders = [f"friend{n}" for n in range(20)]
    wishes = [
        post(f"w{n}", name, 70 * 60_000 + n * SECOND, "@mayor happy birthday to you dear")
        for n, name in enumerate(senders)
    ]
    findings, _ = judged([*chatter(rng, senders), *wishes])
    (finding,) = [one for one in findings if one.subjects[0].value == "mayor"][-1:]
    codes = {check.code for check in checks_of(finding) if check.points}
    assert "copies" in codes and "aimed" not in codes
    assert points(finding) < 40


def test_numbers_alone_give_nothing():
    rng = random.Random(3)
    findings, _ = judged([post(f"{n}", f"a{n}", n * SECOND, f"@mayor {sentence(rng)}") for n in range(900)])
    assert max(points(one) for one in findings) == 0


@given(
    accounts=st.integers(5, 1000),
    evidence=st.fixed_dictionaries(
        {
            "burst": st.floats(0, 1),
            "burst_reference": st.floats(0, 1),
            "strangers": st.none() | st.floats(0, 1),
            "known_accounts": st.integers(0, 1000),
        }
    ),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_without_copies_repetition_or_bots_nothing_is_a_notice(accounts, evidence):
    finding = judged([post(f"{n}", f"a{n}", n * SECOND, "@mayor yes") for n in range(5)])[0][0]
    finding = msgspec.structs.replace(finding, accounts_total=accounts, evidence=finding.evidence | evidence)
    assert points(finding) < 20
    assert points(finding, accounts, 20) < 40


def test_every_rule_can_be_said_in_both_languages_and_accuses_nobody():
    rng = random.Random(1)
    posts = chatter(rng, [f"troll{n}" for n in range(20)]) + attack(rng)
    findings, _ = judged(posts)
    texts = [*rules.NOT_PROVED, *rules.what(findings[-1])]
    for check in checks_of(findings[-1], linked=20, most_shared=5):
        texts += rules.SENTENCES[check.code](check.numbers)
    assert not [text for text in texts if "None" in text or " %" in text]
    assert not [
        text for text in texts for word in ("troll", "attack", "attaque", "harass") if word in text.lower()
    ]
    assert {check.code for check in checks_of(findings[-1])} == rules.SENTENCES.keys()


# -- order, shards, checkpoints, memory --------------------------------------------------------------


def long_stream(seed: int) -> list[Post]:
    """Some three hours in which targets come, go and return."""
    rng = random.Random(seed)
    stream = Stream(planted(seed, minutes=14).posts)
    for part, begin in enumerate((15, 40, 118, 150)):
        text = sentence(rng)
        stream.posts += [
            post(
                f"w{part}.{n}",
                f"a{rng.randrange(14)}",
                begin * MINUTE + rng.randrange(20 * MINUTE),
                f"@{rng.choice(('mayor', 'baker', 'star', f'once{n}'))} {rng.choice((text, sentence(rng)))}",
                author=(None, robot(), person())[n % 3],
            )
            for n in range(90)
        ]
    stream.sort()
    return stream.posts


SMALL = TargetSettings(window_minutes=12, max_posts=15, max_mentions=60, max_targets=9, max_single_targets=12)


def fed(one: Targets, signals: Signals) -> Any:
    return one.take(signals), len(one), one.mentions, one.evicted, one.crowded


@pytest.mark.parametrize("limits", [TargetSettings(), SMALL], ids=["roomy", "small"])
@pytest.mark.parametrize("seed", range(5))
def test_from_a_checkpoint_everything_goes_on_as_if_nothing_had_happened(seed, limits):
    rng = random.Random(seed)
    steps = list(batches(long_stream(seed)))
    cut = rng.randrange(len(steps))
    plain, first = Targets(limits), Targets(limits)
    first.track()
    store: Saved = {}
    for step in steps[:cut]:
        assert fed(first, step) == fed(plain, step)
        if rng.random() < 0.2:
            applied(store, first.changes())
    applied(store, first.changes())
    whole = applied({}, first.changes(everything=True))
    assert store == whole  # nothing that is gone was left behind
    second = Targets(limits)
    second.track()
    second.restore(store)
    assert second.changes() == {}
    for step in steps[cut:]:
        assert fed(second, step) == fed(plain, step) == fed(first, step)
        if rng.random() < 0.2:
            assert first.changes() == second.changes()
    assert first.changes() == second.changes()
    assert first.changes(everything=True) == second.changes(everything=True) == plain.changes(everything=True)


def test_what_is_never_saved_is_not_noted():
    one = Targets()
    for step in batches(long_stream(0)):
        one.take(step)
    assert len(one._changed) + len(one._changed_minutes) + len(one._changed_singles) == 0


def test_records_that_do_not_fit_are_refused():
    one = Targets()
    for step in batches(long_stream(1)):
        one.take(step)
    saved = applied({}, one.changes(everything=True))
    del saved["targets"]
    with pytest.raises(StateError):
        Targets().restore(saved)


def test_the_order_within_a_tick_and_the_number_of_shards_do_not_matter():
    wanted = list(batches(long_stream(3)))
    whole = Targets()
    shards = [Targets() for _ in range(4)]
    accounts = [Accounts(), Accounts()]
    ticks: dict[int, list[Post]] = {}
    for one in long_stream(3):
        ticks.setdefault(one.time_ms // 5000 * 5000 + 5000, []).append(one)
    for signals in wanted:
        posts = ticks[signals.tick_ms]
        # Two workers know half of the accounts each, and tell their signals in any order.
        halves = [
            stage.take(
                signals.tick_ms,
                [one for one in posts if (len(one.author_id) + ord(one.author_id[-1])) % 2 == n],
            )
            for n, stage in enumerate(accounts)
        ]
        together = merge([half.signals() for half in halves][:: -1 if signals.tick_ms % 3 else 1])
        found = [
            finding
            for part, shard in zip(spread(together, 4), shards, strict=True)
            for finding in shard.take(part)
        ]
        assert sorted(found, key=lambda one: one.subjects) == whole.take(signals)


def test_a_hundred_thousand_invented_targets_are_forgotten_while_a_real_one_is_still_judged():
    limits = {"max_targets": 500, "max_single_targets": 2500, "max_mentions": 3000}
    one, accounts = Targets(TargetSettings(**limits)), Accounts()
    findings: list[Finding] = []
    for part in range(10):
        at = part * MINUTE
        flood = [
            post(
                f"f{part}.{n}",
                f"f{n % 900}",
                at + n * 100,
                "",
                mentions=[f"t{part}x{n}y{k}" for k in range(20)],
            )
            for n in range(500)
        ]
        real = [
            post(f"r{part}.{n}", f"r{part * 3 + n}", at + n * 20 * SECOND, f"{n} @mayor") for n in range(3)
        ]
        for batch in batches(flood + real, accounts):
            findings += one.take(batch)
            assert len(one) <= 3000
            assert one.mentions <= 5000
    assert one.evicted >= 100_000 - 3000
    assert {finding.subjects[0].value for finding in findings} == {"mayor"}
    assert findings[-1].accounts_total >= 24


def test_invented_targets_that_are_named_again_are_bounded_too():
    one = Targets(TargetSettings(max_targets=300, max_single_targets=300, max_mentions=1000))
    posts = [post(f"{n}", f"a{n}", n * 30, "", mentions=[f"t{n // 2}", f"s{n // 9}"]) for n in range(8000)]
    for batch in batches(posts):
        one.take(batch)
        assert len(one) <= 600
        assert one.mentions <= 1300
    assert one.evicted >= 3000


assert START_MS % MINUTE == 0
