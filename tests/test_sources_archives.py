"""Published archives become posts: information operations, the agency's posts, advertisements."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import REASONS, Change, Post
from streams.sources.formats import open_source, posts_of
from streams.sources.io_archive import compiled_posts
from streams.sources.opening import InputError
from streams.sources.records import Batch, Tally
from streams.sources.rows import Columns

HERE = Path(__file__).parent
DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or HERE.parent.parent / "shared" / "data")
BIG = "1152921504606846977"  # above 2^53: a float would lose its last digits

FIRST = [
    "tweetid", "userid", "user_display_name", "user_screen_name", "user_reported_location",
    "user_profile_description", "user_profile_url", "follower_count", "following_count",
    "account_creation_date", "account_language", "tweet_language", "tweet_text", "tweet_time",
    "tweet_client_name", "in_reply_to_tweetid", "in_reply_to_userid", "quoted_tweet_tweetid",
    "is_retweet", "retweet_userid", "retweet_tweetid", "latitude", "longitude", "quote_count",
    "reply_count", "like_count", "retweet_count", "hashtags", "urls", "user_mentions", "poll_choices",
]  # fmt: skip
"""Columns of the first generation; the later ones have fewer, in another order."""
LATER = [name for name in reversed(FIRST) if name not in ("poll_choices", "account_language", "latitude")]
USERS = [name for name in FIRST[:11] if name != "tweetid"]
HASH = "e39056f8a6ed87cda6bc22cbfff630425677170a2fdd21aa132e158eec50d19e"
AGENCY = [
    "external_author_id", "author", "content", "region", "language", "publish_date", "harvested_date",
    "following", "followers", "updates", "post_type", "account_type", "retweet", "account_category",
    "new_june_2018", "alt_external_id", "tweet_id", "article_url", "tco1_step1", "tco2_step1", "tco3_step1",
]  # fmt: skip
ADS = [
    "ad_id", "created_at", "created_date", "ended_at", "clicks", "impressions", "spend_rub", "spend_usd",
    "spend_as_written", "text", "landing_page", "location", "age", "gender", "language", "placements",
    "people_who_match", "interests", "excluded_connections", "custom_audience",
]  # fmt: skip


def table(columns, *rows, delimiter=","):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(tmp_path, content, format):
    """Everything in a table, whose format must also be guessed."""
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert open_source(path).format == format
    whole = Batch()
    for batch in open_source(path, format):
        whole.posts += batch.posts
        whole.lines += batch.lines
        whole.rejected += batch.rejected
    return whole


# -- information operations --------------------------------------------------------------------------------


def tweet(**cells):
    return {"tweetid": BIG, "userid": "77", "tweet_time": "2017-08-06 08:15", "is_retweet": "false", **cells}


def one(tmp_path, columns=FIRST, **cells):
    whole = read(tmp_path, table(columns, tweet(**cells)), "io-archive")
    assert whole.rejected == []
    return whole.posts[0]


REPOST = {
    "tweet_text": "RT @cat_watch: All cats &amp; none", "is_retweet": "true", "retweet_userid": "7",
    "retweet_tweetid": BIG[:-1] + "9", "follower_count": "8654", "account_creation_date": "2015-01-15",
    "user_screen_name": "Ana", "user_display_name": "Ana A.", "tweet_client_name": "Cat Client",
    "urls": "[http://example.org/?a=1,2, http://example.net/]", "tweet_language": "fr",
}  # fmt: skip


@pytest.mark.parametrize("columns", [FIRST, LATER])
def test_both_generations_give_the_same(tmp_path, columns):
    lists = {"hashtags": "[cats, dogs]", "user_mentions": "[7, 8]"}
    if columns is LATER:
        lists = {"hashtags": "['cats', 'dogs']", "user_mentions": "['7', '8', '0']"}
    post = one(tmp_path, columns, **REPOST, **lists)
    assert (post.id, post.author_id, post.kind, post.text) == (BIG, "77", "repost", "All cats & none")
    assert (post.ref_id, post.ref_author_id, post.precision_s) == (BIG[:-1] + "9", "7", 60.0)
    assert (post.hashtags, post.mentions) == (["cats", "dogs"], ["7", "8"])
    assert post.links == ["http://example.org/?a=1,2", "http://example.net/"]
    assert (post.client, post.lang) == ("Cat Client", "fr")
    assert post.created_at == datetime(2017, 8, 6, 8, 15, tzinfo=UTC)
    author = post.author
    assert (author.handle, author.name, author.followers, author.following) == ("Ana", "Ana A.", 8654, None)
    assert author.created_at == datetime(2015, 1, 15, tzinfo=UTC)


def test_an_empty_list_is_none_and_an_empty_cell_is_unknown(tmp_path):
    post = one(tmp_path, hashtags="[]", urls="", user_mentions="[]")
    assert (post.hashtags, post.links, post.mentions) == ([], None, [])


@given(st.lists(st.text(alphabet="ab'\\\" ,é", min_size=1, max_size=4), max_size=4))
def test_lists_are_read_as_python_wrote_them(items):
    def read_list(text):
        columns = Columns(["tweetid", "userid", "tweet_time", "tweet_text", "hashtags"])
        return compiled_posts(columns)(["1", "2", "2017-08-06 08:15", "", text, ""]).hashtags

    if not any("\\" in item or "'" in item or ('"' in item) for item in items):
        assert read_list(str(items)) == items
    assert isinstance(read_list(str(items)), list)


def test_replies_and_quotes(tmp_path):
    reply = one(tmp_path, in_reply_to_userid="7", in_reply_to_tweetid="5", quoted_tweet_tweetid="4")
    assert (reply.kind, reply.ref_id, reply.ref_author_id) == ("reply", "5", "7")
    whom = one(tmp_path, in_reply_to_userid="7")
    assert (whom.kind, whom.ref_id, whom.ref_author_id) == ("reply", None, "7")
    quote = one(tmp_path, quoted_tweet_tweetid="4")
    assert (quote.kind, quote.ref_id, quote.ref_author_id) == ("quote", "4", None)


@pytest.mark.parametrize("hashed", [HASH, "xWEN6t8ylQG7pEBLEYRBAGCWpMaVpGMOPzjrBHJSkA=="])
def test_the_hash_of_an_account_is_no_handle(tmp_path, hashed):
    post = one(tmp_path, userid=hashed, user_screen_name=hashed, user_display_name=hashed)
    assert (post.author_id, post.author.handle, post.author.name) == (hashed, None, None)


def test_the_table_of_users_gives_profiles(tmp_path):
    user = {
        "userid": "77",
        "user_screen_name": "ana",
        "account_creation_date": "2015-01-15",
        "follower_count": "9",
    }
    whole = read(tmp_path, table(USERS, user, {"userid": "78", "user_screen_name": "bo"}), "io-archive")
    (change,) = whole.posts
    assert isinstance(change, Change)
    assert (change.event, change.author_id, change.author.handle) == ("profile", "77", "ana")
    assert (change.author.followers, change.author.observed_at) == (9, None)
    assert change.time_ms == 1_421_280_000_000
    assert [(refused.line, refused.reason) for refused in whole.rejected] == [(3, "bad_time")]


def test_broken_rows_are_refused_and_the_next_is_read(tmp_path):
    good = table(LATER, tweet(tweet_text="one\ntwo"))
    header, *rest = good.split("\r\n")
    rows = [header, "too,short", *rest[:-1]]
    bad = [{"tweetid": ""}, {"userid": ""}, {"tweet_time": "soon"}, {"tweet_time": "1815-08-06 08:15"}]
    bad.append({"follower_count": "many"})
    rows += [table(LATER, tweet(**cells)).split("\r\n")[1] for cells in bad]
    content = "\r\n".join([*rows, ""]).encode() + b"\xff" + b"," * (len(LATER) - 1) + b"\r\n\0\r\n"
    whole = read(tmp_path, content, "io-archive")
    assert [post.text for post in whole.posts] == ["one\ntwo"]
    assert whole.lines == [3]
    assert [(refused.line, refused.reason) for refused in whole.rejected] == [
        (2, "bad_record"), (5, "missing_field"), (6, "missing_field"), (7, "bad_time"), (8, "bad_time"),
        (9, "wrong_type"), (10, "bad_record"), (11, "bad_record"),
    ]  # fmt: skip
    assert whole.rejected[0].raw.strip() == b"too,short"


def test_a_table_without_what_makes_a_post_says_so(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("tweetid,tweet_text\n1,x\n")
    with pytest.raises(
        InputError,
        match="lacks columns that the format names: userid, tweet_time; it has: tweetid, tweet_text",
    ):
        list(open_source(path, "io-archive"))


# -- the agency's posts ------------------------------------------------------------------------------------


def agency(**cells):
    return {
        "external_author_id": "906000000000000000", "author": "CAT_WATCH", "content": "All cats &amp; none",
        "language": "English", "publish_date": "10/1/2017 9:58", "following": "1052", "followers": "9636",
        "updates": "253", "post_type": "RETWEET", "account_type": "Secret", "account_category": "Answer",
        "alt_external_id": "905874659358453777", "tweet_id": BIG, "article_url": "http://example.org/1",
        "tco1_step1": "http://example.org/c", **cells,
    }  # fmt: skip


def test_the_agency_without_its_labels(tmp_path):
    (post,) = read(tmp_path, table(AGENCY, agency()), "ira-538").posts
    assert (post.id, post.author_id, post.kind) == (BIG, "905874659358453777", "repost")
    assert (post.text, post.lang, post.precision_s) == ("All cats & none", "en", 60.0)
    assert post.created_at == datetime(2017, 10, 1, 9, 58, tzinfo=UTC)
    assert (post.links, post.url) == (["http://example.org/c"], "http://example.org/1")
    assert (post.author.handle, post.author.followers, post.author.following) == ("CAT_WATCH", 9636, 1052)
    assert (post.author.posts, post.author.observed_at) == (253, post.created_at)
    assert "Secret" not in str(post)
    assert "Answer" not in str(post)


def test_reposts_of_one_text_are_reposts_of_one_post(tmp_path):
    rows = [
        agency(),
        agency(tweet_id="2"),
        agency(tweet_id="3", content="Other"),
        agency(tweet_id="4", post_type=""),
    ]
    one, two, other, own = read(tmp_path, table(AGENCY, *rows), "ira-538").posts
    assert one.ref_id == two.ref_id != other.ref_id
    assert (own.kind, own.ref_id) == ("original", None)


def test_an_unknown_language_is_absent_and_the_next_best_id_counts(tmp_path):
    rows = [agency(language="LANGUAGE UNDEFINED", alt_external_id=""), agency(post_type="QUOTE_TWEET")]
    unknown, quote = read(tmp_path, table(AGENCY, *rows), "ira-538").posts
    assert (unknown.lang, unknown.author_id) == (None, "906000000000000000")
    assert (quote.kind, quote.ref_id) == ("quote", None)


# -- advertisements ----------------------------------------------------------------------------------------


def ad(**cells):
    return {
        "ad_id": "356",
        "created_at": "2015-06-09T12:57:56Z",
        "created_date": "2015-06-09",
        "impressions": "162",
        "spend_rub": "18.1",
        "spend_usd": "0.33",
        "text": "A day",
        "location": "France",
        "age": "18 - 65+",
        "landing_page": "https://www.facebook.com/Some-Cats-839497472793277/",
        "clicks": "3",
        "people_who_match": " People who like cats ",
        **cells,
    }


def test_an_advertisement_is_a_promoted_post(tmp_path):
    (post,) = read(tmp_path, table(ADS, ad()), "ads").posts
    assert (post.platform, post.id, post.author_id) == ("facebook", "356", "839497472793277")
    assert (post.text, post.links) == ("A day", ["https://www.facebook.com/Some-Cats-839497472793277/"])
    promoted = post.promoted
    assert (promoted.payer, promoted.spend, promoted.currency) == ("839497472793277", 18.1, "RUB")
    assert (promoted.impressions, promoted.audiences) == (162, ["France", "18 - 65+", "People who like cats"])
    assert (post.precision_s, post.created_at) == (None, datetime(2015, 6, 9, 12, 57, 56, tzinfo=UTC))


def test_dollars_where_there_are_no_roubles_and_nothing_where_there_is_neither(tmp_path):
    rows = [ad(spend_rub=""), ad(spend_rub="", spend_usd="", impressions=""), ad(spend_rub="1e3")]
    dollars, nothing, roubles = (post.promoted for post in read(tmp_path, table(ADS, *rows), "ads").posts)
    assert (dollars.spend, dollars.currency) == (0.33, "USD")
    assert (nothing.spend, nothing.currency, nothing.impressions) == (None, None, None)
    assert roubles.spend == 1000.0


def test_a_day_alone_is_a_clock_of_days(tmp_path):
    (post,) = read(tmp_path, table(ADS, ad(created_at="")), "ads").posts
    assert (post.precision_s, post.created_at) == (86_400.0, datetime(2015, 6, 9, tzinfo=UTC))


def test_pages_of_one_advertiser_are_one_payer(tmp_path):
    pages = [
        "https://www.facebook.com/cats/",
        "https:Hfacebook.com/Cats",
        "https://www.face book.com/cats?ref=1",
    ]
    rows = [ad(ad_id=str(at), landing_page=page) for at, page in enumerate(pages)]
    assert {post.promoted.payer for post in read(tmp_path, table(ADS, *rows), "ads").posts} == {"cats"}


def test_an_event_or_a_foreign_page_does_not_tell_who_paid(tmp_path):
    rows = [ad(landing_page="https://www.facebook.com/events/123/"), ad(landing_page="https://e.org/x")]
    event, foreign = read(tmp_path, table(ADS, *rows), "ads").posts
    assert (event.author_id, event.promoted.payer) == ("events/123", None)
    assert (foreign.author_id, foreign.promoted.payer) == ("e.org", None)
    whole = read(tmp_path, table(ADS, ad(landing_page="")), "ads")
    assert [refused.reason for refused in whole.rejected] == ["missing_field"]


# -- whatever comes ----------------------------------------------------------------------------------------

TABLES = [
    ("io-archive", FIRST),
    ("io-archive", LATER),
    ("io-archive", USERS),
    ("ira-538", AGENCY),
    ("ads", ADS),
]
CELLS = st.text(max_size=20) | st.sampled_from(
    [BIG, "2017-08-06 08:15", "10/1/2017 9:58", "true", "['a', 'b']", "[]"]
)


@pytest.mark.parametrize(("format", "columns"), TABLES)
@settings(max_examples=20)
@given(data=st.data())
def test_no_row_raises(tmp_path_factory, format, columns, data):
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, CELLS)), max_size=3))
    path = tmp_path_factory.mktemp("rows") / "table.csv"
    path.write_bytes(table(columns, *rows).encode("utf-8", "replace"))
    found = refused = 0
    for batch in open_source(path, format):
        found += len(batch.posts)
        refused += len(batch.rejected)
        assert all(one.reason in REASONS for one in batch.rejected)
    assert found + refused >= len(rows) or any(
        "\r" in cell or "\n" in cell for row in rows for cell in row.values()
    )


def test_a_delimiter_other_than_a_comma_is_found(tmp_path):
    content = table(AGENCY, agency(content="a, b"), delimiter=";")
    assert [post.text for post in read(tmp_path, content, "ira-538").posts] == ["a, b"]


# -- the real ones, where they are at hand -----------------------------------------------------------------

shared = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the recordings are not at {DATA}: set VIGIE_SHARED_DATA"
)


def found(path):
    if not (DATA / path).exists():
        pytest.skip(f"{path} is not among the recordings")
    return DATA / path


@shared
@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("parser-samples/bluesky_jetstream/events.jsonl.gz", "jetstream"),
        ("parser-samples/mastodon/statuses.jsonl.gz", "mastodon"),
    ],
)
def test_every_line_of_the_samples_gives_a_post_or_a_reason(path, format):
    lines = gzip.decompress(found(path).read_bytes()).splitlines()
    assert open_source(found(path)).format == format
    told = Counter()
    for batch in open_source(found(path), format):
        told.update(batch.lines)
        told.update(refused.line for refused in batch.rejected)
        assert batch.events == 0
        assert {refused.reason for refused in batch.rejected} <= {"no_post"}
        for number, post in zip(batch.lines, batch.posts, strict=True):
            assert post.id.rpartition("/")[2].encode() in lines[number - 1]
            assert post.author_id.encode() in lines[number - 1]
    assert told == Counter(range(1, len(lines) + 1))


@shared
def test_the_sample_of_the_operations_archive_is_read_whole():
    path = found("parser-samples/twitter_io_archive/ira_hashed_sample.csv.gz")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    posts = [post for batch in posts_of([open_source(path)], Tally()) for post in batch]
    assert [post.id for post in posts] == [row["tweetid"] for row in rows]
    assert [post.author_id for post in posts] == [row["userid"] for row in rows]
    assert all(isinstance(post, Post) and post.precision_s == 60 for post in posts)


@shared
def test_the_list_of_advertisements_is_read_but_for_addresses_that_nobody_could_read():
    tally = Tally()
    posts = [
        post
        for batch in posts_of([open_source(found("ira-ads/ira_facebook_ads.csv.gz"))], tally)
        for post in batch
    ]
    assert len(posts) > 850
    assert tally.rejected < 10
    assert all(post.promoted.spend is not None and post.promoted.currency == "RUB" for post in posts)
