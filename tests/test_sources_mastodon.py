"""Statuses of Mastodon become posts, and what its streams say besides."""

from __future__ import annotations

import copy
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS, Change
from streams.sources import mastodon
from streams.sources.formats import open_source
from streams.sources.html_text import links_of, text_of
from streams.sources.live.federated import FederatedNames
from streams.sources.records import Batch

BIG = "109348684737626801"  # above 2^53: a float would lose its last digits
AT = datetime(2022, 11, 15, 16, 8, 30, tzinfo=UTC)
AT_MS = 1_668_528_510_000
ACCOUNT = {
    "id": "109334860508022726",
    "username": "ana",
    "acct": "ana@example.net",
    "display_name": "Ana",
    "locked": False,
    "bot": False,
    "created_at": "2022-11-13T00:00:00.000Z",
    "note": "<p>Chats &amp; chiens</p>",
    "avatar": "https://example.org/avatars/original/missing.png",
    "followers_count": 5,
    "following_count": 3,
    "statuses_count": 4,
    "emojis": [],
    "fields": [],
}
OTHER = {**ACCOUNT, "id": "7", "acct": "bo", "display_name": "", "followers_count": -1}
STATUS = {
    "id": BIG,
    "created_at": "2022-11-15T16:08:30.000Z",
    "in_reply_to_id": None,
    "in_reply_to_account_id": None,
    "sensitive": False,
    "spoiler_text": "",
    "visibility": "public",
    "language": "fr",
    "edited_at": None,
    "uri": "https://example.net/users/ana/statuses/1",
    "url": "https://example.net/@ana/1",
    "replies_count": 0,
    "content": "<p>Bonjour</p>",
    "reblog": None,
    "application": {"name": "Web", "website": None},
    "account": ACCOUNT,
    "media_attachments": [],
    "mentions": [],
    "tags": [],
    "emojis": [],
    "card": None,
    "poll": None,
}


def take(*records):
    batch = Batch()
    for number, record in enumerate(records, 1):
        line = record if isinstance(record, bytes) else json.dumps(record).encode()
        mastodon.take_line(line, number, batch)
    return batch


def one(**changes):
    batch = take({**copy.deepcopy(STATUS), **changes})
    assert batch.rejected == []
    return batch.posts[0]


def test_a_status_becomes_a_post_with_its_author():
    post = one()
    assert (post.platform, post.id, post.author_id, post.kind) == ("mastodon", BIG, ACCOUNT["id"], "original")
    assert (post.created_at, post.time_ms, post.text, post.lang) == (AT, AT_MS, "Bonjour", "fr")
    assert (post.client, post.url, post.edited_at) == ("Web", "https://example.net/@ana/1", None)
    author = post.author
    assert (author.handle, author.name, author.description) == ("ana@example.net", "Ana", "Chats & chiens")
    assert (author.followers, author.following, author.posts, author.default_avatar) == (5, 3, 4, True)
    assert author.created_at == datetime(2022, 11, 13, tzinfo=UTC)


def test_a_hidden_count_is_absent():
    assert one(account=OTHER).author.followers is None


def test_ids_may_be_numbers():
    post = one(id=int(BIG), account={**ACCOUNT, "id": 2**60})
    assert (post.id, post.author_id) == (BIG, str(2**60))


CONTENT = (
    '<p class="quote-inline">RE: <a href="https://example.org/@bo/9"><span class="invisible">https://</span>'
    '</a></p><p><span class="h-card"><a href="https://example.org/@bo" class="u-url mention">@<span>bo</span>'
    '</a></span> vote le <a href="https://example.org/tags/debat" class="mention hashtag" rel="tag">#'
    "<span>Débat</span></a> "
    '&amp; lis <a href="https://e.org/a?b=1&amp;c=2" rel="nofollow"><span class="invisible">https://</span>'
    '<span class="ellipsis">e.org/a?b</span><span class="invisible">=1&amp;c=2</span></a><br>ici</p>'
    "<p>Fin</p>"
)


def test_html_becomes_what_a_reader_sees():
    post = one(
        content=CONTENT,
        quote={"state": "accepted", "quoted_status_id": "9"},
        mentions=[{"id": "7", "acct": "bo", "username": "bo", "url": "https://example.org/@bo"}],
        tags=[{"name": "debat", "url": "https://example.org/tags/debat"}],
    )
    assert post.text == "@bo vote le #Débat & lis https://e.org/a?b=1&c=2\nici\n\nFin"
    assert (post.links, post.hashtags, post.mentions) == (["https://e.org/a?b=1&c=2"], ["debat"], ["7"])
    assert (post.kind, post.ref_id) == ("quote", "9")


