"""What a group's accounts have in common; one trait a file, and one line here."""

# ruff: noqa: F401 - a trait joins by being imported: `TRAITS` below takes all that are.

from detectors.traits.bot_share import BOT_SHARE
from detectors.traits.client import CLIENT
from detectors.traits.creation_cohort import CREATION_COHORT
from detectors.traits.deletions import DELETIONS
from detectors.traits.description_terms import DESCRIPTION_TERMS
from detectors.traits.dormancy import DORMANCY
from detectors.traits.earlier_cases import EARLIER_CASES
from detectors.traits.follow_back import FOLLOW_BACK
from detectors.traits.foreign_audience import FOREIGN_AUDIENCE
from detectors.traits.kinds.question import Trait
from detectors.traits.language_switch import LANGUAGE_SWITCH
from detectors.traits.listed import LISTED
from detectors.traits.metronome import METRONOME
from detectors.traits.one_a_minute import ONE_A_MINUTE
from detectors.traits.posts_per_account import POSTS_PER_ACCOUNT
from detectors.traits.shift import SHIFT
from detectors.traits.timing import TIMING

TRAITS: tuple[Trait, ...] = tuple(
    one for one in globals().values() if hasattr(one, "sentence") and not isinstance(one, type)
)
"""All traits, in the order of the lines above; their names stand in alerts."""
