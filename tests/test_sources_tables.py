"""Tables with a mapping become posts."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS
from streams.sources import tabular
from streams.sources.formats import open_source
from streams.sources.lines import blocks
from streams.sources.mapping import parse_mapping, read_mapping
from streams.sources.opening import InputError
from streams.sources.records import Batch

BASE = """
[fields]
platform = { value = "example" }
id = "id"
author_id = "who"
created_at = "time"
"""
BIG = 1152921504606846977


def read(content, mapping=BASE):
    mapping = parse_mapping(mapping) if isinstance(mapping, str) else mapping
    whole = Batch()
    content = content.encode() if isinstance(content, str) else content
    for batch in tabular.batches(blocks([content] if content else []), mapping, "table"):
        whole.posts += batch.posts
        whole.lines += batch.lines
        whole.rejected += batch.rejected
    return whole


def one(content, mapping):
    whole = read(content, mapping)
    assert whole.rejected == []
    return whole.posts[0]


def row(fields, cells, columns="id,who,time,c"):
    """A post made from one row whose column `c` holds `cells`."""
    out = io.StringIO()
    csv.writer(out).writerow(["1", "a", "2024-05-01", cells])
    return one(columns + "\n" + out.getvalue(), BASE + fields)


def reasons(whole):
    return [(refused.line, refused.reason) for refused in whole.rejected]


def test_large_ids_stay_texts_and_empty_cells_are_absent():
    mapping = BASE + 'lang = "lang"\nauthor.followers = "fans"\nhashtags = { column = "tags", split = "," }'
    post = one(f"id,who,time,lang,fans,tags\n{BIG},{BIG + 1}, 2024-05-01T08:00:00Z ,,,\n", mapping)
    assert (post.id, post.author_id) == (str(BIG), str(BIG + 1))
    assert (post.lang, post.author, post.hashtags) == (None, None, None)
    assert post.created_at == datetime(2024, 5, 1, 8, tzinfo=UTC)


def test_quoted_line_breaks_and_line_numbers():
    mapping = BASE + 'text = "text"'
    whole = read('id,who,time,text\n1,a,2024-05-01,"one\ntwo"\n\n2,b,2024-05-01,"say ""hi"""\r\n', mapping)
    assert [post.text for post in whole.posts] == ["one\ntwo", 'say "hi"']
    assert whole.lines == [2, 5]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    assert one(f"id,who,time,x\n1,a,2024-05-01,y\n".replace(",", delimiter), BASE).author_id == "a"  # noqa: F541


def test_the_delimiter_can_be_set():
    assert one("id:who:time\n1:a:2024-05-01\n", 'delimiter = ":"' + BASE).id == "1"


def test_broken_rows_are_refused_and_the_next_is_read():
    table = (
        b"id,who,time\n1,a\n2,a,soon\n3,a\0,2024-05-01\n4,\xff,2024-05-01\n,a,2024-05-01\n"
        + b'5,"' + b"x" * 140_000 + b"\n" + b"6,a,2024-05-01\n"
    )  # fmt: skip
    whole = read(table)
    assert reasons(whole) == [
        (2, "bad_record"), (3, "bad_time"), (4, "bad_record"), (5, "bad_record"), (6, "missing_field"),
        (7, "bad_record"),
    ]  # fmt: skip
    assert [post.id for post in whole.posts] == ["6"]
    assert whole.rejected[0].raw == b"1,a"
    assert len(whole.rejected[-1].raw) <= 65536


def test_missing_columns_are_named_with_those_found():
    with pytest.raises(InputError, match=r"lacks columns .*: who, time; it has: id, user;"):
        read("id,user\n1,a\n")


def test_an_empty_table_gives_nothing():
    assert read(b"").posts == read("id,who,time\n").posts == []


