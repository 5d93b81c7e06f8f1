"""What rules need, in French: every rule, with the numbers of the English sentence."""

from __future__ import annotations

import re
from itertools import product

import msgspec

from detectors.findings import Finding, Subject
from detectors.rules import RULES, checks, listed, traits
from detectors.rules.needed import NEEDED, needed_fr

NUMBER = re.compile(r"\d+(?:[.,\u202f]\d+)*(?:e-\d+)?")


class Measured(dict):
    """Evidence in which everything is there."""

    def __missing__(self, name):
        return 1


FOUND = Finding(
    finding_id="f1",
    detector="",
    subjects=(Subject("hashtag", "bridge"),),
    start_ms=0,
    end_ms=3_600_000,
    judged_ms=3_600_000,
    accounts=tuple(f"x\x1f{n}" for n in range(40)),
    accounts_total=40,
    posts=(),
    posts_total=90,
    template=None,
    declared=0,
    evidence=Measured(),
)


def all_checks():
    """Every rule of every detector, whatever comes of it."""
    for detector, rules in RULES.items():
        for about, evidence in product(("bridge", "erased"), (Measured(), Measured(banned_ms=1))):
            finding = msgspec.structs.replace(
                FOUND, detector=detector, subjects=(Subject("hashtag", about),), evidence=evidence
            )
            yield from ((detector, check) for check in rules.rules(finding, 20, 5))
        yield detector, listed.joined(3, 0, 9)
        yield detector, checks.Check("client", "met", 5, traits.NEEDED, {})


SENTENCES = {(detector, check.code, check.needed) for detector, check in all_checks()}


def test_the_french_sentence_has_the_numbers_of_the_english_one():
    for detector, code, english in SENTENCES:
        french = needed_fr(detector, code, english)
        numbers = [number.replace(",", "\u202f").replace(".", ",") for number in NUMBER.findall(english)]
        assert sorted(NUMBER.findall(french)) == sorted(numbers), french
        assert "{" not in french
        assert len(french) > 10
        assert french != english


def test_there_is_a_sentence_for_every_rule_and_none_for_a_rule_that_is_no_more():
    shared = {"repetition", "bots", "listed", "client"}
    made = {(detector, code) for detector, code, _ in SENTENCES}
    written = {(detector, code) for detector, of in NEEDED.items() for code in of}
    assert {one for one in made if one[1] != "client"} - written == set()
    assert {one for one in written - made if one[1] not in shared} == set()
