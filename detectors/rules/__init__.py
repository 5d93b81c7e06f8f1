"""The written rules, one module a detector: points for what was found, and the sentences that say it.

Each module has ``rules`` (all checks of a finding), ``SENTENCES`` (by code of a check), ``NOT_PROVED`` and
``what`` (the subject of the summary).
"""

from types import ModuleType

from detectors.rules import (
    amplification,
    co_sharing,
    fate,
    hashtags,
    listed,
    near_duplicates,
    purges,
    rising,
    sponsored,
    targets,
)

RULES: dict[str, ModuleType] = {
    "near_duplicates": near_duplicates,
    "hashtags": hashtags,
    "co_sharing": co_sharing,
    "amplification": amplification,
    "targets": targets,
    "rising": rising,
    "listed": listed,
    "sponsored": sponsored,
    "fate": fate,
    "purges": purges,
}
"""By the detector's name, as it stands in alerts."""
