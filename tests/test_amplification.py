"""Amplification of one account: exact counts, networks that are found, innocent look-alikes that are not."""

from __future__ import annotations

import csv
import gzip
import random
import statistics
from collections import Counter
from typing import NamedTuple

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import MAPPINGS, need_data
from streams_of_posts import MINUTE, SECOND, START_MS, batches, person, post, robot
from test_state import Kept, check

from detectors.accounts.stage import Accounts
from detectors.batches import Signals, merge, spread
from detectors.events import from_mapping
from detectors.groups import amplified
from detectors.groups.amplification import LEAST, Amplification, AmplificationSettings
from detectors.groups.amplified import coarse
from detectors.groups.references import References
from detectors.rules import RULES
from detectors.rules import amplification as rules
from detectors.rules.sentences import NBSP
from detectors.severity import WARNING, assess
from streams import cli
from streams.ranking import Ranking
from streams.simulate import load_scenario, simulate
from streams.sources.formats import open_source
from streams.sources.posts import encode_post

WINDOW = 60
HALF_LIFE = 12 * 60 * MINUTE


def findings_of(one: Amplification, signals):
    references = References("sources", LEAST)
    for each in signals:
        yield from references.take(one.take(each), each.tick_ms)


def judged(posts, **settings_):
    """All findings of a stream, in order."""
    return list(findings_of(Amplification(AmplificationSettings(**settings_)), batches(posts)))


def repost(post_id, account, at, source, ref, delay=None, **more):
    """A repost, ``delay`` milliseconds after its post; None where the date of that is not given."""
    made = {} if delay is None else {"ref_created_at": START_MS + at - delay}
    return post(
        post_id, account, at, f"text {ref}", kind="repost", ref_id=ref, ref_author_id=source, **made, **more
    )


@pytest.fixture
def scored(monkeypatch):
    """The severity of findings by the rules of this detector."""
    monkeypatch.setitem(RULES, "amplification", rules)
    return lambda finding, linked=0, shared=0: assess(finding, linked, shared)


# -- exact counts against a slow reading of the definition -----------------------------------------

PROFILES = (None, robot(), person())


@st.composite
def small_streams(draw):
    """A few accounts that repost three sources, themselves too, and post, over up to three hours."""
    posts, at = [], 0
    for number in range(draw(st.integers(10, 80))):
        at += draw(st.sampled_from((300, 900, 20_000, 60_000, 400_000)))
        account = draw(st.integers(0, 7))
        kind = draw(st.sampled_from(("s0", "s0", "s0", "s1", "a1", "")))
        name, profile = f"a{account}", PROFILES[account % 3]
        if kind:
            ref = draw(st.sampled_from((None, "1", "2", "3")))
            delay = draw(st.sampled_from((None, 0, 999, 60_000, 60_001, 95_000)))
            posts.append(repost(f"{number:03}", name, at, kind, ref, delay, author=profile))
        else:
            posts.append(post(f"{number:03}", name, at, f"word {number}", author=profile))
        if at > 180 * MINUTE:
            break
    return posts


