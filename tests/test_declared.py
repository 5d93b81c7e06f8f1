"""Accounts that say what they are."""

from __future__ import annotations

from detectors.accounts import declared
from detectors.accounts.declared import is_declared
from detectors.events import Profile


def test_what_is_looked_for_first_is_in_every_word_and_phrase():
    for said in (*declared._WORDS, *declared._PHRASES):
        assert any(stem in said for stem in declared._STEMS), said
        assert is_declared(Profile(description=f"We are {said} of the town")), said
