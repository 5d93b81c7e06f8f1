"""Metrics as Prometheus scrapes them, and the page that explains them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from streams_of_posts import SMALL, planted

from detectors.alerts import DETECTORS
from detectors.events import REASONS
from streams import metrics
from streams.alert_delays import BOUNDS_S
from streams.embedded import Pipeline
from streams.leading import Leading
from streams.replay import Run, play
from streams.sources.formats import items_of, open_source, posts_of
from streams.sources.live.feed import Feed, Inlet
from streams.sources.posts import encode_post, take_line
from streams.sources.records import Tally

POSTS = planted(7).posts
LABELS = {
    "detector": set(DETECTORS),
    "rank": {str(rank) for rank in range(1, 11)},
    "le": {*map(str, BOUNDS_S), "+Inf"},
    "reason": set(REASONS),
    "severity": {"notice", "warning", "critical"},
    "store": {
        "texts",
        "hashtags",
        "accounts",
        "shared",
        "sources",
        "targets",
        "rising",
        "listed",
        "followed",
        "album",
        "communities",
        "traits",
        "open_groups",
        "promoted",
        "fates",
        "pairs",
        "networks",
        "cases",
    },
}
PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"


class Scrapes:
    """What was scraped half way and at the end of a replay, as text and parsed."""

    def __init__(self, folder: Path) -> None:
        path = folder / "posts.jsonl"
        lines = [encode_post(one) for one in POSTS]
        lines += [lines[0], b"{", b'{"event":"deletion","platform":"x","id":"1","at":1500000000000}']
        path.write_bytes(b"\n".join(lines))
        leading = Leading()
        self.pipeline = Pipeline(SMALL, on_judged=lambda one: leading.note(one, one.finding.judged_ms))
        self.tally, self.run = Tally(), Run()
        collector = metrics.PipelineCollector(
            self.pipeline, self.tally, self.run.alerts, leading, self.run.delays
        )
        server, thread = metrics.serve(0, collector)
        self.port = server.server_port
        try:
            batches = posts_of([open_source(path)], self.tally)
            for alert in play(self._halved(batches), self.pipeline, self.run):
                assert alert
            self.after = self._scrape()
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)

    def _halved(self, batches: Iterator[list]) -> Iterator[list]:
        for batch in batches:
            yield batch[: len(batch) // 2]
            self.during = self._scrape()
            yield batch[len(batch) // 2 :]

    def _scrape(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            text: str = answer.read().decode()
        return text


@pytest.fixture(scope="module")
def scrapes(tmp_path_factory) -> Scrapes:
    return Scrapes(tmp_path_factory.mktemp("metrics"))


def families(text: str) -> dict[str, Metric]:
    return {one.name: one for one in text_string_to_metric_families(text)}


def value(text: str, name: str, **labels: str) -> float:
    for family in families(text).values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    raise AssertionError(f"{name}{labels} was not scraped")


@pytest.mark.parametrize("moment", ["during", "after"])
def test_every_metric_is_there_with_its_type_and_help_and_no_other(scrapes, moment):
    text = getattr(scrapes, moment)
    declared = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert declared == {one.name: one.kind for one in metrics.METRICS}
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert helps == {one.name: one.help for one in metrics.METRICS}
    sampled = {family.name for family in families(text).values() if family.samples}
    ranked = {one.name for one in metrics.METRICS if "rank" in one.labels}  # nothing leads yet half way
    assert {re.sub("_total$", "", name) for name in declared} - sampled <= ranked


def test_counters_end_in_total_and_gauges_do_not():
    for one in metrics.METRICS:
        assert one.name.startswith("vigie_")
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert one.help.endswith(".")


def test_labels_are_those_declared_and_their_values_are_few_and_known(scrapes):
    declared = {one.name: set(one.labels) for one in metrics.METRICS}
    declared |= {f"{one.name}_bucket": {"le"} for one in metrics.METRICS if one.kind == "histogram"}
    for family in families(scrapes.after).values():
        for sample in family.samples:
            assert set(sample.labels) == declared.get(sample.name, set())
            for label, found in sample.labels.items():
                assert found in LABELS[label]


def test_no_text_and_no_name_of_the_stream_is_shown(scrapes):
    words = {word for one in POSTS for word in re.findall(r"\w{6,}", one.text)}
    names = {one.author_id for one in POSTS} | {one.id for one in POSTS}
    names |= {one.author.handle for one in POSTS if one.author and one.author.handle}
    shown = set(re.findall(r'"([^"]*)"', scrapes.during + scrapes.after))
    assert not shown & (words | names)
    assert not {name for name in names if name in scrapes.after and len(name) > 4}


def test_the_values_are_those_of_the_replay(scrapes):
    text = scrapes.after
    assert value(text, "vigie_posts_read_total") == len(POSTS) + 1
    assert value(text, "vigie_posts_processed_total") == len(POSTS)
    counted = ("processed", "late", "duplicate")
    assert sum(value(text, f"vigie_posts_{name}_total") for name in counted) == len(POSTS) + 1
    assert value(text, "vigie_posts_held") == 0
    assert value(text, "vigie_records_rejected_total", reason="not_json") == 1
    assert value(text, "vigie_records_rejected_total", reason="future_time") == 0
    assert value(text, "vigie_events_total") == 1
    for severity, alerts in scrapes.run.alerts.items():
        assert value(text, "vigie_alerts_total", severity=severity) == alerts > 0
    open_cases = len(scrapes.pipeline.judge.cases)
    for name, label in (("vigie_cases_open", "severity"), ("vigie_cases_open_by_detector", "detector")):
        assert sum(value(text, name, **{label: one}) for one in LABELS[label]) == open_cases > 0
    assert value(text, "vigie_findings_total") >= open_cases
    assert value(text, "vigie_cases_open", severity="critical") > 0
    assert value(text, "vigie_cpu_seconds_total") > 0
    assert 1 << 40 > value(text, "vigie_memory_bytes") > 1 << 20
    assert value(text, "vigie_watermark_seconds") == scrapes.pipeline.buffer.watermark_ms / 1000
    assert value(text, "vigie_near_duplicate_candidates_total") >= value(
        text, "vigie_near_duplicate_verified_total"
    )


def test_the_first_hashtags_are_shown_by_rank_with_their_bots(scrapes):
    assert value(scrapes.after, "vigie_top_hashtag_accounts", rank="1") == 18
    assert value(scrapes.after, "vigie_top_hashtag_bot_share", rank="1") > 0.5


def test_each_case_has_one_delay_and_that_of_a_recording_is_its_age(scrapes):
    text, name = scrapes.after, "vigie_alert_delay_seconds"
    assert value(text, f"{name}_bucket", le="+Inf") == len(scrapes.run.cases)
    assert value(text, f"{name}_bucket", le="600.0") == 0
    age_s = time.time() - POSTS[-1].time_ms / 1000
    assert value(text, f"{name}_sum") == pytest.approx(len(scrapes.run.cases) * age_s, rel=1e-3)


def test_what_connects_to_a_network_is_counted(tmp_path):
    class Server:
        """Sends one message twice, and is lost; what it had to say was read up to second 990."""

        name = "some"

        async def run(self, inlet: Inlet) -> None:
            for _ in range(2):
                await inlet.put(lambda number, batch: take_line(encode_post(POSTS[0]), number, batch))
            inlet.counts.connections, inlet.counts.reconnects = 2, 1
            inlet.counts.errors["reset"] += 1
            inlet.behind[""] = 990_000

    feed = Feed(Server(), clock=lambda: 2_000_000_000_000)
    assert len([post for batch in feed for post in batch]) == 1
    server, thread = metrics.serve(0, metrics.FeedCollector(feed))
    with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    server.shutdown()
    server.server_close()
    thread.join(5)
    assert value(text, "vigie_feed_reached_timestamp_seconds") == 990
    counted = {"messages": 2, "repeated": 1, "reconnects": 1, "errors": 1, "gaps": 0, "rate_limits": 0}
    assert {name: value(text, f"vigie_feed_{name}_total") for name in counted} == counted


def test_counters_only_grow_and_posts_wait_only_while_it_runs(scrapes):
    assert value(scrapes.during, "vigie_posts_held") > 0
    before = families(scrapes.during)
    for name, family in families(scrapes.after).items():
        if family.type == "counter":
            for old, new in zip(before[name].samples, family.samples, strict=True):
                assert new.value >= old.value, name


def test_posts_dated_in_the_future_are_counted(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(encode_post(one) for one in POSTS))
    tally = Tally()
    list(items_of([open_source(path)], tally, clock=lambda: POSTS[0].time_ms))
    collector = metrics.PipelineCollector(Pipeline(SMALL), tally, {})
    rejected = next(one for one in collector.collect() if one.name == "vigie_records_rejected")
    future = next(one.value for one in rejected.samples if one.labels == {"reason": "future_time"})
    assert future == sum(one.time_ms > POSTS[0].time_ms + 300_000 for one in POSTS) > 0


def test_every_store_of_the_collector_is_held_and_evicted(scrapes):
    for name in LABELS["store"]:
        assert value(scrapes.after, "vigie_store_entries", store=name) >= 0
        assert value(scrapes.after, "vigie_store_evicted_total", store=name) == 0
    assert value(scrapes.after, "vigie_store_entries", store="accounts") == len(
        {one.author_id for one in POSTS}
    )


# -- the page --------------------------------------------------------------------------------------


def test_the_page_holds_the_table_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("<!-- metrics -->\n")[2].partition("<!-- /metrics -->")[0]
    assert table == metrics.as_markdown(), "docs/metrics.md is out of date: run make docs"


def test_the_page_names_only_metrics_that_exist():
    known = {one.name for described in metrics.COMPONENTS.values() for one in described}
    named = set(re.findall(r"\bvigie_[a-z_]+", PAGE.read_text(encoding="utf-8")))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} == known


def test_promtool_finds_nothing_to_say(scrapes):
    tool = shutil.which("promtool")
    if tool is None:
        assert os.environ.get("CI") != "true", "promtool is missing: apt-get install prometheus"
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run(
        [tool, "check", "metrics"], input=scrapes.after.encode(), capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