def minute_of(time_ms: int) -> int:
    """The minute in which a post is counted: that of its tick's last moment."""
    return (time_ms // 5000 * 5000 + 4999) // MINUTE


def uses_of(finding, posts):
    """The reposts of a finding's source in the window, in order of time."""
    source, now = finding.subjects[0].value, (finding.judged_ms - 1) // MINUTE
    return [
        one
        for one in posts
        if one.kind == "repost"
        and one.ref_author_id == source != one.author_id
        and one.time_ms < finding.judged_ms
        and minute_of(one.time_ms) > now - WINDOW
    ]


def delay_of(one):
    made = one.ref_created_at
    return None if made is None else one.time_ms - round(made.timestamp() * 1000)


def decayed(times):
    return sum(0.5 ** ((times[-1] - at) / HALF_LIFE) for at in times)


def devotions_of(finding, posts, accounts, activity):
    """Of each account with three recent posts: the part that repost the source, since it was last away."""
    devotions = []
    for name in accounts:
        mine = [
            one
            for one in posts
            if one.author_id == name
            and one.ref_author_id == finding.subjects[0].value
            and one.time_ms < finding.judged_ms
        ]
        run = mine[-1:]
        for one in reversed(mine[:-1]):
            if minute_of(run[0].time_ms) - minute_of(one.time_ms) >= WINDOW:
                break
            run.insert(0, one)
        recent = activity[run[-1].id]
        if recent >= 3:
            devotions.append(round(decayed([one.time_ms for one in run]) / recent, 4))
    return devotions


def ratio(hits, of):
    return round(hits / of, 4) if of else None


@given(small_streams())
@settings(max_examples=40, derandomize=True, deadline=None)
def test_every_number_is_that_of_a_slow_count(posts):
    findings = judged(posts, min_accounts=4, growth=1.0001)
    known_members = [one for each in batches(posts) for one in members(each)]
    scores = {one.account: one.score for one in known_members}
    activity = {one.post_id: one.activity for one in known_members}
    for finding in findings:
        uses, evidence = uses_of(finding, posts), finding.evidence
        per_account = Counter(one.author_id for one in uses)
        assert finding.posts_total == len(uses)
        assert finding.accounts_total == len(per_account)
        assert {account.partition("\x1f")[2] for account in finding.accounts} == set(per_account)
        assert [one.post_id for one in finding.posts] == [one.id for one in uses][-50:]
        delays = sorted(delay for one in uses if (delay := delay_of(one)) is not None)
        assert evidence["known_delays"] == len(delays)
        assert evidence["quick"] == ratio(sum(delay <= 60_000 for delay in delays), len(delays))
        middle = coarse(statistics.median_low(delays) // 1000) if delays else None
        assert evidence["median_delay_s"] == middle
        refs = {name: {one.ref_id for one in uses if one.author_id == name} - {None} for name in per_account}
        distinct = set().union(*refs.values())
        assert evidence["posts_reposted"] == (len(distinct) or None)
        known = [mine for mine in refs.values() if mine]
        loyal = ratio(sum(len(mine) > 1 for mine in known), len(known)) if len(distinct) > 1 else None
        assert evidence["loyal"] == loyal
        assert evidence["reposts_per_account"] == ratio(len(uses), len(per_account))
        best = sorted(per_account.values(), reverse=True)[: -(-len(per_account) // 10)]
        assert evidence["top_tenth_share"] == ratio(sum(best), len(uses))
        devotions = devotions_of(finding, posts, per_account, activity)
        assert evidence["busy_accounts"] == len(devotions)
        median = statistics.median(devotions) if devotions else None
        assert evidence["median_devotion"] == pytest.approx(median, abs=2e-4)
        assert evidence["devoted"] == ratio(sum(one >= 0.5 for one in devotions), len(devotions))
        mine = [score for name in per_account if (score := scores.get(f"x\x1f{name}", -1)) >= 0]
        assert evidence["scored_accounts"] == len(mine)


def members(signals: Signals):
    return [use.member for use in signals.amplifiers]


def test_devotion_is_the_part_of_an_account_s_recent_posts():
    posts = []
    for number in range(10):
        name = f"a{number}"
        # Of four posts the first ``number % 5`` are of its own.
        for turn in range(4):
            at = (number * 4 + turn) * SECOND
            if turn < number % 5:
                posts.append(post(f"{number}.{turn}", name, at, f"own {number} {turn}"))
            else:
                posts.append(repost(f"{number}.{turn}", name, at, "star", str(turn)))
    (*_, last) = judged(posts, min_accounts=4, growth=1.0001)
    shares = sorted((4 - number % 5) / 4 for number in range(10) if number % 5 < 4)
    assert last.evidence["busy_accounts"] == 8
    assert last.evidence["median_devotion"] == pytest.approx(statistics.median(shares), abs=0.001)
    # To the rounding up of an account's activity: half of four is a little less than half.
    assert last.evidence["devoted"] in (4 / 8, 6 / 8)


def test_of_accounts_seen_once_nothing_is_said_of_their_devotion():
    (finding,) = judged([repost(str(n), f"a{n}", n, "star", str(n % 3)) for n in range(20)])
    assert finding.evidence["devoted"] is None
    assert finding.evidence["median_devotion"] is None
    assert finding.evidence["busy_accounts"] == 0


def test_what_is_not_known_is_missing_and_not_zero():
    (finding,) = judged([repost(str(n), f"a{n}", n, "star", None) for n in range(20)])
    for name in ("quick", "median_delay_s", "loyal", "posts_reposted", "bot_share", "quick_reference"):
        assert finding.evidence[name] is None


def test_reposting_oneself_does_not_count():
    posts = [repost(str(n), "star", n, "star", str(n)) for n in range(20)]
    one = Amplification()
    assert not list(findings_of(one, batches(posts)))
    assert len(one) == 0


def test_accounts_of_two_networks_with_one_id_are_two_sources():
    posts = [repost(str(n), f"a{n}", n, "star", "1", platform="x" if n % 2 else "other") for n in range(14)]
    assert not judged(posts)


def test_a_finding_keeps_its_id_while_it_lasts_and_shows_its_first_repost():
    posts = [repost(f"{n:04}", f"a{n % 90}", n * 10 * SECOND, "star", str(n // 60)) for n in range(330)]
    late = [repost(f"l{n:03}", f"a{n}", 130 * MINUTE + n * SECOND, "star", "99") for n in range(30)]
    findings = judged(posts)
    assert len(findings) > 5
    assert len({finding.finding_id for finding in findings}) == 1
    assert findings[-1].posts[0].post_id == "0000"
    assert len(findings[-1].posts) == 50
    again = judged(posts + late)[-1]
    assert again.finding_id != findings[-1].finding_id
    assert again.posts[0].post_id == "l000"


def test_of_many_accounts_the_number_is_close_and_the_shares_fair():
    rng = random.Random(3)
    posts = [
        repost(f"{n:05}", f"a{rng.randrange(6000)}", n * 200, "star", str(n % 9), delay=SECOND * (n % 120))
        for n in range(12_000)
    ]
    last = judged(posts, exact_accounts=512)[-1]
    uses = uses_of(last, posts)
    refs: dict[str, set[str]] = {}
    for one in uses:
        refs.setdefault(one.author_id, set()).add(one.ref_id)
    assert last.accounts_total == pytest.approx(len(refs), rel=0.05)
    assert len(last.accounts) <= 512
    assert last.posts_total == len(uses)
    # Standard error of a share of 256 accounts or more: 0.03.
    loyal = sum(len(mine) > 1 for mine in refs.values()) / len(refs)
    assert last.evidence["loyal"] == pytest.approx(loyal, abs=0.1)
    assert last.evidence["median_delay_s"] == pytest.approx(60, abs=2)


# -- order, shards, memory, checkpoints ------------------------------------------------------------


def busy_stream(seed: int):
    """Three hours of a few sources that come, go and return, some with a network and some with a crowd."""
    rng = random.Random(seed)
    posts = []
    for number in range(700):
        at = rng.randrange(200 * MINUTE)
        part = at // (35 * MINUTE)
        kind = rng.randrange(4)
        if kind == 0:
            source, account = f"lone{rng.randrange(300)}", f"u{rng.randrange(200)}"
        elif kind == 1 and part % 3 != 1:  # away for longer than the window now and then
            source, account = "net", f"n{rng.randrange(14)}"
        else:
            source, account = f"star{part % 2}", f"u{rng.randrange(60)}"
        ref = rng.choice((None, *map(str, range(part, part + 4))))
        delay = rng.choice((None, rng.randrange(500_000)))
        posts.append(repost(f"{number:04}", account, at, source, ref, delay, author=rng.choice(PROFILES)))
    return sorted(posts, key=lambda one: (one.time_ms, one.id))


def test_order_inside_a_tick_of_arrival_and_the_number_of_shards_do_not_matter():
    for seed in range(3):
        rng = random.Random(seed)
        whole, parts = Amplification(), [Amplification() for _ in range(4)]
        one, other = References("sources", LEAST), References("sources", LEAST)
        for signals in batches(busy_stream(seed)):
            wanted = one.take(whole.take(signals), signals.tick_ms)
            # As it is after a broker: each signal comes over one of two ways, and goes to its shard.
            ways = [msgspec.structs.replace(signals, amplifiers=[]) for _ in range(2)]
            for use in signals.amplifiers:
                rng.choice(ways).amplifiers.append(use)
            shards = spread(merge(ways), len(parts))
            measured = [
                each
                for part, mine in zip(parts, shards, strict=True)
                for each in part.take(msgspec.structs.replace(mine, tick_ms=signals.tick_ms))
            ]
            rng.shuffle(measured)
            found = other.take(measured, signals.tick_ms)
            assert sorted(found, key=str) == sorted(wanted, key=str)


def feed(one: Amplification, signals: Signals):
    return one.take(signals), len(one), one.evicted


def measured_steps(seed: int):
    one = Amplification()
    return [(signals.tick_ms, one.take(signals)) for signals in batches(busy_stream(seed))]


SMALL = AmplificationSettings(exact_accounts=8, window_minutes=20, refresh_minutes=5, min_accounts=5)


@pytest.mark.parametrize("large", [3, 128])
@pytest.mark.parametrize("settings_", [None, SMALL])
@pytest.mark.parametrize("seed", range(4))
def test_from_a_checkpoint_it_goes_on_as_if_nothing_had_happened(large, settings_, seed, monkeypatch):
    monkeypatch.setattr(amplified, "_LARGE", large)
    steps = {key: list(batches(busy_stream(key))) for key in (seed % 3,)}
    check(Kept(lambda: Amplification(settings_), lambda key: steps[key], feed), 3000 + seed)


@pytest.mark.parametrize("seed", range(3))
def test_the_references_go_on_from_a_checkpoint(seed):
    check(
        Kept(
            lambda: References("sources", LEAST), measured_steps, lambda one, step: one.take(step[1], step[0])
        ),
        seed,
    )


def test_the_streams_of_these_tests_have_what_may_go_wrong():
    one = Amplification(SMALL)
    findings = list(findings_of(one, batches(busy_stream(0))))
    assert len({finding.finding_id for finding in findings}) > 4
    assert any(finding.accounts_total > len(finding.accounts) for finding in findings)


def test_a_large_source_s_checkpoint_writes_only_its_newest_minute_again():
    one, accounts = Amplification(), Accounts()
    one.track()
    sizes = []
    for minute in range(20):
        posts = [
            repost(f"{minute}.{n:03}", f"a{minute}.{n}", minute * MINUTE + n, "star", str(minute))
            for n in range(200)
        ]
        for signals in batches(posts, accounts):
            one.take(signals)
        sizes.append(sum(len(value or b"") for table in one.changes().values() for value in table.values()))
    assert sizes[-1] < 1.5 * sizes[1]


def test_what_is_never_saved_is_not_noted():
    one = Amplification()
    for signals in batches(busy_stream(0)):
        one.take(signals)
    assert len(one._changed) == len(one._changed_singles) == len(one._records) == 0


def test_invented_sources_are_forgotten_while_a_network_is_still_found():
    one = Amplification(AmplificationSettings(max_sources=500, max_single_sources=2000))
    accounts, findings, most = Accounts(), [], 0
    references = References("sources", LEAST)
    for part in range(100):
        posts = [
            repost(f"{part}.{n}", f"u{n}", part * 5000 + n, f"invented{part}.{n}", "1") for n in range(1000)
        ]
        posts += [
            repost(f"n{part}.{n}", f"n{n}", part * 5000 + 2000 + n, "net", str(part)) for n in range(10)
        ]
        for signals in batches(posts, accounts):
            findings += references.take(one.take(signals), signals.tick_ms)
            most = max(most, len(one))
    assert most <= 2501
    assert one.evicted >= 97_000
    assert findings[-1].subjects[0].value == "net"
    assert findings[-1].accounts_total == 10


def test_what_is_held_of_one_source_is_bounded():
    one = Amplification(AmplificationSettings(exact_accounts=64, max_posts=100))
    posts = [repost(str(n), f"a{n}", n, "star", str(n)) for n in range(3000)]
    for signals in batches(posts):
        one.take(signals)
    source = one.source("x\x1fstar")
    assert len(source.posts) == 100
    assert len(source.amplifiers) == len(source.accounts.held) <= 64
    assert len(source.members) <= 50


# -- what is alerted, and what is not --------------------------------------------------------------


def ordinary(rng: random.Random, minutes: int = 120):
    """Sources of all sizes, whose readers repost one or two posts within the hour and post much else."""
    posts = []
    for source in range(14):
        for number in range(rng.randrange(10, 60)):
            ref, account = rng.randrange(6), f"reader{rng.randrange(400)}"
            made = ref * minutes * MINUTE // 8
            delay = int(min(rng.lognormvariate(6.5, 1.2), 6000) * SECOND)
            posts.append(
                repost(
                    f"o{source}.{number}", account, made + delay, f"page{source}", f"{source}.{ref}", delay
                )
            )
    for number in range(1600):
        name = f"reader{rng.randrange(400)}"
        posts.append(post(f"w{number}", name, rng.randrange(minutes * MINUTE), f"word {number}"))
    return posts


class Habit(NamedTuple):
    """How accounts repost one source over two hours."""

    posts: int
    """Posts of the source."""
    chance: float
    """That an account reposts one of them."""
    delay_s: float
    spread: float
    others: int
    """Other posts of each account."""


NETWORK = Habit(posts=8, chance=0.6, delay_s=30, spread=0.8, others=1)


def reposters(rng: random.Random, accounts: int, habit: Habit):
    """Accounts that repost the account "star", and post other things."""
    made = []
    for ref in range(habit.posts):
        begin = 20 * MINUTE + ref * 100 * MINUTE // habit.posts
        for number in range(accounts):
            if rng.random() < habit.chance:
                delay = int(1000 * habit.delay_s * rng.lognormvariate(0, habit.spread))
                name = f"star.{number}"
                made.append(repost(f"s{ref}.{number}", name, begin + delay, "star", f"s{ref}", delay))
    for number in range(accounts):
        for turn in range(habit.others):
            at = rng.randrange(120 * MINUTE)
            made.append(post(f"sw{number}.{turn}", f"star.{number}", at, f"word {number} {turn}"))
    return made


def best_of(posts, scored, source, **repeated):
    """The highest score of a source, and its severity."""
    found = [one for one in judged(posts) if one.subjects[0].value == source]
    assert found
    return max((scored(one, **repeated) for one in found), key=lambda one: one.score)


def test_a_fast_faithful_and_devoted_network_is_a_warning(scored):
    rng = random.Random(1)
    network = reposters(rng, 60, NETWORK)
    assessment = best_of(ordinary(rng) + network, scored, "star")
    assert {reason.code for reason in assessment.reasons} == {"quick", "loyal", "devoted"}
    assert assessment.severity == "warning"


INNOCENT = {
    "fans who repost all and little else": Habit(posts=8, chance=0.6, delay_s=600, spread=1.2, others=1),
    "fans who are told of each post": Habit(posts=8, chance=0.5, delay_s=30, spread=0.8, others=30),
    "readers of a newspaper": Habit(posts=30, chance=0.08, delay_s=1200, spread=1.2, others=15),
    "one viral post": Habit(posts=1, chance=0.9, delay_s=900, spread=1.0, others=6),
    "one viral post, at once": Habit(posts=1, chance=0.9, delay_s=30, spread=0.5, others=6),
    "guests of a debate": Habit(posts=12, chance=0.15, delay_s=120, spread=1.0, others=12),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent_reposters_are_below_a_warning(name, scored):
    for seed in range(3):
        rng = random.Random(seed)
        crowd = reposters(rng, 150, INNOCENT[name])
        # Even where all of them met on many posts, as faithful readers do.
        assessment = best_of(ordinary(rng) + crowd, scored, "star", linked=150, shared=20)
        assert assessment.score < WARNING


def test_size_alone_gives_no_points(scored):
    rng = random.Random(5)
    crowd = reposters(rng, 2000, Habit(posts=1, chance=0.9, delay_s=1500, spread=1.0, others=0))
    assert best_of(ordinary(rng) + crowd, scored, "star").score == 0


def test_without_sources_to_compare_with_nothing_is_alerted(scored):
    rng = random.Random(1)
    network = reposters(rng, 60, NETWORK)
    assessment = best_of(network, scored, "star")
    assert assessment.score == 0
    assert "not_enough_data" in {one.state for one in assessment.checks}


def test_accounts_that_look_automated_far_beyond_comparable_sources_are_a_warning(scored):
    rng = random.Random(2)
    posts = ordinary(rng) + reposters(rng, 60, NETWORK._replace(delay_s=900, others=9))
    for one in posts:
        one.author = robot() if one.author_id.startswith("star") else person()
    assessment = best_of(posts, scored, "star")
    assert "bots" in {reason.code for reason in assessment.reasons}
    assert assessment.severity in ("warning", "critical")


def case_a(minutes: int = 150):
    """A shorter case-a with fewer accounts: its posts, and the id of the amplified account."""
    scenario = load_scenario("case-a")
    (operation,) = scenario.operation
    operation = msgspec.structs.replace(
        operation, at_minute=30, duration_minutes=minutes - 30, accounts=200, source_posts=6
    )
    scenario = msgspec.structs.replace(scenario, duration_minutes=minutes, operation=[operation])
    posts, source = [], ""
    for one in simulate(scenario, 1):
        posts.append(from_mapping(orjson.loads(one.line)))
        if one.truth is not None and one.truth.role == "source":
            source = posts[-1].author_id
    return posts, source


def test_the_network_of_case_a_is_found_and_nobody_else(scored):
    posts, source = case_a()
    alerted = [
        (finding, assessment)
        for finding in judged(posts)
        if (assessment := scored(finding)).severity in ("warning", "critical")
    ]
    assert {finding.subjects[0].value for finding, _ in alerted} == {source}
    # Also without a look at profiles, which other networks of accounts lack.
    for one in posts:
        one.author = None
    codes = {reason.code for finding in judged(posts) for reason in scored(finding).reasons}
    assert {"quick", "loyal", "devoted"} <= codes
    best = best_of(posts, scored, source)
    assert best.severity == "warning"


def test_the_sentences_say_what_was_compared_and_accuse_nobody(scored):
    rng = random.Random(1)
    posts = ordinary(rng) + reposters(rng, 60, NETWORK)
    for one in posts:
        one.author = robot() if one.author_id.startswith("star") else person()
    assessment = best_of(posts, scored, "star", linked=60, shared=8)
    assert {reason.code for reason in assessment.reasons} == set(rules.SENTENCES)
    for reason in assessment.reasons:
        english, french = rules.SENTENCES[reason.code](reason.numbers)
        assert "?" not in english + french
        assert "%" not in french.replace(f"{NBSP}%", "")
        assert " :" not in french
        assert " ;" not in french
        for word in ("authenti", "fake", "faux", "fraud", "bot network"):
            assert word not in (english + french).casefold()
    english, french = rules.NOT_PROVED
    assert "nothing against the account that is reposted" in english
    assert "ne dit rien contre le compte repris" in french
    # The word stands only in the sentence that says that nothing proves it.
    assert "proves that those who repost it are inauthentic" in english.partition("Nothing here ")[2]


# -- vigie top sources -----------------------------------------------------------------------------


def test_top_sources_shows_the_same_measures():
    posts = busy_stream(1)
    ranking = Ranking("sources")
    ranking.take(Accounts().take(posts[-1].time_ms, posts))
    rows = ranking.rows(1000)
    total = sum(row["posts"] for row in rows)
    assert total == len(posts)
    assert [row["posts"] for row in rows] == sorted((row["posts"] for row in rows), reverse=True)
    for row in rows:
        uses = [one for one in posts if one.ref_author_id == row["value"]]
        refs: dict[str, set[str]] = {}
        for one in uses:
            if one.ref_id is not None:
                refs.setdefault(one.author_id, set()).add(one.ref_id)
        distinct = set().union(*refs.values())
        assert row["posts"] == len(uses)
        assert row["share"] == round(len(uses) / total, 4)
        assert row["accounts"] == len({one.author_id for one in uses})
        assert row["posts_reposted"] == (len(distinct) or None)
        loyal = ratio(sum(len(mine) > 1 for mine in refs.values()), len(refs))
        assert row["loyal_share"] == (loyal if len(distinct) > 1 else None)
        delays = [delay for one in uses if (delay := delay_of(one)) is not None]
        middle = coarse(statistics.median_low(delays) // 1000) if delays else None
        assert row["median_delay_s"] == middle


def test_the_table_of_sources_fits_into_a_hundred_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    posts = [
        repost(f"{n:05}", f"a{n % 900}", n * 20, f"1189023544621{n % 3:06}", str(n % 12_000), 100_000_000)
        for n in range(15_000)
    ]
    for one in posts:
        one.author = robot()
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in posts))
    assert cli.main(["top", "sources", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "1189023544621000000" in lines[1]
    assert "27 h" in lines[1]
    assert "5,000" in lines[1]


def reposted_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "retweet"]
    return Counter(row["retweet_of"] for row in rows)


@pytest.fixture(scope="module")
def debate():
    return need_data("gop-debate") / "gop_debate.csv.gz"


def test_top_sources_of_a_real_debate_are_those_of_a_plain_count(debate, capsys):
    mapping = str(MAPPINGS / "gop-debate.toml")
    wanted = reposted_of(debate)
    command = ["top", "sources", str(debate), "--mapping", mapping, "--limit", "3", "--json"]
    assert cli.main(command) == 0
    rows = orjson.loads(capsys.readouterr().out)
    assert [row["posts"] for row in rows] == [count for _, count in wanted.most_common(3)]
    assert rows[0]["posts"] == wanted[rows[0]["value"]]
    assert rows[0]["share"] == round(rows[0]["posts"] / wanted.total(), 4)


def test_a_real_debate_raises_no_warning(debate, scored):
    reader = open_source(debate, "csv", MAPPINGS / "gop-debate.toml")
    findings = judged([one for batch in reader for one in batch.posts])
    assert findings
    assert max(scored(finding).score for finding in findings) < WARNING
