"""Speed of the decoders: posts a second of each format, against `orjson.loads` of the same bytes, in one run.

    python benchmarks/decoders.py [--posts 2000] [--rounds 15] [--json] [--check]

The ratio is ``time of orjson.loads / time of the decoder`` over the same lines: it says how much of the way
from bytes to a checked post is spent on more than parsing, and moves little with the machine. A table is no
JSON; what `orjson` is given there is each row as a JSON object. Rounds of both alternate, in time of the
processor, and the best of each counts.

The lines are made here, alike in length and shape to what the networks send: a third replies, a third with
links, tags and mentions, profiles where the format has them, and fields that nobody reads. Where the
recordings are at hand (VIGIE_SHARED_DATA, or ../shared/data beside the checkout) their samples are measured
too.

Wanted are 0.25 for Jetstream and normalised lines, and 0.15 for the others; `--check` exits with 1 below.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from streams.sources import (  # noqa: E402
    ads,
    io_archive,
    ira_538,
    jetstream,
    mastodon,
    posts,
    rows,
    twitter_v1,
    twitter_v2,
)
from streams.sources.jsonlines import TakeLine, batches  # noqa: E402
from streams.sources.lines import Block  # noqa: E402

DATA = Path(os.environ.get("VIGIE_SHARED_DATA") or ROOT.parent / "shared" / "data")
WANTED = {"posts": 0.25, "jetstream": 0.25}
WANTED_OF_OTHERS = 0.15
LEAST_BYTES = 2_000_000
BEGAN = datetime(2024, 5, 1, 8, tzinfo=UTC)
SPOKEN = """
le débat de ce soir montre que la réforme des retraites n’est pas voulue par les électeurs et que le maire
répond à côté ; on verra bien dimanche 🗳️ qui vote pour quoi et avec quelle majorité à l’assemblée
"""
WORDS = SPOKEN.split()


class Case(NamedTuple):
    """Lines to be decoded, and how."""

    format: str
    source: str
    lines: list[bytes]
    """What `orjson.loads` is given."""
    decode: Callable[[], int]
    """Decodes them all; how many posts they hold."""


def text(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(8, 32)))


def moment(at: int) -> datetime:
    return BEGAN + timedelta(milliseconds=37 * at)


def stamp(at: int) -> str:
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


NORMALISED = """
{"id": "", "platform": "x", "author_id": "", "created_at": "", "kind": "original", "text": "", "lang": "fr",
 "client": "Web", "hashtags": ["debat"], "mentions": [], "links": [], "author": {"handle": "ana",
 "name": "Ana",
 "description": "", "created_at": "2013-03-02T10:00:00Z", "followers": 98, "following": 12, "posts": 450}}"""

EVENT = """
{"did": "", "time_us": 0, "kind": "commit", "commit": {"rev": "3lbhtytnn2k2f", "operation": "create",
 "collection": "app.bsky.feed.post", "rkey": "", "record": {"$type": "app.bsky.feed.post", "createdAt": "",
 "langs": ["fr"], "text": ""}, "cid": "bafyreidblutgvj75o4q4akzyyejedjj6l3it6hgqwee6jpwv2wqph5fsgm"}}"""
REPLY = """
{"parent": {"cid": "bafyreibfglofvqou2yiqvwzk4rcgkhhxrbunyemshdjledgwymimqkg24e",
 "uri": "at://did:plc:6tr6tuzlx2db3rduzr2d6r24/app.bsky.feed.post/3lbhqo2rtys2z"},
 "root": {"cid": "bafyreibfglofvqou2yiqvwzk4rcgkhhxrbunyemshdjledgwymimqkg24e",
 "uri": "at://did:plc:6tr6tuzlx2db3rduzr2d6r24/app.bsky.feed.post/3lbhqo2rtys2z"}}"""
FACETS = """
[{"index": {"byteStart": 0, "byteEnd": 2}, "features": [
 {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:6tr6tuzlx2db3rduzr2d6r24"}]},
 {"index": {"byteStart": 3, "byteEnd": 8}, "features": [
 {"$type": "app.bsky.richtext.facet#tag", "tag": "debat"}]},
 {"index": {"byteStart": 9, "byteEnd": 12}, "features": [
 {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.org/a?b=1"}]}]"""

STATUS = """
{"id": "", "created_at": "", "in_reply_to_id": null, "in_reply_to_account_id": null, "sensitive": false,
 "spoiler_text": "", "visibility": "public", "language": "fr",
 "uri": "https://example.net/users/ana/statuses/1",
 "url": "https://example.net/@ana/1", "replies_count": 0, "reblogs_count": 0, "favourites_count": 0,
 "quotes_count": 0, "edited_at": null, "content": "", "filtered": [], "reblog": null, "media_attachments": [],
 "mentions": [], "tags": [], "emojis": [], "quote": null, "card": null, "poll": null,
 "quote_approval": {"automatic": [], "manual": [], "current_user": "denied"}, "account": {"id": "",
 "username": "ana", "acct": "ana@example.net", "display_name": "Ana", "locked": false, "bot": false,
 "discoverable": true, "indexable": true, "group": false, "created_at": "2022-11-13T00:00:00.000Z",
 "note": "",
 "url": "https://example.net/@ana", "uri": "https://example.net/users/ana",
 "avatar": "https://files.example.net/accounts/avatars/000/464/472/original/dfc518d70cf6f13a.png",
 "avatar_static": "https://files.example.net/accounts/avatars/000/464/472/original/dfc518d70cf6f13a.png",
 "header": "https://files.example.net/accounts/headers/000/464/472/original/2e94bd33745f86a6.gif",
 "header_static": "https://files.example.net/accounts/headers/000/464/472/static/2e94bd33745f86a6.png",
 "followers_count": 37, "following_count": 41, "statuses_count": 18442, "last_status_at": "2024-04-30",
 "emojis": [], "fields": [{"name": "Site", "value": "<a href=\\"https://example.org\\">example.org</a>",
 "verified_at": null}, {"name": "Code", "value": "<a href=\\"https://example.com\\">example.com</a>",
 "verified_at": null}]}}"""
LINK = (
    '<p><a href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener" target="_blank"><span '
    'class="invisible">https://</span><span class="ellipsis">example.org/a?b</span></a></p>'
)

TWEET_V1 = """
{"created_at": "", "id": 0, "id_str": "", "text": "", "truncated": false,
 "source": "<a href=\\"https://example.org\\"
 rel=\\"nofollow\\">Twitter Web App</a>", "in_reply_to_status_id": null, "in_reply_to_status_id_str": null,
 "in_reply_to_user_id": null, "in_reply_to_user_id_str": null, "in_reply_to_screen_name": null, "geo": null,
 "coordinates": null, "place": null, "contributors": null, "is_quote_status": false, "quote_count": 0,
 "reply_count": 0, "retweet_count": 0, "favorite_count": 0, "favorited": false, "retweeted": false,
 "filter_level": "low", "lang": "fr", "timestamp_ms": "1714550400000",
 "entities": {"hashtags": [{"text": "debat",
 "indices": [0, 6]}], "urls": [], "user_mentions": [], "symbols": []}, "user": {"id": 0, "id_str": "",
 "name": "Ana", "screen_name": "ana", "location": "Lyon", "url": null, "description": "",
 "translator_type": "none", "protected": false, "verified": false, "followers_count": 98, "friends_count": 12,
 "listed_count": 0, "favourites_count": 7, "statuses_count": 450,
 "created_at": "Sat Mar 02 10:00:00 +0000 2013",
 "utc_offset": null, "time_zone": null, "geo_enabled": true, "lang": null, "contributors_enabled": false,
 "is_translator": false, "profile_background_color": "C0DEED", "profile_background_image_url":
 "http://abs.example.org/images/themes/theme1/bg.png", "profile_background_tile": false, "profile_link_color":
 "1DA1F2", "profile_sidebar_border_color": "C0DEED", "profile_sidebar_fill_color": "DDEEF6",
 "profile_text_color": "333333", "profile_use_background_image": true, "profile_image_url":
 "http://pbs.example.org/profile_images/1170024/picture_normal.jpg", "profile_banner_url":
 "https://pbs.example.org/profile_banners/1170025343/1567790754", "default_profile": true,
 "default_profile_image": false, "following": null, "follow_request_sent": null, "notifications": null}}"""

TWEET_V2 = """
{"data": {"id": "", "text": "", "author_id": "", "created_at": "", "lang": "fr", "conversation_id": "",
 "edit_history_tweet_ids": [""], "possibly_sensitive": false, "reply_settings": "everyone", "public_metrics":
 {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0, "bookmark_count": 0,
 "impression_count": 0}, "edit_controls": {"edits_remaining": 5, "is_edit_eligible": true, "editable_until":
 "2024-05-01T09:00:00.000Z"}, "entities": {"hashtags": [{"start": 0, "end": 6, "tag": "debat"}],
 "annotations":
 [{"start": 12, "end": 16, "probability": 0.83, "type": "Place", "normalized_text": "Lyon"}]},
 "context_annotations": [{"domain": {"id": "131", "name": "Unified Twitter Taxonomy", "description":
 "A taxonomy of user interests. "}, "entity": {"id": "848920371311001600", "name": "Politics", "description":
 "Politics"}}, {"domain": {"id": "38", "name": "Political Race", "description": ""}, "entity": {"id": "10026",
 "name": "Race"}}]}, "includes": {"users": [{"id": "", "username": "ana", "name": "Ana", "description": "",
 "created_at": "2013-03-02T10:00:00.000Z", "location": "Lyon", "protected": false, "verified": false,
 "profile_image_url": "https://pbs.example.org/profile_images/1170024/picture_normal.jpg", "public_metrics":
 {"followers_count": 98, "following_count": 12, "tweet_count": 450, "listed_count": 0, "like_count": 7}}]},
 "matching_rules": [{"id": "1165037377523306498", "tag": "vigie"}]}"""


def normalised(at: int, dice: random.Random) -> dict:
    post = json.loads(NORMALISED)
    post |= {"id": str(2**60 + at), "author_id": str(at % 500), "created_at": stamp(at), "text": text(dice)}
    post["author"] |= {"handle": f"user{at % 500}", "description": text(dice), "followers": at}
    return post


def jetstream_event(at: int, dice: random.Random) -> dict:
    event = json.loads(EVENT)
    event |= {
        "did": f"did:plc:{at % 500:024}",
        "time_us": round(moment(at).timestamp() * 1_000_000) + 900_000,
    }
    event["commit"]["rkey"] = f"3lbht{at:08}"
    record = event["commit"]["record"]
    record |= {"createdAt": stamp(at), "text": text(dice)}
    if at % 3 == 0:
        record["reply"] = json.loads(REPLY)
    elif at % 3 == 1:
        record["facets"] = json.loads(FACETS)
    return event


def status(at: int, dice: random.Random) -> dict:
    made = json.loads(STATUS)
    id = str((round(moment(at).timestamp() * 1000) << 16) + at)
    made |= {"id": id, "created_at": stamp(at), "content": f"<p>{text(dice)}</p>"}
    made["account"] |= {
        "id": str(at % 500),
        "acct": f"ana{at % 500}@example.net",
        "note": f"<p>{text(dice)}</p>",
    }
    if at % 3 == 0:
        made |= {"in_reply_to_id": str(at), "in_reply_to_account_id": "7"}
    elif at % 3 == 1:
        made["content"] += LINK
        made["tags"] = [{"name": "debat", "url": "https://example.net/tags/debat"}]
    return made


def tweet_v1(at: int, dice: random.Random) -> dict:
    made = json.loads(TWEET_V1.replace("\n", ""))
    made |= {"id": 2**60 + at, "id_str": str(2**60 + at), "text": text(dice)}
    made["created_at"] = moment(at).strftime("%a %b %d %H:%M:%S +0000 %Y")
    made["user"] |= {
        "id": at % 500,
        "id_str": str(at % 500),
        "description": text(dice),
        "followers_count": at,
    }
    return made


def tweet_v2(at: int, dice: random.Random) -> dict:
    made = json.loads(TWEET_V2)
    id = str(2**60 + at)
    made["data"] |= {"id": id, "text": text(dice), "author_id": str(at % 500), "created_at": stamp(at)}
    made["data"] |= {"conversation_id": id, "edit_history_tweet_ids": [id]}
    made["includes"]["users"][0] |= {"id": str(at % 500), "description": text(dice)}
    return made


def archive_row(at: int, dice: random.Random) -> dict:
    row = {
        "tweetid": str(2**60 + at),
        "userid": str(at % 500),
        "user_display_name": "Ana",
        "user_screen_name": "ana",
    }
    row |= {
        "user_reported_location": "Lyon",
        "user_profile_description": WORDS[at % 9] * 12,
        "follower_count": "98",
    }
    row |= {
        "user_profile_url": "https://t.co/x",
        "following_count": "12",
        "account_creation_date": "2015-11-06",
    }
    row |= {"account_language": "fr", "tweet_language": "fr", "tweet_text": text(dice), "is_retweet": "false"}
    row |= {
        "tweet_time": moment(at * 900).strftime("%Y-%m-%d %H:%M"),
        "tweet_client_name": "Twitter Web Client",
    }
    row |= {
        "in_reply_to_userid": "",
        "in_reply_to_tweetid": "",
        "quoted_tweet_tweetid": "",
        "retweet_userid": "",
    }
    row |= {
        "retweet_tweetid": "",
        "latitude": "absent",
        "longitude": "absent",
        "quote_count": "0",
        "reply_count": "0",
    }
    row |= {"like_count": "0", "retweet_count": "0", "user_mentions": "[]"}
    lists = {"hashtags": "['debat', 'soir']", "urls": "['https://example.org/a']"}
    return row | (lists if at % 3 else {"hashtags": "[]", "urls": "[]"})


def agency_row(at: int, dice: random.Random) -> dict:
    row = {
        "external_author_id": "9.06E+17",
        "author": f"USER{at % 500}",
        "content": text(dice),
        "region": "Unknown",
    }
    row |= {
        "language": "French",
        "publish_date": moment(at * 900).strftime("%m/%d/%Y %H:%M"),
        "following": "12",
    }
    row |= {"harvested_date": "10/1/2017 9:59", "followers": str(at), "updates": "9", "account_type": "Right"}
    row |= {"post_type": "RETWEET" if at % 3 == 0 else "", "retweet": "0", "account_category": "RightTroll"}
    row |= {"new_june_2018": "0", "alt_external_id": str(2**59 + at % 500), "tweet_id": str(2**60 + at)}
    row |= {"article_url": f"http://example.org/{at}", "tco1_step1": "https://example.org/a"}
    return row | {"tco2_step1": "", "tco3_step1": ""}


def ad_row(at: int, dice: random.Random) -> dict:
    row = {
        "ad_id": str(at),
        "created_at": stamp(at),
        "created_date": "2024-05-01",
        "ended_at": "",
        "clicks": "3",
    }
    row |= {
        "impressions": str(at),
        "spend_rub": f"{at}.5",
        "spend_usd": "0.33",
        "spend_as_written": f"{at}.50 RUB",
    }
    row |= {
        "text": text(dice),
        "landing_page": f"https://www.facebook.com/Page-{10**9 + at % 20}/",
        "age": "18 - 65+",
    }
    row |= {
        "location": "France",
        "gender": "",
        "language": "French",
        "placements": "News Feed on mobile devices",
    }
    return row | {"people_who_match": "People who like cats", "interests": "Cats", "custom_audience": ""}


JSON: dict[str, tuple[Callable[[int, random.Random], dict], TakeLine]] = {
    "posts": (normalised, posts.take_line),
    "jetstream": (jetstream_event, jetstream.take_line),
    "mastodon": (status, mastodon.take_line),
    "twitter-v1": (tweet_v1, twitter_v1.take_line),
    "twitter-v2": (tweet_v2, twitter_v2.take_line),
}
TABLES: dict[str, tuple[Callable[[int, random.Random], dict], rows.Table]] = {
    "io-archive": (archive_row, rows.Table(io_archive.POSTS, io_archive.compiled_posts)),
    "ira-538": (agency_row, rows.Table(ira_538.POSTS, ira_538.compiled)),
    "ads": (ad_row, rows.Table(ads.POSTS, ads.compiled)),
}
SAMPLES = {
    "jetstream": "parser-samples/bluesky_jetstream/events.jsonl.gz",
    "mastodon": "parser-samples/mastodon/statuses.jsonl.gz",
    "twitter-v1": "parser-samples/twitter_v1/statuses.jsonl.gz",
    "twitter-v2": "parser-samples/twitter_v2/noflat.jsonl.gz",
    "io-archive": "parser-samples/twitter_io_archive/ira_hashed_sample.csv.gz",
    "ads": "ira-ads/ira_facebook_ads.csv.gz",
}


def of_lines(format: str, source: str, lines: list[bytes], take: TakeLine) -> Case:
    blocks = [Block(1 + at, lines[at : at + 1000]) for at in range(0, len(lines), 1000)]
    return Case(format, source, lines, lambda: sum(len(batch.posts) for batch in batches(blocks, take)))


def of_table(format: str, source: str, content: bytes, table: rows.Table) -> Case:
    lines = content.split(b"\n")
    blocks = [Block(1 + at, lines[at : at + 1000]) for at in range(0, len(lines), 1000)]
    objects = [orjson.dumps(row) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    return Case(
        format,
        source,
        objects,
        lambda: sum(len(batch.posts) for batch in rows.batches(blocks, "table", [table])),
    )


def as_table(made: list[dict]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(made[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue().encode()


def cases(count: int) -> list[Case]:
    found = []
    for format, (make, take) in JSON.items():
        dice = random.Random(1)
        found.append(of_lines(format, "made", [orjson.dumps(make(at, dice)) for at in range(count)], take))
    for format, (make, table) in TABLES.items():
        dice = random.Random(1)
        found.append(of_table(format, "made", as_table([make(at, dice) for at in range(count)]), table))
    for format, name in SAMPLES.items():
        if not (DATA / name).exists():
            continue
        content = gzip.decompress((DATA / name).read_bytes())
        if format in TABLES:
            header, _, body = content.partition(b"\n")
            content = header + b"\n" + body * max(1, LEAST_BYTES // len(body))
            found.append(of_table(format, "sample", content, TABLES[format][1]))
        else:
            lines = content.splitlines()
            if format == "jetstream":  # the others in it are likes and follows
                lines = [line for line in lines if b"app.bsky.feed.post" in line and b'"text"' in line]
            lines *= max(1, LEAST_BYTES // sum(map(len, lines)))
            found.append(of_lines(format, "sample", lines, JSON[format][1]))
    return found


def parse(lines: list[bytes]) -> None:
    for line in lines:
        orjson.loads(line)


def measured(case: Case, rounds: int) -> dict:
    parsing = decoding = float("inf")
    count = 0
    for _ in range(rounds):
        began = time.process_time()
        parse(case.lines)
        parsing = min(parsing, time.process_time() - began)
        began = time.process_time()
        count = case.decode()
        decoding = min(decoding, time.process_time() - began)
    return {
        "format": case.format,
        "source": case.source,
        "bytes_per_line": round(sum(map(len, case.lines)) / len(case.lines)),
        "posts_per_second": round(count / decoding),
        "ratio": round(parsing / decoding, 3),
        "wanted": WANTED.get(case.format, WANTED_OF_OTHERS),
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--posts", type=int, default=2000, help="made for each format (default: 2000)")
    arguments.add_argument("--rounds", type=int, default=15, help="of which the best counts (default: 15)")
    arguments.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments.add_argument(
        "--check", action="store_true", help="exit with 1 where less is reached than wanted"
    )
    chosen = arguments.parse_args()
    below = 0
    if not chosen.json:
        print(
            f"{'format':<12}{'source':<8}{'bytes a line':>13}{'posts a second':>16}{'ratio':>8}{'wanted':>8}"
        )
    for case in cases(chosen.posts):
        row = measured(case, chosen.rounds)
        below += row["ratio"] < row["wanted"]
        if chosen.json:
            print(json.dumps(row))
        else:
            print(
                f"{row['format']:<12}{row['source']:<8}{row['bytes_per_line']:>13,}"
                f"{row['posts_per_second']:>16,}{row['ratio']:>8.3f}{row['wanted']:>8.2f}"
            )
    return int(chosen.check and below > 0)


if __name__ == "__main__":
    sys.exit(main())