def test_a_content_warning_stands_before_the_text():
    assert one(spoiler_text="politique").text == "politique\n\nBonjour"


def test_markup_that_is_shown_as_text_stays():
    assert text_of("<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>") == "1 < 2 && 3 > 2"
    assert text_of('<p>a</p><img alt="x > y" src="z"><pre>b</pre>') == "a\n\nb"


def test_hostile_html_takes_time_in_proportion_to_its_length():
    began = time.perf_counter()
    for piece in ("<", '<a "', "<a '", '<a href="', "<p class='", "</", "<!--"):
        text_of(piece * 20_000)
        links_of(piece * 20_000)
    assert time.perf_counter() - began < 5


def test_a_boost_takes_everything_from_the_original():
    original = {**STATUS, "id": "1", "content": "<p>Original</p>", "account": OTHER, "tags": [{"name": "x"}]}
    post = one(reblog=original, content="<p>RT</p>")
    assert (post.kind, post.ref_id, post.ref_author_id, post.text) == ("repost", "1", "7", "Original")
    assert (post.ref_created_at, post.ref_author.handle, post.hashtags) == (AT, "bo", ["x"])
    assert (post.id, post.author_id) == (BIG, ACCOUNT["id"])


def test_a_reply_names_the_status_and_the_account():
    post = one(in_reply_to_id="5", in_reply_to_account_id="7")
    assert (post.kind, post.ref_id, post.ref_author_id) == ("reply", "5", "7")


def test_a_quote_with_and_without_the_whole_status():
    whole = one(quote={"state": "accepted", "quoted_status": {**STATUS, "id": "9", "account": OTHER}})
    assert (whole.kind, whole.ref_id, whole.ref_author_id) == ("quote", "9", "7")
    gone = one(quote={"state": "deleted", "quoted_status": None})
    assert (gone.kind, gone.ref_id) == ("quote", None)


def test_media_are_named():
    picture = {"id": "22", "type": "image", "url": "https://example.org/22.png", "remote_url": None}
    assert one(media_attachments=[picture]).media == ["22"]


def test_an_edited_status_is_the_same_post():
    post = one(edited_at="2022-11-15T16:10:43.000Z", content="<p>Bonsoir</p>")
    assert (post.id, post.text, post.time_ms) == (BIG, "Bonsoir", AT_MS)
    assert post.edited_at == datetime(2022, 11, 15, 16, 10, 43, tzinfo=UTC)


@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_what_is_not_for_everyone_is_refused_and_not_kept(visibility):
    batch = take({**STATUS, "visibility": visibility})
    assert [(refused.reason, refused.raw) for refused in batch.rejected] == [("no_post", b"")]


def test_unlisted_is_public():
    assert one(visibility="unlisted").id == BIG


@pytest.mark.parametrize(
    "record",
    [
        [STATUS, {**STATUS, "id": "2"}],
        {"statuses": [STATUS, {**STATUS, "id": "2"}], "accounts": [], "hashtags": []},
    ],
)
def test_several_statuses_on_a_line(record):
    batch = take(record)
    assert [post.id for post in batch.posts] == [BIG, "2"]
    assert batch.lines == [1, 1]


def test_one_broken_status_of_several_is_refused_alone():
    batch = take([STATUS, {"id": "2"}])
    assert [post.id for post in batch.posts] == [BIG]
    assert [refused.reason for refused in batch.rejected] == ["missing_field"]


@pytest.mark.parametrize("record", [[], {"statuses": []}])
def test_an_answer_without_a_status_is_refused(record):
    assert [refused.reason for refused in take(record).rejected] == ["no_post"]


def frame(event, payload):
    return {"stream": ["public"], "event": event, "payload": payload}


def test_frames_of_the_stream_on_lines():
    batch = take(
        frame("update", json.dumps(STATUS)),
        frame("status.update", json.dumps({**STATUS, "edited_at": "2022-11-15T16:10:43.000Z"})),
        frame("filters_changed", None),
        frame("delete", BIG),
        frame("update", "{"),
    )
    assert [(post.id, post.edited_at is None) for post in batch.posts] == [(BIG, True), (BIG, False)]
    assert batch.events == 1
    # A recorded deletion tells no time of its own.
    assert [(refused.line, refused.reason) for refused in batch.rejected] == [
        (4, "missing_field"),
        (5, "not_json"),
    ]


