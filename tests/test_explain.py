"""`vigie explain`: why there is, or is not, an alert, out of what a replay has stored."""

from __future__ import annotations

import io
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from streams_of_posts import person, planted, post, robot

from detectors.rules import RULES
from streams import cli
from streams.explain import KINDS as EXPLAINED
from streams.explaining.words import BOUNDS, COUNTED, DETECTORS, KINDS, SEVERITIES
from streams.sources.posts import encode_post

END = "2017-07-14T02:46:00Z"
INSULT = "@victim1 nobody wants to hear your tired old songs any more, pack your bags and go home at last"
FEW = "Small talk number four about the weather of tomorrow"


def stream() -> list[Any]:
    made = planted(7).posts
    made += [
        post(f"d{n}", f"viewer{n}", 30_000 + n * 9000, f"I watch it too, seat {n * n} row {n} #Débat")
        for n in range(12)
    ]
    made += [post(f"f{n}", f"few{n}", 60_000 + n * 1000, f"{FEW} #quiet") for n in range(2)]
    made += [
        post(f"i{n}", f"rude{n}", 40_000 + n * 2000, INSULT.replace("1", str(n)), author=person())
        for n in range(4)
    ]
    made += [post("own", "loner", 70_000, "Just me, with a few words of my own", author=robot())]
    return sorted(made, key=lambda one: (one.time_ms, one.id))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    posts, path = folder / "posts.jsonl", folder / "night.db"
    posts.write_bytes(b"\n".join(encode_post(one) for one in stream()))
    assert cli.main(["replay", str(posts), "--store", str(path), "--json"]) == 0
    return path


