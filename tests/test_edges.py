"""`vigie edges`: every pair that shared the same objects, and no other, whatever the order of the input."""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of_posts import MINUTE, SECOND, post

from detectors.events import CANARY, Post
from detectors.groups import exact_co_sharing
from detectors.groups.exact_co_sharing import MAX_WINDOW_MS, Sharings, shared_objects
from streams import cli
from streams.sources.posts import encode_post

HERE = Path(__file__).parent
DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or HERE.parent.parent / "shared" / "data") / "co-sharing"
HEADER = "account_a,account_b,objects,events"

# A table with one row for each combination of objects in a post, read with the id of the post.
WHOLE_POSTS = """
time = "epoch_s"

[fields]
platform = { value = "mixed" }
precision_s = { value = 1 }
id = "post_id"
author_id = "account_id"
created_at = "timestamp"
links = { columns = ["url_id"] }
hashtags = { columns = ["hashtag_id"] }
media = { columns = ["phash_id"] }
"""


def repost(post_id: str, account: str, at_ms: int, of: str, **more: Any) -> Post:
    return post(post_id, account, at_ms, kind="repost", ref_id=of, **more)


def write(path: Path, posts: list[Post]) -> Path:
    path.write_bytes(b"".join(encode_post(one) + b"\n" for one in posts))
    return path


@pytest.fixture
def run(tmp_path, capsysbinary):
    """Runs `vigie edges` over posts, a file or files; gives what it wrote on both outputs."""

    def edges(posts: Any, *arguments: object, expect: int = 0) -> tuple[str, str]:
        files = [write(tmp_path / "posts.jsonl", posts)] if isinstance(posts, list) else [posts]
        capsysbinary.readouterr()
        try:
            code = cli.main(["edges", *map(str, files), *map(str, arguments)])
        except SystemExit as ending:
            code = int(str(ending.code))
        captured = capsysbinary.readouterr()
        assert code == expect, captured
        assert b"Traceback" not in captured.err
        return captured.out.decode(), captured.err.decode()

    return edges


# -- against the plain definition ------------------------------------------------------------------


def counted(
    posts: list[tuple[str, str, int, tuple[str, ...]]], window_ms: int, least: int
) -> list[tuple[str, str, int, int]]:
    """Account, post, time and objects of each record; every two sharings compared with each other."""
    first: dict[tuple[str, str, str], int] = {}
    for account, post_id, at_ms, objects in posts:
        for name in objects:
            key = account, post_id, name
            first[key] = min(at_ms, first.get(key, at_ms))
    sharings = sorted({(account, at_ms, name) for (account, _, name), at_ms in first.items()})
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one, at_ms, name in sharings:
        for other, then_ms, same in sharings:
            if one < other and name == same and abs(at_ms - then_ms) <= window_ms:
                found[one, other].append(name)
    return sorted(
        (*pair, len(set(names)), len(names)) for pair, names in found.items() if len(set(names)) >= least
    )


RECORDS = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.sampled_from("123456789"),
        st.sampled_from([0, 0, 1, 999, 1000, 1001, 2000, 2001, 3000, 60_000]),
        st.lists(st.sampled_from("uvwx"), max_size=3).map(tuple),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.sampled_from([0, 1, 999, 1000, 2000, 59_999, MAX_WINDOW_MS]), st.integers(1, 3), st.data())
def test_the_pairs_are_those_of_the_definition_in_any_order_and_any_part(posts, window_ms, least, data):
    wanted = counted(posts, window_ms, least)
    chunk = data.draw(st.sampled_from([1, 2, 5, 1 << 20]))
    for order in (posts, data.draw(st.permutations(posts))):
        sharings = Sharings()
        for account, post_id, at_ms, objects in order:
            sharings.add(account, post_id, at_ms, dict.fromkeys(objects))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact_co_sharing, "CHUNK", chunk)
            found = list(sharings.edges(window_ms, least, evidence=True))
        assert [edge[:4] for edge in found] == wanted
        for edge in found:
            assert len({shared.object for shared in edge.shared}) == edge.objects
            assert sum(shared.events for shared in edge.shared) == edge.events
            assert all(abs(shared.one_ms - shared.other_ms) <= window_ms for shared in edge.shared)