# -- with a witness ----------------------------------------------------------------------------------------


def event(name, data, witnessed_ms=AT_MS + 1000, names=None):
    batch = Batch()
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    mastodon.take_event(name, data, 1, batch, names or mastodon.LocalNames(), witnessed_ms)
    return batch


def test_a_deletion_happens_when_it_comes():
    (change,) = event("delete", BIG.encode()).posts
    assert isinstance(change, Change)
    assert (change.event, change.post_id, change.time_ms) == ("deletion", BIG, AT_MS + 1000)
    assert event("delete", b"").rejected[0].reason == "bad_record"


def test_an_honest_time_is_believed_and_a_foreign_one_not():
    (honest,) = event("update", STATUS).posts
    assert (honest.time_ms, honest.received_at) == (AT_MS, datetime(2022, 11, 15, 16, 8, 31, tzinfo=UTC))
    future = event("update", {**STATUS, "created_at": "2030-01-01T00:00:00Z"})
    assert (future.posts[0].time_ms, dict(future.claims)) == (AT_MS + 1000, {"ahead": 1})
    assert future.posts[0].claimed_at.year == 2030
    assert honest.claimed_at is None
    late = event("update", STATUS, AT_MS + 600_000)
    assert (late.posts[0].time_ms, dict(late.claims)) == (AT_MS + 600_000, {"delayed": 1})


def test_names_of_several_instances_agree():
    """One status as its home and as another instance show it."""
    at_home = FederatedNames("example.net")
    elsewhere = FederatedNames("example.org")
    own = {**ACCOUNT, "id": "1", "acct": "ana"}
    bo_at_home = {"id": "3", "acct": "bo@example.org"}
    bo_elsewhere = {"id": "7", "acct": "bo"}
    reply = {"in_reply_to_id": "5", "in_reply_to_account_id": "3", "mentions": [bo_at_home]}
    (one,) = event("update", {**STATUS, "id": "10", "account": own, **reply}, names=at_home).posts
    reply = {"in_reply_to_id": "6", "in_reply_to_account_id": "7", "mentions": [bo_elsewhere]}
    (other,) = event("update", {**STATUS, "id": "20", **reply}, names=elsewhere).posts
    assert one.id == other.id == STATUS["uri"]
    assert one.author_id == other.author_id == "ana@example.net"
    assert one.mentions == other.mentions == ["bo@example.org"]
    assert one.ref_author_id == other.ref_author_id == "bo@example.org"
    assert (one.ref_id, other.ref_id) == ("5@example.net", "6@example.org")


def test_a_deletion_names_the_address_that_was_seen():
    names = FederatedNames("example.org")
    event("update", STATUS, names=names)
    assert event("delete", BIG.encode(), names=names).posts[0].post_id == STATUS["uri"]
    assert event("delete", b"8", names=names).posts[0].post_id == "8@example.org"


def test_who_answers_itself_is_named():
    names = FederatedNames("example.org")
    (post,) = event("update", {**STATUS, "in_reply_to_account_id": ACCOUNT["id"]}, names=names).posts
    assert post.ref_author_id == "ana@example.net"


# -- whatever comes ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["event", "payload", "statuses", *STATUS]), JSON), st.booleans())
def test_no_record_raises(changes, whole):
    batch = take({**STATUS, **changes} if whole else changes)
    assert len(batch.posts) + len(batch.rejected) + batch.events >= 1
    assert all(refused.reason in REASONS for refused in batch.rejected)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(line):
    batch = take(line)
    assert len(batch.posts) + len(batch.rejected) + batch.events == 1


@given(st.text(alphabet="<>/abp\"'= &;!-", max_size=60))
def test_no_html_raises(html):
    assert "\n\n\n" not in text_of(html)
    links_of(html)


def test_the_format_is_guessed(tmp_path):
    for at, record in enumerate(
        [STATUS, {"statuses": [STATUS]}, [STATUS], frame("update", json.dumps(STATUS))]
    ):
        path = tmp_path / str(at)
        path.write_text(json.dumps(record))
        reader = open_source(path)
        assert reader.format == "mastodon"
        assert [post.id for batch in reader for post in batch.posts] == [BIG]
