"""What a protocol is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from streams.evaluating.figures import Measured
from streams.evaluating.folder import Folder


@dataclass(frozen=True)
class Bench:
    """What a protocol works with."""

    folder: Folder
    seed: int
    quick: bool
    tell: Callable[[str], None]
    """Told in words how far it is."""

    def rng(self, *about: object) -> Random:
        """Random numbers for one purpose: the same seed and purpose give the same ones."""
        return Random(" ".join(map(str, (self.seed, *about))))

    def of(self, quick: int, full: int) -> int:
        """A size: the small one in a quick run."""
        return quick if self.quick else full


class Protocol(NamedTuple):
    """One way to turn data into figures."""

    number: int
    name: str
    title: str
    needs: tuple[tuple[str, ...], ...]
    """Kinds of data: of each group one kind at least must be there."""
    measure: Callable[[Bench], Measured]
    tried: str = ""
    """What stands between the figures and what is wanted of them: what was tried, what it would take."""

    def missing(self, folder: Folder) -> str:
        """What the folder lacks, in words; empty if it has all."""
        lacking = [" or ".join(kinds) for kinds in self.needs if not any(map(folder.has, kinds))]
        return ", ".join(lacking)
