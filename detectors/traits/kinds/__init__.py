"""The kinds of traits: what each account has or lacks, what hardly any did, which it is of many, when it was.

A trait is one of these with a name, what it reads of the accounts' looks, and its sentence. What chance would
give is in `detectors.traits.chance`, what is found in `detectors.traits.testing`.
"""

from detectors.traits.kinds.categories import Categories
from detectors.traits.kinds.moments import Moments
from detectors.traits.kinds.rare import Rare
from detectors.traits.kinds.share import Share

__all__ = ["Categories", "Moments", "Rare", "Share"]
