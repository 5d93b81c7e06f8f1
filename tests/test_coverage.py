"""Alerts say what they could not see: samples, filters, shed load and times without posts."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from streams_of_posts import MINUTE, SMALL, START_MS, planted, run
from test_state import Kept, check

from detectors.coverage import (
    BEFORE_MS,
    LONGEST_FILTER,
    Coverage,
    CoverageSettings,
    coverage_of,
    not_whole,
)
from detectors.events import Change, Chosen, Missing
from detectors.gaps import KEPT, MINUTE_MS, Gap, Gaps
from detectors.sources import KEPT_GAPS, Sources
from streams.command_inputs import Rejects, open_feed, what_chooses
from streams.embedded import Pipeline, Settings
from streams.privacy_settings import PrivacySettings
from streams.sources.live.bluesky import Bluesky
from streams.sources.live.http import Http
from streams.sources.live.mastodon import Mastodon
from streams.sources.live.settings import HttpSettings, MastodonSettings, XSettings
from streams.sources.live.x import X

TICK = 5000


@pytest.mark.parametrize(
    ("told", "judged", "wanted"),
    [
        (None, None, None),
        (None, 0.9, 0.9),
        (0.01, None, 0.01),
        (0.01, 0.9, 0.009),
        (1.0, None, 1.0),
        (1.0, 0.25, 0.25),
        (0.00005, 0.5, 0.000025),
        (1 / 3, 1 / 3, 0.1111),
    ],
)
def test_what_the_source_left_out_and_what_was_shed_are_multiplied_where_they_are_known(told, judged, wanted):
    coverage = coverage_of(CoverageSettings(sampling=told), Gaps(TICK), Sources(), 0, TICK, judged)
    assert coverage.sampling == wanted


def test_gaps_count_from_an_hour_before_the_first_post_to_the_tick_of_the_alert():
    gaps = Gaps(TICK)
    for tick in range(300 * 12):
        if tick // 12 not in (100, 101, 290, 291):
            gaps.take(5, (tick + 1) * TICK)
    early, late = Gap(100 * MINUTE_MS, 102 * MINUTE_MS), Gap(290 * MINUTE_MS, 292 * MINUTE_MS)

    def told(first_ms: int, at_ms: int) -> tuple[Gap, ...]:
        return coverage_of(CoverageSettings(), gaps, Sources(), first_ms, at_ms).gaps

    assert told(120 * MINUTE_MS, 300 * MINUTE_MS) == (early, late)
    assert told(120 * MINUTE_MS, 280 * MINUTE_MS) == (early,)
    assert told(early.end_ms + BEFORE_MS, 300 * MINUTE_MS) == (late,)
    # An hour after the stream died, a case is closed: that the stream died is told.
    assert told(299 * MINUTE_MS, 360 * MINUTE_MS) == (late, Gap(300 * MINUTE_MS, 360 * MINUTE_MS))


@pytest.mark.parametrize(
    "table",
    [
        {"sampling": 0},
        {"sampling": -0.1},
        {"sampling": 1.01},
        {"sampling": "all"},
        {"filter": ""},
        {"filter": "x" * (LONGEST_FILTER + 1)},
        {"rules": "x"},
    ],
)
def test_settings_that_make_no_sense_are_refused(table):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, CoverageSettings, strict=False)


@pytest.mark.parametrize("table", [{}, {"sampling": 1}, {"sampling": "0.01", "filter": "#debate lang:fr"}])
def test_settings_of_a_room_are_taken(table):
    settings = msgspec.convert(table, CoverageSettings, strict=False)
    assert settings.filter == table.get("filter")
    assert settings.sampling == (float(table["sampling"]) if "sampling" in table else None)


def test_a_whole_stream_has_nothing_to_add_to_what_is_not_proved():
    assert not_whole(Coverage()) is None
    assert not_whole(Coverage(sampling=1.0)) is None


def test_what_a_live_network_says_of_its_posts_is_not_said_under_pseudonyms():
    hidden = PrivacySettings(pseudonyms=True)
    own = CoverageSettings(filter="the debate")
    for privacy, coverage, said in (
        (PrivacySettings(), CoverageSettings(), "public timeline of mastodon.social, without boosts"),
        (hidden, CoverageSettings(), None),
        (hidden, own, "the debate"),
    ):
        feed = open_feed("mastodon", Settings(privacy=privacy, coverage=coverage), None, Rejects(None))
        chosen = feed._inlet._chosen()
        assert (chosen and chosen.filter) == said


def test_a_stream_that_was_not_whole_is_said_with_its_figures_in_two_languages():
    gaps = (Gap(0, 5 * MINUTE_MS), Gap(10 * MINUTE_MS, 17 * MINUTE_MS))
    assert not_whole(Coverage(0.009, "#debate lang:fr", gaps)) == (
        "The stream was not whole: it holds only posts chosen by “#debate lang:fr”; 0.9% of its posts were "
        "judged; nothing came for 12 minutes (2 gaps). What it did not show is not counted.",
        "Le flux n'était pas complet\u00a0: il ne contient que des messages choisis par «\u00a0#debate "
        "lang:fr\u00a0»\u202f; 0,9\u00a0% de ses messages ont été jugés\u202f; rien n'est arrivé pendant "
        "12 minutes (2 interruptions). Ce qu'il n'a pas montré n'est pas compté.",
    )


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        (Coverage(sampling=0.9999), "99.99%"),
        (Coverage(sampling=0.00001), "0.001%"),
        (Coverage(gaps=(Gap(0, 65_000),)), "for 1 minute (1 gap)"),
        (Coverage(gaps=(Gap(0, 3000 * MINUTE_MS),)), "for 3,000 minutes"),
        (Coverage(filter="x" * 500), "x…”"),
    ],
)
def test_each_of_them_alone_is_said(coverage, said):
    sentences = not_whole(coverage)
    assert sentences is not None
    assert said in sentences[0]
    assert all(len(one) < 300 for one in sentences)


def test_the_filter_of_x_is_its_rules(tmp_path):
    rules = tmp_path / "rules.txt"
    rules.write_text("# the debate\n#debate lang:fr\n\ncats -is:retweet\n")
    settings = XSettings(token="t", rules=str(rules))
    assert X(settings).chosen_by == "#debate lang:fr | cats -is:retweet"
    rules.write_text("\n".join(f"word{n} lang:fr" for n in range(999)))
    assert len(X(settings).chosen_by) == LONGEST_FILTER


def test_the_filter_of_mastodon_is_its_timelines():
    settings = MastodonSettings(instances="https://one.example/, https://two.example", stream="public/local")
    assert Mastodon(settings).chosen_by == (
        "public/local timeline of one.example, two.example, without boosts"
    )


def test_a_network_that_shows_all_or_of_which_nothing_is_known_has_no_filter():
    assert Bluesky().chosen_by is Http(HttpSettings(token="0123456789abcdef")).chosen_by is None


def test_the_rooms_own_words_go_before_those_of_a_network():
    room = CoverageSettings(filter="posts in French", sampling=0.5)
    assert what_chooses(room, "#debate") == Chosen(filter="posts in French", sampling=0.5)
    assert what_chooses(CoverageSettings(), None) is None


def test_alerts_name_the_hole_in_their_stream_and_say_that_it_was_not_whole():
    start, end = START_MS + 15 * MINUTE, START_MS + 20 * MINUTE
    whole = planted(5, chatter=900, copiers=12, pushers=22, minutes=30).posts
    settings = msgspec.structs.replace(SMALL, coverage=CoverageSettings(sampling=0.01))
    assert settings.version() == SMALL.version()
    for posts in (whole, [post for post in whole if not start <= post.time_ms < end]):
        alerts = run(Pipeline(settings), posts)
        late = [alert for alert in alerts if alert["time"] > "2017-07-14T03:00"]
        assert 0 < len(late) < len(alerts)
        for alert in alerts:
            data, coverage = alert["data"], alert["data"]["coverage"]
            assert coverage["sampling"] == 0.01
            assert len(coverage["gaps"]) == (posts is not whole and alert in late)
            assert "1% of its posts" in data["not_proved"][-1]["en"]
            assert ("(1 gap)" in data["not_proved"][-1]["en"]) == bool(coverage["gaps"])


# -- what sources say of themselves -----------------------------------------------------------------


def gap(source, start_minute, end_minute, reason="late", at_ms=None):
    missing = Missing(start_ms=start_minute * MINUTE_MS, end_ms=end_minute * MINUTE_MS, reason=reason)
    at_ms = missing.end_ms if at_ms is None else at_ms
    return Change(platform="mastodon", time_ms=at_ms, event="gap", source=source, missing=missing)


def chooses(source, filter, at_ms=0, **chosen):
    return Change(
        platform="x", time_ms=at_ms, event="filter", source=source, chosen=Chosen(filter=filter, **chosen)
    )


def test_a_gap_that_goes_on_is_one_gap_as_far_as_it_has_come_whatever_the_order():
    told = [gap("a", 10, 12), gap("a", 10, 14), gap("a", 10, 13), gap("b", 11, 12, "refused")]
    for order in (told, told[::-1]):
        sources = Sources()
        sources.take(order)
        assert sources.within(0, 20 * MINUTE_MS) == [
            Gap(11 * MINUTE_MS, 12 * MINUTE_MS, "b", "refused"),
            Gap(10 * MINUTE_MS, 14 * MINUTE_MS, "a", "late"),
        ]


def test_what_sources_say_stands_beside_the_silences_of_the_stream_and_the_newest_are_told():
    gaps, sources = Gaps(TICK), Sources()
    for tick in range(60 * 12):
        if not 40 <= tick // 12 < 43:
            gaps.take(5, (tick + 1) * TICK)
    sources.take([gap("a", 30, 35, "lost"), gap("b", 50, 55)])
    coverage = coverage_of(CoverageSettings(), gaps, sources, 58 * MINUTE_MS, 60 * MINUTE_MS)
    assert [(one.source, one.reason) for one in coverage.gaps] == [
        ("a", "lost"),
        (None, "silent"),
        ("b", "late"),
    ]
    said = not_whole(coverage)
    assert said is not None
    assert "nothing came for 3 minutes (1 gap); of a, b, posts of 10 minutes (2 gaps) are missing" in said[0]
    sources.take([gap(f"s{n}", n, n + 1) for n in range(2 * KEPT_GAPS)])
    assert sources.evicted == KEPT_GAPS + 2
    coverage = coverage_of(CoverageSettings(), Gaps(TICK), sources, 0, 10**9)
    assert [one.source for one in coverage.gaps][-1] == f"s{2 * KEPT_GAPS - 1}"
    assert len(coverage.gaps) == KEPT


@pytest.mark.parametrize("seed", range(4))
def test_what_sources_said_goes_on_from_a_checkpoint_as_if_nothing_had_happened(seed):
    def steps(number: int) -> list[list[Change]]:
        rng = random.Random(number)
        starts = [rng.randrange(900) for _ in range(300)]
        gaps = [gap(f"s{rng.randrange(9)}", start, start + rng.randint(1, 60)) for start in starts]
        rules = [chooses(f"s{rng.randrange(130)}", f"rule {n}", at_ms=n) for n in range(300)]
        return [[one, other] for one, other in zip(gaps, rules, strict=True)]

    def feed(sources: Sources, step: list[Change]) -> Any:
        sources.take(step)
        return sources.within(300 * MINUTE_MS, 500 * MINUTE_MS), sources.chosen(), sources.evicted

    check(Kept(Sources, steps, feed), seed)


def test_of_several_filters_each_is_told_and_of_one_source_the_newest():
    sources = Sources()
    sources.take([chooses("x", "#a", 2), chooses("x", "#b", 1), chooses("y", "#c", sampling=0.1)])
    assert sources.chosen() == Chosen(filter="#a; #c", sampling=0.1)
    settings = CoverageSettings(sampling=0.5)
    assert coverage_of(settings, Gaps(TICK), sources, 0, TICK, 0.5)[:2] == (0.25, "#a; #c")
    settings = CoverageSettings(filter="what the room says")
    assert coverage_of(settings, Gaps(TICK), sources, 0, TICK)[:2] == (0.1, "what the room says")


def test_what_a_source_says_is_heard_however_late_and_moves_no_time():
    posts = planted(5, chatter=300, copiers=12, pushers=22, minutes=6).posts
    start = posts[0].time_ms // MINUTE_MS
    told = [gap("a.example", start - 5, start - 1, at_ms=START_MS - 5 * MINUTE), chooses("x", "#debate", 0)]
    pipeline = Pipeline(SMALL)
    alerts = run(pipeline, [posts[0], *told, *posts[1:]])
    assert alerts
    assert pipeline.gate.late == 0
    for alert in alerts:
        coverage = alert["data"]["coverage"]
        assert coverage["filter"] == "#debate"
        assert [(one["source"], one["reason"]) for one in coverage["gaps"]] == [("a.example", "late")]
        assert "of a.example, posts of 4 minutes (1 gap) are missing" in alert["data"]["not_proved"][-1]["en"]
