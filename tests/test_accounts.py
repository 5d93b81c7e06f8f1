"""What the ACCOUNTS stage takes in of authors, besides their posts."""

from __future__ import annotations

from streams_of_posts import START_MS, post, robot

from detectors.accounts.stage import Accounts
from detectors.events import Change


def test_a_profile_that_the_network_tells_of_by_itself_is_looked_at_as_one_in_a_post():
    accounts = Accounts()
    first = accounts.take(START_MS + 5_000, [post("1", "a", 0), post("2", "b", 1)])
    assert [member.score for member in first.members] == [-1, -1]
    told = [
        Change(platform="x", time_ms=START_MS + 6_000, event="profile", author_id=name, author=robot())
        for name in ("a", "never seen")
    ]
    assert accounts.take(START_MS + 10_000, [], told).background.accounts == 1
    later = accounts.take(START_MS + 15_000, [post("3", "a", 11_000), post("4", "b", 12_000)])
    assert [member.score >= 0 for member in later.members] == [True, False]
    assert len(accounts) == 2
