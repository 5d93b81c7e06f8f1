"""Ties of accounts that share the same things, the pairs that repeat, and the networks beyond chance."""

from __future__ import annotations

import math
import random
from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import START_MS, post, sentence

from detectors.accounts.stage import Accounts
from detectors.batches import Signals, merge, spread
from detectors.events import Post
from detectors.findings import Finding, Subject, author_of
from detectors.groups.co_sharing import CoSharing, CoSharingSettings
from detectors.groups.networks import Networks, NetworkSettings, poisson_tail
from detectors.pairs import Pairs, Repeated, Repetition, Share, Tie
from detectors.pairs import tie as tie_of
from detectors.severity import assess
from detectors.wording import sentence as said

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
TICK = 5000


def signals_of(posts: list[Post], accounts: Accounts, end_ms: int) -> Signals:
    return accounts.take(START_MS + end_ms, sorted(posts, key=lambda one: (one.time_ms, one.id))).signals()


def ties_of(posts: list[Post], **chosen: int) -> list[Tie]:
    end = max(one.time_ms for one in posts) - START_MS + 1
    return CoSharing(CoSharingSettings(**chosen)).take(signals_of(posts, Accounts(), end))


def names(ties: list[Tie]) -> list[tuple[str, str]]:
    return sorted((*sorted((author_of(tie.one), author_of(tie.other))),) for tie in ties)


# -- ties ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"kind": "repost", "ref_id": "9"}, "post"),
        ({"links": ["https://News.invalid/a?utm_source=x"]}, "link"),
        ({"media": ["m1"]}, "media"),
        ({"hashtags": ["Debat"]}, "hashtag"),
        ({"kind": "reply", "ref_id": "9"}, "reply"),
    ],
)
def test_two_accounts_that_share_a_thing_within_a_minute_are_tied_by_it(more, kind):
    empty = {"links": [], "hashtags": [], "mentions": []}
    posts = [post(f"p{n}", f"a{n}", n * 20 * SECOND, "words", **(empty | more)) for n in range(2)]
    (tie,) = ties_of(posts)
    assert (tie.object.kind, tie.gap_ms, tie.posts) == (kind, 20 * SECOND, ("p0", "p1"))


def test_a_sequence_of_hashtags_is_an_object_only_in_its_order():
    def tagged(name: str, *tags: str) -> Post:
        return post(name, name, 0, "words", hashtags=list(tags))

    kinds = [tie.object.kind for tie in ties_of([tagged("a", "x", "y", "z"), tagged("b", "X", "y", "z")])]
    assert sorted(kinds) == ["hashtag", "hashtag", "hashtag", "sequence"]
    assert "sequence" not in [
        tie.object.kind for tie in ties_of([tagged("a", "x", "y", "z"), tagged("b", "z", "y", "x")])
    ]


def test_tracking_parameters_do_not_part_two_links():
    links = ["https://news.invalid/a?utm_source=one&id=3", "https://NEWS.invalid/a?id=3&fbclid=two"]
    posts = [post(f"p{n}", f"a{n}", n, "words", links=[link]) for n, link in enumerate(links)]
    (tie,) = ties_of(posts)
    assert tie.object == Subject("link", "https://news.invalid/a?id=3")


def test_the_border_of_the_window_is_in_it_and_a_moment_more_is_not():
    def at(ms: int) -> list[Post]:
        return [post("p", "a", 0, "w", links=["l"]), post("q", "b", ms, "w", links=["l"])]

    assert len(ties_of(at(MINUTE))) == 1
    assert ties_of(at(MINUTE + 1)) == []


def test_reposts_tie_over_a_quarter_of_an_hour_and_say_how_far_apart_they_were():
    posts = [post(f"r{n}", f"a{n}", n * 14 * MINUTE, "w", kind="repost", ref_id="9") for n in range(2)]
    (tie,) = ties_of(posts)
    assert tie.gap_ms == 14 * MINUTE


def test_nobody_is_tied_with_himself_and_a_pair_is_tied_by_an_object_once():
    moments = [("a", 0), ("a", 5), ("b", 10), ("a", 20), ("b", 30)]
    posts = [post(f"p{n}", name, at * SECOND, "w", links=["l"]) for n, (name, at) in enumerate(moments)]
    assert names(ties_of(posts)) == [("a", "b")]


