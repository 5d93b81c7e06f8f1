"""The protocols, in the order of their numbers."""

from __future__ import annotations

from streams.evaluating.protocol import Protocol
from streams.evaluating.protocols import (
    amplified_account,
    attacked_targets,
    automation_score,
    cadence,
    co_sharing,
    copied_texts,
    creation_cohorts,
    dormant_accounts,
    everything,
    input_formats,
    language_change,
    promoted_posts,
    pushed_hashtags,
    suspension_waves,
)

PROTOCOLS: tuple[Protocol, ...] = (
    copied_texts.PROTOCOL,
    pushed_hashtags.PROTOCOL,
    co_sharing.PROTOCOL,
    amplified_account.PROTOCOL,
    automation_score.PROTOCOL,
    creation_cohorts.PROTOCOL,
    dormant_accounts.PROTOCOL,
    attacked_targets.PROTOCOL,
    cadence.PROTOCOL,
    language_change.PROTOCOL,
    suspension_waves.PROTOCOL,
    promoted_posts.PROTOCOL,
    input_formats.PROTOCOL,
    everything.PROTOCOL,
)
