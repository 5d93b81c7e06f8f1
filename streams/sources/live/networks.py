"""The live networks by name: what their clients are, and which settings these take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from streams.sources.live.bluesky import Bluesky
from streams.sources.live.feed import Client
from streams.sources.live.http import Http
from streams.sources.live.mastodon import Mastodon
from streams.sources.live.settings import BlueskySettings, HttpSettings, MastodonSettings, XSettings
from streams.sources.live.x import X


class Network(NamedTuple):
    """One network."""

    settings: type[msgspec.Struct]
    """The section of the settings that has its name."""
    client: Callable[[Any], Client]
    """Makes a client of these settings; raises an InputError where something is missing."""
    secrets: tuple[str, ...] = ()
    """Settings that are never shown."""


NETWORKS = {
    "bluesky": Network(BlueskySettings, Bluesky),
    "mastodon": Network(MastodonSettings, Mastodon, ("tokens",)),
    "x": Network(XSettings, X, ("token",)),
    "http": Network(HttpSettings, Http, ("token",)),
}
