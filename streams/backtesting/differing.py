"""In what two settings differ, as far as it decides what is found."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from streams import settings
from streams.embedded import Settings

_LISTS = "lists"
"""The section that names the files of lists: no part of the version, yet other lists find something else."""


class Difference(NamedTuple):
    """One setting that has two values."""

    name: str
    """With its section, as in `--set`."""
    before: Any
    after: Any


def differences(before: Settings, after: Settings) -> list[Difference]:
    """The settings that differ, in the order of `vigie config show`.

    >>> from detectors.groups.near_duplicates import NearDuplicateSettings
    >>> after = Settings(near_duplicates=NearDuplicateSettings(min_accounts=5))
    >>> differences(Settings(), after)
    [Difference(name='near_duplicates.min_accounts', before=3, after=5)]
    """
    old, new = settings.dump(before), settings.dump(after)
    return [
        Difference(f"{section}.{name}", value, new[section][name])
        for section, values in old.items()
        if section == _LISTS or _decides(before, after, section)
        for name, value in values.items()
        if value != new[section][name]
    ]


def _decides(before: Settings, after: Settings, section: str) -> bool:
    """Whether a section, put in force alone, gives alerts another version of the settings."""
    mixed = msgspec.structs.replace(before, **{section: getattr(after, section)})
    return mixed.version() != before.version()
