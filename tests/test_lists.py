"""The room's lists: what is in force when, what their files may hold, and how they are read again."""

from __future__ import annotations

import os
import random
import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import CANARY
from detectors.findings import account_key
from detectors.lists import KINDS, Entry, Lists, difference
from streams.lists import ListFiles, read_lists
from streams.sources.opening import InputError

BAN_MS = 1_508_976_000_000
"""2017-10-26, midnight UTC."""


def entry(account="12", kind="attributed", **more):
    return Entry(**{"account": account, "kind": kind, "reason": "r", "source": "s", "list": "room"} | more)


# -- what is in force ------------------------------------------------------------------------------


def test_an_entry_is_in_force_for_posts_from_its_date_on():
    lists = Lists([entry(since_ms=1000)])
    assert [lists.kind_of("x\x1f12", at) for at in (999, 1000, 10**13)] == ["", "attributed", "attributed"]


def test_an_entry_without_a_date_is_always_in_force():
    assert Lists([entry()]).kind_of("x\x1f12", 0) == "attributed"


def test_an_entry_of_one_network_says_nothing_of_an_equal_id_on_another():
    lists = Lists([entry(platform="x")])
    assert (lists.kind_of("x\x1f12", 1), lists.kind_of("mastodon\x1f12", 1)) == ("attributed", "")


def test_an_entry_without_a_network_holds_on_all_but_the_canary_s():
    lists = Lists([entry()])
    assert lists.kind_of("mastodon\x1f12", 1) == "attributed"
    assert lists.kind_of(account_key(CANARY, "12"), 1) == ""


def test_of_several_entries_the_strongest_in_force_counts_and_all_reasons_are_kept():
    lists = Lists(
        [
            entry(kind="declared", list="a"),
            entry(kind="amplifies", list="b", platform="x", since_ms=1000),
            entry(kind="attributed", list="c", since_ms=2000, reason="named by a court"),
        ]
    )
    assert [lists.kind_of("x\x1f12", at) for at in (0, 1000, 2000)] == ["declared", "amplifies", "attributed"]
    assert [one.list for one in lists.entries_of("x\x1f12", 2000)] == ["c", "b", "a"]
    assert [one.list for one in lists.entries_of("x\x1f12", 1999)] == ["b", "a"]
    assert lists.entries_of("x\x1f13", 2000) == ()


def test_a_payer_is_banned_from_the_day_on_whatever_its_case_and_blanks():
    lists = Lists([entry("Radio Exemple", "banned", since_ms=BAN_MS, platform="x")])
    assert lists.banned_since("RADIO \u00a0 exemple ", BAN_MS, "x") == BAN_MS
    assert lists.banned_since("Radio Exemple", BAN_MS - 1, "x") is None
    assert lists.banned_since("Radio Exemple", BAN_MS, "y") is None
    assert lists.banned_since("Radio Autre", BAN_MS, "x") is None


def test_a_banned_payer_is_no_listed_account():
    assert Lists([entry(kind="banned")]).kind_of("x\x1f12", 10**13) == ""


def test_the_earliest_ban_in_force_is_told():
    bans = [entry("P", "banned", since_ms=at, list=name) for at, name in ((300, "a"), (200, "b"), (900, "c"))]
    assert Lists(bans).banned_since("P", 500, "x") == 200


def test_no_lists_have_no_version_and_are_false():
    assert (Lists().version, len(Lists()), bool(Lists()), bool(Lists([entry()]))) == (None, 0, False, True)


entries = st.builds(
    entry,
    st.sampled_from("abc"),
    st.sampled_from(KINDS),
    reason=st.sampled_from(("r", "q")),
    list=st.sampled_from(("room", "report")),
    platform=st.sampled_from((None, "x", "y")),
    since_ms=st.sampled_from((None, 5, 9)),
)


@given(st.lists(entries, max_size=9), st.randoms(use_true_random=False))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_version_depends_on_the_entries_and_not_on_their_order(some, rng):
    mixed = [*some, *some[:2]]
    rng.shuffle(mixed)
    assert Lists(mixed).version == Lists(some).version
    assert Lists(mixed).entries == Lists(some).entries
    other = entry("new", reason=rng.choice("rq"))
    assert Lists([*some, other]).version != Lists(some).version


@given(st.lists(entries, max_size=9), st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 12))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_the_kind_is_that_of_a_plain_search(some, account, platform, at_ms):
    kinds = {
        one.kind
        for one in some
        if one.account == account
        and one.platform in (None, platform)
        and (one.since_ms or 0) <= at_ms
        and one.kind != "banned"
    }
    wanted = next((kind for kind in KINDS if kind in kinds), "")
    assert Lists(some).kind_of(account_key(platform, account), at_ms) == wanted


