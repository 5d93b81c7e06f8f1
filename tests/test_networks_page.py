"""The page on networks promises of each source what its decoder gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_sources_archives import ADS, AGENCY, FIRST, ad, agency, table, tweet
from test_sources_jetstream import commit, facet, record, tag
from test_sources_mastodon import STATUS
from test_sources_twitter import USERS

from streams.sources.formats import open_source

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"
TWEET = {
    "id": "1",
    "text": "#debat",
    "author_id": USERS[0]["id"],
    "created_at": "2024-05-01T08:00:00Z",
    "lang": "fr",
    "entities": {"hashtags": [{"tag": "debat"}]},
}
LINES = {
    "Bluesky": json.dumps(commit(record("#debat", facets=[facet(0, 6, tag("debat"))]))),
    "Mastodon": json.dumps({**STATUS, "tags": [{"name": "debat"}]}),
    "X": json.dumps({"data": TWEET, "includes": {"users": [{**USERS[0], "description": "Cats"}]}}),
    "`io-archive`": table(
        FIRST,
        tweet(
            user_profile_description="Cats", account_creation_date="2015-01-15", follower_count="1",
            following_count="1", tweet_language="fr", tweet_client_name="Web", hashtags="[debat]",
        ),
    ),
    "`ira-538`": table(AGENCY, agency(post_type="")),
    "`ads`": table(ADS, ad()),
}  # fmt: skip
NEEDS = {
    "hashtags": lambda post: bool(post.hashtags) or post.hashtags is None,
    "sponsored": lambda post: post.promoted is not None,
    "purges": lambda post: bool(
        post.author and post.author.followers is not None and post.author.observed_at
    ),
    "*trait:* bot share": lambda post: bool(post.author and post.author.followers is not None),
    "*trait:* creation date": lambda post: bool(post.author and post.author.created_at),
    "*trait:* language": lambda post: bool(post.lang),
    "*trait:* client": lambda post: bool(post.client),
    "*trait:* follow-back": lambda post: bool(
        post.author and post.author.followers is not None and post.author.following is not None
    ),
    "*trait:* descriptions": lambda post: bool(post.author and post.author.description),
}
"""What a detector or trait cannot do without, as far as one post shows it."""


def promised():
    """For each source and row of the table its mark, without the number of a note."""
    lines = re.findall(
        r"^\| .*\|$", PAGE.read_text(encoding="utf-8").partition("1. A repost")[0], re.MULTILINE
    )
    sources = [cell.strip() for cell in lines[0].split("|")[2:-1]]
    for line in lines[1:]:
        name, *marks = [cell.strip() for cell in line.split("|")[1:-1]]
        yield from ((source, name, mark[:1]) for source, mark in zip(sources, marks, strict=True))


@pytest.mark.parametrize("source", list(LINES))
def test_the_page_promises_what_the_decoder_gives(tmp_path, source):
    path = tmp_path / "input"
    path.write_text(LINES[source])
    ((post,),) = (batch.posts for batch in open_source(path))
    rows = {name: mark for one, name, mark in promised() if one == source}
    assert set(rows) >= set(NEEDS)
    for name, fed in NEEDS.items():
        if rows[name] != "◐":
            assert fed(post) == (rows[name] == "●"), f"{source}: {name} is promised as {rows[name]}"
