"""Real recordings are read without an exception, where they are at hand.

They lie in the folder that the environment variable VIGIE_SHARED_DATA names, or in `shared/data` beside the
checkout.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from detectors.events import REASONS, Post
from streams.sources.formats import open_source, posts_of
from streams.sources.records import Tally

HERE = Path(__file__).parent
DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or HERE.parent.parent / "shared" / "data")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the recordings are not at {DATA}: set VIGIE_SHARED_DATA"
)

TABLES = [
    ("ira-posts/ira_posts_2017-06-10_2017-06-26.csv.gz", "ira-posts"),
    ("gop-debate/gop_debate.csv.gz", "gop-debate"),
    ("airlines/airline_posts.csv.gz", "airlines"),
    ("politicians/italy_2022_parties.csv.gz", "politicians"),
    ("voterfraud2020/retweets_2020-10-23.csv.gz", "voterfraud2020"),
    ("co-sharing/german_election_2021.csv.gz", "co-sharing-posts"),
    ("co-sharing/russian_retweets_2021.csv.gz", "co-sharing-reposts"),
]


def found(path):
    if not (DATA / path).exists():
        pytest.skip(f"{path} is not among the recordings")
    return DATA / path


@pytest.mark.parametrize(("path", "mapping"), TABLES)
def test_every_table_of_posts_is_read_with_a_mapping_alone(path, mapping):
    tally = Tally()
    reader = open_source(found(path), "csv", HERE / "mappings" / f"{mapping}.toml")
    posts = [post for batch in posts_of([reader], tally) for post in batch]
    assert posts
    assert tally.rejected == 0
    if mapping in ("ira-posts", "gop-debate"):
        reposts = [post for post in posts if post.kind == "repost"]
        assert reposts
        assert all(post.ref_id for post in reposts)
        again = [post for post in reposts if post.text.startswith("RT @")]  # reposts of reposts made by hand
        assert len(again) < len(reposts) / 100


def test_the_table_of_promoted_posts_is_read():
    reader = open_source(found("ira-ads/ira_facebook_ads.csv.gz"), "csv", HERE / "mappings" / "ira-ads.toml")
    posts = [post for batch in posts_of([reader], Tally()) for post in batch]
    assert all(post.promoted.payer for post in posts)


@pytest.mark.parametrize(
    ("folder", "format"),
    [
        ("twitter_v1", "twitter-v1"),
        ("twitter_v2", "twitter-v2"),
        ("bluesky_jetstream", "jetstream"),
        ("mastodon", "mastodon"),
    ],
)
def test_no_line_of_any_sample_is_passed_over_in_silence(folder, format, tmp_path):
    for path in sorted(found(f"parser-samples/{folder}").iterdir()):
        assert open_source(path).format == format
        with gzip.open(path) as lines:
            for line in lines:
                alone = tmp_path / "line.jsonl"
                alone.write_bytes(line)
                tally = Tally()
                for batch in open_source(alone, format):
                    tally.add(batch)
                assert tally.posts + tally.events + tally.rejected > 0 or not line.strip()
                assert set(tally.reasons) <= set(REASONS)


@pytest.mark.parametrize(
    ("folder", "format"),
    [("twitter_v1", "twitter-v1"), ("twitter_v2", "twitter-v2"), ("twitter_io_archive", "io-archive")],
)
def test_every_sample_gives_posts_or_reasons(folder, format):
    for path in sorted(found(f"parser-samples/{folder}").iterdir()):
        assert open_source(path).format == format
        tally = Tally()
        for batch in open_source(path, format):
            tally.add(batch)
            assert all(one.id.isdigit() for one in batch.posts if isinstance(one, Post))
        assert tally.posts + tally.events + tally.rejected > 0
        assert set(tally.reasons) <= set(REASONS)
        if format != "twitter-v2":
            assert tally.rejected == 0
