"""The language of posts is identified where the network tells none, and nowhere else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of_posts import post

from detectors.events import Change, decode_line
from streams import cli
from streams.sources.languages import LanguageSettings, language_of, with_languages
from streams.sources.posts import encode_post

SETTINGS = LanguageSettings()
SENTENCES = tomllib.loads(
    (Path(__file__).parent.parent / "benchmarks" / "languages.toml").read_text(encoding="utf-8")
)
LONG = "Queue outside the polling station is already round the block"


def identified(one, **settings):
    ((given,),) = with_languages([[one]], LanguageSettings(**settings))
    return given.lang, given.lang_identified


@pytest.mark.parametrize("language", SENTENCES)
def test_whole_sentences_are_told_right_or_not_at_all(language):
    answers = [language_of(text, SETTINGS) for text in SENTENCES[language]]
    assert set(answers) <= {language, None}
    assert answers.count(language) >= 7


def test_a_declared_language_is_never_replaced():
    one = msgspec.structs.replace(post("1", "a", 0, LONG), lang="und")
    assert identified(one) == ("und", None)


def test_a_repost_has_the_words_of_somebody_else():
    one = msgspec.structs.replace(post("1", "a", 0, LONG), lang=None, kind="repost")
    assert identified(one) == (None, None)


@pytest.mark.parametrize("kind", ["original", "reply", "quote"])
def test_own_words_are_identified_and_say_that_they_were(kind):
    one = msgspec.structs.replace(post("1", "a", 0, LONG), lang=None, kind=kind)
    assert identified(one) == ("en", True)
    again = decode_line(encode_post(one))
    assert (again.lang, again.lang_identified) == ("en", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "12345 67890 12345 67890 12345 67890",
        "https://example.org/queue-outside-the-polling-station-is-already-round-the-block",
        "@the_queue_outside @the_polling_station #is_already_round_the_block",
        "asdkjh qweoiu zxmnc qpwoe lkjasd",
    ],
)
def test_what_says_too_little_has_no_language(text):
    one = msgspec.structs.replace(post("1", "a", 0, text), lang=None)
    assert identified(one) == (None, None)


def test_few_letters_of_a_script_of_syllables_say_as_much_as_many_others():
    assert language_of("投票所の前に長い列ができている", SETTINGS) == "ja"


def test_shouting_changes_nothing():
    assert [language_of(text, SETTINGS) for text in (LONG, LONG.upper())] == ["en", "en"]


def test_it_can_be_switched_off_and_made_stricter():
    one = msgspec.structs.replace(post("1", "a", 0, LONG), lang=None)
    assert identified(one, identify=False) == (None, None)
    assert identified(one, least_letters=100) == (None, None)
    assert identified(one, least_confidence=1.0) == (None, None)
    assert identified(one) == ("en", True)


def test_changes_pass_as_they_are():
    change = Change(platform="x", time_ms=1, event="deletion", post_id="1")
    assert list(with_languages([[change]])) == [[change]]


@given(st.text(st.characters(), max_size=80))
def test_no_text_is_too_strange(text):
    assert language_of(text, SETTINGS) != ""


@pytest.mark.parametrize(("switch", "languages"), [("true", {"en"}), ("false", set())])
def test_a_replay_identifies_languages_where_posts_enter(tmp_path, switch, languages, monkeypatch):
    seen = set()
    spoken = "detectors.accounts.stage.spoken"
    monkeypatch.setattr(spoken, lambda known, language: seen.add(language) or known)
    path = tmp_path / "posts.jsonl"
    one = msgspec.structs.replace(post("1", "a", 0, LONG), lang=None)
    path.write_bytes(encode_post(one) + b"\n")
    assert cli.main(["replay", str(path), "--set", f"languages.identify={switch}"]) == 0
    assert seen == languages
