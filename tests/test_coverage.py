"""Alerts say what they could not see: samples, filters, shed load and times without posts."""

from __future__ import annotations

import msgspec
import pytest
from streams_of_posts import MINUTE, SMALL, START_MS, planted, run

from detectors.coverage import (
    BEFORE_MS,
    LONGEST_FILTER,
    Coverage,
    CoverageSettings,
    coverage_of,
    not_whole,
)
from detectors.gaps import MINUTE_MS, Gap, Gaps
from streams.embedded import Pipeline
from streams.sources.live.filters import filter_of
from streams.sources.live.settings import BlueskySettings, HttpSettings, MastodonSettings, XSettings
from streams.sources.opening import InputError

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
    coverage = coverage_of(CoverageSettings(sampling=told), Gaps(TICK), 0, TICK, judged)
    assert coverage.sampling == wanted


def test_gaps_count_from_an_hour_before_the_first_post_to_the_tick_of_the_alert():
    gaps = Gaps(TICK)
    for tick in range(300 * 12):
        if tick // 12 not in (100, 101, 290, 291):
            gaps.take(5, (tick + 1) * TICK)
    early, late = Gap(100 * MINUTE_MS, 102 * MINUTE_MS), Gap(290 * MINUTE_MS, 292 * MINUTE_MS)

    def told(first_ms: int, at_ms: int) -> tuple[Gap, ...]:
        return coverage_of(CoverageSettings(), gaps, first_ms, at_ms).gaps

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
    assert filter_of(XSettings(rules=str(rules))) == "#debate lang:fr | cats -is:retweet"
    rules.write_text("\n".join(f"word{n} lang:fr" for n in range(999)))
    assert len(filter_of(XSettings(rules=str(rules))) or "") == LONGEST_FILTER
    with pytest.raises(InputError, match="cannot be read"):
        filter_of(XSettings(rules=str(tmp_path / "none")))


def test_the_filter_of_mastodon_is_its_timelines():
    settings = MastodonSettings(instances="https://one.example/, https://two.example", stream="public/local")
    assert filter_of(settings) == "public/local timeline of one.example, two.example, without boosts"


@pytest.mark.parametrize("settings", [BlueskySettings(), HttpSettings(), XSettings()])
def test_a_network_that_shows_all_or_of_which_nothing_is_known_has_no_filter(settings):
    assert filter_of(settings) is None


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
