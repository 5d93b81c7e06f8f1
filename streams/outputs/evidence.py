"""The posts of a case as a table in the columns of the archive of information operations."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from streams.outputs.case_words import moment

COLUMNS = ("tweetid", "userid", "tweet_time")
"""Columns of the archive that an alert can fill. Its own times are to the minute, these to the second."""


def posts_as_csv(posts: Iterable[dict[str, str]]) -> bytes:
    """Posts, as alerts name them, as CSV with a header, in order of time.

    >>> posts_as_csv([{"id": "1", "author_id": "7", "created_at": "2022-04-10T19:30:05.000Z"}])
    b'tweetid,userid,tweet_time\\n1,7,2022-04-10 19:30:05\\n'
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for post in sorted(posts, key=lambda post: (post["created_at"], post["author_id"], post["id"])):
        writer.writerow((post["id"], post["author_id"], moment(post["created_at"])))
    return table.getvalue().encode("utf-8")
