"""Settings of the live networks: what a table of the settings file, named like the network, may hold."""

from __future__ import annotations

import msgspec

NAMES = ("bluesky", "mastodon", "x", "http")
"""Networks that can be read live; each has a section of the settings."""


class BlueskySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the connection to Bluesky. No account and no token is needed."""

    servers: str = (
        "wss://jetstream2.us-east.bsky.network/subscribe,"
        "wss://jetstream1.us-west.bsky.network/subscribe,"
        "wss://jetstream1.us-east.bsky.network/subscribe,"
        "wss://jetstream2.us-west.bsky.network/subscribe"
    )
    """Jetstream servers, separated by commas; taken in turn."""
    compression: bool = True
    """Whether to ask for compressed messages: fewer bytes for more time of the processor."""
    rewind_s: float = 5.0
    """How far before its place a connection begins."""
    idle_s: float = 60.0
    """After how many seconds without a message the next server is tried; the network is never so silent."""
    retry_s: float = 0.5
    """Wait after a failed attempt; it doubles with each one more."""
    longest_retry_s: float = 30.0
    """The longest of these waits."""


class MastodonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the connections to instances of Mastodon."""

    instances: str = "https://mastodon.social"
    """Addresses of the instances, separated by commas; all are followed at once."""
    tokens: str = ""
    """Tokens of users, as ``host=token`` with commas, best in ``VIGIE_MASTODON__TOKENS``. Never shown."""
    stream: str = "public"
    """`public` is all that the instance knows of, `public/local` its own users, `public/remote` others."""
    silent_s: float = 60.0
    """After how many seconds without a sign of life to connect anew. Instances send one every 15."""
    most_pages: int = 100
    """Pages of 40 statuses that are asked for after a lost connection."""
    rewind_s: float = 60.0
    """How far before the last status seen the timeline is asked."""
    retry_s: float = 1.0
    """Wait after a failed attempt; it doubles with each one more."""
    longest_retry_s: float = 120.0
    """The longest of these waits."""


class XSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the connection to X."""

    token: str = ""
    """Bearer token of an app; best given as ``VIGIE_X__TOKEN``. Never shown."""
    rules: str = ""
    """File with the rules of the stream, one a line; the rules at X are kept in step with it."""
    server: str = "https://api.x.com"
    """Where the API is."""
    backfill: bool = True
    """Whether to ask for what was missed. Where the access does not allow it, it is asked for once."""
    silent_s: float = 20.0
    """After how many seconds without a sign of life the connection is made anew."""
    network_retry_s: float = 0.25
    """Wait after a network error; each one more adds as much, up to 64 times."""
    http_retry_s: float = 5.0
    """Wait after an error of HTTP; it doubles with each one more, up to 64 times."""
    limit_retry_s: float = 60.0
    """Wait after too many requests, where the answer names none; it doubles with each one more."""
    rules_s: float = 30.0
    """Seconds between two looks at the file of rules."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the endpoint for posts."""

    token: str = ""
    """What senders must know, 16 characters or more; best given as ``VIGIE_HTTP__TOKEN``. Never shown."""
    host: str = "127.0.0.1"
    """Where the endpoint can be reached; 0.0.0.0 from anywhere."""
    port: int = 6080
    """Port of the endpoint; 0 for any that is free."""
    requests: int = 16
    """Requests that may be under way at once."""
    answer_s: float = 5.0
    """How long an answer waits for downstream to have the posts safe."""