@settings(max_examples=100, deadline=None)
@given(RECORDS, st.randoms(use_true_random=False))
def test_the_evidence_does_not_depend_on_the_order_either(posts, chance):
    found = []
    for _ in range(2):
        sharings = Sharings()
        for account, post_id, at_ms, objects in posts:
            sharings.add(account, post_id, at_ms, dict.fromkeys(objects))
        found.append(list(sharings.edges(1000, 1, evidence=True)))
        chance.shuffle(posts)
    assert found[0] == found[1]


def test_ids_with_one_checksum_are_two_posts():
    sharings = Sharings()
    for post_id, at_ms in (("plumless", 0), ("buckeroo", 5)):  # known to collide under CRC-32
        sharings.add("ana", post_id, at_ms, ["u"])
    sharings.add("bob", "1", 0, ["u"])
    assert [edge[:4] for edge in sharings.edges(10, 1)] == [("ana", "bob", 1, 2)]


def test_a_window_below_zero_or_above_a_year_is_refused():
    for window_ms in (-1, MAX_WINDOW_MS + 1):
        with pytest.raises(ValueError, match="window"):
            list(Sharings().edges(window_ms, 2))


# -- the command -----------------------------------------------------------------------------------


def two_reposts(one: str = "7", other: str = "12", gap_ms: int = 60 * SECOND, **more: Any) -> list[Post]:
    return [
        repost("1", one, 0, "x", **more),
        repost("2", other, gap_ms, "x", **more),
        repost("3", other, 10 * MINUTE, "y", **more),
        repost("4", one, 10 * MINUTE + gap_ms, "y", **more),
    ]


def test_two_objects_within_the_window_make_a_pair_whose_ids_are_sorted_as_texts(run):
    assert run(two_reposts(), "--by", "repost")[0] == f"{HEADER}\n12,7,2,2\n"


def test_the_window_includes_its_border_and_nothing_beyond(run):
    assert run(two_reposts(gap_ms=60_001), "--by", "repost")[0] == f"{HEADER}\n"
    assert run(two_reposts(gap_ms=60_001), "--by", "repost", "--window", "60.001")[0] != f"{HEADER}\n"
    assert run(two_reposts(gap_ms=0), "--by", "repost", "--window", "0")[0] == f"{HEADER}\n12,7,2,2\n"


def test_an_account_makes_no_pair_with_itself(run):
    assert run(two_reposts(other="7"), "--by", "repost")[0] == f"{HEADER}\n"


def test_one_object_is_enough_only_if_asked(run):
    posts = two_reposts()[:2]
    assert run(posts, "--by", "repost")[0] == f"{HEADER}\n"
    assert run(posts, "--by", "repost", "--min-objects", "1")[0] == f"{HEADER}\n12,7,1,1\n"


def test_a_post_counts_once_however_often_and_in_how_many_rows_it_was_recorded(run):
    posts = [
        post("1", "ana", 0, hashtags=["u"]),
        post("1", "ana", 0, hashtags=["v"]),
        post("1", "ana", 5 * SECOND, hashtags=["V", "v"]),
        post("2", "bob", 0, hashtags=["u", "U", "v"]),
    ]
    for _ in range(5):
        random.Random(4).shuffle(posts)
        assert run(posts, "--by", "hashtag")[0] == f"{HEADER}\nana,bob,2,2\n"


def test_posts_at_one_moment_with_one_object_count_once_and_at_two_moments_twice(run):
    posts = [*two_reposts(), repost("5", "7", 0, "x"), repost("6", "7", 1, "y"), repost("8", "7", 1, "x")]
    assert run(posts, "--by", "repost")[0] == f"{HEADER}\n12,7,2,3\n"


