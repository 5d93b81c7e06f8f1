"""Settings of privacy: whether accounts bear pseudonyms, and how long each store keeps what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the pseudonyms, see docs/privacy.md."""

    pseudonyms: bool = False
    """Whether account ids and handles are replaced at the door, before anything is kept."""
    posts: bool = False
    """Whether ids of posts and pictures are replaced as well: on the network they lead to the author."""
    key_file: str = ""
    """Where the key is, made by `vigie privacy key`. Keep it apart from the data."""
    key: str = ""
    """The key itself, in place of its file; best given as ``VIGIE_PRIVACY__KEY``. Never shown."""


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days each kind of data is kept, in whatever store, and how many profiles in a file."""

    posts_days: float = 30.0
    """Texts of posts, and what was counted of them by text, link, hashtag and account."""
    profiles_days: float = 30.0
    """Profiles, and the memory of accounts once no worker goes on with it."""
    most_profiles: int = 500_000
    """Profiles in a store at most; beyond it those seen longest ago go."""
    cases_days: float = 365.0
    """Alerts, and what was judged with its accounts and posts; the text in them goes with the posts."""


def problems(privacy: PrivacySettings, retention: RetentionSettings, kafka_hours: int) -> Iterator[str]:
    """One sentence for each setting that makes no sense; the key is in none of them."""
    if privacy.posts and not privacy.pseudonyms:
        yield "privacy.posts needs privacy.pseudonyms"
    if privacy.key and privacy.key_file:
        yield "privacy.key and privacy.key_file are both given: leave one of the two out"
    days = msgspec.structs.asdict(retention)
    if days.pop("most_profiles") < 1:
        yield "retention.most_profiles must be above 0"
    for name, value in days.items():
        if not 0 < value <= _MOST_DAYS:
            yield f"retention.{name} must be above 0, and {_MOST_DAYS:,} at most"
    if retention.posts_days > retention.cases_days:
        yield "retention.posts_days must not be above retention.cases_days: a case holds texts of posts"
    if kafka_hours > 24 * retention.posts_days:
        yield "kafka.retention_hours must not be longer than retention.posts_days"


_MOST_DAYS = 36_500
