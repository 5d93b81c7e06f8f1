"""Hashtags: exact counts while few, close estimates after, and never a zero where nothing is known."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, SECOND, START_MS, batches, person, post, robot, sentence

from detectors.accounts.stage import Accounts
from detectors.background import ENOUGH, binomial_tail, expected_share
from detectors.distinct import SlidingDistinct
from detectors.groups.hashtags import LEAST, Hashtags, HashtagSettings
from detectors.groups.references import References

WINDOW, LONG = 15, 60
PROFILES = (None, robot(), person())


def judged(posts, **settings_):
    """All findings of a stream, in order, and the detector."""
    one = Hashtags(HashtagSettings(**settings_))
    return list(findings_of(one, batches(posts))), one


def findings_of(one: Hashtags, signals):
    references = References("tags", LEAST)
    for each in signals:
        yield from references.take(one.take(each), each.tick_ms)


# -- exact counts against a slow reading of the definition -----------------------------------------

SHORT_TEXTS = [
    "Le petit hérisson traverse la ruelle du moulin",
    "A quiet badger mends the lantern again",
    "Oui !",
]


@st.composite
def small_streams(draw):
    """A few accounts that use a few tags, copy and repost each other, over up to two hours."""
    posts, at = [], 0
    for number in range(draw(st.integers(8, 70))):
        at += draw(st.sampled_from((300, 900, 20_000, 60_000, 400_000)))
        account = draw(st.integers(0, 9))
        tags = draw(st.lists(st.sampled_from(["#Lune", "#lune", "#mer", "#Été"]), min_size=1, max_size=2))
        more = {}
        text = draw(st.sampled_from(SHORT_TEXTS))
        if draw(st.integers(0, 2)) == 0:
            more = {"kind": "repost", "ref_id": str(draw(st.integers(0, 2))), "ref_author_id": "z"}
        posts.append(
            post(
                f"{number:03}",
                f"a{account}",
                at,
                f"{text} {' '.join(tags)}",
                author=PROFILES[account % 3],
                **more,
            )
        )
        if at > 120 * MINUTE:
            break
    return posts


def tags_of(one) -> set[str]:
    return {word[1:].casefold() for word in one.text.split() if word.startswith("#")}


def shared_so_far(uses):
    """For each post under the tag: whether another account had posted the same before it."""
    seen: dict[object, set[str]] = {}
    answers = []
    for one in uses:
        if one.kind == "repost":
            key = ("ref", one.ref_id)
        else:
            text = " ".join(word for word in one.text.split() if not word.startswith("#"))
            # "Oui !" is too short: tags are part of it, and even so it says nothing.
            key = ("text", text) if len(text) > 24 else None
        before = seen.setdefault(key, set()) if key else set()
        answers.append(bool(before - {one.author_id}))
        before.add(one.author_id)
    return answers


def minute_of(time_ms: int) -> int:
    """The minute in which a post is counted: that of its tick's last moment."""
    return (time_ms // 5000 * 5000 + 4999) // MINUTE


@given(small_streams())
@settings(max_examples=40, derandomize=True, deadline=None)
def test_every_number_is_that_of_a_slow_count(posts):
    # Growth barely above 1 and tiny groups, so that a tag is judged at nearly every tick.
    findings, _ = judged(posts, min_accounts=4, growth=1.0001)
    scores = {}
    for batch in batches(posts):
        for member in (use.member for use in batch.tags):
            scores[member.account.partition("\x1f")[2]] = member.score
    for finding in findings:
        name = finding.subjects[0].value
        now = (finding.judged_ms - 1) // MINUTE
        uses = [one for one in posts if name in tags_of(one) and one.time_ms < finding.judged_ms]
        shared = shared_so_far(uses)
        window = [index for index, one in enumerate(uses) if minute_of(one.time_ms) > now - LONG]
        recent = [index for index in window if minute_of(uses[index].time_ms) > now - WINDOW]
        before = [
            index for index in window if now - 2 * WINDOW < minute_of(uses[index].time_ms) <= now - WINDOW
        ]
        per_account = Counter(uses[index].author_id for index in window)
        originals = [index for index in window if uses[index].kind != "repost"]
        reposts = [index for index in window if uses[index].kind == "repost"]
        evidence = finding.evidence
        assert finding.posts_total == len(window)
        assert finding.accounts_total == len(per_account)
        assert {account.partition("\x1f")[2] for account in finding.accounts} == set(per_account)
        assert evidence["repeaters"] == ratio(sum(n > 1 for n in per_account.values()), len(per_account))
        assert evidence["copied"] == ratio(sum(shared[index] for index in originals), len(originals))
        assert evidence["co_reposted"] == ratio(sum(shared[index] for index in reposts), len(reposts))
        assert evidence["recent_posts"] == len(recent)
        assert evidence["recent_accounts"] == len({uses[index].author_id for index in recent})
        assert evidence["growth"] == round((len(recent) + 1) / (len(before) + 1), 4)
        assert evidence["posts_per_account"] == round(len(window) / len(per_account), 4)
        assert evidence["top_account_share"] == round(max(per_account.values()) / len(window), 4)
        known = [score for account in {uses[i].author_id for i in recent} if (score := scores[account]) >= 0]
        assert_share(evidence, known)


def ratio(hits: int, of: int):
    return round(hits / of, 4) if of else None


def assert_share(evidence, scores):
    assert evidence["scored_accounts"] == len(scores)
    if not scores:
        assert evidence["bot_share"] is evidence["bot_share_low"] is evidence["bot_share_high"] is None
        return
    chances = [score / 1000 for score in scores]
    share = statistics.fmean(chances)
    half = 1.96 * math.sqrt(sum(p * (1 - p) for p in chances)) / len(chances)
    assert evidence["bot_share"] == pytest.approx(share, abs=1e-4)
    assert evidence["bot_share_low"] == pytest.approx(max(0, share - half), abs=1e-4)
    assert evidence["bot_share_high"] == pytest.approx(min(1, share + half), abs=1e-4)


def test_the_slow_count_is_put_to_use():
    # The streams of the property above do give findings, with every kind of number in them.
    rng = random.Random(1)
    posts = [
        post(
            f"{n:03}", f"a{n % 9}", n * 9 * SECOND, f"{rng.choice(SHORT_TEXTS)} #lune", author=PROFILES[n % 3]
        )
        for n in range(60)
    ]
    findings, _ = judged(posts, min_accounts=4, growth=1.0001)
    assert len(findings) > 40
    assert findings[-1].evidence["scored_accounts"] > 0
    assert findings[-1].evidence["copied"] > 0


# -- windows --------------------------------------------------------------------------------------


def test_minutes_leave_the_window_one_by_one():
    posts = [post(f"{n:04}", f"a{n % 20}", n * 20 * SECOND, f"word {n} #lune") for n in range(3 * 120)]
    findings, _ = judged(posts, refresh_minutes=1)
    last = findings[-1]
    assert last.judged_ms >= START_MS + 118 * MINUTE
    now = (last.judged_ms - 1) // MINUTE
    inside = [one for one in posts if now - LONG < minute_of(one.time_ms) and one.time_ms < last.judged_ms]
    assert last.posts_total == len(inside) < 3 * LONG + 1
    assert last.start_ms == (now - LONG + 1) * MINUTE


def test_accounts_that_left_the_window_are_no_longer_of_the_group():
    early = [post(f"e{n:03}", f"early{n}", n * SECOND, f"word {n} #lune") for n in range(30)]
    late = [post(f"l{n:03}", f"late{n}", 61 * MINUTE + n * SECOND, f"word {n} #lune") for n in range(30)]
    findings, _ = judged(early + late)
    assert not any("early" in account for account in findings[-1].accounts)
    assert findings[-1].accounts_total >= 24
    assert findings[0].finding_id != findings[-1].finding_id  # another episode


def test_a_tag_in_one_post_is_counted_once_however_it_is_written():
    posts = [post(str(n), f"a{n}", n, "#Lune #LUNE #lune ＃lune") for n in range(8)]
    (finding,), _ = judged(posts)
    assert finding.posts_total == 8
    assert finding.subjects == (("hashtag", "lune"),)


def test_a_tag_with_fewer_accounts_than_asked_for_is_not_judged():
    for accounts, wanted in ((7, 0), (8, 1)):
        posts = [post(f"{n:02}", f"a{n % accounts}", n, f"{n} #lune") for n in range(24)]
        assert len(judged(posts)[0]) == wanted


def test_a_finding_keeps_its_id_while_the_push_lasts():
    posts = [post(f"{n:03}", f"a{n}", n * 20 * SECOND, f"{n} #lune") for n in range(200)]
    findings, _ = judged(posts)
    assert len(findings) > 5
    assert len({finding.finding_id for finding in findings}) == 1


# -- what is not known ----------------------------------------------------------------------------


def test_without_scores_the_bot_share_is_missing_and_not_zero():
    posts = [post(f"{n:02}", f"a{n}", n, f"{n} #lune") for n in range(30)]
    (finding,), _ = judged(posts)
    assert finding.evidence["scored_accounts"] == 0
    for name in ("bot_share", "bot_share_low", "bot_share_high", "bot_share_reference", "bot_share_p"):
        assert finding.evidence[name] is None


def test_the_bot_share_is_of_the_accounts_that_have_a_score():
    posts = [post(f"{n:02}", f"a{n}", n, f"{n} #lune", author=robot() if n < 10 else None) for n in range(30)]
    (finding,), _ = judged(posts)
    score = next(iter(batches(posts))).tags[0].member.score
    assert score > 500
    assert finding.evidence["scored_accounts"] == 10
    assert finding.evidence["bot_share"] == score / 1000


def test_without_reposts_their_share_is_missing_and_not_zero():
    posts = [post(f"{n:02}", f"a{n}", n, f"{n} #lune") for n in range(30)]
    assert judged(posts)[0][0].evidence["co_reposted"] is None
    reposts = [post(f"{n:02}", f"a{n}", n, "#lune", kind="repost", ref_id=str(n)) for n in range(30)]
    evidence = judged(reposts)[0][0].evidence
    assert (evidence["copied"], evidence["co_reposted"]) == (None, 0.0)


def comparable_tags(count: int):
    """Tags of like size that only begin to repeat themselves, then the one in question."""
    posts = []
    for tag in range(count):
        posts += [
            post(f"o{tag}.{n:02}", f"o{tag}.{n % 10}", tag * MINUTE + n, f"{n} #tag{tag}") for n in range(12)
        ]
    posts += [post(f"x{n:03}", f"x{n % 12}", 20 * MINUTE + n, f"{n} #lune") for n in range(36)]
    return posts


def test_too_few_tags_to_compare_with_is_not_enough_data():
    for count in (0, ENOUGH - 1):
        evidence = judged(comparable_tags(count))[0][-1].evidence
        assert evidence["repeaters"] == 1.0
        assert evidence["repeaters_reference"] is None
        assert evidence["repeaters_p"] is None


def test_enough_tags_to_compare_with_give_a_reference_and_the_chance_of_more():
    evidence = judged(comparable_tags(ENOUGH))[0][-1].evidence
    assert evidence["repeaters_reference"] == 0.2
    assert evidence["repeaters_p"] == pytest.approx(binomial_tail(12, 12, 0.2), rel=1e-3)
    # Nobody has a score, so there is nothing to compare, however many tags there are.
    assert evidence["bot_share_reference"] is None


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0, 1))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_the_binomial_tail_is_that_of_the_sum(successes, trials, probability):
    exact = sum(
        math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
        for k in range(successes, trials + 1)
    )
    assert binomial_tail(successes, trials, probability) == pytest.approx(
        min(1.0, exact), rel=1e-6, abs=1e-12
    )