@pytest.mark.parametrize("kind", ["repost", "reply"])
def test_the_repeated_or_answered_post_is_the_object(run, kind):
    posts = [post(str(n), "ab"[n % 2], n, "@eve no", kind=kind, ref_id="xy"[n // 2]) for n in range(4)]
    for by in ("repost", "reply"):
        assert len(run(posts, "--by", by)[0].splitlines()) == (2 if by == kind else 1)


@pytest.mark.parametrize(
    ("by", "one", "other"),
    [
        ("link", {"links": ["http://a.org/?utm_source=1", "b"]}, {"links": ["https://A.org", "b"]}),
        ("link", {"text": "http://a.org/ www.b.org"}, {"text": "https://a.org https://www.b.org/#x"}),
        ("media", {"media": ["m", "n"]}, {"media": ["n", "m"]}),
        ("hashtag", {"hashtags": ["#Vote", "lyon"]}, {"text": "#vote #Lyon"}),
    ],
)
def test_each_kind_of_object_ties(run, by, one, other):
    posts = [post("1", "a", 0, **one), post("2", "b", 0, **other)]
    assert run(posts, "--by", by)[0] == f"{HEADER}\na,b,2,2\n"


def test_a_sequence_of_hashtags_is_its_order_and_needs_two(run):
    posts = [
        post("1", "a", 0, "#One #Two"),
        post("2", "b", 0, "#one x #two"),
        post("3", "c", 0, "#two #one"),
        post("4", "c", 0, "#one"),
        post("5", "b", 0, "#one"),
    ]
    assert run(posts, "--by", "hashtag-sequence", "--min-objects", "1")[0] == f"{HEADER}\na,b,1,1\n"


def test_ids_are_of_a_platform_while_links_and_hashtags_tie_across(run):
    for by, more, tied in (
        ("repost", {"kind": "repost", "ref_id": "9"}, False),
        ("media", {"media": ["9"]}, False),
        ("link", {"links": ["https://a.org"]}, True),
        ("hashtag", {"hashtags": ["a"]}, True),
    ):
        posts = [post("1", "7", 0, platform="x", **more), post("1", "7", 0, platform="y", **more)]
        out, said = run(posts, "--by", by, "--min-objects", "1")
        assert out == f"{HEADER}\n" + "7,7,1,1\n" * tied
        assert "2 platforms" in said
    pair = orjson.loads(run(posts, "--by", "hashtag", "--min-objects", "1", "--json")[0])[0]
    assert (pair["platform_a"], pair["platform_b"]) == ("x", "y")


def test_ids_stand_as_in_the_input(run):
    out = run(two_reposts('a,"b"', "ÄŁ 007"), "--by", "repost")[0]
    assert list(csv.reader(io.StringIO(out)))[1] == ['a,"b"', "ÄŁ 007", "2", "2"]


def test_json_and_evidence(run):
    plain = orjson.loads(run(two_reposts(), "--by", "repost", "--json")[0])
    expected = {"account_a": "12", "account_b": "7", "objects": 2, "events": 2}
    assert [{name: pair[name] for name in expected} for pair in plain] == [expected]
    assert "shared" not in plain[0]
    (pair,) = orjson.loads(run(two_reposts(), "--by", "repost", "--evidence")[0])
    assert [(one["object"], one["events"], one["post_a"], one["post_b"]) for one in pair["shared"]] == [
        ("x", 1, "2", "1"),
        ("y", 1, "3", "4"),
    ]
    assert pair["shared"][0]["at_b"] == "2017-07-14T02:40:00.000Z"
    assert orjson.loads(run(two_reposts()[:1], "--by", "repost", "--json")[0]) == []


def test_several_files_in_any_order_and_standard_input_give_the_same(run, tmp_path, monkeypatch):
    wanted, _ = run(two_reposts(), "--by", "repost")
    later = write(tmp_path / "later.jsonl", two_reposts()[:2])
    assert run(two_reposts()[2:], later, "--by", "repost")[0] == wanted
    content = b"\n".join(encode_post(one) for one in two_reposts())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert run("-", "--by", "repost")[0] == wanted


def test_an_empty_input_is_the_header_and_a_warning(run, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    out, said = run(empty, "--by", "link", "--format", "posts")
    assert (out, said) == (f"{HEADER}\n", "vigie: warning: the input holds no post.\n")


def test_posts_without_an_object_and_coarse_clocks_are_said(run):
    assert "none of the 2 posts holds" in run([post("1", "a", 0), post("2", "b", 0)], "--by", "media")[1]
    posts = two_reposts(precision_s=60)
    assert "less precisely" not in run(posts, "--by", "repost")[1]
    assert "4 posts are known less precisely" in run(posts, "--by", "repost", "--window", "10")[1]


def test_refused_records_are_said_and_synthetic_posts_count_for_nothing(run, tmp_path):
    path = write(tmp_path / "some.jsonl", two_reposts())
    path.write_bytes(path.read_bytes() + b"{broken\n")
    out, said = run(path, "--by", "repost")
    assert out == f"{HEADER}\n12,7,2,2\n"
    assert "1 record refused" in said
    assert run(two_reposts(platform=CANARY), "--by", "repost")[0] == f"{HEADER}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--by", "colour"],
        ["--by", "link", "--window", "-1"],
        ["--by", "link", "--window", "nan"],
        ["--by", "link", "--window", "1e9"],
        ["--by", "link", "--min-objects", "0"],
        ["--by", "link", "--format", "csv"],
    ],
)
def test_bad_use_is_one_sentence_and_exit_2(run, arguments):
    out, said = run(two_reposts(), *arguments, expect=2)
    assert out == ""
    assert len(said.splitlines()) == 1
    assert said.startswith("vigie")


def test_a_file_that_is_not_there_and_one_that_is_cut_off_are_said(run, tmp_path):
    assert "nowhere.jsonl" in run(tmp_path / "nowhere.jsonl", "--by", "link", expect=2)[1]
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"\n".join(encode_post(one) for one in two_reposts()))[:-20])
    out, _ = run(cut, "--by", "repost", "--format", "posts", expect=2)
    assert out == ""