def test_a_viral_object_is_counted_and_makes_no_more_ties():
    posts = [post(f"r{n:03}", f"a{n:03}", n * 100, "w", kind="repost", ref_id="9") for n in range(80)]
    shared = CoSharing(CoSharingSettings(viral_accounts=10))
    ties = shared.take(signals_of(posts, Accounts(), MINUTE))
    assert len(ties) == 45
    assert shared.viral == 70


def test_a_hashtag_that_a_crowd_uses_within_a_minute_ties_nobody_more():
    posts = [post(f"p{n:03}", f"a{n:03}", n * 100, "w", hashtags=["match"]) for n in range(60)]
    assert len(ties_of(posts, crowd_accounts=5)) == 10


def test_memory_is_bounded_when_links_are_invented_and_what_two_share_stays():
    shared = CoSharing(CoSharingSettings(max_single_objects=100, window_s=3600))
    accounts = Accounts()
    pair = [post(f"s{n}", f"s{n}", n, "w", links=["https://shared.invalid"]) for n in range(2)]
    shared.take(signals_of(pair, accounts, SECOND))
    for number in range(20):
        posts = [
            post(
                f"{number}.{n}",
                f"u{n}",
                number * TICK + n + 10,
                "w",
                links=[f"https://l.invalid/{number}/{n}"],
            )
            for n in range(100)
        ]
        shared.take(signals_of(posts, accounts, (number + 1) * TICK))
        assert len(shared) <= 101
    assert shared.evicted == 2001 - len(shared)
    third = [post("s3", "s3", 101 * SECOND, "w", links=["https://shared.invalid"])]
    assert len(shared.take(signals_of(third, accounts, 105 * SECOND))) == 2


@given(st.integers(0, 10**6), st.integers(2, 5))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_ties_are_the_same_in_any_number_of_shards(seed, shards):
    rng = random.Random(seed)
    posts = [
        post(
            f"p{n}",
            f"a{rng.randrange(9)}",
            rng.randrange(3 * MINUTE),
            "w",
            **rng.choice(
                (
                    {"links": [f"l{rng.randrange(5)}"]},
                    {"hashtags": [f"t{rng.randrange(4)}", "u", "v"]},
                    {"kind": "repost", "ref_id": f"r{rng.randrange(4)}"},
                )
            ),
        )
        for n in range(60)
    ]
    signals = signals_of(posts, Accounts(), 3 * MINUTE)
    whole = CoSharing().take(signals)
    parts = [CoSharing().take(merge([part])) for part in spread(signals, shards)]
    assert sorted(tie for part in parts for tie in part) == sorted(whole)
    oracle = exact(posts)
    assert {(tie.object, names([tie])[0]) for tie in whole} == oracle


def exact(posts: list[Post]) -> set[tuple[Subject, tuple[str, ...]]]:
    """Every pair within the window of its kind, by looking at all pairs of posts."""
    accounts = Accounts()
    shares = signals_of(posts, accounts, 3 * MINUTE).shares
    found = set()
    for one, other in combinations(shares, 2):
        window = 15 * MINUTE if one.object.kind == "post" else MINUTE
        near = abs(one.time_ms - other.time_ms) <= window
        if one.object == other.object and one.account != other.account and near:
            found.add((one.object, tuple(sorted((author_of(one.account), author_of(other.account))))))
    return found


# -- pairs -----------------------------------------------------------------------------------------


def tie(one: str, other: str, at: int, kind: str = "link", gap: int = 5) -> Tie:
    shares = Share(at - gap, f"{one}{at}", 1), Share(at, f"{other}{at}", 1)
    return tie_of(Subject(kind, f"{kind}{at}"), one, shares[0], other, shares[1])


def shared_by(ties: list[Tie], **account: Any) -> list[Tie]:
    """Ties of accounts that are all like that."""
    replace = msgspec.structs.replace
    return [
        replace(one, first=replace(one.first, **account), second=replace(one.second, **account))
        for one in ties
    ]