def test_values_conditions_and_alternatives():
    mapping = (
        BASE
        + """
kind = [
  { value = "reply", when = { column = "to", present = true } },
  { column = "type", values = { share = "repost", "" = "quote", none = "" } },
]
ref_id = { hash = ["to", "type"], when = { column = "type", equals = ["share", "copy"] } }
ref_author_id = ["to", "who"]
"""
    )
    whole = read(
        "id,who,time,type,to\n1,a,2024-05-01,share,\n2,a,2024-05-01,,\n3,a,2024-05-01,none,\n4,a,2024-05-01,share,b\n"
        "5,a,2024-05-01,odd,\n",
        mapping,
    )
    assert [post.kind for post in whole.posts] == ["repost", "quote", "original", "reply"]
    assert [post.ref_author_id for post in whole.posts] == ["a", "a", "a", "b"]
    first, second, _, last = (post.ref_id for post in whole.posts)
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert (second, last != first) == (None, True)
    assert reasons(whole) == [(6, "wrong_type")]


def test_text_is_stripped_and_unescaped():
    fields = "text = { column = 'c', strip_pattern = 'RT @\\w+: ', unescape = true }"
    assert row(fields, "RT @someone: a &lt;b&gt; RT @x: ").text == "a <b> RT @x: "
    assert row("text = { column = 'c', strip_prefix = '>> ' }", ">> hm").text == "hm"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("[a, b]", ["a", "b"]), ("['a,1', \"b\"]", ["a,1", "b"]), ("a,b", ["a", "b"]), ("[]", []), (" ", None)],
)
def test_lists_are_taken_apart(cell, expected):
    assert row('hashtags = { column = "c", split = "," }', cell).hashtags == expected


def test_several_columns_make_a_list():
    post = one("id,who,time,l1,l2\n1,a,2024-05-01,,http://b\n", BASE + 'links = { columns = ["l1", "l2"] }')
    assert post.links == ["http://b"]


@pytest.mark.parametrize(
    ("field", "cell", "expected"),
    [
        ("followers", "12", 12),
        ("followers", "12.0", 12),
        ("verified", "TRUE", True),
        ("verified", "0", False),
    ],
)
def test_types_follow_the_field(field, cell, expected):
    assert getattr(row(f'author.{field} = "c"', cell).author, field) == expected


@pytest.mark.parametrize("cell", ["12.5", "many", "nan", "inf", "1e400", "9" * 5000])
def test_what_is_no_number_is_refused(cell):
    whole = read(f"id,who,time,c\n1,a,2024-05-01,{cell}\n", BASE + 'author.followers = "c"')
    assert reasons(whole) == [(2, "wrong_type")]


@pytest.mark.parametrize(
    ("time", "cell", "expected"),
    [
        ('"epoch_s"', "1714550400", "2024-05-01T08:00:00+00:00"),
        ('["epoch_s", "epoch_ms"]', "1714550400123", "2024-05-01T08:00:00.123000+00:00"),
        ('["epoch_ms", "epoch_s"]', "1714550400", "2024-05-01T08:00:00+00:00"),
        ('["iso", "%m/%d/%Y %H:%M"]', "5/1/2024 8:00", "2024-05-01T08:00:00+00:00"),
        ('"iso"', "2024-05-01 10:00+02:00", "2024-05-01T10:00:00+02:00"),
    ],
)
def test_times_in_the_order_of_the_formats(time, cell, expected):
    assert one(f"id,who,time\n1,a,{cell}\n", f"time = {time}{BASE}").created_at.isoformat() == expected