def test_two_versions_differ_in_what_was_added_removed_and_changed():
    kept, gone, new = entry("1"), entry("2"), entry("3")
    changed = msgspec.structs.replace(entry("4"), reason="now in the study of May")
    told = difference(Lists([kept, gone, entry("4")]), Lists([kept, new, changed]))
    assert told == ((new,), (gone,), ((entry("4"), changed),))


# -- files -----------------------------------------------------------------------------------------

TABLE = """account,reason,source,since,kind,platform,handle
1001,named in the takedown of May,https://report.invalid/1,2019-05-02,attributed,x,@one
1002,"reposts it, daily",desk,,amplifies,,
Radio Exemple,refused as an advertiser,https://network.invalid/ads,2017-10-26,banned,x,
"""
DOCUMENT = """
- {account: 1001, kind: attributed, reason: named in the takedown of May, source: "https://report.invalid/1",
   since: 2019-05-02, platform: x, handle: '@one'}
- account: '1002'
  kind: amplifies
  reason: reposts it, daily
  source: desk
- account: Radio Exemple  # as it signs its posts
  kind: banned
  reason: refused as an advertiser
  source: https://network.invalid/ads
  since: 2017-10-26
  platform: x
"""


def written(folder, content, name="room.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_table_and_a_document_say_the_same(tmp_path):
    table = read_lists([written(tmp_path, TABLE)])
    assert [one.since_ms for one in table.entries if one.kind == "banned"] == [BAN_MS]
    assert len(table) == 3
    assert read_lists([written(tmp_path, DOCUMENT, "room.yaml")]).entries == table.entries
    named = f"name: room\nentries:{DOCUMENT.replace(chr(10), chr(10) + '  ')}"
    assert read_lists([written(tmp_path, named, "other.yml")]).version == table.version


@pytest.mark.parametrize(
    "changed",
    [
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n"),
        TABLE.replace(",", ";").replace("it; daily", "it, daily"),
        "# the room's list; \"unfinished\n\n" + TABLE + "\n#1003,gone,x,,attributed,,\n,,,,,,\n",
        TABLE.replace("account,reason", " Account , REASON"),
        TABLE.replace("2019-05-02", "2019-05-02T02:00:00+02:00"),
    ],
)
def test_what_spreadsheets_and_people_do_to_a_table_changes_nothing(tmp_path, changed):
    plain = read_lists([written(tmp_path, TABLE)])
    assert read_lists([written(tmp_path, changed)]).version == plain.version


def test_a_quoted_cell_may_hold_line_breaks_and_what_looks_like_a_comment(tmp_path):
    table = 'account,reason,source,kind\n1,"two\n# lines",desk,declared\n2,r,s,nonsense\n'
    path = written(tmp_path, table)
    with pytest.raises(InputError, match="line 4: the kind 'nonsense'"):
        read_lists([path])
    path = written(tmp_path, table.replace("nonsense", "declared"))
    assert [one.reason for one in read_lists([path]).entries] == ["two\n# lines", "r"]


ODD_IDS = ["0123", "no", "1_000", "0x1F", "2017-10-26", "1e3", "12:30", "9007199254740993", "did:plc:abc"]


@pytest.mark.parametrize("account", ODD_IDS)
def test_ids_come_out_as_they_are_written(tmp_path, account):
    document = f"- {{account: {account}, kind: declared, reason: r, source: s}}"
    (one,) = read_lists([written(tmp_path, document, "room.yaml")]).entries
    assert one.account == account
    (two,) = read_lists([written(tmp_path, f"account,kind,reason,source\n{account},declared,r,s\n")]).entries
    assert two == one


def yaml_of(**cells):
    cells = {"account": "1", "kind": "declared", "reason": "r", "source": "s"} | cells
    return "\n".join(
        f"{'- ' if not n else '  '}{name}: {cell}" for n, (name, cell) in enumerate(cells.items())
    )


HEAD = "account,kind,reason,source,since\n"
WRONG = {
    "unknown kind": (f"{HEAD}1,troll,r,s,\n", "line 2: the kind 'troll' is unknown: write one of attributed"),
    "no kind": (f"{HEAD}1,,r,s,\n", "line 2: the kind '' is unknown"),
    "no reason": (f"{HEAD}1,declared, ,s,\n", "line 2: the reason is missing"),
    "no source": (f"{HEAD}1,declared,r,,\n", "line 2: the source is missing"),
    "no account": (f"{HEAD},declared,r,s,\n", "line 2: the account is missing"),
    "no date": (
        f"{HEAD}1,declared,r,s,26/10/2017\n",
        "line 2: '26/10/2017' is no date: write it as 2017-10-26",
    ),
    "a ban without a date": (f"{HEAD}P,banned,r,s,\n", "line 2: the ban has no date"),
    "a handle": (f"{HEAD}@anna,declared,r,s,\n", "line 2: @anna is a handle"),
    "a rounded id": (f"{HEAD}1.23457E+17,declared,r,s,\n", "line 2: a spreadsheet has rounded the id"),
    "the same twice": (f"{HEAD}1,declared,r,s,\n\n1,declared,q,t,\n", "line 4: 1 stands on line 2 already"),
    "the same payer twice": (
        f"{HEAD}Ab,banned,r,s,2017-01-01\nAB,banned,r,s,2018-01-01\n",
        "line 3: AB stands on line 2 already as banned",
    ),
    "an unquoted comma": (f"{HEAD}1,declared,this, and that,s,\n", "line 2: 6 cells under 5 columns"),
    "an open quote": (f'{HEAD}1,declared,"r,s,\n2,declared,r,s,\n', "line 2: not a CSV row"),
    "a lacking column": ("account,kind,reason\n1,declared,r\n", "lacks the column source"),
    "an unknown column": ("account,kind,reason,source,platfrom\n", "the column 'platfrom' is unknown"),
    "a column twice": ("account,kind,reason,source,kind\n", "the column 'kind' is there twice"),
    "nothing": (" \n", "is empty"),
    "another code": ("account,kind,reason,source\n1,declared,élu,s\n".encode("latin-1"), "is not UTF-8"),
}
WRONG_YAML = {
    "unknown kind": (yaml_of() + "\n" + yaml_of(account=2, kind="bot"), "line 5: the kind 'bot' is unknown"),
    "no reason": (yaml_of(reason="null"), "line 1: the reason is missing"),
    "unknown name": (yaml_of(note="x"), "line 1: 'note' is unknown"),
    "a name twice": (yaml_of() + "\n  kind: attributed", "line 1: kind is there twice"),
    "a list as a value": (yaml_of(reason="[a, b]"), "line 1: reason must be a plain value"),
    "no mapping": ("- 1\n- 2\n", "line 1: an entry is a mapping"),
    "no list": ("just words", "holds no entries"),
    "no entries": ("name: x\n", "holds no entries"),
    "unknown part": ("name: x\nentry: []\n", "'entry' is no part of a list"),
    "no YAML": ("- account: 1\n kind: x\n", "line 2: not YAML"),
    "two documents": ("- a: 1\n---\n- b: 2\n", "not YAML"),
    "a pit": ("[" * 50_000, "nested too deep"),
    "a comment alone": ("# nothing yet\n", "holds no entries"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_is_wrong_is_refused_with_its_line(tmp_path, name):
    content, sentence = WRONG[name]
    with pytest.raises(InputError) as told:
        read_lists([written(tmp_path, content)])
    assert sentence in str(told.value)
    assert str(tmp_path / "room.csv") in str(told.value)


@pytest.mark.parametrize("name", WRONG_YAML)
def test_a_document_that_is_wrong_is_refused_with_its_line(tmp_path, name):
    content, sentence = WRONG_YAML[name]
    with pytest.raises(InputError) as told:
        read_lists([written(tmp_path, content, "room.yaml")])
    assert sentence in str(told.value)


def test_a_list_without_entries_is_a_list(tmp_path):
    paths = [written(tmp_path, HEAD, "a.csv"), written(tmp_path, "entries: []", "b.yaml")]
    assert read_lists(paths).version is None


def test_two_lists_of_one_name_are_refused_and_one_account_on_two_lists_is_not(tmp_path):
    (tmp_path / "old").mkdir()
    first, second = written(tmp_path, TABLE), written(tmp_path / "old", TABLE)
    with pytest.raises(InputError, match="are both the list 'room'"):
        read_lists([first, second])
    assert len(read_lists([first, second.rename(tmp_path / "report.csv")])) == 6


@pytest.mark.parametrize("name", ["missing.csv", "room.txt", "-"])
def test_what_is_no_list_is_refused(tmp_path, name):
    path = tmp_path / name if name != "-" else name
    if name == "room.txt":
        path.write_text(TABLE)
    with pytest.raises(InputError, match=r"does not exist|name it \.csv or \.yaml"):
        read_lists([path])


def test_the_examples_of_the_documentation_are_lists(tmp_path):
    text = (Path(__file__).parent.parent / "docs" / "lists.md").read_text(encoding="utf-8")
    examples = re.findall(r"```(csv|yaml)\n(.*?)```", text, re.DOTALL)
    paths = [written(tmp_path, content, f"example.{form}") for form, content in examples]
    assert [len(read_lists([path])) for path in paths] == [4, 2]


# -- reading again ---------------------------------------------------------------------------------


class Room:
    """Files in a folder, watched; every write shows in the clock of the files."""

    def __init__(self, folder, *contents):
        self.paths = [written(folder, content, f"l{n}.csv") for n, content in enumerate(contents)]
        self.told = []
        self.files = ListFiles(self.paths, self.told.append)
        self.lists = self.files.load()
        self.time = 10**18

    def write(self, content, number=0):
        self.paths[number].write_text(content)
        self.time += 10**6
        os.utime(self.paths[number], ns=(self.time, self.time))

    def look(self, times=3):
        """What is in force after so many looks."""
        for _ in range(times):
            self.lists = self.files.changed() or self.lists
        return self.lists


SHORT = f"{HEAD}1,declared,r,s,\n"
LONG = f"{SHORT}2,attributed,r,s,\n"


def test_a_change_is_in_force_without_a_restart(tmp_path):
    room = Room(tmp_path, SHORT)
    assert room.files.changed() is None
    room.write(LONG)
    assert len(room.look()) == 2
    assert room.files.changed() is None


def test_a_broken_change_leaves_the_old_lists_in_force_and_is_told_once(tmp_path):
    room = Room(tmp_path, SHORT)
    room.write(f"{HEAD}1,nonsense,r,s,\n")
    assert len(room.look(9)) == 1
    (told,) = room.told
    assert "line 2: the kind 'nonsense' is unknown" in told
    assert told.endswith("The lists of before stay in force.")
    room.write(LONG)
    assert len(room.look()) == 2
    assert len(room.told) == 1


def test_of_two_files_none_is_taken_while_one_is_broken(tmp_path):
    room = Room(tmp_path, SHORT, SHORT)
    room.write(LONG, 0)
    room.write("nonsense", 1)
    assert len(room.look()) == 2
    room.write(LONG, 1)
    assert len(room.look()) == 4


def test_a_file_that_is_still_written_is_not_read(tmp_path):
    room = Room(tmp_path, SHORT)
    whole = HEAD + "".join(f"{n},declared,r,s,\n" for n in range(50))
    lines = whole.splitlines(keepends=True)
    for begin, end in pairwise(range(1, len(lines) + 1, 10)):
        room.write("".join(lines[:end]))
        assert len(room.look(1)) == 1, begin
    room.write(whole)
    assert len(room.look(2)) == 50


def test_a_file_that_is_gone_leaves_the_old_lists_in_force(tmp_path):
    room = Room(tmp_path, SHORT)
    room.paths[0].unlink()
    assert len(room.look(9)) == 1
    assert [told.partition(str(tmp_path))[2] for told in room.told] == [
        "/l0.csv does not exist: check the path. The lists of before stay in force."
    ]
    room.write(LONG)
    assert len(room.look()) == 2


def test_a_file_that_is_touched_or_put_back_changes_nothing(tmp_path):
    room = Room(tmp_path, SHORT)
    room.write(SHORT)
    assert room.files.changed() is None
    assert room.files.changed() is None
    room.write("broken")
    room.look()
    room.write(SHORT)
    assert [room.files.changed() for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_written_when_the_lists_in_force_are_those_of_one_whole_version(tmp_path, seed):
    rng = random.Random(seed)
    room = Room(tmp_path, SHORT, SHORT)
    whole = {room.lists.version}
    texts = [SHORT, SHORT]
    for step in range(40):
        for number in rng.sample((0, 1), rng.randint(1, 2)):
            good = f"{HEAD}{step},declared,r,s,\n"
            texts[number] = rng.choice((good, "account,kind\n1,declared\n"))
            room.write(texts[number], number)
        whole.add(versions(tmp_path, texts))
        assert room.look(rng.randint(1, 3)).version in whole


def versions(folder, texts):
    (folder / "copy").mkdir(exist_ok=True)
    try:
        return read_lists(
            [written(folder / "copy", text, f"l{n}.csv") for n, text in enumerate(texts)]
        ).version
    except InputError:
        return None