def test_a_post_that_carries_a_link_a_picture_and_a_tag_is_one_coincidence_with_its_copy():
    pairs = Pairs()
    first = pairs.take([tie("a", "b", 1000, kind) for kind in ("link", "media", "hashtag")], TICK)
    assert first == Repeated([], 1)
    again = pairs.take([tie("b", "a", 9000)], 2 * TICK)
    assert ([one.time_ms for one in again.ties], again.coincidences) == ([1000, 9000], 1)
    assert [(one.one, one.other) for one in again.ties] == [("a", "b"), ("a", "b")]


def test_wide_ties_are_no_coincidences():
    assert Pairs().take([tie("a", "b", 1000, gap=-61 * SECOND)], TICK).coincidences == 0


def test_links_and_tags_do_not_speak_for_what_another_detector_found():
    graph = Repetition()
    graph.take([tie("a", "b", at, kind) for at, kind in ((1, "link"), (2, "hashtag"), (3, "text"))], TICK)
    assert graph.among(["a", "b"], TICK) == (0, 0)
    graph.take([tie("a", "b", 4, "post")], TICK)
    assert graph.among(["a", "b"], TICK) == (2, 2)


# -- networks --------------------------------------------------------------------------------------


class Room:
    """A graph and its networks, in a stream of so many posts a tick."""

    def __init__(self, posts: int = 1000, **chosen: float) -> None:
        self.graph = Repetition()
        self.networks = Networks(NetworkSettings(**chosen))
        self.posts = posts

    def tick(self, ties: list[Tie], tick_ms: int, coincidences: int | None = None) -> list[Finding]:
        self.graph.take(ties, tick_ms)
        counted = len(ties) if coincidences is None else coincidences
        return self.networks.take(Repeated(ties, counted), self.graph, posts=self.posts, tick_ms=tick_ms)


def clique(accounts: str, moments: range, kind: str = "link", gap: int = 5) -> list[Tie]:
    return [
        tie(one, other, at * SECOND, kind, gap) for at in moments for one, other in combinations(accounts, 2)
    ]


def test_three_accounts_that_share_three_things_are_a_network_with_the_evidence_of_each_pair():
    (finding,) = Room().tick(clique("abc", range(3)), TICK)
    assert finding.accounts == ("a", "b", "c")
    edge = finding.edges[0]
    assert (edge.one, edge.other, edge.objects, edge.quick) == ("a", "b", 3, 3)
    assert edge.posts == (("a0", "b0"), ("a1000", "b1000"), ("a2000", "b2000"))
    assert finding.evidence["pairs"] == 3
    assert {member.post_id for member in finding.posts} == {
        f"{name}{at}" for name in "abc" for at in (0, 1000, 2000)
    }


@pytest.mark.parametrize(
    "ties",
    [clique("abc", range(2)), clique("ab", range(9)), clique("abc", range(9), gap=61 * SECOND)],
    ids=["two things", "two accounts", "minutes apart"],
)
def test_less_is_no_network(ties):
    assert Room().tick(ties, TICK) == []


def test_the_same_thing_again_is_no_other_thing():
    ties = [msgspec.structs.replace(tie("a", "b", 0), time_ms=at) for at in (0, 1000, 2000, 3000)]
    assert Room(min_accounts=2).tick(ties, TICK) == []


def test_accounts_that_share_with_everybody_are_no_network():
    """Half of the stream's coincidences would fall on them by chance: they post that much."""
    busy = shared_by(clique("abc", range(4)), activity=300)
    assert Room(posts=2000).tick(busy, TICK, coincidences=400) == []
    assert Room(posts=2000).tick(clique("abc", range(4)), TICK, coincidences=400) != []


def test_two_networks_that_meet_become_the_older_one():
    room = Room()
    (first,) = room.tick(clique("abc", range(3)), TICK)
    (second,) = room.tick(clique("xyz", range(3)), 2 * TICK)
    (both,) = room.tick([tie("c", "x", at * SECOND) for at in range(3)], 3 * TICK)
    assert both.finding_id == first.finding_id != second.finding_id
    assert both.accounts == tuple("abcxyz")


def test_a_network_is_told_again_only_when_it_has_grown():
    room = Room()
    assert room.tick(clique("abcd", range(3)), TICK)
    assert room.tick([tie("a", "b", 4 * SECOND)], 2 * TICK) == []
    assert room.tick(clique("abcd", range(5, 7)), 3 * TICK)


