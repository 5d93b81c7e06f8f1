"""Formats by name and by guess, the order of posts, and conversion."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS, decode_line, from_mapping
from streams.sources import ordering
from streams.sources.convert import convert_to_lines
from streams.sources.formats import FORMATS, open_source, posts_of
from streams.sources.opening import InputError
from streams.sources.ordering import in_order
from streams.sources.records import Tally

NORMAL = {"id": "1", "platform": "x", "author_id": "a", "created_at": "2024-05-01T08:00:00Z", "text": "hi"}
V1 = {"id_str": "1", "created_at": "Wed May 01 08:00:05 +0000 2024", "text": "hi", "user": {"id_str": "2"}}
V2 = {"id": "1", "author_id": "2", "created_at": "2024-05-01T08:00:00.000Z", "text": "hi"}
MAPPING = """[fields]
platform = { value = "x" }
id = "nr"
author_id = "who"
created_at = "time"
"""


def saved(tmp_path, *lines, name="input"):
    path = tmp_path / name
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return path


@pytest.mark.parametrize(
    ("line", "format"),
    [
        (NORMAL, "posts"),
        ({"event": "deletion", "platform": "x", "id": "1", "at": 1714550400000}, "posts"),
        ({"id": "1"}, "posts"),
        (V1, "twitter-v1"),
        ({"delete": {"status": {"id_str": "1"}}}, "twitter-v1"),
        (V2, "twitter-v2"),
        ({"data": [V2]}, "twitter-v2"),
        ([V2], "twitter-v2"),
        ({"id": "1", "action": "delete"}, "twitter-v2"),
    ],
)
def test_json_is_guessed_and_said(tmp_path, line, format):
    reader = open_source(saved(tmp_path, b"", b"cut off}", line))
    assert (reader.format, reader.guessed) == (format, True)
    tally = Tally()
    for batch in reader:
        tally.add(batch)
    assert tally.posts + tally.events + tally.rejected == 3


def test_a_mapping_means_csv(tmp_path):
    mapping = saved(tmp_path, MAPPING.encode(), name="m.toml")
    reader = open_source(saved(tmp_path, b"nr;who;time", b"1;a;2024-05-01"), mapping=mapping)
    assert (reader.format, [len(batch.posts) for batch in reader]) == ("csv", [1])


def test_an_unknown_table_asks_for_a_mapping(tmp_path):
    with pytest.raises(InputError, match=r"columns nr, who: say with a mapping"):
        open_source(saved(tmp_path, b"nr,who"))


@pytest.mark.parametrize("content", [b"hello", b"\x00\x01\x02,\xff\xfe", b"{\n 1:"])
def test_no_record_at_all_is_an_input_error(tmp_path, content):
    path = saved(tmp_path, content)
    with pytest.raises(InputError, match="no JSON"):
        open_source(path)
    with pytest.raises(InputError, match="no JSON record at all"):
        list(open_source(path, "posts"))


def test_an_empty_input_is_fine(tmp_path):
    for format in ("auto", "posts", "twitter-v1", "twitter-v2", "io-archive"):
        assert sum(len(batch.posts) for batch in open_source(saved(tmp_path), format)) == 0
    assert sum(len(batch.posts) for batch in open_source(saved(tmp_path, b"", b" "))) == 0


def test_wrong_use_says_what_is_right(tmp_path):
    path = saved(tmp_path, NORMAL)
    with pytest.raises(InputError, match=", ".join(FORMATS)):
        open_source(path, "parquet")
    with pytest.raises(InputError, match="needs a mapping"):
        open_source(path, "csv")
    with pytest.raises(InputError, match="not for posts"):
        open_source(path, "posts", mapping="m.toml")


def test_posts_of_counts_and_tells_of_rejections(tmp_path):
    first, second = saved(tmp_path, NORMAL, b"oops", name="one"), saved(tmp_path, V2, name="two")
    tally, told = Tally(), []
    readers = [open_source(first), open_source(second)]
    posts = [post for batch in posts_of(readers, tally, lambda *one: told.append(one)) for post in batch]
    assert (len(posts), tally.posts, dict(tally.reasons)) == (2, 2, {"not_json": 1})
    assert [(name, refused.line) for name, refused in told] == [(str(first), 2)]


@given(
    content=st.binary(),
    format=st.sampled_from([name for name in FORMATS if name != "csv"]),
    pack=st.booleans(),
)
def test_no_input_raises_anything_but_input_error(content, format, pack):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "input")  # noqa: PTH118
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(gzip.compress(content)[: len(content) + 10] if pack else content)
        try:
            for batch in open_source(path, format):
                assert all(refused.reason in REASONS for refused in batch.rejected)
        except InputError as problem:
            assert str(problem)


def post(number, minute, platform="x"):
    at = f"2024-05-01T08:{minute:02}:00Z"
    return from_mapping({"id": str(number), "platform": platform, "author_id": "a", "created_at": at})


POSTS = st.lists(st.builds(post, st.integers(0, 99), st.integers(0, 9), st.sampled_from("xyz")), max_size=60)


@given(POSTS, st.integers(1, 70))
def test_posts_come_in_order_whatever_fits_in_memory(posts, held):
    batches = [posts[at : at + 7] for at in range(0, len(posts), 7)]
    seen = []
    found = [one for batch in in_order(batches, held=held, progress=seen.append) for one in batch]
    assert found == sorted(posts, key=lambda one: (one.time_ms, one.platform, one.id))
    assert seen == [min(at + 7, len(posts)) for at in range(0, len(posts), 7)]


def test_sorted_posts_pass_through_the_disk_in_order():
    posts = [post(n, n % 60) for n in range(60)]
    assert [one for batch in in_order([[one] for one in posts], held=10) for one in batch] == posts


def test_temporary_files_are_gone_also_when_stopped_early(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    open_before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0  # noqa: PTH208, PTH110
    batches = in_order([[post(n, 59 - n)] for n in range(30)], held=10)
    next(batches)
    batches.close()
    assert list(tmp_path.iterdir()) == []
    if open_before:
        assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_an_input_error(monkeypatch):
    def full_disk(prefix):
        return open("/dev/full", "w+b", buffering=1_000_000)  # noqa: PTH123

    monkeypatch.setattr(ordering.tempfile, "TemporaryFile", full_disk)
    with pytest.raises(InputError, match=r"No space left .* set TMPDIR"):
        list(in_order([[post(1, 1)], [post(2, 2)]], held=1))


def test_no_temporary_folder_is_an_input_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="cannot be sorted on disk"):
        list(in_order([[post(1, 1)], [post(2, 2)]], held=1))


def test_errors_of_the_input_pass_through(tmp_path):
    packed = gzip.compress(json.dumps(NORMAL).encode() + b"\n")
    path = tmp_path / "cut.gz"
    path.write_bytes(packed[:-4])
    with pytest.raises(InputError, match="cut off"):
        list(in_order(posts_of([open_source(path, "posts")], Tally())))


def test_converted_posts_read_back_equal(tmp_path):
    out = io.BytesIO()
    readers = [open_source(saved(tmp_path, line, name=str(at))) for at, line in enumerate((NORMAL, V1, V2))]
    assert convert_to_lines(posts_of(readers, Tally()), out) == 3
    again = [decode_line(line) for line in out.getvalue().splitlines()]
    readers = [open_source(saved(tmp_path, line, name=str(at))) for at, line in enumerate((NORMAL, V1, V2))]
    assert again == [one for batch in posts_of(readers, Tally()) for one in batch]