def test_no_scores_give_no_share():
    assert set(expected_share([]).values()) == {None, 0}


# -- many accounts --------------------------------------------------------------------------------


def test_of_twenty_thousand_accounts_the_number_is_close_and_the_sample_fair():
    tag = SlidingDistinct(exact=1024)
    truth = Counter()
    for number in range(20_000):
        account = f"account {number}"
        for _ in range(1 + (number % 4 == 0)):
            truth[account] += 1
            tag.add(number // 2000, account, 900 if number % 5 == 0 else 100)
    assert tag.sampled
    assert len(tag.held) <= 1024
    assert tag.count() == pytest.approx(20_000, rel=0.05)
    assert tag.count(5) == pytest.approx(10_000, rel=0.05)
    # Standard error of a share of 500 accounts or more: 0.02.
    assert sum(n > 1 for n in tag.held.values()) / len(tag.held) == pytest.approx(0.25, abs=0.06)
    scores = [tag.scores[account] for account in tag.held]
    assert statistics.fmean(scores) == pytest.approx(260, abs=50)
    assert all(tag.held[account] == truth[account] for account in tag.held)


def test_a_tag_of_twenty_thousand_accounts_is_judged_with_its_estimate():
    posts = [
        post(f"{n:05}", f"a{n % 20_000}", n * 40, f"{n} #lune", author=robot() if n % 3 else person())
        for n in range(24_000)
    ]
    one = Hashtags(HashtagSettings(exact_accounts=1024))
    findings = list(findings_of(one, batches(posts, Accounts())))
    last = findings[-1]
    seen = len({found.author_id for found in posts if found.time_ms < last.judged_ms})
    assert last.accounts_total == pytest.approx(seen, rel=0.05)
    assert len(last.accounts) <= 1024
    assert last.evidence["repeaters"] == pytest.approx((last.posts_total - seen) / seen, abs=0.05)
    low, high = sorted(
        score
        for score in {
            member.score for batch in batches(posts[:3]) for member in (use.member for use in batch.tags)
        }
    )
    assert last.evidence["bot_share"] == pytest.approx((2 * high + low) / 3000, abs=0.06)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=120), st.integers(0, 20))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_few_accounts_are_counted_exactly_while_minutes_come_and_go(uses, keep):
    tag = SlidingDistinct(exact=100)
    minute, history = 0, []
    for step, account in uses:
        minute += step
        tag.add(minute, f"a{account}", account)
        history.append((minute, f"a{account}"))
    first = minute - keep + 1
    tag.expire(first)
    left = Counter(account for at, account in history if at >= first)
    assert tag.held == left
    assert tag.count() == len(left)
    assert tag.since(first + 2) == {account for at, account in history if at >= first + 2}
    assert set(tag.scores) == set(left)


