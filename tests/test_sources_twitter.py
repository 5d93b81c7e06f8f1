"""Twitter's two forms of JSON become posts."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import REASONS, Change, milliseconds
from streams.sources import twitter_v1, twitter_v2
from streams.sources.records import Batch

BIG = 1152921504606846977  # above 2^53: a float would lose the last digit

USER_V1 = {
    "id": BIG + 1, "id_str": str(BIG + 1), "screen_name": "Cat_Watch", "name": "Cat watch", "description": "",
    "created_at": "Sat Mar 02 10:00:00 +0000 2013", "followers_count": 12, "friends_count": 3,
    "statuses_count": 450, "favourites_count": 7, "listed_count": 0, "lang": None, "location": "Lyon",
    "verified": False, "default_profile": True, "default_profile_image": True, "protected": False,
}  # fmt: skip
OTHER_V1 = {**USER_V1, "id": 7, "id_str": "7", "screen_name": "dog_fan", "followers_count": 90}
STATUS = {
    "created_at": "Wed May 01 08:00:05 +0000 2024", "id": BIG, "id_str": str(BIG),
    "text": "Cats &amp; dogs #Pets @dog_fan https://t.co/x https://t.co/y", "truncated": False, "lang": "en",
    "source": '<a href="https://example.org" rel="nofollow">Example &amp; Co</a>', "user": USER_V1,
    "entities": {
        "hashtags": [{"text": "Pets", "indices": [12, 17]}],
        "user_mentions": [{"screen_name": "dog_fan", "id": 7, "id_str": "7"}],
        "urls": [{"url": "https://t.co/x", "expanded_url": "https://example.org/cats", "indices": [0, 1]}],
        "media": [{"id": 99, "id_str": "99", "url": "https://t.co/y"}],
    },
    "in_reply_to_status_id": None, "in_reply_to_status_id_str": None, "in_reply_to_user_id": None,
    "in_reply_to_user_id_str": None, "is_quote_status": False,
}  # fmt: skip


def take(module, *records):
    batch = Batch()
    for number, record in enumerate(records, 1):
        module.take_line(record if isinstance(record, bytes) else json.dumps(record).encode(), number, batch)
    return batch


def post_v1(**changes):
    batch = take(twitter_v1, {**copy.deepcopy(STATUS), **changes})
    assert batch.rejected == []
    return batch.posts[0]


def test_a_status_becomes_an_original_post():
    post = post_v1()
    assert (post.platform, post.id, post.author_id, post.kind) == (
        "twitter",
        str(BIG),
        str(BIG + 1),
        "original",
    )
    assert post.created_at == datetime(2024, 5, 1, 8, 0, 5, tzinfo=UTC)
    assert post.text == "Cats & dogs #Pets @dog_fan https://t.co/x https://t.co/y"
    assert (post.hashtags, post.mentions, post.media) == (["Pets"], ["7"], ["99"])
    assert post.links == ["https://example.org/cats"]
    assert (post.client, post.lang) == ("Example & Co", "en")


def test_the_user_becomes_the_profile_as_it_was_then():
    author = post_v1().author
    assert (author.handle, author.followers, author.following, author.posts) == ("Cat_Watch", 12, 3, 450)
    assert (author.likes, author.listed, author.lang, author.location) == (7, 0, None, "Lyon")
    assert (author.default_profile, author.default_avatar, author.verified) == (True, True, False)
    assert author.created_at == datetime(2013, 3, 2, 10, tzinfo=UTC)
    assert author.observed_at == datetime(2024, 5, 1, 8, 0, 5, tzinfo=UTC)


def test_a_retweet_is_a_repost_with_the_text_of_the_original():
    original = {
        **STATUS, "id": 5, "id_str": "5", "user": OTHER_V1, "created_at": "Tue Apr 30 08:00:00 +0000 2024",
        "text": "Cut…", "truncated": True,
        "extended_tweet": {"full_text": "Not cut &lt;3 #All", "entities": {"hashtags": [{"text": "All"}]}},
    }  # fmt: skip
    post = post_v1(text="RT @dog_fan: Cut…", retweeted_status=original, is_quote_status=True)
    assert (post.kind, post.text, post.hashtags) == ("repost", "Not cut <3 #All", ["All"])
    assert (post.ref_id, post.ref_author_id) == ("5", "7")
    assert post.ref_created_at == datetime(2024, 4, 30, 8, tzinfo=UTC)
    assert (post.ref_author.handle, post.ref_author.observed_at) == ("dog_fan", post.created_at)
    assert (post.id, post.author_id) == (str(BIG), str(BIG + 1))


def test_replies_and_quotes_say_to_whom():
    reply = post_v1(in_reply_to_status_id=BIG + 5, in_reply_to_user_id_str="7")
    assert (reply.kind, reply.ref_id, reply.ref_author_id) == ("reply", str(BIG + 5), "7")
    quoted = {**STATUS, "id_str": "5", "user": OTHER_V1}
    quote = post_v1(quoted_status=quoted, quoted_status_id_str="5", is_quote_status=True)
    assert (quote.kind, quote.ref_id, quote.ref_author_id) == ("quote", "5", "7")


def test_full_text_and_missing_id_strings_are_taken():
    status = {"created_at": STATUS["created_at"], "id": BIG, "full_text": "All of it", "user": {"id": BIG}}
    post = take(twitter_v1, status).posts[0]
    assert (post.id, post.author_id, post.text) == (str(BIG), str(BIG), "All of it")
    assert (post.author, post.hashtags) == (None, None)


def test_what_a_v1_stream_sends_besides_statuses():
    batch = take(
        twitter_v1,
        {"delete": {"status": {"id_str": "1", "user_id_str": "2"}}},
        {"limit": {"track": 5}},
        {"hello": 1},
        [],
        {**STATUS, "created_at": "yesterday"},
        {**STATUS, "entities": {"hashtags": "none"}},
        b"",
    )
    assert batch.events == 1
    assert [(refused.line, refused.reason) for refused in batch.rejected] == [
        (2, "no_post"), (3, "missing_field"), (4, "not_an_object"), (5, "bad_time"), (6, "wrong_type"),
        (7, "not_json"),
    ]  # fmt: skip


USERS = [
    {"id": "11", "username": "Cat_Watch", "name": "Cat watch", "created_at": "2013-03-02T10:00:00.000Z",
     "verified": False, "protected": False, "description": "", "location": "Lyon",
     "public_metrics": {"followers_count": 12, "following_count": 3, "tweet_count": 450, "listed_count": 0}},
    {"id": "7", "username": "dog_fan", "name": "Dogs"},
]  # fmt: skip
TWEET = {
    "id": str(BIG), "author_id": "11", "created_at": "2024-05-01T08:00:05.000Z", "lang": "en",
    "text": "Cats &amp; dogs", "source": "Example", "conversation_id": str(BIG),
    "entities": {
        "hashtags": [{"start": 0, "end": 5, "tag": "Pets"}],
        "mentions": [{"start": 0, "end": 1, "username": "Dog_Fan"}, {"username": "stranger", "id": "8"},
                     {"username": "Nobody"}],
        "urls": [{"url": "https://t.co/x", "expanded_url": "https://example.org/cats"},
                 {"url": "https://t.co/y", "expanded_url": "https://example.org/p",
                  "display_url": "pic.twitter.com/y"}],
    },
    "attachments": {"media_keys": ["3_99"]},
}  # fmt: skip
ORIGINAL = {
    "id": "5", "author_id": "7", "created_at": "2024-04-30T08:00:00.000Z", "text": "Dogs are all we need",
    "entities": {"hashtags": [{"tag": "Dogs"}]},
}  # fmt: skip


def answer(*tweets, tweets_included=()):
    return {"data": list(tweets), "includes": {"users": USERS, "tweets": list(tweets_included)}, "meta": {}}


def test_an_answer_gives_a_post_for_each_tweet_with_its_author():
    batch = take(twitter_v2, answer(TWEET, {**TWEET, "id": "6"}))
    post = batch.posts[0]
    assert ([p.id for p in batch.posts], batch.lines) == ([str(BIG), "6"], [1, 1])
    assert (post.author_id, post.text, post.client) == ("11", "Cats & dogs", "Example")
    assert (post.hashtags, post.media, post.links) == (["Pets"], ["3_99"], ["https://example.org/cats"])
    assert post.mentions == ["7", "8", "nobody"]
    assert (post.author.handle, post.author.followers, post.author.listed) == ("Cat_Watch", 12, 0)
    assert (post.author.likes, post.author.observed_at) == (None, post.created_at)


def test_a_repost_takes_the_included_original():
    tweet = {
        **TWEET,
        "text": "RT @dog_fan: Dogs are…",
        "referenced_tweets": [{"type": "retweeted", "id": "5"}],
    }
    post = take(twitter_v2, answer(tweet, tweets_included=[ORIGINAL])).posts[0]
    assert (post.kind, post.text, post.hashtags) == ("repost", "Dogs are all we need", ["Dogs"])
    assert (post.ref_id, post.ref_author_id, post.ref_author.handle) == ("5", "7", "dog_fan")


def test_a_repost_without_the_original_loses_its_prefix():
    tweet = {
        **TWEET, "text": "RT @dog_fan: Dogs are…", "referenced_tweets": [{"type": "retweeted", "id": "5"}],
        "entities": {"mentions": [{"start": 3, "end": 11, "username": "dog_fan"}]},
    }  # fmt: skip
    post = take(twitter_v2, answer(tweet)).posts[0]
    assert (post.text, post.ref_id, post.ref_author_id, post.ref_created_at) == ("Dogs are…", "5", "7", None)


def test_a_flattened_tweet_brings_its_author_and_references():
    flat = {
        **TWEET, "author": USERS[0], "text": "RT @dog_fan: Dogs are…",
        "referenced_tweets": [{"type": "retweeted", **ORIGINAL, "author": USERS[1]}],
    }  # fmt: skip
    post = take(twitter_v2, flat).posts[0]
    assert (post.author.handle, post.text, post.ref_author.handle) == (
        "Cat_Watch",
        "Dogs are all we need",
        "dog_fan",
    )


def test_a_reply_that_quotes_is_a_reply_and_long_texts_are_whole():
    tweet = {
        **TWEET, "in_reply_to_user_id": "7", "note_tweet": {"text": "Long &amp; whole"},
        "referenced_tweets": [{"type": "quoted", "id": "4"}, {"type": "replied_to", "id": "5"}],
    }  # fmt: skip
    post = take(twitter_v2, tweet).posts[0]
    assert (post.kind, post.ref_id, post.ref_author_id, post.text) == ("reply", "5", "7", "Long & whole")


def test_a_frame_of_the_filtered_stream_and_a_list_are_read():
    batch = take(twitter_v2, {"data": TWEET, "matching_rules": [{"id": "1"}]}, [TWEET, TWEET])
    assert batch.lines == [1, 2, 2]


AT = {"event_at": "2024-05-01T08:00:00.000Z"}
AT_MS = 1_714_550_400_000


def test_deletions_that_tell_their_time_are_changes():
    batch = take(
        twitter_v1,
        {"delete": {"status": {"id": 1, "id_str": "1", "user_id_str": "2"}, "timestamp_ms": str(AT_MS)}},
    )
    assert batch.posts == [
        Change(platform="twitter", time_ms=AT_MS, event="deletion", post_id="1", author_id="2")
    ]
    batch = take(
        twitter_v2,
        {"id": "1", "action": "delete", "redacted_at": "2024-05-01T08:00:00.000Z", "reason": "deleted"},
        {"data": {"delete": {"tweet": {"id": "1", "author_id": "2"}, **AT}}},
    )
    assert [(gone.event, gone.post_id, gone.author_id, gone.time_ms) for gone in batch.posts] == [
        ("deletion", "1", None, AT_MS),
        ("deletion", "1", "2", AT_MS),
    ]


@pytest.mark.parametrize(
    ("name", "status"),
    [("user_suspend", "suspended"), ("user_unsuspend", "active"), ("user_delete", "deleted"),
     ("user_protect", "protected")],
)  # fmt: skip
def test_what_became_of_an_account_is_a_change(name, status):
    (change,) = take(twitter_v2, {"data": {name: {"user": {"id": "2"}, **AT}}}).posts
    assert (change.event, change.author_id, change.status, change.time_ms) == ("account", "2", status, AT_MS)


def test_other_compliance_is_counted():
    batch = take(
        twitter_v2,
        {"data": {"withheld": {"tweet": {"id": "1"}, **AT}}},
        {"data": {"user_profile_modification": {"user": {"id": "2"}, "profile_field": "name", **AT}}},
        {"data": {"delete": {"event_at": "soon"}}},
    )
    assert (batch.posts, batch.events, batch.rejected) == ([], 3, [])


def test_lists_of_users_are_profiles_that_stand_before_all_posts_of_the_account():
    told = {"version": "2.14", "retrieved_at": "2024-05-01T08:00:00+00:00"}
    counted = {**USERS[0], "public_metrics": {"followers_count": 7}}
    page = {"data": [counted, {"id": "8", "username": "undated"}], "meta": {}, "__twarc": told}
    batch = take(twitter_v2, page, {**counted, "__twarc": told}, [counted])
    assert batch.rejected == []
    first, undated, flat, bare = batch.posts
    assert first == flat
    assert (first.event, first.author_id, first.author.followers) == ("profile", "11", 7)
    assert (first.author.handle, milliseconds(first.author.observed_at)) == ("Cat_Watch", AT_MS)
    assert first.time_ms == milliseconds(first.author.created_at)
    assert (undated.author_id, undated.time_ms) == ("8", AT_MS)
    assert (bare.time_ms, bare.author.observed_at) == (first.time_ms, None)


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ({"id": "8", "username": "undated"}, "no_post"),
        ({"id": 8, "username": "number"}, "bad_record"),
        ({"id": "", "username": "nobody", "created_at": "2013-03-02T10:00:00.000Z"}, "empty_id"),
        ({"id": "8", "username": "old", "created_at": "1913-03-02T10:00:00.000Z"}, "bad_time"),
    ],
)
def test_a_user_that_cannot_be_placed_has_a_reason(user, reason):
    batch = take(twitter_v2, {"data": [user]})
    assert [one.reason for one in batch.rejected] == [reason]


def test_what_is_no_tweet_has_a_reason():
    batch = take(
        twitter_v2,
        answer({"id": "5", "username": "undated"}, {"id": "5", "text": "bare"}, {**TWEET, "id": 5}, TWEET),
        {"id": "1", "action": "delete", "created_at": "2024-05-01T08:00:00.000Z", "reason": "deleted"},
        {"data": {"tweet_delete": {"tweet": {"id": "1"}, "event_at": "2024-05-01T08:00:00.000Z"}}},
        {"meta": {"result_count": 0}},
        {"data": []},
        b"\n",
        b"42",
    )
    assert ([type(item).__name__ for item in batch.posts], batch.events) == (["Post", "Change"], 1)
    assert [(refused.line, refused.reason) for refused in batch.rejected] == [
        (1, "no_post"), (1, "missing_field"), (1, "wrong_type"), (4, "no_post"), (5, "no_post"),
        (6, "not_json"), (7, "not_an_object"),
    ]  # fmt: skip


INNER = {
    "retweeted_status", "referenced_tweets", "type", "action", "delete", "tweets", "users", "hashtags",
    "urls",
}  # fmt: skip
KEYS = st.sampled_from(sorted({*STATUS, *TWEET, *USERS[0], *answer(), *INNER}))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(["retweeted", STATUS["created_at"], TWEET["created_at"], "5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@pytest.mark.parametrize("module", [twitter_v1, twitter_v2])
@given(data=st.data())
def test_nothing_raises(module, data):
    record = data.draw(JSON | st.binary())
    if isinstance(record, dict):
        record = {**data.draw(st.sampled_from([{}, STATUS, TWEET, answer(TWEET)])), **record}
    batch = take(module, record)
    assert len(batch.posts) + len(batch.rejected) + batch.events >= 1
    assert all(refused.reason in REASONS for refused in batch.rejected)
