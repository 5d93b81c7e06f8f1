"""What chooses the posts of a live network, in its own words, for the coverage that every alert states."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from detectors.coverage import LONGEST_FILTER
from detectors.rules.sentences import shortened
from streams.sources.live.settings import MastodonSettings, XSettings
from streams.sources.live.x_rules import read_rules


def filter_of(settings: msgspec.Struct) -> str | None:
    """What chooses the posts that a network shows; None where it shows all, or where only others know.

    Bluesky shows every post; what comes to the endpoint, its sender chose. The rules of X are those of the
    file as it is now.

    Raises
    ------
    InputError
        When the rules of X cannot be read.

    Examples
    --------
    >>> filter_of(MastodonSettings())
    'public timeline of mastodon.social, without boosts'
    """
    match settings:
        case XSettings(rules=rules) if rules:
            return shortened(" | ".join(read_rules(rules)), LONGEST_FILTER)
        case MastodonSettings(instances=instances, stream=stream):
            hosts = ", ".join(urlsplit(one.strip()).netloc for one in instances.split(",") if one.strip())
            return shortened(f"{stream} timeline of {hosts}, without boosts", LONGEST_FILTER)
    return None
