"""Pseudonyms: what they hide, what they leave, and that only the key leads back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
import pytest
import short_night
from hypothesis import given
from hypothesis import strategies as st

from detectors.accounts.creation import created_minute
from detectors.accounts.declared import is_declared
from detectors.events import MAX_ID_LENGTH, Change, Post, Profile, from_mapping
from detectors.findings import Subject, account_key
from detectors.lists import Entry, Lists
from detectors.text import fingerprint, read_entities
from detectors.watching import Watched, WatchList
from streams.pseudonyms import FOUND, PREFIX, SHOWN, Pseudonyms
from streams.sources.posts import decode_item, encode_item

KEY = bytes(range(64))
ROOM = Pseudonyms(KEY)
DID = "did:plc:abcdefghijklmnopqrstuvwx"

names = st.one_of(
    st.text(min_size=1, max_size=80),
    st.integers(0, 2**70).map(str),
    st.from_regex(r"did:plc:[a-z2-7]{24}", fullmatch=True),
    st.from_regex(r"0[0-9]{1,20}", fullmatch=True),
)


def post(**more) -> Post:
    fields = {"id": "1", "platform": "x", "author_id": "4711", "created_at": 1_650_000_000_000} | more
    return from_mapping(fields)


def hidden(**more) -> Post:
    found = ROOM.item(post(**more))
    assert isinstance(found, Post)
    return found


# -- names -----------------------------------------------------------------------------------------


@given(names)
def test_the_key_leads_back_to_every_name(name):
    assert ROOM.opened(ROOM.of(name)) == name


@given(names, names)
def test_two_names_have_two_pseudonyms_and_one_name_has_one(one, other):
    assert (ROOM.of(one) == ROOM.of(other)) == (one == other)
    assert Pseudonyms(KEY).of(one) == ROOM.of(one), "in every process"


@given(names)
def test_another_key_gives_another_pseudonym_and_opens_nothing(name):
    other = Pseudonyms(KEY[::-1])
    assert other.of(name) != ROOM.of(name)
    assert other.opened(ROOM.of(name)) is None


@given(names)
def test_a_pseudonym_is_plain_letters_that_no_fold_changes(name):
    made = ROOM.of(name)
    assert FOUND.fullmatch(made)
    assert made == made.casefold()


def test_the_length_of_a_number_does_not_tell_how_old_the_account_is():
    assert len({len(ROOM.of(number)) for number in ("12", "4711", "1513215237581440483")}) == 1


def test_an_altered_pseudonym_is_not_opened():
    made = ROOM.of("4711")
    for place in range(len(PREFIX), len(made) - 1):  # the last letter has spare bits
        other = "a" if made[place] != "a" else "b"
        assert ROOM.opened(made[:place] + other + made[place + 1 :]) is None


def test_the_pseudonym_of_the_longest_id_can_be_read_again():
    long = [("é" * MAX_ID_LENGTH)[:MAX_ID_LENGTH], ("é" * MAX_ID_LENGTH)[: MAX_ID_LENGTH - 1]]
    made = [ROOM.of(name) for name in long]
    assert len(set(made)) == 2
    assert all(len(one) <= MAX_ID_LENGTH for one in made)
    opened = ROOM.opened(made[0])
    assert opened is not None
    assert opened.startswith("é" * 200)


# -- posts -----------------------------------------------------------------------------------------


def test_no_name_is_left_anywhere_in_a_post():
    line = encode_item(
        hidden(
            id=f"at://{DID}/app.bsky.feed.post/3k",
            platform="bluesky",
            author_id=DID,
            url="https://bsky.app/profile/ana.example/post/3k",
            text="@ana.example and @Bo.bsky.social: see https://bsky.app/profile/ana.example/post/3k, " + DID,
            ref_id=f"at://{DID}/app.bsky.feed.post/3j",
            ref_author_id=DID,
            conversation_id=f"at://{DID}/app.bsky.feed.post/3i",
            mentions=[DID],
            links=["https://bsky.app/profile/ana.example/post/3k", "https://x.com/Ana/status/7"],
            media=[f"https://cdn.example/{DID}/1"],
            author={
                "handle": "ana.example",
                "name": "Ana",
                "description": "Ana of Exville",
                "location": "Exville",
            },
            ref_author={"handle": "ana.example", "name": "Ana"},
        )
    )
    assert not re.search(rb"(?i)\bana\b|bsky\.social|exville|abcdefghijklmnopqrstuvwx", line), line
    assert len(set(FOUND.findall(line.decode()))) == 3, "one for the DID, one for each handle in links"


def test_who_is_mentioned_by_id_meets_the_posts_that_are_his():
    assert hidden(mentions=["99"]).mentions == [hidden(author_id="99").author_id]


def test_handles_in_a_text_become_mentions_that_can_be_opened_whatever_their_case():
    one, other = hidden(text="hello @Ana_B"), hidden(text="RT @ana_b: hello")
    assert one.mentions == other.mentions == [ROOM.of("ana_b")]
    assert f"@{ROOM.of('ana_b')[:SHOWN]}" in one.text
    assert read_entities(one.text).mentions == (ROOM.of("ana_b")[:SHOWN],)


def test_an_empty_list_of_mentions_stays_one():
    assert hidden(text="no @handle here, says the network", mentions=[]).mentions == []


@pytest.mark.parametrize(
    "text",
    [
        "@ana_martin99 lost",
        "via @paper",
        "@ana_b_c You are a liar and a thief, everybody knows",
        "RT @bo: one two",
    ],
)
def test_copies_of_a_text_are_told_as_before(text):
    before, after = fingerprint(read_entities(text), text), hidden(text=text).text
    found = fingerprint(read_entities(after), after)
    assert (found.folded, bool(found.key)) == (before.folded, bool(before.key))


def test_mail_addresses_hashtags_and_other_links_are_left():
    text = "ask bo@example.org #ana https://news.example/@/x https://x.com/search?q=ana"
    assert hidden(text=text).text == text


@pytest.mark.parametrize(
    ("link", "left"),
    [
        ("https://twitter.com/Ana/status/12", "https://twitter.com/{ana}/status/12"),
        ("x.com/@Ana", "x.com/@{ana}"),
        ("https://mobile.x.com/Ana?s=20", "https://mobile.x.com/{ana}?s=20"),
        ("https://example.org/@Ana/12", "https://example.org/@{ana@example.org}/12"),
        (
            "https://example.org/users/ana/statuses/12",
            "https://example.org/users/{ana@example.org}/statuses/12",
        ),
        ("https://example.org/@ana@example.net", "https://example.org/@{ana@example.net}"),
        ("https://netflix.com/Ana", "https://netflix.com/Ana"),
        ("https://x.com/i/web/status/12", "https://x.com/i/web/status/12"),
    ],
)
def test_links_lose_the_account_and_keep_the_page(link, left):
    assert ROOM.link(link) == re.sub(r"\{(.+?)\}", lambda name: ROOM.of(name[1]), left)


def test_a_post_is_named_on_its_network_unless_posts_are_hidden_too():
    assert (hidden().id, hidden(kind="repost", ref_id="9").ref_id) == ("1", "9")
    strict = Pseudonyms(KEY, posts=True)
    made = strict.item(
        post(id="1", ref_id="9", kind="repost", media=["m"], links=["https://x.com/ana/status/9?s=2"])
    )
    assert isinstance(made, Post)
    assert (made.id, made.ref_id, made.media) == (ROOM.of("1"), ROOM.of("9"), [ROOM.of("m")])
    assert "9" not in FOUND.sub("", (made.links or [""])[0])
    gone = strict.item(Change(platform="x", time_ms=1, event="deletion", post_id="9"))
    assert isinstance(gone, Change)
    assert gone.post_id == made.ref_id, "a deletion still meets its post"


def test_an_id_with_the_author_in_it_loses_him_and_is_met_by_who_refers_to_it():
    whole = hidden(id="4711_99")
    assert whole.id == f"{ROOM.of('4711')}_99"
    assert hidden(kind="repost", ref_id="4711_99", ref_author_id="4711").ref_id == whole.id
    assert hidden(id="84711_99").id == "84711_99"


# -- profiles --------------------------------------------------------------------------------------


def test_the_date_that_an_id_holds_is_kept_though_the_id_is_not():
    told = post(platform="twitter", author_id="1085000000000000000")
    made = ROOM.item(told)
    assert isinstance(made, Post)
    before = created_minute("twitter", told.author_id, None, told.time_ms)
    assert created_minute("twitter", made.author_id, made.author, made.time_ms) == before > 0


def test_numbers_of_a_profile_stay_and_words_go():
    author = {"handle": "ana", "name": "Ana", "description": "Bikes", "location": "Exville", "followers": 12}
    author["created_at"] = "2020-05-01T08:09:10Z"
    assert hidden(author=author).author == Profile(
        followers=12, created_at=datetime(2020, 5, 1, 8, 9, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "profile", [Profile(handle="ExvilleNews"), Profile(name="Ana", description="Rédaction")]
)
def test_who_declares_what_it_is_still_does(profile):
    assert is_declared(profile)
    made = ROOM.item(msgspec.structs.replace(post(), author=profile))
    assert isinstance(made, Post)
    assert is_declared(made.author)
    assert not is_declared(hidden(author={"name": "Ana"}).author)


def test_changes_follow_their_account():
    told = Change(platform="x", time_ms=1, event="account", author_id="4711", status="suspended")
    made = ROOM.item(told)
    assert isinstance(made, Change)
    assert made.author_id == hidden().author_id
    assert told.author_id == "4711", "what was given is left as it is"


def test_a_whole_night_can_be_written_and_read_under_pseudonyms():
    for one in short_night.posts()[:500]:
        made = ROOM.item(one)
        assert isinstance(made, Post)
        assert ROOM.opened(made.author_id) == one.author_id
        # In a text that is read again, mentions are those of the field.
        assert decode_item(encode_item(made)) == made


# -- lists -----------------------------------------------------------------------------------------


def test_a_watched_account_is_met_under_its_pseudonym_by_id_and_by_handle():
    entry = Watched(name="the mayor", kind="candidate", accounts=("4711", "@TheMayor"), weight=5)
    watch = ROOM.watched(WatchList([entry]))
    for name in (ROOM.of("4711"), ROOM.handle("themayor")):
        assert watch.relevance([Subject("target", name)], [], []).points == 100
    assert watch.relevance([Subject("target", "4711")], [], []).points == 0


def test_lists_of_real_ids_hold_of_posts_under_pseudonyms():
    entries = [
        Entry(
            account="4711", kind="attributed", reason="r", source="s", list="l", platform="x", handle="@ana"
        ),
        Entry(account="12", kind="declared", reason="r", source="s", list="l"),
        Entry(account="Radio Exemple", kind="banned", reason="r", source="s", list="l", since_ms=1),
    ]
    lists = ROOM.lists(Lists(entries))
    assert lists.kind_of(account_key("x", hidden().author_id), 1) == "attributed"
    assert lists.kind_of(account_key("mastodon", ROOM.of("12")), 1) == "declared", "on every network"
    assert lists.banned_since("radio exemple", 2, "x") == 1
    assert {entry.handle for entry in lists.entries} == {None}
    assert "4711" not in str(lists.entries)