@pytest.fixture
def ask(store, capsys):
    def asked(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert cli.main(["explain", *arguments, "--store", str(store), "--json"]) == 0
        answer: dict[str, Any] = orjson.loads(capsys.readouterr().out)
        return answer

    return asked


@pytest.fixture
def read(store, capsys):
    def asked(*arguments: str) -> str:
        capsys.readouterr()
        assert cli.main(["explain", *arguments, "--store", str(store)]) == 0
        out = capsys.readouterr().out
        assert "None" not in out
        return " ".join(out.split())

    return asked


def rules(answer: dict[str, Any], detector: str) -> dict[str, dict[str, Any]]:
    finding = next(one for one in answer["findings"] if one["detector"] == detector)
    return {rule["code"]: rule for rule in finding["rules"]}


def asked(answer: dict[str, Any], detector: str) -> list[tuple[float | None, str, float, str]]:
    """What a detector asks for: measured, bound, wanted, state."""
    section = next(one for one in answer["detectors"] if one["detector"] == detector)
    return [(one["measured"], one["bound"], one["wanted"], one["state"]) for one in section["conditions"]]


# -- hashtags --------------------------------------------------------------------------------------


def test_an_alerted_hashtag_with_its_points(ask, read):
    answer = ask("hashtag", "#Pushed")
    assert answer["verdict"].startswith("Alerted at critical, score ")
    counted = answer["counted"]
    assert [counted[name] for name in ("minutes", "posts", "accounts", "reposts")] == [60, 54, 18, 0]
    assert asked(answer, "hashtags") == [(18, "at least", 8, "met")]
    assert answer["at"] == "2017-07-14T02:46:00.000Z"
    met = rules(answer, "hashtags")
    assert met["repeaters"]["state"] == "met"
    assert met["repeaters"]["points"] > 0
    assert met["bots"]["numbers"]["scored"] == 18
    said = read("hashtag", "pushed")
    assert "Alerted at critical" in said
    assert "hashtags: judged met 18 accounts in the 60 minutes before (at least 8)" in said
    assert "+45 repeaters: share 1" in said
    (told,) = {alert["case_id"] for alert in answer["findings"][0]["alerts"]}
    assert f"in case {told} (critical at " in answer["verdict"]


def test_a_hashtag_without_an_alert_and_the_rules_that_it_missed(ask, read):
    answer = ask("hashtag", "DÉBAT")
    assert answer["verdict"].startswith("No alert, score 0 (hashtags): a notice needs 20, a warning 40")
    missed = rules(answer, "hashtags")
    assert missed["repeaters"]["state"] in ("not_met", "not_enough_data")
    assert all(rule["state"] != "met" and rule["points"] == 0 for rule in missed.values())
    assert "15 to 500 accounts" in missed["repeaters"]["needed"]
    said = read("hashtag", "débat")
    assert "accounts 12 needs 15 to 500 accounts" in said


def test_of_a_hashtag_that_no_detector_judged_each_threshold_is_told(ask, read):
    answer = ask("hashtag", "quiet")
    assert answer["verdict"] == (
        "No finding: hashtags wants at least 8 accounts in the 60 minutes before (2 seen); rising wants at "
        "least 20 posts in the 5 minutes from 02:40 (2 seen); co_sharing wants at least 3 things shared "
        "within 60 s by one pair (1 seen)."
    )
    assert answer["findings"] == []
    assert {one["detector"]: one["state"] for one in answer["detectors"]} == dict.fromkeys(
        ("hashtags", "rising", "co_sharing", "listed"), "not_judged"
    )
    assert asked(answer, "rising")[4] == (None, "at least", 6.0, "not_enough_data")
    assert "missed 2 accounts in the 60 minutes before (at least 8)" in read("hashtag", "quiet")


def test_a_hashtag_that_nobody_used_was_not_counted(ask):
    answer = ask("hashtag", "nowhere")
    assert answer["verdict"] == "Nothing was counted: no post with #nowhere."
    assert answer["detectors"] == answer["findings"] == []


def test_the_moment_decides(ask):
    before = ask("hashtag", "pushed", "--at", "2017-07-14T02:40:00Z")
    assert before["verdict"].startswith("Nothing was counted")
    early = ask("hashtag", "pushed", "--at", "2017-07-14T02:41:00Z")
    late = ask("hashtag", "pushed", "--at", END)
    assert 0 < early["counted"]["posts"] < late["counted"]["posts"] == 54
    sent = sum(
        one.text.endswith("#pushed") and one.time_ms < 1_500_000_060_000 for one in stream()
    )  # the stream begins at 02:40
    assert early["counted"]["posts"] == sent
    assert "critical" not in early["verdict"]
    after = ask("hashtag", "pushed", "--at", "2017-07-14T04:00:00Z")
    assert after["verdict"] == (
        "Nothing was counted: no post with #pushed in the 60 minutes before; the last of the 54 earlier ones "
        "can be asked of with --at 2017-07-14T02:46:00.000Z."
    )
    between = ask("hashtag", "pushed", "--at", "2017-07-14T02:41:03Z")
    assert between == early | {"findings": between["findings"]}, "as of the last tick"
    assert ask("hashtag", "pushed", "--at", END)["findings"] == ask("hashtag", "pushed")["findings"]


# -- accounts --------------------------------------------------------------------------------------


def test_an_account_by_its_id_with_its_findings_and_its_score(ask, read):
    answer = ask("account", "pusher3")
    assert (answer["counted"]["posts"], answer["counted"]["ids"]) == (3, ["pusher3"])
    assert "hashtags" in {finding["detector"] for finding in answer["findings"]}
    assert answer["verdict"].startswith("Alerted at critical")
    (scored,) = answer["automation"]
    assert (scored["id"], scored["handle"]) == ("pusher3", "GoodDeals4421")
    assert scored["score"] > 0.7
    assert {"feature", "value", "log_odds"} == set(scored["contributions"][0])
    assert "proves nothing about this account" in scored["note"]
    said = read("account", "pusher3")
    assert "automation score of pusher3: 0." in said
    assert scored["contributions"][0]["feature"] in said


def test_an_account_by_its_handle(ask):
    answer = ask("account", "@gooddeals4421")  # the robots share it
    assert len(answer["counted"]["ids"]) == 19
    assert {scored["handle"] for scored in answer["automation"]} == {"GoodDeals4421"}


def test_an_account_without_a_profile_and_one_without_a_finding(ask):
    answer = ask("account", "few1")
    assert (answer["counted"]["posts"], answer["automation"]) == (1, [])
    assert answer["verdict"].startswith("No finding: near_duplicates wants at least 3 accounts with the text")
    assert asked(answer, "near_duplicates") == [(2, "at least", 3, "not_met")]
    alone = ask("account", "loner")
    assert asked(alone, "near_duplicates") == [(1, "at least", 3, "not_met")]
    assert asked(alone, "co_sharing")[0] == (0, "at least", 3, "not_met")


def test_an_account_that_never_posted(ask):
    assert ask("account", "nobody")["verdict"].startswith("Nothing was counted: no post by an account")


# -- texts and links -------------------------------------------------------------------------------


def test_a_text_in_any_of_its_disguises(ask):
    answer = ask("text", INSULT)
    assert (answer["counted"]["posts"], answer["counted"]["minutes"]) == (4, 60)
    assert answer["verdict"].startswith("A notice only, score ")
    assert rules(answer, "near_duplicates")["copies"]["state"] == "met"
    assert rules(answer, "near_duplicates")["aimed"]["state"] == "not_met"
    disguised = ask("text", INSULT.upper().replace("O", "\u043e") + "!!! https://x.invalid/1")
    assert disguised["findings"] == answer["findings"]


def test_a_text_too_short_to_judge(ask):
    assert ask("text", "go home!")["verdict"].startswith("Not judged: after folding fewer than 24 characters")


def test_a_text_of_too_few_accounts_was_not_judged(ask):
    answer = ask("text", FEW + " #quiet")
    assert answer["counted"]["posts"] == answer["counted"]["accounts"] == 2
    assert answer["verdict"].startswith("No finding: near_duplicates wants at least 3 accounts with the text")


def test_a_text_that_nobody_wrote(ask):
    answer = ask("text", "A sentence that nobody in this stream has written so far")
    assert answer["verdict"].startswith("Nothing was counted: no post with this text")


def test_a_link_is_counted_under_its_normal_form_and_what_was_missing_is_said(ask):
    answer = ask("link", "https://NEWS.invalid/7?utm_source=somebody")
    assert answer["counted"]["link"] == "https://news.invalid/7"
    assert answer["counted"]["posts"] > 0
    assert answer["verdict"].startswith("No finding: rising wants")
    assert [one["detector"] for one in answer["detectors"]] == ["rising", "co_sharing", "listed"]
    assert ask("link", "https://nobody.invalid/")["verdict"].startswith("Nothing was counted")


# -- the printed answer, and what is wrong ---------------------------------------------------------


def test_a_hostile_value_cannot_rewrite_the_terminal(store, capsys):
    assert cli.main(["explain", "text", "\x1b[2J[red]" + "x" * 30 + "\u202e", "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\u202e", "\x01", "\x02", "\x03"} & set(out)
    assert "[red]" in out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert cli.main(["explain", *map(str, arguments)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    return said


def test_a_store_that_is_none_ends_with_one_sentence(tmp_path, store, capsys, monkeypatch):
    missing = tmp_path / "none.db"
    assert "There is no store" in refused(capsys, "hashtag", "x", "--store", missing)
    assert not missing.exists()
    text = tmp_path / "text.db"
    text.write_text("this is not a database, but long enough to look at" * 50)
    assert "cannot be used as a store" in refused(capsys, "hashtag", "x", "--store", text)
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE other (x)")
    assert "cannot be used as a store" in refused(capsys, "hashtag", "x", "--store", foreign)
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TABLE meta (format INTEGER)")
        db.execute("INSERT INTO meta VALUES (0)")
        db.commit()
    assert "has format 0; this version reads 2" in refused(capsys, "hashtag", "x", "--store", old)
    broken = tmp_path / "broken.db"
    broken.write_bytes(store.read_bytes())
    with closing(sqlite3.connect(broken)) as db:
        db.execute("DROP TABLE judged")
        db.commit()
    assert "the store cannot be used" in refused(capsys, "hashtag", "pushed", "--store", broken)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    empty = tmp_path / "empty.db"
    assert cli.main(["replay", "-", "--store", str(empty)]) == 0
    assert "is empty: nothing was counted" in refused(capsys, "hashtag", "x", "--store", empty)


@pytest.mark.parametrize("moment", ["noon", "2017-07-14T25:00:00Z", "", "0001-01-01T00:00:00Z"])
def test_a_moment_that_is_none_ends_with_one_sentence(store, capsys, moment):
    said = refused(capsys, "hashtag", "x", "--store", store, "--at", moment)
    if moment:
        assert "is no time: write it as 2022-04-10T19:30:00Z" in said


# -- in French -------------------------------------------------------------------------------------

ASKED = (
    ("hashtag", "pushed"),
    ("hashtag", "débat"),
    ("hashtag", "quiet"),
    ("hashtag", "nobody"),
    ("text", FEW),
    ("text", "short"),
    ("target", "victim1"),
    ("source", "nobody"),
    ("account", "loner"),
    ("payer", "nobody"),
    ("link", "https://example.org/none"),
    ("case", "c"),
    ("finding", "none"),
)


def test_every_sentence_has_a_french_one_beside_it(ask):
    def sentences(told: Any) -> None:
        if isinstance(told, list):
            for one in told:
                sentences(one)
        elif isinstance(told, dict):
            for name in {"verdict", "what", "needed", "note"} & told.keys():
                if isinstance(told[name], str):
                    assert told[f"{name}_fr"] not in ("", told[name])
            for one in told.values():
                sentences(one)

    for kind, value in ASKED:
        sentences(ask(kind, value))


def test_the_whole_answer_is_read_in_french(read):
    said = " ".join(read(kind, value, "--language", "fr") for kind, value in ASKED)
    assert "mot-dièse pushed, au 2017-07-14T02:46:00.000Z Annoncé au niveau critique, score" in said
    assert "rempli 18 comptes dans les 60 minutes d'avant (au moins 8)" in said
    assert "demande de 15 à 500 comptes" in said
    english = ("judged", "missed", "needs", "accounts in", "posts in", "counted", "told", "no data")
    assert [word for word in english if f" {word} " in said] == []


def test_names_in_french_are_those_of_the_page():
    page = Path(__file__).parents[1] / "streams" / "console" / "page" / "words_fr.js"
    words = dict(re.findall(r'^  "([^"]+)": "([^"]*)",$', page.read_text(), re.MULTILINE))
    for kind, names in (("detector", DETECTORS), ("bound", BOUNDS), ("counted", COUNTED)):
        shown = {code: words[f"{kind}.{code}"] for code in names if f"{kind}.{code}" in words}
        assert len(shown) >= 2
        assert shown == {code: names[code] for code in shown}
    assert {code: words[f"severity.{code}"].lower() for code in SEVERITIES} == SEVERITIES
    assert DETECTORS.keys() == RULES.keys()
    assert KINDS.keys() == set(EXPLAINED)
