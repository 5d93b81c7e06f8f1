"""Exports of Bluesky repositories: the tests build them, whole and broken."""

from __future__ import annotations

import hashlib
from typing import Any

import libipld
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from detectors.events import REASONS, Post
from streams.sources import bluesky_repo
from streams.sources.formats import items_of, open_source
from streams.sources.opening import InputError
from streams.sources.records import Tally

DID = "did:plc:" + "a" * 24
POST, REPOST, PROFILE = "app.bsky.feed.post", "app.bsky.feed.repost", "app.bsky.actor.profile"
TIDS = [f"3jzfcijpj2{a}2a" for a in "234567"]


class Link:
    """A link to a block."""

    def __init__(self, name: bytes) -> None:
        self.name = name


def cbor(value: Any) -> bytes:
    """DAG-CBOR; the library reads links, and writes them as bytes."""
    match value:
        case Link(name=name):
            return b"\xd8\x2a\x58" + bytes([len(name) + 1]) + b"\0" + name
        case dict():
            pairs = sorted(value.items(), key=lambda one: (len(one[0]), one[0]))
            return _head(0xA0, len(pairs)) + b"".join(cbor(key) + cbor(one) for key, one in pairs)
        case list():
            return _head(0x80, len(value)) + b"".join(map(cbor, value))
    return libipld.encode_dag_cbor(value)


def _head(kind: int, count: int) -> bytes:
    return bytes([kind | count]) if count < 24 else bytes([kind | 24, count])


