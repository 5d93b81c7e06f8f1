"""What listed accounts push more than everyone else, and what they only share with everyone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from math import comb
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, START_MS, newsroom, post
from test_state import Kept, check

from detectors.accounts.stage import Accounts
from detectors.batches import Signals, merge, spread
from detectors.events import Post
from detectors.findings import Finding
from detectors.groups.listed import Listed, ListedSettings, excess
from detectors.lists import PUSHING, Entry, Lists
from detectors.rules import listed as rules
from detectors.severity import severity_of

TICK, HOUR = 5000, 60 * MINUTE
NBSP = "\u00a0"


def lists_of(**accounts: Iterable[str]) -> Lists:
    """Lists with these accounts of each kind."""
    return Lists(
        Entry(account=name, kind=kind, reason="in a report", source="the desk", list="room", platform="x")
        for kind, names in accounts.items()
        for name in names
    )


def ticks(posts: Iterable[Post], lists: Lists) -> Iterator[Signals]:
    """The signals of a stream, tick by tick, with what the lists say of each author."""
    accounts = Accounts()
    ordered = sorted(posts, key=lambda one: (one.time_ms, one.platform, one.id))
    for number, held in groupby(ordered, key=lambda one: one.time_ms // TICK):
        batch = accounts.take((number + 1) * TICK, list(held))
        signals = batch.signals()
        for share in signals.shares:
            share.listed = lists.kind_of(share.account, share.time_ms)
        signals.listed = sum(
            lists.kind_of(member.account, member.time_ms) in PUSHING for member in batch.members
        )
        yield signals


def findings_of(posts: Iterable[Post], lists: Lists, **chosen: float) -> list[Finding]:
    one = Listed(ListedSettings(**chosen))
    return [finding for signals in ticks(posts, lists) for finding in one.take(signals)]


def subjects_of(findings: Iterable[Finding]) -> set[str]:
    return {str(finding.subjects[0]) for finding in findings}


def judged(finding: Finding):
    """The rules that a finding meets, its score and its severity."""
    met = [one for one in rules.rules(finding, 0, 0) if one.points]
    score = sum(one.points for one in met)
    return {one.code for one in met}, score, severity_of(score, len(met), finding.accounts_total)


# -- one object at a time --------------------------------------------------------------------------

TROLLS = [f"t{n}" for n in range(40)]
FANS = [f"f{n}" for n in range(40)]
NEWS = [f"n{n}" for n in range(40)]
LISTS = lists_of(attributed=TROLLS, amplifies=FANS, declared=NEWS)


def chatter(hours: int = 3, others: int = 4000, seed: int = 1) -> list[Post]:
    """Ordinary posts of everyone; listed accounts make one in fifty of them."""
    rng = random.Random(seed)
    posts = []
    for number in range(others):
        name = rng.choice(TROLLS + FANS) if number % 50 == 0 else f"u{rng.randrange(900)}"
        tags = [f"tag{rng.randrange(30)}"] if rng.random() < 0.2 else []
        posts.append(post(f"c{number}", name, rng.randrange(hours * HOUR), "good morning", hashtags=tags))
    return posts


def uses(names: Iterable[str], begin: int = HOUR, gap: int = MINUTE, **more) -> list[Post]:
    """One post of each account, one after the other."""
    more = {"hashtags": ["push"]} | more
    return [post(f"p{n:04}.{begin}", name, begin + n * gap, "look", **more) for n, name in enumerate(names)]


def test_a_hashtag_that_listed_accounts_use_and_hardly_anybody_else_is_pushed():
    findings = findings_of(chatter() + uses(TROLLS[:12]) + uses(["u1", "u2"], gap=9 * MINUTE), LISTS)
    assert subjects_of(findings) == {"hashtag:push"}
    last = findings[-1]
    assert last.accounts == tuple(sorted(f"x\x1f{name}" for name in TROLLS[: last.accounts_total]))
    assert last.evidence["attributed"] == last.accounts_total == last.posts_total >= 10
    assert last.evidence["amplifies"] == last.evidence["amplifies_posts"] == 0
    assert last.evidence["others"] == 2
    assert last.evidence["ratio"] > 10
    assert last.posts[0].post_id == f"p0000.{HOUR}"


PUSHES = {
    "a link": ({"links": ["https://n.invalid/a?utm_source=b"]}, "link:https://n.invalid/a"),
    "a picture": ({"media": ["m1"]}, "media:x\x1fm1"),
    "a reposted post": ({"kind": "repost", "ref_id": "9", "ref_author_id": "u3"}, "post:x\x1f9"),
}


@pytest.mark.parametrize("name", PUSHES)
def test_so_is(name):
    more, subject = PUSHES[name]
    findings = findings_of(chatter() + uses(TROLLS[:12], hashtags=[], **more), LISTS)
    assert subjects_of(findings) == {subject}


def test_answers_and_orders_of_hashtags_are_left_to_others():
    tags = uses(TROLLS[:12], hashtags=["a", "b", "c"])
    answers = uses(FANS[:12], kind="reply", ref_id="9", hashtags=[])
    assert subjects_of(findings_of(chatter() + tags + answers, LISTS)) == {f"hashtag:{n}" for n in "abc"}


def test_the_debate_s_hashtag_which_everybody_uses_is_not_pushed():
    rng = random.Random(3)
    posts = chatter()
    for number, one in enumerate(posts):
        listed = one.author_id in TROLLS + FANS
        # Those who care for politics use it four times as often as the others.
        if rng.random() < (0.4 if listed else 0.1):
            posts[number] = msgspec.structs.replace(one, hashtags=["debate"])
    assert Counter(one.author_id in TROLLS + FANS for one in posts if "debate" in one.hashtags)[True] > 25
    assert findings_of(posts, LISTS) == []


def test_one_listed_account_alone_pushes_nothing_however_busy():
    assert findings_of(chatter() + uses(TROLLS[:1] * 300, gap=9000), LISTS) == []


def test_nor_do_two_busy_ones_that_a_third_joins():
    posts = chatter() + uses(TROLLS[:2] * 100, gap=9000) + uses(TROLLS[2:3], begin=HOUR + 1)
    assert findings_of(posts, LISTS) == []


def test_a_declared_newsroom_and_its_colleagues_push_nothing_and_count_as_everyone_else():
    assert findings_of(chatter() + uses(NEWS[:20]), LISTS) == []
    findings = findings_of(chatter() + uses(TROLLS[:12]) + uses(NEWS[:5], begin=HOUR + 500), LISTS)
    assert findings[-1].evidence["others"] == 5


def test_an_account_of_the_lists_is_not_open_because_it_says_so_itself():
    (*_, last) = findings_of(chatter() + uses(TROLLS[:12], author=newsroom()), LISTS)
    assert last.declared == 0


def test_before_its_entry_is_in_force_an_account_is_everyone():
    late = Lists(
        msgspec.structs.replace(one, since_ms=uses(["a"], begin=2 * HOUR)[0].time_ms) for one in LISTS.entries
    )
    assert findings_of(chatter() + uses(TROLLS[:12]), late) == []
    assert findings_of(chatter() + uses(TROLLS[:12], begin=2 * HOUR), late) != []


def test_what_many_others_used_before_a_listed_account_did_is_compared_from_then_on():
    crowd = uses([f"u{n}" for n in range(500)], begin=0, gap=7000)
    after = uses([f"u{n}" for n in range(6)], begin=HOUR + MINUTE, gap=2 * MINUTE)
    (*_, last) = findings_of(chatter() + crowd + uses(TROLLS[:12]) + after, LISTS)
    assert last.evidence["others"] <= 12  # and none of the five hundred
    assert last.evidence["other_posts"] < 1600


@pytest.mark.parametrize("accounts", [1, 2, 9])
def test_the_account_whose_use_begins_the_counting_is_no_evidence(accounts):
    posts = chatter() + uses(TROLLS[:accounts])
    findings = findings_of(posts, LISTS, min_accounts=accounts, ratio=0.0, chance=1e9)
    (*_, last) = (one for one in findings if str(one.subjects[0]) == "hashtag:push")
    evidence = last.evidence
    assert last.accounts_total == accounts
    assert evidence["ratio"] == pytest.approx(
        (accounts - 1) * evidence["other_posts"] / evidence["listed_posts"], abs=1e-3
    )


def test_a_push_that_everyone_takes_up_was_found_before_and_is_not_found_again():
    push, crowd = uses(TROLLS[:10]), uses([f"u{n}" for n in range(900)], begin=80 * MINUTE, gap=4000)
    joined = uses(TROLLS[10:30], begin=140 * MINUTE, gap=20_000)
    findings = findings_of(chatter() + push + crowd + joined, LISTS)
    assert max(finding.accounts_total for finding in findings) <= 10


def test_a_burst_within_seconds_is_judged_when_there_is_something_to_compare_with():
    burst = uses(TROLLS[:7], begin=HOUR + 20 * MINUTE, gap=300)
    findings = findings_of(chatter() + burst, LISTS)
    assert [one.accounts_total for one in findings] == [7]
    assert findings[0].judged_ms > burst[-1].time_ms + 30 * MINUTE
    many = uses(TROLLS, begin=HOUR + 20 * MINUTE, gap=100)
    assert findings_of(chatter(others=40_000) + many, LISTS)[0].judged_ms < many[-1].time_ms + MINUTE


def test_a_finding_keeps_its_id_while_it_grows_and_is_told_when_it_has_grown_by_a_quarter():
    findings = findings_of(chatter() + uses(TROLLS), LISTS)
    assert len({one.finding_id for one in findings}) == 1
    sizes = [one.accounts_total for one in findings]
    assert all(after >= 1.25 * before for before, after in pairwise(sizes))
    assert sizes[-1] > 30


def test_the_posts_compared_are_those_since_the_first_listed_use():
    posts = chatter(others=12_000) + uses(TROLLS[:20], begin=HOUR)
    begun_ms = START_MS + HOUR
    findings = findings_of(posts, LISTS)
    assert findings
    for finding in findings:
        since = [one for one in posts if begun_ms - begun_ms % TICK <= one.time_ms < finding.judged_ms]
        listed = sum(one.author_id in TROLLS + FANS for one in since)
        evidence = finding.evidence
        assert (evidence["listed_posts"], evidence["other_posts"]) == (listed, len(since) - listed)


def test_what_has_ebbed_and_comes_again_is_told_again():
    posts = chatter(hours=10, others=15_000) + uses(TROLLS[:30], begin=HOUR)
    posts += uses(TROLLS[:1] * 8, begin=2 * HOUR, gap=HOUR - MINUTE)
    posts += uses(TROLLS[30:], begin=8 * HOUR + MINUTE)
    findings = findings_of(posts, LISTS, window_hours=3)
    assert len({one.finding_id for one in findings}) == 1
    assert max(one.accounts_total for one in findings) > 20
    assert findings[-1].judged_ms > START_MS + 8 * HOUR
    assert set(findings[-1].accounts) <= {f"x\x1f{name}" for name in [TROLLS[0], *TROLLS[30:]]}


def test_what_no_listed_account_used_for_a_day_is_forgotten_and_begins_again():
    again = uses(TROLLS[:12], begin=40 * HOUR)
    findings = findings_of(chatter(hours=42, others=30_000) + uses(TROLLS[:12]) + again, LISTS)
    assert len({one.finding_id for one in findings}) == 2
    assert findings[-1].posts[0].post_id == f"p0000.{40 * HOUR}"
    assert findings[-1].evidence["attributed_posts"] <= 12


def test_the_window_drops_whole_hours():
    slow = uses(TROLLS[:10] * 3, begin=0, gap=2 * HOUR)
    one = Listed(ListedSettings(ratio=0.0, chance=1e9, min_accounts=2, growth=1.0))
    most = [
        finding
        for signals in ticks(chatter(hours=60, others=9000) + slow, LISTS)
        for finding in one.take(signals)
        if str(finding.subjects[0]) == "hashtag:push"
    ]
    assert max(finding.accounts_total for finding in most) == 10
    assert max(finding.posts_total for finding in most) == 12
    assert all(len(finding.posts) == finding.posts_total for finding in most)
    whole = most[-1].evidence
    assert whole["minutes"] > 23 * 60
    assert 0.8 * 9000 * 24 / 60 < whole["listed_posts"] + whole["other_posts"] < 9000 * 25 / 60


# -- rules -----------------------------------------------------------------------------------------


def test_attributed_accounts_with_something_of_their_own_are_a_warning():
    (*_, last) = findings_of(chatter() + uses(TROLLS[:14]), LISTS)
    assert judged(last) == ({"pushed", "attributed", "own"}, 40, "warning")


def test_the_same_by_accounts_that_amplify_is_a_notice_and_says_nothing_of_attribution():
    (*_, last) = findings_of(chatter() + uses(FANS), LISTS)
    codes, _, severity = judged(last)
    assert (severity, codes) == ("notice", {"pushed", "own"})
    for one in rules.rules(last, 0, 0):
        if one.points:
            assert "attribu" not in "".join(rules.SENTENCES[one.code](one.numbers))


def test_four_attributed_accounts_among_many_that_amplify_make_no_warning():
    mixed = [*FANS[:15], *TROLLS[:4], *FANS[15:]]
    (*_, last) = findings_of(chatter() + uses(mixed), LISTS)
    assert (last.evidence["attributed"], last.evidence["amplifies"]) == (4, last.accounts_total - 4)
    assert judged(last)[2] == "notice"


def test_attributed_accounts_that_join_what_many_others_use_are_a_notice():
    others = uses([f"u{n}" for n in range(60)], begin=HOUR + 1, gap=40_000)
    findings = findings_of(chatter(others=40_000) + uses(TROLLS) + others, LISTS)
    last = findings[-1]
    assert last.accounts_total > 15
    assert last.evidence["listed_share"] < 0.5
    assert judged(last) == ({"pushed", "attributed"}, 30, "notice")


def test_every_sentence_gives_its_figures_in_both_languages():
    mixed = [name for pair in zip(TROLLS, FANS, strict=True) for name in pair]
    (*_, last) = findings_of(chatter() + uses(mixed, gap=30_000) + uses(["u1"] * 3), LISTS)
    met = [one for one in rules.rules(last, 0, 0) if one.points]
    assert {one.code for one in met} == set(rules.SENTENCES)
    said = [*(rules.SENTENCES[one.code](one.numbers) for one in met), rules.what(last), rules.NOT_PROVED]
    said += [rules.joined_said(rules.joined(*counts).numbers) for counts in ((1, 0, 9), (2, 1, 9), (0, 3, 9))]
    said.append(rules.JOINED_NOT_PROVED)
    for english, french in said:
        assert english
        assert "?" not in english + french
        assert "%" not in french.replace(f"{NBSP}%", "")
        assert " :" not in french
        assert " ;" not in french
    accounts = last.evidence
    assert f"{accounts['attributed']} listed as attributed and {accounts['amplifies']}" in said[0][0]


@pytest.mark.parametrize("kind", ["hashtag", "link", "media", "post"])
def test_what_is_pushed_is_named(kind):
    (finding, *_) = findings_of(chatter() + uses(TROLLS[:12]), LISTS)
    subject = finding.subjects[0]._replace(kind=kind, value="x\x1f77" if kind in ("media", "post") else "77")
    english, french = rules.what(msgspec.structs.replace(finding, subjects=(subject,)))
    assert "77 pushed by listed accounts" in english
    assert "77 que poussent des comptes listés" in french


def test_a_listed_account_in_a_crowd_gives_nothing_and_a_core_of_them_does():
    points = [rules.joined(*counts).points for counts in ((1, 0, 21), (1, 0, 20), (4, 2, 9), (5, 0, 10))]
    assert points == [0, 9, 9, 20]
    assert [rules.joined(0, many, 10).points for many in (0, 1, 10)] == [0, 5, 5]
    english, french = rules.joined_said(rules.joined(0, 1, 10).numbers)
    assert "attribu" not in english + french
    # A headline that its readers copy is a notice, and one listed reader makes it no warning.
    assert 30 + rules.joined(1, 0, 12).points < 40


# -- the test itself -------------------------------------------------------------------------------

few, many = st.integers(1, 30), st.integers(1, 400)


@given(few, many, st.integers(0, 60), many)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_the_chance_is_that_of_an_exact_binomial_tail(accounts, listed, others, other_posts):
    ratio, chance = excess(accounts, listed, others, other_posts)
    part, used = Fraction(listed, listed + other_posts), accounts + others
    exact = sum(comb(used, k) * part**k * (1 - part) ** (used - k) for k in range(accounts, used + 1))
    assert chance == pytest.approx(float(exact) if accounts > used * part else 1.0, rel=1e-6)
    assert ratio == pytest.approx(accounts * other_posts / (listed * (others + 1)), abs=1e-4)


@given(few, many, st.integers(0, 60), many)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_more_listed_accounts_make_it_stronger_and_more_of_everyone_else_weaker(
    accounts, listed, others, all_
):
    ratio, chance = excess(accounts, listed, others, all_)
    stronger, weaker = excess(accounts + 1, listed, others, all_), excess(accounts, listed, others + 1, all_)
    assert stronger[0] >= ratio >= weaker[0]
    assert stronger[1] <= chance * (1 + 1e-9)
    assert weaker[1] >= chance * (1 - 1e-9)


def test_many_tests_of_many_objects_are_paid_for():
    """Listed accounts that take what they post from what everyone posts: chance alone, without the ratio."""
    false = tests = 0
    for seed in range(12):
        posts = board_chatter(random.Random(seed), hours=6, others=9000, listed=600, taste=1.0)
        one = Listed(ListedSettings(ratio=0.0, chance=0.05))
        for signals in ticks(posts, BOARD):
            false += len(one.take(signals))
        tests += sum(pushed.looks for pushed in one._pushed.values())
    assert tests > 300
    assert false <= 2


# -- a board of six hundred accounts ---------------------------------------------------------------

ATTRIBUTED = [f"a{n}" for n in range(400)]
AMPLIFIES = [f"b{n}" for n in range(200)]
BOARD = lists_of(attributed=ATTRIBUTED, amplifies=AMPLIFIES, declared=NEWS)
TAGS, LINKS = 300, 400


def board_chatter(rng: random.Random, hours: int, others: int, listed: int, taste: float) -> list[Post]:
    """Posts with the usual tags and links, few of which are used very often.

    ``taste`` is how many times as often listed accounts speak of the thirty political ones.
    """
    posts = []
    for number in range(others + listed):
        mine = number >= others
        name = rng.choice(ATTRIBUTED + AMPLIFIES) if mine else f"u{rng.randrange(others // 5)}"
        tag = int(TAGS * rng.random() ** 3)
        tags = [f"tag{tag}"] if rng.random() < (0.5 if tag % 10 or not mine else min(1, 0.5 * taste)) else []
        links = [f"https://news.invalid/{int(LINKS * rng.random() ** 3)}"] if rng.random() < 0.2 else []
        kind = "repost" if rng.random() < 0.3 else "original"
        ref = {"ref_id": str(rng.randrange(500)), "ref_author_id": "u0"} if kind == "repost" else {}
        posts.append(
            post(
                f"c{number}",
                name,
                rng.randrange(hours * HOUR),
                "word",
                kind=kind,
                hashtags=tags,
                links=links,
                **ref,
            )
        )
    return posts


@cache
def board(seed: int = 1) -> tuple[Post, ...]:
    """Ten hours of a public board: what 600 listed accounts push, within what they and all others post."""
    rng = random.Random(seed)
    posts = board_chatter(rng, hours=10, others=30_000, listed=1500, taste=3.0)

    def push(names, begin, minutes, **more):
        for name in names:
            posts.append(
                post(
                    f"p{len(posts)}",
                    name,
                    begin * MINUTE + rng.randrange(minutes * MINUTE),
                    "look",
                    **{"hashtags": [], "links": []} | more,
                )
            )

    everyone = [f"u{n}" for n in range(6000)]
    push(rng.sample(ATTRIBUTED, 60), 120, 90, hashtags=["release"])
    push(rng.sample(everyone, 25), 150, 90, hashtags=["release"])
    push(rng.sample(ATTRIBUTED, 14), 200, 40, links=["https://board.invalid/story"])
    push(rng.sample(AMPLIFIES, 40), 250, 120, hashtags=["blame"])
    push(rng.sample(ATTRIBUTED, 3), 260, 60, hashtags=["blame"])
    # Innocent: a debate that fills the evening, a newsroom's story, one zealot, readers of one page.
    push(rng.choices(everyone, k=6000), 300, 120, hashtags=["debate"])
    push(rng.choices(ATTRIBUTED + AMPLIFIES, k=700), 300, 120, hashtags=["debate"])
    push(NEWS, 100, 400, links=["https://newsroom.invalid/report"])
    push(ATTRIBUTED[:1] * 200, 60, 500, hashtags=["zealot"])
    push(rng.sample(everyone, 80), 100, 300, links=["https://page.invalid/1"])
    push(rng.sample(AMPLIFIES, 6), 100, 300, links=["https://page.invalid/1"])
    return tuple(posts)


PUSHED = {"hashtag:release", "hashtag:blame", "link:https://board.invalid/story"}


def test_of_a_board_of_six_hundred_accounts_what_they_push_is_found_and_nothing_else():
    findings = findings_of(board(), BOARD)
    assert subjects_of(findings) == PUSHED
    best = {
        subject: max(
            (one for one in findings if str(one.subjects[0]) == subject), key=lambda one: judged(one)[1]
        )
        for subject in PUSHED
    }
    assert {subject: judged(one)[2] for subject, one in best.items()} == {
        "hashtag:release": "warning",
        "link:https://board.invalid/story": "warning",
        "hashtag:blame": "notice",
    }
    first = min(one.judged_ms for one in findings if str(one.subjects[0]) == "hashtag:release")
    assert first - START_MS < (120 + 15) * MINUTE


@pytest.mark.parametrize("seed", range(2, 5))
def test_a_board_that_pushes_nothing_shows_nothing(seed):
    posts = board_chatter(random.Random(seed), hours=10, others=20_000, listed=2000, taste=3.0)
    assert findings_of(posts, BOARD) == []


@pytest.mark.parametrize("shards", [2, 3, 6])
def test_any_number_of_shards_finds_the_same(shards):
    whole, parts = Listed(), [Listed() for _ in range(shards)]
    found = 0
    for step in ticks(board(), BOARD):
        wanted = whole.take(step)
        told = [
            finding
            for part, signals in zip(parts, spread(step, shards), strict=True)
            for finding in part.take(merge([signals]))
        ]
        assert sorted(told, key=lambda one: one.finding_id) == sorted(wanted, key=lambda one: one.finding_id)
        found += len(wanted)
    assert found


def steps(seed: int) -> list[Signals]:
    """Thirty hours of listed accounts that push this and that, with much that is forgotten."""
    rng = random.Random(seed)
    posts = chatter(hours=30, others=1500, seed=seed)
    for number in range(25):
        names = rng.sample(TROLLS + FANS + [f"u{n}" for n in range(9)], rng.randint(1, 9))
        posts += uses(
            names,
            begin=rng.randrange(28 * HOUR),
            gap=rng.choice((500, 5 * MINUTE)),
            hashtags=[f"p{number % 9}"],
        )
    return list(ticks(posts, LISTS))


SMALL = {"window_hours": 3, "chance": 1.0, "min_accounts": 3, "max_accounts": 5}


@pytest.mark.parametrize("most", [6, 50_000])
@pytest.mark.parametrize("seed", range(3))
def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed, most):
    found = []

    def feed(one, step):
        found.extend(told := one.take(step))
        return told, len(one), one.evicted

    check(Kept(lambda: Listed(ListedSettings(**SMALL | {"max_objects": most})), steps, feed), seed)
    assert found


@given(st.integers(0, 10**6))
@settings(max_examples=5, derandomize=True, deadline=None)
def test_signals_of_one_tick_may_come_over_several_ways(seed):
    rng = random.Random(seed)
    one, other = (Listed(ListedSettings(**SMALL)) for _ in range(2))
    for signals in steps(seed % 3):
        ways = [msgspec.structs.replace(signals, shares=[], posts=0, listed=0) for _ in range(2)]
        for share in signals.shares:
            ways[crc32(share.account.encode()) % 2].shares.append(share)
        for count in ("posts", "listed"):
            part = rng.randint(0, getattr(signals, count))
            setattr(ways[0], count, part)
            setattr(ways[1], count, getattr(signals, count) - part)
        assert other.take(merge(ways)) == one.take(signals)


def test_without_lists_nothing_is_held():
    one = Listed()
    for signals in ticks(board()[:4000], Lists()):
        assert one.take(signals) == []
    assert (len(one), one.evicted) == (0, 0)


def test_objects_that_listed_accounts_invent_are_forgotten_while_a_push_is_still_found():
    one, most = Listed(ListedSettings(max_objects=300)), 0
    posts = chatter(others=40_000) + uses(TROLLS[:2]) + uses(TROLLS[2:13], gap=10 * MINUTE)
    for number in range(4000):
        posts += uses([TROLLS[number % 40]], begin=number * 2000, hashtags=[f"invented{number}"])
    found = []
    for signals in ticks(posts, LISTS):
        found += one.take(signals)
        most = max(most, len(one))
    assert most <= 300
    assert one.evicted > 3500
    assert subjects_of(found) == {"hashtag:push"}


def test_the_accounts_held_of_one_object_are_bounded_and_their_posts_go_on_counting():
    (*_, last) = findings_of(chatter() + uses(TROLLS), LISTS, max_accounts=10)
    assert last.accounts_total == 10
    assert last.posts_total > 30
    assert len(last.posts) <= 50


def test_what_everyone_else_does_is_saved_without_what_the_list_did():
    one = Listed()
    one.track()
    fed = ticks(uses(TROLLS[:9], gap=100) + uses(["u1", "u2"], begin=HOUR + MINUTE), LISTS)
    one.take(next(fed))
    one.changes()
    one.take(next(fed))
    assert set(one.changes()) == {"listed_hours", "listed_others"}
