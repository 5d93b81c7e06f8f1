"""Recorded posts at their own rhythm, faster, or so many a second."""

from __future__ import annotations

import time

import pytest
from streams_of_posts import post

from streams import cli
from streams.pacing import Pace, Steady, pace_of
from streams.sources.posts import encode_post


def taken(pace, posts):
    """How long it takes, and the posts in the end."""
    began = time.monotonic()
    given = [one for part in pace.parts(posts) for one in part]
    return time.monotonic() - began, given


def test_a_rate_holds_back_posts_of_one_moment_and_spreads_nothing_that_is_slower():
    crowd = [post(str(n), "a", 0) for n in range(200)]
    seconds, given = taken(Steady(1000), crowd)
    assert given == crowd
    assert seconds >= 0.15
    assert taken(Steady(10**9), crowd)[0] < 0.15


def test_a_rate_holds_over_batches_and_below_one_post_a_step():
    pace = Steady(20)
    assert sum(taken(pace, [post(str(n), "a", 0)])[0] for n in range(5)) >= 0.19


def test_a_speed_follows_the_times_of_the_posts():
    spread = [post(str(n), "a", n * 1000) for n in range(5)]
    assert taken(Pace(20), spread)[0] >= 0.2
    assert pace_of(None, None) is None


def test_a_replay_takes_a_rate_and_not_a_speed_as_well(tmp_path, capsys):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(encode_post(post(str(n), "a", n)) for n in range(40)))
    began = time.monotonic()
    assert cli.main(["replay", str(path), "--rate", "80"]) == 0
    assert time.monotonic() - began >= 0.4
    with pytest.raises(SystemExit) as refused:
        cli.main(["replay", str(path), "--rate", "80", "--speed", "2"])
    assert refused.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