def test_constants_and_promotion():
    fields = 'precision_s = { value = 60 }\npromoted.spend = "c"\npromoted.currency = { value = "EUR" }'
    post = row(fields, "18.1")
    assert (post.precision_s, post.promoted.spend, post.promoted.currency) == (60.0, 18.1, "EUR")


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("[fields", "not valid TOML"),
        ("colour = 1", "'colour'.*valid names: delimiter, fields, time"),
        ("", r"no table \[fields\]"),
        ('[fields]\nid = "id"', "must also set platform, author_id, created_at"),
        (BASE + 'label = "x"', "fields.label .*valid names: id, platform"),
        (BASE + 'author = "x"', "fields.author must be a table"),
        (BASE + 'author.label = "x"', "fields.author.label .*valid names"),
        (BASE + 'text = { columm = "x" }', "fields.text: .*columm.*column, columns, hash"),
        (BASE + 'text = { column = "x", value = "y" }', "fields.text: give exactly one of"),
        (BASE + "text = 5", "fields.text: .*a rule is a column name"),
        (BASE + "text = []", "fields.text has no rule"),
        (BASE + 'text = { column = "x", split = "," }', "fields.text: columns and split are for"),
        (BASE + 'links = "x"', "fields.links: say with split"),
        (BASE + 'kind = { value = "retweet" }', "fields.kind: retweet is no kind; valid names: original"),
        (BASE + "kind = { value = [1] }", "fields.kind: value"),
        (BASE + 'text = { column = "x", strip_pattern = "(" }', "not a regular expression"),
        (BASE + 'text = { column = "x", when = { column = "y" } }', "when needs exactly one"),
        (BASE + 'text = { column = "x", when = { colum = "y" } }', "colum.*equals"),
        ('time = "D.M.YYYY"' + BASE, "neither iso"),
        ('time = "%Q"' + BASE, "neither iso"),
        ("delimiter = ';;'" + BASE, "single character"),
    ],
)
def test_a_wrong_mapping_names_the_key_and_what_is_valid(mapping, said):
    with pytest.raises(InputError, match=said):
        parse_mapping(mapping)


def test_a_mapping_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_mapping(tmp_path / "bad.toml")


def test_the_worked_example_of_the_documentation_is_true(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "mappings.md").read_text(encoding="utf-8")
    table, mapping = (re.search(f"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("csv", "toml"))
    (tmp_path / "mapping.toml").write_text(mapping, encoding="utf-8")
    (tmp_path / "export.csv").write_text(table, encoding="utf-8")
    batch = next(iter(open_source(tmp_path / "export.csv", "csv", tmp_path / "mapping.toml")))
    shared, posted = batch.posts
    assert (shared.kind, shared.text, shared.hashtags) == (
        "repost",
        "Polls & queues: what to know",
        ["polls", "vote"],
    )
    assert (shared.author.followers, shared.ref_author_id) == (1204, "newsdesk")
    assert (posted.text, posted.hashtags, posted.author.followers) == (
        "Long lines\nat the town hall",
        [],
        None,
    )
    assert batch.lines == [2, 3]


RICH = (
    BASE
    + """
text = { column = "c", unescape = true }
hashtags = { column = "c", split = "," }
author.followers = "d"
author.verified = "d"
ref_created_at = "d"
"""
)


@given(st.binary() | st.text(alphabet='",\n\r\0a1-:é').map(str.encode))
def test_no_bytes_raise(content):
    whole = read(b"id,who,time,c,d\n1,a,2024-05-01,x,\n" + content, RICH)
    assert all(refused.reason in REASONS for refused in whole.rejected)
    assert len(whole.posts) + len(whole.rejected) >= 1


@given(st.lists(st.tuples(*[st.text(max_size=8)] * 5), max_size=5))
def test_every_row_gives_a_post_or_a_rejection(rows):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [["id", "who", "time", "c", "d"], *([i, who, "2024-05-01", c, d] for i, who, _, c, d in rows)]
    )
    content = out.getvalue().encode(errors="replace")
    whole = read(content, RICH)
    assert len(whole.posts) + len(whole.rejected) == len(rows)


@given(st.binary(min_size=1))
def test_any_header_gives_an_input_error_at_worst(content):
    try:
        read(content)
    except InputError as problem:
        assert "\n" not in str(problem).strip() or "lacks columns" in str(problem)
