"""What a detector asks for before it judges: each threshold, set against what was measured."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from detectors.rules.sentences import Both

State = Literal["met", "not_met", "not_enough_data"]
Number = int | float


class Condition(NamedTuple):
    """One threshold."""

    what: Both
    """What is counted, so that it can be read after its number: "accounts in the 60 minutes before"."""
    bound: Literal["at least", "at most"]
    wanted: Number
    measured: Number | None
    """None where the store does not hold what it takes to tell."""
    state: State

    def told(self) -> dict[str, Any]:
        """The threshold as data."""
        return self._asdict() | {"what": self.what[0], "what_fr": self.what[1]}


class Section(NamedTuple):
    """One detector: all that it asks for, in the order in which it asks."""

    detector: str
    conditions: tuple[Condition, ...]
    idle: bool = False
    """Whether nothing in the stream concerns it: no listed account posted, no post was promoted."""

    @property
    def missed(self) -> Condition | None:
        """The first threshold that was missed."""
        return next((one for one in self.conditions if one.state == "not_met"), None)

    @property
    def unknown(self) -> Condition | None:
        """The first threshold of which the store cannot tell."""
        return next((one for one in self.conditions if one.state == "not_enough_data"), None)

    def told(self, findings: list[str]) -> dict[str, Any]:
        """The section as data, with the ids of what the detector found."""
        missed = "not_judged" if self.missed else "not_enough_data"
        state = "judged" if findings else missed
        conditions = [one.told() for one in self.conditions]
        return {"detector": self.detector, "state": state, "conditions": conditions, "findings": findings}


def at_least(what: Both, wanted: Number, measured: Number | None) -> Condition:
    """A threshold from below.

    >>> [at_least(("accounts", "comptes"), 8, measured).state for measured in (3, 8, None)]
    ['not_met', 'met', 'not_enough_data']
    """
    return Condition(
        what, "at least", wanted, measured, _state(measured, measured is not None and measured >= wanted)
    )


def at_most(what: Both, wanted: Number, measured: Number | None) -> Condition:
    """A threshold from above."""
    return Condition(
        what, "at most", wanted, measured, _state(measured, measured is not None and measured <= wanted)
    )


def _state(measured: Number | None, met: bool) -> State:
    if measured is None:
        return "not_enough_data"
    return "met" if met else "not_met"
