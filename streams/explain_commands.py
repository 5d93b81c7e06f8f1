"""What `vigie explain` does."""

from __future__ import annotations

import argparse

from streams import settings
from streams.command_inputs import moment_of
from streams.explain import explain
from streams.explaining.page import print_answer
from streams.sources.opening import InputError
from streams.stores.sqlite import Store
from streams.telling import console, print_json


def explain_subject(chosen: argparse.Namespace) -> int:
    """`vigie explain`."""
    in_force = settings.load(chosen.config, flags=chosen.set)
    store = Store(chosen.store, write=False, kept=in_force.retention)
    at_ms = store.last_ms() if chosen.at is None else moment_of(chosen.at, "--at")
    if at_ms is None:
        raise InputError(f"The store {chosen.store} is empty: nothing was counted.")
    # A terminal passes on whatever bytes were typed; what is no text cannot have been counted.
    value = chosen.value.encode("utf-8", "replace").decode()
    try:
        answer = explain(store, in_force, chosen.kind, value, at_ms)
    except (ValueError, TypeError, OverflowError) as problem:  # rows that Vigie never writes
        raise InputError(f"The store {chosen.store} is damaged ({problem}): make it anew.") from problem
    if chosen.json:
        print_json(answer)
    else:
        print_answer(console(), answer, chosen.language)
    return 0
