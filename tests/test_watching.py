"""What the room cares about ranks alerts: the points, the file, and that nothing in it is guessed."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.findings import Subject
from detectors.watching import WATCHED_KINDS, Relevance, Watched, WatchList
from streams.sources.opening import InputError
from streams.watch_file import KEYS, read_watch

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLE = DOCS / "examples" / "watch.toml"
NOTHING = Relevance(0, ())


def watch(**marks: object) -> WatchList:
    return WatchList([Watched(**({"name": "it", "kind": "topic", "weight": 5} | marks))])


# -- points ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "subject"),
    [
        ({"accounts": ("@ClaireBrenac",)}, Subject("target", "clairebrenac")),
        ({"accounts": ("100200300",)}, Subject("source", "100200300")),
        ({"hashtags": ("#Élections",)}, Subject("hashtag", "elections")),
        ({"links": ("valmorin.example",)}, Subject("link", "https://www.valmorin.example/a?b=1")),
        ({"links": ("WWW.Valmorin.example",)}, Subject("link", "https://news.valmorin.example:8080")),
        ({"words": ("Radio Exemple",)}, Subject("payer", "RADIO  EXEMPLE France")),
    ],
)
def test_what_a_case_is_about_counts_in_full(marks: dict[str, object], subject: Subject) -> None:
    assert watch(**marks).relevance([subject], [], []) == Relevance(100, ("it",))


@pytest.mark.parametrize(
    ("marks", "targets", "templates"),
    [
        ({"accounts": ("ClaireBrenac",)}, ["CLAIREBRENAC"], []),
        ({"accounts": ("ClaireBrenac",)}, [], ["read this @clairebrenac"]),
        ({"hashtags": ("DiguesGate",)}, [], ["all of it is a lie #diguesgate"]),
        ({"words": ("rapport Cassagne",)}, [], ["Ce fameux RAPPORT, Cassagne : rien"]),
    ],
)
def test_what_a_case_only_names_counts_less(
    marks: dict[str, object], targets: list[str], templates: list[str]
) -> None:
    assert watch(**marks).relevance([], targets, templates) == Relevance(60, ("it",))


@pytest.mark.parametrize(
    ("marks", "subject", "template"),
    [
        ({"words": ("digue",)}, Subject("hashtag", "digue"), "les digues et prodigue"),
        ({"links": ("valmorin.example",)}, Subject("link", "https://notvalmorin.example/"), ""),
        ({"links": ("valmorin.example",)}, Subject("link", "https://x.example/valmorin.example"), ""),
        ({"links": ("valmorin.example",)}, Subject("link", "no address"), ""),
        ({"hashtags": ("brenac",)}, Subject("hashtag", "brenac2022"), "brenac"),
        ({"accounts": ("brenac",)}, Subject("hashtag", "brenac"), "brenac"),
        ({"accounts": ("1002",)}, Subject("post", "1002"), ""),
    ],
)
def test_what_only_looks_like_an_entry_counts_nothing(
    marks: dict[str, object], subject: Subject, template: str
) -> None:
    assert watch(**marks).relevance([subject], [], [template]) == NOTHING


@pytest.mark.parametrize("weight", [1, 3, 5])
def test_points_follow_the_weight(weight: int) -> None:
    entry = watch(hashtags=("a",), weight=weight)
    assert entry.relevance([Subject("hashtag", "a")], [], []).points == 20 * weight
    assert entry.relevance([], [], ["b #a"]).points == 12 * weight


def test_all_other_entries_count_for_a_quarter_and_are_named_after_the_strongest() -> None:
    entries = [
        Watched(name=name, kind="topic", hashtags=(name,), weight=weight)
        for name, weight in (("a", 1), ("b", 3), ("c", 3), ("d", 5))
    ]
    subjects = [Subject("hashtag", name) for name in "abc"]
    assert WatchList(entries).relevance(subjects, [], []) == Relevance(60 + (60 + 20) // 4, ("b", "c", "a"))
    assert WatchList(entries).relevance([*subjects, Subject("hashtag", "d")], [], []).points == 100


def test_an_empty_list_says_nothing_of_anything() -> None:
    assert WatchList().relevance([Subject("hashtag", "a")], ["b"], ["c"]) == NOTHING
    assert WatchList().version is None
    assert len(WatchList()) == 0


names = st.sampled_from(["a", "b", "c", "d"])
entries = st.lists(
    st.builds(
        Watched,
        name=st.text("mnop", min_size=1, max_size=4),
        kind=st.sampled_from(WATCHED_KINDS),
        accounts=st.lists(names, max_size=2).map(tuple),
        hashtags=st.lists(names, max_size=2).map(tuple),
        words=st.lists(names, max_size=2).map(tuple),
        weight=st.integers(1, 5),
    ),
    max_size=5,
    unique_by=lambda one: one.name,
)
subjects = st.lists(st.builds(Subject, st.sampled_from(["hashtag", "target", "source", "text"]), names))


@given(entries, subjects, st.lists(names), st.lists(names), st.integers(0, 99))
def test_the_order_of_entries_and_of_what_was_seen_changes_nothing(made, shown, targets, texts, seed) -> None:
    one = WatchList(made)
    rng = random.Random(seed)
    other = WatchList(rng.sample(made, len(made)))
    mixed = (rng.sample(part, len(part)) for part in (shown, targets, texts))
    assert other.relevance(*mixed) == one.relevance(shown, targets, texts)
    assert other.version == one.version


@given(entries, subjects, st.lists(names), st.lists(names), subjects)
def test_seeing_more_never_lowers_the_points(made, shown, targets, texts, more) -> None:
    watched = WatchList(made)
    before, after = (watched.relevance(part, targets, texts) for part in (shown, shown + more))
    assert 0 <= before.points <= after.points <= 100
    assert set(before.names) <= set(after.names)


def test_the_version_tells_every_change() -> None:
    first = Watched(name="a", kind="topic", hashtags=("x",))
    changed = [
        msgspec.structs.replace(first, **change)
        for change in (
            {"name": "b"},
            {"kind": "place"},
            {"hashtags": ("y",)},
            {"weight": 4},
            {"words": ("w",)},
        )
    ]
    versions = {WatchList([one]).version for one in [first, *changed]}
    assert len(versions) == 6


# -- the file --------------------------------------------------------------------------------------


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(**more: str) -> str:
    lines = {"name": '"Brenac"', "kind": '"candidate"', "words": '["Brenac"]'} | more
    return "[[watch]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items()) + "\n"


def test_the_example_is_read() -> None:
    watched = read_watch(EXAMPLE)
    assert [one.kind for one in watched.entries] == ["candidate", "medium", "party", "topic", "place"]
    assert watched.relevance([Subject("hashtag", "diguesgate")], [], ["@ClaireBrenac rends l'argent"]) == (
        60 + 60 // 4,
        ("Claire Brenac", "The dykes"),
    )


def test_the_page_s_example_is_part_of_the_example_file_and_its_keys_are_the_file_s() -> None:
    page = (DOCS / "watch.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert tomllib.loads(shown)["watch"][0] in tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["watch"]
    table = page.partition("| key | |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(KEYS)


def test_an_empty_file_watches_nothing(tmp_path: Path) -> None:
    assert len(read_watch(written(tmp_path, ""))) == 0


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.toml cannot be read: No such file"):
        read_watch(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[watch]\n", "is not TOML"),
        ("watched = 1\n", r"watched is no key of a watch file; write \[\[watch\]\]"),
        ("[watch]\nname = 'x'\n", "watch must be a list of tables"),
        ("[[watch]]\nkind = 'topic'\n", "entry 1: name must be a text"),
        (entry(name="7"), "entry 1: name must be a text"),
        (entry(tags='["x"]'), r"entry 1 \(Brenac\): tags is no key of an entry; allowed are name, kind, acc"),
        (entry(kind='"person"'), "kind must be one of candidate, party, topic, medium, place"),
        (entry(kind='["topic"]'), "kind must be one of"),
        (entry(weight="6"), "weight must be a whole number from 1 to 5"),
        (entry(weight="0"), "weight must be a whole number"),
        (entry(weight="2.5"), "weight must be a whole number"),
        (entry(weight="true"), "weight must be a whole number"),
        (entry(words="[]"), "watches nothing; give it one of accounts, hashtags, words, links"),
        (entry(words='"Brenac"'), "words must be a list of texts"),
        (entry(accounts="[100200300]"), "accounts must be a list of texts, ids and numbers in quotes too"),
        (entry(accounts='["Claire Brenac"]'), "accounts has 'Claire Brenac'; allowed are ids or handles"),
        (entry(hashtags='["Digues Gate"]'), "hashtags has 'Digues Gate'; allowed are one word each"),
        (entry(links='["https://a.example"]'), "links has 'https://a.example'; allowed are domains"),
        (entry(links='["a.example/news"]'), "links has 'a.example/news'"),
        (entry(links='["example"]'), "links has 'example'"),
        (entry(words='["article 49"]'), "words has 'article 49'; allowed are words and phrases without num"),
        (entry(words='["#DiguesGate"]'), "words has '#DiguesGate'"),
        (entry(words='["@brenac"]'), "words has '@brenac'"),
        (entry(words='["!"]'), "words has '!'"),
        (entry(words='[" "]'), "words must be a list of texts"),
        (entry() + entry(), "two entries are named 'Brenac'"),
    ],
)
def test_what_is_wrong_is_refused_with_the_file_and_what_is_allowed(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        read_watch(written(tmp_path, text))
    assert "watch.toml" in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_watch(path)


def test_comments_and_order_change_no_version(tmp_path: Path) -> None:
    one, other = entry(), entry(name='"Valmorin"', kind='"place"')
    before = read_watch(written(tmp_path, one + other)).version
    assert read_watch(written(tmp_path, "# the desk's\n" + other + one)).version == before
    assert read_watch(written(tmp_path, other + entry(weight="4"))).version != before
