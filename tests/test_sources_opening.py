"""How inputs are opened and cut into lines."""

from __future__ import annotations

import gzip
import io
import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streams.sources.lines import BLOCK_LINES, Block, blocks
from streams.sources.opening import InputError, open_input

TEXT = b"".join(b'{"n":%d}\n' % n for n in range(20_000))


def read(path):
    return b"".join(open_input(path))


def saved(tmp_path, content, name="posts.jsonl"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        zstandard.compress,
        lambda text: gzip.compress(text[:99]) + gzip.compress(text[99:]),
    ],
)
def test_packing_is_told_by_content_and_not_by_name(tmp_path, pack):
    assert read(saved(tmp_path, pack(TEXT), "posts.txt")) == TEXT


def test_several_zstd_frames_and_gzip_padding_are_read(tmp_path):
    assert read(saved(tmp_path, zstandard.compress(b"a\n") + zstandard.compress(b"b\n"))) == b"a\nb\n"
    assert read(saved(tmp_path, gzip.compress(b"a\n") + b"\0" * 512)) == b"a\n"


@pytest.mark.parametrize("content", [b"", b"a", b"ab\n"])
def test_tiny_inputs_are_read(tmp_path, content):
    assert read(saved(tmp_path, content)) == content


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_cut_off_archive_gives_its_lines_and_then_an_error(tmp_path, pack):
    text = os.urandom(100_000).hex().encode() + b"\n"  # does not pack well, so that a half holds something
    packed = pack(text)
    chunks = []
    with pytest.raises(InputError, match="cut off"):
        chunks.extend(open_input(saved(tmp_path, packed[: len(packed) // 2])))
    if pack is gzip.compress:
        assert b"".join(chunks)
    assert text.startswith(b"".join(chunks))


def test_the_lines_before_the_cut_are_given(tmp_path):
    packed = gzip.compress(TEXT)
    seen = []
    with pytest.raises(InputError):
        seen.extend(block for block in blocks_one_by_one(tmp_path, packed[: len(packed) - 8]))
    lines = [line for block in seen for line in block.lines]
    assert lines == TEXT.split(b"\n")[: len(lines)]
    assert len(lines) > 10_000


def blocks_one_by_one(tmp_path, content):
    yield from blocks(open_input(saved(tmp_path, content)))


def test_a_damaged_archive_is_an_input_error(tmp_path):
    packed = bytearray(gzip.compress(TEXT))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, bytes(packed)))
    with pytest.raises(InputError, match="damaged"):
        read(saved(tmp_path, gzip.compress(b"a\n") + b"not gzip any more"))


def test_what_cannot_be_opened_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_input(tmp_path / "nothing.jsonl")
    with pytest.raises(InputError, match="is a directory"):
        open_input(tmp_path)
    with pytest.raises(InputError, match="unpack it first"):
        open_input(saved(tmp_path, b"PK\x03\x04rest"))
    with pytest.raises(InputError, match="UTF-16"):
        open_input(saved(tmp_path, "id;text".encode("utf-16")))
    with pytest.raises(InputError, match="cannot be opened"):
        open_input("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission_is_said(tmp_path):
    path = saved(tmp_path, b"{}\n")
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        open_input(path)


def test_standard_input_is_not_held_back(monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        os.write(writing, b'{"n":1}\n')
        chunks = blocks(open_input("-"))
        assert next(chunks).lines == [b'{"n":1}']  # though the pipe is still open
        os.write(writing, b'{"n":2}\n')
        assert next(chunks) == Block(2, [b'{"n":2}'])
        os.close(writing)
        assert list(chunks) == []


def test_packed_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(zstandard.compress(TEXT))))
    assert read("-") == TEXT


def test_blocks_are_bounded_and_numbered():
    found = list(blocks([TEXT]))
    assert all(len(block.lines) <= BLOCK_LINES for block in found)
    assert [found[0].first, found[1].first] == [1, BLOCK_LINES + 1]
    assert sum(len(block.lines) for block in found) == 20_000


def test_an_endless_line_is_never_held_whole():
    chunks = [b"x" * 1000] * 1000 + [b"\nshort\n"]
    long, short = blocks(chunks, longest=5000)
    assert long.cut
    assert long.first == 1
    assert len(long.lines[0]) < 70_000
    assert short == Block(2, [b"short"])


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_lines_are_the_same_however_the_bytes_are_cut(chunks, longest):
    chunks = [b"[", *chunks]  # a byte order mark is another matter
    found = list(blocks(chunks, longest))
    lines = b"".join(chunks).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    numbered = [(block.first + at, line, block.cut) for block in found for at, line in enumerate(block.lines)]
    assert [number for number, _, _ in numbered] == list(range(1, len(lines) + 1))
    for (_, line, cut), whole in zip(numbered, lines, strict=True):
        assert cut == (len(whole) > longest)
        assert whole.startswith(line) if cut else whole == line


def test_a_byte_order_mark_is_dropped():
    assert list(blocks([b"\xef\xbb\xbfid\n"])) == [Block(1, [b"id"])]