def test_a_network_whose_first_coincidences_are_forgotten_is_judged_by_the_others():
    room = Room()
    room.tick(clique("abc", range(3)), TICK)
    room.graph = Repetition()  # where there is no room, it forgets pairs that are edges still
    (finding,) = room.tick(clique("cde", range(10, 13)), 2 * TICK)
    assert finding.accounts == ("c", "d", "e")
    room.graph = Repetition()
    assert room.tick([tie("e", "f", at * SECOND) for at in range(20, 29)], 3 * TICK) == []


def test_a_network_is_forgotten_after_the_long_window():
    room = Room()
    room.tick(clique("abc", range(3)), TICK)
    assert len(room.networks) == 3
    room.tick([], 8 * 24 * HOUR)
    assert len(room.networks) == 0


def test_the_edges_held_are_bounded_and_the_forgotten_ones_counted():
    room = Room(max_edges=5)
    room.tick(clique("abcdef", range(3)), TICK)
    assert (len(room.networks), room.networks.evicted) == (5, 10)


def test_a_network_alone_is_a_notice_and_a_quick_devoted_large_one_a_warning():
    (small,) = Room(posts=100_000).tick(shared_by(clique("abc", range(3), gap=30_000), activity=99), TICK)
    assert assess(small, 0, 0).severity == "notice"
    (large,) = Room().tick(clique("abcdefghijk", range(6)), TICK)
    judged = assess(large, 0, 0)
    assert (judged.severity, {one.code for one in judged.reasons}) == (
        "warning",
        {"network", "quick", "devoted", "many"},
    )
    for reason in judged.reasons:
        english, french = said("co_sharing", reason)
        assert english and french


def test_newsrooms_that_share_the_same_links_are_open_coordination():
    open_ties = shared_by(clique("abcde", range(6)), declared=True)
    (finding,) = Room().tick(open_ties, TICK)
    assert finding.declared == 5
    assert assess(finding, 0, 0).open


@given(st.integers(0, 20), st.floats(0, 30))
def test_the_tail_is_that_of_the_poisson_distribution(count, mean):
    wanted = 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count))
    assert poisson_tail(count, mean) == pytest.approx(wanted, abs=1e-6) or mean >= count


# -- the whole way ---------------------------------------------------------------------------------


def stream(seed: int, network: int) -> list[Post]:
    """Ordinary posts with links, tags and reposts; and some accounts that share each link within seconds."""
    rng = random.Random(seed)
    posts = []
    for number in range(1500):
        at = rng.randrange(HOUR)
        more = rng.choice(
            (
                {},
                {"links": [f"https://news.invalid/{rng.randrange(40)}"]},
                {"hashtags": [f"tag{rng.randrange(12)}"]},
                {"kind": "repost", "ref_id": f"o{rng.randrange(60)}"},
            )
        )
        posts.append(post(f"u{number}", f"u{rng.randrange(400)}", at, sentence(rng), **more))
    for number in range(5):
        begin = rng.randrange(50 * MINUTE)
        for member in range(network):
            link = [f"https://pushed.invalid/{number}"]
            at = begin + rng.randrange(9 * SECOND)
            posts.append(post(f"n{number}.{member}", f"n{member}", at, sentence(rng), links=link))
    return posts


def found(posts: list[Post]) -> list[Finding]:
    accounts, shared, pairs, room = Accounts(), CoSharing(), Pairs(), Room()
    findings = []
    for tick in range(TICK, HOUR + TICK, TICK):
        ready = [one for one in posts if tick - TICK <= one.time_ms - START_MS < tick]
        repeated = pairs.take(shared.take(signals_of(ready, accounts, tick)), START_MS + tick)
        room.posts = len(ready)
        findings += room.tick(repeated.ties, START_MS + tick, repeated.coincidences)
    return findings


@pytest.mark.parametrize("seed", range(3))
def test_a_network_is_found_among_ordinary_posts_and_nobody_else(seed):
    finding = found(stream(seed, network=6))[-1]
    assert {author_of(name) for name in finding.accounts} == {f"n{member}" for member in range(6)}


@pytest.mark.parametrize("seed", range(3))
def test_ordinary_sharing_of_news_tags_and_posts_makes_no_network(seed):
    assert found(stream(seed, network=0)) == []
