"""Which alerts a receiver wants."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from streams.outputs.receivers.settings import ReceiverSettings

_RANK = {"notice": 0, "warning": 1, "critical": 2}


def wants(receiver: ReceiverSettings, alert: dict[str, Any]) -> bool:
    """Whether severity, detectors and subjects of an alert are all among those asked for.

    >>> told = {"severity": "critical", "detectors": ["hashtags"]}
    >>> alert = {"data": told | {"subjects": [{"kind": "hashtag", "value": "debate2022"}]}}
    >>> wants(ReceiverSettings(url="", subjects=("hashtag:debate*",)), alert)
    True
    >>> wants(ReceiverSettings(url="", detectors=("listed", "purges")), alert)
    False
    """
    data = alert["data"]
    return (
        _RANK[data["severity"]] >= _RANK[receiver.severity]
        and (not receiver.detectors or not set(receiver.detectors).isdisjoint(data["detectors"]))
        and (not receiver.subjects or _pushes(data["subjects"], receiver.subjects))
    )


def _pushes(subjects: list[dict[str, str]], patterns: tuple[str, ...]) -> bool:
    names = [f"{subject['kind']}:{subject['value']}" for subject in subjects]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