def test_no_object_of_a_post_is_given_twice():
    one = post("1", "a", 0, "#a #A http://a.org https://A.org/", media=["m", "m"])
    for kind in exact_co_sharing.KINDS:
        objects = shared_objects(one, kind)
        assert len(objects) == len(set(objects))


# -- real posts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pairs", "by", "window"),
    [
        ("german_election_2021", "pairs_url_60s", "link", 60),
        ("german_election_2021", "pairs_hashtag_60s", "hashtag", 60),
        ("german_election_2021", "pairs_phash_60s", "media", 60),
        ("russian_retweets_2021", "pairs_60s", "repost", 60),
        ("russian_retweets_2021", "pairs_600s", "repost", 600),
    ],
)
def test_the_known_pairs_of_real_posts_are_found_to_the_last_event(run, tmp_path, name, pairs, by, window):
    known = DATA / f"{name}_{pairs}.csv.gz"
    if not known.exists():
        pytest.skip(f"the recordings are not at {DATA}: set VIGIE_SHARED_DATA")
    mapping = HERE / "mappings" / "co-sharing-reposts.toml"
    if by != "repost":
        mapping = tmp_path / "whole-posts.toml"
        mapping.write_text(WHOLE_POSTS, encoding="utf-8")
    out, said = run(DATA / f"{name}.csv.gz", "--mapping", mapping, "--by", by, "--window", window)
    assert "refused" not in said
    wanted, found = (
        {
            (row["account_a"], row["account_b"]): (row["objects"], row["events"])
            for row in csv.DictReader(lines)
        }
        for lines in (gzip.decompress(known.read_bytes()).decode().splitlines(), out.splitlines())
    )
    assert len(wanted) > 1
    both = wanted.keys() & found.keys()
    assert (len(both) / len(found), len(both) / len(wanted)) == (1.0, 1.0)
    assert found == wanted
