"""Events of Bluesky's Jetstream become posts and changes."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS, Change, Post, decode_line
from streams.sources import jetstream
from streams.sources.formats import open_source
from streams.sources.posts import encode_post
from streams.sources.records import Batch

NOW_US = 1_714_550_400_000_167
NOW_MS = NOW_US // 1000
POST, REPOST = "app.bsky.feed.post", "app.bsky.feed.repost"
PARENT = "at://did:plc:parent/app.bsky.feed.post/3kp"
ROOT = "at://did:plc:root/app.bsky.feed.post/3kr"
FACET = "app.bsky.richtext.facet#"


def commit(record=None, collection=POST, operation="create", rkey="3kx", **event):
    inner = {"rev": "3k", "operation": operation, "collection": collection, "rkey": rkey}
    if record is not None:
        inner |= {"record": {"$type": collection, **record}, "cid": "bafyrei"}
    return {"did": "did:plc:ana", "time_us": NOW_US, "kind": "commit", "commit": inner, **event}


def record(text="hi", **fields):
    return {"text": text, "createdAt": "2024-05-01T07:59:59.500Z", "langs": ["fr"], **fields}


def take(*events):
    batch = Batch()
    for number, event in enumerate(events, 1):
        line = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        jetstream.take_line(line, number, batch)
    return batch


def one(event):
    batch = take(event)
    assert batch.rejected == []
    (item,) = batch.posts
    assert batch.lines == [1]
    return item


def second_form(kind, **fields):
    """The same as `subscribeEvents` frames it."""
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{kind}",
        "seq": 7,
        "did": "did:plc:ana",
        "time": "2024-05-01T08:00:00.000167Z",
        **fields,
    }
    return {"$type": "message", "payload": payload}


def test_a_post_is_named_by_its_address():
    post = one(commit(record("Bonjour")))
    assert (post.platform, post.id) == ("bluesky", "at://did:plc:ana/app.bsky.feed.post/3kx")
    assert (post.author_id, post.kind, post.text, post.lang) == ("did:plc:ana", "original", "Bonjour", "fr")
    assert post.created_at == datetime(2024, 5, 1, 7, 59, 59, 500_000, tzinfo=UTC)
    assert post.time_ms == NOW_MS - 500
    assert post.received_at == datetime(2024, 5, 1, 8, 0, 0, 167, tzinfo=UTC)


def test_both_forms_give_the_same():
    inner = commit(record("Bonjour", facets=[]))
    other = second_form("commit", **inner["commit"])
    assert one(inner) == one(other)


def test_the_second_form_takes_the_witnessed_time_where_it_is_told():
    event = second_form("commit", **commit(record())["commit"])
    event["payload"]["time"] = "2020-01-01T00:00:00Z"
    event["payload"]["witnessedAt"] = "2024-05-01T08:00:00.000167Z"
    assert one(event) == one(commit(record()))


def facet(start, end, *features):
    return {"index": {"byteStart": start, "byteEnd": end}, "features": list(features)}


def tag(name):
    return {"$type": f"{FACET}tag", "tag": name}


def test_facets_count_in_bytes_and_come_in_the_order_of_the_text():
    text = "🗳️ déjà #Débat @bo.test e.org/…"
    places = {}
    for word in ("#Débat", "@bo.test", "e.org/…"):
        start = text.encode().index(word.encode())
        places[word] = (start, start + len(word.encode()))
    facets = [
        facet(*places["e.org/…"], {"$type": f"{FACET}link", "uri": "https://e.org/a?b=1"}),
        facet(*places["@bo.test"], {"$type": f"{FACET}mention", "did": "did:plc:bo"}),
        facet(*places["#Débat"], tag("Débat")),
    ]
    # The last byte of the text is beyond its last character: only bytes reach it.
    assert places["e.org/…"][1] == len(text.encode()) > len(text)
    post = one(commit(record(text, facets=facets, tags=["Soir"])))
    assert (post.hashtags, post.mentions) == (["Débat", "Soir"], ["did:plc:bo"])
    assert post.links == ["https://e.org/a?b=1"]


@pytest.mark.parametrize(("start", "end"), [(0, 99), (-1, 2), (2, 2), (3, 1)])
def test_a_facet_that_covers_nothing_of_the_text_is_left_out(start, end):
    post = one(commit(record("été", facets=[facet(0, 5, tag("a")), facet(start, end, tag("b"))])))
    assert post.hashtags == ["a"]


def test_hash_signs_without_a_facet_are_no_hashtags_there():
    post = one(commit(record("#tag @name https://e.org")))
    assert (post.hashtags, post.mentions, post.links) == ([], [], [])


def test_unknown_features_of_facets_are_passed_over():
    odd = {"$type": "blue.moji.richtext.facet", "did": "did:plc:z", "name": "x"}
    assert one(commit(record(facets=[facet(0, 2, odd, tag("a"))]))).hashtags == ["a"]


def test_a_reply_knows_its_parent_and_its_conversation():
    post = one(
        commit(record(reply={"parent": {"uri": PARENT, "cid": "b"}, "root": {"uri": ROOT, "cid": "c"}}))
    )
    assert (post.kind, post.ref_id, post.ref_author_id) == ("reply", PARENT, "did:plc:parent")
    assert post.conversation_id == ROOT


def test_a_repost_names_the_post_and_its_author():
    event = commit({"subject": {"uri": PARENT, "cid": "b"}, "createdAt": "2024-05-01T08:00:00Z"}, REPOST)
    post = one(event)
    assert (post.id, post.kind) == ("at://did:plc:ana/app.bsky.feed.repost/3kx", "repost")
    assert (post.ref_id, post.ref_author_id, post.text) == (PARENT, "did:plc:parent", "")
    # Its text is not known, so neither are its tags: absent is not empty.
    assert (post.hashtags, post.links) == (None, None)


def quote(uri, **more):
    return {"$type": "app.bsky.embed.record", "record": {"uri": uri, "cid": "b"}, **more}


def test_a_quote_with_and_without_pictures():
    plain = one(commit(record(embed=quote(PARENT))))
    pictured = one(
        commit(
            record(
                embed={
                    "$type": "app.bsky.embed.recordWithMedia",
                    "record": quote(PARENT),
                    "media": {"$type": "app.bsky.embed.images", "images": [picture("bafkpic")]},
                }
            )
        )
    )
    assert [post.kind for post in (plain, pictured)] == ["quote", "quote"]
    assert plain.ref_id == pictured.ref_id == PARENT
    assert (plain.media, pictured.media) == (None, ["bafkpic"])


def test_a_shared_list_or_feed_is_no_quote():
    assert one(commit(record(embed=quote("at://did:plc:x/app.bsky.feed.generator/y")))).kind == "original"


def test_a_reply_that_also_quotes_is_a_reply():
    reply = {"parent": {"uri": ROOT, "cid": "b"}, "root": {"uri": ROOT, "cid": "c"}}
    post = one(commit(record(reply=reply, embed=quote(PARENT))))
    assert (post.kind, post.ref_id) == ("reply", ROOT)


def picture(cid):
    return {"alt": "", "image": {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/jpeg", "size": 1}}


def test_media_are_named_by_their_content():
    images = {"$type": "app.bsky.embed.images", "images": [picture("bafkone"), picture("bafktwo")]}
    video = {"$type": "app.bsky.embed.video", "video": {"$type": "blob", "ref": {"$link": "bafkvid"}}}
    old = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": {"cid": "bafkold"}}]}
    assert one(commit(record(embed=images))).media == ["bafkone", "bafktwo"]
    assert one(commit(record(embed=video))).media == ["bafkvid"]
    assert one(commit(record(embed=old))).media == ["bafkold"]


def test_the_page_of_a_link_card_is_a_link_once():
    card = {
        "$type": "app.bsky.embed.external",
        "external": {"uri": "https://e.org/", "title": "", "description": ""},
    }
    link = facet(0, 2, {"$type": f"{FACET}link", "uri": "https://e.org/"})
    assert one(commit(record(embed=card))).links == ["https://e.org/"]
    assert one(commit(record(embed=card, facets=[link]))).links == ["https://e.org/"]


@pytest.mark.parametrize("collection", [POST, REPOST])
def test_a_deletion_names_the_post_and_its_author(collection):
    change = one(commit(None, collection, "delete"))
    assert isinstance(change, Change)
    assert (change.event, change.post_id) == ("deletion", f"at://did:plc:ana/{collection}/3kx")
    assert (change.author_id, change.time_ms) == ("did:plc:ana", NOW_MS)


@pytest.mark.parametrize(
    ("account", "status"),
    [
        ({"active": True}, "active"),
        ({"active": False, "status": "takendown"}, "suspended"),
        ({"active": False, "status": "suspended"}, "suspended"),
        ({"active": False, "status": "deleted"}, "deleted"),
        ({"active": False, "status": "deactivated"}, "deactivated"),
    ],
)
def test_the_status_of_an_account(account, status):
    told = {**account, "did": "did:plc:ana", "seq": 1, "time": "2024-05-01T08:00:00Z"}
    change = one({"did": "did:plc:ana", "time_us": NOW_US, "kind": "account", "account": told})
    assert (change.event, change.status, change.author_id) == ("account", status, "did:plc:ana")
    assert one(second_form("account", account=told)) == change


@pytest.mark.parametrize("status", ["desynchronized", "throttled", None])
def test_trouble_of_the_host_is_not_what_became_of_the_account(status):
    told = {"active": False, "status": status, "did": "did:plc:ana", "seq": 1, "time": "2024-05-01T08:00:00Z"}
    batch = take({"did": "did:plc:ana", "time_us": NOW_US, "kind": "account", "account": told})
    assert (batch.posts, batch.events, batch.rejected) == ([], 1, [])


def test_a_profile_and_a_handle_are_changes_of_profile():
    profile = one(
        commit({"displayName": "Ana", "description": "Chats"}, "app.bsky.actor.profile", rkey="self")
    )
    assert (profile.event, profile.author.name, profile.author.description) == ("profile", "Ana", "Chats")
    assert (profile.author.default_avatar, profile.author.created_at) == (True, None)
    event = {"did": "did:plc:ana", "time_us": NOW_US, "kind": "identity", "identity": {"handle": "ana.test"}}
    handle = one(event)
    assert (handle.event, handle.author.handle, handle.author.name) == ("profile", "ana.test", None)


@pytest.mark.parametrize(
    "event",
    [
        {"did": "did:plc:ana", "time_us": NOW_US, "kind": "identity", "identity": {"did": "did:plc:ana"}},
        second_form("sync", sync={"rev": "3k"}),
        {"$type": "message", "payload": {"$type": "x#info", "name": "OutdatedCursor", "message": "m"}},
        {"$type": "error", "error": "ConsumerTooSlow", "message": "m"},
        commit(None, "app.bsky.actor.profile", "delete", "self"),
    ],
)
def test_what_is_well_formed_and_of_no_use_is_counted(event):
    batch = take(event)
    assert (batch.posts, batch.events, batch.rejected) == ([], 1, [])


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (commit({"subject": {"uri": PARENT}}, "app.bsky.feed.like"), "no_post"),
        (commit({"subject": "did:plc:bo"}, "app.bsky.graph.follow"), "no_post"),
        (commit({"text": {"strange": 1}}, "org.example.note"), "no_post"),
        (second_form("commit", **commit({"text": 7}, "org.example.note")["commit"]), "no_post"),
        (commit({"text": 7}), "wrong_type"),
        (commit(record(), operation="move"), "bad_record"),
        (commit(None), "bad_record"),
        (commit(record(), rkey=""), "wrong_type"),
        ({"hello": 1}, "bad_record"),
        ({"$type": "message"}, "bad_record"),
        (commit(record(), time_us=7), "bad_time"),
        ({"$type": "message", "payload": {"$type": "x#commit", "did": "did:plc:a"}}, "missing_field"),
        ([1], "not_an_object"),
        (b"{", "not_json"),
        (b"", "not_json"),
    ],
)
def test_what_is_no_post_is_refused_with_its_reason(event, reason):
    batch = take(event)
    assert [refused.reason for refused in batch.rejected] == [reason]
    assert batch.posts == []


# -- claims ------------------------------------------------------------------------------------------------


def claimed(created_at, **event):
    batch = take(commit({"text": "x", "createdAt": created_at}, **event))
    (post,) = batch.posts
    return post, dict(batch.claims)


def test_a_post_that_came_late_counts_when_it_was_seen():
    post, claims = claimed("2024-05-01T07:44:00Z")
    assert (post.time_ms, claims) == (NOW_MS, {"delayed": 1})
    assert post.created_at == post.received_at
    assert post.claimed_at == datetime(2024, 5, 1, 7, 44, tzinfo=UTC)
    assert decode_line(encode_post(post)).claimed_at == post.claimed_at


def test_a_post_from_the_future_counts_when_it_was_seen():
    post, claims = claimed("2031-01-01T00:00:00Z")
    assert (post.time_ms, claims) == (NOW_MS, {"ahead": 1})


def test_an_import_keeps_its_old_time():
    post, claims = claimed("2015-03-04T12:00:00+02:00")
    assert (post.created_at, claims) == (datetime(2015, 3, 4, 10, tzinfo=UTC), {"imported": 1})
    assert post.claimed_at is None
    assert post.created_at.tzinfo is UTC


@pytest.mark.parametrize("said", [None, "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ""])
def test_a_claim_that_is_no_time_is_none(said):
    post, claims = claimed(said)
    assert (post.time_ms, claims) == (NOW_MS, {"unclaimed": 1})


def test_an_edit_is_the_same_post_at_its_time():
    batch = take(commit(record(createdAt="2024-05-01T06:00:00Z"), operation="update"))
    (post,) = batch.posts
    assert (post.time_ms, post.edited_at) == (NOW_MS - 7_200_000, post.received_at)
    assert dict(batch.claims) == {"edited": 1}


# -- whatever comes ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_event_raises(data):
    event = commit(
        record(
            facets=[facet(0, 2, tag("a"))],
            reply={"parent": {"uri": PARENT}, "root": {"uri": ROOT}},
            embed=quote(PARENT, images=[picture("b")]),
        )
    )
    event = data.draw(st.sampled_from([event, second_form("commit", **event["commit"])]))
    event = copy.deepcopy(event)
    place = event
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        deeper = place[key]
        if not isinstance(deeper, dict | list) or not deeper or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = deeper
    batch = take(event)
    assert len(batch.posts) + len(batch.rejected) + batch.events == 1
    assert all(refused.reason in REASONS for refused in batch.rejected)
    assert all(isinstance(item, Change) or (item.id and item.author_id) for item in batch.posts)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(line):
    batch = take(line)
    assert len(batch.posts) + len(batch.rejected) + batch.events == 1


def test_the_format_is_guessed(tmp_path):
    for at, event in enumerate([commit(record()), second_form("commit", **commit(record())["commit"])]):
        path = tmp_path / str(at)
        path.write_text(json.dumps(event))
        reader = open_source(path)
        assert reader.format == "jetstream"
        assert [type(item) for batch in reader for item in batch.posts] == [Post]