def leb(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def named(block: bytes) -> bytes:
    return b"\x01\x71\x12\x20" + hashlib.sha256(block).digest()


class Export:
    """A repository with its records in one node of the tree, or as a tree of two levels."""

    def __init__(self, records: dict[str, Any], *, levels: int = 1) -> None:
        self.blocks: dict[bytes, bytes] = {}
        keys = sorted(key.encode() for key in records)
        links = {key: Link(self.add(records[key.decode()])) for key in keys}
        if levels == 1:
            top = self.node(keys, links)
        else:
            middle = len(keys) // 2
            before, behind = self.node(keys[:middle], links), self.node(keys[middle + 1 :], links)
            top = self.node(keys[middle : middle + 1], links, before, behind)
        commit = {"did": DID, "version": 3, "data": Link(top), "rev": TIDS[0], "prev": None, "sig": b"s"}
        self.root = self.add(commit)

    def add(self, value: Any) -> bytes:
        block = cbor(value)
        self.blocks[named(block)] = block
        return named(block)

    def node(self, keys, links, before=None, behind=None) -> bytes:
        entries, last = [], b""
        for key in keys:
            shared = next(
                (n for n, (one, other) in enumerate(zip(last, key, strict=False)) if one != other), 0
            )
            entries.append({"p": shared, "k": key[shared:], "v": links[key], "t": None})
            last = key
        if behind is not None:
            entries[-1]["t"] = Link(behind)
        return self.add({"e": entries, "l": Link(before) if before else None})

    def content(self, blocks: dict[bytes, bytes] | None = None, version: int = 1) -> bytes:
        header = cbor({"roots": [Link(self.root)], "version": version})
        parts = [leb(len(header)) + header]
        for key, block in (self.blocks if blocks is None else blocks).items():
            parts.append(leb(len(key) + len(block)) + key + block)
        return b"".join(parts)


def at(second: int) -> str:
    return f"2024-05-01T08:00:{second:02}.000Z"


IMAGE = Link(b"\x01\x55\x12\x20" + bytes(32))
RECORDS = {
    f"{POST}/{TIDS[0]}": {
        "$type": POST,
        "text": "Look: #sea",
        "createdAt": at(1),
        "langs": ["en"],
        "facets": [
            {
                "index": {"byteStart": 6, "byteEnd": 10},
                "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "sea"}],
            }
        ],
        "embed": {
            "$type": "app.bsky.embed.images",
            "images": [{"alt": "", "image": {"ref": IMAGE, "mimeType": "image/png", "size": 1}}],
        },
    },
    f"{POST}/{TIDS[1]}": {"text": "undated"},
    f"{REPOST}/{TIDS[2]}": {"subject": {"uri": f"at://did:plc:b/{POST}/1", "cid": "x"}, "createdAt": at(3)},
    f"{PROFILE}/self": {"displayName": "Ana", "description": "the sea"},
    f"app.bsky.feed.like/{TIDS[3]}": {"subject": {"uri": "at://x", "cid": "x"}, "createdAt": at(4)},
    f"{POST}/{TIDS[4]}": {"text": 7, "createdAt": at(5)},
    f"{POST}/undated": {"text": "undated, and no time in its key"},
}


def read(content: bytes, step: int = 1000):
    """The items, and by reason what was refused; raises what the reading raises, after these are told."""
    tally, items, problem = Tally(), [], None
    try:
        for batch in bluesky_repo.batches(
            (content[n : n + step] for n in range(0, len(content), step)), "export.car"
        ):
            tally.add(batch)
            items += batch.posts
    except InputError as found:
        problem = str(found)
    return items, dict(tally.reasons), problem


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("step", [1, 37, 10**6])
def test_posts_reposts_and_the_profile_are_read_whatever_the_tree_and_the_cut_of_the_chunks(levels, step):
    items, reasons, problem = read(Export(RECORDS, levels=levels).content(), step)
    assert problem is None
    assert reasons == {"no_post": 1, "wrong_type": 1, "missing_field": 1}
    found = {item.id: item for item in items if isinstance(item, Post)}
    first, undated, repost = (
        found[f"at://{DID}/{kind}/{tid}"] for kind, tid in zip((POST, POST, REPOST), TIDS, strict=False)
    )
    assert (first.author_id, first.hashtags, first.lang, first.received_at) == (DID, ["sea"], "en", None)
    assert first.media == ["bafkrei" + "a" * 52]
    assert first.time_ms == 1_714_550_401_000
    assert undated.time_ms == bluesky_repo._tid_us(TIDS[1]) // 1000 > 1_688_000_000_000
    assert (repost.kind, repost.ref_author_id) == ("repost", "did:plc:b")
    (profile,) = (item for item in items if not isinstance(item, Post))
    assert (profile.event, profile.author.name) == ("profile", "Ana")


def test_the_format_is_guessed_from_the_first_bytes(tmp_path):
    path = tmp_path / "ana.car"
    path.write_bytes(Export(RECORDS).content())
    for format in ("auto", "bluesky-repo"):
        reader = open_source(path, format)
        tally = Tally()
        assert sum(map(len, items_of([reader], tally))) == 4
        assert (reader.format, tally.rejected) == ("bluesky-repo", 3)


def test_a_file_that_is_cut_off_gives_what_the_tree_still_reaches():
    export = Export(RECORDS, levels=2)
    order = {export.root: export.blocks[export.root]} | dict(reversed(export.blocks.items()))
    content = export.content(order)
    items, reasons, problem = read(content[: len(content) * 2 // 3])
    assert problem is not None
    assert "cut off" in problem
    assert items
    assert reasons["bad_record"] >= 1


def test_a_block_under_a_wrong_name_is_refused_and_so_is_what_it_should_be():
    export = Export(RECORDS)
    wrong = next(key for key, block in export.blocks.items() if b"Look" in block)
    export.blocks[wrong] += b"\0"
    items, reasons, problem = read(export.content())
    assert (len(items), reasons["bad_record"], problem) == (3, 2, None)


def test_a_tree_with_a_part_missing_or_there_twice_is_refused_there_and_read_elsewhere():
    export = Export(RECORDS, levels=2)
    nodes = [key for key, block in export.blocks.items() if block.startswith(b"\xa2ae")]
    assert len(nodes) == 3
    missing = {key: block for key, block in export.blocks.items() if key != nodes[0]}
    items, reasons, problem = read(export.content(missing))
    assert (reasons["bad_record"], problem) == (1, None)
    assert 0 < len(items) < 4
    leaf = Export({f"{POST}/{TIDS[0]}": RECORDS[f"{POST}/{TIDS[0]}"]})
    (one,) = (key for key, block in leaf.blocks.items() if block.startswith(b"\xa2ae"))
    top = leaf.add({"e": [{"p": 0, "k": b"x/y", "v": Link(one), "t": Link(one)}], "l": Link(one)})
    leaf.root = leaf.add({"did": DID, "version": 3, "data": Link(top), "rev": ""})
    items, reasons, problem = read(leaf.content())
    assert (len(items), reasons) == (1, {"no_post": 1, "bad_record": 1})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off"),
        (b"\x00", "no CAR file"),
        (b"\xff" * 12, "damaged"),
        (leb(70_000), "damaged"),
        (Export(RECORDS).content(version=2), "version 2"),
        (Export(RECORDS).content({}), "no repository"),
        (leb(3) + b"\x81\x81\x81", "no CAR file"),
    ],
)
def test_what_is_no_export_is_one_sentence(content, said):
    items, reasons, problem = read(content)
    assert (items, reasons) == ([], {})
    assert said in (problem or "")


def test_a_block_of_absurd_length_ends_the_reading_and_a_long_one_is_passed_over(monkeypatch):
    export = Export(RECORDS)
    content = export.content()
    assert "damaged" in (read(content + leb(1 << 40))[2] or "")
    monkeypatch.setattr(bluesky_repo, "_LARGEST_BLOCK", 2000)
    items, reasons, problem = read(content + leb(9_000) + bytes(9_000))
    assert (len(items), reasons["bad_record"], problem) == (4, 1, None)
    monkeypatch.setattr(bluesky_repo, "MOST_BYTES", 1000)
    assert "longer" in (read(content)[2] or "")


CONTENT = Export(RECORDS, levels=2).content()


@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 255), st.integers(1, len(CONTENT)))
@examples(max_examples=150, derandomize=True, deadline=None)
def test_no_damage_is_more_than_a_counted_refusal_or_one_sentence(place, byte, length):
    damaged = bytearray(CONTENT)
    damaged[place] = byte
    for content in (bytes(damaged), CONTENT[:length], bytes(damaged[:length])):
        items, reasons, problem = read(content)
        assert len(items) <= 4
        assert set(reasons) <= set(REASONS)
        assert problem is None or problem.startswith("export.car")