# -- memory ---------------------------------------------------------------------------------------


def test_invented_hashtags_are_forgotten_while_a_real_one_is_still_judged():
    limits = {"max_tags": 500, "max_single_tags": 2000}
    one = Hashtags(HashtagSettings(**limits))
    accounts = Accounts()
    findings, most = [], 0
    for part in range(10):
        at = part * MINUTE
        flood = [
            post(
                f"f{part}.{n}",
                f"f{n % 900}",
                at + n * 40,
                "",
                hashtags=[f"t{part}x{n}y{k}" for k in range(20)],
            )
            for n in range(1000)
        ]
        real = [
            post(f"r{part}.{n}", f"r{part * 3 + n}", at + n * 20 * SECOND, f"{n} #lune") for n in range(3)
        ]
        for batch in batches(flood + real, accounts):
            findings += [each.finding for each in one.take(batch) if each.finding]
            most = max(most, len(one))
    assert most <= 2500
    assert one.evicted >= 200_000 - 2500
    lune = [finding for finding in findings if finding.subjects[0].value == "lune"]
    assert lune[-1].accounts_total >= 24
    assert len(findings) == len(lune)


def test_invented_hashtags_that_are_each_used_twice_are_bounded_too():
    one = Hashtags(HashtagSettings(max_tags=300, max_single_tags=300))
    posts = [post(f"{n}", f"a{n}", n * 30, "", hashtags=[f"t{n // 2}"]) for n in range(8000)]
    for batch in batches(posts):
        one.take(batch)
        assert len(one) <= 600
    assert one.evicted >= 3000


def test_distinct_texts_remembered_for_a_tag_are_bounded():
    rng = random.Random(2)
    one = Hashtags(HashtagSettings(max_copies=100))
    posts = [post(f"{n}", f"a{n % 40}", n * 100, f"{sentence(rng)} #lune") for n in range(1000)]
    for batch in batches(posts):
        one.take(batch)
        assert len(one.tag("lune").objects) <= 100
