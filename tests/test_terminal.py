"""What a person sees of alerts in a terminal: the right ones, in full or in a line, and never rewritten."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import pytest
from rich.console import Console
from short_night import told
from streams_of_posts import SMALL, post, run

from streams.embedded import Pipeline
from streams.outputs.terminal import Terminal, printable


class Screen:
    """A terminal that remembers what was printed."""

    def __init__(self, show: str = "warning", language: str = "en", *, colours: bool = False) -> None:
        self._file = io.StringIO()
        console = Console(
            file=self._file,
            width=120,
            force_terminal=colours,
            color_system="truecolor" if colours else None,
            highlight=False,
            emoji=False,
            markup=False,
            legacy_windows=False,
        )
        self.terminal = Terminal(console, show, language)  # type: ignore[arg-type]

    def write(self, alert: dict[str, Any]) -> str:
        self._file.seek(0)
        self._file.truncate()
        self.terminal.write(alert)
        return self._file.getvalue()


@pytest.fixture
def alert() -> dict[str, Any]:
    """The newest alert of the copies in the night that has a template, as a first warning."""
    found = next(
        one
        for one in reversed(told()[0])
        if one["data"]["findings"]
        and one["data"]["findings"][0]["template"]
        and one["subject"] == f"text:{one['data']['findings'][0]['subjects'][0]['value']}"
    )
    return changed(found, severity="warning", status="open", revision=1)


def changed(alert: dict[str, Any], *, accounts: int | None = None, **data: Any) -> dict[str, Any]:
    made = copy.deepcopy(alert)
    made["data"] |= data
    if accounts is not None:
        made["data"]["group"]["accounts_total"] = accounts
    return made


# -- what is shown ---------------------------------------------------------------------------------


def test_a_new_case_is_shown_in_full(alert):
    shown = Screen().write(alert)
    data = alert["data"]
    squeezed = " ".join(shown.split())
    assert shown.startswith(f"{alert['time'][11:19]}  WARNING  score {data['score']}  new case ")
    assert data["case_id"][:9] in shown
    for text in [data["summary"], *data["reasons"], *data["not_proved"]]:
        assert " ".join(text["en"].split()) in squeezed
    assert f"+{data['reasons'][0]['points']}" in shown
    assert "does not prove" in shown
    assert data["findings"][0]["template"] in squeezed
    assert ", ".join(data["group"]["accounts"][:8]) in squeezed
    assert data["group"]["posts"][0]["id"] in shown


def test_notices_are_hidden_unless_asked_for(alert):
    notice = changed(alert, severity="notice")
    assert Screen().write(notice) == ""
    assert "NOTICE" in Screen("notice").write(notice)
    critical = Screen("critical")
    assert critical.write(alert) == ""
    assert "CRITICAL" in critical.write(changed(alert, severity="critical"))


def test_a_worse_case_is_shown_in_full_again_and_a_doubled_one_in_a_line(alert):
    screen = Screen()
    assert screen.write(changed(alert, accounts=10)).count("\n") > 5
    updated = changed(alert, status="updated", revision=2)
    assert screen.write(changed(updated, accounts=10)) == ""
    assert screen.write(changed(updated, accounts=19)) == ""
    line = screen.write(changed(updated, accounts=20))
    assert line.count("\n") == 1
    assert "20 accounts" in line
    assert screen.write(changed(updated, accounts=39)) == ""
    assert screen.write(changed(updated, accounts=40)).count("\n") == 1
    worse = screen.write(changed(updated, accounts=41, severity="critical"))
    assert "CRITICAL" in worse
    assert worse.count("\n") > 5
    assert screen.write(changed(updated, accounts=42, severity="critical")) == ""


@pytest.mark.parametrize("status", ["closed", "merged"])
def test_the_end_of_a_case_is_not_shown(alert, status):
    screen = Screen()
    screen.write(changed(alert, accounts=10))
    assert screen.write(changed(alert, status=status, accounts=50)) == ""


def test_a_notice_that_becomes_a_warning_is_a_new_case_to_who_reads(alert):
    screen = Screen()
    assert screen.write(changed(alert, severity="notice")) == ""
    # The revision that rises need not say the text again; its name is known all the same.
    risen = screen.write(changed(alert, status="updated", revision=2, findings=[]))
    assert risen.count("\n") > 5
    assert alert["subject"] not in risen
    assert f"“{alert['data']['findings'][0]['template'][:70]}" in risen


def test_two_cases_do_not_mix(alert):
    screen = Screen()
    screen.write(changed(alert, accounts=10))
    assert screen.write(changed(alert, accounts=10, case_id="cffffffffffffffff")).count("\n") > 5


def test_of_a_whole_night_each_case_is_shown_once_for_each_rise():
    screen, headlines = Screen(), []
    severities: dict[str, list[str]] = {}
    for one in told()[0]:
        data = one["data"]
        risen = data["severity"] not in severities.setdefault(data["case_id"], [])
        if risen and data["severity"] != "notice" and data["status"] != "merged":
            severities[data["case_id"]].append(data["severity"])
        shown = screen.write(one)
        if shown.count("\n") > 1:
            headlines.append(data["case_id"])
    assert len(headlines) == sum(len(found) for found in severities.values()) > 2


def test_french_from_the_first_word_to_the_last(alert):
    shown = Screen(language="fr").write(changed(alert, accounts=1234))
    squeezed = " ".join(shown.split(" "))
    assert " nouvelle affaire " in shown
    assert "révision 1\u00a0: " in shown
    assert "1\u202f234 comptes" in shown
    assert "ne prouve pas" in shown
    flat = re.sub(r"[ \n]+", " ", shown)
    for text in [alert["data"]["summary"], *alert["data"]["reasons"], *alert["data"]["not_proved"]]:
        assert text["fr"] in flat
    english = ("accounts", "does not prove", "why", "new case", " posts", "The same")
    own = re.sub("“.*?”|«.*?»", "", squeezed)
    assert not [word for word in english if word in own]


def test_a_line_is_not_wrapped_in_a_file_and_is_in_a_terminal(alert):
    long = copy.deepcopy(alert)
    long["data"]["summary"]["en"] = "word " * 60
    assert max(map(len, Screen().write(long).splitlines())) > 250
    terminal = Screen(colours=True).write(long)
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in terminal.splitlines()) <= 120


# -- hostile text ----------------------------------------------------------------------------------

HOSTILE = (
    "\x1b[2J\x1b[1;1H\x1b]0;owned\x07\x9b31m",
    "\u202eevil\u202c \u2066x\u2069 \u200f\u061c",
    "one\ntwo\rthree\x0bfour\u2028five\u2029six\x85seven",
    "[red]stop[/red] [link=https://evil.invalid]here[/link] [/] [bold",
    ":skull: :warning:",
    "a\x08\x08\x08b\x00c\x7f",
    "half \ud83d of a pair",
)
DANGEROUS = {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u202a\u202b\u202c\u202d\u202e"} - {"\n"}
DANGEROUS |= {*"\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029"}


def poisoned(alert: dict[str, Any], text: str) -> dict[str, Any]:
    """The alert with a hostile text wherever the stream's own words may stand."""
    made = copy.deepcopy(alert)
    data = made["data"]
    data["summary"] = {"en": f"The same text, “{text}”", "fr": f"Un même texte, « {text} »"}
    data["group"]["accounts"][0] = text
    data["group"]["posts"][0]["id"] = text
    for finding in data["findings"]:
        finding["template"] = text
    return made


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", ["text", "hashtag"])
def test_hostile_text_cannot_change_the_display(alert, text, kind):
    plain = Screen().write(poisoned(alert, "an ordinary text"))
    made = poisoned(alert, text)
    if kind == "hashtag":
        made["subject"] = f"hashtag:{text}"
        made["data"]["subjects"][0] = {"kind": "hashtag", "value": text}
    shown = Screen().write(made)
    assert not DANGEROUS & set(shown)
    assert shown.count("\n") == plain.count("\n")
    assert len(shown.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_brings_no_escape_of_its_own_into_colours(alert, text):
    coloured = re.compile(r"\x1b\[[0-9;]*m")
    ours = set(coloured.findall(Screen(colours=True).write(poisoned(alert, "an ordinary text"))))
    shown = Screen(colours=True).write(poisoned(alert, text))
    assert set(coloured.findall(shown)) == ours
    assert not DANGEROUS & set(coloured.sub("", shown))


def test_markup_and_emoji_codes_are_shown_as_they_were_written(alert):
    shown = Screen().write(poisoned(alert, "[red]stop[/red] :skull: &lt;b&gt;"))
    assert shown.count("[red]stop[/red] :skull: &lt;b&gt;") >= 4


def test_ordinary_text_of_any_script_is_left_alone():
    text = "Élection à 20 h : « débat » 🗳️ Ποιος; مرحبا שלום 选举 naïve 👩‍🚀"
    assert printable(text) == text


def test_a_hostile_stream_from_its_posts_to_the_screen():
    text = "nobody wants to hear your \x1b[31mtired\u202e old\x1b[0m songs any more, pack up [red]and go"
    copies = [post(f"p{n}\x1b[2J", f"a{n}\u202e", n * 500, f"@v {text} #t\x1b[2Jag") for n in range(10)]
    screen = Screen("notice")
    shown = "".join(screen.write(one) for one in run(Pipeline(SMALL), copies))
    assert "[red]and go" in shown
    assert not DANGEROUS & set(shown)
